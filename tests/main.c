/* Runs the suites of suites.def with Check: all of them, or those named on the command line.
 *
 * CK_FORK=no runs them in one process, for debuggers and sanitizers. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VN_SUITE(name) Suite *vn_suite_##name(void);
#include "tests/suites.def"
#undef VN_SUITE

static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define VN_SUITE(name) { #name, vn_suite_##name },
#include "tests/suites.def"
#undef VN_SUITE
};

static int wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], name)) return 1;
    return argc == 1;
}

int main(int argc, char **argv)
{
    setenv("CK_DEFAULT_TIMEOUT", "60", 0); /* Check's 4 s are less than a busy machine's pauses */
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
        if (wanted(suites[i].name, argc, argv)) srunner_add_suite(runner, suites[i].make());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    if (run == 0) fprintf(stderr, "no such suite\n");
    return failed || run == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

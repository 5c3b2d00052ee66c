/* Every input of the fuzz corpora in git, and cuts of each, through its target: no crash, no broken
 * promise. What a fuzzer once found stays found. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "tests/fuzz/fuzz.h"

static const struct {
    const char *name;
    void (*run)(const uint8_t *data, size_t n);
} targets[] = {
#define VN_FUZZ(name) { #name, vn_fuzz_##name },
#include "tests/fuzz/targets.def"
#undef VN_FUZZ
};

enum { N_TARGETS = sizeof targets / sizeof *targets, CUTS = 8 };

/* The input in a block of exactly its size, so that a read past its end is seen. */
static void run(int target, const char *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    ck_assert_ptr_nonnull(exact);
    if (n) memcpy(exact, data, n);
    targets[target].run(exact, n);
    free(exact);
}

START_TEST(the_corpus_breaks_no_promise)
{
    char folder[512], path[1024];
    int n_files = 0;
    snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", VANE_SOURCE_DIR, targets[_i].name);
    DIR *dir = opendir(folder);
    ck_assert_msg(dir != NULL, "no folder %s", folder);
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') continue;
        char *data;
        size_t n;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        ck_assert_msg(!vn_file_read(path, 0, &data, &n), "%s", vn_last_message());
        run(_i, data, n);
        for (size_t k = 0; k < CUTS; k++) run(_i, data, n * k / CUTS);
        vn_free(data);
        n_files++;
    }
    closedir(dir);
    ck_assert_int_ge(n_files, 3);
}
END_TEST

Suite *vn_suite_fuzz(void);

Suite *vn_suite_fuzz(void)
{
    Suite *s = suite_create("fuzz");
    TCase *t = tcase_create("fuzz");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, the_corpus_breaks_no_promise, 0, N_TARGETS);
    suite_add_tcase(s, t);
    return s;
}

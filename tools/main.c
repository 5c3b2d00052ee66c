/* The `vane` command: finds the subcommand. It uses the public header alone. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/command.h"

const command *const commands[] = { &command_train,
                                    &command_forecast,
                                    &command_evaluate,
                                    &command_crossval,
                                    &command_plan,
                                    &command_inspect,
                                    &command_doctor,
                                    &command_ops,
                                    &command_bench,
                                    NULL };

enum { N_COMMANDS = sizeof commands / sizeof *commands - 1 };

static int unknown(const char *name)
{
    const char *names[N_COMMANDS + 2] = { "help" };
    for (int i = 0; i < N_COMMANDS && commands[i]; i++) names[i + 1] = commands[i]->name;
    const char *near = vane_nearest(name, names);
    fprintf(stderr, "vane: unknown command \"%s\"", name);
    if (near) fprintf(stderr, "; did you mean \"%s\"?", near);
    fprintf(stderr, "\ntry: vane help\n");
    return EXIT_USAGE;
}

static int run(const command *c, int argc, char **argv)
{
    args a = { .command = c };
    vane_status st = vane_config_open(&a.config);
    if (st) return fail(st);
    int code = args_read(&a, argc, argv);
    if (code < 0) code = c->run(&a);
    vane_config_close(a.config);
    return code;
}

static int choose(int argc, char **argv)
{
    if (argc < 2) {
        help_main(0, NULL);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "help") || !strcmp(name, "-h") || !strcmp(name, "--help"))
        return help_main(argc - 2, argv + 2);
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        printf("vane %s\n", vane_version());
        return 0;
    }
    for (int i = 0; commands[i]; i++)
        if (!strcmp(name, commands[i]->name)) return run(commands[i], argc - 2, argv + 2);
    return unknown(name);
}

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* a file over the limit is a failed write, with its message */
    int code = choose(argc, argv);
    if (!fflush(stdout) && !ferror(stdout)) return code;
    fprintf(stderr, "error: io: cannot write to standard output\n");
    return code ? code : EXIT_RESOURCE;
}

/* What the files of the command share: arguments, subcommands, talk on stderr. */
#ifndef VANE_TOOLS_COMMAND_H
#define VANE_TOOLS_COMMAND_H

#include <stdbool.h>

#include "include/vane.h"

/* Exit codes beside 0: what a script can tell apart. */
enum {
    EXIT_USAGE = 2,
    EXIT_DATA = 3,
    EXIT_MODEL = 4,
    EXIT_RESOURCE = 5,
    EXIT_DEVICE = 6,
    EXIT_DIVERGED = 7,
    EXIT_GATE = 8,
    EXIT_BUG = 70,
    EXIT_RESUME = 75,
    EXIT_SIGNAL = 128,
};

enum { MANY = 32 }; /* files or values a flag may be given */

/* A flag of a subcommand that is no option of the library. */
typedef struct flag {
    const char *name;  /* "plot": --plot */
    char letter;       /* 'o': -o; 0: none */
    const char *value; /* "FILE"; NULL: a switch */
    const char *help;
} flag;

typedef struct args {
    const struct command *command;
    vane_config *config;
    const char *file[MANY]; /* positional arguments */
    int n_files;
    struct {
        const flag *flag;
        const char *value;
    } given[MANY];
    int n_given;
    bool quiet, json;
    const char *shaping; /* the first option given that says how a model is made; NULL: none */
} args;

typedef struct command {
    const char *name, *usage, *summary;
    const char *about;   /* a paragraph for `vane help NAME` */
    const char *groups;  /* option groups it takes: " run data " */
    const char *options; /* further single options: " h split " */
    const char *without; /* options of these groups that would change nothing here */
    const flag *flags;   /* ends with a NULL name */
    int (*run)(args *a);
} command;

extern const command *const commands[]; /* NULL-ended */
extern const flag common_flags[];       /* of every command */

/* Read the arguments after the command's name: flags and options into `a`, the environment and
 * config files into a->config. An exit code; -1: go on. */
int args_read(args *a, int argc, char **argv);

/* The i-th value of a flag, NULL if it was given less often. A switch has the value "". */
const char *args_flag(const args *a, const char *name, int i);

/* True if the command takes the option. */
bool command_takes(const command *c, const char *name, const char *group);

/* EXIT_USAGE and a sentence if the file to write is the file to read, under whatever name; -1 if
 * not. Each may be NULL or a file that is not there. */
int keep_input(const args *a, const char *name, const char *out, const char *what, const char *in);

/* The same for several flags: `outputs` against the table and against the flags `inputs` ("load"),
 * both NULL-ended. */
int keep_inputs(const args *a, const char *const *outputs, const char *const *inputs);

/* True if both names are, or will be, one file; "-" is standard output. Each may be NULL. */
bool same_target(const char *a, const char *b);

/* EXIT_USAGE and a sentence if two of these flags, NULL-ended, want the same file. `preset` is where
 * the first goes if it is not given. */
int keep_apart(const args *a, const char *const *outputs, const char *preset);

/* "data.csv:61:23: error: ..." where the text begins with a place, as compilers and editors have it, else
 * "error: kind: ..."; kind may be empty. */
void put_error(const char *kind, const char *text);

/* Print the library's last failure and give its exit code. */
int fail(vane_status st);

/* Print "vane NAME: ..." with a hint at the help; EXIT_USAGE. */
int usage_error(const command *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Hooks that log to stderr, show progress, and stop at SIGINT and SIGTERM. */
typedef struct talk {
    bool quiet, terminal, line_open;
    double told_s;
    long long told_step;
    vane_hooks hooks;
} talk;
void talk_open(talk *t, const args *a);
void talk_close(talk *t); /* ends an open progress line */
void talk_say(const talk *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void talk_catch(void); /* from now on signals stop training cleanly */
int talk_signal(void); /* the signal that came, 0 if none */

/* One plot: history, forecast and, if not NULL, actuals of up to 6 series, as SVG. */
vane_status plot_forecast(const char *path, const vane_dataset *data, const vane_forecast *forecast,
                          const vane_dataset *actuals);

/* The parts of one series' forecast, a panel each, over its history and horizon. */
vane_status plot_parts(const char *path, const vane_dataset *data, int64_t series,
                       const vane_parts *parts, const char *alias);

int help_main(int argc, char **argv); /* vane help ... */
void help_command(const command *c);  /* to stdout */

extern const command command_train, command_forecast, command_evaluate, command_crossval,
    command_plan, command_inspect, command_doctor, command_ops, command_bench;

#endif

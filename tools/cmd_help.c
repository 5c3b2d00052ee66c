/* vane help: the commands, a command, a model. Everything comes from the tables. */
#include <stdio.h>
#include <string.h>

#include "tools/command.h"

enum { WIDTH = 100, INDENT = 34, PAPERS = 4 };

/* `text`, from column `indent` on, in lines of at most WIDTH columns. */
static void wrap(const char *text, int indent)
{
    int at = indent;
    while (*text) {
        size_t n = strcspn(text, " ");
        bool first = at == indent, full = !first && at + 1 + (int)n > WIDTH;
        if (full) printf("\n%*s", indent, "");
        at = (full ? indent : at + !first) + (int)n;
        printf("%s%.*s", first || full ? "" : " ", (int)n, text);
        text += n + (text[n] == ' ');
    }
    printf("\n");
}

static void entry(const char *left, const char *text)
{
    int n = printf("  %s", left);
    if (n + 2 > INDENT) printf("\n"), n = 0;
    printf("%*s", INDENT - n, "");
    wrap(text, INDENT);
}

static void put_flag(const flag *f)
{
    char left[128], letter[8] = "";
    if (f->letter) snprintf(letter, sizeof letter, "-%c, ", f->letter);
    snprintf(left, sizeof left, "%s--%s%s%s", letter, f->name, f->value ? " " : "",
             f->value ? f->value : "");
    entry(left, f->help);
}

static void put_option(const vane_option *o)
{
    char left[128], text[1536];
    snprintf(left, sizeof left, "--%s", o->name);
    snprintf(text, sizeof text, "%s [%s; default %s]", o->help, o->accepts,
             *o->preset ? o->preset : "empty");
    entry(left, text);
}

static bool is_model(const char *group)
{
    vane_model_kind kind = { .size = sizeof kind };
    for (int m = 0; !vane_model_kind_at(m, &kind); m++)
        if (!strcmp(kind.name, group)) return true;
    return false;
}

/* The options of the groups a command takes; a model's own stand in `vane help MODEL`. */
static void put_options(const command *c)
{
    vane_option o = { .size = sizeof o };
    const char *last = "";
    for (int i = 0; !vane_option_at(NULL, i, &o); i++) {
        if (!command_takes(c, o.name, o.group)) continue;
        if (strcmp(o.group, last)) printf("\nOptions: %s\n", o.group);
        last = o.group;
        put_option(&o);
    }
}

static void put_exit_codes(void)
{
    printf(
        "\nExit codes\n"
        "    0 done                                   7 NaN: training diverged, the best weights "
        "are kept;\n"
        "    2 wrong usage or a missing input file      or a forecast, written as it is\n"
        "    3 bad data                               8 a --gate missed, or slower than a baseline\n"
        "    4 bad model file                        70 a bug in vane\n"
        "    5 no memory, or the disk failed         75 another process was lost; resume\n"
        "    6 the device failed                130/143 stopped by SIGINT or SIGTERM, best "
        "weights saved\n");
}

void help_command(const command *c)
{
    printf("%s\n\n%s\n\nFlags\n", c->usage, c->about);
    for (const flag *f = c->flags; f->name; f++) put_flag(f);
    for (const flag *f = common_flags; f->name; f++) put_flag(f);
    put_options(c);
    if (command_takes(c, "", "model")) printf("\nOptions of a model: vane help MODEL\n");
    put_exit_codes();
}

/* Options of training and data whose defaults the model changes. */
static void put_presets(const char *model)
{
    vane_option own = { .size = sizeof own }, usual = { .size = sizeof usual };
    const char *title = "\nOther defaults for this model\n";
    for (int i = 0; !vane_option_at(model, i, &own); i++) {
        if (is_model(own.group) || vane_option_at(NULL, i, &usual)) continue;
        if (!strcmp(own.preset, usual.preset)) continue;
        char left[128], text[256];
        snprintf(left, sizeof left, "--%s", own.name);
        snprintf(text, sizeof text, "%s (else %s)", *own.preset ? own.preset : "empty",
                 *usual.preset ? usual.preset : "empty");
        printf("%s", title);
        title = "";
        entry(left, text);
    }
}

static void put_papers(const char *text)
{
    char one[512];
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        snprintf(one, sizeof one, "%.*s", (int)n, text);
        printf("%*s", PAPERS, "");
        wrap(one, PAPERS);
    }
}

/* What a model without a graph can follow of the options of training. */
static void put_useful(const char *model)
{
    vane_option o = { .size = sizeof o };
    bool all = true;
    char text[512] = "Options of training it follows: ";
    for (int i = 0; !vane_option_at(model, i, &o); i++) {
        if (strcmp(o.group, "train")) continue;
        size_t n = strlen(text);
        if (!o.useless) snprintf(text + n, sizeof text - n, "--%s, ", o.name);
        all &= !o.useless;
    }
    if (all) return;
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, "but no others.");
    printf("\n");
    wrap(text, 0);
}

static void help_model(const vane_model_kind *kind)
{
    vane_option o = { .size = sizeof o };
    printf("%s: %s\n\n    vane train TABLE --h N --model %s -o MODEL\n\nDefined by\n", kind->alias,
           kind->title, kind->name);
    put_papers(kind->papers);
    printf("\nOptions\n");
    for (int i = 0; !vane_option_at(kind->name, i, &o); i++)
        if (is_model(o.group)) put_option(&o);
    put_presets(kind->name);
    put_useful(kind->name);
    printf("\nOptions of every model: vane help train\n");
}

static void help_all(FILE *out)
{
    vane_model_kind kind = { .size = sizeof kind };
    fprintf(out,
            "vane %s: neural time-series forecasting\n\n"
            "    vane train data.csv --h 24 -o m.vane\n"
            "    vane forecast data.csv -m m.vane --plot forecast.svg\n\nCommands\n",
            vane_version());
    for (int i = 0; commands[i]; i++)
        fprintf(out, "  %-15s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "  %-15s this page, or more: vane help COMMAND, vane help MODEL\n\nModels\n",
            "help");
    for (int m = 0; !vane_model_kind_at(m, &kind); m++)
        fprintf(out, "  %-15s %s\n", kind.name, kind.title);
    fprintf(
        out,
        "\nOptions come, the later the stronger, from defaults, --config FILE, the environment\n"
        "(VANE_<NAME>, e.g. VANE_THREADS=4) and flags (--name value or --name=value). `vane "
        "COMMAND\n"
        "--print-config` shows each with its origin. Results go to stdout, talk to stderr.\n");
}

int help_main(int argc, char **argv)
{
    vane_model_kind kind = { .size = sizeof kind };
    const char *names[32] = { "help" };
    int n = 1;
    if (!argv) {
        help_all(stderr);
        return 0;
    }
    if (argc > 1) {
        fprintf(stderr, "vane help: \"%s\" is one word too many\ntry: vane help\n", argv[1]);
        return EXIT_USAGE;
    }
    if (argc == 0 || !strcmp(argv[0], "help")) {
        help_all(stdout);
        return 0;
    }
    for (int i = 0; commands[i]; i++) {
        if (!strcmp(commands[i]->name, argv[0])) {
            help_command(commands[i]);
            return 0;
        }
        names[n++] = commands[i]->name;
    }
    for (int m = 0; n < 31 && !vane_model_kind_at(m, &kind); m++) {
        if (!strcmp(kind.name, argv[0])) {
            help_model(&kind);
            return 0;
        }
        names[n++] = kind.name;
    }
    const char *near = vane_nearest(argv[0], names);
    fprintf(stderr, "vane: no help on \"%s\"", argv[0]);
    if (near) fprintf(stderr, "; did you mean \"%s\"?", near);
    fprintf(stderr, "\ntry: vane help\n");
    return EXIT_USAGE;
}

/* Arguments of a subcommand: its own flags, the library's options, files. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"

const flag common_flags[] = {
    { "config", 0, "FILE",
      "options from a file of `name = value` lines; flags and VANE_<NAME> override it" },
    { "print-config", 0, NULL,
      "print every option with its value and origin, as a config file, and stop" },
    { "json", 0, NULL, "print results as JSON" },
    { "quiet", 'q', NULL, "say nothing on stderr but warnings and errors" },
    { "help", 'h', NULL, "print this help" },
    { NULL, 0, NULL, NULL },
};

int fail(vane_status st)
{
    static const int codes[] = {
        [VANE_OK] = 0,
        [VANE_E_MEMORY] = EXIT_RESOURCE,
        [VANE_E_ARGUMENT] = EXIT_USAGE,
        [VANE_E_SHAPE] = EXIT_DATA,
        [VANE_E_DATA] = EXIT_DATA,
        [VANE_E_IO] = EXIT_RESOURCE,
        [VANE_E_UNSUPPORTED] = EXIT_USAGE,
        [VANE_E_DEVICE] = EXIT_DEVICE,
        [VANE_E_COMM] = EXIT_RESUME,
        [VANE_E_NUMERIC] = EXIT_DIVERGED,
        [VANE_E_BUG] = EXIT_BUG,
        [VANE_E_MODEL] = EXIT_MODEL,
    };
    put_error(vane_status_word(st), vane_last_error());
    if (st == VANE_E_BUG || getenv("VANE_TRAIL")) fprintf(stderr, "%s\n", vane_last_trail());
    return (size_t)st < sizeof codes / sizeof *codes ? codes[st] : EXIT_BUG;
}

int usage_error(const command *c, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    fprintf(stderr, "vane %s: ", c->name);
    vfprintf(stderr, fmt, list);
    va_end(list);
    fprintf(stderr, "\ntry: vane help %s\n", c->name);
    return EXIT_USAGE;
}

/* The next of ' '-separated words, its length in *n; NULL at the end. */
static const char *word(const char *s, size_t *n)
{
    while (*s == ' ') s++;
    *n = strcspn(s, " ");
    return *n ? s : NULL;
}

static bool among(const char *words, const char *name)
{
    size_t n;
    for (const char *s = words; (s = word(s, &n)); s += n)
        if (strlen(name) == n && !memcmp(s, name, n)) return true;
    return false;
}

bool command_takes(const command *c, const char *name, const char *group)
{
    bool of_model = strcmp(group, "run") && strcmp(group, "data") && strcmp(group, "train") &&
                    strcmp(group, "evaluate");
    if (among(c->without, name)) return false;
    return among(c->groups, of_model ? "model" : group) || among(c->options, name);
}

const char *args_flag(const args *a, const char *name, int i)
{
    for (int k = 0; k < a->n_given; k++)
        if (!strcmp(a->given[k].flag->name, name) && i-- == 0)
            return a->given[k].value ? a->given[k].value : "";
    return NULL;
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b)) return false;
    return *a == *b;
}

static const flag *find_flag(const command *c, const char *name, char letter)
{
    const flag *const lists[] = { c->flags, common_flags };
    for (int i = 0; i < 2; i++)
        for (const flag *f = lists[i]; f->name; f++)
            if (name ? same_name(f->name, name) : f->letter == letter) return f;
    return NULL;
}

/* Find the library's option of any model. */
static bool find_option(const char *name, vane_option *o)
{
    vane_model_kind kind = { .size = sizeof kind };
    for (int m = 0; !vane_model_kind_at(m, &kind); m++)
        for (int i = 0; !vane_option_at(kind.name, i, o); i++)
            if (same_name(o->name, name)) return true;
    return false;
}

/* Complain about a flag of other commands: `who` as the user wrote it ("--resume", "-m"), f or o
 * what they know by it. */
static int foreign_flag(const command *c, const char *who, const flag *f, const vane_option *o)
{
    char others[128] = "";
    for (int i = 0; commands[i]; i++) {
        bool knows = false;
        for (const flag *k = commands[i]->flags; f && k->name; k++)
            knows |= !strcmp(k->name, f->name);
        size_t n = strlen(others);
        if (knows || (o && command_takes(commands[i], o->name, o->group)))
            snprintf(others + n, sizeof others - n, "%s%s", n ? ", " : "", commands[i]->name);
    }
    return usage_error(c, "unknown flag %s; it is not an option of this command, but of: %s", who,
                       *others ? others : "none");
}

/* A flag of another command, by name or letter; NULL if there is none. */
static const flag *flag_elsewhere(const char *name, char letter)
{
    const flag *f = NULL;
    for (int i = 0; commands[i] && !f; i++) f = find_flag(commands[i], name, letter);
    return f;
}

/* Complain about a flag this command does not know, with who does, or the nearest one. */
static int unknown_flag(const command *c, const char *name)
{
    char who[160];
    const flag *elsewhere = flag_elsewhere(name, 0);
    snprintf(who, sizeof who, "--%s", name);
    if (elsewhere) return foreign_flag(c, who, elsewhere, NULL);
    enum { CANDIDATES = 256 };
    const char *names[CANDIDATES + 1] = { 0 };
    int n = 0;
    for (const flag *f = c->flags; f->name && n < CANDIDATES; f++) names[n++] = f->name;
    for (const flag *f = common_flags; f->name && n < CANDIDATES; f++) names[n++] = f->name;
    vane_model_kind kind = { .size = sizeof kind };
    vane_option o = { .size = sizeof o };
    for (int m = 0; !vane_model_kind_at(m, &kind); m++)
        for (int i = 0; !vane_option_at(kind.name, i, &o); i++)
            if (n < CANDIDATES && command_takes(c, o.name, o.group)) names[n++] = o.name;
    const char *near = vane_nearest(name, names);
    if (near) return usage_error(c, "unknown flag --%s; did you mean --%s?", name, near);
    return usage_error(c, "unknown flag --%s", name);
}

/* A switch of the library may stand alone: --shared_weights. */
static bool is_true_false(const char *s)
{
    static const char *const words[] = { "true", "false", "yes", "no", "on", "off", "1", "0" };
    for (size_t i = 0; s && i < sizeof words / sizeof *words; i++)
        if (!strcmp(s, words[i])) return true;
    return false;
}

typedef struct cursor {
    args *a;
    int argc, at;
    char **argv;
} cursor;

static int keep_flag(cursor *c, const flag *f, const char *value)
{
    args *a = c->a;
    if (f->value && !value) {
        if (c->at == c->argc)
            return usage_error(a->command, "--%s needs a value: %s", f->name, f->value);
        value = c->argv[c->at++];
    } else if (!f->value && value) {
        return usage_error(a->command, "--%s takes no value", f->name);
    }
    if (a->n_given == MANY) return usage_error(a->command, "more than %d flags", MANY);
    a->given[a->n_given].flag = f;
    a->given[a->n_given++].value = value;
    return -1;
}

static int keep_option(cursor *c, const char *name, const char *value)
{
    vane_option o = { .size = sizeof o };
    const command *cmd = c->a->command;
    if (!find_option(name, &o)) return unknown_flag(cmd, name);
    if (!command_takes(cmd, o.name, o.group)) {
        char who[160];
        snprintf(who, sizeof who, "--%s", o.name);
        return foreign_flag(cmd, who, NULL, &o);
    }
    if (!c->a->shaping && (strcmp(o.group, "run") || !strcmp(o.name, "model")))
        c->a->shaping = o.name;
    bool is_switch = !strcmp(o.accepts, "true | false");
    if (!value) {
        const char *next = c->at < c->argc ? c->argv[c->at] : NULL;
        if (is_switch && !is_true_false(next))
            value = "true";
        else if (!next)
            return usage_error(cmd, "--%s needs a value: %s", o.name, o.accepts);
        else
            value = c->argv[c->at++];
    }
    vane_status st = vane_config_set(c->a->config, VANE_FLAG, NULL, o.name, value);
    return st ? fail(st) : -1;
}

/* --name, --name=value, --name value. */
static int long_flag(cursor *c, const char *text)
{
    char name[128];
    const char *equals = strchr(text, '=');
    size_t n = equals ? (size_t)(equals - text) : strlen(text);
    if (n >= sizeof name) return usage_error(c->a->command, "unknown flag --%s", text);
    memcpy(name, text, n);
    name[n] = 0;
    const flag *f = find_flag(c->a->command, name, 0);
    return f ? keep_flag(c, f, equals ? equals + 1 : NULL)
             : keep_option(c, name, equals ? equals + 1 : NULL);
}

/* -o FILE, -oFILE, and switches joined: -qo FILE. A long name behind one dash is a slip, not -o
 * with the file "utput". */
static int short_flag(cursor *c, const char *text)
{
    const command *cmd = c->a->command;
    vane_option o = { .size = sizeof o };
    if (text[1] && (find_flag(cmd, text, 0) || find_option(text, &o)))
        return usage_error(cmd, "unknown flag -%s; did you mean --%s?", text, text);
    for (; *text; text++) {
        char who[3] = { '-', *text, 0 };
        const flag *f = find_flag(cmd, NULL, *text), *elsewhere = flag_elsewhere(NULL, *text);
        int code;
        if (!f && elsewhere) return foreign_flag(cmd, who, elsewhere, NULL);
        if (!f) {
            bool option = !text[1] && find_option(text, &o);
            return usage_error(cmd, "unknown flag %s%s%s%s", who, option ? "; did you mean --" : "",
                               option ? text : "", option ? "?" : "");
        }
        if (f->value && text[1] == '=')
            return usage_error(cmd, "%s takes its value behind a space or at once: %s %s", who, who,
                               text + 2);
        if (f->value) return keep_flag(c, f, text[1] ? text + 1 : NULL);
        if ((code = keep_flag(c, f, NULL)) >= 0) return code;
    }
    return -1;
}

static int read_all(cursor *c)
{
    bool flags = true;
    while (c->at < c->argc) {
        const char *s = c->argv[c->at++];
        int code = -1;
        if (flags && !strcmp(s, "--"))
            flags = false;
        else if (flags && s[0] == '-' && s[1] == '-')
            code = long_flag(c, s + 2);
        else if (flags && s[0] == '-' && s[1])
            code = short_flag(c, s + 1);
        else if (c->a->n_files == MANY)
            code = usage_error(c->a->command, "more than %d files", MANY);
        else
            c->a->file[c->a->n_files++] = s;
        if (code >= 0) return code;
    }
    return -1;
}

static int print_config(args *a)
{
    vane_report *r;
    vane_status st = vane_config_check(a->config);
    if (!st) st = vane_config_report(a->config, &r);
    if (st) return fail(st);
    fputs(a->json ? vane_report_json(r) : vane_report_text(r), stdout);
    vane_report_close(r);
    return 0;
}

int args_read(args *a, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) /* help is given even beside what is wrong */
        if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
            help_command(a->command);
            return 0;
        }
    cursor c = { a, argc, 0, argv };
    int code = read_all(&c);
    if (code >= 0) return code;
    if (args_flag(a, "help", 0)) { /* among joined letters: -qh */
        help_command(a->command);
        return 0;
    }
    a->quiet = args_flag(a, "quiet", 0);
    a->json = args_flag(a, "json", 0);
    vane_status st = vane_config_set_environment(a->config);
    const char *path;
    for (int i = 0; !st && (path = args_flag(a, "config", i)); i++)
        st = vane_config_set_file(a->config, path);
    if (st) return fail(st);
    return args_flag(a, "print-config", 0) ? print_config(a) : -1;
}

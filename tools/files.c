/* What a command writes must not be what it reads. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/command.h"

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* The folder of a path into out[n], and its last name; NULL if it is too long. */
static const char *cut_path(const char *path, char *out, size_t n)
{
    const char *slash = strrchr(path, '/');
    size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
    if (folder + 2 > n) return NULL;
    memcpy(out, slash ? path : ".", slash ? folder : 1);
    out[slash ? folder : 1] = 0;
    return path + folder;
}

bool same_target(const char *a, const char *b)
{
    struct stat x, y;
    char in_a[4096], in_b[4096];
    if (!a || !b || !*a || !*b) return false;
    if (!strcmp(a, "-") || !strcmp(b, "-")) return !strcmp(a, b);
    if (same_file(a, b)) return true;
    if (!stat(a, &x) || !stat(b, &y)) return false; /* what is there is told by its inode alone */
    const char *name_a = cut_path(a, in_a, sizeof in_a), *name_b = cut_path(b, in_b, sizeof in_b);
    return name_a && name_b && !strcmp(name_a, name_b) && !stat(in_a, &x) && !stat(in_b, &y) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

int keep_apart(const args *a, const char *const *outputs, const char *preset)
{
    for (const char *const *x = outputs; *x; x++) {
        const char *one = args_flag(a, *x, 0);
        if (!one && x == outputs) one = preset;
        for (const char *const *y = x + 1; *y; y++) {
            if (!one || !same_target(one, args_flag(a, *y, 0))) continue;
            return usage_error(a->command, "--%s and --%s both want %s", *x, *y,
                               strcmp(one, "-") ? one : "standard output");
        }
    }
    return -1;
}

int keep_input(const args *a, const char *name, const char *out, const char *what, const char *in)
{
    if (!same_file(out, in)) return -1;
    return usage_error(a->command, "%s %s would overwrite %s", name, out, what);
}

int keep_inputs(const args *a, const char *const *outputs, const char *const *inputs)
{
    int code = -1;
    for (; code < 0 && *outputs; outputs++) {
        char name[32], what[40];
        const char *out = args_flag(a, *outputs, 0), *in;
        snprintf(name, sizeof name, "--%s", *outputs);
        code = keep_input(a, name, out, "the table", a->file[0]);
        for (const char *const *k = inputs; code < 0 && *k; k++)
            for (int i = 0; code < 0 && (in = args_flag(a, *k, i)); i++) {
                snprintf(what, sizeof what, "the file of --%s", *k);
                code = keep_input(a, name, out, what, in);
            }
    }
    return code;
}

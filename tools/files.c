/* What a command writes must not be what it reads. */
#include <stdio.h>
#include <sys/stat.h>

#include "tools/command.h"

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && !stat(a, &x) && !stat(b, &y) && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
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

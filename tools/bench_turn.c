/* Two programs measured in turn: whatever slows the machine down meets both. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/bench.h"

extern char **environ;

enum { ARGS_MOST = 96 };

typedef struct child {
    char file[512]; /* its results */
    char seconds[32], rate[32], option[3][512];
    char *argv[ARGS_MOST];
    int n;
} child;

static void put(child *c, const char *s)
{
    if (c->n < ARGS_MOST - 1) c->argv[c->n++] = (char *)(uintptr_t)s;
}

static void put_pair(child *c, const char *name, const char *value)
{
    if (!value || !*value) return;
    put(c, name);
    put(c, value);
}

/* The same measurements, one round of them, as JSON into a file. */
static void prepare(const args *a, const bench_job *job, child *c)
{
    static const char *const kept[] = { "batch", "n", "threads", "backends" };
    static const char *const kept_as[] = { "--batch", "--n", "--threads", "--backends" };
    static const char *const options[] = { "device", "cpu", "plugins" };
    static const char *const options_as[] = { "--device", "--cpu", "--plugins" };
    vane_origin origin;
    const char *folder = getenv("TMPDIR");
    snprintf(c->file, sizeof c->file, "%s/vane-bench-%ld.json", folder && *folder ? folder : "/tmp",
             (long)getpid());
    put(c, "vane");
    put(c, "bench");
    for (int i = 0; i < a->n_files; i++) put(c, a->file[i]);
    for (int i = 0; i < 4; i++) put_pair(c, kept_as[i], args_flag(a, kept[i], 0));
    for (int i = 0; i < 3; i++) {
        const char *value = vane_config_get(a->config, options[i], &origin);
        if (origin != VANE_FLAG) continue;
        snprintf(c->option[i], sizeof c->option[i], "%s", value);
        put_pair(c, options_as[i], c->option[i]);
    }
    snprintf(c->seconds, sizeof c->seconds, "%.9g", job->seconds);
    snprintf(c->rate, sizeof c->rate, "%.9g", job->rate);
    put_pair(c, "--seconds", c->seconds);
    if (job->rate > 0) put_pair(c, "--rate", c->rate);
    put_pair(c, "--rounds", "1");
    put_pair(c, "--format", "json");
    put_pair(c, "-o", c->file);
    put(c, "-q");
    c->argv[c->n] = NULL;
}

/* Run the program once and take its round; an exit code, -1: go on. */
static int take(const child *c, const char *program, vane_bench *to)
{
    pid_t pid;
    int how = 0;
    char text[1024];
    vane_bench *found;
    unlink(c->file);
    int error = posix_spawn(&pid, program, NULL, NULL, c->argv, environ);
    if (!error)
        while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {
        }
    if (error || !WIFEXITED(how) || WEXITSTATUS(how)) {
        snprintf(text, sizeof text, "%s: %s", program,
                 error ? strerror(error) : "its bench did not end well");
        put_error("", text);
        return error || !WIFEXITED(how) ? EXIT_USAGE : WEXITSTATUS(how);
    }
    vane_status st = vane_bench_read(c->file, &found);
    unlink(c->file);
    if (!st) {
        st = vane_bench_join(to, found);
        vane_bench_close(found);
    }
    return st ? fail(st) : -1;
}

int bench_in_turn(const args *a, const talk *t, const bench_job *job, const char *path,
                  vane_bench *base, vane_bench *now)
{
    char self[4096];
    child c = { .n = 0 };
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    int code = -1;
    if (n < 0) {
        put_error("", "this system does not tell where this program lies (/proc/self/exe)");
        return EXIT_USAGE;
    }
    self[n] = 0;
    prepare(a, job, &c);
    for (int i = 0; code < 0 && i < job->rounds && !talk_signal(); i++) {
        bool swap = i % 2;
        talk_say(t, "round %d of %d, both programs in turn", i + 1, job->rounds);
        code = take(&c, swap ? self : path, swap ? now : base);
        if (code < 0) code = take(&c, swap ? path : self, swap ? base : now);
    }
    return code;
}

/* vane bench: what the library takes on this machine, beside what physics allows. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench.h"

static const flag flags[] = {
    { "batch", 0, "LIST", "windows a batch, of workloads that have one: 1,32,1024 or 8..64" },
    { "n", 0, "LIST",
      "numbers or rows, of the others: 64..4096 doubles, 1..9+4 and 10..1000*10 step" },
    { "threads", 0, "LIST", "threads: 1,2 (default: as many as the machine grants)" },
    { "backends", 0, "LIST", "where: cpu:ref,cpu:generic,cpu:avx2,cpu,cuda (default: cpu)" },
    { "rounds", 0, "N",
      "times each workload is made ready and sampled, in turn (default: 3; with "
      "--baseline 10)" },
    { "seconds", 0, "S", "of sampling a round, at most (default: 0.3)" },
    { "rate", 0, "CALLS", "calls a second with sleep between, instead of back to back" },
    { "format", 0, "FORMAT", "md, csv, json, jsonl or sql (default: md)" },
    { "output", 'o', "FILE", "where the results go (default: standard output)" },
    { "baseline", 0, "WHAT",
      "save=FILE keeps the results as JSON; compare=FILE measures again and "
      "compares; compare=VANE runs another vane in turn with this one" },
    { "noise", 0, "PERCENT", "a difference within it is none (default: 3)" },
    { "profile", 0, NULL, "also print every step of each compiled graph with its time" },
    { "list", 0, NULL, "print the workloads with their usual sizes, and stop" },
    { NULL, 0, NULL, NULL },
};

/* ---- lists of numbers ---- */

static bool number(const char **s, int64_t most, int64_t *out)
{
    char *end;
    if (**s < '0' || **s > '9') return false;
    errno = 0;
    long long v = strtoll(*s, &end, 10);
    *s = end;
    *out = v;
    return !errno && v >= 1 && v <= most;
}

/* Behind "first..": "last", "last+step", "last*factor". */
static bool range(const char **s, int64_t most, int64_t first, sweep *out)
{
    int64_t last, by = 2;
    char op = '*';
    if (!number(s, most, &last) || last < first) return false;
    if (**s == '+' || **s == '*') {
        op = *(*s)++;
        if (!number(s, most, &by) || (op == '*' && by < 2)) return false;
    }
    for (int64_t v = first; v <= last; v = op == '*' ? v * by : v + by) {
        if (out->n == SWEEP_MOST) return false;
        out->value[out->n++] = v;
    }
    return true;
}

bool sweep_read(const char *text, int64_t most, sweep *out)
{
    int64_t v;
    out->n = 0;
    for (const char *s = text;; s++) {
        if (!number(&s, most, &v)) return false;
        if (!strncmp(s, "..", 2)) {
            s += 2;
            if (!range(&s, most, v, out)) return false;
        } else {
            if (out->n == SWEEP_MOST) return false;
            out->value[out->n++] = v;
        }
        if (!*s) return true;
        if (*s != ',') return false;
    }
}

/* ---- which measurements ---- */

static void load_workloads(bench_job *job)
{
    vane_workload w = { .size = sizeof w };
    for (int i = 0; i < WORKLOADS_MOST && !vane_workload_at(i, &w); i++)
        job->workload[job->n_workloads++] = w;
}

/* "nhits_train_b3" is no beginning of "nhits_train_b32": a number is whole. */
static bool begins(const char *name, const char *word)
{
    size_t n = strlen(word);
    bool inside = n && isdigit((unsigned char)word[n - 1]) && isdigit((unsigned char)name[n]);
    return !strncmp(name, word, n) && !inside;
}

/* A word chooses a group by its name, or workloads by the beginning of "nhits_train_b32". */
static bool chosen(const args *a, const vane_workload *w, int64_t size, bool *used)
{
    char name[128];
    bool found = a->n_files == 0;
    snprintf(name, sizeof name, "%s_%c%lld", w->name, w->axis, (long long)size);
    for (int i = 0; i < a->n_files; i++)
        if (!strcmp(a->file[i], w->group) || begins(name, a->file[i])) found = used[i] = true;
    return found;
}

static bool add(bench_job *job, const vane_workload *w, int64_t size, int64_t threads,
                const char *backend)
{
    if (job->n == job->cap) {
        int cap = job->cap ? 2 * job->cap : 64;
        bench_task *grown = realloc(job->task, (size_t)cap * sizeof *grown);
        if (!grown) return false;
        job->task = grown;
        job->cap = cap;
    }
    job->task[job->n++] = (bench_task){ w,
                                        { .size = sizeof(vane_bench_wish),
                                          .workload = w->name,
                                          .n = size,
                                          .backend = backend,
                                          .threads = threads,
                                          .seconds = job->seconds,
                                          .rate = job->rate,
                                          .folder = getenv("TMPDIR") } };
    return true;
}

/* Each size on each backend with each number of threads. */
static bool add_all(bench_job *job, const vane_workload *w, int64_t size)
{
    for (int t = 0; t < job->threads.n || t == 0; t++)
        for (int b = 0; b < job->n_backends || b == 0; b++)
            if (!add(job, w, size, job->threads.n ? job->threads.value[t] : 0,
                     job->n_backends ? job->backends[b] : NULL))
                return false;
    return true;
}

static int choose(const args *a, bench_job *job)
{
    bool used[MANY] = { false };
    for (int i = 0; i < job->n_workloads; i++) {
        const vane_workload *w = &job->workload[i];
        const sweep *s = w->axis == 'b' ? &job->batch : &job->numbers;
        for (int k = 0; s->n ? k < s->n : w->sizes[k] != 0; k++) {
            int64_t size = s->n ? s->value[k] : w->sizes[k];
            if (chosen(a, w, size, used) && !add_all(job, w, size)) {
                put_error("memory", "no memory for the list of measurements");
                return EXIT_RESOURCE;
            }
        }
    }
    for (int i = 0; i < a->n_files; i++)
        if (!used[i])
            return usage_error(a->command, "no workload or group \"%s\"; see vane bench --list",
                               a->file[i]);
    return -1;
}

static void list_workloads(const bench_job *job)
{
    for (int i = 0; i < job->n_workloads; i++) {
        const vane_workload *w = &job->workload[i];
        printf("%-8s %-26s", w->group, w->name);
        int n = 0;
        for (int k = 0; w->sizes[k]; k++)
            n += printf("%s%c%lld", k ? " " : "", w->axis, (long long)w->sizes[k]);
        printf("%*s%s\n", n < 26 ? 26 - n : 1, "", w->help);
    }
}

/* ---- flags ---- */

static int read_sweep(const args *a, const char *name, int64_t most, sweep *s)
{
    const char *text = args_flag(a, name, 0);
    if (!text || sweep_read(text, most, s)) return -1;
    return usage_error(a->command,
                       "--%s \"%s\": expected at most %d numbers from 1 to %lld, as 1,32,1024 or "
                       "64..4096 or 1..9+4",
                       name, text, SWEEP_MOST, (long long)most);
}

static int read_real(const args *a, const char *name, double lo, double hi, double *out)
{
    char *end;
    const char *text = args_flag(a, name, 0);
    if (!text) return -1;
    *out = strtod(text, &end);
    if (end != text && !*end && *out >= lo && *out <= hi) return -1;
    return usage_error(a->command, "--%s \"%s\": expected a number from %g to %g", name, text, lo,
                       hi);
}

static int read_backends(const args *a, bench_job *job)
{
    const char *text = args_flag(a, "backends", 0);
    if (!text) return -1;
    if (strlen(text) >= sizeof job->names)
        return usage_error(a->command, "--backends: longer than %d bytes", (int)sizeof job->names);
    strcpy(job->names, text);
    for (char *s = strtok(job->names, ","); s; s = strtok(NULL, ",")) {
        if (job->n_backends == MANY)
            return usage_error(a->command, "--backends: more than %d", MANY);
        job->backends[job->n_backends++] = s;
    }
    return job->n_backends ? -1 : usage_error(a->command, "--backends is empty");
}

static const char *baseline_of(const args *a, const char *what)
{
    const char *text = args_flag(a, "baseline", 0);
    size_t n = strlen(what);
    return text && !strncmp(text, what, n) && text[n] == '=' && text[n + 1] ? text + n + 1 : NULL;
}

static int read_flags(const args *a, bench_job *job)
{
    static const char *const formats[] = { "md", "csv", "json", "jsonl", "sql", NULL };
    const char *format = args_flag(a, "format", 0), *baseline = args_flag(a, "baseline", 0);
    double rounds = baseline ? 10 : 3;
    int at = 0, code;
    job->seconds = 0.3;
    job->noise = 3;
    while (format && formats[at] && strcmp(formats[at], format)) at++;
    if (format && !formats[at])
        return usage_error(a->command, "--format \"%s\": expected md, csv, json, jsonl or sql",
                           format);
    if (baseline && !baseline_of(a, "save") && !baseline_of(a, "compare"))
        return usage_error(a->command, "--baseline \"%s\": expected save=FILE or compare=FILE",
                           baseline);
    if ((code = read_sweep(a, "batch", 1000000, &job->batch)) >= 0 ||
        (code = read_sweep(a, "n", 1000000000, &job->numbers)) >= 0 ||
        (code = read_sweep(a, "threads", 4096, &job->threads)) >= 0 ||
        (code = read_real(a, "rounds", 1, 1000, &rounds)) >= 0 ||
        (code = read_real(a, "seconds", 0, 3600, &job->seconds)) >= 0 ||
        (code = read_real(a, "rate", 0.01, 1e6, &job->rate)) >= 0 ||
        (code = read_real(a, "noise", 0, 1000, &job->noise)) >= 0 ||
        (code = read_backends(a, job)) >= 0)
        return code;
    if (rounds != floor(rounds))
        return usage_error(a->command, "--rounds: expected a whole number");
    job->rounds = (int)rounds;
    job->noise /= 100;
    return -1;
}

/* ---- running ---- */

vane_status bench_round(const args *a, const talk *t, const bench_job *job, int round,
                        vane_bench *bench)
{
    vane_status st = VANE_OK;
    talk_say(t, "round %d of %d: %d measurements", round + 1, job->rounds, job->n);
    for (int i = 0; !st && i < job->n && !talk_signal(); i++)
        st = vane_bench_run(bench, a->config, &job->task[i].wish);
    return st;
}

static int put_text(const args *a, const vane_report *r, bool json)
{
    const char *path = args_flag(a, "output", 0);
    const char *text = json ? vane_report_json(r) : vane_report_text(r);
    vane_status st = vane_write_file(path ? path : "-", text, strlen(text));
    return st ? fail(st) : 0;
}

static int put_results(const args *a, const vane_bench *bench, const char *format)
{
    vane_report *r;
    vane_status st = vane_bench_write(bench, format, &r);
    if (st) return fail(st);
    int code = put_text(a, r, false);
    vane_report_close(r);
    return code;
}

static int put_profiles(const args *a, const bench_job *job)
{
    for (int i = 0; i < job->n; i++) {
        vane_report *r;
        const vane_bench_wish *w = &job->task[i].wish;
        vane_status st = vane_bench_profile(a->config, w, &r);
        if (st == VANE_E_UNSUPPORTED) continue; /* no graph */
        if (st) return fail(st);
        printf("\n%s_%c%lld\n%s", w->workload, job->task[i].workload->axis, (long long)w->n,
               vane_report_text(r));
        vane_report_close(r);
    }
    return 0;
}

static vane_status measure(const args *a, const talk *t, const bench_job *job, vane_bench *bench)
{
    vane_status st = VANE_OK;
    for (int i = 0; !st && i < job->rounds; i++) st = bench_round(a, t, job, i, bench);
    return st;
}

static bool is_program(const char *path)
{
    return !access(path, X_OK);
}

/* Against a saved set, or against another program in turn. */
static int compare(const args *a, const talk *t, const bench_job *job, const char *path)
{
    vane_bench *base = NULL, *now = NULL;
    vane_report *r = NULL;
    int slower = 0, code = -1;
    bool program = is_program(path);
    vane_status st = program ? vane_bench_open(&base) : vane_bench_read(path, &base);
    if (!st) st = vane_bench_open(&now);
    if (!st && program) code = bench_in_turn(a, t, job, path, base, now);
    if (!st && !program) st = measure(a, t, job, now);
    if (!st && code < 0 && !talk_signal())
        st = vane_bench_compare(base, now, job->noise, &slower, &r);
    if (st) code = fail(st);
    if (r) code = put_text(a, r, a->json);
    if (!code && slower) code = EXIT_GATE;
    if (code < 0) code = 0; /* stopped by a signal */
    vane_report_close(r);
    vane_bench_close(base);
    vane_bench_close(now);
    return talk_signal() ? EXIT_SIGNAL + talk_signal() : code;
}

static int run_job(const args *a, const talk *t, bench_job *job)
{
    vane_bench *bench;
    vane_report *r;
    const char *format = args_flag(a, "format", 0), *save = baseline_of(a, "save");
    vane_status st = vane_bench_open(&bench);
    if (st) return fail(st);
    st = measure(a, t, job, bench);
    int code = st ? fail(st) : talk_signal() ? EXIT_SIGNAL + talk_signal() : 0;
    if (!code) code = put_results(a, bench, format ? format : a->json ? "json" : "md");
    if (!code && save && !(st = vane_bench_write(bench, "json", &r))) {
        st = vane_write_file(save, vane_report_text(r), strlen(vane_report_text(r)));
        vane_report_close(r);
    }
    if (!code && st) code = fail(st);
    if (!code && args_flag(a, "profile", 0)) code = put_profiles(a, job);
    vane_bench_close(bench);
    return code;
}

static int run(args *a)
{
    static bench_job job;
    talk t;
    const char *path;
    load_workloads(&job);
    int code = read_flags(a, &job);
    if (code >= 0) return code;
    if (args_flag(a, "list", 0)) {
        list_workloads(&job);
        return 0;
    }
    if ((path = args_flag(a, "baseline", 0)) && args_flag(a, "profile", 0))
        return usage_error(a->command, "--profile does not go with --baseline");
    talk_open(&t, a);
    talk_catch();
    if (a->n_files && !strcmp(a->file[0], "report")) {
        code = path ? usage_error(a->command, "--baseline does not go with report")
                    : bench_report(a, &t, &job);
    } else {
        code = choose(a, &job);
        if (code < 0)
            code = (path = baseline_of(a, "compare")) ? compare(a, &t, &job, path)
                                                      : run_job(a, &t, &job);
    }
    talk_close(&t);
    free(job.task);
    return code;
}

const command command_bench = {
    .name = "bench",
    .usage = "vane bench [WORKLOAD | GROUP ...] [--batch LIST] [--n LIST] [flags]\n"
             "vane bench report [phases | figures | levels | kept | precision ...] [--threads N]",
    .summary = "time operations, models, files and scores against the machine's limits",
    .about = "WORKLOAD is the beginning of a name such as nhits_train_b32, GROUP one of infer, "
             "train, ops,\n"
             "losses, scalers, loader and metrics; without either everything is run, which takes "
             "minutes.\n"
             "`limit us` is what the arithmetic or the bytes must take at rates measured in the "
             "same run,\n"
             "`share` limit over fastest. With one thread processor time is counted, else the wall "
             "clock.\n"
             "Every format but md holds all samples, the machine, the build and the commit.\n\n"
             "A comparison takes the median of each round (10, each made ready anew) and calls a "
             "workload\n"
             "slower if the Mann-Whitney test gives p < 0.01 and the 95 % interval of the ratio of "
             "medians\n"
             "lies above 1 + noise; the exit code is then 8.\n\n"
             "report prints where a training step's time goes, figures of a reference machine "
             "beside this\n"
             "one's, instruction sets against plain loops, what keeping plans and memory saves, "
             "and cold\n"
             "against warm runs, and products in bf16 against f32.",
    .groups = "",
    .options = " device cpu plugins products precision ",
    .without = "",
    .flags = flags,
    .run = run,
};

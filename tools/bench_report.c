/* vane bench report: the figures that tell how the library stands, each measured here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench.h"

enum { ROUNDS = 3 };

/* One number of a table: measured, or nothing. */
static const char *us_text(double us, char out[32])
{
    out[0] = 0;
    if (us > 0) snprintf(out, 32, us >= 1000 ? "%.0f" : us >= 10 ? "%.1f" : "%.3f", us);
    return out;
}

typedef struct report {
    const args *a;
    const talk *t;
    const bench_job *job;
    vane_bench *bench;
    int64_t threads; /* 0: all */
} report;

static vane_bench_wish wish_of(const report *r, const char *workload, int64_t n,
                               const char *backend)
{
    return (vane_bench_wish){ .size = sizeof(vane_bench_wish),
                              .workload = workload,
                              .n = n,
                              .backend = backend,
                              .threads = r->threads,
                              .seconds = r->job->seconds,
                              .folder = getenv("TMPDIR") };
}

/* Measure and find the row: the last of the set unless it was there before. */
static vane_status take(const report *r, const vane_bench_wish *w, vane_bench_row *row)
{
    vane_status st = VANE_OK;
    vane_bench *own;
    row->size = sizeof *row;
    if ((st = vane_bench_open(&own))) return st;
    for (int i = 0; !st && i < ROUNDS; i++) st = vane_bench_run(own, r->a->config, w);
    if (!st) st = vane_bench_join(r->bench, own);
    if (!st) st = vane_bench_row_at(own, 0, row);
    row->name = row->workload = row->backend = row->level = NULL; /* they go with `own` */
    vane_bench_close(own);
    return st;
}

/* ---- where a training step's time goes ---- */

static vane_status put_phases(const report *r, const char *workload, int64_t n)
{
    vane_report *profile;
    vane_bench_row step, scores;
    vane_phase p = { .size = sizeof p };
    double sum = 0;
    vane_bench_wish w = wish_of(r, workload, n, NULL), s = wish_of(r, "scores", n, NULL);
    vane_status st = take(r, &w, &step);
    if (!st) st = take(r, &s, &scores);
    if (!st) st = vane_bench_profile(r->a->config, &w, &profile);
    if (st) return st;
    for (int i = 0; !vane_report_phase(profile, i, &p); i++) sum += p.us;
    printf("\n%s, %lld windows: %.0f us a step, %.0f us as the sum of its parts timed alone\n\n",
           workload, (long long)n, step.fastest_us, sum);
    printf("| phase | us | share | |\n| --- | ---: | ---: | --- |\n");
    for (int i = 0; !vane_report_phase(profile, i, &p); i++)
        printf("| %s | %.1f | %.1f %% | %s |\n", p.name, p.us, 100 * p.us / sum, p.help);
    printf("| metrics | %.1f | %.1f %% | every score of such a batch; validation alone computes "
           "one, never a step |\n",
           scores.fastest_us, 100 * scores.fastest_us / sum);
    vane_report_close(profile);
    return VANE_OK;
}

/* ---- figures of the reference machine ---- */

static vane_status put_figures(const report *r)
{
    char a[32], b[32], c[32], d[32];
    vane_workload w = { .size = sizeof w };
    vane_bench_row row;
    printf("\n| workload | fastest us | median us | limit us | share | PyTorch 1.13 us | ratio |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (int i = 0; !vane_workload_at(i, &w); i++)
        for (int k = 0; k < 3 && w.sizes[k] && !talk_signal(); k++) {
            if (w.peer_us[k] <= 0) continue;
            vane_bench_wish wish = wish_of(r, w.name, w.sizes[k], NULL);
            vane_status st = take(r, &wish, &row);
            if (st) return st;
            printf("| %s_%c%lld | %s | %s | %s | %.2f | %s | %.1f |\n", w.name, w.axis,
                   (long long)w.sizes[k], us_text(row.fastest_us, a), us_text(row.median_us, b),
                   us_text(row.limit_us, c), row.limit_us / row.fastest_us,
                   us_text(w.peer_us[k], d), w.peer_us[k] / row.median_us);
            fflush(stdout);
        }
    return VANE_OK;
}

/* ---- plain loops against instruction sets ---- */

static vane_status put_levels(const report *r)
{
    static const char *const levels[] = { "cpu:ref", "cpu:generic", "cpu:avx2", "cpu:avx512" };
    static const char *const works[] = { "relu",      "tanh", "exp",       "gelu",
                                         "layernorm", "mse",  "quantile9", "scale_standard" };
    char text[32];
    printf("\n| us | numbers | plain | generic | avx2 | avx512 | fastest over plain |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        for (int64_t n = 64; n <= 4096 && !talk_signal(); n *= 4) {
            double plain = 0, best = 0;
            printf("| %s | %lld |", works[i], (long long)n);
            for (size_t k = 0; k < sizeof levels / sizeof *levels; k++) {
                vane_bench_row row = { 0 };
                vane_bench_wish w = wish_of(r, works[i], n, levels[k]);
                w.threads = 1;
                w.seconds /= 10;
                vane_status st = take(r, &w, &row);
                if (st && st != VANE_E_UNSUPPORTED) return st; /* this machine lacks the level */
                double us = st ? 0 : row.fastest_us;
                if (k == 0) plain = us;
                if (us > 0 && (best <= 0 || us < best)) best = us;
                printf(" %s |", us_text(us, text));
            }
            printf(" %.1f |\n", plain / best);
            fflush(stdout);
        }
    return VANE_OK;
}

/* ---- what is kept between runs ---- */

static vane_status put_kept(const report *r)
{
    static const struct {
        const char *name;
        int64_t n;
    } works[] = { { "nhits_infer", 1 },
                  { "nhits_infer", 32 },
                  { "nhits_train", 32 },
                  { "lstm128_infer", 1 },
                  { "gelu", 4096 } };
    char a[32], b[32], c[32];
    printf(
        "\n| us | warm | first run | all made anew: weights, plan, memory | kept is faster by |\n"
        "| --- | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < sizeof works / sizeof *works && !talk_signal(); i++) {
        vane_bench_row row;
        vane_bench_wish w = wish_of(r, works[i].name, works[i].n, NULL);
        vane_status st = take(r, &w, &row);
        if (st) return st;
        double anew = row.open_us + row.first_us;
        printf("| %s of %lld | %s | %s | %s | %.1f |\n", works[i].name, (long long)works[i].n,
               us_text(row.fastest_us, a), us_text(row.first_us, b), us_text(anew, c),
               anew / row.fastest_us);
    }
    return VANE_OK;
}

/* ---- products in bf16 against f32 ---- */

/* In turn, twice: what slows the machine down meets both. */
static vane_status put_precision(const report *r)
{
    static const struct {
        const char *name;
        int64_t n;
    } works[] = { { "nhits_train", 32 },      { "nhits_train", 1024 },
                  { "nhits_infer", 1024 },    { "tcn_nixtla_train", 32 },
                  { "lstm128_train", 32 },    { "transformer_nixtla_train", 32 } };
    char a[32], b[32];
    printf("\n| us | windows | f32 | bf16 | f32 / bf16 |\n| --- | ---: | ---: | ---: | ---: |\n");
    for (size_t i = 0; i < sizeof works / sizeof *works && !talk_signal(); i++) {
        double us[2] = { 0, 0 };
        for (int k = 0; k < 4; k++) {
            char name[64];
            vane_bench_row row;
            snprintf(name, sizeof name, "%s%s", works[i].name, k % 2 ? "_bf16" : "");
            vane_bench_wish w = wish_of(r, name, works[i].n, NULL);
            vane_status st = take(r, &w, &row);
            if (st) return st;
            if (us[k % 2] <= 0 || row.fastest_us < us[k % 2]) us[k % 2] = row.fastest_us;
        }
        printf("| %s | %lld | %s | %s | %.2f |\n", works[i].name, (long long)works[i].n,
               us_text(us[0], a), us_text(us[1], b), us[0] / us[1]);
        fflush(stdout);
    }
    return VANE_OK;
}

/* ---- all ---- */

static vane_status put_steps(const report *r)
{
    vane_status st = put_phases(r, "nhits_train", 32);
    if (!st) st = put_phases(r, "nhits_train", 1024);
    return st ? st : put_phases(r, "lstm128_train", 32);
}

static const struct {
    const char *name, *title;
    vane_status (*put)(const report *r);
} sections[] = {
    { "phases", "Where the time of a training step goes", put_steps },
    { "figures", "Beside a reference machine", put_figures },
    { "levels", "Plain loops against instruction sets, one thread", put_levels },
    { "kept", "Kept between runs, and cold", put_kept },
    { "precision", "Products in bf16 against f32", put_precision },
};
enum { N_SECTIONS = sizeof sections / sizeof *sections };

/* Behind "report" the sections wanted; none: all. */
static bool wanted(const args *a, const char *name)
{
    for (int i = 1; i < a->n_files; i++)
        if (!strcmp(a->file[i], name)) return true;
    return a->n_files == 1;
}

static int check_sections(const args *a)
{
    for (int i = 1; i < a->n_files; i++) {
        bool known = false;
        for (int k = 0; k < N_SECTIONS; k++) known |= !strcmp(a->file[i], sections[k].name);
        if (!known)
            return usage_error(a->command,
                               "no section \"%s\"; expected phases, figures, levels, kept or precision",
                               a->file[i]);
    }
    return -1;
}

int bench_report(const args *a, const talk *t, const bench_job *job)
{
    report r = { a, t, job, NULL, job->threads.n ? job->threads.value[0] : 0 };
    int code = check_sections(a);
    if (code >= 0) return code;
    vane_status st = vane_bench_open(&r.bench);
    for (int i = 0; !st && i < N_SECTIONS && !talk_signal(); i++) {
        if (!wanted(a, sections[i].name)) continue;
        printf("\n## %s\n", sections[i].title);
        fflush(stdout);
        st = sections[i].put(&r);
    }
    code = st ? fail(st) : talk_signal() ? EXIT_SIGNAL + talk_signal() : 0;
    const char *save = args_flag(a, "output", 0);
    vane_report *all;
    if (!code && save) {
        st = vane_bench_write(r.bench, "json", &all);
        if (!st) {
            st = vane_write_file(save, vane_report_text(all), strlen(vane_report_text(all)));
            vane_report_close(all);
        }
        if (st) code = fail(st);
    }
    vane_bench_close(r.bench);
    return code;
}

/* What one forecast of a batch and one training step (forward, loss, gradients, Adam) of each model
 * cost, against the machine's peak measured in the same run:
 *
 *     vane_bench_steps [--seconds 1] [--threads 2] [--level avx2] [WORKLOAD...]
 *
 * prints `workload us flops share`: the fastest of all runs, because other jobs only ever make one
 * slower (with one thread processor time, which they stretch little); the flops the plan counts (a
 * multiply-add is 2, an exp or tanh about 12); and the share of the peak, flops / us / peak.
 * WORKLOAD selects by prefix. A line of `workloads` adds one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "bench/peak.h"
#include "tests/model_kit.h"

typedef struct workload {
    const char *name, *model;
    const char *options[6][2]; /* name, value; ended by NULL */
    int64_t L, H, B;
    vn_kit_mode mode;
    int64_t paths; /* of a model that draws them */
} workload;

#define LSTM(units) "lstm-attention", { { "attention", "none" }, { "encoder_hidden_size", units } }
#define ATTENTION "lstm-attention", { { "attention", "luong" } }
#define GRU(units) "gru", { { "encoder_hidden_size", units } }
#define TCN                                                                                        \
    "tcn", { { "variant", "nixtla" }, { "kernel_size", "2" }, { "dilations", "[1, 2, 4, 8, 16]" }, \
             { "encoder_hidden_size", "128" } }
#define DEEPAR                                                                                  \
    "deepar", { { "lags", "[1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 47, 48, 49, 71, 72, 73, 95, 96, 97, " \
                          "119, 120, 121, 143, 144, 145, 167, 168, 169]" } }
#define TRANSFORMER "transformer", { { "compat", "nixtla" } }

static const workload workloads[] = {
    { "lstm128_infer_b1", LSTM("128"), 168, 24, 1, VN_KIT_FORWARD },
    { "lstm128_infer_b32", LSTM("128"), 168, 24, 32, VN_KIT_FORWARD },
    { "lstm128_train_b32", LSTM("128"), 168, 24, 32, VN_KIT_TRAIN },
    { "lstm200_infer_b32", LSTM("200"), 168, 24, 32, VN_KIT_FORWARD },
    { "lstm200_train_b32", LSTM("200"), 168, 24, 32, VN_KIT_TRAIN },
    { "attention_infer_b32", ATTENTION, 168, 24, 32, VN_KIT_FORWARD },
    { "attention_train_b32", ATTENTION, 168, 24, 32, VN_KIT_TRAIN },
    { "gru128_infer_b1", GRU("128"), 168, 24, 1, VN_KIT_FORWARD },
    { "gru128_infer_b32", GRU("128"), 168, 24, 32, VN_KIT_FORWARD },
    { "gru128_train_b32", GRU("128"), 168, 24, 32, VN_KIT_TRAIN },
    { "gru200_infer_b32", GRU("200"), 168, 24, 32, VN_KIT_FORWARD },
    { "gru200_train_b32", GRU("200"), 168, 24, 32, VN_KIT_TRAIN },
    { "tcn_nixtla_infer_b1", TCN, 168, 24, 1, VN_KIT_FORWARD },
    { "tcn_nixtla_infer_b32", TCN, 168, 24, 32, VN_KIT_FORWARD },
    { "tcn_nixtla_train_b32", TCN, 168, 24, 32, VN_KIT_TRAIN },
    { "tcn_infer_b32", "tcn", { { NULL } }, 168, 24, 32, VN_KIT_FORWARD },
    { "tcn_train_b32", "tcn", { { NULL } }, 168, 24, 32, VN_KIT_TRAIN },
    { "transformer_nixtla_infer_b1", TRANSFORMER, 168, 24, 1, VN_KIT_FORWARD },
    { "transformer_nixtla_infer_b32", TRANSFORMER, 168, 24, 32, VN_KIT_FORWARD },
    { "transformer_nixtla_train_b32", TRANSFORMER, 168, 24, 32, VN_KIT_TRAIN },
    { "transformer_infer_b32", "transformer", { { NULL } }, 168, 24, 32, VN_KIT_FORWARD },
    { "transformer_train_b32", "transformer", { { NULL } }, 168, 24, 32, VN_KIT_TRAIN },
    { "deepar_paths1000_b16", DEEPAR, 216, 48, 16, VN_KIT_FORWARD, 1000 },
    { "deepar_train_b32", DEEPAR, 216, 48, 32, VN_KIT_TRAIN, 0 },
};
enum { N_WORKLOADS = sizeof workloads / sizeof *workloads, WARM = 3, LEAST = 5 };

typedef struct setting {
    double seconds, peak;
    int threads;
    const char *level;
} setting;

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The fastest run in microseconds; below 0 after a failure. */
static double fastest_us(vn_kit *kit, const setting *s)
{
    clockid_t clock = s->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    double best = 1e30, until = now_s(clock) + s->seconds;
    for (int i = 0; i < WARM + LEAST || now_s(clock) < until; i++) {
        vn_plan_set_step(kit->plan, i);
        double begin = now_s(clock);
        if (vn_kit_run(kit)) return -1;
        double us = 1e6 * (now_s(clock) - begin);
        if (i >= WARM && us < best) best = us;
    }
    return best;
}

static vn_status set_up(const workload *w, const setting *s, void *hparams, vn_kit *kit)
{
    const vn_model_def *def = vn_model_find(w->model);
    vn_kit_config config = { .model = def, .hparams = hparams, .B = w->B, .L = w->L, .H = w->H,
                             .real = VN_F32, .loss = VN_LOSS_MAE, .mode = w->mode,
                             .dropout = w->mode == VN_KIT_TRAIN, .threads = s->threads,
                             .level = s->level, .dist = VN_DIST_STUDENTT, .paths = w->paths };
    VN_TRY(vn_options_preset(def->options, hparams));
    for (int i = 0; w->options[i][0]; i++)
        VN_TRY(vn_option_set(vn_option_find(def->options, w->options[i][0]), hparams,
                             w->options[i][1]));
    VN_TRY(vn_kit_open(&config, kit));
    vn_kit_feed_random(kit, 1);
    vn_plan_set(kit->plan, VN_LR, 1e-3f);
    return VN_OK;
}

static int run_one(const workload *w, const setting *s)
{
    vn_kit kit = { 0 };
    void *hparams = vn_calloc(1, vn_model_find(w->model)->options_bytes);
    vn_status st = hparams ? set_up(w, s, hparams, &kit) : VN_E_MEMORY;
    double us = st ? -1 : fastest_us(&kit, s);
    if (us < 0) {
        fprintf(stderr, "%s: %s\n", w->name, vn_last_message());
    } else {
        vn_plan_info info;
        vn_plan_about(kit.plan, &info);
        printf("%-24s %10.1f %12.5g %6.3f\n", w->name, us, info.flops,
               info.flops / (1e-6 * us) / s->peak);
        fflush(stdout);
    }
    vn_kit_close(&kit);
    vn_free(hparams);
    return us < 0;
}

static int chosen(const char *name, char **wanted, int n)
{
    for (int i = 0; i < n; i++)
        if (!strncmp(name, wanted[i], strlen(wanted[i]))) return 1;
    return n == 0;
}

int main(int argc, char **argv)
{
    setting s = { .seconds = 1, .threads = 2 };
    int at = 1, failed = 0;
    for (; at + 1 < argc && !strncmp(argv[at], "--", 2); at += 2) {
        if (!strcmp(argv[at], "--seconds")) s.seconds = atof(argv[at + 1]);
        if (!strcmp(argv[at], "--threads")) s.threads = atoi(argv[at + 1]);
        if (!strcmp(argv[at], "--level")) s.level = argv[at + 1];
    }
    s.peak = bench_peak_flops(s.threads);
    printf("# %d threads, peak %.1f Gflop/s f32\n# workload us flops share\n", s.threads,
           1e-9 * s.peak);
    for (int i = 0; i < N_WORKLOADS; i++)
        if (chosen(workloads[i].name, argv + at, argc - at)) failed |= run_one(&workloads[i], &s);
    return failed;
}

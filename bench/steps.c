/* What one forecast of a batch and one training step (forward, loss, gradients, Adam) of each model
 * cost, against the machine's peak measured in the same run:
 *
 *     vane_bench_steps [--profile] [--seconds 1] [--threads 2] [--level avx2] [WORKLOAD...]
 *
 * prints `workload us median floor share rate`: the fastest of all runs, because other jobs only ever
 * make one slower (with one thread processor time, which they stretch little), and their median; the
 * floor of bench/floor.h and its share of the fastest; and the rate in Gflop/s of what the plan
 * counts (a multiply-add is 2, an exp or tanh about 12). --profile adds a line for every step of the
 * plan. WORKLOAD selects by prefix. A line of `workloads` adds one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "bench/floor.h"
#include "bench/peak.h"
#include "tests/model_kit.h"

typedef struct workload {
    const char *name, *model;
    const char *options[6][2]; /* name, value; ended by NULL */
    int64_t L, H, B;
    vn_kit_mode mode;
    bench_work work; /* of a window, for the floor */
    int64_t paths;   /* of a model that draws them */
} workload;

enum { LENGTH = 168, HORIZON = 24 };

#define LSTM(units) "lstm-attention", { { "attention", "none" }, { "encoder_hidden_size", units } }
#define ATTENTION "lstm-attention", { { "attention", "luong" } }
#define GRU(units) "gru", { { "encoder_hidden_size", units } }
#define TCN                                                                                        \
    "tcn", { { "variant", "nixtla" }, { "kernel_size", "2" }, { "dilations", "[1, 2, 4, 8, 16]" }, \
             { "encoder_hidden_size", "128" } }
#define DEEPAR                                                                                     \
    "deepar", { { "lags", "[1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 47, 48, 49, 71, 72, 73, 95, 96, 97, " \
                          "119, 120, 121, 143, 144, 145, 167, 168, 169]" } }
#define TRANSFORMER "transformer", { { "compat", "nixtla" } }

/* Multiply-adds and functions of a window: two recurrent layers of one input, the horizon's matrix
 * over time, two layers for each of its steps. */
#define HEAD_MACS(u) (HORIZON * (LENGTH * (u) + (u) * (u) + (u)))
#define RNN(gates, fn, u)                                                                          \
    { .macs = (double)LENGTH * (gates) * (u) * (1 + 3 * (u)) + HEAD_MACS(u),                       \
      .functions = 2.0 * LENGTH * (fn) * (u),                                                      \
      .again = 4.0 * LENGTH * (gates) * (u) * (1 + 3 * (u)) }
#define TCN_MACS (LENGTH * (2.0 * 128 + 4 * 2 * 128 * 128) + HEAD_MACS(128))
/* 128 wide, 4 heads, 32 within: 2 layers of 168 steps, 1 of 84 + 24 that attends to both. */
enum { DECODED = LENGTH / 2 + HORIZON };
#define ATTEND                                                                                     \
    { .macs = 2.0 * (LENGTH * (4.0 * 128 * 128 + 2 * 128 * 32) + 2.0 * 128 * LENGTH * LENGTH) +    \
              DECODED * (6.0 * 128 * 128 + 2 * 128 * 32) + LENGTH * 2.0 * 128 * 128 +              \
              2.0 * 128 * DECODED * (DECODED + LENGTH),                                            \
      .exps = 4.0 * LENGTH * (2 * LENGTH + DECODED), .gelus = 32.0 * (2 * LENGTH + DECODED) }

/* neuralforecast's sizes; the first block's input of 84 needs no gradient. */
#define NHITS "nhits", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }
#define STACKS                                                                                     \
    { .macs = 2.811e6, .spared = 84.0 * 512, .weights = 4 * 2817570.0, .state = 28 * 2817570.0 }

static const workload workloads[] = {
    { "lstm128_infer_b1", LSTM("128"), 168, 24, 1, VN_KIT_FORWARD, RNN(4, 5, 128) },
    { "lstm128_infer_b32", LSTM("128"), 168, 24, 32, VN_KIT_FORWARD, RNN(4, 5, 128) },
    { "lstm128_train_b32", LSTM("128"), 168, 24, 32, VN_KIT_TRAIN, RNN(4, 5, 128) },
    { "lstm200_infer_b32", LSTM("200"), 168, 24, 32, VN_KIT_FORWARD, RNN(4, 5, 200) },
    { "lstm200_train_b32", LSTM("200"), 168, 24, 32, VN_KIT_TRAIN, RNN(4, 5, 200) },
    { "attention_infer_b32", ATTENTION, 168, 24, 32, VN_KIT_FORWARD },
    { "attention_train_b32", ATTENTION, 168, 24, 32, VN_KIT_TRAIN },
    { "gru128_infer_b1", GRU("128"), 168, 24, 1, VN_KIT_FORWARD, RNN(3, 4, 128) },
    { "gru128_infer_b32", GRU("128"), 168, 24, 32, VN_KIT_FORWARD, RNN(3, 4, 128) },
    { "gru128_train_b32", GRU("128"), 168, 24, 32, VN_KIT_TRAIN, RNN(3, 4, 128) },
    { "gru200_infer_b32", GRU("200"), 168, 24, 32, VN_KIT_FORWARD, RNN(3, 4, 200) },
    { "gru200_train_b32", GRU("200"), 168, 24, 32, VN_KIT_TRAIN, RNN(3, 4, 200) },
    { "tcn_nixtla_infer_b1", TCN, 168, 24, 1, VN_KIT_FORWARD, { .macs = TCN_MACS } },
    { "tcn_nixtla_infer_b32", TCN, 168, 24, 32, VN_KIT_FORWARD, { .macs = TCN_MACS } },
    { "tcn_nixtla_train_b32", TCN, 168, 24, 32, VN_KIT_TRAIN, { .macs = TCN_MACS } },
    { "tcn_infer_b32", "tcn", { { NULL } }, 168, 24, 32, VN_KIT_FORWARD },
    { "tcn_train_b32", "tcn", { { NULL } }, 168, 24, 32, VN_KIT_TRAIN },
    { "transformer_nixtla_infer_b1", TRANSFORMER, 168, 24, 1, VN_KIT_FORWARD, ATTEND },
    { "transformer_nixtla_infer_b32", TRANSFORMER, 168, 24, 32, VN_KIT_FORWARD, ATTEND },
    { "transformer_nixtla_train_b32", TRANSFORMER, 168, 24, 32, VN_KIT_TRAIN, ATTEND },
    { "transformer_infer_b32", "transformer", { { NULL } }, 168, 24, 32, VN_KIT_FORWARD, ATTEND },
    { "transformer_train_b32", "transformer", { { NULL } }, 168, 24, 32, VN_KIT_TRAIN, ATTEND },
    { "deepar_paths1000_b16", DEEPAR, 216, 48, 16, VN_KIT_FORWARD, { 0 }, 1000 },
    { "deepar_train_b32", DEEPAR, 216, 48, 32, VN_KIT_TRAIN },
    { "nhits_infer_b1", NHITS, 168, 24, 1, VN_KIT_FORWARD, STACKS },
    { "nhits_infer_b32", NHITS, 168, 24, 32, VN_KIT_FORWARD, STACKS },
    { "nhits_infer_b1024", NHITS, 168, 24, 1024, VN_KIT_FORWARD, STACKS },
    { "nhits_train_b32", NHITS, 168, 24, 32, VN_KIT_TRAIN, STACKS },
    { "nhits_train_b1024", NHITS, 168, 24, 1024, VN_KIT_TRAIN, STACKS },
};
enum { N_WORKLOADS = sizeof workloads / sizeof *workloads, WARM = 3, LEAST = 5, MOST = 100000 };

typedef struct setting {
    double seconds, peak;
    int threads;
    const char *level;
    bool profile;
} setting;

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Fastest and median run in microseconds. */
typedef struct times {
    double fastest, median;
} times;

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vn_status measure(vn_kit *kit, const setting *s, times *out)
{
    static double us[MOST];
    int n = 0;
    clockid_t clock = s->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    double until = now_s(clock) + s->seconds;
    for (int i = 0; i < WARM + LEAST || (n < MOST && now_s(clock) < until); i++) {
        vn_plan_set_step(kit->plan, i);
        double begin = now_s(clock);
        VN_TRY(vn_kit_run(kit));
        if (i >= WARM) us[n++] = 1e6 * (now_s(clock) - begin);
    }
    qsort(us, (size_t)n, sizeof *us, by_size);
    *out = (times){ us[0], us[n / 2] };
    return VN_OK;
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

/* The steps of the plan, each with its time. */
static vn_status print_profile(vn_kit *kit, double seconds)
{
    vn_text text = { 0 };
    vn_status st = vn_plan_profile(kit->plan, seconds, &text);
    if (!st && text.s) fputs(text.s, stdout);
    vn_text_close(&text);
    return st;
}

static int run_one(const workload *w, const setting *s)
{
    vn_kit kit = { 0 };
    void *hparams = vn_calloc(1, vn_model_find(w->model)->options_bytes);
    vn_status st = hparams ? set_up(w, s, hparams, &kit) : VN_E_MEMORY;
    times t = { 0 };
    if (!st) st = measure(&kit, s, &t);
    if (!st) {
        vn_plan_info info;
        vn_plan_about(kit.plan, &info);
        bench_run run = { w->B, w->mode == VN_KIT_TRAIN, s->threads, s->peak };
        double floor = bench_floor_us(&w->work, &run);
        printf("%-28s %10.1f %10.1f %10.1f %6.3f %7.1f\n", w->name, t.fastest, t.median, floor,
               floor / t.fastest, 1e-3 * info.flops / t.fastest);
        if (s->profile) st = print_profile(&kit, s->seconds);
        fflush(stdout);
    }
    if (st) fprintf(stderr, "%s: %s\n", w->name, vn_last_message());
    vn_kit_close(&kit);
    vn_free(hparams);
    return st != VN_OK;
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
    if (argc > 1 && !strcmp(argv[1], "--profile")) {
        s.profile = true;
        at = 2;
    }
    for (; at + 1 < argc && !strncmp(argv[at], "--", 2); at += 2) {
        if (!strcmp(argv[at], "--seconds")) s.seconds = atof(argv[at + 1]);
        if (!strcmp(argv[at], "--threads")) s.threads = atoi(argv[at + 1]);
        if (!strcmp(argv[at], "--level")) s.level = argv[at + 1];
    }
    s.peak = bench_peak_flops(s.threads);
    printf("# %d threads, peak %.1f Gflop/s f32\n# workload us median floor share Gflop/s\n", s.threads,
           1e-9 * s.peak);
    for (int i = 0; i < N_WORKLOADS; i++)
        if (chosen(workloads[i].name, argv + at, argc - at)) failed |= run_one(&workloads[i], &s);
    return failed;
}

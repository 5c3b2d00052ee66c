/* What a training loss costs with its gradient, against what its bytes cost:
 *
 *     vane_bench_losses [--seconds 1] [--threads 2] [--level avx2] [WORKLOAD...]
 *
 * prints `workload us bytes_us share`: the fastest of all runs of a plan that is the loss and the
 * gradient in the forecast alone (forecast, y and mask lie in memory, as after a network); the time
 * of reading forecast, y and mask once and writing the gradient once at the rate of a copy between
 * buffers of that size, measured in this run; and bytes_us / us. A loss and its gradient are two
 * kernels, for the gradient needs the sum of the weights, over all ranks: they read everything
 * twice. WORKLOAD selects by prefix; bench/peers/losses.py has the same names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/philox.h"
#include "bench/peak.h"
#include "graph/build.h"
#include "graph/plan/plan.h"

typedef struct workload {
    const char *name;
    int64_t B, H, Q; /* Q = 0: mean squared error */
} workload;

/* "1e5" counts the numbers of the forecast. */
static const workload workloads[] = {
    { "quantile9_1e3", 5, 24, 9 },     { "quantile9_1e5", 463, 24, 9 },
    { "quantile9_1e7", 46296, 24, 9 }, { "quantile1_1e3", 42, 24, 1 },
    { "quantile1_1e5", 4167, 24, 1 },  { "quantile1_1e7", 416667, 24, 1 },
    { "mse_1e5", 4167, 24, 0 },
};
enum { N_WORKLOADS = sizeof workloads / sizeof *workloads, WARM = 3, LEAST = 5, MAX_Q = 9 };

typedef struct setting {
    double seconds;
    int threads;
    const char *level;
} setting;

typedef struct bench {
    vn_device *dev;
    vn_params *params;
    vn_graph *g;
    vn_plan *plan;
    vn_val yhat, y, mask;
} bench;

static vn_val loss_of(bench *b, const workload *w)
{
    vn_val num, den, out[VN_MAX_OUT];
    if (!w->Q) {
        vn_attr_loss attr = { .kind = VN_LOSS_MSE };
        vn_loss_of(b->g, &attr, b->yhat, b->y, b->mask, 0, 0, &num, &den);
        return vn_div(b->g, num, den);
    }
    double q[MAX_Q];
    for (int64_t i = 0; i < w->Q; i++) q[i] = w->Q == 1 ? 0.9 : 0.1 * (double)(i + 1);
    vn_val in[] = { b->yhat, b->y, b->mask, 0, vn_const(b->g, "q", VN_DIMS(w->Q), q) };
    vn_emit(b->g, VN_OP_QLOSS, in, 5, NULL, out);
    return vn_div(b->g, out[0], out[1]);
}

static void feed(bench *b, vn_val v, int64_t n, uint64_t stream)
{
    float *to = vn_plan_feed(b->plan, v);
    for (int64_t i = 0; i < n; i++)
        to[i] = stream ? 2 * vn_uniform24(vn_random4(1, stream, (uint64_t)i).v[0]) - 1 : 1;
}

static vn_status open_bench(const workload *w, const setting *s, bench *b)
{
    vn_device_config device = { s->threads, s->level };
    int64_t Q = w->Q ? w->Q : 1;
    vn_val slope = 0;
    *b = (bench){ 0 };
    VN_TRY(vn_device_open("cpu", 0, &device, &b->dev));
    VN_TRY(vn_params_open(&b->params));
    VN_TRY(vn_graph_open(VN_F32, b->params, &b->g));
    b->yhat = vn_input(b->g, "yhat", VN_F32, VN_DIMS(w->B, w->H, Q));
    b->y = vn_input(b->g, "y", VN_F32, VN_DIMS(w->B, w->H, 1));
    b->mask = vn_input(b->g, "mask", VN_F32, VN_DIMS(w->B, w->H, 1));
    vn_val loss = loss_of(b, w);
    vn_gradients(b->g, loss, &b->yhat, 1, &slope);
    vn_output(b->g, loss);
    vn_output(b->g, slope);
    VN_TRY(vn_params_layout(b->params));
    VN_TRY(vn_graph_finish(b->g));
    vn_plan_config config = { .dev = b->dev, .seed = 1, .version = &b->params->version };
    VN_TRY(vn_plan_make(b->g, &config, &b->plan));
    feed(b, b->yhat, w->B * w->H * Q, 1);
    feed(b, b->y, w->B * w->H, 2);
    feed(b, b->mask, w->B * w->H, 0);
    return VN_OK;
}

static void close_bench(bench *b)
{
    vn_plan_close(b->plan);
    vn_graph_close(b->g);
    vn_params_close(b->params);
    if (b->dev) vn_device_close(b->dev);
}

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The fastest run in microseconds; below 0 after a failure. */
static double fastest_us(bench *b, const setting *s)
{
    clockid_t clock = s->threads == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC;
    double best = 1e30, until = now_s(clock) + s->seconds;
    for (int i = 0; i < WARM + LEAST || now_s(clock) < until; i++) {
        double begin = now_s(clock);
        if (vn_plan_run(b->plan)) return -1;
        double us = 1e6 * (now_s(clock) - begin);
        if (i >= WARM && us < best) best = us;
    }
    return best;
}

static int run_one(const workload *w, const setting *s)
{
    bench b;
    vn_status st = open_bench(w, s, &b);
    double us = st ? -1 : fastest_us(&b, s);
    double steps = (double)(w->B * w->H), bytes = 4 * steps * (2 * (double)(w->Q ? w->Q : 1) + 2);
    if (us < 0) {
        fprintf(stderr, "%s: %s\n", w->name, vn_last_message());
    } else {
        double bytes_us = 1e6 * bytes / bench_copy_rate(s->threads, (size_t)bytes);
        printf("%-16s %10.2f %10.2f %6.3f\n", w->name, us, bytes_us, bytes_us / us);
        fflush(stdout);
    }
    close_bench(&b);
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
    printf("# %d threads\n# workload us bytes_us share\n", s.threads);
    for (int i = 0; i < N_WORKLOADS; i++)
        if (chosen(workloads[i].name, argv + at, argc - at)) failed |= run_one(&workloads[i], &s);
    return failed;
}

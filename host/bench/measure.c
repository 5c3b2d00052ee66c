/* The clock around a workload. */
#include <time.h>

#include "base/fault.h"
#include "host/bench/bench.h"

/* A sample of less says more of the clock, which takes up to half a microsecond, than of the
 * workload. */
static const double least_sample_s = 20e-6;

enum { WARM = 3, LEAST = 5, CALLS_MOST = 1 << 20 };

static double now_s(const vn_sampling *how)
{
    struct timespec t;
    clock_gettime(how->process_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vn_status run_s(const vn_bench_item *item, const vn_sampling *how, int64_t calls, double *s)
{
    double begin = now_s(how);
    for (int64_t i = 0; i < calls; i++) VN_TRY(item->run(item->ctx));
    *s = now_s(how) - begin;
    return VN_OK;
}

/* Calls that make a sample long enough. Paced calls are single ones: what comes after a pause is
 * what is asked. */
static vn_status find_calls(const vn_bench_item *item, const vn_sampling *how, int64_t *calls)
{
    double s = 0;
    *calls = 1;
    for (int i = 0; i < WARM; i++) VN_TRY(run_s(item, how, 1, &s));
    while (how->rate <= 0 && *calls < CALLS_MOST) {
        VN_TRY(run_s(item, how, *calls, &s));
        if (s >= least_sample_s) break;
        *calls *= 2;
    }
    return VN_OK;
}

static void pause_s(double s)
{
    struct timespec t = { (time_t)s, (long)(1e9 * (s - (double)(time_t)s)) };
    nanosleep(&t, NULL);
}

vn_status vn_bench_measure(const vn_bench_item *item, const vn_sampling *how, vn_round *round)
{
    const vn_sampling wall = { .process_time = false };
    vn_status st = VN_OK;
    *round = (vn_round){ 0 };
    VN_TRY(find_calls(item, how, &round->calls));
    int64_t most = how->most < LEAST ? LEAST : how->most;
    round->us = vn_malloc((size_t)most * sizeof *round->us);
    if (!round->us) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    double until = now_s(&wall) + how->seconds, s = 0;
    while (round->n < most && (round->n < LEAST || now_s(&wall) < until)) {
        if (how->rate > 0) pause_s(1 / how->rate);
        VN_TRY_DONE(run_s(item, how, round->calls, &s));
        /* As f32, the precision they are written with: what is read back is what was. */
        round->us[round->n++] = (double)(float)(1e6 * s / (double)round->calls);
    }
done:
    if (!st) return VN_OK;
    vn_free(round->us);
    *round = (vn_round){ 0 };
    return st;
}

void vn_bench_close(vn_bench_item *item)
{
    if (item->close) item->close(item->ctx);
    *item = (vn_bench_item){ 0 };
}

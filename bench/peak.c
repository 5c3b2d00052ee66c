/* The most multiply-adds this machine does: chains of fused products in registers, no memory; and
 * the most bytes it moves. Compiled for the machine it is built on. */
#include "bench/peak.h"

#include <string.h>
#include <time.h>

#include "base/fault.h"
#include "base/team.h"

enum { CHAINS = 12, ROUNDS = 200000, TRIES = 20 };

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void spin(void *arg, vn_lane *lane)
{
    volatile float *sink = arg;
    vec c[CHAINS], a, b;
    for (int i = 0; i < LANES; i++) a[i] = 0.5f + sink[0], b[i] = 0.25f;
    for (int k = 0; k < CHAINS; k++) c[k] = a + (float)k;
    for (int n = 0; n < ROUNDS; n++)
        for (int k = 0; k < CHAINS; k++) c[k] = c[k] * a + b; /* -ffp-contract=fast: one product */
    for (int k = 1; k < CHAINS; k++) c[0] += c[k];
    sink[1 + lane->rank] = c[0][0];
}

double bench_peak_flops(int threads)
{
    vn_team *team;
    float sink[1025] = { 0 };
    double best = 0;
    if (vn_team_open(threads, &team)) return 0;
    for (int i = 0; i < TRIES; i++) {
        double begin = now_s();
        vn_team_run(team, 0, spin, sink);
        double s = now_s() - begin;
        double rate = 2.0 * CHAINS * LANES * ROUNDS * vn_team_size(team) / s;
        if (rate > best) best = rate;
    }
    vn_team_close(team);
    return best;
}

/* ---- bytes ---- */

typedef struct copying {
    char *from, *to;
    size_t bytes; /* of each */
    int rounds;
} copying;

/* Whole vectors; the rest of a lane's part is less than one. */
static void copy_part(void *arg, vn_lane *lane)
{
    const copying *c = arg;
    size_t lo = c->bytes * (size_t)lane->rank / (size_t)lane->size / 64 * 64;
    size_t hi = c->bytes * (size_t)(lane->rank + 1) / (size_t)lane->size / 64 * 64;
    for (int k = 0; k < c->rounds; k++) {
        for (size_t i = lo; i < hi; i += sizeof(vec)) {
            vec v;
            memcpy(&v, c->from + i, sizeof v);
            memcpy(c->to + i, &v, sizeof v);
        }
        __asm__ volatile("" ::: "memory"); /* every round counts */
    }
}

double bench_copy_rate(int threads, size_t bytes)
{
    vn_team *team;
    double best = 0;
    size_t half = bytes / 2 + 64;
    copying c = { vn_alloc_aligned(half, 64), vn_alloc_aligned(half, 64), half,
                  1 + (int)(20000000 / half) };
    if (c.from && c.to && !vn_team_open(threads, &team)) {
        memset(c.from, 1, half);
        memset(c.to, 1, half);
        for (int i = 0; i < TRIES; i++) {
            double begin = now_s();
            vn_team_run(team, 0, copy_part, &c);
            double rate = 2.0 * (double)half * c.rounds / (now_s() - begin);
            if (rate > best) best = rate;
        }
        vn_team_close(team);
    }
    vn_free_aligned(c.from, half);
    vn_free_aligned(c.to, half);
    return best;
}

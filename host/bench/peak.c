/* The most multiply-adds this processor does: chains of fused products in registers, no memory; and
 * the most bytes it moves. Compiled with -ffp-contract=fast, so that a * b + c is one product where
 * the instruction set has it. */
#include "host/bench/peak.h"

#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "base/team.h"

enum { CHAINS = 12, ROUNDS = 200000, TRIES = 20, TRIES_LEAST = 5, MAX_LANES = 1024 };

/* Of trying; large copies take long. */
static const double enough_s = 0.03;

typedef float vec4 __attribute__((vector_size(16)));
typedef float vec8 __attribute__((vector_size(32)));
typedef float vec16 __attribute__((vector_size(64)));

/* One body for each width, for a compiler keeps the vectors of a function in the registers of that
 * function's target alone. */
#define SPIN(name, vec, attribute)                                \
    attribute static void name(void *arg, vn_lane *lane)          \
    {                                                             \
        volatile float *sink = arg;                               \
        vec c[CHAINS], a = { 0 }, b = { 0 };                      \
        a += 0.5f + sink[0], b += 0.25f;                          \
        for (int k = 0; k < CHAINS; k++) c[k] = a + (float)k;     \
        for (int n = 0; n < ROUNDS; n++)                          \
            for (int k = 0; k < CHAINS; k++) c[k] = c[k] * a + b; \
        for (int k = 1; k < CHAINS; k++) c[0] += c[k];            \
        sink[1 + lane->rank % MAX_LANES] = c[0][0];               \
    }

SPIN(spin4, vec4, )
#if defined(__x86_64__)
SPIN(spin8, vec8, __attribute__((target("avx2,fma"))))
SPIN(spin16, vec16, __attribute__((target("avx512f"))))
#endif

typedef struct width {
    void (*spin)(void *arg, vn_lane *lane);
    int lanes;
} width;

static width widest(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return (width){ spin16, 16 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return (width){ spin8, 8 };
#endif
    return (width){ spin4, 4 };
}

double vn_peak_flops(int threads)
{
    vn_team *team;
    float sink[1 + MAX_LANES] = { 0 };
    double best = 0;
    width w = widest();
    if (vn_team_open(threads, &team)) return 0;
    double until = vn_now_s() + enough_s;
    for (int i = 0; i < TRIES && (i < TRIES_LEAST || vn_now_s() < until); i++) {
        double begin = vn_now_s();
        vn_team_run(team, 0, w.spin, sink);
        double s = vn_now_s() - begin;
        double rate = 2.0 * CHAINS * w.lanes * ROUNDS * vn_team_size(team) / s;
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
        memcpy(c->to + lo, c->from + lo, hi - lo);
        __asm__ volatile("" ::: "memory"); /* every round counts */
    }
}

double vn_copy_rate(int threads, size_t bytes)
{
    vn_team *team;
    double best = 0;
    size_t half = bytes / 2 + 64;
    copying c = { vn_alloc_aligned(half, 64), vn_alloc_aligned(half, 64), half,
                  1 + (int)(20000000 / half) };
    if (c.from && c.to && !vn_team_open(threads, &team)) {
        memset(c.from, 1, half);
        memset(c.to, 1, half);
        double until = vn_now_s() + enough_s;
        for (int i = 0; i < TRIES && (i < TRIES_LEAST || vn_now_s() < until); i++) {
            double begin = vn_now_s();
            vn_team_run(team, 0, copy_part, &c);
            double rate = 2.0 * (double)half * c.rounds / (vn_now_s() - begin);
            if (rate > best) best = rate;
        }
        vn_team_close(team);
    }
    vn_free_aligned(c.from, half);
    vn_free_aligned(c.to, half);
    return best;
}

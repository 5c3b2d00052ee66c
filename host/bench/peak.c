/* The most multiply-adds this processor does: chains of fused products in registers, no memory; the most vector
 * operations of any kind, and what quotients cost; and the most bytes it moves. Compiled with -ffp-contract=fast, so
 * that a * b + c is one product where the instruction set has it. */
#include "host/bench/peak.h"

#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "base/team.h"

enum { CHAINS = 12, MIXED = 7, QUOTIENTS = 2, ROUNDS = 200000, TRIES = 20, TRIES_LEAST = 5, MAX_LANES = 1024 };

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

/* Sums beside fused products, each of them in chains of their own. */
#define MIX(name, vec, attribute)                                               \
    attribute static void name(void *arg, vn_lane *lane)                        \
    {                                                                           \
        volatile float *sink = arg;                                             \
        vec c[MIXED], d[MIXED], a = { 0 }, b = { 0 };                           \
        a += 0.5f + sink[0], b += 0.25f;                                        \
        for (int k = 0; k < MIXED; k++) c[k] = a + (float)k, d[k] = c[k];       \
        for (int n = 0; n < ROUNDS; n++)                                        \
            for (int k = 0; k < MIXED; k++) c[k] = c[k] * a + b, d[k] += b;     \
        for (int k = 0; k < MIXED; k++) c[0] += c[k] + d[k];                    \
        sink[1 + lane->rank % MAX_LANES] = c[0][0];                             \
    }

/* Quotients beside the fused products of `spin`, which a divider may hold up. */
#define DIVIDE(name, vec, attribute)                                                  \
    attribute static void name(void *arg, vn_lane *lane)                              \
    {                                                                                 \
        volatile float *sink = arg;                                                   \
        vec c[CHAINS], q[QUOTIENTS], a = { 0 }, b = { 0 };                            \
        a += 0.5f + sink[0], b += 0.25f;                                              \
        for (int k = 0; k < CHAINS; k++) c[k] = a + (float)k, q[k % QUOTIENTS] = c[k]; \
        for (int n = 0; n < ROUNDS; n++) {                                            \
            for (int k = 0; k < CHAINS; k++) c[k] = c[k] * a + b;                     \
            for (int k = 0; k < QUOTIENTS; k++) q[k] = a / q[k];                      \
        }                                                                             \
        for (int k = 0; k < CHAINS; k++) c[0] += c[k] + q[k % QUOTIENTS];             \
        sink[1 + lane->rank % MAX_LANES] = c[0][0];                                   \
    }

#define WIDTH(n, attribute)                \
    SPIN(spin##n, vec##n, attribute)       \
    MIX(mix##n, vec##n, attribute)         \
    DIVIDE(divide##n, vec##n, attribute)

WIDTH(4, )
#if defined(__x86_64__)
WIDTH(8, __attribute__((target("avx2,fma"))))
WIDTH(16, __attribute__((target("avx512f"))))
#endif

typedef struct width {
    void (*spin)(void *arg, vn_lane *lane), (*mix)(void *arg, vn_lane *lane);
    void (*divide)(void *arg, vn_lane *lane);
    int lanes;
} width;

static width widest(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) return (width){ spin16, mix16, divide16, 16 };
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (width){ spin8, mix8, divide8, 8 };
#endif
    return (width){ spin4, mix4, divide4, 4 };
}

/* The most a second of what every lane does `each` times in `body`. */
static double best_rate(vn_team *team, void (*body)(void *arg, vn_lane *lane), double each)
{
    float sink[1 + MAX_LANES] = { 0 };
    double best = 0, until = vn_now_s() + enough_s;
    for (int i = 0; i < TRIES && (i < TRIES_LEAST || vn_now_s() < until); i++) {
        double begin = vn_now_s();
        vn_team_run(team, 0, body, sink);
        double rate = each * vn_team_size(team) / (vn_now_s() - begin);
        if (rate > best) best = rate;
    }
    return best;
}

double vn_peak_flops(int threads)
{
    vn_team *team;
    width w = widest();
    if (vn_team_open(threads, &team)) return 0;
    double rate = best_rate(team, w.spin, 2.0 * CHAINS * w.lanes * ROUNDS);
    vn_team_close(team);
    return rate;
}

vn_peak vn_peak_vectors(int threads)
{
    vn_team *team;
    width w = widest();
    if (vn_team_open(threads, &team)) return (vn_peak){ 0, 0 };
    double rounds = (double)w.lanes * ROUNDS, products = best_rate(team, w.spin, rounds);
    double any = best_rate(team, w.mix, 2 * MIXED * rounds), both = best_rate(team, w.divide, rounds);
    vn_team_close(team);
    double quotient = both > 0 && products > 0 ? (1 / both - 1 / products) / QUOTIENTS : 0;
    return (vn_peak){ any, quotient > 0 ? quotient : 0 };
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

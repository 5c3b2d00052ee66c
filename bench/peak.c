/* The most multiply-adds this machine does: chains of fused products in registers, no memory.
 * Compiled for the machine it is built on. */
#include "bench/peak.h"

#include <time.h>

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

/* Statistics of timings; see stats.h. */
#include "host/bench/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"

enum { EXACT_MOST = 400, RESAMPLES = 2000 };

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void vn_sort(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
}

double vn_median_sorted(const double *x, int64_t n)
{
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* P(U <= u) where all orders of n and m values are equally likely. ways[j][k], updated in place for
 * i = 1 .. n: orders of i of the first and j of the second with U = k. */
static vn_status exact_tail(int64_t n, int64_t m, int64_t u, double *tail)
{
    int64_t top = n * m + 1;
    double *ways = vn_calloc((size_t)((m + 1) * top), sizeof *ways);
    if (!ways) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t j = 0; j <= m; j++) ways[j * top] = 1; /* i = 0: one order, U = 0 */
    for (int64_t i = 1; i <= n; i++)
        for (int64_t j = 1; j <= m; j++) /* the largest is a b, or an a above j b's */
            for (int64_t k = i * j; k >= 0; k--)
                ways[j * top + k] = (k >= j ? ways[j * top + k - j] : 0) + ways[(j - 1) * top + k];
    double all = 0, below = 0;
    for (int64_t k = 0; k < top; k++) {
        all += ways[m * top + k];
        if (k <= u) below += ways[m * top + k];
    }
    vn_free(ways);
    *tail = below / all;
    return VN_OK;
}

typedef struct tagged {
    double x;
    bool second;
} tagged;

static int by_value(const void *a, const void *b)
{
    double x = ((const tagged *)a)->x, y = ((const tagged *)b)->x;
    return (x > y) - (x < y);
}

/* Sum of the ranks of the first sample, equal values sharing their mean rank, and sum of t^3 - t
 * over groups of t equal values. */
static vn_status rank_sum(const double *a, int64_t n, const double *b, int64_t m, double *sum,
                          double *ties)
{
    int64_t all = n + m;
    tagged *t = vn_malloc((size_t)all * sizeof *t);
    if (!t) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < all; i++)
        t[i] = i < n ? (tagged){ a[i], false } : (tagged){ b[i - n], true };
    qsort(t, (size_t)all, sizeof *t, by_value);
    *sum = *ties = 0;
    for (int64_t i = 0, end; i < all; i = end) {
        for (end = i; end < all && t[end].x == t[i].x;) end++;
        double equal = (double)(end - i), rank = (double)(i + end + 1) / 2;
        *ties += equal * equal * equal - equal;
        for (int64_t k = i; k < end; k++)
            if (!t[k].second) *sum += rank;
    }
    vn_free(t);
    return VN_OK;
}

vn_status vn_mann_whitney(const double *a, int64_t n, const double *b, int64_t m, double *p)
{
    double sum = 0, ties = 0, tail = 0;
    *p = 1;
    if (n < 1 || m < 1) return VN_OK;
    VN_TRY(rank_sum(a, n, b, m, &sum, &ties));
    double N = (double)n, M = (double)m, all = N + M;
    double u = sum - N * (N + 1) / 2;
    if (u > N * M - u) u = N * M - u; /* the smaller of both U */
    if (ties == 0 && n * m <= EXACT_MOST) {
        VN_TRY(exact_tail(n, m, (int64_t)u, &tail));
        *p = fmin(1, 2 * tail);
        return VN_OK;
    }
    double variance = N * M / 12 * (all + 1 - ties / (all * (all - 1)));
    if (variance <= 0) return VN_OK;
    double z = (N * M / 2 - u - 0.5) / sqrt(variance);
    *p = z > 0 ? erfc(z / sqrt(2)) : 1;
    return VN_OK;
}

/* The median of n values drawn from x with replacement; draw number `draw` of stream `stream`. */
static double resampled(const double *x, int64_t n, uint64_t stream, uint64_t draw, double *room)
{
    for (int64_t i = 0; i < n; i++) {
        vn_philox bits = vn_random4(1, stream, draw * (uint64_t)n + (uint64_t)i);
        room[i] = x[vn_below(bits.v[0], bits.v[1], (uint64_t)n)];
    }
    vn_sort(room, n);
    return vn_median_sorted(room, n);
}

vn_status vn_bootstrap_ratio(const double *a, int64_t n, const double *b, int64_t m,
                             vn_interval *out)
{
    int64_t most = n > m ? n : m;
    double *room = vn_malloc((size_t)(most + RESAMPLES) * sizeof *room);
    if (!room) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    double *ratio = room + most;
    for (uint64_t i = 0; i < RESAMPLES; i++) {
        double first = resampled(a, n, 0, i, room);
        ratio[i] = resampled(b, m, 1, i, room) / first;
    }
    vn_sort(ratio, RESAMPLES);
    *out = (vn_interval){ ratio[RESAMPLES / 40], ratio[RESAMPLES - 1 - RESAMPLES / 40] };
    vn_free(room);
    return VN_OK;
}

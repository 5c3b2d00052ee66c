/* Statistics of timings: nothing here assumes a normal distribution, for times have a floor and a
 * tail. */
#ifndef VN_HOST_BENCH_STATS_H
#define VN_HOST_BENCH_STATS_H

#include <stdint.h>

#include "base/status.h"

/* Sort ascending. */
void vn_sort(double *x, int64_t n);

/* The median of x[0 .. n), sorted; n >= 1. */
double vn_median_sorted(const double *x, int64_t n);

/* Two-sided p of the Mann-Whitney test (1947) that a and b come from one distribution: exact where
 * n m <= 400 and no value occurs twice, else by the normal approximation with corrections for ties
 * and continuity. 1 where a or b is empty or all values are equal. MEMORY. */
vn_status vn_mann_whitney(const double *a, int64_t n, const double *b, int64_t m, double *p);

typedef struct vn_interval {
    double lo, hi;
} vn_interval;

/* The central 95 % of median(b) / median(a) over 2,000 resamples of both (percentile bootstrap,
 * Efron 1979), drawn from Philox, so that the same samples give the same interval. n, m >= 1. */
vn_status vn_bootstrap_ratio(const double *a, int64_t n, const double *b, int64_t m,
                             vn_interval *out);

#endif

/* Statistics of windows that are observed whole, as nearly all are: read where they lie, in single
 * precision with sums joined in double every CHUNK vectors. What does not come out well (numbers
 * that are not finite, squares near the ends of the range, a spread too small beside the error of
 * the first mean) is refused, and left to the way that gathers what is observed and sums in double.
 */
#ifndef VN_KERNELS_CPU_SIMD_WHOLE_H
#define VN_KERNELS_CPU_SIMD_WHOLE_H

#include "kernels_cpu/simd/simd.h"

enum { WHOLE_CHAINS = 4, WHOLE_CHUNK = 16 * WHOLE_CHAINS * VF_N };

VF_INLINE vf whole_join(const vf p[WHOLE_CHAINS])
{
    return vf_add(vf_add(p[0], p[1]), vf_add(p[2], p[3]));
}

static inline bool whole_seen(const float *mask, int64_t n)
{
    vf least[WHOLE_CHAINS];
    int64_t i = 0;
    for (int k = 0; k < WHOLE_CHAINS; k++) least[k] = vf_set(1);
    for (; i + WHOLE_CHAINS * VF_N <= n; i += WHOLE_CHAINS * VF_N)
        for (int k = 0; k < WHOLE_CHAINS; k++)
            least[k] = vf_min(vf_abs(vf_load(mask + i + k * VF_N)), least[k]);
    vf all = vf_min(vf_min(least[0], least[1]), vf_min(least[2], least[3]));
    for (; i + VF_N <= n; i += VF_N) all = vf_min(vf_abs(vf_load(mask + i)), all);
    for (; i < n; i++)
        if (mask[i] == 0) return false;
    return vf_count(vf_eq(all, vf_zero())) == 0;
}

/* Of x, or of |x|; not finite where one of them is not. */
VF_INLINE double whole_sum(const float *x, int64_t n, const bool sizes)
{
    vf_acc sum = vf_acc_zero();
    for (int64_t from = 0, end; from < n; from = end) {
        vf p[WHOLE_CHAINS];
        int64_t i = from;
        end = n - from < WHOLE_CHUNK ? n : from + WHOLE_CHUNK;
        for (int k = 0; k < WHOLE_CHAINS; k++) p[k] = vf_zero();
        for (; i + WHOLE_CHAINS * VF_N <= end; i += WHOLE_CHAINS * VF_N)
            for (int k = 0; k < WHOLE_CHAINS; k++) {
                vf v = vf_load(x + i + k * VF_N);
                p[k] = vf_add(p[k], sizes ? vf_abs(v) : v);
            }
        for (; i < end; i += VF_N) {
            vf v = vf_load_upto(x + i, end - i);
            p[0] = vf_add(p[0], sizes ? vf_abs(v) : v);
        }
        sum = vf_acc_add(sum, whole_join(p));
    }
    return vf_acc_sum(sum);
}

/* Sums of the distances from `centre` and of their squares. */
static inline void whole_spread(const float *x, int64_t n, float centre, double out[2])
{
    vf_acc sum = vf_acc_zero(), squares = sum;
    vf c = vf_set(centre);
    float centres[VF_N];
    vf_store(centres, c);
    for (int64_t from = 0, end; from < n; from = end) {
        vf p[WHOLE_CHAINS], q[WHOLE_CHAINS];
        int64_t i = from;
        end = n - from < WHOLE_CHUNK ? n : from + WHOLE_CHUNK;
        for (int k = 0; k < WHOLE_CHAINS; k++) p[k] = q[k] = vf_zero();
        for (; i + WHOLE_CHAINS * VF_N <= end; i += WHOLE_CHAINS * VF_N)
            for (int k = 0; k < WHOLE_CHAINS; k++) {
                vf d = vf_sub(vf_load(x + i + k * VF_N), c);
                p[k] = vf_add(p[k], d);
                q[k] = vf_fma(d, d, q[k]);
            }
        for (; i < end; i += VF_N) { /* past the end both are 0 */
            vf d = vf_sub(vf_load_upto(x + i, end - i), vf_load_upto(centres, end - i));
            p[0] = vf_add(p[0], d);
            q[0] = vf_fma(d, d, q[0]);
        }
        sum = vf_acc_add(sum, whole_join(p));
        squares = vf_acc_add(squares, whole_join(q));
    }
    out[0] = vf_acc_sum(sum);
    out[1] = vf_acc_sum(squares);
}

/* Mean and population standard deviation, by distances from a first mean: exact where it does not
 * matter. */
static inline bool whole_standard(const float *x, int64_t n, double *location, double *scale)
{
    double first = whole_sum(x, n, false) / (double)n, sums[2];
    if (!(fabs(first) < 1e30)) return false;
    whole_spread(x, n, (float)first, sums);
    double shift = sums[0] / (double)n, square = sums[1] / (double)n;
    if (!(square < 1e30 && square > 1e-30 && square > 4 * shift * shift)) return false;
    *location = (double)(float)first + shift;
    *scale = sqrt(square - shift * shift);
    return true;
}

static inline bool whole_mean_abs(const float *x, int64_t n, double *scale)
{
    *scale = whole_sum(x, n, true) / (double)n;
    return isfinite(*scale);
}

/* At least VF_N numbers. */
static inline bool whole_extremes(const float *x, int64_t n, float *low, float *high)
{
    float least[VF_N], most[VF_N];
    vf small = vf_load(x), large = small, odd_small = small, odd_large = small;
    vf rest = vf_zero(), odd = rest; /* x 0 is 0 where x is finite */
    for (int64_t i = 0; i < n; i += 2 * VF_N) {
        int64_t second = i + VF_N <= n - VF_N ? i + VF_N : n - VF_N;
        vf a = vf_load(x + (i <= n - VF_N ? i : n - VF_N)), b = vf_load(x + second);
        small = vf_min(small, a), large = vf_max(large, a), rest = vf_fma(a, vf_zero(), rest);
        odd_small = vf_min(odd_small, b), odd_large = vf_max(odd_large, b);
        odd = vf_fma(b, vf_zero(), odd);
    }
    vf_store(least, vf_min(small, odd_small));
    vf_store(most, vf_max(large, odd_large));
    *low = least[0], *high = most[0];
    for (int i = 1; i < VF_N; i++) {
        *low = least[i] < *low ? least[i] : *low;
        *high = most[i] > *high ? most[i] : *high;
    }
    return vf_count(vf_eq(vf_add(rest, odd), vf_zero())) == VF_N;
}

#endif

/* lnGamma, its derivative and its differences for a vector of positive numbers, as device/dist.h
 * has them for one; there every lane below 8 is taken 8 steps up at once.
 *
 * Measured against long double: lnGamma within 3e-7 of max(1, |lnGamma|), digamma within 4e-7 of
 * max(1, |digamma|). */
#ifndef VN_KERNELS_CPU_SIMD_GAMMA_H
#define VN_KERNELS_CPU_SIMD_GAMMA_H

#include "kernels_cpu/simd/math.h"

/* What Stirling's formula leaves of lnGamma(z), z >= 8. */
VF_INLINE vf vf_stirling_rest(vf z)
{
    vf i = vf_div(vf_set(1), z), s = vf_mul(i, i);
    vf sum = vf_fma(s, vf_set((float)(1.0 / 1260)), vf_set((float)(-1.0 / 360)));
    return vf_mul(vf_fma(sum, s, vf_set((float)(1.0 / 12))), i);
}

/* x (x + 1) ... (x + 7) */
VF_INLINE vf vf_rising8(vf x)
{
    vf t = vf_mul(x, vf_add(x, vf_set(7))); /* (x + i) (x + 7 - i) = t + i (7 - i) */
    vf low = vf_mul(t, vf_add(t, vf_set(6)));
    return vf_mul(low, vf_mul(vf_add(t, vf_set(10)), vf_add(t, vf_set(12))));
}

VF_INLINE vf vf_lgamma(vf x)
{
    vf_mask small = vf_lt(x, vf_set(8));
    vf z = vf_pick(small, vf_add(x, vf_set(8)), x);
    vf below = vf_log(vf_pick(small, vf_rising8(x), vf_set(1)));
    vf y = vf_sub(vf_mul(vf_sub(z, vf_set(0.5f)), vf_log(z)), z);
    y = vf_add(vf_sub(y, below), vf_set(0.918938533f));
    return vf_add(y, vf_stirling_rest(z));
}

VF_INLINE vf vf_digamma(vf x)
{
    vf_mask small = vf_lt(x, vf_set(8));
    vf z = vf_pick(small, vf_add(x, vf_set(8)), x);
    vf t = vf_mul(x, vf_add(x, vf_set(7))), two = vf_add(t, t);
    vf first = vf_div(vf_add(two, vf_set(6)), vf_mul(t, vf_add(t, vf_set(6))));
    vf second = vf_div(vf_add(two, vf_set(22)),
                       vf_mul(vf_add(t, vf_set(10)), vf_add(t, vf_set(12))));
    vf below = vf_mul(vf_fma(vf_set(2), x, vf_set(7)), vf_add(first, second));
    vf i = vf_div(vf_set(1), z), s = vf_mul(i, i);
    vf rest = vf_fma(s, vf_set((float)(-1.0 / 252)), vf_set((float)(1.0 / 120)));
    rest = vf_fma(rest, s, vf_set((float)(-1.0 / 12)));
    vf y = vf_fma(rest, s, vf_fnma(vf_set(0.5f), i, vf_log(z)));
    return vf_sub(y, vf_pick(small, below, vf_zero()));
}

/* lnGamma(a + d) - lnGamma(a) for a >= 1 and -1 < d < 1e15; d < a where a < 8. */
VF_INLINE vf vf_lgamma_step(vf a, vf d)
{
    vf_mask small = vf_lt(a, vf_set(8.5f)); /* so that a + d stays above 7.5 otherwise */
    vf ratio = vf_div(vf_rising8(vf_add(a, d)), vf_rising8(a));
    vf below = vf_log(vf_pick(small, ratio, vf_set(1)));
    vf z = vf_pick(small, vf_add(a, vf_set(8)), a), b = vf_add(z, d);
    vf y = vf_mul(vf_sub(z, vf_set(0.5f)), vf_log1p(vf_div(d, z)));
    y = vf_sub(vf_fma(d, vf_log(b), y), d);
    y = vf_add(y, vf_sub(vf_stirling_rest(b), vf_stirling_rest(z)));
    return vf_sub(y, below);
}

#endif

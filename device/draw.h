/* One draw from a distribution of dists.def, a pure function of its parameters and a counter, so
 * that a path is the same whatever thread or batch computes it.
 *
 * Real numbers come without rejection: Box and Muller (1958), Bailey's form of it for Student's t
 * (Mathematics of Computation 62, 1994), the inverse for Laplace. Counts come from a Poisson draw
 * (inversion below a mean of 10, above it Hoermann's transformed rejection, 1993), whose mean the
 * negative binomial draws from a gamma distribution (Marsaglia and Tsang 2000); in double, a
 * rejected attempt going on with another key of the same counter. */
#ifndef VN_DEVICE_DRAW_H
#define VN_DEVICE_DRAW_H

#include "base/philox.h"
#include "device/dist.h"

#define VN_DRAW_ATTEMPTS 64 /* of a rejection: one in 10 fails, so the last is never reached */
#define VN_TWO_PI 6.283185307179586476925286766559

typedef struct vn_draw_at {
    uint32_t key0, key1;
    vn_philox counter;
} vn_draw_at;

VN_SHARED vn_philox vn_draw_words(const vn_draw_at *at, uint32_t attempt)
{
    return vn_philox4x32(at->counter, at->key0, at->key1 + attempt);
}

/* In (0, 1), 53 bits of two words. */
VN_SHARED double vn_draw_open(uint32_t a, uint32_t b)
{
    return ((double)(a >> 5) * 67108864.0 + (double)(b >> 6) + 0.5) / 9007199254740992.0;
}

/* cos(2 pi v) for v in (0, 1). CUDA's cos of any argument keeps digits of pi on the stack. */
VN_SHARED double vn_draw_turn_f64(double v)
{
#ifdef __CUDACC__
    return cospi(2 * v);
#else
    return cos(VN_TWO_PI * v);
#endif
}

VN_SHARED float vn_draw_turn_f32(float v)
{
#ifdef __CUDACC__
    return cospif(2 * v);
#else
    return cosf((float)VN_TWO_PI * v);
#endif
}

VN_SHARED double vn_draw_gamma(double shape, const vn_draw_at *at, uint32_t *attempt)
{
    double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d), value = d;
    vn_philox w = vn_draw_words(at, (*attempt)++);
    double below = shape < 1 ? pow(vn_draw_open(w.v[0], w.v[1]), 1 / shape) : 1;
    for (int i = 0; i < VN_DRAW_ATTEMPTS; i++) {
        w = vn_draw_words(at, (*attempt)++);
        double x = sqrt(-2 * log(vn_draw_open(w.v[0], 0))) * vn_draw_turn_f64(vn_draw_open(w.v[1], 0));
        double v = (1 + c * x) * (1 + c * x) * (1 + c * x);
        if (v <= 0) continue;
        value = d * v;
        if (log(vn_draw_open(w.v[2], w.v[3])) < x * x / 2 + d * (1 - v + log(v))) break;
    }
    return value * below;
}

VN_SHARED double vn_draw_poisson_few(double mean, double u)
{
    double p = exp(-mean), k = 0;
    for (; u > p && k < 200; k++) {
        u -= p;
        p *= mean / (k + 1);
    }
    return k;
}

VN_SHARED double vn_draw_poisson(double mean, const vn_draw_at *at, uint32_t attempt)
{
    vn_philox w = vn_draw_words(at, attempt);
    if (mean < 10) return vn_draw_poisson_few(mean, vn_draw_open(w.v[0], w.v[1]));
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b, k = floor(mean);
    double top = 1.1239 + 1.1328 / (b - 3.4), squeeze = 0.9277 - 3.6224 / (b - 2);
    for (int i = 0; i < VN_DRAW_ATTEMPTS; i++) {
        w = vn_draw_words(at, attempt++);
        double u = vn_draw_open(w.v[0], w.v[1]) - 0.5, v = vn_draw_open(w.v[2], w.v[3]);
        double us = 0.5 - fabs(u), here = floor((2 * a / us + b) * u + mean + 0.43);
        bool inside = us >= 0.07 && v <= squeeze;
        if (!inside && (here < 0 || (us < 0.013 && v > us))) continue;
        if (!inside && log(v * top / (a / (us * us) + b)) >
                           here * log(mean) - mean - vn_lgamma_f64(here + 1))
            continue;
        return here;
    }
    return k;
}

/* A count of this mean; `failures` is the negative binomial's number of them, 0 for Poisson. */
VN_SHARED double vn_draw_count(double mean, double failures, const vn_draw_at *at)
{
    uint32_t attempt = 1;
    if (!(mean < 1e15)) return mean; /* beyond: one more or less is no longer a double */
    if (failures > 0) mean *= vn_draw_gamma(failures, at, &attempt) / failures;
    return vn_draw_poisson(mean, at, attempt);
}

#define VN_FORMULAS "device/draw_real.h"
#include "device/both_real.h"

#endif

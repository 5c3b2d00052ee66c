/* Which points a resampled point is made of: the weights of interp1d and its adjoint, shared by all
 * kernels (N-HiTS spreads its knots over the horizon with them). */
#ifndef VN_DEVICE_INTERP_H
#define VN_DEVICE_INTERP_H

#include <math.h>

#include "device/kernel.h"

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif

/* Point j of the result is the sum of weight[i] x[at[i]] over i < n. */
typedef struct vn_taps {
    int n;
    int64_t at[4];
    double weight[4];
} vn_taps;

/* Keys's cubic convolution kernel with a = -0.75 at distance d (Keys 1981). */
VN_SHARED double vn_cubic_weight(double d)
{
    const double a = -0.75;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
}

/* The taps of point j when `from` points become `to`: half-pixel centres, ends held. */
VN_SHARED vn_taps vn_interp_taps(int64_t mode, int64_t from, int64_t to, int64_t j)
{
    vn_taps t = { 1, { 0 }, { 1 } };
    if (mode == VN_INTERP_NEAREST) {
        t.at[0] = j * from / to;
        return t;
    }
    double s = ((double)j + 0.5) * (double)from / (double)to - 0.5;
    if (mode == VN_INTERP_LINEAR && s < 0) s = 0;
    double low = floor(s), part = s - low;
    t.n = mode == VN_INTERP_CUBIC ? 4 : 2;
    for (int i = 0; i < t.n; i++) {
        int64_t at = (int64_t)low + i - (t.n == 4);
        t.at[i] = at < 0 ? 0 : at < from ? at : from - 1;
        if (t.n == 4) t.weight[i] = vn_cubic_weight(fabs(part + 1 - i));
    }
    if (t.n == 2) {
        t.weight[0] = 1 - part;
        t.weight[1] = part;
    }
    return t;
}

#endif

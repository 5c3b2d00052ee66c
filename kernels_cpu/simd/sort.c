/* Rows in ascending order: a vector pass for NaN, then by radix (base/sort.h) while the row is in
 * the first cache. */
#include <math.h>
#include <string.h>

#include "base/sort.h"
#include "kernels_cpu/gemm/lanes.h"
#include "kernels_cpu/simd/math.h"

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)vn_last_dim(&c->in[0]) * sizeof(float) };
}

static bool has_nan(const float *x, int64_t n)
{
    vf bad = vf_zero(); /* 0 x is 0 or, of NaN and infinity, NaN */
    for (int64_t i = 0; i < n; i += VF_N) bad = vf_fma(vf_load_upto(x + i, n - i), vf_zero(), bad);
    if (!isnan(vf_sum(bad))) return false;
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i])) return true;
    return false;
}

static void sort(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, n = vn_last_dim(&c->in[0]);
    float *room = vn_cpu_scratch(s);
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_TILE ? VN_TILE / n : 1, &lo, &hi);
    if (!c->out[0].data) return;
    for (int64_t r = lo; r < hi; r++) {
        const float *x = (const float *)c->in[0].data + r * n;
        float *y = (float *)c->out[0].data + r * n;
        bool broken = has_nan(x, n);
        memmove(y, x, (size_t)n * sizeof *y);
        if (!broken) vn_sort_f32(y, room, (size_t)n);
        for (int64_t i = 0; broken && i < n; i++) y[i] = NAN;
    }
}

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(sort) = { VN_SIMD_NAME(sort), VN_SIMD_NEED, unfit, scratch, sort };

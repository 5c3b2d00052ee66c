/* Elementwise functions of one tensor, forward and backward, and a x + b. Bound by memory except
 * for the transcendental ones. */
#include "kernels_cpu/simd/math.h"

/* Past the caches, where y would only drive out what is read next: y lies at a whole vector, n are whole ones. */
VF_INLINE void map_past(int64_t fn, const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VF_N) vf_stream(y + i, vf_unary(fn, vf_load(x + i)));
    vf_streamed();
}

VF_INLINE void map(int64_t fn, const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(y + i, vf_unary(fn, vf_load_upto(x + i, n - i)), n - i);
}

static void unary(const vn_call *c, vn_stream *s)
{
    const vn_attr_unary *a = c->attr;
    int64_t lo, hi;
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_GRAIN, &lo, &hi);
    const float *x = (const float *)c->in[0].data + lo;
    float *y = (float *)c->out[0].data + lo;
    int64_t past = vf_past_caches(y, vn_count(&c->out[0])) ? (hi - lo) / VF_N * VF_N : 0;
    switch (a->fn) {
#define VN_UNARY(NAME, name, from_y, doc)                             \
    case VN_UNARY_##NAME:                                             \
        if (past) map_past(VN_UNARY_##NAME, x, y, past);              \
        map(VN_UNARY_##NAME, x + past, y + past, hi - lo - past);     \
        break;
#include "device/unary.def"
#undef VN_UNARY
    default: break;
    }
}

VF_INLINE void map_grad(int64_t fn, const float *const from[3], float *dx, int64_t n)
{
    const float *dy = from[0], *x = from[1], *y = from[2];
    for (int64_t i = 0; i < n; i += VF_N) {
        vf slope = vf_slope(fn, vf_load_upto(x + i, n - i), vf_load_upto(y + i, n - i));
        vf_store_upto(dx + i, vf_mul(vf_load_upto(dy + i, n - i), slope), n - i);
    }
}

static void unary_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_unary *a = c->attr;
    int64_t lo, hi;
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_GRAIN, &lo, &hi);
    const float *from[3];
    for (int k = 0; k < 3; k++) /* an absent x or y is not looked at: dy stands in for it */
        from[k] = (const float *)(c->in[k].data ? c->in[k].data : c->in[0].data) + lo;
    float *dx = (float *)c->out[0].data + lo;
    switch (a->fn) {
#define VN_UNARY(NAME, name, from_y, doc) \
    case VN_UNARY_##NAME: map_grad(VN_UNARY_##NAME, from, dx, hi - lo); break;
#include "device/unary.def"
#undef VN_UNARY
    default: break;
    }
}

static void affine(const vn_call *c, vn_stream *s)
{
    const vn_attr_affine *at = c->attr;
    int64_t lo, hi;
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_GRAIN, &lo, &hi);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    vf a = vf_set((float)at->a), b = vf_set((float)at->b);
    for (int64_t i = lo; i < hi; i += VF_N)
        vf_store_upto(y + i, vf_fma(a, vf_load_upto(x + i, hi - i), b), hi - i);
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(unary) = { VN_SIMD_NAME(unary), VN_SIMD_NEED, unfit, NULL, unary };
const vn_kernel VN_SIMD(unary_grad) = { VN_SIMD_NAME(unary_grad), VN_SIMD_NEED, unfit, NULL,
                                        unary_grad };
const vn_kernel VN_SIMD(affine) = { VN_SIMD_NAME(affine), VN_SIMD_NEED, unfit, NULL, affine };

/* f32 to and from bf16 and f16. Bound by memory: 6 bytes a number. */
#include "kernels_cpu/simd/low.h"

VF_INLINE void lower(vn_dtype type, const float *x, uint16_t *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_low(type, y + i, vf_load_upto(x + i, n - i), n - i);
}

VF_INLINE void widen(vn_dtype type, const uint16_t *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(y + i, vf_load_low(type, x + i, n - i), n - i);
}

static void cast(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    int64_t lo, hi;
    if (!y->data) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(y), VN_GRAIN, &lo, &hi);
    if (y->dtype == VN_BF16)
        lower(VN_BF16, (const float *)x->data + lo, (uint16_t *)y->data + lo, hi - lo);
    else if (y->dtype == VN_F16)
        lower(VN_F16, (const float *)x->data + lo, (uint16_t *)y->data + lo, hi - lo);
    else if (x->dtype == VN_BF16)
        widen(VN_BF16, (const uint16_t *)x->data + lo, (float *)y->data + lo, hi - lo);
    else
        widen(VN_F16, (const uint16_t *)x->data + lo, (float *)y->data + lo, hi - lo);
}

static const char *unfit(const vn_call *c)
{
    vn_dtype x = c->in[0].dtype, y = c->out[0].dtype;
    bool down = x == VN_F32 && vn_is_low(y), up = vn_is_low(x) && y == VN_F32;
    return down || up ? NULL : "not from f32 to 16 bits, nor back";
}

const vn_kernel VN_SIMD(cast) = { VN_SIMD_NAME(cast), VN_SIMD_NEED, unfit, NULL, cast };

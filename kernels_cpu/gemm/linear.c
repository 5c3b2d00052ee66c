/* y = act(x W^T + b): layers. Up to VN_FEW_ROWS rows read W once; more are a packed product. Where
 * W stays for many runs its panels are kept. */
#include "kernels_cpu/gemm/gemm.h"

static void launch(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_linear(c);
    if (!g.c) return;
    if (VN_SIMD(gemm_is_rows)(&g))
        VN_SIMD(gemm_rows)(&g, vn_cpu_lane(s));
    else
        VN_SIMD(gemm)(&g, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_linear(c);
    return VN_SIMD(gemm_is_rows)(&g) ? (vn_scratch){ 0, 0 } : VN_SIMD(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    return why ? why : vn_linear_unfit(c);
}

static size_t keep(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_linear(c);
    return c->fixed >> 1 & 1 ? VN_SIMD(gemm_keep)(&g) : 0;
}

static void settle(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_linear(c);
    VN_SIMD(gemm_settle)(&g, c->kept, vn_cpu_lane(s));
}

const vn_kernel VN_SIMD(linear) = { VN_SIMD_NAME(linear), VN_SIMD_NEED,    unfit, scratch, launch,
                                    .keep = keep,         .settle = settle };

/* y = op(a) op(b), one product or one per leading index: the gradients of layers, and attention. */
#include "kernels_cpu/gemm/gemm.h"

static void launch(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_matmul(c);
    if (!g.c) return;
    if (VN_SIMD(gemm_is_rows)(&g)) VN_SIMD(gemm_rows)(&g, vn_cpu_lane(s));
    else VN_SIMD(gemm)(&g, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_matmul(c);
    return VN_SIMD(gemm_is_rows)(&g) ? (vn_scratch){ 0, 0 } : VN_SIMD(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    return why ? why : vn_matmul_unfit(c);
}

const vn_kernel VN_SIMD(matmul) = { VN_SIMD_NAME(matmul), VN_SIMD_NEED, unfit, scratch, launch };

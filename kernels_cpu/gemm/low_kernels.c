/* Layers and plain products whose factors are bf16 or f16: linear.c and matmul.c on low.c. */
#include "kernels_cpu/gemm/gemm.h"

static void linear(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_linear(c);
    if (!g.c) return;
    if (g.m <= VN_FEW_ROWS)
        VN_LOW(gemm_rows)(&g, c->in[0].dtype, vn_cpu_lane(s));
    else
        VN_LOW(gemm)(&g, c->in[0].dtype, s);
}

static vn_scratch linear_scratch(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_linear(c);
    return g.m <= VN_FEW_ROWS ? (vn_scratch){ 0, 0 } : VN_LOW(gemm_scratch)(&g);
}

static size_t linear_keep(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_linear(c);
    return c->fixed >> 1 & 1 ? VN_LOW(gemm_keep)(&g) : 0;
}

static void linear_settle(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_linear(c);
    VN_LOW(gemm_settle)(&g, c->in[1].dtype, c->kept, vn_cpu_lane(s));
}

static void matmul(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_matmul(c);
    if (g.c) VN_LOW(gemm)(&g, c->in[0].dtype, s);
}

static vn_scratch matmul_scratch(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_matmul(c);
    return VN_LOW(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_low(c);
#if defined(VN_ISA_BF16)
    if (!why && c->in[0].dtype != VN_BF16) why = "factors are not bf16";
#endif
    return why;
}

static const char *linear_unfit(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : vn_linear_unfit(c);
}

static const char *matmul_unfit(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : vn_matmul_unfit(c);
}

const vn_kernel VN_LOW(linear) = { VN_LOW_NAME(linear),    VN_SIMD_NEED, linear_unfit,
                                   linear_scratch,         linear,       .keep = linear_keep,
                                   .settle = linear_settle };
const vn_kernel VN_LOW(matmul) = { VN_LOW_NAME(matmul), VN_SIMD_NEED, matmul_unfit, matmul_scratch,
                                   matmul };

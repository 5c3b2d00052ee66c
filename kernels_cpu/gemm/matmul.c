/* y = op(a) op(b), one product or one per leading index: the gradients of layers, and attention. */
#include "kernels_cpu/gemm/gemm.h"

static vn_gemm describe(const vn_call *c)
{
    const vn_attr_matmul *attr = c->attr;
    const vn_tensor *a = &c->in[0], *y = &c->out[0];
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1];
    int64_t k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    return (vn_gemm){ .groups = y->rank == 3 ? y->dim[0] : 1, .m = m, .n = n, .k = k,
                      .a_group = a->rank == 3 ? m * k : 0,
                      .b_group = c->in[1].rank == 3 ? k * n : 0,
                      .a = a->data, .b = c->in[1].data, .c = y->data,
                      .a_row = attr->ta ? 1 : k, .a_k = attr->ta ? m : 1,
                      .b_k = attr->tb ? 1 : n, .b_col = attr->tb ? k : 1,
                      .act = VN_UNARY_NONE };
}

static void launch(const vn_call *c, vn_stream *s)
{
    vn_gemm g = describe(c);
    if (g.c) VN_SIMD(gemm)(&g, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_gemm g = describe(c);
    return VN_SIMD(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    const vn_tensor *a = &c->in[0], *y = &c->out[0];
    if (a->dtype != VN_F32 || c->in[1].dtype != VN_F32) return "numbers are not f32";
    if (y->rank != 2 && y->rank != 3) return "rank is neither 2 nor 3";
    if (describe(c).k < 1) return "depth is 0";
    return NULL;
}

const vn_kernel VN_SIMD(matmul) = { VN_SIMD_NAME(matmul), VN_SIMD_NEED, unfit, scratch, launch };

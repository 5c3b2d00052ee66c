/* One product C = act(A B + bias), or several of the same shape, as linear.c and matmul.c ask for
 * it from gemm.c: all f32. low_kernels.c asks low.c for those whose factors are bf16 or f16: A and B
 * then point to numbers of 16 bits, and steps count these. C is contiguous. */
#ifndef VN_KERNELS_CPU_GEMM_GEMM_H
#define VN_KERNELS_CPU_GEMM_GEMM_H

#include "kernels_cpu/cpu.h"

typedef struct vn_gemm {
    int64_t groups, m, n, k;
    int64_t a_group, b_group;  /* steps between products; 0: one matrix for all */
    const float *a, *b, *bias; /* bias [n] or NULL */
    int64_t a_row, a_k;        /* steps in A between rows and along k: one of them is 1 */
    int64_t b_k, b_col;        /* steps in B along k and between columns: one of them is 1 */
    float *c;
    int64_t act;               /* line of unary.def */
    const float *kept; /* B as vn_gemm_settle packed it, all of k a panel; NULL: not kept */
} vn_gemm;

/* The product of a call of linear: x [m, k], W [n, k]. */
static inline vn_gemm vn_gemm_of_linear(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    int64_t n = w->dim[0], k = w->dim[1];
    return (vn_gemm){ .groups = 1, .m = k ? vn_count(&c->in[0]) / k : 0, .n = n, .k = k,
                      .a = c->in[0].data, .b = w->data, .bias = c->in[2].data, .a_row = k,
                      .a_k = 1, .b_k = 1, .b_col = k, .c = c->out[0].data,
                      .act = ((const vn_attr_linear *)c->attr)->act,
                      .kept = c->kept };
}

/* Of a call of matmul. */
static inline vn_gemm vn_gemm_of_matmul(const vn_call *c)
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

/* Why a call of linear or of matmul is not for a packed product; NULL if it is. */
static inline const char *vn_linear_unfit(const vn_call *c)
{
    return c->in[1].rank != 2 || c->in[1].dim[1] < 1 ? "depth is 0" : NULL;
}

static inline const char *vn_matmul_unfit(const vn_call *c)
{
    int rank = c->out[0].rank;
    if (rank != 2 && rank != 3) return "rank is neither 2 nor 3";
    return vn_gemm_of_matmul(c).k < 1 ? "depth is 0" : NULL;
}

/* Up to so many rows are no tiles: B is read once, for all of them (rows.c). */
enum { VN_FEW_ROWS = 4 };

/* Scratch of every lane for a product. */
vn_scratch VN_SIMD(gemm_scratch)(const vn_gemm *g);

/* Called on every lane; does its part and returns without waiting for the others. */
void VN_SIMD(gemm)(const vn_gemm *g, vn_stream *s);

/* Is g of few rows for rows.c? B is kept, or its columns or rows lie side by side. */
bool VN_SIMD(gemm_is_rows)(const vn_gemm *g);
void VN_SIMD(gemm_rows)(const vn_gemm *g, const vn_lane *lane);

/* B of one product for many runs: bytes of its panels, 0 where they are not worth keeping, and the
 * lane's share of packing them. */
size_t VN_SIMD(gemm_keep)(const vn_gemm *g);
void VN_SIMD(gemm_settle)(const vn_gemm *g, float *kept, const vn_lane *lane);

/* The same for factors of type `type`, bf16 or f16; and the layer of few rows. */
vn_scratch VN_LOW(gemm_scratch)(const vn_gemm *g);
void VN_LOW(gemm)(const vn_gemm *g, vn_dtype type, vn_stream *s);
void VN_LOW(gemm_rows)(const vn_gemm *g, vn_dtype type, const vn_lane *lane);
size_t VN_LOW(gemm_keep)(const vn_gemm *g);
void VN_LOW(gemm_settle)(const vn_gemm *g, vn_dtype type, float *kept, const vn_lane *lane);

/* y = f(y) for n floats, f a line of unary.def. */
void VN_SIMD(gemm_activate)(int64_t act, float *y, int64_t n);

#endif

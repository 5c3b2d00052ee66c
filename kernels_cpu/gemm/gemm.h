/* One product C = act(A B + bias), or several of the same shape, as linear.c and matmul.c ask for
 * it from gemm.c. All f32; C is contiguous. */
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
} vn_gemm;

/* Scratch of every lane for a product. */
vn_scratch VN_SIMD(gemm_scratch)(const vn_gemm *g);

/* Called on every lane; does its part and returns without waiting for the others. */
void VN_SIMD(gemm)(const vn_gemm *g, vn_stream *s);

/* y = f(y) for n floats, f a line of unary.def. */
void VN_SIMD(gemm_activate)(int64_t act, float *y, int64_t n);

#endif

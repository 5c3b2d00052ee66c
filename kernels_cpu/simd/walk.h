/* Reading tensors along the axes of another one: broadcasts, slices, permutations and flips are all
 * strides, and neighbouring axes that step alike are one longer axis.
 *
 * A walk goes over the elements of the result in order; the innermost axis left after merging is a
 * run, on which an operand is contiguous (1), constant (0), backwards (-1) or strided. */
#ifndef VN_KERNELS_CPU_SIMD_WALK_H
#define VN_KERNELS_CPU_SIMD_WALK_H

#include "kernels_cpu/simd/simd.h"

enum { VN_WALK_MAX = 2 }; /* operands */

typedef struct vn_walk {
    int rank, n;                              /* axes left, operands */
    int64_t len[VN_MAX_RANK];
    int64_t step[VN_WALK_MAX][VN_MAX_RANK];   /* of operand k along each axis */
    int64_t base[VN_WALK_MAX];                /* where operand k begins */
} vn_walk;

/* A walk over `shape` of n operands at offset 0 with no steps yet. */
VF_INLINE vn_walk vn_walk_over(const vn_tensor *shape, int n)
{
    vn_walk w = { shape->rank, n, { 0 }, { { 0 } }, { 0 } };
    for (int i = 0; i < shape->rank; i++) w.len[i] = shape->dim[i];
    return w;
}

/* Steps of a contiguous tensor aligned at the last axis; its axes of length 1 repeat. */
VF_INLINE void vn_walk_operand(vn_walk *w, int k, const vn_tensor *t)
{
    int64_t stride = 1;
    for (int i = 1; i <= t->rank; i++) {
        int64_t len = t->dim[t->rank - i];
        w->step[k][w->rank - i] = len == 1 ? 0 : stride;
        stride *= len;
    }
}

/* Drop axes of length 1 and join axes that every operand steps through evenly. */
VF_INLINE void vn_walk_merge(vn_walk *w)
{
    int out = 0;
    for (int i = 0; i < w->rank; i++) {
        if (w->len[i] == 1) continue;
        bool joins = out > 0;
        for (int k = 0; k < w->n && joins; k++)
            joins = w->step[k][out - 1] == w->step[k][i] * w->len[i];
        if (joins) w->len[--out] *= w->len[i];
        else w->len[out] = w->len[i];
        for (int k = 0; k < w->n; k++) w->step[k][out] = w->step[k][i];
        out++;
    }
    if (!out) {
        w->len[out] = 1;
        for (int k = 0; k < w->n; k++) w->step[k][out] = 0;
        out++;
    }
    w->rank = out;
}

/* Where element `row` of the outer axes begins in operand k. */
VF_INLINE int64_t vn_walk_row(const vn_walk *w, int k, int64_t row)
{
    int64_t at = w->base[k];
    for (int i = w->rank - 2; i >= 0; i--) {
        at += row % w->len[i] * w->step[k][i];
        row /= w->len[i];
    }
    return at;
}

/* One piece of a run: n elements of the result from `at`, and where operands begin. */
typedef struct vn_piece {
    int64_t at, n, from[VN_WALK_MAX];
} vn_piece;

/* The piece at element `at` that ends with its run or at `end`. */
VF_INLINE vn_piece vn_walk_piece(const vn_walk *w, int64_t at, int64_t end)
{
    int64_t run = w->len[w->rank - 1], row = at / run, col = at % run;
    vn_piece p = { at, run - col < end - at ? run - col : end - at, { 0 } };
    for (int k = 0; k < w->n; k++)
        p.from[k] = vn_walk_row(w, k, row) + col * w->step[k][w->rank - 1];
    return p;
}

#endif

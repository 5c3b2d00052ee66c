/* Packing for the tiles of tile.h: panels of VN_TILE_COLS columns, one row of the panel a step of
 * k. */
#ifndef VN_KERNELS_CPU_GEMM_PACK_H
#define VN_KERNELS_CPU_GEMM_PACK_H

#include "kernels_cpu/gemm/lanes.h"

static inline int64_t vn_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* out[k VN_TILE_COLS + i] = row[i][k] for i < VF_N, k < depth: a vector of a panel, by transposition. */
static inline void vn_pack_vector(const float *const row[VF_N], int64_t depth, float *out)
{
    int64_t k = 0;
    for (; k + 4 <= depth; k += 4) {
        vf v[4];
        for (int i = 0; i < 4; i++) v[i] = vf_gather4(row, i, k);
        vf_transpose4(v);
        for (int i = 0; i < 4; i++) vf_store(out + (k + i) * VN_TILE_COLS, v[i]);
    }
    for (; k < depth; k++)
        for (int i = 0; i < VF_N; i++) out[k * VN_TILE_COLS + i] = row[i][k];
}

/* A panel from columns that are contiguous along k. Columns past the end repeat the last one; what
 * they give is never stored. */
static inline void vn_pack_columns(const float *b, int64_t b_col, int64_t cols, int64_t depth,
                                   float *out)
{
    for (int v = 0; v < VN_TILE_VECTORS; v++, out += VF_N) {
        const float *row[VF_N];
        for (int i = 0; i < VF_N; i++) row[i] = b + vn_least(v * VF_N + i, cols - 1) * b_col;
        vn_pack_vector(row, depth, out);
    }
}

/* A panel from rows that are contiguous, zeros past their end. */
static inline void vn_pack_rows(const float *b, int64_t b_k, int64_t cols, int64_t depth,
                                float *out)
{
    for (int64_t k = 0; k < depth; k++, b += b_k, out += VN_TILE_COLS) {
        vf_store(out, vf_load_upto(b, cols));
        for (int at = VF_N; at < VN_TILE_COLS; at += VF_N)
            vf_store(out + at, cols > at ? vf_load_upto(b + at, cols - at) : vf_zero());
    }
}

#endif

/* Packing for the tiles of tile.h: vectors of VF_N columns, from rows that are contiguous along k. */
#ifndef VN_KERNELS_CPU_GEMM_PACK_H
#define VN_KERNELS_CPU_GEMM_PACK_H

#include "kernels_cpu/gemm/lanes.h"

/* out[k VN_TILE_COLS + i] = row[i][k] for i < VF_N, k < depth: half a panel, by transposition. */
static inline void vn_pack_half(const float *const row[VF_N], int64_t depth, float *out)
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

#endif

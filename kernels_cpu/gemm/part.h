/* Which part of a product a lane computes. */
#ifndef VN_KERNELS_CPU_GEMM_PART_H
#define VN_KERNELS_CPU_GEMM_PART_H

#include "kernels_cpu/gemm/tile.h"

/* Part of one product: row tiles [tile, tile_end) and panels [panel, panel_end). */
typedef struct vn_part {
    int64_t tile, tile_end, panel, panel_end;
} vn_part;

/* Cut tiles x panels into a grid of lanes. Every row of the grid packs the panels again, and
 * packing one costs about half a tile. */
static inline vn_part vn_part_of(const vn_lane *lane, int64_t tiles, int64_t panels)
{
    int64_t best = INT64_MAX, down = 1, across = lane->size;
    for (int64_t d = 1; d <= lane->size; d++) {
        int64_t cost = vn_tiles(panels, lane->size / d) * (2 * vn_tiles(tiles, d) + 1);
        if (cost >= best) continue;
        best = cost;
        down = d;
        across = lane->size / d;
    }
    int64_t y = lane->rank / across, x = lane->rank % across;
    if (y >= down) return (vn_part){ 0, 0, 0, 0 };
    return (vn_part){ tiles * y / down, tiles * (y + 1) / down, panels * x / across,
                      panels * (x + 1) / across };
}

#endif

/* Which calls are divided by the rows of their batch: row r of every output depends on row r of the
 * divided inputs, and on all of the others (weights, a table). Such a call can be computed a block
 * of rows at a time, to the bit, and blocks of different calls need not wait for each other. */
#ifndef VN_DEVICE_ROWS_H
#define VN_DEVICE_ROWS_H

#include "device/kernel.h"

typedef struct vn_by_rows {
    int64_t n;        /* length of axis 0 of all outputs and divided inputs; 0: not divided */
    uint32_t divided; /* bit i: input i is; the others are read whole */
    int64_t least; /* rows a block has at least: a product of fewer leaves tiles half empty, and one
                      of four at most sums in another order (kernels_cpu/gemm/gemm.h); a convolution
                      packs its weights for each block */
} vn_by_rows;

/* By op, attributes and shapes alone. */
vn_by_rows vn_rows_of(const vn_call *c);

/* *part becomes parts [lo, hi) of call c, cut into `units` equal parts of whole rows: [B L, D] into
 * B parts of L rows, so that they agree with those of [B, D]. */
void vn_rows_cut(const vn_call *c, vn_by_rows rows, int64_t units, int64_t lo, int64_t hi,
                 vn_call *part);

#endif

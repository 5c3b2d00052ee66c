/* Mixed precision: one pass over a finished graph, the same for every device. */
#ifndef VN_GRAPH_PLAN_PRECISION_H
#define VN_GRAPH_PLAN_PRECISION_H

#include "graph/graph.h"

/* What products are computed in; everything else is f32. F32 is strict. */
typedef enum vn_precision {
    VN_PRECISION_F32,
    VN_PRECISION_TF32,
    VN_PRECISION_BF16,
    VN_PRECISION_FP16,
} vn_precision;

/* "f32", "tf32", "bf16", "fp16". */
const char *vn_precision_name(vn_precision precision);

/* TF32: every linear and matmul of an f32 graph rounds its factors as it reads them, no node is added.
 * BF16, FP16: give every product, convolutions and their gradients included, factors of 16 bits: a value that products read is cast once,
 * before the first of them, whole parameters included, and views are made of the result. Sums,
 * outputs, gradients and whatever else reads the value stay f32, so parameters keep their master
 * copy and residual streams, softmax, statistics and losses their precision. Products over fewer
 * than VN_LOW_DEPTH numbers stay as they are: a cast costs as much as they win. Attention reads q, k, v and the
 * gradient of its output so, where heads have VN_LOW_DEPTH to VN_LOW_WIDEST columns. Values keep their
 * ids. Once gradients and the optimizer are there; VN_PRECISION_F32 changes nothing. */
enum { VN_LOW_DEPTH = 16, VN_LOW_WIDEST = 128 };
vn_status vn_graph_lower(vn_graph *g, vn_precision precision);

#endif

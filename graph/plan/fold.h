/* Two layers without an activation between them become one where that is less work: a pass over a
 * forward graph, the same for every device. */
#ifndef VN_GRAPH_PLAN_FOLD_H
#define VN_GRAPH_PLAN_FOLD_H

#include "graph/graph.h"

/* When the folded weights are made. */
typedef enum vn_fold_when {
    VN_FOLD_PROLOGUE, /* once for many runs: free. The plan must be given a version */
    VN_FOLD_STEP,     /* in every step, and differentiated with it: before gradients are there */
} vn_fold_when;

/* x -> W2 (W1 x + b1) + b2 becomes x -> W x + b with W = W2 W1, b = W2 b1 + b2: the same function of
 * the same parameters up to rounding, and by its gradient
 *
 *     dW = dy^T x,   dW2 = dW W1^T + db b1^T,   dW1 = W2^T dW,   dx = dy W
 *
 * whose products over all rows have the folded layer's size. W1 and W2 must be parameters (or rows of
 * one) or constants, and nothing else may read what is between. Layers that could be folded and are
 * not, because it takes more work, keep a note with both figures, which `vane plan --why` prints; so
 * do those that are. A graph of f64 stays as it is: it is what others are compared with. */
vn_status vn_graph_fold(vn_graph *g, vn_fold_when when);

#endif

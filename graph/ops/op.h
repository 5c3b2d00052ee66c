/* What the graph knows of an op: its shape rule, its gradient, its cost. One `vn_op_def` an op, in the
 * family's file of this folder; graph/ops/table.c lists them by ops.def, so a missing one does not link. */
#ifndef VN_GRAPH_OPS_OP_H
#define VN_GRAPH_OPS_OP_H

#include "graph/build.h"

typedef struct vn_cost {
    double flops; /* a multiply-add is 2 */
    double bytes; /* read and written once */
} vn_cost;

typedef struct vn_op_def {
    /* Fill c->out (dtype, rank, dim) from c->in and c->attr. Outputs come with rank -1 and the
     * graph's real type; one that does not exist for these attributes keeps rank -1. An absent
     * optional input has rank 0 or -1. A refusal is VN_FAIL(VN_E_SHAPE, "...") with a sentence that
     * gives the shapes; the graph adds the node's path. */
    vn_status (*infer)(vn_call *c);
    /* Emit the nodes of the input gradients: dout[i] is the gradient of output i (0: none), din[i]
     * is left 0 where the input has none. Called only if some dout is given and some input wants a
     * gradient (vn_wants). `n` is a copy: emitting moves the graph's arrays. NULL: the op is not
     * differentiable. */
    void (*grad)(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din);
    /* NULL: no flops, every tensor moved once. */
    vn_cost (*cost)(const vn_call *c);
    /* Views only: bytes from the start of in[0]. */
    size_t (*view)(const vn_call *c);
    /* Bit i: output i is kept for the gradient rule alone. It depends on the inputs, but its own
     * gradient is taken to be absent. */
    uint32_t saved;
    /* Bit i: output i is sums or means over elements of in[0]. They may cancel to nothing but rounding,
     * as the gradient of a bias of attention's keys does: two devices agree on such a number within a
     * share of its terms, not of itself (vn_plan_compare). */
    uint32_t sums;
    /* In-place outputs: 1 + the input that output i overwrites; 0: storage of its own. */
    int inplace[VN_MAX_OUT];
} vn_op_def;

const vn_op_def *vn_op_def_of(vn_op op);
vn_cost vn_cost_of(const vn_call *c);

#define VN_OP(NAME, name, n_in, n_out, attr, doc) extern const vn_op_def vn_op_##name;
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW

#endif

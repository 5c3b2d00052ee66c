/* Softmax over the last axis: the weights of attention. */
#include "graph/ops/rule.h"

enum { FLOPS_SOFTMAX = 16 }; /* an element: a vector exp and four passes, about */

static vn_status infer_softmax(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static void grad_softmax(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = vn_emit1(g, VN_OP_SOFTMAX_GRAD, (vn_val[]){ dout[0], n->out[0] }, 2, NULL);
}

static vn_cost cost_softmax(const vn_call *c)
{
    return vn_cost_moved(c, FLOPS_SOFTMAX * (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_softmax = { .infer = infer_softmax,
                                  .grad = grad_softmax,
                                  .cost = cost_softmax };

static vn_status infer_softmax_grad(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "dy", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 1, "y", 1, VN_MAX_RANK));
    VN_TRY(vn_need_shape(c, 1, "y", &c->in[0], "dy"));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static vn_cost cost_softmax_grad(const vn_call *c)
{
    return vn_cost_moved(c, 4 * (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_softmax_grad = { .infer = infer_softmax_grad, .cost = cost_softmax_grad };

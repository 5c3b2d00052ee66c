/* Rows of a table by code, for categorical inputs, and the sum of gradients back into the table. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static vn_status need_codes(const vn_call *c, int i)
{
    VN_TRY(vn_need(c, i, "codes", 1, VN_MAX_RANK));
    const vn_tensor *x = &c->in[i];
    if (vn_last_dim(x) != 1)
        return VN_FAIL(VN_E_SHAPE, "codes are %s; their last axis must be 1, one column",
                       VN_SHAPE(x));
    return VN_OK;
}

static vn_status infer_embedding(vn_call *c)
{
    VN_TRY(need_codes(c, 0));
    VN_TRY(vn_need(c, 1, "table", 2, 2));
    vn_tensor y = c->in[0];
    y.dim[y.rank - 1] = c->in[1].dim[1];
    vn_out_like(c, 0, &y);
    return VN_OK;
}

static void grad_embedding(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_attr_table attr = { .rows = vn_tensor_of(g, n->in[1]).dim[0] };
    if (vn_wants(g, n->in[1]))
        din[1] = vn_emit1(g, VN_OP_EMBEDDING_GRAD, (vn_val[]){ dout[0], n->in[0] }, 2, &attr);
}

/* The rows read are the rows written; the rest of the table stays where it is. */
static vn_cost cost_embedding(const vn_call *c)
{
    double y = (double)vn_count(&c->out[0]), x = (double)vn_count(&c->in[0]);
    return (vn_cost){ .bytes = (2 * y + x) * (double)vn_dtype_bytes(c->out[0].dtype) };
}

const vn_op_def vn_op_embedding = { .infer = infer_embedding,
                                    .grad = grad_embedding,
                                    .cost = cost_embedding };

static vn_status infer_embedding_grad(vn_call *c)
{
    int64_t rows = ((const vn_attr_table *)c->attr)->rows;
    VN_TRY(vn_need(c, 0, "dy", 1, VN_MAX_RANK));
    VN_TRY(need_codes(c, 1));
    VN_TRY(vn_need_range("rows", rows, 1, INT32_MAX));
    const vn_tensor *dy = &c->in[0];
    int64_t E = vn_last_dim(dy);
    if (vn_count(dy) / E != vn_count(&c->in[1]))
        return VN_FAIL(VN_E_SHAPE, "dy is %s but codes are %s; each code has one row of dy",
                       VN_SHAPE(dy), VN_SHAPE(&c->in[1]));
    vn_out_shape(c, 0, 2, (int64_t[]){ rows, E });
    return VN_OK;
}

static vn_cost cost_embedding_grad(const vn_call *c)
{
    return vn_cost_moved(c, (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_embedding_grad = { .infer = infer_embedding_grad,
                                         .cost = cost_embedding_grad };

/* Layer normalisation over the last axis. */
#include "graph/ops/rule.h"

/* [...] of x [..., D]; [1] of a vector. */
static vn_tensor rows_of(const vn_tensor *x)
{
    vn_tensor t = *x;
    if (t.rank > 1)
        t.dim[--t.rank] = 0;
    else
        t.dim[0] = 1;
    return t;
}

static vn_status infer_layernorm(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 1, "gamma", 1, 1));
    VN_TRY(vn_need(c, 2, "beta", 1, 1));
    double eps = ((const vn_attr_norm *)c->attr)->eps;
    if (!(eps > 0)) return VN_FAIL(VN_E_SHAPE, "eps is %g; it must be above 0", eps);
    vn_tensor row = { .rank = 1, .dim = { vn_last_dim(&c->in[0]) } }, stat = rows_of(&c->in[0]);
    VN_TRY(vn_need_shape(c, 1, "gamma", &row, "x"));
    VN_TRY(vn_need_shape(c, 2, "beta", &row, "x"));
    vn_out_like(c, 0, &c->in[0]);
    vn_out_like(c, 1, &stat);
    vn_out_like(c, 2, &stat);
    return VN_OK;
}

static void grad_layernorm(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_val in[] = { dout[0], n->in[0], n->in[1], n->out[1], n->out[2] }, out[VN_MAX_OUT];
    if (!dout[0]) return;
    vn_emit(g, VN_OP_LAYERNORM_GRAD, in, 5, NULL, out);
    for (int i = 0; i < 3; i++) din[i] = out[i];
}

static vn_cost cost_layernorm(const vn_call *c)
{
    return vn_cost_moved(c, 8 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_layernorm = { .infer = infer_layernorm,
                                    .grad = grad_layernorm,
                                    .cost = cost_layernorm,
                                    .saved = 6,
                                    .sums = 1 << 1 };

static vn_status infer_layernorm_grad(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "dy", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 1, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 2, "gamma", 1, 1));
    VN_TRY(vn_need(c, 3, "mean", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 4, "rstd", 1, VN_MAX_RANK));
    vn_tensor row = { .rank = 1, .dim = { vn_last_dim(&c->in[1]) } }, stat = rows_of(&c->in[1]);
    VN_TRY(vn_need_shape(c, 0, "dy", &c->in[1], "x"));
    VN_TRY(vn_need_shape(c, 2, "gamma", &row, "x"));
    VN_TRY(vn_need_shape(c, 3, "mean", &stat, "x"));
    VN_TRY(vn_need_shape(c, 4, "rstd", &stat, "x"));
    vn_out_like(c, 0, &c->in[1]);
    vn_out_like(c, 1, &c->in[2]);
    vn_out_like(c, 2, &c->in[2]);
    return VN_OK;
}

const vn_op_def vn_op_layernorm_grad = { .infer = infer_layernorm_grad, .cost = cost_layernorm };

/* Elementwise ops of one input: unary functions, affine maps, dropout. */
#include "graph/ops/rule.h"

/* Instructions of a vector exp or tanh an element, about; only the order of magnitude matters. */
enum { FLOPS_FUNCTION = 12 };

static vn_status need_function(int64_t fn)
{
    return vn_need_range("fn", fn, 0, VN_UNARY_COUNT - 1);
}

static vn_status infer_unary(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(need_function(((const vn_attr_unary *)c->attr)->fn));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static void grad_unary(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    int64_t fn = ((const vn_attr_unary *)n->attr)->fn;
    if (fn == VN_UNARY_NONE) {
        din[0] = dout[0];
        return;
    }
    vn_val in[3] = { dout[0], vn_unary_from_y(fn) ? 0 : n->in[0], n->out[0] };
    din[0] = vn_emit1(g, VN_OP_UNARY_GRAD, in, 3, n->attr);
}

static vn_cost cost_unary(const vn_call *c)
{
    return vn_cost_moved(c, FLOPS_FUNCTION * (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_unary = { .infer = infer_unary, .grad = grad_unary, .cost = cost_unary };

static vn_status infer_unary_grad(vn_call *c)
{
    int64_t fn = ((const vn_attr_unary *)c->attr)->fn;
    VN_TRY(vn_need(c, 0, "dy", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 2, "y", 1, VN_MAX_RANK));
    VN_TRY(need_function(fn));
    VN_TRY(vn_need_shape(c, 1, "x", &c->in[0], "dy"));
    VN_TRY(vn_need_shape(c, 2, "y", &c->in[0], "dy"));
    if (!vn_given(c, 1) && !vn_unary_from_y(fn))
        return VN_FAIL(VN_E_SHAPE, "x is absent, but the derivative of %s needs it",
                       vn_unary_name(fn));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

const vn_op_def vn_op_unary_grad = { .infer = infer_unary_grad, .cost = cost_unary };

static vn_status infer_affine(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static void grad_affine(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    double a = ((const vn_attr_affine *)n->attr)->a;
    din[0] = a == 1 ? dout[0] : vn_affine(g, dout[0], a, 0);
}

static vn_cost cost_affine(const vn_call *c)
{
    return vn_cost_moved(c, 2 * (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_affine = { .infer = infer_affine, .grad = grad_affine, .cost = cost_affine };

static vn_status infer_dropout(vn_call *c)
{
    double p = ((const vn_attr_dropout *)c->attr)->p;
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    if (!(p >= 0 && p < 1)) return VN_FAIL(VN_E_SHAPE, "p is %g; it must lie in [0, 1)", p);
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

/* The same stream draws the same zeros. */
static void grad_dropout(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = vn_emit1(g, VN_OP_DROPOUT, dout, 1, n->attr);
}

const vn_op_def vn_op_dropout = { .infer = infer_dropout,
                                  .grad = grad_dropout,
                                  .cost = cost_unary };

/* The training losses, as a sum of weighted losses and a sum of weights apart. */
#include "graph/ops/rule.h"

static vn_status need_loss(const vn_call *c)
{
    const vn_attr_loss *attr = c->attr;
    VN_TRY(vn_need(c, 0, "yhat", 3, 3));
    VN_TRY(vn_need(c, 1, "y", 3, 3));
    VN_TRY(vn_need(c, 2, "mask", 3, 3));
    const vn_tensor *yhat = &c->in[0];
    if (yhat->dim[2] != 1)
        return VN_FAIL(VN_E_SHAPE, "yhat is %s; its last dimension must be 1", VN_SHAPE(yhat));
    vn_tensor weight = { .rank = 1, .dim = { yhat->dim[1] } };
    vn_tensor scale = { .rank = 3, .dim = { yhat->dim[0], 1, 1 } };
    VN_TRY(vn_need_shape(c, 1, "y", yhat, "yhat"));
    VN_TRY(vn_need_shape(c, 2, "mask", yhat, "yhat"));
    VN_TRY(vn_need_shape(c, 3, "weight", &weight, "yhat"));
    VN_TRY(vn_need_shape(c, 4, "scale", &scale, "yhat"));
    VN_TRY(vn_need_range("kind", attr->kind, 0, VN_LOSS_COUNT - 1));
    if (attr->kind == VN_LOSS_MASE && !vn_given(c, 4))
        return VN_FAIL(VN_E_SHAPE, "mase needs a scale [B, 1, 1]; it is absent");
    if (attr->kind == VN_LOSS_HUBER && !(attr->delta > 0))
        return VN_FAIL(VN_E_SHAPE, "delta is %g; huber needs it above 0", attr->delta);
    return VN_OK;
}

static vn_status infer_loss(vn_call *c)
{
    static const int64_t one[] = { 1 };
    VN_TRY(need_loss(c));
    vn_out_shape(c, 0, 1, one);
    vn_out_shape(c, 1, 1, one);
    return VN_OK;
}

/* The sum of the weights depends on no parameter, so its gradient is nobody's. */
static void grad_loss(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    if (!dout[0]) return;
    vn_val in[6] = { n->in[0], n->in[1], n->in[2], n->in[3], n->in[4], dout[0] };
    din[0] = vn_emit1(g, VN_OP_LOSS_GRAD, in, 6, n->attr);
}

static vn_cost cost_loss(const vn_call *c)
{
    return vn_cost_moved(c, 8 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_loss = { .infer = infer_loss, .grad = grad_loss, .cost = cost_loss };

static vn_status infer_loss_grad(vn_call *c)
{
    vn_tensor one = { .rank = 1, .dim = { 1 } };
    VN_TRY(need_loss(c));
    VN_TRY(vn_need(c, 5, "d sum", 1, 1));
    VN_TRY(vn_need_shape(c, 5, "d sum", &one, "a loss"));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

const vn_op_def vn_op_loss_grad = { .infer = infer_loss_grad, .cost = cost_loss };

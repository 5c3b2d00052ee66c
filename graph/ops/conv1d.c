/* Convolution along time, causal or circular, and the gradient of its weights. */
#include "graph/ops/rule.h"

#include <inttypes.h>

/* The taps look back `pad` steps at most and ahead no further than they are long: then the gradient
 * of x is a convolution with the same bounds. */
static vn_status need_taps(int64_t kernel, int64_t dilation, int64_t pad, int64_t wrap)
{
    VN_TRY(vn_need_range("dilation", dilation, 1, INT32_MAX));
    VN_TRY(vn_need_range("pad", pad, 0, (kernel - 1) * dilation));
    VN_TRY(vn_need_range("wrap", wrap, 0, 1));
    return VN_OK;
}

static vn_status infer_conv1d(vn_call *c)
{
    const vn_attr_conv *a = c->attr;
    VN_TRY(vn_need_stored(c, 0, "x", 3, 3));
    VN_TRY(vn_need_stored(c, 1, "w", 3, 3));
    VN_TRY(vn_need_range("act", a->act, 0, VN_UNARY_COUNT - 1));
    VN_TRY(vn_need_range("transposed", a->transposed, 0, 1));
    if (!vn_unary_from_y(a->act))
        return VN_FAIL(VN_E_SHAPE, "%s cannot be fused: its derivative needs the input, not y",
                       vn_unary_name(a->act));
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    int64_t n_in = w->dim[a->transposed ? 0 : 1], n_out = w->dim[a->transposed ? 1 : 0];
    if (x->dim[2] != n_in)
        return VN_FAIL(VN_E_SHAPE,
                       "x is %s but w is %s; the channels must match (%" PRId64 ", %" PRId64 ")",
                       VN_SHAPE(x), VN_SHAPE(w), x->dim[2], n_in);
    VN_TRY(need_taps(w->dim[2], a->dilation, a->pad, a->wrap));
    vn_tensor bias = { .rank = 1, .dim = { n_out } };
    VN_TRY(vn_need_shape(c, 2, "b", &bias, "w"));
    vn_tensor y = *x;
    y.dim[2] = n_out;
    y.dtype = vn_sum_type(c);
    vn_out_like(c, 0, &y);
    return VN_OK;
}

/* x[t] meets the taps in reverse: its gradient is the convolution of dy with the transposed
 * weights, which looks ahead where the other looked back. A transposed one's weights are those of
 * the other, with x and dy in each other's place. */
static void grad_conv1d(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    const vn_attr_conv *a = n->attr;
    vn_attr_unary act = { a->act };
    vn_val x = n->in[0], dz = dout[0];
    int64_t kernel = vn_tensor_of(g, n->in[1]).dim[2], ahead = (kernel - 1) * a->dilation - a->pad;
    if (act.fn != VN_UNARY_NONE)
        dz = vn_emit1(g, VN_OP_UNARY_GRAD, (vn_val[]){ dz, 0, n->out[0] }, 3, &act);
    if (vn_wants(g, x)) {
        vn_attr_conv back = { a->dilation, ahead, a->wrap, !a->transposed, VN_UNARY_NONE };
        din[0] = vn_emit1(g, VN_OP_CONV1D, (vn_val[]){ dz, n->in[1] }, 2, &back);
    }
    if (vn_wants(g, n->in[1])) {
        vn_attr_conv_grad taps = { kernel, a->dilation, a->transposed ? ahead : a->pad, a->wrap };
        vn_val in[] = { a->transposed ? x : dz, a->transposed ? dz : x };
        din[1] = vn_emit1(g, VN_OP_CONV1D_GRAD, in, 2, &taps);
    }
    if (n->in[2] && vn_wants(g, n->in[2])) {
        vn_tensor b = vn_tensor_of(g, n->in[2]);
        din[2] = vn_sumto(g, dz, vn_dims_of(&b).d);
    }
}

static vn_cost cost_conv1d(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    double rows = (double)(c->in[0].dim[0] * c->in[0].dim[1]);
    return vn_cost_moved(c, 2 * rows * (double)vn_count(w));
}

const vn_op_def vn_op_conv1d = { .infer = infer_conv1d, .grad = grad_conv1d, .cost = cost_conv1d };

static vn_status infer_conv1d_grad(vn_call *c)
{
    const vn_attr_conv_grad *a = c->attr;
    VN_TRY(vn_need_stored(c, 0, "dy", 3, 3));
    VN_TRY(vn_need_stored(c, 1, "x", 3, 3));
    VN_TRY(vn_need_range("kernel", a->kernel, 1, INT32_MAX));
    VN_TRY(need_taps(a->kernel, a->dilation, a->pad, a->wrap));
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    if (dy->dim[0] != x->dim[0] || dy->dim[1] != x->dim[1])
        return VN_FAIL(VN_E_SHAPE, "dy is %s but x is %s; the first two axes must match",
                       VN_SHAPE(dy), VN_SHAPE(x));
    int64_t dim[] = { dy->dim[2], x->dim[2], a->kernel };
    vn_dtype type = vn_sum_type(c);
    vn_out_shape(c, 0, 3, dim);
    c->out[0].dtype = type;
    return VN_OK;
}

static vn_cost cost_conv1d_grad(const vn_call *c)
{
    double rows = (double)(c->in[0].dim[0] * c->in[0].dim[1]);
    return vn_cost_moved(c, 2 * rows * (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_conv1d_grad = { .infer = infer_conv1d_grad, .cost = cost_conv1d_grad };

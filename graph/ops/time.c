/* Along the time axis: pooling and interpolation, what N-HiTS reads and writes with. */
#include "graph/ops/rule.h"

static vn_tensor pooled(const vn_tensor *x, const vn_attr_pool *attr)
{
    vn_tensor y = *x;
    y.dim[1] = (x->dim[1] + attr->kernel - 1) / attr->kernel;
    return y;
}

static vn_status need_pool(const vn_attr_pool *attr)
{
    VN_TRY(vn_need_range("kernel", attr->kernel, 1, INT32_MAX));
    VN_TRY(vn_need_range("mode", attr->mode, VN_POOL_MAX, VN_POOL_AVG));
    return VN_OK;
}

static vn_status infer_pool1d(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    VN_TRY(need_pool(c->attr));
    vn_tensor y = pooled(&c->in[0], c->attr);
    vn_out_like(c, 0, &y);
    return VN_OK;
}

static void grad_pool1d(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_val in[3] = { dout[0], n->in[0], n->out[0] };
    din[0] = vn_emit1(g, VN_OP_POOL1D_GRAD, in, 3, n->attr);
}

static vn_cost cost_pool1d(const vn_call *c)
{
    return vn_cost_moved(c, (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_pool1d = { .infer = infer_pool1d, .grad = grad_pool1d, .cost = cost_pool1d };

static vn_status infer_pool1d_grad(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "dy", 3, 3));
    VN_TRY(vn_need(c, 1, "x", 3, 3));
    VN_TRY(vn_need(c, 2, "y", 3, 3));
    VN_TRY(need_pool(c->attr));
    vn_tensor y = pooled(&c->in[1], c->attr);
    VN_TRY(vn_need_shape(c, 0, "dy", &y, "x"));
    VN_TRY(vn_need_shape(c, 2, "y", &y, "x"));
    vn_out_like(c, 0, &c->in[1]);
    return VN_OK;
}

const vn_op_def vn_op_pool1d_grad = { .infer = infer_pool1d_grad, .cost = cost_pool1d };

static vn_status infer_interp1d(vn_call *c)
{
    const vn_attr_interp *attr = c->attr;
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need_range("size", attr->size, 1, INT32_MAX));
    VN_TRY(vn_need_range("mode", attr->mode, VN_INTERP_LINEAR, VN_INTERP_CUBIC));
    vn_tensor y = c->in[0];
    y.dim[y.rank - 1] = attr->size;
    vn_out_like(c, 0, &y);
    return VN_OK;
}

/* Each is the adjoint of the other: the gradient of one is the other, to the input's points. */
static vn_val adjoint(vn_graph *g, const vn_node *n, vn_op op, vn_val dy)
{
    vn_attr_interp attr = *(const vn_attr_interp *)n->attr;
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    attr.size = vn_last_dim(&x);
    return vn_emit1(g, op, &dy, 1, &attr);
}

static void grad_interp1d(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = adjoint(g, n, VN_OP_INTERP1D_GRAD, dout[0]);
}

static void grad_interp1d_grad(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = adjoint(g, n, VN_OP_INTERP1D, dout[0]);
}

static vn_cost cost_interp1d(const vn_call *c)
{
    static const int taps[] = { 2, 1, 4 };
    int64_t mode = ((const vn_attr_interp *)c->attr)->mode;
    double n = (double)vn_count(&c->in[0]), m = (double)vn_count(&c->out[0]);
    return vn_cost_moved(c, 2 * taps[mode] * (n > m ? n : m));
}

const vn_op_def vn_op_interp1d = { .infer = infer_interp1d,
                                   .grad = grad_interp1d,
                                   .cost = cost_interp1d };
const vn_op_def vn_op_interp1d_grad = { .infer = infer_interp1d,
                                        .grad = grad_interp1d_grad,
                                        .cost = cost_interp1d };

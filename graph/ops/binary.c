/* Elementwise ops of two inputs, with broadcasting, and the two ops that broadcasting is made of.
 */
#include "graph/ops/rule.h"

/* Axis k of t counted from the last, 1 where t has no such axis. */
static int64_t dim_from_end(const vn_tensor *t, int k)
{
    return k < t->rank ? t->dim[t->rank - 1 - k] : 1;
}

static vn_status infer_binary(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "a", 1, VN_MAX_RANK));
    VN_TRY(vn_need(c, 1, "b", 1, VN_MAX_RANK));
    VN_TRY(vn_need_range("fn", ((const vn_attr_binary *)c->attr)->fn, 0, VN_BINARY_COUNT - 1));
    const vn_tensor *a = &c->in[0], *b = &c->in[1];
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dim[VN_MAX_RANK];
    for (int k = 0; k < rank; k++) {
        int64_t p = dim_from_end(a, k), q = dim_from_end(b, k);
        if (p != q && p != 1 && q != 1)
            return VN_FAIL(VN_E_SHAPE,
                           "a is %s but b is %s; axes must be equal or 1, counted from the last",
                           VN_SHAPE(a), VN_SHAPE(b));
        dim[rank - 1 - k] = p > q ? p : q;
    }
    vn_out_shape(c, 0, rank, dim);
    return VN_OK;
}

/* v summed down to the shape of `like`; v itself where it has that shape. */
static vn_val fit(vn_graph *g, vn_val v, vn_val like)
{
    vn_tensor have = vn_tensor_of(g, v), want = vn_tensor_of(g, like);
    return v && !vn_same_shape(&have, &want) ? vn_sumto(g, v, vn_dims_of(&want).d) : v;
}

static vn_val grad_a(vn_graph *g, const vn_node *n, int64_t fn, vn_val dy)
{
    switch (fn) {
    case VN_BINARY_MUL:
        return vn_mul(g, dy, n->in[1]);
    case VN_BINARY_DIV:
        return vn_div(g, dy, n->in[1]);
    case VN_BINARY_MEAN:
        return vn_mean_of(g, dy, n->in[1]);
    default:
        return dy;
    }
}

static vn_val grad_b(vn_graph *g, const vn_node *n, int64_t fn, vn_val dy)
{
    switch (fn) {
    case VN_BINARY_SUB:
        return vn_affine(g, dy, -1, 0);
    case VN_BINARY_MUL:
        return vn_mul(g, dy, n->in[0]);
    case VN_BINARY_DIV:
        return vn_affine(g, vn_div(g, vn_mul(g, dy, n->out[0]), n->in[1]), -1, 0);
    case VN_BINARY_MEAN:
        return vn_affine(g, vn_mean_of(g, vn_mul(g, dy, n->out[0]), n->in[1]), -1, 0);
    default:
        return dy;
    }
}

static void grad_binary(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    int64_t fn = ((const vn_attr_binary *)n->attr)->fn;
    if (vn_wants(g, n->in[0])) din[0] = fit(g, grad_a(g, n, fn, dout[0]), n->in[0]);
    if (vn_wants(g, n->in[1])) din[1] = fit(g, grad_b(g, n, fn, dout[0]), n->in[1]);
}

static vn_cost cost_binary(const vn_call *c)
{
    return vn_cost_moved(c, (double)vn_count(&c->out[0]));
}

const vn_op_def vn_op_binary = { .infer = infer_binary, .grad = grad_binary, .cost = cost_binary };

/* The shape of the attribute as a tensor of x's type. */
static vn_status shape_given(const vn_call *c, vn_tensor *t)
{
    const vn_attr_dims *attr = c->attr;
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need_range("the number of axes", attr->rank, 1, VN_MAX_RANK));
    *t = (vn_tensor){ .dtype = c->in[0].dtype, .rank = (int)attr->rank };
    for (int k = 0; k < t->rank; k++) {
        VN_TRY(vn_need_range("an axis of the shape given", attr->dim[k], 1, INT64_MAX));
        t->dim[k] = attr->dim[k];
    }
    return VN_OK;
}

/* Every axis of `small`, from the last, is that of `large` or 1; `large` may have more axes. */
static bool stretches(const vn_tensor *small, const vn_tensor *large)
{
    if (small->rank > large->rank) return false;
    for (int k = 0; k < small->rank; k++) {
        int64_t d = dim_from_end(small, k);
        if (d != 1 && d != dim_from_end(large, k)) return false;
    }
    return true;
}

static vn_status infer_broadcast(vn_call *c)
{
    vn_tensor to;
    VN_TRY(shape_given(c, &to));
    if (!stretches(&c->in[0], &to))
        return VN_FAIL(VN_E_SHAPE, "x is %s; it cannot be repeated to %s", VN_SHAPE(&c->in[0]),
                       VN_SHAPE(&to));
    vn_out_like(c, 0, &to);
    return VN_OK;
}

static vn_status infer_sumto(vn_call *c)
{
    vn_tensor to;
    VN_TRY(shape_given(c, &to));
    if (!stretches(&to, &c->in[0]))
        return VN_FAIL(VN_E_SHAPE, "x is %s; it cannot be summed to %s", VN_SHAPE(&c->in[0]),
                       VN_SHAPE(&to));
    vn_out_like(c, 0, &to);
    return VN_OK;
}

static void grad_broadcast(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = fit(g, dout[0], n->in[0]);
}

static void grad_sumto(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    din[0] = vn_broadcast(g, dout[0], vn_dims_of(&x).d);
}

static vn_cost cost_sumto(const vn_call *c)
{
    return vn_cost_moved(c, (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_broadcast = { .infer = infer_broadcast, .grad = grad_broadcast };
const vn_op_def vn_op_sumto = {
    .infer = infer_sumto, .grad = grad_sumto, .cost = cost_sumto, .sums = 1
};

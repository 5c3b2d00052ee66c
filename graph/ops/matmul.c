/* Products: the linear layer and the plain or batched matrix product. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static vn_status infer_linear(vn_call *c)
{
    VN_TRY(vn_need_stored(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need_stored(c, 1, "w", 2, 2));
    int64_t act = ((const vn_attr_linear *)c->attr)->act;
    VN_TRY(vn_need_range("act", act, 0, VN_UNARY_COUNT - 1));
    if (!vn_unary_from_y(act))
        return VN_FAIL(VN_E_SHAPE, "%s cannot be fused: its derivative needs the input, not y",
                       vn_unary_name(act));
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    if (vn_last_dim(x) != w->dim[1])
        return VN_FAIL(VN_E_SHAPE,
                       "x is %s but w is %s; the last dimensions must match (%" PRId64 ", %" PRId64
                       ")",
                       VN_SHAPE(x), VN_SHAPE(w), vn_last_dim(x), w->dim[1]);
    vn_tensor bias = { .rank = 1, .dim = { w->dim[0] } };
    VN_TRY(vn_need_shape(c, 2, "b", &bias, "w"));
    vn_tensor y = *x;
    y.dim[y.rank - 1] = w->dim[0];
    y.dtype = vn_sum_type(c);
    vn_out_like(c, 0, &y);
    return VN_OK;
}

/* v with all axes but the last as one. */
static vn_val flat(vn_graph *g, vn_val v)
{
    vn_tensor t = vn_tensor_of(g, v);
    if (t.rank == 2) return v;
    return vn_reshape(g, v, VN_DIMS(vn_count(&t) / vn_last_dim(&t), vn_last_dim(&t)));
}

static void grad_linear(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_attr_unary act = { ((const vn_attr_linear *)n->attr)->act };
    vn_val dz = dout[0];
    if (act.fn != VN_UNARY_NONE)
        dz = vn_emit1(g, VN_OP_UNARY_GRAD, (vn_val[]){ dz, 0, n->out[0] }, 3, &act);
    dz = flat(g, dz);
    if (vn_wants(g, n->in[0])) {
        vn_tensor x = vn_tensor_of(g, n->in[0]);
        din[0] = vn_matmul(g, dz, n->in[1], false, false);
        if (x.rank != 2) din[0] = vn_reshape(g, din[0], vn_dims_of(&x).d);
    }
    if (vn_wants(g, n->in[1])) din[1] = vn_matmul(g, dz, flat(g, n->in[0]), true, false);
    if (n->in[2] && vn_wants(g, n->in[2])) {
        vn_tensor b = vn_tensor_of(g, n->in[2]);
        din[2] = vn_sumto(g, dz, vn_dims_of(&b).d);
    }
}

static vn_cost cost_linear(const vn_call *c)
{
    double y = (double)vn_count(&c->out[0]), k = (double)vn_last_dim(&c->in[0]);
    return vn_cost_moved(c, 2 * y * k);
}

const vn_op_def vn_op_linear = { .infer = infer_linear, .grad = grad_linear, .cost = cost_linear };

static vn_status infer_matmul(vn_call *c)
{
    const vn_attr_matmul *attr = c->attr;
    VN_TRY(vn_need_stored(c, 0, "a", 2, 3));
    VN_TRY(vn_need_stored(c, 1, "b", 2, 3));
    VN_TRY(vn_need_range("ta", attr->ta, 0, 1));
    VN_TRY(vn_need_range("tb", attr->tb, 0, 1));
    const vn_tensor *a = &c->in[0], *b = &c->in[1];
    if (a->rank == 3 && b->rank == 3 && a->dim[0] != b->dim[0])
        return VN_FAIL(VN_E_SHAPE,
                       "a is %s but b is %s; both need the same leading axis, or one none",
                       VN_SHAPE(a), VN_SHAPE(b));
    int rank = a->rank > b->rank ? a->rank : b->rank, lead = rank - 2;
    const int64_t *p = a->dim + a->rank - 2, *q = b->dim + b->rank - 2;
    int64_t ka = p[attr->ta ? 0 : 1], kb = q[attr->tb ? 1 : 0];
    if (ka != kb)
        return VN_FAIL(VN_E_SHAPE,
                       "a is %s%s but b is %s%s; the inner dimensions must match (%" PRId64
                       ", %" PRId64 ")",
                       VN_SHAPE(a), attr->ta ? " transposed" : "", VN_SHAPE(b),
                       attr->tb ? " transposed" : "", ka, kb);
    int64_t dim[3] = { a->rank == 3 ? a->dim[0] : b->dim[0] };
    dim[lead] = p[attr->ta ? 1 : 0];
    dim[lead + 1] = q[attr->tb ? 0 : 1];
    vn_dtype type = vn_sum_type(c);
    vn_out_shape(c, 0, rank, dim);
    c->out[0].dtype = type;
    return VN_OK;
}

/* A gradient per leading index, summed where the matrix was one for all. */
static vn_val shared(vn_graph *g, vn_val grad, vn_val like)
{
    vn_tensor want = vn_tensor_of(g, like);
    bool sum = grad && vn_tensor_of(g, grad).rank > want.rank;
    return sum ? vn_sumto(g, grad, vn_dims_of(&want).d) : grad;
}

/* With A = op(a), B = op(b): dA = dY B^T and dB = A^T dY, transposed back where the input was. */
static void grad_matmul(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    const vn_attr_matmul *attr = n->attr;
    bool ta = attr->ta, tb = attr->tb;
    vn_val a = n->in[0], b = n->in[1], dy = dout[0];
    if (vn_wants(g, a))
        din[0] = shared(
            g, ta ? vn_matmul(g, b, dy, tb, true) : vn_matmul(g, dy, b, false, !tb), a);
    if (vn_wants(g, b))
        din[1] = shared(
            g, tb ? vn_matmul(g, dy, a, true, ta) : vn_matmul(g, a, dy, !ta, false), b);
}

static vn_cost cost_matmul(const vn_call *c)
{
    const vn_tensor *a = &c->in[0];
    bool ta = ((const vn_attr_matmul *)c->attr)->ta;
    double k = (double)a->dim[a->rank - (ta ? 2 : 1)];
    return vn_cost_moved(c, 2 * (double)vn_count(&c->out[0]) * k);
}

const vn_op_def vn_op_matmul = { .infer = infer_matmul, .grad = grad_matmul, .cost = cost_matmul };

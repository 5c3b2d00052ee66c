/* Ops that move numbers without changing them, and the two views that do not even move them. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static vn_status need_axis(const vn_tensor *x, int64_t axis)
{
    if (axis >= 0 && axis < x->rank) return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "x is %s; it has no axis %" PRId64 " (they count from 0)",
                   VN_SHAPE(x), axis);
}

/* [start, start + len) lies within n. Written without start + len, which could overflow. */
static vn_status need_within(const vn_tensor *t, int64_t start, int64_t len, int64_t n)
{
    if (start >= 0 && len >= 1 && start <= n && len <= n - start) return VN_OK;
    return VN_FAIL(VN_E_SHAPE,
                   "x is %s; %" PRId64 " from %" PRId64 " on does not lie in the %" PRId64
                   " of the axis",
                   VN_SHAPE(t), len, start, n);
}

static vn_status cut(vn_call *c)
{
    const vn_attr_range *attr = c->attr;
    vn_tensor y = c->in[0];
    VN_TRY(need_axis(&y, attr->axis));
    VN_TRY(need_within(&y, attr->start, attr->len, y.dim[attr->axis]));
    y.dim[attr->axis] = attr->len;
    vn_out_like(c, 0, &y);
    return VN_OK;
}

static vn_status infer_slice(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(cut(c));
    return VN_OK;
}

static void grad_slice(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    const vn_attr_range *attr = n->attr;
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    din[0] = vn_pad(g, dout[0], (int)attr->axis, attr->start, x.dim[attr->axis]);
}

const vn_op_def vn_op_slice = { .infer = infer_slice, .grad = grad_slice };

static vn_status infer_pad(vn_call *c)
{
    const vn_attr_range *attr = c->attr;
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    vn_tensor y = c->in[0];
    VN_TRY(need_axis(&y, attr->axis));
    VN_TRY(need_within(&y, attr->start, y.dim[attr->axis], attr->len));
    y.dim[attr->axis] = attr->len;
    vn_out_like(c, 0, &y);
    return VN_OK;
}

static void grad_pad(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    const vn_attr_range *attr = n->attr;
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    din[0] = vn_slice(g, dout[0], (int)attr->axis, attr->start, x.dim[attr->axis]);
}

const vn_op_def vn_op_pad = { .infer = infer_pad, .grad = grad_pad };

/* Shapes equal but for one axis. */
static bool joins(const vn_tensor *a, const vn_tensor *b, int64_t axis)
{
    if (a->rank != b->rank) return false;
    for (int k = 0; k < a->rank; k++)
        if (k != axis && a->dim[k] != b->dim[k]) return false;
    return true;
}

static vn_status infer_concat(vn_call *c)
{
    int64_t axis = ((const vn_attr_axis *)c->attr)->axis;
    vn_tensor y = { 0 };
    for (int i = 0; i < c->n_in; i++) {
        if (!vn_given(c, i)) continue;
        const vn_tensor *x = &c->in[i];
        VN_TRY(vn_need(c, i, "x", 1, VN_MAX_RANK));
        VN_TRY(need_axis(x, axis));
        if (!y.rank) {
            y = *x;
            continue;
        }
        if (!joins(&y, x, axis))
            return VN_FAIL(VN_E_SHAPE,
                           "input %d is %s, those before it make %s; all axes but %" PRId64
                           " must match",
                           i, VN_SHAPE(x), VN_SHAPE(&y), axis);
        y.dim[axis] += x->dim[axis];
    }
    if (!y.rank) return VN_FAIL(VN_E_SHAPE, "concat has no input; it needs at least one");
    vn_out_like(c, 0, &y);
    return VN_OK;
}

static void grad_concat(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    int axis = (int)((const vn_attr_axis *)n->attr)->axis;
    int64_t at = 0;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i]) continue;
        int64_t len = vn_tensor_of(g, n->in[i]).dim[axis];
        if (vn_wants(g, n->in[i])) din[i] = vn_slice(g, dout[0], axis, at, len);
        at += len;
    }
}

const vn_op_def vn_op_concat = { .infer = infer_concat, .grad = grad_concat };

static vn_status infer_permute(vn_call *c)
{
    const vn_attr_perm *attr = c->attr;
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    const vn_tensor *x = &c->in[0];
    int64_t dim[VN_MAX_RANK];
    bool used[VN_MAX_RANK] = { false };
    for (int i = 0; i < x->rank; i++) {
        VN_TRY(need_axis(x, attr->axis[i]));
        if (used[attr->axis[i]])
            return VN_FAIL(VN_E_SHAPE, "axis %" PRId64 " is named twice", attr->axis[i]);
        used[attr->axis[i]] = true;
        dim[i] = x->dim[attr->axis[i]];
    }
    vn_out_shape(c, 0, x->rank, dim);
    return VN_OK;
}

static void grad_permute(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    const vn_attr_perm *attr = n->attr;
    int rank = vn_tensor_of(g, n->in[0]).rank, back[VN_MAX_RANK];
    for (int i = 0; i < rank; i++) back[attr->axis[i]] = i;
    din[0] = vn_permute(g, dout[0], back);
}

const vn_op_def vn_op_permute = { .infer = infer_permute, .grad = grad_permute };

static vn_status infer_flip(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(need_axis(&c->in[0], ((const vn_attr_axis *)c->attr)->axis));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static void grad_flip(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = vn_flip(g, dout[0], (int)((const vn_attr_axis *)n->attr)->axis);
}

const vn_op_def vn_op_flip = { .infer = infer_flip, .grad = grad_flip };

static vn_status infer_reshape(vn_call *c)
{
    const vn_attr_dims *attr = c->attr;
    VN_TRY(vn_need_stored(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(vn_need_range("the number of axes", attr->rank, 1, VN_MAX_RANK));
    for (int k = 0; k < (int)attr->rank; k++)
        VN_TRY(vn_need_range("an axis of the shape given", attr->dim[k], 1, INT64_MAX));
    vn_out_shape(c, 0, (int)attr->rank, attr->dim);
    if (vn_count(&c->in[0]) != vn_count(&c->out[0]))
        return VN_FAIL(VN_E_SHAPE,
                       "x is %s, which is not %s; the numbers of elements must match (%" PRId64
                       ", %" PRId64 ")",
                       VN_SHAPE(&c->in[0]), VN_SHAPE(&c->out[0]), vn_count(&c->in[0]),
                       vn_count(&c->out[0]));
    return VN_OK;
}

static void grad_reshape(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    din[0] = vn_reshape(g, dout[0], vn_dims_of(&x).d);
}

static size_t view_reshape(const vn_call *c)
{
    (void)c;
    return 0;
}

const vn_op_def vn_op_reshape = { .infer = infer_reshape,
                                  .grad = grad_reshape,
                                  .view = view_reshape };

static vn_status infer_rows(vn_call *c)
{
    VN_TRY(vn_need_range("axis", ((const vn_attr_range *)c->attr)->axis, 0, 0));
    VN_TRY(vn_need_stored(c, 0, "x", 1, VN_MAX_RANK));
    VN_TRY(cut(c));
    return VN_OK;
}

static size_t view_rows(const vn_call *c)
{
    const vn_tensor *x = &c->in[0];
    size_t row = (size_t)(vn_count(x) / x->dim[0]) * vn_dtype_bytes(x->dtype);
    return (size_t)((const vn_attr_range *)c->attr)->start * row;
}

const vn_op_def vn_op_rows = { .infer = infer_rows, .grad = grad_slice, .view = view_rows };

/* Attention of several heads. Its weights are never stored: the gradient computes them again. */
#include "graph/ops/rule.h"

#include <inttypes.h>

/* A factor of the op's products, of the type of q. */
static vn_status need_factor(const vn_call *c, int i, const char *name, const vn_tensor *q)
{
    VN_TRY(vn_need_stored(c, i, name, 3, 3));
    if (c->in[i].dtype != q->dtype)
        return VN_FAIL(VN_E_SHAPE, "%s is of type %s but q is %s", name,
                       vn_dtype_name(c->in[i].dtype), vn_dtype_name(q->dtype));
    return VN_OK;
}

/* q, k, v, mask at inputs first .. first + 3. */
static vn_status need_heads(const vn_call *c, int first)
{
    const vn_attr_attention *a = c->attr;
    const vn_tensor *q = &c->in[first], *k = &c->in[first + 1], *v = &c->in[first + 2];
    VN_TRY(vn_need_stored(c, first, "q", 3, 3));
    VN_TRY(need_factor(c, first + 1, "k", q));
    VN_TRY(need_factor(c, first + 2, "v", q));
    if (q->dim[0] != k->dim[0] || q->dim[2] != k->dim[2])
        return VN_FAIL(VN_E_SHAPE, "q is %s but k is %s; the first and the last axis must match",
                       VN_SHAPE(q), VN_SHAPE(k));
    vn_tensor mask = { .rank = 2, .dim = { k->dim[0], k->dim[1] } };
    if (!vn_same_shape(v, k))
        return VN_FAIL(VN_E_SHAPE, "v is %s but k needs %s", VN_SHAPE(v), VN_SHAPE(k));
    VN_TRY(vn_need_shape(c, first + 3, "mask", &mask, "k"));
    VN_TRY(vn_need_range("heads", a->heads, 1, q->dim[2]));
    VN_TRY(vn_need_range("causal", a->causal, 0, 1));
    if (q->dim[2] % a->heads)
        return VN_FAIL(VN_E_SHAPE,
                       "q is %s; its last dimension is no multiple of %" PRId64 " heads",
                       VN_SHAPE(q), a->heads);
    if (a->causal && q->dim[1] > k->dim[1])
        return VN_FAIL(VN_E_SHAPE,
                       "q is %s but k is %s; causal attention needs as many keys as queries",
                       VN_SHAPE(q), VN_SHAPE(k));
    return VN_OK;
}

static vn_status infer_attention(vn_call *c)
{
    VN_TRY(need_heads(c, 0));
    const vn_tensor *q = &c->in[0];
    int64_t sums[] = { q->dim[0], ((const vn_attr_attention *)c->attr)->heads, q->dim[1] };
    vn_dtype type = vn_sum_type(c);
    vn_out_like(c, 0, q);
    vn_out_shape(c, 1, 3, sums);
    c->out[0].dtype = c->out[1].dtype = type;
    return VN_OK;
}

static void grad_attention(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_val in[] = { dout[0], n->in[0], n->in[1], n->in[2], n->in[3], n->out[0], n->out[1] };
    vn_val out[VN_MAX_OUT];
    if (!dout[0]) return;
    vn_emit(g, VN_OP_ATTENTION_GRAD, in, 7, n->attr, out);
    for (int i = 0; i < 3; i++) din[i] = out[i];
}

/* Scores and their product with the values: 2 of the gradient's 5 products. */
static double scores(const vn_tensor *q, const vn_tensor *k, const vn_attr_attention *a)
{
    double n = (double)(q->dim[0] * q->dim[1]) * (double)k->dim[1];
    return (4 * (double)q->dim[2] + 12 * (double)a->heads) * (a->causal ? n / 2 : n);
}

static vn_cost cost_attention(const vn_call *c)
{
    return vn_cost_moved(c, scores(&c->in[0], &c->in[1], c->attr));
}

const vn_op_def vn_op_attention = {
    .infer = infer_attention, .grad = grad_attention, .cost = cost_attention, .saved = 2
};

static vn_status infer_attention_grad(vn_call *c)
{
    VN_TRY(need_heads(c, 1));
    const vn_tensor *q = &c->in[1];
    vn_tensor sums = {
        .rank = 3, .dim = { q->dim[0], ((const vn_attr_attention *)c->attr)->heads, q->dim[1] }
    };
    VN_TRY(need_factor(c, 0, "dy", q));
    VN_TRY(vn_need(c, 5, "y", 3, 3));
    VN_TRY(vn_need(c, 6, "log sums", 3, 3));
    if (!vn_same_shape(&c->in[0], q))
        return VN_FAIL(VN_E_SHAPE, "dy is %s but q needs %s", VN_SHAPE(&c->in[0]), VN_SHAPE(q));
    VN_TRY(vn_need_shape(c, 5, "y", q, "q"));
    VN_TRY(vn_need_shape(c, 6, "log sums", &sums, "q"));
    vn_dtype type = vn_sum_type(c);
    for (int o = 0; o < 3; o++) {
        vn_out_like(c, o, &c->in[1 + o]);
        c->out[o].dtype = type;
    }
    return VN_OK;
}

static vn_cost cost_attention_grad(const vn_call *c)
{
    return vn_cost_moved(c, 2.5 * scores(&c->in[1], &c->in[2], c->attr));
}

const vn_op_def vn_op_attention_grad = { .infer = infer_attention_grad,
                                         .cost = cost_attention_grad };

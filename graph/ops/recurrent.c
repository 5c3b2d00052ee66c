/* LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al. 2014) layers.
 *
 * A layer's gradient is one op that walks back through time and leaves the gradients of the gates
 * before their functions; those of inputs, weights and biases are products and sums over all steps
 * at once. */
#include "graph/ops/rule.h"

#include <inttypes.h>

enum {
    FEW_INPUTS = 8,   /* up to here dW_ih is made transposed: a product of few rows wastes less */
    FLOPS_GATE = 12,  /* a vector exp or tanh, about */
    FLOPS_GRAD = 40,  /* the elementwise part of a step back, a unit */
};

/* x, W_ih, W_hh and the optional biases and states of a layer with `gates` gates. */
static vn_status need_layer(const vn_call *c, int64_t gates, int n_states)
{
    static const char *const name[] = { "x", "w_ih", "w_hh", "b_ih", "b_hh", "h0", "c0" };
    VN_TRY(vn_need(c, 0, name[0], 3, 3));
    VN_TRY(vn_need(c, 1, name[1], 2, 2));
    VN_TRY(vn_need(c, 2, name[2], 2, 2));
    const vn_tensor *x = &c->in[0], *w_ih = &c->in[1], *w_hh = &c->in[2];
    int64_t units = w_hh->dim[1];
    if (w_hh->dim[0] != gates * units)
        return VN_FAIL(VN_E_SHAPE,
                       "w_hh is %s; it must have %" PRId64 " rows for each of its columns",
                       VN_SHAPE(w_hh), gates);
    vn_tensor want = { .rank = 2, .dim = { gates * units, x->dim[2] } };
    if (!vn_same_shape(w_ih, &want))
        return VN_FAIL(VN_E_SHAPE, "w_ih is %s but x %s and w_hh %s need %s", VN_SHAPE(w_ih),
                       VN_SHAPE(x), VN_SHAPE(w_hh), VN_SHAPE(&want));
    vn_tensor bias = { .rank = 1, .dim = { gates * units } };
    vn_tensor state = { .rank = 2, .dim = { x->dim[0], units } };
    for (int i = 3; i < 5; i++) VN_TRY(vn_need_shape(c, i, name[i], &bias, "w_hh"));
    for (int i = 5; i < 5 + n_states; i++) VN_TRY(vn_need_shape(c, i, name[i], &state, "a state"));
    return VN_OK;
}

static vn_status infer_lstm(vn_call *c)
{
    VN_TRY(need_layer(c, 4, 2));
    int64_t b = c->in[0].dim[0], t = c->in[0].dim[1], units = c->in[2].dim[1];
    vn_out_shape(c, 0, 3, (int64_t[]){ b, t, units });
    vn_out_shape(c, 1, 2, (int64_t[]){ b, units });
    vn_out_shape(c, 2, 2, (int64_t[]){ b, units });
    vn_out_shape(c, 3, 3, (int64_t[]){ b, t, 4 * units });
    vn_out_shape(c, 4, 3, (int64_t[]){ b, t, units });
    return VN_OK;
}

static vn_status infer_gru(vn_call *c)
{
    VN_TRY(need_layer(c, 3, 1));
    int64_t b = c->in[0].dim[0], t = c->in[0].dim[1], units = c->in[2].dim[1];
    vn_out_shape(c, 0, 3, (int64_t[]){ b, t, units });
    vn_out_shape(c, 1, 2, (int64_t[]){ b, units });
    vn_out_shape(c, 2, 3, (int64_t[]){ b, t, 4 * units });
    return VN_OK;
}

/* v [B, T, N] as [B T, N]. */
static vn_val flat(vn_graph *g, vn_val v)
{
    vn_tensor t = vn_tensor_of(g, v);
    return vn_reshape(g, v, VN_DIMS(t.dim[0] * t.dim[1], t.dim[2]));
}

/* The state before every step [B T, H]: h0, or zeros, and all of h but its last step; 0 if it is
 * zeros alone. */
static vn_val before(vn_graph *g, vn_val h, vn_val h0)
{
    vn_tensor t = vn_tensor_of(g, h);
    if (h0) h0 = vn_reshape(g, h0, VN_DIMS(t.dim[0], 1, t.dim[2]));
    if (t.dim[1] == 1) return h0 ? flat(g, h0) : 0;
    vn_val rest = vn_slice(g, h, 1, 0, t.dim[1] - 1);
    rest = h0 ? vn_concat(g, 1, (vn_val[]){ h0, rest }, 2) : vn_pad(g, rest, 1, 1, t.dim[1]);
    return flat(g, rest);
}

/* Gradients of x, the weights and the biases from those of the gates [B T, G H] on the side of x
 * and on that of h. */
static void grad_inputs(vn_graph *g, const vn_node *n, vn_val dx_gates, vn_val dh_gates,
                        vn_val *din)
{
    vn_tensor x = vn_tensor_of(g, n->in[0]);
    if (vn_wants(g, n->in[0]))
        din[0] = vn_reshape(g, vn_matmul(g, dx_gates, n->in[1], false, false), vn_dims_of(&x).d);
    if (vn_wants(g, n->in[1])) {
        vn_val rows = flat(g, n->in[0]);
        din[1] = x.dim[2] > FEW_INPUTS
                     ? vn_matmul(g, dx_gates, rows, true, false)
                     : vn_permute(g, vn_matmul(g, rows, dx_gates, true, false), (int[]){ 1, 0 });
    }
    if (vn_wants(g, n->in[2])) {
        vn_val h = before(g, n->out[0], n->in[5]);
        if (h) din[2] = vn_matmul(g, dh_gates, h, true, false);
    }
    int64_t rows = vn_tensor_of(g, n->in[2]).dim[0];
    if (n->in[3] && vn_wants(g, n->in[3])) din[3] = vn_sumto(g, dx_gates, VN_DIMS(rows));
    if (n->in[4] && vn_wants(g, n->in[4]))
        din[4] = din[3] && dx_gates == dh_gates ? din[3] : vn_sumto(g, dh_gates, VN_DIMS(rows));
}

static void grad_lstm(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_val in[7] = { n->in[2], n->out[3], n->out[4], n->in[6], dout[0], dout[1], dout[2] };
    vn_val out[VN_MAX_OUT] = { 0 };
    vn_emit(g, VN_OP_LSTM_GRAD, in, 7, NULL, out);
    if (g->status) return;
    vn_val gates = flat(g, out[0]);
    grad_inputs(g, n, gates, gates, din);
    if (n->in[5]) din[5] = out[1];
    if (n->in[6]) din[6] = out[2];
}

static void grad_gru(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    vn_val in[6] = { n->in[2], n->out[2], n->out[0], n->in[5], dout[0], dout[1] };
    vn_val out[VN_MAX_OUT] = { 0 };
    vn_emit(g, VN_OP_GRU_GRAD, in, 6, NULL, out);
    if (g->status) return;
    grad_inputs(g, n, flat(g, out[0]), flat(g, out[1]), din);
    if (n->in[5]) din[5] = out[2];
}

/* Products of inputs and state, and five or four functions a unit. */
static vn_cost cost_layer(const vn_call *c)
{
    const vn_tensor *x = &c->in[0], *w_hh = &c->in[2];
    double steps = (double)(x->dim[0] * x->dim[1]), rows = (double)w_hh->dim[0];
    double functions = rows + (c->op == VN_OP_LSTM ? (double)w_hh->dim[1] : 0);
    return vn_cost_moved(c, steps * (2 * rows * (double)(x->dim[2] + w_hh->dim[1]) +
                                     FLOPS_GATE * functions));
}

const vn_op_def vn_op_lstm = { .infer = infer_lstm,
                               .grad = grad_lstm,
                               .cost = cost_layer,
                               .saved = 0x18 };
const vn_op_def vn_op_gru = { .infer = infer_gru,
                              .grad = grad_gru,
                              .cost = cost_layer,
                              .saved = 0x4 };

/* W_hh, gates [B, T, 4H], cells or h [B, T, H], then the optional ones. `gates`: rows of W_hh a
 * unit. */
static vn_status need_grad(const vn_call *c, int64_t gates, const char *const name[],
                           const bool whole[])
{
    VN_TRY(vn_need(c, 0, "w_hh", 2, 2));
    VN_TRY(vn_need(c, 1, "gates", 3, 3));
    VN_TRY(vn_need(c, 2, name[2], 3, 3));
    const vn_tensor *w = &c->in[0], *saved = &c->in[1];
    int64_t units = w->dim[1];
    if (w->dim[0] != gates * units || saved->dim[2] != 4 * units)
        return VN_FAIL(VN_E_SHAPE, "w_hh is %s but gates %s need [%" PRId64 ", %" PRId64 "]",
                       VN_SHAPE(w), VN_SHAPE(saved), gates * (saved->dim[2] / 4),
                       saved->dim[2] / 4);
    vn_tensor all = { .rank = 3, .dim = { saved->dim[0], saved->dim[1], units } };
    vn_tensor one = { .rank = 2, .dim = { saved->dim[0], units } };
    for (int i = 2; i < c->n_in; i++)
        VN_TRY(vn_need_shape(c, i, name[i], whole[i] ? &all : &one, "gates"));
    return VN_OK;
}

static vn_status infer_lstm_grad(vn_call *c)
{
    static const char *const name[] = { "w_hh", "gates", "cells", "c0", "dh", "d last h",
                                        "d last c" };
    VN_TRY(need_grad(c, 4, name, (const bool[]){ 0, 0, 1, 0, 1, 0, 0 }));
    const vn_tensor *saved = &c->in[1];
    vn_out_like(c, 0, saved);
    for (int o = 1; o < 3; o++)
        vn_out_shape(c, o, 2, (int64_t[]){ saved->dim[0], saved->dim[2] / 4 });
    return VN_OK;
}

static vn_status infer_gru_grad(vn_call *c)
{
    static const char *const name[] = { "w_hh", "gates", "h", "h0", "dh", "d last h" };
    VN_TRY(need_grad(c, 3, name, (const bool[]){ 0, 0, 1, 0, 1, 0 }));
    const vn_tensor *saved = &c->in[1];
    int64_t units = saved->dim[2] / 4;
    for (int o = 0; o < 2; o++)
        vn_out_shape(c, o, 3, (int64_t[]){ saved->dim[0], saved->dim[1], 3 * units });
    vn_out_shape(c, 2, 2, (int64_t[]){ saved->dim[0], units });
    return VN_OK;
}

static vn_cost cost_grad(const vn_call *c)
{
    const vn_tensor *w = &c->in[0], *saved = &c->in[1];
    double steps = (double)(saved->dim[0] * saved->dim[1]);
    return vn_cost_moved(c, steps * (2 * (double)vn_count(w) + FLOPS_GRAD * (double)w->dim[1]));
}

const vn_op_def vn_op_lstm_grad = { .infer = infer_lstm_grad, .cost = cost_grad };
const vn_op_def vn_op_gru_grad = { .infer = infer_gru_grad, .cost = cost_grad };

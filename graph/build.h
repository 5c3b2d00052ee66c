/* What models write: one function an op, shapes in the comments. All return 0 after a failure, and
 * take 0 for an absent optional input. */
#ifndef VN_GRAPH_BUILD_H
#define VN_GRAPH_BUILD_H

#include "graph/graph.h"
#include "graph/params.h"

/* Names: everything built until the matching pop is called "...<name>/...". */
void vn_push(vn_graph *g, const char *fmt, ...) VN_PRINTF(2, 3);
void vn_pop(vn_graph *g);

/* Refuse to build: the first message stays. Returns 0. */
vn_val vn_refuse(vn_graph *g, vn_status code, const char *fmt, ...) VN_PRINTF(3, 4);

/* Leaves. dims ends with 0: VN_DIMS(B, L) */
#define VN_DIMS(...) ((const int64_t[]){ __VA_ARGS__, 0 })
vn_val vn_input(vn_graph *g, const char *name, vn_dtype dtype, const int64_t *dims);
vn_val vn_param(vn_graph *g, const char *name, const int64_t *dims, vn_init init);
vn_val vn_const(vn_graph *g, const char *name, const int64_t *dims, const double *data);
vn_val vn_state(vn_graph *g, const char *name, vn_dtype dtype, const int64_t *dims);
/* The whole PARAM, GRAD, M or V block as one vector [n_block]; the parameters must be laid out. */
vn_val vn_block(vn_graph *g, vn_home home);

/* Any op: `in` has n_in values, `out` receives as many as the op has. */
void vn_emit(vn_graph *g, vn_op op, const vn_val *in, int n_in, const void *attr, vn_val *out);
vn_val vn_emit1(vn_graph *g, vn_op op, const vn_val *in, int n_in, const void *attr);

vn_val vn_apply(vn_graph *g, vn_unary fn, vn_val x);
vn_val vn_add(vn_graph *g, vn_val a, vn_val b);
vn_val vn_sub(vn_graph *g, vn_val a, vn_val b);
vn_val vn_mul(vn_graph *g, vn_val a, vn_val b);
vn_val vn_div(vn_graph *g, vn_val a, vn_val b);
vn_val vn_mean_of(vn_graph *g, vn_val a, vn_val b); /* a sum over the sum of its weights */
vn_val vn_affine(vn_graph *g, vn_val x, double a, double b);
vn_val vn_broadcast(vn_graph *g, vn_val x, const int64_t *dims);
vn_val vn_sumto(vn_graph *g, vn_val x, const int64_t *dims);
vn_val vn_dropout(vn_graph *g, vn_val x, double p); /* x itself when p is 0 */

vn_val vn_linear(vn_graph *g, vn_val x, vn_val w, vn_val b, vn_unary act);
vn_val vn_matmul(vn_graph *g, vn_val a, vn_val b, bool ta, bool tb);
/* Linear layer with its own parameters "<name>.weight" [n_out, n_in], "<name>.bias" [n_out], drawn
 * U(-1/sqrt(n_in), 1/sqrt(n_in)) as PyTorch does. */
vn_val vn_dense(vn_graph *g, const char *name, vn_val x, int64_t n_out, vn_unary act);

/* A recurrent layer with its own parameters "<name>.weight_ih" [G n, I], "<name>.weight_hh" [G n, n],
 * "<name>.bias_ih", "<name>.bias_hh" [G n], as PyTorch names, orders and draws them. x [B, T, I];
 * h0, c0 [B, n] may be 0. */
typedef struct vn_recurrent {
    vn_val h;              /* [B, T, n] */
    vn_val last_h, last_c; /* [B, n]; a GRU has no c */
} vn_recurrent;
vn_recurrent vn_lstm(vn_graph *g, const char *name, vn_val x, int64_t n, vn_val h0, vn_val c0);
vn_recurrent vn_gru(vn_graph *g, const char *name, vn_val x, int64_t n, vn_val h0);

/* Over the last axis. To leave places out add a large negative number (-1e9) to x there. */
vn_val vn_softmax(vn_graph *g, vn_val x);
vn_val vn_sorted(vn_graph *g, vn_val x); /* ascending along the last axis */

/* q [B, Tq, D], k and v [B, Tk, D], mask? [B, Tk] -> [B, Tq, D]; causal: the last query sees every key. */
vn_val vn_attention(vn_graph *g, vn_val q, vn_val k, vn_val v, vn_val mask, int64_t heads,
                    bool causal);

/* x [B, T, I], W [O, I, k], b? [O] -> [B, T, O]; attr->act may be any function. */
vn_val vn_conv1d(vn_graph *g, vn_val x, vn_val w, vn_val b, const vn_attr_conv *attr);

/* x normalised over its last axis, with "<name>.weight" (ones) and "<name>.bias" (zeros). */
vn_val vn_layernorm(vn_graph *g, const char *name, vn_val x, double eps);

vn_val vn_pool1d(vn_graph *g, vn_val x, int64_t kernel, int mode);
vn_val vn_interp1d(vn_graph *g, vn_val x, int64_t size, int mode);

vn_val vn_slice(vn_graph *g, vn_val x, int axis, int64_t start, int64_t len);
vn_val vn_pad(vn_graph *g, vn_val x, int axis, int64_t start, int64_t len);
vn_val vn_concat(vn_graph *g, int axis, const vn_val *x, int n); /* absent ones are left out */
vn_val vn_permute(vn_graph *g, vn_val x, const int *axes);
vn_val vn_flip(vn_graph *g, vn_val x, int axis);
vn_val vn_reshape(vn_graph *g, vn_val x, const int64_t *dims);
vn_val vn_rows(vn_graph *g, vn_val x, int64_t start, int64_t len);

vn_val vn_embedding(vn_graph *g, vn_val codes, vn_val table);

typedef struct vn_window_out {
    vn_val y, mask;              /* [B, L, 1] */
    vn_val hist, futr, stat;     /* [B, L, X], [B, L + H, F], [B, S]; 0 when there are none */
    vn_val target, target_mask;  /* [B, H, 1] */
} vn_window_out;
vn_window_out vn_window(vn_graph *g, vn_val pairs, vn_val panel, const vn_attr_window *attr);
void vn_window_stats(vn_graph *g, vn_val x, vn_val mask, const vn_attr_stats *attr, vn_val *loc,
                     vn_val *scale);
/* *y = x where it is finite and mask (0: none) is not 0, else 0; *seen tells where. */
void vn_seen(vn_graph *g, vn_val x, vn_val mask, vn_val *y, vn_val *seen);
vn_val vn_scale(vn_graph *g, vn_val x, vn_val mask, vn_val loc, vn_val scale);
vn_val vn_unscale(vn_graph *g, vn_val x, vn_val loc, vn_val scale);

/* *num = sum of the weighted losses, *den = sum of the weights; both [1]. */
void vn_loss_of(vn_graph *g, const vn_attr_loss *attr, vn_val yhat, vn_val y, vn_val mask,
                vn_val weight, vn_val scale, vn_val *num, vn_val *den);

/* Mark a value the host will read. Returns the value to read (a copy where v cannot be one). */
vn_val vn_output(vn_graph *g, vn_val v);

/* Give a value a name, a literal, under which a forecast can be asked for it: "attention". Costs
 * nothing until somebody does (vn_shown_of). [B, H, ...] where the first two axes are windows and
 * steps of the horizon. */
void vn_show(vn_graph *g, const char *name, vn_val v);
/* The value shown under the name; 0 if there is none. */
vn_val vn_shown_of(const vn_graph *g, const char *name);

/* Emit the gradient nodes of the scalar `loss` [1]. Every parameter's gradient is left in the GRAD
 * block (zero where the loss does not depend on it). `wrt` (may be NULL): n values whose gradients
 * are returned in `grads` (0 where there is none). */
void vn_gradients(vn_graph *g, vn_val loss, const vn_val *wrt, int n, vn_val *grads);

/* For gradient rules: true while gradients are being emitted and v needs one, that is, depends on a
 * parameter or on a value of `wrt`. A rule leaves out the work for inputs that do not. */
bool vn_wants(const vn_graph *g, vn_val v);

/* The whole optimizer: norm of the GRAD block, guard, Adam or another rule on the blocks, and the MEAN block unless
 * its decay is 0. Returns the norm [1]. */
vn_val vn_optimize(vn_graph *g, const vn_attr_adam *attr, double mean_decay, vn_val loss, vn_val bad);

/* The same where the gradients are those of loss times a factor, so that small ones are not lost in
 * f16: states `scale` [1] and `counts` i64 [2] of op rescale. A step that overflows is left out and
 * halves the scale; `growth` good ones double it (0: it is constant). NULL: as above. */
typedef struct vn_scaling {
    vn_val scale, counts;
    int64_t growth;
} vn_scaling;
vn_val vn_optimize_scaled(vn_graph *g, const vn_attr_adam *attr, double mean_decay, vn_val loss,
                          vn_val bad, const vn_scaling *scaling);

#endif

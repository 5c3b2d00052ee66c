/* One short function an op, and the linear layer with its own parameters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/philox.h"
#include "graph/build.h"

static void dims_of(const int64_t *dims, vn_attr_dims *attr)
{
    for (attr->rank = 0; attr->rank < VN_MAX_RANK && dims[attr->rank]; attr->rank++)
        attr->dim[attr->rank] = dims[attr->rank];
}

vn_val vn_apply(vn_graph *g, vn_unary fn, vn_val x)
{
    if (fn == VN_UNARY_NONE) return x;
    return vn_emit1(g, VN_OP_UNARY, &x, 1, &(vn_attr_unary){ .fn = fn });
}

static vn_val binary(vn_graph *g, vn_binary fn, vn_val a, vn_val b)
{
    return vn_emit1(g, VN_OP_BINARY, (vn_val[]){ a, b }, 2, &(vn_attr_binary){ .fn = fn });
}

vn_val vn_add(vn_graph *g, vn_val a, vn_val b) { return binary(g, VN_BINARY_ADD, a, b); }
vn_val vn_sub(vn_graph *g, vn_val a, vn_val b) { return binary(g, VN_BINARY_SUB, a, b); }
vn_val vn_mul(vn_graph *g, vn_val a, vn_val b) { return binary(g, VN_BINARY_MUL, a, b); }
vn_val vn_div(vn_graph *g, vn_val a, vn_val b) { return binary(g, VN_BINARY_DIV, a, b); }
vn_val vn_mean_of(vn_graph *g, vn_val a, vn_val b) { return binary(g, VN_BINARY_MEAN, a, b); }

vn_val vn_affine(vn_graph *g, vn_val x, double a, double b)
{
    return vn_emit1(g, VN_OP_AFFINE, &x, 1, &(vn_attr_affine){ .a = a, .b = b });
}

vn_val vn_broadcast(vn_graph *g, vn_val x, const int64_t *dims)
{
    vn_attr_dims attr = { 0 };
    dims_of(dims, &attr);
    return vn_emit1(g, VN_OP_BROADCAST, &x, 1, &attr);
}

vn_val vn_sumto(vn_graph *g, vn_val x, const int64_t *dims)
{
    vn_attr_dims attr = { 0 };
    dims_of(dims, &attr);
    return vn_emit1(g, VN_OP_SUMTO, &x, 1, &attr);
}

vn_val vn_dropout(vn_graph *g, vn_val x, double p)
{
    if (p == 0) return x;
    char path[320]; /* the scope and the node's number within it keep streams apart */
    snprintf(path, sizeof path, "%sdropout.%d", g->scope, g->n_nodes);
    vn_attr_dropout attr = { .p = p, .stream = (int64_t)vn_stream_of(path) };
    return vn_emit1(g, VN_OP_DROPOUT, &x, 1, &attr);
}

vn_val vn_linear(vn_graph *g, vn_val x, vn_val w, vn_val b, vn_unary act)
{
    bool fused = vn_unary_from_y(act);
    vn_attr_linear attr = { .act = fused ? act : VN_UNARY_NONE };
    vn_val y = vn_emit1(g, VN_OP_LINEAR, (vn_val[]){ x, w, b }, 3, &attr);
    return fused ? y : vn_apply(g, act, y);
}

vn_val vn_matmul(vn_graph *g, vn_val a, vn_val b, bool ta, bool tb)
{
    return vn_emit1(g, VN_OP_MATMUL, (vn_val[]){ a, b }, 2, &(vn_attr_matmul){ .ta = ta, .tb = tb });
}

vn_val vn_dense(vn_graph *g, const char *name, vn_val x, int64_t n_out, vn_unary act)
{
    if (g->status || !x) return 0;
    int64_t n_in = vn_last_dim(&vn_value_of(g, x)->t);
    vn_init init = { .kind = VN_INIT_UNIFORM, .a = 1 / sqrt((double)n_in) };
    char weight[128], bias[128];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    vn_val w = vn_param(g, weight, VN_DIMS(n_out, n_in), init);
    vn_val b = vn_param(g, bias, VN_DIMS(n_out), init);
    return vn_linear(g, x, w, b, act);
}

vn_val vn_sorted(vn_graph *g, vn_val x) { return vn_emit1(g, VN_OP_SORT, &x, 1, NULL); }

vn_val vn_softmax(vn_graph *g, vn_val x) { return vn_emit1(g, VN_OP_SOFTMAX, &x, 1, NULL); }

vn_val vn_attention(vn_graph *g, vn_val q, vn_val k, vn_val v, vn_val mask, int64_t heads,
                    bool causal)
{
    vn_attr_attention attr = { .heads = heads, .causal = causal };
    return vn_emit1(g, VN_OP_ATTENTION, (vn_val[]){ q, k, v, mask }, 4, &attr);
}

vn_val vn_conv1d(vn_graph *g, vn_val x, vn_val w, vn_val b, const vn_attr_conv *attr)
{
    vn_attr_conv own = *attr;
    bool fused = vn_unary_from_y(attr->act);
    if (!fused) own.act = VN_UNARY_NONE;
    vn_val y = vn_emit1(g, VN_OP_CONV1D, (vn_val[]){ x, w, b }, 3, &own);
    return fused ? y : vn_apply(g, (vn_unary)attr->act, y);
}

vn_val vn_layernorm(vn_graph *g, const char *name, vn_val x, double eps)
{
    if (g->status || !x) return 0;
    int64_t width = vn_last_dim(&vn_value_of(g, x)->t);
    char weight[128], bias[128];
    snprintf(weight, sizeof weight, "%s.weight", name);
    snprintf(bias, sizeof bias, "%s.bias", name);
    vn_val gamma = vn_param(g, weight, VN_DIMS(width), (vn_init){ VN_INIT_CONSTANT, 1 });
    vn_val beta = vn_param(g, bias, VN_DIMS(width), (vn_init){ VN_INIT_CONSTANT, 0 });
    vn_val in[] = { x, gamma, beta };
    return vn_emit1(g, VN_OP_LAYERNORM, in, 3, &(vn_attr_norm){ .eps = eps });
}

vn_val vn_pool1d(vn_graph *g, vn_val x, int64_t kernel, int mode)
{
    return vn_emit1(g, VN_OP_POOL1D, &x, 1, &(vn_attr_pool){ .kernel = kernel, .mode = mode });
}

vn_val vn_interp1d(vn_graph *g, vn_val x, int64_t size, int mode)
{
    return vn_emit1(g, VN_OP_INTERP1D, &x, 1, &(vn_attr_interp){ .size = size, .mode = mode });
}

static vn_val ranged(vn_graph *g, vn_op op, vn_val x, int axis, int64_t start, int64_t len)
{
    vn_attr_range attr = { .axis = axis, .start = start, .len = len };
    return vn_emit1(g, op, &x, 1, &attr);
}

vn_val vn_slice(vn_graph *g, vn_val x, int axis, int64_t start, int64_t len)
{
    return ranged(g, VN_OP_SLICE, x, axis, start, len);
}

vn_val vn_pad(vn_graph *g, vn_val x, int axis, int64_t start, int64_t len)
{
    return ranged(g, VN_OP_PAD, x, axis, start, len);
}

vn_val vn_rows(vn_graph *g, vn_val x, int64_t start, int64_t len)
{
    return ranged(g, VN_OP_ROWS, x, 0, start, len);
}

vn_val vn_concat(vn_graph *g, int axis, const vn_val *x, int n)
{
    vn_val in[VN_MAX_IN];
    int given = 0;
    for (int i = 0; i < n; i++) {
        if (!x[i]) continue;
        if (given == VN_MAX_IN)
            return vn_refuse(g, VN_E_BUG, "concat takes at most %d values", VN_MAX_IN);
        in[given++] = x[i];
    }
    if (given == 1) return in[0];
    return vn_emit1(g, VN_OP_CONCAT, in, given, &(vn_attr_axis){ .axis = axis });
}

vn_val vn_permute(vn_graph *g, vn_val x, const int *axes)
{
    if (g->status || !x) return 0;
    vn_attr_perm attr = { 0 };
    for (int i = 0; i < vn_value_of(g, x)->t.rank; i++) attr.axis[i] = axes[i];
    return vn_emit1(g, VN_OP_PERMUTE, &x, 1, &attr);
}

vn_val vn_flip(vn_graph *g, vn_val x, int axis)
{
    return vn_emit1(g, VN_OP_FLIP, &x, 1, &(vn_attr_axis){ .axis = axis });
}

vn_val vn_reshape(vn_graph *g, vn_val x, const int64_t *dims)
{
    vn_attr_dims attr = { 0 };
    dims_of(dims, &attr);
    return vn_emit1(g, VN_OP_RESHAPE, &x, 1, &attr);
}

vn_val vn_embedding(vn_graph *g, vn_val codes, vn_val table)
{
    return vn_emit1(g, VN_OP_EMBEDDING, (vn_val[]){ codes, table }, 2, NULL);
}

vn_window_out vn_window(vn_graph *g, vn_val pairs, vn_val panel, const vn_attr_window *attr)
{
    vn_val out[VN_MAX_OUT];
    vn_emit(g, VN_OP_WINDOW, (vn_val[]){ pairs, panel }, 2, attr, out);
    return (vn_window_out){ .y = out[0], .mask = out[1], .hist = out[2], .futr = out[3],
                            .stat = out[4], .target = out[5], .target_mask = out[6] };
}

void vn_window_stats(vn_graph *g, vn_val x, vn_val mask, const vn_attr_stats *attr, vn_val *loc,
                     vn_val *scale)
{
    vn_val out[VN_MAX_OUT];
    vn_emit(g, VN_OP_WINDOW_STATS, (vn_val[]){ x, mask }, 2, attr, out);
    *loc = out[0];
    *scale = out[1];
}

void vn_seen(vn_graph *g, vn_val x, vn_val mask, vn_val *y, vn_val *seen)
{
    vn_val out[VN_MAX_OUT];
    vn_emit(g, VN_OP_SEEN, (vn_val[]){ x, mask }, 2, NULL, out);
    *y = out[0];
    *seen = out[1];
}

vn_val vn_scale(vn_graph *g, vn_val x, vn_val mask, vn_val loc, vn_val scale)
{
    return vn_emit1(g, VN_OP_SCALE, (vn_val[]){ x, mask, loc, scale }, 4, NULL);
}

vn_val vn_unscale(vn_graph *g, vn_val x, vn_val loc, vn_val scale)
{
    return vn_emit1(g, VN_OP_UNSCALE, (vn_val[]){ x, loc, scale }, 3, NULL);
}

void vn_loss_of(vn_graph *g, const vn_attr_loss *attr, vn_val yhat, vn_val y, vn_val mask,
                vn_val weight, vn_val scale, vn_val *num, vn_val *den)
{
    vn_val out[VN_MAX_OUT];
    vn_emit(g, VN_OP_LOSS, (vn_val[]){ yhat, y, mask, weight, scale }, 5, attr, out);
    *num = out[0];
    *den = out[1];
}

vn_val vn_optimize_scaled(vn_graph *g, const vn_attr_adam *attr, double mean_decay, vn_val loss,
                          vn_val bad, const vn_scaling *scaling)
{
    vn_val p = vn_block(g, VN_HOME_PARAM), grad = vn_block(g, VN_HOME_GRAD);
    vn_val m = vn_block(g, VN_HOME_M), v = vn_block(g, VN_HOME_V);
    vn_val scale = scaling ? scaling->scale : 0, out[VN_MAX_OUT];
    vn_val norm = vn_emit1(g, VN_OP_GRADNORM, &grad, 1, NULL);
    /* A constant scale cannot fall: an infinite norm is a bad step. */
    vn_val falls = scaling && scaling->growth ? scale : 0, counts = scaling ? scaling->counts : 0;
    bad = vn_emit1(g, VN_OP_GUARD, (vn_val[]){ loss, norm, bad, falls }, 4, NULL);
    vn_emit(g, VN_OP_ADAM, (vn_val[]){ p, grad, m, v, norm, bad, scale, counts }, 8, attr, out);
    vn_attr_average mean = { .decay = mean_decay };
    if (mean_decay > 0)
        vn_emit1(g, VN_OP_AVERAGE, (vn_val[]){ vn_block(g, VN_HOME_MEAN), out[0], norm, counts }, 4,
                 &mean);
    if (!scaling) return norm;
    vn_val size = vn_div(g, norm, scale);
    vn_attr_rescale rescale = { .growth = scaling->growth };
    vn_emit(g, VN_OP_RESCALE, (vn_val[]){ norm, bad, scale, counts }, 4, &rescale, out);
    return size;
}

vn_val vn_optimize(vn_graph *g, const vn_attr_adam *attr, double mean_decay, vn_val loss, vn_val bad)
{
    return vn_optimize_scaled(g, attr, mean_decay, loss, bad, NULL);
}

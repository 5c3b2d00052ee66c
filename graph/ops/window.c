/* Windows of a panel: gathering them, their statistics, and scaling there and back. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static vn_status need_window(const vn_attr_window *attr)
{
    VN_TRY(vn_need_range("L", attr->n_in, 1, INT32_MAX));
    VN_TRY(vn_need_range("H", attr->h, 1, INT32_MAX));
    VN_TRY(vn_need_range("the number of past features", attr->n_hist, 0, INT32_MAX));
    VN_TRY(vn_need_range("the number of future features", attr->n_futr, 0, INT32_MAX));
    VN_TRY(vn_need_range("the number of static features", attr->n_stat, 0, INT32_MAX));
    return VN_OK;
}

/* Output i is [b, n, m] of the graph's real type, which it already has; absent where m is 0. */
static void out_steps(vn_call *c, int i, int64_t b, int64_t n, int64_t m)
{
    vn_dtype real = c->out[i].dtype;
    if (m > 0) c->out[i] = (vn_tensor){ .dtype = real, .rank = 3, .dim = { b, n, m } };
}

static vn_status infer_window(vn_call *c)
{
    const vn_attr_window *attr = c->attr;
    const vn_tensor *pairs = &c->in[0];
    VN_TRY(need_window(attr));
    if (pairs->rank != 2 || pairs->dim[1] != 2 || pairs->dim[0] < 1 || pairs->dtype != VN_I32)
        return VN_FAIL(VN_E_SHAPE, "pairs are %s %s; they must be i32 [B, 2] of (series, cut)",
                       vn_dtype_name(pairs->dtype), VN_SHAPE(pairs));
    if (c->in[1].dtype != VN_PANEL)
        return VN_FAIL(VN_E_SHAPE, "panel is of type %s, expected panel",
                       vn_dtype_name(c->in[1].dtype));
    int64_t b = pairs->dim[0], l = attr->n_in, h = attr->h;
    out_steps(c, 0, b, l, 1);
    out_steps(c, 1, b, l, 1);
    out_steps(c, 2, b, l, attr->n_hist);
    out_steps(c, 3, b, l + h, attr->n_futr);
    if (attr->n_stat > 0)
        c->out[4] = (vn_tensor){ .dtype = c->out[4].dtype, .rank = 2, .dim = { b, attr->n_stat } };
    out_steps(c, 5, b, h, 1);
    out_steps(c, 6, b, h, 1);
    return VN_OK;
}

/* What is written was read once before, from a panel whose size is not of this call. */
static vn_cost cost_window(const vn_call *c)
{
    vn_cost cost = vn_cost_moved(c, 0);
    cost.bytes *= 2;
    return cost;
}

const vn_op_def vn_op_window = { .infer = infer_window, .cost = cost_window };

static vn_status infer_window_stats(vn_call *c)
{
    const vn_attr_stats *attr = c->attr;
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    VN_TRY(vn_need(c, 1, "mask", 3, 3));
    const vn_tensor *x = &c->in[0], *mask = &c->in[1];
    if (mask->dim[0] != x->dim[0] || mask->dim[1] > x->dim[1] || mask->dim[2] != 1)
        return VN_FAIL(VN_E_SHAPE,
                       "x is %s but mask is %s; it must be [%" PRId64 ", up to %" PRId64 ", 1]",
                       VN_SHAPE(x), VN_SHAPE(mask), x->dim[0], x->dim[1]);
    VN_TRY(vn_need_range("type", attr->type, 0, VN_SCALER_COUNT - 1));
    VN_TRY(vn_need_range("rows", attr->rows, 1, mask->dim[1]));
    if (attr->type == VN_SCALER_SEASONAL)
        VN_TRY(vn_need_range("season", attr->season, 1, INT32_MAX));
    int64_t dim[3] = { x->dim[0], 1, x->dim[2] };
    vn_out_shape(c, 0, 3, dim);
    vn_out_shape(c, 1, 3, dim);
    return VN_OK;
}

static vn_cost cost_window_stats(const vn_call *c)
{
    return vn_cost_moved(c, 6 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_window_stats = { .infer = infer_window_stats, .cost = cost_window_stats };

static vn_status infer_seen(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    const vn_tensor *x = &c->in[0];
    if (x->dim[2] != 1)
        return VN_FAIL(VN_E_SHAPE, "x is %s; it must be [B, T, 1]", VN_SHAPE(x));
    VN_TRY(vn_need_shape(c, 1, "mask", x, "x"));
    vn_out_like(c, 0, x);
    vn_out_like(c, 1, x);
    return VN_OK;
}

const vn_op_def vn_op_seen = { .infer = infer_seen };

static vn_status infer_scale(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    VN_TRY(vn_need(c, 2, "location", 3, 3));
    VN_TRY(vn_need(c, 3, "scale", 3, 3));
    const vn_tensor *x = &c->in[0];
    vn_tensor mask = { .rank = 3, .dim = { x->dim[0], x->dim[1], 1 } };
    vn_tensor stat = { .rank = 3, .dim = { x->dim[0], 1, x->dim[2] } };
    VN_TRY(vn_need_shape(c, 1, "mask", &mask, "x"));
    VN_TRY(vn_need_shape(c, 2, "location", &stat, "x"));
    VN_TRY(vn_need_shape(c, 3, "scale", &stat, "x"));
    vn_out_like(c, 0, x);
    return VN_OK;
}

static void grad_scale(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = vn_div(g, dout[0], n->in[3]);
    if (n->in[1]) din[0] = vn_mul(g, din[0], n->in[1]);
}

static vn_cost cost_scale(const vn_call *c)
{
    return vn_cost_moved(c, 2 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_scale = { .infer = infer_scale, .grad = grad_scale, .cost = cost_scale };

static vn_status infer_unscale(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    VN_TRY(vn_need(c, 1, "location", 3, 3));
    VN_TRY(vn_need(c, 2, "scale", 3, 3));
    const vn_tensor *x = &c->in[0], *loc = &c->in[1];
    if (loc->dim[0] != x->dim[0] || loc->dim[1] != 1 ||
        (loc->dim[2] != 1 && loc->dim[2] != x->dim[2]))
        return VN_FAIL(VN_E_SHAPE,
                       "x is %s but location is %s; it must be [%" PRId64 ", 1, 1 or %" PRId64 "]",
                       VN_SHAPE(x), VN_SHAPE(loc), x->dim[0], x->dim[2]);
    VN_TRY(vn_need_shape(c, 2, "scale", loc, "location"));
    vn_out_like(c, 0, x);
    return VN_OK;
}

static void grad_unscale(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    din[0] = vn_mul(g, dout[0], n->in[2]);
}

const vn_op_def vn_op_unscale = { .infer = infer_unscale,
                                  .grad = grad_unscale,
                                  .cost = cost_scale };

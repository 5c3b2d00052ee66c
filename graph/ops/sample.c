/* The recursion that draws paths: an LSTM fed with its own draws (Salinas et al., "DeepAR",
 * International Journal of Forecasting 36, 2020). Not differentiable. */
#include "graph/ops/rule.h"

#include <inttypes.h>

enum { LAYERS_MAX = 8, UNITS_MAX = 65536, PATHS_MAX = 1 << 20, FLOPS_UNIT = 70, FLOPS_DRAW = 300 };

/* Numbers of all weights for layers whose first one has n_in inputs. */
static int64_t weights_of(const vn_attr_sample *a, int64_t n_in)
{
    int64_t U = a->units, P = vn_dist_width(a->kind, a->comps);
    int64_t n = 4 * U * (n_in + U + 2) + P * (U + 1);
    return n + (a->layers - 1) * 4 * U * (2 * U + 2);
}

static vn_status need_attr(const vn_attr_sample *a)
{
    VN_TRY(vn_need_range("layers", a->layers, 1, LAYERS_MAX));
    VN_TRY(vn_need_range("units", a->units, 1, UNITS_MAX));
    VN_TRY(vn_need_range("paths", a->paths, 1, PATHS_MAX));
    VN_TRY(vn_need_range("kind", a->kind, 0, VN_DIST_COUNT - 1));
    return vn_need_range("comps", a->comps, 0, VN_MAX_COMPS);
}

static vn_status need_weights(const vn_call *c)
{
    const vn_tensor *weights = &c->in[0], *other = &c->in[3];
    int64_t n = weights_of(c->attr, c->in[1].dim[0] + other->dim[2]);
    if (weights->dim[0] != n)
        return VN_FAIL(VN_E_SHAPE, "weights are %s but lags %s and other inputs %s need [%" PRId64
                       "]", VN_SHAPE(weights), VN_SHAPE(&c->in[1]), VN_SHAPE(other), n);
    return VN_OK;
}

static vn_status infer_lstm_sample(vn_call *c)
{
    const vn_attr_sample *a = c->attr;
    VN_TRY(need_attr(a));
    VN_TRY(vn_need(c, 0, "weights", 1, 1));
    VN_TRY(vn_need(c, 1, "lags", 1, 1));
    VN_TRY(vn_need(c, 2, "past", 3, 3));
    VN_TRY(vn_need(c, 3, "other inputs", 3, 3));
    VN_TRY(need_weights(c));
    const vn_tensor *other = &c->in[3], *pairs = &c->in[7];
    int64_t B = other->dim[0];
    vn_tensor past = { .rank = 3, .dim = { B, c->in[2].dim[1], 1 } };
    vn_tensor states = { .rank = 4, .dim = { B, a->layers, 2, a->units } };
    vn_tensor window = { .rank = 3, .dim = { B, 1, 1 } };
    VN_TRY(vn_need_shape(c, 2, "past", &past, "other inputs"));
    VN_TRY(vn_need_shape(c, 4, "states", &states, "other inputs"));
    VN_TRY(vn_need_shape(c, 5, "location", &window, "other inputs"));
    VN_TRY(vn_need_shape(c, 6, "scale", &window, "other inputs"));
    if (pairs->rank != 2 || pairs->dim[0] != B || pairs->dim[1] != 2 || pairs->dtype != VN_I32)
        return VN_FAIL(VN_E_SHAPE, "pairs are %s %s; they must be i32 [%" PRId64 ", 2]",
                       vn_dtype_name(pairs->dtype), VN_SHAPE(pairs), B);
    vn_out_shape(c, 0, 3, (int64_t[]){ B, other->dim[1], a->paths });
    return VN_OK;
}

/* Every path multiplies the weights of the states, and draws; inputs common to paths count once. */
static vn_cost cost_lstm_sample(const vn_call *c)
{
    const vn_attr_sample *a = c->attr;
    double steps = (double)(c->in[3].dim[0] * c->in[3].dim[1]), U = (double)a->units;
    double n_in = (double)(c->in[1].dim[0] + c->in[3].dim[2]), layers = (double)a->layers;
    double path = 8 * U * U * (2 * layers - 1) + FLOPS_UNIT * layers * U + FLOPS_DRAW;
    path += 2 * U * (double)vn_dist_width(a->kind, a->comps);
    return vn_cost_moved(c, steps * (8 * U * n_in + (double)a->paths * path));
}

const vn_op_def vn_op_lstm_sample = { .infer = infer_lstm_sample, .cost = cost_lstm_sample };

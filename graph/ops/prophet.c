/* Prophet's fit of many series, each by itself. Not differentiable. */
#include "graph/ops/rule.h"

#include <inttypes.h>

#include "device/prophet.h"

/* Steps of a series that its cost counts, and eliminations in one: few need more. */
enum { STEPS = 2, ELIMINATIONS = 6, HARMONICS_MAX = 1 << 20 };

/* Columns of a row: of the seasonalities' harmonics and of what else there is. */
static int64_t columns_of(const vn_call *c)
{
    const vn_attr_prophet *a = c->attr;
    int64_t seasons = c->in[1].dim[1] - VN_PROPHET_ACTIVE;
    return 2 * a->harmonics + c->in[0].dim[1] - VN_PROPHET_BASE - 2 * seasons;
}

static int64_t changes_of(const vn_call *c)
{
    return vn_given(c, 5) ? c->in[5].dim[1] : 0;
}

/* Input i is f64; a graph of f32 has no place for this op. */
static vn_status need_f64(const vn_call *c, int i, const char *name, int axes)
{
    VN_TRY(vn_need(c, i, name, axes, axes));
    if (c->in[i].dtype == VN_F64) return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "%s is of type %s, expected f64", name,
                   vn_dtype_name(c->in[i].dtype));
}

/* Input i has n integers a row. */
static vn_status need_i32(const vn_call *c, int i, const char *name, int axes, int64_t n)
{
    const vn_tensor *t = &c->in[i];
    if (n == 0 && !vn_given(c, i)) return VN_OK;
    if (vn_given(c, i) && t->dtype == VN_I32 && t->rank == axes && t->dim[axes - 1] == n)
        return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "%s are %s %s; they must be i32 [%s%" PRId64 "]", name,
                   vn_dtype_name(t->dtype), VN_SHAPE(t), axes > 1 ? "N, " : "", n);
}

static vn_status need_where(const vn_call *c)
{
    const vn_tensor *rows = &c->in[0], *where = &c->in[1];
    if (where->rank != 2 || where->dtype != VN_I32 || where->dim[0] < 1 ||
        where->dim[1] < VN_PROPHET_ACTIVE)
        return VN_FAIL(VN_E_SHAPE, "where is %s %s; it must be i32 [N, %d + seasons]",
                       vn_dtype_name(where->dtype), VN_SHAPE(where), VN_PROPHET_ACTIVE);
    int64_t seasons = where->dim[1] - VN_PROPHET_ACTIVE;
    if (rows->dim[1] < VN_PROPHET_BASE + 2 * seasons)
        return VN_FAIL(VN_E_SHAPE,
                       "rows are %s but %" PRId64 " seasonalities need at least %" PRId64
                       " numbers each",
                       VN_SHAPE(rows), seasons, VN_PROPHET_BASE + 2 * seasons);
    return VN_OK;
}

static vn_status infer_prophet(vn_call *c)
{
    const vn_attr_prophet *a = c->attr;
    VN_TRY(vn_need_range("growth", a->growth, 0, VN_GROWTH_COUNT - 1));
    VN_TRY(vn_need_range("harmonics", a->harmonics, 0, HARMONICS_MAX));
    VN_TRY(vn_need_range("steps", a->steps, 0, INT32_MAX));
    if (!(a->tau > 0)) return VN_FAIL(VN_E_SHAPE, "tau is %g; it must be above 0", a->tau);
    VN_TRY(need_f64(c, 0, "rows", 2));
    VN_TRY(need_where(c));
    int64_t C = columns_of(c), N = c->in[1].dim[0];
    vn_tensor prior = { .rank = 1, .dim = { C } };
    VN_TRY(need_i32(c, 2, "harmonics", 1, c->in[1].dim[1] - VN_PROPHET_ACTIVE));
    if (C) VN_TRY(need_f64(c, 3, "priors", 1));
    VN_TRY(vn_need_shape(c, 3, "priors", &prior, "rows"));
    VN_TRY(need_i32(c, 4, "multiplicative columns", 1, C));
    if (vn_given(c, 5)) VN_TRY(need_f64(c, 5, "changepoints", 2));
    int64_t all = 2 + C + changes_of(c);
    vn_tensor change = { .rank = 2, .dim = { N, changes_of(c) } };
    vn_tensor start = { .rank = 2, .dim = { N, all } };
    VN_TRY(vn_need_shape(c, 5, "changepoints", &change, "where"));
    VN_TRY(need_f64(c, 6, "start", 2));
    VN_TRY(vn_need_shape(c, 6, "start", &start, "where"));
    vn_out_shape(c, 0, 2, start.dim);
    vn_out_shape(c, 1, 2, (int64_t[]){ N, VN_PROPHET_FIT });
    return VN_OK;
}

/* A step passes over the rows once, each of which has its columns made and is added to a Gram
 * matrix; then systems of all coefficients are solved. */
static vn_cost cost_prophet(const vn_call *c)
{
    double p = (double)(2 + columns_of(c) + changes_of(c)), R = (double)c->in[0].dim[0];
    double N = (double)c->in[1].dim[0];
    return vn_cost_moved(c, STEPS * (R * p * (p + 10) + N * ELIMINATIONS * p * p * p / 3));
}

const vn_op_def vn_op_prophet = { .infer = infer_prophet, .cost = cost_prophet };

/* The checks that shape rules share, and costs. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static bool is_real(vn_dtype t)
{
    return t == VN_F32 || t == VN_F64;
}

/* The real inputs of a call have one type, that of the first of them. */
static vn_status need_type(const vn_call *c, int i, const char *name)
{
    vn_dtype t = c->in[i].dtype;
    if (!is_real(t))
        return VN_FAIL(VN_E_SHAPE, "%s is of type %s, expected f32 or f64", name, vn_dtype_name(t));
    for (int k = 0; k < i; k++)
        if (vn_given(c, k) && is_real(c->in[k].dtype) && c->in[k].dtype != t)
            return VN_FAIL(VN_E_SHAPE, "%s is of type %s but the inputs before it are %s", name,
                           vn_dtype_name(t), vn_dtype_name(c->in[k].dtype));
    return VN_OK;
}

/* Input i has lo .. hi axes, none empty. */
static vn_status need_axes(const vn_call *c, int i, const char *name, int lo, int hi)
{
    const vn_tensor *t = &c->in[i];
    if (t->rank < lo || t->rank > hi) {
        if (lo == hi)
            return VN_FAIL(VN_E_SHAPE, "%s is %s; it must have %d axes", name, VN_SHAPE(t), lo);
        return VN_FAIL(VN_E_SHAPE, "%s is %s; it must have %d to %d axes", name, VN_SHAPE(t), lo,
                       hi);
    }
    for (int k = 0; k < t->rank; k++)
        if (t->dim[k] < 1)
            return VN_FAIL(VN_E_SHAPE, "%s is %s; axis %d is empty", name, VN_SHAPE(t), k);
    return VN_OK;
}

static vn_status need_given(const vn_call *c, int i, const char *name)
{
    if (vn_given(c, i)) return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "%s has no axis; it needs a dimension", name);
}

vn_status vn_need(const vn_call *c, int i, const char *name, int lo, int hi)
{
    VN_TRY(need_given(c, i, name));
    VN_TRY(need_type(c, i, name));
    return need_axes(c, i, name, lo, hi);
}

vn_status vn_need_stored(const vn_call *c, int i, const char *name, int lo, int hi)
{
    VN_TRY(need_given(c, i, name));
    if (!vn_is_low(c->in[i].dtype)) VN_TRY(need_type(c, i, name));
    return need_axes(c, i, name, lo, hi);
}

vn_status vn_need_shape(const vn_call *c, int i, const char *name, const vn_tensor *want,
                        const char *of)
{
    if (!vn_given(c, i)) return VN_OK;
    VN_TRY(need_type(c, i, name));
    if (!vn_same_shape(&c->in[i], want))
        return VN_FAIL(VN_E_SHAPE, "%s is %s but %s needs %s", name, VN_SHAPE(&c->in[i]), of,
                       VN_SHAPE(want));
    return VN_OK;
}

vn_dtype vn_sum_type(const vn_call *c)
{
    for (int i = 0; i < 2; i++)
        if (!vn_is_low(c->in[i].dtype)) return c->in[i].dtype;
    return c->out[0].dtype;
}

void vn_out_like(vn_call *c, int i, const vn_tensor *t)
{
    c->out[i] = *t;
    c->out[i].data = NULL;
}

void vn_out_shape(vn_call *c, int i, int rank, const int64_t *dim)
{
    c->out[i] = (vn_tensor){ .dtype = c->in[0].dtype, .rank = rank };
    for (int k = 0; k < rank; k++) c->out[i].dim[k] = dim[k];
}

vn_status vn_need_range(const char *name, int64_t value, int64_t lo, int64_t hi)
{
    if (value >= lo && value <= hi) return VN_OK;
    if (hi == INT64_MAX)
        return VN_FAIL(VN_E_SHAPE, "%s is %" PRId64 "; it must be at least %" PRId64, name, value,
                       lo);
    return VN_FAIL(VN_E_SHAPE, "%s is %" PRId64 "; it must lie in %" PRId64 " .. %" PRId64, name,
                   value, lo, hi);
}

vn_dims vn_dims_of(const vn_tensor *t)
{
    vn_dims dims = { { 0 } };
    for (int k = 0; k < t->rank; k++) dims.d[k] = t->dim[k];
    return dims;
}

static double bytes_of(const vn_tensor *t)
{
    return t->rank > 0 ? (double)vn_count(t) * (double)vn_dtype_bytes(t->dtype) : 0;
}

vn_cost vn_cost_moved(const vn_call *c, double flops)
{
    vn_cost cost = { flops, 0 };
    for (int i = 0; i < c->n_in; i++) cost.bytes += bytes_of(&c->in[i]);
    for (int i = 0; i < c->n_out; i++) cost.bytes += bytes_of(&c->out[i]);
    return cost;
}

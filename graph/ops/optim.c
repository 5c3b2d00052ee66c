/* What follows the gradient: its norm, the optimizer step, and the watch for numbers not finite. */
#include "graph/ops/rule.h"

#include <inttypes.h>

#include "device/moments.h"

static const vn_tensor one = { .rank = 1, .dim = { 1 } };

static vn_status need_count(const vn_call *c, int i, const char *name, int64_t n)
{
    const vn_tensor *t = &c->in[i];
    if (t->dtype == VN_I64 && t->rank == 1 && t->dim[0] == n) return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "%s is %s %s; it must be i64 [%d]", name, vn_dtype_name(t->dtype),
                   VN_SHAPE(t), (int)n);
}

static vn_status infer_gradnorm(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "g", 1, 1));
    vn_out_shape(c, 0, 1, one.dim);
    return VN_OK;
}

static vn_cost cost_gradnorm(const vn_call *c)
{
    return vn_cost_moved(c, 2 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_gradnorm = { .infer = infer_gradnorm, .cost = cost_gradnorm };

static vn_status need_decay(const char *name, double beta)
{
    if (beta >= 0 && beta < 1) return VN_OK;
    return VN_FAIL(VN_E_SHAPE, "%s is %g; it must lie in [0, 1)", name, beta);
}

static vn_status infer_adam(vn_call *c)
{
    static const char *const name[] = { "p", "g", "m", "v" };
    static const int from[] = { 0, 2, 3 };
    const vn_attr_adam *attr = c->attr;
    for (int i = 0; i < 4; i++) {
        VN_TRY(vn_need(c, i, name[i], 1, 1));
        VN_TRY(vn_need_shape(c, i, name[i], &c->in[0], "p"));
    }
    VN_TRY(vn_need(c, 4, "norm", 1, 1));
    VN_TRY(vn_need_shape(c, 4, "norm", &one, "the step"));
    if (vn_given(c, 5)) VN_TRY(need_count(c, 5, "bad", 1));
    VN_TRY(vn_need_shape(c, 6, "scale", &one, "the step"));
    if (vn_given(c, 7)) VN_TRY(need_count(c, 7, "counts", 2));
    VN_TRY(need_decay("beta1", attr->beta1));
    VN_TRY(need_decay("beta2", attr->beta2));
    if (!(attr->eps >= 0 && attr->weight_decay >= 0 && attr->clip >= 0))
        return VN_FAIL(VN_E_SHAPE, "eps %g, weight_decay %g and clip %g must not be negative",
                       attr->eps, attr->weight_decay, attr->clip);
    VN_TRY(vn_need_range("rule", attr->rule, 0, VN_RULES - 1));
    VN_TRY(vn_need_range("n_decay", attr->n_decay, 0, c->in[0].dim[0]));
    for (int i = 0; i < 3; i++) vn_out_like(c, i, &c->in[from[i]]);
    return VN_OK;
}

static vn_cost cost_adam(const vn_call *c)
{
    return vn_cost_moved(c, 14 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_adam = { .infer = infer_adam,
                               .cost = cost_adam,
                               .inplace = { 1 + 0, 1 + 2, 1 + 3 } };

static vn_status infer_average(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "mean", 1, 1));
    VN_TRY(vn_need_shape(c, 1, "p", &c->in[0], "mean"));
    VN_TRY(vn_need(c, 2, "norm", 1, 1));
    VN_TRY(vn_need_shape(c, 2, "norm", &one, "the mean"));
    if (vn_given(c, 3)) VN_TRY(need_count(c, 3, "counts", 2));
    VN_TRY(need_decay("decay", ((const vn_attr_average *)c->attr)->decay));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static vn_cost cost_average(const vn_call *c)
{
    return vn_cost_moved(c, 3 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_average = { .infer = infer_average,
                                  .cost = cost_average,
                                  .inplace = { 1 + 0 } };

static vn_status infer_rescale(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "norm", 1, 1));
    VN_TRY(vn_need_shape(c, 0, "norm", &one, "rescale"));
    VN_TRY(need_count(c, 1, "bad", 1));
    VN_TRY(vn_need(c, 2, "scale", 1, 1));
    VN_TRY(vn_need_shape(c, 2, "scale", &one, "rescale"));
    VN_TRY(need_count(c, 3, "counts", 2));
    VN_TRY(vn_need_range("growth", ((const vn_attr_rescale *)c->attr)->growth, 0, INT64_MAX));
    for (int i = 0; i < 2; i++) vn_out_like(c, i, &c->in[2 + i]);
    return VN_OK;
}

const vn_op_def vn_op_rescale = { .infer = infer_rescale, .inplace = { 1 + 2, 1 + 3 } };

static vn_status infer_guard(vn_call *c)
{
    const vn_tensor *bad = &c->in[2];
    VN_TRY(vn_need(c, 0, "loss", 1, 1));
    VN_TRY(vn_need(c, 1, "norm", 1, 1));
    VN_TRY(vn_need_shape(c, 0, "loss", &one, "guard"));
    VN_TRY(vn_need_shape(c, 1, "norm", &one, "guard"));
    VN_TRY(need_count(c, 2, "bad", 1));
    VN_TRY(vn_need_shape(c, 3, "scale", &one, "guard"));
    vn_out_like(c, 0, bad);
    return VN_OK;
}

const vn_op_def vn_op_guard = { .infer = infer_guard, .inplace = { 1 + 2 } };

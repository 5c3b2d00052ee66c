/* Distributions as neuralforecast's DistributionLoss makes them of a network's numbers, for its
 * weights (losses/pytorch.py, the *_scale_decouple functions of version 3.3), l and s being the
 * location and scale of the scaler, 0 and 1 without one:
 *
 *     normal    l + s x0,  s (softplus(x1) + 0.2)
 *     studentt  l + s x0,  s (softplus(x1) + 0.1),  3 + softplus(x2)
 *     poisson   softplus(l + s x0)
 *     negbin    l + s softplus(x0),  alpha = softplus(x1) / (1 + s)
 *
 * Ours are made of other numbers x' (device/dists.def). Here x becomes x', by softplus' inverse
 * v + log(1 - exp(-v)), so that every likelihood, quantile and draw stays as it is. */
#include "device/dist.h"
#include "host/train/head.h"

/* An inverse of less than this is one of it: where Vane's own floor of a softplus stands already.
 */
static const double tiny = 1e-12;
/* What neuralforecast adds to both softplus of negbin. */
static const double least = 1e-8;

static vn_val part(const vn_head_frame *f, vn_val x, int64_t at)
{
    return vn_slice(f->g, x, 2, at, 1);
}

/* The x' with softplus(x') = softplus(x) + by, by >= 0.1: far enough from 0 for 1 - exp(-v). */
static vn_val raised(const vn_head_frame *f, vn_val x, double by)
{
    vn_graph *g = f->g;
    vn_val v = vn_affine(g, vn_apply(g, VN_UNARY_SOFTPLUS, x), 1, by - VN_DIST_FLOOR);
    vn_val rest = vn_affine(g, vn_apply(g, VN_UNARY_EXP, vn_apply(g, VN_UNARY_NEG, v)), -1, 1);
    return vn_add(g, v, vn_apply(g, VN_UNARY_LOG, rest));
}

/* The x' with softplus(x') = v, which may be tiny: v/2 + log(2 sinh(v/2)), up to v = 170 in f32. */
static vn_val inverse(const vn_head_frame *f, vn_val v)
{
    vn_graph *g = f->g;
    v = vn_apply(g, VN_UNARY_RELU, vn_affine(g, v, 1, -VN_DIST_FLOOR - tiny));
    vn_val half = vn_affine(g, v, 0.5, 0.5 * tiny);
    vn_val sinh2 = vn_affine(g, vn_apply(g, VN_UNARY_SINH, half), 2, 0);
    return vn_add(g, half, vn_apply(g, VN_UNARY_LOG, sinh2));
}

/* The mean relative to the window's, to which the op multiplies it back. */
static vn_val negbin(const vn_head_frame *f, vn_val x)
{
    vn_graph *g = f->g;
    vn_val mean = vn_affine(g, vn_apply(g, VN_UNARY_SOFTPLUS, part(f, x, 0)), 1, least);
    vn_val alpha = vn_affine(g, vn_apply(g, VN_UNARY_SOFTPLUS, part(f, x, 1)), 1, least);
    if (f->count_scale) mean = vn_unscale(g, mean, f->count_loc, f->count_scale);
    alpha = f->count_scale ? vn_div(g, alpha, vn_affine(g, f->count_scale, 1, 1))
                           : vn_affine(g, alpha, 0.5, 0);
    mean = vn_div(g, mean, f->scale);
    return vn_concat(g, 2, (vn_val[]){ inverse(f, mean), inverse(f, alpha) }, 2);
}

vn_val vn_nixtla_numbers(const vn_head_frame *f, vn_val x)
{
    vn_val y[3] = { x };
    int64_t kind = f->head->kind;
    if (kind == VN_DIST_NEGBIN) return negbin(f, x);
    if (kind == VN_DIST_POISSON)
        return f->count_scale ? vn_unscale(f->g, x, f->count_loc, f->count_scale) : x;
    y[0] = part(f, x, 0);
    y[1] = raised(f, part(f, x, 1), kind == VN_DIST_NORMAL ? 0.2 : 0.1);
    if (kind == VN_DIST_STUDENTT) y[2] = raised(f, part(f, x, 2), 1);
    return vn_concat(f->g, 2, y, (int)f->head->P);
}

vn_status vn_nixtla_check(const vn_train_options *o, const vn_head *head)
{
    static const bool has[VN_DIST_COUNT] = { [VN_DIST_NORMAL] = true,
                                             [VN_DIST_STUDENTT] = true,
                                             [VN_DIST_NEGBIN] = true,
                                             [VN_DIST_POISSON] = true };
    bool scaler = o->scaler_type == VN_SCALER_IDENTITY || o->scaler_type == VN_SCALER_STANDARD ||
                  o->scaler_type == VN_SCALER_ROBUST || o->scaler_type == VN_SCALER_MINMAX;
    if (head->family != VN_FAMILY_DIST || head->comps || !has[head->kind])
        return VN_FAIL(VN_E_ARGUMENT,
                       "dist_compat nixtla is for the losses normal, studentt, negbin "
                       "and poisson");
    if (!scaler)
        return VN_FAIL(VN_E_ARGUMENT,
                       "dist_compat nixtla is for scaler_type identity, standard, robust "
                       "and minmax");
    return VN_OK;
}

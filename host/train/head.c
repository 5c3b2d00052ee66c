/* From the options of the loss to the numbers a model gives, and back from those to a loss. */
#include "host/train/head.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/philox.h"

/* The choices of the option `loss`, in their order. */
static const struct {
    vn_family family;
    int64_t kind;
    bool root, mixed;
} choices[] = {
    { VN_FAMILY_POINT, VN_LOSS_MAE, false, false },
    { VN_FAMILY_POINT, VN_LOSS_MSE, false, false },
    { VN_FAMILY_POINT, VN_LOSS_HUBER, false, false },
    { VN_FAMILY_POINT, VN_LOSS_SMAPE, false, false },
    { VN_FAMILY_POINT, VN_LOSS_MAPE, false, false },
    { VN_FAMILY_POINT, VN_LOSS_MASE, false, false },
    { VN_FAMILY_POINT, VN_LOSS_MSE, true, false },
    { VN_FAMILY_QUANTILES, 1, false, false }, /* one level */
    { VN_FAMILY_QUANTILES, 0, false, false },
    { VN_FAMILY_IMPLICIT, 0, false, false },
    { VN_FAMILY_DIST, VN_DIST_NORMAL, false, false },
    { VN_FAMILY_DIST, VN_DIST_STUDENTT, false, false },
    { VN_FAMILY_DIST, VN_DIST_LAPLACE, false, false },
    { VN_FAMILY_DIST, VN_DIST_NEGBIN, false, false },
    { VN_FAMILY_DIST, VN_DIST_POISSON, false, false },
    { VN_FAMILY_DIST, VN_DIST_NORMAL, false, true },
    { VN_FAMILY_DIST, VN_DIST_POISSON, false, true },
    { VN_FAMILY_DIST, VN_DIST_NEGBIN, false, true },
};

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static vn_status add_level(vn_head *head, double q)
{
    if (!(q > 0 && q < 1))
        return VN_FAIL(VN_E_ARGUMENT, "a quantile level of %g; it must lie inside 0 and 1", q);
    for (int64_t i = 0; i < head->n_q; i++)
        if (fabs(head->q[i] - q) < 1e-9) return VN_OK;
    if (head->n_q == VN_HEAD_LEVELS)
        return VN_FAIL(VN_E_ARGUMENT, "more than %d quantile levels", VN_HEAD_LEVELS);
    head->q[head->n_q++] = q;
    return VN_OK;
}

/* The list `quantiles`, or the median and both ends of every interval of `level`. */
static vn_status take_levels(const vn_train_options *o, vn_head *head)
{
    for (int64_t i = 0; i < o->quantiles.n; i++) VN_TRY(add_level(head, o->quantiles.v[i]));
    if (o->quantiles.n == 0) {
        VN_TRY(add_level(head, 0.5));
        for (int64_t i = 0; i < o->level.n; i++) {
            VN_TRY(add_level(head, (50 - o->level.v[i] / 2) / 100));
            VN_TRY(add_level(head, (50 + o->level.v[i] / 2) / 100));
        }
    }
    qsort(head->q, (size_t)head->n_q, sizeof *head->q, ascending);
    return VN_OK;
}

static vn_status check_dist(const vn_train_options *o)
{
    const char *name = o->scaler_type == VN_SCALER_REVIN       ? "revin"
                       : o->scaler_type == VN_SCALER_INVARIANT ? "invariant"
                                                               : NULL;
    if (!name) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT,
                   "the likelihood of a distribution needs a scaler that only moves and stretches; "
                   "scaler_type is %s: take standard, robust or mean_abs",
                   name);
}

vn_status vn_head_of(const vn_train_options *o, vn_head *head)
{
    *head = (vn_head){ .family = choices[o->loss].family,
                       .kind = choices[o->loss].kind,
                       .root = choices[o->loss].root,
                       .P = 1 };
    if (head->family == VN_FAMILY_QUANTILES) {
        VN_TRY(head->kind ? add_level(head, o->quantile) : take_levels(o, head));
        head->P = head->n_q;
    }
    if (head->family == VN_FAMILY_IMPLICIT) {
        for (int i = 1; i <= VN_HEAD_LEVELS; i++) VN_TRY(add_level(head, i / 200.0));
        head->P = 1 + VN_HEAD_FEATURES;
        head->n_free = VN_HEAD_FEATURES;
    }
    if (head->family == VN_FAMILY_DIST) {
        VN_TRY(check_dist(o));
        head->comps = choices[o->loss].mixed ? o->n_components : 0;
        head->P = vn_dist_width(head->kind, head->comps);
        head->n_free = head->P - vn_dist_about(head->kind)->level * (head->comps ? head->comps : 1);
        head->nixtla = o->dist_compat == 1;
        if (head->nixtla) head->n_free = 0; /* the naive level is added to all */
    }
    if (o->dist_compat == 1) VN_TRY(vn_nixtla_check(o, head));
    head->width = head->family == VN_FAMILY_IMPLICIT ? head->n_q : head->P;
    return VN_OK;
}

vn_status vn_forecast_head_of(const vn_fitted *m, vn_head *head)
{
    VN_TRY(vn_head_of(&m->train, head));
    if (!m->def->context) return VN_OK;
    head->family = VN_FAMILY_PATHS;
    head->width = m->train.num_samples;
    return VN_OK;
}

double vn_head_mean(const vn_head *head, double num, double den)
{
    return head->root ? sqrt(num / den) : num / den;
}

int64_t vn_head_valid_kind(const vn_train_options *o)
{
    return o->valid_loss ? choices[o->valid_loss - 1].kind : -1; /* the first choice is "same" */
}

double vn_head_valid(const vn_train_options *o, double num, double den)
{
    bool root = choices[o->valid_loss ? o->valid_loss - 1 : o->loss].root;
    return root ? sqrt(num / den) : num / den;
}

/* ---- implicit quantiles ---- */

enum { N_DECILES = 9 };

/* phi [..., cosines] -> [..., features], two layers. */
static vn_val features(const vn_head_frame *f, vn_val phi)
{
    vn_val hidden = vn_dense(f->g, "hidden", phi, VN_HEAD_COSINES, VN_UNARY_RELU);
    return vn_dense(f->g, "features", hidden, VN_HEAD_FEATURES, VN_UNARY_NONE);
}

/* The features of n fixed levels: [n, features]. */
static vn_val features_at(const vn_head_frame *f, const double *q, int64_t n)
{
    double *phi = vn_arena_array(&f->g->arena, (size_t)(n * VN_HEAD_COSINES), sizeof *phi);
    if (!phi) return vn_refuse(f->g, VN_E_MEMORY, "no memory for %" PRId64 " levels", n);
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < VN_HEAD_COSINES; k++)
            phi[i * VN_HEAD_COSINES + k] = cos(3.14159265358979323846 * k * q[i]);
    return features(f, vn_const(f->g, "levels", VN_DIMS(n, VN_HEAD_COSINES), phi));
}

static vn_val draw_levels(vn_head_frame *f)
{
    vn_val out[VN_MAX_OUT];
    vn_attr_tau attr = { .size = VN_HEAD_COSINES, .stream = (int64_t)vn_stream_of("levels") };
    vn_emit(f->g, VN_OP_TAU, &f->mask, 1, &attr, out);
    f->tau = out[0];
    return out[1];
}

/* yhat(q) = x0 + sum_j x_j phi_j(q): the level's features multiply the model's numbers. */
static vn_val implicit(vn_head_frame *f, vn_val x)
{
    static const double decile[N_DECILES] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9 };
    bool valid = f->mode == VN_MODE_VALID;
    vn_val middle = vn_slice(f->g, x, 2, 0, 1);
    vn_val rest = vn_slice(f->g, x, 2, 1, VN_HEAD_FEATURES), spread;
    vn_push(f->g, "quantiles");
    if (f->mode == VN_MODE_TRAIN) {
        spread = vn_mul(f->g, rest, features(f, draw_levels(f)));
        spread = vn_sumto(f->g, spread, VN_DIMS(f->B, f->H, 1));
    } else {
        vn_val w = features_at(f, valid ? decile : f->head->q, valid ? N_DECILES : f->head->n_q);
        spread = vn_linear(f->g, rest, w, 0, VN_UNARY_NONE);
    }
    vn_pop(f->g);
    return vn_add(f->g, spread, middle);
}

/* Means of counts on the scale of the window's mean, whatever scaler the model's input had. */
static vn_val moved_counts(const vn_head_frame *f, vn_val x)
{
    int64_t n_free = f->head->n_free, n = f->head->P - n_free;
    vn_val mean = vn_slice(f->g, x, 2, 0, n);
    mean = vn_div(f->g, vn_unscale(f->g, mean, f->count_loc, f->count_scale), f->scale);
    if (!n_free) return mean;
    return vn_concat(f->g, 2, (vn_val[]){ mean, vn_slice(f->g, x, 2, n, n_free) }, 2);
}

vn_val vn_head_apply(vn_head_frame *f, vn_val x)
{
    if (f->head->nixtla) return vn_nixtla_numbers(f, x);
    if (f->count_loc) return moved_counts(f, x);
    return f->head->family == VN_FAMILY_IMPLICIT ? implicit(f, x) : x;
}

/* ---- losses ---- */

/* The levels of the numbers of x. */
static vn_val levels_of(const vn_head_frame *f)
{
    static const double decile[N_DECILES] = { 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9 };
    if (f->tau) return f->tau;
    if (f->head->family == VN_FAMILY_IMPLICIT)
        return vn_const(f->g, "deciles", VN_DIMS(N_DECILES), decile);
    return vn_const(f->g, "quantiles", VN_DIMS(f->head->n_q), f->head->q);
}

static vn_attr_dist dist_of(const vn_head_frame *f)
{
    return (vn_attr_dist){ f->head->kind, f->head->comps };
}

void vn_head_loss(const vn_head_frame *f, vn_val x, vn_val *num, vn_val *den)
{
    vn_val out[VN_MAX_OUT];
    if (f->head->family == VN_FAMILY_DIST) {
        vn_attr_dist attr = dist_of(f);
        vn_val in[] = { x, f->raw, f->mask, f->weight, f->loc, f->scale };
        vn_emit(f->g, VN_OP_NLL, in, 6, &attr, out);
    } else {
        vn_val y = f->mode == VN_MODE_VALID ? f->raw : f->y;
        vn_val in[] = { x, y, f->mask, f->weight, levels_of(f) };
        vn_emit(f->g, VN_OP_QLOSS, in, 5, NULL, out);
    }
    *num = out[0];
    *den = out[1];
}

vn_val vn_head_parameters(const vn_head_frame *f, vn_val x)
{
    vn_attr_dist attr = dist_of(f);
    return vn_emit1(f->g, VN_OP_DIST, (vn_val[]){ x, f->loc, f->scale }, 3, &attr);
}

vn_val vn_head_point(const vn_head_frame *f, vn_val x)
{
    const vn_head *head = f->head;
    int64_t at = head->family == VN_FAMILY_IMPLICIT ? N_DECILES / 2 : -1;
    if (head->family == VN_FAMILY_POINT) return x;
    if (head->family == VN_FAMILY_DIST && head->comps)
        return vn_refuse(f->g, VN_E_ARGUMENT,
                         "a mixture has no point forecast to validate: valid_loss must be same");
    if (head->family == VN_FAMILY_DIST) return vn_slice(f->g, vn_head_parameters(f, x), 2, 0, 1);
    for (int64_t i = 0; head->family == VN_FAMILY_QUANTILES && i < head->n_q; i++)
        if (fabs(head->q[i] - 0.5) < 1e-9) at = i;
    if (at < 0)
        return vn_refuse(f->g, VN_E_ARGUMENT,
                         "the quantiles lack the median, which valid_loss would measure");
    return vn_slice(f->g, x, 2, at, 1);
}

int64_t vn_head_middle(const vn_head *head)
{
    for (int64_t i = 0; i < head->n_q; i++)
        if (fabs(head->q[i] - 0.5) < 1e-7) return i;
    return head->n_q / 2;
}

/* The mean of a mixture: its components' means by their weights, which add up to 1. */
static vn_val mixture_mean(const vn_head_frame *f, vn_val x)
{
    int64_t comps = f->head->comps, at = vn_dist_about(f->head->kind)->params * comps;
    vn_val all = vn_head_parameters(f, x);
    vn_val means = vn_slice(f->g, all, 2, 0, comps), parts = vn_slice(f->g, all, 2, at, comps);
    return vn_sumto(f->g, vn_mul(f->g, means, parts), VN_DIMS(f->B, f->H, 1));
}

static vn_val middle_path(const vn_head_frame *f, vn_val x, int64_t n)
{
    vn_val sorted = vn_sorted(f->g, x), low = vn_slice(f->g, sorted, 2, (n - 1) / 2, 1);
    if (n % 2) return low;
    return vn_affine(f->g, vn_add(f->g, low, vn_slice(f->g, sorted, 2, n / 2, 1)), 0.5, 0);
}

vn_val vn_head_forecast(const vn_head_frame *f, vn_val x)
{
    const vn_head *head = f->head;
    switch (head->family) {
    case VN_FAMILY_POINT: return x;
    case VN_FAMILY_QUANTILES:
    case VN_FAMILY_IMPLICIT: return vn_slice(f->g, vn_sorted(f->g, x), 2, vn_head_middle(head), 1);
    case VN_FAMILY_PATHS: return middle_path(f, x, head->width);
    case VN_FAMILY_DIST: break;
    }
    return head->comps ? mixture_mean(f, x) : vn_slice(f->g, vn_head_parameters(f, x), 2, 0, 1);
}

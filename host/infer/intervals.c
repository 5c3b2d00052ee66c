/* Columns of a forecast; see intervals.h. */
#include "host/infer/intervals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sort.h"
#include "host/infer/dist.h"

static const double same = 1e-7; /* levels nearer than this are one, as in vn_head_middle */

/* Where q lies among the levels of the model: a number whose fraction says how far to the next. */
static double place(const vn_head *head, double q)
{
    for (int64_t i = 0; i < head->n_q; i++) {
        if (fabs(head->q[i] - q) < same) return (double)i;
        if (head->family == VN_FAMILY_IMPLICIT && i && head->q[i] > q && head->q[i - 1] < q)
            return (double)(i - 1) + (q - head->q[i - 1]) / (head->q[i] - head->q[i - 1]);
    }
    return -1;
}

bool vn_head_has(const vn_head *head, double q)
{
    if (head->family == VN_FAMILY_DIST || head->family == VN_FAMILY_PATHS) return q > 0 && q < 1;
    return head->family != VN_FAMILY_POINT && place(head, q) >= 0;
}

/* ---- which columns ---- */

static vn_status refuse(const vn_head *head, double q)
{
    if (head->family == VN_FAMILY_POINT)
        return VN_FAIL(VN_E_ARGUMENT,
                       "the model was trained for points and has no quantiles; train it with the "
                       "loss mqloss or a distribution");
    return VN_FAIL(VN_E_ARGUMENT, "the model has no quantile %g; it has %ld from %g to %g", q,
                   (long)head->n_q, head->q[0], head->q[head->n_q - 1]);
}

static vn_status add(const vn_head *head, const vn_wish *wish, vn_picks *out, double q,
                     const char *format, double number)
{
    if (out->n == VN_PICKS) return VN_FAIL(VN_E_ARGUMENT, "more than %d columns", VN_PICKS);
    if (!vn_head_has(head, q)) return wish->strict ? refuse(head, q) : VN_OK;
    vn_pick *pick = &out->v[out->n++];
    pick->q = q;
    snprintf(pick->name, sizeof pick->name, format, number);
    return VN_OK;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

vn_status vn_picks_of(const vn_head *head, const vn_wish *wish, vn_picks *out)
{
    double level[VN_LIST_MAX] = { 0 };
    int64_t n = 0;
    *out = (vn_picks){ .n = 0 };
    if (vn_head_has(head, 0.5)) out->v[out->n++] = (vn_pick){ "median", 0.5 };
    for (int64_t i = 0; wish->level && i < wish->level->n; i++) {
        double p = wish->level->v[i];
        bool both = vn_head_has(head, (50 - p / 2) / 100) && vn_head_has(head, (50 + p / 2) / 100);
        if (both || wish->strict) level[n++] = p; /* one end alone is no interval */
    }
    qsort(level, (size_t)n, sizeof *level, ascending);
    for (int64_t i = n - 1; i >= 0; i--)
        VN_TRY(add(head, wish, out, (50 - level[i] / 2) / 100, "lo-%.9g", level[i]));
    for (int64_t i = 0; i < n; i++)
        VN_TRY(add(head, wish, out, (50 + level[i] / 2) / 100, "hi-%.9g", level[i]));
    for (int64_t i = 0; wish->quantiles && i < wish->quantiles->n; i++) {
        double q = wish->quantiles->v[i];
        VN_TRY(add(head, wish, out, q, "ql%.9g", q));
    }
    return VN_OK;
}

/* ---- their numbers ---- */

static double sorted_at(const vn_head *head, const double *sorted, double q)
{
    double at = place(head, q), part = at - floor(at);
    if (at < 0) return NAN;
    const double *low = sorted + (int64_t)at;
    return part > 0 ? low[0] + part * (low[1] - low[0]) : low[0];
}

/* A NaN among the numbers makes all of them NaN: sorting has no place for it. */
static double from_quantiles(const vn_head *head, const float *x, const double *q, int64_t n_q,
                             double *out)
{
    double sorted[VN_HEAD_LEVELS], sum = 0;
    for (int64_t i = 0; i < head->n_q; i++) sum += sorted[i] = (double)x[i];
    for (int64_t i = 0; isnan(sum) && i < head->n_q; i++) sorted[i] = NAN;
    if (!isnan(sum)) qsort(sorted, (size_t)head->n_q, sizeof *sorted, ascending);
    for (int64_t i = 0; i < n_q; i++) out[i] = sorted_at(head, sorted, q[i]);
    return sorted[vn_head_middle(head)];
}

/* Quantiles of n drawn values, which are sorted in place: the k-th smallest is expected to have the
 * share k / (n + 1) of the distribution below it, so the quantile lies at rank q (n + 1), between
 * neighbours in proportion (Weibull's, the sixth of Hyndman and Fan 1996). The ranks q (n - 1) of
 * numpy make the 90 % interval of 100 paths one of 88.2 %. A NaN makes all of them NaN. */
static double from_paths(float *x, float *room, int64_t n, const double *q, int64_t n_q,
                         double *out)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)x[i];
    if (!isnan(sum)) vn_sort_f32(x, room, (size_t)n);
    for (int64_t i = 0; i < n_q; i++) {
        double at = fmin(fmax(q[i] * (double)(n + 1) - 1, 0), (double)(n - 1));
        double low = (double)x[(int64_t)at];
        double next = (double)x[(int64_t)at + ((int64_t)at < n - 1)];
        out[i] = isnan(sum) ? sum : low + (at - floor(at)) * (next - low);
    }
    double middle = (double)(n - 1) / 2, low = (double)x[(int64_t)middle];
    return isnan(sum) ? sum : (low + (double)x[(int64_t)ceil(middle)]) / 2;
}

double vn_step_forecast(const vn_head *head, float *x, float *room, const double *q, int64_t n_q,
                        double *out)
{
    double param[4 * VN_MAX_COMPS];
    if (head->family == VN_FAMILY_POINT) return (double)x[0];
    if (head->family == VN_FAMILY_PATHS) return from_paths(x, room, head->width, q, n_q, out);
    if (head->family != VN_FAMILY_DIST) return from_quantiles(head, x, q, n_q, out);
    for (int64_t i = 0; i < head->width; i++) param[i] = (double)x[i];
    vn_dist_step d = { head->kind, head->comps, param };
    vn_dist_quantiles(&d, q, n_q, out);
    return vn_dist_mean(&d);
}

void vn_picks_fill(const vn_head *head, const vn_picks *picks, float *x, float *room, int64_t n,
                   float *point, float *const *value)
{
    double q[VN_PICKS], out[VN_PICKS] = { 0 };
    for (int c = 0; c < picks->n; c++) q[c] = picks->v[c].q;
    for (int64_t i = 0; i < n; i++) {
        point[i] = (float)vn_step_forecast(head, x + i * head->width, room, q, picks->n, out);
        for (int c = 0; c < picks->n; c++) value[c][i] = (float)out[c];
    }
}

/* Scores as the long-horizon and M-competition protocols define them. */
#include "host/eval/metrics.h"

#include <math.h>
#include <stddef.h>
#include <strings.h>

static const vn_metric_info infos[] = {
#define VN_METRIC(NAME, name, title, doc) { #name, title, doc },
#include "host/eval/metrics.def"
#undef VN_METRIC
};

const vn_metric_info *vn_metric_about(int metric)
{
    return &infos[metric];
}

int vn_metric_find(const char *name)
{
    for (int i = 0; i < VN_METRIC_COUNT; i++)
        if (!strcasecmp(infos[i].name, name)) return i;
    return -1;
}

void vn_errors_add(vn_errors *e, const double *y, const float *mask, const double *yhat, int64_t h)
{
    for (int64_t k = 0; k < h; k++) {
        if (mask[k] == 0) continue;
        double miss = fabs(y[k] - yhat[k]), size = fabs(y[k]) + fabs(yhat[k]);
        e->abs += miss;
        e->square += miss * miss;
        e->smape += miss == 0 ? 0 : 200 * miss / size;
        e->y_abs += fabs(y[k]);
        e->n++;
        if (y[k] == 0) continue;
        e->mape += 100 * miss / fabs(y[k]);
        e->n_mape++;
    }
}

/* Where a level is, -1 if it is not. */
static int64_t level_at(const vn_quantile_errors *e, double q)
{
    for (int64_t i = 0; i < e->n_q; i++)
        if (fabs(e->q[i] - q) < 1e-7) return i;
    return -1;
}

/* 1 if y lies between the quantiles lo and 1 - lo of a step. */
static int64_t inside(const vn_quantile_errors *e, const double *quantile, double lo, double y)
{
    int64_t low = level_at(e, lo), high = level_at(e, 1 - lo);
    return low >= 0 && high >= 0 && quantile[low] <= y && y <= quantile[high];
}

void vn_quantile_errors_add(vn_quantile_errors *e, const double *y, const float *mask,
                            const double *quantile, int64_t stride, int64_t h)
{
    for (int64_t k = 0; k < h; k++, quantile += stride) {
        if (mask[k] == 0) continue;
        for (int64_t i = 0; i < e->n_q; i++) {
            double miss = y[k] - quantile[i];
            e->loss[i] += miss < 0 ? (e->q[i] - 1) * miss : e->q[i] * miss;
        }
        e->inside80 += inside(e, quantile, 0.1, y[k]);
        e->inside90 += inside(e, quantile, 0.05, y[k]);
        e->y_abs += fabs(y[k]);
        e->n++;
    }
}

double vn_mase_scale(const vn_panel *p, int64_t series, int64_t n, int64_t season)
{
    int64_t first = p->indptr[series];
    double sum = 0;
    int64_t count = 0;
    for (int64_t t = first + season; t < first + n; t++) {
        if (p->mask[t] == 0 || p->mask[t - season] == 0) continue;
        sum += fabs(vn_panel_y(p, t) - vn_panel_y(p, t - season));
        count++;
    }
    return count ? sum / (double)count : 0;
}

static double ratio(double sum, double n)
{
    return n == 0 ? NAN : sum / n;
}

void vn_score_of(const vn_errors *e, const double *scale, int64_t n, vn_score *out)
{
    vn_errors all = { 0 };
    double smape = 0, mape = 0, mase = 0;
    int64_t n_mape = 0, n_mase = 0;
    *out = (vn_score){ .n_series = 0 };
    for (int64_t i = 0; i < n; i++) {
        if (e[i].n == 0) continue;
        double steps = (double)e[i].n;
        all.abs += e[i].abs;
        all.square += e[i].square;
        all.y_abs += e[i].y_abs;
        all.n += e[i].n;
        smape += e[i].smape / steps;
        out->n_series++;
        if (e[i].n_mape) mape += e[i].mape / (double)e[i].n_mape, n_mape++;
        if (scale[i] > 0) mase += e[i].abs / steps / scale[i], n_mase++;
    }
    double steps = (double)all.n, *v = out->value;
    out->n_steps = all.n;
    v[VN_METRIC_MAE] = ratio(all.abs, steps);
    v[VN_METRIC_MSE] = ratio(all.square, steps);
    v[VN_METRIC_RMSE] = sqrt(v[VN_METRIC_MSE]);
    v[VN_METRIC_SMAPE] = ratio(smape, (double)out->n_series);
    v[VN_METRIC_MAPE] = ratio(mape, (double)n_mape);
    v[VN_METRIC_MASE] = ratio(mase, (double)n_mase);
    v[VN_METRIC_OWA] = NAN;
    v[VN_METRIC_ND] = ratio(all.abs, all.y_abs);
    v[VN_METRIC_NRMSE] = ratio(v[VN_METRIC_RMSE], ratio(all.y_abs, steps));
    for (int k = VN_METRIC_WQL; k <= VN_METRIC_COVERAGE90; k++) v[k] = NAN;
}

/* 2 sum of losses over sum of |y|, mean over the levels step, 2 step .. 1 - step; NaN if one is
 * missing. */
static double weighted(const vn_quantile_errors *e, double step)
{
    double sum = 0;
    int64_t n = (int64_t)round(1 / step) - 1;
    for (int64_t i = 1; i <= n; i++) {
        int64_t at = level_at(e, (double)i * step);
        if (at < 0) return NAN;
        sum += e->loss[at];
    }
    return ratio(2 * sum / (double)n, e->y_abs);
}

void vn_score_quantiles(vn_score *s, const vn_quantile_errors *e)
{
    double *v = s->value, sum = 0;
    for (int64_t i = 0; i < e->n_q; i++) sum += e->loss[i];
    v[VN_METRIC_WQL] = weighted(e, 0.1);
    if (isnan(v[VN_METRIC_WQL])) v[VN_METRIC_WQL] = ratio(2 * sum / (double)e->n_q, e->y_abs);
    v[VN_METRIC_SCRPS] = weighted(e, 0.05);
    if (level_at(e, 0.1) >= 0 && level_at(e, 0.9) >= 0)
        v[VN_METRIC_COVERAGE80] = ratio((double)e->inside80, (double)e->n);
    if (level_at(e, 0.05) >= 0 && level_at(e, 0.95) >= 0)
        v[VN_METRIC_COVERAGE90] = ratio((double)e->inside90, (double)e->n);
}

void vn_score_owa(vn_score *s, const vn_score *naive2)
{
    double *v = s->value;
    v[VN_METRIC_OWA] = (v[VN_METRIC_SMAPE] / naive2->value[VN_METRIC_SMAPE] +
                        v[VN_METRIC_MASE] / naive2->value[VN_METRIC_MASE]) /
                       2;
}

/* Scores of forecasts against actuals: sums in double, one set a series, masked steps left out. */
#ifndef VN_HOST_EVAL_METRICS_H
#define VN_HOST_EVAL_METRICS_H

#include "host/data/panel.h"

typedef enum vn_metric {
#define VN_METRIC(NAME, name, title, doc) VN_METRIC_##NAME,
#include "host/eval/metrics.def"
#undef VN_METRIC
    VN_METRIC_COUNT
} vn_metric;

typedef struct vn_metric_info {
    const char *name, *title, *doc;
} vn_metric_info;

/* Row `metric` of metrics.def. */
const vn_metric_info *vn_metric_about(int metric);
int vn_metric_find(const char *name); /* any case; -1 if there is none */

/* The errors of one series, summed. A zeroed one is empty. */
typedef struct vn_errors {
    double abs, square, smape, mape, y_abs;
    int64_t n, n_mape; /* steps; steps whose actual is not 0 */
} vn_errors;

/* Add the steps [0, h) whose mask is not 0. */
void vn_errors_add(vn_errors *e, const double *y, const float *mask, const double *yhat, int64_t h);

/* The quantile losses of all series, summed. */
enum { VN_EVAL_LEVELS = 199 };
typedef struct vn_quantile_errors {
    const double *q; /* [n_q] ascending levels */
    int64_t n_q, n;  /* n: steps */
    double loss[VN_EVAL_LEVELS], y_abs;
    int64_t inside80, inside90;
} vn_quantile_errors;

/* Add the steps [0, h) whose mask is not 0; `quantile` is [h, n_q], `stride` numbers a step. */
void vn_quantile_errors_add(vn_quantile_errors *e, const double *y, const float *mask,
                            const double *quantile, int64_t stride, int64_t h);

/* Mean of |y[t] - y[t - season]| over the first n rows of a series, where both are observed; 0 if
 * there is none. */
double vn_mase_scale(const vn_panel *panel, int64_t series, int64_t n, int64_t season);

/* Scores of n series. A series without an observed step counts nowhere; one whose scale is 0 not in
 * MASE. A score that nothing defines is NaN, OWA and those of quantiles always: vn_score_owa and
 * vn_score_quantiles set them. */
typedef struct vn_score {
    double value[VN_METRIC_COUNT];
    int64_t n_steps, n_series; /* that counted */
} vn_score;
void vn_score_of(const vn_errors *e, const double *scale, int64_t n, vn_score *out);
/* wQL, sCRPS and coverage; what the levels do not suffice for stays NaN. */
void vn_score_quantiles(vn_score *s, const vn_quantile_errors *e);
void vn_score_owa(vn_score *s, const vn_score *naive2);

#endif

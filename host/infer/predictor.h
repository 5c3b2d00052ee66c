/* Forecasts of many windows with one plan: no allocation once open. */
#ifndef VN_HOST_INFER_PREDICTOR_H
#define VN_HOST_INFER_PREDICTOR_H

#include "host/train/head.h"

typedef struct vn_predictor vn_predictor;

/* `m` and `dev` are borrowed until close. batch: windows a run; 0: chosen. */
vn_status vn_predictor_open(const vn_fitted *m, vn_device *dev, int64_t batch, vn_predictor **p);
/* The same, and its runs also keep what the model shows under `name`, *row numbers a window (see
 * vn_predictor_keep). UNSUPPORTED if it shows no such thing. */
vn_status vn_predictor_open_showing(const vn_fitted *m, vn_device *dev, int64_t batch,
                                    const char *name, vn_predictor **p, int64_t *row);
void vn_predictor_close(vn_predictor *p);

/* What the loss of the model makes of its numbers; borrowed. */
const vn_head *vn_predictor_head(const vn_predictor *p);

/* Windows of one run of the plan: callers with more need not hand over more at once. */
int64_t vn_predictor_batch(const vn_predictor *p);

/* The plan that runs n windows; borrowed, for those who measure it. */
vn_plan *vn_predictor_plan(const vn_predictor *p, int64_t n);

/* Forecast the windows at `pairs` [n, 2] (series, cut) of the panel: out [n, H, width of the head],
 * on the panel's scale. host/infer/intervals.h makes points and quantiles of it. */
vn_status vn_predictor_run(vn_predictor *p, const vn_panel *panel, const int32_t *pairs, int64_t n,
                           float *out);

/* Bring a panel to the device once for the runs with it that follow: its numbers must stay until the
 * next bind or a run with another panel. Without it every run brings its panel. What does not fit there
 * stays on the host, which then gathers the windows. */
vn_status vn_predictor_bind(vn_predictor *p, const vn_panel *panel);

/* Where the following runs leave what is shown: [n, row], borrowed; NULL: nowhere. */
void vn_predictor_keep(vn_predictor *p, float *shown);

#endif

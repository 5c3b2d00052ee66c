/* Rolling the forecast origin over the test part of a panel and scoring forecasters and baselines.
 */
#ifndef VN_HOST_EVAL_EVALUATE_H
#define VN_HOST_EVAL_EVALUATE_H

#include "base/log.h"
#include "base/team.h"
#include "host/data/panel.h"
#include "host/eval/eval.def"
#include "host/eval/metrics.h"

typedef struct vn_eval_options {
    VN_OPTION_STRUCT(VN_EVAL_OPTIONS)
} vn_eval_options;
extern const vn_option vn_eval_option_table[];

/* What is forecast: the H rows after each origin of the test part; an origin's history is every row
 * of its series before it, whatever part it lies in. */
typedef struct vn_eval_task {
    const vn_panel *panel; /* on its own scale */
    vn_split split;
    int64_t h;
    const vn_eval_options *options;
    vn_team *team; /* NULL: this thread alone */
    vn_log log;
} vn_eval_task;

/* Something that forecasts. */
typedef struct vn_forecaster {
    const char *name; /* "NHITS": row of the table */
    void *ctx;
    const double *q; /* [n_q] ascending levels of its quantiles; n_q 0: it forecasts points */
    int64_t n_q;
    /* The windows at `pairs` [n, 2] (series, rows before the origin), by series and then ascending:
     * out [n, h, 1 + n_q] on the panel's scale, the point before the quantiles. */
    vn_status (*run)(void *ctx, const int32_t *pairs, int64_t n, double *out);
    void (*close)(void *ctx); /* NULL: nothing to free */
} vn_forecaster;
void vn_forecaster_close(vn_forecaster *f);

typedef enum vn_baseline {
#define VN_BASELINE(NAME, column, doc) VN_BASELINE_##NAME,
#include "host/eval/baselines.def"
#undef VN_BASELINE
    VN_BASELINE_COUNT
} vn_baseline;

/* `task` is borrowed until the forecaster is closed. DATA if the panel is too short for it. */
vn_status vn_baseline_open(vn_baseline kind, const vn_eval_task *task, vn_forecaster *out);

/* Location and scale of series i: the mean and population deviation of its observed rows [0, n); a
 * deviation of 0 counts as 1. */
void vn_standard_of(const vn_panel *panel, int64_t i, int64_t n, double *loc, double *scale);

/* A line of the result. */
typedef struct vn_eval_row {
    const char *name;
    vn_score score;
    double seconds;
    bool quantiles; /* its forecasts have quantiles */
} vn_eval_row;

typedef struct vn_evaluation {
    vn_arena arena;
    vn_eval_row *row; /* baselines first, then the forecasters */
    int n_rows, n_baselines;
    int64_t n_windows, n_series;
} vn_evaluation;

/* Score the baselines the options ask for and n forecasters. A baseline that does not fit the data
 * is left out with a warning. */
vn_status vn_evaluate(const vn_eval_task *task, const vn_forecaster *forecasters, int n,
                      vn_evaluation *out);
void vn_evaluation_close(vn_evaluation *e);

#endif

/* The closed-form linear baseline: ridge regression of the next H steps of a window on its L
 * inputs, both less the window's last value, one matrix for all series. */
#ifndef VN_HOST_EVAL_RIDGE_H
#define VN_HOST_EVAL_RIDGE_H

#include "host/eval/evaluate.h"

/* Fit on the training windows and choose the penalty on the validation windows. Fills ctx, run and
 * close of `out`. DATA if no series holds a window. */
vn_status vn_ridge_open(const vn_eval_task *task, vn_forecaster *out);

#endif

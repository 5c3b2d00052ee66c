/* From the numbers a forecast graph gives for each step to columns people read: a point, quantiles
 * that never cross. */
#ifndef VN_HOST_INFER_INTERVALS_H
#define VN_HOST_INFER_INTERVALS_H

#include "host/train/head.h"

/* A column beside the point forecast: "median", "lo-90", "ql0.1", and its level. */
typedef struct vn_pick {
    char name[32];
    double q;
} vn_pick;

enum { VN_PICKS = 1 + 2 * VN_HEAD_LEVELS };

typedef struct vn_picks {
    int n;
    vn_pick v[VN_PICKS];
} vn_picks;

/* What is asked of a forecast beside its point: ends of central intervals in per cent, quantiles.
 */
typedef struct vn_wish {
    const vn_opt_FLOATS *level, *quantiles; /* NULL: none */
    bool strict; /* refuse what the model does not have, instead of leaving it out */
} vn_wish;

/* The median of a probabilistic forecast, intervals from the outermost lower end to the outermost
 * upper one, then quantiles. ARGUMENT for what the model does not have. */
vn_status vn_picks_of(const vn_head *head, const vn_wish *wish, vn_picks *out);

/* True if the model gives the quantile. */
bool vn_head_has(const vn_head *head, double q);

/* The point forecast and n_q quantiles (ascending levels, vn_head_has) of one step from its `width`
 * numbers. The point is the median of quantiles or of paths (Student's tail makes their mean wander),
 * the mean of a distribution. Paths are sorted in place with `room` [width], which may be NULL for
 * the others. Crossing quantiles are sorted (Chernozhukov, Fernandez-Val and Galichon 2010), which
 * never makes them worse. */
double vn_step_forecast(const vn_head *head, float *x, float *room, const double *q, int64_t n_q,
                        double *out);

/* All columns of n steps: x [n, width] -> point [n], value[i] [n] for every pick. */
void vn_picks_fill(const vn_head *head, const vn_picks *picks, float *x, float *room, int64_t n,
                   float *point, float *const *value);

#endif

/* The distributions of dists.def as a forecast knows them: mean, distribution function, quantiles,
 * from the parameters that the op `dist` gives. In double. */
#ifndef VN_HOST_INFER_DIST_H
#define VN_HOST_INFER_DIST_H

#include "device/kernel.h"

/* The parameters of one step, vn_dist_width(kind, comps) numbers laid out as `dist` does. */
typedef struct vn_dist_step {
    int64_t kind, comps;
    const double *param;
} vn_dist_step;

double vn_dist_mean(const vn_dist_step *d);

/* P(Y <= y). */
double vn_dist_below(const vn_dist_step *d, double y);

/* The smallest y with P(Y <= y) >= q, for n levels q in (0, 1). Closed forms for the normal and the
 * Laplace distribution, Newton's method inside a bracket for Student's, search in whole numbers for
 * counts, bisection between the components' quantiles for mixtures. NaN where a parameter is. */
void vn_dist_quantiles(const vn_dist_step *d, const double *q, int64_t n, double *out);

#endif

/* The forecast of an ensemble: the mean over its members, number by number. Means of quantiles are quantiles
 * again (Vincent 1912; Ratcliff, "Group reaction time distributions and an analysis of distribution
 * statistics", Psychological Bulletin 1979): an interval neither widens nor narrows where members agree on
 * its width, and of a normal or Laplace distribution the mean parameters are those of the mean quantiles. */
#ifndef VN_HOST_INFER_ENSEMBLE_H
#define VN_HOST_INFER_ENSEMBLE_H

#include "host/train/head.h"

/* out += x / members for n steps of head->width numbers, quantiles of a step in ascending order. */
void vn_ensemble_add(const vn_head *head, const float *x, int64_t n, int members, float *out);

#endif

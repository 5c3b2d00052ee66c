/* Likelihoods of dists.def for one forecast step, in float and double: value, gradient with respect
 * to the model's raw numbers, parameters. The only place where the formulas are written; reference
 * kernels call them, and fast kernels are tested against them.
 *
 * lnGamma and its derivative are our own: Stirling's series above 8, the recurrence below. Where
 * two large lnGamma would cancel the difference is formed inside the series, so that counts of a
 * million keep their digits in float.
 *
 * Leaves out quantiles: host/infer/dist.h has them, in double. */
#ifndef VN_DEVICE_DIST_H
#define VN_DEVICE_DIST_H

#include <math.h>

#include "device/kernel.h"

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif

/* Smallest deviation, mean of counts and number of failures, in units of the window's scale. Tiny
 * on purpose: a floor that can be seen makes series of small amplitude unusable. */
#define VN_DIST_FLOOR 1e-6
#define VN_HALF_LOG_2PI 0.91893853320467274178032973640562
#define VN_LOG_2 0.69314718055994530941723212145818
#define VN_HALF_LOG_PI 0.57236494292470008707171367567653

#define VN_FORMULAS "device/dist_real.h"
#include "device/both_real.h"

#endif

/* Value and derivative of the elementwise functions and losses, for one number, in float and
 * double: vn_unary_value_f32, vn_unary_slope_f64, ... The only place where these formulas are
 * written; reference kernels, fast kernels (at their edges) and CUDA kernels call them.
 *
 * Leaves out vectors: kernels_cpu/simd/math.h has its own exp, tanh, ... tested against these. */
#ifndef VN_DEVICE_SCALAR_H
#define VN_DEVICE_SCALAR_H

#include <math.h>

#include "device/kernel.h"

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif

/* SELU's constants make zero mean and unit variance a fixed point (Klambauer et al. 2017). */
#define VN_SELU_SCALE 1.0507009873554804934193349852946
#define VN_SELU_ALPHA 1.6732632423543772848170429916717
#define VN_SQRT_HALF 0.70710678118654752440084436210485
#define VN_INV_SQRT_2PI 0.39894228040143267793994605993438

/* Added to a sum of weights before dividing: what has no weight has mean and gradient 0 instead of
 * NaN. Smaller than half a unit in the last place of any f32 sum above 2e-5. */
#define VN_NO_WEIGHT 1e-12

#define VN_FORMULAS "device/scalar_real.h"
#include "device/both_real.h"

#endif

/* Incomplete gamma and beta functions and the inverse of the normal distribution, in double. */
#ifndef VN_HOST_INFER_SPECIAL_H
#define VN_HOST_INFER_SPECIAL_H

/* The regularised upper incomplete gamma function Q(a, x), a > 0, x >= 0. */
double vn_gamma_upper(double a, double x);

/* The regularised incomplete beta function I_x(a, b), a, b > 0, x in [0, 1]; `rest` is 1 - x, which
 * may be known better than by subtracting. */
double vn_beta_share(double a, double b, double x, double rest);

/* z with P(Z <= z) = p for a standard normal Z, p in (0, 1). */
double vn_normal_quantile(double p);

#endif

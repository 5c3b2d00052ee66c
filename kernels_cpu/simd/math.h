/* exp, log, tanh, ... of a vector by our own polynomials, and the functions of unary.def.
 *
 * Measured: within 1 ulp for exp and log (exp 1.2 without fused products), 3 for the others, 5 for
 * the normal distribution function.
 * Specials as in C: NaN stays NaN, infinities and zeros have their limits. The polynomials of exp(x) - 1
 * and log are those of the Cephes library (Moshier 1989). */
#ifndef VN_KERNELS_CPU_SIMD_MATH_H
#define VN_KERNELS_CPU_SIMD_MATH_H

#include "device/scalar.h"
#include "kernels_cpu/simd/simd.h"

/* c[0] x^(n-1) + ... + c[n-1] */
VF_INLINE vf vf_poly(vf x, const float *c, int n)
{
    vf y = vf_set(c[0]);
    for (int i = 1; i < n; i++) y = vf_fma(y, x, vf_set(c[i]));
    return y;
}

/* x = n ln 2 + r, |r| <= ln 2 / 2; returns exp(r) - 1. ln 2 is taken in two parts, n times the
 * first being exact. */
VF_INLINE vf vf_exp_reduced(vf x, vf *n)
{
    static const float c[] = { 1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                               4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f };
    *n = vf_round(vf_mul(x, vf_set(1.44269504088896341f)));
    vf r = vf_fnma(*n, vf_set(0.693359375f), x);
    r = vf_fma(*n, vf_set(2.12194440e-4f), r);
    return vf_fma(vf_poly(r, c, 6), vf_mul(r, r), r);
}

/* exp(x) for -104 <= x <= 89. 1 + r + r^2 q(r) is within 3.1e-9 of exp(r) (q by linear programming over 2001
 * places); without the step through exp(r) - 1 it takes two operations of fifteen less. */
VF_INLINE vf vf_exp_between(vf x)
{
    static const float c[] = { 1.3814541744e-3f, 8.3687454462e-3f, 4.1668388993e-2f,
                               1.6666521132e-1f, 4.9999994040e-1f, 1, 1 };
    vf n = vf_round(vf_mul(x, vf_set(1.44269504088896341f)));
    vf r = vf_fnma(n, vf_set(0.693359375f), x);
    r = vf_fma(n, vf_set(2.12194440e-4f), r);
    return vf_ldexp(vf_poly(r, c, 7), n);
}

VF_INLINE vf vf_exp(vf x)
{
    return vf_exp_between(vf_max(vf_set(-104), vf_min(vf_set(89), x))); /* beyond: 0 and infinity */
}

/* exp(x) for x <= 89. */
VF_INLINE vf vf_exp_below(vf x) { return vf_exp_between(vf_max(vf_set(-104), x)); }

/* exp(x) - 1 without cancellation, for x <= 80. */
VF_INLINE vf vf_expm1(vf x)
{
    vf n;
    vf y = vf_exp_reduced(vf_max(vf_set(-104), x), &n);
    vf power = vf_ldexp(vf_set(1), n);
    return vf_fma(power, y, vf_sub(power, vf_set(1)));
}

VF_INLINE vf vf_log(vf x)
{
    static const float c[] = { 7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                               -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                               2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f };
    vf_mask small = vf_lt(x, vf_set(1.17549435e-38f)); /* denormal: scaled up by 2^23 */
    vf a = vf_pick(small, vf_mul(x, vf_set(8388608.0f)), x);
    vf e = vf_sub(vf_exponent(a), vf_pick(small, vf_set(23), vf_zero())), m = vf_mantissa(a);
    vf_mask upper = vf_lt(vf_set(1.41421356f), m);
    m = vf_pick(upper, vf_mul(m, vf_set(0.5f)), m);
    e = vf_pick(upper, vf_add(e, vf_set(1)), e);
    vf f = vf_sub(m, vf_set(1)), square = vf_mul(f, f);
    vf y = vf_mul(vf_mul(vf_poly(f, c, 9), f), square);
    y = vf_fnma(e, vf_set(2.12194440e-4f), y);
    y = vf_fnma(vf_set(0.5f), square, y);
    y = vf_fma(e, vf_set(0.693359375f), vf_add(f, y));
    y = vf_pick(vf_lt(x, vf_set(INFINITY)), y, x); /* infinity and NaN */
    y = vf_pick(vf_lt(x, vf_zero()), vf_set(NAN), y);
    return vf_pick(vf_eq(x, vf_zero()), vf_set(-INFINITY), y);
}

/* log(1 + u) for 0 <= u < 1e30: what 1 + u rounds away is put back to first order. */
VF_INLINE vf vf_log1p(vf u)
{
    vf w = vf_add(vf_set(1), u);
    return vf_add(vf_log(w), vf_div(vf_sub(u, vf_sub(w, vf_set(1))), w));
}

VF_INLINE vf vf_sigmoid(vf x)
{
    return vf_div(vf_set(1), vf_add(vf_set(1), vf_exp(vf_neg(x))));
}

VF_INLINE vf vf_tanh(vf x)
{
    vf e = vf_expm1(vf_mul(vf_set(2), vf_min(vf_set(20), vf_abs(x)))); /* tanh 20 rounds to 1 */
    return vf_with_sign(vf_div(e, vf_add(e, vf_set(2))), x);
}

VF_INLINE vf vf_softplus(vf x)
{
    vf tail = vf_log1p(vf_exp(vf_neg(vf_abs(x))));
    return vf_add(vf_max(vf_zero(), x), tail);
}

/* The standard normal distribution function: for a = |x|, exp(-a^2 / 2) times a polynomial in
 * (a - 3) / (a + 3), fitted to Phi(-a) exp(a^2 / 2) on 0 .. 14.5 with a relative error of 1e-8. What
 * the square of a rounds away is put back to first order. */
VF_INLINE vf vf_normal(vf x)
{
    static const float c[] = { 5.316134775e-05f,  1.150139360e-04f,  -3.390122147e-04f,
                               -9.832885116e-04f, 2.904387191e-03f,  6.131942384e-03f,
                               -4.621326178e-02f, 1.232250407e-01f,  -2.064026147e-01f,
                               1.215139478e-01f };
    vf a = vf_min(vf_set(16), vf_abs(x)); /* beyond: 0 and 1 */
    vf t = vf_div(vf_sub(a, vf_set(3)), vf_add(a, vf_set(3)));
    vf square = vf_mul(a, a), rest = vf_fnma(a, a, square); /* square - a^2 */
    vf e = vf_exp(vf_mul(vf_set(-0.5f), square));
    e = vf_fma(e, vf_mul(vf_set(0.5f), rest), e);
    vf tail = vf_mul(e, vf_poly(t, c, 10));
    return vf_pick(vf_lt(vf_zero(), x), vf_sub(vf_set(1), tail), tail);
}

/* x times the normal distribution function: max(0, x) - |x| Phi(-|x|), and exp(-a^2 / 2) by its own reduction, since
 * -a^2 - 2 n ln 2 is one fused product where there are any: no square is rounded there, and no step is spent on putting it right. Beyond
 * 14.4 exp(-a^2 / 2) is below the least float. The coefficients are those of vf_exp_between over powers of 2 (its
 * argument is doubled) and of vf_normal. */
VF_INLINE vf vf_gelu(vf x)
{
    static const float power[] = { 1.3814541744e-3f / 64, 8.3687454462e-3f / 32, 4.1668388993e-2f / 16,
                                   1.6666521132e-1f / 8,  4.9999994040e-1f / 4,  0.5f,
                                   1 };
    static const float c[] = { 5.316134775e-05f,  1.150139360e-04f,  -3.390122147e-04f,
                               -9.832885116e-04f, 2.904387191e-03f,  6.131942384e-03f,
                               -4.621326178e-02f, 1.232250407e-01f,  -2.064026147e-01f,
                               1.215139478e-01f };
    vf a = vf_min(vf_set(14.4f), vf_abs(x));
    vf t = vf_div(vf_sub(a, vf_set(3)), vf_add(a, vf_set(3)));
    vf n = vf_round(vf_mul(vf_mul(a, a), vf_set(-0.72134752044448170f)));
    vf r = vf_fnma(a, a, vf_mul(n, vf_set(-1.38671875f))); /* the product is exact */
    r = vf_fma(n, vf_set(4.24388880e-4f), r);
    vf tail = vf_mul(vf_ldexp(vf_poly(r, power, 7), n), vf_poly(t, c, 10));
    return vf_fnma(a, tail, vf_max(vf_zero(), x));
}

/* exp(|x| / 2): its square reaches where exp(|x|) alone overflows. */
VF_INLINE vf vf_half_exp(vf x) { return vf_exp(vf_mul(vf_set(0.5f), vf_abs(x))); }

VF_INLINE vf vf_sinh(vf x)
{
    vf a = vf_abs(x), e = vf_expm1(vf_min(vf_set(20), a)), h = vf_half_exp(x);
    vf near = vf_mul(vf_set(0.5f), vf_add(e, vf_div(e, vf_add(e, vf_set(1)))));
    vf far = vf_mul(vf_mul(vf_set(0.5f), h), h);
    return vf_with_sign(vf_pick(vf_lt(a, vf_set(20)), near, far), x);
}

VF_INLINE vf vf_cosh(vf x)
{
    vf h = vf_half_exp(x);
    return vf_fma(vf_mul(vf_set(0.5f), h), h, vf_div(vf_set(0.5f), vf_mul(h, h)));
}

VF_INLINE vf vf_asinh(vf x)
{
    vf a = vf_abs(x), square = vf_mul(a, a);
    vf root = vf_sqrt(vf_add(square, vf_set(1)));
    vf near = vf_log1p(vf_add(a, vf_div(square, vf_add(vf_set(1), root))));
    vf far = vf_add(vf_log(a), vf_set(0.69314718056f));
    return vf_with_sign(vf_pick(vf_lt(a, vf_set(1e6f)), near, far), x);
}

/* As vn_unary_value. `fn` is a constant where this is inlined. */
VF_INLINE vf vf_unary(int64_t fn, vf x)
{
    const vf zero = vf_zero();
    switch (fn) {
    case VN_UNARY_RELU: return vf_max(zero, x);
    case VN_UNARY_TANH: return vf_tanh(x);
    case VN_UNARY_SIGMOID: return vf_sigmoid(x);
    case VN_UNARY_SOFTPLUS: return vf_softplus(x);
    case VN_UNARY_SELU:
        return vf_pick(vf_lt(zero, x), vf_mul(x, vf_set((float)VN_SELU_SCALE)),
                       vf_mul(vf_expm1(vf_min(zero, x)),
                              vf_set((float)(VN_SELU_SCALE * VN_SELU_ALPHA))));
    case VN_UNARY_LRELU: return vf_pick(vf_lt(zero, x), x, vf_mul(x, vf_set(0.01f)));
    case VN_UNARY_GELU: return vf_gelu(x);
    case VN_UNARY_EXP: return vf_exp(x);
    case VN_UNARY_LOG: return vf_log(x);
    case VN_UNARY_SQRT: return vf_sqrt(x);
    case VN_UNARY_SQUARE: return vf_mul(x, x);
    case VN_UNARY_ABS: return vf_abs(x);
    case VN_UNARY_NEG: return vf_neg(x);
    case VN_UNARY_ASINH: return vf_asinh(x);
    case VN_UNARY_SINH: return vf_sinh(x);
    default: return x;
    }
}

/* As vn_unary_slope. */
VF_INLINE vf vf_slope(int64_t fn, vf x, vf y)
{
    const vf zero = vf_zero(), one = vf_set(1);
    switch (fn) {
    case VN_UNARY_RELU: return vf_pick(vf_lt(zero, y), one, zero);
    case VN_UNARY_TANH: return vf_mul(vf_sub(one, y), vf_add(one, y));
    case VN_UNARY_SIGMOID: return vf_mul(y, vf_sub(one, y));
    case VN_UNARY_SOFTPLUS: return vf_neg(vf_expm1(vf_neg(y)));
    case VN_UNARY_SELU:
        return vf_pick(vf_lt(zero, y), vf_set((float)VN_SELU_SCALE),
                       vf_add(y, vf_set((float)(VN_SELU_SCALE * VN_SELU_ALPHA))));
    case VN_UNARY_LRELU: return vf_pick(vf_lt(zero, y), one, vf_set(0.01f));
    case VN_UNARY_GELU:
        return vf_fma(vf_mul(x, vf_set((float)VN_INV_SQRT_2PI)),
                      vf_exp(vf_mul(vf_set(-0.5f), vf_mul(x, x))), vf_normal(x));
    case VN_UNARY_EXP: return y;
    case VN_UNARY_LOG: return vf_div(one, x);
    case VN_UNARY_SQRT: return vf_div(vf_set(0.5f), y);
    case VN_UNARY_SQUARE: return vf_add(x, x);
    case VN_UNARY_ABS:
        return vf_pick(vf_lt(zero, x), one, vf_pick(vf_lt(x, zero), vf_neg(one), x));
    case VN_UNARY_NEG: return vf_set(-1);
    case VN_UNARY_ASINH: return vf_div(one, vf_sqrt(vf_fma(x, x, one)));
    case VN_UNARY_SINH: return vf_cosh(x);
    default: return one;
    }
}

#endif

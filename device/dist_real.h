/* The body of dist.h, included once for float and once for double; not for anybody else. */

/* lnGamma(z) - ((z - 1/2) ln z - z + ln(2 pi) / 2) for z >= 8, to 1e-14. */
VN_SHARED VN_T VN_S(vn_stirling_rest)(VN_T z)
{
    VN_T i = 1 / z, s = i * i;
    VN_T sum = (VN_T)(1.0 / 156);
    sum = sum * s - (VN_T)(691.0 / 360360);
    sum = sum * s + (VN_T)(1.0 / 1188);
    sum = sum * s - (VN_T)(1.0 / 1680);
    sum = sum * s + (VN_T)(1.0 / 1260);
    sum = sum * s - (VN_T)(1.0 / 360);
    sum = sum * s + (VN_T)(1.0 / 12);
    return sum * i;
}

/* lnGamma(x), x > 0. */
VN_SHARED VN_T VN_S(vn_lgamma)(VN_T x)
{
    VN_T product = 1;
    for (; x < 8; x += 1) product *= x;
    return (x - (VN_T)0.5) * VN_M(log)(x) - x + (VN_T)VN_HALF_LOG_2PI + VN_S(vn_stirling_rest)(x) -
           VN_M(log)(product);
}

/* Its derivative, x > 0. */
VN_SHARED VN_T VN_S(vn_digamma)(VN_T x)
{
    VN_T sum = 0;
    for (; x < 8; x += 1) sum += 1 / x;
    VN_T i = 1 / x, s = i * i, rest = (VN_T)(691.0 / 32760);
    rest = rest * s - (VN_T)(1.0 / 132);
    rest = rest * s + (VN_T)(1.0 / 240);
    rest = rest * s - (VN_T)(1.0 / 252);
    rest = rest * s + (VN_T)(1.0 / 120);
    rest = rest * s - (VN_T)(1.0 / 12);
    return VN_M(log)(x) - (VN_T)0.5 * i + rest * s - sum;
}

/* lnGamma(a + d) - lnGamma(a), a > 0, d > -1, a + d > 0. */
VN_SHARED VN_T VN_S(vn_lgamma_step)(VN_T a, VN_T d)
{
    VN_T below = 0;
    for (; a < 8; a += 1) below += VN_M(log1p)(d / a);
    VN_T b = a + d;
    for (; b < 8; b += 1, a += 1) below += VN_M(log1p)(d / a); /* d < 0 */
    return (a - (VN_T)0.5) * VN_M(log1p)(d / a) + d * VN_M(log)(b) - d +
           VN_S(vn_stirling_rest)(b) - VN_S(vn_stirling_rest)(a) - below;
}

VN_SHARED VN_T VN_S(vn_dist_softplus)(VN_T x)
{
    VN_T soft = x > 0 ? x + VN_M(log1p)(VN_M(exp)(-x)) : VN_M(log1p)(VN_M(exp)(x));
    return soft + (VN_T)VN_DIST_FLOOR;
}

VN_SHARED VN_T VN_S(vn_dist_sigmoid)(VN_T x)
{
    return 1 / (1 + VN_M(exp)(-x));
}

/* What the likelihoods below share: y on the scale of x for real numbers, as it is for counts, and
 * the window's scale. `x` is read and `d`, unless NULL, written at every `step`-th place. */

VN_SHARED VN_T VN_S(vn_nll_normal)(const VN_T *x, int64_t step, VN_T z, VN_T s, VN_T *d)
{
    VN_T sigma = VN_S(vn_dist_softplus)(x[step]), e = (z - x[0]) / sigma;
    if (d) {
        d[0] = -e / sigma;
        d[step] = (1 - e * e) / sigma * VN_S(vn_dist_sigmoid)(x[step]);
    }
    return (VN_T)0.5 * e * e + VN_M(log)(sigma * s) + (VN_T)VN_HALF_LOG_2PI;
}

VN_SHARED VN_T VN_S(vn_nll_laplace)(const VN_T *x, int64_t step, VN_T z, VN_T s, VN_T *d)
{
    VN_T b = VN_S(vn_dist_softplus)(x[step]), e = (z - x[0]) / b, size = VN_M(fabs)(e);
    if (d) {
        d[0] = (e > 0 ? -1 : e < 0 ? 1 : e) / b; /* 0 or NaN at the end */
        d[step] = (1 - size) / b * VN_S(vn_dist_sigmoid)(x[step]);
    }
    return size + VN_M(log)(b * s) + (VN_T)VN_LOG_2;
}

VN_SHARED VN_T VN_S(vn_nll_studentt)(const VN_T *x, int64_t step, VN_T z, VN_T s, VN_T *d)
{
    VN_T sigma = VN_S(vn_dist_softplus)(x[step]), e = (z - x[0]) / sigma;
    VN_T nu = 2 + VN_S(vn_dist_softplus)(x[2 * step]), half = (VN_T)0.5 * nu;
    VN_T far = VN_M(log1p)(e * e / nu), share = (nu + 1) * e / (nu + e * e);
    if (d) {
        VN_T slope = VN_S(vn_digamma)(half) - VN_S(vn_digamma)(half + (VN_T)0.5) +
                     (1 - share * e) / nu + far;
        d[0] = -share / sigma;
        d[step] = (1 - share * e) / sigma * VN_S(vn_dist_sigmoid)(x[step]);
        d[2 * step] = (VN_T)0.5 * slope * VN_S(vn_dist_sigmoid)(x[2 * step]);
    }
    return (half + (VN_T)0.5) * far + (VN_T)0.5 * VN_M(log)(nu) + (VN_T)VN_HALF_LOG_PI -
           VN_S(vn_lgamma_step)(half, (VN_T)0.5) + VN_M(log)(sigma * s);
}

/* With y and r in either role: lnGamma(y + r) - lnGamma(r) - lnGamma(y + 1). */
VN_SHARED VN_T VN_S(vn_choose)(VN_T y, VN_T r)
{
    VN_T more = r > y + 1 ? r : y + 1, less = r > y + 1 ? y + 1 : r;
    return VN_S(vn_lgamma_step)(more, less - 1) - VN_S(vn_lgamma)(less);
}

/* d/dr of the negative binomial likelihood, which falls as 1/r^2: above 8 the logarithms of both
 * digammas and of the odds are one, so that its digits last until r is a million. */
VN_SHARED VN_T VN_S(vn_negbin_slope)(VN_T y, VN_T mu, VN_T r)
{
    VN_T b = y + r, u = (mu - y) / b;
    if (r < 8)
        return VN_S(vn_digamma)(r) - VN_S(vn_digamma)(b) + VN_M(log1p)(mu / r) - u / (1 + u);
    /* psi(r) = ln r - 1 / (2 r) - s / 12 + s^2 / 120 - s^3 / 252 + s^4 / 240, s = 1 / r^2 */
    VN_T s = 1 / (r * r), t = 1 / (b * b);
    VN_T rest = (t - s) * ((VN_T)(1.0 / 12) - (t + s) * (VN_T)(1.0 / 120) +
                           (t * t + t * s + s * s) * (VN_T)(1.0 / 252) -
                           (t + s) * (t * t + s * s) * (VN_T)(1.0 / 240));
    return VN_M(log1p)(u) - u / (1 + u) - y / (2 * r * b) + rest;
}

VN_SHARED VN_T VN_S(vn_nll_negbin)(const VN_T *x, int64_t step, VN_T y, VN_T s, VN_T *d)
{
    VN_T mu = s * VN_S(vn_dist_softplus)(x[0]), r = 1 / VN_S(vn_dist_softplus)(x[step]);
    VN_T odds = VN_M(log1p)(mu / r);
    if (d) {
        d[0] = (mu - y) / mu * (r / (mu + r)) * s * VN_S(vn_dist_sigmoid)(x[0]);
        d[step] = -VN_S(vn_negbin_slope)(y, mu, r) * r * r * VN_S(vn_dist_sigmoid)(x[step]);
    }
    /* y ln(p) = -y ln(1 + r / mu), r ln(1 - p) = -r ln(1 + mu / r) */
    return y * VN_M(log1p)(r / mu) + r * odds - VN_S(vn_choose)(y, r);
}

VN_SHARED VN_T VN_S(vn_nll_poisson)(const VN_T *x, VN_T y, VN_T s, VN_T *d)
{
    VN_T mu = s * VN_S(vn_dist_softplus)(x[0]);
    if (d) d[0] = (mu - y) / mu * s * VN_S(vn_dist_sigmoid)(x[0]);
    if (y < 8) return mu - y * VN_M(log)(mu) + VN_S(vn_lgamma)(y + 1);
    /* lnGamma(y + 1) by Stirling, its large terms taken together with those of mu */
    VN_T far = mu < y / 2 ? VN_M(log)(mu / y) : VN_M(log1p)((mu - y) / y);
    return mu - y - y * far + (VN_T)0.5 * VN_M(log)(y) + (VN_T)VN_HALF_LOG_2PI +
           VN_S(vn_stirling_rest)(y);
}

VN_SHARED VN_T VN_S(vn_nll_one)(int64_t kind, const VN_T *x, int64_t step, VN_T y, VN_T loc,
                                VN_T scale, VN_T *d)
{
    VN_T z = (y - loc) / scale;
    switch (kind) {
    case VN_DIST_STUDENTT: return VN_S(vn_nll_studentt)(x, step, z, scale, d);
    case VN_DIST_LAPLACE: return VN_S(vn_nll_laplace)(x, step, z, scale, d);
    case VN_DIST_NEGBIN: return VN_S(vn_nll_negbin)(x, step, y, scale, d);
    case VN_DIST_POISSON: return VN_S(vn_nll_poisson)(x, y, scale, d);
    default: return VN_S(vn_nll_normal)(x, step, z, scale, d);
    }
}

/* -log sum_k w_k p_k. The gradient of component k is weighed with its share of the sum. */
VN_SHARED VN_T VN_S(vn_nll_mixture)(const vn_attr_dist *a, int64_t params, const VN_T *x, VN_T y,
                                    VN_T loc, VN_T scale, VN_T *d)
{
    int64_t K = a->comps;
    const VN_T *w = x + params * K;
    VN_T top = w[0], best = 0, sum = 0, all = 0, *kept = d ? d + params * K : d;
    for (int64_t k = 1; k < K; k++) top = w[k] > top ? w[k] : top;
    for (int64_t k = 0; k < K; k++) {
        VN_T term =
            w[k] - top - VN_S(vn_nll_one)(a->kind, x + k, K, y, loc, scale, d ? d + k : d);
        bool better = k == 0 || term > best;
        all = better ? all * VN_M(exp)(k ? best - term : 0) + 1 : all + VN_M(exp)(term - best);
        best = better ? term : best;
        sum += VN_M(exp)(w[k] - top);
        if (d) kept[k] = term;
    }
    for (int64_t k = 0; d && k < K; k++) {
        VN_T share = VN_M(exp)(kept[k] - best) / all;
        for (int64_t j = 0; j < params; j++) d[j * K + k] *= share;
        kept[k] = VN_M(exp)(w[k] - top) / sum - share;
    }
    return VN_M(log)(sum) - best - VN_M(log)(all);
}

/* -log p(y) for the raw numbers x of one step; the gradient goes to d unless it is NULL. */
VN_SHARED VN_T VN_S(vn_nll)(const vn_attr_dist *a, const VN_T *x, VN_T y, VN_T loc, VN_T scale,
                            VN_T *d)
{
    static const int params[VN_DIST_COUNT] = {
#define VN_DIST(NAME, name, n, counts, level, doc) n,
#include "device/dists.def"
#undef VN_DIST
    };
    if (a->comps) return VN_S(vn_nll_mixture)(a, params[a->kind], x, y, loc, scale, d);
    return VN_S(vn_nll_one)(a->kind, x, 1, y, loc, scale, d);
}

/* The parameters of one distribution on the scale of y, at every `step`-th place. */
VN_SHARED void VN_S(vn_dist_one)(int64_t kind, const VN_T *x, int64_t step, VN_T loc, VN_T scale,
                                 VN_T *out)
{
    if (kind == VN_DIST_POISSON || kind == VN_DIST_NEGBIN) {
        out[0] = scale * VN_S(vn_dist_softplus)(x[0]);
        if (kind == VN_DIST_NEGBIN) out[step] = 1 / VN_S(vn_dist_softplus)(x[step]);
        return;
    }
    out[0] = loc + scale * x[0];
    out[step] = scale * VN_S(vn_dist_softplus)(x[step]);
    if (kind == VN_DIST_STUDENTT) out[2 * step] = 2 + VN_S(vn_dist_softplus)(x[2 * step]);
}

/* The parameters of a step: those of each distribution, and of a mixture the weights. */
VN_SHARED void VN_S(vn_dist_map)(const vn_attr_dist *a, int64_t width, const VN_T *x, VN_T loc,
                                 VN_T scale, VN_T *out)
{
    int64_t K = a->comps, first = width - K;
    if (!K) VN_S(vn_dist_one)(a->kind, x, 1, loc, scale, out);
    VN_T top = x[first < width ? first : 0], sum = 0;
    for (int64_t k = 0; k < K; k++) top = x[first + k] > top ? x[first + k] : top;
    for (int64_t k = 0; k < K; k++) {
        VN_S(vn_dist_one)(a->kind, x + k, K, loc, scale, out + k);
        out[first + k] = VN_M(exp)(x[first + k] - top);
        sum += out[first + k];
    }
    for (int64_t k = 0; k < K; k++) out[first + k] /= sum;
}

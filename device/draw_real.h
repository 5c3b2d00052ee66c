/* The body of draw.h, included once for float and once for double; not for anybody else. */

/* In (0, 1), exact in float. */
VN_SHARED VN_T VN_S(vn_draw_uniform)(uint32_t word)
{
    return ((VN_T)(word >> 9) + (VN_T)0.5) * (VN_T)(1.0 / 8388608);
}

/* Component of a mixture of K with these weights. */
VN_SHARED int64_t VN_S(vn_draw_component)(const VN_T *weight, int64_t K, VN_T u)
{
    int64_t k = 0;
    for (; k < K - 1 && u > weight[k]; k++) u -= weight[k];
    return k;
}

/* One draw on the scale of y. `param` as the op `dist` gives it, `width` numbers. */
VN_SHARED VN_T VN_S(vn_draw)(const vn_attr_dist *a, int64_t width, const VN_T *param,
                             const vn_draw_at *at)
{
    int64_t K = a->comps, step = K ? K : 1;
    vn_philox w = vn_draw_words(at, 0);
    VN_T u = VN_S(vn_draw_uniform)(w.v[0]), v = VN_S(vn_draw_uniform)(w.v[1]);
    if (K) param += VN_S(vn_draw_component)(param + width - K, K, VN_S(vn_draw_uniform)(w.v[2]));
    VN_T turn = VN_S(vn_draw_turn)(v);
    switch (a->kind) {
    case VN_DIST_POISSON: return (VN_T)vn_draw_count((double)param[0], 0, at);
    case VN_DIST_NEGBIN: return (VN_T)vn_draw_count((double)param[0], (double)param[step], at);
    case VN_DIST_LAPLACE:
        return u < (VN_T)0.5 ? param[0] + param[step] * VN_M(log)(2 * u)
                             : param[0] - param[step] * VN_M(log)(2 * (1 - u));
    case VN_DIST_STUDENTT: {
        VN_T nu = param[2 * step], far = nu * VN_M(expm1)(-2 / nu * VN_M(log)(u));
        return param[0] + param[step] * VN_M(sqrt)(far) * turn;
    }
    default: return param[0] + param[step] * VN_M(sqrt)(-2 * VN_M(log)(u)) * turn;
    }
}

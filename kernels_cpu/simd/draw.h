/* Draws of a vector's lanes from normal, Student's t and Laplace distributions; the formulas and
 * the counters are those of device/draw.h, the functions our own polynomials. */
#ifndef VN_KERNELS_CPU_SIMD_DRAW_H
#define VN_KERNELS_CPU_SIMD_DRAW_H

#include "device/draw.h"
#include "kernels_cpu/simd/math.h"

/* What VF_N lanes draw with: two numbers in (0, 1). */
typedef struct vf_uniforms {
    vf u, v;
} vf_uniforms;

/* cos(2 pi v) for v in [0, 1]: with w the distance to the nearest whole number, 1/4 - w is exact
 * and the result sin(2 pi (1/4 - w)), Taylor's series of which ends below 1e-9. */
VF_INLINE vf vf_cos_turn(vf v)
{
    static const float c[] = { 3.8199526f, -15.094643f, 42.058693f, -76.705860f,
                               81.605249f, -41.341702f, 6.2831853f };
    vf y = vf_sub(vf_set(0.25f), vf_abs(vf_sub(v, vf_round(v))));
    return vf_mul(y, vf_poly(vf_mul(y, y), c, 7));
}

/* Words 0 and 1 of `counter` for VU_N lanes whose first word is first, first + 1, ... */
VF_INLINE void vf_draw_words(const vn_draw_at *at, uint32_t first, uint64_t out[VU_N])
{
    uint64_t lane[VU_N];
    for (int i = 0; i < VU_N; i++) lane[i] = first + (uint32_t)i;
    vu a = vu_load(lane), b = vu_set(at->counter.v[1]), c = vu_set(at->counter.v[2]);
    vu d = vu_set(at->counter.v[3]);
    uint32_t key0 = at->key0, key1 = at->key1;
    for (int round = 0; round < 10; round++) {
        vu p = vu_mul(vu_set(0xD2511F53u), a), q = vu_mul(vu_set(0xCD9E8D57u), c);
        a = vu_xor(vu_xor(vu_upper(q), b), vu_set(key0));
        c = vu_xor(vu_xor(vu_upper(p), d), vu_set(key1));
        b = q;
        d = p;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    vu_store(out, vu_pair(a, b));
}

/* As vn_draw_uniform of words 0 and 1, for VF_N counters from `at` on. */
VF_INLINE vf_uniforms vf_draw_uniforms(const vn_draw_at *at)
{
    uint64_t word[VF_N];
    float u[VF_N], v[VF_N];
    for (int i = 0; i < VF_N; i += VU_N)
        vf_draw_words(at, at->counter.v[0] + (uint32_t)i, word + i);
    for (int i = 0; i < VF_N; i++) {
        u[i] = ((float)((int32_t)((uint32_t)word[i] >> 9)) + 0.5f) * (float)(1.0 / 8388608);
        v[i] = ((float)((int32_t)(word[i] >> 41)) + 0.5f) * (float)(1.0 / 8388608);
    }
    return (vf_uniforms){ vf_load(u), vf_load(v) };
}

/* True if vf_draw draws from the distribution. */
VF_INLINE bool vf_draws(const vn_attr_dist *dist)
{
    return !dist->comps && (dist->kind == VN_DIST_NORMAL || dist->kind == VN_DIST_STUDENTT ||
                            dist->kind == VN_DIST_LAPLACE);
}

/* Draws on the scale of x; raw[j] are the model's numbers. */
VF_INLINE vf vf_draw(int64_t kind, const vf *raw, vf_uniforms at)
{
    vf floor = vf_set((float)VN_DIST_FLOOR), sigma = vf_add(vf_softplus(raw[1]), floor);
    if (kind == VN_DIST_LAPLACE) {
        vf_mask low = vf_lt(at.u, vf_set(0.5f));
        vf side = vf_pick(low, at.u, vf_sub(vf_set(1), at.u)), far = vf_log(vf_add(side, side));
        return vf_fma(sigma, vf_pick(low, far, vf_neg(far)), raw[0]);
    }
    vf log_u = vf_log(at.u), square = vf_mul(vf_set(-2), log_u);
    if (kind == VN_DIST_STUDENTT) {
        vf nu = vf_add(vf_set(2), vf_add(vf_softplus(raw[2]), floor));
        square = vf_mul(nu, vf_expm1(vf_div(square, nu)));
    }
    return vf_fma(sigma, vf_mul(vf_sqrt(square), vf_cos_turn(at.v)), raw[0]);
}

#endif

/* vf_* on AArch64's NEON, which every such machine has: 4 lanes. For simd.h only. */
#ifndef VN_KERNELS_CPU_SIMD_NEON_H
#define VN_KERNELS_CPU_SIMD_NEON_H

#include <arm_neon.h>

enum { VF_N = 4 };
typedef float32x4_t vf;
typedef uint32x4_t vf_mask; /* all bits or none a lane */

VF_INLINE vf vf_set(float x) { return vdupq_n_f32(x); }
VF_INLINE vf vf_from_bits(int bits) { return vreinterpretq_f32_s32(vdupq_n_s32(bits)); }
VF_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
VF_INLINE vf vf_load_n(const float *p, int n)
{
    vf v = vf_set(0);
    if (n >= VF_N) return vf_load(p);
    if (n > 0) v = vld1q_lane_f32(p, v, 0);
    if (n > 1) v = vld1q_lane_f32(p + 1, v, 1);
    if (n > 2) v = vld1q_lane_f32(p + 2, v, 2);
    return v;
}
VF_INLINE void vf_store(float *p, vf v) { vst1q_f32(p, v); }
VF_INLINE void vf_stream(float *p, vf v) { vf_store(p, v); }
VF_INLINE void vf_streamed(void) { }
VF_INLINE void vf_store_n(float *p, vf v, int n)
{
    if (n > 0) vst1q_lane_f32(p, v, 0);
    if (n > 1) vst1q_lane_f32(p + 1, v, 1);
    if (n > 2) vst1q_lane_f32(p + 2, v, 2);
    if (n > 3) vst1q_lane_f32(p + 3, v, 3);
}

VF_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }  /* a b + c */
VF_INLINE vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); } /* c - a b */
VF_INLINE vf vf_sqrt(vf a) { return vsqrtq_f32(a); }
VF_INLINE vf vf_rsqrt(vf a) { return vf_div(vf_set(1), vf_sqrt(a)); }
VF_INLINE vf vf_bits_and(vf a, vf b)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}
VF_INLINE vf vf_sign_flip(vf a, vf sign)
{
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(sign)));
}

VF_INLINE vf_mask vf_lt(vf a, vf b) { return vcltq_f32(a, b); }
VF_INLINE vf_mask vf_le(vf a, vf b) { return vcleq_f32(a, b); }
VF_INLINE vf_mask vf_eq(vf a, vf b) { return vceqq_f32(a, b); }
VF_INLINE vf_mask vf_both(vf_mask a, vf_mask b) { return vandq_u32(a, b); }
VF_INLINE int vf_count(vf_mask m) { return (int)vaddvq_u32(vshrq_n_u32(m, 31)); } /* lanes set */
/* a where m, else b */
VF_INLINE vf vf_pick(vf_mask m, vf a, vf b) { return vbslq_f32(m, a, b); }
/* b where either is NaN: FMAX would give the NaN. */
VF_INLINE vf vf_max(vf a, vf b) { return vf_pick(vcgtq_f32(a, b), a, b); }
VF_INLINE vf vf_min(vf a, vf b) { return vf_pick(vcltq_f32(a, b), a, b); }

VF_INLINE vf vf_round(vf a) { return vrndnq_f32(a); }
/* a 2^n for whole n in [-252, 254]: in two factors, because one would overflow near the ends. */
VF_INLINE vf vf_ldexp(vf a, vf n)
{
    int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1);
    int32x4_t rest = vsubq_s32(whole, half), bias = vdupq_n_s32(127);
    vf first = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23));
    vf second = vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23));
    return vf_mul(vf_mul(a, first), second);
}

/* The exponent e as a float and m in [1, 2) of a normal positive a = m 2^e. */
VF_INLINE vf vf_exponent(vf a)
{
    int32x4_t biased = vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_f32(a), 23));
    return vcvtq_f32_s32(vsubq_s32(biased, vdupq_n_s32(127)));
}
VF_INLINE vf vf_mantissa(vf a)
{
    uint32x4_t digits = vandq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x007fffff));
    return vreinterpretq_f32_u32(vorrq_u32(digits, vdupq_n_u32(0x3f800000)));
}

VF_INLINE vf vf_reverse(vf a)
{
    vf pairs = vrev64q_f32(a); /* 1 0 3 2 */
    return vextq_f32(pairs, pairs, 2);
}

/* Places of lanes in a vector, 0 .. VF_N - 1 each: as places of bytes. */
typedef uint8x16_t vf_places;
VF_INLINE vf_places vf_places_load(const int32_t *p)
{
    uint32x4_t bytes = vdupq_n_u32(0x03020100);
    return vreinterpretq_u8_u32(
        vmlaq_n_u32(bytes, vreinterpretq_u32_s32(vld1q_s32(p)), 0x04040404));
}
/* Lane i is a's lane places[i]. */
VF_INLINE vf vf_take(vf a, vf_places places)
{
    return vreinterpretq_f32_u8(vqtbl1q_u8(vreinterpretq_u8_f32(a), places));
}

/* Products of 32-bit words: VU_N lanes of 64 bits, of which a factor is the lower half. */
enum { VU_N = 2 };
typedef uint64x2_t vu;
VF_INLINE vu vu_load(const uint64_t *p) { return vld1q_u64(p); }
VF_INLINE void vu_store(uint64_t *p, vu v) { vst1q_u64(p, v); }
VF_INLINE vu vu_set(uint64_t x) { return vdupq_n_u64(x); }
VF_INLINE vu vu_mul(vu a, vu b) { return vmull_u32(vmovn_u64(a), vmovn_u64(b)); }
VF_INLINE vu vu_xor(vu a, vu b) { return veorq_u64(a, b); }
VF_INLINE vu vu_upper(vu a) { return vshrq_n_u64(a, 32); }
/* The lower half of a, then that of b. */
VF_INLINE vu vu_pair(vu a, vu b) { return vsliq_n_u64(a, b, 32); }

/* a[0] b[0] a[1] b[1] ... */
VF_INLINE void vu_store_zipped(uint64_t *p, vu a, vu b)
{
    vu_store(p, vzip1q_u64(a, b));
    vu_store(p + VU_N, vzip2q_u64(a, b));
}

/* Sums in double, one per lane. */
typedef struct vf_acc {
    float64x2_t lo, hi;
} vf_acc;

VF_INLINE float64x2_t vf_low(vf v) { return vcvt_f64_f32(vget_low_f32(v)); }
VF_INLINE float64x2_t vf_high(vf v) { return vcvt_high_f64_f32(v); }

VF_INLINE vf_acc vf_acc_zero(void) { return (vf_acc){ vdupq_n_f64(0), vdupq_n_f64(0) }; }
VF_INLINE vf_acc vf_acc_add(vf_acc s, vf v)
{
    return (vf_acc){ vaddq_f64(s.lo, vf_low(v)), vaddq_f64(s.hi, vf_high(v)) };
}
/* s + a b, the product exact */
VF_INLINE vf_acc vf_acc_dot(vf_acc s, vf a, vf b)
{
    return (vf_acc){ vfmaq_f64(s.lo, vf_low(a), vf_low(b)),
                     vfmaq_f64(s.hi, vf_high(a), vf_high(b)) };
}
VF_INLINE vf_acc vf_acc_both(vf_acc a, vf_acc b)
{
    return (vf_acc){ vaddq_f64(a.lo, b.lo), vaddq_f64(a.hi, b.hi) };
}
VF_INLINE double vf_acc_sum(vf_acc s) { return vaddvq_f64(vaddq_f64(s.lo, s.hi)); }
VF_INLINE vf vf_acc_round(vf_acc s) { return vcvt_high_f32_f64(vcvt_f32_f64(s.lo), s.hi); }

#endif

/* vf_* on AVX-512 F, BW, DQ, VL: 16 lanes. For simd.h only. */
#ifndef VN_KERNELS_CPU_SIMD_AVX512_H
#define VN_KERNELS_CPU_SIMD_AVX512_H

#include <immintrin.h>

enum { VF_N = 16 };
typedef __m512 vf;
typedef __mmask16 vf_mask;

VF_INLINE __mmask16 vf_first(int n) { return (__mmask16)((1u << n) - 1); }
VF_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
VF_INLINE vf vf_load_n(const float *p, int n) { return _mm512_maskz_loadu_ps(vf_first(n), p); }
VF_INLINE void vf_store(float *p, vf v) { _mm512_storeu_ps(p, v); }
VF_INLINE void vf_stream(float *p, vf v) { _mm512_stream_ps(p, v); } /* p: at a whole vector */
VF_INLINE void vf_streamed(void) { _mm_sfence(); }
VF_INLINE void vf_store_n(float *p, vf v, int n) { _mm512_mask_storeu_ps(p, vf_first(n), v); }
VF_INLINE vf vf_set(float x) { return _mm512_set1_ps(x); }
VF_INLINE vf vf_from_bits(int bits) { return _mm512_castsi512_ps(_mm512_set1_epi32(bits)); }

VF_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }   /* a b + c */
VF_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm512_fnmadd_ps(a, b, c); } /* c - a b */
VF_INLINE vf vf_sqrt(vf a) { return _mm512_sqrt_ps(a); }
/* 1 / sqrt(a) within 2 ulp for normal a > 0: 14 bits and a step of Newton's, a third of the time of a root and
 * a quotient. */
VF_INLINE vf vf_rsqrt(vf a)
{
    vf y = _mm512_rsqrt14_ps(a), half = _mm512_mul_ps(_mm512_set1_ps(0.5f), y);
    vf rest = _mm512_fnmadd_ps(_mm512_mul_ps(a, y), y, _mm512_set1_ps(1));
    __mmask16 endless = _mm512_cmp_ps_mask(a, _mm512_set1_ps(__builtin_inff()), _CMP_EQ_OQ);
    return _mm512_mask_mov_ps(_mm512_fmadd_ps(half, rest, y), endless, y);
}
VF_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); } /* b where either is NaN */
VF_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
VF_INLINE vf vf_bits_and(vf a, vf b) { return _mm512_and_ps(a, b); }
VF_INLINE vf vf_sign_flip(vf a, vf sign) { return _mm512_xor_ps(a, sign); }

VF_INLINE vf_mask vf_lt(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
VF_INLINE vf_mask vf_le(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
VF_INLINE vf_mask vf_eq(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
VF_INLINE vf_mask vf_both(vf_mask a, vf_mask b) { return a & b; }
VF_INLINE int vf_count(vf_mask m) { return __builtin_popcount(m); } /* lanes set */
/* a where m, else b */
VF_INLINE vf vf_pick(vf_mask m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); }

VF_INLINE vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
VF_INLINE vf vf_ldexp(vf a, vf n) { return _mm512_scalef_ps(a, n); } /* n whole */

/* The exponent e as a float and m in [1, 2) of a normal positive a = m 2^e. */
VF_INLINE vf vf_exponent(vf a) { return _mm512_getexp_ps(a); }
VF_INLINE vf vf_mantissa(vf a)
{
    return _mm512_getmant_ps(a, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_zero);
}

VF_INLINE vf vf_reverse(vf a)
{
    return _mm512_permutexvar_ps(
        _mm512_set_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), a);
}

/* Places of lanes in a vector, 0 .. VF_N - 1 each. */
typedef __m512i vf_places;
VF_INLINE vf_places vf_places_load(const int32_t *p) { return _mm512_loadu_si512(p); }
/* Lane i is a's lane places[i]. */
VF_INLINE vf vf_take(vf a, vf_places places) { return _mm512_permutexvar_ps(places, a); }

/* Products of 32-bit words: VU_N lanes of 64 bits, of which a factor is the lower half. */
enum { VU_N = 8 };
typedef __m512i vu;
VF_INLINE vu vu_load(const uint64_t *p) { return _mm512_loadu_si512(p); }
VF_INLINE void vu_store(uint64_t *p, vu v) { _mm512_storeu_si512(p, v); }
VF_INLINE vu vu_set(uint64_t x) { return _mm512_set1_epi64((long long)x); }
VF_INLINE vu vu_mul(vu a, vu b) { return _mm512_mul_epu32(a, b); }
VF_INLINE vu vu_xor(vu a, vu b) { return _mm512_xor_si512(a, b); }
VF_INLINE vu vu_upper(vu a) { return _mm512_srli_epi64(a, 32); }
/* The lower half of a, then that of b. */
VF_INLINE vu vu_pair(vu a, vu b)
{
    return _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
}

/* a[0] b[0] a[1] b[1] ... */
VF_INLINE void vu_store_zipped(uint64_t *p, vu a, vu b)
{
    vu_store(p, _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11), b));
    vu_store(p + VU_N,
             _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b));
}

/* Sums in double, one per lane. */
typedef struct vf_acc {
    __m512d lo, hi;
} vf_acc;

VF_INLINE __m512d vf_low(vf v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
VF_INLINE __m512d vf_high(vf v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }

VF_INLINE vf_acc vf_acc_zero(void) { return (vf_acc){ _mm512_setzero_pd(), _mm512_setzero_pd() }; }
VF_INLINE vf_acc vf_acc_add(vf_acc s, vf v)
{
    return (vf_acc){ _mm512_add_pd(s.lo, vf_low(v)), _mm512_add_pd(s.hi, vf_high(v)) };
}
/* s + a b, the product exact */
VF_INLINE vf_acc vf_acc_dot(vf_acc s, vf a, vf b)
{
    return (vf_acc){ _mm512_fmadd_pd(vf_low(a), vf_low(b), s.lo),
                     _mm512_fmadd_pd(vf_high(a), vf_high(b), s.hi) };
}
VF_INLINE vf_acc vf_acc_both(vf_acc a, vf_acc b)
{
    return (vf_acc){ _mm512_add_pd(a.lo, b.lo), _mm512_add_pd(a.hi, b.hi) };
}
VF_INLINE double vf_acc_sum(vf_acc s)
{
    double v[8], sum = 0;
    _mm512_storeu_pd(v, _mm512_add_pd(s.lo, s.hi));
    for (int i = 0; i < 8; i++) sum += v[i];
    return sum;
}
VF_INLINE vf vf_acc_round(vf_acc s)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(s.lo)),
                              _mm512_cvtpd_ps(s.hi), 1);
}

#endif

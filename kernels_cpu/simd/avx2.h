/* vf_* on AVX2 with FMA: 8 lanes. For simd.h only. */
#ifndef VN_KERNELS_CPU_SIMD_AVX2_H
#define VN_KERNELS_CPU_SIMD_AVX2_H

#include <immintrin.h>

enum { VF_N = 8 };
typedef __m256 vf;
typedef __m256 vf_mask;

VF_INLINE __m256i vf_first(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
VF_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
VF_INLINE vf vf_load_n(const float *p, int n) { return _mm256_maskload_ps(p, vf_first(n)); }
VF_INLINE void vf_store(float *p, vf v) { _mm256_storeu_ps(p, v); }
VF_INLINE void vf_stream(float *p, vf v) { _mm256_stream_ps(p, v); } /* p: at a whole vector */
VF_INLINE void vf_streamed(void) { _mm_sfence(); }
VF_INLINE void vf_store_n(float *p, vf v, int n) { _mm256_maskstore_ps(p, vf_first(n), v); }
VF_INLINE vf vf_set(float x) { return _mm256_set1_ps(x); }
VF_INLINE vf vf_from_bits(int bits) { return _mm256_castsi256_ps(_mm256_set1_epi32(bits)); }

VF_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
VF_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
VF_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
VF_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   /* a b + c */
VF_INLINE vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } /* c - a b */
VF_INLINE vf vf_sqrt(vf a) { return _mm256_sqrt_ps(a); }
VF_INLINE vf vf_rsqrt(vf a) { return vf_div(vf_set(1), vf_sqrt(a)); }
VF_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); } /* b where either is NaN */
VF_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
VF_INLINE vf vf_bits_and(vf a, vf b) { return _mm256_and_ps(a, b); }
VF_INLINE vf vf_sign_flip(vf a, vf sign) { return _mm256_xor_ps(a, sign); }

VF_INLINE vf_mask vf_lt(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
VF_INLINE vf_mask vf_le(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
VF_INLINE vf_mask vf_eq(vf a, vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
VF_INLINE vf_mask vf_both(vf_mask a, vf_mask b) { return _mm256_and_ps(a, b); }
VF_INLINE int vf_count(vf_mask m) { return __builtin_popcount((unsigned)_mm256_movemask_ps(m)); }
/* a where m, else b */
VF_INLINE vf vf_pick(vf_mask m, vf a, vf b) { return _mm256_blendv_ps(b, a, m); }

VF_INLINE vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
/* a 2^n for whole n in [-252, 254]: in two factors, because one would overflow near the ends. */
VF_INLINE vf vf_ldexp(vf a, vf n)
{
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i rest = _mm256_sub_epi32(whole, half), bias = _mm256_set1_epi32(127);
    vf first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    vf second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23));
    return vf_mul(vf_mul(a, first), second);
}

/* The exponent e as a float and m in [1, 2) of a normal positive a = m 2^e. */
VF_INLINE vf vf_exponent(vf a)
{
    __m256i biased = _mm256_srli_epi32(_mm256_castps_si256(a), 23);
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)));
}
VF_INLINE vf vf_mantissa(vf a)
{
    return _mm256_or_ps(vf_bits_and(a, vf_from_bits(0x007fffff)), vf_set(1));
}

VF_INLINE vf vf_reverse(vf a)
{
    return _mm256_permutevar8x32_ps(a, _mm256_setr_epi32(7, 6, 5, 4, 3, 2, 1, 0));
}

/* Places of lanes in a vector, 0 .. VF_N - 1 each. */
typedef __m256i vf_places;
VF_INLINE vf_places vf_places_load(const int32_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
/* Lane i is a's lane places[i]. */
VF_INLINE vf vf_take(vf a, vf_places places) { return _mm256_permutevar8x32_ps(a, places); }

/* Products of 32-bit words: VU_N lanes of 64 bits, of which a factor is the lower half. */
enum { VU_N = 4 };
typedef __m256i vu;
VF_INLINE vu vu_load(const uint64_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}
VF_INLINE void vu_store(uint64_t *p, vu v) { _mm256_storeu_si256((__m256i *)(void *)p, v); }
VF_INLINE vu vu_set(uint64_t x) { return _mm256_set1_epi64x((long long)x); }
VF_INLINE vu vu_mul(vu a, vu b) { return _mm256_mul_epu32(a, b); }
VF_INLINE vu vu_xor(vu a, vu b) { return _mm256_xor_si256(a, b); }
VF_INLINE vu vu_upper(vu a) { return _mm256_srli_epi64(a, 32); }
/* The lower half of a, then that of b. */
VF_INLINE vu vu_pair(vu a, vu b) { return _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xaa); }

/* a[0] b[0] a[1] b[1] ... */
VF_INLINE void vu_store_zipped(uint64_t *p, vu a, vu b)
{
    vu even = _mm256_unpacklo_epi64(a, b), odd = _mm256_unpackhi_epi64(a, b);
    vu_store(p, _mm256_permute2x128_si256(even, odd, 0x20));
    vu_store(p + VU_N, _mm256_permute2x128_si256(even, odd, 0x31));
}

/* Sums in double, one per lane. */
typedef struct vf_acc {
    __m256d lo, hi;
} vf_acc;

VF_INLINE __m256d vf_low(vf v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
VF_INLINE __m256d vf_high(vf v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

VF_INLINE vf_acc vf_acc_zero(void) { return (vf_acc){ _mm256_setzero_pd(), _mm256_setzero_pd() }; }
VF_INLINE vf_acc vf_acc_add(vf_acc s, vf v)
{
    return (vf_acc){ _mm256_add_pd(s.lo, vf_low(v)), _mm256_add_pd(s.hi, vf_high(v)) };
}
/* s + a b, the product exact */
VF_INLINE vf_acc vf_acc_dot(vf_acc s, vf a, vf b)
{
    return (vf_acc){ _mm256_fmadd_pd(vf_low(a), vf_low(b), s.lo),
                     _mm256_fmadd_pd(vf_high(a), vf_high(b), s.hi) };
}
VF_INLINE vf_acc vf_acc_both(vf_acc a, vf_acc b)
{
    return (vf_acc){ _mm256_add_pd(a.lo, b.lo), _mm256_add_pd(a.hi, b.hi) };
}
VF_INLINE double vf_acc_sum(vf_acc s)
{
    double v[4];
    _mm256_storeu_pd(v, _mm256_add_pd(s.lo, s.hi));
    return v[0] + v[1] + v[2] + v[3];
}
VF_INLINE vf vf_acc_round(vf_acc s)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(s.lo)),
                                _mm256_cvtpd_ps(s.hi), 1);
}

#endif

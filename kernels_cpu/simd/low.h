/* Vectors of numbers of 16 bits (device/low.h): VF_N of them to and from f32, the same bits as the
 * functions for one number. n is 1 .. VF_N; no other memory is touched. */
#ifndef VN_KERNELS_CPU_SIMD_LOW_H
#define VN_KERNELS_CPU_SIMD_LOW_H

#include <string.h>

#include "device/low.h"
#include "kernels_cpu/simd/simd.h"

#if defined(VN_ISA_AVX512)
typedef __m256i vh; /* VF_N numbers of 16 bits */
VF_INLINE vh vh_load(const uint16_t *p, int n)
{
    return _mm256_maskz_loadu_epi16(vf_first(n), p);
}
VF_INLINE void vh_store(uint16_t *p, vh v, int n)
{
    _mm256_mask_storeu_epi16(p, vf_first(n), v);
}
VF_INLINE vf vh_from_bf16(vh v)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16));
}
VF_INLINE vf vh_from_f16(vh v)
{
    return _mm512_cvtph_ps(v);
}
VF_INLINE vh vh_to_bf16(vf x)
{
    __m512i u = _mm512_castps_si512(x), up = _mm512_srli_epi32(u, 16);
    __m512i odd = _mm512_and_si512(up, _mm512_set1_epi32(1));
    __m512i r = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(_mm512_srli_epi32(r, 16), nan, up, _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(r);
}
VF_INLINE vh vh_to_f16(vf x)
{
    return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#elif defined(VN_ISA_AVX2)
typedef __m128i vh;
VF_INLINE vh vh_load(const uint16_t *p, int n)
{
    uint16_t part[8] = { 0 };
    if (n == VF_N) return _mm_loadu_si128((const __m128i *)(const void *)p);
    memcpy(part, p, (size_t)n * sizeof *p);
    return _mm_loadu_si128((const __m128i *)(const void *)part);
}
VF_INLINE void vh_store(uint16_t *p, vh v, int n)
{
    uint16_t part[8];
    if (n == VF_N) {
        _mm_storeu_si128((__m128i *)(void *)p, v);
        return;
    }
    _mm_storeu_si128((__m128i *)(void *)part, v);
    memcpy(p, part, (size_t)n * sizeof *p);
}
VF_INLINE vf vh_from_bf16(vh v)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
}
VF_INLINE vf vh_from_f16(vh v)
{
    return _mm256_cvtph_ps(v);
}
VF_INLINE vh vh_to_bf16(vf x)
{
    __m256i u = _mm256_castps_si256(x), up = _mm256_srli_epi32(u, 16);
    __m256i odd = _mm256_and_si256(up, _mm256_set1_epi32(1));
    __m256i r = _mm256_add_epi32(_mm256_add_epi32(u, _mm256_set1_epi32(0x7fff)), odd);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    r = _mm256_blendv_epi8(_mm256_srli_epi32(r, 16), _mm256_or_si256(up, _mm256_set1_epi32(0x40)),
                           nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
VF_INLINE vh vh_to_f16(vf x)
{
    return _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

#elif defined(VN_ISA_NEON)
typedef uint16x4_t vh;
VF_INLINE vh vh_load(const uint16_t *p, int n)
{
    uint16_t part[4] = { 0 };
    if (n == VF_N) return vld1_u16(p);
    memcpy(part, p, (size_t)n * sizeof *p);
    return vld1_u16(part);
}
VF_INLINE void vh_store(uint16_t *p, vh v, int n)
{
    uint16_t part[4];
    if (n == VF_N) {
        vst1_u16(p, v);
        return;
    }
    vst1_u16(part, v);
    memcpy(p, part, (size_t)n * sizeof *p);
}
VF_INLINE vf vh_from_bf16(vh v)
{
    return vreinterpretq_f32_u32(vshll_n_u16(v, 16));
}
VF_INLINE vf vh_from_f16(vh v)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(v));
}
VF_INLINE vh vh_to_bf16(vf x)
{
    uint32x4_t u = vreinterpretq_u32_f32(x), up = vshrq_n_u32(u, 16);
    uint32x4_t odd = vandq_u32(up, vdupq_n_u32(1));
    uint32x4_t r = vaddq_u32(vaddq_u32(u, vdupq_n_u32(0x7fff)), odd);
    r = vbslq_u32(vceqq_f32(x, x), vshrq_n_u32(r, 16), vorrq_u32(up, vdupq_n_u32(0x40)));
    return vmovn_u32(r);
}
VF_INLINE vh vh_to_f16(vf x)
{
    return vreinterpret_u16_f16(vcvt_f16_f32(x));
}

#else
typedef struct vh {
    uint16_t v[VF_N];
} vh;
VF_INLINE vh vh_load(const uint16_t *p, int n)
{
    vh v = { { 0 } };
    memcpy(v.v, p, (size_t)n * sizeof *p);
    return v;
}
VF_INLINE void vh_store(uint16_t *p, vh v, int n)
{
    memcpy(p, v.v, (size_t)n * sizeof *p);
}
VF_INLINE vf vh_from_bf16(vh v)
{
    vf_mask bits = { v.v[0], v.v[1], v.v[2], v.v[3] };
    return (vf)(bits << 16);
}
VF_INLINE vf vh_from_f16(vh v)
{
    return (vf){ vn_f16_value(v.v[0]), vn_f16_value(v.v[1]), vn_f16_value(v.v[2]),
                 vn_f16_value(v.v[3]) };
}
VF_INLINE vh vh_to_bf16(vf x)
{
    vh v;
    for (int i = 0; i < VF_N; i++) v.v[i] = vn_bf16_of(x[i]);
    return v;
}
VF_INLINE vh vh_to_f16(vf x)
{
    vh v;
    for (int i = 0; i < VF_N; i++) v.v[i] = vn_f16_of(x[i]);
    return v;
}
#endif

/* n >= 1 numbers at p, VF_N at most. A constant `type` leaves one branch. */
VF_INLINE vf vf_load_low(vn_dtype type, const uint16_t *p, int64_t n)
{
    vh v = vh_load(p, n < VF_N ? (int)n : VF_N);
    return type == VN_BF16 ? vh_from_bf16(v) : vh_from_f16(v);
}

VF_INLINE void vf_store_low(vn_dtype type, uint16_t *p, vf v, int64_t n)
{
    vh_store(p, type == VN_BF16 ? vh_to_bf16(v) : vh_to_f16(v), n < VF_N ? (int)n : VF_N);
}

#endif

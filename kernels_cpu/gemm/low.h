/* What the products of low.c read: words of 32 bits. With AVX512_BF16 a word is two neighbours
 * along k of a row of A or a column of B, both bf16, and one instruction adds both their products
 * to a sum in f32; elsewhere it is one number, widened to f32 where it is packed. Either way a word
 * moves as a float, and the tiles are those of tile.h. */
#ifndef VN_KERNELS_CPU_GEMM_LOW_H
#define VN_KERNELS_CPU_GEMM_LOW_H

#include "kernels_cpu/simd/low.h"

#if defined(VN_ISA_BF16)
enum { PER_WORD = 2 };
/* c + a b. Numbers below 2^-126 count as 0. */
VF_INLINE vf low_multiply(vf a, vf b, vf c)
{
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}
/* Words of n >= 1 numbers that lie side by side, VF_N words at most. */
VF_INLINE vf low_along(vn_dtype type, const uint16_t *p, int64_t n)
{
    __mmask32 first = n >= 32 ? 0xffffffffu : (1u << n) - 1;
    (void)type;
    return _mm512_castsi512_ps(_mm512_maskz_loadu_epi16(first, p));
}
/* Words of n rows or columns that lie side by side: numbers at p, and `step` further at k + 1,
 * which is 0 where there is none (step 0). */
VF_INLINE vf low_across(vn_dtype type, const uint16_t *p, int64_t step, int64_t n)
{
    vh lower = vh_load(p, n < VF_N ? (int)n : VF_N), upper = _mm256_setzero_si256();
    (void)type;
    if (step) upper = vh_load(p + step, n < VF_N ? (int)n : VF_N);
    return _mm512_castsi512_ps(_mm512_or_si512(
        _mm512_cvtepu16_epi32(lower), _mm512_slli_epi32(_mm512_cvtepu16_epi32(upper), 16)));
}

#else
enum { PER_WORD = 1 };
VF_INLINE vf low_multiply(vf a, vf b, vf c)
{
    return vf_fma(a, b, c);
}
VF_INLINE vf low_along(vn_dtype type, const uint16_t *p, int64_t n)
{
    return vf_load_low(type, p, n);
}
VF_INLINE vf low_across(vn_dtype type, const uint16_t *p, int64_t step, int64_t n)
{
    (void)step;
    return vf_load_low(type, p, n);
}
#endif

#define VN_TILE_MUL(a, b, c) low_multiply(a, b, c)
#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/part.h"

#endif

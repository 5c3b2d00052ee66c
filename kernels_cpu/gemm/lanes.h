/* What products and rows need of a vector beyond simd/simd.h: sums across it and transposition, one
 * block per ISA. VN_TILE_ROWS is how many rows of VN_TILE_VECTORS sums the registers hold beside a row of B. */
#ifndef VN_KERNELS_CPU_GEMM_LANES_H
#define VN_KERNELS_CPU_GEMM_LANES_H

#include "kernels_cpu/simd/simd.h"

#if defined(VN_ISA_AVX512)
/* 14 x 2 sums, 2 of B and 1 of A fill 31 of 32 registers. */
#define VN_TILE_ROWS 14
#define VN_TILE_VECTORS 2
VF_INLINE float vf_sum(vf a) { return _mm512_reduce_add_ps(a); }
VF_INLINE float vf_most(vf a) { return _mm512_reduce_max_ps(a); } /* no lane is NaN */
/* The sum of a in every lane of the lower half, that of b in the upper; their largest numbers. */
VF_INLINE vf vf_sum_pair(vf a, vf b)
{
    vf v = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    v = _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = _mm512_add_ps(v, _mm512_permute_ps(v, 0x4e));
    return _mm512_add_ps(v, _mm512_permute_ps(v, 0xb1));
}
VF_INLINE vf vf_most_pair(vf a, vf b)
{
    vf v = _mm512_max_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    v = _mm512_max_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    v = _mm512_max_ps(v, _mm512_permute_ps(v, 0x4e));
    return _mm512_max_ps(v, _mm512_permute_ps(v, 0xb1));
}
VF_INLINE vf vf_lower(vf pair) { return _mm512_shuffle_f32x4(pair, pair, 0x00); }
VF_INLINE vf vf_upper(vf pair) { return _mm512_shuffle_f32x4(pair, pair, 0xff); }
/* Of each four lanes the k-th: the sum of vector k; its largest number; its lane k; and that lane in all four. */
VF_INLINE vf vf_sum_four(vf a, vf b, vf c, vf d)
{
    vf p = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    vf q = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    vf v = _mm512_add_ps(_mm512_shuffle_ps(p, q, 0x44), _mm512_shuffle_ps(p, q, 0xee));
    v = _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0x4e));
    return _mm512_add_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1));
}
VF_INLINE vf vf_most_four(vf a, vf b, vf c, vf d)
{
    vf p = _mm512_max_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    vf q = _mm512_max_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    vf v = _mm512_max_ps(_mm512_shuffle_ps(p, q, 0x44), _mm512_shuffle_ps(p, q, 0xee));
    v = _mm512_max_ps(v, _mm512_shuffle_f32x4(v, v, 0x4e));
    return _mm512_max_ps(v, _mm512_shuffle_f32x4(v, v, 0xb1));
}
VF_INLINE vf vf_four(vf a, vf b, vf c, vf d)
{
    vf p = _mm512_mask_blend_ps(0xaaaa, a, b), q = _mm512_mask_blend_ps(0xaaaa, c, d);
    return _mm512_mask_blend_ps(0xcccc, p, q);
}
VF_INLINE vf vf_each(vf four, int k)
{
    if (k == 0) return _mm512_permute_ps(four, 0x00);
    if (k == 1) return _mm512_permute_ps(four, 0x55);
    return k == 2 ? _mm512_permute_ps(four, 0xaa) : _mm512_permute_ps(four, 0xff);
}
/* a[j][i] -> b[i][j] in each 128-bit lane. */
VF_INLINE void vf_transpose4(vf r[4])
{
    vf a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    vf c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}
/* Four floats of each of the rows row[i], row[i + 4], row[i + 8], row[i + 12]. */
VF_INLINE vf vf_gather4(const float *const row[], int i, int64_t k)
{
    vf v = _mm512_castps128_ps512(_mm_loadu_ps(row[i] + k));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 4] + k), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 8] + k), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 12] + k), 3);
}

#elif defined(VN_ISA_AVX2)
/* 6 x 2 sums, 2 of B and 1 of A fill 15 of 16 registers. */
#define VN_TILE_ROWS 6
#define VN_TILE_VECTORS 2
VF_INLINE float vf_sum(vf a)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
VF_INLINE float vf_most(vf a)
{
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
VF_INLINE vf vf_sum_pair(vf a, vf b)
{
    vf v = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
    v = _mm256_add_ps(v, _mm256_permute_ps(v, 0x4e));
    return _mm256_add_ps(v, _mm256_permute_ps(v, 0xb1));
}
VF_INLINE vf vf_most_pair(vf a, vf b)
{
    vf v = _mm256_max_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
    v = _mm256_max_ps(v, _mm256_permute_ps(v, 0x4e));
    return _mm256_max_ps(v, _mm256_permute_ps(v, 0xb1));
}
VF_INLINE vf vf_lower(vf pair) { return _mm256_permute2f128_ps(pair, pair, 0x00); }
VF_INLINE vf vf_upper(vf pair) { return _mm256_permute2f128_ps(pair, pair, 0x11); }
VF_INLINE vf vf_sum_four(vf a, vf b, vf c, vf d)
{
    vf p = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    vf q = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    vf v = _mm256_add_ps(_mm256_shuffle_ps(p, q, 0x44), _mm256_shuffle_ps(p, q, 0xee));
    return _mm256_add_ps(v, _mm256_permute2f128_ps(v, v, 0x01));
}
VF_INLINE vf vf_most_four(vf a, vf b, vf c, vf d)
{
    vf p = _mm256_max_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    vf q = _mm256_max_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    vf v = _mm256_max_ps(_mm256_shuffle_ps(p, q, 0x44), _mm256_shuffle_ps(p, q, 0xee));
    return _mm256_max_ps(v, _mm256_permute2f128_ps(v, v, 0x01));
}
VF_INLINE vf vf_four(vf a, vf b, vf c, vf d)
{
    return _mm256_blend_ps(_mm256_blend_ps(a, b, 0xaa), _mm256_blend_ps(c, d, 0xaa), 0xcc);
}
VF_INLINE vf vf_each(vf four, int k)
{
    if (k == 0) return _mm256_permute_ps(four, 0x00);
    if (k == 1) return _mm256_permute_ps(four, 0x55);
    return k == 2 ? _mm256_permute_ps(four, 0xaa) : _mm256_permute_ps(four, 0xff);
}
VF_INLINE void vf_transpose4(vf r[4])
{
    vf a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    vf c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
}
VF_INLINE vf vf_gather4(const float *const row[], int i, int64_t k)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + k)),
                                _mm_loadu_ps(row[i + 4] + k), 1);
}

#elif defined(VN_ISA_NEON)
/* 8 x 3 sums, 3 of B and 1 of A fill 28 of 32 registers. */
#define VN_TILE_ROWS 8
#define VN_TILE_VECTORS 3
VF_INLINE float vf_sum(vf a) { return vaddvq_f32(a); }
VF_INLINE float vf_most(vf a) { return vmaxvq_f32(a); }
VF_INLINE vf vf_sum_pair(vf a, vf b)
{
    vf v = vpaddq_f32(a, b);
    return vaddq_f32(v, vrev64q_f32(v));
}
VF_INLINE vf vf_most_pair(vf a, vf b)
{
    vf v = vpmaxq_f32(a, b);
    return vmaxq_f32(v, vrev64q_f32(v));
}
VF_INLINE vf vf_lower(vf pair) { return vdupq_laneq_f32(pair, 0); }
VF_INLINE vf vf_upper(vf pair) { return vdupq_laneq_f32(pair, 2); }
VF_INLINE vf vf_sum_four(vf a, vf b, vf c, vf d)
{
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}
VF_INLINE vf vf_most_four(vf a, vf b, vf c, vf d)
{
    return vpmaxq_f32(vpmaxq_f32(a, b), vpmaxq_f32(c, d));
}
VF_INLINE vf vf_four(vf a, vf b, vf c, vf d)
{
    vf p = vcopyq_laneq_f32(a, 1, b, 1), q = vcopyq_laneq_f32(c, 3, d, 3);
    return vcombine_f32(vget_low_f32(p), vget_high_f32(q));
}
VF_INLINE vf vf_each(vf four, int k)
{
    if (k == 0) return vdupq_laneq_f32(four, 0);
    if (k == 1) return vdupq_laneq_f32(four, 1);
    return k == 2 ? vdupq_laneq_f32(four, 2) : vdupq_laneq_f32(four, 3);
}
VF_INLINE void vf_transpose4(vf r[4])
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}
VF_INLINE vf vf_gather4(const float *const row[], int i, int64_t k)
{
    return vf_load(row[i] + k);
}

#else
/* Four floats at a time by the compiler's vectors: SSE2, or whatever it makes of them. No
 * fused product, so the sums differ from the other levels in their last bits. */
#define VN_TILE_ROWS 4
#define VN_TILE_VECTORS 2
VF_INLINE float vf_sum(vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
VF_INLINE float vf_most(vf a)
{
    float p = a[0] > a[1] ? a[0] : a[1], q = a[2] > a[3] ? a[2] : a[3];
    return p > q ? p : q;
}
VF_INLINE vf vf_sum_pair(vf a, vf b)
{
    float x = vf_sum(a), y = vf_sum(b);
    return (vf){ x, x, y, y };
}
VF_INLINE vf vf_most_pair(vf a, vf b)
{
    float x = vf_most(a), y = vf_most(b);
    return (vf){ x, x, y, y };
}
VF_INLINE vf vf_lower(vf pair) { return vf_set(pair[0]); }
VF_INLINE vf vf_upper(vf pair) { return vf_set(pair[2]); }
VF_INLINE vf vf_sum_four(vf a, vf b, vf c, vf d)
{
    return (vf){ vf_sum(a), vf_sum(b), vf_sum(c), vf_sum(d) };
}
VF_INLINE vf vf_most_four(vf a, vf b, vf c, vf d)
{
    return (vf){ vf_most(a), vf_most(b), vf_most(c), vf_most(d) };
}
VF_INLINE vf vf_four(vf a, vf b, vf c, vf d) { return (vf){ a[0], b[1], c[2], d[3] }; }
VF_INLINE vf vf_each(vf four, int k) { return vf_set(four[k]); }
VF_INLINE void vf_transpose4(vf r[4])
{
    vf c[4];
    for (int i = 0; i < 4; i++) c[i] = (vf){ r[0][i], r[1][i], r[2][i], r[3][i] };
    for (int i = 0; i < 4; i++) r[i] = c[i];
}
VF_INLINE vf vf_gather4(const float *const row[], int i, int64_t k)
{
    return vf_load(row[i] + k);
}
#endif

#define VN_TILE_COLS (VN_TILE_VECTORS * VF_N)

/* 32 registers, or 16. */
#define VN_MANY_REGISTERS (VN_TILE_ROWS * VN_TILE_VECTORS > 16)

#endif

/* The few vector operations a product needs, one block per ISA; the rest of gemm/ is the same for
 * all. VN_TILE_ROWS is how many rows of sums the registers hold beside two vectors of B. */
#ifndef VN_KERNELS_CPU_GEMM_VEC_H
#define VN_KERNELS_CPU_GEMM_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(VN_ISA_AVX512)
#include <immintrin.h>
/* 14 x 2 sums, 2 of B and 1 of A fill 31 of 32 registers. */
#define VN_TILE_ROWS 14
#define VN_VEC 16
typedef __m512 vn_vec;
static inline vn_vec vn_vec_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void vn_vec_store(float *p, vn_vec a) { _mm512_storeu_ps(p, a); }
static inline vn_vec vn_vec_all(float x) { return _mm512_set1_ps(x); }
static inline vn_vec vn_vec_add(vn_vec a, vn_vec b) { return _mm512_add_ps(a, b); }
static inline vn_vec vn_vec_fma(vn_vec a, vn_vec b, vn_vec c) { return _mm512_fmadd_ps(a, b, c); }
/* 0 where a < 0; a NaN stays. */
static inline vn_vec vn_vec_relu(vn_vec a) { return _mm512_max_ps(_mm512_setzero_ps(), a); }
static inline float vn_vec_sum(vn_vec a) { return _mm512_reduce_add_ps(a); }
/* a[j][i] -> b[i][j] in each 128-bit lane. */
static inline void vn_vec_transpose4(vn_vec r[4])
{
    vn_vec a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    vn_vec c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}
/* Four floats of each of the rows row[i], row[i + 4], row[i + 8], row[i + 12]. */
static inline vn_vec vn_vec_gather4(const float *const row[], int i, int64_t k)
{
    vn_vec v = _mm512_castps128_ps512(_mm_loadu_ps(row[i] + k));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 4] + k), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 8] + k), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(row[i + 12] + k), 3);
}

#elif defined(VN_ISA_AVX2)
#include <immintrin.h>
/* 6 x 2 sums, 2 of B and 1 of A fill 15 of 16 registers. */
#define VN_TILE_ROWS 6
#define VN_VEC 8
typedef __m256 vn_vec;
static inline vn_vec vn_vec_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vn_vec_store(float *p, vn_vec a) { _mm256_storeu_ps(p, a); }
static inline vn_vec vn_vec_all(float x) { return _mm256_set1_ps(x); }
static inline vn_vec vn_vec_add(vn_vec a, vn_vec b) { return _mm256_add_ps(a, b); }
static inline vn_vec vn_vec_fma(vn_vec a, vn_vec b, vn_vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline vn_vec vn_vec_relu(vn_vec a) { return _mm256_max_ps(_mm256_setzero_ps(), a); }
static inline float vn_vec_sum(vn_vec a)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
static inline void vn_vec_transpose4(vn_vec r[4])
{
    vn_vec a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    vn_vec c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
}
static inline vn_vec vn_vec_gather4(const float *const row[], int i, int64_t k)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(row[i] + k)),
                                _mm_loadu_ps(row[i + 4] + k), 1);
}

#else
/* Four floats at a time by the compiler's vectors: SSE2, NEON, or whatever it makes of them. No
 * fused product, so the sums differ from the other levels in their last bits. */
#define VN_TILE_ROWS 4
#define VN_VEC 4
typedef float vn_vec __attribute__((vector_size(16)));
static inline vn_vec vn_vec_load(const float *p)
{
    vn_vec a;
    memcpy(&a, p, sizeof a);
    return a;
}
static inline void vn_vec_store(float *p, vn_vec a) { memcpy(p, &a, sizeof a); }
static inline vn_vec vn_vec_all(float x) { return (vn_vec){ x, x, x, x }; }
static inline vn_vec vn_vec_add(vn_vec a, vn_vec b) { return a + b; }
static inline vn_vec vn_vec_fma(vn_vec a, vn_vec b, vn_vec c) { return a * b + c; }
static inline vn_vec vn_vec_relu(vn_vec a)
{
    for (int i = 0; i < VN_VEC; i++) a[i] = a[i] < 0 ? 0 : a[i];
    return a;
}
static inline float vn_vec_sum(vn_vec a) { return (a[0] + a[2]) + (a[1] + a[3]); }
static inline void vn_vec_transpose4(vn_vec r[4])
{
    vn_vec c[4];
    for (int i = 0; i < 4; i++) c[i] = (vn_vec){ r[0][i], r[1][i], r[2][i], r[3][i] };
    for (int i = 0; i < 4; i++) r[i] = c[i];
}
static inline vn_vec vn_vec_gather4(const float *const row[], int i, int64_t k)
{
    return vn_vec_load(row[i] + k);
}
#endif

#define VN_TILE_COLS (2 * VN_VEC)

#endif

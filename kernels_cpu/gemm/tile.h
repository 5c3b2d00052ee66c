/* The innermost product: up to VN_TILE_ROWS rows of A times one packed panel of B, all sums in
 * registers.
 *
 * Each element of C is one chain of multiply-adds in the order of k, whatever the tile's height or
 * place, so any cut of a product into tiles gives the same bits. */
#ifndef VN_KERNELS_CPU_GEMM_TILE_H
#define VN_KERNELS_CPU_GEMM_TILE_H

#include <stdbool.h>

#include "kernels_cpu/gemm/lanes.h"

/* c + a b: of f32, or of what else a file has in the words of A and B (low.c). */
#ifndef VN_TILE_MUL
#define VN_TILE_MUL(a, b, c) vf_fma(a, b, c)
#endif

/* What a tile is made of. `b` has VN_TILE_COLS columns; so has `c`, and `bias` where given. */
typedef struct vn_tile {
    const float *a;
    int64_t a_row, a_k; /* steps between rows of A, and along k */
    const float *b;
    int64_t b_k, k;
    float *c;
    int64_t c_row;
    bool add;           /* c += instead of c = */
    bool relu;
    const float *bias;  /* added once the sum is complete; NULL: none */
    const float *ahead; /* what comes after this tile: one line at every k, ahead_k floats apart, */
    int64_t ahead_k;    /* is fetched towards the second cache. NULL: nothing */
} vn_tile;

/* Three rows share a pointer: five pointers and one step address 14 rows without running out of
 * registers. Macros and not loops, because a compiler that leaves one of these loops rolled keeps
 * the sums on the stack (a third of the speed). */
#define VN_TILE_EACH(X)                                                                 \
    X(0, a0, 0) X(1, a0, 1) X(2, a0, 2) X(3, a1, 0) X(4, a1, 1) X(5, a1, 2) X(6, a2, 0) \
    X(7, a2, 1) X(8, a2, 2) X(9, a3, 0) X(10, a3, 1) X(11, a3, 2) X(12, a4, 0) X(13, a4, 1)
#if VN_TILE_VECTORS == 3
#define VN_TILE_THIRD(...) __VA_ARGS__
#else
#define VN_TILE_THIRD(...)
#endif
#define VN_TILE_ZERO(i, at, n) \
    vf c##i##0 = vf_zero(), c##i##1 = c##i##0 VN_TILE_THIRD(, c##i##2 = c##i##0);
#define VN_TILE_FMA(i, at, n)                                \
    if (i < rows) {                                          \
        vf a = vf_set(at[n * step]);                         \
        c##i##0 = VN_TILE_MUL(a, b0, c##i##0);               \
        c##i##1 = VN_TILE_MUL(a, b1, c##i##1);               \
        VN_TILE_THIRD(c##i##2 = VN_TILE_MUL(a, b2, c##i##2);) \
    }
#define VN_TILE_STORE(i, at, n)                                           \
    if (i < rows) {                                                       \
        tile_store_vector(t, i, 0, c##i##0, VF_N);                        \
        tile_store_vector(t, i, VF_N, c##i##1, VF_N);                     \
        VN_TILE_THIRD(tile_store_vector(t, i, 2 * VF_N, c##i##2, VF_N);) \
    }
/* The same for tiles of one vector of columns. */
#define VN_HALF_ZERO(i, at, n) vf c##i = vf_zero();
#define VN_HALF_FMA(i, at, n) \
    if (i < rows) c##i = VN_TILE_MUL(vf_set(at[n * step]), b0, c##i);
#define VN_HALF_STORE(i, at, n) \
    if (i < rows) tile_store_vector(t, i, 0, c##i, cols);

/* Vector `at` of row i, of which `cols` columns exist. */
VF_INLINE void tile_store_vector(const vn_tile *t, int64_t i, int64_t at, vf v, int64_t cols)
{
    float *c = t->c + i * t->c_row + at;
    if (t->add) v = vf_add(vf_load_upto(c, cols), v);
    if (t->bias) v = vf_add(v, vf_load_upto(t->bias + at, cols));
    if (t->relu) v = vf_max(vf_zero(), v);
    vf_store_upto(c, v, cols);
}

static inline __attribute__((always_inline)) void tile_rows(const vn_tile *t, const int rows)
{
    const int64_t step = t->a_row, a_k = t->a_k, b_k = t->b_k, ahead_k = t->ahead ? t->ahead_k : 0;
    const float *a0 = t->a, *a1 = a0 + 3 * step, *a2 = a1 + 3 * step, *a3 = a2 + 3 * step;
    const float *a4 = a3 + 3 * step, *b = t->b, *ahead = t->ahead ? t->ahead : b;
    VN_TILE_EACH(VN_TILE_ZERO)
    for (int64_t k = t->k; k > 0; k--) {
        vf b0 = vf_load(b), b1 = vf_load(b + VF_N) VN_TILE_THIRD(, b2 = vf_load(b + 2 * VF_N));
        VN_TILE_EACH(VN_TILE_FMA)
        __builtin_prefetch(ahead, 0, 2);
        a0 += a_k, a1 += a_k, a2 += a_k, a3 += a_k, a4 += a_k, b += b_k, ahead += ahead_k;
    }
    VN_TILE_EACH(VN_TILE_STORE)
}

/* The first `cols` <= VF_N columns alone. */
static inline __attribute__((always_inline)) void tile_half(const vn_tile *t, const int rows,
                                                            int64_t cols)
{
    const int64_t step = t->a_row, a_k = t->a_k, b_k = t->b_k;
    const float *a0 = t->a, *a1 = a0 + 3 * step, *a2 = a1 + 3 * step, *a3 = a2 + 3 * step;
    const float *a4 = a3 + 3 * step, *b = t->b;
    VN_TILE_EACH(VN_HALF_ZERO)
    for (int64_t k = t->k; k > 0; k--) {
        vf b0 = vf_load(b);
        VN_TILE_EACH(VN_HALF_FMA)
        a0 += a_k, a1 += a_k, a2 += a_k, a3 += a_k, a4 += a_k, b += b_k;
    }
    VN_TILE_EACH(VN_HALF_STORE)
}

/* X(n) for every height of a tile. */
#if VN_TILE_ROWS > 8
#define VN_TILE_HEIGHTS(X) \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif VN_TILE_ROWS > 6
#define VN_TILE_HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#elif VN_TILE_ROWS > 4
#define VN_TILE_HEIGHTS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#else
#define VN_TILE_HEIGHTS(X) X(1) X(2) X(3) X(4)
#endif
#define VN_TILE_CASE(n) \
    case n: tile_rows(t, n); break;
#define VN_HALF_CASE(n) \
    case n: tile_half(t, n, cols); break;

/* One tile of 1 .. VN_TILE_ROWS rows. A function of its own: where it is inlined, what lives around it
 * pushes pointers and even sums out of the registers of its loop (tools/spills.sh looks). */
static __attribute__((noinline)) void tile_run(const vn_tile *t, int rows)
{
    switch (rows) {
        VN_TILE_HEIGHTS(VN_TILE_CASE)
    default: break;
    }
}

/* A tile of which only the first `cols` <= VF_N columns exist. */
static __attribute__((noinline, unused)) void tile_run_half(const vn_tile *t, int rows, int64_t cols)
{
    switch (rows) {
        VN_TILE_HEIGHTS(VN_HALF_CASE)
    default: break;
    }
}

/* A tile of which only the first `cols` columns of C exist (all of them where there are more): C
 * and the bias end with them. B has all its columns. */
static inline void vn_tile_part(const vn_tile *tile, int rows, int64_t cols)
{
    if (cols >= VN_TILE_COLS) {
        tile_run(tile, rows);
        return;
    }
    vn_tile rest = *tile;
    for (;;) {
        tile_run_half(&rest, rows, cols);
        if (cols <= VF_N) return;
        cols -= VF_N;
        rest.b += VF_N;
        rest.c += VF_N;
        if (rest.bias) rest.bias += VF_N;
    }
}

/* Tiles of at most `each` that n is cut into. */
static inline int64_t vn_tiles(int64_t n, int64_t each) { return (n + each - 1) / each; }

#endif

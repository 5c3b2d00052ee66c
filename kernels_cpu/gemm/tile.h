/* The innermost product: up to VN_TILE_ROWS rows of A times one packed panel of B, all sums in
 * registers.
 *
 * Each element of C is one chain of multiply-adds in the order of k, whatever the tile's height or
 * place, so any cut of a product into tiles gives the same bits. */
#ifndef VN_KERNELS_CPU_GEMM_TILE_H
#define VN_KERNELS_CPU_GEMM_TILE_H

#include <stdbool.h>
#include <string.h>

#include "kernels_cpu/gemm/lanes.h"

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
} vn_tile;

/* Three rows share a pointer: five pointers and one step address 14 rows without running out of
 * registers. Macros and not loops, because a compiler that leaves one of these loops rolled keeps
 * the sums on the stack (a third of the speed). */
#define VN_TILE_EACH(X)                                                                 \
    X(0, a0, 0) X(1, a0, 1) X(2, a0, 2) X(3, a1, 0) X(4, a1, 1) X(5, a1, 2) X(6, a2, 0) \
    X(7, a2, 1) X(8, a2, 2) X(9, a3, 0) X(10, a3, 1) X(11, a3, 2) X(12, a4, 0) X(13, a4, 1)
#define VN_TILE_ZERO(i, at, n) vf c##i##0 = vf_zero(), c##i##1 = c##i##0;
#define VN_TILE_FMA(i, at, n)             \
    if (i < rows) {                       \
        vf a = vf_set(at[n * step]);      \
        c##i##0 = vf_fma(a, b0, c##i##0); \
        c##i##1 = vf_fma(a, b1, c##i##1); \
    }
#define VN_TILE_STORE(i, at, n) \
    if (i < rows) tile_store(t, i, c##i##0, c##i##1);

static inline void tile_store(const vn_tile *t, int64_t i, vf v0, vf v1)
{
    float *c = t->c + i * t->c_row;
    if (t->add) {
        v0 = vf_add(vf_load(c), v0);
        v1 = vf_add(vf_load(c + VF_N), v1);
    }
    if (t->bias) {
        v0 = vf_add(v0, vf_load(t->bias));
        v1 = vf_add(v1, vf_load(t->bias + VF_N));
    }
    if (t->relu) {
        v0 = vf_max(vf_zero(), v0);
        v1 = vf_max(vf_zero(), v1);
    }
    vf_store(c, v0);
    vf_store(c + VF_N, v1);
}

static inline __attribute__((always_inline)) void tile_rows(const vn_tile *t, const int rows)
{
    const int64_t step = t->a_row, a_k = t->a_k, b_k = t->b_k;
    const float *a0 = t->a, *a1 = a0 + 3 * step, *a2 = a1 + 3 * step, *a3 = a2 + 3 * step;
    const float *a4 = a3 + 3 * step, *b = t->b;
    VN_TILE_EACH(VN_TILE_ZERO)
    for (int64_t k = t->k; k > 0; k--) {
        vf b0 = vf_load(b), b1 = vf_load(b + VF_N);
        VN_TILE_EACH(VN_TILE_FMA)
        a0 += a_k, a1 += a_k, a2 += a_k, a3 += a_k, a4 += a_k, b += b_k;
    }
    VN_TILE_EACH(VN_TILE_STORE)
}

/* One tile of 1 .. VN_TILE_ROWS rows. */
static void tile_run(const vn_tile *t, int rows)
{
    switch (rows) {
    case 1: tile_rows(t, 1); break;
    case 2: tile_rows(t, 2); break;
    case 3: tile_rows(t, 3); break;
    case 4: tile_rows(t, 4); break;
#if VN_TILE_ROWS > 4
    case 5: tile_rows(t, 5); break;
    case 6: tile_rows(t, 6); break;
#endif
#if VN_TILE_ROWS > 6
    case 7: tile_rows(t, 7); break;
    case 8: tile_rows(t, 8); break;
    case 9: tile_rows(t, 9); break;
    case 10: tile_rows(t, 10); break;
    case 11: tile_rows(t, 11); break;
    case 12: tile_rows(t, 12); break;
    case 13: tile_rows(t, 13); break;
    case 14: tile_rows(t, 14); break;
#endif
    default: break;
    }
}

/* A tile of which only the first `cols` columns of C exist (all of them where there are more): C and
 * the bias are then used aside. B has all its columns. */
static inline void vn_tile_part(const vn_tile *tile, int rows, int64_t cols)
{
    float c[VN_TILE_ROWS * VN_TILE_COLS], bias[VN_TILE_COLS];
    if (cols >= VN_TILE_COLS) {
        tile_run(tile, rows);
        return;
    }
    vn_tile t = *tile;
    size_t bytes = (size_t)cols * sizeof(float);
    memset(bias, 0, sizeof bias);
    t.c = c;
    t.c_row = VN_TILE_COLS;
    if (t.bias) t.bias = memcpy(bias, tile->bias, bytes);
    if (t.add) {
        memset(c, 0, sizeof c);
        for (int i = 0; i < rows; i++) memcpy(c + i * t.c_row, tile->c + i * tile->c_row, bytes);
    }
    tile_run(&t, rows);
    for (int i = 0; i < rows; i++) memcpy(tile->c + i * tile->c_row, c + i * t.c_row, bytes);
}

/* Tiles of at most `each` that n is cut into. */
static inline int64_t vn_tiles(int64_t n, int64_t each) { return (n + each - 1) / each; }

#endif

/* What attention and its gradient share: heads, blocks of queries and keys, panels of a head's
 * columns.
 *
 * Keys are taken BLOCK at a time, so that the scores of a block of queries stay in the second cache
 * however long the series is; the weights are never stored (Dao et al. 2022). All blocks depend on
 * the data alone. */
#ifndef VN_KERNELS_CPU_GEMM_ATTENTION_H
#define VN_KERNELS_CPU_GEMM_ATTENTION_H

#include <math.h>

#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/tile.h"
#include "kernels_cpu/simd/low.h"

enum {
    VN_KEYS = 256,   /* at most, of a block */
    VN_QUERIES = 56, /* at most, of a block: 4 tiles of AVX-512 */
};

typedef struct vn_heads {
    int64_t batch, heads, tq, tk, width, step; /* columns of a head, of all heads */
    int64_t causal, key_blocks, query_blocks;
    int64_t row;    /* floats between rows of scores in scratch */
    int64_t panels; /* of a head's columns */
    float factor;   /* 1 / sqrt(width) */
    vn_dtype type;  /* of q, k, v: those of 16 bits are widened, a block of rows at a time */
    int64_t wide;   /* floats of a widened row */
    const void *q, *k, *v;
    const float *mask;
} vn_heads;

/* q, k, v, mask at inputs first .. first + 3. */
static inline vn_heads vn_heads_of(const vn_call *c, int first)
{
    const vn_attr_attention *a = c->attr;
    const vn_tensor *q = &c->in[first], *k = &c->in[first + 1];
    vn_heads h = { .batch = q->dim[0],
                   .heads = a->heads,
                   .tq = q->dim[1],
                   .tk = k->dim[1],
                   .width = q->dim[2] / a->heads,
                   .step = q->dim[2],
                   .causal = a->causal,
                   .type = q->dtype,
                   .q = q->data,
                   .k = k->data,
                   .v = c->in[first + 2].data,
                   .mask = c->in[first + 3].data };
    h.key_blocks = vn_tiles(h.tk, VN_KEYS);
    h.query_blocks = vn_tiles(h.tq, VN_QUERIES);
    /* A power of two between rows would leave most of the first cache unused. */
    h.row = vn_tiles(vn_least(h.tk, VN_KEYS), VN_TILE_COLS) * VN_TILE_COLS + VF_N;
    h.panels = vn_tiles(h.width, VN_TILE_COLS);
    h.wide = vn_is_low(h.type) ? vn_tiles(h.width, VF_N) * VF_N : 0;
    h.factor = 1 / sqrtf((float)h.width);
    return h;
}

/* A block of keys or queries: first and how many. */
typedef struct vn_span {
    int64_t at, n;
} vn_span;

static inline vn_span vn_span_of(int64_t n, int64_t blocks, int64_t i)
{
    int64_t at = n * i / blocks;
    return (vn_span){ at, n * (i + 1) / blocks - at };
}

/* Keys of `keys` that queries up to `query` see, if causal. */
static inline int64_t vn_seen(const vn_heads *h, vn_span keys, int64_t query)
{
    int64_t n = h->causal ? query + h->tk - h->tq + 1 - keys.at : keys.n;
    return n < 0 ? 0 : vn_least(n, keys.n);
}

/* Rows of one head in f32. */
typedef struct vn_rows {
    const float *at;
    int64_t step;
} vn_rows;

/* n rows of head `head` from `row` on, counted over all windows, of a tensor like q: where they lie, or
 * widened to `room`, which has n h->wide floats. */
static inline vn_rows vn_rows_of(const vn_heads *h, const void *all, int64_t row, int64_t head,
                                 int64_t n, float *room)
{
    int64_t at = row * h->step + head * h->width;
    if (!h->wide) return (vn_rows){ (const float *)all + at, h->step };
    const uint16_t *from = (const uint16_t *)all + at;
    for (int64_t r = 0; r < n; r++, from += h->step)
        for (int64_t e = 0; e < h->width; e += VF_N)
            vf_store(room + r * h->wide + e, vf_load_low(h->type, from + e, h->width - e));
    return (vn_rows){ room, h->wide };
}

/* Rows of one head as the B of a product, packed: [panels][rows][VN_TILE_COLS]. Where they lie, a
 * power of two apart, they share an eighth of the first cache. */
typedef struct vn_side {
    const float *packed;
    int64_t rows;
} vn_side;

static inline vn_side vn_side_of(const vn_heads *h, vn_rows rows, int64_t n, float *room)
{
    for (int64_t p = 0; p < h->panels; p++) {
        int64_t at = p * VN_TILE_COLS;
        vn_pack_rows(rows.at + at, rows.step, vn_least(h->width - at, VN_TILE_COLS), n,
                     room + at * n);
    }
    return (vn_side){ room, n };
}

/* C [rows, width of a head] (+)= A B; t gives A, its depth, C and `add`. */
static inline void vn_side_product(const vn_heads *h, vn_tile t, int rows, const vn_side *side)
{
    float *c = t.c;
    t.b_k = VN_TILE_COLS;
    for (int64_t p = 0; p < h->panels; p++) {
        int64_t at = p * VN_TILE_COLS;
        t.b = side->packed + at * side->rows;
        t.c = c + at;
        vn_tile_part(&t, rows, h->width - at);
    }
}

/* Floats of a packed side of at most n rows. */
static inline int64_t vn_side_size(const vn_heads *h, int64_t n)
{
    return h->panels * VN_TILE_COLS * n;
}

/* Rows of one head transposed: panels of VN_TILE_COLS rows, [width][VN_TILE_COLS] each. */
static inline void vn_pack_keys(const vn_heads *h, vn_rows rows, int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += VN_TILE_COLS, out += h->width * VN_TILE_COLS)
        vn_pack_columns(rows.at + i * rows.step, rows.step, vn_least(n - i, VN_TILE_COLS), h->width,
                        out);
}

/* to [rows, n and more] = A K^T for rows of A from `first` on. */
static inline void vn_scores(const vn_heads *h, vn_rows a, int64_t first, int rows,
                             const float *packed, int64_t n, float *to)
{
    vn_tile t = { .a = a.at + first * a.step,
                  .a_row = a.step,
                  .a_k = 1,
                  .b_k = VN_TILE_COLS,
                  .k = h->width,
                  .c_row = h->row };
    for (int64_t i = 0; i < n; i += VN_TILE_COLS) {
        t.b = packed + i * h->width;
        t.c = to + i;
        if (n - i <= VF_N) tile_run_half(&t, rows, VF_N);
        else tile_run(&t, rows);
    }
}

/* Scores of keys that a query does not see, n of them being ahead of the others, become -infinity
 * up to `end` and then to whole vectors, which a row of scratch has room for: their weights will be
 * 0. */
static inline void vn_hide(float *score, const float *mask, int64_t n, int64_t end)
{
    for (int64_t i = 0; mask && i < n; i += VF_N) {
        vf seen = vf_load_upto(mask + i, n - i);
        vf_store(score + i, vf_pick(vf_eq(seen, vf_zero()), vf_set(-INFINITY), vf_load(score + i)));
    }
    int64_t whole = n / VF_N * VF_N;
    if (whole < n) {
        for (int64_t i = n; i < whole + VF_N; i++) score[i] = -INFINITY;
        whole += VF_N;
    }
    for (; whole < end; whole += VF_N) vf_store(score + whole, vf_set(-INFINITY));
}

/* Floats of packed keys. */
static inline int64_t vn_packed_size(const vn_heads *h)
{
    return vn_tiles(vn_least(h->tk, VN_KEYS), VN_TILE_COLS) * VN_TILE_COLS * h->width;
}

/* Why a call is for no kernel that computes in f32: inputs up to `last` are all f32 or all of one type of
 * 16 bits, other numbers f32; NULL if so. */
static inline const char *vn_heads_unfit(const vn_call *c, int last)
{
    vn_dtype type = c->in[0].dtype;
    for (int i = 0; i < c->n_in; i++)
        if (i <= last ? c->in[i].dtype != type : vn_other_real(c->in[i].dtype))
            return "numbers beside the factors are not f32, or factors of two types";
    for (int o = 0; o < c->n_out; o++)
        if (vn_other_real(c->out[o].dtype)) return "sums are not f32";
    return type == VN_F64 ? "numbers are f64" : NULL;
}

#endif

/* Attention of several heads, a block of queries at a time: a tile of scores, its exponentials, its
 * product with the values, all in the first cache; a later block of keys rescales what the earlier
 * ones gave. */
#include "kernels_cpu/gemm/attention.h"

#include <string.h>

#include "kernels_cpu/simd/math.h"

/* One lane's work. */
typedef struct job {
    vn_heads h;
    int64_t width; /* of a row of `acc` */
    float *y, *sums;
    float *packed, *rows, *score; /* keys, rows of values, a tile of scores */
    float *wide_keys, *wide_queries; /* widened rows of a block */
    vn_rows queries;
    float *acc;                   /* [VN_QUERIES][panels VN_TILE_COLS]: what was gathered */
    float top[VN_QUERIES], sum[VN_QUERIES]; /* of the block's queries so far */
    vn_side values;
} job;

/* Greatest of the scores up to `end`, hidden ones at -infinity. NaN is passed over: it comes back
 * with the exponentials. */
static float largest(const float *x, int64_t end)
{
    vf top = vf_set(-INFINITY), other = top;
    int64_t i = 0;
    for (; i + VF_N < end; i += 2 * VF_N) {
        top = vf_max(vf_load(x + i), top);
        other = vf_max(vf_load(x + i + VF_N), other);
    }
    if (i < end) top = vf_max(vf_load(x + i), top);
    return vf_most(vf_max(other, top));
}

/* x becomes exp(factor x - top), whole vectors up to `end`; returns the sum. */
static float exponentials(float *x, int64_t end, float factor, float top)
{
    vf sum = vf_zero(), other = sum, scale = vf_set(factor), shift = vf_set(-top);
    int64_t i = 0;
    for (; i + VF_N < end; i += 2 * VF_N) {
        vf e = vf_exp(vf_fma(vf_load(x + i), scale, shift));
        vf f = vf_exp(vf_fma(vf_load(x + i + VF_N), scale, shift));
        vf_store(x + i, e);
        vf_store(x + i + VF_N, f);
        sum = vf_add(sum, e);
        other = vf_add(other, f);
    }
    if (i < end) {
        vf e = vf_exp(vf_fma(vf_load(x + i), scale, shift));
        vf_store(x + i, e);
        sum = vf_add(sum, e);
    }
    return vf_sum(vf_add(sum, other));
}

/* y = factor x */
static void multiply_row(float *y, const float *x, int64_t n, float factor)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(y + i, vf_mul(vf_load(x + i), vf_set(factor)), n - i);
}

/* Row r of a tile's scores becomes weights for `end` keys, of which the first n are seen. `at` is
 * the query's place in its block; what it has gathered so far is rescaled. */
static void weigh(job *w, float *score, const float *mask, int64_t n, int64_t end, int64_t at)
{
    float *acc = w->acc + at * w->width;
    vn_hide(score, mask, n, end);
    float top = largest(score, end) * w->h.factor;
    float both = top > w->top[at] ? top : w->top[at];
    if (both == -INFINITY) { /* nothing seen yet */
        memset(score, 0, (size_t)end * sizeof *score);
        return;
    }
    float sum = exponentials(score, end, w->h.factor, both);
    if (w->top[at] > -INFINITY && w->top[at] < both) {
        float old = expf(w->top[at] - both);
        multiply_row(acc, acc, w->h.width, old);
        w->sum[at] *= old;
    }
    w->sum[at] += sum;
    w->top[at] = both;
}

/* Queries [i, i + rows) of a block that begins at `first`, against one block of keys. */
static void run_tile(job *w, int64_t b, int64_t first, int64_t i, int rows, vn_span keys)
{
    const vn_heads *h = &w->h;
    int64_t n = vn_seen(h, keys, i + rows - 1);
    const float *mask = h->mask ? h->mask + b * h->tk + keys.at : NULL;
    if (n) vn_scores(h, w->queries, i - first, rows, w->packed, n, w->score);
    for (int r = 0; r < rows; r++)
        weigh(w, w->score + r * h->row, mask, vn_seen(h, keys, i + r), n, i + r - first);
    vn_tile t = { .a = w->score,
                  .a_row = h->row,
                  .a_k = 1,
                  .k = n,
                  .c = w->acc + (i - first) * w->width,
                  .c_row = w->width,
                  .add = keys.at > 0 };
    if (w->y) vn_side_product(h, t, rows, &w->values);
}

/* Divide by the sums; a query that saw nothing stays 0. */
static void finish(job *w, int64_t b, int64_t head, vn_span queries)
{
    const vn_heads *h = &w->h;
    for (int64_t r = 0; r < queries.n; r++) {
        int64_t i = queries.at + r;
        bool some = w->sum[r] > 0;
        if (w->y)
            multiply_row(w->y + (b * h->tq + i) * h->step + head * h->width, w->acc + r * w->width,
                         h->width, some ? 1 / w->sum[r] : 0);
        if (w->sums)
            w->sums[(b * h->heads + head) * h->tq + i] = some ? w->top[r] + logf(w->sum[r]) : 0;
    }
}

static void take_keys(job *w, int64_t b, int64_t head, vn_span keys)
{
    const vn_heads *h = &w->h;
    int64_t row = b * h->tk + keys.at;
    vn_pack_keys(h, vn_rows_of(h, h->k, row, head, keys.n, w->wide_keys), keys.n, w->packed);
    w->values = vn_side_of(h, vn_rows_of(h, h->v, row, head, keys.n, w->wide_keys), keys.n, w->rows);
}

/* Block `index` of queries: of all windows, heads and blocks in this order. */
static void run_block(job *w, int64_t index, bool fresh)
{
    const vn_heads *h = &w->h;
    int64_t block = index % h->query_blocks, head = index / h->query_blocks % h->heads;
    int64_t b = index / h->query_blocks / h->heads;
    vn_span queries = vn_span_of(h->tq, h->query_blocks, block);
    int64_t tiles = vn_tiles(queries.n, VN_TILE_ROWS);
    w->queries = vn_rows_of(h, h->q, b * h->tq + queries.at, head, queries.n, w->wide_queries);
    for (int64_t r = 0; r < queries.n; r++) {
        w->top[r] = -INFINITY;
        w->sum[r] = 0;
    }
    for (int64_t kb = 0; kb < h->key_blocks; kb++) {
        vn_span keys = vn_span_of(h->tk, h->key_blocks, kb);
        if (fresh || h->key_blocks > 1 || !block) take_keys(w, b, head, keys);
        for (int64_t t = 0; t < tiles; t++) {
            vn_span rows = vn_span_of(queries.n, tiles, t);
            run_tile(w, b, queries.at, queries.at + rows.at, (int)rows.n, keys);
        }
    }
    finish(w, b, head, queries);
}

static void attention(const vn_call *c, vn_stream *s)
{
    job w = { .h = vn_heads_of(c, 0),
              .y = c->out[0].data,
              .sums = c->out[1].data,
              .packed = vn_cpu_scratch(s) };
    w.rows = w.packed + vn_packed_size(&w.h);
    w.score = w.rows + vn_side_size(&w.h, VN_KEYS);
    w.acc = w.score + VN_TILE_ROWS * w.h.row;
    w.width = w.h.panels * VN_TILE_COLS;
    w.wide_keys = w.acc + VN_QUERIES * w.width;
    w.wide_queries = w.wide_keys + VN_KEYS * w.h.wide;
    int64_t lo, hi;
    vn_lane_share(vn_cpu_lane(s), w.h.batch * w.h.heads * w.h.query_blocks, 1, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) run_block(&w, i, i == lo);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_heads h = vn_heads_of(c, 0);
    int64_t floats = vn_packed_size(&h) + vn_side_size(&h, VN_KEYS) + VN_TILE_ROWS * h.row +
                     VN_QUERIES * h.panels * VN_TILE_COLS + (VN_KEYS + VN_QUERIES) * h.wide;
    return (vn_scratch){ 0, (size_t)floats * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    return vn_heads_unfit(c, 2);
}

const vn_kernel VN_SIMD(attention) = { VN_SIMD_NAME(attention), VN_SIMD_NEED, unfit, scratch,
                                       attention };

/* The gradient of attention, a head of a window at a time: the weights are computed again from the
 * kept sums. A block of queries against a block of keys gives two matrices, the weights and the
 * slopes of the scores, from which dq, dk and dv are three products. */
#include "kernels_cpu/gemm/attention.h"

#include <string.h>

#include "kernels_cpu/simd/math.h"

/* One lane's work. */
typedef struct job {
    vn_heads h;
    const void *dy; /* of q's type */
    const float *y, *sums;
    float *dq, *dk, *dv;
    float *keys, *values;                   /* transposed */
    float *weight, *slope;                  /* [VN_QUERIES][row] */
    float *key_rows, *query_rows, *dy_rows; /* packed */
    float *sum_k, *sum_v;                   /* [VN_KEYS][width]: dk and dv of a block of keys */
    int64_t width;                          /* of their rows */
    float *wide_keys, *wide_queries, *wide_dys; /* widened rows of a block */
    vn_rows query, slopes;                  /* of a block: q, dy */
    float mean[VN_QUERIES];                 /* dy y of the block's queries */
} job;

/* Weights and slopes of a query that sees n of the `end` keys: in `weight` its scores, in `slope`
 * dy v. */
static void differentiate(const job *w, float *weight, float *slope, const float *mask, int64_t n,
                          int64_t end, float log_sum, float mean)
{
    vf factor = vf_set(w->h.factor), shift = vf_set(-log_sum), centre = vf_set(mean);
    vn_hide(weight, mask, n, end);
    for (int64_t i = 0; i < end; i += VF_N) {
        vf p = vf_exp(vf_fma(vf_load(weight + i), factor, shift));
        vf_store(weight + i, p);
        vf_store(slope + i, vf_mul(vf_mul(p, factor), vf_sub(vf_load(slope + i), centre)));
    }
}

static float dot(const float *a, const float *b, int64_t n)
{
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N)
        sum = vf_fma(vf_load_upto(a + i, n - i), vf_load_upto(b + i, n - i), sum);
    return vf_sum(sum);
}

/* dq of `rows` queries from i on: (+)= slopes times keys. */
static void add_queries(const job *w, float *dq, const float *slope, int rows, int64_t n,
                        vn_span keys, const vn_side *side)
{
    vn_tile t = { .a = slope,
                  .a_row = w->h.row,
                  .a_k = 1,
                  .k = n,
                  .c = dq,
                  .c_row = w->h.step,
                  .add = keys.at > 0 };
    vn_side_product(&w->h, t, rows, side);
}

/* to [n keys, width] += m^T side, m [queries, n]. */
static void add_keys(const job *w, float *to, const float *m, int64_t queries, int64_t n,
                     const vn_side *side)
{
    int64_t tiles = vn_tiles(n, VN_TILE_ROWS);
    for (int64_t i = 0; i < tiles; i++) {
        vn_span rows = vn_span_of(n, tiles, i);
        vn_tile t = { .a = m + rows.at,
                      .a_row = 1,
                      .a_k = w->h.row,
                      .k = queries,
                      .c = to + rows.at * w->width,
                      .c_row = w->width,
                      .add = true };
        vn_side_product(&w->h, t, (int)rows.n, side);
    }
}

/* The block's queries `rows` (counted in it) against the keys: weights, slopes and dq. `n` keys are
 * seen by some query of the block. */
static void run_tile(job *w, int64_t b, int64_t head, vn_span queries, vn_span rows, vn_span keys,
                     int64_t n, const vn_side *side)
{
    const vn_heads *h = &w->h;
    int64_t i = queries.at + rows.at, at = (b * h->tq + i) * h->step + head * h->width;
    float *weight = w->weight + rows.at * h->row, *slope = w->slope + rows.at * h->row;
    const float *mask = h->mask ? h->mask + b * h->tk + keys.at : NULL;
    vn_scores(h, w->query, rows.at, (int)rows.n, w->keys, n, weight);
    vn_scores(h, w->slopes, rows.at, (int)rows.n, w->values, n, slope);
    for (int64_t r = 0; r < rows.n; r++)
        differentiate(w, weight + r * h->row, slope + r * h->row, mask, vn_seen(h, keys, i + r), n,
                      w->sums[(b * h->heads + head) * h->tq + i + r], w->mean[rows.at + r]);
    if (w->dq) add_queries(w, w->dq + at, slope, (int)rows.n, n, keys, side);
}

/* A block of queries against a block of keys, of which it sees n. */
static void run_block(job *w, int64_t b, int64_t head, vn_span queries, vn_span keys,
                      const vn_side *side)
{
    const vn_heads *h = &w->h;
    int64_t n = vn_seen(h, keys, queries.at + queries.n - 1);
    int64_t at = (b * h->tq + queries.at) * h->step + head * h->width;
    int64_t tiles = vn_tiles(queries.n, VN_TILE_ROWS);
    w->query = vn_rows_of(h, h->q, b * h->tq + queries.at, head, queries.n, w->wide_queries);
    w->slopes = vn_rows_of(h, w->dy, b * h->tq + queries.at, head, queries.n, w->wide_dys);
    for (int64_t r = 0; r < queries.n; r++)
        w->mean[r] = dot(w->slopes.at + r * w->slopes.step, w->y + at + r * h->step, h->width);
    for (int64_t t = 0; t < tiles; t++)
        run_tile(w, b, head, queries, vn_span_of(queries.n, tiles, t), keys, n, side);
    if (w->dk) {
        vn_side q = vn_side_of(h, w->query, queries.n, w->query_rows);
        add_keys(w, w->sum_k, w->slope, queries.n, n, &q);
    }
    if (w->dv) {
        vn_side dy = vn_side_of(h, w->slopes, queries.n, w->dy_rows);
        add_keys(w, w->sum_v, w->weight, queries.n, n, &dy);
    }
}

/* The sums of n keys to their place. */
static void deliver(const job *w, const float *sum, int64_t n, float *to)
{
    for (int64_t i = 0; to && i < n; i++)
        memcpy(to + i * w->h.step, sum + i * w->width, (size_t)w->h.width * sizeof *to);
}

/* One head of one window. */
static void run_head(job *w, int64_t b, int64_t head)
{
    const vn_heads *h = &w->h;
    for (int64_t kb = 0; kb < h->key_blocks; kb++) {
        vn_span keys = vn_span_of(h->tk, h->key_blocks, kb);
        int64_t row = b * h->tk + keys.at, at = row * h->step + head * h->width;
        vn_pack_keys(h, vn_rows_of(h, h->v, row, head, keys.n, w->wide_keys), keys.n, w->values);
        vn_rows rows = vn_rows_of(h, h->k, row, head, keys.n, w->wide_keys);
        vn_pack_keys(h, rows, keys.n, w->keys);
        vn_side side = vn_side_of(h, rows, keys.n, w->key_rows);
        memset(w->sum_k, 0, (size_t)(keys.n * w->width) * sizeof *w->sum_k);
        memset(w->sum_v, 0, (size_t)(keys.n * w->width) * sizeof *w->sum_v);
        for (int64_t qb = 0; qb < h->query_blocks; qb++)
            run_block(w, b, head, vn_span_of(h->tq, h->query_blocks, qb), keys, &side);
        deliver(w, w->sum_k, keys.n, w->dk ? w->dk + at : NULL);
        deliver(w, w->sum_v, keys.n, w->dv ? w->dv + at : NULL);
    }
}

static void attention_grad(const vn_call *c, vn_stream *s)
{
    job w = { .h = vn_heads_of(c, 1),
              .dy = c->in[0].data,
              .y = c->in[5].data,
              .sums = c->in[6].data,
              .dq = c->out[0].data,
              .dk = c->out[1].data,
              .dv = c->out[2].data,
              .keys = vn_cpu_scratch(s) };
    w.values = w.keys + vn_packed_size(&w.h);
    w.weight = w.values + vn_packed_size(&w.h);
    w.slope = w.weight + VN_QUERIES * w.h.row;
    w.key_rows = w.slope + VN_QUERIES * w.h.row;
    w.query_rows = w.key_rows + vn_side_size(&w.h, VN_KEYS);
    w.dy_rows = w.query_rows + vn_side_size(&w.h, VN_QUERIES);
    w.sum_k = w.dy_rows + vn_side_size(&w.h, VN_QUERIES);
    w.sum_v = w.sum_k + vn_side_size(&w.h, VN_KEYS);
    w.width = w.h.panels * VN_TILE_COLS;
    w.wide_keys = w.sum_v + vn_side_size(&w.h, VN_KEYS);
    w.wide_queries = w.wide_keys + VN_KEYS * w.h.wide;
    w.wide_dys = w.wide_queries + VN_QUERIES * w.h.wide;
    int64_t lo, hi;
    vn_lane_share(vn_cpu_lane(s), w.h.batch * w.h.heads, 1, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) run_head(&w, i / w.h.heads, i % w.h.heads);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_heads h = vn_heads_of(c, 1);
    int64_t floats = 2 * vn_packed_size(&h) + 2 * VN_QUERIES * h.row +
                     vn_side_size(&h, 3 * VN_KEYS + 2 * VN_QUERIES) +
                     (VN_KEYS + 2 * VN_QUERIES) * h.wide;
    return (vn_scratch){ 0, (size_t)floats * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    return vn_heads_unfit(c, 3);
}

const vn_kernel VN_SIMD(attention_grad) = { VN_SIMD_NAME(attention_grad), VN_SIMD_NEED, unfit,
                                            scratch, attention_grad };

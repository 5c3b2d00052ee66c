/* Layer normalisation and its gradient: rows of 32 .. 1024 numbers stay in the first cache between
 * their passes. Sums over the rows of a tile are kept apart and added up in the order of the tiles. */
#include <math.h>

#include "kernels_cpu/gemm/lanes.h"

enum { ROWS = 64 }; /* a tile of the gradient: 84 partial sums for 32 windows of 168 steps */

static float sum_row(const float *x, int64_t n)
{
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N) sum = vf_add(sum, vf_load_upto(x + i, n - i));
    return vf_sum(sum);
}

/* Sum of the squared distances from `centre`; what lies past the end counts as the centre. */
static float spread(const float *x, int64_t n, float centre)
{
    vf sum = vf_zero(), c = vf_set(centre);
    int64_t i = 0;
    for (; i + VF_N <= n; i += VF_N) {
        vf d = vf_sub(vf_load(x + i), c);
        sum = vf_fma(d, d, sum);
    }
    float total = vf_sum(sum);
    for (; i < n; i++) total += (x[i] - centre) * (x[i] - centre);
    return total;
}

/* Any length, row by row. */
static void normalise_one(const vn_call *c, int64_t r, int64_t n, float eps)
{
    const float *x = (const float *)c->in[0].data + r * n, *gamma = c->in[1].data;
    const float *beta = c->in[2].data;
    float *y = c->out[0].data, *means = c->out[1].data, *rstds = c->out[2].data;
    float mean = sum_row(x, n) / (float)n, rstd = 1 / sqrtf(spread(x, n, mean) / (float)n + eps);
    vf centre = vf_set(mean), factor = vf_set(rstd);
    for (int64_t i = 0; y && i < n; i += VF_N) {
        vf z = vf_mul(vf_sub(vf_load_upto(x + i, n - i), centre), factor);
        vf out = vf_fma(z, vf_load_upto(gamma + i, n - i), vf_load_upto(beta + i, n - i));
        vf_store_upto(y + r * n + i, out, n - i);
    }
    if (means) means[r] = mean;
    if (rstds) rstds[r] = rstd;
}

/* ---- rows of whole vectors: a pass over all rows of a group before the next pass ----
 *
 * A row's spread waits some 40 cycles for its mean, its result as long for its spread; rows of the same pass
 * fill the wait. Kept in registers from pass to pass, two rows of 128 are no faster: a processor holds some 64
 * vector operations that wait, fewer than half of theirs. */

enum { PAIRS = 4, GROUP_ROWS = 2 * PAIRS };

/* Rows of a group, the last one repeated where there are fewer. */
typedef struct group {
    const float *x[GROUP_ROWS];
    float *y[GROUP_ROWS];
    vf mean[PAIRS], rstd[PAIRS]; /* of row 2 i in the lower half, of 2 i + 1 in the upper */
    int64_t n;
} group;

VF_INLINE vf sums_of(const float *x, const float *z, int64_t n)
{
    vf a = vf_zero(), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        a = vf_add(a, vf_load(x + i)), b = vf_add(b, vf_load(z + i));
        c = vf_add(c, vf_load(x + i + VF_N)), d = vf_add(d, vf_load(z + i + VF_N));
    }
    if (i < n) a = vf_add(a, vf_load(x + i)), b = vf_add(b, vf_load(z + i));
    return vf_sum_pair(vf_add(a, c), vf_add(b, d));
}

VF_INLINE vf square_from(vf x, vf centre, vf sum)
{
    vf d = vf_sub(x, centre);
    return vf_fma(d, d, sum);
}

VF_INLINE vf spreads_of(const float *x, const float *z, int64_t n, vf mean)
{
    vf a = vf_zero(), b = a, c = a, d = a, at = vf_lower(mean), by = vf_upper(mean);
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        a = square_from(vf_load(x + i), at, a), b = square_from(vf_load(z + i), by, b);
        c = square_from(vf_load(x + i + VF_N), at, c);
        d = square_from(vf_load(z + i + VF_N), by, d);
    }
    if (i < n) a = square_from(vf_load(x + i), at, a), b = square_from(vf_load(z + i), by, b);
    return vf_sum_pair(vf_add(a, c), vf_add(b, d));
}

VF_INLINE vf scaled(vf x, vf mean, vf rstd, vf gamma, vf beta)
{
    return vf_fma(vf_mul(vf_sub(x, mean), rstd), gamma, beta);
}

/* Rows k .. k + 3 of a group, which share gamma and beta. */
VF_INLINE void normalise_four(const group *g, int k, const float *gamma, const float *beta)
{
    vf at[4], by[4];
    for (int i = 0; i < 4; i += 2) {
        at[i] = vf_lower(g->mean[(k + i) / 2]), at[i + 1] = vf_upper(g->mean[(k + i) / 2]);
        by[i] = vf_lower(g->rstd[(k + i) / 2]), by[i + 1] = vf_upper(g->rstd[(k + i) / 2]);
    }
    const float *x0 = g->x[k], *x1 = g->x[k + 1], *x2 = g->x[k + 2], *x3 = g->x[k + 3];
    float *y0 = g->y[k], *y1 = g->y[k + 1], *y2 = g->y[k + 2], *y3 = g->y[k + 3];
    for (int64_t i = 0, n = g->n; i < n; i += VF_N) {
        vf f = vf_load(gamma + i), o = vf_load(beta + i);
        vf_store(y0 + i, scaled(vf_load(x0 + i), at[0], by[0], f, o));
        vf_store(y1 + i, scaled(vf_load(x1 + i), at[1], by[1], f, o));
        vf_store(y2 + i, scaled(vf_load(x2 + i), at[2], by[2], f, o));
        vf_store(y3 + i, scaled(vf_load(x3 + i), at[3], by[3], f, o));
    }
}

/* `rows` rows from r on, GROUP_ROWS at most. */
static void normalise_group(const vn_call *c, int64_t r, int64_t rows, int64_t n, float eps)
{
    group g;
    float *y = c->out[0].data, *means = c->out[1].data, *rstds = c->out[2].data;
    vf share = vf_set(1 / (float)n);
    g.n = n;
    for (int64_t i = 0; i < GROUP_ROWS; i++) {
        int64_t at = (r + (i < rows ? i : rows - 1)) * n;
        g.x[i] = (const float *)c->in[0].data + at;
        g.y[i] = y + at;
    }
    for (int i = 0; i < PAIRS; i++)
        g.mean[i] = vf_mul(sums_of(g.x[2 * i], g.x[2 * i + 1], n), share);
    for (int i = 0; i < PAIRS; i++) {
        vf squares = spreads_of(g.x[2 * i], g.x[2 * i + 1], n, g.mean[i]);
        g.rstd[i] = vf_rsqrt(vf_fma(squares, share, vf_set(eps)));
    }
    for (int i = 0; y && i < rows; i += 4) normalise_four(&g, i, c->in[1].data, c->in[2].data);
    for (int64_t i = 0; i < rows; i++) {
        vf mean = i % 2 ? vf_upper(g.mean[i / 2]) : vf_lower(g.mean[i / 2]);
        vf rstd = i % 2 ? vf_upper(g.rstd[i / 2]) : vf_lower(g.rstd[i / 2]);
        if (means) vf_store_n(means + r + i, mean, 1);
        if (rstds) vf_store_n(rstds + r + i, rstd, 1);
    }
}

static void layernorm(const vn_call *c, vn_stream *s)
{
    float eps = (float)((const vn_attr_norm *)c->attr)->eps;
    int64_t n = vn_last_dim(&c->in[0]), lo, hi;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_TILE ? VN_TILE / n : 1, &lo, &hi);
    for (; n % VF_N == 0 && lo < hi; lo += GROUP_ROWS)
        normalise_group(c, lo, hi - lo < GROUP_ROWS ? hi - lo : GROUP_ROWS, n, eps);
    for (; lo < hi; lo++) normalise_one(c, lo, n, eps);
}

/* One row of a gradient. */
typedef struct row {
    const float *dy, *x, *gamma;
    vf mean, rstd;
    int64_t n;
} row;

static row row_of(const vn_call *c, int64_t r, int64_t n)
{
    return (row){ (const float *)c->in[0].data + r * n, (const float *)c->in[1].data + r * n,
                  c->in[2].data, vf_set(((const float *)c->in[3].data)[r]),
                  vf_set(((const float *)c->in[4].data)[r]), n };
}

VF_INLINE vf normal(const row *r, int64_t i)
{
    return vf_mul(vf_sub(vf_load_upto(r->x + i, r->n - i), r->mean), r->rstd);
}

VF_INLINE vf weighted(const row *r, int64_t i)
{
    return vf_mul(vf_load_upto(r->dy + i, r->n - i), vf_load_upto(r->gamma + i, r->n - i));
}

/* With z the normalised row and e = dy gamma: dx = rstd (e - mean(e) - z mean(e z)). */
static void input_gradient(const row *r, float *dx)
{
    vf sum = vf_zero(), dot = sum;
    for (int64_t i = 0; i < r->n; i += VF_N) {
        vf e = weighted(r, i); /* 0 past the end */
        sum = vf_add(sum, e);
        dot = vf_fma(e, normal(r, i), dot);
    }
    vf mean = vf_set(vf_sum(sum) / (float)r->n), slope = vf_set(vf_sum(dot) / (float)r->n);
    for (int64_t i = 0; i < r->n; i += VF_N) {
        vf d = vf_fnma(normal(r, i), slope, vf_sub(weighted(r, i), mean));
        vf_store_upto(dx + i, vf_mul(d, r->rstd), r->n - i);
    }
}

/* part[0 .. n) += dy z, part[n .. 2n) += dy; the first row of a tile sets them. */
static void add_row(const row *r, float *part, bool first)
{
    for (int64_t i = 0; i < r->n; i += VF_N) {
        int64_t left = r->n - i;
        vf dy = vf_load_upto(r->dy + i, left), dot = vf_mul(dy, normal(r, i));
        if (!first) {
            dot = vf_add(dot, vf_load_upto(part + i, left));
            dy = vf_add(dy, vf_load_upto(part + r->n + i, left));
        }
        vf_store_upto(part + i, dot, left);
        vf_store_upto(part + r->n + i, dy, left);
    }
}

/* Columns [lo, hi) of the tiles' sums, added up. */
static void add_tiles(const float *part, int64_t tiles, int64_t n, int64_t lo, int64_t hi, float *y)
{
    for (int64_t i = lo; y && i < hi; i += VF_N) {
        vf_acc sum = vf_acc_zero();
        for (int64_t t = 0; t < tiles; t++)
            sum = vf_acc_add(sum, vf_load_upto(part + t * 2 * n + i, hi - i));
        vf_store_upto(y + i, vf_acc_round(sum), hi - i);
    }
}

static void layernorm_grad(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    float *dx = c->out[0].data, *dgamma = c->out[1].data, *dbeta = c->out[2].data;
    float *part = c->scratch;
    int64_t n = vn_last_dim(&c->in[1]), rows = vn_count(&c->in[1]) / n, lo, hi;
    vn_lane_share(lane, rows, ROWS, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        row r = row_of(c, i, n);
        if (dx) input_gradient(&r, dx + i * n);
        if (dgamma || dbeta) add_row(&r, part + i / ROWS * 2 * n, i % ROWS == 0);
    }
    if (!dgamma && !dbeta) return;
    vn_team_meet(lane);
    vn_lane_share(lane, n, VF_N, &lo, &hi);
    add_tiles(part, (rows + ROWS - 1) / ROWS, n, lo, hi, dgamma);
    add_tiles(part + n, (rows + ROWS - 1) / ROWS, n, lo, hi, dbeta);
}

static vn_scratch grad_scratch(const vn_call *c)
{
    int64_t n = vn_last_dim(&c->in[1]), rows = vn_count(&c->in[1]) / n;
    return (vn_scratch){ (size_t)((rows + ROWS - 1) / ROWS * 2 * n) * sizeof(float), 0 };
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(layernorm) = { VN_SIMD_NAME(layernorm), VN_SIMD_NEED, unfit, NULL,
                                       layernorm };
const vn_kernel VN_SIMD(layernorm_grad) = { VN_SIMD_NAME(layernorm_grad), VN_SIMD_NEED, unfit,
                                            grad_scratch, layernorm_grad, true };

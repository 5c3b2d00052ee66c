/* Layer normalisation and its gradient: a row of 32 .. 1024 numbers stays in the first cache between
 * its passes. Sums over the rows of a tile are kept apart and added up in the order of the tiles. */
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

/* Mean and 1 / deviation of a row, or of FOUR rows of whole vectors at once: each sum waits for the
 * one before, those of other rows do not. The same bits either way. */
typedef struct moments {
    float mean, rstd;
} moments;

enum { FOUR = 4 };

static void moments_of_one(const float *x, int64_t n, float eps, moments *m)
{
    m->mean = sum_row(x, n) / (float)n;
    m->rstd = 1 / sqrtf(spread(x, n, m->mean) / (float)n + eps);
}

static void moments_of_four(const float *x, int64_t n, float eps, moments m[FOUR])
{
    vf sum[FOUR], centre[FOUR];
    for (int r = 0; r < FOUR; r++) sum[r] = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N)
        for (int r = 0; r < FOUR; r++) sum[r] = vf_add(sum[r], vf_load(x + r * n + i));
    for (int r = 0; r < FOUR; r++) {
        m[r].mean = vf_sum(sum[r]) / (float)n;
        centre[r] = vf_set(m[r].mean);
        sum[r] = vf_zero();
    }
    for (int64_t i = 0; i < n; i += VF_N)
        for (int r = 0; r < FOUR; r++) {
            vf d = vf_sub(vf_load(x + r * n + i), centre[r]);
            sum[r] = vf_fma(d, d, sum[r]);
        }
    for (int r = 0; r < FOUR; r++) m[r].rstd = 1 / sqrtf(vf_sum(sum[r]) / (float)n + eps);
}

static void normalise(const vn_call *c, int64_t r, int64_t n, const moments *m)
{
    const float *x = (const float *)c->in[0].data + r * n, *gamma = c->in[1].data;
    const float *beta = c->in[2].data;
    float *y = c->out[0].data, *means = c->out[1].data, *rstds = c->out[2].data;
    vf centre = vf_set(m->mean), factor = vf_set(m->rstd);
    for (int64_t i = 0; y && i < n; i += VF_N) {
        vf z = vf_mul(vf_sub(vf_load_upto(x + i, n - i), centre), factor);
        vf out = vf_fma(z, vf_load_upto(gamma + i, n - i), vf_load_upto(beta + i, n - i));
        vf_store_upto(y + r * n + i, out, n - i);
    }
    if (means) means[r] = m->mean;
    if (rstds) rstds[r] = m->rstd;
}

/* FOUR rows of whole vectors, which share gamma and beta. */
static void normalise_four(const vn_call *c, int64_t r, int64_t n, const moments m[FOUR])
{
    const float *x = (const float *)c->in[0].data + r * n, *gamma = c->in[1].data;
    const float *beta = c->in[2].data;
    float *y = (float *)c->out[0].data + r * n, *means = c->out[1].data, *rstds = c->out[2].data;
    vf centre[FOUR], factor[FOUR];
    for (int k = 0; k < FOUR; k++) {
        centre[k] = vf_set(m[k].mean);
        factor[k] = vf_set(m[k].rstd);
        if (means) means[r + k] = m[k].mean;
        if (rstds) rstds[r + k] = m[k].rstd;
    }
    for (int64_t i = 0; c->out[0].data && i < n; i += VF_N) {
        vf g = vf_load(gamma + i), b = vf_load(beta + i);
        for (int k = 0; k < FOUR; k++) {
            vf z = vf_mul(vf_sub(vf_load(x + k * n + i), centre[k]), factor[k]);
            vf_store(y + k * n + i, vf_fma(z, g, b));
        }
    }
}

static void layernorm(const vn_call *c, vn_stream *s)
{
    float eps = (float)((const vn_attr_norm *)c->attr)->eps;
    int64_t n = vn_last_dim(&c->in[0]), lo, hi, r;
    const float *x = c->in[0].data;
    moments m[FOUR];
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_TILE ? VN_TILE / n : 1, &lo, &hi);
    for (r = lo; n % VF_N == 0 && r + FOUR <= hi; r += FOUR) {
        moments_of_four(x + r * n, n, eps, m);
        normalise_four(c, r, n, m);
    }
    for (; r < hi; r++) {
        moments_of_one(x + r * n, n, eps, m);
        normalise(c, r, n, m);
    }
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

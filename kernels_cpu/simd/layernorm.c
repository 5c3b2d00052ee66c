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

static void layernorm(const vn_call *c, vn_stream *s)
{
    const float *gamma = c->in[1].data, *beta = c->in[2].data;
    float *y = c->out[0].data, *means = c->out[1].data, *rstds = c->out[2].data;
    float eps = (float)((const vn_attr_norm *)c->attr)->eps;
    int64_t n = vn_last_dim(&c->in[0]), lo, hi;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_TILE ? VN_TILE / n : 1, &lo, &hi);
    for (int64_t r = lo; r < hi; r++) {
        const float *x = (const float *)c->in[0].data + r * n;
        float mean = sum_row(x, n) / (float)n;
        float rstd = 1 / sqrtf(spread(x, n, mean) / (float)n + eps);
        vf centre = vf_set(mean), factor = vf_set(rstd);
        for (int64_t i = 0; y && i < n; i += VF_N) {
            vf z = vf_mul(vf_sub(vf_load_upto(x + i, n - i), centre), factor);
            vf out = vf_fma(z, vf_load_upto(gamma + i, n - i), vf_load_upto(beta + i, n - i));
            vf_store_upto(y + r * n + i, out, n - i);
        }
        if (means) means[r] = mean;
        if (rstds) rstds[r] = rstd;
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

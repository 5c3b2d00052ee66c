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

/* ---- rows of whole vectors, four at a time ----
 *
 * Both sums of a row are made in one pass, of the distances from its first number: the square of the mean's distance
 * from any of n numbers is less than n variances, and about one as a rule, so that little cancels. Where the registers
 * hold the sums of four rows and the scales of four, the rows before are written in the same loop: a processor has some
 * 60 vector operations in waiting, and the sums across vectors, the root and the spreading of its result are long
 * chains that only other rows' work can fill. */

enum { ROWS_AT_ONCE = 4 };

typedef struct norm {
    const float *gamma, *beta;
    float *means, *rstds;
    int64_t n, apart; /* apart: a row from the next of the four; 0: a row alone, four times */
    vf eps, share;    /* share: 1 / n */
    float least;      /* eps */
} norm;

/* Of four rows: those of row k in every fourth lane from k. */
typedef struct facts {
    vf mean, rstd;
} facts;

/* Rows whose first number lies more than four deviations from the mean, of which the one pass loses digits, and those
 * that are not finite, once more by two passes. */
static facts again(const norm *p, const float *rows, facts f, vf_mask fine)
{
    float mean[VF_N], rstd[VF_N], good[VF_N];
    vf_store(mean, f.mean), vf_store(rstd, f.rstd);
    vf_store(good, vf_pick(fine, vf_set(1), vf_zero()));
    for (int k = 0; k < ROWS_AT_ONCE; k++) {
        const float *x = rows + k * p->apart;
        if (good[k] != 0) continue;
        float centre = sum_row(x, p->n) / (float)p->n;
        float factor = 1 / sqrtf(spread(x, p->n, centre) / (float)p->n + p->least);
        for (int i = k; i < VF_N; i += ROWS_AT_ONCE) mean[i] = centre, rstd[i] = factor;
    }
    return (facts){ vf_load(mean), vf_load(rstd) };
}

/* `sums`: sums up the four rows at `next` and returns their facts; `writes`: writes the rows at x, whose facts are
 * `now`, to y. */
VF_INLINE facts pass(const norm *p, const bool sums, const float *next, const bool writes,
                     const float *x, float *y, facts now)
{
    vf at[ROWS_AT_ONCE], by[ROWS_AT_ONCE], first[ROWS_AT_ONCE], sum[ROWS_AT_ONCE], square[ROWS_AT_ONCE];
    const float *gamma = p->gamma, *beta = p->beta;
    const int64_t n = p->n, apart = p->apart;
    for (int k = 0; k < ROWS_AT_ONCE; k++) {
        at[k] = vf_each(now.mean, k), by[k] = vf_each(now.rstd, k);
        first[k] = vf_set(sums ? next[k * apart] : 0), sum[k] = square[k] = vf_zero();
    }
    for (int64_t i = 0; i < n; i += VF_N) {
        vf f = writes ? vf_load(gamma + i) : vf_zero(), o = writes ? vf_load(beta + i) : f;
        for (int k = 0; k < ROWS_AT_ONCE; k++) {
            vf d = sums ? vf_sub(vf_load(next + k * apart + i), first[k]) : f;
            if (sums) sum[k] = vf_add(sum[k], d), square[k] = vf_fma(d, d, square[k]);
            if (!writes) continue;
            vf z = vf_mul(vf_sub(vf_load(x + k * apart + i), at[k]), by[k]);
            vf_store(y + k * apart + i, vf_fma(z, f, o));
        }
    }
    vf shift = vf_mul(vf_sum_four(sum[0], sum[1], sum[2], sum[3]), p->share);
    vf mean_square = vf_mul(vf_sum_four(square[0], square[1], square[2], square[3]), p->share);
    vf room = vf_add(vf_fnma(shift, shift, mean_square), p->eps); /* variance + eps */
    vf_mask fine = vf_lt(vf_mul(shift, shift), vf_mul(vf_set(16), room));
    facts f = { vf_add(vf_four(first[0], first[1], first[2], first[3]), shift), vf_rsqrt(room) };
    return sums && vf_count(fine) != VF_N ? again(p, next, f, fine) : f;
}

/* Rows [lo, hi), a multiple of four, or one that is alone. */
VF_INLINE void normalise_rows(const norm *p, const float *x, float *y, int64_t lo, int64_t hi)
{
    const int64_t n = p->n, rows = p->apart ? ROWS_AT_ONCE : 1, step = rows * n;
    facts now = pass(p, true, x + lo * n, false, NULL, NULL, (facts){ vf_zero(), vf_zero() });
    for (int64_t r = lo; r < hi; r += rows) {
        const float *from = x + r * n;
        float *to = y + r * n;
        bool last = r + rows == hi;
        if (p->means) vf_store_upto(p->means + r, now.mean, rows);
        if (p->rstds) vf_store_upto(p->rstds + r, now.rstd, rows);
        if (y && !last && VN_MANY_REGISTERS) {
            now = pass(p, true, from + step, true, from, to, now);
            continue;
        }
        if (y) pass(p, false, NULL, true, from, to, now);
        if (!last) now = pass(p, true, from + step, false, NULL, NULL, now);
    }
}

/* Rows [lo, hi) of whole vectors: a row has the same bits among four and alone. */
static void normalise_whole(norm p, const float *x, float *y, int64_t lo, int64_t hi)
{
    int64_t fours = lo + (hi - lo) / ROWS_AT_ONCE * ROWS_AT_ONCE;
    if (lo < fours) normalise_rows(&p, x, y, lo, fours);
    p.apart = 0;
    for (; fours < hi; fours++) normalise_rows(&p, x, y, fours, fours + 1);
}

static void layernorm(const vn_call *c, vn_stream *s)
{
    float eps = (float)((const vn_attr_norm *)c->attr)->eps;
    int64_t n = vn_last_dim(&c->in[0]), fours = VN_GRAIN / n / ROWS_AT_ONCE, lo, hi;
    norm p = { c->in[1].data, c->in[2].data, c->out[1].data, c->out[2].data, n, n, vf_set(eps),
               vf_set(1 / (float)n), eps };
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, (fours ? fours : 1) * ROWS_AT_ONCE, &lo, &hi);
    if (n % VF_N == 0)
        normalise_whole(p, c->in[0].data, c->out[0].data, lo, hi);
    else
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

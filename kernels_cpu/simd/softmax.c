/* Softmax over the last axis and its gradient, for rows of 24 .. 2000 scores that stay in the first
 * cache between the passes: maximum; exponentials and their sum; one multiplication. */
#include "kernels_cpu/gemm/lanes.h"
#include "kernels_cpu/simd/math.h"

/* NaN is passed over: it comes back with the exponentials. */
static float largest(const float *x, int64_t n)
{
    float top = -INFINITY;
    int64_t i = 0;
    if (n >= VF_N) {
        vf m = vf_set(-INFINITY);
        for (; i + VF_N <= n; i += VF_N) m = vf_max(vf_load(x + i), m);
        top = vf_most(m);
    }
    for (; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static void softmax_row(const float *x, float *y, int64_t n)
{
    vf top = vf_set(largest(x, n)), sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N) {
        vf_store_upto(y + i, vf_exp(vf_sub(vf_load_upto(x + i, n - i), top)), n - i);
        sum = vf_add(sum, vf_load_upto(y + i, n - i)); /* read back: 0 past the end */
    }
    vf part = vf_set(1 / vf_sum(sum));
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(y + i, vf_mul(vf_load_upto(y + i, n - i), part), n - i);
}

/* ---- rows of whole vectors: a pass over all rows of a group before the next pass, since each row's
 * exponentials wait for its maximum, and the last pass for their sum ---- */

enum { PAIRS = 4, GROUP_ROWS = 2 * PAIRS };

/* The largest numbers of two rows, as vf_most_pair leaves them. */
VF_INLINE vf tops_of(const float *x, const float *z, int64_t n)
{
    vf a = vf_set(-INFINITY), b = a, c = a, d = a;
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        a = vf_max(vf_load(x + i), a), b = vf_max(vf_load(z + i), b);
        c = vf_max(vf_load(x + i + VF_N), c), d = vf_max(vf_load(z + i + VF_N), d);
    }
    if (i < n) a = vf_max(vf_load(x + i), a), b = vf_max(vf_load(z + i), b);
    return vf_most_pair(vf_max(a, c), vf_max(b, d));
}

/* Into y: exponentials of the distances from the tops; returns one over their sums. */
VF_INLINE vf powers_of(const float *const x[2], float *const y[2], int64_t n, vf top)
{
    const float *from = x[0], *also = x[1];
    float *to = y[0], *there = y[1];
    vf a = vf_zero(), b = a, at = vf_lower(top), by = vf_upper(top);
    for (int64_t i = 0; i < n; i += VF_N) {
        vf p = vf_exp_below(vf_sub(vf_load(from + i), at));
        vf q = vf_exp_below(vf_sub(vf_load(also + i), by));
        a = vf_add(a, p), b = vf_add(b, q);
        vf_store(to + i, p), vf_store(there + i, q);
    }
    return vf_div(vf_set(1), vf_sum_pair(a, b));
}

/* `rows` rows, GROUP_ROWS at most; the last of an odd number is computed twice. */
static void softmax_rows(const float *x, float *y, int64_t rows, int64_t n)
{
    vf share[PAIRS];
    int64_t pairs = (rows + 1) / 2;
    for (int64_t i = 0; i < pairs; i++)
        share[i] = tops_of(x + 2 * i * n, x + (2 * i + (2 * i + 1 < rows)) * n, n);
    for (int64_t i = 0; i < pairs; i++) {
        int64_t at = 2 * i * n, next = (2 * i + (2 * i + 1 < rows)) * n;
        const float *from[] = { x + at, x + next };
        float *to[] = { y + at, y + next };
        share[i] = powers_of(from, to, n, share[i]);
    }
    for (int64_t i = 0; i < rows; i++) {
        vf part = i % 2 ? vf_upper(share[i / 2]) : vf_lower(share[i / 2]);
        for (int64_t k = i * n; k < (i + 1) * n; k += VF_N)
            vf_store(y + k, vf_mul(vf_load(y + k), part));
    }
}

static void grad_row(const float *dy, const float *y, float *dx, int64_t n)
{
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N)
        sum = vf_fma(vf_load_upto(dy + i, n - i), vf_load_upto(y + i, n - i), sum);
    sum = vf_set(vf_sum(sum));
    for (int64_t i = 0; i < n; i += VF_N) {
        vf d = vf_sub(vf_load_upto(dy + i, n - i), sum);
        vf_store_upto(dx + i, vf_mul(vf_load_upto(y + i, n - i), d), n - i);
    }
}

/* The rows of this lane, in tiles of about VN_TILE numbers. */
static int64_t share(const vn_call *c, vn_stream *s, int64_t *lo, int64_t *hi)
{
    int64_t n = vn_last_dim(&c->in[0]);
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_TILE ? VN_TILE / n : 1, lo, hi);
    return n;
}

static void softmax(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, n = share(c, s, &lo, &hi);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    int64_t r = lo;
    for (; y && n % VF_N == 0 && r < hi; r += GROUP_ROWS)
        softmax_rows(x + r * n, y + r * n, hi - r < GROUP_ROWS ? hi - r : GROUP_ROWS, n);
    for (; y && r < hi; r++) softmax_row(x + r * n, y + r * n, n);
}

static void softmax_grad(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, n = share(c, s, &lo, &hi);
    const float *dy = c->in[0].data, *y = c->in[1].data;
    float *dx = c->out[0].data;
    for (int64_t r = lo; dx && r < hi; r++) grad_row(dy + r * n, y + r * n, dx + r * n, n);
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(softmax) = { VN_SIMD_NAME(softmax), VN_SIMD_NEED, unfit, NULL, softmax };
const vn_kernel VN_SIMD(softmax_grad) = { VN_SIMD_NAME(softmax_grad), VN_SIMD_NEED, unfit, NULL,
                                          softmax_grad };

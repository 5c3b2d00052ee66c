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

/* Four rows at once: each row's maximum, exponentials and sum wait for the step before, those of the
 * others do not. The same bits as row by row. */
static void softmax_rows(const float *x, float *y, int64_t n)
{
    vf top[4], sum[4], part[4];
    for (int r = 0; r < 4; r++) {
        top[r] = vf_set(largest(x + r * n, n));
        sum[r] = vf_zero();
    }
    for (int64_t i = 0; i < n; i += VF_N)
        for (int r = 0; r < 4; r++) {
            vf e = vf_exp(vf_sub(vf_load(x + r * n + i), top[r]));
            vf_store(y + r * n + i, e);
            sum[r] = vf_add(sum[r], e);
        }
    for (int r = 0; r < 4; r++) part[r] = vf_set(1 / vf_sum(sum[r]));
    for (int64_t i = 0; i < n; i += VF_N)
        for (int r = 0; r < 4; r++) vf_store(y + r * n + i, vf_mul(vf_load(y + r * n + i), part[r]));
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
    if (n % VF_N == 0)
        for (; y && r + 4 <= hi; r += 4) softmax_rows(x + r * n, y + r * n, n);
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

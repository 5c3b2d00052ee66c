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

/* ---- rows of whole vectors, two at a time: the maximum of the next two is sought beside the exponentials of
 * two, which wait for multiplications alone; the two before get their last multiplication after them ---- */

VF_INLINE vf tops_of(const float *x, const float *z, int64_t n)
{
    vf a = vf_set(-INFINITY), b = a;
    for (int64_t i = 0; i < n; i += VF_N) a = vf_max(vf_load(x + i), a), b = vf_max(vf_load(z + i), b);
    return vf_most_pair(a, b);
}

/* Two rows, or twice the last one, at x and in the result at y; the largest numbers of both, then one over the sums of
 * their exponentials, as vf_most_pair leaves them. */
typedef struct pair {
    const float *x, *z;
    float *y, *w;
    vf top, share;
} pair;

VF_INLINE pair pair_at(const float *x, float *y, int64_t r, int64_t rows, int64_t n)
{
    int64_t second = r + 1 < rows ? r + 1 : r;
    return (pair){ x + r * n, x + second * n, y + r * n, y + second * n, vf_zero(), vf_zero() };
}

/* Exponentials of the distances from the tops of `now`; the tops of `next`. */
VF_INLINE void powers_of(pair *now, pair *next, int64_t n)
{
    vf a = vf_zero(), b = a, at = vf_lower(now->top), by = vf_upper(now->top);
    vf most = vf_set(-INFINITY), other = most;
    for (int64_t i = 0; i < n; i += VF_N) {
        most = vf_max(vf_load(next->x + i), most), other = vf_max(vf_load(next->z + i), other);
        vf p = vf_exp_below(vf_sub(vf_load(now->x + i), at));
        vf q = vf_exp_below(vf_sub(vf_load(now->z + i), by));
        a = vf_add(a, p), b = vf_add(b, q);
        vf_store(now->y + i, p), vf_store(now->w + i, q);
    }
    next->top = vf_most_pair(most, other);
    now->share = vf_div(vf_set(1), vf_sum_pair(a, b));
}

VF_INLINE void shares_of(const pair *p, int64_t n)
{
    vf a = vf_lower(p->share), b = vf_upper(p->share);
    for (int64_t i = 0; i < n; i += VF_N) vf_store(p->y + i, vf_mul(vf_load(p->y + i), a));
    for (int64_t i = 0; i < n && p->w != p->y; i += VF_N) vf_store(p->w + i, vf_mul(vf_load(p->w + i), b));
}

static void softmax_rows(const float *x, float *y, int64_t rows, int64_t n)
{
    pair before, now = pair_at(x, y, 0, rows, n);
    now.top = tops_of(now.x, now.z, n);
    for (int64_t r = 0; r < rows; r += 2) {
        pair next = pair_at(x, y, r + 2 < rows ? r + 2 : r, rows, n);
        powers_of(&now, &next, n);
        if (r) shares_of(&before, n);
        before = now, now = next;
    }
    shares_of(&before, n);
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

/* The rows of this lane, in tiles of about VN_GRAIN numbers. */
static int64_t share(const vn_call *c, vn_stream *s, int64_t *lo, int64_t *hi)
{
    int64_t n = vn_last_dim(&c->in[0]);
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]) / n, n < VN_GRAIN ? VN_GRAIN / n : 1, lo, hi);
    return n;
}

static void softmax(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, n = share(c, s, &lo, &hi);
    const float *x = c->in[0].data;
    float *y = c->out[0].data;
    if (!y || lo >= hi) return;
    if (n % VF_N == 0) softmax_rows(x + lo * n, y + lo * n, hi - lo, n);
    else
        for (int64_t r = lo; r < hi; r++) softmax_row(x + r * n, y + r * n, n);
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

/* Pooling along time of single series (C = 1), kernel = stride: N-HiTS pools every window of a
 * batch by 2, 4, 8, ... A lane takes whole windows of the batch; channels above one go to the
 * reference. */
#include "kernels_cpu/simd/simd.h"

/* First maximum of n >= 1 numbers; the first NaN wins, so that it shows. Arithmetic instead of
 * branches, which the data would have mispredicted half the time. */
VF_INLINE int64_t argmax(const float *x, int64_t n)
{
    int64_t at = 0;
    for (int64_t t = 1; t < n; t++) {
        float v = x[t], best = x[at];
        int better = (v > best) | ((v != v) & (best == best));
        at += (t - at) & -(int64_t)better;
    }
    return at;
}

static float average(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t t = 0; t < n; t++) sum += (double)x[t];
    return (float)(sum / (double)n);
}

static void share(vn_stream *s, const vn_tensor *x, int64_t *lo, int64_t *hi)
{
    int64_t len = x->dim[1];
    vn_lane_share(vn_cpu_lane(s), x->dim[0], len < VN_TILE ? VN_TILE / len : 1, lo, hi);
}

static void pool1d(const vn_call *c, vn_stream *s)
{
    const vn_attr_pool *a = c->attr;
    int64_t len = c->in[0].dim[1], windows = c->out[0].dim[1], k = a->kernel, lo, hi;
    if (!c->out[0].data) return;
    share(s, &c->in[0], &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        const float *x = (const float *)c->in[0].data + b * len;
        float *y = (float *)c->out[0].data + b * windows;
        for (int64_t j = 0; j < windows; j++, x += k) {
            int64_t n = len - j * k < k ? len - j * k : k;
            y[j] = a->mode == VN_POOL_MAX ? x[argmax(x, n)] : average(x, n);
        }
    }
}

static void pool1d_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_pool *a = c->attr;
    int64_t len = c->out[0].dim[1], windows = c->in[0].dim[1], k = a->kernel, lo, hi;
    if (!c->out[0].data) return;
    share(s, &c->out[0], &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        const float *dy = (const float *)c->in[0].data + b * windows;
        const float *x = (const float *)c->in[1].data + b * len;
        float *dx = (float *)c->out[0].data + b * len;
        for (int64_t j = 0; j < windows; j++, dx += k) {
            int64_t n = len - j * k < k ? len - j * k : k;
            float even = a->mode == VN_POOL_MAX ? 0 : dy[j] / (float)n;
            for (int64_t t = 0; t < n; t++) dx[t] = even;
            if (a->mode == VN_POOL_MAX) dx[argmax(x + j * k, n)] = dy[j];
        }
    }
}

/* The input of pool1d and the result of its gradient have the same shape. */
static const char *unfit_shape(const vn_call *c, const vn_tensor *x)
{
    if (vn_not_f32(c)) return vn_not_f32(c);
    if (x->dim[1] < 1) return "no steps";
    return x->dim[2] == 1 ? NULL : "more than one channel";
}

static const char *unfit(const vn_call *c) { return unfit_shape(c, &c->in[0]); }
static const char *unfit_grad(const vn_call *c) { return unfit_shape(c, &c->out[0]); }

const vn_kernel VN_SIMD(pool1d) = { VN_SIMD_NAME(pool1d), VN_SIMD_NEED, unfit, NULL, pool1d };
const vn_kernel VN_SIMD(pool1d_grad) = { VN_SIMD_NAME(pool1d_grad), VN_SIMD_NEED, unfit_grad, NULL,
                                         pool1d_grad };

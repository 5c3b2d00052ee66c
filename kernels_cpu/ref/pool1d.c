/* Pooling along time, kernel = stride; the last window may be short. N-HiTS's coarse views. */
#include "kernels_cpu/ref/real.h"

/* Steps [lo, hi) of window j. */
static void bounds(int64_t kernel, int64_t len, int64_t j, int64_t *lo, int64_t *hi)
{
    *lo = j * kernel;
    *hi = *lo + kernel < len ? *lo + kernel : len;
}

/* Step of the first maximum of x[t * stride] in [lo, hi); the first NaN wins, so that it shows. */
static int64_t argmax(const vn_real *x, int64_t stride, int64_t lo, int64_t hi)
{
    int64_t best = lo;
    for (int64_t t = lo + 1; t < hi; t++) {
        vn_real v = x[t * stride], top = x[best * stride];
        if (v > top || (v != v && top == top)) best = t;
    }
    return best;
}

static void pool1d(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_pool *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2], windows = c->out[0].dim[1], lo, hi;
    for (int64_t b = 0; b < c->in[0].dim[0]; b++, x += len * chans)
        for (int64_t j = 0; j < windows; j++)
            for (int64_t ch = 0; ch < chans; ch++) {
                bounds(a->kernel, len, j, &lo, &hi);
                double sum = 0;
                for (int64_t t = lo; t < hi; t++) sum += (double)x[t * chans + ch];
                *y++ = a->mode == VN_POOL_MAX ? x[argmax(x + ch, chans, lo, hi) * chans + ch]
                                              : (vn_real)(sum / (double)(hi - lo));
            }
}

static void pool1d_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_pool *a = c->attr;
    const vn_real *dy = c->in[0].data, *x = c->in[1].data;
    vn_real *dx = c->out[0].data;
    int64_t len = c->out[0].dim[1], chans = c->out[0].dim[2], windows = c->in[0].dim[1], lo, hi;
    for (int64_t b = 0; b < c->out[0].dim[0]; b++, dx += len * chans)
        for (int64_t j = 0; j < windows; j++)
            for (int64_t ch = 0; ch < chans; ch++, dy++) {
                bounds(a->kernel, len, j, &lo, &hi);
                int64_t top = a->mode == VN_POOL_MAX
                                  ? argmax(x + b * len * chans + ch, chans, lo, hi) : -1;
                for (int64_t t = lo; t < hi; t++)
                    dx[t * chans + ch] = a->mode == VN_POOL_AVG ? *dy / (vn_real)(hi - lo)
                                         : t == top             ? *dy
                                                                : 0;
            }
}

const vn_kernel VN_REF(pool1d) = { VN_REF_NAME(pool1d), 0, VN_REF(unfit), NULL, pool1d };
const vn_kernel VN_REF(pool1d_grad) = { VN_REF_NAME(pool1d_grad), 0, VN_REF(unfit), NULL,
                                        pool1d_grad };

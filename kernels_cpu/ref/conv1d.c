/* Convolution along time and the gradient of its weights. */
#include "device/scalar.h"
#include "kernels_cpu/ref/real.h"

/* The step that tap j of step t reads; -1 outside. */
static int64_t source(int64_t t, int64_t shift, int64_t len, int64_t wrap)
{
    t += shift;
    if (wrap) return ((t % len) + len) % len;
    return t >= 0 && t < len ? t : -1;
}

/* Weight from input i to output o at tap j. */
static double weight(const vn_call *c, int64_t o, int64_t i, int64_t j)
{
    const vn_tensor *w = &c->in[1];
    int64_t k = w->dim[2], at = (o * w->dim[1] + i) * k + j;
    if (((const vn_attr_conv *)c->attr)->transposed) at = (i * w->dim[1] + o) * k + k - 1 - j;
    return (double)vn_ref_stored(w, at);
}

static void conv1d(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_conv *a = c->attr;
    const vn_real *b = c->in[2].data;
    vn_real *y = c->out[0].data;
    int64_t len = c->in[0].dim[1], n_in = c->in[0].dim[2], n_out = c->out[0].dim[2];
    for (int64_t r = 0; r < c->in[0].dim[0] * len; r++)
        for (int64_t o = 0; o < n_out; o++) {
            double sum = b ? (double)b[o] : 0;
            for (int64_t j = 0; j < c->in[1].dim[2]; j++) {
                int64_t t = source(r % len, j * a->dilation - a->pad, len, a->wrap);
                if (t < 0) continue;
                int64_t x = (r - r % len + t) * n_in;
                for (int64_t i = 0; i < n_in; i++)
                    sum += (double)vn_ref_stored(&c->in[0], x + i) * weight(c, o, i, j);
            }
            y[r * n_out + o] = VN_SCALAR(vn_unary_value)(a->act, (vn_real)sum);
        }
}

static void conv1d_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_conv_grad *a = c->attr;
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    vn_real *dw = c->out[0].data;
    int64_t len = c->in[0].dim[1], n_out = c->in[0].dim[2], n_in = c->in[1].dim[2];
    for (int64_t at = 0; at < vn_count(&c->out[0]); at++) {
        int64_t j = at % a->kernel, i = at / a->kernel % n_in, o = at / a->kernel / n_in;
        double sum = 0;
        for (int64_t r = 0; r < c->in[0].dim[0] * len; r++) {
            int64_t t = source(r % len, j * a->dilation - a->pad, len, a->wrap);
            if (t < 0) continue;
            sum += (double)vn_ref_stored(dy, r * n_out + o) *
                   (double)vn_ref_stored(x, (r - r % len + t) * n_in + i);
        }
        dw[at] = (vn_real)sum;
    }
}

const vn_kernel VN_REF(conv1d) = { VN_REF_NAME(conv1d), 0, VN_REF(unfit_stored), NULL, conv1d };
const vn_kernel VN_REF(conv1d_grad) = { VN_REF_NAME(conv1d_grad), 0, VN_REF(unfit_stored), NULL,
                                        conv1d_grad };

/* The masked, weighted sum of a training loss, its weight, and its gradient. */
#include "device/scalar.h"
#include "kernels_cpu/ref/real.h"

/* mask * weight of element i of [B, H, 1]; 0 means that nothing else of it may be looked at. */
static vn_real share(const vn_call *c, int64_t i)
{
    const vn_real *mask = c->in[2].data, *weight = c->in[3].data;
    return weight ? mask[i] * weight[i % c->in[0].dim[1]] : mask[i];
}

/* The window's scale, 1 if there is none. */
static vn_real divisor(const vn_call *c, int64_t i)
{
    const vn_real *scale = c->in[4].data;
    return scale ? scale[i / c->in[0].dim[1]] : 1;
}

static void loss(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_attr_loss *a = c->attr;
    const vn_real *yhat = c->in[0].data, *y = c->in[1].data;
    vn_real *num = c->out[0].data, *den = c->out[1].data;
    double sum = 0, weights = 0;
    int64_t n = vn_count(&c->in[0]);
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i);
        if (w == 0) continue;
        vn_real l = VN_SCALAR(vn_loss_value)(a->kind, (vn_real)a->delta, yhat[i], y[i]);
        sum += (double)(l / divisor(c, i) * w);
        weights += (double)w;
    }
    if (num) *num = (vn_real)sum;
    if (den) *den = (vn_real)weights;
}

static void loss_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_loss *a = c->attr;
    const vn_real *yhat = c->in[0].data, *y = c->in[1].data, *dsum = c->in[5].data;
    vn_real *dyhat = c->out[0].data;
    int64_t n = vn_count(&c->in[0]);
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i);
        dyhat[i] = w == 0 ? 0
                          : VN_SCALAR(vn_loss_slope)(a->kind, (vn_real)a->delta, yhat[i], y[i]) /
                                divisor(c, i) * w * *dsum;
    }
}

const vn_kernel VN_REF(loss) = { VN_REF_NAME(loss), 0, VN_REF(unfit), NULL, loss };
const vn_kernel VN_REF(loss_grad) = { VN_REF_NAME(loss_grad), 0, VN_REF(unfit), NULL, loss_grad };

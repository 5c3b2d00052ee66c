/* Quantile losses, likelihoods with their gradients, parameters of distributions, drawn levels. */
#include "base/philox.h"
#include "device/dist.h"
#include "kernels_cpu/ref/real.h"

/* mask * weight of step i of [B, H]; 0 means that nothing else of it may be looked at. */
static vn_real share(const vn_call *c, int64_t i)
{
    const vn_real *mask = c->in[2].data, *weight = c->in[3].data;
    return weight ? mask[i] * weight[i % c->in[0].dim[1]] : mask[i];
}

static int64_t steps_of(const vn_call *c)
{
    return c->in[0].dim[0] * c->in[0].dim[1];
}

/* ---- quantiles ---- */

/* The level of number j of step i. */
static vn_real level(const vn_call *c, int64_t i, int64_t j)
{
    const vn_real *q = c->in[4].data;
    return q[c->in[4].rank == 1 ? j : i];
}

static void qloss(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_real *yhat = c->in[0].data, *y = c->in[1].data;
    vn_real *num = c->out[0].data, *den = c->out[1].data;
    int64_t n = steps_of(c), Q = c->in[0].dim[2];
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i), mean = 0;
        if (w == 0) continue;
        for (int64_t j = 0; j < Q; j++) {
            vn_real e = y[i] - yhat[i * Q + j], q = level(c, i, j);
            mean += (e < 0 ? (q - 1) * e : q * e) / (vn_real)Q;
        }
        sum += (double)(mean * w);
        weights += (double)w;
    }
    if (num) *num = (vn_real)sum;
    if (den) *den = (vn_real)weights;
}

/* At e = 0 the slope is between those of the sides: 0.5 - q, as sign(0) = 0 would have it. */
static vn_real slope(vn_real e, vn_real q)
{
    return e > 0 ? -q : e < 0 ? 1 - q : e == 0 ? (vn_real)0.5 - q : e;
}

static void qloss_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *yhat = c->in[0].data, *y = c->in[1].data, *dsum = c->in[5].data;
    vn_real *d = c->out[0].data;
    int64_t n = steps_of(c), Q = c->in[0].dim[2];
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i);
        for (int64_t j = 0; j < Q; j++)
            d[i * Q + j] = w == 0 ? 0
                                  : slope(y[i] - yhat[i * Q + j], level(c, i, j)) * w * *dsum /
                                        (vn_real)Q;
    }
}

/* ---- likelihoods ---- */

static vn_real at_window(const vn_call *c, int input, int64_t i, vn_real absent)
{
    const vn_real *t = c->in[input].data;
    return t ? t[i / c->in[0].dim[1]] : absent;
}

static void nll(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_real *x = c->in[0].data, *y = c->in[1].data;
    vn_real *num = c->out[0].data, *den = c->out[1].data;
    int64_t n = steps_of(c), P = c->in[0].dim[2];
    double sum = 0, weights = 0;
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i);
        if (w == 0) continue;
        vn_real l = VN_SCALAR(vn_nll)(c->attr, x + i * P, y[i], at_window(c, 4, i, 0),
                                      at_window(c, 5, i, 1), NULL);
        sum += (double)(l * w);
        weights += (double)w;
    }
    if (num) *num = (vn_real)sum;
    if (den) *den = (vn_real)weights;
}

static void nll_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data, *y = c->in[1].data, *dsum = c->in[6].data;
    vn_real *d = c->out[0].data;
    int64_t n = steps_of(c), P = c->in[0].dim[2];
    for (int64_t i = 0; i < n; i++) {
        vn_real w = share(c, i);
        if (w != 0)
            VN_SCALAR(vn_nll)(c->attr, x + i * P, y[i], at_window(c, 4, i, 0),
                              at_window(c, 5, i, 1), d + i * P);
        for (int64_t j = 0; j < P; j++) d[i * P + j] = w == 0 ? 0 : d[i * P + j] * w * *dsum;
    }
}

static void dist(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data;
    vn_real *out = c->out[0].data;
    int64_t n = steps_of(c), P = c->in[0].dim[2];
    for (int64_t i = 0; i < n; i++)
        VN_SCALAR(vn_dist_map)(c->attr, P, x + i * P, at_window(c, 1, i, 0), at_window(c, 2, i, 1),
                               out + i * P);
}

/* ---- levels ---- */

/* Step i takes word i % 4 of the Philox block i / 4: 23 bits and a half, exact in float. */
static double drawn(const vn_run *run, const vn_attr_tau *a, int64_t i)
{
    uint64_t block = (uint64_t)i / 4, stream = (uint64_t)a->stream;
    vn_philox counter = { { (uint32_t)block, (uint32_t)(block >> 32),
                            (uint32_t)(stream ^ stream >> 32), (uint32_t)*run->step } };
    vn_philox bits = vn_philox4x32(counter, (uint32_t)run->seed, (uint32_t)(run->seed >> 32));
    return ((double)(bits.v[i % 4] >> 9) + 0.5) / 8388608.0;
}

static void tau(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_attr_tau *a = c->attr;
    vn_real *q = c->out[0].data, *phi = c->out[1].data;
    int64_t n = steps_of(c);
    for (int64_t i = 0; i < n; i++) {
        vn_real level_i = (vn_real)drawn(c->run, a, i);
        if (q) q[i] = level_i;
        for (int64_t k = 0; phi && k < a->size; k++)
            phi[i * a->size + k] =
                (vn_real)cos(3.14159265358979323846 * (double)k * (double)level_i);
    }
}

const vn_kernel VN_REF(qloss) = { VN_REF_NAME(qloss), 0, VN_REF(unfit), NULL, qloss };
const vn_kernel VN_REF(qloss_grad) = { VN_REF_NAME(qloss_grad), 0, VN_REF(unfit), NULL,
                                       qloss_grad };
const vn_kernel VN_REF(nll) = { VN_REF_NAME(nll), 0, VN_REF(unfit), NULL, nll };
const vn_kernel VN_REF(nll_grad) = { VN_REF_NAME(nll_grad), 0, VN_REF(unfit), NULL, nll_grad };
const vn_kernel VN_REF(dist) = { VN_REF_NAME(dist), 0, VN_REF(unfit), NULL, dist };
const vn_kernel VN_REF(tau) = { VN_REF_NAME(tau), 0, VN_REF(unfit), NULL, tau };

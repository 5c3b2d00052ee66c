/* The end of a training step: gradient norm, Adam, and the flag that remembers a bad step. */
#include <math.h>

#include "device/moments.h"
#include "kernels_cpu/ref/real.h"

static void gradnorm(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *g = c->in[0].data;
    double sum = 0;
    int64_t n = vn_count(&c->in[0]);
    for (int64_t i = 0; i < n; i++) sum += (double)g[i] * (double)g[i];
    *(vn_real *)c->out[0].data = (vn_real)sqrt(sum);
}

/* As torch.optim.Adam, AdamW, RMSprop and SGD; the bias correction counts this step, hence step + 1. */
static void adam(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_attr_adam *a = c->attr;
    const vn_real *g = c->in[1].data, *norm = c->in[4].data;
    vn_real *p = c->out[0].data, *m = c->out[1].data, *v = c->out[2].data;
    const int64_t *bad = c->in[5].data;
    if (!isfinite(*norm) || (bad && *bad >= 0)) return;
    double lr = (double)c->run->scalar[VN_LR], step = (double)vn_steps_taken(c->run, c->in[7].data);
    double part = c->in[6].data ? 1 / (double)*(const vn_real *)c->in[6].data : 1;
    double clip = a->clip > 0 ? fmin(1, a->clip / ((double)*norm * part + 1e-6)) : 1;
    vn_moments by = vn_moments_of(a, pow(a->beta1, step), pow(a->beta2, step));
    int64_t n = vn_count(&c->in[0]);
    for (int64_t i = 0; i < n; i++) {
        double decay = i < a->n_decay ? a->weight_decay : 0, w = (double)p[i];
        double grad = (double)g[i] * (clip * part);
        if (a->decoupled) w -= lr * decay * w;
        else grad += decay * w;
        m[i] = (vn_real)(by.keep1 * (double)m[i] + by.new1 * grad);
        v[i] = (vn_real)(by.keep2 * (double)v[i] + by.new2 * grad * grad);
        p[i] = (vn_real)(w - lr / by.fix1 * (double)m[i] / (sqrt((double)v[i] / by.fix2) + by.eps));
    }
}

/* The weights decay^(t - s), divided by their sum: the first step alone is its own mean. */
static void average(const vn_call *c, vn_stream *s)
{
    const vn_real *norm = c->in[2].data;
    if (!vn_ref_lane(s) || !isfinite(*norm)) return;
    double decay = ((const vn_attr_average *)c->attr)->decay;
    double part = (1 - decay) / (1 - pow(decay, (double)vn_steps_taken(c->run, c->in[3].data)));
    const vn_real *p = c->in[1].data;
    vn_real *mean = c->out[0].data;
    int64_t n = vn_count(&c->in[0]);
    for (int64_t i = 0; i < n; i++)
        mean[i] = (vn_real)((double)mean[i] + part * ((double)p[i] - (double)mean[i]));
}

static void rescale(const vn_call *c, vn_stream *s)
{
    const int64_t *bad = c->in[1].data;
    if (!vn_ref_lane(s) || *bad >= 0) return;
    const vn_real *norm = c->in[0].data;
    vn_real *scale = c->out[0].data;
    int64_t *counts = c->out[1].data, growth = ((const vn_attr_rescale *)c->attr)->growth;
    if (!isfinite(*norm)) {
        *scale *= (vn_real)0.5;
        counts[0] = 0;
        counts[1]++;
    } else if (++counts[0] == growth) {
        if (*scale < (vn_real)VN_SCALE_MOST) *scale *= 2;
        counts[0] = 0;
    }
}

static void guard(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *loss = c->in[0].data, *norm = c->in[1].data, *scale = c->in[3].data;
    int64_t *bad = c->out[0].data;
    bool falls = scale && *scale > (vn_real)VN_SCALE_LEAST;
    if (*bad < 0 && !(isfinite(*loss) && (falls || isfinite(*norm)))) *bad = *c->run->step;
}

const vn_kernel VN_REF(gradnorm) = { VN_REF_NAME(gradnorm), 0, VN_REF(unfit), NULL, gradnorm };
const vn_kernel VN_REF(adam) = { VN_REF_NAME(adam), 0, VN_REF(unfit), NULL, adam };
const vn_kernel VN_REF(average) = { VN_REF_NAME(average), 0, VN_REF(unfit), NULL, average };
const vn_kernel VN_REF(rescale) = { VN_REF_NAME(rescale), 0, VN_REF(unfit), NULL, rescale };
const vn_kernel VN_REF(guard) = { VN_REF_NAME(guard), 0, VN_REF(unfit), NULL, guard };

/* Paths of an LSTM fed with its own draws. */
#include <math.h>
#include <string.h>

#include "device/draw.h"
#include "kernels_cpu/ref/real.h"

/* One path: its state [layers, 2, U], its draws so far [H], and room for a step. */
typedef struct path {
    const vn_call *c;
    const vn_attr_sample *a;
    int64_t b, H, K, F, width;
    vn_real *state, *drawn, *gate, *raw;
} path;

static vn_scratch scratch(const vn_call *c)
{
    const vn_attr_sample *a = c->attr;
    int64_t n_in = c->in[1].dim[0] + c->in[3].dim[2];
    int64_t n = 2 * a->layers * a->units + c->in[3].dim[1] + 4 * a->units + n_in +
                2 * vn_dist_width(a->kind, a->comps);
    return (vn_scratch){ (size_t)n * sizeof(vn_real), 0 };
}

static double dot(const vn_real *w, const vn_real *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)w[i] * (double)v[i];
    return sum;
}

static vn_real sigmoid(double x) { return (vn_real)(1 / (1 + exp(-x))); }

/* One layer a step on; returns the weights of the next one. */
static const vn_real *layer(const path *p, const vn_real *w, const vn_real *x, int64_t n_in,
                            vn_real *h, vn_real *cell)
{
    int64_t n = p->a->units;
    const vn_real *w_hh = w + 4 * n * n_in, *bias = w_hh + 4 * n * n;
    for (int64_t j = 0; j < 4 * n; j++) {
        double z = dot(w + j * n_in, x, n_in) + dot(w_hh + j * n, h, n) + (double)bias[j] +
                   (double)bias[4 * n + j];
        p->gate[j] = j / n == 2 ? (vn_real)tanh(z) : sigmoid(z);
    }
    for (int64_t j = 0; j < n; j++) {
        double keep = (double)p->gate[n + j] * (double)cell[j];
        cell[j] = (vn_real)(keep + (double)p->gate[j] * (double)p->gate[2 * n + j]);
        h[j] = (vn_real)((double)p->gate[3 * n + j] * tanh((double)cell[j]));
    }
    return bias + 8 * n;
}

/* Lagged values and the other inputs of step t into x. */
static void inputs(const path *p, int64_t t, vn_real *x)
{
    const vn_real *lag = p->c->in[1].data, *past = p->c->in[2].data, *other = p->c->in[3].data;
    int64_t M = p->c->in[2].dim[1];
    for (int64_t k = 0; k < p->K; k++) {
        int64_t at = t - (int64_t)lag[k];
        x[k] = at >= 0 ? p->drawn[at] : M + at >= 0 ? past[p->b * M + M + at] : 0;
    }
    memcpy(x + p->K, other + (p->b * p->H + t) * p->F, (size_t)p->F * sizeof *x);
}

static vn_real of_window(const vn_tensor *t, int64_t b, vn_real absent)
{
    return t->data ? ((const vn_real *)t->data)[b] : absent;
}

static vn_draw_at counter(const path *p, int64_t n, int64_t t)
{
    const int32_t *pair = (const int32_t *)p->c->in[7].data + 2 * p->b;
    uint64_t key = p->c->run->seed ^ (uint64_t)p->a->stream;
    return (vn_draw_at){ (uint32_t)key, (uint32_t)(key >> 32),
                         { { (uint32_t)n, (uint32_t)t, (uint32_t)pair[0], (uint32_t)pair[1] } } };
}

/* The value of step t of path n on the scale of the data. */
static vn_real step(const path *p, int64_t n, int64_t t)
{
    int64_t units = p->a->units, n_in = p->K + p->F;
    vn_real *x = p->raw + 2 * p->width, *param = p->raw + p->width;
    const vn_real *w = p->c->in[0].data;
    vn_attr_dist dist = { .kind = p->a->kind, .comps = p->a->comps };
    inputs(p, t, x);
    for (int64_t l = 0; l < p->a->layers; l++) {
        vn_real *h = p->state + 2 * l * units;
        w = layer(p, w, x, n_in, h, h + units);
        x = h;
        n_in = units;
    }
    for (int64_t j = 0; j < p->width; j++)
        p->raw[j] = (vn_real)(dot(w + j * units, x, units) + (double)w[p->width * units + j]);
    vn_real loc = of_window(&p->c->in[5], p->b, 0), scale = of_window(&p->c->in[6], p->b, 1);
    vn_draw_at at = counter(p, n, t);
    VN_SCALAR(vn_dist_map)(&dist, p->width, p->raw, loc, scale, param);
    vn_real y = VN_SCALAR(vn_draw)(&dist, p->width, param, &at);
    p->drawn[t] = (y - loc) / scale;
    return y;
}

static void lstm_sample(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_sample *a = c->attr;
    path p = { .c = c, .a = a, .H = c->in[3].dim[1], .K = c->in[1].dim[0], .F = c->in[3].dim[2],
               .width = vn_dist_width(a->kind, a->comps), .state = c->scratch };
    int64_t n_state = 2 * a->layers * a->units;
    p.drawn = p.state + n_state;
    p.gate = p.drawn + p.H;
    p.raw = p.gate + 4 * a->units;
    const vn_real *state = c->in[4].data;
    vn_real *out = c->out[0].data;
    for (p.b = 0; p.b < c->in[3].dim[0]; p.b++)
        for (int64_t n = 0; n < a->paths; n++) {
            for (int64_t j = 0; j < n_state; j++) p.state[j] = state ? state[p.b * n_state + j] : 0;
            for (int64_t t = 0; t < p.H; t++)
                out[(p.b * p.H + t) * a->paths + n] = step(&p, n, t);
        }
}

const vn_kernel VN_REF(lstm_sample) = { VN_REF_NAME(lstm_sample), 0, VN_REF(unfit), scratch,
                                        lstm_sample };

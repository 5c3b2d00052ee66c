/* The end of a training step over the parameter block: gradient norm, Adam and the mean of the
 * parameters, one pass each. Bound by memory: 4 bytes a parameter to read for the norm, 28 to move
 * for Adam, 12 for the mean. */
#include <math.h>

#include "device/moments.h"
#include "kernels_cpu/simd/simd.h"

static int64_t tiles_of(int64_t n) { return (n + VN_TILE - 1) / VN_TILE; }

static double sum_squares(const float *g, int64_t n)
{
    vf_acc a = vf_acc_zero(), b = a;
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        vf u = vf_load(g + i), v = vf_load(g + i + VF_N);
        a = vf_acc_dot(a, u, u);
        b = vf_acc_dot(b, v, v);
    }
    for (; i < n; i += VF_N) {
        vf u = vf_load_upto(g + i, n - i);
        a = vf_acc_dot(a, u, u);
    }
    return vf_acc_sum(vf_acc_both(a, b));
}

static vn_scratch norm_scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(vn_count(&c->in[0])) * sizeof(double), 0 };
}

static void gradnorm(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    const float *g = c->in[0].data;
    double *part = c->scratch, sum = 0;
    int64_t n = vn_count(&c->in[0]), lo, hi;
    if (!c->out[0].data) return;
    vn_lane_share(lane, n, VN_TILE, &lo, &hi);
    for (int64_t i = lo; i < hi; i += VN_TILE)
        part[i / VN_TILE] = sum_squares(g + i, hi - i < VN_TILE ? hi - i : VN_TILE);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(n); t++) sum += part[t];
    *(float *)c->out[0].data = (float)sqrt(sum);
}

/* What Adam multiplies by in one step, and the blocks it works on. */
typedef struct update {
    float clip, keep1, new1, keep2, new2, rate, root, eps; /* rate = lr / fix1, root = 1 / sqrt(fix2) */
    float shrink, decay;                       /* decoupled: w *= shrink; else g += decay w */
    const float *g;
    float *p, *m, *v;
} update;

static update update_of(const vn_call *c, bool decays)
{
    const vn_attr_adam *a = c->attr;
    double lr = (double)c->run->scalar[VN_LR];
    double step = (double)vn_steps_taken(c->run, c->in[7].data);
    double norm = (double)*(const float *)c->in[4].data, decay = decays ? a->weight_decay : 0;
    update u = { .g = c->in[1].data, .p = c->out[0].data, .m = c->out[1].data,
                 .v = c->out[2].data };
    double part = c->in[6].data ? 1 / (double)*(const float *)c->in[6].data : 1;
    u.clip = (float)((a->clip > 0 ? fmin(1, a->clip / (norm * part + 1e-6)) : 1) * part);
    vn_moments by = vn_moments_of(a, pow(a->beta1, step), pow(a->beta2, step));
    u.keep1 = (float)by.keep1;
    u.new1 = (float)by.new1;
    u.keep2 = (float)by.keep2;
    u.new2 = (float)by.new2;
    u.rate = (float)(lr / by.fix1);
    u.root = (float)(1 / sqrt(by.fix2));
    u.eps = (float)by.eps;
    u.shrink = a->decoupled ? (float)(1 - lr * decay) : 1;
    u.decay = a->decoupled ? 0 : (float)decay;
    return u;
}

static void update_range(const update *u, int64_t lo, int64_t hi)
{
    vf clip = vf_set(u->clip), keep1 = vf_set(u->keep1), keep2 = vf_set(u->keep2);
    vf new1 = vf_set(u->new1), new2 = vf_set(u->new2);
    vf rate = vf_set(u->rate), root = vf_set(u->root), eps = vf_set(u->eps);
    vf shrink = vf_set(u->shrink), decay = vf_set(u->decay);
    for (int64_t i = lo; i < hi; i += VF_N) {
        int64_t n = hi - i;
        vf w = vf_load_upto(u->p + i, n);
        vf g = vf_fma(decay, w, vf_mul(vf_load_upto(u->g + i, n), clip));
        vf m = vf_fma(keep1, vf_load_upto(u->m + i, n), vf_mul(new1, g));
        vf v = vf_fma(keep2, vf_load_upto(u->v + i, n), vf_mul(vf_mul(new2, g), g));
        vf step = vf_div(vf_mul(rate, m), vf_fma(vf_sqrt(v), root, eps));
        vf_store_upto(u->m + i, m, n);
        vf_store_upto(u->v + i, v, n);
        vf_store_upto(u->p + i, vf_sub(vf_mul(w, shrink), step), n);
    }
}

static void adam(const vn_call *c, vn_stream *s)
{
    const vn_attr_adam *a = c->attr;
    const int64_t *bad = c->in[5].data;
    int64_t lo, hi;
    if (!isfinite(*(const float *)c->in[4].data) || (bad && *bad >= 0)) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]), VN_TILE, &lo, &hi);
    int64_t cut = a->n_decay < lo ? lo : a->n_decay < hi ? a->n_decay : hi;
    update with = update_of(c, true), without = update_of(c, false);
    update_range(&with, lo, cut);
    update_range(&without, cut, hi);
}

static void average(const vn_call *c, vn_stream *s)
{
    double decay = ((const vn_attr_average *)c->attr)->decay;
    double taken = (double)vn_steps_taken(c->run, c->in[3].data);
    if (!isfinite(*(const float *)c->in[2].data)) return;
    vf part = vf_set((float)((1 - decay) / (1 - pow(decay, taken))));
    const float *p = c->in[1].data;
    float *mean = c->out[0].data;
    int64_t lo, hi;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]), VN_TILE, &lo, &hi);
    for (int64_t i = lo; i < hi; i += VF_N) {
        vf old = vf_load_upto(mean + i, hi - i);
        vf step = vf_sub(vf_load_upto(p + i, hi - i), old);
        vf_store_upto(mean + i, vf_fma(part, step, old), hi - i);
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(gradnorm) = { VN_SIMD_NAME(gradnorm), VN_SIMD_NEED, unfit, norm_scratch,
                                      gradnorm, true };
const vn_kernel VN_SIMD(average) = { VN_SIMD_NAME(average), VN_SIMD_NEED, unfit, NULL, average };
const vn_kernel VN_SIMD(adam) = { VN_SIMD_NAME(adam), VN_SIMD_NEED, unfit, NULL, adam };

/* Quantile losses and the levels of implicit quantiles. A step's quantiles lie side by side and are
 * one run of vectors; with a single level the whole row of a window is. */
#include <math.h>

#include "base/philox.h"
#include "kernels_cpu/simd/simd.h"

enum { ROWS = 64 }; /* windows a lane takes at a time */

/* max(q e, (q - 1) e), e = y - yhat. */
VF_INLINE vf value_of(vf e, vf q)
{
    return vf_max(vf_mul(q, e), vf_mul(vf_sub(q, vf_set(1)), e));
}

/* Its slope in yhat. */
VF_INLINE vf slope_of(vf e, vf q)
{
    vf zero = vf_zero(), half = vf_set(0.5f);
    vf side = vf_pick(vf_lt(zero, e), vf_neg(half), vf_pick(vf_lt(e, zero), half, e));
    return vf_add(vf_sub(half, q), side);
}

/* A run of n numbers: of one step with its levels, or of one window with one level or a level a
 * step. */
typedef struct run {
    const float *yhat, *y, *w; /* y and w: one each where `step`, else n */
    const float *q;            /* n, or one where `same` */
    int64_t n;
    bool step, same;
} run;

VF_INLINE vf error_at(const run *r, int64_t i)
{
    vf y = r->step ? vf_set(*r->y) : vf_load_upto(r->y + i, r->n - i);
    return vf_sub(y, vf_load_upto(r->yhat + i, r->n - i));
}

VF_INLINE vf level_at(const run *r, int64_t i)
{
    return r->same ? vf_set(*r->q) : vf_load_upto(r->q + i, r->n - i);
}

/* mask * weight of a window's steps into w [H]. */
VF_INLINE void weigh(const vn_call *c, int64_t b, float *w)
{
    int64_t h = c->in[0].dim[1];
    const float *mask = (const float *)c->in[2].data + b * h, *weight = c->in[3].data;
    for (int64_t i = 0; i < h; i++) w[i] = weight ? mask[i] * weight[i] : mask[i];
}

/* The runs of window b: every step, or the window. */
static int64_t runs_of(const vn_call *c) { return c->in[0].dim[2] > 1 ? c->in[0].dim[1] : 1; }

VF_INLINE run run_of(const vn_call *c, const float *w, int64_t b, int64_t k)
{
    int64_t h = c->in[0].dim[1], Q = c->in[0].dim[2];
    const float *yhat = c->in[0].data, *y = c->in[1].data, *q = c->in[4].data;
    bool each = c->in[4].rank > 1;
    if (Q > 1)
        return (run){ yhat + (b * h + k) * Q, y + b * h + k, w + k, q, Q, true, false };
    return (run){ yhat + b * h, y + b * h, w, each ? q + b * h : q, h, false, !each };
}

static int64_t tiles_of(const vn_call *c) { return (c->in[0].dim[0] + ROWS - 1) / ROWS; }

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(c) * 2 * sizeof(double),
                         (size_t)c->in[0].dim[1] * sizeof(float) };
}

static vn_scratch scratch_grad(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)c->in[0].dim[1] * sizeof(float) };
}

/* Steps of window b with Q levels each: the sum over a step's levels, times its weight. */
VF_INLINE vf_acc sum_window(const vn_call *c, const float *w, int64_t b, vf_acc sum)
{
    vf zero = vf_zero();
    for (int64_t k = 0; k < runs_of(c); k++) {
        run r = run_of(c, w, b, k);
        vf one_w = vf_set(*r.w);
        if (r.step && *r.w == 0) continue;
        for (int64_t i = 0; i < r.n; i += VF_N) {
            vf l = value_of(error_at(&r, i), level_at(&r, i));
            vf share = r.step ? one_w : vf_load_upto(r.w + i, r.n - i);
            l = vf_pick(vf_eq(share, zero), zero, vf_mul(l, share));
            if (r.step && r.n - i < VF_N) { /* lanes past the levels hold value_of(y, 0) */
                float lane[VF_N] = { 0 };
                vf_store_n(lane, l, (int)(r.n - i));
                l = vf_load(lane);
            }
            sum = vf_acc_add(sum, l);
        }
    }
    return sum;
}

static void sum_rows(const vn_call *c, float *w, int64_t lo, int64_t hi, double part[2])
{
    vf_acc sum = vf_acc_zero();
    double weights = 0;
    int64_t h = c->in[0].dim[1];
    for (int64_t b = lo; b < hi; b++) {
        weigh(c, b, w);
        for (int64_t i = 0; i < h; i++) weights += (double)w[i];
        sum = sum_window(c, w, b, sum);
    }
    part[0] = vf_acc_sum(sum);
    part[1] = weights;
}

static void qloss(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    double(*part)[2] = c->scratch, sum = 0, weights = 0;
    int64_t lo, hi;
    vn_lane_share(lane, c->in[0].dim[0], ROWS, &lo, &hi);
    for (int64_t b = lo; b < hi; b += ROWS)
        sum_rows(c, vn_cpu_scratch(s), b, b + ROWS < hi ? b + ROWS : hi, part[b / ROWS]);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(c); t++) {
        sum += part[t][0];
        weights += part[t][1];
    }
    if (c->out[0].data) *(float *)c->out[0].data = (float)(sum / (double)c->in[0].dim[2]);
    if (c->out[1].data) *(float *)c->out[1].data = (float)weights;
}

static void qloss_grad(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, h = c->in[0].dim[1], Q = c->in[0].dim[2];
    float *w = vn_cpu_scratch(s), *out = c->out[0].data;
    if (!out) return;
    vf zero = vf_zero(), dsum = vf_set(*(const float *)c->in[5].data / (float)Q);
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0], ROWS, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        weigh(c, b, w);
        for (int64_t k = 0; k < runs_of(c); k++) {
            run r = run_of(c, w, b, k);
            float *d = out + b * h * Q + k * Q;
            for (int64_t i = 0; i < r.n; i += VF_N) {
                vf share = r.step ? vf_set(*r.w) : vf_load_upto(r.w + i, r.n - i);
                vf g = vf_mul(slope_of(error_at(&r, i), level_at(&r, i)), vf_mul(share, dsum));
                vf_store_upto(d + i, vf_pick(vf_eq(share, zero), zero, g), r.n - i);
            }
        }
    }
}

/* ---- levels ---- */

/* Four words for steps 4 block .. 4 block + 3. */
static vn_philox words(const vn_run *run_facts, uint64_t stream, uint64_t block)
{
    vn_philox counter = { { (uint32_t)block, (uint32_t)(block >> 32),
                            (uint32_t)(stream ^ stream >> 32), (uint32_t)*run_facts->step } };
    return vn_philox4x32(counter, (uint32_t)run_facts->seed, (uint32_t)(run_facts->seed >> 32));
}

/* cos(k x) for k = 0 .. n - 1 by cos((k + 1) x) = 2 cos x cos(k x) - cos((k - 1) x); in double the
 * error grows to 1e-12 over thousands of steps. */
static void cosines(double q, float *out, int64_t n)
{
    double c = cos(3.14159265358979323846 * q), before = c, now = 1;
    for (int64_t k = 0; k < n; k++) {
        double next = 2 * c * now - before;
        out[k] = (float)now;
        before = now;
        now = next;
    }
}

static void tau(const vn_call *c, vn_stream *s)
{
    const vn_attr_tau *a = c->attr;
    float *q = c->out[0].data, *phi = c->out[1].data;
    int64_t lo, hi;
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0] * c->in[0].dim[1], 256, &lo, &hi);
    for (int64_t i = lo; i < hi; i += 4) {
        vn_philox bits = words(c->run, (uint64_t)a->stream, (uint64_t)i / 4);
        for (int64_t k = 0; k < 4 && i + k < hi; k++) {
            double level = ((double)(bits.v[k] >> 9) + 0.5) / 8388608.0;
            if (q) q[i + k] = (float)level;
            if (phi) cosines(level, phi + (i + k) * a->size, a->size);
        }
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(qloss) = { VN_SIMD_NAME(qloss), VN_SIMD_NEED, unfit, scratch, qloss };
const vn_kernel VN_SIMD(qloss_grad) = { VN_SIMD_NAME(qloss_grad), VN_SIMD_NEED, unfit, scratch_grad,
                                        qloss_grad };
const vn_kernel VN_SIMD(tau) = { VN_SIMD_NAME(tau), VN_SIMD_NEED, unfit, NULL, tau };

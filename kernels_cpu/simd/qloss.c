/* Quantile losses and the levels of implicit quantiles. */
#include <math.h>
#include <string.h>

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

/* Steps of a window are taken in blocks of about BLOCK numbers, as many for each step as there are
 * levels: y and weight are repeated into them once, and the rest is one run of vectors. */
enum { BLOCK = 512 };

typedef struct room {
    float *y, *w, *q; /* [size]: a block and VF_N more, which the last step spills into */
    int64_t steps;    /* of a block */
} room;

static int64_t steps_of_block(const vn_call *c)
{
    int64_t Q = c->in[0].dim[2];
    return Q >= BLOCK ? 1 : BLOCK / Q;
}

static int64_t size_of(const vn_call *c)
{
    return steps_of_block(c) * c->in[0].dim[2] + 2 * VF_N;
}

static room open_room(const vn_call *c, float *scratch)
{
    int64_t size = size_of(c), Q = c->in[0].dim[2];
    room r = { scratch, scratch + size, scratch + 2 * size, steps_of_block(c) };
    const float *q = c->in[4].data;
    for (int64_t i = 0; c->in[4].rank == 1 && i < size; i++) r.q[i] = q[i % Q];
    return r;
}

/* x repeated `times` times at `to`; up to VF_N more are written. */
VF_INLINE void repeat(float *to, float x, int64_t times)
{
    vf v = vf_set(x);
    for (int64_t j = 0; j < times; j += VF_N) vf_store(to + j, v);
}

/* Fill the room with steps [k, k + n) of window b; behind them the weight is 0. */
VF_INLINE void take(const vn_call *c, room *r, int64_t b, int64_t k, int64_t n)
{
    int64_t h = c->in[0].dim[1], Q = c->in[0].dim[2], at = b * h + k;
    const float *y = (const float *)c->in[1].data + at, *mask = (const float *)c->in[2].data + at;
    const float *weight = c->in[3].data ? (const float *)c->in[3].data + k : NULL;
    for (int64_t i = 0; i < n && Q > 1; i++) {
        repeat(r->y + i * Q, y[i], Q);
        repeat(r->w + i * Q, weight ? mask[i] * weight[i] : mask[i], Q);
    }
    for (int64_t i = 0; i < n && Q == 1; i += VF_N) {
        vf w = vf_load_upto(mask + i, n - i);
        if (weight) w = vf_mul(w, vf_load_upto(weight + i, n - i));
        vf_store(r->w + i, w);
        vf_store(r->y + i, vf_load_upto(y + i, n - i));
    }
    vf_store(r->w + n * Q, vf_zero());
    const float *q = c->in[4].data;
    if (c->in[4].rank > 1) memcpy(r->q, q + at, (size_t)n * sizeof *q);
}

static int64_t tiles_of(const vn_call *c) { return (c->in[0].dim[0] + ROWS - 1) / ROWS; }

static vn_scratch scratch_grad(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)size_of(c) * 3 * sizeof(float) };
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(c) * 2 * sizeof(double), scratch_grad(c).per_lane };
}

/* Sums of windows [lo, hi) into part[0], weights into part[1], each once for every level. */
static void sum_rows(const vn_call *c, room *r, int64_t lo, int64_t hi, double part[2])
{
    vf_acc sum = vf_acc_zero(), weights = sum;
    int64_t h = c->in[0].dim[1], Q = c->in[0].dim[2];
    vf zero = vf_zero();
    for (int64_t b = lo; b < hi; b++)
        for (int64_t k = 0; k < h; k += r->steps) {
            int64_t n = (h - k < r->steps ? h - k : r->steps);
            const float *yhat = (const float *)c->in[0].data + (b * h + k) * Q;
            take(c, r, b, k, n);
            for (int64_t i = 0; i < n * Q; i += VF_N) {
                vf e = vf_sub(vf_load(r->y + i), vf_load_upto(yhat + i, n * Q - i));
                vf w = vf_load(r->w + i), l = vf_mul(value_of(e, vf_load(r->q + i)), w);
                sum = vf_acc_add(sum, vf_pick(vf_eq(w, zero), zero, l));
                weights = vf_acc_add(weights, w);
            }
        }
    part[0] = vf_acc_sum(sum);
    part[1] = vf_acc_sum(weights);
}

static void qloss(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    double(*part)[2] = c->scratch, sum = 0, weights = 0, Q = (double)c->in[0].dim[2];
    room r = open_room(c, vn_cpu_scratch(s));
    int64_t lo, hi;
    vn_lane_share(lane, c->in[0].dim[0], ROWS, &lo, &hi);
    for (int64_t b = lo; b < hi; b += ROWS)
        sum_rows(c, &r, b, b + ROWS < hi ? b + ROWS : hi, part[b / ROWS]);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(c); t++) {
        sum += part[t][0];
        weights += part[t][1];
    }
    if (c->out[0].data) *(float *)c->out[0].data = (float)(sum / Q);
    if (c->out[1].data) *(float *)c->out[1].data = (float)(weights / Q);
}

static void qloss_grad(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, h = c->in[0].dim[1], Q = c->in[0].dim[2];
    if (!c->out[0].data) return;
    room r = open_room(c, vn_cpu_scratch(s));
    vf zero = vf_zero(), dsum = vf_set(*(const float *)c->in[5].data / (float)Q);
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0], ROWS, &lo, &hi);
    for (int64_t b = lo; b < hi; b++)
        for (int64_t k = 0; k < h; k += r.steps) {
            int64_t n = (h - k < r.steps ? h - k : r.steps), at = (b * h + k) * Q;
            const float *yhat = (const float *)c->in[0].data + at;
            float *d = (float *)c->out[0].data + at;
            take(c, &r, b, k, n);
            for (int64_t i = 0; i < n * Q; i += VF_N) {
                vf e = vf_sub(vf_load(r.y + i), vf_load_upto(yhat + i, n * Q - i));
                vf w = vf_load(r.w + i), g = slope_of(e, vf_load(r.q + i));
                g = vf_pick(vf_eq(w, zero), zero, vf_mul(g, vf_mul(w, dsum)));
                vf_store_upto(d + i, g, n * Q - i);
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

/* Quantile losses and the levels of implicit quantiles. */
#include <math.h>

#include "base/philox.h"
#include "kernels_cpu/simd/simd.h"

/* Steps are taken VF_N at a time, a group: VF_N steps of Q numbers are Q vectors, and number n of a
 * group belongs to step n / Q and level n % Q. So y is read once a group and spread over its
 * vectors by permutations that are the same for every group. */
typedef struct room {
    const int32_t *step; /* [Q, VF_N]: the step of each number */
    const float *q;      /* [Q, VF_N]: its level */
} room;

enum {
    TILE_NUMBERS = 4096, /* a lane takes at a time, about */
    CHUNK = 16,          /* vectors summed in single precision before they join the double sum */
    BLOCK = 4            /* vectors of a single level whose weights are looked at together */
};

static int64_t levels_of(const vn_call *c)
{
    return c->in[0].dim[2];
}
static int64_t steps_of(const vn_call *c)
{
    return c->in[0].dim[0] * c->in[0].dim[1];
}

static int64_t tile_of(const vn_call *c)
{
    int64_t groups = TILE_NUMBERS / VF_N / levels_of(c);
    return (groups ? groups : 1) * VF_N;
}

static int64_t tiles_of(const vn_call *c)
{
    return (steps_of(c) + tile_of(c) - 1) / tile_of(c);
}

static vn_scratch scratch_grad(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)levels_of(c) * VF_N * (sizeof(int32_t) + sizeof(float)) };
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(c) * 2 * sizeof(double), scratch_grad(c).per_lane };
}

static room open_room(const vn_call *c, void *scratch)
{
    int64_t Q = levels_of(c), n = Q * VF_N, at = 0;
    bool shared = c->in[4].rank == 1;
    const float *level = c->in[4].data;
    int32_t *step = scratch;
    float *q = (float *)scratch + n;
    for (int32_t k = 0; k < VF_N; k++)
        for (int64_t j = 0; j < Q; j++, at++) {
            step[at] = k;
            q[at] = shared ? level[j] : 0;
        }
    return (room){ step, q };
}

/* One group's inputs: y, weights (0 behind the last step), how many numbers there are. */
typedef struct group {
    const float *yhat, *q;
    vf y, w;
    int64_t n;
    bool plain; /* all there, every weight 1 */
} group;

VF_INLINE group group_at(const vn_call *c, const room *r, int64_t at)
{
    int64_t Q = levels_of(c), h = c->in[0].dim[1], left = steps_of(c) - at;
    const float *weight = c->in[3].data;
    group g = { .yhat = (const float *)c->in[0].data + at * Q,
                .q = c->in[4].rank == 1 ? r->q : (const float *)c->in[4].data + at,
                .y = vf_load_upto((const float *)c->in[1].data + at, left),
                .w = vf_load_upto((const float *)c->in[2].data + at, left),
                .n = (left < VF_N ? left : VF_N) * Q };
    if (weight) {
        float w[VF_N];
        for (int64_t i = 0, k = at % h; i < VF_N; i++, k = k + 1 == h ? 0 : k + 1) w[i] = weight[k];
        g.w = vf_mul(g.w, vf_load(w));
    }
    g.plain = left >= VF_N && vf_count(vf_eq(g.w, vf_set(1))) == VF_N;
    return g;
}

/* max(q e, (q - 1) e), e = y - yhat. */
VF_INLINE vf value_of(vf e, vf q)
{
    return vf_mul(e, vf_pick(vf_lt(e, vf_zero()), vf_sub(q, vf_set(1)), q));
}

/* c times its slope in yhat. */
VF_INLINE vf slope_of(vf e, vf q, vf c)
{
    vf zero = vf_zero(), half = vf_set(0.5f);
    vf side = vf_pick(vf_lt(zero, e), vf_neg(half), vf_pick(vf_lt(e, zero), half, e));
    return vf_mul(vf_add(vf_sub(half, q), side), c);
}

/* A group's steps spread over its vector j. With one level they are that vector. */
VF_INLINE vf spread(vf x, const room *r, int64_t j, bool one)
{
    return one ? x : vf_take(x, vf_places_load(r->step + j * VF_N));
}

/* sum + the weighted losses of a group's vectors [j, end). */
VF_INLINE vf sum_part(const group *g, const room *r, int64_t j, int64_t end, bool one, vf sum)
{
    for (; j < end && g->plain; j++) {
        vf e = vf_sub(spread(g->y, r, j, one), vf_load(g->yhat + j * VF_N));
        sum = vf_add(sum, value_of(e, vf_load(g->q + j * VF_N)));
    }
    for (; j < end && j * VF_N < g->n; j++) {
        int64_t left = g->n - j * VF_N;
        vf e = vf_sub(spread(g->y, r, j, one), vf_load_upto(g->yhat + j * VF_N, left));
        vf w = spread(g->w, r, j, one), q = vf_load_upto(g->q + j * VF_N, left);
        sum = vf_add(sum, vf_pick(vf_eq(w, vf_zero()), vf_zero(), vf_mul(value_of(e, q), w)));
    }
    return sum;
}

/* ---- one level for all steps, without weights of the horizon: as fast as the caches bring it ----
 */

static bool is_single(const vn_call *c)
{
    return levels_of(c) == 1 && c->in[4].rank == 1 && !c->in[3].data;
}

/* Whether a block begins at step `at`, before `end`, all of whose weights are 1. */
VF_INLINE bool is_block(const vn_call *c, int64_t at, int64_t end)
{
    const float *w = (const float *)c->in[2].data + at;
    vf one = vf_set(1);
    if (at + BLOCK * VF_N > end) return false;
    vf_mask a = vf_both(vf_eq(vf_load(w), one), vf_eq(vf_load(w + VF_N), one));
    vf_mask b = vf_both(vf_eq(vf_load(w + 2 * VF_N), one), vf_eq(vf_load(w + 3 * VF_N), one));
    return vf_count(vf_both(a, b)) == VF_N;
}

VF_INLINE vf sum_block(const vn_call *c, int64_t at, vf q, vf sum)
{
    const float *yhat = (const float *)c->in[0].data + at, *y = (const float *)c->in[1].data + at;
    for (int64_t i = 0; i < BLOCK * VF_N; i += VF_N)
        sum = vf_add(sum, value_of(vf_sub(vf_load(y + i), vf_load(yhat + i)), q));
    return sum;
}

/* The slopes a single level has, times the gradient of the loss; NaN of a NaN by adding it. */
typedef struct slopes {
    vf below, above, at; /* yhat below y, above it, at it */
} slopes;

static slopes slopes_of(float level, vf dsum)
{
    vf half = vf_set(0.5f), middle = vf_sub(half, vf_set(level));
    return (slopes){ vf_mul(vf_sub(middle, half), dsum), vf_mul(vf_add(middle, half), dsum),
                     vf_mul(middle, dsum) };
}

VF_INLINE void slope_block(const vn_call *c, int64_t at, const slopes *s, float *d)
{
    const float *yhat = (const float *)c->in[0].data + at, *y = (const float *)c->in[1].data + at;
    for (int64_t i = 0; i < BLOCK * VF_N; i += VF_N) {
        vf v = vf_load(y + i), x = vf_load(yhat + i), rest = vf_add(s->at, vf_sub(v, x));
        vf_store(d + i, vf_pick(vf_lt(x, v), s->below, vf_pick(vf_lt(v, x), s->above, rest)));
    }
}

/* ---- the loss ---- */

/* Sums of steps [lo, hi) into part[0], weights into part[1]; `one`: one level. */
VF_INLINE void sum_steps(const vn_call *c, const room *r, int64_t lo, int64_t hi, bool one,
                         double part[2])
{
    vf_acc sum = vf_acc_zero(), weights = sum;
    bool single = one && is_single(c);
    vf level = vf_set(*(const float *)c->in[4].data), ones = vf_set(BLOCK);
    int64_t Q = one ? 1 : levels_of(c), chunk = VF_N * (Q < CHUNK ? CHUNK / Q : 1);
    for (; lo < hi; lo += chunk) {
        vf part_sum = vf_zero(), part_weights = part_sum;
        int64_t end = lo + chunk < hi ? lo + chunk : hi;
        for (int64_t at = lo; at < end; at += VF_N) {
            if (single && is_block(c, at, end)) {
                part_sum = sum_block(c, at, level, part_sum);
                part_weights = vf_add(part_weights, ones);
                at += (BLOCK - 1) * VF_N;
                continue;
            }
            group g = group_at(c, r, at);
            for (int64_t j = 0; j < Q; j += CHUNK) {
                if (j) sum = vf_acc_add(sum, part_sum), part_sum = vf_zero();
                part_sum = sum_part(&g, r, j, Q - j < CHUNK ? Q : j + CHUNK, one, part_sum);
            }
            part_weights = vf_add(part_weights, g.w);
        }
        sum = vf_acc_add(sum, part_sum);
        weights = vf_acc_add(weights, part_weights);
    }
    part[0] = vf_acc_sum(sum);
    part[1] = vf_acc_sum(weights);
}

static void qloss(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    double(*part)[2] = c->scratch, sum = 0, weights = 0;
    int64_t lo, hi, tile = tile_of(c);
    room r = open_room(c, vn_cpu_scratch(s));
    vn_lane_share(lane, steps_of(c), tile, &lo, &hi);
    for (int64_t at = lo; at < hi; at += tile) {
        int64_t end = at + tile < hi ? at + tile : hi;
        if (levels_of(c) == 1)
            sum_steps(c, &r, at, end, true, part[at / tile]);
        else
            sum_steps(c, &r, at, end, false, part[at / tile]);
    }
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(c); t++) {
        sum += part[t][0];
        weights += part[t][1];
    }
    if (c->out[0].data) *(float *)c->out[0].data = (float)(sum / (double)levels_of(c));
    if (c->out[1].data) *(float *)c->out[1].data = (float)weights;
}

VF_INLINE void slope_group(const group *g, const room *r, int64_t Q, bool one, vf dsum, float *d)
{
    for (int64_t j = 0; j < Q && g->plain; j++) {
        vf e = vf_sub(spread(g->y, r, j, one), vf_load(g->yhat + j * VF_N));
        vf_store(d + j * VF_N, slope_of(e, vf_load(g->q + j * VF_N), dsum));
    }
    for (int64_t j = 0; j * VF_N < g->n && !g->plain; j++) {
        int64_t left = g->n - j * VF_N;
        vf e = vf_sub(spread(g->y, r, j, one), vf_load_upto(g->yhat + j * VF_N, left));
        vf w = spread(g->w, r, j, one), q = vf_load_upto(g->q + j * VF_N, left);
        vf slope = vf_pick(vf_eq(w, vf_zero()), vf_zero(), vf_mul(slope_of(e, q, dsum), w));
        vf_store_upto(d + j * VF_N, slope, left);
    }
}

static void qloss_grad(const vn_call *c, vn_stream *s)
{
    int64_t lo, hi, Q = levels_of(c);
    if (!c->out[0].data) return;
    room r = open_room(c, vn_cpu_scratch(s));
    vf dsum = vf_set(*(const float *)c->in[5].data / (float)Q);
    slopes three = slopes_of(*(const float *)c->in[4].data, dsum);
    bool single = is_single(c);
    vn_lane_share(vn_cpu_lane(s), steps_of(c), tile_of(c), &lo, &hi);
    for (int64_t at = lo; at < hi; at += VF_N) {
        float *d = (float *)c->out[0].data + at * Q;
        if (single && is_block(c, at, hi)) {
            slope_block(c, at, &three, d);
            at += (BLOCK - 1) * VF_N;
            continue;
        }
        group g = group_at(c, &r, at);
        if (Q == 1)
            slope_group(&g, &r, 1, true, dsum, d);
        else
            slope_group(&g, &r, Q, false, dsum, d);
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

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(qloss) = { VN_SIMD_NAME(qloss), VN_SIMD_NEED, unfit, scratch, qloss,
                                true };
const vn_kernel VN_SIMD(qloss_grad) = { VN_SIMD_NAME(qloss_grad), VN_SIMD_NEED, unfit, scratch_grad,
                                        qloss_grad };
const vn_kernel VN_SIMD(tau) = { VN_SIMD_NAME(tau), VN_SIMD_NEED, unfit, NULL, tau };

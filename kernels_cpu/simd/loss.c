/* The masked, weighted sum of a training loss, its weight, and its gradient, a row of the horizon
 * at a time. Masked elements are picked away, never multiplied away: they may be NaN. */
#include "kernels_cpu/simd/simd.h"

enum {
    ROWS = 64,  /* windows a lane takes at a time */
    RUN = 4096, /* or elements, where windows do not differ in scale or weights */
    CHUNK = 16
}; /* vectors summed in single precision before they join the double sum */

VF_INLINE vf loss_value(int64_t kind, vf delta, vf yhat, vf y)
{
    vf e = vf_sub(yhat, y), size = vf_abs(e), half = vf_set(0.5f), zero = vf_zero();
    switch (kind) {
    case VN_LOSS_MSE:
        return vf_mul(e, e);
    case VN_LOSS_HUBER:
        return vf_pick(vf_le(size, delta), vf_mul(half, vf_mul(e, e)),
                       vf_mul(delta, vf_fnma(half, delta, size)));
    case VN_LOSS_SMAPE: {
        vf sum = vf_add(vf_abs(y), vf_abs(yhat));
        return vf_pick(vf_eq(sum, zero), zero, vf_div(vf_add(size, size), sum));
    }
    case VN_LOSS_MAPE:
        return vf_pick(vf_eq(y, zero), zero, vf_div(size, vf_abs(y)));
    default:
        return size;
    }
}

/* -1, 0 or 1; NaN stays. */
VF_INLINE vf sign_of(vf e)
{
    vf zero = vf_zero(), one = vf_set(1);
    return vf_pick(vf_lt(zero, e), one, vf_pick(vf_lt(e, zero), vf_neg(one), e));
}

VF_INLINE vf loss_slope(int64_t kind, vf delta, vf yhat, vf y)
{
    vf e = vf_sub(yhat, y), size = vf_abs(e), zero = vf_zero(), sign = sign_of(e);
    switch (kind) {
    case VN_LOSS_MSE:
        return vf_add(e, e);
    case VN_LOSS_HUBER:
        return vf_pick(vf_le(size, delta), e, vf_mul(delta, sign));
    case VN_LOSS_SMAPE: {
        vf sum = vf_add(vf_abs(y), vf_abs(yhat));
        vf factor = vf_pick(vf_eq(yhat, zero), vf_set(2), vf_set(4)); /* |yhat| has no slope at 0 */
        vf slope = vf_div(vf_mul(vf_mul(factor, sign), vf_div(vf_abs(y), sum)), sum);
        vf_mask apart = vf_lt(vf_mul(sign_of(y), sign_of(yhat)), zero); /* there l is 2 */
        return vf_pick(vf_eq(sum, zero), zero, vf_pick(apart, zero, slope));
    }
    case VN_LOSS_MAPE:
        return vf_pick(vf_eq(y, zero), zero, vf_div(sign, vf_abs(y)));
    default:
        return sign;
    }
}

/* Elements [at, at + n) of one window, or of several. */
typedef struct row {
    const float *yhat, *y, *mask, *weight; /* weight may be NULL */
    int64_t n;
    bool scaled;
    vf scale;
} row;

static int64_t elements_of(const vn_call *c)
{
    return c->in[0].dim[0] * c->in[0].dim[1];
}
static bool is_flat(const vn_call *c)
{
    return !c->in[3].data && !c->in[4].data;
}
static int64_t row_of(const vn_call *c)
{
    return is_flat(c) ? RUN : c->in[0].dim[1];
}
static int64_t tile_of(const vn_call *c)
{
    return is_flat(c) ? RUN : ROWS * c->in[0].dim[1];
}
static int64_t tiles_of(const vn_call *c)
{
    return (elements_of(c) + tile_of(c) - 1) / tile_of(c);
}

static row row_at(const vn_call *c, int64_t at)
{
    const float *scale = c->in[4].data;
    int64_t left = elements_of(c) - at, n = row_of(c);
    return (row){ (const float *)c->in[0].data + at,
                  (const float *)c->in[1].data + at,
                  (const float *)c->in[2].data + at,
                  c->in[3].data,
                  left < n ? left : n,
                  scale,
                  vf_set(scale ? scale[at / c->in[0].dim[1]] : 1) };
}

VF_INLINE vf share_of(const row *r, int64_t i, int64_t n)
{
    vf mask = vf_load_upto(r->mask + i, n);
    return r->weight ? vf_mul(mask, vf_load_upto(r->weight + i, n)) : mask;
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)tiles_of(c) * 2 * sizeof(double), 0 };
}

/* Adds the weighted losses of a row and its weights. */
VF_INLINE void sum_row(const vn_attr_loss *a, const row *r, vf_acc *sum, vf_acc *weights)
{
    vf delta = vf_set((float)a->delta);
    for (int64_t from = 0; from < r->n; from += CHUNK * VF_N) {
        vf part = vf_zero(), part_weights = part;
        int64_t end = r->n - from < CHUNK * VF_N ? r->n : from + CHUNK * VF_N;
        for (int64_t i = from; i < end; i += VF_N) {
            vf w = share_of(r, i, end - i);
            vf l = loss_value(a->kind, delta, vf_load_upto(r->yhat + i, end - i),
                              vf_load_upto(r->y + i, end - i));
            if (r->scaled) l = vf_div(l, r->scale);
            part = vf_add(part, vf_pick(vf_eq(w, vf_zero()), vf_zero(), vf_mul(l, w)));
            part_weights = vf_add(part_weights, w);
        }
        *sum = vf_acc_add(*sum, part);
        *weights = vf_acc_add(*weights, part_weights);
    }
}

/* Sums of elements [lo, hi) into part[0], weights into part[1]. */
static void sum_rows(const vn_call *c, int64_t lo, int64_t hi, double part[2])
{
    vf_acc sum = vf_acc_zero(), weights = sum;
    for (int64_t at = lo; at < hi; at += row_of(c)) {
        row r = row_at(c, at);
        sum_row(c->attr, &r, &sum, &weights);
    }
    part[0] = vf_acc_sum(sum);
    part[1] = vf_acc_sum(weights);
}

static void loss(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    double(*part)[2] = c->scratch, sum = 0, weights = 0;
    int64_t lo, hi, tile = tile_of(c);
    vn_lane_share(lane, elements_of(c), tile, &lo, &hi);
    for (int64_t at = lo; at < hi; at += tile)
        sum_rows(c, at, at + tile < hi ? at + tile : hi, part[at / tile]);
    vn_team_meet(lane);
    if (lane->rank) return;
    for (int64_t t = 0; t < tiles_of(c); t++) {
        sum += part[t][0];
        weights += part[t][1];
    }
    if (c->out[0].data) *(float *)c->out[0].data = (float)sum;
    if (c->out[1].data) *(float *)c->out[1].data = (float)weights;
}

static void loss_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_loss *a = c->attr;
    int64_t lo, hi;
    if (!c->out[0].data) return;
    vf delta = vf_set((float)a->delta), dsum = vf_set(*(const float *)c->in[5].data);
    vn_lane_share(vn_cpu_lane(s), elements_of(c), tile_of(c), &lo, &hi);
    for (int64_t at = lo; at < hi; at += row_of(c)) {
        row r = row_at(c, at);
        float *d = (float *)c->out[0].data + at;
        for (int64_t i = 0; i < r.n; i += VF_N) {
            vf w = share_of(&r, i, r.n - i);
            vf g = loss_slope(a->kind, delta, vf_load_upto(r.yhat + i, r.n - i),
                              vf_load_upto(r.y + i, r.n - i));
            if (r.scaled) g = vf_div(g, r.scale);
            g = vf_pick(vf_eq(w, vf_zero()), vf_zero(), vf_mul(vf_mul(g, w), dsum));
            vf_store_upto(d + i, g, r.n - i);
        }
    }
}

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(loss) = { VN_SIMD_NAME(loss), VN_SIMD_NEED, unfit, scratch, loss, true };
const vn_kernel VN_SIMD(loss_grad) = { VN_SIMD_NAME(loss_grad), VN_SIMD_NEED, unfit, NULL,
                                       loss_grad };

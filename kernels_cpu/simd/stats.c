/* Location and scale of every window of a batch; a lane takes whole windows. Those observed whole are read where
 * they lie, short ones four at a time, long ones in pieces (fours.h), others by whole.h; of the rest the observed
 * numbers are gathered first, so that every statistic runs over a dense row. */
#include <math.h>
#include <string.h>

#include "kernels_cpu/simd/fours.h"
#include "kernels_cpu/simd/whole.h"

enum { ROWS = FOURS }; /* windows a lane takes at a time */

/* Floats in order as integers: -1.0 < -0.0 < 0.0 < 1.0, and back. */
static int32_t key_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? bits ^ 0x7fffffff : bits;
}

static float float_of(int32_t key)
{
    int32_t bits = key < 0 ? key ^ 0x7fffffff : key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* v is followed by VF_N infinities. */
static void extremes(const float *v, int64_t n, float *low, float *high)
{
    float least[VF_N], most[VF_N];
    vf first = vf_set(v[0]), small = first, large = first;
    for (int64_t i = 0; i < n; i += VF_N) {
        vf x = vf_load(v + i);
        small = vf_min(small, x);
        large = vf_max(large, vf_pick(vf_lt(x, vf_set(INFINITY)), x, first));
    }
    vf_store(least, small);
    vf_store(most, large);
    *low = *high = v[0];
    for (int i = 0; i < VF_N; i++) {
        *low = least[i] < *low ? least[i] : *low;
        *high = most[i] > *high ? most[i] : *high;
    }
}

/* How many are at most x. */
static int64_t count(const float *v, int64_t n, float x)
{
    int64_t below = 0;
    for (int64_t i = 0; i < n; i += VF_N) below += vf_count(vf_le(vf_load(v + i), vf_set(x)));
    return below;
}

/* The lower middle value, by bisection over the floats between the extremes: some 25 counts, each a
 * few vectors, where selection by exchange stumbles over a branch per element (0.4 us a window of
 * 168 against 4). v is followed by VF_N infinities, which are never counted. */
static float median(const float *v, int64_t n)
{
    float low, high;
    extremes(v, n, &low, &high);
    int64_t lo = key_of(low), hi = key_of(high);
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (count(v, n, float_of((int32_t)mid)) > (n - 1) / 2) hi = mid;
        else lo = mid + 1;
    }
    return float_of((int32_t)lo);
}

static double mean(const float *v, int64_t n)
{
    vf_acc sum = vf_acc_zero(), odd = sum; /* two chains: a sum waits for the one before */
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        sum = vf_acc_add(sum, vf_load(v + i));
        odd = vf_acc_add(odd, vf_load(v + i + VF_N));
    }
    for (; i < n; i += VF_N) sum = vf_acc_add(sum, vf_load_upto(v + i, n - i));
    return vf_acc_sum(vf_acc_both(sum, odd)) / (double)n;
}

/* Population standard deviation, from differences to the f32 next to the mean: a series may lie far
 * from 0. */
static double deviation(const float *v, int64_t n, double average)
{
    vf_acc squares = vf_acc_zero(), odd = squares;
    vf centre = vf_set((float)average);
    double shift = average - (double)(float)average;
    int64_t i = 0;
    for (; i + 2 * VF_N <= n; i += 2 * VF_N) {
        vf d = vf_sub(vf_load(v + i), centre), e = vf_sub(vf_load(v + i + VF_N), centre);
        squares = vf_acc_dot(squares, d, d);
        odd = vf_acc_dot(odd, e, e);
    }
    for (; i < n; i += VF_N) {
        vf x = vf_load(v + i); /* infinities at the end, picked away */
        vf d = vf_pick(vf_lt(x, vf_set(INFINITY)), vf_sub(x, centre), vf_zero());
        squares = vf_acc_dot(squares, d, d);
    }
    double mean_square = vf_acc_sum(vf_acc_both(squares, odd)) / (double)n;
    return sqrt(fmax(0, mean_square - shift * shift));
}

/* v becomes |v - centre|. */
static void distances(float *v, int64_t n, float centre)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(v + i, vf_abs(vf_sub(vf_load_upto(v + i, n - i), vf_set(centre))), n - i);
}

static void robust(float *v, int64_t n, double *location, double *scale)
{
    double spread = 0.6744897501960817 * deviation(v, n, mean(v, n));
    float centre = median(v, n);
    distances(v, n, centre);
    *location = (double)centre;
    *scale = (double)median(v, n);
    if (*scale == 0) *scale = spread;
}

/* No scale is 0; minmax1's minimum becomes -1. */
static void finish(int64_t type, double *location, double *scale)
{
    *scale = (*scale == 0 ? 1 : *scale) + 1e-6;
    if (type == VN_SCALER_MINMAX1) *location += *scale /= 2;
}

/* Location and scale of the n >= 1 numbers in v, which are used up. */
static void statistics(int64_t type, float *v, int64_t n, double *location, double *scale)
{
    float low, high;
    *location = 0;
    switch (type) {
    case VN_SCALER_STANDARD:
    case VN_SCALER_REVIN:
        *location = mean(v, n);
        *scale = deviation(v, n, *location);
        break;
    case VN_SCALER_ROBUST:
    case VN_SCALER_INVARIANT: robust(v, n, location, scale); break;
    case VN_SCALER_MINMAX:
    case VN_SCALER_MINMAX1:
        extremes(v, n, &low, &high);
        *location = (double)low;
        *scale = (double)high - (double)low;
        break;
    case VN_SCALER_LAST:
        *location = (double)v[n - 1];
        *scale = 1;
        return;
    default: /* mean_abs and seasonal, whose numbers are differences already */
        distances(v, n, 0);
        *scale = mean(v, n);
    }
    finish(type, location, scale);
}

/* The finite numbers of x where the mask is not 0, for one channel without a lag: vectors that are
 * observed whole, as nearly all are, are copied. */
static int64_t collect_dense(const float *x, const float *mask, int64_t rows, float *v)
{
    int64_t n = 0, t = 0;
    for (; t + VF_N <= rows; t += VF_N) {
        vf value = vf_load(x + t);
        int finite = vf_count(vf_lt(vf_abs(value), vf_set(INFINITY)));
        int hidden = mask ? vf_count(vf_eq(vf_load(mask + t), vf_zero())) : 0;
        if (finite == VF_N && !hidden) {
            vf_store(v + n, value);
            n += VF_N;
            continue;
        }
        for (int64_t i = t; i < t + VF_N; i++) {
            v[n] = x[i];
            n += (!mask || mask[i] != 0) && isfinite(x[i]);
        }
    }
    for (; t < rows; t++) {
        v[n] = x[t];
        n += (!mask || mask[t] != 0) && isfinite(x[t]);
    }
    vf_store(v + n, vf_set(INFINITY));
    return n;
}

/* The observed numbers of one channel, or their seasonal differences, into v, then VF_N infinities;
 * returns how many numbers. What is not finite counts as not observed. */
static int64_t collect(const vn_attr_stats *a, const float *x, int64_t stride, const float *mask,
                       float *v)
{
    int64_t n = 0, lag = a->type == VN_SCALER_SEASONAL ? a->season : 0;
    if (stride == 1 && !lag) return collect_dense(x, mask, a->rows, v);
    for (int64_t t = lag; t < a->rows; t++) {
        float value = x[t * stride];
        if (lag) value -= x[(t - lag) * stride];
        bool seen = !mask || (mask[t] != 0 && mask[t - lag] != 0);
        v[n] = value;
        n += seen && isfinite(value);
    }
    vf_store(v + n, vf_set(INFINITY));
    return n;
}

/* A window of one channel by whole.h, where it is observed whole. */
static bool is_whole(const vn_attr_stats *a, const float *x, const float *mask, double *at, double *by)
{
    int64_t n = a->rows;
    float low, high;
    *at = 0;
    if (n < VF_N || (mask && !whole_seen(mask, n))) return false;
    switch (a->type) {
    case VN_SCALER_STANDARD:
    case VN_SCALER_REVIN:
        if (!whole_standard(x, n, at, by)) return false;
        break;
    case VN_SCALER_MEAN_ABS:
        if (!whole_mean_abs(x, n, by)) return false;
        break;
    case VN_SCALER_MINMAX:
    case VN_SCALER_MINMAX1:
        if (!whole_extremes(x, n, &low, &high)) return false;
        *at = (double)low;
        *by = (double)high - (double)low;
        break;
    default: return false;
    }
    finish(a->type, at, by);
    return true;
}

/* The newest number, where it is observed. */
static bool is_last(const vn_attr_stats *a, const float *x, const float *mask, double *at)
{
    int64_t i = a->rows - 1;
    if (a->type != VN_SCALER_LAST || i < 0 || (mask && mask[i] == 0) || !isfinite(x[i])) return false;
    *at = (double)x[i];
    return true;
}

/* ---- a batch ---- */

/* Window i of one channel, or of channel i % channels. */
static void one_window(const vn_call *c, int64_t i, float *v, double *at, double *by)
{
    const vn_attr_stats *a = c->attr;
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2];
    const float *x = (const float *)c->in[0].data + i / chans * len * chans + i % chans;
    const float *mask = c->in[1].data;
    if (mask) mask += i / chans * c->in[1].dim[1];
    bool done = a->type == VN_SCALER_IDENTITY;
    *at = 0, *by = 1;
    if (chans == 1 && !done) done = is_last(a, x, mask, at) || is_whole(a, x, mask, at, by);
    int64_t n = done ? 0 : collect(a, x, chans, mask, v);
    if (n > 0) statistics(a->type, v, n, at, by);
}

static bool is_kind(const vn_call *c, fours_kind *kind)
{
    const vn_attr_stats *a = c->attr;
    if (c->in[0].dim[2] != 1) return false;
    switch (a->type) {
    case VN_SCALER_STANDARD:
    case VN_SCALER_REVIN: *kind = FOURS_SPREAD; return true;
    case VN_SCALER_MEAN_ABS: *kind = FOURS_SIZES; return true;
    case VN_SCALER_MINMAX:
    case VN_SCALER_MINMAX1: *kind = FOURS_EXTREMES; return true;
    default: return false;
    }
}

VF_INLINE void sum_kind(fours *f, const fours_kind kind, bool one, int64_t n)
{
    if (one && f->mask[0]) sum_fours(f, kind, 1, true, n);
    else if (one) sum_fours(f, kind, 1, false, n);
    else if (f->mask[0]) sum_fours(f, kind, FOURS, true, n);
    else sum_fours(f, kind, FOURS, false, n);
}

static bool are_fours(const vn_call *c, fours_kind *kind)
{
    int64_t n = ((const vn_attr_stats *)c->attr)->rows;
    return n >= FOURS_LEAST && n <= FOURS_MOST && is_kind(c, kind);
}

static void stats_of(fours *f, fours_kind kind, bool one, int64_t n)
{
    if (kind == FOURS_SPREAD) sum_kind(f, FOURS_SPREAD, one, n);
    else if (kind == FOURS_SIZES) sum_kind(f, FOURS_SIZES, one, n);
    else sum_kind(f, FOURS_EXTREMES, one, n);
}

/* `count` windows from i on, FOURS at most; the last one stands for those that are missing. */
static void stats_of_fours(const vn_call *c, fours_kind kind, int64_t i, int64_t count, fours *f)
{
    int64_t n = ((const vn_attr_stats *)c->attr)->rows;
    for (int64_t k = 0; k < FOURS; k++) {
        int64_t w = i + (k < count ? k : count - 1);
        const float *mask = c->in[1].data;
        f->x[k] = (const float *)c->in[0].data + w * c->in[0].dim[1];
        f->mask[k] = mask ? mask + w * c->in[1].dim[1] : NULL;
    }
    stats_of(f, kind, count == 1, n);
    vf at = vf_load(f->at), by = vf_load(f->by); /* as `finish` does */
    by = vf_add(vf_pick(vf_eq(by, vf_zero()), vf_set(1), by), vf_set(1e-6f));
    if (((const vn_attr_stats *)c->attr)->type == VN_SCALER_MINMAX1) {
        by = vf_mul(by, vf_set(0.5f));
        at = vf_add(at, by);
    }
    vf_store(f->at, at), vf_store(f->by, by);
}

/* ---- long windows: lanes share the pieces of each, whose statistics are joined in double ---- */

enum { PIECE = FOURS_MOST, LONG = 16 * PIECE };

/* Of a piece: `at` is the mean's distance from its first number, or the least one; `by` is NaN where it was refused. */
typedef struct piece {
    float at, by;
} piece;

static bool are_long(const vn_call *c, fours_kind *kind)
{
    return ((const vn_attr_stats *)c->attr)->rows >= LONG && is_kind(c, kind);
}

/* Pieces of PIECE numbers; one of what is left, FOURS_LEAST or more, follows them. */
static int64_t whole_pieces(int64_t rows) { return (rows - FOURS_LEAST) / PIECE; }
static int64_t pieces_of(const vn_call *c)
{
    return whole_pieces(((const vn_attr_stats *)c->attr)->rows) + 1;
}

/* Pieces [i, i + count) of window w, FOURS at most, all of n numbers. */
static void sum_pieces(const vn_call *c, fours_kind kind, int64_t w, int64_t i, int64_t count, int64_t n)
{
    piece *out = (piece *)c->scratch + w * pieces_of(c) + i;
    fours f;
    for (int64_t k = 0; k < FOURS; k++) {
        int64_t at = (i + (k < count ? k : count - 1)) * PIECE;
        const float *mask = c->in[1].data;
        f.x[k] = (const float *)c->in[0].data + w * c->in[0].dim[1] + at;
        f.mask[k] = mask ? mask + w * c->in[1].dim[1] + at : NULL;
    }
    stats_of(&f, kind, count == 1, n);
    for (int64_t k = 0; k < count; k++)
        out[k] = (piece){ kind == FOURS_SPREAD ? f.off[k] : f.at[k], f.fine[k] ? f.by[k] : NAN };
}

/* Where piece i of x lies, not rounded: its spread may be less than a step of f32 there. */
static double at_of(const piece *p, fours_kind kind, const float *x, int64_t i)
{
    return (kind == FOURS_SPREAD ? (double)x[i * PIECE] : 0) + (double)p[i].at;
}

/* The window x of `rows` numbers, from its pieces; false where one of them was refused. */
static bool join_pieces(const piece *p, fours_kind kind, const float *x, int64_t rows, double *at,
                        double *by)
{
    int64_t whole = whole_pieces(rows);
    double sum = 0, squares = 0, low = (double)p->at, high = low, last = (double)(rows - whole * PIECE);
    for (int64_t i = 0; i <= whole; i++) {
        double n = i < whole ? PIECE : last, top = (double)p[i].at + (double)p[i].by;
        if (isnan(p[i].by)) return false;
        sum += n * (kind == FOURS_SIZES ? (double)p[i].by : at_of(p, kind, x, i));
        low = (double)p[i].at < low ? (double)p[i].at : low;
        high = top > high ? top : high;
    }
    double mean = sum / (double)rows;
    for (int64_t i = 0; i <= whole; i++) {
        double d = at_of(p, kind, x, i) - mean, own = (double)p[i].by;
        squares += (i < whole ? PIECE : last) * (own * own + d * d);
    }
    *at = kind == FOURS_SIZES ? 0 : kind == FOURS_EXTREMES ? low : mean;
    *by = kind == FOURS_SIZES ? mean : kind == FOURS_EXTREMES ? high - low : sqrt(squares / (double)rows);
    return true;
}

static void window_stats_long(const vn_call *c, vn_stream *s)
{
    const vn_attr_stats *a = c->attr;
    fours_kind kind;
    if (!are_long(c, &kind)) return; /* unfit */
    vn_lane *lane = vn_cpu_lane(s);
    float *location = c->out[0].data, *scale = c->out[1].data;
    int64_t windows = c->in[0].dim[0], whole = whole_pieces(a->rows), lo, hi;
    for (int64_t w = 0; w < windows; w++) {
        vn_lane_share(lane, whole, FOURS, &lo, &hi);
        for (int64_t i = lo; i < hi; i += FOURS)
            sum_pieces(c, kind, w, i, hi - i < FOURS ? hi - i : FOURS, PIECE);
    }
    vn_team_meet(lane);
    vn_lane_share(lane, windows, 1, &lo, &hi);
    for (int64_t w = lo; w < hi; w++) {
        const piece *p = (const piece *)c->scratch + w * (whole + 1);
        double at, by;
        sum_pieces(c, kind, w, whole, 1, a->rows - whole * PIECE);
        const float *x = (const float *)c->in[0].data + w * c->in[0].dim[1];
        if (join_pieces(p, kind, x, a->rows, &at, &by)) finish(a->type, &at, &by);
        else one_window(c, w, vn_cpu_scratch(s), &at, &by);
        if (location) location[w] = (float)at;
        if (scale) scale[w] = (float)by;
    }
}

static void window_stats(const vn_call *c, vn_stream *s)
{
    float *location = c->out[0].data, *scale = c->out[1].data;
    fours_kind kind;
    int64_t chans = c->in[0].dim[2], lo, hi;
    bool short_ones = are_fours(c, &kind);
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0], ROWS, &lo, &hi);
    lo *= chans, hi *= chans;
    for (int64_t i = lo, count; i < hi; i += count) {
        fours f;
        count = hi - i < FOURS ? hi - i : FOURS;
        if (short_ones) stats_of_fours(c, kind, i, count, &f);
        for (int64_t k = 0; k < count; k++) {
            double at, by;
            if (!short_ones || !f.fine[k]) {
                one_window(c, i + k, vn_cpu_scratch(s), &at, &by);
                f.at[k] = (float)at, f.by[k] = (float)by;
            }
            if (location) location[i + k] = f.at[k];
            if (scale) scale[i + k] = f.by[k];
        }
    }
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ 0, ((size_t)((const vn_attr_stats *)c->attr)->rows + VF_N) * sizeof(float) };
}

static vn_scratch long_scratch(const vn_call *c)
{
    vn_scratch all = scratch(c);
    all.shared = (size_t)(c->in[0].dim[0] * pieces_of(c)) * sizeof(piece);
    return all;
}

static const char *unfit(const vn_call *c)
{
    fours_kind kind;
    return are_long(c, &kind) ? "a long window, which lanes share" : vn_not_f32(c);
}

static const char *long_unfit(const vn_call *c)
{
    fours_kind kind;
    return are_long(c, &kind) ? vn_not_f32(c) : "no long window that lanes could share";
}

const vn_kernel VN_SIMD(window_stats) = { VN_SIMD_NAME(window_stats), VN_SIMD_NEED, unfit, scratch, window_stats };
const vn_kernel VN_SIMD(window_stats_long) = { VN_SIMD_NAME(window_stats_long), VN_SIMD_NEED, long_unfit,
                                               long_scratch, window_stats_long, true };

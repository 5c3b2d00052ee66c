/* From a ragged panel to the windows of a batch, and scaling there and back; a lane takes whole
 * windows. Rows of the panel are copied at once: the panel is never materialised as windows. */
#include <string.h>

#include "kernels_cpu/simd/simd.h"

enum { ROWS = 8 }; /* windows a lane takes at a time */

/* A window's steps: series rows [first, end) lie inside, from step `skip` of the window on. */
typedef struct span {
    int64_t first, n, skip, len;
} span;

/* `len` steps that begin `start` rows into a series of `rows` rows. */
static span span_of(int64_t start, int64_t len, int64_t rows)
{
    int64_t lo = start < 0 ? 0 : start, hi = start + len < rows ? start + len : rows;
    if (hi <= lo) return (span){ 0, 0, 0, len };
    return (span){ lo, hi - lo, lo - start, len };
}

/* Copy a span of `width` numbers a step into element b of an output; zeros outside. */
static void gather(const vn_tensor *out, int64_t b, const float *series, span s, int64_t width)
{
    if (!out->data) return;
    float *to = (float *)out->data + b * s.len * width;
    int64_t n = series ? s.n : 0, skip = series ? s.skip : 0, rest = s.len - skip - n;
    memset(to, 0, (size_t)(skip * width) * sizeof *to);
    if (n) memcpy(to + skip * width, series + s.first * width, (size_t)(n * width) * sizeof *to);
    memset(to + (skip + n) * width, 0, (size_t)(rest * width) * sizeof *to);
}

/* Zero the values whose mask is 0, so that a NaN kept as "missing" cannot spread. */
static void hide(const vn_tensor *out, int64_t b, const float *mask, span s)
{
    if (!out->data || !s.n) return;
    float *y = (float *)out->data + b * s.len + s.skip;
    for (int64_t t = 0; t < s.n; t += VF_N) {
        vf_mask missing = vf_eq(vf_load_upto(mask + s.first + t, s.n - t), vf_zero());
        vf seen = vf_pick(missing, vf_zero(), vf_load_upto(y + t, s.n - t));
        vf_store_upto(y + t, seen, s.n - t);
    }
}

/* The first of a series' numbers, NULL for an empty pair or an array the panel lacks. */
static const float *origin(const float *array, int64_t row, int64_t width)
{
    return array && row >= 0 ? array + row * width : NULL;
}

static void window(const vn_call *c, vn_stream *s)
{
    const vn_attr_window *a = c->attr;
    const vn_panel_view *p = c->in[1].data;
    const vn_tensor *out = c->out;
    int64_t from, to;
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0], ROWS, &from, &to);
    for (int64_t b = from; b < to; b++) {
        const int32_t *pair = (const int32_t *)c->in[0].data + 2 * b;
        bool empty = pair[0] < 0 || pair[0] >= p->n_series;
        int64_t row = empty ? -1 : p->indptr[pair[0]];
        int64_t rows = empty ? 0 : p->indptr[pair[0] + 1] - row, start = pair[1] - a->n_in;
        span past = span_of(start, a->n_in, rows), future = span_of(pair[1], a->h, rows);
        const float *y = origin(p->y, row, 1), *mask = origin(p->mask, row, 1);
        gather(&out[0], b, y, past, 1);
        hide(&out[0], b, mask, past);
        gather(&out[1], b, mask, past, 1);
        gather(&out[2], b, origin(p->hist, row, a->n_hist), past, a->n_hist);
        gather(&out[3], b, origin(p->futr, row, a->n_futr), span_of(start, a->n_in + a->h, rows),
               a->n_futr);
        gather(&out[4], b, origin(p->stat, empty ? -1 : pair[0], a->n_stat), span_of(0, 1, 1),
               a->n_stat);
        gather(&out[5], b, y, future, 1);
        hide(&out[5], b, mask, future);
        gather(&out[6], b, mask, future, 1);
    }
}

/* The numbers of window b in a [B, 1, 1 or C] tensor, or `absent`; *width is 1 or C. */
static const float *per_window(const vn_tensor *t, int64_t b, const float *absent, int64_t *width)
{
    *width = t->data ? t->dim[t->rank - 1] : 1;
    return t->data ? (const float *)t->data + b * *width : absent;
}

/* One window of [T, C] with location and scale of 1 or C numbers each. */
typedef struct affine {
    const float *location, *scale;
    int64_t n_location, n_scale;
} affine;

static affine affine_of(const vn_tensor *location, const vn_tensor *scale, int64_t b)
{
    static const float zero = 0, one = 1;
    affine f;
    f.location = per_window(location, b, &zero, &f.n_location);
    f.scale = per_window(scale, b, &one, &f.n_scale);
    return f;
}

static void share(vn_stream *s, const vn_tensor *x, int64_t *lo, int64_t *hi)
{
    int64_t size = x->dim[1] * x->dim[2];
    vn_lane_share(vn_cpu_lane(s), x->dim[0], size > 0 && size < VN_GRAIN ? VN_GRAIN / size : 1, lo,
                  hi);
}

/* Channels of a step differ: an element at a time. */
static void scale_channels(const affine *f, const float *x, const float *mask, float *y,
                           const int64_t size[2])
{
    for (int64_t t = 0; t < size[0]; t++)
        for (int64_t ch = 0; ch < size[1]; ch++, x++, y++) {
            float location = f->location[f->n_location > 1 ? ch : 0];
            float value = (*x - location) / f->scale[f->n_scale > 1 ? ch : 0];
            *y = mask && mask[t] == 0 ? 0 : value;
        }
}

static void scale_row(const affine *f, const float *x, const float *mask, float *y, int64_t n)
{
    vf location = vf_set(*f->location), factor = vf_set(1 / *f->scale);
    for (int64_t i = 0; i < n; i += VF_N) {
        vf v = vf_mul(vf_sub(vf_load_upto(x + i, n - i), location), factor);
        if (mask) {
            vf_mask missing = vf_eq(vf_load_upto(mask + i, n - i), vf_zero());
            v = vf_pick(missing, vf_zero(), v);
        }
        vf_store_upto(y + i, v, n - i);
    }
}

/* One channel: lanes share the steps of all windows, one of 100,000 too. */
static void scale_steps(const vn_call *c, const vn_lane *lane)
{
    const float *x = c->in[0].data, *mask = c->in[1].data;
    int64_t len = c->in[0].dim[1], lo, hi;
    float *y = c->out[0].data;
    vn_lane_share(lane, c->in[0].dim[0] * len, VN_GRAIN, &lo, &hi);
    for (int64_t at = lo, n; at < hi; at += n) {
        int64_t b = at / len, left = (b + 1) * len - at;
        affine f = affine_of(&c->in[2], &c->in[3], b);
        n = left < hi - at ? left : hi - at;
        scale_row(&f, x + at, mask ? mask + at : NULL, y + at, n);
    }
}

static void scale(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0];
    int64_t size[2] = { x->dim[1], x->dim[2] }, lo, hi;
    if (!c->out[0].data) return;
    if (size[1] == 1) {
        scale_steps(c, vn_cpu_lane(s));
        return;
    }
    share(s, x, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        affine f = affine_of(&c->in[2], &c->in[3], b);
        const float *from = (const float *)x->data + b * size[0] * size[1];
        const float *mask = c->in[1].data ? (const float *)c->in[1].data + b * size[0] : NULL;
        float *to = (float *)c->out[0].data + b * size[0] * size[1];
        scale_channels(&f, from, mask, to, size);
    }
}

static void unscale_channels(const affine *f, const float *x, float *y, const int64_t size[2])
{
    for (int64_t i = 0; i < size[0] * size[1]; i++) {
        int64_t ch = i % size[1];
        y[i] = x[i] * f->scale[f->n_scale > 1 ? ch : 0] +
               f->location[f->n_location > 1 ? ch : 0];
    }
}

static void unscale(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0];
    int64_t size[2] = { x->dim[1], x->dim[2] }, n = size[0] * size[1], lo, hi;
    if (!c->out[0].data) return;
    share(s, x, &lo, &hi);
    for (int64_t b = lo; b < hi; b++) {
        affine f = affine_of(&c->in[1], &c->in[2], b);
        const float *from = (const float *)x->data + b * n;
        float *to = (float *)c->out[0].data + b * n;
        if (f.n_scale > 1 || f.n_location > 1) {
            unscale_channels(&f, from, to, size);
            continue;
        }
        vf location = vf_set(*f.location), scale = vf_set(*f.scale);
        for (int64_t i = 0; i < n; i += VF_N)
            vf_store_upto(to + i, vf_fma(vf_load_upto(from + i, n - i), scale, location), n - i);
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(window) = { VN_SIMD_NAME(window), VN_SIMD_NEED, unfit, NULL, window };
const vn_kernel VN_SIMD(scale) = { VN_SIMD_NAME(scale), VN_SIMD_NEED, unfit, NULL, scale };
const vn_kernel VN_SIMD(unscale) = { VN_SIMD_NAME(unscale), VN_SIMD_NEED, unfit, NULL, unscale };

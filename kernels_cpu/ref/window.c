/* From a ragged panel to the windows of a batch: gathering, statistics, scaling and back. */
#include <math.h>

#include "kernels_cpu/ref/real.h"

/* Copy `rows` x `width` numbers of a window that starts `start` rows into its series; rows outside
 * the series, and all of an empty pair's, are zero. `from` is the series' first number. */
static void gather(vn_real *to, const float *from, int64_t start, int64_t rows, int64_t width,
                   int64_t series_rows)
{
    if (!to) return;
    for (int64_t t = 0; t < rows; t++)
        for (int64_t i = 0; i < width; i++) {
            bool inside = from && start + t >= 0 && start + t < series_rows;
            *to++ = inside ? (vn_real)from[(start + t) * width + i] : 0;
        }
}

/* Zero the values whose mask is 0, so that a NaN kept as "missing" cannot spread. */
static void hide(vn_real *y, const float *mask, int64_t start, int64_t rows, int64_t series_rows)
{
    if (!y) return;
    for (int64_t t = 0; t < rows; t++) {
        bool inside = mask && start + t >= 0 && start + t < series_rows;
        if (!inside || mask[start + t] == 0) y[t] = 0;
    }
}

/* Element b of a batch of `width` numbers each, NULL if nobody reads that output. */
static vn_real *part(const vn_tensor *t, int64_t b, int64_t width)
{
    return t->data ? (vn_real *)t->data + b * width : NULL;
}

/* The first of a series' numbers, NULL for an empty pair or an array the panel lacks. */
static const float *origin(const float *array, int64_t row, int64_t width)
{
    return array && row >= 0 ? array + row * width : NULL;
}

static void window(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_attr_window *a = c->attr;
    const int32_t *pair = c->in[0].data;
    const vn_panel_view *p = c->in[1].data;
    const vn_tensor *out = c->out;
    for (int64_t b = 0; b < c->in[0].dim[0]; b++, pair += 2) {
        bool empty = pair[0] < 0 || pair[0] >= p->n_series;
        int64_t row = empty ? -1 : p->indptr[pair[0]];
        int64_t rows = empty ? 0 : p->indptr[pair[0] + 1] - row;
        int64_t cut = pair[1], start = cut - a->n_in;
        const float *y = origin(p->y, row, 1), *mask = origin(p->mask, row, 1);
        gather(part(&out[0], b, a->n_in), y, start, a->n_in, 1, rows);
        hide(part(&out[0], b, a->n_in), mask, start, a->n_in, rows);
        gather(part(&out[1], b, a->n_in), mask, start, a->n_in, 1, rows);
        gather(part(&out[2], b, a->n_in * a->n_hist), origin(p->hist, row, a->n_hist), start,
               a->n_in, a->n_hist, rows);
        gather(part(&out[3], b, (a->n_in + a->h) * a->n_futr), origin(p->futr, row, a->n_futr),
               start, a->n_in + a->h, a->n_futr, rows);
        gather(part(&out[4], b, a->n_stat), origin(p->stat, empty ? -1 : pair[0], a->n_stat), 0, 1,
               a->n_stat, 1);
        gather(part(&out[5], b, a->h), y, cut, a->h, 1, rows);
        hide(part(&out[5], b, a->h), mask, cut, a->h, rows);
        gather(part(&out[6], b, a->h), mask, cut, a->h, 1, rows);
    }
}

/* The k-th smallest of v[0 .. n), which is reordered (Hoare 1961). No NaN. */
static double smallest(double *v, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        double pivot = v[k];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (pivot < v[j]) j--;
            if (i > j) break;
            double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (j < k) lo = i;
        if (k < i) hi = j;
    }
    return v[k];
}

static double mean(const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    return sum / (double)n;
}

/* Population standard deviation. */
static double deviation(const double *v, int64_t n)
{
    double centre = mean(v, n), sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (v[i] - centre) * (v[i] - centre);
    return sqrt(sum / (double)n);
}

static void robust(double *v, int64_t n, double *location, double *scale)
{
    double spread = 0.6744897501960817 * deviation(v, n);
    *location = smallest(v, n, (n - 1) / 2);
    for (int64_t i = 0; i < n; i++) v[i] = fabs(v[i] - *location);
    *scale = smallest(v, n, (n - 1) / 2);
    if (*scale == 0) *scale = spread;
}

static void extremes(const double *v, int64_t n, double *low, double *high)
{
    *low = *high = v[0];
    for (int64_t i = 1; i < n; i++) {
        if (v[i] < *low) *low = v[i];
        if (v[i] > *high) *high = v[i];
    }
}

/* Location and scale of the n >= 1 numbers in v, which may be reordered. */
static void statistics(int64_t type, double *v, int64_t n, double *location, double *scale)
{
    double high;
    *location = 0;
    switch (type) {
    case VN_SCALER_STANDARD:
    case VN_SCALER_REVIN:
        *location = mean(v, n);
        *scale = deviation(v, n);
        break;
    case VN_SCALER_ROBUST:
    case VN_SCALER_INVARIANT: robust(v, n, location, scale); break;
    case VN_SCALER_MINMAX:
    case VN_SCALER_MINMAX1:
        extremes(v, n, location, &high);
        *scale = high - *location;
        break;
    case VN_SCALER_LAST:
        *location = v[n - 1];
        *scale = 1;
        return;
    default: /* mean_abs and seasonal, whose numbers are differences already */
        for (int64_t i = 0; i < n; i++) v[i] = fabs(v[i]);
        *scale = mean(v, n);
    }
    *scale = (*scale == 0 ? 1 : *scale) + 1e-6;
    if (type == VN_SCALER_MINMAX1) *location += *scale /= 2; /* the minimum becomes -1 */
}

/* The observed numbers of one channel, or their seasonal differences, into v; returns how many.
 * What is not finite counts as not observed. `mask` may be NULL. */
static int64_t collect(const vn_attr_stats *a, const vn_real *x, int64_t stride,
                       const vn_real *mask, double *v)
{
    int64_t n = 0, lag = a->type == VN_SCALER_SEASONAL ? a->season : 0;
    for (int64_t t = lag; t < a->rows; t++) {
        if (mask && (mask[t] == 0 || mask[t - lag] == 0)) continue;
        double value = (double)x[t * stride];
        if (lag) value -= (double)x[(t - lag) * stride];
        if (isfinite(value)) v[n++] = value;
    }
    return n;
}

static vn_scratch stats_scratch(const vn_call *c)
{
    const vn_attr_stats *a = c->attr;
    return (vn_scratch){ (size_t)a->rows * sizeof(double), 0 };
}

static void window_stats(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_attr_stats *a = c->attr;
    const vn_real *x = c->in[0].data, *mask = c->in[1].data;
    vn_real *location = c->out[0].data, *scale = c->out[1].data;
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2], mask_len = mask ? c->in[1].dim[1] : 0;
    for (int64_t i = 0; i < c->in[0].dim[0] * chans; i++) {
        int64_t b = i / chans;
        double at = 0, by = 1;
        int64_t n = collect(a, x + b * len * chans + i % chans, chans,
                            mask ? mask + b * mask_len : NULL, c->scratch);
        if (n > 0 && a->type != VN_SCALER_IDENTITY) statistics(a->type, c->scratch, n, &at, &by);
        if (location) location[i] = (vn_real)at;
        if (scale) scale[i] = (vn_real)by;
    }
}

/* Value of a [B, 1, 1 or C] tensor for batch element b and channel ch; `absent` if not given. */
static vn_real per_window(const vn_tensor *t, int64_t b, int64_t ch, vn_real absent)
{
    if (!t->data) return absent;
    int64_t width = t->dim[t->rank - 1];
    return ((const vn_real *)t->data)[b * width + (width == 1 ? 0 : ch)];
}

static void seen(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_real *x = c->in[0].data, *mask = c->in[1].data;
    vn_real *y = c->out[0].data, *is_seen = c->out[1].data;
    for (int64_t i = 0; i < vn_count(&c->in[0]); i++) {
        bool here = isfinite(x[i]) && (!mask || mask[i] != 0);
        if (y) y[i] = here ? x[i] : 0;
        if (is_seen) is_seen[i] = here;
    }
}

static void scale(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data, *mask = c->in[1].data;
    vn_real *y = c->out[0].data;
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2], n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) {
        int64_t row = i / chans, b = row / len, ch = i % chans;
        bool seen = !mask || mask[row] != 0;
        vn_real location = per_window(&c->in[2], b, ch, 0), by = per_window(&c->in[3], b, ch, 1);
        y[i] = seen ? (x[i] - location) / by : 0;
    }
}

static void unscale(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2], n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) {
        int64_t b = i / chans / len, ch = i % chans;
        y[i] = x[i] * per_window(&c->in[2], b, ch, 1) + per_window(&c->in[1], b, ch, 0);
    }
}

const vn_kernel VN_REF(window) = { VN_REF_NAME(window), 0, VN_REF(unfit), NULL, window };
const vn_kernel VN_REF(window_stats) = { VN_REF_NAME(window_stats), 0, VN_REF(unfit),
                                         stats_scratch, window_stats };
const vn_kernel VN_REF(seen) = { VN_REF_NAME(seen), 0, VN_REF(unfit), NULL, seen };
const vn_kernel VN_REF(scale) = { VN_REF_NAME(scale), 0, VN_REF(unfit), NULL, scale };
const vn_kernel VN_REF(unscale) = { VN_REF_NAME(unscale), 0, VN_REF(unfit), NULL, unscale };

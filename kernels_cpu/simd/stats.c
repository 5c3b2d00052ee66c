/* Location and scale of every window of a batch; a lane takes whole windows. The observed numbers
 * are gathered first, so that every statistic runs over a dense row; medians by selection. */
#include <math.h>

#include "kernels_cpu/simd/simd.h"

enum { ROWS = 4 }; /* windows a lane takes at a time */

/* The k-th smallest of v[0 .. n), which is reordered (Hoare 1961). No NaN. */
static float smallest(float *v, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        float pivot = v[k];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (pivot < v[j]) j--;
            if (i > j) break;
            float swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (j < k) lo = i;
        if (k < i) hi = j;
    }
    return v[k];
}

static double mean(const float *v, int64_t n)
{
    vf_acc sum = vf_acc_zero();
    for (int64_t i = 0; i < n; i += VF_N) sum = vf_acc_add(sum, vf_load_upto(v + i, n - i));
    return vf_acc_sum(sum) / (double)n;
}

/* Population standard deviation. In double: a series may lie far from 0. */
static double deviation(const float *v, int64_t n)
{
    double centre = mean(v, n), sum = 0;
    for (int64_t i = 0; i < n; i++) sum += ((double)v[i] - centre) * ((double)v[i] - centre);
    return sqrt(sum / (double)n);
}

/* v becomes |v - centre|. */
static void distances(float *v, int64_t n, float centre)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(v + i, vf_abs(vf_sub(vf_load_upto(v + i, n - i), vf_set(centre))), n - i);
}

static void robust(float *v, int64_t n, double *location, double *scale)
{
    double spread = 0.6744897501960817 * deviation(v, n);
    float centre = smallest(v, n, (n - 1) / 2);
    distances(v, n, centre);
    *location = (double)centre;
    *scale = (double)smallest(v, n, (n - 1) / 2);
    if (*scale == 0) *scale = spread;
}

static void extremes(const float *v, int64_t n, double *low, double *high)
{
    float least = v[0], most = v[0];
    for (int64_t i = 1; i < n; i++) {
        least = v[i] < least ? v[i] : least;
        most = v[i] > most ? v[i] : most;
    }
    *low = (double)least;
    *high = (double)most;
}

/* Location and scale of the n >= 1 numbers in v, which may be reordered. */
static void statistics(int64_t type, float *v, int64_t n, double *location, double *scale)
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
    default: /* mean_abs and seasonal, whose numbers are differences already */
        distances(v, n, 0);
        *scale = mean(v, n);
    }
    *scale = (*scale == 0 ? 1 : *scale) + 1e-6;
    if (type == VN_SCALER_MINMAX1) *location += *scale /= 2; /* the minimum becomes -1 */
}

/* The observed numbers of one channel, or their seasonal differences, into v; returns how many. */
static int64_t collect(const vn_attr_stats *a, const float *x, int64_t stride, const float *mask,
                       float *v)
{
    int64_t n = 0, lag = a->type == VN_SCALER_SEASONAL ? a->season : 0;
    for (int64_t t = lag; t < a->rows; t++) {
        float value = x[t * stride];
        if (lag) value -= x[(t - lag) * stride];
        bool seen = !mask || (mask[t] != 0 && mask[t - lag] != 0);
        v[n] = value;
        n += seen && value == value; /* a NaN counts as not observed */
    }
    return n;
}

static void window_stats(const vn_call *c, vn_stream *s)
{
    const vn_attr_stats *a = c->attr;
    float *location = c->out[0].data, *scale = c->out[1].data, *v = vn_cpu_scratch(s);
    int64_t len = c->in[0].dim[1], chans = c->in[0].dim[2], lo, hi;
    vn_lane_share(vn_cpu_lane(s), c->in[0].dim[0], ROWS, &lo, &hi);
    for (int64_t i = lo * chans; i < hi * chans; i++) {
        const float *x = (const float *)c->in[0].data + i / chans * len * chans + i % chans;
        const float *mask = c->in[1].data;
        if (mask) mask += i / chans * c->in[1].dim[1];
        double at = 0, by = 1;
        int64_t n = a->type == VN_SCALER_IDENTITY ? 0 : collect(a, x, chans, mask, v);
        if (n > 0) statistics(a->type, v, n, &at, &by);
        if (location) location[i] = (float)at;
        if (scale) scale[i] = (float)by;
    }
}

static vn_scratch scratch(const vn_call *c)
{
    const vn_attr_stats *a = c->attr;
    return (vn_scratch){ 0, (size_t)a->rows * sizeof(float) };
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(window_stats) = { VN_SIMD_NAME(window_stats), VN_SIMD_NEED, unfit, scratch,
                                          window_stats };

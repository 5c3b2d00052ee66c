/* From a ragged panel to the windows of a batch: gathering, statistics, scaling and back.
 *
 * window writes each number of its outputs once and reads the panel's once (y and mask twice where
 * both stand in an output): a block takes a part of a window, so that runs of a series are read in
 * order. The panel's view lies in device memory, for a graph freezes arguments. window_stats gives
 * a warp to each channel and passes over its steps, which the cache keeps after the first time:
 * twice for a deviation, 32 times for a median, found bit by bit, without sorting. scale and
 * unscale read 4 to 8 bytes a number and write 4. All are bound by memory, medians by
 * arithmetic. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 128, PART = 1024, EACH = 4, WARPS = 4 };

/* ---- window ---- */

/* `rows` steps of `width` numbers from step `start` of a series on; zeros outside. Where `hides`,
 * numbers whose mask is 0 are zero, so that a NaN kept as "missing" cannot spread. */
struct span {
    const float *from, *hides; /* the series' first numbers; NULL: none */
    int64_t start, rows, width, series_rows;
};

__device__ __forceinline__ void gather(float *to, int64_t b, const span &w)
{
    unsigned n = (unsigned)(w.rows * w.width); /* 32 bits: `unfit_window` */
    if (!to) return;
    to += b * n;
    for (unsigned i = blockIdx.y * THREADS + threadIdx.x; i < n; i += gridDim.y * THREADS) {
        int64_t t = w.start + (w.width == 1 ? i : i / (unsigned)w.width);
        bool inside = w.from && t >= 0 && t < w.series_rows && !(w.hides && w.hides[t] == 0);
        to[i] = inside ? w.from[w.start * w.width + i] : 0;
    }
}

enum { N_OUT = 7 };
struct window_out {
    vn_each<float *> of[N_OUT];
};

/* The first of a series' numbers, NULL for an empty pair or an array the panel lacks. */
__device__ __forceinline__ const float *origin(const float *array, int64_t row, int64_t width)
{
    return array && row >= 0 ? array + row * width : NULL;
}

/* Block (output and b, part): outputs are alike for a warp, and blocks enough for a small batch. */
__global__ void __launch_bounds__(THREADS)
    vn_window_kernel(vn_attr_window a, vn_each<const int32_t *> pair,
                     vn_each<const vn_panel_view *> panel, window_out out)
{
    const vn_panel_view *p = panel;
    unsigned batch = gridDim.x / N_OUT;
    int64_t b = blockIdx.x % batch, series = pair[2 * b], cut = pair[2 * b + 1],
            start = cut - a.n_in;
    bool empty = series < 0 || series >= p->n_series;
    int64_t row = empty ? -1 : p->indptr[series], rows = empty ? 0 : p->indptr[series + 1] - row;
    const float *y = origin(p->y, row, 1), *mask = origin(p->mask, row, 1);
    const float *hist = origin(p->hist, row, a.n_hist), *futr = origin(p->futr, row, a.n_futr);
    const float *stat = origin(p->stat, empty ? -1 : series, a.n_stat);
    switch (blockIdx.x / batch) {
    case 0:
        gather(out.of[0], b, span{ y, mask, start, a.n_in, 1, rows });
        break;
    case 1:
        gather(out.of[1], b, span{ mask, NULL, start, a.n_in, 1, rows });
        break;
    case 2:
        gather(out.of[2], b, span{ hist, NULL, start, a.n_in, a.n_hist, rows });
        break;
    case 3:
        gather(out.of[3], b, span{ futr, NULL, start, a.n_in + a.h, a.n_futr, rows });
        break;
    case 4:
        gather(out.of[4], b, span{ stat, NULL, 0, 1, a.n_stat, 1 });
        break;
    case 5:
        gather(out.of[5], b, span{ y, mask, cut, a.h, 1, rows });
        break;
    default:
        gather(out.of[6], b, span{ mask, NULL, cut, a.h, 1, rows });
    }
}

static const char *unfit_window(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    for (int i = 0; i < N_OUT && !why; i++)
        if (vn_count(&c->out[i]) / c->in[0].dim[0] > INT32_MAX)
            why = "a window has more than 2^31 numbers";
    return why;
}

static void window(const vn_call *c, vn_stream *s)
{
    const vn_attr_window *a = (const vn_attr_window *)c->attr;
    window_out out = {};
    int64_t batch = c->in[0].dim[0], most = 0;
    for (int i = 0; i < N_OUT; i++) {
        out.of[i] = (float *)c->out[i].data;
        int64_t n = out.of[i] ? vn_count(&c->out[i]) / batch : 0;
        if (n > most) most = n;
    }
    if (!most) return;
    int64_t parts = (most + PART - 1) / PART;
    dim3 grid((unsigned)(batch * N_OUT), (unsigned)(parts < 65535 ? parts : 65535));
    VN_LAUNCH(vn_window_kernel, grid, dim3(THREADS), 0, s, *a, (const int32_t *)c->in[0].data,
              (const vn_panel_view *)c->in[1].data, out);
}

/* ---- window_stats: a warp a channel ---- */

/* The numbers of one channel; those not observed or not finite do not count. */
struct channel {
    const float *x, *mask;
    int64_t stride, rows, lag;
};

__device__ __forceinline__ bool value_at(const channel &v, int64_t t, double *value)
{
    if (v.mask && (v.mask[t] == 0 || v.mask[t - v.lag] == 0)) return false;
    *value = (double)v.x[t * v.stride];
    if (v.lag) *value -= (double)v.x[(t - v.lag) * v.stride];
    return isfinite(*value);
}

/* The sum of f over the numbers that count, in every lane. */
template <class F> __device__ __forceinline__ double sum_over(const channel &v, F f)
{
    double sum = 0, value;
    for (int64_t t = v.lag + threadIdx.x; t < v.rows; t += 32)
        if (value_at(v, t, &value)) sum += f(value);
    return vn_warp_sum(sum);
}

struct one {
    __device__ double operator()(double) const { return 1; }
};
struct itself {
    __device__ double operator()(double x) const { return x; }
};
struct size {
    __device__ double operator()(double x) const { return fabs(x); }
};
struct square_from {
    double centre;
    __device__ double operator()(double x) const { return (x - centre) * (x - centre); }
};

__device__ __forceinline__ double deviation(const channel &v, double n, double centre)
{
    return sqrt(sum_over(v, square_from{ centre }) / n);
}

/* Floats in the order of their values, as whole numbers. */
__device__ __forceinline__ unsigned rank_of(float x)
{
    unsigned u = (unsigned)__float_as_int(x);
    return u & 0x80000000u ? ~u : u | 0x80000000u;
}

__device__ __forceinline__ float value_of(unsigned rank)
{
    return __int_as_float((int)(rank & 0x80000000u ? rank & 0x7fffffffu : ~rank));
}

/* The k-th smallest of the numbers, or of their distances from `centre`: the largest rank that no
 * more than k of them are below, from its first bit to its last. Distances are rounded to f32 as
 * the result is, and rounding keeps their order. */
__device__ __forceinline__ float smallest(const channel &v, int64_t k, bool distances,
                                          double centre)
{
    unsigned found = 0;
    double value;
    for (int bit = 31; bit >= 0; bit--) {
        unsigned trial = found | 1u << bit;
        int64_t below = 0;
        for (int64_t first = 0; first < v.rows; first += 32) {
            int64_t t = first + threadIdx.x;
            bool counts = t < v.rows && value_at(v, t, &value);
            if (counts && distances) value = fabs(value - centre);
            below += __popc(__ballot_sync(VN_ALL_LANES, counts && rank_of((float)value) < trial));
        }
        if (below <= k) found = trial;
    }
    return value_of(found);
}

__device__ __forceinline__ void extremes(const channel &v, double *low, double *high)
{
    double value, lo = INFINITY, hi = -INFINITY;
    for (int64_t t = threadIdx.x; t < v.rows; t += 32)
        if (value_at(v, t, &value)) {
            lo = fmin(lo, value);
            hi = fmax(hi, value);
        }
    for (int by = 16; by; by >>= 1) {
        lo = fmin(lo, __shfl_xor_sync(VN_ALL_LANES, lo, by));
        hi = fmax(hi, __shfl_xor_sync(VN_ALL_LANES, hi, by));
    }
    *low = lo;
    *high = hi;
}

/* The last number that counts; there is one. */
__device__ __forceinline__ double last(const channel &v)
{
    for (int64_t end = v.rows;; end -= 32) {
        int64_t t = end - 1 - threadIdx.x;
        double value = 0;
        unsigned seen = __ballot_sync(VN_ALL_LANES, t >= 0 && value_at(v, t, &value));
        if (seen) return __shfl_sync(VN_ALL_LANES, value, __clz((int)(seen & -seen)) ^ 31);
        if (end <= 32) return 0;
    }
}

/* Location and scale of the n >= 1 numbers that count. */
__device__ __forceinline__ void statistics(int64_t type, const channel &v, double n,
                                           double *location, double *scale)
{
    double high;
    *location = 0;
    switch (type) {
    case VN_SCALER_STANDARD:
    case VN_SCALER_REVIN:
        *location = sum_over(v, itself()) / n;
        *scale = deviation(v, n, *location);
        break;
    case VN_SCALER_ROBUST:
    case VN_SCALER_INVARIANT:
        *location = smallest(v, ((int64_t)n - 1) / 2, false, 0);
        *scale = smallest(v, ((int64_t)n - 1) / 2, true, *location);
        if (*scale == 0) *scale = 0.6744897501960817 * deviation(v, n, sum_over(v, itself()) / n);
        break;
    case VN_SCALER_MINMAX:
    case VN_SCALER_MINMAX1:
        extremes(v, location, &high);
        *scale = high - *location;
        break;
    case VN_SCALER_LAST:
        *location = last(v);
        *scale = 1;
        return;
    default: /* mean_abs and seasonal, whose numbers are differences already */
        *scale = sum_over(v, size()) / n;
    }
    *scale = (*scale == 0 ? 1 : *scale) + 1e-6;
    if (type == VN_SCALER_MINMAX1) *location += *scale /= 2; /* the minimum becomes -1 */
}

struct stats_tensors {
    vn_each<const float *> x, mask;
    vn_each<float *> location, scale;
    int64_t len, chans, mask_len, n; /* n: channels of all windows */
};

__global__ void __launch_bounds__(32 * WARPS,
                                  2) /* without the 2 ptxas spills 16 bytes to fit more */
    vn_window_stats_kernel(vn_attr_stats a, stats_tensors t)
{
    int64_t i = (int64_t)blockIdx.x * WARPS + threadIdx.y;
    if (i >= t.n) return;
    int64_t b = i / t.chans, lag = a.type == VN_SCALER_SEASONAL ? a.season : 0;
    channel v = { t.x + b * t.len * t.chans + i % t.chans, t.mask ? t.mask + b * t.mask_len : NULL,
                  t.chans, a.rows, lag };
    double at = 0, by = 1, n = sum_over(v, one());
    if (n > 0 && a.type != VN_SCALER_IDENTITY) statistics(a.type, v, n, &at, &by);
    if (threadIdx.x == 0 && t.location) t.location[i] = (float)at;
    if (threadIdx.x == 0 && t.scale) t.scale[i] = (float)by;
}

static void window_stats(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0], *mask = &c->in[1];
    stats_tensors t = { (const float *)x->data,
                        (const float *)mask->data,
                        (float *)c->out[0].data,
                        (float *)c->out[1].data,
                        x->dim[1],
                        x->dim[2],
                        mask->data ? mask->dim[1] : 0,
                        x->dim[0] * x->dim[2] };
    if (!t.location && !t.scale) return;
    VN_LAUNCH(vn_window_stats_kernel, vn_blocks(t.n, WARPS), dim3(32, WARPS), 0, s,
              *(const vn_attr_stats *)c->attr, t);
}

/* ---- scale, unscale ---- */

/* A [B, 1, 1 or C] tensor; NULL data stands for `absent`. */
struct per_window {
    vn_each<const float *> data;
    int64_t width;
    double absent;
    __device__ float at(int64_t b, int64_t ch) const
    {
        return data ? data[b * width + (width == 1 ? 0 : ch)] : (float)absent;
    }
};

static per_window per_window_of(const vn_tensor *t, float absent)
{
    return per_window{ (const float *)t->data, vn_last_dim(t), absent };
}

struct scaling {
    vn_each<const float *> x, mask;
    per_window location, scale;
    vn_each<float *> y;
    int64_t len, chans, n;
    int back, aligned; /* back: unscale */
};

__device__ __forceinline__ float scaled(const scaling &k, float x, float mask, float location,
                                        float scale)
{
    if (k.back) return x * scale + location;
    return mask != 0 ? (x - location) / scale : 0;
}

template <class I> __global__ void __launch_bounds__(THREADS) vn_scale_kernel(scaling k)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * (k.aligned ? EACH : 1);
    if (i >= k.n) return;
    I row = (I)i / (I)k.chans, ch = (I)i % (I)k.chans, b = row / (I)k.len;
    float location = k.location.at(b, ch), scale = k.scale.at(b, ch);
    if (!k.aligned) {
        k.y[i] = scaled(k, k.x[i], k.mask ? k.mask[row] : 1, location, scale);
        return;
    }
    float4 x = vn_load4(k.x + i), m = k.mask ? vn_load4(k.mask + i) : make_float4(1, 1, 1, 1);
    vn_store4(k.y + i, make_float4(scaled(k, x.x, m.x, location, scale),
                                   scaled(k, x.y, m.y, location, scale),
                                   scaled(k, x.z, m.z, location, scale),
                                   scaled(k, x.w, m.w, location, scale)));
}

static void launch_scale(vn_stream *s, const vn_tensor *x, scaling k)
{
    k.len = x->dim[1];
    k.chans = x->dim[2];
    k.n = vn_count(x);
    k.aligned = k.chans == 1 && k.len % EACH == 0 && vn_aligned16(k.x) && vn_aligned16(k.mask) &&
                vn_aligned16(k.y);
    dim3 grid = vn_blocks(k.n, THREADS * (k.aligned ? EACH : 1));
    if (k.n <= INT32_MAX)
        VN_LAUNCH(vn_scale_kernel<uint32_t>, grid, dim3(THREADS), 0, s, k);
    else
        VN_LAUNCH(vn_scale_kernel<int64_t>, grid, dim3(THREADS), 0, s, k);
}

static void scale(const vn_call *c, vn_stream *s)
{
    scaling k = { (const float *)c->in[0].data,
                  (const float *)c->in[1].data,
                  per_window_of(&c->in[2], 0),
                  per_window_of(&c->in[3], 1),
                  (float *)c->out[0].data,
                  0,
                  0,
                  0,
                  false,
                  false };
    if (k.y) launch_scale(s, &c->in[0], k);
}

static void unscale(const vn_call *c, vn_stream *s)
{
    scaling k = { (const float *)c->in[0].data,
                  NULL,
                  per_window_of(&c->in[1], 0),
                  per_window_of(&c->in[2], 1),
                  (float *)c->out[0].data,
                  0,
                  0,
                  0,
                  true,
                  false };
    if (k.y) launch_scale(s, &c->in[0], k);
}

/* ---- seen ---- */

__global__ void __launch_bounds__(THREADS)
    vn_seen_kernel(vn_each<const float *> x, vn_each<const float *> mask, vn_each<float *> y,
                   vn_each<float *> seen, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    bool here = isfinite(x[i]) && (!mask || mask[i] != 0);
    if (y) y[i] = here ? x[i] : 0;
    if (seen) seen[i] = here;
}

/* 8 bytes read and 8 written an element. */
static void seen(const vn_call *c, vn_stream *s)
{
    int64_t n = vn_count(&c->in[0]);
    float *y = (float *)c->out[0].data, *is_seen = (float *)c->out[1].data;
    if (!y && !is_seen) return;
    VN_LAUNCH(vn_seen_kernel, vn_blocks(n, THREADS), dim3(THREADS), 0, s,
              (const float *)c->in[0].data, (const float *)c->in[1].data, y, is_seen, n);
}

VN_CUDA_KERNEL(window_f32_cuda) = { "window_f32_cuda", 0, unfit_window, NULL, window };
VN_CUDA_KERNEL(window_stats_f32_cuda) = { "window_stats_f32_cuda", 0, vn_not_f32, NULL,
                                          window_stats };
VN_CUDA_KERNEL(seen_f32_cuda) = { "seen_f32_cuda", 0, vn_not_f32, NULL, seen };
VN_CUDA_KERNEL(scale_f32_cuda) = { "scale_f32_cuda", 0, vn_not_f32, NULL, scale };
VN_CUDA_KERNEL(unscale_f32_cuda) = { "unscale_f32_cuda", 0, vn_not_f32, NULL, unscale };

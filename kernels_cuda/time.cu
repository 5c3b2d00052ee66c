/* The time axis: pooling and resampling, and their gradients.
 *
 * pool1d reads each step once and writes one number a window: 4 + 4 / k bytes a step. Its gradient
 * reads x (for a maximum) and dy once and writes dx once; a thread takes a whole window, so that a
 * maximum is looked for once. interp1d and its gradient read and write each number once; which
 * points meet depends on the column alone, and f64 divisions find it, so a thread takes one column
 * of EACH rows. All are bound by memory, or at N-HiTS's sizes by the launch. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/interp.h"
}

enum { THREADS = 256, EACH = 8 };

/* ---- pooling: window j of channel ch of batch element b ---- */

struct pooled {
    int64_t kernel, len, chans, windows;
    int64_t max;
};

struct pool_window {
    int64_t first, n; /* element of x of the first step; steps */
};

template <class I> __device__ __forceinline__ pool_window window_of(const pooled &p, I i)
{
    I row = i / (I)p.chans, ch = i % (I)p.chans;
    I b = row / (I)p.windows, j = row % (I)p.windows;
    int64_t lo = (int64_t)j * p.kernel, rest = p.len - lo;
    return pool_window{ ((int64_t)b * p.len + lo) * p.chans + ch,
                        rest < p.kernel ? rest : p.kernel };
}

/* Step of the first maximum; the first NaN wins, so that it shows. */
__device__ __forceinline__ int64_t argmax(const float *x, int64_t stride, int64_t n, float *top)
{
    int64_t best = 0;
    float most = x[0];
    for (int64_t t = 1; t < n; t++) {
        float v = x[t * stride];
        if (v > most || (v != v && most == most)) {
            most = v;
            best = t;
        }
    }
    *top = most;
    return best;
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_pool1d_kernel(pooled p, vn_each<const float *> x, vn_each<float *> y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    pool_window w = window_of(p, (I)i);
    float top;
    if (p.max) {
        argmax(x + w.first, p.chans, w.n, &top);
        y[i] = top;
        return;
    }
    double sum = 0;
    for (int64_t t = 0; t < w.n; t++) sum += (double)x[w.first + t * p.chans];
    y[i] = (float)(sum / (double)w.n);
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_pool1d_grad_kernel(pooled p, vn_each<const float *> dy, vn_each<const float *> x,
                          vn_each<float *> dx, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    pool_window w = window_of(p, (I)i);
    float g = dy[i], top;
    int64_t best = p.max ? argmax(x + w.first, p.chans, w.n, &top) : 0;
    if (!p.max) g /= (float)w.n;
    for (int64_t t = 0; t < w.n; t++) dx[w.first + t * p.chans] = p.max && t != best ? 0 : g;
}

static pooled pooled_of(const vn_call *c, const vn_tensor *x, const vn_tensor *y)
{
    const vn_attr_pool *a = (const vn_attr_pool *)c->attr;
    return pooled{ a->kernel, x->dim[1], x->dim[2], y->dim[1], a->mode == VN_POOL_MAX };
}

static void pool1d(const vn_call *c, vn_stream *s)
{
    pooled p = pooled_of(c, &c->in[0], &c->out[0]);
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    if (!y) return;
    if (n <= INT32_MAX)
        VN_LAUNCH(vn_pool1d_kernel<uint32_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, p, x, y,
                  n);
    else
        VN_LAUNCH(vn_pool1d_kernel<int64_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, p, x, y,
                  n);
}

static void pool1d_grad(const vn_call *c, vn_stream *s)
{
    pooled p = pooled_of(c, &c->out[0], &c->in[0]);
    const float *dy = (const float *)c->in[0].data, *x = (const float *)c->in[1].data;
    float *dx = (float *)c->out[0].data;
    int64_t n = vn_count(&c->in[0]);
    if (!dx) return;
    if (n <= INT32_MAX)
        VN_LAUNCH(vn_pool1d_grad_kernel<uint32_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, p,
                  dy, x, dx, n);
    else
        VN_LAUNCH(vn_pool1d_grad_kernel<int64_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, p, dy,
                  x, dx, n);
}

/* ---- resampling: `from` points become `to`, rows EACH at a time ---- */

struct resampled {
    int64_t from, to, rows;
};

/* MODE is a constant so that the taps stay in registers. */
template <int MODE>
__global__ void __launch_bounds__(THREADS)
    vn_interp1d_kernel(resampled r, vn_each<const float *> x, vn_each<float *> y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    int64_t row = i / r.to * EACH, j = i % r.to;
    vn_taps taps = vn_interp_taps(MODE, r.from, r.to, j);
    for (int k = 0; k < EACH && row + k < r.rows; k++) {
        const float *at = x + (row + k) * r.from;
        double sum = 0;
#pragma unroll
        for (int t = 0; t < 4; t++)
            if (t < taps.n) sum += taps.weight[t] * (double)at[taps.at[t]];
        y[(row + k) * r.to + j] = (float)sum;
    }
}

/* The points j that point k takes part in lie in [lo, hi): those within two steps of it, with one
 * to spare for rounding; the points at the ends stand for all beyond them too. */
__device__ __forceinline__ void reach(const resampled &r, int64_t k, int64_t *lo, int64_t *hi)
{
    double step = (double)r.to / (double)r.from;
    int64_t first = (int64_t)(((double)k - 1.5) * step) - 2;
    int64_t last = (int64_t)(((double)k + 2.5) * step) + 2;
    *lo = k == 0 || first < 0 ? 0 : first;
    *hi = k == r.from - 1 || last > r.to ? r.to : last;
}

template <int MODE>
__global__ void __launch_bounds__(THREADS)
    vn_interp1d_grad_kernel(resampled r, vn_each<const float *> dy, vn_each<float *> dx, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x, lo, hi;
    if (i >= n) return;
    int64_t row = i / r.from * EACH, k = i % r.from;
    int rows = r.rows - row < EACH ? (int)(r.rows - row) : EACH;
    double sum[EACH] = { 0 };
    reach(r, k, &lo, &hi);
    for (int64_t j = lo; j < hi; j++) {
        vn_taps taps = vn_interp_taps(MODE, r.from, r.to, j);
        double weight = 0;
        bool meets = false;
#pragma unroll
        for (int t = 0; t < 4; t++)
            if (t < taps.n && taps.at[t] == k) {
                weight += taps.weight[t];
                meets = true;
            }
        if (!meets) continue;
#pragma unroll
        for (int e = 0; e < EACH; e++)
            if (e < rows) sum[e] += weight * (double)dy[(row + e) * r.to + j];
    }
#pragma unroll
    for (int e = 0; e < EACH; e++)
        if (e < rows) dx[(row + e) * r.from + k] = (float)sum[e];
}

typedef void (*interp_kernel)(resampled, vn_each<const float *>, vn_each<float *>, int64_t);

/* `width` columns, EACH rows a thread. */
static void resample(const interp_kernel of[VN_INTERP_COUNT], const vn_call *c, vn_stream *s,
                     resampled r, int64_t width)
{
    interp_kernel vn_resample_kernel = of[((const vn_attr_interp *)c->attr)->mode];
    int64_t n = (r.rows + EACH - 1) / EACH * width;
    VN_LAUNCH(vn_resample_kernel, vn_blocks(n, THREADS), dim3(THREADS), 0, s, r,
              (const float *)c->in[0].data, (float *)c->out[0].data, n);
}

static void interp1d(const vn_call *c, vn_stream *s)
{
    static const interp_kernel of[] = { vn_interp1d_kernel<VN_INTERP_LINEAR>,
                                        vn_interp1d_kernel<VN_INTERP_NEAREST>,
                                        vn_interp1d_kernel<VN_INTERP_CUBIC> };
    resampled r = { vn_last_dim(&c->in[0]), vn_last_dim(&c->out[0]), 0 };
    r.rows = vn_count(&c->in[0]) / r.from;
    if (c->out[0].data) resample(of, c, s, r, r.to);
}

static void interp1d_grad(const vn_call *c, vn_stream *s)
{
    static const interp_kernel of[] = { vn_interp1d_grad_kernel<VN_INTERP_LINEAR>,
                                        vn_interp1d_grad_kernel<VN_INTERP_NEAREST>,
                                        vn_interp1d_grad_kernel<VN_INTERP_CUBIC> };
    resampled r = { vn_last_dim(&c->out[0]), vn_last_dim(&c->in[0]), 0 };
    r.rows = vn_count(&c->out[0]) / r.from;
    if (c->out[0].data) resample(of, c, s, r, r.from);
}

VN_CUDA_KERNEL(pool1d_f32_cuda) = { "pool1d_f32_cuda", 0, vn_not_f32, NULL, pool1d };
VN_CUDA_KERNEL(pool1d_grad_f32_cuda) = { "pool1d_grad_f32_cuda", 0, vn_not_f32, NULL, pool1d_grad };
VN_CUDA_KERNEL(interp1d_f32_cuda) = { "interp1d_f32_cuda", 0, vn_not_f32, NULL, interp1d };
VN_CUDA_KERNEL(interp1d_grad_f32_cuda) = { "interp1d_grad_f32_cuda", 0, vn_not_f32, NULL,
                                           interp1d_grad };

/* Training losses: of one number a step, of quantiles, likelihoods; masked, weighted sums and their
 * gradients. Parameters of distributions, and the levels of implicit quantiles.
 *
 * Traffic of a step of P numbers: 4 P + 8 bytes read by the sums, and 4 P written by the gradients;
 * weights, scales and levels, far fewer, stay in the caches. Bound by memory, at the batches of
 * training (some 10^4 steps) by the launch; a likelihood takes some 30 functions a step.
 * Sums are in double and of fixed order: a block adds a step a thread, the last block the blocks'
 * sums. What a mask hides is not looked at: it may be NaN. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "base/philox.h"
#include "device/dist.h"
#include "device/scalar.h"
}

enum { THREADS = 256 };

/* Indices of 32 bits: a division of 64 costs a GPU some 70 instructions. */
static const char *unfit_loss(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    if (why) return why;
    return vn_count(&c->in[0]) > INT32_MAX ? "more than 2^31 numbers" : NULL;
}

/* ---- steps of [B, H, P], their mask and weight ---- */

struct steps {
    vn_each<const float *> x, y, mask, weight;
    uint32_t n, horizon;
};

static steps steps_of(const vn_call *c)
{
    const vn_tensor *x = &c->in[0];
    return steps{ (const float *)x->data,
                  (const float *)c->in[1].data,
                  (const float *)c->in[2].data,
                  (const float *)c->in[3].data,
                  (uint32_t)(x->dim[0] * x->dim[1]),
                  (uint32_t)x->dim[1] };
}

__device__ __forceinline__ float share(const steps &s, uint32_t i)
{
    return s.weight ? s.mask[i] * s.weight[i % s.horizon] : s.mask[i];
}

/* ---- sums of `value(s, i)` times share, and of shares ---- */

struct sums {
    double loss, share;
};

__device__ __forceinline__ void put(sums own, sums *part, float *num, float *den)
{
    own.loss = vn_block_sum(own.loss);
    own.share = vn_block_sum(own.share);
    if (threadIdx.x) return;
    if (part) {
        part[blockIdx.x] = own;
        return;
    }
    if (num) *num = (float)own.loss;
    if (den) *den = (float)own.share;
}

/* Without parts there is one block, whose sums are the result. */
template <class F>
__global__ void __launch_bounds__(THREADS, 4) /* without the 4 ptxas spills 8 bytes to fit more */
    vn_loss_sums_kernel(F value, steps s, vn_each<sums *> part, vn_each<unsigned *> ticket,
                        vn_each<float *> num, vn_each<float *> den)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    sums own = { 0, 0 };
    float w = i < s.n ? share(s, i) : 0;
    if (w != 0) own = sums{ (double)(value(s, i) * w), (double)w };
    put(own, part, num, den);
    if (!part || !vn_last_block(ticket, gridDim.x)) return;
    own = sums{ 0, 0 };
    for (uint32_t k = threadIdx.x; k < gridDim.x; k += THREADS) {
        own.loss += part[k].loss;
        own.share += part[k].share;
    }
    put(own, NULL, num, den);
}

static unsigned parts_of(const vn_call *c)
{
    return vn_blocks(c->in[0].dim[0] * c->in[0].dim[1], THREADS).x;
}

static vn_scratch sums_scratch(const vn_call *c)
{
    return vn_scratch{ parts_of(c) > 1 ? parts_of(c) * sizeof(sums) : 0, 0 };
}

template <class F> static void launch_sums(const vn_call *c, vn_stream *s, F value)
{
    float *num = (float *)c->out[0].data, *den = (float *)c->out[1].data;
    unsigned parts = parts_of(c);
    sums *part = parts > 1 ? (sums *)c->scratch : NULL;
    if (!num && !den) return;
    VN_LAUNCH(vn_loss_sums_kernel<F>, dim3(parts), dim3(THREADS), 0, s, value, steps_of(c), part,
              vn_tickets(c), num, den);
}

/* ---- losses of one number a step ---- */

struct point_loss {
    int kind;
    float delta;
    vn_each<const float *> scale; /* of the window, which the loss is divided by; NULL: none */

    __device__ float over_scale(const steps &s, uint32_t i, float l) const
    {
        return scale ? l / scale[i / s.horizon] : l;
    }
    __device__ float operator()(const steps &s, uint32_t i) const
    {
        return over_scale(s, i, vn_loss_value_f32(kind, delta, s.x[i], s.y[i]));
    }
};

static point_loss point_loss_of(const vn_call *c)
{
    const vn_attr_loss *a = (const vn_attr_loss *)c->attr;
    return point_loss{ (int)a->kind, (float)a->delta, (const float *)c->in[4].data };
}

__global__ void __launch_bounds__(THREADS)
    vn_loss_grad_kernel(point_loss l, steps s, vn_each<const float *> dsum, vn_each<float *> d)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= s.n) return;
    float w = share(s, i), slope = 0;
    if (w != 0)
        slope = l.over_scale(s, i, vn_loss_slope_f32(l.kind, l.delta, s.x[i], s.y[i])) * w * *dsum;
    d[i] = slope;
}

static void loss(const vn_call *c, vn_stream *s)
{
    launch_sums(c, s, point_loss_of(c));
}

static void loss_grad(const vn_call *c, vn_stream *s)
{
    float *d = (float *)c->out[0].data;
    if (!d) return;
    VN_LAUNCH(vn_loss_grad_kernel, dim3(parts_of(c)), dim3(THREADS), 0, s, point_loss_of(c),
              steps_of(c), (const float *)c->in[5].data, d);
}

/* ---- quantile losses of Q numbers a step ---- */

struct quantile_loss {
    vn_each<const float *> q;
    uint32_t Q;
    uint32_t by_step; /* a level a step, else a level a number */

    __device__ float level(uint32_t i, uint32_t j) const { return q[by_step ? i : j]; }
    __device__ float operator()(const steps &s, uint32_t i) const
    {
        float mean = 0, y = s.y[i];
        for (uint32_t j = 0; j < Q; j++) {
            float e = y - s.x[i * Q + j], p = level(i, j);
            mean += (e < 0 ? (p - 1) * e : p * e) / (float)Q;
        }
        return mean;
    }
};

static quantile_loss quantile_loss_of(const vn_call *c)
{
    return quantile_loss{ (const float *)c->in[4].data, (uint32_t)c->in[0].dim[2],
                          c->in[4].rank != 1 };
}

/* A thread a number. At e = 0 the slope is between those of the sides: 0.5 - p. */
__global__ void __launch_bounds__(THREADS)
    vn_qloss_grad_kernel(quantile_loss l, steps s, vn_each<const float *> dsum, vn_each<float *> d,
                         uint32_t n)
{
    uint32_t k = blockIdx.x * THREADS + threadIdx.x;
    if (k >= n) return;
    uint32_t i = k / l.Q;
    float w = share(s, i), slope = 0;
    if (w != 0) {
        float e = s.y[i] - s.x[k], p = l.level(i, k % l.Q);
        slope = e > 0 ? -p : e < 0 ? 1 - p : e == 0 ? 0.5f - p : e; /* NaN at the end */
        slope = slope * w * *dsum / (float)l.Q;
    }
    d[k] = slope;
}

static void qloss(const vn_call *c, vn_stream *s)
{
    launch_sums(c, s, quantile_loss_of(c));
}

static void qloss_grad(const vn_call *c, vn_stream *s)
{
    float *d = (float *)c->out[0].data;
    int64_t n = vn_count(&c->in[0]);
    if (!d) return;
    VN_LAUNCH(vn_qloss_grad_kernel, vn_blocks(n, THREADS), dim3(THREADS), 0, s, quantile_loss_of(c),
              steps_of(c), (const float *)c->in[5].data, d, (uint32_t)n);
}

/* ---- likelihoods of P raw numbers a step ---- */

enum { MAX_PARAMS = 3 }; /* of one distribution */

struct window {
    vn_each<const float *> loc, scale; /* NULL: 0 and 1 */
};

static window window_of(const vn_call *c, int first)
{
    return window{ (const float *)c->in[first].data, (const float *)c->in[first + 1].data };
}

__device__ __forceinline__ float loc_at(const window &w, uint32_t at)
{
    return w.loc ? w.loc[at] : 0;
}

__device__ __forceinline__ float scale_at(const window &w, uint32_t at)
{
    return w.scale ? w.scale[at] : 1;
}

struct likelihood {
    vn_attr_dist a;
    window w;
    int64_t P;

    __device__ float operator()(const steps &s, uint32_t i) const
    {
        uint32_t at = i / s.horizon;
        const float *x = vn_held(s.x + (size_t)i * P);
        return vn_nll_one_f32(a.kind, x, 1, s.y[i], loc_at(w, at), scale_at(w, at), NULL);
    }
};

struct mixture_likelihood {
    likelihood one;

    __device__ float operator()(const steps &s, uint32_t i) const { return with_grad(s, i, NULL); }
    __device__ float with_grad(const steps &s, uint32_t i, float *d) const
    {
        uint32_t at = i / s.horizon;
        return vn_nll_mixture_f32(&one.a, one.P / one.a.comps - 1, s.x + (size_t)i * one.P, s.y[i],
                                  loc_at(one.w, at), scale_at(one.w, at), d);
    }
};

static likelihood likelihood_of(const vn_call *c)
{
    return likelihood{ *(const vn_attr_dist *)c->attr, window_of(c, 4), (uint32_t)c->in[0].dim[2] };
}

__global__ void __launch_bounds__(THREADS)
    vn_nll_grad_kernel(likelihood l, steps s, vn_each<const float *> dsum, vn_each<float *> d)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= s.n) return;
    float w = share(s, i), own[MAX_PARAMS] = { 0, 0, 0 };
    uint32_t at = i / s.horizon;
    if (w != 0)
        vn_nll_one_f32(l.a.kind, s.x + (size_t)i * l.P, 1, s.y[i], loc_at(l.w, at),
                       scale_at(l.w, at), own);
#pragma unroll
    for (uint32_t j = 0; j < MAX_PARAMS; j++)
        if (j < l.P) d[(size_t)i * l.P + j] = w == 0 ? 0 : own[j] * w * *dsum;
}

__global__ void __launch_bounds__(THREADS)
    vn_nll_mixture_grad_kernel(mixture_likelihood l, steps s, vn_each<const float *> dsum,
                               vn_each<float *> d)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= s.n) return;
    const float *by = vn_held((const float *)dsum);
    float w = share(s, i), *own = vn_held((float *)d) + (size_t)i * l.one.P;
    if (w != 0) l.with_grad(s, i, own);
    for (uint32_t j = 0; j < l.one.P; j++) own[j] = w == 0 ? 0 : own[j] * w * *by;
}

static void nll(const vn_call *c, vn_stream *s)
{
    likelihood l = likelihood_of(c);
    if (l.a.comps)
        launch_sums(c, s, mixture_likelihood{ l });
    else
        launch_sums(c, s, l);
}

static void nll_grad(const vn_call *c, vn_stream *s)
{
    const float *dsum = (const float *)c->in[6].data;
    float *d = (float *)c->out[0].data;
    likelihood l = likelihood_of(c);
    if (!d) return;
    if (l.a.comps)
        VN_LAUNCH(vn_nll_mixture_grad_kernel, dim3(parts_of(c)), dim3(THREADS), 0, s,
                  mixture_likelihood{ l }, steps_of(c), dsum, d);
    else
        VN_LAUNCH(vn_nll_grad_kernel, dim3(parts_of(c)), dim3(THREADS), 0, s, l, steps_of(c), dsum,
                  d);
}

/* ---- parameters of a distribution ---- */

__global__ void __launch_bounds__(THREADS)
    vn_dist_kernel(vn_attr_dist a, window w, vn_each<const float *> x, vn_each<float *> out,
                   uint32_t n, uint32_t horizon, uint32_t P)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    uint32_t at = i / horizon;
    vn_dist_map_f32(&a, P, x + (size_t)i * P, loc_at(w, at), scale_at(w, at), out + (size_t)i * P);
}

static void dist(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0];
    float *out = (float *)c->out[0].data;
    int64_t n = x->dim[0] * x->dim[1];
    if (!out) return;
    VN_LAUNCH(vn_dist_kernel, vn_blocks(n, THREADS), dim3(THREADS), 0, s,
              *(const vn_attr_dist *)c->attr, window_of(c, 1), (const float *)x->data, out,
              (uint32_t)n, (uint32_t)x->dim[1], (uint32_t)x->dim[2]);
}

/* ---- levels ---- */

struct draw {
    vn_each<uint64_t> seed;
    uint64_t stream;
    vn_each<const int64_t *> step;
};

/* Step i takes word i % 4 of the Philox block i / 4, as on the CPU: 23 bits and a half. */
__device__ __forceinline__ float level_of(const draw &r, uint32_t i)
{
    vn_philox counter = { { i / 4, 0, (uint32_t)(r.stream ^ r.stream >> 32), (uint32_t)*r.step } };
    uint64_t key = r.seed;
    vn_philox bits = vn_philox4x32(counter, (uint32_t)key, (uint32_t)(key >> 32));
    uint32_t word = i % 4 == 0   ? bits.v[0]
                    : i % 4 == 1 ? bits.v[1]
                    : i % 4 == 2 ? bits.v[2]
                                 : bits.v[3]; /* an index would put them on the stack */
    return ((float)(word >> 9) + 0.5f) / 8388608.0f;
}

/* A thread a cosine, which draws its level again: cheaper than to read it from another kernel. */
__global__ void __launch_bounds__(THREADS)
    vn_tau_kernel(draw r, vn_each<float *> q, vn_each<float *> phi, uint32_t n, uint32_t size)
{
    uint32_t at = blockIdx.x * THREADS + threadIdx.x;
    if (at >= n) return;
    uint32_t i = at / size, k = at % size;
    float level = level_of(r, i);
    if (q && k == 0) q[i] = level;
    if (phi) phi[at] = (float)vn_cospi((double)k * (double)level);
}

static const char *unfit_tau(const vn_call *c)
{
    const char *why = unfit_loss(c);
    if (why) return why;
    return vn_count(&c->out[1]) > INT32_MAX ? "more than 2^31 cosines" : NULL;
}

static void tau(const vn_call *c, vn_stream *s)
{
    const vn_attr_tau *a = (const vn_attr_tau *)c->attr;
    float *q = (float *)c->out[0].data, *phi = (float *)c->out[1].data;
    int64_t size = phi ? a->size : 1, n = vn_count(&c->in[0]) * size;
    if (!q && !phi) return;
    VN_LAUNCH(vn_tau_kernel, vn_blocks(n, THREADS), dim3(THREADS), 0, s,
              draw{ c->run->seed, (uint64_t)a->stream, c->run->step }, q, phi, (uint32_t)n,
              (uint32_t)size);
}

VN_CUDA_KERNEL(loss_f32_cuda) = { "loss_f32_cuda", 0, unfit_loss, sums_scratch, loss };
VN_CUDA_KERNEL(loss_grad_f32_cuda) = { "loss_grad_f32_cuda", 0, unfit_loss, NULL, loss_grad };
VN_CUDA_KERNEL(qloss_f32_cuda) = { "qloss_f32_cuda", 0, unfit_loss, sums_scratch, qloss };
VN_CUDA_KERNEL(qloss_grad_f32_cuda) = { "qloss_grad_f32_cuda", 0, unfit_loss, NULL, qloss_grad };
VN_CUDA_KERNEL(nll_f32_cuda) = { "nll_f32_cuda", 0, unfit_loss, sums_scratch, nll };
VN_CUDA_KERNEL(nll_grad_f32_cuda) = { "nll_grad_f32_cuda", 0, unfit_loss, NULL, nll_grad };
VN_CUDA_KERNEL(dist_f32_cuda) = { "dist_f32_cuda", 0, unfit_loss, NULL, dist };
VN_CUDA_KERNEL(tau_f32_cuda) = { "tau_f32_cuda", 0, unfit_tau, NULL, tau };

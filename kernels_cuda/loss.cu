/* Training losses and quantile losses: masked, weighted sums and their gradients.
 *
 * Traffic of a step of Q numbers: 4 Q + 8 bytes read by the sums, and 4 Q written by the gradients;
 * weights, scales and levels, far fewer, stay in the caches. Bound by memory, at the batches of
 * training (some 10^4 steps) by the two launches. Sums are in double and in two stages of fixed
 * order: a block adds a step a thread, one block the blocks' sums. What a mask hides is not looked
 * at: it may be NaN. */
#include "kernels_cuda/common.cuh"

extern "C" {
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
    const float *x, *y, *mask, *weight;
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
__global__ void __launch_bounds__(THREADS)
    vn_loss_sums_kernel(F value, steps s, sums *part, float *num, float *den)
{
    uint32_t i = blockIdx.x * THREADS + threadIdx.x;
    sums own = { 0, 0 };
    float w = i < s.n ? share(s, i) : 0;
    if (w != 0) own = sums{ (double)(value(s, i) * w), (double)w };
    put(own, part, num, den);
}

__global__ void __launch_bounds__(THREADS)
    vn_loss_parts_kernel(const sums *part, uint32_t n_parts, float *num, float *den)
{
    sums own = { 0, 0 };
    for (uint32_t i = threadIdx.x; i < n_parts; i += THREADS) {
        own.loss += part[i].loss;
        own.share += part[i].share;
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
              num, den);
    if (part) VN_LAUNCH(vn_loss_parts_kernel, dim3(1), dim3(THREADS), 0, s, part, parts, num, den);
}

/* ---- losses of one number a step ---- */

struct point_loss {
    int64_t kind;
    float delta;
    const float *scale; /* of the window, which the loss is divided by; NULL: none */

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
    return point_loss{ a->kind, (float)a->delta, (const float *)c->in[4].data };
}

__global__ void __launch_bounds__(THREADS)
    vn_loss_grad_kernel(point_loss l, steps s, const float *dsum, float *d)
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
    const float *q;
    uint32_t Q;
    bool by_step; /* a level a step, else a level a number */

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
    vn_qloss_grad_kernel(quantile_loss l, steps s, const float *dsum, float *d, uint32_t n)
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

VN_CUDA_KERNEL(loss_f32_cuda) = { "loss_f32_cuda", 0, unfit_loss, sums_scratch, loss };
VN_CUDA_KERNEL(loss_grad_f32_cuda) = { "loss_grad_f32_cuda", 0, unfit_loss, NULL, loss_grad };
VN_CUDA_KERNEL(qloss_f32_cuda) = { "qloss_f32_cuda", 0, unfit_loss, sums_scratch, qloss };
VN_CUDA_KERNEL(qloss_grad_f32_cuda) = { "qloss_grad_f32_cuda", 0, unfit_loss, NULL, qloss_grad };

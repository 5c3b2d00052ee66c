/* The end of a training step: gradient norm, Adam over the flat block, the mean of its steps, the
 * flag of a bad step.
 *
 * gradnorm reads 4 bytes an element: a block sums CHUNK elements into scratch, the last block sums
 * those in their order. adam reads 16 and writes 12 bytes an element, four at a time,
 * average reads 8 and writes 4; both are bound by memory. Learning rate and step are read from
 * device memory: a graph freezes arguments. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/moments.h"
}

enum { THREADS = 256, EACH = 4, CHUNK = 4096 };

/* ---- gradient norm ---- */

/* part[block] = sum of squares of CHUNK elements, in double: squares of f32 are exact there. The
 * root of all parts by the last block. */
__global__ void __launch_bounds__(THREADS)
    vn_norm_kernel(vn_each<const float *> g, vn_each<double *> part, vn_each<unsigned *> ticket, int64_t n, bool aligned,
                   vn_each<float *> norm)
{
    int64_t first = (int64_t)blockIdx.x * CHUNK;
    double sum = 0;
    for (int at = threadIdx.x * EACH; at < CHUNK && first + at < n; at += THREADS * EACH) {
        int64_t i = first + at;
        if (aligned && i + EACH <= n) {
            float4 v = vn_load4(g + i);
            sum += (double)v.x * v.x + (double)v.y * v.y + (double)v.z * v.z + (double)v.w * v.w;
        } else {
            for (int64_t k = i; k < n && k < i + EACH; k++) sum += (double)g[k] * g[k];
        }
    }
    sum = vn_block_sum(sum);
    if (threadIdx.x == 0) part[blockIdx.x] = sum;
    if (!vn_last_block(ticket, gridDim.x)) return;
    sum = 0;
    for (int64_t i = threadIdx.x; i < gridDim.x; i += THREADS) sum += part[i];
    sum = vn_block_sum(sum);
    if (threadIdx.x == 0) *norm = (float)sqrt(sum);
}

static int64_t parts_of(const vn_call *c)
{
    return (vn_count(&c->in[0]) + CHUNK - 1) / CHUNK;
}

static vn_scratch gradnorm_scratch(const vn_call *c)
{
    return vn_scratch{ (size_t)parts_of(c) * sizeof(double), 0 };
}

static void gradnorm(const vn_call *c, vn_stream *s)
{
    const float *g = (const float *)c->in[0].data;
    double *part = (double *)c->scratch;
    if (!c->out[0].data) return;
    VN_LAUNCH(vn_norm_kernel, dim3((unsigned)parts_of(c)), dim3(THREADS), 0, s, g, part,
              vn_tickets(c), vn_count(&c->in[0]), vn_aligned16(g), (float *)c->out[0].data);
}

/* ---- Adam ---- */

/* beta^step by squaring: pow() in double is a call of some 200 instructions and a stack frame. */
__device__ __forceinline__ double power(double beta, int64_t step)
{
    double result = 1;
    for (; step > 0; step >>= 1, beta *= beta)
        if (step & 1) result *= beta;
    return result;
}

/* Steps that changed the weights, this one included: without those left out (op rescale). */
__device__ __forceinline__ int64_t taken(const int64_t *step, const int64_t *counts)
{
    return *step + 1 - (counts ? counts[1] : 0);
}

/* What all elements share. */
struct adam_facts {
    float clip, keep1, new1, keep2, new2, eps;
    float rate, part2, decay; /* lr / fix1, 1 / fix2; decay: lr times decay */
    bool skip;
};

__device__ __forceinline__ adam_facts facts_of(const vn_attr_adam &a, float norm, float scale,
                                               bool bad, double lr, int64_t step)
{
    double part = 1 / (double)scale;
    double clip = a.clip > 0 ? fmin(1.0, a.clip / ((double)norm * part + 1e-6)) : 1;
    vn_moments by = vn_moments_of(&a, power(a.beta1, step), power(a.beta2, step));
    return adam_facts{ (float)(clip * part), (float)by.keep1, (float)by.new1, (float)by.keep2,
                       (float)by.new2, (float)by.eps, (float)(lr / by.fix1), (float)(1 / by.fix2),
                       (float)(a.decoupled ? lr * a.weight_decay : a.weight_decay),
                       bad || !isfinite(norm) };
}

__device__ __forceinline__ void adam_one(const vn_attr_adam &a, const adam_facts &f, bool decays,
                                         float g, float &p, float &m, float &v)
{
    float w = p, decay = decays ? f.decay : 0;
    float grad = g * f.clip + (a.decoupled ? 0 : decay * w);
    if (a.decoupled) w -= decay * w;
    m = f.keep1 * m + f.new1 * grad;
    v = f.keep2 * v + f.new2 * grad * grad;
    p = w - f.rate * m / (sqrtf(v * f.part2) + f.eps);
}

struct adam_blocks {
    vn_each<const float *> g, norm, scale, lr; /* scale: NULL for 1 */
    vn_each<const int64_t *> step, bad, counts;
    vn_each<float *> p, m, v;
};

__global__ void __launch_bounds__(THREADS)
    vn_adam_kernel(vn_attr_adam a, adam_blocks b, int64_t n, bool aligned)
{
    VN_SHARED_VAR(adam_facts, shared, [1]);
    if (threadIdx.x == 0)
        shared[0] = facts_of(a, *b.norm, b.scale ? *b.scale : 1, b.bad && *b.bad >= 0,
                             (double)*b.lr, taken(b.step, b.counts));
    __syncthreads();
    adam_facts f = shared[0];
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (f.skip) return;
    if (aligned && i + EACH <= n) {
        float4 g = vn_load4(b.g + i), p = vn_load4(b.p + i), m = vn_load4(b.m + i);
        float4 v = vn_load4(b.v + i);
        adam_one(a, f, i < a.n_decay, g.x, p.x, m.x, v.x);
        adam_one(a, f, i + 1 < a.n_decay, g.y, p.y, m.y, v.y);
        adam_one(a, f, i + 2 < a.n_decay, g.z, p.z, m.z, v.z);
        adam_one(a, f, i + 3 < a.n_decay, g.w, p.w, m.w, v.w);
        vn_store4(b.p + i, p);
        vn_store4(b.m + i, m);
        vn_store4(b.v + i, v);
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++)
        adam_one(a, f, k < a.n_decay, b.g[k], b.p[k], b.m[k], b.v[k]);
}

static void adam(const vn_call *c, vn_stream *s)
{
    adam_blocks b = { (const float *)c->in[1].data, (const float *)c->in[4].data,
                      (const float *)c->in[6].data, c->run->scalar + VN_LR,
                      c->run->step,                 (const int64_t *)c->in[5].data,
                      (const int64_t *)c->in[7].data, (float *)c->out[0].data,
                      (float *)c->out[1].data,      (float *)c->out[2].data };
    int64_t n = vn_count(&c->in[0]);
    bool aligned = vn_aligned16(b.g) && vn_aligned16(b.p) && vn_aligned16(b.m) && vn_aligned16(b.v);
    VN_LAUNCH(vn_adam_kernel, vn_blocks(n, THREADS * EACH), dim3(THREADS), 0, s,
              *(const vn_attr_adam *)c->attr, b, n, aligned);
}

/* ---- the mean of the parameters ---- */

struct average_steps {
    vn_each<const int64_t *> step, counts;
    vn_each<const float *> norm;
};

__global__ void __launch_bounds__(THREADS)
    vn_average_kernel(double decay, average_steps at, vn_each<const float *> p, vn_each<float *> mean, int64_t n,
                      bool aligned)
{
    VN_SHARED_VAR(float, shared, [1]);
    if (threadIdx.x == 0)
        shared[0] = (float)((1 - decay) / (1 - power(decay, taken(at.step, at.counts))));
    __syncthreads();
    float part = shared[0];
    if (!isfinite(*at.norm)) return;
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        float4 x = vn_load4(p + i), old = vn_load4(mean + i);
        old.x += part * (x.x - old.x);
        old.y += part * (x.y - old.y);
        old.z += part * (x.z - old.z);
        old.w += part * (x.w - old.w);
        vn_store4(mean + i, old);
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++) mean[k] += part * (p[k] - mean[k]);
}

static void average(const vn_call *c, vn_stream *s)
{
    const float *p = (const float *)c->in[1].data;
    float *mean = (float *)c->out[0].data;
    average_steps at = { c->run->step, (const int64_t *)c->in[3].data,
                         (const float *)c->in[2].data };
    int64_t n = vn_count(&c->in[0]);
    VN_LAUNCH(vn_average_kernel, vn_blocks(n, THREADS * EACH), dim3(THREADS), 0, s,
              ((const vn_attr_average *)c->attr)->decay, at, p, mean, n,
              vn_aligned16(p) && vn_aligned16(mean));
}

/* ---- the first bad step ---- */

__global__ void vn_guard_kernel(vn_each<const float *> loss, vn_each<const float *> norm, vn_each<const float *> scale,
                                vn_each<int64_t *> bad, vn_each<const int64_t *> step)
{
    bool falls = scale && *scale > VN_SCALE_LEAST;
    if (*bad < 0 && !(isfinite(*loss) && (falls || isfinite(*norm)))) *bad = *step;
}

static void guard(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    VN_LAUNCH(vn_guard_kernel, dim3(1), dim3(1), 0, s, (const float *)c->in[0].data,
              (const float *)c->in[1].data, (const float *)c->in[3].data,
              (int64_t *)c->out[0].data, c->run->step);
}

/* ---- the factor of an fp16 loss ---- */

__global__ void vn_rescale_kernel(vn_each<const float *> norm, vn_each<const int64_t *> bad, int64_t growth,
                                  vn_each<float *> scale, vn_each<int64_t *> counts)
{
    if (*bad >= 0) return;
    bool fine = isfinite(*norm);
    int64_t good = fine ? counts[0] + 1 : 0;
    if (!fine) *scale *= 0.5f;
    if (!fine) counts[1]++;
    if (good && good == growth) {
        if (*scale < VN_SCALE_MOST) *scale *= 2;
        good = 0;
    }
    counts[0] = good;
}

static void rescale(const vn_call *c, vn_stream *s)
{
    VN_LAUNCH(vn_rescale_kernel, dim3(1), dim3(1), 0, s, (const float *)c->in[0].data,
              (const int64_t *)c->in[1].data, ((const vn_attr_rescale *)c->attr)->growth,
              (float *)c->out[0].data, (int64_t *)c->out[1].data);
}

VN_CUDA_KERNEL(rescale_f32_cuda) = { "rescale_f32_cuda", 0, vn_not_f32, NULL, rescale };
VN_CUDA_KERNEL(gradnorm_f32_cuda) = { "gradnorm_f32_cuda", 0, vn_not_f32, gradnorm_scratch,
                                      gradnorm };
VN_CUDA_KERNEL(adam_f32_cuda) = { "adam_f32_cuda", 0, vn_not_f32, NULL, adam };
VN_CUDA_KERNEL(average_f32_cuda) = { "average_f32_cuda", 0, vn_not_f32, NULL, average };
VN_CUDA_KERNEL(guard_f32_cuda) = { "guard_f32_cuda", 0, vn_not_f32, NULL, guard };

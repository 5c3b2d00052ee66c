/* Elementwise functions of one and two tensors, forward and back, and dropout.
 *
 * Traffic an element: unary and affine 4 bytes read, 4 written; their gradients 8 to 12 and 4;
 * binary 8 and 4 where nothing repeats. All are bound by memory: a thread moves four elements in
 * accesses of 16 bytes, except where a view begins off a 16-byte line. The function is chosen by a
 * switch that all threads take alike. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "base/philox.h"
#include "device/scalar.h"
}

enum { THREADS = 256, EACH = 4, BLOCK = THREADS * EACH };

/* ---- one number in, one out, by a functor `f(i, x)` ---- */

struct apply_unary {
    int64_t fn;
    __device__ float operator()(int64_t, float x) const { return vn_unary_value_f32(fn, x); }
};

struct apply_affine {
    float a, b;
    __device__ float operator()(int64_t, float x) const { return a * x + b; }
};

/* Element i takes word i % 4 of the Philox block i / 4, as on the CPU: the same bits. */
struct apply_dropout {
    double p;
    float factor;
    uint32_t stream; /* folded */
    vn_each<uint64_t> seed;
    vn_each<const int64_t *> step;
    __device__ float operator()(int64_t i, float x) const
    {
        uint64_t block = (uint64_t)i / 4, key = seed;
        vn_philox counter = { { (uint32_t)block, (uint32_t)(block >> 32), stream,
                                (uint32_t)*step } };
        vn_philox bits = vn_philox4x32(counter, (uint32_t)key, (uint32_t)(key >> 32));
        return (double)vn_uniform24(bits.v[i % 4]) >= p ? x * factor : 0;
    }
};

template <class F>
__global__ void __launch_bounds__(THREADS)
    vn_map_kernel(F f, vn_each<const float *> x, vn_each<float *> y, int64_t n, bool aligned)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        float4 v = vn_load4(x + i);
        vn_store4(y + i, make_float4(f(i, v.x), f(i + 1, v.y), f(i + 2, v.z), f(i + 3, v.w)));
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++) y[k] = f(k, x[k]);
}

template <class F> static void map(const vn_call *c, vn_stream *s, F f)
{
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    if (!y) return;
    VN_LAUNCH(vn_map_kernel<F>, vn_blocks(n, BLOCK), dim3(THREADS), 0, s, f, x, y, n,
              vn_aligned16(x) && vn_aligned16(y));
}

static void unary(const vn_call *c, vn_stream *s)
{
    map(c, s, apply_unary{ ((const vn_attr_unary *)c->attr)->fn });
}

static void affine(const vn_call *c, vn_stream *s)
{
    const vn_attr_affine *a = (const vn_attr_affine *)c->attr;
    map(c, s, apply_affine{ (float)a->a, (float)a->b });
}

static void dropout(const vn_call *c, vn_stream *s)
{
    const vn_attr_dropout *a = (const vn_attr_dropout *)c->attr;
    uint64_t stream = (uint64_t)a->stream;
    map(c, s,
        apply_dropout{ a->p, (float)(1 / (1 - a->p)), (uint32_t)(stream ^ stream >> 32),
                       c->run->seed, c->run->step });
}

/* ---- dx = dy f'(x), from x, y or both ---- */

__global__ void __launch_bounds__(THREADS)
    vn_unary_grad_kernel(int64_t fn, vn_each<const float *> dy, vn_each<const float *> x,
                         vn_each<const float *> y, vn_each<float *> dx, int64_t n, bool aligned)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        float4 g = vn_load4(dy + i), none = make_float4(0, 0, 0, 0);
        float4 a = x ? vn_load4(x + i) : none, b = y ? vn_load4(y + i) : none;
        vn_store4(dx + i, make_float4(g.x * vn_unary_slope_f32(fn, a.x, b.x),
                                      g.y * vn_unary_slope_f32(fn, a.y, b.y),
                                      g.z * vn_unary_slope_f32(fn, a.z, b.z),
                                      g.w * vn_unary_slope_f32(fn, a.w, b.w)));
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++)
        dx[k] = dy[k] * vn_unary_slope_f32(fn, x ? x[k] : 0, y ? y[k] : 0);
}

static void unary_grad(const vn_call *c, vn_stream *s)
{
    const float *dy = (const float *)c->in[0].data, *x = (const float *)c->in[1].data;
    const float *y = (const float *)c->in[2].data;
    float *dx = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    if (!dx) return;
    VN_LAUNCH(vn_unary_grad_kernel, vn_blocks(n, BLOCK), dim3(THREADS), 0, s,
              ((const vn_attr_unary *)c->attr)->fn, dy, x, y, dx, n,
              vn_aligned16(dy) && vn_aligned16(x) && vn_aligned16(y) && vn_aligned16(dx));
}

/* ---- y = f(a, b) of one shape ---- */

__global__ void __launch_bounds__(THREADS)
    vn_binary_flat_kernel(int64_t fn, vn_each<const float *> a, vn_each<const float *> b,
                          vn_each<float *> y, int64_t n, bool aligned)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        float4 u = vn_load4(a + i), v = vn_load4(b + i);
        vn_store4(y + i, make_float4(
                             vn_binary_value_f32(fn, u.x, v.x), vn_binary_value_f32(fn, u.y, v.y),
                             vn_binary_value_f32(fn, u.z, v.z), vn_binary_value_f32(fn, u.w, v.w)));
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++) y[k] = vn_binary_value_f32(fn, a[k], b[k]);
}

static const char *unfit_flat(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    if (why) return why;
    int64_t n = vn_count(&c->out[0]);
    return vn_count(&c->in[0]) == n && vn_count(&c->in[1]) == n ? NULL : "an input repeats";
}

static void binary_flat(const vn_call *c, vn_stream *s)
{
    const float *a = (const float *)c->in[0].data, *b = (const float *)c->in[1].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    if (!y) return;
    VN_LAUNCH(vn_binary_flat_kernel, vn_blocks(n, BLOCK), dim3(THREADS), 0, s,
              ((const vn_attr_binary *)c->attr)->fn, a, b, y, n,
              vn_aligned16(a) && vn_aligned16(b) && vn_aligned16(y));
}

/* ---- axes that repeat ---- */

/* Where an element of the result finds its value in two inputs: stride 0 along axes that repeat.
 * Axes are aligned at the last; those in front have length 1. I: 32 bits where they are enough, for
 * a division of 64 costs a GPU some 70 instructions. */
template <class I> struct walk {
    I len[VN_MAX_RANK], stride[2][VN_MAX_RANK];
};

template <class I>
static void set_strides(walk<I> *w, int which, const vn_tensor *t, const vn_tensor *shape)
{
    int64_t stride = 1;
    for (int k = 1; k <= VN_MAX_RANK; k++) {
        int64_t own = k <= t->rank ? t->dim[t->rank - k] : 1;
        w->len[VN_MAX_RANK - k] = (I)(k <= shape->rank ? shape->dim[shape->rank - k] : 1);
        w->stride[which][VN_MAX_RANK - k] = (I)(own == 1 ? 0 : stride);
        stride *= own;
    }
}

template <class I> __device__ __forceinline__ void walk_to(const walk<I> &w, I i, I at[2])
{
    at[0] = at[1] = 0;
#pragma unroll
    for (int axis = VN_MAX_RANK - 1; axis >= 0; axis--) {
        I k = i % w.len[axis];
        i /= w.len[axis];
        at[0] += k * w.stride[0][axis];
        at[1] += k * w.stride[1][axis];
    }
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_binary_kernel(int64_t fn, walk<I> w, vn_each<const float *> a, vn_each<const float *> b,
                     vn_each<float *> y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    I at[2];
    if (i >= n) return;
    walk_to(w, (I)i, at);
    y[i] = vn_binary_value_f32(fn, a[at[0]], b[at[1]]);
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_broadcast_kernel(walk<I> w, vn_each<const float *> x, vn_each<float *> y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    I at[2];
    if (i >= n) return;
    walk_to(w, (I)i, at);
    y[i] = x[at[0]];
}

template <class I> static void launch_binary(const vn_call *c, vn_stream *s, int64_t n)
{
    walk<I> w;
    set_strides(&w, 0, &c->in[0], &c->out[0]);
    set_strides(&w, 1, &c->in[1], &c->out[0]);
    VN_LAUNCH(vn_binary_kernel<I>, vn_blocks(n, THREADS), dim3(THREADS), 0, s,
              ((const vn_attr_binary *)c->attr)->fn, w, (const float *)c->in[0].data,
              (const float *)c->in[1].data, (float *)c->out[0].data, n);
}

static void binary(const vn_call *c, vn_stream *s)
{
    int64_t n = vn_count(&c->out[0]);
    if (!c->out[0].data) return;
    if (n <= INT32_MAX)
        launch_binary<uint32_t>(c, s, n);
    else
        launch_binary<int64_t>(c, s, n);
}

template <class I> static void launch_broadcast(const vn_call *c, vn_stream *s, int64_t n)
{
    walk<I> w;
    set_strides(&w, 0, &c->in[0], &c->out[0]);
    set_strides(&w, 1, &c->in[0], &c->out[0]);
    VN_LAUNCH(vn_broadcast_kernel<I>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, w,
              (const float *)c->in[0].data, (float *)c->out[0].data, n);
}

static void broadcast(const vn_call *c, vn_stream *s)
{
    int64_t n = vn_count(&c->out[0]);
    if (!c->out[0].data) return;
    if (n <= INT32_MAX)
        launch_broadcast<uint32_t>(c, s, n);
    else
        launch_broadcast<int64_t>(c, s, n);
}

VN_CUDA_KERNEL(unary_f32_cuda) = { "unary_f32_cuda", 0, vn_not_f32, NULL, unary };
VN_CUDA_KERNEL(unary_grad_f32_cuda) = { "unary_grad_f32_cuda", 0, vn_not_f32, NULL, unary_grad };
VN_CUDA_KERNEL(affine_f32_cuda) = { "affine_f32_cuda", 0, vn_not_f32, NULL, affine };
VN_CUDA_KERNEL(dropout_f32_cuda) = { "dropout_f32_cuda", 0, vn_not_f32, NULL, dropout };
VN_CUDA_KERNEL(binary_f32_flat) = { "binary_f32_flat", 0, unfit_flat, NULL, binary_flat };
VN_CUDA_KERNEL(binary_f32_cuda) = { "binary_f32_cuda", 0, vn_not_f32, NULL, binary };
VN_CUDA_KERNEL(broadcast_f32_cuda) = { "broadcast_f32_cuda", 0, vn_not_f32, NULL, broadcast };

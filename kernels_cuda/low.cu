/* Products and convolutions whose factors are of 16 bits, or one of them: bf16, f16 and f32 in any mix, f32 also rounded
 * to tf32; summed in f32.
 *
 * A block of 16 x 16 threads makes as many results from slabs of 16 of both factors in shared
 * memory, widened to f32 on the way: each factor is read ceil(n / 16) or ceil(m / 16) times, and a
 * FMA costs two reads of shared memory. No graph that `vn_graph_lower` made needs it: it is for factors
 * of two types, which the matrix units (mma.cu, mma_conv.cu) do not take. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/low.h"
#include "device/scalar.h"
}

enum { SIDE = 16 };

/* A factor: element (i, k) of a, (j, k) of b at from[i * line + k * depth] of its group. */
struct factor {
    vn_each<const void *> from;
    vn_dtype type;
    int rounds; /* f32 to tf32 */
    int64_t line, depth, group;
    __device__ float at(int64_t group_, int64_t i, int64_t k) const
    {
        const void *p = from;
        int64_t at = group_ * group + i * line + k * depth;
        if (type == VN_F32) {
            float x = ((const float *)p)[at];
            return rounds ? vn_tf32_of(x) : x;
        }
        return vn_low_value(type, ((const uint16_t *)p)[at]);
    }
};

/* What a convolution reads as the factor x: row (b, t), depth (tap, input). Turned round for the
 * gradient of its weights: column (input, tap), depth (b, t). */
struct taps {
    vn_each<const void *> from;
    vn_dtype type;
    int turned;
    int64_t len, width, kernel, dilation, pad, wrap;
    __device__ float at(int64_t, int64_t line, int64_t depth) const
    {
        const void *p = from;
        int64_t row = turned ? depth : line, n = turned ? line : depth, t = row % len;
        int64_t j = turned ? n % kernel : n / width, i = turned ? n / kernel : n % width;
        int64_t at = t + j * dilation - pad;
        if (wrap) at = (at % len + len) % len;
        if (at < 0 || at >= len) return 0;
        int64_t where = (row - t + at) * width + i;
        if (type == VN_F32) return ((const float *)p)[where];
        return vn_low_value(type, ((const uint16_t *)p)[where]);
    }
};

/* Its weights: column (output), depth (tap, input). */
struct tap_weights {
    vn_each<const void *> from;
    vn_dtype type;
    int transposed;
    int64_t n_in, n_out, kernel;
    __device__ float at(int64_t, int64_t o, int64_t depth) const
    {
        const void *p = from;
        int64_t j = depth / n_in, i = depth % n_in, where = (o * n_in + i) * kernel + j;
        if (transposed) where = (i * n_out + o) * kernel + kernel - 1 - j;
        if (type == VN_F32) return ((const float *)p)[where];
        return vn_low_value(type, ((const uint16_t *)p)[where]);
    }
};

template <class A, class B> struct product {
    A a;
    B b;
    int64_t groups, m, n, k, act;
    vn_each<const float *> bias;
    vn_each<float *> y;
};

template <class A, class B>
__global__ void __launch_bounds__(SIDE *SIDE) vn_mixed_product_kernel(product<A, B> g)
{
    VN_SHARED_VAR(float, a, [SIDE][SIDE + 1]);
    VN_SHARED_VAR(float, b, [SIDE][SIDE + 1]);
    int x = threadIdx.x % SIDE, y = threadIdx.x / SIDE;
    int64_t tiles = (g.n + SIDE - 1) / SIDE, group = blockIdx.y;
    int64_t row = blockIdx.x / tiles * SIDE, column = blockIdx.x % tiles * SIDE;
    int64_t i = row + y, j = column + x;
    float sum = 0;
    for (int64_t k = 0; k < g.k; k += SIDE) {
        int64_t other = column + y;
        a[y][x] = i < g.m && k + x < g.k ? g.a.at(group, i, k + x) : 0;
        b[y][x] = other < g.n && k + x < g.k ? g.b.at(group, other, k + x) : 0;
        __syncthreads();
        for (int d = 0; d < SIDE; d++) sum = fmaf(a[y][d], b[x][d], sum);
        __syncthreads();
    }
    if (i >= g.m || j >= g.n) return;
    g.y[(group * g.m + i) * g.n + j] = vn_unary_value_f32(g.act, g.bias ? sum + g.bias[j] : sum);
}

template <class A, class B> static void launch(const product<A, B> &g, vn_stream *s)
{
    int64_t tiles = (g.m + SIDE - 1) / SIDE * ((g.n + SIDE - 1) / SIDE);
    if (!g.y) return;
    VN_LAUNCH((vn_mixed_product_kernel<A, B>), dim3((unsigned)tiles, (unsigned)g.groups), dim3(SIDE * SIDE),
              0, s, g);
}

static product<factor, factor> layer(const vn_call *c)
{
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    int64_t n = w->dim[0], k = w->dim[1];
    bool rounds = vn_rounds(c);
    return product<factor, factor>{ { x->data, x->dtype, rounds, k, 1, 0 },
                    { w->data, w->dtype, rounds, k, 1, 0 },
                    1,
                    vn_count(x) / k,
                    n,
                    k,
                    ((const vn_attr_linear *)c->attr)->act,
                    (const float *)c->in[2].data,
                    (float *)c->out[0].data };
}

static product<factor, factor> matrices(const vn_call *c)
{
    const vn_attr_matmul *attr = (const vn_attr_matmul *)c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1];
    int64_t k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    bool rounds = vn_rounds(c);
    return product<factor, factor>{
        { a->data, a->dtype, rounds, attr->ta ? 1 : k, attr->ta ? m : 1, a->rank == 3 ? m * k : 0 },
        { b->data, b->dtype, rounds, attr->tb ? k : 1, attr->tb ? 1 : n, b->rank == 3 ? k * n : 0 },
        y->rank == 3 ? y->dim[0] : 1,
        m,
        n,
        k,
        VN_UNARY_NONE,
        NULL,
        (float *)y->data
    };
}

static void linear(const vn_call *c, vn_stream *s)
{
    launch(layer(c), s);
}

static void matmul(const vn_call *c, vn_stream *s)
{
    launch(matrices(c), s);
}

static void conv1d(const vn_call *c, vn_stream *s)
{
    const vn_attr_conv *attr = (const vn_attr_conv *)c->attr;
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    int64_t n_in = x->dim[2], n_out = c->out[0].dim[2], k = w->dim[2];
    taps a = { x->data, x->dtype, false, x->dim[1], n_in, k, attr->dilation, attr->pad, attr->wrap };
    tap_weights b = { w->data, w->dtype, attr->transposed != 0, n_in, n_out, k };
    product<taps, tap_weights> g = { a, b, 1, x->dim[0] * x->dim[1], n_out, n_in * k, attr->act,
                                     (const float *)c->in[2].data, (float *)c->out[0].data };
    launch(g, s);
}

static void conv1d_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_conv_grad *attr = (const vn_attr_conv_grad *)c->attr;
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    int64_t k = attr->kernel, n_in = x->dim[2], n_out = dy->dim[2];
    factor a = { dy->data, dy->dtype, false, 1, n_out, 0 };
    taps b = { x->data, x->dtype, true, x->dim[1], n_in, k, attr->dilation, attr->pad, attr->wrap };
    product<factor, taps> g = { a, b, 1, n_out, n_in * k, x->dim[0] * x->dim[1], VN_UNARY_NONE,
                                NULL, (float *)c->out[0].data };
    launch(g, s);
}

static const char *unfit(const vn_call *c)
{
    if (c->out[0].dtype != VN_F32) return "sums are not f32";
    return c->in[0].dtype == VN_F64 || c->in[1].dtype == VN_F64 ? "factors are f64" : NULL;
}

static const char *matmul_unfit(const vn_call *c)
{
    const vn_tensor *y = &c->out[0];
    const char *why = unfit(c);
    return why ? why : y->rank == 3 && y->dim[0] > 65535 ? "more than 65535 products" : NULL;
}

VN_CUDA_KERNEL(linear_mixed_tiles) = { "linear_mixed_tiles", 0, unfit, NULL, linear };
VN_CUDA_KERNEL(matmul_mixed_tiles) = { "matmul_mixed_tiles", 0, matmul_unfit, NULL, matmul };
VN_CUDA_KERNEL(conv1d_mixed_tiles) = { "conv1d_mixed_tiles", 0, unfit, NULL, conv1d };
VN_CUDA_KERNEL(conv1d_grad_mixed_tiles) = { "conv1d_grad_mixed_tiles", 0, unfit, NULL, conv1d_grad };

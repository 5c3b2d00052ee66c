/* Products whose factors are of 16 bits, or one of them: bf16, f16 and f32 in any mix, f32 also rounded
 * to tf32; summed in f32.
 *
 * A block of 16 x 16 threads makes as many results from slabs of 16 of both factors in shared
 * memory, widened to f32 on the way: each factor is read ceil(n / 16) or ceil(m / 16) times, and a
 * FMA costs two reads of shared memory. No graph that `vn_graph_lower` made needs it where the
 * matrix units take both factors; it is what is left for the others. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/low.h"
#include "device/scalar.h"
}

enum { SIDE = 16 };

/* A factor: element (i, k) of a, (j, k) of b at p[i * line + k * depth] of its group. */
struct factor {
    const void *p;
    vn_dtype type;
    int64_t line, depth, group;
    bool rounds; /* f32 to tf32 */
    __device__ float at(int64_t group_, int64_t i, int64_t k) const
    {
        int64_t at = group_ * group + i * line + k * depth;
        if (type == VN_F32) {
            float x = ((const float *)p)[at];
            return rounds ? vn_tf32_of(x) : x;
        }
        return vn_low_value(type, ((const uint16_t *)p)[at]);
    }
};

struct product {
    factor a, b;
    int64_t groups, m, n, k, act;
    const float *bias;
    float *y;
};

__global__ void __launch_bounds__(SIDE *SIDE) vn_mixed_product_kernel(product g)
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

static void launch(const product &g, vn_stream *s)
{
    int64_t tiles = (g.m + SIDE - 1) / SIDE * ((g.n + SIDE - 1) / SIDE);
    if (!g.y) return;
    VN_LAUNCH(vn_mixed_product_kernel, dim3((unsigned)tiles, (unsigned)g.groups), dim3(SIDE * SIDE),
              0, s, g);
}

static product layer(const vn_call *c)
{
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    int64_t n = w->dim[0], k = w->dim[1];
    bool rounds = vn_rounds(c);
    return product{ { x->data, x->dtype, k, 1, 0, rounds },
                    { w->data, w->dtype, k, 1, 0, rounds },
                    1,
                    vn_count(x) / k,
                    n,
                    k,
                    ((const vn_attr_linear *)c->attr)->act,
                    (const float *)c->in[2].data,
                    (float *)c->out[0].data };
}

static product matrices(const vn_call *c)
{
    const vn_attr_matmul *attr = (const vn_attr_matmul *)c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    int64_t m = y->dim[y->rank - 2], n = y->dim[y->rank - 1];
    int64_t k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    bool rounds = vn_rounds(c);
    return product{
        { a->data, a->dtype, attr->ta ? 1 : k, attr->ta ? m : 1, a->rank == 3 ? m * k : 0, rounds },
        { b->data, b->dtype, attr->tb ? k : 1, attr->tb ? 1 : n, b->rank == 3 ? k * n : 0, rounds },
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

/* Layers and plain products in strict f32.
 *
 * A product of [m, k] and [k, n] reads 4 (m k ceil(n / 64) + k n ceil(m / 64)) bytes, from the
 * second cache for the sizes of a forecaster, and writes 4 m n; it is bound by FMAs where there are
 * tiles enough. Where there are not, blocks share the depth: parts go to scratch, and the block
 * that comes last to a tile adds them in their order, bias and activation with them: 4 bytes written
 * and read a number and part, from the second cache. How many depends on the sizes alone, so the
 * bits are the same on every GPU. A layer of few rows (a single forecast) is bound by
 * reading W once: a warp for each row of W. */
#include "kernels_cuda/gemm.cuh"

extern "C" {
#include "device/scalar.h"
}

enum { FEW_ROWS = 4, ROW_WARPS = 4 };
/* ---- tiles ---- */

/* Blocks are numbered by column of tiles, row of tiles, part of the depth, group; tickets by tile
 * and group. */
template <bool A_ALONG_K, bool B_ALONG_K, int R>
__global__ void __launch_bounds__(VN_GEMM_THREADS, 2)
    vn_gemm_kernel(vn_cuda_gemm g, vn_cut c, vn_each<float *> part, vn_each<unsigned *> ticket, bool a_aligned,
                   bool b_aligned)
{
    VN_SHARED_VAR(float, shared, [VN_GEMM_SHARED]);
    vn_sums<R> sums;
    int64_t tiles = c.rows * c.columns, tile = blockIdx.x % tiles, rest = blockIdx.x / tiles;
    int64_t row = tile / c.columns * VN_TILE * R, column = tile % c.columns * VN_TILE * R;
    int64_t first = rest % c.splits * c.per_split, group = rest / c.splits;
    int64_t last = first + c.per_split < c.slabs ? first + c.per_split : c.slabs;
    int64_t depth = first * (VN_SLAB / R);
    vn_operand<A_ALONG_K, R> a(g.a + group * g.a_group, A_ALONG_K ? g.a_row : g.a_k, row, g.m,
                               depth, g.k, a_aligned);
    vn_operand<B_ALONG_K, R> b(g.b + group * g.b_group, B_ALONG_K ? g.b_col : g.b_k, column, g.n,
                               depth, g.k, b_aligned);
    vn_gemm_sums<R>(a, b, first, last, shared, sums);
    float *y = part ? part + rest * g.m * g.n : g.y + group * g.m * g.n;
    vn_gemm_put<R>(sums, shared, [=](int i, int j, float v) {
        if (row + i >= g.m || column + j >= g.n) return;
        if (!part) v = vn_unary_value_f32(g.act, g.bias ? v + g.bias[column + j] : v);
        y[(row + i) * g.n + column + j] = v;
    });
    if (R > 1 || !part) return; /* tiles of 128 x 128 are never short of blocks */
    if (!vn_last_block(ticket + group * tiles + tile, (unsigned)c.splits)) return;
    y = g.y + group * g.m * g.n;
    vn_add_parts<VN_GEMM_THREADS>(part + group * c.splits * g.m * g.n, c.splits, g.m, g.n, row, column,
                                  [=](int64_t i, int64_t j, float v) {
                                      v = g.bias ? v + g.bias[j] : v;
                                      y[i * g.n + j] = vn_unary_value_f32(g.act, v);
                                  });
}

/* ---- host ---- */

size_t vn_cuda_gemm_scratch(const vn_cuda_gemm *g)
{
    vn_cut c = vn_cut_of(g->groups, g->m, g->n, g->k);
    return c.splits > 1 ? (size_t)(g->groups * c.splits * g->m * g->n) * sizeof(float) : 0;
}

/* Four at a time: aligned wherever a share begins. */
static bool vectors(const float *p, int64_t other_stride, int64_t group)
{
    return vn_aligned16(p) && other_stride % 4 == 0 && group % 4 == 0;
}

template <bool A, bool B, int R>
static void launch_tiles(const vn_cuda_gemm *g, const vn_cut &c, float *part, unsigned *tickets,
                         vn_stream *s)
{
    bool a_aligned = vectors(g->a, A ? g->a_row : g->a_k, g->a_group);
    bool b_aligned = vectors(g->b, B ? g->b_col : g->b_k, g->b_group);
    int64_t blocks = c.rows * c.columns * c.splits * g->groups;
    VN_LAUNCH((vn_gemm_kernel<A, B, R>), dim3((unsigned)blocks), dim3(VN_GEMM_THREADS), 0, s, *g, c,
              part, tickets, a_aligned, b_aligned);
}

template <int R>
static void launch_sized(const vn_cuda_gemm *g, const vn_cut &c, float *part, unsigned *tickets,
                         vn_stream *s)
{
    bool a = g->a_k == 1, b = g->b_k == 1;
    if (a && b)
        launch_tiles<true, true, R>(g, c, part, tickets, s);
    else if (a)
        launch_tiles<true, false, R>(g, c, part, tickets, s);
    else if (b)
        launch_tiles<false, true, R>(g, c, part, tickets, s);
    else
        launch_tiles<false, false, R>(g, c, part, tickets, s);
}

void vn_cuda_gemm_launch(const vn_cuda_gemm *g, void *scratch, unsigned *tickets, vn_stream *s)
{
    vn_cut c = vn_cut_of(g->groups, g->m, g->n, g->k);
    float *part = c.splits > 1 ? (float *)scratch : NULL;
    if (c.squares == 2)
        launch_sized<2>(g, c, part, tickets, s);
    else
        launch_sized<1>(g, c, part, tickets, s);
}

/* ---- bias and activation of a product made without them: 8 bytes a number, bound by memory ---- */

enum { AFTER_THREADS = 256 };

__global__ void __launch_bounds__(AFTER_THREADS)
    vn_bias_act_kernel(vn_each<float *> y, vn_each<const float *> bias, int64_t width, int64_t n, int64_t act)
{
    int64_t i = (int64_t)blockIdx.x * AFTER_THREADS + threadIdx.x;
    if (i >= n) return;
    float v = y[i];
    y[i] = vn_unary_value_f32(act, bias ? v + bias[(uint64_t)i % (uint64_t)width] : v);
}

extern "C" void vn_bias_act_launch(float *y, const float *bias, int64_t width, int64_t n,
                                   int64_t act, vn_stream *s)
{
    VN_LAUNCH(vn_bias_act_kernel, vn_blocks(n, AFTER_THREADS), dim3(AFTER_THREADS), 0, s, y, bias,
              width, n, act);
}

/* ---- linear ---- */

static const char too_deep[] = "sums have more than 2^31 numbers";

static vn_cuda_gemm layer(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    int64_t n = w->dim[0], k = w->dim[1];
    vn_cuda_gemm g = {};
    g.groups = 1;
    g.m = vn_count(&c->in[0]) / k;
    g.n = n;
    g.k = k;
    g.a = (const float *)c->in[0].data;
    g.b = (const float *)w->data;
    g.bias = (const float *)c->in[2].data;
    g.a_row = g.b_col = k;
    g.a_k = g.b_k = 1;
    g.y = (float *)c->out[0].data;
    g.act = ((const vn_attr_linear *)c->attr)->act;
    return g;
}

static vn_scratch linear_scratch(const vn_call *c)
{
    vn_cuda_gemm g = layer(c);
    return vn_scratch{ vn_cuda_gemm_scratch(&g), 0 };
}

static void linear(const vn_call *c, vn_stream *s)
{
    vn_cuda_gemm g = layer(c);
    if (g.y) vn_cuda_gemm_launch(&g, c->scratch, vn_tickets(c), s);
}

/* A warp for each row of W: its products with M rows of x. */
template <int M>
__global__ void __launch_bounds__(ROW_WARPS * 32) vn_dots_kernel(vn_cuda_gemm g, bool aligned)
{
    int64_t j = (int64_t)blockIdx.x * ROW_WARPS + threadIdx.x / 32;
    int lane = threadIdx.x % 32;
    float sum[M] = {}, mine = 0;
    if (j >= g.n) return; /* the whole warp */
    for (int64_t k = lane * 4; k < g.k; k += 128) {
        float4 w = vn_fetch4(g.b + j * g.k + k, 1, g.k - k, aligned);
#pragma unroll
        for (int i = 0; i < M; i++) {
            float4 x = vn_fetch4(g.a + i * g.k + k, 1, g.k - k, aligned);
            sum[i] = fmaf(x.x, w.x, sum[i]);
            sum[i] = fmaf(x.y, w.y, sum[i]);
            sum[i] = fmaf(x.z, w.z, sum[i]);
            sum[i] = fmaf(x.w, w.w, sum[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < M; i++) {
        float whole = vn_warp_sum(sum[i]);
        if (lane == i) mine = whole;
    }
    if (lane < M) g.y[lane * g.n + j] = vn_unary_value_f32(g.act, g.bias ? mine + g.bias[j] : mine);
}

static const char *unfit_linear(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    return why ? why : c->in[1].dim[1] > INT32_MAX ? too_deep : NULL;
}

static const char *unfit_rows(const vn_call *c)
{
    const char *why = unfit_linear(c);
    if (why) return why;
    return layer(c).m <= FEW_ROWS ? NULL : "more than 4 rows";
}

template <int M> static void launch_dots(const vn_cuda_gemm *g, vn_stream *s)
{
    VN_LAUNCH(vn_dots_kernel<M>, vn_blocks(g->n, ROW_WARPS), dim3(ROW_WARPS * 32), 0, s, *g,
              vn_aligned16(g->a) && vn_aligned16(g->b) && g->k % 4 == 0);
}

static void linear_rows(const vn_call *c, vn_stream *s)
{
    vn_cuda_gemm g = layer(c);
    static void (*const launch[])(const vn_cuda_gemm *,
                                  vn_stream *) = { launch_dots<1>, launch_dots<2>, launch_dots<3>,
                                                   launch_dots<4> };
    if (g.y) launch[g.m - 1](&g, s);
}

/* ---- matmul ---- */

static vn_cuda_gemm product(const vn_call *c)
{
    const vn_attr_matmul *attr = (const vn_attr_matmul *)c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    vn_cuda_gemm g = {};
    g.groups = y->rank == 3 ? y->dim[0] : 1;
    g.m = y->dim[y->rank - 2];
    g.n = y->dim[y->rank - 1];
    g.k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    g.a = (const float *)a->data;
    g.b = (const float *)b->data;
    g.a_row = attr->ta ? 1 : g.k;
    g.a_k = attr->ta ? g.m : 1;
    g.a_group = a->rank == 3 ? g.m * g.k : 0;
    g.b_col = attr->tb ? g.k : 1;
    g.b_k = attr->tb ? 1 : g.n;
    g.b_group = b->rank == 3 ? g.k * g.n : 0;
    g.y = (float *)y->data;
    g.act = VN_UNARY_NONE;
    return g;
}

static const char *unfit_matmul(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    return why ? why : product(c).k > INT32_MAX ? too_deep : NULL;
}

static vn_scratch matmul_scratch(const vn_call *c)
{
    vn_cuda_gemm g = product(c);
    return vn_scratch{ vn_cuda_gemm_scratch(&g), 0 };
}

static void matmul(const vn_call *c, vn_stream *s)
{
    vn_cuda_gemm g = product(c);
    if (g.y) vn_cuda_gemm_launch(&g, c->scratch, vn_tickets(c), s);
}

VN_CUDA_KERNEL(linear_f32_rows) = { "linear_f32_rows", 0, unfit_rows, NULL, linear_rows };
VN_CUDA_KERNEL(linear_f32_tiles) = { "linear_f32_tiles", 0, unfit_linear, linear_scratch, linear };
VN_CUDA_KERNEL(matmul_f32_tiles) = { "matmul_f32_tiles", 0, unfit_matmul, matmul_scratch, matmul };

/* Products on matrix units: layers and plain products whose factors are bf16, f16, or f32 rounded
 * to tf32; sums are f32.
 *
 * A product reads size (m k ceil(n / tile) + k n ceil(m / tile)) bytes, from the second cache for
 * the sizes of a forecaster, and writes 4 m n. Where tiles are fewer than multiprocessors, blocks
 * share the depth as in linear.cu: parts go to scratch, and the block that comes last to a tile
 * adds them in their order. */
#include "kernels_cuda/mma_tile.cuh"

extern "C" {
#include "device/scalar.h"
}

/* Steps are in bytes: of an operand's lines where it lies along the depth, of its depths else. */
struct mma_product {
    int64_t groups, m, n, k, act;
    vn_each<const char *> a, b;
    vn_each<const float *> bias;
    int64_t a_step, b_step, a_group, b_group;
    vn_each<float *> y;
    int a_along, b_along;     /* along the depth */
    int a_vectors, b_vectors; /* rows begin at multiples of 16 bytes */
};

/* ---- kernel ---- */

/* Blocks are numbered as in linear.cu: column of tiles, row of tiles, part of the depth, group. */
template <vn_numbers KIND, bool A_ALONG, bool B_ALONG, int R>
__global__ void __launch_bounds__(128 * R, 4 / R)
    vn_mma_product_kernel(mma_product g, vn_cut c, vn_each<float *> scratch,
                          vn_each<unsigned *> ticket)
{
    float *parts = scratch;
    const float *bias = g.bias;
    typedef vn_matrix<KIND, A_ALONG, R> left;
    typedef vn_matrix<KIND, B_ALONG, R> right;
    VN_SHARED_DYNAMIC(char, shared);
    vn_mma_tile<R> sums = {};
    int64_t tiles = c.rows * c.columns, which = blockIdx.x % tiles, rest = blockIdx.x / tiles;
    int64_t row = which / c.columns * (VN_SIDE * R), column = which % c.columns * (VN_SIDE * R);
    int64_t first = rest % c.splits * c.per_split, group = rest / c.splits;
    int64_t n = c.slabs - first < c.per_split ? c.slabs - first : c.per_split;
    left a(g.a + group * g.a_group, g.a_step, row, g.m, first * left::DEPTH, g.k, g.a_vectors);
    right b(g.b + group * g.b_group, g.b_step, column, g.n, first * left::DEPTH, g.k, g.b_vectors);
    sums.template add<KIND>(a, b, (int)n, shared);
    float *y = parts ? parts + rest * g.m * g.n : g.y + group * g.m * g.n;
    sums.put((float *)shared, [=](int i, int j, float v) {
        if (row + i >= g.m || column + j >= g.n) return;
        if (!parts) v = vn_unary_value_f32(g.act, bias ? v + bias[column + j] : v);
        y[(row + i) * g.n + column + j] = v;
    });
    if constexpr (R == 1) { /* tiles of 128 x 128 are never short of blocks */
        if (!parts) return;
        if (!vn_last_block(ticket + group * tiles + which, (unsigned)c.splits)) return;
        parts += group * c.splits * g.m * g.n;
        y = g.y + group * g.m * g.n;
        vn_add_parts<128>(parts, c.splits, g.m, g.n, row, column,
                          [=](int64_t i, int64_t j, float v) {
                              y[i * g.n + j] = vn_unary_value_f32(g.act, bias ? v + bias[j] : v);
                          });
    }
}

/* ---- host ---- */

static vn_numbers numbers_of(const vn_call *c)
{
    vn_dtype type = c->in[0].dtype;
    return type == VN_BF16 ? VN_NUMBERS_BF16 : type == VN_F16 ? VN_NUMBERS_F16 : VN_NUMBERS_TF32;
}

static int64_t size_of(const vn_call *c)
{
    return c->in[0].dtype == VN_F32 ? 4 : 2;
}

static bool vectors(const char *p, int64_t step, int64_t group)
{
    return vn_aligned16(p) && step % VN_CHUNK == 0 && group % VN_CHUNK == 0;
}

static vn_cut cut_of(const vn_call *c, const mma_product &g)
{
    return vn_mma_cut(g.groups, g.m, g.n, g.k, VN_SLAB_BYTES / (int)size_of(c));
}

static mma_product layer(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    mma_product g = {};
    g.groups = 1;
    g.n = w->dim[0];
    g.k = w->dim[1];
    g.m = vn_count(&c->in[0]) / g.k;
    g.act = ((const vn_attr_linear *)c->attr)->act;
    g.a = (const char *)c->in[0].data;
    g.b = (const char *)w->data;
    g.bias = (const float *)c->in[2].data;
    g.a_step = g.b_step = g.k * size_of(c);
    g.y = (float *)c->out[0].data;
    g.a_along = g.b_along = true;
    return g;
}

static mma_product matrices(const vn_call *c)
{
    const vn_attr_matmul *attr = (const vn_attr_matmul *)c->attr;
    const vn_tensor *a = &c->in[0], *b = &c->in[1], *y = &c->out[0];
    int64_t size = size_of(c);
    mma_product g = {};
    g.groups = y->rank == 3 ? y->dim[0] : 1;
    g.m = y->dim[y->rank - 2];
    g.n = y->dim[y->rank - 1];
    g.k = a->dim[a->rank - (attr->ta ? 2 : 1)];
    g.act = VN_UNARY_NONE;
    g.a = (const char *)a->data;
    g.b = (const char *)b->data;
    g.a_along = !attr->ta;
    g.b_along = attr->tb;
    g.a_step = (attr->ta ? g.m : g.k) * size;
    g.b_step = (attr->tb ? g.k : g.n) * size;
    g.a_group = a->rank == 3 ? g.m * g.k * size : 0;
    g.b_group = b->rank == 3 ? g.k * g.n * size : 0;
    g.y = (float *)y->data;
    return g;
}

/* What a launch is made of besides its kernel's kind. */
struct mma_job {
    mma_product g;
    vn_cut c;
    float *parts;
    unsigned *tickets;
    vn_stream *s;
};

template <vn_numbers KIND, bool A, bool B, int R> static void launch_tiles(const mma_job &j)
{
    int64_t blocks = j.c.rows * j.c.columns * j.c.splits * j.g.groups;
    VN_LAUNCH((vn_mma_product_kernel<KIND, A, B, R>), dim3((unsigned)blocks),
              dim3(vn_mma_tile<R>::THREADS), vn_mma_tile<R>::SHARED, j.s, j.g, j.c, j.parts,
              j.tickets);
}

template <vn_numbers KIND, bool A, bool B> static void launch_sized(const mma_job &j)
{
    j.c.squares == 2 ? launch_tiles<KIND, A, B, 2>(j) : launch_tiles<KIND, A, B, 1>(j);
}

template <vn_numbers KIND> static void launch_kind(const mma_job &j)
{
    if (j.g.a_along)
        j.g.b_along ? launch_sized<KIND, true, true>(j) : launch_sized<KIND, true, false>(j);
    else
        j.g.b_along ? launch_sized<KIND, false, true>(j) : launch_sized<KIND, false, false>(j);
}

static void launch(const vn_call *c, mma_product g, vn_stream *s)
{
    if (!g.y) return;
    g.a_vectors = vectors(g.a, g.a_step, g.a_group);
    g.b_vectors = vectors(g.b, g.b_step, g.b_group);
    mma_job j = { g, cut_of(c, g), NULL, vn_tickets(c), s };
    if (j.c.splits > 1) j.parts = (float *)c->scratch;
    vn_numbers kind = numbers_of(c);
    if (kind == VN_NUMBERS_BF16)
        launch_kind<VN_NUMBERS_BF16>(j);
    else if (kind == VN_NUMBERS_F16)
        launch_kind<VN_NUMBERS_F16>(j);
    else
        launch_kind<VN_NUMBERS_TF32>(j);
}

static vn_scratch scratch_of(const vn_call *c, const mma_product &g)
{
    vn_cut cut = cut_of(c, g);
    size_t each = (size_t)(g.groups * g.m * g.n) * sizeof(float);
    return vn_scratch{ cut.splits > 1 ? (size_t)cut.splits * each : 0, 0 };
}

static const char *unfit(const vn_call *c)
{
    vn_dtype a = c->in[0].dtype, b = c->in[1].dtype;
    if (c->out[0].dtype != VN_F32) return "sums are not f32";
    if (a != b) return "factors are of two types";
    return vn_is_low(a) || (a == VN_F32 && vn_rounds(c)) ? NULL : "factors are not rounded";
}

static const char *unfit_layer(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : layer(c).k > INT32_MAX ? "sums have more than 2^31 numbers" : NULL;
}

static const char *unfit_matrices(const vn_call *c)
{
    const char *why = unfit(c);
    return why ? why : matrices(c).k > INT32_MAX ? "sums have more than 2^31 numbers" : NULL;
}

static void linear(const vn_call *c, vn_stream *s)
{
    launch(c, layer(c), s);
}

static void matmul(const vn_call *c, vn_stream *s)
{
    launch(c, matrices(c), s);
}

static vn_scratch linear_scratch(const vn_call *c)
{
    return scratch_of(c, layer(c));
}

static vn_scratch matmul_scratch(const vn_call *c)
{
    return scratch_of(c, matrices(c));
}

VN_CUDA_KERNEL(linear_mma_tiles) = { "linear_mma_tiles", VN_CUDA_SM80, unfit_layer, linear_scratch,
                                     linear };
VN_CUDA_KERNEL(matmul_mma_tiles) = { "matmul_mma_tiles", VN_CUDA_SM80, unfit_matrices,
                                     matmul_scratch, matmul };

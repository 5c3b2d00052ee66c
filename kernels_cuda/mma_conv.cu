/* Convolutions along time, and the gradient of their weights, of bf16 or f16 on matrix units.
 *
 * Forward: rows are (window, step), columns outputs, the depth (tap, input). Where inputs are whole
 * chunks of 16 bytes (n_in % 8 == 0), a chunk of x is eight inputs of one step and is copied past
 * the registers, or becomes zeros where the tap looks past an end; else numbers are gathered.
 * Weights lie tap last and are always gathered. x is read by each of kernel ceil(n_out / 64) tiles
 * a row, 2 bytes a number, from the second cache; weights by each tile of rows.
 *
 * Gradient: rows are outputs, columns (tap, input), the depth (window, step); dy and x are copied
 * as they lie. Blocks share the depth: parts go to scratch, and the last block adds them in order.
 */
#include "kernels_cuda/mma_tile.cuh"

extern "C" {
#include "device/scalar.h"
}

/* Its name is no other file's: what a launch is made of is compiled by the type's name. */
struct mma_conv {
    vn_each<const uint16_t *> x, w; /* w: of the gradient, dy */
    vn_each<const float *> bias;
    vn_each<float *> y;
    int act;
    int rows, len, n_in, n_out, kernel, pad, dilation;
    int wrap, transposed;
    int x_vectors, w_vectors; /* rows are of whole chunks */
};

/* The inputs of x that tap `tap` of row `row` looks at; NULL: there are none. */
__device__ __forceinline__ const uint16_t *inputs(const mma_conv &c, const uint16_t *x, int row,
                                                  int tap)
{
    if (row >= c.rows || tap >= c.kernel) return NULL;
    int t = row % c.len, from = t + tap * c.dilation - c.pad;
    if (c.wrap) from = (from % c.len + c.len) % c.len;
    return from < 0 || from >= c.len ? NULL : x + (int64_t)(row - t + from) * c.n_in;
}

/* A tap and an input that go on together: (tap, input) as one number. */
struct tap_input {
    int tap, in;
    __device__ tap_input(const mma_conv &c, int at) : tap(at / c.n_in), in(at % c.n_in) {}
    __device__ void next(const mma_conv &c)
    {
        if (++in < c.n_in) return;
        in = 0;
        tap++;
    }
};

/* Eight inputs from `p` on, in one copy. */
__device__ __forceinline__ void copy_inputs(char *to, const uint16_t *x, const uint16_t *p, int in)
{
    vn_copy16(to, p ? p + in : x, p ? VN_CHUNK : 0);
}

/* x as A. */
template <vn_numbers KIND> struct mma_rows : vn_slab<KIND, true, 1> {
    typedef vn_slab<KIND, true, 1> slab;
    const mma_conv &c;
    const uint16_t *x;
    int row;
    int at; /* (tap, input) of its chunks */

    __device__ mma_rows(const mma_conv &all, int64_t first_row)
        : c(all), x(all.x), row((int)first_row + slab::line()), at(slab::depth())
    {
    }

    __device__ __forceinline__ void start(char *to)
    {
        to += slab::own();
#pragma unroll 1
        for (int h = 0; h < 2; h++) {
            int of = row + h * slab::LINES / 2;
            tap_input i(c, at);
            if (c.x_vectors)
                copy_inputs(to, x, inputs(c, x, of, i.tap), i.in);
            else
                vn_store_vector(to, slab::gather(slab::EACH, [&](int) {
                                    const uint16_t *p = inputs(c, x, of, i.tap);
                                    uint16_t v = p ? p[i.in] : 0;
                                    i.next(c);
                                    return v;
                                }));
            to += slab::BYTES / 2;
        }
        at += slab::DEPTH;
    }
};

/* Weights as B. */
template <vn_numbers KIND> struct mma_weights : vn_slab<KIND, true, 1> {
    typedef vn_slab<KIND, true, 1> slab;
    const mma_conv &c;
    const uint16_t *w;
    int out, at;

    __device__ mma_weights(const mma_conv &all, int64_t first_out)
        : c(all), w(all.w), out((int)first_out + slab::line()), at(slab::depth())
    {
    }

    __device__ __forceinline__ uint16_t weight(int o, const tap_input &i) const
    {
        if (o >= c.n_out || i.tap >= c.kernel) return 0;
        int64_t to = c.transposed ? (int64_t)i.in * c.n_out + o : (int64_t)o * c.n_in + i.in;
        return w[to * c.kernel + (c.transposed ? c.kernel - 1 - i.tap : i.tap)];
    }

    __device__ __forceinline__ void start(char *to)
    {
        to += slab::own();
#pragma unroll 1
        for (int h = 0; h < 2; h++) {
            tap_input i(c, at);
            vn_store_vector(to, slab::gather(slab::EACH, [&](int) {
                                uint16_t v = weight(out + h * slab::LINES / 2, i);
                                i.next(c);
                                return v;
                            }));
            to += slab::BYTES / 2;
        }
        at += slab::DEPTH;
    }
};

/* x as B of the gradient: columns (tap, input), depth the rows of dy. */
template <vn_numbers KIND> struct mma_columns : vn_slab<KIND, false, 1> {
    typedef vn_slab<KIND, false, 1> slab;
    const mma_conv &c;
    const uint16_t *x;
    int row;
    tap_input first; /* of its chunks */

    __device__ mma_columns(const mma_conv &all, int64_t column, int64_t first_row)
        : c(all), x(all.x), row((int)first_row + slab::depth()),
          first(all, (int)column + slab::line())
    {
    }

    __device__ __forceinline__ void start(char *to)
    {
        to += slab::own();
#pragma unroll 1
        for (int h = 0; h < 2; h++) {
            int of = row + h * slab::DEPTH / 2;
            tap_input i = first;
            if (c.x_vectors)
                copy_inputs(to, x, inputs(c, x, of, i.tap), i.in);
            else
                vn_store_vector(to, slab::gather(slab::EACH, [&](int) {
                                    const uint16_t *p = inputs(c, x, of, i.tap);
                                    uint16_t v = p ? p[i.in] : 0;
                                    i.next(c);
                                    return v;
                                }));
            to += slab::BYTES / 2;
        }
        row += slab::DEPTH;
    }
};

/* ---- kernels ---- */

typedef vn_mma_tile<1> tile;

template <vn_numbers KIND>
__global__ void __launch_bounds__(tile::THREADS, 4)
    vn_mma_conv_kernel(mma_conv c, int columns, int slabs)
{
    VN_SHARED_DYNAMIC(char, shared);
    const float *bias = c.bias;
    float *y = c.y;
    tile sums = {};
    int64_t row = blockIdx.x / columns * VN_SIDE, column = blockIdx.x % columns * VN_SIDE;
    mma_rows<KIND> a(c, row);
    mma_weights<KIND> b(c, column);
    sums.template add<KIND>(a, b, slabs, shared);
    sums.put((float *)shared, [=](int i, int j, float v) {
        if (row + i >= c.rows || column + j >= c.n_out) return;
        v = vn_unary_value_f32(c.act, bias ? v + bias[column + j] : v);
        y[(row + i) * c.n_out + column + j] = v;
    });
}

/* Blocks are numbered by column of tiles, row of tiles, part of the depth. Parts are [splits,
 * outputs, (tap, input)], weights [outputs, inputs, taps]. */
template <vn_numbers KIND>
__global__ void __launch_bounds__(tile::THREADS, 4)
    vn_mma_conv_grad_kernel(mma_conv c, vn_cut cut, vn_each<float *> scratch,
                            vn_each<unsigned *> ticket)
{
    float *parts = scratch, *y = c.y;
    typedef vn_matrix<KIND, false, 1> left;
    VN_SHARED_DYNAMIC(char, shared);
    tile sums = {};
    int64_t tiles = cut.rows * cut.columns, which = blockIdx.x % tiles, part = blockIdx.x / tiles;
    int64_t row = which / cut.columns * VN_SIDE, column = which % cut.columns * VN_SIDE;
    int64_t first = part * cut.per_split;
    int n = c.kernel * c.n_in;
    int64_t slabs = cut.slabs - first < cut.per_split ? cut.slabs - first : cut.per_split;
    left a((const char *)(const uint16_t *)c.w, (int64_t)c.n_out * left::SIZE, row, c.n_out,
           first * left::DEPTH, c.rows, c.w_vectors);
    mma_columns<KIND> b(c, column, first * left::DEPTH);
    auto keep = [=](int64_t i, int64_t j, float v) {
        tap_input from(c, (int)j);
        y[(i * c.n_in + from.in) * c.kernel + from.tap] = v;
    };
    sums.template add<KIND>(a, b, (int)slabs, shared);
    sums.put((float *)shared, [=](int i, int j, float v) {
        if (row + i >= c.n_out || column + j >= n) return;
        if (parts)
            parts[(part * c.n_out + row + i) * n + column + j] = v;
        else
            keep(row + i, column + j, v);
    });
    if (!parts || !vn_last_block(ticket + which, (unsigned)cut.splits)) return;
    vn_add_parts<tile::THREADS>(parts, cut.splits, c.n_out, n, row, column, keep);
}

/* ---- host ---- */

static vn_numbers numbers_of(const vn_call *c)
{
    return c->in[0].dtype == VN_BF16 ? VN_NUMBERS_BF16 : VN_NUMBERS_F16;
}

/* What forward and gradient have in common. */
static mma_conv of_input(const vn_tensor *x, int64_t n_out)
{
    mma_conv c = {};
    c.x = (const uint16_t *)x->data;
    c.rows = (int)(x->dim[0] * x->dim[1]);
    c.len = (int)x->dim[1];
    c.n_in = (int)x->dim[2];
    c.n_out = (int)n_out;
    c.x_vectors = c.n_in % 8 == 0 && vn_aligned16(x->data);
    return c;
}

static void conv1d(const vn_call *call, vn_stream *s)
{
    const vn_attr_conv *attr = (const vn_attr_conv *)call->attr;
    mma_conv c = of_input(&call->in[0], call->out[0].dim[2]);
    c.w = (const uint16_t *)call->in[1].data;
    c.bias = (const float *)call->in[2].data;
    c.y = (float *)call->out[0].data;
    c.kernel = (int)call->in[1].dim[2];
    c.act = (int)attr->act;
    c.pad = (int)attr->pad;
    c.dilation = (int)attr->dilation;
    c.wrap = attr->wrap != 0;
    c.transposed = attr->transposed != 0;
    if (!c.y) return;
    int64_t columns = vn_div_up(c.n_out, VN_SIDE), rows = vn_div_up(c.rows, VN_SIDE);
    int slabs =
        (int)vn_div_up((int64_t)c.n_in * c.kernel, vn_slab<VN_NUMBERS_BF16, true, 1>::DEPTH);
    dim3 grid((unsigned)(rows * columns));
    if (numbers_of(call) == VN_NUMBERS_BF16)
        VN_LAUNCH(vn_mma_conv_kernel<VN_NUMBERS_BF16>, grid, dim3(tile::THREADS), tile::SHARED, s,
                  c, (int)columns, slabs);
    else
        VN_LAUNCH(vn_mma_conv_kernel<VN_NUMBERS_F16>, grid, dim3(tile::THREADS), tile::SHARED, s, c,
                  (int)columns, slabs);
}

static mma_conv gradient_of(const vn_call *call)
{
    const vn_attr_conv_grad *attr = (const vn_attr_conv_grad *)call->attr;
    mma_conv c = of_input(&call->in[1], call->in[0].dim[2]);
    c.w = (const uint16_t *)call->in[0].data;
    c.w_vectors = c.n_out % 8 == 0 && vn_aligned16(c.w);
    c.y = (float *)call->out[0].data;
    c.kernel = (int)attr->kernel;
    c.pad = (int)attr->pad;
    c.dilation = (int)attr->dilation;
    c.wrap = attr->wrap != 0;
    return c;
}

/* Tiles of one size only. */
static vn_cut cut_of(const mma_conv &c)
{
    int64_t n = (int64_t)c.n_in * c.kernel;
    vn_cut cut = { vn_div_up(c.n_out, VN_SIDE), vn_div_up(n, VN_SIDE), 0, 1, 0, 1 };
    return vn_mma_share(cut, 1, c.rows, vn_slab<VN_NUMBERS_BF16, true, 1>::DEPTH);
}

static vn_scratch conv1d_grad_scratch(const vn_call *call)
{
    mma_conv c = gradient_of(call);
    vn_cut cut = cut_of(c);
    size_t each = (size_t)c.n_out * (size_t)c.n_in * (size_t)c.kernel * sizeof(float);
    return vn_scratch{ cut.splits > 1 ? (size_t)cut.splits * each : 0, 0 };
}

static void conv1d_grad(const vn_call *call, vn_stream *s)
{
    mma_conv c = gradient_of(call);
    if (!c.y) return;
    vn_cut cut = cut_of(c);
    dim3 grid((unsigned)(cut.rows * cut.columns * cut.splits));
    float *parts = cut.splits > 1 ? (float *)call->scratch : NULL;
    if (numbers_of(call) == VN_NUMBERS_BF16)
        VN_LAUNCH(vn_mma_conv_grad_kernel<VN_NUMBERS_BF16>, grid, dim3(tile::THREADS), tile::SHARED,
                  s, c, cut, parts, vn_tickets(call));
    else
        VN_LAUNCH(vn_mma_conv_grad_kernel<VN_NUMBERS_F16>, grid, dim3(tile::THREADS), tile::SHARED,
                  s, c, cut, parts, vn_tickets(call));
}

enum { MOST = 1 << 29 }; /* of what is counted in 32 bits */

static const char *unfit(const vn_call *c)
{
    vn_dtype a = c->in[0].dtype, b = c->in[1].dtype;
    if (c->out[0].dtype != VN_F32) return "sums are not f32";
    if (!vn_is_low(a) || a != b) return "factors are not of one type of 16 bits";
    const vn_tensor *x = &c->in[c->op == VN_OP_CONV1D ? 0 : 1];
    int64_t taps, pad, dilation;
    if (c->op == VN_OP_CONV1D) {
        const vn_attr_conv *attr = (const vn_attr_conv *)c->attr;
        taps = c->in[1].dim[2], pad = attr->pad, dilation = attr->dilation;
    } else {
        const vn_attr_conv_grad *attr = (const vn_attr_conv_grad *)c->attr;
        taps = attr->kernel, pad = attr->pad, dilation = attr->dilation;
    }
    bool fits = x->dim[0] * x->dim[1] <= MOST && taps <= MOST / x->dim[2] && pad <= MOST &&
                taps <= MOST / dilation;
    return fits ? NULL : "rows, sums or steps are more than 2^29";
}

VN_CUDA_KERNEL(conv1d_mma_tiles) = { "conv1d_mma_tiles", VN_CUDA_SM80, unfit, NULL, conv1d };
VN_CUDA_KERNEL(conv1d_grad_mma_tiles) = { "conv1d_grad_mma_tiles", VN_CUDA_SM80, unfit,
                                          conv1d_grad_scratch, conv1d_grad };

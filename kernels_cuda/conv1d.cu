/* Convolution along time, and the gradient of its weights: products over tiles of gemm.cuh whose
 * operands are gathered on the way to shared memory, nothing is copied out in between.
 *
 * Rows of x are read once a tap and 64 output channels, 4 k B T I ceil(O / 64) bytes from the
 * caches; y is written once. Weights are read across their taps, k numbers apart; they are small.
 * Bound by FMAs, k I O a step. The gradient sums over all steps of all windows: blocks share them,
 * and the last of a tile adds the parts in their order. */
#include "kernels_cuda/gemm.cuh"

extern "C" {
#include "device/scalar.h"
}

struct taps {
    int64_t rows, dilation, pad; /* B T */
    int len, n_in, n_out, count;
    int64_t wrap;
};

/* The row that tap j of row r reads; -1 outside. */
__device__ __forceinline__ int64_t source(const taps &p, int64_t r, int64_t j)
{
    int64_t len = p.len, t = (int64_t)((uint64_t)r % (uint64_t)len),
            from = t + j * p.dilation - p.pad;
    if (p.wrap) {
        from %= len;
        if (from < 0) from += len;
    }
    return r >= p.rows || from < 0 || from >= len ? -1 : r - t + from;
}

/* ---- y = act(b + sum over taps of W x) ---- */

struct conv {
    taps p;
    vn_each<const float *> x, w, bias;
    vn_each<float *> y;
    int64_t act, per_tap; /* slabs a tap */
    int64_t aligned;
};

/* Which tap and channel a slab begins at; slabs come in order. */
struct cursor {
    int64_t tap = 0, slab = 0;
    __device__ void next(int64_t per_tap)
    {
        if (++slab < per_tap) return;
        slab = 0;
        tap++;
    }
};

struct conv_input {
    typedef vn_share<true, 1> share;
    const conv &c;
    int64_t row;
    const float *from; /* the row of this tap */
    bool there;        /* it has one */
    cursor at;

    __device__ conv_input(const conv &all, int64_t first) : c(all), row(first + share::line()) {}

    __device__ float4 fetch(int64_t)
    {
        if (at.slab == 0) {
            int64_t r = source(c.p, row, at.tap);
            there = r >= 0;
            from = c.x + (there ? r * c.p.n_in : 0);
        }
        int in = (int)at.slab * share::DEPTH + share::depth();
        float4 v = vn_fetch4(from + in, 1, there ? c.p.n_in - in : 0, c.aligned);
        at.next(c.per_tap);
        return v;
    }
};

/* Weights [O, I, k]; of the adjoint [I, O, k] with the taps in reverse. */
template <bool ADJOINT> struct conv_weights {
    typedef vn_share<!ADJOINT, 1> share;
    const conv &c;
    int out;
    cursor at;

    __device__ conv_weights(const conv &all, int64_t first)
        : c(all), out((int)first + share::line())
    {
    }

    __device__ float4 fetch(int64_t)
    {
        int in = (int)at.slab * share::DEPTH + share::depth(), k = c.p.count;
        int64_t p = ADJOINT ? ((int64_t)in * c.p.n_out + out) * k + k - 1 - at.tap
                            : ((int64_t)out * c.p.n_in + in) * k + at.tap;
        int left =
            ADJOINT ? (in < c.p.n_in ? c.p.n_out - out : 0) : (out < c.p.n_out ? c.p.n_in - in : 0);
        at.next(c.per_tap);
        return vn_fetch4(c.w + p, k, left, false);
    }
};

template <bool ADJOINT>
__global__ void __launch_bounds__(VN_GEMM_THREADS, 2) vn_conv1d_kernel(conv c, int64_t columns)
{
    VN_SHARED_VAR(float, shared, [VN_GEMM_SHARED]);
    vn_sums<1> sums;
    int64_t row = blockIdx.x / columns * VN_TILE, column = blockIdx.x % columns * VN_TILE;
    conv_input a(c, row);
    conv_weights<ADJOINT> b(c, column);
    vn_gemm_sums<1>(a, b, 0, c.per_tap * c.p.count, shared, sums);
    vn_gemm_put<1>(sums, shared, [=](int i, int j, float v) {
        if (row + i >= c.p.rows || column + j >= c.p.n_out) return;
        if (c.bias) v += c.bias[column + j];
        c.y[(row + i) * c.p.n_out + column + j] = vn_unary_value_f32(c.act, v);
    });
}

static conv conv_of(const vn_call *call)
{
    const vn_attr_conv *a = (const vn_attr_conv *)call->attr;
    const vn_tensor *x = &call->in[0], *y = &call->out[0];
    conv c = {};
    c.p.rows = x->dim[0] * x->dim[1];
    c.p.dilation = a->dilation;
    c.p.pad = a->pad;
    c.p.len = (int)x->dim[1];
    c.p.n_in = (int)x->dim[2];
    c.p.n_out = (int)y->dim[2];
    c.p.count = (int)call->in[1].dim[2];
    c.p.wrap = a->wrap;
    c.x = (const float *)x->data;
    c.w = (const float *)call->in[1].data;
    c.bias = (const float *)call->in[2].data;
    c.y = (float *)y->data;
    c.act = a->act;
    c.per_tap = vn_div_up(c.p.n_in, VN_SLAB);
    c.aligned = c.p.n_in % 4 == 0 && vn_aligned16(c.x);
    return c;
}

static void conv1d(const vn_call *call, vn_stream *s)
{
    conv c = conv_of(call);
    int64_t columns = vn_div_up(c.p.n_out, VN_TILE), tiles = vn_div_up(c.p.rows, VN_TILE) * columns;
    bool adjoint = ((const vn_attr_conv *)call->attr)->transposed;
    if (!c.y) return;
    VN_LAUNCH(adjoint ? vn_conv1d_kernel<true> : vn_conv1d_kernel<false>, dim3((unsigned)tiles),
              dim3(VN_GEMM_THREADS), 0, s, c, columns);
}

/* ---- dW = sum over steps of dy x: one product [O, B T] [B T, I] a tap ---- */

struct conv_back {
    taps p;
    vn_each<const float *> dy, x;
    vn_each<float *> dw, part; /* [O, I, taps]; [taps, splits, O, I], NULL: there is one part */
    vn_each<unsigned *> ticket;
    int dy_aligned, x_aligned;
};

struct shifted {
    typedef vn_share<false, 1> share;
    const conv_back &b;
    int64_t row, tap, column;

    __device__ shifted(const conv_back &all, int64_t j, int64_t first_row, int64_t first)
        : b(all), row(first_row + share::depth()), tap(j), column(first + share::line())
    {
    }

    __device__ float4 fetch(int64_t)
    {
        int64_t from = source(b.p, row, tap);
        int left = from < 0 ? 0 : b.p.n_in - (int)column;
        row += share::DEPTH;
        return vn_fetch4(b.x + (from < 0 ? 0 : from) * b.p.n_in + column, 1, left, b.x_aligned);
    }
};

/* One tile of dw, of one tap: the sum of its parts, by all threads. */
__device__ __forceinline__ void add_parts(const conv_back &b, int64_t splits, int64_t tap,
                                          int64_t row, int64_t column)
{
    int64_t n_in = b.p.n_in, size = b.p.n_out * n_in;
    int width = n_in - column < VN_TILE ? (int)(n_in - column) : VN_TILE;
    int height = b.p.n_out - row < VN_TILE ? (int)(b.p.n_out - row) : VN_TILE;
    const float *part = b.part + tap * splits * size;
    for (int at = threadIdx.x; at < width * height; at += VN_GEMM_THREADS) {
        int64_t i = (row + at / width) * n_in + column + at % width;
        float sum = 0;
#pragma unroll 4
        for (int64_t s = 0; s < splits; s++) sum += part[s * size + i];
        b.dw[i * b.p.count + tap] = sum;
    }
}

/* Blocks are numbered by column of tiles, row of tiles, part of the steps, tap; tickets by tile and
 * tap. */
__global__ void __launch_bounds__(VN_GEMM_THREADS, 2) vn_conv1d_grad_kernel(conv_back b, vn_cut c)
{
    VN_SHARED_VAR(float, shared, [VN_GEMM_SHARED]);
    vn_sums<1> sums;
    int64_t tiles = c.rows * c.columns, tile = blockIdx.x % tiles, rest = blockIdx.x / tiles;
    int64_t row = tile / c.columns * VN_TILE, column = tile % c.columns * VN_TILE;
    int64_t first = rest % c.splits * c.per_split, n_in = b.p.n_in;
    int64_t last = first + c.per_split < c.slabs ? first + c.per_split : c.slabs;
    vn_operand<false, 1> dy(b.dy, b.p.n_out, row, b.p.n_out, first * VN_SLAB, b.p.rows,
                            b.dy_aligned);
    shifted x(b, rest / c.splits, first * VN_SLAB, column);
    vn_gemm_sums<1>(dy, x, first, last, shared, sums);
    int64_t tap = rest / c.splits, stride = b.part ? 1 : b.p.count;
    float *to = b.part ? b.part + rest * b.p.n_out * n_in : b.dw + tap;
    vn_gemm_put<1>(sums, shared, [=](int i, int j, float v) {
        if (row + i < b.p.n_out && column + j < n_in)
            to[((row + i) * n_in + column + j) * stride] = v;
    });
    if (b.part && vn_last_block(b.ticket + tap * tiles + tile, (unsigned)c.splits))
        add_parts(b, c.splits, tap, row, column);
}

static vn_cut cut_back(const vn_call *c)
{
    const vn_tensor *dy = &c->in[0], *dw = &c->out[0];
    int64_t rows = dy->dim[0] * dy->dim[1], groups = dw->dim[2];
    vn_cut cut = vn_cut_of(groups, dw->dim[0], dw->dim[1], rows);
    if (cut.squares == 1) return cut;
    cut.rows = vn_div_up(dw->dim[0], VN_TILE); /* tiles enough: no parts */
    cut.columns = vn_div_up(dw->dim[1], VN_TILE);
    cut.slabs = cut.per_split = vn_div_up(rows, VN_SLAB);
    cut.splits = cut.squares = 1;
    return cut;
}

static vn_scratch conv1d_grad_scratch(const vn_call *c)
{
    int64_t splits = cut_back(c).splits;
    return vn_scratch{ splits > 1 ? (size_t)(splits * vn_count(&c->out[0])) * sizeof(float) : 0, 0 };
}

static void conv1d_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_conv_grad *a = (const vn_attr_conv_grad *)c->attr;
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    vn_cut cut = cut_back(c);
    conv_back b = {};
    b.p = taps{ dy->dim[0] * dy->dim[1], a->dilation,     a->pad,         (int)dy->dim[1],
                (int)x->dim[2],          (int)dy->dim[2], (int)a->kernel, a->wrap != 0 };
    b.dy = (const float *)dy->data;
    b.x = (const float *)x->data;
    b.dw = (float *)c->out[0].data;
    b.part = cut.splits > 1 ? (float *)c->scratch : NULL;
    b.ticket = vn_tickets(c);
    b.dy_aligned = b.p.n_out % 4 == 0 && vn_aligned16(b.dy);
    b.x_aligned = b.p.n_in % 4 == 0 && vn_aligned16(b.x);
    if (!b.dw) return;
    VN_LAUNCH(vn_conv1d_grad_kernel,
              dim3((unsigned)(cut.rows * cut.columns * cut.splits * b.p.count)),
              dim3(VN_GEMM_THREADS), 0, s, b, cut);
}

VN_CUDA_KERNEL(conv1d_f32_cuda) = { "conv1d_f32_cuda", 0, vn_not_f32, NULL, conv1d };
VN_CUDA_KERNEL(conv1d_grad_f32_cuda) = { "conv1d_grad_f32_cuda", 0, vn_not_f32, conv1d_grad_scratch,
                                         conv1d_grad };

/* Paths of an LSTM fed with its own draws, in strict f32: one launch for all steps.
 *
 * Paths need nothing from one another, so a block takes 64 of them from the first step to the last
 * and no barrier but its own. A layer is products of 64 paths and 16 units' gates by the slabs of
 * gemm.cuh, columns ordered so that a thread holds the four gates of one unit; then the head, then
 * a thread a path that draws. A block reads all weights every step, from the second cache: 4 bytes
 * for 64 FMAs. States lie in scratch, 20 bytes a unit of a path and step: the first cache's. Bound
 * by FMAs where there are paths for all multiprocessors, else by the latency of the slabs. */
#include "kernels_cuda/gemm.cuh"

extern "C" {
#include "device/draw.h"
}

enum { PATHS = VN_TILE, UNITS = VN_TILE / 4, DEPTH = VN_SLAB };

struct sampler {
    vn_attr_sample a;
    vn_each<const float *> weights, lag, past, other, states, loc, scale;
    vn_each<const int32_t *> pair;
    vn_each<float *> y;
    int64_t n, windows, steps, lags, before, others, width; /* n: paths of all windows */
    vn_each<uint64_t> seed;
    /* Scratch: x [n, lags + others], h [layers, 2, n, U] by parity of the step, cells [layers, n,
     * U], drawn [n, steps], raw and param [n, width]. */
    vn_each<float *> x, h, cells, drawn, raw, param;
};

/* The weights of one layer. */
struct layer {
    const float *w_ih, *w_hh, *bias;
    int64_t inputs;
};

__device__ __forceinline__ int64_t first_path()
{
    return (int64_t)blockIdx.x * PATHS;
}

/* ---- operands: x and h side by side, W_ih and W_hh below each other ---- */

template <class ONE> struct joined {
    typedef typename ONE::share share;
    ONE first, second;
    int64_t slabs;
    __device__ float4 fetch(int64_t slab)
    {
        return slab < slabs ? first.fetch(slab) : second.fetch(slab);
    }
};

typedef vn_operand<true, 1> rows;

__device__ __forceinline__ rows rows_of(const float *p, int64_t first, int64_t n, int64_t depth)
{
    return rows(p, depth, first, n, 0, depth, depth % 4 == 0 && (uintptr_t)p % 16 == 0);
}

/* Column j of a tile is gate j % 4 of unit `first` + j / 4. */
struct gates {
    typedef vn_share<true, 1> share;
    const float *p;
    int depth;
    bool vector;
    __device__ gates(const float *w, int64_t first, int64_t units, int64_t n)
    {
        int64_t unit = first + share::line() / 4, row = share::line() % 4 * units + unit;
        p = w + row * n + share::depth();
        depth = unit < units ? (int)n - share::depth() : 0;
        vector = n % 4 == 0 && (uintptr_t)w % 16 == 0;
    }
    __device__ float4 fetch(int64_t)
    {
        float4 v = vn_fetch4(p, 1, depth, vector);
        p += share::DEPTH;
        depth -= share::DEPTH;
        return v;
    }
};

/* ---- a step of a block ---- */

/* Lagged values and the other inputs of step t. */
__device__ __forceinline__ void gather(const sampler &s, int64_t t)
{
    int64_t n_in = s.lags + s.others;
    for (int64_t i = threadIdx.x; i < PATHS * n_in; i += VN_GEMM_THREADS) {
        int64_t path = first_path() + i / n_in, k = i % n_in, b = path / s.a.paths;
        float v = 0;
        if (path >= s.n) return;
        if (k >= s.lags) {
            v = s.other[(b * s.steps + t) * s.others + k - s.lags];
        } else {
            int64_t at = t - (int64_t)s.lag[k];
            if (at >= 0)
                v = s.drawn[path * s.steps + at];
            else if (s.before + at >= 0)
                v = s.past[b * s.before + s.before + at];
        }
        s.x[path * n_in + k] = v;
    }
}

/* Layer l, from `below` to h; c and the last step's h are read where the step before left them. */
__device__ __forceinline__ void advance(const sampler &s, const layer &w, int64_t l, int64_t t,
                                        const float *below, float *shared)
{
    int64_t U = s.a.units, first = first_path();
    const float *before = s.h + (2 * l + t % 2) * s.n * U;
    float *h = s.h + (2 * l + (t + 1) % 2) * s.n * U, *cell = s.cells + l * s.n * U;
    for (int64_t unit0 = 0; unit0 < U; unit0 += UNITS) {
        int64_t slabs = (w.inputs + DEPTH - 1) / DEPTH, more = (U + DEPTH - 1) / DEPTH;
        joined<rows> a = { rows_of(below, first, s.n, w.inputs), rows_of(before, first, s.n, U),
                           slabs };
        joined<gates> b = { gates(w.w_ih, unit0, U, w.inputs), gates(w.w_hh, unit0, U, U), slabs };
        vn_sums<1> sums;
        vn_gemm_sums<1>(a, b, 0, slabs + more, shared, sums);
        int64_t j = unit0 + vn_sum_column() / 4;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int64_t path = first + vn_sum_row() + i;
            if (path >= s.n || j >= U) continue;
            float z[4];
#pragma unroll
            for (int q = 0; q < 4; q++)
                z[q] = sums.at[0][0][i][q] + w.bias[q * U + j] + w.bias[(4 + q) * U + j];
            float c = vn_dist_sigmoid_f32(z[1]) * cell[path * U + j];
            c = fmaf(vn_dist_sigmoid_f32(z[0]), tanhf(z[2]), c);
            cell[path * U + j] = c;
            h[path * U + j] = vn_dist_sigmoid_f32(z[3]) * tanhf(c);
        }
    }
    __syncthreads(); /* the next layer, and the next step, read all of h */
}

/* raw = top w' + b. */
__device__ __forceinline__ void head(const sampler &s, const float *top, const float *w,
                                     float *shared)
{
    int64_t U = s.a.units, first = first_path();
    for (int64_t column = 0; column < s.width; column += VN_TILE) {
        rows a = rows_of(top, first, s.n, U), b = rows_of(w, column, s.width, U);
        vn_sums<1> sums;
        vn_gemm_sums<1>(a, b, 0, (U + DEPTH - 1) / DEPTH, shared, sums);
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int64_t path = first + vn_sum_row() + i;
#pragma unroll
            for (int q = 0; q < 4; q++) {
                int64_t j = column + vn_sum_column() + q;
                if (path < s.n && j < s.width)
                    s.raw[path * s.width + j] = sums.at[0][0][i][q] + w[s.width * U + j];
            }
        }
    }
    __syncthreads();
}

__device__ __forceinline__ void draw(const sampler &s, int64_t t)
{
    int64_t path = first_path() + threadIdx.x, N = s.a.paths, b = path / N;
    if (threadIdx.x < PATHS && path < s.n) {
        float loc = s.loc ? s.loc[b] : 0, scale = s.scale ? s.scale[b] : 1;
        float *param = s.param + path * s.width;
        uint64_t key = s.seed ^ (uint64_t)s.a.stream;
        vn_attr_dist dist = {};
        dist.kind = s.a.kind;
        dist.comps = s.a.comps;
        vn_draw_at at = { (uint32_t)key,
                          (uint32_t)(key >> 32),
                          { { (uint32_t)(path % N), (uint32_t)t, (uint32_t)s.pair[2 * b],
                              (uint32_t)s.pair[2 * b + 1] } } };
        vn_dist_map_f32(&dist, s.width, s.raw + path * s.width, loc, scale, param);
        float y = vn_draw_f32(&dist, s.width, param, &at);
        s.y[(b * s.steps + t) * N + path % N] = y;
        s.drawn[path * s.steps + t] = (y - loc) / scale;
    }
    __syncthreads();
}

/* States of the block's paths from those of their windows. */
__device__ __forceinline__ void begin(const sampler &s)
{
    int64_t U = s.a.units, each = s.a.layers * U;
    for (int64_t i = threadIdx.x; i < PATHS * each; i += VN_GEMM_THREADS) {
        int64_t path = first_path() + i / each, l = i % each / U, j = i % U;
        if (path >= s.n) break;
        int64_t from = (path / s.a.paths * s.a.layers + l) * 2 * U + j;
        s.h[(2 * l * s.n + path) * U + j] = s.states ? s.states[from] : 0;
        s.cells[(l * s.n + path) * U + j] = s.states ? s.states[from + U] : 0;
    }
    __syncthreads();
}

__global__ void __launch_bounds__(VN_GEMM_THREADS, 2) vn_lstm_sample_kernel(sampler s)
{
    VN_SHARED_VAR(float, shared, [VN_GEMM_SHARED]);
    int64_t U = s.a.units;
    begin(s);
    for (int64_t t = 0; t < s.steps; t++) {
        const float *w = s.weights, *below = s.x;
        int64_t inputs = s.lags + s.others;
        gather(s, t);
        __syncthreads();
        for (int64_t l = 0; l < s.a.layers; l++) {
            layer own = { w, w + 4 * U * inputs, w + 4 * U * (inputs + U), inputs };
            advance(s, own, l, t, below, shared);
            below = s.h + (2 * l + (t + 1) % 2) * s.n * U;
            w = own.bias + 8 * U;
            inputs = U;
        }
        head(s, below, w, shared);
        draw(s, t);
    }
}

/* ---- host ---- */

/* The call as the kernel reads it; `scratch` NULL: only sizes. Returns the floats of scratch. */
static int64_t sampler_of(const vn_call *c, float *scratch, sampler *s)
{
    *s = {};
    s->a = *(const vn_attr_sample *)c->attr;
    s->weights = (const float *)c->in[0].data;
    s->lag = (const float *)c->in[1].data;
    s->past = (const float *)c->in[2].data;
    s->other = (const float *)c->in[3].data;
    s->states = (const float *)c->in[4].data;
    s->loc = (const float *)c->in[5].data;
    s->scale = (const float *)c->in[6].data;
    s->pair = (const int32_t *)c->in[7].data;
    s->y = (float *)c->out[0].data;
    s->windows = c->in[3].dim[0];
    s->steps = c->in[3].dim[1];
    s->others = c->in[3].dim[2];
    s->lags = c->in[1].dim[0];
    s->before = c->in[2].dim[1];
    s->n = s->windows * s->a.paths;
    s->seed = c->run ? c->run->seed : 0;
    int64_t U = s->a.units, weights = 0, inputs = s->lags + s->others;
    for (int64_t l = 0; l < s->a.layers; l++) weights += 4 * U * ((l ? U : inputs) + U + 2);
    s->width = (c->in[0].dim[0] - weights) / (U + 1);
    int64_t states = s->a.layers * s->n * U;
    s->h = scratch;
    s->cells = s->h + 2 * states;
    s->x = s->cells + states;
    s->drawn = s->x + s->n * inputs;
    s->raw = s->drawn + s->n * s->steps;
    s->param = s->raw + s->n * s->width;
    return 3 * states + s->n * (inputs + s->steps + 2 * s->width);
}

static vn_scratch sample_scratch(const vn_call *c)
{
    sampler s;
    return vn_scratch{ (size_t)sampler_of(c, NULL, &s) * sizeof(float), 0 };
}

static void lstm_sample(const vn_call *c, vn_stream *stream)
{
    sampler s;
    if (!c->out[0].data) return;
    sampler_of(c, (float *)c->scratch, &s);
    VN_LAUNCH(vn_lstm_sample_kernel, vn_blocks(s.n, PATHS), dim3(VN_GEMM_THREADS), 0, stream, s);
}

VN_CUDA_KERNEL(lstm_sample_f32_cuda) = { "lstm_sample_f32_cuda", 0, vn_not_f32, sample_scratch,
                                         lstm_sample };

/* Softmax and layer normalisation along the last axis, forward and back.
 *
 * A warp takes a row of up to 1,024 numbers, a block a longer one. Memory is read once, 4 bytes an
 * element (softmax, layernorm) or 8 (their gradients), and 4 are written; the second and third pass
 * over a row find it in the first cache. Bound by memory. The gradients of gamma and beta are sums
 * over rows: they read dy and x once more, 8 bytes an element from the second cache at the sizes of
 * a forecaster, a block adds the rows of a part, the last
 * of its columns the parts. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 256, WARPS = THREADS / 32, WARP_ROW = 1024 };
enum { COLUMNS = 32, DEEP = THREADS / COLUMNS, PARTS_MAX = 64, PART_ROWS = 64 };
static_assert(DEEP >= 2, "two threads finish a column");

/* ---- a row's threads: a warp or a block ---- */

template <bool WARP> struct row_threads {
    static constexpr int STEP = WARP ? 32 : THREADS;
    __device__ static int64_t row()
    {
        return WARP ? (int64_t)blockIdx.x * WARPS + threadIdx.x / 32 : blockIdx.x;
    }
    __device__ static int first() { return WARP ? threadIdx.x % 32 : threadIdx.x; }
    __device__ static float sum(float v)
    {
        if (WARP) return vn_warp_sum(v);
        return vn_block_sum(v);
    }
    __device__ static float top(float v)
    {
        for (int by = 16; by; by >>= 1) v = fmaxf(v, __shfl_xor_sync(VN_ALL_LANES, v, by));
        if (WARP) return v;
        VN_SHARED_VAR(float, part, [WARPS]);
        if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
        __syncthreads();
        v = part[threadIdx.x % WARPS];
        for (int by = WARPS / 2; by; by >>= 1) v = fmaxf(v, __shfl_xor_sync(VN_ALL_LANES, v, by));
        return v;
    }
};

/* Start a kernel whose template argument says who takes a row. */
#define LAUNCH_ROWS(kernel, rows, n, s, ...)                                                       \
    do {                                                                                           \
        if ((n) <= WARP_ROW)                                                                       \
            VN_LAUNCH(kernel<true>, vn_blocks(rows, WARPS), dim3(THREADS), 0, s, __VA_ARGS__);     \
        else                                                                                       \
            VN_LAUNCH(kernel<false>, vn_blocks(rows, 1), dim3(THREADS), 0, s, __VA_ARGS__);        \
    } while (0)

/* ---- softmax ---- */

/* A NaN is not the largest, but it makes the sum NaN, and with it the row. */
template <bool WARP>
__global__ void __launch_bounds__(THREADS)
    vn_softmax_kernel(vn_each<const float *> in, vn_each<float *> out, int64_t rows, int64_t n)
{
    typedef row_threads<WARP> T;
    int64_t row = T::row();
    float top = -INFINITY, sum = 0;
    if (row >= rows) return;
    const float *x = in + row * n;
    float *y = out + row * n;
    for (int64_t i = T::first(); i < n; i += T::STEP) top = fmaxf(top, x[i]);
    top = T::top(top);
    for (int64_t i = T::first(); i < n; i += T::STEP) sum += expf(x[i] - top);
    float inverse = 1 / T::sum(sum);
    for (int64_t i = T::first(); i < n; i += T::STEP) y[i] = expf(x[i] - top) * inverse;
}

static void softmax(const vn_call *c, vn_stream *s)
{
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    if (y) LAUNCH_ROWS(vn_softmax_kernel, rows, n, s, x, y, rows, n);
}

template <bool WARP>
__global__ void __launch_bounds__(THREADS)
    vn_softmax_grad_kernel(vn_each<const float *> in, vn_each<const float *> of,
                           vn_each<float *> out, int64_t rows, int64_t n)
{
    typedef row_threads<WARP> T;
    int64_t row = T::row();
    float dot = 0;
    if (row >= rows) return;
    const float *dy = in + row * n, *y = of + row * n;
    float *dx = out + row * n;
    for (int64_t i = T::first(); i < n; i += T::STEP) dot = fmaf(dy[i], y[i], dot);
    dot = T::sum(dot);
    for (int64_t i = T::first(); i < n; i += T::STEP) dx[i] = y[i] * (dy[i] - dot);
}

static void softmax_grad(const vn_call *c, vn_stream *s)
{
    const float *dy = (const float *)c->in[0].data, *y = (const float *)c->in[1].data;
    float *dx = (float *)c->out[0].data;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    if (dx) LAUNCH_ROWS(vn_softmax_grad_kernel, rows, n, s, dy, y, dx, rows, n);
}

/* ---- layer normalisation ---- */

struct norm_out {
    vn_each<float *> y, mean, rstd; /* each may be NULL */
};

template <bool WARP>
__global__ void __launch_bounds__(THREADS)
    vn_layernorm_kernel(vn_each<const float *> in, vn_each<const float *> gamma,
                        vn_each<const float *> beta, norm_out out, float eps, int64_t rows,
                        int64_t n)
{
    typedef row_threads<WARP> T;
    int64_t row = T::row();
    float sum = 0, square = 0;
    if (row >= rows) return;
    const float *x = in + row * n;
    for (int64_t i = T::first(); i < n; i += T::STEP) sum += x[i];
    float mean = T::sum(sum) / (float)n;
    for (int64_t i = T::first(); i < n; i += T::STEP) {
        float off = x[i] - mean;
        square = fmaf(off, off, square);
    }
    float rstd = 1 / sqrtf(T::sum(square) / (float)n + eps);
    if (out.y)
        for (int64_t i = T::first(); i < n; i += T::STEP)
            out.y[row * n + i] = fmaf((x[i] - mean) * rstd, gamma[i], beta[i]);
    if (T::first()) return;
    if (out.mean) out.mean[row] = mean;
    if (out.rstd) out.rstd[row] = rstd;
}

static void layernorm(const vn_call *c, vn_stream *s)
{
    norm_out out = { (float *)c->out[0].data, (float *)c->out[1].data, (float *)c->out[2].data };
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    if (!out.y && !out.mean && !out.rstd) return;
    LAUNCH_ROWS(vn_layernorm_kernel, rows, n, s, (const float *)c->in[0].data,
                (const float *)c->in[1].data, (const float *)c->in[2].data, out,
                (float)((const vn_attr_norm *)c->attr)->eps, rows, n);
}

/* ---- its gradient ---- */

struct norm_in {
    vn_each<const float *> dy, x, gamma, mean, rstd;
};

/* With z the normalised row and e = dy gamma: dx = rstd (e - mean(e) - z mean(e z)). */
template <bool WARP>
__global__ void __launch_bounds__(THREADS)
    vn_layernorm_dx_kernel(norm_in in, vn_each<float *> dx, int64_t rows, int64_t n)
{
    typedef row_threads<WARP> T;
    int64_t row = T::row();
    float sum = 0, dot = 0;
    if (row >= rows) return;
    const float *x = in.x + row * n, *dy = in.dy + row * n;
    float mean = in.mean[row], rstd = in.rstd[row];
    for (int64_t i = T::first(); i < n; i += T::STEP) {
        float e = dy[i] * in.gamma[i];
        sum += e;
        dot = fmaf(e, (x[i] - mean) * rstd, dot);
    }
    sum = T::sum(sum) / (float)n;
    dot = T::sum(dot) / (float)n;
    for (int64_t i = T::first(); i < n; i += T::STEP)
        dx[row * n + i] = rstd * (dy[i] * in.gamma[i] - sum - (x[i] - mean) * rstd * dot);
}

struct norm_sums {
    vn_each<float *> part; /* [parts][2][n]: sums of dy z over the rows of a part, of dy */
    vn_each<unsigned *> ticket;
    vn_each<float *> dgamma, dbeta; /* each may be NULL */
};

/* Eight rows at a time. */
__global__ void __launch_bounds__(THREADS)
    vn_layernorm_columns_kernel(norm_in in, norm_sums out, int64_t rows, int64_t n,
                                int64_t per_part)
{
    VN_SHARED_VAR(float, shared, [2][DEEP][COLUMNS]);
    int at = threadIdx.x % COLUMNS, deep = threadIdx.x / COLUMNS;
    int64_t i = (int64_t)blockIdx.x * COLUMNS + at, first = blockIdx.y * per_part;
    int64_t last = first + per_part < rows ? first + per_part : rows;
    float dot = 0, sum = 0;
    for (int64_t r = first + deep; i < n && r < last; r += DEEP) {
        float g = in.dy[r * n + i];
        dot = fmaf(g, (in.x[r * n + i] - in.mean[r]) * in.rstd[r], dot);
        sum += g;
    }
    shared[0][deep][at] = dot;
    shared[1][deep][at] = sum;
    __syncthreads();
    bool mine = deep <= 1 && i < n;
    float *y = deep ? out.dbeta : out.dgamma, whole = 0;
    if (mine) {
        for (int k = 0; k < DEEP; k++) whole += shared[deep][k][at];
        out.part[(blockIdx.y * 2 + deep) * n + i] = whole;
    }
    if (!vn_last_block(out.ticket + blockIdx.x, gridDim.y) || !mine || !y) return;
    whole = 0;
#pragma unroll 4
    for (int64_t p = 0; p < gridDim.y; p++) whole += out.part[(p * 2 + deep) * n + i];
    y[i] = whole;
}

static int64_t rows_per_part(int64_t rows)
{
    int64_t even = (rows + PARTS_MAX - 1) / PARTS_MAX;
    return even > PART_ROWS ? even : (int64_t)PART_ROWS;
}

static const char *unfit_layernorm_grad(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    if (why) return why;
    return vn_last_dim(&c->in[1]) > COLUMNS * VN_TICKETS ? "rows are longer than 2^19" : NULL;
}

static vn_scratch layernorm_grad_scratch(const vn_call *c)
{
    int64_t n = vn_last_dim(&c->in[1]), rows = vn_count(&c->in[1]) / n, per = rows_per_part(rows);
    return vn_scratch{ (size_t)((rows + per - 1) / per * 2 * n) * sizeof(float), 0 };
}

static void layernorm_grad(const vn_call *c, vn_stream *s)
{
    norm_in in = { (const float *)c->in[0].data, (const float *)c->in[1].data,
                   (const float *)c->in[2].data, (const float *)c->in[3].data,
                   (const float *)c->in[4].data };
    float *dx = (float *)c->out[0].data, *dgamma = (float *)c->out[1].data;
    float *dbeta = (float *)c->out[2].data;
    int64_t n = vn_last_dim(&c->in[1]), rows = vn_count(&c->in[1]) / n, per = rows_per_part(rows);
    if (dx) LAUNCH_ROWS(vn_layernorm_dx_kernel, rows, n, s, in, dx, rows, n);
    if (!dgamma && !dbeta) return;
    dim3 grid = vn_blocks(n, COLUMNS);
    grid.y = vn_blocks(rows, per).x;
    VN_LAUNCH(vn_layernorm_columns_kernel, grid, dim3(THREADS), 0, s, in,
              norm_sums{ (float *)c->scratch, vn_tickets(c), dgamma, dbeta }, rows, n, per);
}

VN_CUDA_KERNEL(softmax_f32_cuda) = { "softmax_f32_cuda", 0, vn_not_f32, NULL, softmax };
VN_CUDA_KERNEL(softmax_grad_f32_cuda) = { "softmax_grad_f32_cuda", 0, vn_not_f32, NULL,
                                          softmax_grad };
VN_CUDA_KERNEL(layernorm_f32_cuda) = { "layernorm_f32_cuda", 0, vn_not_f32, NULL, layernorm };
VN_CUDA_KERNEL(layernorm_grad_f32_cuda) = { "layernorm_grad_f32_cuda", 0, unfit_layernorm_grad,
                                            layernorm_grad_scratch, layernorm_grad };

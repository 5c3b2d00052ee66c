/* Products in strict f32 by tiles in shared memory: the engine, and the plain product for files
 * that need one beside their own kernels.
 *
 * 256 threads make a tile of 64 R x 64 R sums, each thread R x R squares of 4 x 4 in registers. The
 * depth is walked in slabs of 16 / R: a slab of both operands lies in shared memory, depth first,
 * while the next one is on its way in registers; two buffers, one barrier a slab. For each step of
 * depth a warp reads 64 R bytes of A and 128 R of B for 16 R^2 FMAs a thread: shared memory is busy
 * half the time the FMA units are at R = 1, a quarter at R = 2. */
#ifndef VN_KERNELS_CUDA_GEMM_CUH
#define VN_KERNELS_CUDA_GEMM_CUH

#include "kernels_cuda/common.cuh"

enum { VN_GEMM_THREADS = 256, VN_TILE = 64, VN_SLAB = 16 };
/* Slabs of two operands, twice; the square of results that leaves through shared memory is less. */
enum { VN_GEMM_SHARED = 2 * 2 * VN_SLAB * (VN_TILE + 4) };

/* ---- one product, as the host describes it ---- */

/* y = act(a b + bias): a's element (i, k) at a[i a_row + k a_k], b's (k, j) at b[j b_col + k b_k];
 * one stride of each is 1. y is dense, [groups, m, n]. */
typedef struct vn_cuda_gemm {
    int64_t groups, m, n, k;
    vn_each<const float *> a, b, bias; /* bias [n] or NULL */
    int64_t a_row, a_k, a_group, b_col, b_k, b_group;
    vn_each<float *> y;
    int64_t act; /* line of unary.def */
} vn_cuda_gemm;

size_t vn_cuda_gemm_scratch(const vn_cuda_gemm *g);
/* `scratch`: as many bytes as asked for, 16-byte aligned. `tickets`: of the call it belongs to. */
void vn_cuda_gemm_launch(const vn_cuda_gemm *g, void *scratch, unsigned *tickets, vn_stream *s);

/* ---- how a product is cut, decided on the host by its sizes alone ---- */

#ifdef __CUDACC__
enum { VN_SMS = 132 }; /* of an H200 */
#else
enum { VN_SMS = 16 }; /* of the emulated GPU: small cases meet the large tiles */
#endif
enum { VN_DEPTH_MIN = 64 }; /* the least depth a block is started for */

typedef struct vn_cut {
    int64_t rows, columns; /* tiles each way */
    int64_t slabs, splits, per_split;
    int64_t squares; /* R */
} vn_cut;

static inline int64_t vn_div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* Tiles of 128 x 128 where they leave few multiprocessors idle and compute little in vain. */
static inline vn_cut vn_cut_of(int64_t groups, int64_t m, int64_t n, int64_t k)
{
    vn_cut c = { vn_div_up(m, VN_TILE), vn_div_up(n, VN_TILE), 0, 1, 0, 1 };
    int64_t rows = vn_div_up(c.rows, 2), columns = vn_div_up(c.columns, 2);
    if (rows * columns * groups >= VN_SMS / 4 * 3 &&
        rows * columns * 32 <= c.rows * c.columns * 9) {
        c.rows = rows;
        c.columns = columns;
        c.squares = 2;
    }
    int64_t tiles = c.rows * c.columns * groups;
    int64_t most = k / VN_DEPTH_MIN < VN_SMS / tiles ? k / VN_DEPTH_MIN : VN_SMS / tiles;
    c.slabs = vn_div_up(k, VN_SLAB / c.squares);
    c.per_split = vn_div_up(c.slabs, most > 1 ? most : 1);
    c.splits = vn_div_up(c.slabs, c.per_split);
    return c;
}

/* ---- slabs ---- */

/* The four numbers of a slab that a thread carries: `line` is the row of A or the column of B,
 * counted in the tile. Four along the depth (ALONG_K), or four lines of one depth. */
template <bool ALONG_K, int R> struct vn_share {
    static constexpr int DEPTH = VN_SLAB / R, LINES = VN_TILE * R, STRIDE = LINES + 4;
    __device__ static int line()
    {
        return ALONG_K ? threadIdx.x / (DEPTH / 4) : threadIdx.x % (LINES / 4) * 4;
    }
    __device__ static int depth()
    {
        return ALONG_K ? threadIdx.x % (DEPTH / 4) * 4 : threadIdx.x / (LINES / 4);
    }
    /* To slab [DEPTH][STRIDE]. Along the depth: stores of 4 bytes, two lanes a bank. */
    __device__ static void keep(float *slab, float4 v)
    {
        float *to = slab + depth() * STRIDE + line();
        if (ALONG_K) {
            to[0] = v.x;
            to[STRIDE] = v.y;
            to[2 * STRIDE] = v.z;
            to[3 * STRIDE] = v.w;
        } else {
            vn_store4(to, v);
        }
    }
};

/* Where a thread finds its share of an operand: `line` is the stride that is not 1. */
template <bool ALONG_K, int R> struct vn_operand {
    typedef vn_share<ALONG_K, R> share;
    const float *p; /* its share of the slab to come */
    int64_t step;
    int lines, depth; /* numbers left from p on each way, as far as they matter */
    bool vector;

    __device__ vn_operand(const float *base, int64_t stride, int64_t first_line, int64_t n_lines,
                          int64_t first_depth, int64_t n_depth, bool aligned)
    {
        int64_t line = first_line + share::line(), k = first_depth + share::depth();
        lines = n_lines - line < 4 ? (int)(n_lines - line) : 4;
        depth = (int)(n_depth - k);
        step = ALONG_K ? share::DEPTH : share::DEPTH * stride;
        p = base + (ALONG_K ? line * stride + k : k * stride + line);
        vector = aligned;
    }

    __device__ float4 fetch(int64_t)
    {
        float4 v =
            vn_fetch4(p, 1, ALONG_K ? (lines > 0 ? depth : 0) : (depth > 0 ? lines : 0), vector);
        depth -= share::DEPTH;
        p += step;
        return v;
    }
};

/* ---- sums ---- */

/* A thread's sums: square (r, c) begins at row 64 r + vn_sum_row(), column 64 c + vn_sum_column().
 * Lanes of a warp are 4 x 8 squares, warps 4 x 2. */
template <int R> struct vn_sums {
    float at[R][R][4][4];
};

__device__ __forceinline__ int vn_sum_row()
{
    return threadIdx.x / 64 * 16 + threadIdx.x % 32 / 8 * 4;
}

__device__ __forceinline__ int vn_sum_column()
{
    return threadIdx.x / 32 % 2 * 32 + threadIdx.x % 8 * 4;
}

/* s += column a times row b. */
__device__ __forceinline__ void vn_add_outer(float s[4][4], float4 a, float4 b)
{
    float u[4] = { a.x, a.y, a.z, a.w }, v[4] = { b.x, b.y, b.z, b.w };
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) s[i][j] = fmaf(u[i], v[j], s[i][j]);
}

template <int R>
__device__ __forceinline__ void vn_add_slab(vn_sums<R> &sums, const float *a, const float *b)
{
    constexpr int STRIDE = VN_TILE * R + 4;
    a += vn_sum_row();
    b += vn_sum_column();
#pragma unroll
    for (int k = 0; k < VN_SLAB / R; k++) {
        float4 u[R], v[R];
#pragma unroll
        for (int r = 0; r < R; r++) {
            u[r] = vn_load4(a + k * STRIDE + r * VN_TILE);
            v[r] = vn_load4(b + k * STRIDE + r * VN_TILE);
        }
#pragma unroll
        for (int r = 0; r < R; r++)
#pragma unroll
            for (int c = 0; c < R; c++) vn_add_outer(sums.at[r][c], u[r], v[c]);
    }
}

/* The sums of slabs [first, last) of a tile, at least one. Operands are asked `fetch(slab)`, by all
 * threads, in order. `shared` [VN_GEMM_SHARED] is free again when it returns. */
template <int R, class A, class B>
__device__ __forceinline__ void vn_gemm_sums(A &a, B &b, int64_t first, int64_t last, float *shared,
                                             vn_sums<R> &sums)
{
    constexpr int ONE = VN_SLAB / R * (VN_TILE * R + 4);
    sums = {};
    A::share::keep(shared, a.fetch(first));
    B::share::keep(shared + ONE, b.fetch(first));
    __syncthreads();
    for (int64_t slab = first; slab < last; slab++) {
        bool more = slab + 1 < last;
        const float *now = shared + (slab - first) % 2 * 2 * ONE;
        float *next = shared + (slab + 1 - first) % 2 * 2 * ONE;
        float4 u = make_float4(0, 0, 0, 0), v = u;
        if (more) {
            u = a.fetch(slab + 1);
            v = b.fetch(slab + 1);
        }
        vn_add_slab<R>(sums, now, now + ONE);
        if (more) {
            A::share::keep(next, u);
            B::share::keep(next + ONE, v);
        }
        __syncthreads();
    }
}

/* Results leave by squares of 64 x 64 through shared memory, so that stores lie side by side and
 * an activation stands in the code once a square: `put(row, column, sum)`. */
template <int R, class F>
__device__ __forceinline__ void vn_gemm_put(const vn_sums<R> &sums, float *shared, F put)
{
#pragma unroll
    for (int square = 0; square < R * R; square++) {
        int r = square / R, c = square % R;
        if (square) __syncthreads(); /* others still read the one before */
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float *v = sums.at[r][c][i];
            vn_store4(shared + (vn_sum_row() + i) * VN_TILE + vn_sum_column(),
                      make_float4(v[0], v[1], v[2], v[3]));
        }
        __syncthreads();
#pragma unroll 1
        for (int at = threadIdx.x; at < VN_TILE * VN_TILE; at += VN_GEMM_THREADS)
            put(r * VN_TILE + at / VN_TILE, c * VN_TILE + at % VN_TILE, shared[at]);
    }
}

/* put(row, column, sum of the parts in their order) for a tile [VN_TILE, VN_TILE] of [m, n]; `part`
 * is [splits, m, n]. */
template <int THREADS, class F>
__device__ __forceinline__ void vn_add_parts(const float *part, int64_t splits, int64_t m,
                                             int64_t n, int64_t row, int64_t column, F put)
{
    int width = n - column < VN_TILE ? (int)(n - column) : VN_TILE;
    int height = m - row < VN_TILE ? (int)(m - row) : VN_TILE;
    int64_t size = m * n;
    for (int at = threadIdx.x; at < width * height; at += THREADS) {
        int64_t j = column + at % width, i = row + at / width;
        float sum = 0;
#pragma unroll 4
        for (int64_t s = 0; s < splits; s++) sum += part[s * size + i * n + j];
        put(i, j, sum);
    }
}

#endif

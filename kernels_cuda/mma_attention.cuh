/* What attention on matrix units and its gradient share: a block's place, rows in shared memory,
 * and the two kinds of products.
 *
 * A block has 64 rows of its own, each warp 16 of them; the others' rows pass through shared memory
 * in tiles, the next under way past the registers while one is multiplied. Rows are padded to 16,
 * 32, 64 or 128 columns with zeros, chunks of 16 bytes exchanged so that neither copies nor loads
 * of fragments meet in a bank. Scores come out of the units as the first factor of the next product
 * lies: they are rounded where they are (Dao 2023). */
#ifndef VN_KERNELS_CUDA_MMA_ATTENTION_CUH
#define VN_KERNELS_CUDA_MMA_ATTENTION_CUH

#include "kernels_cuda/mma_tile.cuh"

enum { THREADS = 128, OWN = 64, WIDEST = 128 }; /* rows of a block */

#define LOG2_E 1.44269504088896340736f

/* What all kernels know. Columns of head h begin at h width in rows of `step` numbers. Its name is
 * no other file's. */
struct mma_heads {
    vn_each<const uint16_t *> q, k, v;
    vn_each<const float *> mask;
    int64_t step;
    int tq, tk, heads, width;
    int causal, vectors; /* rows are whole chunks */
    float factor, base;  /* 1 / sqrt(width), and times log2(e) */
};

/* Keys query i may see, were none masked. */
__device__ __forceinline__ int seen(const mma_heads &h, int i)
{
    int n = h.causal ? i + h.tk - h.tq + 1 : h.tk;
    return n < h.tk ? n : h.tk;
}

/* The block's rows, head and window. */
struct mma_place {
    int first, head, window;
    __device__ mma_place(const mma_heads &h, int rows, bool backwards)
    {
        unsigned parts = (unsigned)(rows + OWN - 1) / OWN, n = (unsigned)h.heads;
        unsigned part = blockIdx.x % parts, rest = blockIdx.x / parts;
        first = (int)(backwards ? parts - 1 - part : part) * OWN;
        head = (int)(rest % n);
        window = (int)(rest / n);
    }
    /* Where row 0 of the window begins in a tensor of `rows` rows a window. */
    __device__ int64_t origin(const mma_heads &h, int rows) const
    {
        return (int64_t)window * rows * h.step + head * h.width;
    }
    /* The same in one of numbers a query. */
    __device__ int64_t facts(const mma_heads &h) const
    {
        return ((int64_t)window * h.heads + head) * h.tq;
    }
};

/* ---- rows in shared memory ---- */

template <vn_numbers KIND, int D> struct mma_rows_of {
    static constexpr int ROW = D / 8, BYTES = D * 2;   /* chunks and bytes of a row */
    static constexpr int TILE = D <= 64 ? 64 : 32;     /* rows that pass by: more would spill */
    static constexpr int STEPS = D / 16, SUMS = D / 8; /* products along a row, tiles of sums */
    typedef float sums[SUMS][4];                       /* 16 rows of D columns */
    typedef float scores[TILE / 8][4];                 /* 16 rows of TILE columns */

    __device__ static int place(int row, int chunk)
    {
        int turn = ROW >= 8 ? row & 7 : ROW == 4 ? row >> 1 & 3 : row >> 2 & 1;
        return (row * ROW + (chunk ^ turn)) * VN_CHUNK;
    }

    /* The number in the lower half of a word. */
    __device__ static float number(uint32_t word)
    {
        return vn_low_value(KIND == VN_NUMBERS_BF16 ? VN_BF16 : VN_F16, (uint16_t)word);
    }

    /* Rows [first, first + ROWS) of n to a tile, zeros beyond them and the width. */
    template <int ROWS>
    __device__ __forceinline__ static void start(const mma_heads &h, const uint16_t *from,
                                                 int first, int n, char *tile)
    {
#pragma unroll 1
        for (int at = threadIdx.x; at < ROWS * ROW; at += THREADS) {
            int row = at / ROW, column = at % ROW * 8;
            int left = first + row < n ? h.width - column : 0;
            const uint16_t *p = left > 0 ? from + (first + row) * h.step + column : from;
            char *to = tile + place(row, at % ROW);
            left = left < 0 ? 0 : left < 8 ? left : 8;
            if (h.vectors)
                vn_copy16(to, p, left * 2);
            else
                vn_store_vector(to,
                                vn_slab<KIND, true, 1>::gather(left, [=](int i) { return p[i]; }));
        }
    }

    /* Rows [first, first + 16), numbers of step `at`: words 0 and 2, 1 and 3 are eight lines. */
    __device__ __forceinline__ static void load(const char *tile, int first, int at,
                                                uint32_t (&to)[4])
    {
        int lane = threadIdx.x % 32, matrix = lane / 8;
        vn_load_matrices(to, tile + place(first + matrix % 2 * 8 + lane % 8, 2 * at + matrix / 2));
    }

    /* The same of columns [16 at, 16 at + 16) as lines, along the rows. */
    __device__ __forceinline__ static void load_turned(const char *tile, int first, int at,
                                                       uint32_t (&to)[4])
    {
        int lane = threadIdx.x % 32, matrix = lane / 8;
        vn_load_matrices_turned(
            to, tile + place(first + matrix / 2 * 8 + lane % 8, 2 * at + matrix % 2));
    }

    /* s = the warp's 16 rows of `own` times the rows of `tile`. */
    __device__ __forceinline__ static void score(const char *own, const char *tile, scores &s)
    {
#pragma unroll
        for (int j = 0; j < TILE / 8; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) s[j][e] = 0;
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            uint32_t a[4];
            load(own, threadIdx.x / 32 * 16, step, a);
#pragma unroll
            for (int j = 0; j < TILE / 16; j++) {
                uint32_t b[4];
                load(tile, j * 16, step, b);
                vn_multiply<KIND>(s[2 * j], a, b[0], b[2]);
                vn_multiply<KIND>(s[2 * j + 1], a, b[1], b[3]);
            }
        }
    }

    /* to += w, rounded, times the rows of `tile`. */
    __device__ __forceinline__ static void add(const scores &w, const char *tile, sums &to)
    {
#pragma unroll
        for (int k = 0; k < TILE / 16; k++) {
            uint32_t a[4] = { vn_pair_of<KIND>(w[2 * k][0], w[2 * k][1]),
                              vn_pair_of<KIND>(w[2 * k][2], w[2 * k][3]),
                              vn_pair_of<KIND>(w[2 * k + 1][0], w[2 * k + 1][1]),
                              vn_pair_of<KIND>(w[2 * k + 1][2], w[2 * k + 1][3]) };
#pragma unroll
            for (int n = 0; n < STEPS; n++) {
                uint32_t b[4];
                load_turned(tile, k * 16, n, b);
                vn_multiply<KIND>(to[2 * n], a, b[0], b[2]);
                vn_multiply<KIND>(to[2 * n + 1], a, b[1], b[3]);
            }
        }
    }

    /* Row `row` of the warp's 16, half 0, or the one 8 below, half 1, times `factor`. */
    __device__ __forceinline__ static void store(const mma_heads &h, const sums &from, int half,
                                                 float factor, float *row)
    {
        bool pairs = h.width % 2 == 0 && (uintptr_t)row % 8 == 0;
#pragma unroll
        for (int n = 0; n < SUMS; n++) {
            int column = n * 8 + threadIdx.x % 4 * 2;
            float2 v = make_float2(from[n][2 * half] * factor, from[n][2 * half + 1] * factor);
            if (pairs) {
                if (column < h.width) vn_store_vector(row + column, v);
            } else {
                if (column < h.width) row[column] = v.x;
                if (column + 1 < h.width) row[column + 1] = v.y;
            }
        }
    }
};

/* 2^x within 2 last places, and 0 where that is below 2^-126: one instruction, by which narrow
 * heads are bound; exp2f() is four. */
__device__ __forceinline__ float fast_exp2(float x)
{
#ifdef __CUDACC__
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
#else
    return emu::jitter(exp2f(x), 2);
#endif
}

/* The four lanes that have a row. */
__device__ __forceinline__ float quad_sum(float v)
{
    v += __shfl_xor_sync(VN_ALL_LANES, v, 1);
    return v + __shfl_xor_sync(VN_ALL_LANES, v, 2);
}

__device__ __forceinline__ float quad_most(float v)
{
    v = fmaxf(v, __shfl_xor_sync(VN_ALL_LANES, v, 1));
    return fmaxf(v, __shfl_xor_sync(VN_ALL_LANES, v, 2));
}

/* The thread's row of half 0 or 1 in its block, and its columns of tile j of scores. */
__device__ __forceinline__ int row_of(int half)
{
    return threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4 + half * 8;
}

__device__ __forceinline__ int column_of(int j)
{
    return j * 8 + threadIdx.x % 4 * 2;
}

/* Which keys of a tile may be seen, were attention not causal. */
template <int TILE>
__device__ __forceinline__ void note_masks(const mma_heads &h, int window, int first, float *masks)
{
    int j = first + threadIdx.x;
    if (threadIdx.x >= TILE) return;
    masks[threadIdx.x] = j >= h.tk ? 0 : h.mask ? h.mask[(int64_t)window * h.tk + j] : 1;
}

/* ---- host ---- */

/* q, k, v, mask are inputs first .. first + 3. */
static inline mma_heads mma_heads_of(const vn_call *c, int first)
{
    const vn_attr_attention *a = (const vn_attr_attention *)c->attr;
    const vn_tensor *q = &c->in[first], *k = q + 1;
    mma_heads h = {};
    h.q = (const uint16_t *)q->data;
    h.k = (const uint16_t *)k->data;
    h.v = (const uint16_t *)q[2].data;
    h.mask = (const float *)q[3].data;
    h.tq = (int)q->dim[1];
    h.tk = (int)k->dim[1];
    h.step = q->dim[2];
    h.heads = (int)a->heads;
    h.width = (int)(h.step / a->heads);
    h.causal = (int)a->causal;
    h.vectors = h.width % 8 == 0 && vn_aligned16(q->data) && vn_aligned16(k->data) &&
                vn_aligned16(q[2].data);
    double factor = 1 / sqrt((double)h.width);
    h.factor = (float)factor;
    h.base = (float)(factor * LOG2_E);
    return h;
}

/* Factors are inputs 0 .. factors - 1. */
static inline const char *mma_heads_unfit(const vn_call *c, int factors)
{
    vn_dtype type = c->in[0].dtype;
    if (!vn_is_low(type)) return "factors are not of 16 bits";
    for (int i = 0; i < c->n_in; i++)
        if (i < factors ? c->in[i].dtype != type : vn_other_real(c->in[i].dtype))
            return "factors are of two types, or other numbers not f32";
    for (int o = 0; o < c->n_out; o++)
        if (vn_other_real(c->out[o].dtype)) return "sums are not f32";
    int64_t width = c->in[1].dim[2] / ((const vn_attr_attention *)c->attr)->heads;
    return width <= WIDEST ? NULL : "a head has more than 128 columns";
}

/* One block for each 64 of `rows` rows of a head. */
static inline dim3 mma_heads_blocks(const vn_call *c, const mma_heads &h, int rows)
{
    return dim3((unsigned)(c->in[1].dim[0] * h.heads * ((rows + OWN - 1) / OWN)));
}

/* L<kind, columns>::run(...) for these heads. */
template <template <vn_numbers, int> class L, vn_numbers KIND, class... A>
static void mma_heads_kind(const mma_heads &h, A... a)
{
    if (h.width <= 16)
        L<KIND, 16>::run(h, a...);
    else if (h.width <= 32)
        L<KIND, 32>::run(h, a...);
    else if (h.width <= 64)
        L<KIND, 64>::run(h, a...);
    else
        L<KIND, 128>::run(h, a...);
}

template <template <vn_numbers, int> class L, class... A>
static void mma_heads_launch(const vn_call *c, const mma_heads &h, A... a)
{
    if (c->in[0].dtype == VN_BF16)
        mma_heads_kind<L, VN_NUMBERS_BF16>(h, a...);
    else
        mma_heads_kind<L, VN_NUMBERS_F16>(h, a...);
}

#endif

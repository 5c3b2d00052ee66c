/* The gradient of attention of bf16 or f16 on matrix units: weights are made again from the log
 * sums, in f32, and rounded with the slopes of scores to the factors' type on their way into the
 * products that are dq, dk and dv.
 *
 * The first kernel makes dq and, in scratch, sum(dy y) of each query; the second dk and dv, a key
 * adding up its queries in their order, so that no sum needs atomics: scores and their slopes are
 * made twice, 7 products of 2 d a pair in place of 5, and two exp2. A block reads its 64 rows of
 * two tensors once, and of the two others every row it may meet, from the second cache; 4 d bytes a
 * row are written of each result. */
#include "kernels_cuda/mma_attention.cuh"

/* What is known beside the heads. Its name is no other file's. */
struct mma_back {
    vn_each<const uint16_t *> dy;
    vn_each<const float *> y, log_sums;
    vn_each<float *> dq, dk, dv; /* each may be NULL */
    vn_each<float *> mean;       /* scratch [B, heads, Tq]: sum(dy y) of a query */
};

/* Scores become weights, 0 where a pair does not count, which is asked unless all of the warp's do;
 * slopes of weights become those of scores, without the factor. `log_sum(e, column)`, to base 2,
 * and `mean`: of number e of a tile's column; `counts` alike. */
template <class R, class L, class M, class C>
__device__ __forceinline__ void weigh_back(typename R::scores &s, typename R::scores &slopes,
                                           float base, L log_sum, M mean, bool all, C counts)
{
#pragma unroll
    for (int j = 0; j < R::TILE / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            s[j][e] = fast_exp2(fmaf(s[j][e], base, -log_sum(e, column_of(j) + e % 2)));
    if (!all)
#pragma unroll
        for (int j = 0; j < R::TILE / 8; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                if (!counts(e, column_of(j) + e % 2)) s[j][e] = 0;
#pragma unroll
    for (int j = 0; j < R::TILE / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            slopes[j][e] = s[j][e] * (slopes[j][e] - mean(e, column_of(j) + e % 2));
}

/* sum(dy y) of the thread's row of half 0 or 1, in the four lanes that have it; dy lies in `tile`.
 */
template <class R>
__device__ __forceinline__ float mean_of(const char *tile, int half, const float *y, int width,
                                         bool there, bool aligned)
{
    float sum = 0;
#pragma unroll 1
    for (int column = threadIdx.x % 4 * 4; column < width && there; column += 16) {
        float4 v = vn_fetch4(y + column, 1, width - column, aligned);
        uint2 w = vn_load2(
            (const uint16_t *)(tile + R::place(row_of(half), column / 8) + column % 8 * 2));
        sum = fmaf(v.x, R::number(w.x), sum);
        sum = fmaf(v.y, R::number(w.x >> 16), sum);
        sum = fmaf(v.z, R::number(w.y), sum);
        sum = fmaf(v.w, R::number(w.y >> 16), sum);
    }
    return quad_sum(sum);
}

/* Numbers of blocks are given where ptxas aims at more on some generation and spills for it. */
template <vn_numbers KIND, int D>
__global__ void __launch_bounds__(THREADS, D > 64 ? 2 : 3)
    vn_mma_attention_dq_kernel(mma_heads h, mma_back b)
{
    typedef mma_rows_of<KIND, D> R;
    constexpr int BOTH = 2 * R::TILE * R::BYTES;
    VN_SHARED_DYNAMIC(char, shared);
    char *queries = shared, *dys = queries + OWN * R::BYTES, *tiles = dys + OWN * R::BYTES;
    float *masks = (float *)(tiles + 2 * BOTH), log_sum[2], mean[2];
    mma_place at(h, h.tq, true); /* the last queries see most */
    const uint16_t *k = h.k + at.origin(h, h.tk), *v = h.v + at.origin(h, h.tk);
    int last = at.first + OWN < h.tq ? at.first + OWN : h.tq, end = b.dq ? seen(h, last - 1) : 0;
    auto start = [&](int first, int buffer) {
        char *to = tiles + buffer * BOTH;
        R::template start<R::TILE>(h, k, first, h.tk, to);
        R::template start<R::TILE>(h, v, first, h.tk, to + BOTH / 2);
        note_masks<R::TILE>(h, at.window, first, masks + buffer * R::TILE);
    };
    R::template start<OWN>(h, h.q + at.origin(h, h.tq), at.first, h.tq, queries);
    R::template start<OWN>(h, b.dy + at.origin(h, h.tq), at.first, h.tq, dys);
    start(0, 0);
    vn_copy_commit();
    vn_copy_wait<0>();
    __syncthreads();
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int i = at.first + row_of(half);
        const float *y = b.y + at.origin(h, h.tq) + i * h.step;
        mean[half] =
            mean_of<R>(dys, half, y, h.width, i < h.tq, h.width % 4 == 0 && (uintptr_t)y % 16 == 0);
        log_sum[half] = i < h.tq ? b.log_sums[at.facts(h) + i] * LOG2_E : 0;
        if (i < h.tq && threadIdx.x % 4 == 0) b.mean[at.facts(h) + i] = mean[half];
    }
    typename R::sums dq = {};
#pragma unroll 1
    for (int first = 0, now = 0; first < end; first += R::TILE, now ^= 1) {
        const char *tile = tiles + now * BOTH;
        typename R::scores s, slopes;
        vn_copy_wait<0>();
        __syncthreads(); /* the tile is there for all, and nobody reads the one before */
        if (first + R::TILE < end) start(first + R::TILE, now ^ 1);
        vn_copy_commit();
        R::score(queries, tile, s);
        R::score(dys, tile + BOTH / 2, slopes);
        int limit[2] = { seen(h, at.first + row_of(0)) - first,
                         seen(h, at.first + row_of(1)) - first };
        weigh_back<R>(
            s, slopes, h.base, [&](int e, int) { return log_sum[e / 2]; },
            [&](int e, int) { return mean[e / 2]; },
            !h.mask && seen(h, at.first) >= first + R::TILE,
            [&](int e, int j) { return masks[now * R::TILE + j] != 0 && j < limit[e / 2]; });
        R::add(slopes, tile, dq);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int i = at.first + row_of(half);
        if (b.dq && i < h.tq)
            R::store(h, dq, half, h.factor, b.dq + at.origin(h, h.tq) + i * h.step);
    }
}

/* Log sums, to base 2, and means of a tile of queries. */
template <int TILE>
__device__ __forceinline__ void note_facts(const mma_heads &h, const mma_back &b, int64_t row,
                                           int first, float *facts)
{
    int i = first + threadIdx.x;
    if (threadIdx.x >= TILE) return;
    facts[threadIdx.x] = i < h.tq ? b.log_sums[row + i] * LOG2_E : 0;
    facts[TILE + threadIdx.x] = i < h.tq ? b.mean[row + i] : 0;
}

/* Without a number of blocks ptxas aims at three to a multiprocessor of sm_120 and spills for it.
 */
template <vn_numbers KIND, int D>
__global__ void __launch_bounds__(THREADS, D > 32 ? 2 : 3)
    vn_mma_attention_dkv_kernel(mma_heads h, mma_back b)
{
    typedef mma_rows_of<KIND, D> R;
    constexpr int BOTH = 2 * R::TILE * R::BYTES;
    VN_SHARED_DYNAMIC(char, shared);
    char *keys = shared, *values = keys + OWN * R::BYTES, *tiles = values + OWN * R::BYTES;
    float *facts = (float *)(tiles + 2 * BOTH);
    mma_place at(h, h.tk, false); /* the first keys are seen most */
    const uint16_t *q = h.q + at.origin(h, h.tq), *dy = b.dy + at.origin(h, h.tq);
    int begin = h.causal ? at.first - (h.tk - h.tq) : 0; /* the first query that sees one */
    begin = begin > 0 ? begin / R::TILE * R::TILE : 0;
    auto start = [&](int first, int buffer) {
        char *to = tiles + buffer * BOTH;
        R::template start<R::TILE>(h, q, first, h.tq, to);
        R::template start<R::TILE>(h, dy, first, h.tq, to + BOTH / 2);
        note_facts<R::TILE>(h, b, at.facts(h), first, facts + buffer * 2 * R::TILE);
    };
    /* The first query that sees the thread's key of half 0 or 1; those behind the last are zeros,
     * and so is what they give. */
    int from[2];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int j = at.first + row_of(half);
        bool hidden = j >= h.tk || (h.mask && h.mask[(int64_t)at.window * h.tk + j] == 0);
        from[half] = hidden ? INT32_MAX : h.causal ? j - (h.tk - h.tq) : 0;
    }
    /* From this query on all see all keys of the block. */
    int whole = h.mask || at.first + OWN > h.tk ? INT32_MAX
                : h.causal                      ? at.first + OWN - 1 - (h.tk - h.tq)
                                                : 0;
    R::template start<OWN>(h, h.k + at.origin(h, h.tk), at.first, h.tk, keys);
    R::template start<OWN>(h, h.v + at.origin(h, h.tk), at.first, h.tk, values);
    start(begin, 0);
    vn_copy_commit();
    typename R::sums dk = {}, dv = {};
#pragma unroll 1
    for (int first = begin, now = 0; first < h.tq; first += R::TILE, now ^= 1) {
        const char *tile = tiles + now * BOTH;
        const float *fact = facts + now * 2 * R::TILE;
        typename R::scores s, slopes;
        vn_copy_wait<0>();
        __syncthreads(); /* the tile is there for all, and nobody reads the one before */
        if (first + R::TILE < h.tq) start(first + R::TILE, now ^ 1);
        vn_copy_commit();
        R::score(keys, tile, s);
        R::score(values, tile + BOTH / 2, slopes);
        weigh_back<R>(
            s, slopes, h.base, [&](int, int i) { return fact[i]; },
            [&](int, int i) { return fact[R::TILE + i]; }, first >= whole,
            [&](int e, int i) { return first + i >= from[e / 2]; });
        R::add(s, tile + BOTH / 2, dv);
        R::add(slopes, tile, dk);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int j = at.first + row_of(half);
        int64_t row = at.origin(h, h.tk) + j * h.step;
        if (j < h.tk && b.dk) R::store(h, dk, half, h.factor, b.dk + row);
        if (j < h.tk && b.dv) R::store(h, dv, half, 1, b.dv + row);
    }
}

/* ---- host ---- */

template <vn_numbers KIND, int D> struct launch_back {
    static void run(const mma_heads &h, const mma_back &b, const vn_call *c, vn_stream *s)
    {
        typedef mma_rows_of<KIND, D> R;
        size_t shared = (2 * OWN + 4 * R::TILE) * R::BYTES;
        VN_LAUNCH((vn_mma_attention_dq_kernel<KIND, D>), mma_heads_blocks(c, h, h.tq),
                  dim3(THREADS), shared + 2 * R::TILE * sizeof(float), s, h, b);
        if (!b.dk && !b.dv) return;
        VN_LAUNCH((vn_mma_attention_dkv_kernel<KIND, D>), mma_heads_blocks(c, h, h.tk),
                  dim3(THREADS), shared + 4 * R::TILE * sizeof(float), s, h, b);
    }
};

static const char *unfit(const vn_call *c)
{
    return mma_heads_unfit(c, 4);
}

static vn_scratch scratch(const vn_call *c)
{
    return vn_scratch{ (size_t)vn_count(&c->in[6]) * sizeof(float), 0 };
}

static void attention_grad(const vn_call *c, vn_stream *s)
{
    mma_heads h = mma_heads_of(c, 1);
    mma_back b = { (const uint16_t *)c->in[0].data,
                   (const float *)c->in[5].data,
                   (const float *)c->in[6].data,
                   (float *)c->out[0].data,
                   (float *)c->out[1].data,
                   (float *)c->out[2].data,
                   (float *)c->scratch };
    h.vectors = h.vectors && vn_aligned16(c->in[0].data);
    if (b.dq || b.dk || b.dv) mma_heads_launch<launch_back>(c, h, b, c, s);
}

VN_CUDA_KERNEL(attention_grad_mma_heads) = { "attention_grad_mma_heads", VN_CUDA_SM80, unfit,
                                             scratch, attention_grad };

/* Attention of bf16 or f16 on matrix units: scores, softmax, statistics and sums are f32, weights
 * are rounded to the factors' type on their way into the product with the values, and never stored.
 *
 * A query reads 2 d bytes and writes 4 d, and its block of 64 every key and value it may see once:
 * 4 d T / 64 a query, from the second cache. 2 d multiplications a pair, on the units, and one
 * exp2, by which heads of few columns are bound. */
#include "kernels_cuda/mma_attention.cuh"

/* Scores of keys that the rows do not see become -infinity; `limit`: keys of the tile each row may
 * see. */
template <class R>
__device__ __forceinline__ void hide(typename R::scores &s, const float *masks,
                                     const int (&limit)[2])
{
#pragma unroll
    for (int j = 0; j < R::TILE / 8; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) {
            int column = column_of(j) + e % 2;
            if (masks[column] == 0 || column >= limit[e / 2]) s[j][e] = -INFINITY;
        }
}

template <class R> struct mma_online {
    typename R::sums at;    /* of weight times value, relative to exp(top) */
    float top[2], total[2]; /* of both rows; totals are this lane's share */

    /* Scores become weights. */
    __device__ __forceinline__ void weigh(typename R::scores &s, float base)
    {
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float most = -INFINITY, sum = 0;
#pragma unroll
            for (int j = 0; j < R::TILE / 8; j++)
                most = fmaxf(most, fmaxf(s[j][2 * half], s[j][2 * half + 1]));
            most = fmaxf(top[half], quad_most(most));
            float zero = most == -INFINITY ? 0 : most * base;
            float shrink = fast_exp2(fmaf(top[half], base, -zero));
            top[half] = most;
#pragma unroll
            for (int j = 0; j < R::TILE / 8; j++)
#pragma unroll
                for (int e = 2 * half; e < 2 * half + 2; e++) {
                    s[j][e] = fast_exp2(fmaf(s[j][e], base, -zero));
                    sum += s[j][e];
                }
            total[half] = total[half] * shrink + sum;
#pragma unroll
            for (int n = 0; n < R::SUMS; n++) {
                at[n][2 * half] *= shrink;
                at[n][2 * half + 1] *= shrink;
            }
        }
    }
};

template <vn_numbers KIND, int D>
__global__ void __launch_bounds__(THREADS)
    vn_mma_attention_kernel(mma_heads h, vn_each<float *> y, vn_each<float *> log_sums)
{
    typedef mma_rows_of<KIND, D> R;
    constexpr int BOTH = 2 * R::TILE * R::BYTES;
    VN_SHARED_DYNAMIC(char, shared);
    char *own = shared, *tiles = own + OWN * R::BYTES;
    float *masks = (float *)(tiles + 2 * BOTH);
    mma_place at(h, h.tq, true); /* the last queries see most */
    const uint16_t *k = h.k + at.origin(h, h.tk), *v = h.v + at.origin(h, h.tk);
    int last = at.first + OWN < h.tq ? at.first + OWN : h.tq, end = seen(h, last - 1);
    auto start = [&](int first, int buffer) {
        char *to = tiles + buffer * BOTH;
        R::template start<R::TILE>(h, k, first, h.tk, to);
        R::template start<R::TILE>(h, v, first, h.tk, to + BOTH / 2);
        note_masks<R::TILE>(h, at.window, first, masks + buffer * R::TILE);
    };
    mma_online<R> o = { {}, { -INFINITY, -INFINITY }, { 0, 0 } };
    R::template start<OWN>(h, h.q + at.origin(h, h.tq), at.first, h.tq, own);
    start(0, 0);
    vn_copy_commit();
#pragma unroll 1
    for (int first = 0, now = 0; first < end; first += R::TILE, now ^= 1) {
        typename R::scores s;
        vn_copy_wait<0>();
        __syncthreads(); /* the tile is there for all, and nobody reads the one before */
        if (first + R::TILE < end) start(first + R::TILE, now ^ 1);
        vn_copy_commit();
        R::score(own, tiles + now * BOTH, s);
        int limit[2];
#pragma unroll
        for (int half = 0; half < 2; half++)
            limit[half] = seen(h, at.first + row_of(half)) - first;
        if (h.mask || seen(h, at.first) < first + R::TILE) hide<R>(s, masks + now * R::TILE, limit);
        o.weigh(s, h.base);
        R::add(s, tiles + now * BOTH + BOTH / 2, o.at);
    }
#pragma unroll
    for (int half = 0; half < 2; half++) {
        int i = at.first + row_of(half);
        float total = quad_sum(o.total[half]);
        if (i >= h.tq) continue;
        if (y)
            R::store(h, o.at, half, total == 0 ? 0 : 1 / total,
                     y + at.origin(h, h.tq) + i * h.step);
        if (log_sums && threadIdx.x % 4 == 0)
            log_sums[at.facts(h) + i] = total == 0 ? 0 : o.top[half] * h.factor + logf(total);
    }
}

/* ---- host ---- */

template <vn_numbers KIND, int D> struct launch_forward {
    static void run(const mma_heads &h, const vn_call *c, vn_stream *s)
    {
        typedef mma_rows_of<KIND, D> R;
        float *y = (float *)c->out[0].data, *log_sums = (float *)c->out[1].data;
        if (!y && !log_sums) return;
        VN_LAUNCH((vn_mma_attention_kernel<KIND, D>), mma_heads_blocks(c, h, h.tq), dim3(THREADS),
                  (OWN + 4 * R::TILE) * R::BYTES + 2 * R::TILE * sizeof(float), s, h, y, log_sums);
    }
};

static const char *unfit(const vn_call *c)
{
    return mma_heads_unfit(c, 3);
}

static void attention(const vn_call *c, vn_stream *s)
{
    mma_heads_launch<launch_forward>(c, mma_heads_of(c, 0), c, s);
}

VN_CUDA_KERNEL(attention_mma_heads) = { "attention_mma_heads", VN_CUDA_SM80, unfit, NULL,
                                        attention };

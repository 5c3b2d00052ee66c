/* Attention and its gradient in strict f32, weights never stored.
 *
 * One to eight lanes share a query (back: also a key), each with 16 or 32 of its columns in
 * registers; keys and values pass through shared memory in tiles that all queries of a block read,
 * the lanes of a warp mostly the same 16 bytes. Softmax is online: KEYS scores at a time, then one
 * correction of what was summed. A query reads 8 d bytes, and its block every key and value it may
 * see once: with T keys about 8 d T / queries of a block, from the second cache. Bound by FMAs,
 * 2 d a pair forward and 7 d back (the scores are made twice), and by one exp a pair, back two.
 *
 * Back: the first kernel makes dq and, in scratch, sum(dy y) of each query; the second dk and dv, a
 * key adding up its queries in their order. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 128, TILE = 32, KEYS = 8, WIDEST = 256 };

/* What all kernels know. Columns of head h begin at h width in rows of `step` numbers. */
struct heads {
    vn_each<const float *> q, k, v, mask;
    int64_t tq, tk, step, heads;
    int width, causal, aligned;
    float factor; /* 1 / sqrt(width) */
};

/* ---- a lane's columns: float4 number `lane`, lane + LANES, ... of the head's ---- */

template <int LANES, int EACH> struct columns {
    float at[EACH];
};

template <int LANES> __device__ __forceinline__ int lane_of()
{
    return threadIdx.x % LANES;
}

template <int LANES, int EACH>
__device__ __forceinline__ void load_row(const heads &h, const float *row, bool there,
                                         columns<LANES, EACH> &to)
{
#pragma unroll
    for (int i = 0; i < EACH; i += 4) {
        int e = (i / 4 * LANES + lane_of<LANES>()) * 4, n = there ? h.width - e : 0;
        float4 v = vn_fetch4(row + e, 1, n, h.aligned);
        to.at[i] = v.x;
        to.at[i + 1] = v.y;
        to.at[i + 2] = v.z;
        to.at[i + 3] = v.w;
    }
}

template <int LANES, int EACH>
__device__ __forceinline__ void store_row(const heads &h, float *row,
                                          const columns<LANES, EACH> &from, float factor)
{
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        int e = (i / 4 * LANES + lane_of<LANES>()) * 4 + i % 4;
        if (e < h.width) row[e] = from.at[i] * factor;
    }
}

/* The lane's share of the product of its columns and a row in shared memory. */
template <int LANES, int EACH>
__device__ __forceinline__ float partial(const columns<LANES, EACH> &a, const float *row)
{
    float sum = 0;
#pragma unroll
    for (int i = 0; i < EACH; i += 4) {
        float4 v = vn_load4(row + (i / 4 * LANES + lane_of<LANES>()) * 4);
        sum = fmaf(a.at[i], v.x, sum);
        sum = fmaf(a.at[i + 1], v.y, sum);
        sum = fmaf(a.at[i + 2], v.z, sum);
        sum = fmaf(a.at[i + 3], v.w, sum);
    }
    return sum;
}

template <int LANES> __device__ __forceinline__ float lanes_sum(float v)
{
#pragma unroll
    for (int by = LANES / 2; by; by >>= 1) v += __shfl_xor_sync(VN_ALL_LANES, v, by);
    return v;
}

template <int LANES, int EACH>
__device__ __forceinline__ void add_row(columns<LANES, EACH> &to, float factor, const float *row)
{
#pragma unroll
    for (int i = 0; i < EACH; i += 4) {
        float4 v = vn_load4(row + (i / 4 * LANES + lane_of<LANES>()) * 4);
        to.at[i] = fmaf(factor, v.x, to.at[i]);
        to.at[i + 1] = fmaf(factor, v.y, to.at[i + 1]);
        to.at[i + 2] = fmaf(factor, v.z, to.at[i + 2]);
        to.at[i + 3] = fmaf(factor, v.w, to.at[i + 3]);
    }
}

/* Rows [first, first + TILE) of one head to shared memory, zeros beyond `n` rows and the width. */
template <int WIDTH>
__device__ __forceinline__ void load_tile(const heads &h, const float *p, int64_t first, int64_t n,
                                          float *tile)
{
    for (int at = threadIdx.x * 4; at < TILE * WIDTH; at += THREADS * 4) {
        int row = at / WIDTH, e = at % WIDTH, left = first + row < n ? h.width - e : 0;
        vn_store4(tile + at, vn_fetch4(p + (first + row) * h.step + e, 1, left, h.aligned));
    }
}

/* ---- where a block works ---- */

/* Blocks are numbered by part of the queries (or keys), head, window. */
template <int LANES> struct place {
    static constexpr int ROWS = THREADS / LANES;
    int64_t first, own, head, window; /* the block's first row, this thread's */
    __device__ place(int64_t rows, int64_t heads)
    {
        /* Of 32 bits, as blockIdx is: a division of 64 is a call, around which registers spill. */
        unsigned parts = (unsigned)((rows + ROWS - 1) / ROWS), n = (unsigned)heads;
        unsigned rest = blockIdx.x / parts;
        first = (int64_t)(blockIdx.x % parts) * ROWS;
        own = first + threadIdx.x / LANES;
        head = rest % n;
        window = rest / n;
    }
};

/* Keys query i may see, were none masked. */
__device__ __forceinline__ int64_t seen(const heads &h, int64_t i)
{
    int64_t n = h.causal ? i + h.tk - h.tq + 1 : h.tk;
    return n < h.tk ? n : h.tk;
}

/* May query i see key j, of which the tile says whether its mask is set? */
__device__ __forceinline__ bool sees(const heads &h, int64_t i, int64_t j, float mask)
{
    return mask != 0 && j < seen(h, i);
}

/* The masks of a tile of keys: 0 where there is none. */
__device__ __forceinline__ void load_masks(const heads &h, int64_t window, int64_t first,
                                           float *masks)
{
    int64_t j = first + threadIdx.x;
    if (threadIdx.x >= TILE) return;
    masks[threadIdx.x] = j >= h.tk ? 0 : h.mask ? h.mask[window * h.tk + j] : 1;
}

/* ---- forward ---- */

template <int LANES, int EACH> struct online {
    columns<LANES, EACH> sums; /* of weight times value, relative to exp(top) */
    float top, total;
};

/* Keys [j, j + KEYS) of a tile. `limit`: keys of the tile the query may see. */
template <int LANES, int EACH>
__device__ __forceinline__ void take_keys(const columns<LANES, EACH> &q, const float *keys,
                                          const float *values, const float *masks, int j,
                                          int64_t limit, float factor, online<LANES, EACH> &o)
{
    constexpr int WIDTH = LANES * EACH;
    float score[KEYS], top = o.top;
#pragma unroll
    for (int u = 0; u < KEYS; u++) {
        float s = lanes_sum<LANES>(partial(q, keys + (j + u) * WIDTH)) * factor;
        score[u] = masks[j + u] != 0 && j + u < limit ? s : -INFINITY;
        top = fmaxf(top, score[u]);
    }
    float base = top == -INFINITY ? 0 : top, shrink = expf(o.top - base);
    o.top = top;
    o.total *= shrink;
#pragma unroll
    for (int i = 0; i < EACH; i++) o.sums.at[i] *= shrink;
#pragma unroll
    for (int u = 0; u < KEYS; u++) {
        float weight = expf(score[u] - base);
        o.total += weight;
        add_row(o.sums, weight, values + (j + u) * WIDTH);
    }
}

template <int LANES, int EACH>
__global__ void __launch_bounds__(THREADS)
    vn_attention_kernel(heads h, vn_each<float *> y, vn_each<float *> log_sums)
{
    constexpr int WIDTH = LANES * EACH;
    VN_SHARED_DYNAMIC(float, shared);
    float *keys = shared, *values = keys + TILE * WIDTH, *masks = values + TILE * WIDTH;
    place<LANES> at(h.tq, h.heads);
    int64_t from = at.window * h.tk * h.step + at.head * h.width;
    int64_t row = (at.window * h.tq + at.own) * h.step + at.head * h.width;
    int64_t end = seen(h, at.first + at.ROWS - 1);
    bool there = at.own < h.tq;
    columns<LANES, EACH> q;
    online<LANES, EACH> o = { {}, -INFINITY, 0 };
    load_row(h, h.q + row, there, q);
    for (int64_t first = 0; first < end; first += TILE) {
        __syncthreads(); /* others still read the tile before */
        load_tile<WIDTH>(h, h.k + from, first, h.tk, keys);
        load_tile<WIDTH>(h, h.v + from, first, h.tk, values);
        load_masks(h, at.window, first, masks);
        __syncthreads();
        for (int j = 0; j < TILE; j += KEYS)
            take_keys(q, keys, values, masks, j, there ? seen(h, at.own) - first : 0, h.factor, o);
    }
    if (!there) return;
    if (y) store_row(h, y + row, o.sums, o.total == 0 ? 0 : 1 / o.total);
    if (log_sums && lane_of<LANES>() == 0)
        log_sums[(at.window * h.heads + at.head) * h.tq + at.own] =
            o.total == 0 ? 0 : o.top + logf(o.total);
}

/* ---- back ---- */

struct back {
    vn_each<const float *> dy, y, log_sums;
    vn_each<float *> dq, dk, dv; /* each may be NULL */
    vn_each<float *> mean;       /* scratch [B, heads, Tq]: sum(dy y) of a query */
};

/* Without a number of blocks ptxas aims at five to a multiprocessor and spills 4 to 8 bytes for it.
 */
template <int LANES, int EACH>
__global__ void __launch_bounds__(THREADS, EACH > 16 ? 2 : 4)
    vn_attention_dq_kernel(heads h, back b)
{
    constexpr int WIDTH = LANES * EACH;
    VN_SHARED_DYNAMIC(float, shared);
    float *keys = shared, *values = keys + TILE * WIDTH, *masks = values + TILE * WIDTH;
    place<LANES> at(h.tq, h.heads);
    int64_t from = at.window * h.tk * h.step + at.head * h.width;
    int64_t row = (at.window * h.tq + at.own) * h.step + at.head * h.width;
    int64_t one = (at.window * h.heads + at.head) * h.tq + at.own;
    int64_t end = seen(h, at.first + at.ROWS - 1);
    bool there = at.own < h.tq;
    columns<LANES, EACH> q, dy, dq = {};
    float mean = 0, log_sum = there ? b.log_sums[one] : 0;
    load_row(h, b.y + row, there, q);
    load_row(h, b.dy + row, there, dy);
#pragma unroll
    for (int i = 0; i < EACH; i++) mean = fmaf(dy.at[i], q.at[i], mean);
    mean = lanes_sum<LANES>(mean);
    if (there && lane_of<LANES>() == 0) b.mean[one] = mean;
    load_row(h, h.q + row, there, q);
    for (int64_t first = 0; b.dq && first < end; first += TILE) {
        __syncthreads(); /* others still read the tile before */
        load_tile<WIDTH>(h, h.k + from, first, h.tk, keys);
        load_tile<WIDTH>(h, h.v + from, first, h.tk, values);
        load_masks(h, at.window, first, masks);
        __syncthreads();
#pragma unroll 2
        for (int j = 0; j < TILE; j++) {
            float score = lanes_sum<LANES>(partial(q, keys + j * WIDTH)) * h.factor;
            float slope = lanes_sum<LANES>(partial(dy, values + j * WIDTH)) - mean;
            bool counts = there && sees(h, at.own, first + j, masks[j]);
            float weight = counts ? expf(score - log_sum) * h.factor : 0;
            add_row(dq, weight * slope, keys + j * WIDTH);
        }
    }
    if (there && b.dq) store_row(h, b.dq + row, dq, 1);
}

/* Log sums and means of a tile of queries. */
__device__ __forceinline__ void load_facts(const heads &h, const back &b, int64_t row,
                                           int64_t first, float *log_sums, float *means)
{
    int64_t i = first + threadIdx.x;
    if (threadIdx.x >= TILE) return;
    log_sums[threadIdx.x] = i < h.tq ? b.log_sums[row + i] : 0;
    means[threadIdx.x] = i < h.tq ? b.mean[row + i] : 0;
}

template <int LANES, int EACH>
__global__ void __launch_bounds__(THREADS) vn_attention_dkv_kernel(heads h, back b)
{
    constexpr int WIDTH = LANES * EACH;
    VN_SHARED_DYNAMIC(float, shared);
    float *queries = shared, *dys = queries + TILE * WIDTH, *log_sums = dys + TILE * WIDTH;
    float *means = log_sums + TILE;
    place<LANES> at(h.tk, h.heads);
    int64_t from = at.window * h.tq * h.step + at.head * h.width;
    int64_t row = (at.window * h.tk + at.own) * h.step + at.head * h.width;
    int64_t begin = h.causal ? at.first - (h.tk - h.tq) : 0; /* the first query that sees one */
    bool there = at.own < h.tk;
    float mask = !there ? 0 : h.mask ? h.mask[at.window * h.tk + at.own] : 1;
    columns<LANES, EACH> k, v, dk = {}, dv = {};
    load_row(h, h.k + row, there, k);
    load_row(h, h.v + row, there, v);
    for (int64_t first = begin > 0 ? begin / TILE * TILE : 0; first < h.tq; first += TILE) {
        __syncthreads(); /* others still read the tile before */
        load_tile<WIDTH>(h, h.q + from, first, h.tq, queries);
        load_tile<WIDTH>(h, b.dy + from, first, h.tq, dys);
        load_facts(h, b, (at.window * h.heads + at.head) * h.tq, first, log_sums, means);
        __syncthreads();
        for (int i = 0; i < TILE; i++) {
            float score = lanes_sum<LANES>(partial(k, queries + i * WIDTH)) * h.factor;
            float slope = lanes_sum<LANES>(partial(v, dys + i * WIDTH)) - means[i];
            bool counts = first + i < h.tq && sees(h, first + i, at.own, mask);
            float weight = counts ? expf(score - log_sums[i]) : 0;
            add_row(dk, weight * slope * h.factor, queries + i * WIDTH);
            add_row(dv, weight, dys + i * WIDTH);
        }
    }
    if (!there) return;
    if (b.dk) store_row(h, b.dk + row, dk, 1);
    if (b.dv) store_row(h, b.dv + row, dv, 1);
}

/* ---- host ---- */

/* q, k, v, mask are inputs first .. first + 3. */
static heads heads_of(const vn_call *c, int first)
{
    const vn_attr_attention *a = (const vn_attr_attention *)c->attr;
    const vn_tensor *q = &c->in[first], *k = q + 1;
    heads h = {};
    h.q = (const float *)q->data;
    h.k = (const float *)k->data;
    h.v = (const float *)q[2].data;
    h.mask = (const float *)q[3].data;
    h.tq = q->dim[1];
    h.tk = k->dim[1];
    h.step = q->dim[2];
    h.heads = a->heads;
    h.width = (int)(h.step / a->heads);
    h.causal = a->causal;
    h.aligned = h.width % 4 == 0 && vn_aligned16(h.q) && vn_aligned16(h.k) && vn_aligned16(h.v);
    h.factor = (float)(1 / sqrt((double)h.width));
    return h;
}

static const char *unfit_width(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    if (why) return why;
    int64_t width = c->in[1].dim[2] / ((const vn_attr_attention *)c->attr)->heads;
    return width <= WIDEST ? NULL : "a head has more than 256 columns";
}

template <int LANES, int EACH> struct launch_forward {
    static void run(const vn_call *c, vn_stream *s, const heads &h)
    {
        int64_t n = c->in[0].dim[0] * h.heads, rows = THREADS / LANES;
        float *y = (float *)c->out[0].data, *log_sums = (float *)c->out[1].data;
        if (!y && !log_sums) return;
        VN_LAUNCH((vn_attention_kernel<LANES, EACH>),
                  dim3((unsigned)(n * ((h.tq + rows - 1) / rows))), dim3(THREADS),
                  (2 * LANES * EACH + 1) * TILE * sizeof(float), s, h, y, log_sums);
    }
};

template <int LANES, int EACH> struct launch_back {
    static void run(const vn_call *c, vn_stream *s, const heads &h)
    {
        int64_t n = c->in[1].dim[0] * h.heads, rows = THREADS / LANES;
        size_t shared = (2 * LANES * EACH + 2) * TILE * sizeof(float);
        back b = { (const float *)c->in[0].data, (const float *)c->in[5].data,
                   (const float *)c->in[6].data, (float *)c->out[0].data,
                   (float *)c->out[1].data,      (float *)c->out[2].data,
                   (float *)c->scratch };
        if (!b.dq && !b.dk && !b.dv) return;
        VN_LAUNCH((vn_attention_dq_kernel<LANES, EACH>),
                  dim3((unsigned)(n * ((h.tq + rows - 1) / rows))), dim3(THREADS), shared, s, h, b);
        if (!b.dk && !b.dv) return;
        VN_LAUNCH((vn_attention_dkv_kernel<LANES, EACH>),
                  dim3((unsigned)(n * ((h.tk + rows - 1) / rows))), dim3(THREADS), shared, s, h, b);
    }
};

template <template <int, int> class L>
static void launch_wide(const vn_call *c, vn_stream *s, const heads &h)
{
    if (h.width <= 16)
        L<1, 16>::run(c, s, h);
    else if (h.width <= 32)
        L<2, 16>::run(c, s, h);
    else if (h.width <= 64)
        L<4, 16>::run(c, s, h);
    else if (h.width <= 128)
        L<8, 16>::run(c, s, h);
    else
        L<8, 32>::run(c, s, h);
}

static void attention(const vn_call *c, vn_stream *s)
{
    launch_wide<launch_forward>(c, s, heads_of(c, 0));
}

static vn_scratch attention_grad_scratch(const vn_call *c)
{
    return vn_scratch{ (size_t)vn_count(&c->in[6]) * sizeof(float), 0 };
}

static void attention_grad(const vn_call *c, vn_stream *s)
{
    heads h = heads_of(c, 1);
    h.aligned = h.aligned && vn_aligned16(c->in[0].data) && vn_aligned16(c->in[5].data);
    launch_wide<launch_back>(c, s, h);
}

VN_CUDA_KERNEL(attention_f32_cuda) = { "attention_f32_cuda", 0, unfit_width, NULL, attention };
VN_CUDA_KERNEL(attention_grad_f32_cuda) = { "attention_grad_f32_cuda", 0, unfit_width,
                                            attention_grad_scratch, attention_grad };

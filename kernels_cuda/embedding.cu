/* Rows of a table by code, and the sum of gradients back into the table.
 *
 * embedding: 4 bytes read (the table stays in the cache), 4 written a number. embedding_grad reads
 * each gradient once, but the codes, from the cache, once for each row of the table: a warp owns a
 * row and adds what bears its code in the codes' order, 32 of them looked at together. Sorting
 * would read less of a large table's codes; adding by atomics would depend on the schedule. Codes
 * are cut into parts, as many as keep a GPU busy, which the last block of its rows adds in order.
 */
#include "kernels_cuda/common.cuh"

enum { THREADS = 256, WARPS = THREADS / 32, GROUP = 32 };
/* Codes of a part, at least, and about how many warps a launch should have: some twice what a large
 * GPU holds at a time. */
enum { PART = 512, WARPS_WANTED = 16384 };

__device__ __forceinline__ int64_t row_of(float code, int64_t rows)
{
    return code >= 0 && code < (float)rows ? (int64_t)code : 0;
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_embedding_kernel(vn_each<const float *> x, vn_each<const float *> table, vn_each<float *> y,
                        int64_t rows, int64_t width, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    I at = (I)i / (I)width, e = (I)i % (I)width;
    y[i] = table[row_of(x[at], rows) * width + e];
}

static void embedding(const vn_call *c, vn_stream *s)
{
    const float *x = (const float *)c->in[0].data, *table = (const float *)c->in[1].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]), rows = c->in[1].dim[0], width = c->in[1].dim[1];
    if (!y) return;
    if (n <= INT32_MAX)
        VN_LAUNCH(vn_embedding_kernel<uint32_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, x,
                  table, y, rows, width, n);
    else
        VN_LAUNCH(vn_embedding_kernel<int64_t>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, x,
                  table, y, rows, width, n);
}

/* ---- the gradient ---- */

struct scatter {
    vn_each<const float *> dy, x;
    int64_t codes, rows, width, part, n_parts;
    int64_t
        lanes; /* that share a gradient: a power of two, the width or 32; 32 / lanes go abreast */
};

/* Bits i of a word with i % abreast == slot. */
__device__ __forceinline__ unsigned bits_of_slot(int slot, int abreast)
{
    unsigned bits = 0;
    for (int i = slot; i < 32; i += abreast) bits |= 1u << i;
    return bits;
}

/* Sums of row v over a part of the codes, column e of each lane, lanes of all slots together. */
__device__ __forceinline__ double sum_row(const scatter &k, int64_t v, int64_t first, int64_t e)
{
    int lane = threadIdx.x % 32, abreast = 32 / k.lanes;
    unsigned mine = bits_of_slot(lane / k.lanes, abreast);
    int64_t end = first + k.part < k.codes ? first + k.part : k.codes;
    double sum = 0;
    for (int64_t at = first; at < end; at += GROUP) {
        bool hit = at + lane < end && row_of(k.x[at + lane], k.rows) == v;
        unsigned hits = __ballot_sync(VN_ALL_LANES, hit) & mine;
        for (; hits && e < k.width; hits &= hits - 1) {
            int64_t i = at + 31 - __clz((int)(hits & -hits));
            sum += (double)k.dy[i * k.width + e];
        }
    }
    for (int by = 16; by >= k.lanes; by >>= 1) sum += __shfl_xor_sync(VN_ALL_LANES, sum, by);
    return sum;
}

__global__ void __launch_bounds__(THREADS)
    vn_embedding_grad_kernel(scatter k, vn_each<float *> table, vn_each<double *> part,
                             vn_each<unsigned *> ticket)
{
    int lane = threadIdx.x % 32;
    unsigned across = (unsigned)((k.rows + WARPS - 1) / WARPS);
    int64_t v = (int64_t)(blockIdx.x % across) * WARPS + threadIdx.x / 32;
    int64_t e = (int64_t)(blockIdx.x / across) * 32 + lane % k.lanes;
    int64_t i = v * k.width + e, n = k.rows * k.width;
    bool mine = v < k.rows && lane < k.lanes && e < k.width;
    double sum = v < k.rows ? sum_row(k, v, (int64_t)blockIdx.y * k.part, e) : 0;
    if (part) {
        if (mine) part[(int64_t)blockIdx.y * n + i] = sum;
        if (!vn_last_block(ticket + blockIdx.x, gridDim.y)) return;
        sum = 0;
        for (int64_t p = 0; mine && p < k.n_parts; p++) sum += part[p * n + i];
    }
    if (mine) table[i] = (float)sum;
}

/* Blocks of a part. */
static int64_t tiles_of(const scatter &k)
{
    return (k.rows + WARPS - 1) / WARPS * ((k.width + 31) / 32);
}

static scatter scatter_of(const vn_call *c)
{
    scatter k = { (const float *)c->in[0].data,
                  (const float *)c->in[1].data,
                  vn_count(&c->in[1]),
                  c->out[0].dim[0],
                  c->out[0].dim[1],
                  PART,
                  0,
                  1 };
    int64_t parts = WARPS_WANTED / k.rows + 1, even = (k.codes + parts - 1) / parts;
    if (even > PART) k.part = (even + GROUP - 1) / GROUP * GROUP;
    if (tiles_of(k) > VN_TICKETS) k.part = k.codes;
    k.n_parts = (k.codes + k.part - 1) / k.part;
    while (k.lanes < 32 && k.lanes < k.width) k.lanes *= 2;
    return k;
}

static vn_scratch grad_scratch(const vn_call *c)
{
    scatter k = scatter_of(c);
    size_t n = k.n_parts > 1 ? (size_t)k.n_parts * (size_t)vn_count(&c->out[0]) : 0;
    return vn_scratch{ n * sizeof(double), 0 };
}

static void embedding_grad(const vn_call *c, vn_stream *s)
{
    scatter k = scatter_of(c);
    float *table = (float *)c->out[0].data;
    double *part = k.n_parts > 1 ? (double *)c->scratch : NULL;
    dim3 grid((unsigned)tiles_of(k), (unsigned)k.n_parts);
    if (!table) return;
    VN_LAUNCH(vn_embedding_grad_kernel, grid, dim3(THREADS), 0, s, k, table, part, vn_tickets(c));
}

VN_CUDA_KERNEL(embedding_f32_cuda) = { "embedding_f32_cuda", 0, vn_not_f32, NULL, embedding };
VN_CUDA_KERNEL(embedding_grad_f32_cuda) = { "embedding_grad_f32_cuda", 0, vn_not_f32, grad_scratch,
                                            embedding_grad };

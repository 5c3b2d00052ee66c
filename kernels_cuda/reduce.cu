/* Sums over axes.
 *
 * Traffic: 4 bytes read an element, 4 written a sum; bound by memory. Sums are in double. Long sums
 * are cut into parts, at most PARTS_MAX, which the last block adds in an order of their own: which
 * part an element falls into depends on the shape alone. Where the last axis is kept, neighbouring
 * threads take neighbouring sums (bias gradients); where it is summed, they share one sum. */
#include "kernels_cuda/common.cuh"

enum { COLS = 32, ROWS = 8, THREADS = COLS * ROWS, PART_COLS = 256, PART_ROWS = 4096 };
enum { PARTS_MAX = 256 };

/* Where element k of sum j lies in x: axes of one kind side by side are one, so at most three of
 * each kind remain of five. Unused ones have length 1, in front. */
enum { GROUPS = 3 };
template <class I> struct axes {
    I len[GROUPS], stride[GROUPS];
};
template <class I> struct plan {
    axes<I> kept, summed;
    int64_t n_kept, n_summed, part, n_parts;
    int64_t last_kept;
};

template <class I> static void put_front(axes<I> *a, int *used, int64_t len, int64_t stride)
{
    *used += 1;
    a->len[GROUPS - *used] = (I)len;
    a->stride[GROUPS - *used] = (I)stride;
}

/* Axes from the last to the first; `run` elements of one kind are gathered before they are put. */
template <class I> static plan<I> plan_of(const vn_call *c)
{
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    plan<I> p = { { { 1, 1, 1 }, { 0, 0, 0 } }, { { 1, 1, 1 }, { 0, 0, 0 } }, 1, 1, 0, 0, true };
    int used[2] = { 0, 0 };
    int64_t stride = 1, run = 1, base = 1;
    bool kind = true, begun = false;
    for (int k = 1; k <= x->rank; k++) {
        int64_t len = x->dim[x->rank - k], own = k <= y->rank ? y->dim[y->rank - k] : 1;
        bool keeps = own == len;
        if (len == 1) continue;
        if (!begun) p.last_kept = kind = keeps;
        if (begun && keeps != kind) {
            put_front(kind ? &p.kept : &p.summed, &used[kind], run, base);
            kind = keeps;
            run = 1;
            base = stride;
        }
        begun = true;
        run *= len;
        stride *= len;
        *(keeps ? &p.n_kept : &p.n_summed) *= len;
    }
    if (begun) put_front(kind ? &p.kept : &p.summed, &used[kind], run, base);
    int64_t tiles = p.last_kept ? (p.n_kept + COLS - 1) / COLS : p.n_kept;
    int64_t least = (p.n_summed + PARTS_MAX - 1) / PARTS_MAX;
    p.part = p.last_kept ? PART_COLS : PART_ROWS;
    if (p.part < least) p.part = least;
    if (tiles > VN_TICKETS) p.part = p.n_summed; /* blocks enough */
    p.n_parts = (p.n_summed + p.part - 1) / p.part;
    return p;
}

/* One group, as most have, costs no division. */
template <class I> __device__ __forceinline__ I find(const axes<I> &a, I i)
{
    static_assert(GROUPS == 3, "written out: a loop would keep its arrays on the stack");
    if (a.len[1] == 1) return i * a.stride[2];
    I mid = i / a.len[2];
    return i % a.len[2] * a.stride[2] + mid % a.len[1] * a.stride[1] + mid / a.len[1] * a.stride[0];
}

/* Where several parts are, scratch [n_parts, n_kept] and the tickets of tiles; else NULL. */
struct parts {
    vn_each<double *> part;
    vn_each<unsigned *> ticket;
};

/* The sum of a column of `slices`, in the threads of the first row. */
__device__ __forceinline__ double add_slices(double (*slices)[COLS], double sum)
{
    __syncthreads(); /* others may still read the last sum's */
    slices[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    for (int r = 1; r < ROWS && threadIdx.y == 0; r++) sum += slices[r][threadIdx.x];
    return sum;
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_sum_cols_kernel(plan<I> p, vn_each<const float *> x, vn_each<float *> y, parts to)
{
    VN_SHARED_VAR(double, slices, [ROWS][COLS]);
    int64_t j = (int64_t)blockIdx.x * COLS + threadIdx.x;
    int64_t first = (int64_t)blockIdx.y * p.part;
    int64_t end = first + p.part < p.n_summed ? first + p.part : p.n_summed;
    double sum = 0;
    if (j < p.n_kept) {
        const float *col = x + find(p.kept, (I)j);
        for (int64_t k = first + threadIdx.y; k < end; k += ROWS)
            sum += (double)col[find(p.summed, (I)k)];
    }
    sum = add_slices(slices, sum);
    bool mine = threadIdx.y == 0 && j < p.n_kept;
    if (to.part) {
        if (mine) to.part[(int64_t)blockIdx.y * p.n_kept + j] = sum;
        if (!vn_last_block(to.ticket + blockIdx.x, gridDim.y)) return;
        sum = 0;
        for (int64_t k = threadIdx.y; j < p.n_kept && k < p.n_parts; k += ROWS)
            sum += to.part[k * p.n_kept + j];
        sum = add_slices(slices, sum);
    }
    if (mine) y[j] = (float)sum;
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_sum_rows_kernel(plan<I> p, vn_each<const float *> x, vn_each<float *> y, parts to)
{
    int64_t j = blockIdx.x, first = (int64_t)blockIdx.y * p.part;
    int64_t end = first + p.part < p.n_summed ? first + p.part : p.n_summed;
    double sum = 0, *part = vn_held((double *)to.part);
    float *sum_to = vn_held((float *)y);
    const float *row = x + find(p.kept, (I)j);
    for (int64_t k = first + threadIdx.x; k < end; k += blockDim.x)
        sum += (double)row[find(p.summed, (I)k)];
    sum = vn_block_sum(sum);
    if (part) {
        if (threadIdx.x == 0) part[(int64_t)blockIdx.y * p.n_kept + j] = sum;
        if (!vn_last_block(to.ticket + j, gridDim.y)) return;
        sum = 0;
        for (int64_t k = threadIdx.x; k < p.n_parts; k += blockDim.x) sum += part[k * p.n_kept + j];
        sum = vn_block_sum(sum);
    }
    if (threadIdx.x == 0) sum_to[j] = (float)sum;
}

static vn_scratch sumto_scratch(const vn_call *c)
{
    plan<int64_t> p = plan_of<int64_t>(c);
    size_t parts = p.n_parts > 1 ? (size_t)p.n_parts * (size_t)p.n_kept : 0;
    return vn_scratch{ parts * sizeof(double), 0 };
}

template <class I> static void launch_sumto(const vn_call *c, vn_stream *s)
{
    plan<I> p = plan_of<I>(c);
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    parts to = { p.n_parts > 1 ? (double *)c->scratch : NULL, vn_tickets(c) };
    unsigned n_parts = (unsigned)p.n_parts;
    if (p.last_kept)
        VN_LAUNCH(vn_sum_cols_kernel<I>, dim3(vn_blocks(p.n_kept, COLS).x, n_parts),
                  dim3(COLS, ROWS), 0, s, p, x, y, to);
    else
        VN_LAUNCH(vn_sum_rows_kernel<I>, dim3((unsigned)p.n_kept, n_parts),
                  dim3(p.n_summed <= THREADS ? 32 : THREADS), 0, s, p, x, y, to);
}

static void sumto(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    if (vn_count(&c->in[0]) <= INT32_MAX)
        launch_sumto<uint32_t>(c, s);
    else
        launch_sumto<int64_t>(c, s);
}

VN_CUDA_KERNEL(sumto_f32_cuda) = { "sumto_f32_cuda", 0, vn_not_f32, sumto_scratch, sumto };

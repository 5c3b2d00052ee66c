/* Sums over axes.
 *
 * Traffic: 4 bytes read an element, 4 written a sum; bound by memory. Sums are in double. Long sums
 * are cut into parts of PART elements, which a second stage adds in their order: which part an
 * element falls into depends on the shape alone. Where the last axis is kept, neighbouring threads
 * take neighbouring sums (bias gradients); where it is summed, they share one sum. */
#include "kernels_cuda/common.cuh"

enum { COLS = 32, ROWS = 8, THREADS = COLS * ROWS, PART_COLS = 256, PART_ROWS = 4096 };

/* Where element k of sum j lies in x: axes of one kind side by side are one, so at most three of
 * each kind remain of five. Unused ones have length 1, in front. */
enum { GROUPS = 3 };
template <class I> struct axes {
    I len[GROUPS], stride[GROUPS];
};
template <class I> struct plan {
    axes<I> kept, summed;
    int64_t n_kept, n_summed, part, n_parts;
    bool last_kept;
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
        if (!begun) kind = p.last_kept = keeps;
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
    p.part = p.last_kept ? PART_COLS : PART_ROWS;
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

/* The sum or, where there are several parts, its part: scratch [n_parts, n_kept]. */
template <class I>
__device__ __forceinline__ void put(const plan<I> &p, int64_t j, double sum, float *y, double *part)
{
    if (part)
        part[(int64_t)blockIdx.y * p.n_kept + j] = sum;
    else
        y[j] = (float)sum;
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_sum_cols_kernel(plan<I> p, const float *x, float *y, double *part)
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
    slices[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || j >= p.n_kept) return;
    for (int r = 1; r < ROWS; r++) sum += slices[r][threadIdx.x];
    put(p, j, sum, y, part);
}

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_sum_rows_kernel(plan<I> p, const float *x, float *y, double *part)
{
    int64_t j = blockIdx.x, first = (int64_t)blockIdx.y * p.part;
    int64_t end = first + p.part < p.n_summed ? first + p.part : p.n_summed;
    const float *row = x + find(p.kept, (I)j);
    double sum = 0;
    for (int64_t k = first + threadIdx.x; k < end; k += blockDim.x)
        sum += (double)row[find(p.summed, (I)k)];
    sum = vn_block_sum(sum);
    if (threadIdx.x == 0) put(p, j, sum, y, part);
}

/* Neighbouring threads add neighbouring sums, part after part. */
__global__ void __launch_bounds__(THREADS)
    vn_sum_parts_kernel(const double *part, int64_t n_parts, int64_t n, float *y)
{
    int64_t j = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    double sum = 0;
    if (j >= n) return;
    for (int64_t k = 0; k < n_parts; k++) sum += part[k * n + j];
    y[j] = (float)sum;
}

/* Few sums of many parts: a block each. */
__global__ void __launch_bounds__(THREADS)
    vn_sum_few_kernel(const double *part, int64_t n_parts, int64_t n, float *y)
{
    double sum = 0;
    for (int64_t k = threadIdx.x; k < n_parts; k += THREADS) sum += part[k * n + blockIdx.x];
    sum = vn_block_sum(sum);
    if (threadIdx.x == 0) y[blockIdx.x] = (float)sum;
}

static vn_scratch sumto_scratch(const vn_call *c)
{
    plan<int64_t> p = plan_of<int64_t>(c);
    size_t parts = p.n_parts > 1 ? (size_t)p.n_parts * (size_t)p.n_kept : 0;
    return vn_scratch{ parts * sizeof(double), 0 };
}

static const char *unfit_sumto(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    if (why) return why;
    return plan_of<int64_t>(c).n_parts > 65535 ? "too many parts" : NULL;
}

template <class I> static void launch_sumto(const vn_call *c, vn_stream *s)
{
    plan<I> p = plan_of<I>(c);
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    double *part = p.n_parts > 1 ? (double *)c->scratch : NULL;
    unsigned parts = (unsigned)p.n_parts;
    if (p.last_kept)
        VN_LAUNCH(vn_sum_cols_kernel<I>, dim3(vn_blocks(p.n_kept, COLS).x, parts), dim3(COLS, ROWS),
                  0, s, p, x, y, part);
    else
        VN_LAUNCH(vn_sum_rows_kernel<I>, dim3((unsigned)p.n_kept, parts),
                  dim3(p.n_summed <= THREADS ? 32 : THREADS), 0, s, p, x, y, part);
    if (!part) return;
    if (p.n_kept < COLS && p.n_parts > COLS)
        VN_LAUNCH(vn_sum_few_kernel, dim3((unsigned)p.n_kept), dim3(THREADS), 0, s, part, p.n_parts,
                  p.n_kept, y);
    else
        VN_LAUNCH(vn_sum_parts_kernel, vn_blocks(p.n_kept, THREADS), dim3(THREADS), 0, s, part,
                  p.n_parts, p.n_kept, y);
}

static void sumto(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    if (vn_count(&c->in[0]) <= INT32_MAX)
        launch_sumto<uint32_t>(c, s);
    else
        launch_sumto<int64_t>(c, s);
}

VN_CUDA_KERNEL(sumto_f32_cuda) = { "sumto_f32_cuda", 0, unfit_sumto, sumto_scratch, sumto };

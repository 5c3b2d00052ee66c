/* Elements in another order or place: slice, pad, concat, permute, flip.
 *
 * Traffic an element of the result: 4 bytes read, 4 written (pad reads less, its zeros come from
 * nowhere); all are bound by memory. slice, pad, concat and flip see rows of whole runs and move
 * four elements in accesses of 16 bytes where every run begins on such a line. A transpose goes
 * through a tile in shared memory, for without it each warp would read 32 lines to use 4 bytes of
 * each; other permutations read where they must and write in order. concat is one launch for all
 * its inputs: launches cost more than its bytes. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 256, EACH = 4, TILE = 32, TILE_ROWS = 8, MAX_GRID_Y = 65535 };

/* A tensor as [outer, len, inner] around an axis. */
struct axis_view {
    int64_t outer, len, inner;
};

static axis_view split(const vn_tensor *t, int64_t axis)
{
    axis_view v = { 1, t->dim[axis], 1 };
    for (int i = 0; i < t->rank; i++) {
        if (i < axis) v.outer *= t->dim[i];
        if (i > axis) v.inner *= t->dim[i];
    }
    return v;
}

/* ---- slice and pad: runs of rows. Element k of row r is x[r from + k - lo] for lo <= k < hi, else
 * 0. I: 32 bits where they are enough, for a division of 64 costs a GPU some 70 instructions. ----
 */

template <class I> struct runs {
    I width, from, lo, hi; /* of a row of the result; from: elements of a row of x */
};

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_runs_kernel(runs<I> w, vn_each<const float *> x, vn_each<float *> y, int64_t n, bool aligned)
{
    int each = aligned ? EACH : 1;
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * each;
    if (i >= n) return;
    I r = (I)i / w.width, k = (I)i % w.width;
    bool inside = k >= w.lo && k < w.hi;
    const float *at = x + (int64_t)r * w.from + (k - w.lo);
    if (aligned)
        vn_store4(y + i, inside ? vn_load4(at) : make_float4(0, 0, 0, 0));
    else
        y[i] = inside ? *at : 0;
}

template <class I>
static void launch_runs(const vn_call *c, vn_stream *s, const int64_t of[4], const float *x)
{
    runs<I> w = { (I)of[0], (I)of[1], (I)of[2], (I)of[3] };
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    bool aligned =
        (of[0] | of[1] | of[2] | of[3]) % EACH == 0 && vn_aligned16(x) && vn_aligned16(y);
    VN_LAUNCH(vn_runs_kernel<I>, vn_blocks(n, THREADS * (aligned ? EACH : 1)), dim3(THREADS), 0, s,
              w, x, y, n, aligned);
}

static void move_runs(const vn_call *c, vn_stream *s, const int64_t of[4], const float *x)
{
    if (vn_count(&c->out[0]) <= INT32_MAX && vn_count(&c->in[0]) <= INT32_MAX)
        launch_runs<uint32_t>(c, s, of, x);
    else
        launch_runs<int64_t>(c, s, of, x);
}

static void slice(const vn_call *c, vn_stream *s)
{
    const vn_attr_range *a = (const vn_attr_range *)c->attr;
    if (!c->out[0].data) return;
    axis_view from = split(&c->in[0], a->axis);
    const int64_t of[4] = { a->len * from.inner, from.len * from.inner, 0, a->len * from.inner };
    move_runs(c, s, of, (const float *)c->in[0].data + a->start * from.inner);
}

static void pad(const vn_call *c, vn_stream *s)
{
    const vn_attr_range *a = (const vn_attr_range *)c->attr;
    if (!c->out[0].data) return;
    axis_view from = split(&c->in[0], a->axis);
    int64_t width = from.len * from.inner, lo = a->start * from.inner;
    const int64_t of[4] = { a->len * from.inner, width, lo, lo + width };
    move_runs(c, s, of, (const float *)c->in[0].data);
}

/* ---- concat ---- */

/* Input p gives elements [start[p], start[p + 1]) of each row of the result; absent ones none. */
template <class I> struct parts {
    vn_each<const float *> x[VN_MAX_IN];
    I start[VN_MAX_IN + 2]; /* the last for the sake of whole words */
};

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_concat_kernel(parts<I> p, vn_each<float *> y, int64_t n, bool aligned)
{
    int each = aligned ? EACH : 1;
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * each;
    if (i >= n) return;
    I width = p.start[VN_MAX_IN], r = (I)i / width, k = (I)i % width;
    const float *at = NULL;
#pragma unroll
    for (int j = 0; j < VN_MAX_IN; j++)
        if (k >= p.start[j] && k < p.start[j + 1])
            at = p.x[j] + (int64_t)r * (p.start[j + 1] - p.start[j]) + (k - p.start[j]);
    if (aligned)
        vn_store4(y + i, vn_load4(at));
    else
        y[i] = *at;
}

template <class I> static void launch_concat(const vn_call *c, vn_stream *s)
{
    axis_view to = split(&c->out[0], ((const vn_attr_axis *)c->attr)->axis);
    float *y = (float *)c->out[0].data;
    parts<I> p = {};
    int64_t start = 0, n = vn_count(&c->out[0]);
    bool aligned = vn_aligned16(y);
    for (int j = 0; j < VN_MAX_IN; j++) {
        const vn_tensor *x = &c->in[j];
        p.start[j] = (I)start;
        if (j >= c->n_in || !x->data) continue;
        p.x[j] = (const float *)x->data;
        start += vn_count(x) / to.outer;
        aligned = aligned && vn_aligned16(x->data) && start % EACH == 0;
    }
    p.start[VN_MAX_IN] = (I)start;
    VN_LAUNCH(vn_concat_kernel<I>, vn_blocks(n, THREADS * (aligned ? EACH : 1)), dim3(THREADS), 0,
              s, p, y, n, aligned);
}

static void concat(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    if (vn_count(&c->out[0]) <= INT32_MAX)
        launch_concat<uint32_t>(c, s);
    else
        launch_concat<int64_t>(c, s);
}

/* ---- flip: run t of `inner` elements comes from run len - 1 - t ---- */

template <class I> struct flipped {
    I len, inner;
};

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_flip_kernel(flipped<I> f, vn_each<const float *> x, vn_each<float *> y, int64_t n,
                   bool aligned)
{
    int each = aligned ? EACH : 1;
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * each;
    if (i >= n) return;
    I t = (I)i / f.inner % f.len; /* x begins (len - 1 - 2 t) runs from where y does */
    const float *at = x + i + ((int64_t)f.len - 1 - 2 * (int64_t)t) * (int64_t)f.inner;
    if (aligned)
        vn_store4(y + i, vn_load4(at));
    else
        y[i] = *at;
}

template <class I> static void launch_flip(const vn_call *c, vn_stream *s)
{
    axis_view v = split(&c->in[0], ((const vn_attr_axis *)c->attr)->axis);
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    flipped<I> f = { (I)v.len, (I)v.inner };
    bool aligned = v.inner % EACH == 0 && vn_aligned16(x) && vn_aligned16(y);
    VN_LAUNCH(vn_flip_kernel<I>, vn_blocks(n, THREADS * (aligned ? EACH : 1)), dim3(THREADS), 0, s,
              f, x, y, n, aligned);
}

static void flip(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    if (vn_count(&c->out[0]) <= INT32_MAX)
        launch_flip<uint32_t>(c, s);
    else
        launch_flip<int64_t>(c, s);
}

/* ---- permute: a transpose [G, M, N] -> [G, N, M] by tiles ---- */

/* The sizes of the transpose a permutation is, axes that stay side by side taken as one. */
static bool as_transpose(const vn_call *c, int64_t gmn[3])
{
    const vn_attr_perm *a = (const vn_attr_perm *)c->attr;
    const vn_tensor *x = &c->in[0];
    int rank = x->rank, fixed = 0;
    while (fixed < rank && a->axis[fixed] == fixed) fixed++;
    if (fixed == rank) return false;
    int first = (int)a->axis[fixed]; /* the last axes [first, rank) come to the front of the rest */
    for (int k = fixed; k < rank; k++)
        if (a->axis[k] != fixed + (first - fixed + k - fixed) % (rank - fixed)) return false;
    gmn[0] = gmn[1] = gmn[2] = 1;
    for (int k = 0; k < rank; k++) gmn[k < fixed ? 0 : k < first ? 1 : 2] *= x->dim[k];
    return true;
}

static const char *unfit_transpose(const vn_call *c)
{
    const char *why = vn_not_f32(c);
    int64_t gmn[3];
    if (why) return why;
    if (!as_transpose(c, gmn)) return "not a transpose of its last axes";
    if (gmn[1] > (int64_t)MAX_GRID_Y * TILE || (gmn[2] + TILE - 1) / TILE * gmn[0] > INT32_MAX)
        return "too many tiles";
    /* A tile nearly empty costs more than reading across lines that the cache keeps. */
    return gmn[1] < 8 || gmn[2] < 8 ? "a side is shorter than 8" : NULL;
}

/* 33 columns: the 32 threads that read a column of the tile then meet 32 different banks. */
__global__ void __launch_bounds__(TILE *TILE_ROWS)
    vn_transpose_kernel(vn_each<const float *> from, vn_each<float *> to, int64_t m, int64_t n)
{
    VN_SHARED_VAR(float, tile, [TILE][TILE + 1]);
    unsigned across = (unsigned)((n + TILE - 1) / TILE);
    int64_t col = (int64_t)(blockIdx.x % across) * TILE, row = (int64_t)blockIdx.y * TILE;
    int64_t group = blockIdx.x / across;
    const float *x = from + group * m * n;
    float *y = to + group * m * n;
    for (int k = threadIdx.y; k < TILE; k += TILE_ROWS)
        if (row + k < m && col + threadIdx.x < n)
            tile[k][threadIdx.x] = x[(row + k) * n + col + threadIdx.x];
    __syncthreads();
    for (int k = threadIdx.y; k < TILE; k += TILE_ROWS)
        if (col + k < n && row + threadIdx.x < m)
            y[(col + k) * m + row + threadIdx.x] = tile[threadIdx.x][k];
}

static void transpose(const vn_call *c, vn_stream *s)
{
    int64_t gmn[3];
    if (!c->out[0].data || !as_transpose(c, gmn)) return;
    dim3 grid((unsigned)((gmn[2] + TILE - 1) / TILE * gmn[0]),
              (unsigned)((gmn[1] + TILE - 1) / TILE));
    VN_LAUNCH(vn_transpose_kernel, grid, dim3(TILE, TILE_ROWS), 0, s, (const float *)c->in[0].data,
              (float *)c->out[0].data, gmn[1], gmn[2]);
}

/* ---- any permutation ---- */

template <class I> struct strides {
    I len[VN_MAX_RANK], stride[VN_MAX_RANK]; /* of the result's axes, in x; in front, length 1 */
};

template <class I>
__global__ void __launch_bounds__(THREADS)
    vn_permute_kernel(strides<I> w, vn_each<const float *> x, vn_each<float *> y, int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i >= n) return;
    I rest = (I)i, at = 0;
#pragma unroll
    for (int k = VN_MAX_RANK - 1; k >= 0; k--) {
        at += rest % w.len[k] * w.stride[k];
        rest /= w.len[k];
    }
    y[i] = x[at];
}

template <class I> static void launch_permute(const vn_call *c, vn_stream *s)
{
    const vn_attr_perm *a = (const vn_attr_perm *)c->attr;
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    int64_t own[VN_MAX_RANK], stride = 1, n = vn_count(y);
    strides<I> w;
    for (int k = x->rank - 1; k >= 0; k--) {
        own[k] = stride;
        stride *= x->dim[k];
    }
    for (int k = 0, gap = VN_MAX_RANK - y->rank; k < VN_MAX_RANK; k++) {
        w.len[k] = (I)(k < gap ? 1 : y->dim[k - gap]);
        w.stride[k] = (I)(k < gap ? 0 : own[a->axis[k - gap]]);
    }
    VN_LAUNCH(vn_permute_kernel<I>, vn_blocks(n, THREADS), dim3(THREADS), 0, s, w,
              (const float *)x->data, (float *)y->data, n);
}

static void permute(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    if (vn_count(&c->out[0]) <= INT32_MAX)
        launch_permute<uint32_t>(c, s);
    else
        launch_permute<int64_t>(c, s);
}

VN_CUDA_KERNEL(slice_f32_cuda) = { "slice_f32_cuda", 0, vn_not_f32, NULL, slice };
VN_CUDA_KERNEL(pad_f32_cuda) = { "pad_f32_cuda", 0, vn_not_f32, NULL, pad };
VN_CUDA_KERNEL(concat_f32_cuda) = { "concat_f32_cuda", 0, vn_not_f32, NULL, concat };
VN_CUDA_KERNEL(flip_f32_cuda) = { "flip_f32_cuda", 0, vn_not_f32, NULL, flip };
VN_CUDA_KERNEL(permute_f32_tile) = { "permute_f32_tile", 0, unfit_transpose, NULL, transpose };
VN_CUDA_KERNEL(permute_f32_cuda) = { "permute_f32_cuda", 0, vn_not_f32, NULL, permute };

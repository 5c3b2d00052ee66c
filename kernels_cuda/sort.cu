/* Rows in ascending order; a NaN makes its row NaN.
 *
 * A warp takes a row of up to 32 numbers (quantiles): each counts those before it. A block takes a
 * longer one (paths): a bitonic network whose exchanges all ascend, so that places past the end
 * need not be there; up to HELD numbers in shared memory, longer rows where they end up. 4 bytes
 * read and 4 written an element; log2(n)^2 / 2 exchanges an element in shared memory bound the
 * longer ones. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 256, WARPS = THREADS / 32, FEW = 32, HELD = 4096 };

__global__ void __launch_bounds__(THREADS)
    vn_sort_few_kernel(vn_each<const float *> in, vn_each<float *> out, int64_t rows, int n)
{
    int lane = threadIdx.x % 32, before = 0;
    int64_t row = (int64_t)blockIdx.x * WARPS + threadIdx.x / 32;
    if (row >= rows) return;
    const float *x = in + row * n;
    float *y = out + row * n;
    float v = lane < n ? x[lane] : 0;
    bool broken = __ballot_sync(VN_ALL_LANES, isnan(v)) != 0;
    for (int i = 0; i < n; i++) {
        float other = __shfl_sync(VN_ALL_LANES, v, i);
        before += other < v || (other == v && i < lane);
    }
    if (lane < n) y[broken ? lane : before] = broken ? NAN : v;
}

/* Exchanges of the pairs that `pair` numbers, of 1 << bits places, the first n of which are there.
 */
template <class F> __device__ static void exchange(float *v, int n, int bits, F pair)
{
    for (int p = threadIdx.x; p < 1 << bits >> 1; p += THREADS) {
        int i, j;
        pair(p, &i, &j);
        if (j >= n || v[i] <= v[j]) continue;
        float low = v[j];
        v[j] = v[i];
        v[i] = low;
    }
    __syncthreads();
}

__device__ static void sort_row(float *v, int n)
{
    int bits = 32 - __clz(n - 1);
    for (int size = 1; size <= bits; size++) {
        exchange(v, n, bits, [size](int p, int *i, int *j) {
            int half = size - 1, at = p & ((1 << half) - 1), first = p >> half << size;
            *i = first + at;
            *j = first + (1 << size) - 1 - at;
        });
        for (int step = size - 2; step >= 0; step--)
            exchange(v, n, bits, [step](int p, int *i, int *j) {
                *i = (p >> step << (step + 1)) + (p & ((1 << step) - 1));
                *j = *i + (1 << step);
            });
    }
}

__global__ void __launch_bounds__(THREADS)
    vn_sort_kernel(vn_each<const float *> in, vn_each<float *> out, int n)
{
    VN_SHARED_VAR(float, held, [HELD]);
    float nans = 0;
    const float *x = in + (int64_t)blockIdx.x * n;
    float *y = out + (int64_t)blockIdx.x * n;
    float *v = n <= HELD ? held : y;
    for (int i = threadIdx.x; i < n; i += THREADS) {
        v[i] = x[i];
        nans += isnan(v[i]) ? 1.f : 0.f;
    }
    bool broken = vn_block_sum(nans) > 0; /* the row is there: the sum's barrier is behind it */
    if (!broken) sort_row(v, n);
    for (int i = threadIdx.x; i < n && (broken || v != y); i += THREADS) y[i] = broken ? NAN : v[i];
}

static void sort(const vn_call *c, vn_stream *s)
{
    const float *x = (const float *)c->in[0].data;
    float *y = (float *)c->out[0].data;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    if (!y) return;
    if (n <= FEW)
        VN_LAUNCH(vn_sort_few_kernel, vn_blocks(rows, WARPS), dim3(THREADS), 0, s, x, y, rows,
                  (int)n);
    else
        VN_LAUNCH(vn_sort_kernel, vn_blocks(rows, 1), dim3(THREADS), 0, s, x, y, (int)n);
}

static const char *unfit(const vn_call *c)
{
    if (vn_last_dim(&c->in[0]) > 1 << 29) return "rows of more than 2^29 numbers";
    return vn_not_f32(c);
}

VN_CUDA_KERNEL(sort_f32_cuda) = { "sort_f32_cuda", 0, unfit, NULL, sort };

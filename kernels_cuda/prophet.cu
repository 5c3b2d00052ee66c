/* Prophet's fits in f64, a block a series: the numerics of device/prophet.h by a block's threads.
 *
 * Traffic: a series' rows, 8 (3 + 2 seasons + other columns) bytes each, once a pass, of which a
 * model linear in its coefficients makes two and others 5 to 20; its start and its result, 8 p
 * bytes each. The minimum is the rows once. What bounds it is neither that nor arithmetic (p^2 / 2
 * products a row) but the chain of small eliminations, each as many barriers as unknowns, so that
 * a multiprocessor wants several blocks at once: the room of a block, 8 (p^2 / 2 + 33 p + 2 S^2)
 * bytes, is shared memory where it fits (34 KB of Prophet's defaults), and else lies in
 * scratch, one for each block that the device can run at a time. */
#include "kernels_cuda/common.cuh"

enum { THREADS = 128, ROWS = 32, BLOCKS = 4 }; /* of a multiprocessor, at least */

#define VN_TOGETHER __device__ __forceinline__
#define VN_LANES THREADS
#define VN_LANE ((int)threadIdx.x)
#define VN_MEET() __syncthreads()
#define VN_ACROSS 32
#define VN_ROWS ROWS
#define VN_ONE(T, name) VN_SHARED_VAR(T, name, [1]) /* 60 addresses: not in registers */

extern "C" {
#include "device/prophet_series.h"
}

/* `room`: one for each block, `size` doubles; NULL: in shared memory. */
__global__ void __launch_bounds__(THREADS, BLOCKS)
    vn_prophet_kernel(vn_prophet_batch call, double *room, int64_t size)
{
    VN_SHARED_DYNAMIC(double, shared);
    VN_ONE(vn_prophet_batch, b);
    double *mine = room ? room + blockIdx.x * size : shared;
    if (threadIdx.x == 0) *b = call;
    __syncthreads();
    for (int64_t i = blockIdx.x; i < call.series; i += gridDim.x) vn_prophet_series(b, i, mine);
}

/* ---- host ---- */

/* Beside a room, shared memory holds what all threads know of the series. */
static bool fits(size_t bytes)
{
    return bytes + 1024 <= (size_t)vn_device_number(cudaDevAttrMaxSharedMemoryPerBlockOptin);
}

/* Blocks: one for each series, or as many as rooms are worth having. */
static int64_t blocks_of(const vn_prophet_batch *b, bool shared)
{
    int64_t most = shared ? INT32_MAX : BLOCKS * vn_device_number(cudaDevAttrMultiProcessorCount);
    return b->series < most ? b->series : most;
}

static const char *unfit(const vn_call *c)
{
    return c->in[0].dtype == VN_F64 ? NULL : "numbers are not f64";
}

static vn_scratch scratch(const vn_call *c)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    size_t bytes = vn_prophet_room_bytes(&b);
    return vn_scratch{ fits(bytes) ? 0 : bytes * (size_t)blocks_of(&b, false), 0 };
}

static void launch(const vn_call *c, vn_stream *s)
{
    vn_prophet_batch b = vn_prophet_batch_of(c);
    size_t bytes = vn_prophet_room_bytes(&b);
    bool shared = fits(bytes);
    if (!b.theta && !b.fit) return;
    VN_LAUNCH(vn_prophet_kernel, dim3((unsigned)blocks_of(&b, shared)), dim3(THREADS),
              shared ? bytes : 0, s, b, shared ? (double *)NULL : (double *)c->scratch,
              (int64_t)(bytes / sizeof(double)));
}

VN_CUDA_KERNEL(prophet_f64_cuda) = { "prophet_f64_cuda", 0, unfit, scratch, launch };

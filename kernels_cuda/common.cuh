/* The one gate to CUDA: every .cu file includes this first, and nothing of NVIDIA's itself. nvcc
 * reads the toolkit's header; a host compiler the emulation's (emu/include), under which the same
 * file runs on fibers. What the two spell differently is here: launches, shared variables, accesses
 * of 16 bytes.
 *
 * No cooperative_groups and no CUB: a file with them compiles 3 to 8 s longer. No float atomics:
 * sums are made of parts, added in a fixed order, so that results never depend on the schedule. */
#ifndef VN_KERNELS_CUDA_COMMON_CUH
#define VN_KERNELS_CUDA_COMMON_CUH

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cuda_runtime.h>

/* Functions shared with the CPU: scalar.h, dist.h, interp.h, philox.h. */
#define VN_SHARED __host__ __device__ static inline

extern "C" {
#include "kernels_cuda/cuda.h"
}

/* The kernel record of op and method `name`; C linkage, so that table.c finds it. */
#define VN_CUDA_KERNEL(name)                                                                       \
    extern "C" const vn_kernel vn_##name;                                                          \
    const vn_kernel vn_##name

/* ---- what a member has of its own ---- */

/* A pointer, or a seed, that may be another one for each member of a plan: parameters of kernels, and
 * fields of structs that are parameters. Members are the last coordinate of a launch's grid, which no
 * kernel has another use for, and what is theirs lies evenly spaced. The host makes it of member 0's;
 * read in a kernel it is that of the block's member. Structs with such fields have no padding: words of
 * arguments are compared. */
template <class T> struct vn_each {
    T first;
    int64_t by; /* bytes of a pointer */

    vn_each() = default;
    __host__ vn_each(T v) : first(v), by(VN_EACH)
    {
#ifndef __CUDACC__
        if (emu::current) emu::error("a kernel makes what only the host can: a vn_each");
#endif
    }
    __host__ __device__ __forceinline__ operator T() const
    {
#if defined(__CUDA_ARCH__)
        return moved(first, (int64_t)blockIdx.z * by);
#elif defined(__CUDACC__)
        return first;
#else
        return emu::current && by ? moved(first, (int64_t)blockIdx.z * by) : first;
#endif
    }

  private:
    template <class V> __host__ __device__ __forceinline__ static V *moved(V *p, int64_t bytes)
    {
        return (V *)((const char *)p + bytes);
    }
    __host__ __device__ __forceinline__ static uint64_t moved(uint64_t seed, int64_t n)
    {
        return seed + (uint64_t)n;
    }
};

/* p in a register of each thread from here on: what all threads share is spilled around a call, such as
 * a division of 64 bits. */
template <class T> __device__ __forceinline__ T *vn_held(T *p)
{
#ifdef __CUDA_ARCH__
    asm volatile("" : "+l"(p));
#endif
    return p;
}

/* ---- launches and shared memory ---- */

/* VN_LAUNCH(kernel, grid of two dimensions, block, shared bytes, vn_stream *, arguments...) */
#define VN_LAUNCH(kernel, grid, block, shared, stream, ...)                                        \
    vn_launch_as(false, #kernel, kernel, grid, block, shared, stream, __VA_ARGS__)

/* The same for blocks that wait for one another, of which vn_blocks_together() fit the device. */
#define VN_LAUNCH_TOGETHER(kernel, grid, block, shared, stream, ...)                               \
    vn_launch_as(true, #kernel, kernel, grid, block, shared, stream, __VA_ARGS__)

#ifdef __CUDACC__
static inline void vn_start(const vn_launch *l, cudaStream_t stream)
{
    cudaLaunchConfig_t config = {};
    cudaLaunchAttribute cooperative = {};
    void *args[VN_ARGS_MOST];
    cooperative.id = cudaLaunchAttributeCooperative;
    cooperative.val.cooperative = 1;
    config.attrs = &cooperative;
    config.numAttrs = l->together;
    config.gridDim = dim3(l->grid[0], l->grid[1], l->grid[2]);
    config.blockDim = dim3(l->block[0], l->block[1], l->block[2]);
    config.dynamicSmemBytes = l->shared;
    config.stream = stream;
    for (int i = 0; i < l->n_args; i++) args[i] = (void *)((const char *)l->args + l->at[i]);
    if (l->shared > 48 * 1024) /* more must be asked for */
        cudaFuncSetAttribute(l->kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)l->shared);
    cudaLaunchKernelExC(&config, l->kernel, args);
}
#define VN_STARTER(...) vn_start
#define VN_SHARED_DYNAMIC(T, name)                                                                 \
    extern __shared__ __align__(128) unsigned char vn_dynamic_[];                                  \
    T *name = reinterpret_cast<T *>(vn_dynamic_)
#define VN_SHARED_VAR(T, name, dims) __shared__ __align__(16) T name dims
#else
template <class... P> struct vn_starter {
    template <size_t... I>
    static void with(const vn_launch *l, cudaStream_t stream, std::index_sequence<I...>)
    {
        emu::launch(l->name, (void (*)(P...))l->kernel, dim3(l->grid[0], l->grid[1], l->grid[2]),
                    dim3(l->block[0], l->block[1], l->block[2]), l->shared, stream, l->together,
                    *(const P *)((const char *)l->args + l->at[I])...);
    }
    static void start(const vn_launch *l, cudaStream_t stream)
    {
        with(l, stream, std::index_sequence_for<P...>());
    }
};
#define VN_STARTER(...) vn_starter<__VA_ARGS__>::start
#define VN_SHARED_DYNAMIC(T, name) T *name = reinterpret_cast<T *>(emu::dynamic_shared())
#define VN_SHARED_VAR(T, name, dims)                                                               \
    static const char name##_key = 0;                                                              \
    auto &name = *reinterpret_cast<T(*) dims>(                                                     \
        emu::named_shared(&name##_key, sizeof(T dims), alignof(T) < 16 ? 16 : alignof(T), #name))
#endif

template <class T> static inline void vn_put_arg(vn_launch *l, const T &value)
{
    static_assert(alignof(T) <= sizeof(uint64_t), "arguments lie on words");
    l->args[(l->bytes + sizeof value - 1) / sizeof(uint64_t)] = 0; /* what the last word has besides */
    l->at[l->n_args++] = l->bytes;
    memcpy((char *)l->args + l->bytes, &value, sizeof value);
    l->bytes += (uint16_t)((sizeof value + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t));
}

template <class... P, class... A>
static inline void vn_launch_as(bool together, const char *name, void (*kernel)(P...), dim3 grid,
                                dim3 block, size_t shared, vn_stream *stream, A... a)
{
    static_assert(sizeof...(P) <= VN_ARGS_MOST && (sizeof(P) + ... + (8 * sizeof...(P))) <= VN_ARGS_BYTES,
                  "a launch keeps its arguments");
    vn_launch l;
    l.name = name;
    l.kernel = (const void *)kernel;
    l.start = VN_STARTER(P...);
    l.grid[0] = grid.x, l.grid[1] = grid.y, l.grid[2] = grid.z;
    l.block[0] = block.x, l.block[1] = block.y, l.block[2] = block.z;
    l.shared = shared;
    l.together = together;
    l.n_args = l.bytes = 0;
    (vn_put_arg<P>(&l, P(a)), ...);
    vn_launch_on((vn_cuda_stream *)stream, &l);
}

static inline int vn_device_number(enum cudaDeviceAttr what)
{
    int device = 0, n = 0;
    cudaGetDevice(&device);
    cudaDeviceGetAttribute(&n, what, device);
    return n;
}

/* How many blocks of this kernel the device runs at the same time. */
template <class... P>
static inline int64_t vn_blocks_together(void (*kernel)(P...), int threads, size_t shared)
{
#ifdef __CUDACC__
    int each = 0;
    cudaFuncSetAttribute((const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                         (int)shared);
    cudaOccupancyMaxActiveBlocksPerMultiprocessor(&each, (const void *)kernel, threads, shared);
    return (int64_t)each * vn_device_number(cudaDevAttrMultiProcessorCount);
#else
    (void)kernel, (void)threads, (void)shared;
    return vn_device_number(cudaDevAttrMultiProcessorCount);
#endif
}

/* Blocks of `per_block` elements for n of them; n of a launch is at least 1. */
static inline dim3 vn_blocks(int64_t n, int64_t per_block)
{
    return dim3((unsigned)((n + per_block - 1) / per_block));
}

/* ---- four floats at a time: one load or store of 16 bytes ---- */

static inline bool vn_aligned16(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

template <class V> __device__ __forceinline__ V vn_load_vector(const void *p)
{
#ifdef __CUDACC__
    return *reinterpret_cast<const V *>(p);
#else
    emu::note_vector(p, sizeof(V), false);
    V v;
    emu::quiet++;
    memcpy(&v, p, sizeof v);
    emu::quiet--;
    return v;
#endif
}

template <class V> __device__ __forceinline__ void vn_store_vector(void *p, V v)
{
#ifdef __CUDACC__
    *reinterpret_cast<V *>(p) = v;
#else
    emu::note_vector(p, sizeof v, true);
    emu::quiet++;
    memcpy(p, &v, sizeof v);
    emu::quiet--;
#endif
}

__device__ __forceinline__ float4 vn_load4(const float *p) { return vn_load_vector<float4>(p); }
__device__ __forceinline__ void vn_store4(float *p, float4 v) { vn_store_vector(p, v); }

/* Eight bytes of numbers of 16 bits. */
__device__ __forceinline__ uint2 vn_load2(const uint16_t *p) { return vn_load_vector<uint2>(p); }
__device__ __forceinline__ void vn_store2(uint16_t *p, uint2 v) { vn_store_vector(p, v); }

/* cos(pi x), exact in its reduction: cos() of a large argument needs a stack frame. */
__device__ __forceinline__ double vn_cospi(double x)
{
#ifdef __CUDACC__
    return cospi(x);
#else
    return cos(3.14159265358979323846 * x);
#endif
}

/* p[0], p[stride], ... : four numbers, 0 beyond the first n. `vector`: stride is 1 and p aligned.
 */
__device__ __forceinline__ float4 vn_fetch4(const float *p, int64_t stride, int n, bool vector)
{
    if (vector && n >= 4) return vn_load4(p);
    return make_float4(n > 0 ? p[0] : 0, n > 1 ? p[stride] : 0, n > 2 ? p[2 * stride] : 0,
                       n > 3 ? p[3 * stride] : 0);
}

/* ---- blocks that wait for one another ---- */

/* A barrier of all threads of `n` blocks, for the `round`-th time, from 1; what they wrote before
 * it all read after it. `counter` is their own and began as 0. */
__device__ __forceinline__ void vn_blocks_sync(unsigned *counter, unsigned n, unsigned round)
{
#ifdef __CUDACC__
    __syncthreads();
    if (threadIdx.x == 0) {
        __threadfence();
        atomicAdd(counter, 1u);
        while (*(volatile unsigned *)counter < n * round) {
        }
        __threadfence();
    }
    __syncthreads();
#else
    (void)round;
    emu::sync_blocks(EMU_SITE, counter, n);
#endif
}

/* ---- sums of a warp and of a block ---- */

#define VN_ALL_LANES 0xffffffffu

__device__ __forceinline__ float vn_warp_sum(float v)
{
    for (int by = 16; by; by >>= 1) v += __shfl_xor_sync(VN_ALL_LANES, v, by);
    return v;
}

__device__ __forceinline__ double vn_warp_sum(double v)
{
    for (int by = 16; by; by >>= 1) v += __shfl_xor_sync(VN_ALL_LANES, v, by);
    return v;
}

/* The sum over a block of whole warps, in every thread. T: float or double. */
template <class T> __device__ __forceinline__ T vn_block_sum(T v)
{
    VN_SHARED_VAR(T, part, [32]);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    v = vn_warp_sum(v);
    __syncthreads(); /* a second call must not overwrite what others still read */
    if (lane == 0) part[warp] = v;
    __syncthreads();
    return vn_warp_sum(lane < warps ? part[lane] : T(0));
}

/* ---- the last block adds ---- */

/* The counters of a call whose scratch is not empty. */
static inline unsigned *vn_tickets(const vn_call *c)
{
    return c->scratch ? (unsigned *)c->scratch - VN_TICKETS : NULL;
}

/* For all threads of `n` blocks that share a ticket, when their part of a sum is written: true in
 * the block that comes last, which reads the parts of all. Which one that is depends on the
 * schedule, so it adds them in the order of their numbers. The counter wraps: a graph is replayed
 * without clearing it. */
__device__ __forceinline__ bool vn_last_block(unsigned *ticket, unsigned n)
{
    VN_SHARED_VAR(unsigned, before, [1]);
    __syncthreads();
    if (threadIdx.x == 0 && threadIdx.y == 0) {
        __threadfence();
        before[0] = atomicInc(ticket, n - 1);
        __threadfence();
    }
    __syncthreads();
    return before[0] == n - 1;
}

#endif

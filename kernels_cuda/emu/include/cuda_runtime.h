/* CUDA's language for a host compiler: a .cu file that includes this header through common.cuh is
 * plain C++, and runs on the fibers of emu/. */
#ifndef VN_EMU_CUDA_RUNTIME_H
#define VN_EMU_CUDA_RUNTIME_H

#ifdef __CUDACC__
#error "this is the emulation; nvcc uses the toolkit's headers"
#endif

#include <climits>
#include <cmath>
#include <cstring>
#include <math.h>

#include "kernels_cuda/emu/emu.h"

/* ---- language ---- */

#define __global__
#define __device__
#define __host__
#define __constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))

#define threadIdx (::emu::current->tid)
#define blockIdx (::emu::block_index())
#define blockDim (::emu::block_dim)
#define gridDim (::emu::grid_dim)

/* ---- vector types ---- */

struct alignas(8) float2 {
    float x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) int2 {
    int x, y;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
static inline float2 make_float2(float x, float y)
{
    return { x, y };
}
static inline float4 make_float4(float x, float y, float z, float w)
{
    return { x, y, z, w };
}
static inline int2 make_int2(int x, int y)
{
    return { x, y };
}
static inline uint2 make_uint2(unsigned x, unsigned y)
{
    return { x, y };
}
static inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w)
{
    return { x, y, z, w };
}

/* ---- barriers and warp collectives ---- */

#define __syncthreads() ((void)::emu::sync_block(EMU_SITE, ::emu::BARRIER_PLAIN, 0))
#define __syncthreads_count(p) ::emu::sync_block(EMU_SITE, ::emu::BARRIER_COUNT, (p) != 0)
#define __syncthreads_and(p) ::emu::sync_block(EMU_SITE, ::emu::BARRIER_AND, (p) != 0)
#define __syncthreads_or(p) ::emu::sync_block(EMU_SITE, ::emu::BARRIER_OR, (p) != 0)
#define __syncwarp(...) ::emu::sync_warp(EMU_SITE, ##__VA_ARGS__)
#define __threadfence() ::emu::fence()
static inline void __threadfence_block() {}

#define __shfl_sync(mask, v, from, ...)                                                            \
    ::emu::shuffle(EMU_SITE, ::emu::SHUFFLE_INDEX, mask, v, from, ##__VA_ARGS__)
#define __shfl_up_sync(mask, v, by, ...)                                                           \
    ::emu::shuffle(EMU_SITE, ::emu::SHUFFLE_UP, mask, v, by, ##__VA_ARGS__)
#define __shfl_down_sync(mask, v, by, ...)                                                         \
    ::emu::shuffle(EMU_SITE, ::emu::SHUFFLE_DOWN, mask, v, by, ##__VA_ARGS__)
#define __shfl_xor_sync(mask, v, by, ...)                                                          \
    ::emu::shuffle(EMU_SITE, ::emu::SHUFFLE_XOR, mask, v, by, ##__VA_ARGS__)
#define __ballot_sync(mask, p) ::emu::ballot(EMU_SITE, mask, (p) != 0)
#define __any_sync(mask, p) (::emu::ballot(EMU_SITE, mask, (p) != 0) != 0)
#define __all_sync(mask, p) (::emu::ballot(EMU_SITE, mask, !(p)) == 0)

/* ---- integer atomics (kernels have no float atomics: sums would depend on the order) ---- */

template <class T, class F> static inline T emu_atomic(T *p, F change)
{
    ::emu::note_atomic(p, sizeof(T));
    ::emu::quiet++;
    T old = *p;
    *p = change(old);
    ::emu::quiet--;
    return old;
}
static inline int atomicAdd(int *p, int v)
{
    return emu_atomic(p, [v](int o) { return o + v; });
}
static inline unsigned atomicAdd(unsigned *p, unsigned v)
{
    return emu_atomic(p, [v](unsigned o) { return o + v; });
}
static inline unsigned atomicInc(unsigned *p, unsigned most)
{
    return emu_atomic(p, [most](unsigned o) { return o >= most ? 0 : o + 1; });
}
static inline int atomicMax(int *p, int v)
{
    return emu_atomic(p, [v](int o) { return o > v ? o : v; });
}

/* ---- functions CUDA has and C lacks. The approximate ones are off by up to the error CUDA states,
 * at random (EMU_ULP=1), so that no result leans on the host's exact ones. Names that glibc
 * declares are macros. ---- */

#define __expf(x) ::emu::jitter(expf(x), 2)
#define __logf(x) ::emu::jitter(logf(x), 2)
static inline float __fdividef(float x, float y)
{
    return ::emu::jitter(x / y, 2);
}
static inline float rsqrtf(float x)
{
    return ::emu::jitter((float)(1.0 / std::sqrt((double)x)), 2);
}
static inline float __int_as_float(int i)
{
    float f;
    memcpy(&f, &i, sizeof f);
    return f;
}
static inline int __float_as_int(float f)
{
    int i;
    memcpy(&i, &f, sizeof i);
    return i;
}
static inline int __popc(unsigned x)
{
    return __builtin_popcount(x);
}
static inline int __clz(int x)
{
    return x ? __builtin_clz((unsigned)x) : 32;
}
static inline unsigned __umulhi(unsigned a, unsigned b)
{
    return (unsigned)((unsigned long long)a * b >> 32);
}

#endif

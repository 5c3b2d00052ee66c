/* A vector of VF_N floats on this unit's instruction set: the vocabulary of all fast kernels.
 *
 * One of four backends by VN_ISA_*: AVX-512, AVX2 with FMA, NEON, or compiler vectors of four (SSE2,
 * anything). Partial loads and stores take the first n < VF_N lanes and touch no other
 * memory. Results may differ between ISAs (fused products), never between runs on one. Arithmetic
 * in polynomials is in simd/math.h. */
#ifndef VN_KERNELS_CPU_SIMD_SIMD_H
#define VN_KERNELS_CPU_SIMD_SIMD_H

#include "kernels_cpu/cpu.h"

#define VF_INLINE static inline __attribute__((always_inline, unused))

#if defined(VN_ISA_AVX512)
#include "kernels_cpu/simd/avx512.h"
#elif defined(VN_ISA_AVX2)
#include "kernels_cpu/simd/avx2.h"
#elif defined(VN_ISA_NEON)
#include "kernels_cpu/simd/neon.h"
#else
#include "kernels_cpu/simd/generic.h"
#endif

VF_INLINE vf vf_zero(void) { return vf_set(0); }
VF_INLINE vf vf_neg(vf a) { return vf_sign_flip(a, vf_set(-0.0f)); }
VF_INLINE vf vf_abs(vf a) { return vf_bits_and(a, vf_from_bits(0x7fffffff)); }
/* |size| with the sign of `sign`; size must not be negative. */
VF_INLINE vf vf_with_sign(vf size, vf sign)
{
    return vf_sign_flip(size, vf_bits_and(sign, vf_from_bits((int)0x80000000u)));
}

/* n >= 1 lanes of p, all of them when n >= VF_N: loops run in steps of VF_N with one body. */
VF_INLINE vf vf_load_upto(const float *p, int64_t n)
{
    return n >= VF_N ? vf_load(p) : vf_load_n(p, (int)n);
}

VF_INLINE void vf_store_upto(float *p, vf v, int64_t n)
{
    if (n >= VF_N) vf_store(p, v);
    else vf_store_n(p, v, (int)n);
}

/* Is a result of n floats at p better written past the caches (vf_stream, vf_streamed)? One of more than 32 MB, the
 * last-level cache of many processors, would drive out what comes next and be gone when it is read. */
VF_INLINE bool vf_past_caches(const float *p, int64_t n)
{
    return n > (int64_t)8 << 20 && (uintptr_t)p % (VF_N * sizeof *p) == 0;
}

/* Elements a lane takes at a time: 16 KiB of floats, so that three arrays fit the L1/L2
 * comfortably. */
enum { VN_TILE = 4096 };

/* Elements by which lanes share a tensor where nothing is kept per tile: of 1e5 the longer of two parts is 0.4 % above
 * the half, by VN_TILE it would be 6 %. */
enum { VN_GRAIN = 1024 };

#endif

/* What CPU kernels share: capability bits, the stream they see (their lane), and unit names.
 *
 * Every unit is compiled several times: reference kernels for f32 and f64 (VN_REAL), fast kernels
 * once per ISA (VN_ISA). The names below keep the copies apart; nothing else may differ by unit
 * except through simd/simd.h. */
#ifndef VN_KERNELS_CPU_CPU_H
#define VN_KERNELS_CPU_CPU_H

#include "base/team.h"
#include "device/backend.h"

/* Capability bits of vn_kernel.need. */
#define VN_CPU_AVX2 ((uint64_t)1 << 0)   /* with FMA and F16C */
#define VN_CPU_AVX512 ((uint64_t)1 << 1) /* F, BW, DQ, VL */
#define VN_CPU_VECTOR ((uint64_t)1 << 2) /* any machine: what only the level "ref" is without */
#define VN_CPU_BF16 ((uint64_t)1 << 3)   /* AVX512_BF16: products of bf16 pairs */
#define VN_CPU_NEON ((uint64_t)1 << 4)   /* every AArch64 */

/* The stream of the CPU backend. A kernel is handed one of these per lane. */
typedef struct vn_cpu_stream {
    vn_stream base;
    vn_lane *lane;
    void *scratch; /* this lane's bytes of vn_scratch.per_lane, 64-byte aligned */
} vn_cpu_stream;

static inline vn_lane *vn_cpu_lane(vn_stream *s) { return ((vn_cpu_stream *)s)->lane; }
static inline void *vn_cpu_scratch(vn_stream *s) { return ((vn_cpu_stream *)s)->scratch; }

#define VN_PASTE_(a, b, c, d) a##b##c##d
#define VN_PASTE(a, b, c, d) VN_PASTE_(a, b, c, d)
#define VN_STRING_(a) #a
#define VN_STRING(a) VN_STRING_(a)

/* In ref/: the record of op `name` is VN_REF(name) = vn_<name>_<real>_ref, its text VN_REF_NAME. */
#define VN_REF(name) VN_PASTE(vn_##name##_, VN_REAL, _ref, )
#define VN_REF_NAME(name) #name "_" VN_STRING(VN_REAL) "_ref"

/* In simd/ and gemm/: VN_SIMD(name) = vn_<name>_f32_<isa>. */
#define VN_SIMD(name) VN_PASTE(vn_##name##_f32_, VN_ISA, , )
#define VN_SIMD_NAME(name) #name "_f32_" VN_STRING(VN_ISA)

/* Those that read 16 bits: VN_LOW(name) = vn_<name>_low_<isa>. */
#define VN_LOW(name) VN_PASTE(vn_##name##_low_, VN_ISA, , )
#define VN_LOW_NAME(name) #name "_low_" VN_STRING(VN_ISA)

/* What the fast kernels of this unit need. */
#if defined(VN_ISA_BF16)
#define VN_SIMD_NEED (VN_CPU_VECTOR | VN_CPU_AVX2 | VN_CPU_AVX512 | VN_CPU_BF16)
#elif defined(VN_ISA_AVX512)
#define VN_SIMD_NEED (VN_CPU_VECTOR | VN_CPU_AVX2 | VN_CPU_AVX512)
#elif defined(VN_ISA_AVX2)
#define VN_SIMD_NEED (VN_CPU_VECTOR | VN_CPU_AVX2)
#elif defined(VN_ISA_NEON)
#define VN_SIMD_NEED (VN_CPU_VECTOR | VN_CPU_NEON)
#else
#define VN_SIMD_NEED VN_CPU_VECTOR
#endif

#endif

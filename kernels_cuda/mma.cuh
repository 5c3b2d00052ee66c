/* Matrix units and copies past the registers, sm_80 and later: the inline PTX of Vane, each beside
 * its emulation (emu/tile.cpp), which has the same layouts and notices misuse.
 *
 * Lane l of a warp is of group l / 4, number l % 4 in it. A fragment of A [16, K] is four words:
 * rows group and group + 8 of the first half of K, then of the second. One of B [K, 8] is two
 * words, column group, of both halves. A word is two neighbours along K (16 bits), or one number
 * (tf32). K is 32 bytes: 16 numbers of 16 bits, 8 of tf32. Sums [16, 8] are columns 2 (l % 4) and
 * the next of row group, then of row group + 8. */
#ifndef VN_KERNELS_CUDA_MMA_CUH
#define VN_KERNELS_CUDA_MMA_CUH

#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/low.h"
}

enum vn_numbers { VN_NUMBERS_BF16, VN_NUMBERS_F16, VN_NUMBERS_TF32 };

#ifdef __CUDACC__
__device__ __forceinline__ unsigned vn_shared_address(const void *p)
{
    return (unsigned)__cvta_generic_to_shared(p);
}
#endif

/* ---- copies from device memory to shared memory ---- */

/* 16 bytes, of which all but the first `bytes` become 0; both addresses are aligned, and with 0
 * bytes nothing is read. What it writes is there for this thread after the wait for its group, for
 * others after a barrier that follows. */
__device__ __forceinline__ void vn_copy16(void *to, const void *from, int bytes)
{
#ifdef __CUDACC__
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(vn_shared_address(to)),
                 "l"(from), "r"(bytes)
                 : "memory");
#else
    emu::copy_start(to, from, (unsigned)bytes);
#endif
}

/* Those since the last commit are a group, even if there are none. */
__device__ __forceinline__ void vn_copy_commit()
{
#ifdef __CUDACC__
    asm volatile("cp.async.commit_group;" ::: "memory");
#else
    emu::copy_commit();
#endif
}

/* Until at most the last PENDING groups of this thread are under way. */
template <int PENDING> __device__ __forceinline__ void vn_copy_wait()
{
#ifdef __CUDACC__
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
#else
    emu::copy_wait(PENDING);
#endif
}

/* ---- fragments ---- */

/* Four matrices of 8 rows of 16 bytes in shared memory: lane l says where row l % 8 of matrix l / 8
 * begins, and gets word l % 4 of row l / 4 of each. */
__device__ __forceinline__ void vn_load_matrices(uint32_t (&to)[4], const void *row)
{
#ifdef __CUDACC__
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(vn_shared_address(row))
                 : "memory");
#else
    emu::load_matrices(EMU_SITE, to, row, false);
#endif
}

/* The same of numbers of 16 bits, each matrix turned: numbers 2 (l % 4) and the next of column l
 * / 4. */
__device__ __forceinline__ void vn_load_matrices_turned(uint32_t (&to)[4], const void *row)
{
#ifdef __CUDACC__
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(vn_shared_address(row))
                 : "memory");
#else
    emu::load_matrices(EMU_SITE, to, row, true);
#endif
}

/* An f32 as the tf32 factor that vn_tf32_of() makes of it; the units would cut it off. */
__device__ __forceinline__ uint32_t vn_tf32_word(uint32_t bits)
{
#ifdef __CUDACC__
    uint32_t rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(bits)));
    return rounded;
#else
    return vn_bits_of(vn_tf32_of(vn_of_bits(bits)));
#endif
}

/* Two numbers as a word of 16-bit factors, `lower` the first along K. */
template <vn_numbers KIND> __device__ __forceinline__ uint32_t vn_pair_of(float lower, float upper)
{
    static_assert(KIND != VN_NUMBERS_TF32, "a word has one number of tf32");
#ifdef __CUDACC__
    uint32_t pair;
    if constexpr (KIND == VN_NUMBERS_BF16)
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(upper), "f"(lower));
    else
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(upper), "f"(lower));
    return pair;
#else
    constexpr vn_dtype type = KIND == VN_NUMBERS_BF16 ? VN_BF16 : VN_F16;
    return (uint32_t)vn_low_of(type, lower) | (uint32_t)vn_low_of(type, upper) << 16;
#endif
}

/* ---- products ---- */

/* sums += a b, by all lanes of a warp; products are exact, sums f32. */
template <vn_numbers KIND>
__device__ __forceinline__ void vn_multiply(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0,
                                            uint32_t b1)
{
#ifdef __CUDACC__
#define VN_MULTIPLY(text)                                                                          \
    asm volatile(text " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"           \
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                      \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
    if constexpr (KIND == VN_NUMBERS_BF16)
        VN_MULTIPLY("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");
    else if constexpr (KIND == VN_NUMBERS_F16)
        VN_MULTIPLY("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32");
    else
        VN_MULTIPLY("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");
#undef VN_MULTIPLY
#else
    uint32_t b[2] = { b0, b1 };
    emu::multiply(EMU_SITE, (emu::Numbers)KIND, sums, a, b);
#endif
}

#endif

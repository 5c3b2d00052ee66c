/* The activation of a layer, on rows of C while they are in the first-level cache. Apart from
 * gemm.c, so that vector accesses to the stack in its disassembly mean that a tile spills. */
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/simd/math.h"

VF_INLINE void map(int64_t act, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += VF_N)
        vf_store_upto(y + i, vf_unary(act, vf_load_upto(y + i, n - i)), n - i);
}

void VN_SIMD(gemm_activate)(int64_t act, float *y, int64_t n)
{
    switch (act) {
#define VN_UNARY(NAME, name, from_y, doc) \
    case VN_UNARY_##NAME: map(VN_UNARY_##NAME, y, n); break;
#include "device/unary.def"
#undef VN_UNARY
    default: break;
    }
}

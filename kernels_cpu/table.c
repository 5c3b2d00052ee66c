/* Which kernels exist: fast ones of kernels.def widest ISA first, then a reference kernel of each
 * type for every op that is not a view. A missing definition is a link error. */
#include "kernels_cpu/table.h"

#define VN_OP(NAME, name, n_in, n_out, attr, doc) \
    extern const vn_kernel vn_##name##_f32_ref, vn_##name##_f64_ref;
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW

#if defined(__x86_64__)
enum { N_ISA = 3 };
#define DECLARE_FAST(name) \
    extern const vn_kernel vn_##name##_f32_avx512, vn_##name##_f32_avx2, vn_##name##_f32_generic;
#define LIST_FAST(name) &vn_##name##_f32_avx512, &vn_##name##_f32_avx2, &vn_##name##_f32_generic
#define DECLARE_LOW(name)                                                                  \
    extern const vn_kernel vn_##name##_low_avx512bf16, vn_##name##_low_avx512,             \
        vn_##name##_low_avx2, vn_##name##_low_generic;
#define LIST_LOW(name)                                                                     \
    &vn_##name##_low_avx512bf16, &vn_##name##_low_avx512, &vn_##name##_low_avx2,           \
        &vn_##name##_low_generic
#elif defined(__aarch64__)
enum { N_ISA = 2 };
#define DECLARE_FAST(name) extern const vn_kernel vn_##name##_f32_neon, vn_##name##_f32_generic;
#define LIST_FAST(name) &vn_##name##_f32_neon, &vn_##name##_f32_generic
#define DECLARE_LOW(name) extern const vn_kernel vn_##name##_low_neon, vn_##name##_low_generic;
#define LIST_LOW(name) &vn_##name##_low_neon, &vn_##name##_low_generic
#else
enum { N_ISA = 1 };
#define DECLARE_FAST(name) extern const vn_kernel vn_##name##_f32_generic;
#define LIST_FAST(name) &vn_##name##_f32_generic
#define DECLARE_LOW(name) extern const vn_kernel vn_##name##_low_generic;
#define LIST_LOW(name) &vn_##name##_low_generic
#endif

#define VN_FAST(NAME, name) DECLARE_FAST(name)
#define VN_BOTH(NAME, name) DECLARE_FAST(name) DECLARE_LOW(name)
#define VN_TWO(NAME, name, other) DECLARE_FAST(name) DECLARE_FAST(other)
#include "kernels_cpu/kernels.def"
#undef VN_FAST
#undef VN_BOTH
#undef VN_TWO

enum { N_REF = 2, N_LOW = N_ISA + 1 };

static const vn_kernel *const reference[VN_OP_COUNT][N_REF + 1] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) \
    [VN_OP_##NAME] = { &vn_##name##_f32_ref, &vn_##name##_f64_ref, NULL },
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

static const vn_kernel *const fast[VN_OP_COUNT][N_LOW + N_ISA + N_REF + 1] = {
#define VN_FAST(NAME, name) \
    [VN_OP_##NAME] = { LIST_FAST(name), &vn_##name##_f32_ref, &vn_##name##_f64_ref, NULL },
#define VN_BOTH(NAME, name)                                                                \
    [VN_OP_##NAME] = { LIST_FAST(name), LIST_LOW(name), &vn_##name##_f32_ref,              \
                       &vn_##name##_f64_ref, NULL },
#define VN_TWO(NAME, name, other)                                                          \
    [VN_OP_##NAME] = { LIST_FAST(name), LIST_FAST(other), &vn_##name##_f32_ref,            \
                       &vn_##name##_f64_ref, NULL },
#include "kernels_cpu/kernels.def"
#undef VN_FAST
#undef VN_BOTH
#undef VN_TWO
};

/* Every op gets its reference list, and those of kernels.def the longer one instead. */
#pragma GCC diagnostic ignored "-Woverride-init"
const vn_kernel *const *const vn_cpu_kernels[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = reference[VN_OP_##NAME],
#define VN_VIEW(NAME, name, n_in, n_out, attr, doc)
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
#define VN_FAST(NAME, name) [VN_OP_##NAME] = fast[VN_OP_##NAME],
#define VN_BOTH VN_FAST
#define VN_TWO(NAME, name, other) VN_FAST(NAME, name)
#include "kernels_cpu/kernels.def"
#undef VN_FAST
#undef VN_BOTH
#undef VN_TWO
};

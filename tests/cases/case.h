/* The cases of an op: from this table come its tests (tests/ops.c) and its benchmark.
 *
 * `const vn_case vn_cases_<op>[]`, ended by a case without a name, in the family's file of this
 * folder; an op without one does not link. */
#ifndef VN_TESTS_CASES_CASE_H
#define VN_TESTS_CASES_CASE_H

#include "device/kernel.h"

/* How the numbers of an input that is real or of 16 bits are drawn. */
typedef enum vn_fill {
    VN_FILL_RANGE,    /* uniform in lo .. hi of the case */
    VN_FILL_POSITIVE, /* uniform in 0.5 .. 2: divisors, scales, second moments */
    VN_FILL_MASK,     /* 0 or 1, half of each */
    VN_FILL_ZERO,
    VN_FILL_ONE,
} vn_fill;

typedef struct vn_case {
    const char *name;
    /* Inputs; F32 stands for the real type, and the case runs in f32 and f64. One without a shape
     * is absent. `data`, if set, holds the numbers: doubles for a real input. */
    vn_tensor in[VN_MAX_IN];
    const void *attr;
    vn_fill fill[VN_MAX_IN];
    double lo, hi;          /* of VN_FILL_RANGE; both 0: -1 .. 1 */
    int32_t int_lo, int_hi; /* of i32 inputs without data, hi excluded */
    int holes;              /* 1 + the mask: input 0 (of a loss: 1) is NaN where that mask is 0 */
    /* Make inputs fit each other, on doubles, before they are rounded to f32. */
    void (*prepare)(const vn_call *c, double *const in[VN_MAX_IN]);
    uint32_t diff;                  /* bit i: the gradient of input i is checked */
    int64_t reduce;                 /* numbers summed into one; 0: elementwise */
    double slack;                   /* c in c eps sqrt(reduce); 0: 4 */
    double rounding[VN_MAX_OUT];    /* what numbers rounded on the way to output o add to its bound, relative */
    const char *reject;             /* the shape rule refuses with these words */
    const double *want[VN_MAX_OUT]; /* known answers of the reference, by hand or from a paper */
    /* What else must be true of the f64 reference's result: NULL, or what is wrong with it. */
    const char *(*flaw)(const vn_call *c);
    bool bench; /* a size worth timing */
} vn_case;

#define VN_CASE_RANK(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t))
#define VN_CASE_TENSOR(type, numbers, ...)                                                         \
    {                                                                                              \
        .data = (void *)(numbers), .dtype = type, .rank = VN_CASE_RANK(__VA_ARGS__), .dim = {      \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

/* F32(5, 33): a real input of that shape. F32_OF(numbers, 3): with these doubles. */
#define F32(...) VN_CASE_TENSOR(VN_F32, NULL, __VA_ARGS__)
#define F32_OF(numbers, ...) VN_CASE_TENSOR(VN_F32, numbers, __VA_ARGS__)
/* The same in f64, and in 16 bits, whatever the real type. */
#define F64(...) VN_CASE_TENSOR(VN_F64, NULL, __VA_ARGS__)
#define F64_OF(numbers, ...) VN_CASE_TENSOR(VN_F64, numbers, __VA_ARGS__)
#define BF16(...) VN_CASE_TENSOR(VN_BF16, NULL, __VA_ARGS__)
#define F16(...) VN_CASE_TENSOR(VN_F16, NULL, __VA_ARGS__)
#define BF16_OF(numbers, ...) VN_CASE_TENSOR(VN_BF16, numbers, __VA_ARGS__)
#define F16_OF(numbers, ...) VN_CASE_TENSOR(VN_F16, numbers, __VA_ARGS__)
#define I32(...) VN_CASE_TENSOR(VN_I32, NULL, __VA_ARGS__)
#define I32_OF(numbers, ...) VN_CASE_TENSOR(VN_I32, numbers, __VA_ARGS__)
#define I64_OF(numbers, ...) VN_CASE_TENSOR(VN_I64, numbers, __VA_ARGS__)
#define PANEL_OF(view) VN_CASE_TENSOR(VN_PANEL, view, sizeof(vn_panel_view))
#define NONE                                                                                       \
    {                                                                                              \
        0                                                                                          \
    }

/* The attribute struct of a case: VN_ATTR(pool, 3, VN_POOL_MAX). */
#define VN_ATTR(type, ...)                                                                         \
    &(const vn_attr_##type)                                                                        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define NUMBERS(...) ((const double[]){ __VA_ARGS__ })

#define VN_OP(NAME, name, n_in, n_out, attr, doc) extern const vn_case vn_cases_##name[];
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW

#endif

/* The element type of a reference unit: each file of ref/ is compiled with VN_REAL=f32 and =f64.
 *
 * Reference kernels are written to be read: plain loops, on the first lane alone, sums in double.
 * They define what an op means; fast kernels are tested against the f64 copy. */
#ifndef VN_KERNELS_CPU_REF_REAL_H
#define VN_KERNELS_CPU_REF_REAL_H

#include "device/low.h"
#include "kernels_cpu/cpu.h"

#define VN_REAL_f32 1
#define VN_REAL_f64 2
#define VN_REAL_ID_(r) VN_REAL_##r
#define VN_REAL_ID(r) VN_REAL_ID_(r)
#if VN_REAL_ID(VN_REAL) == VN_REAL_f32
typedef float vn_real;
#define VN_REAL_DTYPE VN_F32
#else
typedef double vn_real;
#define VN_REAL_DTYPE VN_F64
#endif

/* VN_SCALAR(vn_unary_value) is the copy of a function of device/scalar.h for vn_real. */
#define VN_SCALAR(name) VN_PASTE(name, _, VN_REAL, )

/* The `unfit` of every reference kernel: the first floating tensor of the call decides the type. */
const char *VN_REF(unfit)(const vn_call *c);
/* The same for a kernel that reads its inputs by vn_ref_stored. */
const char *VN_REF(unfit_stored)(const vn_call *c);

/* Element i of an input that is real or of 16 bits. */
static inline vn_real vn_ref_stored(const vn_tensor *t, int64_t i)
{
    if (vn_is_low(t->dtype)) return (vn_real)vn_low_value(t->dtype, ((const uint16_t *)t->data)[i]);
    return ((const vn_real *)t->data)[i];
}

/* The same of a factor of a product, which may be rounded to tf32. */
static inline double vn_ref_factor(const vn_tensor *t, int64_t i, bool rounds)
{
    vn_real x = vn_ref_stored(t, i);
    return (double)(rounds ? (vn_real)vn_tf32_of((float)x) : x);
}

/* True on the lane that does the work of a reference kernel. */
static inline bool vn_ref_lane(vn_stream *s) { return vn_cpu_lane(s)->rank == 0; }

/* Where element i of a tensor shaped as `shape` finds its value in `t`, whose axes of length 1
 * repeat and whose shape is aligned with the other at the last axis. */
static inline int64_t vn_ref_at(const vn_tensor *t, const vn_tensor *shape, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int k = 1; k <= t->rank; k++) {
        int64_t len = shape->dim[shape->rank - k], own = t->dim[t->rank - k];
        if (own != 1) at += i % len * stride;
        stride *= own;
        i /= len;
    }
    return at;
}

/* Elements before, along and after an axis: the tensor seen as [outer, len, inner]. */
typedef struct vn_axis {
    int64_t outer, len, inner;
} vn_axis;

static inline vn_axis vn_ref_split(const vn_tensor *t, int64_t axis)
{
    vn_axis s = { 1, t->dim[axis], 1 };
    for (int i = 0; i < t->rank; i++) {
        if (i < axis) s.outer *= t->dim[i];
        if (i > axis) s.inner *= t->dim[i];
    }
    return s;
}

#endif

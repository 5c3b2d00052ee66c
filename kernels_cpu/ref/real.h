/* The element type of a reference unit: each file of ref/ is compiled with VN_REAL=f32 and =f64.
 *
 * Reference kernels are written to be read: plain loops, on the first lane alone, sums in double.
 * They define what an op means; fast kernels are tested against the f64 copy. */
#ifndef VN_KERNELS_CPU_REF_REAL_H
#define VN_KERNELS_CPU_REF_REAL_H

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

/* The `unfit` of every reference kernel: the first floating tensor of the call decides the type. */
const char *VN_REF(unfit)(const vn_call *c);

/* True on the lane that does the work of a reference kernel. */
static inline bool vn_ref_lane(vn_stream *s) { return vn_cpu_lane(s)->rank == 0; }

#endif

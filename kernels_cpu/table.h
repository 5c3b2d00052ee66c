/* The kernels of the CPU backend. */
#ifndef VN_KERNELS_CPU_TABLE_H
#define VN_KERNELS_CPU_TABLE_H

#include "device/kernel.h"

/* [VN_OP_COUNT] lists, fastest first, NULL-ended; NULL for views. */
extern const vn_kernel *const *const vn_cpu_kernels[VN_OP_COUNT];

#endif

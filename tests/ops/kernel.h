/* Every kernel that can take a case, against the f64 reference kernel and against itself. */
#ifndef VN_TESTS_OPS_KERNEL_H
#define VN_TESTS_OPS_KERNEL_H

#include "tests/ops/ops.h"

/* Aborts the test with a sentence that names case, kernel and element. */
void vn_check_kernels(const vn_op_case *oc);

/* The gradients of the inputs named by the case's mask against central differences, in f64. */
void vn_check_gradient(const vn_op_case *oc);

#endif

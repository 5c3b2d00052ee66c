/* Is a result right within its bound, and is it the same as another, bit by bit. */
#ifndef VN_TESTS_OPS_RESULT_H
#define VN_TESTS_OPS_RESULT_H

#include "tests/ops/ops.h"

/* Both infinite alike, both NaN, or apart by at most the tolerance. */
bool vn_agrees(double got, double want, double tolerance, vn_dtype type);

/* Every output of `run` against the f64 reference `ref`; aborts the test, naming case and kernel.
 */
void vn_check_result(const vn_op_run *run, const vn_op_run *ref, const vn_kernel *k);

/* The bits of every output, to compare runs with. */
typedef struct vn_bits {
    unsigned char *out[VN_MAX_OUT];
    size_t bytes[VN_MAX_OUT];
} vn_bits;
vn_bits vn_take_bits(const vn_op_run *run);
void vn_drop_bits(vn_bits *b);
/* Aborts the test where an output has other bits; `how` ends its sentence. */
void vn_check_bits(const vn_op_run *run, const vn_bits *b, const vn_kernel *k, const char *how);

/* True if an output of the call lies in the memory of input i. */
bool vn_op_overwrites(const vn_call *c, int i);

#endif

/* The kernels of the device under test (VANE_TEST_DEVICE, plug-in in VANE_TEST_PLUGINS) against the
 * f64 reference of the CPU, through nothing but the backend's vtable: a GPU and its emulation
 * alike. */
#ifndef VN_TESTS_OPS_DEVICE_H
#define VN_TESTS_OPS_DEVICE_H

#include "tests/ops/ops.h"

/* NULL: no device is under test. */
const char *vn_test_device(void);

/* Open it; aborts the test with the reason where that fails. */
vn_device *vn_test_device_open(void);

/* Every kernel of `dev` that takes the case; returns how many did. Aborts the test, naming case and
 * kernel, at the first that is wrong, writes where it should not, or gives other bits when it runs
 * again, in a graph, or with an output that nobody reads. */
int vn_check_on_device(const vn_op_case *oc, vn_device *dev);

#endif

/* Launching one kernel on one call: by hand on a given number of lanes, and through a recording. */
#ifndef VN_TESTS_OPS_LAUNCH_H
#define VN_TESTS_OPS_LAUNCH_H

#include "base/team.h"
#include "tests/ops/ops.h"

/* Launch by hand on `lanes` lanes, with canaries around the scratch and, where the call has fixed
 * inputs, around what the kernel keeps of them, which these lanes settle first; without a team in so many parts
 * on one lane, the last first. Aborts the test, naming case and kernel, if one is overwritten. */
void vn_launch_direct(vn_op_run *run, const vn_kernel *kernel, vn_team *team, int lanes);

/* Record the call on the device, replay it `times` times. */
void vn_launch_replayed(vn_op_run *run, const vn_kernel *kernel, vn_device *dev, int times);

#endif

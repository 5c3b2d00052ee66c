/* Where the time of a training step goes, by what its steps are for. */
#ifndef VN_HOST_BENCH_PHASES_H
#define VN_HOST_BENCH_PHASES_H

#include "graph/plan/plan.h"

#define VN_PHASES(X)                                                                               \
    X(WINDOWS, windows, "gathering and scaling of the windows")                                    \
    X(FORWARD, forward, "the model's forecast")                                                    \
    X(LOSS, loss, "the loss and its gradient in the forecast")                                     \
    X(BACKWARD, backward, "gradients of the parameters")                                           \
    X(CLIPPING, clipping, "norm of the gradient and the check that it is finite")                  \
    X(OPTIMIZER, optimizer, "Adam; it scales the gradient where it is clipped")

typedef enum vn_phase {
#define VN_PHASE(NAME, name, help) VN_PHASE_##NAME,
    VN_PHASES(VN_PHASE)
#undef VN_PHASE
        VN_PHASE_COUNT
} vn_phase;

const char *vn_phase_name(int phase);
const char *vn_phase_help(int phase);

/* Microseconds of each phase, steps timed one by one for about so many seconds. MEMORY, and what
 * running the plan fails with. */
vn_status vn_phases_time(vn_plan *plan, double seconds, double us[VN_PHASE_COUNT]);

#endif

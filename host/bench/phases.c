/* Phases of a training step; see phases.h. */
#include "host/bench/phases.h"

#include <string.h>

#include "base/fault.h"

static const char *const names[] = {
#define VN_PHASE(NAME, name, help) #name,
    VN_PHASES(VN_PHASE)
#undef VN_PHASE
};
static const char *const helps[] = {
#define VN_PHASE(NAME, name, help) help,
    VN_PHASES(VN_PHASE)
#undef VN_PHASE
};

const char *vn_phase_name(int phase)
{
    return names[phase];
}

const char *vn_phase_help(int phase)
{
    return helps[phase];
}

static bool is_loss(vn_op op)
{
    return op == VN_OP_LOSS || op == VN_OP_LOSS_GRAD || op == VN_OP_QLOSS ||
           op == VN_OP_QLOSS_GRAD || op == VN_OP_NLL || op == VN_OP_NLL_GRAD || op == VN_OP_DIST;
}

/* The loss begins with its own op and ends with its gradient: what lies between are its few numbers
 * (sum / weight), what follows is the model's. Before the first named layer there are only windows.
 */
static vn_phase phase_of(const vn_plan *plan, int k, vn_phase before)
{
    vn_op op = vn_plan_step_op(plan, k), last = k ? vn_plan_step_op(plan, k - 1) : VN_OP_NONE;
    if (op == VN_OP_GRADNORM || op == VN_OP_GUARD || op == VN_OP_RESCALE) return VN_PHASE_CLIPPING;
    if (op == VN_OP_ADAM) return VN_PHASE_OPTIMIZER;
    if (is_loss(op)) return VN_PHASE_LOSS;
    bool slope = last == VN_OP_LOSS_GRAD || last == VN_OP_QLOSS_GRAD || last == VN_OP_NLL_GRAD;
    if (before == VN_PHASE_LOSS) return slope ? VN_PHASE_BACKWARD : VN_PHASE_LOSS;
    if (op == VN_OP_WINDOW || op == VN_OP_WINDOW_STATS) return VN_PHASE_WINDOWS;
    if (before == VN_PHASE_WINDOWS && op == VN_OP_SCALE) return VN_PHASE_WINDOWS;
    return before == VN_PHASE_BACKWARD ? VN_PHASE_BACKWARD : VN_PHASE_FORWARD;
}

vn_status vn_phases_time(vn_plan *plan, double seconds, double us[VN_PHASE_COUNT])
{
    vn_plan_info info;
    vn_plan_about(plan, &info);
    int n = info.n_prologue + info.n_steps;
    double *step = vn_calloc((size_t)n + 1, sizeof *step);
    if (!step) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = vn_plan_time(plan, seconds, step);
    vn_phase phase = VN_PHASE_WINDOWS;
    memset(us, 0, VN_PHASE_COUNT * sizeof *us);
    for (int k = 0; !st && k < n; k++) {
        phase = phase_of(plan, k, phase);
        us[phase] += step[k];
    }
    vn_free(step);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* Where the time of a run goes: every step timed on its own. */
#include <time.h>

#include "base/fault.h"
#include "graph/plan/internal.h"

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e6 * (double)t.tv_sec + 1e-3 * (double)t.tv_nsec;
}

/* All steps in order, as a run takes them, so that each finds the caches as it does there. */
static vn_status pass(vn_plan *plan, double *best)
{
    for (int k = 0; k < plan->n_steps; k++) {
        double begin = now_us();
        VN_TRY(vn_replay(plan->stream, plan->exec, k, k + 1));
        VN_TRY(vn_stream_wait(plan->stream));
        double us = now_us() - begin;
        if (us < best[k]) best[k] = us;
    }
    return VN_OK;
}

static void put_step(const vn_plan *plan, int k, double us, double all, vn_text *out)
{
    const vn_cost *cost = &plan->step_cost[k];
    vn_text_printf(out, "%4d%c %9.1f us %5.1f %% %7.1f Gflop/s %6.1f GB/s  %-20s ", k,
                   k < plan->n_prologue ? 'p' : ' ', us, 100 * us / all, 1e-3 * cost->flops / us,
                   1e-3 * cost->bytes / us, plan->steps[k].kernel->name);
    vn_plan_put_shapes(&plan->steps[k], out);
    vn_text_printf(out, "  %s\n", plan->step_path[k]);
}

vn_status vn_plan_time(vn_plan *plan, double seconds, double *us)
{
    vn_status st = VN_OK;
    for (int k = 0; k < plan->n_steps; k++) us[k] = 1e30;
    for (double until = now_us() + 1e6 * seconds; !st && now_us() < until;) st = pass(plan, us);
    return st;
}

vn_op vn_plan_step_op(const vn_plan *plan, int k) { return plan->steps[k].call.op; }

const char *vn_plan_step_path(const vn_plan *plan, int k) { return plan->step_path[k]; }

vn_status vn_plan_profile(vn_plan *plan, double seconds, vn_text *out)
{
    double *best = vn_calloc((size_t)plan->n_steps + 1, sizeof *best), all = 0;
    if (!best) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = vn_plan_time(plan, seconds, best);
    for (int k = plan->n_prologue; k < plan->n_steps; k++) all += best[k];
    for (int k = 0; !st && k < plan->n_steps; k++) put_step(plan, k, best[k], all, out);
    vn_free(best);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

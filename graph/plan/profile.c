/* Where the time of a run goes: every step timed on its own. A device with tapes and marks is asked by its
 * own clock: marks lie between the steps of a graph, so that no launch of the host is in a time. */
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

/* ---- the device's clock ---- */

enum { MOST = VN_MARKS - 1 }; /* steps between the marks of a stream */

static vn_status play_steps(vn_plan *plan, int first, int last)
{
    VN_TRY(vn_stream_mark(plan->stream, 0));
    for (int k = first; k < last; k++) {
        VN_TRY(vn_replay(plan->stream, plan->exec, k, k + 1));
        VN_TRY(vn_stream_mark(plan->stream, k + 1 - first));
    }
    return VN_OK;
}

static vn_status record_steps(vn_plan *plan, int first, int last, vn_tape **tape)
{
    int nodes;
    VN_TRY(vn_tape_begin(plan->stream));
    vn_status st = play_steps(plan, first, last);
    vn_status ended = vn_tape_end(plan->stream, tape, &nodes);
    return st || ended ? vn_trail(st ? st : ended, __FILE__, __LINE__) : VN_OK;
}

static vn_status device_pass(vn_plan *plan, vn_tape *const *tape, double *best)
{
    for (int first = 0; first < plan->n_steps; first += MOST) {
        int n = plan->n_steps - first < MOST ? plan->n_steps - first : MOST;
        VN_TRY(vn_tape_play(plan->stream, tape[first / MOST]));
        VN_TRY(vn_stream_reach(plan->stream, n));
        for (int k = 0; k < n; k++) {
            double us;
            VN_TRY(vn_stream_elapsed(plan->stream, k, k + 1, &us));
            if (us < best[first + k]) best[first + k] = us;
        }
    }
    return VN_OK;
}

static vn_status time_by_marks(vn_plan *plan, double seconds, double *us)
{
    int n = (plan->n_steps + MOST - 1) / MOST;
    vn_tape **tape = vn_calloc((size_t)n + 1, sizeof *tape);
    if (!tape) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = VN_OK;
    for (int i = 0; !st && i < n; i++) {
        int last = (i + 1) * MOST;
        st = record_steps(plan, i * MOST, last < plan->n_steps ? last : plan->n_steps, &tape[i]);
    }
    double until = now_us() + 1e6 * seconds;
    do {
        if (!st) st = device_pass(plan, tape, us);
    } while (!st && now_us() < until);
    for (int i = 0; i < n; i++) vn_tape_drop(plan->stream, tape[i]);
    vn_free(tape);
    return st;
}

/* ---- both ---- */

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
    vn_status st = vn_plan_prepare(plan, plan->stream);
    for (int k = 0; k < plan->n_steps; k++) us[k] = 1e30;
    if (!st && vn_stream_has_tapes(plan->stream) && vn_stream_has_marks(plan->stream))
        return time_by_marks(plan, seconds, us);
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

/* Launching one kernel: by hand, as the CPU backend would on each lane, and through the backend. */
#include "tests/ops/launch.h"

#include <check.h>
#include <string.h>

#include "kernels_cpu/cpu.h"

enum { LANES_MAX = 4 };

typedef struct launch {
    const vn_kernel *kernel;
    const vn_call *call;
    vn_fenced scratch[LANES_MAX];
} launch;

static void on_lane(void *arg, vn_lane *lane)
{
    launch *l = arg;
    vn_cpu_stream s = { { NULL }, lane, l->scratch[lane->rank].data };
    l->kernel->launch(l->call, &s.base);
}

/* All parts by one lane, the last first: what a kernel must stand whose lanes do not meet. */
static void backwards(launch *l, int parts)
{
    for (int i = parts - 1; i >= 0; i--) {
        vn_lane part = { i, parts, NULL };
        vn_cpu_stream s = { { NULL }, &part, l->scratch[0].data };
        l->kernel->launch(l->call, &s.base);
    }
}

static void settle_on_lane(void *arg, vn_lane *lane)
{
    launch *l = arg;
    vn_cpu_stream s = { { NULL }, lane, NULL };
    l->kernel->settle(l->call, &s.base);
}

static void launch_all(launch *l, vn_team *team, int lanes)
{
    if (team && l->call->kept) vn_team_run(team, lanes, settle_on_lane, l);
    if (team)
        vn_team_run(team, lanes, on_lane, l);
    else
        backwards(l, lanes);
}

void vn_launch_direct(vn_op_run *run, const vn_kernel *kernel, vn_team *team, int lanes)
{
    vn_call call = run->call;
    launch l = { .kernel = kernel, .call = &call };
    vn_scratch want = kernel->scratch ? kernel->scratch(&call) : (vn_scratch){ 0 };
    vn_fenced shared = vn_fence_open(want.shared);
    size_t keeps = call.fixed && kernel->keep ? kernel->keep(&call) : 0;
    vn_fenced kept = vn_fence_open(keeps);
    memset(shared.data, 0xff, want.shared);
    memset(kept.data, 0xff, keeps);
    call.scratch = want.shared ? shared.data : NULL;
    call.kept = keeps ? kept.data : NULL;
    for (int i = 0; i < lanes; i++) {
        l.scratch[i] = vn_fence_open(want.per_lane);
        memset(l.scratch[i].data, 0xff, want.per_lane);
    }
    launch_all(&l, team, lanes);
    if (!vn_fence_whole(&shared))
        ck_abort_msg("%s %s: wrote outside its shared scratch of %zu bytes", run->oc->name,
                     kernel->name, want.shared);
    vn_fence_close(&shared);
    if (!vn_fence_whole(&kept))
        ck_abort_msg("%s %s: wrote outside the %zu bytes it keeps", run->oc->name, kernel->name,
                     keeps);
    vn_fence_close(&kept);
    for (int i = 0; i < lanes; i++) {
        if (!vn_fence_whole(&l.scratch[i]))
            ck_abort_msg("%s %s: lane %d wrote outside its scratch of %zu bytes", run->oc->name,
                         kernel->name, i, want.per_lane);
        vn_fence_close(&l.scratch[i]);
    }
}

void vn_launch_replayed(vn_op_run *run, const vn_kernel *kernel, vn_device *dev, int times)
{
    vn_step step = { kernel, run->call };
    vn_stream *s;
    vn_exec *exec;
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    /* So much work that every lane is used. */
    ck_assert_int_eq(vn_record(s, &step, 1, 1e15, &exec), VN_OK);
    for (int i = 0; i < times; i++) {
        vn_op_reset(run);
        if (i == 0) ck_assert_int_eq(vn_settle(s, exec), VN_OK);
        ck_assert_int_eq(vn_replay(s, exec, 0, 1), VN_OK);
    }
    ck_assert_int_eq(vn_stream_wait(s), VN_OK);
    vn_exec_drop(s, exec);
    vn_stream_close(s);
}

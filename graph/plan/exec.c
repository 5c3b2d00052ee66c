/* Running a plan: facts and inputs to the device, prologue if due, replay, results back. */
#include <string.h>

#include "graph/plan/internal.h"

/* The chosen member's part of the host's feeds. */
static char *feed_of(const vn_plan *plan)
{
    return (char *)plan->host_feed + plan->pitch[VN_HOME_FEED] * (size_t)plan->member;
}

void vn_plan_member(vn_plan *plan, int member) { plan->member = member; }

void *vn_plan_feed(vn_plan *plan, vn_val input)
{
    if (input <= 0 || input >= plan->n_values || plan->place[input].home != VN_HOME_FEED) return NULL;
    return feed_of(plan) + plan->place[input].offset;
}

const void *vn_plan_read(const vn_plan *plan, vn_val output)
{
    if (output <= 0 || output >= plan->n_values) return NULL;
    const vn_place *p = &plan->place[output];
    if (p->home != VN_HOME_READ) return NULL;
    return (char *)plan->host_read + plan->pitch[VN_HOME_READ] * (size_t)plan->member + p->offset;
}

void vn_plan_set_step(vn_plan *plan, int64_t step) { ((vn_facts *)feed_of(plan))->step = step; }

void vn_plan_set(vn_plan *plan, int slot, float value)
{
    ((vn_facts *)feed_of(plan))->scalar[slot] = value;
}

vn_status vn_plan_move_feed(vn_plan *plan, const void *feed)
{
    if (plan->host_memory) return VN_OK;
    return vn_stream_copy(plan->stream, plan->block[VN_HOME_FEED], feed, plan->bytes[VN_HOME_FEED],
                          VN_TO_DEVICE);
}

vn_status vn_plan_move_read(vn_plan *plan, void *read)
{
    if (plan->host_memory) return VN_OK;
    return vn_stream_copy(plan->stream, read, plan->block[VN_HOME_READ], plan->bytes[VN_HOME_READ],
                          VN_TO_HOST);
}

void *vn_plan_address(const vn_plan *plan, vn_val v)
{
    if (v <= 0 || v >= plan->n_values) return NULL;
    const vn_place *p = &plan->place[v];
    bool moves = p->home == VN_HOME_FEED || p->home == VN_HOME_READ;
    if (!moves) return NULL;
    return (char *)plan->block[p->home] + plan->pitch[p->home] * (size_t)plan->member + p->offset;
}

vn_status vn_plan_put(vn_plan *plan)
{
    VN_TRY(vn_plan_move_feed(plan, plan->host_feed));
    return vn_stream_wait(plan->stream);
}

vn_status vn_plan_prepare(vn_plan *plan, vn_stream *s)
{
    const uint64_t *version = plan->config.version;
    if (!version || (plan->prologue_done && plan->version == *version)) return VN_OK;
    if (plan->n_prologue) VN_TRY(vn_replay(s, plan->exec, 0, plan->n_prologue));
    VN_TRY(vn_settle(s, plan->exec));
    plan->version = *version;
    plan->prologue_done = true;
    return VN_OK;
}

vn_status vn_plan_queue(vn_plan *plan, vn_stream *s)
{
    VN_TRY(vn_plan_prepare(plan, s));
    return vn_replay(s, plan->exec, plan->n_prologue, plan->n_steps);
}

vn_status vn_plan_run(vn_plan *plan)
{
    VN_TRY(vn_plan_move_feed(plan, plan->host_feed));
    VN_TRY(vn_plan_queue(plan, plan->stream));
    VN_TRY(vn_plan_move_read(plan, plan->host_read));
    return vn_stream_wait(plan->stream);
}

/* Runs that the host does not wait for.
 *
 * Slots lie in groups of `per_launch`. A whole group pushed is one tape: copy in, steps, copy out, for
 * each of its runs. While a group runs the host writes the next ones, and it waits only where all are
 * taken. Every slot has its own pinned feed and read: what is in flight is never written to. */
#include <string.h>

#include "base/fault.h"
#include "graph/plan/internal.h"

enum { GROUPS = 4 };

static vn_status give_slot(vn_plan *plan, vn_slot *slot)
{
    vn_device *dev = plan->config.dev;
    VN_TRY(vn_device_alloc(dev, VN_MEM_PINNED, plan->bytes[VN_HOME_FEED], &slot->feed));
    VN_TRY(vn_device_alloc(dev, VN_MEM_PINNED, plan->bytes[VN_HOME_READ], &slot->read));
    memcpy(slot->feed, plan->slot[0].feed, plan->bytes[VN_HOME_FEED]);
    return VN_OK;
}

vn_status vn_plan_ring(vn_plan *plan, int per_launch)
{
    bool one = plan->host_memory || !vn_stream_has_marks(plan->stream);
    if (per_launch < 1 || per_launch > VN_RING_MOST)
        return VN_FAIL(VN_E_BUG, "a ring of %d runs a launch", per_launch);
    if (plan->slot) return VN_FAIL(VN_E_BUG, "a plan has one ring");
    plan->per_launch = one ? 1 : per_launch;
    plan->n_slots = one ? 1 : GROUPS * per_launch;
    plan->slot = vn_calloc((size_t)plan->n_slots, sizeof *plan->slot);
    if (!plan->slot) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__); /* no slots: no ring to drop */
    plan->tape = vn_calloc((size_t)(plan->n_slots / plan->per_launch), sizeof *plan->tape);
    if (!plan->tape) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    plan->slot[0] = (vn_slot){ plan->host_feed, plan->host_read, 0 };
    for (int i = 1; i < plan->n_slots; i++) VN_TRY(give_slot(plan, &plan->slot[i]));
    return VN_OK;
}

void vn_plan_drop_ring(vn_plan *plan)
{
    vn_device *dev = plan->config.dev;
    if (!plan->slot) return;
    for (int i = 0; plan->tape && i < plan->n_slots / plan->per_launch; i++)
        vn_tape_drop(plan->stream, plan->tape[i]);
    for (int i = 1; i < plan->n_slots; i++) {
        vn_device_free(dev, VN_MEM_PINNED, plan->slot[i].feed, plan->bytes[VN_HOME_FEED]);
        vn_device_free(dev, VN_MEM_PINNED, plan->slot[i].read, plan->bytes[VN_HOME_READ]);
    }
    if (plan->slot[0].feed) {
        plan->host_feed = plan->slot[0].feed;
        plan->host_read = plan->slot[0].read;
    }
    vn_free(plan->tape);
    vn_free(plan->slot);
    plan->slot = NULL;
    plan->tape = NULL;
}

bool vn_plan_full(const vn_plan *plan)
{
    return plan->pushed - plan->pulled == plan->n_slots;
}

int vn_plan_waiting(const vn_plan *plan)
{
    return (int)(plan->pushed - plan->pulled);
}

/* ---- starting ---- */

static vn_status queue_slot(vn_plan *plan, const vn_slot *slot)
{
    VN_TRY(vn_plan_move_feed(plan, slot->feed));
    VN_TRY(vn_replay(plan->stream, plan->exec, plan->n_prologue, plan->n_steps));
    return vn_plan_move_read(plan, slot->read);
}

/* The group that begins with slot `first`, as one piece of work. */
static vn_status play_group(vn_plan *plan, int first)
{
    vn_tape **tape = &plan->tape[first / plan->per_launch];
    vn_stream *s = plan->stream;
    if (!*tape) {
        int nodes;
        VN_TRY(vn_tape_begin(s));
        vn_status st = VN_OK;
        for (int i = first; !st && i < first + plan->per_launch; i++)
            st = queue_slot(plan, &plan->slot[i]);
        vn_status ended = vn_tape_end(s, tape, &nodes);
        if (st || ended) return vn_trail(st ? st : ended, __FILE__, __LINE__);
    }
    return vn_tape_play(s, *tape);
}

/* What was pushed and not started, up to the end of its group. */
static vn_status start_some(vn_plan *plan)
{
    int first = (int)(plan->started % plan->n_slots), k = plan->per_launch;
    int n = k - first % k, there = (int)(plan->pushed - plan->started);
    if (n > there) n = there;
    if (n == k && vn_stream_has_tapes(plan->stream)) {
        VN_TRY(play_group(plan, first));
    } else {
        for (int i = first; i < first + n; i++) VN_TRY(queue_slot(plan, &plan->slot[i]));
    }
    int mark = first / k * k; /* the group's first: marked again, it tells of the later runs too */
    VN_TRY(vn_stream_mark(plan->stream, mark));
    for (int i = first; i < first + n; i++) plan->slot[i].mark = mark;
    plan->started += n;
    return VN_OK;
}

static vn_status start(vn_plan *plan)
{
    VN_TRY(vn_plan_prepare(plan, plan->stream));
    while (plan->started < plan->pushed) VN_TRY(start_some(plan));
    return VN_OK;
}

vn_status vn_plan_push(vn_plan *plan)
{
    if (vn_plan_full(plan)) return VN_FAIL(VN_E_BUG, "a ring of %d runs is full", plan->n_slots);
    plan->pushed++;
    plan->host_feed = plan->slot[plan->pushed % plan->n_slots].feed;
    if (plan->n_slots > 1) return plan->pushed % plan->per_launch ? VN_OK : start(plan);
    VN_TRY(vn_plan_run(plan));
    plan->started++;
    return VN_OK;
}

vn_status vn_plan_pull(vn_plan *plan)
{
    if (!vn_plan_waiting(plan)) return VN_FAIL(VN_E_BUG, "no run of the ring is under way");
    const vn_slot *slot = &plan->slot[plan->pulled % plan->n_slots];
    if (plan->pulled >= plan->started) VN_TRY(start(plan));
    if (plan->n_slots > 1) VN_TRY(vn_stream_reach(plan->stream, slot->mark));
    plan->host_read = slot->read;
    plan->pulled++;
    return VN_OK;
}

vn_status vn_plan_nodes(vn_plan *plan, int *nodes)
{
    vn_tape *tape;
    *nodes = -1;
    if (!vn_stream_has_tapes(plan->stream)) return VN_OK;
    vn_slot slot = { plan->host_feed, plan->host_read, 0 };
    VN_TRY(vn_tape_begin(plan->stream));
    vn_status st = queue_slot(plan, &slot);
    vn_status ended = vn_tape_end(plan->stream, &tape, nodes);
    if (st || ended) return vn_trail(st ? st : ended, __FILE__, __LINE__);
    vn_tape_drop(plan->stream, tape);
    return VN_OK;
}

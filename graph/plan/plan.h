/* A plan: a graph with dead nodes gone, a kernel chosen for every node, memory laid out by lifetime,
 * recorded for replay. What a run needs is in the plan; the graph may be closed. */
#ifndef VN_GRAPH_PLAN_PLAN_H
#define VN_GRAPH_PLAN_PLAN_H

#include "device/device.h"
#include "graph/graph.h"
#include "graph/params.h"

typedef struct vn_plan vn_plan;

/* Room of a state in its block: states are single numbers, one line each. */
#define VN_STATE_BYTES 256

/* Room of a member's states: a graph has four at most. */
#define VN_STATE_BLOCK ((size_t)4 * VN_STATE_BYTES)

/* A plan can be of several members: the same graph, each with memory of its own, in one recording.
 * Member s computes what the graph alone would with member s of every block and the seed `seed` + s. */
enum { VN_MEMBERS_MOST = 64 };

typedef struct vn_plan_config {
    vn_device *dev;
    void *home[VN_HOME_COUNT]; /* device blocks of PARAM, GRAD, M, V, STATE, one behind the other for
                                  each member; others NULL. Borrowed. */
    uint64_t seed;
    const uint64_t *seeds; /* [members]; NULL: seed, seed + 1, ...; borrowed until the plan is made */
    const vn_graph *const *graphs; /* [members] alike g (vn_graph_alike): the attributes of each; NULL: g's;
                                      borrowed until the plan is made */
    int members;           /* 0: one */
    const uint64_t *version;   /* of the parameters: when it moves the prologue runs again; may be NULL */
    bool why;                  /* keep the reasons of kernels passed over, for the dump */
} vn_plan_config;

vn_status vn_plan_make(const vn_graph *g, const vn_plan_config *config, vn_plan **plan);
void vn_plan_close(vn_plan *plan);

/* The member that feed, read, address and set_* are about; at first 0. */
void vn_plan_member(vn_plan *plan, int member);

/* Host memory to write an input to before a run, or to read an output from after it. NULL if the
 * value is not an input (output) of the plan. */
void *vn_plan_feed(vn_plan *plan, vn_val input);
const void *vn_plan_read(const vn_plan *plan, vn_val output);

/* The device's address of an input or output of the chosen member; NULL where vn_plan_feed and vn_plan_read give NULL. */
void *vn_plan_address(const vn_plan *plan, vn_val v);

/* Queue a run on a stream of the plan's device, of what lies at the inputs' addresses; nothing moves
 * between host and device and nothing waits. The host's facts and inputs reach the device by
 * vn_plan_put alone, which waits. Runs on several streams are the caller's to order. */
vn_status vn_plan_put(vn_plan *plan);
vn_status vn_plan_queue(vn_plan *plan, vn_stream *s);

/* Facts the kernels read: optimizer steps done so far, and the slots of vn_run. */
void vn_plan_set_step(vn_plan *plan, int64_t step);
void vn_plan_set(vn_plan *plan, int slot, float value);

/* Run once and wait. Allocates nothing. */
vn_status vn_plan_run(vn_plan *plan);

/* Runs the host does not wait for. A ring gives the plan feeds and reads for several runs, in pinned
 * memory; vn_plan_feed and vn_plan_set then are of the run that is pushed next, vn_plan_read of the
 * run pulled last. Every feed begins as a copy of the one that was.
 *
 *     vn_plan_ring(plan, k);
 *     for (...) {
 *         while (vn_plan_full(plan)) vn_plan_pull(plan);   read the results of the oldest run
 *         write the feed; vn_plan_push(plan);
 *     }
 *     while (vn_plan_waiting(plan)) vn_plan_pull(plan);
 *
 * `per_launch` runs (1 .. VN_RING_MOST) are started at once, as one graph where the device has tapes;
 * pulling a run that is not started yet starts what was pushed. Where the device reads the host's
 * memory or has no marks a ring holds one run, which push carries out. The inputs of a run are in the
 * stream's order with its steps, so that the results are those of vn_plan_run. */
enum { VN_RING_MOST = 64 };
vn_status vn_plan_ring(vn_plan *plan, int per_launch);
bool vn_plan_full(const vn_plan *plan);
int vn_plan_waiting(const vn_plan *plan); /* runs pushed and not pulled */
vn_status vn_plan_push(vn_plan *plan);
vn_status vn_plan_pull(vn_plan *plan);

/* Launches and copies of one run as the device counts them, recorded once to see; -1 where it has no
 * tapes. */
vn_status vn_plan_nodes(vn_plan *plan, int *nodes);

/* What the plan is. */
typedef struct vn_plan_info {
    int n_steps, n_prologue;    /* launches a run; launches when parameters change; of all members */
    size_t work_bytes;          /* the work block, and all that follows: of all members */
    size_t values_bytes;        /* what it would be if every value had its own place */
    size_t const_bytes, feed_bytes, read_bytes;
    double flops, bytes;        /* work of one run, traffic if nothing stayed in cache */
} vn_plan_info;
void vn_plan_about(const vn_plan *plan, vn_plan_info *info);

/* One line a step: path, op, shapes, kernel, place, cost; with `why` what was chosen by its time
 * (vn_exec_chosen) and the kernels passed over. */
void vn_plan_dump(const vn_plan *plan, bool why, vn_text *out);
void vn_plan_dump_json(const vn_plan *plan, vn_text *out);

/* Run the plan step by step for about so many seconds: the fastest time of each into
 * us [n_prologue + n_steps]. Optimizer steps change the parameters, as in a run. */
vn_status vn_plan_time(vn_plan *plan, double seconds, double *us);

/* What step k is; the path is the plan's. */
vn_op vn_plan_step_op(const vn_plan *plan, int k);
const char *vn_plan_step_path(const vn_plan *plan, int k);

/* Run the plan step by step for about so many seconds and print, one line a step, the fastest time of
 * each: with its share of all, rates and shapes; by the device's clock where it has one. Optimizer steps change the parameters, as in a run. */
vn_status vn_plan_profile(vn_plan *plan, double seconds, vn_text *out);

/* Run the plan node by node, unrecorded, for `members` members from `first` on, and name the first step
 * with a result that is not finite: path and op into `where`, "of member 1" for the one behind `first`;
 * "" if all are finite. Optimizer steps are left out. */
vn_status vn_plan_hunt(vn_plan *plan, int first, int members, char *where, size_t n);

/* Run two plans of the same graph step by step, each step on the same inputs: those a's steps before it
 * have made. Name the first whose results differ by more than rel * (largest magnitude of that result, or
 * of a sum's terms): "" if none. */
vn_status vn_plan_compare(vn_plan *a, vn_plan *b, double rel, char *where, size_t n);

#endif

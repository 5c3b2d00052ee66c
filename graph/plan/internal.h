/* What the files of this folder share. Not for other folders. */
#ifndef VN_GRAPH_PLAN_INTERNAL_H
#define VN_GRAPH_PLAN_INTERNAL_H

#include "graph/ops/op.h"
#include "graph/plan/plan.h"

/* A value of the graph as the plan sees it. */
typedef struct vn_place {
    const char *path;
    vn_tensor t;      /* data: the device address, NULL if nothing of it is ever used */
    vn_val root;      /* itself, or the value whose memory it shares */
    size_t shift;     /* bytes from the root's begin */
    vn_home home;     /* of the root */
    bool live;        /* made or read by a step that is kept */
    int first, last;  /* roots: steps between which the memory must hold */
    size_t offset;    /* roots in WORK, READ, FEED, CONST: bytes in that block */
} vn_place;

/* The facts of vn_run, as they lie at the start of the FEED block. */
typedef struct vn_facts {
    int64_t step;
    float scalar[VN_N_SCALARS];
} vn_facts;

/* Pinned memory of one run of a ring. */
typedef struct vn_slot {
    void *feed, *read;
    int mark; /* which tells that the run has ended */
} vn_slot;

struct vn_plan {
    vn_arena arena;
    vn_plan_config config;
    vn_stream *stream;
    vn_place *place;          /* [n_values] */
    int n_values;
    vn_step *steps;           /* prologue first */
    const char **step_path;
    const char **step_why;    /* one line per kernel passed over; NULL without `why` */
    const char **step_note;   /* the note of its node; NULL: none, or without `why` */
    vn_cost *step_cost;
    vn_val (*step_out)[VN_MAX_OUT];
    int n_prologue, n_steps;  /* in all; the steps of a node follow each other, member by member */
    int members, member;      /* how many; the one that feeds and reads are of */
    vn_exec *exec;
    void *block[VN_HOME_COUNT];  /* WORK, READ, FEED, CONST are the plan's own */
    size_t bytes[VN_HOME_COUNT]; /* of all members */
    size_t pitch[VN_HOME_COUNT]; /* from a member's part of a block to the next's; 0: all have one */
    void *host_feed, *host_read; /* = block where the host can see device memory, else pinned */
    vn_slot *slot;  /* [n_slots] of the ring; NULL without one. Slot 0 is host_feed's first value */
    int n_slots, per_launch;
    int64_t pushed, started, pulled; /* runs so far */
    vn_tape **tape; /* [n_slots / per_launch], made when first played */
    bool host_memory;
    bool prologue_done;
    uint64_t version;
    vn_run run[VN_MEMBERS_MOST];
    vn_plan_info info;
};

/* liveness.c: which nodes are kept (bool [n_nodes]) and how many of them form the prologue; fills
 * places without addresses. */
vn_status vn_plan_liveness(vn_plan *plan, const vn_graph *g, bool *keep, bool *early);

/* memory.c: offsets of every root, sizes of the plan's own blocks. */
vn_status vn_plan_layout(vn_plan *plan, const vn_graph *g, const bool *keep, const bool *early);

/* True if a step writes the parameters, moments or state: the optimizer. */
bool vn_plan_is_update(const vn_plan *plan, int step);

/* exec.c: where the parameters' version has moved since the last time, the prologue, and what kernels
 * keep of weights, anew. */
vn_status vn_plan_prepare(vn_plan *plan, vn_stream *s);

/* exec.c: copies of the given host memory to and from the device around a run. */
vn_status vn_plan_move_feed(vn_plan *plan, const void *feed);
vn_status vn_plan_move_read(vn_plan *plan, void *read);

/* ring.c: gives back the ring but the memory of slot 0, which host_feed and host_read then are. */
void vn_plan_drop_ring(vn_plan *plan);

/* dump.c: "bf16[2, 3] bf16[3, 2] -> [2, 2]", the shapes of a step, and types of 16 bits. */
void vn_plan_put_shapes(const vn_step *s, vn_text *out);

#endif

/* A graph is two arrays: nodes and values. A value is an integer id (0: none); creation order is
 * execution order. Building is sticky: after the first failure every builder returns 0 and the first
 * message stays, so that model code needs no checks. */
#ifndef VN_GRAPH_GRAPH_H
#define VN_GRAPH_GRAPH_H

#include "base/arena.h"
#include "device/kernel.h"

typedef int vn_val;

/* Where a value lives. WORK and READ are planned; the others have a place of their own. */
typedef enum vn_home {
    VN_HOME_WORK,  /* between two nodes of one run; memory is shared by lifetime */
    VN_HOME_READ,  /* a result the host reads after the run */
    VN_HOME_FEED,  /* an input the host writes before the run */
    VN_HOME_CONST, /* fixed numbers, copied in when the plan is made */
    VN_HOME_PARAM, /* the model's parameters (vn_params) */
    VN_HOME_GRAD,  /* their gradients, same layout */
    VN_HOME_M,     /* first moments, same layout */
    VN_HOME_V,     /* second moments, same layout */
    VN_HOME_MEAN,  /* averages of the parameters over the steps, same layout */
    VN_HOME_STATE, /* small facts kept from step to step: the bad-step flag, an fp16 loss's scale */
    VN_HOME_COUNT
} vn_home;

typedef struct vn_value {
    const char *path;  /* "block0/fc1"; names in messages, dumps and the NaN hunt */
    vn_tensor t;       /* type and shape; data is unused */
    vn_home home;
    int node, slot;    /* who makes it; node -1 for leaves */
    vn_val base;       /* an alias of this value (view or in-place result); 0: storage of its own */
    size_t base_bytes; /* where the alias begins in it; GRAD: in its parameter's slot */
    int param;         /* PARAM, GRAD: entry of vn_params; -1: the whole block */
    const void *fixed; /* CONST: the numbers, in the graph's arena */
} vn_value;

typedef struct vn_node {
    vn_op op;
    int n_in, n_out;
    vn_val in[VN_MAX_IN], out[VN_MAX_OUT];
    const void *attr;  /* in the graph's arena */
    const char *path;
    const char *note;  /* what a pass did to it or why not, for the dump; NULL: nothing */
} vn_node;

/* A value that a model names for whoever asks for it. */
enum { VN_EXTRAS_MAX = 8 };
typedef struct vn_shown {
    const char *name; /* a literal: "attention" */
    vn_val v;
} vn_shown;

typedef struct vn_params vn_params;

typedef struct vn_graph {
    vn_arena arena;
    vn_dtype real;     /* VN_F32, or VN_F64 for a reference run of the whole graph */
    vn_params *params; /* borrowed */
    vn_node *nodes;
    int n_nodes, cap_nodes;
    vn_value *values;  /* [0] is the absent value */
    int n_values, cap_values;
    vn_status status;  /* of the first failure */
    char message[1024];
    char scope[256];   /* path prefix for what is built now, "" or ending in '/' */
    vn_shown shown[VN_EXTRAS_MAX];
    int n_shown;
    bool *wants;       /* while gradients are emitted: values that need one; else NULL */
    int n_wants;
} vn_graph;

/* `params` receives the parameters the graph declares, or must already hold them. */
vn_status vn_graph_open(vn_dtype real, vn_params *params, vn_graph **g);
void vn_graph_close(vn_graph *g);

/* The first failure of building, recorded again on this thread; VN_OK if none. */
vn_status vn_graph_finish(vn_graph *g);

/* Whether two graphs are of the same steps on values of the same shapes in the same places, with the same
 * constants and attributes, but for attributes that are reals: then one plan can be of both, as of members. */
bool vn_graph_alike(const vn_graph *a, const vn_graph *b);

const vn_value *vn_value_of(const vn_graph *g, vn_val v);

/* The node's call with shapes, attributes and no pointers: what infer, unfit and cost look at. */
void vn_call_of(const vn_graph *g, int node, vn_call *call);

#endif

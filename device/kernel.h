/* The contract between the graph and a backend's kernels: the call, the kernel record, the op ids.
 *
 * A kernel sees one vn_call and nothing above this layer. It may not fail, allocate, wait or read
 * back: every refusal is an `unfit` when the plan is made. */
#ifndef VN_DEVICE_KERNEL_H
#define VN_DEVICE_KERNEL_H

#include "device/attrs.h"
#include "device/tensor.h"

typedef enum vn_op {
    VN_OP_NONE,
#define VN_OP(NAME, name, n_in, n_out, attr, doc) VN_OP_##NAME,
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
    VN_OP_COUNT
} vn_op;

typedef enum vn_unary {
#define VN_UNARY(NAME, name, from_y, doc) VN_UNARY_##NAME,
#include "device/unary.def"
#undef VN_UNARY
    VN_UNARY_COUNT
} vn_unary;

typedef enum vn_binary {
#define VN_BINARY(NAME, name, doc) VN_BINARY_##NAME,
#include "device/binary.def"
#undef VN_BINARY
    VN_BINARY_COUNT
} vn_binary;

typedef enum vn_loss {
#define VN_LOSS(NAME, name, doc) VN_LOSS_##NAME,
#include "device/losses.def"
#undef VN_LOSS
    VN_LOSS_COUNT
} vn_loss;

typedef enum vn_dist {
#define VN_DIST(NAME, name, params, counts, level, doc) VN_DIST_##NAME,
#include "device/dists.def"
#undef VN_DIST
    VN_DIST_COUNT
} vn_dist;

/* Components of a mixture at most: kernels keep one number each on the stack. */
#define VN_MAX_COMPS 32

typedef enum vn_scaler {
#define VN_SCALER(NAME, name, doc) VN_SCALER_##NAME,
#include "device/scalers.def"
#undef VN_SCALER
    VN_SCALER_COUNT
} vn_scaler;

enum { VN_POOL_MAX, VN_POOL_AVG, VN_POOL_COUNT };
enum { VN_INTERP_LINEAR, VN_INTERP_NEAREST, VN_INTERP_CUBIC, VN_INTERP_COUNT };
enum { VN_GROWTH_LINEAR, VN_GROWTH_LOGISTIC, VN_GROWTH_FLAT, VN_GROWTH_COUNT };

/* Bounds of the factor of an fp16 loss: a power of two between them, unless it is a constant. */
#define VN_SCALE_FIRST 65536.0f
#define VN_SCALE_MOST 16777216.0f
#define VN_SCALE_LEAST 0.0009765625f

#define VN_MAX_IN 8
#define VN_MAX_OUT 7

/* Static facts of an op: one row a line of ops.def. */
typedef struct vn_op_info {
    const char *name;
    int n_in, n_out;
    bool view;
    const vn_attr_type *attr;
    const char *doc;
} vn_op_info;

const vn_op_info *vn_op_about(vn_op op);
/* Names of enum values, "?" of what is none. */
const char *vn_type_name(int64_t type);
const char *vn_unary_name(int64_t fn);
bool vn_unary_from_y(int64_t fn);
const char *vn_binary_name(int64_t fn);
const char *vn_loss_name(int64_t kind);
const char *vn_scaler_name(int64_t type);
const char *vn_dist_name(int64_t kind);
const char *vn_pool_name(int64_t mode);
const char *vn_interp_name(int64_t mode);
const char *vn_growth_name(int64_t growth);

/* Static facts of a distribution: one row a line of dists.def. */
typedef struct vn_dist_info {
    const char *name;
    int params, level;
    bool counts;
    const char *doc;
} vn_dist_info;
const vn_dist_info *vn_dist_about(int64_t kind);

/* Raw numbers a step of a distribution; comps 0: the distribution alone, else a mixture of so many,
 * its raw numbers parameter by parameter (every component's x0, then every x1 ...), then weights. */
int64_t vn_dist_width(int64_t kind, int64_t comps);

/* Facts that change from step to step. They live in device memory because a recorded CUDA graph
 * freezes every launch argument: a learning rate passed by value would never change again. */
enum { VN_LR, VN_N_SCALARS }; /* slots of vn_run.scalar */
typedef struct vn_run {
    const int64_t *step;  /* device pointer: optimizer steps done so far */
    const float *scalar;  /* device pointer: [VN_N_SCALARS] */
    uint64_t seed;        /* constant per run; Philox mixes in `step` and the stream */
} vn_run;

/* For kernels of the host: optimizer steps that changed the weights, this one included, without those
 * that `counts` of op rescale (or NULL) says were left out. */
static inline int64_t vn_steps_taken(const vn_run *run, const int64_t *counts)
{
    return *run->step + 1 - (counts ? counts[1] : 0);
}

/* One operation with everything decided: the only thing a kernel is ever handed. */
typedef struct vn_call {
    vn_op op;
    int n_in, n_out;
    vn_tensor in[VN_MAX_IN], out[VN_MAX_OUT];
    const void *attr;  /* vn_attr_* of the op */
    void *scratch;     /* the shared bytes the kernel asked for, 64-byte aligned */
    uint32_t fixed;    /* bit i: input i stays as it is from one settling of the recording to the next */
    void *kept;        /* what the kernel's `settle` made of them, 64-byte aligned; NULL: nothing yet */
    uint32_t node;     /* index in the graph, for messages */
    const vn_run *run;
} vn_call;

/* Is this a product whose factors in f32 are rounded? */
static inline bool vn_rounds(const vn_call *c)
{
    if (c->op == VN_OP_LINEAR) return ((const vn_attr_linear *)c->attr)->tf32;
    return c->op == VN_OP_MATMUL && ((const vn_attr_matmul *)c->attr)->tf32;
}

/* Why a call with other numbers than f32 is not for a fast kernel; NULL if all are f32. An absent
 * tensor is all zeros, which reads as f32. */
static inline bool vn_other_real(vn_dtype t) { return t == VN_F64 || vn_is_low(t); }

static inline const char *vn_not_f32(const vn_call *c)
{
    if (vn_rounds(c)) return "factors are rounded to tf32";
    for (int i = 0; i < c->n_in; i++)
        if (vn_other_real(c->in[i].dtype)) return "numbers are not f32";
    for (int i = 0; i < c->n_out; i++)
        if (vn_other_real(c->out[i].dtype)) return "numbers are not f32";
    return NULL;
}

/* Why a product is not for a kernel of low factors (linear, matmul), whose factors have one type of
 * 16 bits and whose other numbers are f32; NULL if it is. */
static inline const char *vn_not_low(const vn_call *c)
{
    if (!vn_is_low(c->in[0].dtype) || c->in[1].dtype != c->in[0].dtype)
        return "factors are not both bf16 or both f16";
    if (c->out[0].dtype != VN_F32 || (c->n_in > 2 && vn_other_real(c->in[2].dtype)))
        return "numbers beside the factors are not f32";
    return NULL;
}

typedef struct vn_scratch {
    size_t shared, per_lane; /* bytes */
} vn_scratch;

typedef struct vn_stream vn_stream;

/* One way to compute one op. */
typedef struct vn_kernel {
    const char *name;                         /* "softmax_f32_avx2": plans, profiles, tests, benchmarks */
    uint64_t need;                            /* capability bits the device must have, all of them */
    const char *(*unfit)(const vn_call *c);   /* NULL: can take this call; else why not */
    vn_scratch (*scratch)(const vn_call *c);  /* NULL: none */
    void (*launch)(const vn_call *c, vn_stream *s);
    bool meets; /* of a CPU kernel: its lanes wait for each other, so all must run at once */
    size_t (*keep)(const vn_call *c); /* bytes worth keeping of inputs that are fixed; NULL or 0: none */
    void (*settle)(const vn_call *c, vn_stream *s); /* makes c->kept of them; lanes share it as launch */
} vn_kernel;

/* A call bound to the kernel chosen for it. */
typedef struct vn_step {
    const vn_kernel *kernel;
    vn_call call;
    double flops, bytes; /* its cost; both 0: not known */
    int members;         /* this step and the members - 1 behind it are one node's, of as many members, and
                            independent of each other; 0 of those behind it */
} vn_step;

#endif

/* The parameters of a model: names, shapes, one flat f32 block; of an ensemble one for each member, the
 * blocks one behind the other.
 *
 * The first graph declares them; later graphs (validation, forecast) bind by name, and a mismatch
 * is a BUG. Layout: matrices first (they may decay), then the rest, each 64 elements aligned, so
 * that the optimizer is one call over the block. */
#ifndef VN_GRAPH_PARAMS_H
#define VN_GRAPH_PARAMS_H

#include "base/arena.h"
#include "device/tensor.h"

typedef enum vn_init_kind { VN_INIT_UNIFORM, VN_INIT_CONSTANT, VN_INIT_NORMAL } vn_init_kind;

typedef struct vn_init {
    vn_init_kind kind;
    double a; /* UNIFORM: in [-a, a); CONSTANT: the value; NORMAL: standard deviation, mean 0 */
} vn_init;

typedef struct vn_param_entry {
    const char *name;
    vn_tensor t;      /* shape; dtype F32 */
    vn_init init;
    int64_t offset;   /* elements from the start of the block, after vn_params_layout */
} vn_param_entry;

typedef struct vn_params {
    vn_arena arena;
    vn_param_entry *entry;
    int n, cap;
    bool closed;       /* laid out: no further entries */
    int members;       /* of an ensemble, else 1; until the block is laid out */
    int64_t n_block;   /* elements of a member's block, padding included (padding stays 0) */
    int64_t n_decay;   /* leading elements that weight decay applies to */
    int64_t n_numbers; /* trainable numbers of a member, without padding */
    float *block;      /* [members, n_block] host memory, 256-byte aligned */
    uint64_t version;  /* counts changes of the block; plans rerun their prologue */
} vn_params;

vn_status vn_params_open(vn_params **p);
void vn_params_close(vn_params *p);

/* The index of `name`, declared if it is new and the block is not laid out yet; -1 with the
 * failure recorded. */
int vn_params_bind(vn_params *p, const char *name, const vn_tensor *shape, vn_init init);
int vn_params_find(const vn_params *p, const char *name); /* -1 if absent */

/* Give every entry its place and allocate the block (zeroed). Once. */
vn_status vn_params_layout(vn_params *p);

/* Bytes of the block, of all members. */
size_t vn_params_bytes(const vn_params *p);

/* Draw every entry from (seed + member, its name): the same numbers whatever else the model holds. */
void vn_params_draw(vn_params *p, uint64_t seed);

#endif

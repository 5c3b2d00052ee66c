/* How the recurrent layers of a recording are computed: by their kernels or by cuDNN, timed once a
 * shape, the faster one kept. */
#ifndef VN_KERNELS_CUDA_LAYERS_H
#define VN_KERNELS_CUDA_LAYERS_H

#include "kernels_cuda/cudnn.h"

/* What a device knows: the library, what the user wished, what was chosen before. */
typedef struct vn_layers {
    vn_cudnn lib;   /* library NULL: there is none, or it is not wanted */
    char about[72]; /* what computes them, to be said behind what multiplies; or "" */
    int forced;     /* one way, untimed, where the library takes the layer; 0: the faster one */
    int state;      /* of the library: asked by a probe, and what came of it */
    struct vn_layer_memory *memory;
} vn_layers;

/* `wish` as that of products; only "auto" and the names of ways (layers.c) open the library. */
void vn_layers_open(vn_layers *layers, const char *wish);
void vn_layers_close(vn_layers *layers);

/* A layer of a recording that something is chosen for: its step alone, or with the steps that make
 * its gradients, which are one piece of work then. */
typedef struct vn_layer_steps vn_layer_steps;

/* How the backend starts step i of the recording, or more of them, before `last`; how many. */
typedef int vn_layer_own(void *ctx, int i, int last, vn_stream *s);

/* The layer at step i of n, all of which have scratch; *out NULL if there is nothing to choose.
 * Kernels run on `s` and write the outputs of its steps. */
vn_status vn_layers_choose(vn_layers *layers, vn_cuda_stream *s, const vn_step *steps, int n, int i,
                           vn_layer_own *own, void *ctx, vn_layer_steps **out);
void vn_layer_drop(const vn_layers *layers, vn_layer_steps *l);

/* The first of its gradient's steps, -1: none; scratch it needs; what was chosen, in words. */
int vn_layer_back(const vn_layer_steps *l);
size_t vn_layer_scratch(const vn_layer_steps *l);
const char *vn_layer_text(const vn_layer_steps *l);

/* Does the library compute it in a replay of steps [first, last)? Then step i starts how many of
 * them, with `scratch`; 0 if the library refuses. */
bool vn_layer_taken(const vn_layer_steps *l, int first, int last);
int vn_layer_launch(const vn_layers *layers, const vn_layer_steps *l, int i, void *scratch,
                    vn_stream *s);

/* ---- layer_steps.c ---- */

/* Steps of a recording; back -1 and last first + 1: the layer has no gradient. */
typedef struct vn_layer_range {
    int first, back, last;
} vn_layer_range;

/* The layer at step f of n and its gradient, if it has one; false if the library cannot make it. */
bool vn_layer_find(const vn_step *steps, int n, int f, vn_layer_range *l, vn_recurrence *r,
                   vn_recurrence_memory *m);
/* May dx be written while the library still reads everything else? */
bool vn_layer_dx_stays(const vn_recurrence_memory *m, const vn_recurrence *r);

#endif

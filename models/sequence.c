/* Inputs and decoder of the models that work step by step; see sequence.h. */
#include "models/sequence.h"

#include <math.h>
#include <stdio.h>

vn_val vn_sequence_stat(vn_graph *g, const vn_task *t, int64_t T)
{
    if (!t->stat) return 0;
    vn_val stat = vn_reshape(g, t->stat, VN_DIMS(t->B, 1, t->S));
    return vn_broadcast(g, stat, VN_DIMS(t->B, T, t->S));
}

vn_val vn_sequence_inputs(vn_graph *g, const vn_task *t)
{
    vn_val futr = t->futr ? vn_slice(g, t->futr, 1, 0, t->L) : 0;
    return vn_concat(g, 2, (vn_val[]){ t->y, t->hist, vn_sequence_stat(g, t, t->L), futr }, 4);
}

vn_val vn_sequence_adapt(vn_graph *g, const vn_task *t, vn_val x)
{
    vn_init init = { VN_INIT_UNIFORM, 1 / sqrt((double)t->L) };
    vn_val w = vn_param(g, "adapter.weight", VN_DIMS(t->H, t->L), init);
    vn_val b = vn_param(g, "adapter.bias", VN_DIMS(t->H), init);
    return vn_add(g, vn_matmul(g, w, x, false, false), vn_reshape(g, b, VN_DIMS(t->H, 1)));
}

vn_val vn_sequence_decode(vn_graph *g, const vn_task *t, vn_val x, int64_t layers, int64_t width)
{
    vn_val futr = t->futr ? vn_slice(g, t->futr, 1, t->L, t->H) : 0;
    x = vn_concat(g, 2, (vn_val[]){ x, futr }, 2);
    vn_push(g, "decoder");
    for (int64_t i = 1; i < layers; i++) {
        char layer[16];
        snprintf(layer, sizeof layer, "fc%d", (int)i);
        x = vn_dense(g, layer, x, width, VN_UNARY_RELU);
    }
    x = vn_dense(g, "out", x, t->P, VN_UNARY_NONE);
    vn_pop(g);
    return x;
}

/* What models share that read the window step by step and forecast all steps of the horizon alike. */
#ifndef VN_MODELS_SEQUENCE_H
#define VN_MODELS_SEQUENCE_H

#include "models/model.h"

/* stat [B, S] at each of T steps: [B, T, S]; 0 if there is none. */
vn_val vn_sequence_stat(vn_graph *g, const vn_task *t, int64_t T);

/* [B, L, 1 + X + S + F]: target, past features, static features repeated, known features. */
vn_val vn_sequence_inputs(vn_graph *g, const vn_task *t);

/* [B, L, C] -> [B, H, C]: one matrix over time for all channels, "adapter.weight" [H, L] and
 * "adapter.bias". */
vn_val vn_sequence_adapt(vn_graph *g, const vn_task *t, vn_val x);

/* x [B, H, C] and the known features of the horizon through `layers` linear layers, ReLU between
 * them: [B, H, P]. Parameters "decoder/fc1.weight" ..., "decoder/out.weight", and biases. */
vn_val vn_sequence_decode(vn_graph *g, const vn_task *t, vn_val x, int64_t layers, int64_t width);

#endif

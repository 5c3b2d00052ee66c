/* What the recurrent models share: the inputs of a step, layers on top of each other, and
 * neuralforecast's decoder. Parameters: "encoder/layer0.weight_ih" ..., "decoder/fc1.weight" ...,
 * "decoder/out.weight", "upsample.weight". */
#ifndef VN_MODELS_RECURRENT_H
#define VN_MODELS_RECURRENT_H

#include "models/sequence.h"

enum { VN_RNN_LAYERS_MAX = 8 };

typedef struct vn_rnn_spec {
    bool gru; /* else LSTM */
    int64_t layers, units;
    double dropout; /* between layers; 0 outside training */
} vn_rnn_spec;

/* State of every layer, [B, units] each; 0: zeros. */
typedef struct vn_rnn_state {
    vn_val h[VN_RNN_LAYERS_MAX], c[VN_RNN_LAYERS_MAX];
} vn_rnn_state;

/* Layers "<name>/layer0" ... over x [B, T, I]: states of the last one [B, T, units]. `state` is
 * where they start and receives where they end. */
vn_val vn_rnn_layers(vn_graph *g, const char *name, const vn_rnn_spec *spec, vn_val x,
                     vn_rnn_state *state);

/* Hidden states [B, L, units] to a forecast [B, H, P]: the last H of them (where there are fewer,
 * and with `all`, L are mapped to H by one matrix over time), with the known features of the
 * horizon through `layers` linear layers, ReLU between them. */
vn_val vn_rnn_decode(vn_graph *g, const vn_task *t, vn_val hidden, bool all, int64_t layers,
                     int64_t width);

#endif

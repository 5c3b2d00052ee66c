/* Inputs, layers and decoder of the recurrent models; see recurrent.h. */
#include "models/recurrent.h"

#include <stdio.h>

vn_val vn_rnn_layers(vn_graph *g, const char *name, const vn_rnn_spec *spec, vn_val x,
                     vn_rnn_state *state)
{
    vn_push(g, "%s", name);
    for (int64_t i = 0; i < spec->layers; i++) {
        char layer[16];
        snprintf(layer, sizeof layer, "layer%d", (int)i);
        if (i) x = vn_dropout(g, x, spec->dropout);
        vn_recurrent out = spec->gru ? vn_gru(g, layer, x, spec->units, state->h[i])
                                     : vn_lstm(g, layer, x, spec->units, state->h[i], state->c[i]);
        x = out.h;
        state->h[i] = out.last_h;
        state->c[i] = out.last_c;
    }
    vn_pop(g);
    return x;
}

/* [B, L, units] -> [B, H, units] */
static vn_val on_horizon(vn_graph *g, const vn_task *t, vn_val hidden, bool all)
{
    if (t->H <= t->L && !all) return vn_slice(g, hidden, 1, t->L - t->H, t->H);
    static const int swap[] = { 0, 2, 1 };
    vn_val by_unit = vn_permute(g, hidden, swap);
    return vn_permute(g, vn_dense(g, "upsample", by_unit, t->H, VN_UNARY_NONE), swap);
}

vn_val vn_rnn_decode(vn_graph *g, const vn_task *t, vn_val hidden, bool all, int64_t layers,
                     int64_t width)
{
    return vn_sequence_decode(g, t, on_horizon(g, t, hidden, all), layers, width);
}

/* Recurrent layers with their own parameters. */
#include <math.h>
#include <stdio.h>

#include "graph/build.h"

/* The four parameters of a layer of `rows` = G n gates, after x in the op's order. */
static void declare(vn_graph *g, const char *name, vn_val x, int64_t rows, int64_t n, vn_val *in)
{
    static const char *const part[] = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" };
    if (g->status) return;
    int64_t n_in = vn_last_dim(&vn_value_of(g, x)->t);
    vn_init init = { .kind = VN_INIT_UNIFORM, .a = 1 / sqrt((double)n) };
    for (int i = 0; i < 4; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s.%s", name, part[i]);
        const int64_t dims[] = { rows, i > 1 ? 0 : i ? n : n_in, 0 };
        in[i] = vn_param(g, path, dims, init);
    }
}

vn_recurrent vn_lstm(vn_graph *g, const char *name, vn_val x, int64_t n, vn_val h0, vn_val c0)
{
    vn_val in[7] = { x, 0, 0, 0, 0, h0, c0 }, out[VN_MAX_OUT] = { 0 };
    declare(g, name, x, 4 * n, n, in + 1);
    vn_emit(g, VN_OP_LSTM, in, 7, NULL, out);
    return (vn_recurrent){ .h = out[0], .last_h = out[1], .last_c = out[2] };
}

vn_recurrent vn_gru(vn_graph *g, const char *name, vn_val x, int64_t n, vn_val h0)
{
    vn_val in[6] = { x, 0, 0, 0, 0, h0 }, out[VN_MAX_OUT] = { 0 };
    declare(g, name, x, 3 * n, n, in + 1);
    vn_emit(g, VN_OP_GRU, in, 6, NULL, out);
    return (vn_recurrent){ .h = out[0], .last_h = out[1] };
}

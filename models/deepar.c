/* DeepAR: a distribution of the next value from an LSTM over past values; a forecast is a bundle of
 * paths, each fed with its own draws.
 *
 *     x_p    = [ z_{p-l} for l in lags | stat | log scale | futr_p | hist_{p-h} ]
 *     h_p    = LSTM(x_p),  raw_p = W h_p + b,  z_p ~ distribution(raw_p)
 *     train  -sum_p log p(z_p) over the context's steps but the first and the horizon's
 *     draw   the states after the context, then h steps in which z_{p-l} are the path's own draws
 *
 * z is y over the mean of |y| in the context. Salinas, Flunkert, Gasthaus and Januschowski, "DeepAR:
 * Probabilistic forecasting with autoregressive recurrent networks", IJF 36, 2020; lags, age, log of
 * the scale, mean loss and sizes are those of GluonTS (torch/model/deepar); that the mean of the weights
 * over the last steps forecasts is ours (bench/results, 2026-11-22-deepar.md). Past features enter h
 * steps late, where they are known for the whole horizon; GluonTS has none. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/philox.h"
#include "models/lags.h"
#include "models/recurrent.h"

#define HPARAMS(X) \
    X(INT, context_length, "0", 0, 100000, NULL, "steps the LSTM runs over before the forecast; 0: h") \
    X(INTS, lags, "[]", 1, 100000, NULL, "past values that are inputs, ascending; empty: by the frequency") \
    X(INT, max_lag, "1200", 1, 100000, NULL, "largest lag chosen by the frequency") \
    X(INT, num_layers, "2", 1, VN_RNN_LAYERS_MAX, NULL, "LSTM layers") \
    X(INT, hidden_size, "40", 1, 65536, NULL, "units of a layer") \
    X(FLOAT, dropout, "0.1", 0, 0.99, NULL, "dropout between layers")

typedef struct deepar {
    VN_OPTION_STRUCT(HPARAMS)
} deepar;

#define VN_OPTION_OF deepar
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

enum { AT_ONCE = VN_MAX_IN };

static int64_t largest_lag(const deepar *hp) { return hp->lags.v[hp->lags.n - 1]; }

/* Lags and context where they are left open, and the window they need. */
static vn_status settle(void *hparams, const vn_pace *pace, int64_t *input_size)
{
    deepar *hp = hparams;
    if (hp->context_length == 0) hp->context_length = pace->h > 1 ? pace->h : 2;
    if (hp->context_length < 2)
        return VN_FAIL(VN_E_ARGUMENT, "deepar: context_length is 1; it must be 2 or more");
    if (hp->lags.n == 0) hp->lags.n = vn_lags_of(pace, hp->max_lag, hp->lags.v);
    for (int64_t i = 1; i < hp->lags.n; i++)
        if (hp->lags.v[i] <= hp->lags.v[i - 1])
            return VN_FAIL(VN_E_ARGUMENT,
                           "deepar: lags are not ascending: %" PRId64 " follows %" PRId64,
                           hp->lags.v[i], hp->lags.v[i - 1]);
    int64_t need = hp->context_length - 1 + largest_lag(hp);
    if (*input_size && *input_size < need)
        return VN_FAIL(VN_E_ARGUMENT,
                       "deepar: input_size %" PRId64 " is too short: context_length %" PRId64
                       " and a lag of %" PRId64 " need %" PRId64 ": give a smaller max_lag, lags or "
                       "context_length",
                       *input_size, hp->context_length, largest_lag(hp), need);
    if (!*input_size) *input_size = need;
    return VN_OK;
}

static int64_t context(const void *hparams) { return ((const deepar *)hparams)->context_length; }

/* All of n values one after the other along an axis. */
static vn_val join(vn_graph *g, int axis, vn_val *v, int64_t n)
{
    while (n > 1) {
        int64_t out = 0;
        for (int64_t i = 0; i < n; i += AT_ONCE)
            v[out++] = vn_concat(g, axis, v + i, (int)(n - i < AT_ONCE ? n - i : AT_ONCE));
        n = out;
    }
    return v[0];
}

/* z_{p-l} for T steps from row `first` of z [B, ., 1]: [B, T, lags]. */
static vn_val lagged(vn_graph *g, const deepar *hp, vn_val z, int64_t first, int64_t T)
{
    vn_val v[VN_LIST_MAX] = { 0 };
    for (int64_t i = 0; i < hp->lags.n; i++)
        v[i] = vn_slice(g, z, 1, first - hp->lags.v[i], T);
    return join(g, 2, v, hp->lags.n);
}

/* What a step knows beside past values, for T steps from row `first`: [B, T, .]. */
static vn_val features(vn_graph *g, const vn_task *t, int64_t first, int64_t T)
{
    static const double none[] = { 0 };
    vn_val size = t->scale ? vn_apply(g, VN_UNARY_LOG, t->scale)
                           : vn_const(g, "no_scale", VN_DIMS(1, 1, 1), none);
    size = vn_broadcast(g, size, VN_DIMS(t->B, T, 1));
    vn_val futr = t->futr ? vn_slice(g, t->futr, 1, first, T) : 0;
    vn_val hist = t->hist ? vn_pad(g, t->hist, 1, t->H, t->L + t->H) : 0;
    if (hist) hist = vn_slice(g, hist, 1, first, T);
    return vn_concat(g, 2, (vn_val[]){ vn_sequence_stat(g, t, T), size, futr, hist }, 4);
}

/* Weights as lstm_sample wants them. They depend on parameters alone: made once a version. */
static vn_val packed(vn_graph *g, const deepar *hp, int64_t n_in, int64_t P)
{
    static const char *const part[] = { "weight_ih", "weight_hh", "bias_ih", "bias_hh" };
    vn_val v[4 * VN_RNN_LAYERS_MAX + 2] = { 0 };
    int64_t n = 0, U = hp->hidden_size;
    vn_init init = { VN_INIT_UNIFORM, 1 / sqrt((double)U) };
    char name[64];
    for (int64_t l = 0; l < hp->num_layers; l++)
        for (int i = 0; i < 4; i++) {
            int64_t width = i > 1 ? 0 : i ? U : l ? U : n_in;
            snprintf(name, sizeof name, "rnn/layer%d.%s", (int)l, part[i]);
            v[n] = vn_param(g, name, (const int64_t[]){ 4 * U, width, 0 }, init);
            v[n] = vn_reshape(g, v[n], VN_DIMS(4 * U * (width ? width : 1)));
            n++;
        }
    v[n++] = vn_reshape(g, vn_param(g, "out.weight", VN_DIMS(P, U), init), VN_DIMS(P * U));
    v[n++] = vn_param(g, "out.bias", VN_DIMS(P), init);
    return join(g, 0, v, n);
}

/* Paths from the states after the context: [B, H, paths] on the scale of the data. */
static vn_val draw(vn_graph *g, const deepar *hp, const vn_task *t, vn_val other, vn_rnn_state *s)
{
    double lags[VN_LIST_MAX];
    vn_val state[2 * VN_RNN_LAYERS_MAX] = { 0 };
    if (g->status) return 0;
    int64_t F = vn_last_dim(&vn_value_of(g, other)->t), U = hp->hidden_size;
    for (int64_t i = 0; i < hp->lags.n; i++) lags[i] = (double)hp->lags.v[i];
    for (int64_t l = 0; l < hp->num_layers; l++) {
        state[2 * l] = s->h[l];
        state[2 * l + 1] = s->c[l];
    }
    vn_val states = join(g, 1, state, 2 * hp->num_layers);
    vn_attr_sample attr = { .layers = hp->num_layers, .units = U, .paths = t->paths,
                            .kind = t->dist.kind, .comps = t->dist.comps,
                            .stream = (int64_t)vn_stream_of("paths") };
    vn_val in[] = { packed(g, hp, hp->lags.n + F, t->P),
                    vn_const(g, "lags", VN_DIMS(hp->lags.n), lags),
                    t->y,
                    other,
                    vn_reshape(g, states, VN_DIMS(t->B, hp->num_layers, 2, U)),
                    t->loc,
                    t->scale,
                    t->pairs };
    return vn_emit1(g, VN_OP_LSTM_SAMPLE, in, 8, &attr);
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const deepar *hp = hparams;
    int64_t past = hp->context_length - 1, first = t->L - past, T = past + t->H;
    int64_t steps = t->future ? T : past;
    vn_rnn_spec spec = { .layers = hp->num_layers, .units = hp->hidden_size,
                         .dropout = t->train ? hp->dropout : 0 };
    vn_rnn_state state = { { 0 }, { 0 } };
    vn_val z = vn_concat(g, 1, (vn_val[]){ t->y, t->future }, 2);
    vn_val other = features(g, t, first, T);
    vn_val known = steps < T ? vn_slice(g, other, 1, 0, steps) : other;
    vn_val x = vn_concat(g, 2, (vn_val[]){ lagged(g, hp, z, first, steps), known }, 2);
    vn_val h = vn_rnn_layers(g, "rnn", &spec, x, &state);
    if (t->future) return vn_dense(g, "out", h, t->P, VN_UNARY_NONE);
    return draw(g, hp, t, vn_slice(g, other, 1, past, t->H), &state);
}

/* GluonTS's, but the rate: it halves on a plateau of the training loss, here three times. What noise
 * the last steps leave in the weights is a bias of every step of a path and grows along it; the mean
 * of the weights is kept instead. M4-Hourly's validation rows, three seeds: sMAPE 12.9 and wQL 0.036
 * with the mean, 13.1 and 0.047 without. */
static const char *const presets[][2] = { { "loss", "studentt" },
                                          { "scaler_type", "mean_abs" },
                                          { "calendar", "auto, age" },
                                          { "start_padding", "always" },
                                          { "weight_decay", "1e-8" },
                                          { "gradient_clip_val", "10" },
                                          { "windows_batch_size", "32" },
                                          { "max_steps", "5000" },
                                          { "ema_decay", "0.99" },
                                          { NULL, NULL } };

const vn_model_def vn_model_deepar = {
    .name = "deepar",
    .alias = "DeepAR",
    .title = "DeepAR: LSTM with lagged inputs, forecasts drawn as paths (Salinas et al. 2020)",
    .papers = "Salinas, Flunkert, Gasthaus, Januschowski: \"DeepAR: Probabilistic forecasting "
              "with autoregressive recurrent networks\", IJF 36(3), 2020, arXiv:1704.04110",
    .options = options,
    .options_bytes = sizeof(deepar),
    .version = 1,
    .presets = presets,
    .settle = settle,
    .context = context,
    .build = build,
};

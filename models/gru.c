/* GRU (Cho et al., "On the Properties of Neural Machine Translation: Encoder-Decoder Approaches",
 * 2014): a recurrent encoder and a forecast from its last states, one pass for the whole horizon.
 *
 *     x_t  = [ y_t | hist_t | stat | futr_t ]
 *     h    = GRU(x), encoder_n_layers of them
 *     yhat = MLP([ h of the last H steps | futr of the horizon ])              states=last
 *     yhat = MLP([ A h over time, [L] -> [H] | futr of the horizon ])          states=all
 *
 * As neuralforecast defines it with recurrent=False, whose weights it takes: step k of the forecast
 * comes from the state at L - H + k, which has not seen the H - k newest values; states=all is its
 * map for H > L, at any length. Left out: its recurrent=True, which forecasts one step at a time
 * and feeds forecasts back. */
#include "models/recurrent.h"

enum { LAST, ALL }; /* states */

#define HPARAMS(X)                                                                                 \
    X(INT, encoder_n_layers, "2", 1, VN_RNN_LAYERS_MAX, NULL, "layers of the encoder")             \
    X(INT, encoder_hidden_size, "200", 1, 65536, NULL, "units of a layer")                         \
    X(FLOAT, encoder_dropout, "0", 0, 0.99, NULL, "dropout between the encoder's layers")          \
    X(ENUM, states, "last", 0, 0, "last|all",                                                      \
      "what is decoded. last: the states of the last h steps, the first of which has not seen "    \
      "the newest values; all: every state, by one matrix over time")                              \
    X(INT, decoder_layers, "2", 1, 64, NULL, "linear layers of the decoder, ReLU between them")    \
    X(INT, decoder_hidden_size, "128", 1, 65536, NULL, "width of the decoder's layers")

typedef struct gru {
    VN_OPTION_STRUCT(HPARAMS)
} gru;

#define VN_OPTION_OF gru
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

static vn_status check(const void *hparams, const vn_task *task)
{
    (void)hparams, (void)task; /* the options' ranges say it all */
    return VN_OK;
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const gru *hp = hparams;
    vn_rnn_spec spec = { .gru = true,
                         .layers = hp->encoder_n_layers,
                         .units = hp->encoder_hidden_size,
                         .dropout = t->train ? hp->encoder_dropout : 0 };
    vn_rnn_state state = { { 0 }, { 0 } };
    vn_val hidden = vn_rnn_layers(g, "encoder", &spec, vn_sequence_inputs(g, t), &state);
    return vn_rnn_decode(g, t, hidden, hp->states == ALL, hp->decoder_layers,
                         hp->decoder_hidden_size);
}

/* neuralforecast's. */
static const char *const presets[][2] = { { "scaler_type", "robust" },
                                          { "windows_batch_size", "128" },
                                          { "num_lr_decays", "-1" },
                                          { NULL, NULL } };

const vn_model_def vn_model_gru = {
    .name = "gru",
    .alias = "GRU",
    .title = "GRU: gated recurrent encoder, forecast from its last states (Cho et al. 2014)",
    .papers = "Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio: \"Learning "
              "Phrase Representations using RNN Encoder-Decoder for Statistical Machine "
              "Translation\", EMNLP 2014, arXiv:1406.1078",
    .options = options,
    .options_bytes = sizeof(gru),
    .version = 1,
    .presets = presets,
    .input_horizons = 3,
    .check = check,
    .build = build,
};

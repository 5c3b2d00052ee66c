/* LSTM with attention: an encoder reads the window, a decoder walks over the horizon with what is
 * known of it, and looks back at the encoder's steps. One pass for the whole horizon.
 *
 *     h_t     = LSTM([ y_t | hist_t | stat | futr_t ]),  t = 1 .. L
 *     d_k     = LSTM([ k / H | stat | futr_k ]) from the encoder's last states,  k = 1 .. H
 *     luong   e_kt = d_k' W_a h_t  (general)  or  v' tanh(W_d d_k + W_h h_t)  (additive)
 *             a_k = softmax_t(e_kt), unobserved steps left out;  c_k = sum_t a_kt h_t
 *             yhat_k = W_o tanh(W_c [c_k ; d_k]) + b_o
 *     interpretable  heads of their own W_Q, W_K share one W_V: a_k is the mean of theirs,
 *             c_k = W_O sum_t a_kt W_V h_t,  yhat_k = W_o LayerNorm(d_k + GLU(c_k)) + b_o
 *     none    yhat = MLP([ h of the last H steps | futr of the horizon ]),  no decoder
 *
 * Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine Translation",
 * EMNLP 2015; Bahdanau, Cho and Bengio, ICLR 2015 (additive); Lim et al., "Temporal Fusion
 * Transformers", IJF 2021, section 4.4 (interpretable). "none" is neuralforecast's LSTM with
 * recurrent=False and takes its weights. a is the output "attention" [B, H, L]. */
#include "models/recurrent.h"

#include <math.h>
#include <stdio.h>

enum { LUONG, INTERPRETABLE, NONE };
enum { GENERAL, ADDITIVE };

#define HPARAMS(X) \
    X(ENUM, attention, "luong", 0, 0, "luong|interpretable|none", \
      "luong: one set of weights; interpretable: several heads that share their values; none: " \
      "the last states alone") \
    X(ENUM, score, "general", 0, 0, "general|additive", "luong: d' W h, or v' tanh(W [d; h])") \
    X(INT, n_heads, "4", 1, 64, NULL, "interpretable: heads") \
    X(INT, encoder_n_layers, "2", 1, VN_RNN_LAYERS_MAX, NULL, "layers of encoder and decoder") \
    X(INT, encoder_hidden_size, "128", 1, 65536, NULL, "units of a layer") \
    X(FLOAT, encoder_dropout, "0", 0, 0.99, NULL, "dropout between layers") \
    X(INT, decoder_layers, "2", 1, 64, NULL, "none: linear layers of the decoder, ReLU between") \
    X(INT, decoder_hidden_size, "128", 1, 65536, NULL, "none: width of the decoder's layers") \
    X(ENUM, compat, "none", 0, 0, "none|nixtla", \
      "nixtla: neuralforecast's LSTM, for its weights; needs attention=none")

typedef struct lstm_attention {
    VN_OPTION_STRUCT(HPARAMS)
} lstm_attention;

#define VN_OPTION_OF lstm_attention
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

/* Added to the score of a step that was not observed. */
static const double left_out = -1e9;

static vn_status check(const void *hparams, const vn_task *task)
{
    const lstm_attention *hp = hparams;
    (void)task;
    if (hp->compat && hp->attention != NONE)
        return VN_FAIL(VN_E_ARGUMENT,
                       "lstm-attention: compat=nixtla is neuralforecast's LSTM, which has no "
                       "attention; give attention=none too");
    if (hp->attention == INTERPRETABLE && hp->encoder_hidden_size % hp->n_heads)
        return VN_FAIL(VN_E_ARGUMENT,
                       "lstm-attention: encoder_hidden_size %lld is no multiple of n_heads %lld",
                       (long long)hp->encoder_hidden_size, (long long)hp->n_heads);
    return VN_OK;
}

/* "<name>.weight" [n_out, n_in] without bias: x [.., n_in] -> [.., n_out]. */
static vn_val project(vn_graph *g, const char *name, vn_val x, int64_t n_in, int64_t n_out)
{
    vn_init init = { VN_INIT_UNIFORM, 1 / sqrt((double)n_in) };
    char weight[64];
    snprintf(weight, sizeof weight, "%s.weight", name);
    vn_val w = vn_param(g, weight, VN_DIMS(n_out, n_in), init);
    return vn_linear(g, x, w, 0, VN_UNARY_NONE);
}

/* [B, H, 1 + S + F]: how far into the horizon, static and known features. */
static vn_val horizon_inputs(vn_graph *g, const vn_task *t)
{
    double *part = vn_arena_array(&g->arena, (size_t)t->H, sizeof *part);
    if (!part) return vn_refuse(g, VN_E_MEMORY, "no memory for %lld steps", (long long)t->H);
    for (int64_t k = 0; k < t->H; k++) part[k] = (double)(k + 1) / (double)t->H;
    vn_val position = vn_const(g, "position", VN_DIMS(1, t->H, 1), part), stat = t->stat;
    position = vn_broadcast(g, position, VN_DIMS(t->B, t->H, 1));
    if (stat) {
        stat = vn_reshape(g, stat, VN_DIMS(t->B, 1, t->S));
        stat = vn_broadcast(g, stat, VN_DIMS(t->B, t->H, t->S));
    }
    vn_val futr = t->futr ? vn_slice(g, t->futr, 1, t->L, t->H) : 0;
    return vn_concat(g, 2, (vn_val[]){ position, stat, futr }, 3);
}

/* Softmax over the observed steps of scores [B, heads, H, L]. */
static vn_val weigh(vn_graph *g, const vn_task *t, vn_val scores)
{
    vn_val out = vn_affine(g, t->mask, -left_out, left_out);
    out = vn_reshape(g, out, VN_DIMS(t->B, 1, 1, t->L));
    return vn_softmax(g, vn_add(g, scores, out));
}

/* [B, H, L] of decoder d [B, H, D] and encoder h [B, L, D]. */
static vn_val luong_scores(vn_graph *g, const lstm_attention *hp, const vn_task *t, vn_val d,
                           vn_val h, int64_t D)
{
    if (hp->score == GENERAL)
        return vn_matmul(g, project(g, "query", d, D, D), h, false, true);
    vn_val query = vn_reshape(g, project(g, "query", d, D, D), VN_DIMS(t->B, t->H, 1, D));
    vn_val key = vn_reshape(g, project(g, "key", h, D, D), VN_DIMS(t->B, 1, t->L, D));
    vn_val both = vn_apply(g, VN_UNARY_TANH, vn_add(g, query, key));
    return vn_reshape(g, project(g, "score", both, D, 1), VN_DIMS(t->B, t->H, t->L));
}

static vn_val luong(vn_graph *g, const lstm_attention *hp, const vn_task *t, vn_val d, vn_val h)
{
    int64_t D = hp->encoder_hidden_size;
    vn_val scores = luong_scores(g, hp, t, d, h, D);
    vn_val a = weigh(g, t, vn_reshape(g, scores, VN_DIMS(t->B, 1, t->H, t->L)));
    a = vn_reshape(g, a, VN_DIMS(t->B, t->H, t->L));
    vn_show(g, "attention", a);
    vn_val context = vn_matmul(g, a, h, false, false);
    vn_val both = vn_concat(g, 2, (vn_val[]){ context, d }, 2);
    return vn_apply(g, VN_UNARY_TANH, project(g, "combine", both, 2 * D, D));
}

/* [B, T, D] -> [B heads, T, D / heads] */
static vn_val split_heads(vn_graph *g, vn_val x, const vn_task *t, int64_t T, int64_t heads,
                          int64_t width)
{
    x = vn_reshape(g, x, VN_DIMS(t->B, T, heads, width));
    return vn_reshape(g, vn_permute(g, x, (int[]){ 0, 2, 1, 3 }), VN_DIMS(t->B * heads, T, width));
}

static vn_val interpretable(vn_graph *g, const lstm_attention *hp, const vn_task *t, vn_val d,
                            vn_val h)
{
    int64_t D = hp->encoder_hidden_size, heads = hp->n_heads, width = D / heads;
    vn_val query = split_heads(g, project(g, "query", d, D, D), t, t->H, heads, width);
    vn_val key = split_heads(g, project(g, "key", h, D, D), t, t->L, heads, width);
    vn_val scores = vn_matmul(g, query, key, false, true);
    scores = vn_affine(g, scores, 1 / sqrt((double)width), 0);
    vn_val a = weigh(g, t, vn_reshape(g, scores, VN_DIMS(t->B, heads, t->H, t->L)));
    a = vn_affine(g, vn_sumto(g, a, VN_DIMS(t->B, 1, t->H, t->L)), 1 / (double)heads, 0);
    a = vn_reshape(g, a, VN_DIMS(t->B, t->H, t->L));
    vn_show(g, "attention", a);
    vn_val context = vn_matmul(g, a, project(g, "value", h, D, width), false, false);
    vn_val both = vn_dense(g, "gate", project(g, "out", context, width, D), 2 * D, VN_UNARY_NONE);
    vn_val gate = vn_apply(g, VN_UNARY_SIGMOID, vn_slice(g, both, 2, D, D));
    vn_val passed = vn_mul(g, vn_slice(g, both, 2, 0, D), gate);
    return vn_layernorm(g, "norm", vn_add(g, d, passed), 1e-3); /* eps of the peer's TFT */
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const lstm_attention *hp = hparams;
    vn_rnn_spec spec = { .layers = hp->encoder_n_layers, .units = hp->encoder_hidden_size,
                         .dropout = t->train ? hp->encoder_dropout : 0 };
    vn_rnn_state state = { { 0 }, { 0 } };
    vn_val h = vn_rnn_layers(g, "encoder", &spec, vn_sequence_inputs(g, t), &state);
    if (hp->attention == NONE)
        return vn_rnn_decode(g, t, h, false, hp->decoder_layers, hp->decoder_hidden_size);
    vn_val d = vn_rnn_layers(g, "decoder", &spec, horizon_inputs(g, t), &state);
    vn_push(g, "attention");
    vn_val top = hp->attention == LUONG ? luong(g, hp, t, d, h) : interpretable(g, hp, t, d, h);
    vn_pop(g);
    return vn_dense(g, "out", top, t->P, VN_UNARY_NONE);
}

/* neuralforecast's of its LSTM. */
static const char *const presets[][2] = { { "scaler_type", "robust" },
                                          { "windows_batch_size", "128" },
                                          { "num_lr_decays", "-1" },
                                          { NULL, NULL } };

const vn_model_def vn_model_lstm_attention = {
    .name = "lstm-attention",
    .alias = "LSTM",
    .title = "LSTM encoder and decoder with attention over the input (Luong et al. 2015)",
    .papers = "Hochreiter, Schmidhuber: \"Long Short-Term Memory\", Neural Computation 9(8), 1997\n"
              "Luong, Pham, Manning: \"Effective Approaches to Attention-based Neural Machine "
              "Translation\", EMNLP 2015, arXiv:1508.04025\n"
              "interpretable: Lim, Arik, Loeff, Pfister: \"Temporal Fusion Transformers for "
              "Interpretable Multi-horizon Time Series Forecasting\", IJF 37(4), 2021, "
              "arXiv:1912.09363",
    .options = options,
    .options_bytes = sizeof(lstm_attention),
    .version = 1,
    .presets = presets,
    .input_horizons = 3,
    .check = check,
    .build = build,
};

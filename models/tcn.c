/* TCN (Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and Recurrent
 * Networks for Sequence Modeling", 2018): causal dilated convolutions over the window.
 *
 *     x_t      = [ y_t | hist_t | stat | futr_t ]
 *     residual   block i: two convolutions of dilation d_i, weights g v / |v|, each with ReLU and
 *                dropout; x = ReLU(block(x) + skip x), skip a matrix where the width changes
 *     nixtla     one convolution a layer with ReLU, as neuralforecast's TCN, whose weights it takes
 *     context  = A x over time, [L] -> [H] for every channel
 *     yhat     = MLP([ context | futr of the horizon ])
 *
 * Dilations double from 1 until the last step sees the whole window. Left out: other activations. */
#include "models/sequence.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { RESIDUAL, NIXTLA };

#define HPARAMS(X) \
    X(ENUM, variant, "residual", 0, 0, "residual|nixtla", \
      "residual: blocks of the paper; nixtla: neuralforecast's plain layers") \
    X(INT, kernel_size, "3", 2, 1024, NULL, "taps of a convolution (nixtla: 2)") \
    X(INTS, dilations, "[]", 1, 1e6, NULL, \
      "dilation of each level; empty: doubling from 1 until the window is covered") \
    X(INT, encoder_hidden_size, "64", 1, 65536, NULL, "channels of a convolution (nixtla: 128)") \
    X(FLOAT, dropout, "0.2", 0, 0.99, NULL, "after every convolution of the residual variant") \
    X(INT, decoder_layers, "2", 1, 64, NULL, "linear layers of the decoder, ReLU between them") \
    X(INT, decoder_hidden_size, "128", 1, 65536, NULL, "width of the decoder's layers")

typedef struct tcn {
    VN_OPTION_STRUCT(HPARAMS)
} tcn;

#define VN_OPTION_OF tcn
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

/* Steps a level adds to what the last step sees, over its dilation. */
static int64_t reach(const tcn *hp)
{
    return (hp->variant == RESIDUAL ? 2 : 1) * (hp->kernel_size - 1);
}

/* Levels, and the dilation of level i. */
static int64_t levels(const tcn *hp, int64_t L)
{
    if (hp->dilations.n) return hp->dilations.n;
    int64_t n = 1;
    while (1 + reach(hp) * (((int64_t)1 << n) - 1) < L) n++;
    return n;
}

static int64_t dilation(const tcn *hp, int64_t i)
{
    return hp->dilations.n ? hp->dilations.v[i] : (int64_t)1 << i;
}

static vn_status check(const void *hparams, const vn_task *task)
{
    (void)hparams, (void)task; /* the options' ranges say it all */
    return VN_OK;
}

static void advise(const void *hparams, const vn_task *task, vn_text *out)
{
    const tcn *hp = hparams;
    int64_t seen = 1;
    for (int64_t i = 0; i < levels(hp, task->L); i++) seen += reach(hp) * dilation(hp, i);
    if (seen < task->L)
        vn_text_printf(out,
                       "tcn: the last step sees %" PRId64 " of the %" PRId64
                       " input steps; more or larger dilations, a larger kernel_size or a smaller "
                       "input_size would use the rest",
                       seen, task->L);
}

/* A causal convolution from `n_in` channels with parameters "<name>.*", its weights normalised a
 * channel or plain. */
static vn_val convolve(vn_graph *g, const tcn *hp, const char *name, vn_val x, int64_t n_in,
                       int64_t dil)
{
    int64_t n_out = hp->encoder_hidden_size, k = hp->kernel_size;
    vn_init init = { VN_INIT_UNIFORM, 1 / sqrt((double)(n_in * k)) };
    bool normed = hp->variant == RESIDUAL;
    char path[64];
    snprintf(path, sizeof path, "%s.%s", name, normed ? "weight_v" : "weight");
    vn_val w = vn_param(g, path, VN_DIMS(n_out, n_in, k), init);
    if (normed) {
        snprintf(path, sizeof path, "%s.weight_g", name);
        /* 1 / sqrt 3 is the length of such a v, from its variance: g v / |v| begins as v. */
        vn_val gain =
            vn_param(g, path, VN_DIMS(n_out), (vn_init){ VN_INIT_CONSTANT, sqrt(1 / 3.0) });
        vn_val square = vn_sumto(g, vn_apply(g, VN_UNARY_SQUARE, w), VN_DIMS(n_out, 1, 1));
        gain = vn_reshape(g, gain, VN_DIMS(n_out, 1, 1));
        w = vn_mul(g, w, vn_div(g, gain, vn_apply(g, VN_UNARY_SQRT, square)));
    }
    snprintf(path, sizeof path, "%s.bias", name);
    vn_val b = vn_param(g, path, VN_DIMS(n_out), init);
    vn_attr_conv attr = { .dilation = dil, .pad = (k - 1) * dil, .act = VN_UNARY_RELU };
    return vn_conv1d(g, x, w, b, &attr);
}

/* x [B, L, n_in] -> [B, L, channels] */
static vn_val level(vn_graph *g, const tcn *hp, const vn_task *t, vn_val x, int64_t n_in,
                    int64_t dil)
{
    if (hp->variant == NIXTLA) return convolve(g, hp, "conv", x, n_in, dil);
    int64_t width = hp->encoder_hidden_size;
    double drop = t->train ? hp->dropout : 0;
    vn_val y = vn_dropout(g, convolve(g, hp, "conv1", x, n_in, dil), drop);
    y = vn_dropout(g, convolve(g, hp, "conv2", y, width, dil), drop);
    if (n_in != width) x = vn_dense(g, "skip", x, width, VN_UNARY_NONE);
    return vn_apply(g, VN_UNARY_RELU, vn_add(g, y, x));
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const tcn *hp = hparams;
    vn_val x = vn_sequence_inputs(g, t);
    int64_t n_in = 1 + t->X + t->S + t->F;
    for (int64_t i = 0; i < levels(hp, t->L); i++) {
        vn_push(g, "level%d", (int)i);
        x = level(g, hp, t, x, n_in, dilation(hp, i));
        n_in = hp->encoder_hidden_size;
        vn_pop(g);
    }
    return vn_sequence_decode(g, t, vn_sequence_adapt(g, t, x), hp->decoder_layers,
                              hp->decoder_hidden_size);
}

/* neuralforecast's. */
static const char *const presets[][2] = { { "scaler_type", "robust" },
                                          { "windows_batch_size", "128" },
                                          { "num_lr_decays", "-1" },
                                          { NULL, NULL } };

const vn_model_def vn_model_tcn = {
    .name = "tcn",
    .alias = "TCN",
    .title = "TCN: causal dilated convolutions with residual blocks (Bai et al. 2018)",
    .papers = "Bai, Kolter, Koltun: \"An Empirical Evaluation of Generic Convolutional and "
              "Recurrent Networks for Sequence Modeling\", 2018, arXiv:1803.01271",
    .options = options,
    .options_bytes = sizeof(tcn),
    .version = 1,
    .presets = presets,
    .check = check,
    .advise = advise,
    .build = build,
};

/* Transformer (Vaswani et al., "Attention Is All You Need", NeurIPS 2017), encoder and decoder, as
 * the Informer family uses it for series (Zhou et al., AAAI 2021) and neuralforecast's
 * VanillaTransformer defines it:
 *
 *     embed(y, z)  = dropout(conv_3(y) going round + position + W z)
 *     encoder      x = embed(y, [futr | hist | stat]);  layers of attention and feed-forward
 *     decoder      x = embed([the last part of y | H zeros], [futr | stat]);  layers of attention
 * to itself and to the encoder, and feed-forward yhat         = W norm(the last H steps)
 *
 * Sums and norms around a part f: x = norm(x + f(x)) (post) or x + f(norm(x)) (pre). Only the last
 * H steps leave the last decoder layer, so only they are queries and feed-forward rows there.
 *
 *     head=time    no decoder: yhat = MLP([ A encoder's x over time, [L] -> [H] | futr ]), as in
 *                  the TCN
 *     head=flatten no decoder: yhat = one matrix from all of the encoder's x, then an MLP with futr
 *                  if any. With patch_len p the encoder's steps are L / p patches, each one matrix
 *                  of the p [ y | hist | stat | futr ] in it and a learned position: PatchTST (Nie
 *                  et al., ICLR 2023) without overlap; the scaler is to take off the level
 *
 * By default the decoder attends causally and nobody to steps that are not observed; compat=nixtla
 * attends to all of them, as the original does when it runs. Left out: dropout of attention
 * weights. */
#include "models/sequence.h"

#include <math.h>
#include <stdio.h>

enum { POST, PRE };              /* norm */
enum { DECODER, TIME, FLATTEN }; /* head */

static const double eps = 1e-5; /* of every norm, PyTorch's */

#define HPARAMS(X)                                                                                 \
    X(INT, hidden_size, "128", 2, 16384, NULL, "width of a step, a multiple of n_head")            \
    X(INT, n_head, "4", 1, 256, NULL, "heads of attention")                                        \
    X(INT, conv_hidden_size, "32", 1, 65536, NULL, "width inside the feed-forward part")           \
    X(INT, encoder_layers, "2", 1, 64, NULL, "layers of the encoder")                              \
    X(INT, decoder_layers, "1", 1, 64, NULL, "layers of the decoder")                              \
    X(FLOAT, dropout, "0.05", 0, 0.99, NULL,                                                       \
      "after embeddings, attention and both feed-forward layers")                                  \
    X(ENUM, activation, "gelu", 0, 0, "gelu|relu", "inside the feed-forward part")                 \
    X(ENUM, norm, "post", 0, 0, "post|pre", "normalise each sum, or what goes into each part")     \
    X(ENUM, head, "decoder", 0, 0, "decoder|time|flatten",                                         \
      "decoder: attention from the steps of the horizon, which bring no values and so learn "      \
      "slowly; time: the encoder alone, and one matrix over time; flatten: the encoder alone, "    \
      "and "                                                                                       \
      "one matrix from all its numbers")                                                           \
    X(INT, patch_len, "1", 1, 65536, NULL,                                                         \
      "head=flatten: input steps the encoder takes as one, as PatchTST; 8 or 16 learn faster and " \
      "better than 1")                                                                             \
    X(FLOAT, decoder_input_size_multiplier, "0.5", 0.001, 0.999, NULL,                             \
      "part of the input that the decoder begins with")                                            \
    X(ENUM, compat, "none", 0, 0, "none|nixtla",                                                   \
      "nixtla: the decoder is not causal and steps that are not observed are attended to, as in "  \
      "neuralforecast, whose weights then fit")

typedef struct transformer {
    VN_OPTION_STRUCT(HPARAMS)
} transformer;

#define VN_OPTION_OF transformer
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

/* Steps of the input that the decoder begins with. */
static int64_t label(const transformer *hp, const vn_task *t)
{
    return (int64_t)ceil((double)t->L * hp->decoder_input_size_multiplier);
}

static vn_status check(const void *hparams, const vn_task *t)
{
    const transformer *hp = hparams;
    if (hp->hidden_size % hp->n_head)
        return VN_FAIL(VN_E_ARGUMENT,
                       "transformer: hidden_size is %lld, no multiple of n_head (%lld)",
                       (long long)hp->hidden_size, (long long)hp->n_head);
    if (hp->hidden_size % 2)
        return VN_FAIL(VN_E_ARGUMENT,
                       "transformer: hidden_size is %lld; positions need an even number",
                       (long long)hp->hidden_size);
    if (hp->patch_len > 1 && hp->head != FLATTEN)
        return VN_FAIL(VN_E_ARGUMENT, "transformer: patch_len is %lld, which needs head=flatten",
                       (long long)hp->patch_len);
    if (hp->patch_len > t->L)
        return VN_FAIL(VN_E_ARGUMENT,
                       "transformer: patch_len is %lld, longer than the input of %lld steps",
                       (long long)hp->patch_len, (long long)t->L);
    return VN_OK;
}

/* What is the same all over one model. */
typedef struct spec {
    const transformer *hp;
    int64_t B, D;
    double dropout;
    bool causal;
    vn_val seen; /* [B, steps]: those of the encoder that may be attended to; 0: all */
} spec;

/* sin and cos of t / 10000^(2 i / D) at columns 2 i and 2 i + 1. Angles are rounded to float, as
 * where imported weights were trained. */
static vn_val positions(vn_graph *g, int64_t T, int64_t D)
{
    double *table = vn_arena_array(&g->arena, (size_t)(T * D), sizeof *table);
    if (!table) return vn_refuse(g, VN_E_MEMORY, "no memory for %lld positions", (long long)T);
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < D; i += 2) {
            float rate = expf((float)i * (float)(-log(10000.0) / (double)D));
            double angle = (double)((float)t * rate);
            table[t * D + i] = sin(angle);
            table[t * D + i + 1] = cos(angle);
        }
    return vn_const(g, "positions", VN_DIMS(T, D), table);
}

/* y [B, T, 1] and features z [B, T, n] (or 0) -> [B, T, D] */
static vn_val embed(vn_graph *g, const spec *s, const char *name, vn_val y, vn_val z, int64_t T,
                    int64_t n)
{
    /* Kaiming's normal for a leaky ReLU of slope 0.01, three inputs. */
    vn_init init = { VN_INIT_NORMAL, sqrt(2 / (1 + 1e-4) / 3) };
    vn_attr_conv round = { .dilation = 1, .pad = 1, .wrap = 1, .act = VN_UNARY_NONE };
    vn_push(g, "%s", name);
    vn_val w = vn_param(g, "token.weight", VN_DIMS(s->D, 1, 3), init);
    vn_val x = vn_conv1d(g, y, w, 0, &round);
    x = vn_add(g, x, positions(g, T, s->D));
    if (z) {
        vn_init uniform = { VN_INIT_UNIFORM, 1 / sqrt((double)n) };
        vn_val v = vn_param(g, "features.weight", VN_DIMS(s->D, n), uniform);
        x = vn_add(g, x, vn_linear(g, z, v, 0, VN_UNARY_NONE));
    }
    x = vn_dropout(g, x, s->dropout);
    vn_pop(g);
    return x;
}

/* Queries from x, keys and values from `from`. */
static vn_val attend(vn_graph *g, const spec *s, const char *name, vn_val x, vn_val from,
                     vn_val seen, bool causal)
{
    vn_push(g, "%s", name);
    vn_val q = vn_dense(g, "query", x, s->D, VN_UNARY_NONE);
    vn_val k = vn_dense(g, "key", from, s->D, VN_UNARY_NONE);
    vn_val v = vn_dense(g, "value", from, s->D, VN_UNARY_NONE);
    vn_val y = vn_attention(g, q, k, v, seen, s->hp->n_head, causal);
    y = vn_dropout(g, vn_dense(g, "out", y, s->D, VN_UNARY_NONE), s->dropout);
    vn_pop(g);
    return y;
}

static vn_val feed_forward(vn_graph *g, const spec *s, vn_val x)
{
    vn_unary act = s->hp->activation == 0 ? VN_UNARY_GELU : VN_UNARY_RELU;
    x = vn_dropout(g, vn_dense(g, "fc1", x, s->hp->conv_hidden_size, act), s->dropout);
    return vn_dropout(g, vn_dense(g, "fc2", x, s->D, VN_UNARY_NONE), s->dropout);
}

/* What goes into a part, and the sum with what came out. */
static vn_val into(vn_graph *g, const spec *s, const char *norm, vn_val x)
{
    return s->hp->norm == PRE ? vn_layernorm(g, norm, x, eps) : x;
}

static vn_val onto(vn_graph *g, const spec *s, const char *norm, vn_val x, vn_val part)
{
    x = vn_add(g, x, part);
    return s->hp->norm == POST ? vn_layernorm(g, norm, x, eps) : x;
}

static vn_val encoder_layer(vn_graph *g, const spec *s, vn_val x)
{
    vn_val in = into(g, s, "norm1", x);
    x = onto(g, s, "norm1", x, attend(g, s, "self", in, in, s->seen, false));
    return onto(g, s, "norm2", x, feed_forward(g, s, into(g, s, "norm2", x)));
}

/* x [B, T, D] -> the last `rows` steps of the layer's result. */
static vn_val decoder_layer(vn_graph *g, const spec *s, vn_val x, vn_val encoded, int64_t T,
                            int64_t rows)
{
    vn_val in = into(g, s, "norm1", x), query = in;
    if (rows < T) {
        query = vn_slice(g, in, 1, T - rows, rows);
        x = in == x ? query : vn_slice(g, x, 1, T - rows, rows);
    }
    x = onto(g, s, "norm1", x, attend(g, s, "self", query, in, 0, s->causal));
    in = into(g, s, "norm2", x);
    x = onto(g, s, "norm2", x, attend(g, s, "cross", in, encoded, s->seen, false));
    return onto(g, s, "norm3", x, feed_forward(g, s, into(g, s, "norm3", x)));
}

/* Patches of an input: an oldest one that is not full begins with steps nobody saw. */
static int64_t patches(const spec *s, const vn_task *t)
{
    return (t->L + s->hp->patch_len - 1) / s->hp->patch_len;
}

/* [B, L, C] -> [B, patches, patch_len C] */
static vn_val patch(vn_graph *g, const spec *s, const vn_task *t, vn_val x, int64_t C)
{
    int64_t n = patches(s, t), p = s->hp->patch_len;
    if (n * p > t->L) x = vn_pad(g, x, 1, n * p - t->L, n * p);
    return vn_reshape(g, x, VN_DIMS(t->B, n, p * C));
}

/* Tokens of patches [B, patches, D]. */
static vn_val embed_patches(vn_graph *g, const spec *s, const vn_task *t)
{
    vn_init small = { VN_INIT_UNIFORM, 0.02 }; /* PatchTST's */
    vn_val x = patch(g, s, t, vn_sequence_inputs(g, t), 1 + t->X + t->S + t->F);
    vn_push(g, "embedding");
    x = vn_dense(g, "patch", x, s->D, VN_UNARY_NONE);
    x = vn_add(g, x, vn_param(g, "position.weight", VN_DIMS(patches(s, t), s->D), small));
    x = vn_dropout(g, x, s->dropout);
    vn_pop(g);
    return x;
}

/* Tokens of single steps [B, L, D]. */
static vn_val embed_steps(vn_graph *g, const spec *s, const vn_task *t)
{
    vn_val futr = t->futr ? vn_slice(g, t->futr, 1, 0, t->L) : 0;
    vn_val z[] = { futr, t->hist, vn_sequence_stat(g, t, t->L) };
    int64_t n = t->F + t->X + t->S;
    return embed(g, s, "embedding", t->y, n ? vn_concat(g, 2, z, 3) : 0, t->L, n);
}

static vn_val encode(vn_graph *g, const spec *s, const vn_task *t)
{
    vn_push(g, "encoder");
    vn_val x = s->hp->head == FLATTEN ? embed_patches(g, s, t) : embed_steps(g, s, t);
    for (int64_t i = 0; i < s->hp->encoder_layers; i++) {
        vn_push(g, "layer%d", (int)i);
        x = encoder_layer(g, s, x);
        vn_pop(g);
    }
    x = vn_layernorm(g, "norm", x, eps);
    vn_pop(g);
    return x;
}

static vn_val decode(vn_graph *g, const spec *s, const vn_task *t, vn_val encoded)
{
    int64_t known = label(s->hp, t), T = known + t->H, n = t->F + t->S;
    vn_val y = vn_pad(g, vn_slice(g, t->y, 1, t->L - known, known), 1, 0, T);
    vn_val z[] = { t->futr ? vn_slice(g, t->futr, 1, t->L - known, T) : 0,
                   vn_sequence_stat(g, t, T) };
    vn_push(g, "decoder");
    vn_val x = embed(g, s, "embedding", y, n ? vn_concat(g, 2, z, 2) : 0, T, n);
    for (int64_t i = 0; i < s->hp->decoder_layers; i++) {
        vn_push(g, "layer%d", (int)i);
        x = decoder_layer(g, s, x, encoded, T, i == s->hp->decoder_layers - 1 ? t->H : T);
        vn_pop(g);
    }
    x = vn_layernorm(g, "norm", x, eps);
    x = vn_dense(g, "out", x, t->P, VN_UNARY_NONE);
    vn_pop(g);
    return x;
}

/* [B, n, D] -> [B, H, P]. Known features meet a few numbers of each step of the horizon, not the P
 * alone. */
static vn_val flatten(vn_graph *g, const spec *s, const vn_task *t, vn_val x)
{
    enum { MEET = 8 };
    int64_t width = t->futr ? MEET : t->P;
    x = vn_reshape(g, x, VN_DIMS(t->B, patches(s, t) * s->D));
    x = vn_dense(g, "flatten", vn_dropout(g, x, s->dropout), t->H * width, VN_UNARY_NONE);
    x = vn_reshape(g, x, VN_DIMS(t->B, t->H, width));
    return t->futr ? vn_sequence_decode(g, t, x, 2, s->D) : x;
}

/* [B, steps of the encoder]: the observed ones; a patch is, if one of its steps is. */
static vn_val observed(vn_graph *g, const spec *s, const vn_task *t)
{
    if (s->hp->patch_len == 1) return vn_reshape(g, t->mask, VN_DIMS(t->B, t->L));
    vn_val steps = patch(g, s, t, t->mask, 1);
    return vn_reshape(g, vn_sumto(g, steps, VN_DIMS(t->B, patches(s, t), 1)),
                      VN_DIMS(t->B, patches(s, t)));
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const transformer *hp = hparams;
    bool faithful = hp->compat != 0;
    spec s = { .hp = hp,
               .B = t->B,
               .D = hp->hidden_size,
               .dropout = t->train ? hp->dropout : 0,
               .causal = !faithful };
    if (!faithful) s.seen = observed(g, &s, t);
    vn_val x = encode(g, &s, t);
    if (hp->head == DECODER) return decode(g, &s, t, x);
    if (hp->head == FLATTEN) return flatten(g, &s, t, x);
    return vn_sequence_decode(g, t, vn_sequence_adapt(g, t, x), 2, hp->hidden_size);
}

static const char *const presets[][2] = { { "num_lr_decays", "-1" }, { NULL, NULL } };

const vn_model_def vn_model_transformer = {
    .name = "transformer",
    .alias = "Transformer",
    .title = "Transformer: encoder and decoder, all steps in one pass (Vaswani et al. 2017)",
    .papers = "Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin: "
              "\"Attention Is All You Need\", NeurIPS 2017, arXiv:1706.03762\n"
              "patches: Nie, Nguyen, Sinthong, Kalagnanam: \"A Time Series is Worth 64 Words: "
              "Long-term Forecasting with Transformers\", ICLR 2023, arXiv:2211.14730",
    .options = options,
    .options_bytes = sizeof(transformer),
    .version = 1,
    .presets = presets,
    .check = check,
    .build = build,
};

/* What every model must be, whatever its formula: gradients against finite differences of the whole
 * graph, rows that do not see each other, f32 near f64, the same bits twice and for any number of
 * threads, no allocation while it runs, a small work block, refusals in one clear sentence. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "tests/model_kit.h"

typedef struct variant {
    const char *model;
    const char *options[8][2]; /* name, value; ended by NULL */
    int64_t X, F, S, P;
    vn_dist dist; /* of a model with a context */
} variant;

/* Smooth activations, so that differences converge; no corner of max pooling is met here. */
static const variant variants[] = {
    { "linear", { { NULL } } },
    { "linear", { { NULL } }, .X = 2, .F = 1, .S = 3 },
    { "linear", { { "variant", "dlinear" }, { "moving_avg_window", "5" } }, .F = 2, .P = 3 },
    { "nhits", { { "mlp_units", "[12, 9]" }, { "activation", "tanh" },
                 { "dropout_prob_theta", "0.25" } } },
    { "nhits", { { "mlp_units", "[12, 9]" }, { "activation", "softplus" }, { "compat", "nixtla" },
                 { "interpolation_mode", "cubic" } }, .X = 2, .F = 1, .S = 3 },
    { "nhits", { { "mlp_units", "[8]" }, { "activation", "sigmoid" }, { "pooling", "auto" },
                 { "pooling_mode", "avg" }, { "n_blocks", "[2, 1]" } }, .P = 3 },
    { "nbeats", { { "mlp_units", "[12, 9]" }, { "activation", "tanh" },
                  { "dropout_prob_theta", "0.25" } } },
    { "nbeats", { { "mlp_units", "[12, 9]" }, { "activation", "selu" }, { "n_blocks", "[2, 2, 2]" },
                  { "shared_weights", "true" } }, .X = 2, .F = 1, .S = 3 },
    { "nbeats", { { "mlp_units", "[8]" }, { "activation", "sigmoid" }, { "compat", "nixtla" } },
      .P = 3 },
    { "gru", { { "encoder_hidden_size", "9" }, { "decoder_hidden_size", "7" },
               { "encoder_dropout", "0.25" } } },
    { "gru", { { "encoder_hidden_size", "20" }, { "decoder_layers", "1" },
               { "encoder_n_layers", "1" } }, .X = 2, .F = 1, .S = 3, .P = 3 },
    { "lstm-attention", { { "encoder_hidden_size", "9" }, { "encoder_dropout", "0.25" } } },
    { "lstm-attention", { { "encoder_hidden_size", "20" }, { "score", "additive" },
                          { "encoder_n_layers", "1" } }, .X = 2, .F = 1, .S = 3, .P = 3 },
    { "lstm-attention", { { "encoder_hidden_size", "8" }, { "attention", "interpretable" },
                          { "n_heads", "2" } }, .F = 2, .S = 1 },
    { "lstm-attention", { { "encoder_hidden_size", "9" }, { "attention", "none" },
                          { "compat", "nixtla" } }, .X = 1 },
    { "tcn", { { "encoder_hidden_size", "9" }, { "decoder_hidden_size", "7" },
               { "dropout", "0.25" } } },
    { "tcn", { { "encoder_hidden_size", "7" }, { "dilations", "[1, 3]" },
               { "decoder_layers", "1" } }, .X = 2, .F = 1, .S = 3, .P = 3 },
    { "tcn", { { "encoder_hidden_size", "20" }, { "variant", "nixtla" }, { "kernel_size", "2" } },
      .F = 2 },
    { "transformer", { { "hidden_size", "12" }, { "n_head", "2" }, { "conv_hidden_size", "9" },
                       { "dropout", "0.25" } } },
    { "transformer", { { "hidden_size", "8" }, { "n_head", "1" }, { "norm", "pre" },
                       { "decoder_layers", "2" }, { "encoder_layers", "1" } },
      .X = 2, .F = 1, .S = 3, .P = 3 },
    { "transformer", { { "hidden_size", "8" }, { "n_head", "2" }, { "head", "time" },
                       { "encoder_layers", "1" } }, .X = 1, .F = 2, .P = 2 },
    { "transformer", { { "hidden_size", "12" }, { "n_head", "3" }, { "compat", "nixtla" },
                       { "conv_hidden_size", "5" } }, .F = 2 },
    { "deepar", { { "hidden_size", "9" }, { "dropout", "0.25" } }, .dist = VN_DIST_STUDENTT },
    { "deepar", { { "hidden_size", "20" }, { "lags", "[1, 3, 8]" }, { "context_length", "5" } },
      .X = 2, .F = 1, .S = 3, .dist = VN_DIST_NORMAL },
    { "deepar", { { "hidden_size", "7" }, { "num_layers", "3" }, { "lags", "[2]" },
                  { "context_length", "10" } }, .F = 2, .dist = VN_DIST_LAPLACE },
    { "gru", { { "encoder_hidden_size", "9" }, { "states", "all" } }, .F = 2, .P = 2 },
    { "transformer", { { "hidden_size", "8" }, { "n_head", "2" }, { "head", "flatten" },
                       { "encoder_layers", "1" }, { "patch_len", "5" } }, .X = 1, .F = 2, .P = 2 },
    { "transformer", { { "hidden_size", "8" }, { "n_head", "2" }, { "head", "flatten" },
                       { "patch_len", "4" }, { "dropout", "0.25" } }, .S = 2, .P = 3 },
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };
enum { OUTPUTS_MAX = (14 + 6) * 3 }; /* numbers a variant gives for a window */

static void *hparams_with(const vn_model_def *def, const char *const (*options)[2])
{
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_msg(vn_options_preset(def->options, hp) == VN_OK, "%s", vn_last_message());
    for (int i = 0; options && options[i][0]; i++) {
        const vn_option *option = vn_option_find(def->options, options[i][0]);
        ck_assert_msg(option && vn_option_set(option, hp, options[i][1]) == VN_OK, "%s=%s",
                      options[i][0], options[i][1]);
    }
    return hp;
}

/* The variant on windows of 14 steps and a horizon of 6, masked at the left in some rows. */
static void open_variant(const variant *v, vn_kit_config config, vn_kit *kit)
{
    config.model = vn_model_find(v->model);
    config.hparams = hparams_with(config.model, v->options);
    config.L = 14;
    config.H = 6;
    config.X = v->X;
    config.F = v->F;
    config.S = v->S;
    config.P = v->P;
    config.dist = v->dist;
    if (!config.B) config.B = 4;
    ck_assert_msg(vn_kit_open(&config, kit) == VN_OK, "%s", vn_last_message());
    float mask[64 * 14];
    for (int64_t i = 0; i < config.B * 14; i++) mask[i] = i % 14 >= i / 14 % 4;
    vn_kit_feed(kit, kit->mask, mask);
    vn_kit_feed_random(kit, 7);
}

static void close_variant(vn_kit *kit)
{
    void *hp = (void *)(uintptr_t)kit->c.hparams;
    vn_kit_close(kit);
    vn_free(hp);
}

static void run(vn_kit *kit)
{
    ck_assert_msg(vn_kit_run(kit) == VN_OK, "%s", vn_last_message());
}

/* A block of numbers in [-1, 1). */
static void random_block(double *out, int64_t n, uint64_t seed)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = 2 * vn_uniform24(vn_random4(seed, 1, (uint64_t)i).v[0]) - 1;
}

static double loss_at(vn_kit *kit, const double *p, const double *d, double step, double *moved)
{
    for (int64_t i = 0; i < kit->params->n_block; i++) moved[i] = p[i] + step * d[i];
    ck_assert_int_eq(vn_kit_upload(kit, moved), VN_OK);
    run(kit);
    return vn_kit_read(kit, kit->loss, 0);
}

START_TEST(the_gradient_of_a_model_is_the_slope_of_its_loss)
{
    vn_kit kit;
    open_variant(&variants[_i], (vn_kit_config){ .real = VN_F64, .loss = VN_LOSS_MSE,
                                                 .mode = VN_KIT_GRADIENT }, &kit);
    int64_t n = kit.params->n_block;
    double *p = vn_calloc(4 * (size_t)n, sizeof *p);
    double *grad = p + n, *d = p + 2 * n, *moved = p + 3 * n;
    for (int64_t i = 0; i < n; i++) p[i] = kit.params->block[i];
    run(&kit);
    ck_assert_int_eq(vn_kit_block(&kit, VN_HOME_GRAD, grad), VN_OK);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        random_block(d, n, seed);
        double slope = 0, h = 1e-5;
        for (int64_t i = 0; i < n; i++) slope += grad[i] * d[i];
        double got = (loss_at(&kit, p, d, h, moved) - loss_at(&kit, p, d, -h, moved)) / (2 * h);
        ck_assert_msg(fabs(got - slope) <= 1e-7 * fmax(1, fabs(slope)),
                      "%s: slope %.12g, differences say %.12g", variants[_i].model, slope, got);
    }
    vn_free(p);
    close_variant(&kit);
}
END_TEST

/* Forecast of every row into out [B H P]. */
static int64_t forecast(vn_kit *kit, double *out)
{
    run(kit);
    int64_t n = vn_kit_size(kit, kit->yhat);
    for (int64_t i = 0; i < n; i++) out[i] = vn_kit_read(kit, kit->yhat, i);
    return n;
}

static vn_val inputs_of(const vn_kit *kit, int i)
{
    const vn_val all[] = { kit->y, kit->mask, kit->hist, kit->futr, kit->stat, kit->target };
    return i < 6 ? all[i] : -1;
}

/* Copy row `from` of every input of a to row `to` of b (f32). */
static void copy_row(const vn_kit *a, int64_t from, vn_kit *b, int64_t to)
{
    for (int i = 0; inputs_of(a, i) >= 0; i++) {
        vn_val in = inputs_of(a, i);
        size_t row = (size_t)(vn_kit_size(a, in) / a->c.B) * sizeof(float);
        if (in) memcpy((char *)vn_plan_feed(b->plan, inputs_of(b, i)) + (size_t)to * row,
                       (char *)vn_plan_feed(a->plan, in) + (size_t)from * row, row);
    }
}

START_TEST(a_row_of_a_batch_does_not_see_the_others)
{
    enum { B = 7 };
    vn_kit a, b, alone;
    vn_kit_config config = { .real = VN_F32, .loss = VN_LOSS_MSE, .B = B };
    open_variant(&variants[_i], config, &a);
    open_variant(&variants[_i], config, &b);
    config.B = 1;
    open_variant(&variants[_i], config, &alone);
    vn_kit_feed_random(&b, 8);
    copy_row(&a, 2, &b, 5);
    copy_row(&a, 2, &alone, 0);
    static double in_a[B * OUTPUTS_MAX], in_b[B * OUTPUTS_MAX], by_itself[OUTPUTS_MAX];
    int64_t row = forecast(&a, in_a) / B;
    forecast(&b, in_b);
    forecast(&alone, by_itself);
    ck_assert_mem_eq(in_a + 2 * row, in_b + 5 * row, (size_t)row * sizeof *in_a);
    ck_assert(vn_worst(by_itself, in_a + 2 * row, row) <= 1e-6); /* other kernels, other order */
    close_variant(&a);
    close_variant(&b);
    close_variant(&alone);
}
END_TEST

START_TEST(a_model_in_f32_is_near_its_f64_run)
{
    vn_kit kit[2];
    double yhat[2][4 * OUTPUTS_MAX], *grad[2];
    int64_t n = 0;
    for (int k = 0; k < 2; k++) {
        open_variant(&variants[_i], (vn_kit_config){ .real = k ? VN_F64 : VN_F32,
                                                     .loss = VN_LOSS_MSE,
                                                     .mode = VN_KIT_GRADIENT }, &kit[k]);
        n = forecast(&kit[k], yhat[k]);
        grad[k] = vn_calloc((size_t)kit[k].params->n_block, sizeof **grad);
        ck_assert_int_eq(vn_kit_block(&kit[k], VN_HOME_GRAD, grad[k]), VN_OK);
    }
    ck_assert(vn_worst(yhat[0], yhat[1], n) <= 2e-6);
    ck_assert(vn_worst(grad[0], grad[1], kit[0].params->n_block) <= 1e-5);
    for (int k = 0; k < 2; k++) {
        vn_free(grad[k]);
        close_variant(&kit[k]);
    }
}
END_TEST

/* ten optimizer steps; the parameters they leave */
static double *trained(const variant *v, int threads, int64_t *n)
{
    vn_kit kit;
    open_variant(v, (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE, .mode = VN_KIT_TRAIN,
                                     .threads = threads, .B = 33, .dropout = true }, &kit);
    vn_plan_set(kit.plan, VN_LR, 0.01f);
    for (int step = 0; step < 10; step++) {
        vn_plan_set_step(kit.plan, step);
        run(&kit);
    }
    *n = kit.params->n_block;
    double *out = vn_calloc((size_t)*n, sizeof *out);
    ck_assert_int_eq(vn_kit_block(&kit, VN_HOME_PARAM, out), VN_OK);
    close_variant(&kit);
    return out;
}

START_TEST(training_gives_the_same_bits_twice_and_for_any_number_of_threads)
{
    int64_t n;
    double *once = trained(&variants[_i], 2, &n), *twice = trained(&variants[_i], 2, &n);
    double *single = trained(&variants[_i], 1, &n);
    ck_assert_mem_eq(once, twice, (size_t)n * sizeof *once);
    ck_assert_mem_eq(once, single, (size_t)n * sizeof *once);
    vn_free(once);
    vn_free(twice);
    vn_free(single);
}
END_TEST

static const int with_dropout[] = { 3, 6, 15, 18, 22, 27 }; /* of variants */

START_TEST(dropout_acts_in_training_and_nowhere_else)
{
    double yhat[3][4 * OUTPUTS_MAX];
    int64_t n = 0;
    for (int k = 0; k < 3; k++) { /* forecasting, and two training steps */
        vn_kit kit;
        open_variant(&variants[with_dropout[_i]],
                     (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE, .dropout = k > 0 },
                     &kit);
        vn_plan_set_step(kit.plan, k);
        n = forecast(&kit, yhat[k]);
        vn_text dump = { 0 };
        vn_plan_dump(kit.plan, false, &dump);
        ck_assert_int_eq(strstr(dump.s, "dropout") != NULL, k > 0);
        vn_text_close(&dump);
        close_variant(&kit);
    }
    ck_assert(vn_worst(yhat[1], yhat[0], n) > 1e-3);
    ck_assert(vn_worst(yhat[1], yhat[2], n) > 1e-3);
}
END_TEST

START_TEST(optimizer_steps_lower_the_loss)
{
    vn_kit kit;
    open_variant(&variants[_i], (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE,
                                                 .mode = VN_KIT_TRAIN }, &kit);
    vn_plan_set(kit.plan, VN_LR, 0.01f);
    run(&kit);
    double before = vn_kit_read(&kit, kit.loss, 0);
    for (int step = 1; step < 60; step++) {
        vn_plan_set_step(kit.plan, step);
        run(&kit);
    }
    ck_assert_double_lt(vn_kit_read(&kit, kit.loss, 0), 0.7 * before);
    close_variant(&kit);
}
END_TEST

START_TEST(a_hundred_runs_allocate_nothing)
{
    vn_kit kit;
    open_variant(&variants[_i], (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE,
                                                 .mode = VN_KIT_TRAIN }, &kit);
    vn_plan_set(kit.plan, VN_LR, 0.001f);
    run(&kit);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    for (int step = 1; step <= 100; step++) {
        vn_plan_set_step(kit.plan, step);
        run(&kit);
    }
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    close_variant(&kit);
}
END_TEST

/* ---- default sizes ---- */

typedef struct sizes {
    const char *model, *options[5][2];
    int64_t H, L, n_numbers;
} sizes;

/* Parameter counts of the reference implementation's defaults. */
static const sizes counted[] = {
    { "nhits", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 12, 24, 2437725 },
    { "nhits", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 24, 168, 2817570 },
    { "nhits", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 96, 512, 3763880 },
    { "nbeats", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 12, 24, 2446422 },
    { "nbeats", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 24, 168, 2772258 },
    { "nbeats", { { "compat", "nixtla" }, { "mlp_units", "[512, 512, 512]" } }, 96, 512, 3661794 },
    { "lstm-attention", { { "attention", "none" }, { "compat", "nixtla" } }, 24, 168, 215809 },
    { "gru", { { NULL } }, 24, 168, 388857 },
    { "tcn", { { "variant", "nixtla" }, { "kernel_size", "2" }, { "encoder_hidden_size", "128" },
               { "dilations", "[1, 2, 4, 8, 16]" } }, 24, 168, 152665 },
    { "transformer", { { NULL } }, 24, 168, 292449 },
    { "transformer", { { "compat", "nixtla" } }, 96, 512, 292449 },
};
enum { N_COUNTED = sizeof counted / sizeof *counted };

START_TEST(a_model_has_as_many_parameters_as_the_reference)
{
    const sizes *s = &counted[_i];
    vn_kit kit;
    vn_kit_config config = { .model = vn_model_find(s->model), .B = 1, .L = s->L, .H = s->H,
                             .real = VN_F32, .mode = VN_KIT_FORWARD };
    config.hparams = hparams_with(config.model, s->options);
    ck_assert_msg(vn_kit_open(&config, &kit) == VN_OK, "%s", vn_last_message());
    ck_assert_int_eq(kit.params->n_numbers, s->n_numbers);
    close_variant(&kit);
}
END_TEST

START_TEST(training_n_hits_works_in_little_more_than_half_of_its_values)
{
    vn_kit kit;
    vn_kit_config config = { .model = vn_model_find("nhits"), .B = 256, .L = 168, .H = 24,
                             .real = VN_F32, .loss = VN_LOSS_MAE, .mode = VN_KIT_TRAIN };
    config.hparams = hparams_with(config.model, NULL);
    ck_assert_msg(vn_kit_open(&config, &kit) == VN_OK, "%s", vn_last_message());
    vn_plan_info info;
    vn_plan_about(kit.plan, &info);
    double share = (double)info.work_bytes / (double)info.values_bytes;
    if (getenv("VANE_TEST_FIGURES"))
        printf("nhits: %d steps, work %zu of %zu bytes, %.3f\n", info.n_steps, info.work_bytes,
               info.values_bytes, share);
    ck_assert_msg(share <= 0.65, "%zu of %zu bytes", info.work_bytes, info.values_bytes);
    close_variant(&kit);
}
END_TEST

START_TEST(the_last_backcast_is_not_computed)
{
    vn_kit kit;
    open_variant(&variants[3], (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE }, &kit);
    vn_text dump = { 0 };
    vn_plan_dump(kit.plan, false, &dump);
    ck_assert_ptr_nonnull(strstr(dump.s, "stack1/block0/backcast"));
    ck_assert_ptr_nonnull(strstr(dump.s, "stack2/block0/forecast"));
    ck_assert_ptr_null(strstr(dump.s, "stack2/block0/backcast"));
    vn_text_close(&dump);
    close_variant(&kit);
}
END_TEST

/* ---- refusals and names ---- */

typedef struct refusal {
    const char *model, *options[5][2];
    int64_t L, H;
    const char *words;
} refusal;

static const refusal refusals[] = {
    { "linear", { { "variant", "dlinear" }, { "moving_avg_window", "4" } }, 14, 6, "odd" },
    { "linear", { { "variant", "dlinear" } }, 14, 6, "25, longer than the input of 14" },
    { "nhits", { { "n_blocks", "[1, 1]" } }, 14, 6,
      "n_pool_kernel_size has 3 entries and n_blocks has 2" },
    { "nhits", { { "n_freq_downsample", "[1]" } }, 14, 6,
      "n_freq_downsample has 1 entries and n_blocks has 3" },
    { "nhits", { { "n_pool_kernel_size", "[2, 16, 1]" } }, 14, 6, "stack 1 is 16, longer than" },
    { "nhits", { { "mlp_units", "[]" } }, 14, 6, "mlp_units is empty" },
    { "transformer", { { "n_head", "5" } }, 14, 6, "hidden_size is 128, no multiple of n_head (5)" },
    { "transformer", { { "hidden_size", "9" }, { "n_head", "3" } }, 14, 6, "need an even number" },
    { "transformer", { { "patch_len", "4" } }, 14, 6, "needs head=flatten" },
    { "transformer", { { "head", "flatten" }, { "patch_len", "15" } }, 14, 6,
      "15, longer than the input of 14" },
    { "nbeats", { { "n_blocks", "[1]" } }, 14, 6, "n_blocks has 1 entries and stack_types has 3" },
    { "lstm-attention", { { "compat", "nixtla" } }, 14, 6, "give attention=none too" },
    { "lstm-attention", { { "attention", "interpretable" }, { "n_heads", "3" } }, 14, 6,
      "128 is no multiple of n_heads 3" },
    { "nbeats", { { NULL } }, 14, 1, "trend, which needs a horizon of 2" },
};
enum { N_REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(a_model_refuses_what_cannot_be_in_one_sentence)
{
    const refusal *r = &refusals[_i];
    const vn_model_def *def = vn_model_find(r->model);
    void *hp = hparams_with(def, r->options);
    vn_task task = { .B = 1, .L = r->L, .H = r->H, .P = 1 };
    ck_assert_int_eq(def->check(hp, &task), VN_E_ARGUMENT);
    ck_assert_msg(strstr(vn_last_message(), r->words) != NULL, "\"%s\" in \"%s\"", r->words,
                  vn_last_message());
    vn_free(hp);
}
END_TEST

START_TEST(a_model_is_found_by_its_name_in_any_case)
{
    ck_assert_ptr_eq(vn_model_find("NHiTS"), vn_model_find("nhits"));
    ck_assert_ptr_nonnull(vn_model_find("NBEATS"));
    ck_assert_ptr_null(vn_model_find("nhit"));
    ck_assert_ptr_null(vn_model_find(""));
}
END_TEST

START_TEST(every_model_has_options_whose_defaults_parse)
{
    for (const vn_model_def *const *m = vn_models(); *m; m++) {
        vn_free(hparams_with(*m, NULL));
        for (const vn_option *o = (*m)->options; o->name; o++) ck_assert(strlen(o->help) > 2);
    }
}
END_TEST

START_TEST(automatic_pooling_falls_from_half_the_window_to_one)
{
    vn_kit kit; /* L = 14, two stacks: kernels 7 and 1; H = 6: downsampling 3 and 1, so 2 knots */
    open_variant(&variants[5], (vn_kit_config){ .real = VN_F32, .loss = VN_LOSS_MSE }, &kit);
    const struct { const char *name; int64_t rows, columns; } want[] = {
        { "stack0/block1/fc1.weight", 8, 2 }, { "stack0/block0/theta.weight", 14 + 3 * 2, 8 },
        { "stack1/block0/fc1.weight", 8, 14 }, { "stack1/block0/theta.weight", 14 + 3 * 6, 8 },
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        int at = vn_params_find(kit.params, want[i].name);
        ck_assert_msg(at >= 0, "no %s", want[i].name);
        ck_assert_int_eq(kit.params->entry[at].t.dim[0], want[i].rows);
        ck_assert_int_eq(kit.params->entry[at].t.dim[1], want[i].columns);
    }
    close_variant(&kit);
}
END_TEST

START_TEST(a_short_sight_is_told)
{
    static const struct { const char *dilations, *words; } want[] = {
        { "[]", "" }, { "[1, 2, 4, 8]", "" }, { "[1, 2]", "sees 13 of the 61 input steps" },
    };
    const vn_model_def *def = vn_model_find("tcn");
    vn_task task = { .B = 1, .L = 61, .H = 6, .P = 1 };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const char *const options[][2] = { { "dilations", want[i].dilations }, { NULL } };
        void *hp = hparams_with(def, options);
        vn_text out = { 0 };
        def->advise(hp, &task, &out);
        ck_assert_int_eq(out.n > 0, want[i].words[0] != 0);
        if (out.n) ck_assert_ptr_nonnull(strstr(out.s, want[i].words));
        vn_text_close(&out);
        vn_free(hp);
    }
}
END_TEST

static void add_each(Suite *s)
{
    TCase *tc = tcase_create("each");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, the_gradient_of_a_model_is_the_slope_of_its_loss, 0, N_VARIANTS);
    tcase_add_loop_test(tc, a_row_of_a_batch_does_not_see_the_others, 0, N_VARIANTS);
    tcase_add_loop_test(tc, a_model_in_f32_is_near_its_f64_run, 0, N_VARIANTS);
    tcase_add_loop_test(tc, training_gives_the_same_bits_twice_and_for_any_number_of_threads, 0,
                        N_VARIANTS);
    tcase_add_loop_test(tc, dropout_acts_in_training_and_nowhere_else, 0,
                        (int)(sizeof with_dropout / sizeof *with_dropout));
    tcase_add_loop_test(tc, optimizer_steps_lower_the_loss, 0, N_VARIANTS);
    tcase_add_loop_test(tc, a_hundred_runs_allocate_nothing, 0, N_VARIANTS);
    suite_add_tcase(s, tc);
}

Suite *vn_suite_models(void);

Suite *vn_suite_models(void)
{
    Suite *s = suite_create("models");
    add_each(s);
    TCase *tc = tcase_create("sizes");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_model_has_as_many_parameters_as_the_reference, 0, N_COUNTED);
    tcase_add_test(tc, training_n_hits_works_in_little_more_than_half_of_its_values);
    tcase_add_test(tc, the_last_backcast_is_not_computed);
    tcase_add_test(tc, automatic_pooling_falls_from_half_the_window_to_one);
    suite_add_tcase(s, tc);
    tc = tcase_create("refusals");
    tcase_add_loop_test(tc, a_model_refuses_what_cannot_be_in_one_sentence, 0, N_REFUSALS);
    tcase_add_test(tc, a_model_is_found_by_its_name_in_any_case);
    tcase_add_test(tc, a_short_sight_is_told);
    tcase_add_test(tc, every_model_has_options_whose_defaults_parse);
    suite_add_tcase(s, tc);
    return s;
}

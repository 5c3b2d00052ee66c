/* The models against the reference implementation: same weights, same inputs, forecast and
 * gradients of the mean absolute error. README.md of tests/golden says what the files hold. */
#include <check.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "tests/golden.h"
#include "tests/model_kit.h"

static const char *const cases[] = {
    "nlinear", "dlinear_3", "dlinear_25",
    "nhits_default", "nhits_avg_nearest", "nhits_cubic", "nhits_exog_mask", "nhits_ragged_pool",
    "nhits_ragged_avg_exog", "nhits_blocks", "nhits_deep_mlp", "nhits_paper",
    "nbeats_generic", "nbeats_default", "nbeats_degree3_harmonics1", "nbeats_mask", "nbeats_shared",
    "nbeats_paper",
    "lstm_default", "lstm_exog_mask", "lstm_long_horizon", "lstm_deep", "lstm_linear_head",
    "gru_default", "gru_exog_mask", "gru_long_horizon", "gru_deep", "gru_linear_head",
    "attention_general", "attention_exog_mask", "attention_additive", "attention_interpretable",
    "attention_long_horizon",
    "tcn_nixtla", "tcn_nixtla_exog_mask", "tcn_nixtla_long_horizon", "tcn_residual",
    "tcn_residual_exog_mask", "transformer_nixtla", "transformer_nixtla_futr",
    "transformer_nixtla_relu", "transformer_causal", "transformer_exog_mask", "transformer_pre",
    "transformer_patches", "transformer_patches_exog_mask",
    "nlinear_quantiles", "nhits_quantiles", "nbeats_quantiles",
    "deepar_studentt", "deepar_normal", "deepar_poisson",
};
enum { N_CASES = sizeof cases / sizeof *cases };

/* ---- hyperparameters from metadata ---- */

static void set(const vn_model_def *def, void *hparams, const char *name, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const vn_option *option = vn_option_find(def->options, name);
    ck_assert_msg(option != NULL, "%s has no option %s", def->name, name);
    ck_assert_msg(vn_option_set(option, hparams, text) == VN_OK, "%s", vn_last_message());
}

static void set_list(const vn_model_def *def, void *hparams, const char *name,
                     const vn_golden *golden, const char *key)
{
    set(def, hparams, name, "[%s]", vn_golden_text(golden, key));
}

static bool is_paper(const vn_golden *golden)
{
    return !strcmp(vn_golden_text(golden, "compat"), "paper");
}

/* The paper variant activates the first layer too: one more in mlp_units. */
static void set_layers(const vn_model_def *def, void *hparams, const vn_golden *golden)
{
    char units[128] = "[";
    int64_t n = vn_golden_int(golden, "mlp_layers") + is_paper(golden);
    for (int64_t i = 0; i < n; i++) {
        strcat(units, i ? ", " : "");
        strcat(units, vn_golden_text(golden, "mlp_width"));
    }
    set(def, hparams, "mlp_units", "%s]", units);
    set(def, hparams, "compat", is_paper(golden) ? "none" : "nixtla");
    set_list(def, hparams, "n_blocks", golden, "n_blocks");
}

/* Files whose metadata has "options" give them as "name=value;..." and use our parameters' names. */
static bool is_plain(const vn_golden *golden)
{
    return vn_golden_text(golden, "options")[0] != 0;
}

static void set_plain(const vn_model_def *def, void *hparams, const vn_golden *golden)
{
    const char *at = vn_golden_text(golden, "options");
    for (char name[64], value[192]; *at; at += *at == ';') {
        int used = 0;
        ck_assert_int_eq(sscanf(at, "%63[^=]=%191[^;]%n", name, value, &used), 2);
        set(def, hparams, name, "%s", value);
        at += used;
    }
}

static void *hparams_of(const vn_golden *golden, const vn_model_def **out)
{
    const char *model = vn_golden_text(golden, "model");
    bool linear = strstr(model, "linear") != NULL;
    const vn_model_def *def = *out = vn_model_find(linear ? "linear" : model);
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_int_eq(vn_options_preset(def->options, hp), VN_OK);
    if (is_plain(golden)) {
        set_plain(def, hp, golden);
        return hp;
    }
    if (linear) {
        set(def, hp, "variant", "%s", model);
        if (!strcmp(model, "dlinear"))
            set(def, hp, "moving_avg_window", "%s", vn_golden_text(golden, "moving_avg_window"));
        return hp;
    }
    set_layers(def, hp, golden);
    if (!strcmp(model, "nhits")) {
        set_list(def, hp, "n_pool_kernel_size", golden, "n_pool_kernel_size");
        set_list(def, hp, "n_freq_downsample", golden, "n_freq_downsample");
        bool avg = !strcmp(vn_golden_text(golden, "pooling_mode"), "AvgPool1d");
        set(def, hp, "pooling_mode", avg ? "avg" : "max");
        set(def, hp, "interpolation_mode", "%s", vn_golden_text(golden, "interpolation_mode"));
    } else {
        set_list(def, hp, "stack_types", golden, "stack_types");
        set(def, hp, "n_polynomials", "%s", vn_golden_text(golden, "n_basis"));
        set(def, hp, "n_harmonics", "%s", vn_golden_text(golden, "n_harmonics"));
        set(def, hp, "shared_weights", "%s", vn_golden_text(golden, "shared_weights"));
    }
    return hp;
}

/* ---- names ---- */

/* Position in the reference's list of layers: Linear, then Linear and activation in turn. */
static int layer_of(const vn_golden *golden, const char *part)
{
    int hidden = (int)vn_golden_int(golden, "mlp_layers");
    if (!strncmp(part, "theta", 5)) return 1 + 2 * hidden;
    int j = atoi(part + 2) - is_paper(golden); /* j-th layer after the first */
    return j ? 2 * j - 1 : 0;
}

/* "stack1/block0/fc2.weight" -> "blocks.1.layers.3.weight", "trend.bias" -> "linear_trend.bias" */
static void reference_name(const vn_golden *golden, const char *name, char out[128])
{
    const char *kind = strrchr(name, '.');
    int stack, block, at;
    if (is_plain(golden)) {
        snprintf(out, 128, "%s", name);
        return;
    }
    if (sscanf(name, "stack%d/block%d/%n", &stack, &block, &at) != 2) {
        const char *prefix = strncmp(name, "linear", 6) ? "linear_" : "";
        snprintf(out, 128, "%s%s", prefix, name);
        return;
    }
    const char *n_blocks = vn_golden_text(golden, "n_blocks");
    for (int s = 0; s < stack; s++) {
        block += atoi(n_blocks);
        n_blocks = strchr(n_blocks, ',') + 1;
    }
    snprintf(out, 128, "blocks.%d.layers.%d%s", block, layer_of(golden, name + at), kind);
}

static void load_weights(const vn_golden *golden, vn_params *params)
{
    ck_assert_int_eq(params->n, vn_golden_count(golden, "grad."));
    for (int i = 0; i < params->n; i++) {
        char name[128];
        int64_t n = 0;
        reference_name(golden, params->entry[i].name, name);
        const float *weights = vn_golden_find(golden, name, &n);
        ck_assert_msg(weights && n == vn_count(&params->entry[i].t), "%s: no %s of %lld numbers",
                      params->entry[i].name, name, (long long)vn_count(&params->entry[i].t));
        memcpy(params->block + params->entry[i].offset, weights, (size_t)n * sizeof *weights);
    }
}

/* ---- a run ---- */

static void feed(vn_kit *kit, vn_val v, const vn_golden *golden, const char *name)
{
    int64_t n = 0;
    const float *numbers = vn_golden_find(golden, name, &n);
    ck_assert_int_eq(n, vn_kit_size(kit, v));
    if (numbers) vn_kit_feed(kit, v, numbers);
}

/* Of a model with a context; the first one where the file names none. */
static vn_dist dist_of(const vn_golden *golden)
{
    int dist = 0;
    while (dist < VN_DIST_COUNT &&
           strcmp(vn_dist_about(dist)->name, vn_golden_text(golden, "dist"))) dist++;
    return dist < VN_DIST_COUNT ? (vn_dist)dist : 0;
}

static void open_case(const vn_golden *golden, vn_kit_config config, vn_kit *kit)
{
    config.loss = VN_LOSS_MAE;
    config.P = vn_golden_int(golden, "outputs"); /* absent: one, and the mean absolute error */
    config.dist = dist_of(golden);
    config.mode = config.paths || config.fold ? VN_KIT_FORWARD : VN_KIT_GRADIENT;
    config.B = vn_golden_int(golden, "batch");
    config.L = vn_golden_int(golden, "input_size");
    config.H = vn_golden_int(golden, "h");
    config.X = vn_golden_int(golden, "hist_exog_size");
    config.F = vn_golden_int(golden, "futr_exog_size");
    config.S = vn_golden_int(golden, "stat_exog_size");
    ck_assert_msg(vn_kit_open(&config, kit) == VN_OK, "%s", vn_last_message());
    load_weights(golden, kit->params);
    ck_assert_int_eq(vn_kit_upload(kit, NULL), VN_OK);
    feed(kit, kit->y, golden, "insample_y");
    feed(kit, kit->mask, golden, "insample_mask");
    feed(kit, kit->hist, golden, "hist_exog");
    feed(kit, kit->futr, golden, "futr_exog");
    feed(kit, kit->stat, golden, "stat_exog");
    if (kit->target) feed(kit, kit->target, golden, "target");
    ck_assert_msg(vn_kit_run(kit) == VN_OK, "%s", vn_last_message());
}

/* vn_worst of numbers against a golden tensor. */
static double gap(const double *got, const vn_golden *golden, const char *name)
{
    int64_t n;
    const float *want = vn_golden_find(golden, name, &n);
    ck_assert_msg(want != NULL, "no %s", name);
    double *wide = vn_malloc((size_t)n * sizeof *wide);
    for (int64_t i = 0; i < n; i++) wide[i] = want[i];
    double worst = vn_worst(got, wide, n);
    vn_free(wide);
    return worst;
}

static double forecast_gap(const vn_kit *kit, const vn_golden *golden)
{
    int64_t n = vn_kit_size(kit, kit->yhat);
    double *got = vn_malloc((size_t)n * sizeof *got);
    for (int64_t i = 0; i < n; i++) got[i] = vn_kit_read(kit, kit->yhat, i);
    double worst = gap(got, golden, "y_hat");
    vn_free(got);
    return worst;
}

/* Of what few models have: weights of an attention, parameters of a distribution; 0 for the others. */
static double extra_gap(const vn_kit *kit, vn_val v, const vn_golden *golden, const char *name)
{
    int64_t n = vn_kit_size(kit, v);
    ck_assert_int_eq(n > 0, vn_golden_find(golden, name, NULL) != NULL);
    if (!n) return 0;
    double *got = vn_malloc((size_t)n * sizeof *got);
    for (int64_t i = 0; i < n; i++) got[i] = vn_kit_read(kit, v, i);
    double worst = gap(got, golden, name);
    vn_free(got);
    return worst;
}

static double gradient_gap(vn_kit *kit, const vn_golden *golden, char where[160])
{
    double *block = vn_malloc((size_t)kit->params->n_block * sizeof *block), worst = 0;
    ck_assert_int_eq(vn_kit_block(kit, VN_HOME_GRAD, block), VN_OK);
    where[0] = 0;
    for (int i = 0; i < kit->params->n; i++) {
        const vn_param_entry *e = &kit->params->entry[i];
        char name[128], grad[160];
        reference_name(golden, e->name, name);
        snprintf(grad, sizeof grad, "grad.%s", name);
        double here = gap(block + e->offset, golden, grad);
        if (here > worst) snprintf(where, 160, "%s", e->name);
        worst = fmax(worst, here);
    }
    vn_free(block);
    return worst;
}

static void compare(const char *name, vn_dtype real, const char *level, double forecast_limit,
                    double grad_limit)
{
    vn_golden golden;
    ck_assert_msg(vn_golden_open(name, &golden) == VN_OK, "%s", vn_last_message());
    const vn_model_def *def;
    void *hp = hparams_of(&golden, &def);
    vn_kit kit;
    open_case(&golden,
              (vn_kit_config){ .model = def, .hparams = hp, .real = real, .level = level }, &kit);
    char where[160];
    double forecast = forecast_gap(&kit, &golden), grad = gradient_gap(&kit, &golden, where);
    double loss = vn_kit_read(&kit, kit.loss, 0);
    double loss_gap = gap(&loss, &golden, "loss");
    if (getenv("VANE_TEST_FIGURES"))
        printf("%s %s %s forecast %.2g gradient %.2g (%s) loss %.2g\n", name,
               vn_dtype_name(real), level, forecast, grad, where, loss_gap);
    double attention = extra_gap(&kit, kit.attention, &golden, "attention");
    double param = extra_gap(&kit, kit.param, &golden, "params");
    ck_assert_msg(attention <= forecast_limit, "%s: attention differs by %.3g", name, attention);
    ck_assert_msg(param <= forecast_limit, "%s: parameters differ by %.3g", name, param);
    ck_assert_msg(forecast <= forecast_limit, "%s: forecast differs by %.3g", name, forecast);
    ck_assert_msg(loss_gap <= forecast_limit, "%s: loss differs by %.3g", name, loss_gap);
    ck_assert_msg(grad <= grad_limit, "%s: gradient of %s differs by %.3g", name, where, grad);
    vn_kit_close(&kit);
    vn_free(hp);
    vn_golden_close(&golden);
}

static bool machine_has(const char *level)
{
    vn_device *dev = NULL;
    vn_status st = vn_device_open("cpu", 0, &(vn_device_config){ 1, level }, &dev);
    if (!st) vn_device_close(dev);
    return !st;
}

START_TEST(a_model_forecasts_and_learns_as_the_reference_does)
{
    static const char *const levels[] = { "generic", "avx2", "avx512", "neon" };
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++)
        if (machine_has(levels[l])) compare(cases[_i], VN_F32, levels[l], 1e-5, 1e-4);
}
END_TEST

/* The vectors are f32 roundings of an f64 run: half a unit in the last place is 6e-8. */
START_TEST(a_model_in_f64_is_the_reference_to_the_last_f32_digit)
{
    compare(cases[_i], VN_F64, "", 2e-7, 1e-6);
}
END_TEST

/* As a predictor forecasts: layers without an activation between them are one. */
START_TEST(a_folded_model_forecasts_as_the_reference_does)
{
    static const char *const names[] = { "nhits_default", "nhits_deep_mlp", "nhits_exog_mask",
                                         "nbeats_default", "nbeats_shared" };
    vn_golden golden;
    const vn_model_def *def;
    ck_assert_msg(vn_golden_open(names[_i], &golden) == VN_OK, "%s", vn_last_message());
    void *hp = hparams_of(&golden, &def);
    vn_kit kit;
    vn_plan_info info;
    open_case(&golden, (vn_kit_config){ .model = def, .hparams = hp, .real = VN_F32, .fold = true },
              &kit);
    vn_plan_about(kit.plan, &info);
    ck_assert_int_gt(info.n_prologue, 0);
    double forecast = forecast_gap(&kit, &golden);
    ck_assert_msg(forecast <= 1e-5, "%s: forecast differs by %.3g", names[_i], forecast);
    vn_kit_close(&kit);
    vn_free(hp);
    vn_golden_close(&golden);
}
END_TEST

/* ---- paths ---- */

enum { DRAWS = 20000, LEVELS = 5, MEDIAN = 2 };

/* The share of paths of window and step i at or below a limit, or of those that at the step after it
 * are below `next` too. */
static double share_below(const vn_kit *kit, int64_t i, double limit, const float *next)
{
    int64_t n = 0;
    for (int64_t k = 0; k < DRAWS; k++)
        n += vn_kit_read(kit, kit->yhat, i * DRAWS + k) <= limit &&
             (!next || vn_kit_read(kit, kit->yhat, (i + 1) * DRAWS + k) <= (double)*next);
    return (double)n / DRAWS;
}

/* Five standard errors of the difference of two shares. */
static void near_share(const char *name, int64_t i, double got, double want, double n_want)
{
    double error = 5 * sqrt(want * (1 - want) * (1 / (double)DRAWS + 1 / n_want));
    ck_assert_msg(fabs(got - want) <= error + 1e-9, "%s, window and step %ld: %g of our paths, %g of "
                  "the reference's", name, (long)i, got, want);
}

static const char *const sampled[] = { "deepar_studentt", "deepar_normal", "deepar_poisson" };

/* As many of our paths as of the reference's lie below its quantiles of every step, and below the
 * medians of two neighbouring steps at once. */
START_TEST(paths_are_spread_as_the_reference_spreads_them)
{
    vn_golden golden;
    const vn_model_def *def;
    ck_assert_msg(vn_golden_open(sampled[_i], &golden) == VN_OK, "%s", vn_last_message());
    void *hp = hparams_of(&golden, &def);
    vn_kit kit;
    open_case(&golden, (vn_kit_config){ .model = def, .hparams = hp, .real = VN_F32,
                                        .paths = DRAWS }, &kit);
    const float *limit = vn_golden_find(&golden, "paths.quantiles", NULL);
    const float *share = vn_golden_find(&golden, "paths.share", NULL);
    const float *both = vn_golden_find(&golden, "paths.both", NULL);
    double n_paths = (double)vn_golden_int(&golden, "n_paths");
    ck_assert(limit && share && both && n_paths > DRAWS);
    for (int64_t i = 0; i < kit.c.B * kit.c.H; i++) {
        const float *at = limit + i * LEVELS;
        for (int q = 0; q < LEVELS; q++)
            near_share(sampled[_i], i, share_below(&kit, i, at[q], NULL), share[i * LEVELS + q],
                       n_paths);
        if (i % kit.c.H == kit.c.H - 1) continue;
        near_share(sampled[_i], i, share_below(&kit, i, at[MEDIAN], at + LEVELS + MEDIAN), *both++,
                   n_paths);
    }
    vn_kit_close(&kit);
    vn_free(hp);
    vn_golden_close(&golden);
}
END_TEST

Suite *vn_suite_models_golden(void);

Suite *vn_suite_models_golden(void)
{
    Suite *s = suite_create("models_golden");
    TCase *tc = tcase_create("reference");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_model_forecasts_and_learns_as_the_reference_does, 0, N_CASES);
    tcase_add_loop_test(tc, a_model_in_f64_is_the_reference_to_the_last_f32_digit, 0, N_CASES);
    tcase_add_loop_test(tc, a_folded_model_forecasts_as_the_reference_does, 0, 5);
    tcase_add_loop_test(tc, paths_are_spread_as_the_reference_spreads_them, 0,
                        (int)(sizeof sampled / sizeof *sampled));
    suite_add_tcase(s, tc);
    return s;
}

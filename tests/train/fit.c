/* The training loop: it learns, repeats bit for bit, stops as asked, and breaks off cleanly. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "host/train/checkpoint.h"
#include "host/train/safetensors.h"
#include "tests/train/lab.h"

/* A hook's view of the run: what to do before which step. */
typedef struct watch {
    vn_lab *lab;
    int calls, stop_at;       /* stop hooks so far; the one that says stop */
    int spoil_at;             /* the one that puts an infinity into every row */
    int count_from, count_to; /* between which allocations are counted */
    int64_t allocations;
    int reports;
    vn_progress last;
} watch;

static bool on_step(void *ctx)
{
    watch *w = ctx;
    w->calls++;
    if (w->calls == w->count_from) w->allocations = -vn_fault_seen(VN_FAULT_ALLOC);
    if (w->calls == w->count_to) w->allocations += vn_fault_seen(VN_FAULT_ALLOC);
    for (int64_t i = 0; w->calls == w->spoil_at && i < w->lab->panel->n_rows; i++)
        w->lab->panel->y[i] = INFINITY;
    return w->calls == w->stop_at;
}

static void on_progress(void *ctx, const vn_progress *p)
{
    watch *w = ctx;
    w->reports++;
    w->last = *p;
}

static vn_fit_hooks hooks_of(watch *w)
{
    return (vn_fit_hooks){ .stop = on_step, .progress = on_progress, .ctx = w };
}

static void fit_ok(vn_lab *lab, const vn_fit_hooks *hooks)
{
    vn_status st = vn_lab_fit(lab, hooks);
    ck_assert_msg(!st, "%s %s", vn_last_message(), vn_last_trail());
}

START_TEST(the_learning_rate_falls_as_often_as_asked)
{
    vn_train_options o;
    ck_assert_int_eq(vn_options_preset(vn_train_option_table, &o), VN_OK);
    o.max_steps = 1000, o.num_lr_decays = 3, o.learning_rate = 1, o.lr_decay = 0.5;
    static const struct {
        int64_t step;
        double lr;
    } want[] = { { 0, 1 },      { 332, 1 },    { 333, 0.5 },  { 665, 0.5 },
                 { 666, 0.25 }, { 998, 0.25 }, { 999, 0.125 } };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        ck_assert_double_eq(vn_lr_at(&o, want[i].step), want[i].lr);
    o.num_lr_decays = -1;
    ck_assert_double_eq(vn_lr_at(&o, 999), 1);
    o.num_lr_decays = 1000, o.max_steps = 10;
    ck_assert_double_eq(vn_lr_at(&o, 3), 0.125);
}
END_TEST

START_TEST(fit_learns_a_sine)
{
    static const char *const models[] = { "linear", "nhits", "nbeats" };
    const vn_setting settings[] = { { "scaler_type", "standard" },
                                    { "max_steps", "600" },
                                    { "val_check_steps", "100" },
                                    { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, models[_i], 2, settings);
    fit_ok(&lab, NULL);
    ck_assert_double_lt(lab.report.best, 0.05 * 5);
    ck_assert_int_eq(lab.report.steps, 600);
    ck_assert_double_lt(vn_lab_mae(&lab, 104, 120), 0.05 * 5);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(every_scaler_and_loss_trains_to_finite_numbers)
{
    const vn_option *scaler = vn_option_find(vn_train_option_table, "scaler_type");
    const vn_option *loss = vn_option_find(vn_train_option_table, "loss");
    for (int64_t s = 0; s < VN_SCALER_COUNT; s++)
        for (int64_t l = 0; l < VN_LOSS_COUNT && s != VN_SCALER_SEASONAL; l++) {
            const vn_setting settings[] = { { scaler->name, vn_scaler_name(s) },
                                            { loss->name, vn_loss_name(l) },
                                            { "max_steps", "10" },
                                            { NULL, NULL } };
            vn_lab lab;
            vn_lab_open(&lab, "linear", 1, settings);
            fit_ok(&lab, NULL);
            ck_assert_msg(isfinite(lab.report.loss) && isfinite(lab.report.valid), "%s, %s",
                          settings[0][1], settings[1][1]);
            ck_assert_int_eq(vn_params_find(lab.m->params, "revin.weight") >= 0,
                             s == VN_SCALER_REVIN);
            vn_lab_close(&lab);
        }
}
END_TEST

/* The losses that are more than a point, with every scaler they can live with. */
START_TEST(every_probabilistic_loss_trains_to_finite_numbers)
{
    static const char *const losses[] = { "rmse",     "quantile", "mqloss", "iqloss", "normal",
                                          "studentt", "laplace",  "negbin", "poisson", "gmm",
                                          "pmm",      "nbmm" };
    static const char *const scalers[] = { "identity", "standard", "robust", "minmax", "minmax1",
                                           "invariant", "revin", "mean_abs", "last" };
    for (size_t s = 0; s < sizeof scalers / sizeof *scalers; s++) {
        bool bent = !strcmp(scalers[s], "invariant") || !strcmp(scalers[s], "revin");
        const char *loss = losses[_i];
        const vn_setting settings[] = { { "loss", loss },
                                        { "scaler_type", scalers[s] },
                                        { "max_steps", "10" },
                                        { NULL, NULL } };
        vn_lab lab;
        vn_lab_open(&lab, _i % 2 ? "nhits" : "linear", 1, settings);
        if (bent && _i >= 4) {
            ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_ARGUMENT);
        } else {
            fit_ok(&lab, NULL);
            ck_assert_msg(isfinite(lab.report.loss) && isfinite(lab.report.valid), "%s, %s", loss,
                          scalers[s]);
        }
        vn_lab_close(&lab);
    }
}
END_TEST

START_TEST(a_point_loss_can_validate_quantiles_and_distributions)
{
    static const char *const losses[] = { "mqloss", "iqloss", "normal", "negbin", "gmm" };
    for (int i = 0; i < 5; i++) {
        const vn_setting settings[] = { { "loss", losses[i] },
                                        { "valid_loss", i % 2 ? "rmse" : "mae" },
                                        { "scaler_type", "standard" },
                                        { "learning_rate", "0.01" },
                                        { "max_steps", "300" },
                                        { NULL, NULL } };
        vn_lab lab;
        vn_lab_open(&lab, "linear", 1, settings);
        vn_status st = vn_lab_fit(&lab, NULL);
        if (!strcmp(losses[i], "gmm"))
            ck_assert(st == VN_E_ARGUMENT && strstr(vn_last_message(), "mixture"));
        else
            ck_assert_msg(!st && lab.report.best < 1.5, "%s: %g %s", losses[i], lab.report.best,
                          st ? vn_last_message() : "");
        vn_lab_close(&lab);
    }
}
END_TEST

START_TEST(counts_are_whole_and_not_negative)
{
    const vn_setting settings[] = { { "loss", "poisson" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    lab.panel->y[130] = -1;
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_DATA);
    ck_assert_str_eq(vn_last_message(),
                     "series 'b': y is -1 in row 11, but poisson is a distribution of counts");
    lab.panel->y[130] = 1;
    lab.m->local_scaler = VN_SCALER_STANDARD;
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_ARGUMENT);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(revin_weight_and_bias_learn)
{
    const vn_setting settings[] = { { "scaler_type", "revin" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 1, settings);
    fit_ok(&lab, NULL);
    const vn_params *p = lab.m->params;
    float w = p->block[p->entry[vn_params_find(p, "revin.weight")].offset];
    float b = p->block[p->entry[vn_params_find(p, "revin.bias")].offset];
    ck_assert(w != 1 && b != 0 && isfinite(w) && isfinite(b));
    vn_lab_close(&lab);
}
END_TEST

START_TEST(any_number_of_threads_gives_the_same_bits)
{
    static const char *const models[] = { "linear", "nhits", "nbeats" };
    vn_lab one, two;
    vn_lab_open(&one, models[_i], 1, NULL);
    vn_lab_open(&two, models[_i], 2, NULL);
    fit_ok(&one, NULL);
    fit_ok(&two, NULL);
    ck_assert(vn_lab_same_weights(one.m, two.m));
    ck_assert_double_eq(one.report.valid, two.report.valid);
    vn_lab_close(&one);
    vn_lab_close(&two);
}
END_TEST

START_TEST(a_hundred_steps_allocate_nothing)
{
    static const char *const models[] = { "linear", "nhits", "nbeats" };
    const vn_setting settings[] = { { "max_steps", "130" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, models[_i], 2, settings);
    watch w = { .lab = &lab, .count_from = 15, .count_to = 115 };
    vn_fit_hooks hooks = hooks_of(&w);
    fit_ok(&lab, &hooks);
    ck_assert_int_eq(w.calls, 129);
    ck_assert_int_eq(w.allocations, 0);
    ck_assert_int_ge(w.reports, 13); /* a validation each ten steps, each told */
    ck_assert_int_eq(w.last.step, 130);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(early_stopping_restores_the_best_weights)
{
    /* A rate this high finds nothing good and soon only gets worse. */
    const vn_setting settings[] = { { "learning_rate", "0.5" },
                                    { "num_lr_decays", "-1" },
                                    { "max_steps", "500" },
                                    { "val_check_steps", "5" },
                                    { "early_stop_patience_steps", "3" },
                                    { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 1, settings);
    fit_ok(&lab, NULL);
    ck_assert(lab.report.stopped_early);
    ck_assert_int_eq(lab.report.steps, lab.report.best_step + 3 * 5);
    ck_assert_double_gt(lab.report.valid, lab.report.best);
    ck_assert_double_eq_tol(vn_lab_mae(&lab, 104, 120), lab.report.best, 1e-4 * lab.report.best);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(without_validation_the_last_weights_stay)
{
    const vn_setting settings[] = { { "val_size", "0" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    vn_fitted *drawn = vn_lab_model(&lab, "linear", settings);
    ck_assert_int_eq(vn_fitted_declare(drawn), VN_OK);
    ck_assert_int_eq(vn_params_layout(drawn->params), VN_OK);
    vn_params_draw(drawn->params, 1);
    fit_ok(&lab, NULL);
    ck_assert_int_eq(lab.report.best_step, 30);
    ck_assert(isnan(lab.report.best) && isnan(lab.report.valid));
    ck_assert(!vn_lab_same_weights(lab.m, drawn));
    vn_fitted_close(drawn);
    vn_lab_close(&lab);
}
END_TEST

/* With a rate that never falls the weights after k steps are those of a run of k steps. */
START_TEST(the_mean_of_the_weights_is_that_of_the_steps)
{
    enum { STEPS = 12 };
    const double decay = 0.75;
    double *sum = NULL, weights = 0;
    for (int k = 1; k <= STEPS; k++) {
        char steps[8];
        snprintf(steps, sizeof steps, "%d", k);
        const vn_setting settings[] = { { "max_steps", steps }, { "num_lr_decays", "-1" },
                                        { "val_size", "0" },    { "test_size", "16" },
                                        { NULL, NULL } };
        vn_lab lab;
        vn_lab_open(&lab, "linear", 1, settings);
        fit_ok(&lab, NULL);
        if (!sum) sum = calloc((size_t)lab.m->params->n_block, sizeof *sum);
        for (int64_t i = 0; i < lab.m->params->n_block; i++)
            sum[i] = decay * sum[i] + (double)lab.m->params->block[i];
        weights = decay * weights + 1;
        vn_lab_close(&lab);
    }
    const vn_setting settings[] = { { "max_steps", "12" }, { "num_lr_decays", "-1" },
                                    { "val_size", "16" },  { "val_check_steps", "12" },
                                    { "ema_decay", "0.75" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    fit_ok(&lab, NULL);
    for (int64_t i = 0; i < lab.m->params->n_block; i++)
        ck_assert_double_eq_tol((double)lab.m->params->block[i], sum[i] / weights, 1e-6);
    /* what is validated is what is kept */
    ck_assert_double_eq_tol(vn_lab_mae(&lab, 104, 120), lab.report.best, 1e-4 * lab.report.best);
    vn_lab_close(&lab);
    free(sum);
}
END_TEST

START_TEST(a_loss_that_is_no_number_names_step_and_node)
{
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, NULL);
    for (int64_t i = 0; i < lab.panel->n_rows; i++) lab.panel->y[i] = INFINITY;
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "not finite at step 1"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "(window)"));
    for (int64_t i = 0; i < lab.m->params->n_block; i++)
        ck_assert(isfinite(lab.m->params->block[i]));
    vn_lab_close(&lab);
}
END_TEST

/* Validated or not, they are those of step 20; where the loss rose from the start there are none. */
START_TEST(a_run_that_breaks_keeps_the_best_weights)
{
    const char *val_size = _i ? "0" : "16", *rate = _i == 2 ? "10" : "0.01";
    const vn_setting shorter[] = { { "max_steps", "20" },
                                   { "num_lr_decays", "-1" },
                                   { "val_size", val_size },
                                   { "learning_rate", rate },
                                   { NULL, NULL } };
    const vn_setting longer[] = { { "max_steps", "40" },
                                  { "num_lr_decays", "-1" },
                                  { "val_size", val_size },
                                  { "learning_rate", rate },
                                  { NULL, NULL } };
    vn_lab whole, broken;
    vn_lab_open(&whole, "nhits", 1, shorter);
    vn_lab_open(&broken, "nhits", 1, longer);
    watch w = { .lab = &broken, .spoil_at = 23 };
    vn_fit_hooks hooks = hooks_of(&w);
    fit_ok(&whole, NULL);
    ck_assert_int_eq(whole.report.best_step, 20);
    ck_assert_int_eq(vn_lab_fit(&broken, &hooks), VN_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "not finite at step 24: first bad node "));
    ck_assert_int_eq(broken.report.best_step, _i == 2 ? 0 : 20);
    ck_assert_int_eq(broken.report.steps, 23);
    if (_i < 2) ck_assert(vn_lab_same_weights(whole.m, broken.m));
    vn_lab_close(&whole);
    vn_lab_close(&broken);
}
END_TEST

START_TEST(a_batch_with_nothing_observed_changes_nothing)
{
    const vn_setting settings[] = {
        { "val_size", "0" }, { "scaler_type", "robust" }, { "loss", "mse" }, { NULL, NULL }
    };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 1, settings);
    vn_fitted *drawn = vn_lab_model(&lab, "nhits", settings);
    ck_assert_int_eq(vn_fitted_declare(drawn), VN_OK);
    ck_assert_int_eq(vn_params_layout(drawn->params), VN_OK);
    vn_params_draw(drawn->params, 1);
    for (int64_t i = 0; i < lab.panel->n_rows; i++) lab.panel->y[i] = lab.panel->mask[i] = 0;
    fit_ok(&lab, NULL);
    ck_assert_double_eq(lab.report.loss, 0);
    ck_assert(vn_lab_same_weights(lab.m, drawn));
    vn_fitted_close(drawn);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(horizon_weights_decide_what_is_learned)
{
    /* Only the first step counts: its error falls below that of the last. */
    const vn_setting settings[] = {
        { "horizon_weight", "[1, 0, 0, 0]" }, { "max_steps", "300" }, { "h", "4" }, { NULL, NULL }
    };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    fit_ok(&lab, NULL);
    int32_t pair[2] = { 0, 110 };
    float out[4];
    vn_predictor *p;
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 1, &p), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pair, 1, out), VN_OK);
    ck_assert_float_lt(fabsf(out[0] - lab.panel->y[110]), 0.5f);
    ck_assert_float_gt(fabsf(out[3] - lab.panel->y[113]), 0.5f);
    vn_predictor_close(p);
    vn_lab_close(&lab);
}
END_TEST

/* y[t] is what the known future feature says, plus a little of what was; history alone is noise. */
static void add_future_feature(vn_panel *p)
{
    static const char *name[] = { "driver" };
    p->futr_name = name;
    p->n_futr = 1;
    p->futr = vn_arena_array(&p->arena, (size_t)p->n_rows, sizeof *p->futr);
    uint32_t r = 1;
    for (int64_t i = 0; i < p->n_rows; i++) {
        r = r * 1664525u + 1013904223u;
        p->futr[i] = (float)(r >> 8) / 16777216.0f - 0.5f;
        p->y[i] = 100 + 20 * p->futr[i];
    }
}

START_TEST(a_known_future_feature_is_used)
{
    static const char *const scalers[] = { "identity", "standard", "invariant" };
    const vn_setting settings[] = { { "scaler_type", scalers[_i] },
                                    { "max_steps", "1500" },
                                    { "val_check_steps", "500" },
                                    { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    add_future_feature(lab.panel);
    ck_assert_int_eq(vn_fitted_adopt(lab.m, lab.panel), VN_OK);
    fit_ok(&lab, NULL);
    ck_assert_double_lt(lab.report.best, 3.5); /* the mean alone errs by 5, the last value by 6.7 */
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_resumed_run_ends_with_the_same_bits)
{
    const vn_setting settings[] = { { "max_steps", "40" },
                                    { "val_check_steps", "7" },
                                    { "dropout_prob_theta", "0.1" },
                                    { "ema_decay", _i ? "0.9" : "0" },
                                    { NULL, NULL } };
    const char *path = vn_lab_path("resume.ckpt");
    vn_lab whole, parts;
    vn_lab_open(&whole, "nhits", 2, settings);
    vn_lab_open(&parts, "nhits", 1, settings);
    fit_ok(&whole, NULL);
    watch w = { .lab = &parts, .stop_at = 17 };
    vn_fit_hooks hooks = hooks_of(&w);
    hooks.checkpoint = path;
    fit_ok(&parts, &hooks);
    ck_assert(parts.report.interrupted);
    ck_assert_int_eq(parts.report.steps, 17);
    vn_fitted_close(parts.m);
    parts.m = vn_lab_model(&parts, "nhits", settings);
    fit_ok(&parts, &(vn_fit_hooks){ .resume = path });
    ck_assert_int_eq(parts.report.steps, 40);
    ck_assert(vn_lab_same_weights(whole.m, parts.m));
    ck_assert_double_eq(whole.report.loss, parts.report.loss);
    ck_assert_double_eq(whole.report.valid, parts.report.valid);
    ck_assert_double_eq(whole.report.best, parts.report.best);
    ck_assert_int_eq(whole.report.best_step, parts.report.best_step);
    unlink(path);
    vn_lab_close(&whole);
    vn_lab_close(&parts);
}
END_TEST

START_TEST(a_checkpoint_is_written_as_often_as_asked)
{
    const char *path = vn_lab_path("often.ckpt");
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, NULL);
    fit_ok(&lab, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 12 });
    vn_lab again;
    vn_lab_open(&again, "linear", 1, NULL);
    watch w = { .lab = &again };
    vn_fit_hooks hooks = hooks_of(&w);
    hooks.resume = path;
    fit_ok(&again, &hooks);
    ck_assert_int_eq(w.calls, 5); /* steps 25 .. 29; the thirtieth is the last */
    ck_assert(vn_lab_same_weights(lab.m, again.m));
    unlink(path);
    vn_lab_close(&lab);
    vn_lab_close(&again);
}
END_TEST

/* Train, leave a checkpoint at step 12, and go on with something changed. */
static vn_status go_on(const char *path, const vn_setting *changed, bool other_data)
{
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, NULL);
    fit_ok(&lab, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 12 });
    vn_fitted_close(lab.m);
    lab.m = vn_lab_model(&lab, "linear", changed);
    if (other_data) lab.panel->y[5] += 1;
    vn_status st = vn_lab_fit(&lab, &(vn_fit_hooks){ .resume = path });
    vn_lab_close(&lab);
    return st;
}

START_TEST(a_run_goes_on_only_as_it_began)
{
    const char *path = vn_lab_path("changed.ckpt");
    static const vn_setting changed[][2] = { { { "learning_rate", "0.02" } },
                                             { { "max_steps", "60" } },
                                             { { "variant", "dlinear" } } };
    ck_assert_int_eq(go_on(path, NULL, false), VN_OK);
    for (int i = 0; i < 3; i++) {
        const vn_setting settings[] = { { changed[i][0][0], changed[i][0][1] },
                                        { "moving_avg_window", i == 2 ? "3" : "25" },
                                        { NULL, NULL } };
        ck_assert_int_eq(go_on(path, (const vn_setting *)settings, false), VN_E_ARGUMENT);
        ck_assert_msg(strstr(vn_last_message(), changed[i][0][0]) || i == 2, "%s",
                      vn_last_message());
    }
    ck_assert_int_eq(go_on(path, NULL, true), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "other data"));
    unlink(path);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_refused)
{
    const char *path = vn_lab_path("damaged.ckpt"), *model = vn_lab_path("damaged.vane");
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, NULL);
    fit_ok(&lab, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 12 });
    ck_assert_int_eq(vn_fitted_save(lab.m, model), VN_OK);
    FILE *f = fopen(path, "r+b");
    ck_assert(f && !fseek(f, -100, SEEK_END));
    fputc('x', f);
    fclose(f);
    const struct {
        const char *path;
        vn_status code;
    } cases[] = { { path, VN_E_MODEL }, { model, VN_E_MODEL }, { "/no/such.ckpt", VN_E_ARGUMENT } };
    for (int i = 0; i < 3; i++) {
        vn_fitted_close(lab.m);
        lab.m = vn_lab_model(&lab, "linear", NULL);
        ck_assert_int_eq(vn_lab_fit(&lab, &(vn_fit_hooks){ .resume = cases[i].path }),
                         cases[i].code);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), cases[i].path));
    }
    unlink(path);
    unlink(model);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_checkpoint_that_cannot_be_written_stops_the_run_but_keeps_its_weights)
{
    const char *path = vn_lab_path("full.ckpt");
    const vn_setting settings[] = { { "val_check_steps", "12" }, { NULL, NULL } };
    vn_lab lab, good;
    vn_lab_open(&lab, "linear", 1, settings);
    vn_lab_open(&good, "linear", 1, settings);
    watch w = { .lab = &good, .stop_at = 12 };
    vn_fit_hooks hooks = hooks_of(&w);
    fit_ok(&good, &hooks);
    vn_fault_arm(VN_FAULT_WRITE, 2);
    ck_assert_int_eq(
        vn_lab_fit(&lab, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 12 }), VN_E_IO);
    vn_fault_arm(VN_FAULT_WRITE, 0);
    ck_assert(access(path, F_OK));
    ck_assert(vn_lab_same_weights(lab.m, good.m));
    vn_lab_close(&lab);
    vn_lab_close(&good);
}
END_TEST

static void keep_warning(void *ctx, vn_log_level level, const char *text)
{
    char *kept = ctx;
    if (level == VN_LOG_WARN) snprintf(kept, 256, "%s", text);
}

START_TEST(a_loss_that_blows_up_and_stays_finite_is_warned_about)
{
    static const char *const rates[] = { "10", "0.001" };
    for (int i = 0; i < 2; i++) {
        const vn_setting settings[] = { { "learning_rate", rates[i] },
                                        { "num_lr_decays", "-1" },
                                        { "scaler_type", "standard" },
                                        { "loss", "mse" },
                                        { NULL, NULL } };
        char warning[256] = "";
        vn_lab lab;
        vn_lab_open(&lab, "nhits", 1, settings);
        fit_ok(&lab, &(vn_fit_hooks){ .log = { keep_warning, warning } });
        ck_assert(isfinite(lab.report.loss));
        ck_assert_msg((strstr(warning, "blown up") != NULL) == (i == 0), "%g: %s", lab.report.loss,
                      warning);
        vn_lab_close(&lab);
    }
}
END_TEST

/* The file at `path` without one key of its metadata, as a version wrote that did not know it. */
static void forget(const char *path, const char *key)
{
    vn_safetensors *file;
    vn_meta meta[256];
    int n = 0;
    ck_assert_int_eq(vn_safetensors_read(path, &file), VN_OK);
    ck_assert_int_le(file->n_meta, 256);
    for (int i = 0; i < file->n_meta; i++)
        if (strcmp(file->meta[i].key, key) && strcmp(file->meta[i].key, "checksum"))
            meta[n++] = file->meta[i];
    ck_assert_int_eq(n, file->n_meta - 2);
    ck_assert_int_eq(vn_safetensors_write(path, meta, n, file->tensor, file->n_tensors), VN_OK);
    vn_safetensors_close(file);
}

START_TEST(an_option_younger_than_the_checkpoint_counts_as_its_default)
{
    static const struct {
        vn_setting setting;
        const char *key;
        vn_status want;
    } cases[] = {
        { { "cat_emb_dim", "0" }, "train.cat_emb_dim", VN_OK },
        { { "cat_emb_dim", "3" }, "train.cat_emb_dim", VN_E_ARGUMENT },
        { { "ema_decay", "0" }, "train.ema_decay", VN_OK },
        { { "ema_decay", "0.9" }, "train.ema_decay", VN_E_ARGUMENT },
        { { "cat_emb_dim", "0" }, "format_version", VN_E_MODEL },
        { { "cat_emb_dim", "0" }, "data", VN_E_MODEL },
    };
    const char *path = vn_lab_path("older.ckpt");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vn_setting settings[] = { { cases[i].setting[0], cases[i].setting[1] },
                                        { NULL, NULL } };
        vn_lab lab;
        vn_lab_open(&lab, "linear", 1, NULL);
        fit_ok(&lab, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 12 });
        forget(path, cases[i].key);
        vn_fitted_close(lab.m);
        lab.m = vn_lab_model(&lab, "linear", settings);
        vn_status st = vn_lab_fit(&lab, &(vn_fit_hooks){ .resume = path });
        ck_assert_msg(st == cases[i].want, "%d: %s", (int)i, st ? vn_last_message() : "");
        vn_lab_close(&lab);
    }
    unlink(path);
}
END_TEST

START_TEST(what_cannot_be_trained_is_refused)
{
    static const struct {
        vn_setting setting;
        vn_status code;
        const char *words;
    } cases[] = {
        { { "h", "0" }, VN_E_ARGUMENT, "h is 0" },
        { { "val_size", "3" }, VN_E_ARGUMENT, "fewer than the horizon" },
        { { "split", "[80, 20]" }, VN_E_ARGUMENT, "train:val:test" },
        { { "split", "[80, 20, 20]" }, VN_E_ARGUMENT, "not both" },
        { { "horizon_weight", "[1, 2]" }, VN_E_ARGUMENT, "h is 4" },
        { { "horizon_weight", "[0, 0, 0, 0]" }, VN_E_ARGUMENT, "is 0" },
        { { "test_size", "200" }, VN_E_DATA, "" },
        { { "h", "200" }, VN_E_ARGUMENT, "" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vn_setting settings[] = { { cases[i].setting[0], cases[i].setting[1] },
                                        { NULL, NULL } };
        vn_lab lab;
        vn_lab_open(&lab, "linear", 1, settings);
        vn_status st = vn_lab_fit(&lab, NULL);
        ck_assert_msg(st == cases[i].code && strstr(vn_last_message(), cases[i].words),
                      "%s: %s: %s", cases[i].setting[0], vn_status_word(st), vn_last_message());
        vn_lab_close(&lab);
    }
    const vn_setting patient[] = { { "early_stop_patience_steps", "2" },
                                   { "val_size", "0" },
                                   { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, patient);
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_ARGUMENT);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(an_open_input_size_is_settled_by_horizon_season_and_length)
{
    static const struct {
        const char *h, *val;
        int64_t want;
    } cases[] = { { "4", "0", 24 }, { "8", "0", 40 }, { "16", "0", 52 }, { "16", "20", 42 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const vn_setting settings[] = {
            { "h", cases[i].h }, { "val_size", cases[i].val }, { "input_size", "0" }, { NULL, NULL }
        };
        vn_lab lab;
        vn_lab_open(&lab, "linear", 1, settings);
        ck_assert_int_eq(vn_fit_resolve(lab.m, lab.panel, NULL), VN_OK);
        ck_assert_int_eq(lab.m->train.input_size, cases[i].want);
        vn_lab_close(&lab);
    }
}
END_TEST

START_TEST(every_allocation_of_a_short_run_may_fail)
{
    const vn_setting settings[] = { { "max_steps", "3" }, { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 1, settings);
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 5000; n++) {
        vn_fitted *m = vn_lab_model(&lab, "linear", settings);
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_fit(m, lab.panel, lab.dev, NULL, NULL);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        vn_fitted_close(m);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
    }
    ck_assert_int_eq(st, VN_OK);
    ck_assert_int_gt(n, 20);
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_fit(void);

Suite *vn_suite_fit(void)
{
    Suite *s = suite_create("fit");
    TCase *quick = tcase_create("run"), *slow = tcase_create("all");
    tcase_set_timeout(slow, 120);
    tcase_set_timeout(quick, 60);
    tcase_add_test(quick, the_learning_rate_falls_as_often_as_asked);
    tcase_add_loop_test(slow, fit_learns_a_sine, 0, 3);
    tcase_add_test(slow, every_scaler_and_loss_trains_to_finite_numbers);
    tcase_add_loop_test(quick, every_probabilistic_loss_trains_to_finite_numbers, 0, 12);
    tcase_add_test(quick, a_point_loss_can_validate_quantiles_and_distributions);
    tcase_add_test(quick, counts_are_whole_and_not_negative);
    tcase_add_test(quick, revin_weight_and_bias_learn);
    tcase_add_loop_test(quick, any_number_of_threads_gives_the_same_bits, 0, 3);
    tcase_add_loop_test(quick, a_hundred_steps_allocate_nothing, 0, 3);
    tcase_add_test(quick, early_stopping_restores_the_best_weights);
    tcase_add_test(quick, the_mean_of_the_weights_is_that_of_the_steps);
    tcase_add_test(quick, without_validation_the_last_weights_stay);
    tcase_add_test(quick, a_loss_that_is_no_number_names_step_and_node);
    tcase_add_loop_test(quick, a_run_that_breaks_keeps_the_best_weights, 0, 3);
    tcase_add_test(quick, a_batch_with_nothing_observed_changes_nothing);
    tcase_add_test(quick, horizon_weights_decide_what_is_learned);
    tcase_add_loop_test(quick, a_known_future_feature_is_used, 0, 3);
    tcase_add_loop_test(quick, a_resumed_run_ends_with_the_same_bits, 0, 2);
    tcase_add_test(quick, a_checkpoint_is_written_as_often_as_asked);
    tcase_add_test(quick, a_run_goes_on_only_as_it_began);
    tcase_add_test(quick, an_option_younger_than_the_checkpoint_counts_as_its_default);
    tcase_add_test(quick, a_loss_that_blows_up_and_stays_finite_is_warned_about);
    tcase_add_test(quick, a_damaged_checkpoint_is_refused);
    tcase_add_test(quick, a_checkpoint_that_cannot_be_written_stops_the_run_but_keeps_its_weights);
    tcase_add_test(quick, what_cannot_be_trained_is_refused);
    tcase_add_test(quick, an_open_input_size_is_settled_by_horizon_season_and_length);
    tcase_add_test(slow, every_allocation_of_a_short_run_may_fail);
    suite_add_tcase(s, quick);
    suite_add_tcase(s, slow);
    return s;
}

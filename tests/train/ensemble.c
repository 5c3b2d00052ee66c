/* Ensembles: every member is the model that its seed alone gives, and the forecast is their mean. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "tests/train/lab.h"

enum { MEMBERS = 3, OPTIONS = 12, H = 4 };

static void fit_ok(vn_lab *lab, const vn_fit_hooks *hooks)
{
    ck_assert_msg(!vn_lab_fit(lab, hooks), "%s", vn_last_message());
}

/* What each case trains: a model, and up to three options. Dropout, clipping and the mean of weights are
 * a member's own too. */
static const struct {
    const char *model;
    vn_setting own[4];
} cases[] = {
    { "linear", { { NULL } } },
    { "nhits", { { "dropout_prob_theta", "0.2" }, { "gradient_clip_val", "0.5" }, { NULL } } },
    { "nhits", { { "ema_decay", "0.9" }, { "optimizer", "adamw" }, { "weight_decay", "0.1" }, { NULL } } },
    { "nhits", { { "val_size", "0" }, { "loss", "rmse" }, { NULL } } },
    { "gru", { { "encoder_hidden_size", "8" }, { "loss", "mqloss" }, { NULL } } },
    { "lstm-attention", { { "encoder_hidden_size", "8" }, { NULL } } },
    { "tcn", { { "encoder_hidden_size", "8" }, { "loss", "normal" }, { NULL } } },
    { "transformer", { { "hidden_size", "16" }, { "n_head", "2" }, { NULL } } },
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void settings_of(int at, const char *seed, const char *size, vn_setting out[OPTIONS])
{
    int n = 0;
    for (const vn_setting *s = cases[at].own; (*s)[0]; s++, n++) memcpy(out[n], *s, sizeof *s);
    out[n][0] = "seed";
    out[n++][1] = seed;
    out[n][0] = "ensemble_size";
    out[n++][1] = size;
    out[n][0] = NULL;
}

START_TEST(a_member_is_the_model_of_its_seed_to_the_bit)
{
    static const char *const seeds[MEMBERS] = { "5", "6", "7" };
    for (int threads = 1; threads <= 4; threads += 3) { /* a lane for all members; more lanes than members */
        vn_setting settings[OPTIONS];
        vn_lab all;
        settings_of(_i, "5", "3", settings);
        vn_lab_open(&all, cases[_i].model, threads, (const vn_setting *)settings);
        fit_ok(&all, NULL);
        const vn_params *p = all.m->params;
        ck_assert_int_eq(p->members, MEMBERS);
        double loss = 0, best = 0;
        for (int s = 0; s < MEMBERS; s++) {
            vn_lab one;
            settings_of(_i, seeds[s], "1", settings);
            vn_lab_open(&one, cases[_i].model, 1, (const vn_setting *)settings);
            fit_ok(&one, NULL);
            ck_assert_int_eq(one.m->params->n_block, p->n_block);
            ck_assert_msg(!memcmp(one.m->params->block, p->block + s * p->n_block,
                                  (size_t)p->n_block * sizeof *p->block),
                          "member %d with %d threads", s, threads);
            loss += one.report.loss / MEMBERS;
            best += one.report.best / MEMBERS;
            vn_lab_close(&one);
        }
        ck_assert_double_eq_tol(all.report.loss, loss, 1e-12 * fabs(loss));
        if (!isnan(best)) ck_assert_double_eq_tol(all.report.best, best, 1e-12 * fabs(best));
        vn_lab_close(&all);
    }
}
END_TEST

/* n numbers of the forecast behind the last rows but 8 of series 1. */
static void forecast(const vn_lab *lab, const vn_fitted *m, int64_t n, float *out)
{
    int32_t pairs[2 * H];
    vn_predictor *p;
    for (int i = 0; i < H; i++) {
        pairs[2 * i] = 1;
        pairs[2 * i + 1] = 112 - i;
    }
    ck_assert_msg(!vn_predictor_open(m, lab->dev, 3, &p), "%s", vn_last_message());
    ck_assert_int_eq(vn_predictor_head(p)->width * H * H, n);
    ck_assert_msg(!vn_predictor_run(p, lab->panel, pairs, H, out), "%s", vn_last_message());
    vn_predictor_close(p);
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

START_TEST(the_forecast_is_the_mean_of_sorted_members)
{
    enum { WIDTH = 5, N = H * H * WIDTH };
    static const char *const losses[] = { "mae", "mqloss" };
    int64_t width = _i ? WIDTH : 1, n = H * H * width;
    const vn_setting settings[] = { { "ensemble_size", "3" }, { "loss", losses[_i] },
                                    { "max_steps", "3" },     { NULL } };
    float all[N], one[N];
    double mean[N] = { 0 };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 2, settings);
    fit_ok(&lab, NULL);
    forecast(&lab, lab.m, n, all);
    for (int s = 0; s < MEMBERS; s++) {
        const vn_setting alone[] = { { "loss", losses[_i] }, { NULL } };
        vn_fitted *m = vn_lab_model(&lab, "nhits", alone);
        ck_assert_int_eq(vn_fitted_declare(m), VN_OK);
        ck_assert_int_eq(vn_params_layout(m->params), VN_OK);
        memcpy(m->params->block, lab.m->params->block + s * m->params->n_block,
               vn_params_bytes(m->params));
        forecast(&lab, m, n, one);
        for (int64_t i = 0; i < n; i += width) qsort(one + i, (size_t)width, sizeof *one, ascending);
        for (int64_t i = 0; i < n; i++) mean[i] += (double)one[i] / MEMBERS;
        vn_fitted_close(m);
    }
    for (int64_t i = 0; i < n; i++) ck_assert_double_eq_tol((double)all[i], mean[i], 1e-5);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_resumed_ensemble_ends_with_the_same_bits)
{
    const vn_setting settings[] = { { "ensemble_size", "3" }, { "val_check_steps", "7" }, { NULL } };
    const char *path = vn_lab_path("ensemble.ckpt");
    vn_lab whole, parts;
    vn_lab_open(&whole, "nhits", 2, settings);
    vn_lab_open(&parts, "nhits", 1, settings);
    fit_ok(&whole, &(vn_fit_hooks){ .checkpoint = path, .checkpoint_steps = 16 });
    fit_ok(&parts, &(vn_fit_hooks){ .resume = path });
    ck_assert(vn_lab_same_weights(whole.m, parts.m));
    ck_assert_double_eq(whole.report.valid, parts.report.valid);
    ck_assert_double_eq(whole.report.best, parts.report.best);
    ck_assert_int_eq(whole.report.best_step, parts.report.best_step);
    vn_fitted_close(parts.m);
    parts.m = vn_lab_model(&parts, "nhits", (const vn_setting[]){ { "ensemble_size", "2" }, { NULL } });
    ck_assert_int_eq(vn_lab_fit(&parts, &(vn_fit_hooks){ .resume = path }), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "ensemble_size = 3, now it is 2"));
    unlink(path);
    vn_lab_close(&whole);
    vn_lab_close(&parts);
}
END_TEST

START_TEST(a_file_holds_all_members)
{
    const vn_setting settings[] = { { "ensemble_size", "3" }, { "max_steps", "2" }, { NULL } };
    const char *path = vn_lab_path("ensemble.vane");
    vn_lab lab;
    vn_fitted *again;
    vn_lab_open(&lab, "nhits", 1, settings);
    fit_ok(&lab, NULL);
    ck_assert_msg(!vn_fitted_save(lab.m, path), "%s", vn_last_message());
    ck_assert_msg(!vn_fitted_load(path, &again), "%s", vn_last_message());
    ck_assert_int_eq(again->params->members, MEMBERS);
    ck_assert(vn_lab_same_weights(lab.m, again));
    vn_fitted_close(again);
    lab.m->train.ensemble_size = 2; /* a file of three that says it holds two */
    ck_assert_msg(!vn_fitted_save(lab.m, path), "%s", vn_last_message());
    ck_assert_int_eq(vn_fitted_load(path, &again), VN_E_MODEL);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "\"member2/"));
    lab.m->train.ensemble_size = 4;
    ck_assert_msg(!vn_fitted_save(lab.m, path), "%s", vn_last_message());
    ck_assert_int_eq(vn_fitted_load(path, &again), VN_E_MODEL);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "\"member3/"));
    unlink(path);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(what_has_no_mean_is_refused)
{
    static const vn_setting losses[][2] = { { { "loss", "studentt" }, { "ensemble_size", "2" } },
                                            { { "loss", "gmm" }, { "ensemble_size", "2" } } };
    vn_setting settings[3] = { { losses[_i][0][0], losses[_i][0][1] },
                               { losses[_i][1][0], losses[_i][1][1] } };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 1, (const vn_setting *)settings);
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "take such a loss, or ensemble_size 1"));
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_member_that_diverges_is_named)
{
    const vn_setting settings[] = { { "ensemble_size", "3" },        { "learning_rate", "10" },
                                    { "scaler_type", "identity" },   { "loss", "mse" },
                                    { "windows_batch_size", "1024" }, { "max_steps", "200" },
                                    { "val_size", "0" },             { NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 2, settings);
    for (int i = 0; i < 20; i++) lab.panel->y[60 + i] *= 1e18f;
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "loss is not finite at step 1: first bad node "));
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_ensemble(void);

Suite *vn_suite_ensemble(void)
{
    Suite *s = suite_create("ensemble");
    TCase *t = tcase_create("ensemble");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_member_is_the_model_of_its_seed_to_the_bit, 0, N_CASES);
    tcase_add_loop_test(t, the_forecast_is_the_mean_of_sorted_members, 0, 2);
    tcase_add_test(t, a_resumed_ensemble_ends_with_the_same_bits);
    tcase_add_test(t, a_file_holds_all_members);
    tcase_add_loop_test(t, what_has_no_mean_is_refused, 0, 2);
    tcase_add_test(t, a_member_that_diverges_is_named);
    suite_add_tcase(s, t);
    return s;
}

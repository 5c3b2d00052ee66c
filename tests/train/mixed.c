/* Training and forecasting with products in 16 bits. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/train/lab.h"

Suite *vn_suite_mixed(void);

static const vn_setting learning[] = { { "max_steps", "300" }, { NULL, NULL } };

static void fit_in(vn_lab *lab, vn_precision precision, const vn_fit_hooks *hooks)
{
    lab->m->precision = precision;
    ck_assert_msg(!vn_lab_fit(lab, hooks), "%s", vn_last_message());
}

static double learnt(const char *model, vn_precision precision)
{
    vn_lab lab;
    vn_lab_open(&lab, model, 2, learning);
    fit_in(&lab, precision, NULL);
    double mae = vn_lab_mae(&lab, 104, 120);
    vn_lab_close(&lab);
    return mae;
}

/* A sine of amplitude 5 on a level of 10. */
START_TEST(bf16_and_fp16_learn_what_f32_learns)
{
    static const char *const models[] = { "nhits", "linear", "transformer", "gru", "tcn" };
    static const vn_precision precisions[] = { VN_PRECISION_BF16, VN_PRECISION_FP16 };
    double f32 = learnt(models[_i], VN_PRECISION_F32);
    for (int i = 0; i < 2; i++) {
        double low = learnt(models[_i], precisions[i]);
        const char *name = vn_precision_name(precisions[i]);
        ck_assert_msg(low < 1.3 * f32 + 0.1, "%s: mae %g in f32, %g in %s", models[_i], f32, low,
                      name);
        ck_assert_msg(low != f32, "%s: %s changed nothing", models[_i], name);
    }
}
END_TEST

/* The weights are f32 whatever they were trained in: they forecast in either. */
START_TEST(a_model_forecasts_in_any_precision)
{
    vn_lab lab;
    vn_lab_open(&lab, "nhits", 2, learning);
    fit_in(&lab, VN_PRECISION_F32, NULL);
    double f32 = vn_lab_mae(&lab, 104, 120);
    lab.m->precision = VN_PRECISION_BF16;
    double low = vn_lab_mae(&lab, 104, 120);
    ck_assert_double_ne(low, f32);
    ck_assert_double_lt(fabs(low - f32), 0.05); /* 2^-8 of values up to 15 */
    vn_lab_close(&lab);
}
END_TEST

START_TEST(bf16_gives_the_same_bits_for_any_number_of_threads)
{
    vn_lab one, three;
    vn_lab_open(&one, "nhits", 1, NULL);
    vn_lab_open(&three, "nhits", 3, NULL);
    fit_in(&one, VN_PRECISION_BF16, NULL);
    fit_in(&three, VN_PRECISION_BF16, NULL);
    ck_assert(vn_lab_same_weights(one.m, three.m));
    vn_lab_close(&one);
    vn_lab_close(&three);
}
END_TEST

static bool after(void *ctx)
{
    return ++*(int *)ctx == 17;
}

START_TEST(a_run_resumes_bitwise_in_its_own_precision_alone)
{
    static const vn_precision precisions[] = { VN_PRECISION_BF16, VN_PRECISION_FP16 };
    const char *path = vn_lab_path("mixed.ckpt");
    char words[64];
    int asked = 0;
    vn_lab whole, parts;
    vn_lab_open(&whole, "nhits", 2, NULL);
    fit_in(&whole, precisions[_i], NULL);
    vn_lab_open(&parts, "nhits", 2, NULL);
    fit_in(&parts, precisions[_i],
           &(vn_fit_hooks){ .stop = after, .ctx = &asked, .checkpoint = path });
    ck_assert(parts.report.interrupted);
    vn_fitted_close(parts.m);
    parts.m = vn_lab_model(&parts, "nhits", NULL);
    ck_assert_int_eq(vn_lab_fit(&parts, &(vn_fit_hooks){ .resume = path }), VN_E_ARGUMENT);
    snprintf(words, sizeof words, "precision = %s, now it is f32",
             vn_precision_name(precisions[_i]));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), words));
    vn_fitted_close(parts.m);
    parts.m = vn_lab_model(&parts, "nhits", NULL);
    fit_in(&parts, precisions[_i], &(vn_fit_hooks){ .resume = path });
    ck_assert(vn_lab_same_weights(whole.m, parts.m));
    vn_lab_close(&whole);
    vn_lab_close(&parts);
    unlink(path);
}
END_TEST

/* Targets of 1e4 without a scaler: gradients overflow at first, and the scale falls. */
static const vn_setting loud[] = {
    { "scaler_type", "identity" }, { "loss", "mse" }, { "learning_rate", "1e-4" },
    { "ema_decay", "0.5" }, { NULL, NULL }
};

static void open_loud(vn_lab *lab, double factor)
{
    vn_lab_open(lab, "nhits", 2, loud);
    for (int64_t i = 0; i < lab->panel->n_rows; i++) lab->panel->y[i] *= (float)factor;
}

START_TEST(a_resumed_run_keeps_its_loss_scale)
{
    const char *path = vn_lab_path("scaled.ckpt");
    int asked = 0;
    vn_lab whole, parts;
    open_loud(&whole, 1e3);
    fit_in(&whole, VN_PRECISION_FP16, NULL);
    open_loud(&parts, 1e3);
    fit_in(&parts, VN_PRECISION_FP16,
           &(vn_fit_hooks){ .stop = after, .ctx = &asked, .checkpoint = path });
    vn_fitted_close(parts.m);
    parts.m = vn_lab_model(&parts, "nhits", loud);
    fit_in(&parts, VN_PRECISION_FP16, &(vn_fit_hooks){ .resume = path });
    ck_assert(vn_lab_same_weights(whole.m, parts.m));
    vn_lab_close(&whole);
    vn_lab_close(&parts);
    unlink(path);
}
END_TEST

START_TEST(what_fp16_cannot_hold_is_told)
{
    vn_lab lab;
    open_loud(&lab, 1e5);
    lab.m->precision = VN_PRECISION_FP16;
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "fp16 has no number above 65504"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "(cast)"));
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_mixed(void)
{
    Suite *s = suite_create("mixed");
    TCase *tc = tcase_create("training");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, bf16_and_fp16_learn_what_f32_learns, 0, 5);
    tcase_add_test(tc, a_model_forecasts_in_any_precision);
    tcase_add_test(tc, bf16_gives_the_same_bits_for_any_number_of_threads);
    tcase_add_loop_test(tc, a_run_resumes_bitwise_in_its_own_precision_alone, 0, 2);
    tcase_add_test(tc, a_resumed_run_keeps_its_loss_scale);
    tcase_add_test(tc, what_fp16_cannot_hold_is_told);
    suite_add_tcase(s, tc);
    return s;
}

/* Forecasting: batches of any size agree, nothing allocates, the wrong data are refused. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "tests/train/lab.h"

enum { N = 23, H = 4 };

static void some_pairs(int32_t pairs[2 * N])
{
    for (int i = 0; i < N; i++) {
        pairs[2 * i] = i % 3;
        pairs[2 * i + 1] = 1 + 5 * i; /* the first ones reach before their series */
    }
}

static void open_trained(vn_lab *lab, const char *model)
{
    vn_lab_open(lab, model, 2, NULL);
    ck_assert_msg(!vn_lab_fit(lab, NULL), "%s", vn_last_message());
}

static void forecast(const vn_lab *lab, int64_t batch, int n, const int32_t *pairs, float *out)
{
    vn_predictor *p;
    ck_assert_msg(!vn_predictor_open(lab->m, lab->dev, batch, &p), "%s", vn_last_message());
    ck_assert_msg(!vn_predictor_run(p, lab->panel, pairs, n, out), "%s", vn_last_message());
    vn_predictor_close(p);
}

START_TEST(batches_of_any_size_agree)
{
    static const char *const models[] = { "linear", "nhits", "nbeats", "gru", "lstm-attention" };
    vn_lab lab;
    int32_t pairs[2 * N];
    float all[N * H], some[N * H];
    open_trained(&lab, models[_i]);
    some_pairs(pairs);
    forecast(&lab, 0, N, pairs, all);
    for (int64_t batch = 1; batch < N + 2; batch += 5) {
        forecast(&lab, batch, N, pairs, some);
        for (int i = 0; i < N * H; i++)
            ck_assert_float_eq_tol(some[i], all[i], 1e-5f * fabsf(all[i]));
    }
    vn_lab_close(&lab);
}
END_TEST

START_TEST(the_weights_of_the_inputs_are_kept_on_request)
{
    enum { L_MAX = 64 };
    vn_lab lab;
    int32_t pairs[2 * N];
    float out[N * H], plain[N * H], shown[N * H * L_MAX];
    vn_predictor *p;
    int64_t row;
    open_trained(&lab, "lstm-attention");
    some_pairs(pairs);
    ck_assert_int_eq(vn_predictor_open_showing(lab.m, lab.dev, 8, "attention", &p, &row), VN_OK);
    int64_t L = lab.m->train.input_size;
    ck_assert_int_eq(row, H * L);
    ck_assert_int_le(L, L_MAX);
    vn_predictor_keep(p, shown);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, N, out), VN_OK);
    vn_predictor_close(p);
    forecast(&lab, 8, N, pairs, plain);
    ck_assert_mem_eq(out, plain, sizeof out);
    for (int i = 0; i < N * H; i++) {
        double sum = 0;
        int64_t padded = L - pairs[2 * (i / H) + 1]; /* steps before the series */
        for (int64_t t = 0; t < L; t++) sum += (double)shown[i * L + t];
        ck_assert_double_eq_tol(sum, 1, 1e-5);
        for (int64_t t = 0; t < padded; t++) ck_assert_float_eq(shown[i * L + t], 0);
    }
    ck_assert_int_eq(vn_predictor_open_showing(lab.m, lab.dev, 8, "colour", &p, &row),
                     VN_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "lstm-attention has no colour to show"));
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_repeated_forecast_allocates_nothing)
{
    static const char *const models[] = { "linear", "nhits", "nbeats", "gru", "lstm-attention" };
    vn_lab lab;
    int32_t pairs[2 * N];
    float out[N * H], again[N * H];
    vn_predictor *p;
    open_trained(&lab, models[_i]);
    some_pairs(pairs);
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 8, &p), VN_OK);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, N, out), VN_OK);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, i % 2 ? N : 1, again), VN_OK);
    }
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC) - before, 0);
    ck_assert_int_eq(memcmp(out, again, sizeof out), 0);
    vn_predictor_close(p);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(another_panel_can_be_forecast_with_the_same_plan)
{
    vn_lab lab;
    int32_t pairs[2] = { 1, 40 };
    float mine[H], others[H], fresh[H];
    vn_predictor *p;
    open_trained(&lab, "nhits");
    vn_panel *other = vn_lab_sines(2, 60);
    for (int64_t i = 0; i < other->n_rows; i++) other->y[i] *= 2;
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 4, &p), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, mine), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, other, pairs, 1, others), VN_OK);
    vn_predictor_close(p);
    vn_panel *own = lab.panel;
    lab.panel = other;
    forecast(&lab, 4, 1, pairs, fresh);
    ck_assert_int_eq(memcmp(others, fresh, sizeof fresh), 0);
    ck_assert_int_ne(memcmp(others, mine, sizeof mine), 0);
    lab.panel = own;
    vn_panel_close(other);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(new_weights_reach_an_open_predictor)
{
    vn_lab lab;
    int32_t pairs[2] = { 1, 40 };
    float before[H], after[H];
    vn_predictor *p;
    open_trained(&lab, "nhits");
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 1, &p), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, before), VN_OK);
    vn_params_draw(lab.m->params, 99);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, after), VN_OK);
    ck_assert_int_ne(memcmp(before, after, sizeof after), 0);
    vn_predictor_close(p);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(data_that_do_not_fit_the_model_are_refused)
{
    vn_lab lab;
    int32_t pairs[2] = { 3, 40 };
    float out[H], feature[360] = { 0 };
    const char *names[] = { "price" };
    vn_predictor *p;
    open_trained(&lab, "linear");
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, -1, &p), VN_E_ARGUMENT);
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 4, &p), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, out), VN_E_ARGUMENT);
    lab.panel->n_hist = 1;
    lab.panel->hist_name = names;
    lab.panel->hist = feature;
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, out), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "price"));
    vn_predictor_close(p);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(a_forecast_needs_its_future_features)
{
    vn_lab lab;
    int32_t pairs[2] = { 1, 117 };
    float out[H], feature[360] = { 0 };
    const char *names[] = { "holiday" };
    vn_predictor *p;
    vn_lab_open(&lab, "linear", 1, NULL);
    lab.panel->n_futr = 1;
    lab.panel->futr_name = names;
    lab.panel->futr = feature;
    ck_assert_int_eq(vn_fitted_adopt(lab.m, lab.panel), VN_OK);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    ck_assert_int_eq(vn_predictor_open(lab.m, lab.dev, 4, &p), VN_OK);
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, out), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "\"holiday\" in 1 more rows"));
    pairs[1] = 116;
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, out), VN_OK);
    pairs[1] = 121;
    ck_assert_int_eq(vn_predictor_run(p, lab.panel, pairs, 1, out), VN_E_ARGUMENT);
    vn_predictor_close(p);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(every_allocation_of_opening_may_fail)
{
    vn_lab lab;
    open_trained(&lab, "linear");
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 5000; n++) {
        vn_predictor *p;
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_predictor_open(lab.m, lab.dev, 4, &p);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        vn_predictor_close(p);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
    }
    ck_assert_int_eq(st, VN_OK);
    ck_assert_int_gt(n, 10);
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_predictor(void);

Suite *vn_suite_predictor(void)
{
    Suite *s = suite_create("predictor");
    TCase *t = tcase_create("run");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, batches_of_any_size_agree, 0, 5);
    tcase_add_loop_test(t, a_repeated_forecast_allocates_nothing, 0, 5);
    tcase_add_test(t, the_weights_of_the_inputs_are_kept_on_request);
    tcase_add_test(t, another_panel_can_be_forecast_with_the_same_plan);
    tcase_add_test(t, new_weights_reach_an_open_predictor);
    tcase_add_test(t, data_that_do_not_fit_the_model_are_refused);
    tcase_add_test(t, a_forecast_needs_its_future_features);
    tcase_add_test(t, every_allocation_of_opening_may_fail);
    suite_add_tcase(s, t);
    return s;
}

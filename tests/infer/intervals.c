/* From the option of the loss to columns: what a model gives, what is refused, that quantiles never
 * cross, and that intervals hold what they promise. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "base/sort.h"
#include "host/infer/intervals.h"
#include "host/infer/special.h"
#include "tests/train/lab.h"

Suite *vn_suite_intervals(void);

static void set(vn_train_options *o, const char *name, const char *value)
{
    const vn_option *option = vn_option_find(vn_train_option_table, name);
    ck_assert_msg(!vn_option_set(option, o, value), "%s", vn_last_message());
}

static vn_train_options options_with(const char *loss, const char *name, const char *value)
{
    vn_train_options o;
    ck_assert_int_eq(vn_options_preset(vn_train_option_table, &o), VN_OK);
    set(&o, "loss", loss);
    if (name) set(&o, name, value);
    return o;
}

static vn_head head_with(const char *loss, const char *name, const char *value)
{
    vn_train_options o = options_with(loss, name, value);
    vn_head head;
    ck_assert_msg(!vn_head_of(&o, &head), "%s", vn_last_message());
    return head;
}

START_TEST(the_loss_decides_how_many_numbers_a_step_has)
{
    static const struct {
        const char *loss, *name, *value;
        int64_t P, n_free, width;
    } cases[] = {
        { "mae", NULL, NULL, 1, 0, 1 },
        { "rmse", NULL, NULL, 1, 0, 1 },
        { "quantile", "quantile", "0.3", 1, 0, 1 },
        { "mqloss", NULL, NULL, 5, 0, 5 },
        { "mqloss", "level", "[50]", 3, 0, 3 },
        { "mqloss", "quantiles", "[0.9, 0.1]", 2, 0, 2 },
        { "iqloss", NULL, NULL, 9, 8, 199 },
        { "normal", NULL, NULL, 2, 1, 2 },
        { "studentt", NULL, NULL, 3, 2, 3 },
        { "negbin", NULL, NULL, 2, 1, 2 },
        { "poisson", NULL, NULL, 1, 0, 1 },
        { "laplace", NULL, NULL, 2, 1, 2 },
        { "gmm", "n_components", "4", 12, 8, 12 },
        { "pmm", NULL, NULL, 6, 3, 6 },
        { "nbmm", NULL, NULL, 9, 6, 9 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_head head = head_with(cases[i].loss, cases[i].name, cases[i].value);
        ck_assert_msg(head.P == cases[i].P && head.n_free == cases[i].n_free &&
                          head.width == cases[i].width,
                      "%s: P %d, free %d, width %d", cases[i].loss, (int)head.P, (int)head.n_free,
                      (int)head.width);
    }
    vn_head levels = head_with("mqloss", NULL, NULL);
    const double want[] = { 0.05, 0.1, 0.5, 0.9, 0.95 };
    for (int i = 0; i < 5; i++) ck_assert_double_eq_tol(levels.q[i], want[i], 1e-12);
}
END_TEST

static void expect_columns(const vn_head *head, const vn_wish *wish, const char *want)
{
    vn_picks c;
    char all[512] = "";
    ck_assert_msg(!vn_picks_of(head, wish, &c), "%s", vn_last_message());
    for (int i = 0; i < c.n; i++) {
        strcat(all, i ? "," : "");
        strcat(all, c.v[i].name);
    }
    ck_assert_str_eq(all, want);
}

START_TEST(columns_are_named_by_level_and_quantile)
{
    vn_opt_FLOATS level = { 2, { 80, 90 } }, odd = { 1, { 99.5 } }, q = { 2, { 0.1, 0.75 } };
    vn_head many = head_with("mqloss", NULL, NULL), one = head_with("mae", NULL, NULL);
    vn_head dist = head_with("normal", NULL, NULL), all = head_with("iqloss", NULL, NULL);
    vn_wish both = { &level, NULL, true }, rare = { &odd, &q, true }, loose = { &level, &q, false };
    expect_columns(&many, &both, "median,lo-90,lo-80,hi-80,hi-90");
    expect_columns(&many, &loose, "median,lo-90,lo-80,hi-80,hi-90,ql0.1");
    expect_columns(&dist, &rare, "median,lo-99.5,hi-99.5,ql0.1,ql0.75");
    expect_columns(&one, &loose, "");
    expect_columns(&all, &both, "median,lo-90,lo-80,hi-80,hi-90");
    vn_head upper = head_with("mqloss", "quantiles", "[0.1, 0.9, 0.95]"); /* no lower end of 90 */
    expect_columns(&upper, &loose, "lo-80,hi-80,ql0.1");
}
END_TEST

START_TEST(what_a_model_does_not_have_is_refused)
{
    vn_opt_FLOATS level = { 1, { 50 } }, odd = { 1, { 99.5 } };
    vn_head many = head_with("mqloss", NULL, NULL), one = head_with("mae", NULL, NULL);
    vn_head all = head_with("iqloss", NULL, NULL);
    vn_picks c;
    vn_wish wish = { &level, NULL, true };
    ck_assert_int_eq(vn_picks_of(&many, &wish, &c), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(),
                     "the model has no quantile 0.25; it has 5 from 0.05 to 0.95");
    ck_assert_int_eq(vn_picks_of(&one, &wish, &c), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "trained for points"));
    wish.level = &odd;
    ck_assert_int_eq(vn_picks_of(&all, &wish, &c), VN_E_ARGUMENT);
    vn_head head;
    vn_train_options o = options_with("normal", "scaler_type", "revin");
    ck_assert_int_eq(vn_head_of(&o, &head), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "scaler_type is revin"));
}
END_TEST

START_TEST(crossing_quantiles_are_sorted)
{
    vn_head head = head_with("mqloss", NULL, NULL);
    float x[] = { 3, 1, 4, 1, 5 };
    double out[5];
    ck_assert_double_eq(vn_step_forecast(&head, x, NULL, head.q, 5, out), 3);
    const double want[] = { 1, 1, 3, 4, 5 };
    for (int i = 0; i < 5; i++) ck_assert_double_eq(out[i], want[i]);
    float broken[] = { 3, NAN, 4, 1, 5 };
    ck_assert(isnan(vn_step_forecast(&head, broken, NULL, head.q, 5, out)) && isnan(out[0]));
}
END_TEST

/* Of n draws and one more, all alike, each is the k-th smallest with the same chance: the interval
 * must hold what it promises whatever n is. */
START_TEST(quantiles_of_paths_hold_their_share_of_the_next_value)
{
    enum { TRIALS = 20000, MOST = 100 };
    static const int sizes[] = { 20, 39, MOST };
    const double q[] = { 0.05, 0.5, 0.95 };
    for (int k = 0; k < 3; k++) {
        vn_head head = { .family = VN_FAMILY_PATHS, .width = sizes[k] };
        float x[MOST], room[MOST];
        double out[3], inside = 0, below = 0;
        for (int trial = 0; trial < TRIALS; trial++) {
            for (int i = 0; i < sizes[k]; i++)
                x[i] = vn_uniform24(vn_random4(9, (uint64_t)trial, (uint64_t)i).v[0]);
            float next = vn_uniform24(vn_random4(10, (uint64_t)trial, 0).v[0]);
            double point = vn_step_forecast(&head, x, room, q, 3, out);
            inside += out[0] <= (double)next && (double)next <= out[2];
            below += (double)next <= out[1];
            ck_assert_double_eq(point, out[1]);
        }
        ck_assert_double_eq_tol(inside / TRIALS, 0.9, 4 * sqrt(0.09 / TRIALS));
        ck_assert_double_eq_tol(below / TRIALS, 0.5, 4 * sqrt(0.25 / TRIALS));
    }
    vn_head head = { .family = VN_FAMILY_PATHS, .width = 3 };
    float broken[] = { 3, NAN, 4 }, room[3];
    double out[3];
    ck_assert(isnan(vn_step_forecast(&head, broken, room, q, 3, out)) && isnan(out[2]));
}
END_TEST

static const int sort_sizes[] = { 0, 1, 2, 64, 65, 1000 };
enum { N_SIZES = sizeof sort_sizes / sizeof *sort_sizes };

START_TEST(drawn_numbers_are_sorted)
{
    float v[1000], room[1000];
    int n = sort_sizes[_i];
    double before = 0, after = 0;
    for (int i = 0; i < n; i++) {
        uint32_t word = vn_random4(5, 6, (uint64_t)i).v[0] & 0xff7fffffu; /* any finite number */
        memcpy(v + i, &word, sizeof word);
        if (i % 7 == 3) v[i] = i % 2 ? -0.0f : -INFINITY;
        before += isfinite(v[i]) ? log1p(fabs((double)v[i])) : 0;
    }
    vn_sort_f32(v, room, (size_t)n);
    for (int i = 0; i < n; i++) {
        after += isfinite(v[i]) ? log1p(fabs((double)v[i])) : 0;
        ck_assert_msg(i == 0 || v[i - 1] <= v[i], "%g before %g", (double)v[i - 1], (double)v[i]);
    }
    ck_assert_double_eq_tol(after, before, 1e-9 * (1 + before));
}
END_TEST

START_TEST(an_implicit_quantile_lies_between_its_neighbours)
{
    vn_head head = head_with("iqloss", NULL, NULL);
    float x[VN_HEAD_LEVELS];
    for (int i = 0; i < VN_HEAD_LEVELS; i++) x[i] = (float)(i + 1);
    const double q[] = { 0.005, 0.025, 0.5, 0.5025, 0.995 };
    double out[5];
    ck_assert_double_eq(vn_step_forecast(&head, x, NULL, q, 5, out), 100);
    const double want[] = { 1, 5, 100, 100.5, 199 };
    for (int i = 0; i < 5; i++) ck_assert_double_eq_tol(out[i], want[i], 1e-9);
}
END_TEST

/* ---- calibration ---- */

enum { SERIES = 8, ROWS = 600, HORIZON = 4, TEST = 200 };

/* y_t = 100 + 0.7 (y_(t-1) - 100) + 10 e_t, e normal: its forecasts are normal and linear. */
static vn_panel *noise(bool counts)
{
    const char *id[SERIES] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    int64_t indptr[SERIES + 1];
    float *y = malloc(SERIES * ROWS * sizeof *y);
    ck_assert_ptr_nonnull(y);
    for (int i = 0; i <= SERIES; i++) indptr[i] = i * ROWS;
    double level = 100;
    for (int t = 0; t < SERIES * ROWS; t++) {
        double u = ((double)vn_random4(5, 1, (uint64_t)t).v[0] + 0.5) / 4294967296.0;
        level = 100 + 0.7 * (level - 100) + 10 * vn_normal_quantile(u);
        y[t] = (float)(counts ? round(level) : level);
    }
    vn_panel *panel = NULL;
    vn_freq freq = { .unit = VN_FREQ_STEP, .n = 1 };
    ck_assert_int_eq(vn_panel_from_arrays(SERIES, id, indptr, y, NULL, NULL, freq, 1, &panel),
                     VN_OK);
    free(y);
    return panel;
}

/* The share of the last rows that lie inside the central 80 % interval. */
static double coverage(const vn_lab *lab)
{
    vn_predictor *p;
    ck_assert_msg(!vn_predictor_open(lab->m, lab->dev, 0, &p), "%s", vn_last_message());
    const vn_head *head = vn_predictor_head(p);
    int32_t pairs[2 * TEST];
    float *x = malloc((size_t)(TEST * HORIZON * head->width) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    int inside = 0, n = 0;
    for (int i = 0; i < SERIES; i++) {
        for (int w = 0; w < TEST; w++) {
            pairs[2 * w] = i;
            pairs[2 * w + 1] = ROWS - TEST - HORIZON + w;
        }
        ck_assert_msg(!vn_predictor_run(p, lab->panel, pairs, TEST, x), "%s", vn_last_message());
        for (int k = 0; k < TEST * HORIZON; k++) {
            const double q[] = { 0.1, 0.9 };
            double out[2];
            vn_step_forecast(head, x + k * head->width, NULL, q, 2, out);
            double y = (double)lab->panel->y[i * ROWS + pairs[2 * (k / HORIZON) + 1] + k % HORIZON];
            inside += out[0] <= y && y <= out[1];
            n++;
        }
    }
    free(x);
    vn_predictor_close(p);
    return (double)inside / n;
}

static const char *const losses[] = { "mqloss", "iqloss", "normal", "studentt", "gmm", "negbin" };
enum { N_LOSSES = sizeof losses / sizeof *losses };

START_TEST(the_80_percent_interval_holds_80_percent)
{
    const vn_setting settings[] = { { "loss", losses[_i] },
                                    { "scaler_type", "mean_abs" },
                                    { "max_steps", "1500" },
                                    { "windows_batch_size", "128" },
                                    { "val_size", "0" },
                                    { "test_size", "200" },
                                    { "input_size", "8" },
                                    { "learning_rate", "0.02" },
                                    { "early_stop_patience_steps", "-1" },
                                    { NULL, NULL } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 2, settings);
    vn_panel_close(lab.panel);
    lab.panel = noise(!strcmp(losses[_i], "negbin"));
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    double share = coverage(&lab);
    ck_assert_msg(fabs(share - 0.8) < 0.05, "%s: %.3f of the actuals lie inside", losses[_i],
                  share);
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_intervals(void)
{
    Suite *s = suite_create("intervals");
    TCase *tc = tcase_create("columns");
    tcase_add_test(tc, the_loss_decides_how_many_numbers_a_step_has);
    tcase_add_test(tc, columns_are_named_by_level_and_quantile);
    tcase_add_test(tc, what_a_model_does_not_have_is_refused);
    tcase_add_test(tc, crossing_quantiles_are_sorted);
    tcase_add_test(tc, an_implicit_quantile_lies_between_its_neighbours);
    tcase_add_test(tc, quantiles_of_paths_hold_their_share_of_the_next_value);
    tcase_add_loop_test(tc, drawn_numbers_are_sorted, 0, N_SIZES);
    suite_add_tcase(s, tc);
    TCase *trained = tcase_create("trained");
    tcase_set_timeout(trained, 120);
    tcase_add_loop_test(trained, the_80_percent_interval_holds_80_percent, 0, N_LOSSES);
    suite_add_tcase(s, trained);
    return s;
}

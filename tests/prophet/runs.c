/* Prophet fitted in parts, and what is to come checked before it is forecast. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/prophet/bench.h"

static const int64_t monday = 17532LL * 86400; /* 2018-01-01 */

/* ---- resuming ---- */

typedef struct watch {
    int asked, patience; /* calls of stop; how many say no */
    char text[512];      /* the last line of the log */
} watch;

static bool stop(void *ctx)
{
    watch *w = ctx;
    return ++w->asked > w->patience;
}

static void note(void *ctx, vn_log_level level, const char *text)
{
    watch *w = ctx;
    (void)level;
    snprintf(w->text, sizeof w->text, "%s", text);
}

static vn_status fit(vn_fitted *m, const vn_panel *p, const vn_fit_hooks *hooks)
{
    vn_device *dev;
    VN_TRY(vn_bench_device(2, &dev));
    vn_status st = vn_bench_fit_on(dev, m, p, 2, hooks);
    vn_device_close(dev);
    return st;
}

static bool same_fits(const vn_fitted *a, const vn_fitted *b)
{
    const vn_prophet_table *x = a->state, *y = b->state;
    size_t n = (size_t)x->ids.n, real = sizeof(double);
    return x->ids.n == y->ids.n && !memcmp(x->number, y->number, n * VN_FIT_NUMBERS * real) &&
           !memcmp(x->change, y->change, n * (size_t)x->S * real) &&
           !memcmp(x->delta, y->delta, n * (size_t)x->S * real) &&
           !memcmp(x->beta, y->beta, n * (size_t)x->spec.n_columns * real);
}

/* A run over the panel stopped after 12 of its series; the checkpoint goes to `path`. */
static void cut_short(const vn_panel *p, const char *options, const char *path)
{
    vn_fitted *m = vn_bench_model(options);
    watch w = { .patience = 2 };
    const vn_fit_hooks hooks = {
        .stop = stop, .ctx = &w, .checkpoint = path, .checkpoint_steps = 4
    };
    ck_assert_int_eq(fit(m, p, &hooks), VN_E_ARGUMENT);
    ck_assert_msg(strstr(vn_last_message(), "stopped after 12 of 20 series, which \""), "%s",
                  vn_last_message());
    vn_fitted_close(m);
}

static void resume(const vn_panel *p, const char *options, const char *path, const char *kept)
{
    vn_fitted *whole = vn_bench_fitted(options, p), *m = vn_bench_model(options);
    watch w = { .patience = 100 };
    const vn_fit_hooks hooks = { .log = { note, &w }, .ctx = &w, .resume = path };
    ck_assert_msg(!fit(m, p, &hooks), "%s", vn_last_message());
    ck_assert_msg(strstr(w.text, kept), "%s, expected %s", w.text, kept);
    ck_assert(same_fits(m, whole));
    vn_fitted_close(whole);
    vn_fitted_close(m);
}

static void checkpoint_path(char path[512])
{
    snprintf(path, 512, "%s/prophet-%ld.ckpt", VANE_BINARY_DIR, (long)getpid());
}

START_TEST(a_resumed_fit_is_the_fit_of_one_run)
{
    static const char *const options[] = { "", "growth=logistic cap=120", "growth=flat",
                                           "seasonality_mode=multiplicative" };
    char path[512];
    checkpoint_path(path);
    vn_panel *p = vn_bench_days(20, 400);
    cut_short(p, options[_i], path);
    resume(p, options[_i], path, "12 of 20 series are as");
    p->y[5 * 400 + 17] += 1; /* one series has changed, and two have grown shorter or begin later */
    p->n_past[7] -= 3;
    p->start[8] += 86400;
    resume(p, options[_i], path, "9 of 20 series are as");
    vn_fitted *whole = vn_bench_fitted(options[_i], p); /* a whole model is complete */
    ck_assert_msg(!vn_fitted_save(whole, path), "%s", vn_last_message());
    resume(p, options[_i], path, "20 of 20 series are as");
    vn_fitted_close(whole);
    unlink(path);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_checkpoint_of_other_options_is_refused)
{
    static const char *const cases[][2] = {
        { "n_changepoints=3", "with n_changepoints = 25, now it is 3" },
        { "h=9", "with h = 7, now it is 9" },
        { "weekly_seasonality=false", "weekly_seasonality = auto, now it is false" },
    };
    char path[512];
    checkpoint_path(path);
    vn_panel *p = vn_bench_days(20, 100);
    cut_short(p, "", path);
    vn_fitted *m = vn_bench_model(cases[_i][0]);
    ck_assert_int_eq(fit(m, p, &(vn_fit_hooks){ .resume = path }), VN_E_ARGUMENT);
    ck_assert_msg(strstr(vn_last_message(), cases[_i][1]), "%s", vn_last_message());
    ck_assert_int_eq(fit(m, p, &(vn_fit_hooks){ .resume = "/nowhere/at/all" }), VN_E_ARGUMENT);
    unlink(path);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

/* ---- what is to come ---- */

enum { T = 60, ALL = T + 7 };

/* A rising series with a capacity and a condition, which the caller changes. */
static vn_panel *outlook(void)
{
    static const char *const name[] = { "roof", "on" };
    float y[ALL], futr[2 * ALL];
    for (int t = 0; t < ALL; t++) {
        y[t] = t < T ? 5 + 0.1f * (float)t + 0.2f * (float)(t % 7) : NAN;
        futr[2 * t] = 20;
        futr[2 * t + 1] = t % 14 < 7;
    }
    return vn_bench_panel(ALL, y, vn_bench_day, monday, 2, name, futr);
}

static vn_status look_ahead(const vn_fitted *m, const vn_panel *p, watch *w)
{
    float y[7];
    vn_columns c = { .n = 0 };
    const vn_log log = { note, w };
    const vn_solver_wish wish = { .log = &log };
    w->text[0] = 0;
    vn_status st = vn_solver_of(m->def)->forecast(m, p, NULL, &wish, y, NULL, &c);
    vn_columns_close(&c);
    return st;
}

static const char logistic[] = "growth=logistic cap=roof seasonalities=part:7:2:::on";

START_TEST(a_capacity_to_come_is_checked)
{
    watch w;
    vn_columns c;
    double out[7];
    const int32_t pair[] = { 0, T - 3 };
    vn_panel *p = outlook();
    vn_fitted *m = vn_bench_fitted(logistic, p);
    ck_assert_int_eq(look_ahead(m, p, &w), VN_OK);
    ck_assert_str_eq(w.text, "");
    p->futr[2 * (T + 4)] = 9; /* the largest value is 5 + 5.5 + 1.2 */
    ck_assert_int_eq(look_ahead(m, p, &w), VN_OK);
    ck_assert_msg(strstr(w.text, "the capacity to come lies below values already seen in 1 of 1 "
                                 "series, first in series \"s\" (2018-03-06: 9, seen: 11.7"),
                  "%s", w.text);
    p->futr[2 * (T + 3)] = 0;
    const char *message = "series \"s\" at 2018-03-05: the capacity 0 is not above the floor 0";
    ck_assert_int_eq(look_ahead(m, p, &w), VN_E_DATA);
    ck_assert_msg(strstr(vn_last_message(), message), "%s", vn_last_message());
    ck_assert_int_eq(vn_bench_roll(m, p, pair, 1, out), VN_E_DATA);
    ck_assert_msg(strstr(vn_last_message(), message), "%s", vn_last_message());
    ck_assert_int_eq(vn_solver_of(m->def)->explain(m, p, 0, &c), VN_E_DATA);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_condition_is_0_or_1)
{
    static const float odd[] = { 0.5f, 2, -1 };
    watch w;
    vn_panel *p = outlook();
    vn_fitted *m = vn_bench_fitted(logistic, p);
    p->futr[2 * (T + 6) + 1] = odd[_i];
    ck_assert_int_eq(look_ahead(m, p, &w), VN_E_DATA);
    ck_assert_msg(strstr(vn_last_message(), "series \"s\" at 2018-03-08: column \"on\" is"), "%s",
                  vn_last_message());
    p->futr[2 * (T + 6) + 1] = 1;
    p->futr[2 * 10 + 1] = odd[_i];
    ck_assert_int_eq(look_ahead(m, p, &w), VN_OK); /* the past was read in training */
    vn_fitted *again = vn_bench_model(logistic);
    ck_assert_int_eq(vn_bench_fit(again, p, 1), VN_E_DATA);
    ck_assert_msg(
        strstr(vn_last_message(), "expected 0 or 1: it says when the seasonality \"part\" acts"),
        "%s", vn_last_message());
    vn_fitted_close(again);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

Suite *vn_suite_prophet_runs(void);
Suite *vn_suite_prophet_runs(void)
{
    Suite *s = suite_create("prophet_runs");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_resumed_fit_is_the_fit_of_one_run, 0, 4);
    tcase_add_loop_test(tc, a_checkpoint_of_other_options_is_refused, 0, 3);
    tcase_add_test(tc, a_capacity_to_come_is_checked);
    tcase_add_loop_test(tc, a_condition_is_0_or_1, 0, 3);
    suite_add_tcase(s, tc);
    return s;
}

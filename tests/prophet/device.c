/* Prophet fitted on the device under test (VANE_TEST_DEVICE) against the CPU. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/ops/device.h"
#include "tests/prophet/bench.h"

enum { T = 120, ALL = T + 7, N = 3 };

/* Models of every kind of trend and column; the panel has a capacity, a condition, a regressor. */
static const char *const kinds[] = {
    "n_changepoints=6",
    "n_changepoints=6 seasonality_mode=multiplicative",
    "n_changepoints=4 growth=logistic cap=roof floor=1",
    "n_changepoints=4 growth=logistic cap=60 seasonality_mode=multiplicative",
    "growth=flat seasonalities=part:7:2:::on weekly_seasonality=false",
    "n_changepoints=0 scaling=minmax regressors=load:5:multiplicative",
    "n_changepoints=3 yearly_seasonality=2",
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* Three series of different lengths, the second with gaps, the third constant. */
static vn_panel *days(void)
{
    static const char *const name[] = { "roof", "on", "load" }, *const id[] = { "a", "b", "c" };
    static float y[N * ALL], futr[N * ALL * 3];
    const int64_t indptr[] = { 0, ALL, 2 * ALL, 3 * ALL };
    int64_t start[N];
    vn_panel *p;
    for (int i = 0; i < N; i++) {
        start[i] = (17532 + 3 * i) * 86400LL;
        for (int t = 0; t < ALL; t++) {
            int row = i * ALL + t;
            bool seen = t < T - 20 * i && !(i == 1 && t % 9 == 4);
            float wave = (float)sin(0.9 * t) + (float)(t * 7919 % 101) / 101;
            y[row] = !seen ? NAN : i == 2 ? 5 : 10 + 0.1f * (float)t + wave;
            futr[3 * row] = 40;
            futr[3 * row + 1] = t % 14 < 7;
            futr[3 * row + 2] = (float)cos(0.05 * t * (i + 1));
        }
    }
    ck_assert_msg(!vn_panel_from_arrays(N, id, indptr, y, NULL, start, vn_bench_day, 7, &p), "%s",
                  vn_last_message());
    p->n_futr = 3;
    p->futr = vn_arena_array(&p->arena, N * ALL * 3, sizeof *p->futr);
    p->futr_name = vn_arena_array(&p->arena, 3, sizeof *p->futr_name);
    memcpy(p->futr, futr, sizeof futr);
    for (int i = 0; i < 3; i++) p->futr_name[i] = name[i];
    return p;
}

static vn_fitted *fitted(vn_device *dev, const char *options, const vn_panel *p,
                         const vn_fit_hooks *hooks)
{
    vn_fitted *m = vn_bench_model(options);
    ck_assert_msg(!vn_bench_fit_on(dev, m, p, 2, hooks), "%s", vn_last_message());
    return m;
}

static void near(const char *what, double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance * (1 + fabs(want)), "%s: %.12g, on the CPU %.12g",
                  what, got, want);
}

static void compare(const vn_fitted *device, const vn_fitted *cpu)
{
    const vn_prophet_table *a = device->state, *b = cpu->state;
    for (int64_t i = 0; i < a->ids.n; i++) {
        vn_prophet_fit x = vn_prophet_row(a, i), y = vn_prophet_row(b, i);
        near("objective", x.number[VN_FIT_OBJECTIVE], y.number[VN_FIT_OBJECTIVE], 1e-9);
        near("k", x.number[VN_FIT_K], y.number[VN_FIT_K], 1e-6);
        near("m", x.number[VN_FIT_M], y.number[VN_FIT_M], 1e-6);
        near("sigma", x.number[VN_FIT_SIGMA], y.number[VN_FIT_SIGMA], 1e-6);
        for (int j = 0; j < a->S; j++) near("delta", x.delta[j], y.delta[j], 1e-6);
        for (int j = 0; j < a->spec.n_columns; j++) near("beta", x.beta[j], y.beta[j], 1e-6);
        ck_assert(!memcmp(x.change, y.change, (size_t)a->S * sizeof *x.change));
    }
}

START_TEST(a_fit_is_that_of_the_cpu)
{
    vn_device *dev = vn_test_device_open(), *cpu;
    const vn_fit_hooks hooks = { .stop = NULL };
    const int32_t pairs[] = { 0, 80, 1, 70, 0, 100 };
    double out[2][21];
    vn_panel *p = days();
    ck_assert_int_eq(vn_bench_device(2, &cpu), VN_OK);
    vn_fitted *a = fitted(dev, kinds[_i], p, &hooks), *b = fitted(cpu, kinds[_i], p, &hooks);
    compare(a, b);
    for (int k = 0; k < 2; k++)
        ck_assert_msg(!vn_solver_of(b->def)->roll(b, p, NULL, k ? cpu : dev, pairs, 3, out[k]),
                      "%s", vn_last_message());
    for (int k = 0; k < 21; k++) near("refit", out[0][k], out[1][k], 1e-6);
    vn_fitted_close(a);
    vn_fitted_close(b);
    vn_device_close(dev);
    vn_device_close(cpu);
    vn_panel_close(p);
}
END_TEST

static void note(void *ctx, vn_log_level level, const char *text)
{
    (void)level;
    snprintf(ctx, 256, "%s", text);
}

START_TEST(a_resumed_fit_is_the_fit_of_one_run)
{
    char path[512], told[256] = "";
    const vn_fit_hooks hooks = { .stop = NULL }, on = { .log = { note, told }, .resume = path };
    vn_device *dev = vn_test_device_open();
    vn_panel *p = days();
    snprintf(path, sizeof path, "%s/prophet-device-%ld.ckpt", VANE_BINARY_DIR, (long)getpid());
    vn_fitted *m = fitted(dev, kinds[3], p, &hooks);
    ck_assert_msg(!vn_fitted_save(m, path), "%s", vn_last_message());
    p->y[ALL + 10] += 1; /* of series b */
    vn_fitted *whole = fitted(dev, kinds[3], p, &hooks), *resumed = fitted(dev, kinds[3], p, &on);
    ck_assert_msg(strstr(told, "2 of 3 series are as"), "%s", told);
    ck_assert(!memcmp(((vn_prophet_table *)whole->state)->number,
                      ((vn_prophet_table *)resumed->state)->number,
                      N * VN_FIT_NUMBERS * sizeof(double)));
    unlink(path);
    vn_fitted_close(m);
    vn_fitted_close(whole);
    vn_fitted_close(resumed);
    vn_device_close(dev);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_warm_start_ends_where_it_does_on_the_cpu)
{
    const vn_fit_hooks hooks = { .stop = NULL };
    vn_fit_report report;
    vn_device *dev = vn_test_device_open(), *cpu;
    vn_panel *p = days();
    ck_assert_int_eq(vn_bench_device(1, &cpu), VN_OK);
    vn_fitted *cold = fitted(cpu, kinds[_i], p, &hooks), *warm[2];
    for (int t = ALL; t < 2 * ALL; t++) p->y[t] *= 1.01f;
    for (int k = 0; k < 2; k++) {
        warm[k] = vn_bench_model(kinds[_i]);
        vn_device *on = k ? cpu : dev;
        ck_assert_int_eq(vn_fitted_adopt(warm[k], p), VN_OK);
        ck_assert_msg(!vn_solver_of(cold->def)->fit(warm[k], p, NULL, on, cold, &hooks, &report),
                      "%s", vn_last_message());
    }
    compare(warm[0], warm[1]);
    for (int k = 0; k < 2; k++) vn_fitted_close(warm[k]);
    vn_fitted_close(cold);
    vn_device_close(dev);
    vn_device_close(cpu);
    vn_panel_close(p);
}
END_TEST

START_TEST(features_that_are_not_finite_are_told_as_on_the_cpu)
{
    vn_device *dev = vn_test_device_open();
    vn_panel *p = days();
    vn_fitted *m = vn_bench_model(kinds[5]);
    p->futr[3 * (ALL + 7) + 2] = NAN;
    ck_assert_int_eq(vn_bench_fit_on(dev, m, p, 2, &(vn_fit_hooks){ .stop = NULL }), VN_E_NUMERIC);
    ck_assert_str_eq(vn_last_message(), "series \"b\" has no finite fit: are its features finite?");
    vn_fitted_close(m);
    vn_device_close(dev);
    vn_panel_close(p);
}
END_TEST

Suite *vn_suite_prophet_device(void);
Suite *vn_suite_prophet_device(void)
{
    Suite *s = suite_create("prophet_device");
    if (!vn_test_device()) return s;
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 600); /* the emulation that looks for races takes its time */
    tcase_add_loop_test(tc, a_fit_is_that_of_the_cpu, 0, N_KINDS);
    tcase_add_test(tc, a_resumed_fit_is_the_fit_of_one_run);
    tcase_add_loop_test(tc, a_warm_start_ends_where_it_does_on_the_cpu, 1, 3);
    tcase_add_test(tc, features_that_are_not_finite_are_told_as_on_the_cpu);
    suite_add_tcase(s, tc);
    return s;
}

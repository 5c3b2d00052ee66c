/* Sample paths as a caller sees them: the columns are made of them, their number is the caller's.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "include/vane.h"

Suite *vn_suite_samples(void);

enum { N = 3, T = 90, H = 4 };

static void set(vane_config *c, const char *name, const char *value)
{
    ck_assert_msg(!vane_config_set(c, VANE_FLAG, NULL, name, value), "%s", vane_last_error());
}

static vane_config *config_of(const char *model)
{
    vane_config *c;
    ck_assert_int_eq(vane_config_open(&c), VANE_OK);
    set(c, "model", model);
    set(c, "h", "4");
    set(c, "max_steps", "20");
    set(c, "threads", "1");
    return c;
}

/* Series of far different levels, and one that is always 0. */
static vane_dataset *dataset(void)
{
    static const char *const id[] = { "low", "high", "a,b" };
    static const int64_t indptr[] = { 0, T, 2 * T, 3 * T };
    float y[N * T];
    for (int i = 0; i < N * T; i++)
        y[i] = i < 2 * T ? (i < T ? 1 : 1000) * (3 + (float)sin(0.7 * i)) : 0;
    vane_dataset *d;
    ck_assert_msg(!vane_dataset_make(&(vane_arrays){ .size = sizeof(vane_arrays),
                                                     .n_series = N,
                                                     .id = id,
                                                     .indptr = indptr,
                                                     .y = y,
                                                     .freq = "H" },
                                     &d),
                  "%s", vane_last_error());
    return d;
}

static vane_model *train(vane_config *c, const vane_dataset *d)
{
    vane_model *m;
    ck_assert_msg(!vane_train(c, d, NULL, NULL, &m, NULL), "%s", vane_last_error());
    return m;
}

static vane_model *deepar(const char *local_scaler, vane_config **c, vane_dataset **d)
{
    *c = config_of("deepar");
    *d = dataset();
    set(*c, "lags", "[1, 2, 24]");
    set(*c, "hidden_size", "8");
    set(*c, "local_scaler_type", local_scaler);
    return train(*c, *d);
}

static vane_forecast *draw(const vane_config *c, const vane_model *m, const vane_dataset *d)
{
    vane_forecast *f;
    ck_assert_msg(!vane_forecast_draw(c, m, d, NULL, NULL, &f), "%s", vane_last_error());
    return f;
}

static int ascending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Of 99 paths the 50th is the median, the 10th and the 90th are the ends of the 80 % interval. */
START_TEST(columns_are_made_of_the_paths)
{
    static const char *const scalers[] = { "identity", "standard" };
    vane_config *c;
    vane_dataset *d;
    vane_model *m = deepar(scalers[_i], &c, &d);
    set(c, "num_samples", "99");
    set(c, "level", "[80]");
    vane_forecast *f = draw(c, m, d);
    int64_t n;
    const float *low, *high, *point = vane_forecast_values(f), *path = vane_forecast_samples(f, &n);
    ck_assert_int_eq(n, 99);
    ck_assert_str_eq(vane_forecast_column(f, 1, &low), "lo-80");
    ck_assert_str_eq(vane_forecast_column(f, 2, &high), "hi-80");
    for (int i = 0; i < N * H; i++) {
        float v[99];
        for (int p = 0; p < 99; p++) {
            v[p] = path[(i / H * 99 + p) * H + i % H];
            ck_assert_msg(isfinite(v[p]), "series %d has a path of %g", i / H, (double)v[p]);
        }
        qsort(v, 99, sizeof *v, ascending);
        float near = 1e-5f * fabsf(v[49]) + 1e-6f;
        ck_assert_float_eq_tol(point[i], v[49], near);
        ck_assert_float_eq_tol(low[i], v[9], near);
        ck_assert_float_eq_tol(high[i], v[89], near);
        ck_assert(v[0] < v[98]);
    }
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

/* A path is a function of its number: asking for more leaves the first ones as they were. */
START_TEST(more_paths_begin_with_the_same_ones)
{
    vane_config *c;
    vane_dataset *d;
    vane_model *m = deepar("identity", &c, &d);
    set(c, "num_samples", "3");
    vane_forecast *few = draw(c, m, d);
    set(c, "num_samples", "40");
    vane_forecast *many = draw(c, m, d), *plain;
    int64_t n_few, n_many;
    const float *a = vane_forecast_samples(few, &n_few), *b = vane_forecast_samples(many, &n_many);
    ck_assert(n_few == 3 && n_many == 40);
    for (int i = 0; i < N; i++) ck_assert_mem_eq(a + i * 3 * H, b + i * 40 * H, 3 * H * sizeof *a);
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &plain), VANE_OK);
    ck_assert_mem_eq(vane_forecast_values(plain), vane_forecast_values(many), N * H * sizeof *a);
    ck_assert_ptr_null(vane_forecast_samples(plain, &n_many));
    ck_assert_int_eq(vane_forecast_samples_csv(plain, "/nowhere"), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "vane_forecast_draw keeps them"));
    vane_forecast_close(plain);
    vane_forecast_close(few);
    vane_forecast_close(many);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(paths_are_written_one_after_the_other)
{
    char path[64], line[96], want[96], stamp[40];
    vane_config *c;
    vane_dataset *d;
    vane_model *m = deepar("identity", &c, &d);
    set(c, "num_samples", "2");
    vane_forecast *f = draw(c, m, d);
    snprintf(path, sizeof path, "/tmp/vane_samples_%ld.csv", (long)getpid());
    ck_assert_msg(!vane_forecast_samples_csv(f, path), "%s", vane_last_error());
    FILE *file = fopen(path, "r");
    ck_assert(file && fgets(line, sizeof line, file));
    ck_assert_str_eq(line, "unique_id,ds,sample,DeepAR\n");
    for (int i = 0; i < N * 2 * H; i++) {
        ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
        vane_forecast_stamp(f, i / (2 * H), i % H, stamp, sizeof stamp);
        int n = snprintf(want, sizeof want, "%s,%s,%d,",
                         i / (2 * H) == 2 ? "\"a,b\"" : vane_forecast_id(f, i / (2 * H)), stamp,
                         i / H % 2 + 1);
        ck_assert_msg(!strncmp(line, want, (size_t)n), "%s not %s", line, want);
        int64_t n_paths;
        ck_assert_float_eq(strtof(line + n, NULL), vane_forecast_samples(f, &n_paths)[i]);
    }
    ck_assert_ptr_null(fgets(line, sizeof line, file));
    fclose(file);
    unlink(path);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(a_model_without_paths_says_so)
{
    vane_config *c = config_of("linear");
    vane_dataset *d = dataset();
    vane_forecast *f;
    set(c, "input_size", "12");
    vane_model *m = train(c, d);
    ck_assert_int_eq(vane_forecast_draw(c, m, d, NULL, NULL, &f), VANE_E_UNSUPPORTED);
    ck_assert_str_eq(vane_last_error(), "linear draws no sample paths: it forecasts every step by "
                                        "itself; deepar draws them");
    ck_assert_ptr_null(f);
    set(c, "num_samples", "5");
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_E_UNSUPPORTED);
    ck_assert_str_eq(vane_last_error(),
                     "linear draws no sample paths, so num_samples does not apply");
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

Suite *vn_suite_samples(void)
{
    Suite *s = suite_create("samples");
    TCase *tc = tcase_create("samples");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, columns_are_made_of_the_paths, 0, 2);
    tcase_add_test(tc, more_paths_begin_with_the_same_ones);
    tcase_add_test(tc, paths_are_written_one_after_the_other);
    tcase_add_test(tc, a_model_without_paths_says_so);
    suite_add_tcase(s, tc);
    return s;
}

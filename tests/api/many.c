/* Several models at once, as a program sees them: only include/vane.h is used. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "include/vane.h"

Suite *vn_suite_api_many(void);

enum { N = 4, ROWS = 70, PATHS = 2 };

static vane_config *config_of(const char *const options[][2])
{
    static const char *const small[][2] = { { "h", "4" },
                                            { "input_size", "8" },
                                            { "max_steps", "6" },
                                            { "val_size", "8" },
                                            { "windows_batch_size", "8" },
                                            { "val_check_steps", "3" },
                                            { "mlp_units", "[8, 8]" },
                                            { "threads", "1" },
                                            { 0 } };
    vane_config *c;
    ck_assert_int_eq(vane_config_open(&c), VANE_OK);
    for (int i = 0; small[i][0]; i++)
        ck_assert_msg(!vane_config_set(c, VANE_FLAG, NULL, small[i][0], small[i][1]), "%s",
                      vane_last_error());
    for (int i = 0; options && options[i][0]; i++)
        ck_assert_msg(!vane_config_set(c, VANE_FLAG, NULL, options[i][0], options[i][1]), "%s",
                      vane_last_error());
    return c;
}

/* Waves of different lengths, with a past, a future and a static feature and a category. */
static vane_dataset *waves(void)
{
    static float y[N * ROWS], hist[N * ROWS], futr[N * ROWS], stat[N];
    static const char *kind[N * ROWS];
    static const char *const id[N] = { "a", "b", "c", "d" }, *const hist_name[] = { "past" },
                             *const futr_name[] = { "plan" }, *const stat_name[] = { "size" },
                             *const cat_name[] = { "kind" };
    static const int64_t indptr[N + 1] = { 0, ROWS, 2 * ROWS - 5, 3 * ROWS - 5, 4 * ROWS - 9 };
    for (int i = 0; i < N * ROWS; i++) {
        y[i] = sinf((float)i * 0.5f) + (float)(i / ROWS) * 10;
        hist[i] = cosf((float)i);
        futr[i] = (float)(i % 7);
        kind[i] = i % 3 ? "work" : "rest";
        stat[i % N] = (float)(i % N);
    }
    y[5] = NAN;
    vane_arrays a = { .size = sizeof a,
                      .n_series = N,
                      .id = id,
                      .indptr = indptr,
                      .y = y,
                      .season = 12,
                      .n_hist = 1,
                      .n_futr = 1,
                      .n_stat = 1,
                      .hist_name = hist_name,
                      .futr_name = futr_name,
                      .stat_name = stat_name,
                      .hist = hist,
                      .futr = futr,
                      .stat = stat,
                      .n_cat = 1,
                      .cat_name = cat_name,
                      .cat = kind };
    vane_dataset *d;
    ck_assert_msg(!vane_dataset_make(&a, &d), "%s", vane_last_error());
    return d;
}

static vane_dataset *pick(const vane_dataset *d, int64_t first, int64_t n)
{
    int64_t series[N];
    vane_dataset *out;
    for (int64_t i = 0; i < n; i++) series[i] = first + i;
    ck_assert_msg(!vane_dataset_pick(d, series, n, &out), "%s", vane_last_error());
    return out;
}

START_TEST(picked_series_are_those_of_the_whole)
{
    vane_dataset *d = waves(), *some;
    const int64_t series[] = { 3, 1 };
    vane_dataset_info whole = { .size = sizeof whole }, info = { .size = sizeof info };
    ck_assert_int_eq(vane_dataset_pick(d, series, 2, &some), VANE_OK);
    vane_dataset_about(d, &whole);
    vane_dataset_about(some, &info);
    ck_assert_int_eq(info.n_series, 2);
    ck_assert_int_eq(info.n_futr, whole.n_futr);
    ck_assert_int_eq(info.n_hist + info.n_stat, 2);
    ck_assert_str_eq(info.freq, whole.freq);
    for (int i = 0; i < 2; i++) {
        vane_series a = { .size = sizeof a }, b = { .size = sizeof b };
        ck_assert_int_eq(vane_dataset_series(d, series[i], &a), VANE_OK);
        ck_assert_int_eq(vane_dataset_series(some, i, &b), VANE_OK);
        ck_assert_str_eq(a.id, b.id);
        ck_assert_int_eq(a.n, b.n);
        ck_assert(!memcmp(a.y, b.y, (size_t)a.n * sizeof *a.y) &&
                  !memcmp(a.mask, b.mask, (size_t)a.n * sizeof *a.mask));
    }
    vane_dataset_close(some);
    ck_assert_int_eq(vane_dataset_pick(d, series, 0, &some), VANE_E_ARGUMENT);
    ck_assert_ptr_null(some);
    ck_assert_int_eq(vane_dataset_pick(d, (const int64_t[]){ N }, 1, &some), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "there is no series 4 to pick: there are 4"));
    vane_dataset_close(d);
}
END_TEST

START_TEST(a_copy_of_a_config_has_its_options_and_origins)
{
    vane_config *c = config_of(NULL), *copy;
    vane_origin origin;
    ck_assert_int_eq(vane_config_set(c, VANE_FILE, "run.toml:1", "learning_rate", "0.02"), VANE_OK);
    ck_assert_int_eq(vane_config_copy(c, &copy), VANE_OK);
    ck_assert_int_eq(vane_config_set(copy, VANE_FLAG, NULL, "max_steps", "9"), VANE_OK);
    ck_assert_str_eq(vane_config_get(c, "max_steps", NULL), "6");
    vane_config_close(c);
    ck_assert_str_eq(vane_config_get(copy, "max_steps", NULL), "9");
    ck_assert_str_eq(vane_config_get(copy, "learning_rate", &origin), "0.02");
    ck_assert_int_eq(origin, VANE_FILE);
    vane_config_close(copy);
}
END_TEST

static bool same_files(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    int c = 0, d = 0;
    ck_assert(x && y);
    while (c != EOF && c == d) c = getc(x), d = getc(y);
    fclose(x);
    fclose(y);
    return c == d;
}

/* A model trained among others and alone is the same file. */
static void check_alone(const vane_config *c, const vane_dataset *d, const vane_model *among)
{
    char path[PATHS][64];
    vane_model *alone;
    for (int i = 0; i < PATHS; i++)
        snprintf(path[i], sizeof path[i], "/tmp/vane_many_%ld_%d", (long)getpid(), i);
    ck_assert_msg(!vane_train(c, d, NULL, NULL, &alone, NULL), "%s", vane_last_error());
    ck_assert_int_eq(vane_model_save(alone, path[0]), VANE_OK);
    ck_assert_int_eq(vane_model_save(among, path[1]), VANE_OK);
    ck_assert(same_files(path[0], path[1]));
    for (int i = 0; i < PATHS; i++) unlink(path[i]);
    vane_model_close(alone);
}

START_TEST(folds_groups_and_trials_are_the_files_of_each_alone)
{
    enum { K = 5 };
    static const char *const fold[][2] = { { "test_size", "8" }, { 0 } };
    static const char *const trial[][2] = { { "learning_rate", "0.01" }, { "seed", "7" }, { 0 } };
    static const char *const scaled[][2] = { { "local_scaler_type", "standard" }, { 0 } };
    vane_dataset *d = waves(), *left = pick(d, 0, 1), *right = pick(d, 1, 3);
    vane_config *plain = config_of(NULL),
                *own[3] = { config_of(fold), config_of(trial), config_of(scaled) };
    const vane_config *configs[K] = { plain, plain, own[0], own[1], own[2] };
    const vane_dataset *data[K] = { left, right, d, d, d };
    vane_model *model[K];
    vane_train_report report[K];
    for (int k = 0; k < K; k++) report[k].size = sizeof *report;
    ck_assert_msg(!vane_train_many(configs, data, K, NULL, model, report), "%s", vane_last_error());
    for (int k = 0; k < K; k++) {
        check_alone(configs[k], data[k], model[k]);
        ck_assert_int_eq(report[k].steps, 6);
        ck_assert_uint_eq(report[k].size, sizeof *report);
        vane_model_close(model[k]);
    }
    for (int i = 0; i < 3; i++) vane_config_close(own[i]);
    vane_config_close(plain);
    vane_dataset_close(right);
    vane_dataset_close(left);
    vane_dataset_close(d);
}
END_TEST

START_TEST(what_cannot_be_trained_together_is_refused)
{
    static const char *const saved[][2] = { { "checkpoint", "/tmp/x" }, { 0 } };
    static const char *const solved[][2] = { { "model", "prophet" }, { 0 } };
    static const char *const long_test[][2] = { { "test_size", "66" }, { 0 } };
    vane_dataset *d = waves();
    vane_config *plain = config_of(NULL),
                *bad[] = { config_of(saved), config_of(solved), config_of(long_test) };
    static const vane_status status[] = { VANE_E_ARGUMENT, VANE_E_UNSUPPORTED, VANE_E_DATA };
    static const char *const words[] = { "are of one model", "fitted to every series by itself",
                                         "model 2 of 2: " };
    vane_model *model[2];
    for (int i = 0; i < 3; i++) {
        const vane_config *configs[] = { plain, bad[i] };
        ck_assert_int_eq(
            vane_train_many(configs, (const vane_dataset *[]){ d, d }, 2, NULL, model, NULL),
            status[i]);
        ck_assert_msg(strstr(vane_last_error(), words[i]) != NULL, "%s", vane_last_error());
        ck_assert(!model[0] && !model[1]);
        vane_config_close(bad[i]);
    }
    ck_assert_int_eq(vane_train_many(NULL, NULL, 0, NULL, model, NULL), VANE_E_ARGUMENT);
    vane_config_close(plain);
    vane_dataset_close(d);
}
END_TEST

/* The others are there; of the one that diverged the caller learns which it is. */
START_TEST(one_that_diverges_is_named)
{
    static const char *const wild[][2] = { { "scaler_type", "identity" },
                                           { "loss", "mse" },
                                           { 0 } };
    static float y[ROWS];
    for (int i = 0; i < ROWS; i++) y[i] = i < 30 ? 1e30f : 1;
    vane_arrays a = { .size = sizeof a,
                      .n_series = 1,
                      .id = (const char *const[]){ "a" },
                      .indptr = (const int64_t[]){ 0, ROWS },
                      .y = y };
    vane_dataset *d = waves(), *bad;
    vane_config *plain = config_of(NULL), *c = config_of(wild);
    vane_model *model[2];
    ck_assert_int_eq(vane_dataset_make(&a, &bad), VANE_OK);
    ck_assert_int_eq(vane_train_many((const vane_config *[]){ plain, c },
                                     (const vane_dataset *[]){ d, bad }, 2, NULL, model, NULL),
                     VANE_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "model 2 of 2: loss is not finite at step 1"));
    ck_assert_ptr_null(model[1]);
    check_alone(plain, d, model[0]);
    vane_model_close(model[0]);
    vane_config_close(plain);
    vane_config_close(c);
    vane_dataset_close(bad);
    vane_dataset_close(d);
}
END_TEST

static double value(const vane_report *r, const char *row)
{
    double v = NAN;
    for (int i = 0; vane_report_row(r, i); i++)
        if (!strcmp(vane_report_row(r, i), row))
            ck_assert_int_eq(vane_report_value(r, i, "mae", &v), VANE_OK);
    return v;
}

/* Each origin's scores are those of the model trained before it and evaluated there alone. */
START_TEST(cross_validation_is_training_and_evaluation_at_each_origin)
{
    static const char *const refits[] = { "1", "0", "2" };
    static const int model_of[][3] = { { 0, 1, 2 }, { 0, 0, 0 }, { 0, 0, 2 } };
    static const char *const tests[] = { "10", "7", "4" };
    const char *const rolling[][2] = { { "n_windows", "3" },
                                       { "stride", "3" },
                                       { "refit", refits[_i] },
                                       { "baselines", "[naive]" },
                                       { 0 } };
    vane_dataset *d = waves();
    vane_config *c = config_of(rolling), *fold[3];
    vane_model *model[3];
    vane_report *all, *one;
    double mean = 0, naive = 0;
    for (int k = 0; k < 3; k++) {
        const char *const options[][2] = {
            { "test_size", tests[k] }, { "stride", "100" }, { "baselines", "[naive]" }, { 0 }
        };
        fold[k] = config_of(options);
        ck_assert_int_eq(vane_train(fold[k], d, NULL, NULL, &model[k], NULL), VANE_OK);
        const vane_model *trained = model[model_of[_i][k]];
        ck_assert_int_eq(vane_evaluate(fold[k], d, &trained, 1, NULL, &one), VANE_OK);
        mean += value(one, "NHITS") / 3;
        naive += value(one, "Naive") / 3;
        vane_report_close(one);
    }
    ck_assert_msg(!vane_cross_validate(c, d, NULL, &all), "%s", vane_last_error());
    ck_assert_double_eq_tol(value(all, "NHITS"), mean, 1e-12 * mean);
    ck_assert_double_eq_tol(value(all, "Naive"), naive, 1e-12 * naive);
    ck_assert_int_eq(vane_report_is_baseline(all, 0), 1);
    ck_assert_int_eq(vane_report_is_baseline(all, 1), 0);
    ck_assert_ptr_nonnull(
        strstr(vane_report_text(all), "3 folds of 4 rows, 3 apart: 12 windows of 4 series"));
    ck_assert_ptr_nonnull(strstr(vane_report_json(all), "\"test_size\":7,"));
    vane_report_close(all);
    for (int k = 0; k < 3; k++) {
        vane_model_close(model[k]);
        vane_config_close(fold[k]);
    }
    vane_config_close(c);
    vane_dataset_close(d);
}
END_TEST

START_TEST(a_test_part_of_ones_own_is_refused)
{
    static const char *const kept[][2] = { { "test_size", "4" }, { 0 } };
    static const char *const none[][2] = { { "h", "0" }, { 0 } };
    vane_dataset *d = waves();
    vane_config *c = config_of(kept), *no_h = config_of(none);
    vane_report *r;
    ck_assert_int_eq(vane_cross_validate(c, d, NULL, &r), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "leave out split and test_size"));
    ck_assert_int_eq(vane_cross_validate(no_h, d, NULL, &r), VANE_E_ARGUMENT);
    ck_assert_ptr_null(r);
    vane_config_close(c);
    vane_config_close(no_h);
    vane_dataset_close(d);
}
END_TEST

static vane_status whole_path(const vane_dataset *d)
{
    vane_config *c = NULL, *copy = NULL;
    vane_dataset *some = NULL;
    vane_report *r = NULL;
    static const char *const options[][2] = {
        { "model", "linear" },         { "h", "4" },
        { "input_size", "8" },         { "max_steps", "1" },
        { "windows_batch_size", "4" }, { "threads", "1" },
        { "n_windows", "2" },          { "baselines", "[naive]" },
        { "val_size", "4" },           { 0 }
    };
    vane_status st = vane_config_open(&c);
    for (int i = 0; !st && options[i][0]; i++)
        st = vane_config_set(c, VANE_FLAG, NULL, options[i][0], options[i][1]);
    if (!st) st = vane_config_copy(c, &copy);
    if (!st) st = vane_dataset_pick(d, (const int64_t[]){ 0, 2 }, 2, &some);
    if (!st) st = vane_cross_validate(copy, some, NULL, &r);
    vane_report_close(r);
    vane_dataset_close(some);
    vane_config_close(copy);
    vane_config_close(c);
    return st;
}

START_TEST(every_allocation_may_fail_once)
{
    vane_dataset *d = waves();
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    ck_assert_msg(!whole_path(d), "%s", vane_last_error());
    int64_t n = vn_fault_seen(VN_FAULT_ALLOC) - before;
    for (int64_t k = 1; k <= n; k++) {
        vn_fault_arm(VN_FAULT_ALLOC, k);
        vane_status st = whole_path(d);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(st == VANE_E_MEMORY || st == VANE_OK, "allocation %d of %d: %d, %s", (int)k,
                      (int)n, (int)st, vane_last_error());
    }
    vane_dataset_close(d);
}
END_TEST

Suite *vn_suite_api_many(void)
{
    Suite *s = suite_create("api_many");
    TCase *c = tcase_create("api_many");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, picked_series_are_those_of_the_whole);
    tcase_add_test(c, a_copy_of_a_config_has_its_options_and_origins);
    tcase_add_test(c, folds_groups_and_trials_are_the_files_of_each_alone);
    tcase_add_test(c, what_cannot_be_trained_together_is_refused);
    tcase_add_test(c, one_that_diverges_is_named);
    tcase_add_loop_test(c, cross_validation_is_training_and_evaluation_at_each_origin, 0, 3);
    tcase_add_test(c, a_test_part_of_ones_own_is_refused);
    tcase_add_test(c, every_allocation_may_fail_once);
    suite_add_tcase(s, c);
    return s;
}

/* The public interface as a program sees it: only include/vane.h is used. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "include/vane.h"

Suite *vn_suite_api(void);

enum { N = 2, ROWS = 60, H = 4, L = 8 };

static vane_config *config_of(const char *const options[][2])
{
    vane_config *c;
    ck_assert_int_eq(vane_config_open(&c), VANE_OK);
    for (int i = 0; options && options[i][0]; i++) {
        vane_status st = vane_config_set(c, VANE_FLAG, NULL, options[i][0], options[i][1]);
        ck_assert_msg(!st, "%s", vane_last_error());
    }
    return c;
}

static const char *const small[][2] = {
    { "h", "4" },
    { "input_size", "8" },
    { "max_steps", "5" },
    { "windows_batch_size", "16" },
    { "mlp_units", "[8, 8]" },
    { "threads", "1" },
    { 0 },
};

static const char *const linear[][2] = {
    { "model", "linear" }, { "h", "4" }, { "input_size", "8" }, { "max_steps", "5" }, { 0 },
};

static vane_dataset *waves(void)
{
    static float y[N * ROWS];
    static const char *const id[N] = { "a", "b" };
    static const int64_t indptr[N + 1] = { 0, ROWS, N * ROWS };
    for (int i = 0; i < N * ROWS; i++) y[i] = sinf((float)i * 0.5f) + (float)(i / ROWS) * 10;
    vane_arrays a = {
        .size = sizeof a, .n_series = N, .id = id, .indptr = indptr, .y = y, .season = 12
    };
    vane_dataset *d;
    vane_status st = vane_dataset_make(&a, &d);
    ck_assert_msg(!st, "%s", vane_last_error());
    return d;
}

static vane_model *train(const vane_config *c, const vane_dataset *d)
{
    vane_model *m;
    vane_status st = vane_train(c, d, NULL, NULL, &m, NULL);
    ck_assert_msg(!st, "%s", vane_last_error());
    return m;
}

START_TEST(version_and_interface_are_told)
{
    ck_assert_int_eq(vane_abi(), VANE_ABI);
    ck_assert(vane_version()[0] >= '0' && vane_version()[0] <= '9');
    ck_assert_str_eq(vane_status_word(VANE_OK), "ok");
    ck_assert_str_eq(vane_status_word(VANE_E_DATA), "data");
}
END_TEST

START_TEST(the_stronger_origin_wins_whatever_the_order)
{
    vane_config *c = config_of(NULL);
    vane_origin origin;
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "max_steps", "30"), VANE_OK);
    ck_assert_int_eq(vane_config_set(c, VANE_ENV, "VANE_MAX_STEPS", "max_steps", "20"), VANE_OK);
    ck_assert_int_eq(vane_config_set(c, VANE_FILE, "a.toml:1", "max-steps", "10"), VANE_OK);
    ck_assert_str_eq(vane_config_get(c, "max_steps", &origin), "30");
    ck_assert_int_eq(origin, VANE_FLAG);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "max_steps", "31"), VANE_OK);
    ck_assert_str_eq(vane_config_get(c, "max_steps", &origin), "31");
    ck_assert_str_eq(vane_config_get(c, "learning_rate", &origin), "0.001");
    ck_assert_int_eq(origin, VANE_DEFAULT);
    vane_config_close(c);
}
END_TEST

START_TEST(a_refused_value_changes_nothing_and_says_where_it_stood)
{
    vane_config *c = config_of(small);
    ck_assert_int_eq(vane_config_set(c, VANE_FILE, "a.toml:7", "max_steps", "-1"), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "a.toml:7"));
    ck_assert_str_eq(vane_config_get(c, "max_steps", NULL), "5");
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "max_stesp", "1"), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "did you mean \"max_steps\""));
    vane_config_close(c);
}
END_TEST

START_TEST(a_model_may_be_chosen_after_its_options)
{
    vane_config *c = config_of(NULL);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "stack_types", "trend"), VANE_OK);
    ck_assert_int_eq(vane_config_check(c), VANE_E_ARGUMENT);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "model", "NBEATS"), VANE_OK);
    ck_assert_int_eq(vane_config_check(c), VANE_OK);
    ck_assert_str_eq(vane_config_get(c, "stack_types", NULL), "[trend]");
    vane_config_close(c);
}
END_TEST

START_TEST(every_option_of_every_model_is_listed_with_a_help)
{
    vane_model_kind kind = { .size = sizeof kind };
    int models = 0;
    for (; !vane_model_kind_at(models, &kind); models++) {
        vane_option o = { .size = sizeof o };
        int n = 0;
        ck_assert_msg(strstr(kind.papers, "\", ") && strstr(kind.papers, ", ") &&
                          (strstr(kind.papers, "arXiv:") || strstr(kind.papers, "doi:")),
                      "%s: %s", kind.name, kind.papers);
        for (; !vane_option_at(kind.name, n, &o); n++) {
            ck_assert(strlen(o.help) > 5);
            ck_assert(strlen(o.accepts) > 2);
        }
        ck_assert_int_gt(n, 40);
    }
    ck_assert_int_ge(models, 3);
}
END_TEST

/* Of a model that is solved every option of training but those of its task is refused by name, in a
 * flag; a file or the environment may serve several models. */
START_TEST(options_that_a_model_has_no_use_for_are_refused)
{
    vane_option o = { .size = sizeof o };
    int refused = 0, followed = 0;
    for (int i = 0; !vane_option_at("prophet", i, &o); i++) {
        vane_config *c;
        if (strcmp(o.group, "train")) continue;
        ck_assert_int_eq(vane_config_open(&c), VANE_OK);
        ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "model", "prophet"), VANE_OK);
        ck_assert_int_eq(vane_config_set(c, VANE_FILE, NULL, o.name, o.preset), VANE_OK);
        ck_assert_int_eq(vane_config_check(c), VANE_OK);
        ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, o.name, o.preset), VANE_OK);
        ck_assert_int_eq(vane_config_check(c), o.useless ? VANE_E_ARGUMENT : VANE_OK);
        if (o.useless) ck_assert_ptr_nonnull(strstr(vane_last_error(), o.name));
        refused += o.useless;
        followed += !o.useless;
        vane_config_close(c);
    }
    ck_assert_int_eq(followed, 6); /* h, split, val_size, test_size, level, seed */
    ck_assert_int_gt(refused, 20);
    for (int i = 0; !vane_option_at("deepar", i, &o); i++) ck_assert_int_eq(o.useless, 0);
}
END_TEST

START_TEST(a_struct_of_an_older_caller_is_not_written_past_its_size)
{
    vane_dataset *d = waves();
    vane_dataset_info info;
    memset(&info, 0x5a, sizeof info);
    info.size = offsetof(vane_dataset_info, n_rows);
    vane_dataset_about(d, &info);
    ck_assert_int_eq(info.n_series, N);
    ck_assert_int_eq(info.n_rows, 0x5a5a5a5a5a5a5a5a);
    vane_dataset_close(d);
}
END_TEST

START_TEST(train_save_load_and_forecast_agree)
{
    char path[] = "/tmp/vane-api-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    vane_model *m = train(c, d), *loaded;
    ck_assert_int_eq(vane_model_save(m, path), VANE_OK);
    ck_assert_int_eq(vane_model_load(path, &loaded), VANE_OK);
    vane_forecast *a, *b;
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &a), VANE_OK);
    ck_assert_int_eq(vane_forecast_make(c, loaded, d, NULL, NULL, &b), VANE_OK);
    ck_assert_int_eq(vane_forecast_n_series(a), N);
    ck_assert_int_eq(vane_forecast_h(a), H);
    ck_assert_str_eq(vane_forecast_id(a, 1), "b");
    ck_assert_ptr_null(vane_forecast_id(a, 2));
    ck_assert_mem_eq(vane_forecast_values(a), vane_forecast_values(b), N * H * sizeof(float));
    char stamp[40];
    vane_forecast_stamp(a, 0, 0, stamp, sizeof stamp);
    ck_assert_str_eq(stamp, "61");
    vane_model_info info = { .size = sizeof info };
    vane_model_about(loaded, &info);
    ck_assert_str_eq(info.alias, "NHITS");
    ck_assert_int_eq(info.input_size, L);
    ck_assert_str_eq(vane_model_option(loaded, "max_steps"), "5");
    ck_assert_ptr_null(vane_model_option(loaded, "no_such"));
    vane_forecast_close(a);
    vane_forecast_close(b);
    vane_model_close(m);
    vane_model_close(loaded);
    vane_dataset_close(d);
    vane_config_close(c);
    unlink(path);
}
END_TEST

START_TEST(a_forecast_has_a_column_for_every_quantile)
{
    vane_config *c = config_of(small);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "loss", "studentt"), VANE_OK);
    vane_dataset *d = waves();
    vane_model *m = train(c, d);
    vane_forecast *f;
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "level", "50"), VANE_OK);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "quantiles", "0.1"), VANE_OK);
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_OK);
    static const char *const names[] = { "median", "lo-50", "hi-50", "ql0.1" };
    const float *value[4], *mean = vane_forecast_values(f);
    ck_assert_int_eq(vane_forecast_n_columns(f), 4);
    for (int i = 0; i < 4; i++) ck_assert_str_eq(vane_forecast_column(f, i, &value[i]), names[i]);
    ck_assert_ptr_null(vane_forecast_column(f, 4, NULL));
    for (int i = 0; i < N * H; i++)
        ck_assert(value[3][i] < value[1][i] && value[1][i] < mean[i] && mean[i] < value[2][i]);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(a_forecaster_repeats_the_forecast_without_allocating)
{
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    vane_model *m = train(c, d);
    vane_forecast *f;
    vane_forecaster *fast;
    float y[N * L], out[N * H];
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_OK);
    ck_assert_int_eq(vane_forecaster_open(c, m, N, &fast), VANE_OK);
    for (int64_t i = 0; i < N; i++) {
        vane_series s = { .size = sizeof s };
        ck_assert_int_eq(vane_dataset_series(d, i, &s), VANE_OK);
        memcpy(y + i * L, s.y + s.n - L, L * sizeof *y);
    }
    ck_assert_int_eq(vane_forecaster_run(fast, y, NULL, NULL, NULL, NULL, out), VANE_OK);
    ck_assert_mem_eq(out, vane_forecast_values(f), sizeof out);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(vane_forecaster_run(fast, y, NULL, NULL, NULL, NULL, out), VANE_OK);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    ck_assert_mem_eq(out, vane_forecast_values(f), sizeof out);
    ck_assert_int_eq(vane_forecaster_run(fast, NULL, NULL, NULL, NULL, NULL, out), VANE_E_ARGUMENT);
    vane_forecaster_close(fast);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

typedef struct watched {
    int n_progress, n_log;
    int64_t stop_at;
} watched;

static void on_log(void *ctx, vane_log_level level, const char *text)
{
    (void)level;
    ((watched *)ctx)->n_log += text[0] != 0;
}

static void on_progress(void *ctx, const vane_progress *p)
{
    ck_assert_int_le(p->step, p->max_steps);
    ((watched *)ctx)->n_progress++;
}

static int on_stop(void *ctx)
{
    return --((watched *)ctx)->stop_at <= 0;
}

START_TEST(hooks_are_told_and_can_stop)
{
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    vane_model *m;
    watched w = { 0, 0, 3 };
    vane_hooks hooks = { sizeof hooks, &w, on_log, on_progress, on_stop };
    vane_train_report r = { .size = sizeof r };
    vane_config_set(c, VANE_FLAG, NULL, "max_steps", "1000000");
    ck_assert_int_eq(vane_train(c, d, &hooks, NULL, &m, &r), VANE_OK);
    ck_assert_int_eq(r.interrupted, 1);
    ck_assert_int_eq(r.steps, 3);
    ck_assert_int_ge(w.n_log, 1);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(training_goes_on_from_a_model_of_the_same_shape_only)
{
    vane_config *c = config_of(small), *other = config_of(small);
    vane_dataset *d = waves();
    vane_model *m = train(c, d), *next;
    vane_config_set(c, VANE_FLAG, NULL, "learning_rate", "0");
    ck_assert_int_eq(vane_train(c, d, NULL, m, &next, NULL), VANE_OK);
    vane_forecast *a, *b;
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &a), VANE_OK);
    ck_assert_int_eq(vane_forecast_make(c, next, d, NULL, NULL, &b), VANE_OK);
    ck_assert_mem_eq(vane_forecast_values(a), vane_forecast_values(b), N * H * sizeof(float));
    vane_forecast_close(a);
    vane_forecast_close(b);
    vane_model_close(next);
    vane_config_set(other, VANE_FLAG, NULL, "mlp_units", "[16, 16]");
    ck_assert_int_eq(vane_train(other, d, NULL, m, &next, NULL), VANE_E_SHAPE);
    ck_assert_ptr_null(next);
    vane_config_close(other);
    other = config_of(linear);
    ck_assert_int_eq(vane_train(other, d, NULL, m, &next, NULL), VANE_E_ARGUMENT);
    ck_assert_ptr_null(next);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
    vane_config_close(other);
}
END_TEST

START_TEST(local_scalers_are_undone_in_forecasts_and_evaluations)
{
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "local_scaler_type", "standard"), VANE_OK);
    vane_config_set(c, VANE_FLAG, NULL, "max_steps", "200");
    vane_config_set(c, VANE_FLAG, NULL, "test_size", "8");
    vane_model *m = train(c, d);
    vane_forecast *f;
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_OK);
    for (int k = 0; k < H; k++) {
        ck_assert_float_lt(fabsf(vane_forecast_values(f)[k]), 3);
        ck_assert_float_lt(fabsf(vane_forecast_values(f)[H + k] - 10), 3);
    }
    vane_report *r;
    const vane_model *models[] = { m, m };
    double mae;
    ck_assert_int_eq(vane_evaluate(c, d, models, 2, NULL, &r), VANE_OK);
    ck_assert_str_eq(vane_report_row(r, 5), "NHITS 2");
    ck_assert_ptr_null(vane_report_row(r, 6));
    ck_assert(vane_report_is_baseline(r, 3) && !vane_report_is_baseline(r, 4));
    ck_assert_int_eq(vane_report_value(r, 4, "mae", &mae), VANE_OK);
    ck_assert_double_lt(mae, 0.5);
    ck_assert_int_eq(vane_report_value(r, 4, "speed", &mae), VANE_E_ARGUMENT);
    vane_report_close(r);
    vane_forecaster *fast;
    ck_assert_int_eq(vane_forecaster_open(c, m, 1, &fast), VANE_E_UNSUPPORTED);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(features_from_arrays_reach_the_model)
{
    enum { T = 40, PAST = 36 };
    float y[T], mask[T], futr[T], stat[1] = { 2 };
    for (int t = 0; t < T; t++) {
        futr[t] = (float)(t % 5);
        mask[t] = t < PAST;
        y[t] = t < PAST ? futr[t] * 3 : 0;
    }
    const char *id = "a", *futr_name = "promo", *stat_name = "size";
    int64_t indptr[2] = { 0, T };
    vane_arrays a = { .size = sizeof a,
                      .n_series = 1,
                      .id = &id,
                      .indptr = indptr,
                      .y = y,
                      .mask = mask,
                      .freq = "D",
                      .n_futr = 1,
                      .n_stat = 1,
                      .futr_name = &futr_name,
                      .stat_name = &stat_name,
                      .futr = futr,
                      .stat = stat };
    vane_dataset *d;
    futr_name = "promo, large";
    ck_assert_int_eq(vane_dataset_make(&a, &d), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "holds a comma"));
    futr_name = "promo";
    ck_assert_msg(!vane_dataset_make(&a, &d), "%s", vane_last_error());
    vane_config *c = config_of(small);
    vane_config_set(c, VANE_FLAG, NULL, "max_steps", "500");
    vane_config_set(c, VANE_FLAG, NULL, "mlp_units", "[32, 32]");
    vane_config_set(c, VANE_FLAG, NULL, "learning_rate", "0.005");
    vane_model *m = train(c, d);
    vane_forecast *f;
    ck_assert_msg(!vane_forecast_make(c, m, d, NULL, NULL, &f), "%s", vane_last_error());
    for (int k = 0; k < H; k++)
        ck_assert_float_eq_tol(vane_forecast_values(f)[k], 3 * futr[PAST + k], 1.5f);
    vane_dataset *bare = waves();
    vane_forecast *g;
    ck_assert_int_eq(vane_forecast_make(c, m, bare, NULL, NULL, &g), VANE_E_DATA);
    ck_assert_ptr_null(g);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(bare);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

/* Nothing is read past the end, or before the beginning. */
START_TEST(an_index_out_of_range_is_answered)
{
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    vane_model *m = train(c, d);
    vane_forecast *f;
    vane_report *r;
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_OK);
    ck_assert_int_eq(vane_evaluate(c, d, (const vane_model *const *)&m, 1, NULL, &r), VANE_OK);
    vane_option o = { .size = sizeof o };
    vane_model_kind kind = { .size = sizeof kind };
    vane_metric metric = { .size = sizeof metric };
    vane_series series = { .size = sizeof series };
    char text[40];
    double x;
    static const int far[] = { -1, INT32_MIN, 1 << 20, INT32_MAX };
    for (int k = 0; k < 4; k++) {
        int i = far[k];
        ck_assert_int_eq(vane_option_at(NULL, i, &o), VANE_E_ARGUMENT);
        ck_assert_int_eq(vane_model_kind_at(i, &kind), VANE_E_ARGUMENT);
        ck_assert_int_eq(vane_metric_at(i, &metric), VANE_E_ARGUMENT);
        ck_assert_int_eq(vane_dataset_series(d, i, &series), VANE_E_ARGUMENT);
        ck_assert_ptr_null(vane_report_row(r, i));
        ck_assert_int_eq(vane_report_is_baseline(r, i), 0);
        ck_assert_int_eq(vane_report_value(r, i, "mae", &x), VANE_E_ARGUMENT);
        ck_assert_ptr_null(vane_forecast_id(f, i));
        ck_assert_ptr_null(vane_forecast_column(f, i, NULL));
        memset(text, 'x', sizeof text);
        vane_dataset_stamp(d, i, 0, text, sizeof text);
        ck_assert_str_eq(text, "");
        memset(text, 'x', sizeof text);
        vane_forecast_stamp(f, i, 0, text, sizeof text);
        ck_assert_str_eq(text, "");
        vane_forecast_stamp(f, 0, i, text, sizeof text);
        ck_assert_str_eq(text, "");
    }
    vane_dataset_stamp(d, 1, 1 << 20, text, sizeof text);
    ck_assert_str_eq(text, "1048577");
    vane_dataset_stamp(d, 1, INT64_MAX, text, sizeof text);
    ck_assert_str_eq(text, "");
    vane_report_close(r);
    ck_assert_int_eq(vane_evaluate(c, d, NULL, -1, NULL, &r), VANE_E_ARGUMENT);
    ck_assert_int_eq(vane_plan_report(c, m, NULL, "forecast", -3, 0, &r), VANE_E_ARGUMENT);
    ck_assert_int_eq(vane_plan_report(c, m, NULL, "forecast", 1LL << 60, 0, &r), VANE_E_ARGUMENT);
    ck_assert_ptr_null(r);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(a_device_that_is_not_there_is_told_before_anything_is_read)
{
    vane_config *c = config_of(small);
    ck_assert_int_eq(vane_config_check(c), VANE_OK);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "cpu", "sse"), VANE_OK);
    ck_assert_int_eq(vane_config_check(c), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "no CPU level \"sse\""));
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "device", "tpu"), VANE_OK);
    ck_assert_int_eq(vane_config_check(c), VANE_E_UNSUPPORTED);
    vane_config_close(c);
}
END_TEST

START_TEST(reports_are_text_and_json)
{
    vane_config *c = config_of(small);
    vane_dataset *d = waves();
    vane_model *m = train(c, d);
    vane_report *r;
    ck_assert_int_eq(vane_model_report(m, &r), VANE_OK);
    ck_assert_ptr_nonnull(strstr(vane_report_json(r), "\"schema\":1"));
    ck_assert_ptr_nonnull(strstr(vane_report_text(r), "tensors"));
    vane_report_close(r);
    ck_assert_int_eq(vane_plan_report(c, NULL, d, "train", 0, 1, &r), VANE_OK);
    ck_assert_ptr_nonnull(strstr(vane_report_text(r), "batch 16"));
    vane_report_close(r);
    ck_assert_int_eq(vane_plan_report(c, m, NULL, "forecast", 3, 0, &r), VANE_OK);
    vane_report_close(r);
    ck_assert_int_eq(vane_plan_report(c, m, NULL, "dream", 3, 0, &r), VANE_E_ARGUMENT);
    ck_assert_int_eq(vane_doctor(c, &r), VANE_OK);
    vane_report_close(r);
    ck_assert_int_eq(vane_config_set(c, VANE_FLAG, NULL, "cpu", "foo"), VANE_OK);
    ck_assert_int_ne(vane_doctor(c, &r), VANE_OK);
    ck_assert_ptr_nonnull(strstr(vane_report_text(r), "cannot be opened"));
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "\"foo\""));
    vane_report_close(r);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
}
END_TEST

START_TEST(closing_nothing_is_fine)
{
    vane_config_close(NULL);
    vane_dataset_close(NULL);
    vane_model_close(NULL);
    vane_forecast_close(NULL);
    vane_forecaster_close(NULL);
    vane_report_close(NULL);
}
END_TEST

/* Train, evaluate and forecast once; VANE_OK or the first failure. */
static vane_status whole_path(void)
{
    static const char *const id[1] = { "a" };
    static const int64_t indptr[2] = { 0, ROWS };
    static float y[ROWS];
    for (int i = 0; i < ROWS; i++) y[i] = (float)(i % 7);
    vane_arrays a = { .size = sizeof a, .n_series = 1, .id = id, .indptr = indptr, .y = y };
    vane_config *c = NULL;
    vane_dataset *d = NULL;
    vane_model *m = NULL;
    vane_forecast *f = NULL;
    vane_report *r = NULL;
    vane_status st = vane_config_open(&c);
    for (int i = 0; !st && small[i][0]; i++)
        st = vane_config_set(c, VANE_FLAG, NULL, small[i][0], small[i][1]);
    if (!st) st = vane_dataset_make(&a, &d);
    if (!st) st = vane_train(c, d, NULL, NULL, &m, NULL);
    if (!st) st = vane_forecast_make(c, m, d, NULL, NULL, &f);
    if (!st) st = vane_evaluate(c, d, (const vane_model *const *)&m, 1, NULL, &r);
    vane_report_close(r);
    vane_forecast_close(f);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
    return st;
}

START_TEST(every_allocation_may_fail_once)
{
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    ck_assert_msg(!whole_path(), "%s", vane_last_error());
    int64_t n = vn_fault_seen(VN_FAULT_ALLOC) - before;
    ck_assert_int_gt(n, 50);
    for (int64_t k = 1; k <= n; k++) {
        vn_fault_arm(VN_FAULT_ALLOC, k);
        vane_status st = whole_path();
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(st == VANE_E_MEMORY || st == VANE_OK, "allocation %d of %d: %d, %s", (int)k,
                      (int)n, (int)st, vane_last_error());
    }
    ck_assert_msg(!whole_path(), "%s", vane_last_error());
}
END_TEST

Suite *vn_suite_api(void)
{
    Suite *s = suite_create("api");
    TCase *c = tcase_create("api");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, version_and_interface_are_told);
    tcase_add_test(c, the_stronger_origin_wins_whatever_the_order);
    tcase_add_test(c, a_refused_value_changes_nothing_and_says_where_it_stood);
    tcase_add_test(c, a_model_may_be_chosen_after_its_options);
    tcase_add_test(c, every_option_of_every_model_is_listed_with_a_help);
    tcase_add_test(c, options_that_a_model_has_no_use_for_are_refused);
    tcase_add_test(c, a_struct_of_an_older_caller_is_not_written_past_its_size);
    tcase_add_test(c, train_save_load_and_forecast_agree);
    tcase_add_test(c, a_forecast_has_a_column_for_every_quantile);
    tcase_add_test(c, a_forecaster_repeats_the_forecast_without_allocating);
    tcase_add_test(c, hooks_are_told_and_can_stop);
    tcase_add_test(c, training_goes_on_from_a_model_of_the_same_shape_only);
    tcase_add_test(c, local_scalers_are_undone_in_forecasts_and_evaluations);
    tcase_add_test(c, features_from_arrays_reach_the_model);
    tcase_add_test(c, an_index_out_of_range_is_answered);
    tcase_add_test(c, a_device_that_is_not_there_is_told_before_anything_is_read);
    tcase_add_test(c, reports_are_text_and_json);
    tcase_add_test(c, closing_nothing_is_fine);
    tcase_add_test(c, every_allocation_may_fail_once);
    suite_add_tcase(s, c);
    return s;
}

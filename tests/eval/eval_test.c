/* Metrics by hand, and the published scores of the baselines on real data (ACCURACY tier 0, 0b). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/eval/evaluate.h"
#include "host/eval/ridge.h"

#define SHARED VANE_SOURCE_DIR "/../shared/data/"

Suite *vn_suite_eval(void);

/* Box and Jenkins, series G: passengers in thousands, 1949-01 .. 1960-12. */
static const float airline[144] = {
    112, 118, 132, 129, 121, 135, 148, 148, 136, 119, 104, 118, 115, 126, 141, 135, 125, 149,
    170, 170, 158, 133, 114, 140, 145, 150, 178, 163, 172, 178, 199, 199, 184, 162, 146, 166,
    171, 180, 193, 181, 183, 218, 230, 242, 209, 191, 172, 194, 196, 196, 236, 235, 229, 243,
    264, 272, 237, 211, 180, 201, 204, 188, 235, 227, 234, 264, 302, 293, 259, 229, 203, 229,
    242, 233, 267, 269, 270, 315, 364, 347, 312, 274, 237, 278, 284, 277, 317, 313, 318, 374,
    413, 405, 355, 306, 271, 306, 315, 301, 356, 348, 355, 422, 465, 467, 404, 347, 305, 336,
    340, 318, 362, 348, 363, 435, 491, 505, 404, 359, 310, 337, 360, 342, 406, 396, 420, 472,
    548, 559, 463, 407, 362, 405, 417, 391, 419, 461, 472, 535, 622, 606, 508, 461, 390, 432,
};

static bool missing(const char *path, const char *test)
{
    if (!access(path, R_OK)) return false;
    printf("skipped: %s (no ../shared%s)\n", test, path + sizeof VANE_SOURCE_DIR "/../shared" - 1);
    return true;
}

static vn_panel *one_series(const float *y, const float *mask, int64_t n, int64_t season)
{
    const char *id = "A";
    int64_t indptr[2] = { 0, n };
    vn_panel *p;
    vn_status st = vn_panel_from_arrays(1, &id, indptr, y, mask, NULL,
                                        (vn_freq){ VN_FREQ_STEP, 1, false, false }, season, &p);
    ck_assert_msg(!st, "%s", vn_last_message());
    return p;
}

static vn_evaluation evaluate(const vn_panel *p, vn_split split, int64_t h,
                              const char *options[][2])
{
    static vn_eval_options o;
    ck_assert_int_eq(vn_options_preset(vn_eval_option_table, &o), 0);
    for (int i = 0; options && options[i][0]; i++)
        ck_assert_int_eq(
            vn_option_set(vn_option_find(vn_eval_option_table, options[i][0]), &o, options[i][1]),
            0);
    vn_eval_task task = { .panel = p, .split = split, .h = h, .options = &o };
    vn_evaluation e;
    vn_status st = vn_evaluate(&task, NULL, 0, &e);
    ck_assert_msg(!st, "%s", vn_last_message());
    return e;
}

static double score(const vn_evaluation *e, const char *row, vn_metric metric)
{
    for (int i = 0; i < e->n_rows; i++)
        if (!strcmp(e->row[i].name, row)) return e->row[i].score.value[metric];
    ck_abort_msg("no row %s", row);
    return NAN;
}

/* Equal to the digits that were published: half a unit of the last of `decimals`. */
static void published(const vn_evaluation *e, const char *row, vn_metric metric, double want,
                      int decimals)
{
    double got = score(e, row, metric);
    ck_assert_msg(fabs(got - want) <= 0.5000001 * pow(10, -decimals), "%s %s: %.8f, published %.*f",
                  row, vn_metric_about(metric)->title, got, decimals, want);
}

START_TEST(every_metric_by_hand)
{
    /* |e| = 1, 2, (masked), 0; y = 2, -4, 5, 0 */
    const double y[] = { 2, -4, 5, 0 }, yhat[] = { 3, -2, 100, 0 }, scale = 0.5;
    const float mask[] = { 1, 1, 0, 1 };
    vn_errors e = { 0 };
    vn_score s;
    vn_errors_add(&e, y, mask, yhat, 4);
    vn_score_of(&e, &scale, 1, &s);
    ck_assert_int_eq(s.n_steps, 3);
    ck_assert_double_eq_tol(s.value[VN_METRIC_MAE], 1, 1e-15);
    ck_assert_double_eq_tol(s.value[VN_METRIC_MSE], 5.0 / 3, 1e-15);
    ck_assert_double_eq_tol(s.value[VN_METRIC_RMSE], sqrt(5.0 / 3), 1e-15);
    ck_assert_double_eq_tol(s.value[VN_METRIC_SMAPE], (200.0 / 5 + 400.0 / 6) / 3, 1e-12);
    ck_assert_double_eq_tol(s.value[VN_METRIC_MAPE], (50.0 + 50.0) / 2, 1e-12);
    ck_assert_double_eq_tol(s.value[VN_METRIC_MASE], 2, 1e-15);
    ck_assert_double_eq_tol(s.value[VN_METRIC_ND], 0.5, 1e-15);
    ck_assert_double_eq_tol(s.value[VN_METRIC_NRMSE], sqrt(5.0 / 3) / 2, 1e-15);
    ck_assert(isnan(s.value[VN_METRIC_OWA]));
}
END_TEST

START_TEST(nothing_observed_gives_no_score_but_nan)
{
    vn_errors e = { 0 };
    double scale = 1;
    vn_score s;
    vn_score_of(&e, &scale, 1, &s);
    ck_assert_int_eq(s.n_series, 0);
    for (int i = 0; i < VN_METRIC_COUNT; i++) ck_assert(isnan(s.value[i]));
}
END_TEST

START_TEST(percentages_weigh_series_and_not_steps)
{
    vn_errors e[2] = { { .smape = 10, .n = 1 }, { .smape = 20, .n = 4 } };
    double scale[2] = { 0, 0 };
    vn_score s;
    vn_score_of(e, scale, 2, &s);
    ck_assert_double_eq(s.value[VN_METRIC_SMAPE], 7.5);
    ck_assert(isnan(s.value[VN_METRIC_MASE]));
}
END_TEST

START_TEST(airline_passengers_match_the_protocol)
{
    vn_panel *p = one_series(airline, NULL, 144, 12);
    vn_evaluation e = evaluate(p, (vn_split){ 0, 0, 12 }, 12, NULL);
    published(&e, "Naive", VN_METRIC_MAE, 76, 6);
    published(&e, "Naive", VN_METRIC_SMAPE, 16.1208, 4);
    published(&e, "SeasonalNaive", VN_METRIC_MAE, 47.833333, 6);
    published(&e, "SeasonalNaive", VN_METRIC_RMSE, 50.708316, 6);
    published(&e, "SeasonalNaive", VN_METRIC_ND, 0.10045502, 8);
    published(&e, "SeasonalNaive", VN_METRIC_MAPE, 9.9875, 4);
    ck_assert_double_eq(score(&e, "Naive2", VN_METRIC_OWA), 1);
    ck_assert_double_lt(score(&e, "Naive2", VN_METRIC_MAE), 40);
    ck_assert_double_lt(score(&e, "RidgeLinear", VN_METRIC_MAE), 47.83);
    vn_evaluation_close(&e);
    e = evaluate(p, (vn_split){ 0, 0, 36 }, 36, NULL);
    published(&e, "SeasonalNaive", VN_METRIC_MAE, 60.083333, 6);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(naive2_is_naive_on_a_series_without_season_or_too_short_for_the_test)
{
    float y[60];
    for (int i = 0; i < 60; i++) y[i] = (float)(100 + i * i);
    vn_panel *trend = one_series(y, NULL, 60, 12), *brief = one_series(airline, NULL, 36, 12);
    vn_evaluation e = evaluate(trend, (vn_split){ 0, 0, 6 }, 6, NULL);
    ck_assert_double_eq(score(&e, "Naive2", VN_METRIC_MAE), score(&e, "Naive", VN_METRIC_MAE));
    vn_evaluation_close(&e);
    e = evaluate(brief, (vn_split){ 0, 0, 6 }, 6, NULL);
    ck_assert_double_eq(score(&e, "Naive2", VN_METRIC_MAE), score(&e, "Naive", VN_METRIC_MAE));
    vn_evaluation_close(&e);
    vn_panel_close(trend);
    vn_panel_close(brief);
}
END_TEST

START_TEST(rolling_naive2_equals_one_origin_at_a_time)
{
    vn_panel *p = one_series(airline, NULL, 144, 12);
    vn_eval_options o;
    vn_options_preset(vn_eval_option_table, &o);
    vn_eval_task task = { .panel = p, .split = { 0, 0, 40 }, .h = 6, .options = &o };
    vn_forecaster all, one;
    ck_assert_int_eq(vn_baseline_open(VN_BASELINE_NAIVE2, &task, &all), 0);
    double got[40 * 6], alone[6];
    int32_t pairs[80];
    for (int w = 0; w < 34; w++) pairs[2 * w] = 0, pairs[2 * w + 1] = 104 + w;
    ck_assert_int_eq(all.run(all.ctx, pairs, 34, got), 0);
    for (int w = 0; w < 34; w++) {
        ck_assert_int_eq(vn_baseline_open(VN_BASELINE_NAIVE2, &task, &one), 0);
        ck_assert_int_eq(one.run(one.ctx, pairs + 2 * w, 1, alone), 0);
        ck_assert_mem_eq(alone, got + 6 * w, sizeof alone);
        vn_forecaster_close(&one);
    }
    vn_forecaster_close(&all);
    vn_panel_close(p);
}
END_TEST

START_TEST(the_ridge_gives_the_same_bits_for_any_number_of_threads)
{
    vn_panel *p = one_series(airline, NULL, 144, 12);
    vn_eval_options o;
    vn_options_preset(vn_eval_option_table, &o);
    double out[2][30 * 12];
    int32_t pairs[60];
    for (int w = 0; w < 30; w++) pairs[2 * w] = 0, pairs[2 * w + 1] = 100 + w;
    for (int k = 0; k < 2; k++) {
        vn_team *team = NULL;
        if (k) ck_assert_int_eq(vn_team_open(3, &team), 0);
        vn_eval_task task = {
            .panel = p, .split = { 0, 12, 12 }, .h = 12, .options = &o, .team = team
        };
        vn_forecaster f;
        ck_assert_int_eq(vn_baseline_open(VN_BASELINE_RIDGE_LINEAR, &task, &f), 0);
        ck_assert_int_eq(f.run(f.ctx, pairs, 30, out[k]), 0);
        vn_forecaster_close(&f);
        vn_team_close(team);
    }
    ck_assert_mem_eq(out[0], out[1], sizeof out[0]);
    vn_panel_close(p);
}
END_TEST

START_TEST(the_ridge_finds_the_matrix_that_made_the_data)
{
    /* y[t] = y[t-1] + 0.5 (y[t-3] - y[t-1]) + drift: linear in the window, less its last value */
    float y[400] = { 1, -1, 2 };
    for (int i = 3; i < 400; i++)
        y[i] = y[i - 1] + 0.5f * (y[i - 3] - y[i - 1]) + 0.01f * (float)(i % 7);
    vn_panel *p = one_series(y, NULL, 400, 7);
    const char *options[][2] = { { "baselines", "[ridge_linear]" },
                                 { "ridge_input_size", "32" },
                                 { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 0, 40, 40 }, 3, options);
    ck_assert_int_eq(e.n_rows, 1);
    ck_assert_double_lt(score(&e, "RidgeLinear", VN_METRIC_MAE), 2e-3);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(missing_values_are_left_out_and_seen_through)
{
    float y[144], mask[144];
    memcpy(y, airline, sizeof y);
    for (int i = 0; i < 144; i++) mask[i] = 1;
    mask[131] = mask[140] = 0;
    y[131] = y[140] = 0;
    vn_panel *p = one_series(y, mask, 144, 12);
    vn_evaluation e = evaluate(p, (vn_split){ 0, 0, 12 }, 12, NULL);
    double sum = 0;
    for (int i = 132; i < 144; i++) sum += i == 140 ? 0 : fabs(airline[i] - airline[130]);
    ck_assert_double_eq_tol(score(&e, "Naive", VN_METRIC_MAE), sum / 11, 1e-9);
    ck_assert_int_eq(e.row[0].score.n_steps, 11);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_stride_skips_origins)
{
    vn_panel *p = one_series(airline, NULL, 144, 12);
    const char *options[][2] = { { "stride", "6" }, { "baselines", "[naive]" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 0, 0, 36 }, 12, options);
    ck_assert_int_eq(e.n_windows, 5);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_test_part_shorter_than_the_horizon_is_refused)
{
    vn_panel *p = one_series(airline, NULL, 144, 12);
    vn_eval_options o;
    vn_options_preset(vn_eval_option_table, &o);
    vn_eval_task task = { .panel = p, .split = { 0, 0, 6 }, .h = 12, .options = &o };
    vn_evaluation e;
    ck_assert_int_eq(vn_evaluate(&task, NULL, 0, &e), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "12 test rows"));
    vn_panel_close(p);
}
END_TEST

static vn_panel *read_panel(const char *path, const char *options[][2])
{
    static vn_data_options o;
    vn_log log = { 0 };
    vn_panel *p;
    ck_assert_int_eq(vn_options_preset(vn_data_option_table, &o), 0);
    for (int i = 0; options && options[i][0]; i++)
        ck_assert_int_eq(
            vn_option_set(vn_option_find(vn_data_option_table, options[i][0]), &o, options[i][1]),
            0);
    vn_status st = vn_panel_read(path, &o, &log, &p);
    ck_assert_msg(!st, "%s", vn_last_message());
    return p;
}

START_TEST(etth1_matches_the_published_long_horizon_scores)
{
    if (missing(SHARED "ett/ETTh1.csv", "etth1_matches_the_published_long_horizon_scores")) return;
    vn_panel *p = read_panel(SHARED "ett/ETTh1.csv", NULL);
    const char *options[][2] = { { "scale", "standardised" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 8640, 2880, 2880 }, 96, options);
    ck_assert_int_eq(p->season, 24);
    ck_assert_int_eq(e.n_windows, 2785 * 7);
    published(&e, "Naive", VN_METRIC_MSE, 1.294371, 6);
    published(&e, "Naive", VN_METRIC_MAE, 0.713181, 6);
    published(&e, "SeasonalNaive", VN_METRIC_MSE, 0.512225, 6);
    published(&e, "SeasonalNaive", VN_METRIC_MAE, 0.433303, 6);
    published(&e, "RidgeLinear", VN_METRIC_MSE, 0.3698, 4);
    published(&e, "RidgeLinear", VN_METRIC_MAE, 0.3913, 4);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(ettm2_matches_the_published_ridge_and_naive_scores)
{
    if (missing(SHARED "ett/ETTm2.csv", "ettm2_matches_the_published_ridge_and_naive_scores"))
        return;
    vn_panel *p = read_panel(SHARED "ett/ETTm2.csv", NULL);
    const char *options[][2] = { { "scale", "standardised" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 34560, 11520, 11520 }, 96, options);
    ck_assert_int_eq(p->season, 96);
    published(&e, "Naive", VN_METRIC_MSE, 0.266462, 6);
    published(&e, "SeasonalNaive", VN_METRIC_MAE, 0.300543, 6);
    published(&e, "RidgeLinear", VN_METRIC_MSE, 0.1645, 4);
    published(&e, "RidgeLinear", VN_METRIC_MAE, 0.2535, 4);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

START_TEST(m4_hourly_matches_the_official_benchmarks)
{
    if (missing(SHARED "m4/Hourly-train.csv", "m4_hourly_matches_the_official_benchmarks")) return;
    const char *rows[][2] = { { "format", "rows" }, { "season_length", "24" }, { 0 } };
    vn_panel *train = read_panel(SHARED "m4/Hourly-train.csv", rows);
    vn_panel *test = read_panel(SHARED "m4/Hourly-test.csv", rows), *p;
    ck_assert_msg(!vn_panel_append(train, test, &p), "%s", vn_last_message());
    const char *options[][2] = { { "baselines", "[naive, seasonal_naive, naive2]" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 0, 0, 48 }, 48, options);
    ck_assert_int_eq(e.n_windows, 414);
    published(&e, "Naive2", VN_METRIC_SMAPE, 18.3829, 4);
    published(&e, "Naive2", VN_METRIC_MASE, 2.3950, 4);
    published(&e, "Naive2", VN_METRIC_MAE, 366.7593, 4);
    published(&e, "SeasonalNaive", VN_METRIC_SMAPE, 13.9123, 4);
    published(&e, "SeasonalNaive", VN_METRIC_MASE, 1.1932, 4);
    published(&e, "SeasonalNaive", VN_METRIC_OWA, 0.6275, 4);
    published(&e, "SeasonalNaive", VN_METRIC_ND, 0.048309, 6);
    published(&e, "Naive", VN_METRIC_OWA, 3.5929, 4);
    vn_evaluation_close(&e);
    vn_panel_close(p);
    vn_panel_close(test);
    vn_panel_close(train);
}
END_TEST

/* The series of one period of M3.long.csv (id,period,type,h,n,start,insample,outsample). */
static vn_panel *read_m3(const char *period, int64_t season)
{
    char *text, *line, *rest;
    size_t size;
    ck_assert_int_eq(vn_file_read(SHARED "m3/M3.long.csv", 0, &text, &size), 0);
    static float y[1 << 18];
    static const char *id[2000];
    static int64_t indptr[2001];
    int64_t n = 0, rows = 0;
    for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *comma = strchr(line, ',');
        if (strncmp(comma + 1, period, strlen(period))) continue;
        *comma = 0;
        id[n] = line;
        char *at = comma + 1;
        for (int i = 0; i < 5; i++) at = strchr(at, ',') + 1;
        while (*at && *at != '\r') {
            y[rows++] = strtof(at, &at);
            while (*at == ' ' || *at == ',') at++;
        }
        indptr[++n] = rows;
    }
    vn_panel *p;
    vn_status st = vn_panel_from_arrays(n, id, indptr, y, NULL, NULL,
                                        (vn_freq){ VN_FREQ_STEP, 1, false, false }, season, &p);
    ck_assert_msg(!st, "%s", vn_last_message());
    vn_free(text);
    return p;
}

START_TEST(m3_matches_the_published_benchmarks)
{
    if (missing(SHARED "m3/M3.long.csv", "m3_matches_the_published_benchmarks")) return;
    static const struct {
        const char *period;
        int64_t season, h;
        double naive2_smape, naive2_mase, seasonal_smape, seasonal_owa;
    } groups[] = {
        { "MONTHLY", 12, 18, 16.7636, 1.0383, 17.2339, 1.0659 },
        { "QUARTERLY", 4, 8, 10.0293, 1.2522, 11.0651, 1.1208 },
        { "YEARLY", 1, 6, 17.8799, 3.1717, 17.8799, 1.0000 },
        { "OTHER", 1, 8, 6.3016, 3.0891, 6.3016, 1.0000 },
    };
    const char *options[][2] = { { "baselines", "[seasonal_naive, naive2]" }, { 0 } };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        vn_panel *p = read_m3(groups[i].period, groups[i].season);
        vn_evaluation e = evaluate(p, (vn_split){ 0, 0, groups[i].h }, groups[i].h, options);
        published(&e, "Naive2", VN_METRIC_SMAPE, groups[i].naive2_smape, 4);
        published(&e, "Naive2", VN_METRIC_MASE, groups[i].naive2_mase, 4);
        published(&e, "SeasonalNaive", VN_METRIC_SMAPE, groups[i].seasonal_smape, 4);
        published(&e, "SeasonalNaive", VN_METRIC_OWA, groups[i].seasonal_owa, 4);
        vn_evaluation_close(&e);
        vn_panel_close(p);
    }
}
END_TEST

START_TEST(us_births_match_the_published_last_value_score)
{
    if (missing(SHARED "births/births_us.csv", "us_births_match_the_published_last_value_score"))
        return;
    vn_panel *p = read_panel(SHARED "births/births_us.csv", NULL);
    const char *options[][2] = { { "baselines", "[naive, seasonal_naive]" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 0, 0, 30 }, 30, options);
    ck_assert_int_eq(p->season, 7);
    published(&e, "Naive", VN_METRIC_MAE, 1152.666667, 6);
    published(&e, "Naive", VN_METRIC_ND, 0.11115397, 8);
    published(&e, "SeasonalNaive", VN_METRIC_MAE, 466.666667, 6);
    vn_evaluation_close(&e);
    vn_panel_close(p);
}
END_TEST

/* Unpack the exchange rates and give them a header and a step column. */
static bool unpack_exchange(char *path)
{
    char command[512];
    int fd = mkstemp(path);
    if (fd < 0) return false;
    close(fd);
    snprintf(command, sizeof command,
             "gzip -dc %sexchange_rate/exchange_rate.txt.gz | awk 'BEGIN { print "
             "\"ds,0,1,2,3,4,5,6,7\" } { print NR \",\" $0 }' > %s",
             SHARED, path);
    return system(command) == 0;
}

START_TEST(exchange_rates_match_the_published_seasonal_naive_score)
{
    const char *name = "exchange_rates_match_the_published_seasonal_naive_score";
    if (missing(SHARED "exchange_rate/exchange_rate.txt.gz", name)) return;
    char path[] = "/tmp/vane-exchange-XXXXXX";
    ck_assert(unpack_exchange(path));
    const char *wide[][2] = { { "format", "wide" }, { "season_length", "5" }, { 0 } };
    vn_panel *p = read_panel(path, wide);
    const char *options[][2] = { { "stride", "30" }, { "baselines", "[seasonal_naive]" }, { 0 } };
    vn_evaluation e = evaluate(p, (vn_split){ 6071, 0, 150 }, 30, options);
    ck_assert_int_eq(e.n_windows, 40);
    published(&e, "SeasonalNaive", VN_METRIC_ND, 0.01074975, 8);
    published(&e, "SeasonalNaive", VN_METRIC_RMSE, 0.012913, 6);
    vn_evaluation_close(&e);
    vn_panel_close(p);
    unlink(path);
}
END_TEST

Suite *vn_suite_eval(void)
{
    Suite *s = suite_create("eval");
    TCase *c = tcase_create("eval");
    tcase_set_timeout(c, 120);
    tcase_add_test(c, every_metric_by_hand);
    tcase_add_test(c, nothing_observed_gives_no_score_but_nan);
    tcase_add_test(c, percentages_weigh_series_and_not_steps);
    tcase_add_test(c, airline_passengers_match_the_protocol);
    tcase_add_test(c, naive2_is_naive_on_a_series_without_season_or_too_short_for_the_test);
    tcase_add_test(c, rolling_naive2_equals_one_origin_at_a_time);
    tcase_add_test(c, the_ridge_gives_the_same_bits_for_any_number_of_threads);
    tcase_add_test(c, the_ridge_finds_the_matrix_that_made_the_data);
    tcase_add_test(c, missing_values_are_left_out_and_seen_through);
    tcase_add_test(c, a_stride_skips_origins);
    tcase_add_test(c, a_test_part_shorter_than_the_horizon_is_refused);
    tcase_add_test(c, etth1_matches_the_published_long_horizon_scores);
    tcase_add_test(c, ettm2_matches_the_published_ridge_and_naive_scores);
    tcase_add_test(c, m4_hourly_matches_the_official_benchmarks);
    tcase_add_test(c, m3_matches_the_published_benchmarks);
    tcase_add_test(c, us_births_match_the_published_last_value_score);
    tcase_add_test(c, exchange_rates_match_the_published_seasonal_naive_score);
    suite_add_tcase(s, c);
    return s;
}

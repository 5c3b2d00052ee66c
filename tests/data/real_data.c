/* The bundled series, and the public sets where the shared data folder is there. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/data/kit.h"

#define SHARED(file) vn_data_kit_shared(__func__, file) /* of the test it stands in */

static vn_panel *read(const char *path, const char *settings)
{
    vn_data_options o = vn_data_kit_options(settings);
    vn_panel *p;
    vn_status st = vn_panel_read(path, &o, NULL, &p);
    ck_assert_msg(!st, "%s", st ? vn_last_message() : "");
    return p;
}

static double total(const vn_panel *p)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n_rows; i++) sum += (double)p->y[i];
    return sum;
}

/* Frequency, season and the stamps of the first and last row of series 0. */
static void check_time(const vn_panel *p, const char *freq, int64_t season, const char *first,
                       const char *last)
{
    char out[VN_STAMP_TEXT];
    ck_assert_str_eq(vn_freq_text(p->freq, out), freq);
    ck_assert_int_eq(p->season, season);
    ck_assert_str_eq(vn_stamp_text(p->freq, p->start[0], out), first);
    ck_assert_str_eq(vn_stamp_text(p->freq, vn_panel_stamp(p, 0, p->n_past[0] - 1), out), last);
}

START_TEST(airline_is_bundled_and_complete)
{
    vn_panel *p = read(VANE_SOURCE_DIR "/data/airline.csv", "");
    ck_assert(p->n_series == 1 && p->n_rows == 144 && p->n_missing == 0);
    check_time(p, "M", 12, "1949-01-01", "1960-12-01");
    ck_assert_double_eq(total(p), 40363);
    const char *path = SHARED("prophet/example_air_passengers.csv");
    vn_panel *q = path ? read(path, "") : NULL;
    if (q) ck_assert(q->n_rows == 144 && !memcmp(p->y, q->y, 144 * sizeof *p->y));
    vn_panel_close(q);
    vn_panel_close(p);
}
END_TEST

START_TEST(etth1_has_7_hourly_series)
{
    const char *path = SHARED("ett/ETTh1.csv");
    if (!path) return;
    vn_panel *p = read(path, "");
    ck_assert(p->n_series == 7 && p->n_rows == 7 * 17420 && p->n_gap_rows == 0);
    check_time(p, "H", 24, "2016-07-01 00:00:00", "2018-06-26 19:00:00");
    ck_assert_str_eq(p->id[6], "OT");
    ck_assert(p->y[p->indptr[6]] == 30.531f);
    vn_local_scale s;
    ck_assert_int_eq(vn_panel_scale(p, 1, (vn_split){ 8640, 2880, 2880 }, &s), VN_OK);
    double sum = 0, squares = 0;
    for (int64_t t = 0; t < 8640; t++) {
        double z = (double)p->y[p->indptr[6] + t];
        sum += z;
        squares += z * z;
    }
    ck_assert(fabs(sum / 8640) < 1e-6 && fabs(squares / 8640 - 1) < 1e-6);
    vn_panel_close(p);
}
END_TEST

START_TEST(m4_hourly_has_414_series_of_700_to_960_and_48_to_come)
{
    const char *path = SHARED("m4/Hourly-train.csv");
    if (!path) return;
    vn_panel *train = read(path, "freq=H");
    vn_panel *test = read(SHARED("m4/Hourly-test.csv"), "freq=H"), *all;
    ck_assert(train->n_series == 414 && train->season == 24);
    ck_assert(train->indptr[1] == 700 && train->y[0] == 605.0f && train->n_missing == 0);
    ck_assert_int_eq(train->indptr[414] - train->indptr[413], 960);
    ck_assert_int_eq(vn_panel_append(train, test, &all), VN_OK);
    ck_assert_int_eq(all->n_rows, train->n_rows + 414 * 48);
    ck_assert(all->y[700] == 619.0f && all->indptr[1] == 748);
    vn_panel_close(all);
    vn_panel_close(test);
    vn_panel_close(train);
}
END_TEST

START_TEST(daily_series_with_holes_are_read)
{
    const char *path = SHARED("prophet/example_wp_log_peyton_manning.csv");
    if (!path) return;
    vn_panel *p = read(path, "");
    check_time(p, "D", 7, "2007-12-10", "2016-01-20");
    ck_assert(p->n_rows == 2964 && p->n_gap_rows == 59);
    vn_panel_close(p);
    p = read(SHARED("prophet/tests_data.csv"), "");
    check_time(p, "B", 5, "2012-05-18", "2014-05-30");
    vn_panel_close(p);
    p = read(SHARED("births/births_us.csv"), "");
    check_time(p, "D", 7, "1969-01-01", "1988-12-31");
    ck_assert(p->n_rows == 7305 && p->n_gap_rows == 0);
    vn_panel_close(p);
}
END_TEST

Suite *vn_suite_real_data(void);

Suite *vn_suite_real_data(void)
{
    Suite *s = suite_create("real_data");
    TCase *t = tcase_create("real_data");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, airline_is_bundled_and_complete);
    tcase_add_test(t, etth1_has_7_hourly_series);
    tcase_add_test(t, m4_hourly_has_414_series_of_700_to_960_and_48_to_come);
    tcase_add_test(t, daily_series_with_holes_are_read);
    suite_add_tcase(s, t);
    return s;
}

/* Categories and the calendar in the data layer: codes, vocabularies, rows to come, messages. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/calendar.h"
#include "host/data/dress.h"
#include "host/data/select.h"
#include "tests/data/kit.h"

Suite *vn_suite_exog_data(void);

static const char shop[] = "unique_id,ds,y,price,promo,region\n"
                           "a,2024-01-01,1,10,none,north\n"
                           "a,2024-01-02,2,11,\"big, red\",north\n"
                           "a,2024-01-03,3,12,,north\n"
                           "b,2024-01-01,4,13,none,south\n"
                           "b,2024-01-02,5,14,half,\n";
static const char settings[] =
    "futr_exog_list=price;cat_exog_list=promo;stat_cat_list=region;freq=D";

START_TEST(texts_become_codes_by_first_appearance)
{
    vn_panel *p = vn_data_kit_panel(shop, settings);
    static const float futr[] = { 10, 1, 11, 2, 12, 0, 13, 1, 14, 3 };
    ck_assert(p->n_futr == 2 && p->n_futr_cat == 1 && p->n_stat == 1 && p->n_stat_cat == 1);
    ck_assert_str_eq(p->futr_name[0], "price");
    ck_assert_str_eq(p->futr_name[1], "promo");
    ck_assert_int_eq(memcmp(p->futr, futr, sizeof futr), 0);
    ck_assert_int_eq(p->futr_cat[0].n, 3);
    ck_assert_str_eq(p->futr_cat[0].level[1], "big, red");
    ck_assert(p->stat[0] == 1 && p->stat[1] == 2);
    vn_panel_close(p);
}
END_TEST

START_TEST(past_texts_have_codes_of_their_own)
{
    static const char past[] = "ds,y,wind,sky\n1,1,5,sun\n2,2,6,rain\n3,3,7,\n";
    static const char rest[] = "ds,y,wind,sky\n4,4,8,fog\n5,5,9,rain\n";
    static const char *const columns = "hist_exog_list=wind;hist_cat_list=sky";
    vn_panel *p = vn_data_kit_panel(past, columns), *more = vn_data_kit_panel(rest, columns);
    vn_panel *joined, out;
    ck_assert(p->n_hist == 2 && p->n_hist_cat == 1 && p->hist_cat[0].n == 2);
    ck_assert_msg(!vn_panel_append(p, more, &joined), "%s", vn_last_message());
    static const float codes[] = { 1, 2, 0, 3, 2 }, dressed[] = { 0, 1, 0, 2, 1 };
    const char *skies[] = { "rain", "fog" };
    vn_levels sky = { 2, skies };
    vn_dress dress = { .n_hist_cat = 1, .hist_cat = &sky };
    ck_assert_msg(!vn_panel_dress(joined, &dress, NULL, &out), "%s", vn_last_message());
    for (int t = 0; t < 5; t++) {
        ck_assert_float_eq(joined->hist[2 * t], (float)(5 + t));
        ck_assert_float_eq(joined->hist[2 * t + 1], codes[t]);
        ck_assert_float_eq(out.hist[2 * t], (float)(5 + t));
        ck_assert_float_eq(out.hist[2 * t + 1], dressed[t]);
    }
    vn_dressed_close(&out);
    vn_panel_close(joined);
    vn_panel *none = vn_data_kit_panel("ds,f\n4,1\n", "futr_exog_list=f;target_col=");
    none->n_futr = 0; /* rows to come without features */
    ck_assert_msg(!vn_panel_append(p, none, &joined), "%s", vn_last_message());
    ck_assert(joined->n_rows == 4 && joined->hist[7] == 0 && joined->hist_cat[0].n == 2);
    vn_panel_close(joined);
    vn_panel_close(none);
    vn_panel_close(more);
    vn_panel_close(p);
}
END_TEST

START_TEST(appended_rows_share_the_codes)
{
    vn_panel *p = vn_data_kit_panel(shop, settings), *joined;
    vn_panel *more =
        vn_data_kit_panel("unique_id,ds,price,promo\n"
                          "b,2024-01-03,1,half\n"
                          "b,2024-01-04,2,new\n"
                          "a,2024-01-04,3,none\n",
                          "futr_exog_list=price;cat_exog_list=promo;target_col=;freq=D");
    ck_assert_msg(!vn_panel_append(p, more, &joined), "%s", vn_last_message());
    ck_assert_int_eq(joined->futr_cat[0].n, 4);
    ck_assert_str_eq(joined->futr_cat[0].level[3], "new");
    static const float codes[] = { 1, 2, 0, 1, 1, 3, 3, 4 };
    for (int t = 0; t < 8; t++) ck_assert_float_eq(joined->futr[2 * t + 1], codes[t]);
    vn_panel_close(joined);
    vn_panel_close(more);
    vn_panel_close(p);
}
END_TEST

static void keep_line(void *ctx, vn_log_level level, const char *text)
{
    if (level == VN_LOG_WARN) snprintf(ctx, 256, "%s", text);
}

START_TEST(dressing_takes_the_models_codes_and_reports_what_it_does_not_know)
{
    char line[256] = "";
    vn_log log = { keep_line, line };
    vn_panel *p = vn_data_kit_panel(shop, settings), out;
    const char *promos[] = { "half", "none" }, *regions[] = { "south", "north" };
    vn_levels promo = { 2, promos }, region = { 2, regions };
    vn_dress dress = { .n_futr_cat = 1, .n_stat_cat = 1, .futr_cat = &promo, .stat_cat = &region };
    ck_assert_msg(!vn_panel_dress(p, &dress, &log, &out), "%s", vn_last_message());
    static const float codes[] = { 2, 0, 0, 2, 1 };
    for (int t = 0; t < 5; t++) ck_assert_float_eq(out.futr[2 * t + 1], codes[t]);
    ck_assert(out.stat[0] == 2 && out.stat[1] == 1);
    ck_assert_msg(strstr(line, "'promo'") && strstr(line, "\"big, red\"") && strstr(line, "1 of 5"),
                  "%s", line);
    ck_assert(p->futr[1] == 1 && out.y == p->y); /* the panel is as it was */
    vn_dressed_close(&out);
    vn_panel_close(p);
}
END_TEST

/* Values by pandas: second/59 ... isocalendar().week, all - 0.5. */
START_TEST(columns_are_chosen_by_name_and_sort)
{
    static const char *const past[] = { "price", "gone", "promo" }, *const region[] = { "region" };
    static const char *const numbers[] = { "promo" };
    vn_panel *p = vn_data_kit_panel(shop, settings), out;
    vn_choice hist = { past, 3, 1 }, futr = { numbers, 1, 0 }, stat = { region, 1, 1 };
    ck_assert_int_eq(vn_panel_select(p, hist, futr, stat, &out), VN_OK);
    ck_assert(out.n_hist == 2 && out.n_hist_cat == 1 && out.n_futr == 0 && out.n_stat == 1);
    ck_assert(!strcmp(out.hist_name[0], "price") && !strcmp(out.hist_name[1], "promo"));
    ck_assert_int_eq(memcmp(out.hist, p->futr, 10 * sizeof *p->futr), 0);
    ck_assert(out.hist_cat[0].n == 3 && out.stat[1] == 2 && out.y == p->y);
    vn_selected_close(&out);
    const vn_choice own = { p->futr_name, 2, 1 }, none = { NULL, 0, 0 };
    ck_assert_int_eq(vn_panel_select(p, none, own, stat, &out), VN_OK);
    ck_assert(out.futr == p->futr); /* everything there is: nothing is copied */
    vn_selected_close(&out);
    vn_panel_close(p);
}
END_TEST

START_TEST(calendar_features_are_those_of_the_reference)
{
    static const struct {
        const char *stamp, *feature;
        double value;
    } cases[] = {
        { "2024-02-29 23:59:58", "second", 58.0 / 59 - 0.5 },
        { "2024-02-29 23:59:58", "minute", 0.5 },
        { "2024-02-29 23:59:58", "hour", 0.5 },
        { "2024-02-29", "hour", -0.5 },
        { "2024-02-29", "weekday", 3.0 / 6 - 0.5 },
        { "2024-02-29", "day", 28.0 / 30 - 0.5 },
        { "2024-02-29", "doy", 59.0 / 365 - 0.5 },
        { "2024-12-31", "doy", 0.5 },
        { "2024-12-31", "month", 0.5 },
        { "2024-12-31", "week", -0.5 }, /* week 1 of 2025 */
        { "2021-01-03", "week", 0.5 },  /* week 53 of 2020 */
        { "2021-01-04", "week", -0.5 },
        { "2023-01-01", "week", 51.0 / 52 - 0.5 },
        { "1969-12-31 23:00:00", "hour", 0.5 },
        { "1969-12-31", "weekday", 2.0 / 6 - 0.5 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t stamp;
        ck_assert(vn_stamp_parse(cases[i].stamp, strlen(cases[i].stamp), &stamp));
        int k = vn_calendar_find(cases[i].feature, strlen(cases[i].feature));
        ck_assert_msg(fabs((double)vn_calendar_at(k, stamp) - cases[i].value) < 1e-7, "%s of %s",
                      cases[i].feature, cases[i].stamp);
    }
}
END_TEST

START_TEST(auto_chooses_by_the_frequency)
{
    static const char *const cases[][2] = {
        { "Y", "" },
        { "Q", "month " },
        { "M", "month " },
        { "W", "day week " },
        { "D", "weekday day doy " },
        { "B", "weekday day doy " },
        { "H", "hour weekday day doy " },
        { "15min", "minute hour weekday day doy " },
        { "10S", "second minute hour weekday day doy " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_freq freq;
        int which[VN_CALENDAR_COUNT], n;
        char names[128] = "";
        ck_assert(vn_freq_parse(cases[i][0], &freq));
        ck_assert_int_eq(vn_calendar_choose("auto", freq, which, &n), VN_OK);
        for (int k = 0; k < n; k++) strcat(strcat(names, vn_calendar_name(which[k])), " ");
        ck_assert_str_eq(names, cases[i][1]);
    }
}
END_TEST

/* As GluonTS has it for DeepAR; integer steps have no calendar, but an age. */
START_TEST(auto_and_age_stand_together)
{
    static const char *const cases[][2] = { { "D", "weekday day doy age " }, { "1", "age " } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_freq freq;
        int which[VN_CALENDAR_COUNT], n;
        char names[128] = "";
        ck_assert(vn_freq_parse(cases[i][0], &freq));
        ck_assert_int_eq(vn_calendar_choose("auto, age", freq, which, &n), VN_OK);
        for (int k = 0; k < n; k++) strcat(strcat(names, vn_calendar_name(which[k])), " ");
        ck_assert_str_eq(names, cases[i][1]);
    }
}
END_TEST

START_TEST(a_calendar_that_cannot_be_is_refused)
{
    static const char *const cases[][3] = {
        { "hours", "H", "\"hours\" is no feature" },
        { "hour, month, hour", "H", "\"hour\" stands twice" },
        { "auto", "1", "the data count integer steps" },
        { "month", "step 2", "the data count integer steps" },
        { "auto, day", "D", "\"day\" stands twice" },
        { "age, hour", "1", "the data count integer steps" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_freq freq;
        int which[VN_CALENDAR_COUNT], n;
        ck_assert(vn_freq_parse(cases[i][1], &freq));
        ck_assert_int_eq(vn_calendar_choose(cases[i][0], freq, which, &n), VN_E_ARGUMENT);
        ck_assert_msg(strstr(vn_last_message(), cases[i][2]), "%s", vn_last_message());
    }
}
END_TEST

START_TEST(the_calendar_reaches_past_the_end_of_every_series)
{
    vn_panel *p = vn_data_kit_panel("unique_id,ds,y,x\na,2024-01-31,1,5\na,2024-02-29,2,6\n"
                                    "b,2023-12-31,3,7\nb,2024-01-31,4,8\nb,2024-02-29,5,9\n",
                                    "hist_exog_list=x"),
             out;
    int month = vn_calendar_find("month", 5);
    vn_dress dress = { .n_calendar = 1, .calendar = &month, .ahead = 2 };
    ck_assert_msg(!vn_panel_dress(p, &dress, NULL, &out), "%s", vn_last_message());
    static const int months[] = { 1, 2, 3, 4, 12, 1, 2, 3, 4 };
    static const float y[] = { 1, 2, 0, 0, 3, 4, 5, 0, 0 }, x[] = { 5, 6, 0, 0, 7, 8, 9, 0, 0 };
    ck_assert(out.n_rows == 9 && out.indptr[1] == 4 && out.n_past[1] == 3);
    ck_assert_int_eq(memcmp(out.y, y, sizeof y) || memcmp(out.hist, x, sizeof x), 0);
    ck_assert_str_eq(out.futr_name[0], "calendar.month");
    for (int t = 0; t < 9; t++) {
        ck_assert_float_eq(out.mask[t], y[t] > 0);
        ck_assert_float_eq_tol(out.futr[t], (float)(months[t] - 1) / 11 - 0.5f, 1e-6f);
    }
    vn_dressed_close(&out);
    vn_panel_close(p);
}
END_TEST

START_TEST(bad_columns_are_refused_in_one_sentence)
{
    vn_data_kit_refuse(shop, "futr_exog_list=promo;freq=D", VN_E_DATA,
                       "texts: cat_exog_list, hist_cat_list or stat_cat_list");
    vn_data_kit_refuse(shop, "cat_exog_list=promo;stat_exog_list=promo;freq=D", VN_E_ARGUMENT,
                       "column 'promo' is asked for twice");
    vn_data_kit_refuse(shop, "stat_cat_list=promo;freq=D", VN_E_DATA,
                       "static column 'promo' changes within series 'a': big, red after none");
    vn_data_kit_refuse(shop, "cat_exog_list=prom;freq=D", VN_E_DATA, "did you mean 'promo'");
    vn_data_kit_refuse(shop, "cat_exog_list=q;hist_exog_list=r,s;freq=D", VN_E_DATA,
                       "3 columns are missing: 'r' (option hist_exog_list), 's' (option "
                       "hist_exog_list), 'q' (option cat_exog_list)");
}
END_TEST

/* Read, continue and dress a panel. */
static vn_status whole_path(void)
{
    vn_panel *p = NULL, *more = NULL, *joined = NULL, out = { 0 };
    static const char next[] = "unique_id,ds,price,promo\nb,2024-01-03,1,new\n";
    int feature = 0;
    vn_status st = vn_data_kit_read(shop, strlen(shop), settings, &p);
    if (!st)
        st = vn_data_kit_read(next, strlen(next),
                              "futr_exog_list=price;cat_exog_list=promo;target_col=;freq=D", &more);
    if (!st) st = vn_panel_append(p, more, &joined);
    vn_dress dress = { .n_futr_cat = 1, .n_stat_cat = 1, .n_calendar = 1, .calendar = &feature };
    if (p) dress.futr_cat = p->futr_cat, dress.stat_cat = p->stat_cat;
    if (!st) st = vn_panel_dress(joined, &dress, NULL, &out);
    if (!st) vn_dressed_close(&out);
    vn_panel_close(joined);
    vn_panel_close(more);
    vn_panel_close(p);
    return st;
}

START_TEST(every_allocation_may_fail)
{
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 2000; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = whole_path();
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
    }
    ck_assert(!st && n > 20);
}
END_TEST

Suite *vn_suite_exog_data(void)
{
    Suite *s = suite_create("exog_data");
    TCase *tc = tcase_create("exog_data");
    tcase_add_test(tc, texts_become_codes_by_first_appearance);
    tcase_add_test(tc, past_texts_have_codes_of_their_own);
    tcase_add_test(tc, appended_rows_share_the_codes);
    tcase_add_test(tc, dressing_takes_the_models_codes_and_reports_what_it_does_not_know);
    tcase_add_test(tc, columns_are_chosen_by_name_and_sort);
    tcase_add_test(tc, calendar_features_are_those_of_the_reference);
    tcase_add_test(tc, auto_chooses_by_the_frequency);
    tcase_add_test(tc, auto_and_age_stand_together);
    tcase_add_test(tc, a_calendar_that_cannot_be_is_refused);
    tcase_add_test(tc, the_calendar_reaches_past_the_end_of_every_series);
    tcase_add_test(tc, bad_columns_are_refused_in_one_sentence);
    tcase_add_test(tc, every_allocation_may_fail);
    suite_add_tcase(s, tc);
    return s;
}

/* Files to panels: formats, order, gaps, features; appending, parts and scales. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "host/data/calendar.h"
#include "tests/data/kit.h"

/* "id start freq season: y y _ y; id ...", '_' where the mask is 0. */
static const char *shown(const vn_panel *p)
{
    static char out[1024];
    char freq[VN_STAMP_TEXT], stamp[VN_STAMP_TEXT];
    int at = snprintf(out, sizeof out, "%s/%d", vn_freq_text(p->freq, freq), (int)p->season);
    for (int64_t i = 0; i < p->n_series; i++) {
        at += snprintf(out + at, sizeof out - (size_t)at, " %s@%s:", p->id[i],
                       vn_stamp_text(p->freq, p->start[i], stamp));
        for (int64_t t = p->indptr[i]; t < p->indptr[i + 1]; t++) {
            const char *comma = t > p->indptr[i] ? "," : "";
            if (p->mask[t] == 1.0f)
                at += snprintf(out + at, sizeof out - (size_t)at, "%s%g", comma, (double)p->y[t]);
            else
                at += snprintf(out + at, sizeof out - (size_t)at, "%s_", comma);
            if (p->mask[t] == 0.0f) ck_assert(p->y[t] == 0.0f);
        }
    }
    return out;
}

static void reads_as(const char *text, const char *settings, const char *expected)
{
    vn_panel *p = vn_data_kit_panel(text, settings);
    ck_assert_str_eq(shown(p), expected);
    vn_panel_close(p);
}

START_TEST(long_tables_become_one_series_an_id)
{
    reads_as("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\nb,2024-03-01,3\nb,2024-03-02,4.5\n",
             "", "D/7 a@2024-01-01:1,2 b@2024-03-01:3,4.5");
    reads_as("ds,y\n1949-01,112\n1949-02,118\n1949-03,132\n", "", "M/12 y@1949-01-01:112,118,132");
    reads_as("when;who;sales\n3;x;1\n4;x;2\n", "id_col=who;time_col=when;target_col=sales",
             "step 1/1 x@3:1,2");
}
END_TEST

START_TEST(integers_are_steps_unless_all_are_compact_dates)
{
    reads_as("ds,y\n20240131,1\n20240201,2\n", "", "D/7 y@2024-01-31:1,2");
    reads_as("ds,y\n20240131,1\n20240132,2\n", "", "step 1/1 y@20240131:1,2");
    reads_as("ds,y\n194912,1\n195001,2\n", "", "M/12 y@1949-12-01:1,2");
    reads_as("ds,y\n194912,1\n194913,2\n", "", "step 1/1 y@194912:1,2");
    reads_as("ds,y\n1949,1\n1950,2\n", "freq=Y", "step 1/1 y@1949:1,2");
    reads_as("ds,y\n1,1\n2,2\n", "freq=H", "step 1/24 y@1:1,2");
}
END_TEST

START_TEST(rows_in_any_order_are_sorted_within_series_in_order_of_appearance)
{
    reads_as("unique_id,ds,y\nb,3,30\na,2,2\nb,1,10\na,1,1\nb,2,20\na,3,3\n", "",
             "step 1/1 b@1:10,20,30 a@1:1,2,3");
}
END_TEST

START_TEST(quotes_marks_and_line_ends_change_nothing)
{
    const char *expected = "D/7 a \"b\",c@2024-01-01:1,2";
    reads_as("\xEF\xBB\xBF\"unique_id\",\"ds\",\"y\"\r\n\"a \"\"b\"\",c\",\"2024-01-01\",\"1\"\r\n"
             "\"a \"\"b\"\",c\",2024-01-02,2",
             "", expected);
    reads_as("unique_id\tds\ty\ra \"b\",c\t2024-01-01\t1\ra \"b\",c\t2024-01-02\t2\r", "",
             expected);
}
END_TEST

START_TEST(wide_tables_become_one_series_a_column)
{
    reads_as("date,A,B\n2016-07-01 00:00:00,1,2\n2016-07-01 01:00:00,,4\n2016-07-01 03:00:00,5,6\n",
             "", "H/24 A@2016-07-01 00:00:00:1,_,_,5 B@2016-07-01 00:00:00:2,4,_,6");
    reads_as(",A,B\n1,1,2\n2,3,4\n", "format=wide", "step 1/1 A@1:1,3 B@1:2,4");
    reads_as("step,A,B\n1,1,2\n2,3,4\n", "", "step 1/1 A@1:1,3 B@1:2,4");
    reads_as("ds,sales\n2024-01-02,2\n2024-01-01,1\n", "", "D/7 sales@2024-01-01:1,2");
}
END_TEST

START_TEST(rows_tables_hold_one_series_a_record)
{
    const char *expected = "step 1/24 H1@1:605,586 H2@1:3124,_,2";
    reads_as("\"V1\",\"V2\",\"V3\",\"V4\"\n\"H1\",\"605\",\"586\",\"\"\n\"H2\",\"3124\",NA,\"2\"\n",
             "freq=H", expected);
    reads_as("H1,605,586,\nH2,3124,,2\n", "season_length=24", expected);
    reads_as("H1,605,586\nH2,3124,,2\n", "season_length=24", expected);
    reads_as("id,1,2,3\nH1,605,586,\nH2,3124,,2\n", "freq=H", expected);
}
END_TEST

START_TEST(missing_values_are_masked_and_the_series_ends_with_the_last_observed)
{
    vn_panel *p = vn_data_kit_panel(
        "unique_id,ds,y\na,1,1\na,2,NaN\na,3,-9\na,4,4\na,5,null\nb,1,NA\nb,2,5\n", "na=x, -9");
    ck_assert_str_eq(shown(p), "step 1/1 a@1:1,_,_,4,_ b@1:_,5");
    ck_assert_int_eq(p->n_past[0], 4);
    ck_assert_int_eq(p->n_past[1], 2);
    ck_assert_int_eq(p->n_missing, 3);
    vn_panel_close(p);
}
END_TEST

START_TEST(gaps_become_masked_rows)
{
    vn_panel *p =
        vn_data_kit_panel("unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\na,2024-01-05,5\n", "");
    ck_assert_str_eq(shown(p), "D/7 a@2024-01-01:1,2,_,_,5");
    ck_assert_int_eq(p->n_gap_rows, 2);
    ck_assert_int_eq(p->n_missing, 2);
    char out[VN_STAMP_TEXT];
    ck_assert_str_eq(vn_stamp_text(p->freq, vn_panel_stamp(p, 0, 7), out), "2024-01-08");
    vn_panel_close(p);
}
END_TEST

START_TEST(features_follow_their_rows_and_are_carried_over_gaps)
{
    vn_panel *p =
        vn_data_kit_panel("unique_id,ds,y,promo,temp,size\n"
                          "a,4,,1,,\na,1,1,0,10,7\na,3,3,1,30,7\nb,1,5,0,50,8\nb,2,6,0,60,8\n",
                          "hist_exog_list=temp;futr_exog_list=promo;stat_exog_list=size");
    ck_assert_str_eq(shown(p), "step 1/1 a@1:1,_,3,_ b@1:5,6");
    static const float temp[] = { 10, 10, 30, 0, 50, 60 }, promo[] = { 0, 0, 1, 1, 0, 0 };
    ck_assert_int_eq(p->n_past[0], 3);
    ck_assert(!memcmp(p->hist, temp, sizeof temp));
    ck_assert(!memcmp(p->futr, promo, sizeof promo));
    ck_assert(p->stat[0] == 7.0f && p->stat[1] == 8.0f);
    ck_assert_str_eq(p->futr_name[0], "promo");
    vn_panel_view view = vn_panel_view_of(p);
    ck_assert(view.n_series == 2 && view.n_hist == 1 && view.futr == p->futr);
    vn_panel_close(p);
}
END_TEST

START_TEST(numbers_round_as_the_exact_parser_rounds)
{
    static const char *const texts[] = { "16777217",
                                         "0.1",
                                         "33554434.99999999",
                                         "-1e-40",
                                         "123456789012345678",
                                         "0.30000001192092896",
                                         "5.827000141143799",
                                         "3.4028235e38",
                                         "8388608.5",
                                         "1.00000005960464477",
                                         "-.5",
                                         "5." };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char table[128];
        double exact = 0;
        snprintf(table, sizeof table, "ds,y\n1,%s\n2,7\n", texts[i]);
        if (!vn_parse_f64(texts[i], strlen(texts[i]), &exact, NULL)) continue;
        vn_panel *p = vn_data_kit_panel(table, "");
        ck_assert_msg(p->y[0] == (float)exact, "%s", texts[i]);
        vn_panel_close(p);
    }
}
END_TEST

START_TEST(actuals_and_future_features_continue_a_panel)
{
    vn_panel *p =
        vn_data_kit_panel("unique_id,ds,y,f\na,2024-01-01,1,0\na,2024-01-02,2,1\nb,2024-01-01,5,0\n"
                          "b,2024-01-02,6,0\nb,2024-01-03,,1\n",
                          "futr_exog_list=f");
    vn_panel *future = vn_data_kit_panel("unique_id,ds,f\nb,2024-01-03,3\nb,2024-01-04,4\n",
                                         "target_col=;futr_exog_list=f");
    vn_panel *actual = vn_data_kit_panel("unique_id,ds,y,f\na,2024-01-03,3,0\na,2024-01-04,4,0\n",
                                         "futr_exog_list=f");
    vn_panel *one, *two;
    ck_assert_int_eq(vn_panel_append(p, future, &one), VN_OK);
    ck_assert_str_eq(shown(one), "D/7 a@2024-01-01:1,2 b@2024-01-01:5,6,_,_");
    static const float f[] = { 0, 1, 0, 0, 3, 4 };
    ck_assert(!memcmp(one->futr, f, sizeof f));
    ck_assert_int_eq(one->n_past[1], 2);
    ck_assert_int_eq(vn_panel_append(one, actual, &two), VN_OK);
    ck_assert_str_eq(shown(two), "D/7 a@2024-01-01:1,2,3,4 b@2024-01-01:5,6,_,_");
    ck_assert_int_eq(two->n_past[0], 4);
    vn_panel_close(two);
    ck_assert_int_eq(vn_panel_append(p, p, &two), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "should continue at 2024-01-03"));
    vn_panel_close(future);
    vn_panel_close(actual);
    vn_panel_close(one);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_single_series_without_an_id_takes_future_features)
{
    vn_panel *p =
        vn_data_kit_panel("ds,sales,f\n1,1,0\n2,2,1\n", "target_col=sales;futr_exog_list=f");
    vn_panel *future = vn_data_kit_panel("ds,f\n3,5\n4,6\n", "target_col=;futr_exog_list=f"), *all;
    ck_assert(future->n_past[0] == 0 && future->n_missing == 0);
    ck_assert_int_eq(vn_panel_append(p, future, &all), VN_OK);
    ck_assert_str_eq(shown(all), "step 1/1 sales@1:1,2,_,_");
    ck_assert(all->futr[3] == 6.0f && all->n_past[0] == 2);
    vn_panel_close(all);
    vn_panel_close(future);
    vn_panel_close(p);
}
END_TEST

START_TEST(rows_tables_continue_by_position)
{
    vn_panel *p = vn_data_kit_panel("V1,V2,V3\nH1,1,2\nH2,3,\n", "");
    vn_panel *more = vn_data_kit_panel("V1,V2,V3\nH2,4,5\nH1,3,4\n", ""), *all;
    ck_assert_int_eq(vn_panel_append(p, more, &all), VN_OK);
    ck_assert_str_eq(shown(all), "step 1/1 H1@1:1,2,3,4 H2@1:3,4,5");
    vn_panel_close(all);
    vn_panel_close(more);
    more = vn_data_kit_panel("V1,V2,V3\nH3,4,5\n", "");
    ck_assert_int_eq(vn_panel_append(p, more, &all), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "series 'H3' is not among the 2 series"));
    vn_panel_close(more);
    vn_panel_close(p);
}
END_TEST

START_TEST(past_features_are_joined_and_what_does_not_continue_is_refused)
{
    static const struct {
        const char *text, *settings, *words;
    } cases[] = {
        { "ds,y,f\n2024-01-03,3,7\n", "hist_exog_list=f;freq=D", NULL },
        { "ds,y\n2024-01-03,3\n", "freq=D", "0 past features, expected the same 1" },
        { "ds,y,f\n2024-01-03,3,7\n", "futr_exog_list=f;freq=D",
          "1 future features, expected the same 0" },
        { "ds,y,f\n3,3,7\n", "hist_exog_list=f;freq=1", "the other integer steps" },
        { "ds,y,f\n2024-01-04,3,7\n", "hist_exog_list=f;freq=D", "should continue at 2024-01-03" },
    };
    vn_panel *p = vn_data_kit_panel("ds,y,f\n2024-01-01,1,5\n2024-01-02,2,6\n", "hist_exog_list=f");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_panel *more = vn_data_kit_panel(cases[i].text, cases[i].settings), *all;
        vn_status st = vn_panel_append(p, more, &all);
        vn_panel_close(more);
        ck_assert_int_eq(st, cases[i].words ? VN_E_DATA : VN_OK);
        if (!st) ck_assert(all->hist[0] == 5 && all->hist[1] == 6 && all->hist[2] == 7);
        if (st) ck_assert_msg(strstr(vn_last_message(), cases[i].words), "%s", vn_last_message());
        vn_panel_close(st ? NULL : all);
    }
    vn_panel_close(p);
}
END_TEST

START_TEST(arrays_make_the_same_panel)
{
    const char *const ids[] = { "a", "b" };
    const int64_t indptr[] = { 0, 3, 5 };
    const float y[] = { 1, NAN, 3, 4, 5 }, mask[] = { 1, 1, 1, 1, 0 };
    vn_freq freq = { .unit = VN_FREQ_STEP, .n = 1 };
    vn_panel *p;
    ck_assert_int_eq(vn_panel_from_arrays(2, ids, indptr, y, mask, NULL, freq, 4, &p), VN_OK);
    ck_assert_str_eq(shown(p), "step 1/4 a@1:1,_,3 b@1:4,_");
    ck_assert_int_eq(p->n_past[1], 1);
    vn_panel_close(p);
    const char *const twice[] = { "a", "a" };
    ck_assert_int_eq(vn_panel_from_arrays(2, twice, indptr, y, mask, NULL, freq, 4, &p),
                     VN_E_ARGUMENT);
    const float no_b[] = { 1, 2, 3, NAN, NAN }, none[] = { NAN, NAN, NAN, NAN, NAN };
    ck_assert_int_eq(vn_panel_from_arrays(2, ids, indptr, no_b, NULL, NULL, freq, 4, &p),
                     VN_E_DATA);
    ck_assert_str_eq(vn_last_message(), "series 'b' has no observed value");
    ck_assert_int_eq(vn_panel_from_arrays(2, ids, indptr, none, NULL, NULL, freq, 4, &p), VN_OK);
    vn_panel_close(p);
    const int64_t falling[] = { 0, 3, 3 };
    ck_assert_int_eq(vn_panel_from_arrays(2, ids, falling, y, mask, NULL, freq, 4, &p),
                     VN_E_ARGUMENT);
}
END_TEST

START_TEST(parts_are_counted_from_the_start_or_the_end)
{
    vn_panel *p = vn_data_kit_panel("ds,y\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,\n", "");
    int64_t e[3];
    ck_assert_int_eq(vn_split_of(p, (vn_split){ 3, 2, 1 }, 0, e), VN_OK);
    ck_assert(e[0] == 3 && e[1] == 5 && e[2] == 6);
    ck_assert_int_eq(vn_split_of(p, (vn_split){ 0, 1, 2 }, 0, e), VN_OK);
    ck_assert(e[0] == 3 && e[1] == 4 && e[2] == 6);
    ck_assert_int_eq(vn_split_of(p, (vn_split){ 0, 0, 0 }, 0, e), VN_OK);
    ck_assert(e[0] == 6 && e[2] == 6);
    ck_assert_int_eq(vn_split_of(p, (vn_split){ 6, 1, 1 }, 0, e), VN_E_DATA);
    ck_assert_int_eq(vn_split_of(p, (vn_split){ 0, 3, 3 }, 0, e), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "none is left for training"));
    ck_assert_int_eq(vn_split_of(p, (vn_split){ -1, 3, 3 }, 0, e), VN_E_ARGUMENT);
    vn_panel_close(p);
}
END_TEST

START_TEST(local_scales_are_fitted_on_the_training_rows)
{
    static const struct {
        double loc, scale;
    } expected[] = { { 0, 1 }, { 3, 1.4142135623730951 }, { 3, 1 }, { 1, 4 }, { 0, 3 } };
    for (int type = 0; type < 5; type++) {
        vn_panel *p =
            vn_data_kit_panel("ds,A,B\n1,1,7\n2,5,7\n3,3,7\n4,,7\n5,2,7\n6,4,7\n7,100,7\n", "");
        vn_local_scale s;
        ck_assert_int_eq(vn_panel_scale(p, type, (vn_split){ 6, 0, 1 }, &s), VN_OK);
        ck_assert_msg(s.loc[0] == expected[type].loc &&
                          fabs(s.scale[0] - expected[type].scale) < 1e-15,
                      "type %d: %g %g", type, s.loc[0], s.scale[0]);
        ck_assert(p->y[6] == (float)((100 - s.loc[0]) / s.scale[0]));
        ck_assert(p->y[3] == 0.0f && p->mask[3] == 0.0f);
        ck_assert(s.scale[1] == (type == 4 ? 7 : 1)); /* a constant series */
        vn_panel_close(p);
    }
}
END_TEST

/* Values of which f32 keeps every 64th. */
static void check_close(const char *text, const char *settings)
{
    static const double y[] = { 623031970, 623032040.5, 623032043 };
    vn_panel *p = vn_data_kit_panel(text, settings), *joined;
    ck_assert_msg(p->y_rest != NULL, "%s", text);
    for (int t = 0; t < 3; t++) ck_assert_double_eq(vn_panel_y(p, t), y[t]);
    ck_assert(p->y[1] == p->y[2]);
    ck_assert_int_eq(vn_panel_append(p, p, &joined), VN_OK);
    for (int t = 0; t < 6; t++) ck_assert_double_eq(vn_panel_y(joined, t), y[t % 3]);
    vn_panel_close(joined);
    vn_local_scale s;
    ck_assert_int_eq(vn_panel_scale(p, 3, (vn_split){ 0, 0, 0 }, &s), VN_OK); /* minmax */
    ck_assert(!p->y_rest && p->y[0] == 0 && p->y[2] == 1);
    ck_assert_float_eq(p->y[1], (float)(70.5 / 73));
    vn_panel_close(p);
}

START_TEST(values_closer_than_f32_are_kept_exactly)
{
    check_close("ds,y\n1,623031970\n2,623032040.5\n3,623032043\n", "");
    check_close("date,a\n1,623031970\n2,623032040.5\n3,623032043\n", "format=wide");
    check_close("a,623031970,623032040.5,623032043\n", "format=rows");
    vn_panel *p = vn_data_kit_panel("ds,y\n1,0.1\n2,0.2\n3,0.1\n", "");
    ck_assert(!p->y_rest);
    vn_panel_close(p);
    p = vn_data_kit_panel("ds,y\n1,0.1\n2,0.1\n", ""); /* constant: nothing to tell apart */
    ck_assert(!p->y_rest);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_refused_allocation_leaves_nothing_behind)
{
    const char *text =
        "unique_id,ds,y,f,s\nb,3,30,1,1\na,2,16777217,1,2\nb,1,10,1,1\na,1,16777216,1,2\n"
        "a,5,16777216,1,2\n";
    bool done = false;
    for (int n = 1; n < 500 && !done; n++) {
        vn_panel *p = NULL, *joined = NULL;
        vn_fault_arm(VN_FAULT_ALLOC, n);
        vn_status st =
            vn_data_kit_read(text, strlen(text), "futr_exog_list=f;stat_exog_list=s;na=x", &p);
        if (!st) st = vn_panel_append(p, p, &joined);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
        ck_assert((st == VN_OK) == (joined != NULL));
        vn_panel_close(joined);
        vn_panel_close(p);
        done = !st;
        ck_assert_msg(!done || n > 10, "only %d allocations", n);
    }
    ck_assert(done);
}
END_TEST

START_TEST(a_fault_in_any_block_is_told)
{
    const char *text = "unique_id,ds,y,f,s\nb,3,623031970,1,k\nb,4,623032040.5,x,k\nb,5,623032043,1,k\n"
                       "a,1,16777216,y,2\na,2,1,y,2\na,3,16777216,1,2\n";
    char path[VN_DATA_KIT_PATH];
    vn_data_kit_file(text, strlen(text), path);
    vn_data_options o = vn_data_kit_options("cat_exog_list=f;stat_cat_list=s");
    for (int kind = VN_FAULT_ALLOC; kind <= VN_FAULT_READ; kind++)
        for (int lanes = 1; lanes <= 3; lanes += 2) {
            bool done = false;
            for (int n = 1; n < 2000 && !done; n++) {
                vn_panel *p = NULL;
                vn_fault_arm((vn_fault)kind, n);
                vn_status st = vn_panel_read_blocks(path, &o, NULL, 30, lanes, &p);
                vn_fault_arm((vn_fault)kind, 0);
                vn_status told = kind == VN_FAULT_ALLOC ? VN_E_MEMORY : VN_E_IO;
                ck_assert_msg(!st || st == told, "%d: %s", n, st ? vn_last_message() : "");
                ck_assert(!st == !!p);
                vn_panel_close(p);
                done = !st;
                ck_assert_msg(!done || n > 10, "only %d requests", n);
            }
            ck_assert(done);
        }
    unlink(path);
}
END_TEST

Suite *vn_suite_panel(void);

Suite *vn_suite_panel(void)
{
    Suite *s = suite_create("panel");
    TCase *t = tcase_create("panel");
    tcase_add_test(t, long_tables_become_one_series_an_id);
    tcase_add_test(t, integers_are_steps_unless_all_are_compact_dates);
    tcase_add_test(t, rows_in_any_order_are_sorted_within_series_in_order_of_appearance);
    tcase_add_test(t, quotes_marks_and_line_ends_change_nothing);
    tcase_add_test(t, wide_tables_become_one_series_a_column);
    tcase_add_test(t, rows_tables_hold_one_series_a_record);
    tcase_add_test(t, missing_values_are_masked_and_the_series_ends_with_the_last_observed);
    tcase_add_test(t, gaps_become_masked_rows);
    tcase_add_test(t, features_follow_their_rows_and_are_carried_over_gaps);
    tcase_add_test(t, numbers_round_as_the_exact_parser_rounds);
    tcase_add_test(t, actuals_and_future_features_continue_a_panel);
    tcase_add_test(t, a_single_series_without_an_id_takes_future_features);
    tcase_add_test(t, rows_tables_continue_by_position);
    tcase_add_test(t, past_features_are_joined_and_what_does_not_continue_is_refused);
    tcase_add_test(t, arrays_make_the_same_panel);
    tcase_add_test(t, parts_are_counted_from_the_start_or_the_end);
    tcase_add_test(t, local_scales_are_fitted_on_the_training_rows);
    tcase_add_test(t, values_closer_than_f32_are_kept_exactly);
    tcase_add_test(t, a_refused_allocation_leaves_nothing_behind);
    tcase_add_test(t, a_fault_in_any_block_is_told);
    suite_add_tcase(s, t);
    return s;
}

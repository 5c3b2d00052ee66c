/* Stamps, frequencies, steps and seasons. */
#include "host/data/calendar.h"

#include <check.h>
#include <string.h>

static int64_t at(const char *text)
{
    int64_t stamp = 0;
    ck_assert_msg(vn_stamp_parse(text, strlen(text), &stamp) != VN_STAMP_NONE, "%s", text);
    return stamp;
}

START_TEST(days_agree_with_the_gregorian_calendar)
{
    ck_assert_int_eq(vn_days_of(1970, 1, 1), 0);
    ck_assert_int_eq(vn_days_of(2000, 3, 1), 11017);
    ck_assert_int_eq(vn_days_of(1, 1, 1), -719162);
    int64_t day = vn_days_of(1, 1, 1);
    for (int64_t year = 1; year < 2500; year++)
        for (int month = 1; month <= 12; month++)
            for (int d = 1; d <= vn_month_days(year, month); d++, day++) {
                vn_civil c = vn_civil_of(day * 86400 + 86399);
                if (vn_days_of(year, month, d) != day || c.year != year || c.month != month ||
                    c.day != d || c.second != 86399)
                    ck_abort_msg("%d-%d-%d", (int)year, month, d);
            }
    ck_assert_int_eq(vn_weekday_of(at("2024-02-29")), 3);
    ck_assert_int_eq(vn_weekday_of(at("1969-12-28")), 6);
}
END_TEST

START_TEST(stamps_are_read_in_their_usual_forms)
{
    ck_assert_int_eq(at("1970-01-02"), 86400);
    ck_assert_int_eq(at("1970/01/02"), 86400);
    ck_assert_int_eq(at("1970-02"), 31 * 86400);
    ck_assert_int_eq(at("1970-Q2"), 90 * 86400);
    ck_assert_int_eq(at("1970Q2"), 90 * 86400);
    ck_assert_int_eq(at("1970-01-01 01:02"), 3720);
    ck_assert_int_eq(at("1970-01-01T01:02:03"), 3723);
    ck_assert_int_eq(at("1970-01-01T01:02:03.000Z"), 3723);
    ck_assert_int_eq(at("1970-01-01 01:02:03+00:00"), 3723);
    ck_assert_int_eq(at("1969-12-31 23:59:59"), -1);
    ck_assert_int_eq(at("1949"), 1949);
    ck_assert_int_eq(at("-5"), -5);
}
END_TEST

START_TEST(what_is_no_stamp_is_refused)
{
    static const char *const bad[] = { "",
                                       "x",
                                       "2023-02-29",
                                       "2023-13-01",
                                       "2023-00-01",
                                       "2023-01-00",
                                       "2023-01-32",
                                       "2023-1-1",
                                       "2023-01-01 24:00",
                                       "2023-01-01 10:60",
                                       "2023-01-01 10",
                                       "2023-01-01T10:00:00.5",
                                       "2023-01-01 10:00:00+02:00",
                                       "01/02/2023",
                                       "2023-Q5",
                                       "2023-01/02",
                                       "1.5",
                                       "0000-01-01",
                                       "9007199254740993",
                                       "2023-01-01 10:00:00 ",
                                       "2023-01-01x" };
    int64_t stamp;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(vn_stamp_parse(bad[i], strlen(bad[i]), &stamp) == VN_STAMP_NONE, "%s",
                      bad[i]);
}
END_TEST

START_TEST(frequencies_read_back_as_they_are_written)
{
    static const char *const texts[] = { "S",  "30S", "min", "15min", "H",      "6H",
                                         "D",  "2D",  "B",   "W",     "2W",     "M",
                                         "2M", "Q",   "Y",   "10Y",   "step 1", "step 7" };
    char out[VN_STAMP_TEXT];
    vn_freq f;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(vn_freq_parse(texts[i], &f), "%s", texts[i]);
        ck_assert_str_eq(vn_freq_text(f, out), texts[i]);
    }
    static const char *const bad[] = { "", "X", "0D", "-1H", "1.5H", "H1", "hourly", "m", "1 D" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!vn_freq_parse(bad[i], &f), "%s", bad[i]);
    ck_assert(vn_freq_parse("3", &f) && f.unit == VN_FREQ_STEP && f.n == 3);
    ck_assert(vn_freq_parse("ME", &f) && f.month_end);
}
END_TEST

/* k steps of `freq` from `start` is `end`, and back. */
static void check_steps(const char *freq, const char *start, int64_t k, const char *end)
{
    vn_freq f;
    int64_t found, from = at(start);
    char out[VN_STAMP_TEXT];
    ck_assert(vn_freq_parse(freq, &f));
    f.date_only = strlen(end) == 10;
    ck_assert_str_eq(vn_stamp_text(f, vn_stamp_add(f, from, k), out), end);
    ck_assert_msg(vn_stamp_index(f, from, at(end), &found), "%s", end);
    ck_assert_int_eq(found, k);
}

START_TEST(steps_follow_the_calendar)
{
    check_steps("H", "2016-02-28 23:00", 2, "2016-02-29 01:00:00");
    check_steps("15min", "2016-01-01 00:00", -1, "2015-12-31 23:45:00");
    check_steps("W", "2024-02-26", 1, "2024-03-04");
    check_steps("B", "2024-03-01", 1, "2024-03-04");
    check_steps("B", "2024-03-04", -1, "2024-03-01");
    check_steps("B", "2024-03-05", 10, "2024-03-19");
    check_steps("M", "1949-11-01", 3, "1950-02-01");
    check_steps("M", "2024-03-15", -3, "2023-12-15");
    check_steps("M", "2023-01-30", 1, "2023-02-28");
    check_steps("ME", "2023-01-31", 1, "2023-02-28");
    check_steps("ME", "2023-02-28", 1, "2023-03-31");
    check_steps("QE", "2023-12-31", 2, "2024-06-30");
    check_steps("Y", "2024-01-01", 4, "2028-01-01");
    check_steps("Y", "2024-02-29", 1, "2025-02-28");
}
END_TEST

START_TEST(stamps_off_the_grid_give_the_step_before)
{
    vn_freq f;
    int64_t k;
    ck_assert(vn_freq_parse("H", &f));
    ck_assert(!vn_stamp_index(f, 0, 5400, &k));
    ck_assert_int_eq(k, 1);
    ck_assert(!vn_stamp_index(f, 0, -1, &k));
    ck_assert_int_eq(k, -1);
    ck_assert(vn_freq_parse("B", &f));
    ck_assert(!vn_stamp_index(f, at("2024-03-01"), at("2024-03-02"), &k));
    ck_assert_int_eq(k, 0);
    ck_assert(vn_freq_parse("M", &f));
    ck_assert(!vn_stamp_index(f, at("2024-03-15"), at("2024-04-14"), &k));
    ck_assert_int_eq(k, 0);
    ck_assert(!vn_stamp_index(f, at("2024-03-15"), at("2024-04-16"), &k));
    ck_assert_int_eq(k, 1);
}
END_TEST

static int64_t season(const char *freq)
{
    vn_freq f;
    ck_assert(vn_freq_parse(freq, &f));
    return vn_season_of(f);
}

START_TEST(seasons_follow_from_the_frequency)
{
    ck_assert_int_eq(season("15min"), 96);
    ck_assert_int_eq(season("H"), 24);
    ck_assert_int_eq(season("7H"), 1);
    ck_assert_int_eq(season("D"), 7);
    ck_assert_int_eq(season("B"), 5);
    ck_assert_int_eq(season("W"), 52);
    ck_assert_int_eq(season("M"), 12);
    ck_assert_int_eq(season("Q"), 4);
    ck_assert_int_eq(season("Y"), 1);
    ck_assert_int_eq(season("2"), 1);
}
END_TEST

/* The frequency inferred from up to 8 stamps of one series. */
static const char *inferred(const char *const *stamps, vn_stamp_kind kind)
{
    static char out[VN_STAMP_TEXT];
    int64_t ends[2] = { 0, 0 };
    vn_row_run v[8];
    vn_freq f;
    bool found;
    for (; stamps[ends[1]]; ends[1]++) v[ends[1]] = (vn_row_run){ .stamp = at(stamps[ends[1]]), .n = 1 };
    ck_assert_int_eq(vn_freq_infer(v, ends, 1, kind, &f, &found), VN_OK);
    if (!found) return "none";
    vn_freq_text(f, out);
    return f.month_end ? strcat(out, " end") : out;
}

#define INFER(kind, ...) inferred((const char *const[]){ __VA_ARGS__, NULL }, kind)

START_TEST(the_most_common_difference_is_the_frequency)
{
    ck_assert_str_eq(INFER(VN_STAMP_TIME, "2024-01-01 00:00", "2024-01-01 01:00",
                           "2024-01-01 02:00", "2024-01-01 05:00"),
                     "H");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2024-03-01", "2024-03-02", "2024-03-05"), "D");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2024-02-29", "2024-03-01", "2024-03-04", "2024-03-05"),
                     "B");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2024-03-04", "2024-03-05", "2024-03-06"), "D");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2024-03-03", "2024-03-10", "2024-03-17"), "W");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-01-01", "2023-02-01", "2023-03-01"), "M");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-01-31", "2023-02-28", "2023-03-31"), "M end");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-02-01", "2023-03-01"), "M");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-03-31", "2023-06-30", "2023-09-30"), "Q end");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-07-01", "2024-07-01", "2025-07-01"), "Y");
    ck_assert_str_eq(INFER(VN_STAMP_STEP, "1949", "1950", "1951"), "step 1");
    ck_assert_str_eq(INFER(VN_STAMP_STEP, "10", "20", "30", "50"), "step 10");
    ck_assert_str_eq(INFER(VN_STAMP_DATE, "2023-07-01"), "none");
}
END_TEST

Suite *vn_suite_calendar(void);

Suite *vn_suite_calendar(void)
{
    Suite *s = suite_create("calendar");
    TCase *t = tcase_create("calendar");
    tcase_add_test(t, days_agree_with_the_gregorian_calendar);
    tcase_add_test(t, stamps_are_read_in_their_usual_forms);
    tcase_add_test(t, what_is_no_stamp_is_refused);
    tcase_add_test(t, frequencies_read_back_as_they_are_written);
    tcase_add_test(t, steps_follow_the_calendar);
    tcase_add_test(t, stamps_off_the_grid_give_the_step_before);
    tcase_add_test(t, seasons_follow_from_the_frequency);
    tcase_add_test(t, the_most_common_difference_is_the_frequency);
    suite_add_tcase(s, t);
    return s;
}

/* Which windows a part has, and that draws are uniform and a function of (seed, step, slot). */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/data/kit.h"

/* Series "a", "b", ... of these lengths. */
static vn_panel *panel_of(int n_series, const int64_t *length)
{
    static const float y[256];
    static const char *const ids[] = { "a", "b", "c", "d" };
    int64_t indptr[5] = { 0 };
    float values[256];
    vn_panel *p;
    memcpy(values, y, sizeof y);
    for (int i = 0; i < n_series; i++) indptr[i + 1] = indptr[i] + length[i];
    vn_freq freq = { .unit = VN_FREQ_STEP, .n = 1 };
    ck_assert_int_eq(vn_panel_from_arrays(n_series, ids, indptr, values, NULL, NULL, freq, 1, &p),
                     VN_OK);
    return p;
}

/* All windows as "a4 a5 b1". */
static const char *listed(const vn_windows *w)
{
    static char out[1024];
    int at = 0;
    out[0] = 0;
    for (int64_t k = 0; k < w->n; k++) {
        int32_t pair[2];
        vn_windows_at(w, k, pair);
        at += snprintf(out + at, sizeof out - (size_t)at, "%s%s%d", k ? " " : "",
                       w->panel->id[pair[0]], (int)pair[1]);
    }
    return out;
}

enum { AUTO, ALWAYS, NEVER };

/* L = 3, H = 2 unless the case says otherwise; one series of 8 rows and one of 4. */
static const struct {
    vn_windows_config c;
    const char *expected;
} cases[] = {
    { { .start_padding = AUTO }, "a3 a4 a5 a6 b2" },
    { { .start_padding = NEVER }, "a3 a4 a5 a6" },
    { { .start_padding = ALWAYS }, "a1 a2 a3 a4 a5 a6 b1 b2" },
    { { .start_padding = AUTO, .partial_targets = true }, "a3 a4 a5 a6 a7 b2 b3" },
    { { .start_padding = NEVER, .last_cutoffs = 1 }, "a6" },
    { { .start_padding = AUTO, .last_cutoffs = 2 }, "a4 a5 a6 b2" },
    { { .start_padding = ALWAYS, .last_cutoffs = 3 }, "a2 a3 a4 a5 a6 b1 b2" },
    { { .start_padding = ALWAYS, .step_size = 2 }, "a1 a3 a5 b1" },
    { { .start_padding = AUTO, .split = { 0, 0, 2 }, .part = 2 }, "a6 b2" },
    { { .start_padding = AUTO, .split = { 0, 0, 2 }, .part = 0 }, "a3 a4" },
    { { .start_padding = NEVER, .split = { 0, 0, 3 }, .part = 2 }, "a5 a6" },
    { { .start_padding = AUTO, .h = 7 }, "a1" },
};

START_TEST(cuts_are_those_of_the_definition)
{
    vn_panel *p = panel_of(2, (const int64_t[]){ 8, 4 });
    vn_windows_config c = cases[_i].c;
    vn_windows w;
    c.n_in = 3;
    if (!c.h) c.h = 2;
    if (!c.step_size) c.step_size = 1;
    ck_assert_msg(!vn_windows_open(p, &c, &w), "%s", vn_last_message());
    ck_assert_str_eq(listed(&w), cases[_i].expected);
    vn_windows_close(&w);
    vn_panel_close(p);
}
END_TEST

START_TEST(published_long_horizon_counts)
{
    static const char *const ids[] = { "x" };
    static float y[14400];
    const int64_t indptr[] = { 0, 14400 };
    vn_freq freq = { .unit = VN_FREQ_STEP, .n = 1 };
    vn_panel *p;
    ck_assert_int_eq(vn_panel_from_arrays(1, ids, indptr, y, NULL, NULL, freq, 24, &p), VN_OK);
    vn_windows_config c = { .n_in = 336,
                            .h = 96,
                            .step_size = 1,
                            .start_padding = NEVER,
                            .split = { 8640, 2880, 2880 },
                            .part = 2 };
    vn_windows w;
    int32_t pair[2];
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_OK);
    ck_assert_int_eq(w.n, 2785);
    vn_windows_at(&w, 0, pair);
    ck_assert_int_eq(pair[1], 11520);
    vn_windows_at(&w, 2784, pair);
    ck_assert_int_eq(pair[1], 14304);
    vn_windows_close(&w);
    c.part = 0;
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_OK);
    ck_assert_int_eq(w.n, 8640 - 96 - 336 + 1);
    vn_windows_close(&w);
    vn_panel_close(p);
}
END_TEST

START_TEST(draws_are_uniform_over_windows_or_over_series)
{
    vn_panel *p = panel_of(2, (const int64_t[]){ 12, 4 });
    for (int by_series = 0; by_series < 2; by_series++) {
        vn_windows_config c = { .n_in = 3, .h = 2, .step_size = 1, .by_series = by_series };
        vn_windows w;
        ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_OK);
        ck_assert_int_eq(w.n, 9); /* a3 ... a10, b2 */
        int count[2][16] = { { 0 } }, draws = 0;
        for (int step = 0; step < 180; step++)
            for (int slot = 0; slot < 100; slot++, draws++) {
                int32_t pair[2];
                vn_windows_draw(&w, 1, step, slot, pair);
                ck_assert(pair[0] == 0 ? pair[1] >= 3 && pair[1] <= 10 : pair[1] == 2);
                count[pair[0]][pair[1]]++;
            }
        int each = by_series ? draws / 16 : draws / 9, b = by_series ? draws / 2 : draws / 9;
        for (int cut = 3; cut <= 10; cut++) ck_assert_int_lt(abs(count[0][cut] - each), 5 * 45);
        ck_assert_int_lt(abs(count[1][2] - b), 5 * 67);
        vn_windows_close(&w);
    }
    vn_panel_close(p);
}
END_TEST

START_TEST(draws_depend_on_seed_step_and_slot_alone)
{
    vn_panel *p = panel_of(2, (const int64_t[]){ 200, 50 });
    vn_windows_config c = { .n_in = 3, .h = 2, .step_size = 1 };
    vn_windows w;
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_OK);
    int same[3] = { 0 };
    for (int i = 0; i < 1000; i++) {
        int32_t a[2], b[2];
        vn_windows_draw(&w, 1, i, 3, a);
        vn_windows_draw(&w, 1, i, 3, b);
        ck_assert(a[0] == b[0] && a[1] == b[1]);
        vn_windows_draw(&w, 2, i, 3, b);
        same[0] += a[0] == b[0] && a[1] == b[1];
        vn_windows_draw(&w, 1, i + 1, 3, b);
        same[1] += a[0] == b[0] && a[1] == b[1];
        vn_windows_draw(&w, 1, i, 4, b);
        same[2] += a[0] == b[0] && a[1] == b[1];
    }
    for (int i = 0; i < 3; i++) ck_assert_int_lt(same[i], 25); /* 4 expected of 241 windows */
    vn_windows_close(&w);
    vn_panel_close(p);
}
END_TEST

START_TEST(series_too_short_are_named)
{
    vn_panel *p = panel_of(2, (const int64_t[]){ 8, 4 });
    vn_windows_config c = { .n_in = 24, .h = 12, .step_size = 1, .start_padding = NEVER };
    vn_windows w;
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "the longest, 'a', has 8 rows"));
    c.start_padding = AUTO;
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_E_DATA);
    c.h = 0;
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_E_ARGUMENT);
    c = (vn_windows_config){ .n_in = 2, .h = 1, .step_size = 1, .split = { 6, 1, 1 } };
    ck_assert_int_eq(vn_windows_open(p, &c, &w), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "series 'b' has 4 rows, too few"));
    vn_panel_close(p);
}
END_TEST

Suite *vn_suite_windows(void);

Suite *vn_suite_windows(void)
{
    Suite *s = suite_create("windows");
    TCase *t = tcase_create("windows");
    tcase_add_loop_test(t, cuts_are_those_of_the_definition, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(t, published_long_horizon_counts);
    tcase_add_test(t, draws_are_uniform_over_windows_or_over_series);
    tcase_add_test(t, draws_depend_on_seed_step_and_slot_alone);
    tcase_add_test(t, series_too_short_are_named);
    suite_add_tcase(s, t);
    return s;
}

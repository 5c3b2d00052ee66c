/* Decimals of tables against strtod in the C locale. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "base/text.h"
#include "host/data/table.h"

/* As many as VANE_TEST_DECIMALS says; 10^8 take a minute. */
static int64_t how_many(void)
{
    const char *n = getenv("VANE_TEST_DECIMALS");
    return n ? strtoll(n, NULL, 10) : 300000;
}

/* A decimal as tables hold them: a sign or none, 1 to 20 digits, a point somewhere or none; one in
 * eight with an exponent. */
static size_t random_decimal(uint64_t seed, uint64_t k, char out[48])
{
    vn_philox a = vn_random4(seed, 0, k), b = vn_random4(seed, 1, k);
    uint64_t digits = (uint64_t)a.v[0] << 32 | a.v[1];
    int n = 1 + (int)(a.v[2] % 20), point = (int)(a.v[3] % 24);
    size_t at = 0;
    if (b.v[0] & 1) out[at++] = '-';
    for (int i = 0; i < n; i++) {
        if (i == 16) digits = (uint64_t)b.v[2] << 32 | b.v[3];
        if (i == point && i) out[at++] = '.';
        out[at++] = (char)('0' + digits % 10);
        digits /= 10;
    }
    if (b.v[0] >> 29 == 0) at += (size_t)sprintf(out + at, "e%d", (int)(b.v[1] % 90) - 45);
    out[at] = 0;
    return at;
}

START_TEST(decimals_round_as_strtod_rounds)
{
    ck_assert_str_eq(setlocale(LC_NUMERIC, NULL), "C");
    vn_table t = { .name = "f" };
    vn_csv csv = { .name = "f" };
    for (int64_t k = 0, n = how_many(); k < n; k++) {
        char s[48];
        vn_csv_cell cell = { .s = s, .n = random_decimal(20261122, (uint64_t)k, s) };
        double expected = strtod(s, NULL), exact, x;
        float y;
        ck_assert_msg(vn_parse_f64(s, cell.n, &exact, NULL), "%s", s);
        if (exact != expected) ck_abort_msg("%s: %a, strtod %a", s, exact, expected);
        if (fabs(expected) >= 0x1.ffffffp127) continue;
        csv.text = csv.record = csv.at = s;
        csv.end = s + cell.n;
        ck_assert_msg(!vn_table_number(&t, &csv, &cell, "y", &y, &x), "%s: %s", s,
                      vn_last_message());
        if (y != (float)expected)
            ck_abort_msg("%s: %a, expected %a", s, (double)y, (double)(float)expected);
        if (fabs(x - expected) > fabs(expected) * 0x1p-51)
            ck_abort_msg("%s: %a, strtod %a", s, x, expected);
    }
}
END_TEST

Suite *vn_suite_numbers(void);

Suite *vn_suite_numbers(void)
{
    Suite *s = suite_create("numbers");
    TCase *t = tcase_create("numbers");
    tcase_set_timeout(t, 1200);
    tcase_add_test(t, decimals_round_as_strtod_rounds);
    suite_add_tcase(s, t);
    return s;
}

/* Numbers against the C library, in the C locale and in one that writes commas. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "base/text.h"

START_TEST(words_and_names_compare_in_their_own_ways)
{
    ck_assert(vn_same_word("NaNs", 3, "nan") && vn_same_word("nan", 3, "nan"));
    ck_assert(!vn_same_word("NaN", 2, "nan") && !vn_same_word("nans", 4, "nan"));
    ck_assert(!vn_same_word("N\x01N", 3, "n!n"));
    ck_assert(vn_same_name("max-steps", "max_steps") && !vn_same_name("max", "max_"));
}
END_TEST

static bool parse(const char *s, double *x, size_t *at)
{
    return vn_parse_f64(s, strlen(s), x, at);
}

/* A random decimal of up to 24 digits, with or without point and exponent. */
static void random_decimal(uint64_t i, char *out)
{
    uint32_t words[24];
    for (uint64_t k = 0; k < 6; k++) {
        vn_philox r = vn_random4(7, k, i);
        memcpy(words + 4 * k, r.v, sizeof r.v);
    }
    int digits = 1 + (int)(words[0] % 22), point = (int)(words[1] % 24);
    if (words[2] % 2) *out++ = '-';
    for (int d = 0; d < digits; d++) {
        if (d == point) *out++ = '.';
        *out++ = (char)('0' + words[2 + d % 22] % 10);
    }
    if (words[3] % 2)
        sprintf(out, "e%d", (int)(words[4] % 680) - 345);
    else
        *out = 0;
}

START_TEST(parsing_agrees_with_strtod_on_100000_decimals)
{
    char s[64];
    for (uint64_t i = 0; i < 100000; i++) {
        double x = 0;
        random_decimal(i, s);
        double expected = strtod(s, NULL);
        ck_assert_msg(parse(s, &x, NULL) == !isinf(expected), "%s", s);
        if (!isinf(expected)) ck_assert_msg(!memcmp(&x, &expected, sizeof x), "%s: %a", s, x);
    }
}
END_TEST

START_TEST(parsing_rounds_correctly_however_many_digits_follow)
{
    char s[2000];
    double x;
    snprintf(s, sizeof s, "9007199254740993"); /* halfway: to even, below */
    ck_assert(parse(s, &x, NULL) && x == 9007199254740992.0);
    memset(s + 16, '0', 1500);
    memcpy(s + 16, ".", 1);
    memcpy(s + 1516, "1", 2); /* a hair above halfway: up */
    ck_assert(parse(s, &x, NULL) && x == 9007199254740994.0);
    memset(s, '0', 1000);
    memcpy(s + 1000, "12.5", 5);
    ck_assert(parse(s, &x, NULL) && x == 12.5);
}
END_TEST

START_TEST(a_number_with_anything_strange_is_refused_at_that_byte)
{
    static const struct {
        const char *s;
        size_t at;
    } bad[] = { { "", 0 },      { ".", 0 },     { "-", 1 },     { "1e", 2 },
                { "1e+", 3 },   { " 1", 0 },    { "1 ", 1 },    { "1,5", 1 },
                { "0x10", 1 },  { "1.2.3", 3 }, { "--1", 1 },   { "1e5x", 3 },
                { "1e999", 0 }, { "nanny", 0 }, { "12abc", 2 }, { "1_000", 1 } };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double x = 77;
        size_t at = 99;
        ck_assert_msg(!parse(bad[i].s, &x, &at), "\"%s\"", bad[i].s);
        ck_assert_msg(at == bad[i].at, "\"%s\" at %zu", bad[i].s, at);
        ck_assert(x == 77);
    }
    double x;
    ck_assert(parse("NaN", &x, NULL) && isnan(x));
    ck_assert(parse("-inf", &x, NULL) && x == -INFINITY);
    ck_assert(parse("+Infinity", &x, NULL) && x == INFINITY);
    ck_assert(parse("-0", &x, NULL) && x == 0 && signbit(x));
    ck_assert(vn_parse_f64("1.5garbage", 3, &x, NULL) && x == 1.5);
}
END_TEST

START_TEST(integers_are_exact_to_both_ends_of_64_bits)
{
    int64_t x;
    size_t at = 9;
    ck_assert(vn_parse_i64("-9223372036854775808", 20, &x, NULL) && x == INT64_MIN);
    ck_assert(vn_parse_i64("+9223372036854775807", 20, &x, NULL) && x == INT64_MAX);
    ck_assert(vn_parse_i64("-0", 2, &x, NULL) && x == 0);
    ck_assert(!vn_parse_i64("9223372036854775808", 19, &x, &at) && at == 18);
    ck_assert(!vn_parse_i64("-9223372036854775809", 20, &x, &at) && at == 19);
    ck_assert(!vn_parse_i64("99999999999999999999", 20, &x, &at) && at == 18);
    ck_assert(!vn_parse_i64("12.", 3, &x, &at) && at == 2);
    ck_assert(!vn_parse_i64("", 0, &x, &at) && at == 0);
    ck_assert(!vn_parse_i64("-", 1, &x, &at) && at == 1);
}
END_TEST

START_TEST(formatting_is_short_and_reads_back_exactly)
{
    static const struct {
        double x;
        const char *s;
    } known[] = { { 0.1, "0.1" },
                  { 1e-8, "1e-08" },
                  { 0.0001, "0.0001" },
                  { 1e16, "1e+16" },
                  { -2.5, "-2.5" },
                  { 100, "100" },
                  { 0, "0" },
                  { -0.0, "-0" },
                  { 5e-324, "5e-324" },
                  { 0.1 + 0.2, "0.30000000000000004" },
                  { 1.7976931348623157e308, "1.7976931348623157e+308" },
                  { -INFINITY, "-inf" } };
    char s[VN_NUMBER_MAX];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_str_eq(vn_format_f64(known[i].x, s), known[i].s);
    ck_assert_str_eq(vn_format_f64(NAN, s), "nan");
    ck_assert_str_eq(vn_format_f32(0.1f, s), "0.1");
    ck_assert_str_eq(vn_format_f32(1e-45f, s), "1e-45");
    for (uint64_t i = 0; i < 50000; i++) {
        vn_philox r = vn_random4(1, 1, i);
        double x, y;
        float f;
        memcpy(&x, r.v, sizeof x);
        memcpy(&f, r.v + 2, sizeof f);
        if (isfinite(x)) ck_assert(parse(vn_format_f64(x, s), &y, NULL) && y == x);
        if (isfinite(f)) ck_assert(parse(vn_format_f32(f, s), &y, NULL) && (float)y == f);
    }
}
END_TEST

START_TEST(a_locale_that_writes_commas_changes_nothing)
{
    static const char *const names[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8" };
    size_t i = 0, n = sizeof names / sizeof *names;
    while (i < n && !setlocale(LC_ALL, names[i])) i++;
    if (i == n) {
        printf("skipped: a_locale_that_writes_commas_changes_nothing (no such locale here)\n");
        return;
    }
    char s[VN_NUMBER_MAX], plain[VN_NUMBER_MAX];
    double x;
    snprintf(s, sizeof s, "%.1f", 0.5);
    ck_assert_str_eq(s, "0,5");
    ck_assert_str_eq(vn_format_f64(1234.5678, plain), "1234.5678");
    ck_assert_str_eq(vn_format_f32(0.1f, plain), "0.1");
    ck_assert(parse("1234.567890123456789", &x, NULL) && x == 1234.567890123456789);
    ck_assert(!parse("0,5", &x, NULL));
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(json_texts_are_escaped_and_stay_utf8)
{
    vn_text t = { 0 };
    vn_text_json(&t, "a\"b\\c\n\t\x01 \xC3\xA4 \xFF");
    vn_text_put(&t, " ", 1);
    vn_text_json_f64(&t, 0.25);
    vn_text_json_f64(&t, NAN);
    ck_assert_str_eq(t.s, "\"a\\\"b\\\\c\\n\\t\\u0001 \xC3\xA4 \xEF\xBF\xBD\" 0.25null");
    vn_text_close(&t);
}
END_TEST

START_TEST(a_text_that_finds_no_memory_stays_failed)
{
    vn_text t = { 0 };
    vn_text_printf(&t, "%s", "kept");
    vn_fault_arm(VN_FAULT_ALLOC, 1);
    for (int i = 0; i < 100; i++) vn_text_printf(&t, "%d ", i);
    ck_assert(t.failed);
    ck_assert_ptr_nonnull(strstr(t.s, "kept"));
    vn_text_close(&t);
    ck_assert(!t.failed && !t.s);
}
END_TEST

START_TEST(utf8_is_checked_strictly)
{
    static const char *const bad[] = {
        "\x80",         "\xC0\x80",         "\xC1\xBF",         "\xE0\x80\x80",
        "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
        "\xE2\x82"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(vn_utf8_size(bad[i], strlen(bad[i])) == 0, "case %zu", i);
    char out[4], shown[VN_SHOWN_MAX];
    for (uint32_t code = 0; code < 0x110000; code += 37) {
        size_t n = vn_utf8_put(code, out);
        ck_assert_uint_eq(n ? vn_utf8_size(out, n) : 0, n);
        ck_assert_int_eq(n == 0, code >= 0xD800 && code < 0xE000);
    }
    ck_assert_uint_eq(vn_utf8_put(0x110000, out), 0);
    ck_assert_str_eq(vn_show_char("\xC3\xA4x", 3, shown), "'\xC3\xA4'");
    ck_assert_str_eq(vn_show_char("\x07", 1, shown), "byte 0x07");
    ck_assert_str_eq(vn_show_char("", 0, shown), "the end");
}
END_TEST

static const char *command(int i, const void *ctx)
{
    static const char *const names[] = { "train", "forecast", "evaluate", "max_steps", NULL };
    (void)ctx;
    return names[i];
}

START_TEST(a_misspelt_word_finds_its_neighbour_and_nonsense_none)
{
    ck_assert_str_eq(vn_nearest("tarin", command, NULL), "train");
    ck_assert_str_eq(vn_nearest("forcast", command, NULL), "forecast");
    ck_assert_str_eq(vn_nearest("MAX-STEP", command, NULL), "max_steps");
    ck_assert_ptr_null(vn_nearest("xyz", command, NULL));
    ck_assert_ptr_null(vn_nearest("", command, NULL));
}
END_TEST

Suite *vn_suite_text(void);

Suite *vn_suite_text(void)
{
    Suite *suite = suite_create("text");
    TCase *tests = tcase_create("text");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, words_and_names_compare_in_their_own_ways);
    tcase_add_test(tests, parsing_agrees_with_strtod_on_100000_decimals);
    tcase_add_test(tests, parsing_rounds_correctly_however_many_digits_follow);
    tcase_add_test(tests, a_number_with_anything_strange_is_refused_at_that_byte);
    tcase_add_test(tests, integers_are_exact_to_both_ends_of_64_bits);
    tcase_add_test(tests, formatting_is_short_and_reads_back_exactly);
    tcase_add_test(tests, a_locale_that_writes_commas_changes_nothing);
    tcase_add_test(tests, json_texts_are_escaped_and_stay_utf8);
    tcase_add_test(tests, a_text_that_finds_no_memory_stays_failed);
    tcase_add_test(tests, utf8_is_checked_strictly);
    tcase_add_test(tests, a_misspelt_word_finds_its_neighbour_and_nonsense_none);
    suite_add_tcase(suite, tests);
    return suite;
}

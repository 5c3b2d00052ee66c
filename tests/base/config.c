/* Config files: what is accepted, and where each error points. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/options.h"

static vn_status collect(void *ctx, const char *section, const char *key, const char *value,
                         const char *where)
{
    if (!strcmp(key, "refused")) return VN_FAIL(VN_E_ARGUMENT, "%s: refused: no", where);
    vn_text_printf(ctx, "%d %s.%s=%s\n", atoi(strchr(where, ':') + 1), section, key, value);
    return VN_OK;
}

static vn_status read_config(const char *text, vn_text *got)
{
    return vn_config_parse("c.toml", text, strlen(text), collect, got);
}

START_TEST(everything_of_the_subset_is_read)
{
    vn_text got = { 0 };
    ck_assert_int_eq(read_config("\xEF\xBB\xBF# comment \xC3\xA4\r\n"
                                 "\r\n"
                                 "a = 1\r\n"
                                 "  b-c\t=\t-1_000 # more\n"
                                 "f = 1.5e-3\n"
                                 "[ train ]\n"
                                 "a = true\n"
                                 "s = \"x \\\"y\\\" \\\\ \\t \\u00e4 \\U0001F600\"\n"
                                 "l = 'C:\\x'\n"
                                 "e = \"\"\n"
                                 "n = [ 2,2 , 1, ]\n"
                                 "w = [\"trend\", 'generic']\n"
                                 "z = []",
                                 &got),
                     VN_OK);
    ck_assert_str_eq(got.s, "3 .a=1\n4 .b-c=-1000\n5 .f=1.5e-3\n7 train.a=true\n"
                            "8 train.s=x \"y\" \\ \t \xC3\xA4 \xF0\x9F\x98\x80\n9 train.l=C:\\x\n"
                            "10 train.e=\n11 train.n=[2, 2, 1]\n12 train.w=[trend, generic]\n"
                            "13 train.z=[]\n");
    vn_text_close(&got);
    ck_assert_int_eq(read_config("", &got), VN_OK);
}
END_TEST

START_TEST(errors_name_file_line_and_column)
{
    static const char *const bad[][2] = {
        { "a = 1\nb 2\n", "c.toml:2:3: expected '=', found '2'" },
        { "a =\n", "c.toml:1:4: expected a value, found the end of the line" },
        { "a = 1 2\n", "c.toml:1:7: expected the end of the line, found '2'" },
        { "a = hello\n",
          "c.toml:1:5: expected a number, true, false or a text in quotes, found \"hello\"" },
        { "a = 012\n",
          "c.toml:1:5: expected a number, true, false or a text in quotes, found \"012\"" },
        { "a = .5\n",
          "c.toml:1:5: expected a number, true, false or a text in quotes, found \".5\"" },
        { "a = nan\n",
          "c.toml:1:5: expected a number, true, false or a text in quotes, found \"nan\"" },
        { "a = 1__0\n",
          "c.toml:1:5: expected a number, true, false or a text in quotes, found \"1__0\"" },
        { "a = \"open\n", "c.toml:1:5: the string has no closing \"" },
        { "a = \"\\q\"\n", "c.toml:1:6: unknown escape; in 'single quotes' \\ is plain" },
        { "a = \"\\u0000\"\n", "c.toml:1:6: \\u needs 4 hex digits of a character" },
        { "a = \"\"\"x\"\"\"\n", "c.toml:1:5: strings over several lines are not supported" },
        { "a = [1,\n2]\n", "c.toml:1:5: the list has no ] on its line" },
        { "a = [1 2]\n", "c.toml:1:8: expected ',' or ']', found '2'" },
        { "a = [[1]]\n", "c.toml:1:6: lists of lists are not supported" },
        { "a = [,]\n", "c.toml:1:6: expected a value, found ','" },
        { "a = ['x y']\n",
          "c.toml:1:6: a text in a list may not be empty or hold blanks, commas or brackets" },
        { "a = {}\n", "c.toml:1:5: inline tables are not supported" },
        { "a.b = 1\n", "c.toml:1:2: dotted keys are not supported; use a [section]" },
        { "\"a\" = 1\n", "c.toml:1:1: quoted keys are not supported" },
        { "max-a = 1\n max_a = 2\n", "c.toml:2:2: key \"max_a\" is already set in line 1" },
        { "[s]\n[t]\n[s]\n", "c.toml:3:1: section \"s\" is already opened in line 1" },
        { "[s\n", "c.toml:1:3: expected ']', found the end of the line" },
        { "[[s]]\n", "c.toml:1:1: lists of tables are not supported" },
        { "a = \"\xFF\"\n", "c.toml:1:6: byte 0xff is not UTF-8" },
        { "# \x01\n", "c.toml:1:3: control character 0x01" },
        { "a = 1\rb = 2\n", "c.toml:1:6: expected the end of the line, found byte 0x0d" },
        { "a = 1\n\n  refused = 2\n", "c.toml:3:13: refused: no" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vn_text got = { 0 };
        ck_assert_msg(read_config(bad[i][0], &got) == VN_E_ARGUMENT, "%s", bad[i][0]);
        ck_assert_str_eq(vn_last_message(), bad[i][1]);
        vn_text_close(&got);
    }
}
END_TEST

START_TEST(a_zero_byte_is_an_error_wherever_it_stands)
{
    static const char text[] = "a = [\"xy\"] # c\n";
    for (size_t i = 0; i < sizeof text - 1; i++) {
        char s[sizeof text];
        vn_text got = { 0 };
        memcpy(s, text, sizeof s);
        s[i] = 0;
        ck_assert_msg(vn_config_parse("c", s, sizeof s - 1, collect, &got) != VN_OK, "at %zu", i);
        vn_text_close(&got);
    }
}
END_TEST

START_TEST(every_failing_allocation_is_reported)
{
    int n = 0;
    vn_status st = VN_E_MEMORY;
    while (st) {
        vn_text got = { 0 };
        vn_fault_arm(VN_FAULT_ALLOC, ++n);
        st = read_config("a = 1\n[s]\nb = \"text\"\nc = [1, 2]\n", &got);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        if (!st && got.failed) st = VN_E_MEMORY; /* our own collection */
        ck_assert(st == VN_OK || st == VN_E_MEMORY);
        vn_text_close(&got);
    }
    ck_assert_int_ge(n, 3);
}
END_TEST

Suite *vn_suite_config(void);

Suite *vn_suite_config(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    tcase_add_test(tests, everything_of_the_subset_is_read);
    tcase_add_test(tests, errors_name_file_line_and_column);
    tcase_add_test(tests, a_zero_byte_is_an_error_wherever_it_stands);
    tcase_add_test(tests, every_failing_allocation_is_reported);
    suite_add_tcase(suite, tests);
    return suite;
}

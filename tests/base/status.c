/* Status codes, messages and trails. */
#include <check.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"

START_TEST(a_message_may_quote_the_message_before_it)
{
    VN_FAIL(VN_E_DATA, "inner %d", 7);
    ck_assert_int_eq(VN_FAIL(VN_E_IO, "outer: %s", vn_last_message()), VN_E_IO);
    ck_assert_str_eq(vn_last_message(), "outer: inner 7");
    ck_assert_int_eq(vn_last_status(), VN_E_IO);
    vn_fail_in(VN_E_IO, "file %s", "x");
    ck_assert_str_eq(vn_last_message(), "file x: outer: inner 7");
}
END_TEST

START_TEST(a_message_that_is_too_long_shows_its_cut_between_characters)
{
    char text[3000];
    for (size_t i = 0; i + 2 < sizeof text; i += 2) memcpy(text + i, "\xC3\xA4", 2);
    text[sizeof text - 2] = 0;
    for (int shift = 0; shift < 2; shift++) {
        VN_FAIL(VN_E_DATA, "%s%s", shift ? "x" : "", text);
        const char *m = vn_last_message();
        size_t n = strlen(m);
        ck_assert_uint_ge(n, 1020);
        ck_assert_str_eq(m + n - 3, "...");
        ck_assert_int_eq((unsigned char)m[n - 4], 0xA4);
    }
}
END_TEST

static vn_status innermost(void)
{
    return VN_FAIL(VN_E_SHAPE, "no");
}

static vn_status middle(void)
{
    VN_TRY(innermost());
    return VN_OK;
}

START_TEST(the_trail_lists_frames_innermost_first_and_stays_bounded)
{
    ck_assert_int_eq(middle(), VN_E_SHAPE);
    const char *first = strstr(vn_last_trail(), "tests/base/status.c:");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(strstr(first + 1, "tests/base/status.c:"));
    ck_assert_int_ne(vn_last_trail()[2], '/');
    for (int i = 0; i < 100; i++) vn_trail(VN_E_SHAPE, "deep.c", i);
    const char *trail = vn_last_trail();
    ck_assert_str_eq(trail + strlen(trail) - 5, "  ...");
}
END_TEST

START_TEST(every_code_has_its_word)
{
    ck_assert_str_eq(vn_status_word(VN_OK), "ok");
    ck_assert_str_eq(vn_status_word(VN_E_MEMORY), "memory");
    ck_assert_str_eq(vn_status_word(VN_E_MODEL), "model");
    ck_assert_str_eq(vn_status_word((vn_status)999), "unknown");
}
END_TEST

static void keep(void *ctx, vn_log_level level, const char *text)
{
    char *out = ctx;
    out[0] = (char)('0' + (int)level);
    strncpy(out + 1, text, 60);
}

START_TEST(a_log_without_a_listener_is_silent_and_one_with_gets_the_text)
{
    char got[64] = "";
    vn_log silent = { NULL, got }, heard = { keep, got };
    vn_log_printf(NULL, VN_LOG_INFO, "a %d", 1);
    vn_log_printf(&silent, VN_LOG_INFO, "b %d", 1);
    ck_assert_str_eq(got, "");
    vn_log_printf(&heard, VN_LOG_WARN, "c %d", 1);
    ck_assert_str_eq(got, "2c 1");
}
END_TEST

Suite *vn_suite_status(void);

Suite *vn_suite_status(void)
{
    Suite *suite = suite_create("status");
    TCase *tests = tcase_create("status");
    tcase_add_test(tests, a_message_may_quote_the_message_before_it);
    tcase_add_test(tests, a_message_that_is_too_long_shows_its_cut_between_characters);
    tcase_add_test(tests, the_trail_lists_frames_innermost_first_and_stays_bounded);
    tcase_add_test(tests, every_code_has_its_word);
    tcase_add_test(tests, a_log_without_a_listener_is_silent_and_one_with_gets_the_text);
    suite_add_tcase(suite, tests);
    return suite;
}

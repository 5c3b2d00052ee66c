/* JSON from strangers: exact values, exact errors, and no input that hurts. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "base/philox.h"
#include "base/text.h"

START_TEST(a_header_is_read_exactly)
{
    static const char text[] = "{\"a\": {\"dtype\": \"F32\", \"shape\": [2, 3], \"off\": [0, "
                               "9223372036854775807]},\n \"b\": [true, false, null, -0.5e1, "
                               "\"\\u00e4\\ud83d\\ude00\\n\\/\"], \"c\": {}, \"d\": []}  \n";
    vn_arena arena = { 0 };
    vn_json *root;
    ck_assert_int_eq(vn_json_parse(&arena, text, sizeof text - 1, &root), VN_OK);
    ck_assert(root->type == VN_JSON_OBJECT && root->n == 4);
    const vn_json *a = vn_json_get(root, "a"), *b = vn_json_get(root, "b");
    ck_assert_str_eq(vn_json_get(a, "dtype")->s, "F32");
    ck_assert(vn_json_get(a, "shape")->child->i == 2 && vn_json_get(a, "shape")->n == 2);
    const vn_json *end = vn_json_get(a, "off")->child->next;
    ck_assert(end->is_int && end->i == INT64_MAX && !end->next);
    ck_assert(b->line == 2 && b->col == 2);
    const vn_json *v = b->child;
    ck_assert(v->type == VN_JSON_BOOL && v->i == 1);
    v = v->next;
    ck_assert(v->type == VN_JSON_BOOL && v->i == 0);
    v = v->next;
    ck_assert(v->type == VN_JSON_NULL);
    v = v->next;
    ck_assert(v->type == VN_JSON_NUMBER && !v->is_int && v->f == -5);
    v = v->next;
    ck_assert_str_eq(v->s, "\xC3\xA4\xF0\x9F\x98\x80\n/");
    ck_assert_uint_eq(v->n, 8);
    ck_assert(vn_json_get(root, "c")->n == 0 && vn_json_get(root, "d")->n == 0);
    ck_assert_ptr_null(vn_json_get(root, "e"));
    ck_assert_ptr_null(vn_json_get(b, "a"));
    vn_arena_close(&arena);
}
END_TEST

START_TEST(integers_beyond_64_bits_are_only_floating)
{
    vn_arena arena = { 0 };
    vn_json *root;
    ck_assert_int_eq(vn_json_parse(&arena, "9223372036854775808", 19, &root), VN_OK);
    ck_assert(!root->is_int && root->f == 9223372036854775808.0);
    vn_arena_close(&arena);
}
END_TEST

START_TEST(errors_name_line_and_column)
{
    static const char *const bad[][2] = {
        { "", "1:1: expected a value, found the end" },
        { "{\"a\":1,\n \"a\":2}", "2:2: the key \"a\" is already in line 1, column 2" },
        { "{\"a\":1,}", "1:8: expected a key in quotes, found '}'" },
        { "[1,]", "1:4: expected a value, found ']'" },
        { "[1 2]", "1:4: expected ',' or ']', found '2'" },
        { "[1}", "1:3: expected ',' or ']', found '}'" },
        { "{\"a\" 1}", "1:6: expected ':', found '1'" },
        { "[1", "1:3: expected ',' or ']', found the end" },
        { "{} x", "1:4: expected the end, found 'x'" },
        { "01", "1:1: a number may not start with 0" },
        { "-", "1:2: expected a digit, found the end" },
        { "1.", "1:3: expected a digit, found the end" },
        { "1e+", "1:4: expected a digit, found the end" },
        { "1e999", "1:1: the number is out of range" },
        { "+1", "1:1: expected a value, found '+'" },
        { "NaN", "1:1: expected a value, found 'N'" },
        { "trux", "1:1: expected a value, found 't'" },
        { "\"abc", "1:1: the string has no closing quote" },
        { "\"abc\\\"", "1:1: the string has no closing quote" },
        { "\"\\x\"", "1:2: unknown escape in a string" },
        { "\"\\ud800\"", "1:2: half a surrogate pair" },
        { "\"\\ud800\\u0041\"", "1:2: half a surrogate pair" },
        { "\"\\udc00\"", "1:2: half a surrogate pair" },
        { "\"\\u12\"", "1:6: expected a hex digit, found '\"'" },
        { "\"a\nb\"", "1:3: control character 0x0a in a string" },
        { "\"\xC3\"", "1:2: byte 0xc3 is not UTF-8" },
        { "\xEF\xBB\xBF{}", "1:1: expected a value, found '\xEF\xBB\xBF'" },
        { "{\"a\\u0000\":1}", "1:2: a key may not hold a zero byte" },
        { "'a'", "1:1: expected a value, found '''" },
        { "[1] // no", "1:5: expected the end, found '/'" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vn_arena arena = { 0 };
        vn_json *root;
        ck_assert_msg(vn_json_parse(&arena, bad[i][0], strlen(bad[i][0]), &root) == VN_E_DATA, "%s",
                      bad[i][0]);
        ck_assert_str_eq(vn_last_message(), bad[i][1]);
        ck_assert_ptr_null(root);
        vn_arena_close(&arena);
    }
}
END_TEST

START_TEST(depth_is_limited_to_32)
{
    char text[200000];
    vn_arena arena = { 0 };
    vn_json *root;
    memset(text, '[', sizeof text);
    memset(text + 32, ']', 32);
    ck_assert_int_eq(vn_json_parse(&arena, text, 64, &root), VN_OK);
    memset(text, '[', sizeof text);
    ck_assert_int_eq(vn_json_parse(&arena, text, sizeof text, &root), VN_E_DATA);
    ck_assert_str_eq(vn_last_message(), "1:33: nested deeper than 32");
    vn_arena_close(&arena);
}
END_TEST

START_TEST(a_hundred_thousand_keys_are_checked_quickly)
{
    vn_text t = { 0 };
    vn_arena arena = { 0 };
    vn_json *root;
    for (int i = 0; i < 100000; i++) vn_text_printf(&t, "%s\"k%d\":%d", i ? "," : "{", i, i);
    vn_text_put(&t, ",\"k50000\":0}", 12);
    ck_assert_int_eq(vn_json_parse(&arena, t.s, t.n, &root), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "the key \"k50000\" is already in line 1"));
    t.s[t.n - 5] = '_';
    ck_assert_int_eq(vn_json_parse(&arena, t.s, t.n, &root), VN_OK);
    ck_assert_uint_eq(root->n, 100001);
    vn_arena_close(&arena);
    vn_text_close(&t);
}
END_TEST

/* Under the address sanitizer a read outside the exact-size copy is a failure. */
static vn_status parse_copy(const char *text, size_t n)
{
    char *copy = vn_malloc(n);
    vn_arena arena = { 0 };
    vn_json *root;
    memcpy(copy, text, n);
    vn_status st = vn_json_parse(&arena, copy, n, &root);
    vn_arena_close(&arena);
    vn_free(copy);
    return st;
}

START_TEST(every_prefix_is_refused_and_every_damage_survived)
{
    static const char text[] =
        "{\"a\":[1,-2.5e3,\"\\ud83d\\ude00x\"],\"b\":{\"c\":null,\"d\":true}}";
    size_t n = sizeof text - 1;
    ck_assert_int_eq(parse_copy(text, n), VN_OK);
    for (size_t i = 0; i < n; i++) ck_assert_int_eq(parse_copy(text, i), VN_E_DATA);
    for (uint64_t k = 0; k < 20000; k++) {
        char damaged[sizeof text];
        memcpy(damaged, text, sizeof text);
        vn_philox r = vn_random4(3, 1, k);
        damaged[r.v[0] % n] = (char)r.v[1];
        if (r.v[2] % 2) damaged[r.v[2] / 2 % n] = "\"\\{}[],:u0e"[r.v[3] % 11];
        vn_status st = parse_copy(damaged, n);
        ck_assert(st == VN_OK || st == VN_E_DATA);
    }
}
END_TEST

START_TEST(every_failing_allocation_is_reported)
{
    vn_text t = { 0 };
    for (int i = 0; i < 500; i++)
        vn_text_printf(&t, "%s{\"key\":\"v\",\"k2\":[%d]}", i ? "," : "[", i);
    vn_text_put(&t, "]", 1);
    int n = 0;
    for (vn_status st = VN_E_MEMORY; st;) {
        vn_arena arena = { 0 };
        vn_json *root;
        vn_fault_arm(VN_FAULT_ALLOC, ++n);
        st = vn_json_parse(&arena, t.s, t.n, &root);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert(st == VN_OK || st == VN_E_MEMORY);
        vn_arena_close(&arena);
    }
    ck_assert_int_gt(n, 500);
    vn_text_close(&t);
}
END_TEST

Suite *vn_suite_json(void);

Suite *vn_suite_json(void)
{
    Suite *suite = suite_create("json");
    TCase *tests = tcase_create("json");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_header_is_read_exactly);
    tcase_add_test(tests, integers_beyond_64_bits_are_only_floating);
    tcase_add_test(tests, errors_name_line_and_column);
    tcase_add_test(tests, depth_is_limited_to_32);
    tcase_add_test(tests, a_hundred_thousand_keys_are_checked_quickly);
    tcase_add_test(tests, every_prefix_is_refused_and_every_damage_survived);
    tcase_add_test(tests, every_failing_allocation_is_reported);
    suite_add_tcase(suite, tests);
    return suite;
}

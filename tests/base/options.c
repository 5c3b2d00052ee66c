/* The option table: strict parsing, messages, and text that reads back. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/options.h"

#define DEMO_OPTIONS(X)                                                                            \
    X(INT, max_steps, "1000", 1, 1e9, NULL, "optimizer steps")                                     \
    X(INT, offset, "-3", 0, 0, NULL, "any integer")                                                \
    X(FLOAT, lr, "0.001", 0, INFINITY, NULL, "learning rate")                                      \
    X(BOOL, shuffle, "true", 0, 0, NULL, "draw windows at random")                                 \
    X(TEXT, note, "", 0, 0, NULL, "any text")                                                      \
    X(ENUM, scaler, "standard", 0, 0, "identity|standard|robust", "scaler of a window")            \
    X(INTS, pools, "[2, 2, 1]", 1, 64, NULL, "pooling kernels")                                    \
    X(FLOATS, weights, "0.5,1", 0, 1, NULL, "weights")                                             \
    X(ENUMS, stacks, "trend seasonality", 0, 0, "generic|trend|seasonality", "stacks")

typedef struct demo {
    VN_OPTION_STRUCT(DEMO_OPTIONS)
} demo;

#define VN_OPTION_OF demo
static const vn_option table[] = { DEMO_OPTIONS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

static void refused(const char *name, const char *text, const char *message)
{
    demo d, before;
    memset(&d, 0, sizeof d);
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    memcpy(&before, &d, sizeof d);
    ck_assert_int_eq(vn_option_set(vn_option_find(table, name), &d, text), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(), message);
    ck_assert(!memcmp(&d, &before, sizeof d));
}

START_TEST(defaults_fill_the_struct)
{
    demo d;
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    ck_assert(d.max_steps == 1000 && d.offset == -3 && d.lr == 0.001 && d.shuffle);
    ck_assert(d.scaler == 1 && d.note.s[0] == 0);
    ck_assert(d.pools.n == 3 && d.pools.v[0] == 2 && d.pools.v[2] == 1);
    ck_assert(d.weights.n == 2 && d.weights.v[0] == 0.5 && d.weights.v[1] == 1);
    ck_assert(d.stacks.n == 2 && d.stacks.v[0] == 1 && d.stacks.v[1] == 2);
}
END_TEST

START_TEST(a_default_that_does_not_parse_is_a_bug)
{
    vn_option broken[] = { { "n", VN_OPT_INT, 0, "ten", 1, 5, NULL, "" }, { 0 } };
    int64_t n;
    ck_assert_int_eq(vn_options_preset(broken, &n), VN_E_BUG);
    ck_assert_str_eq(vn_last_message(), "default: n: expected an integer from 1 to 5, got \"ten\"");
}
END_TEST

START_TEST(names_are_found_with_either_dash)
{
    ck_assert_ptr_eq(vn_option_find(table, "max-steps"), table);
    ck_assert_ptr_eq(vn_option_find(table, "max_steps"), table);
    ck_assert_ptr_null(vn_option_find(table, "max_step"));
    ck_assert_ptr_null(vn_option_find(table, "max_steps2"));
    ck_assert_ptr_null(vn_option_find(table, ""));
}
END_TEST

START_TEST(wrong_values_are_refused_with_what_was_expected)
{
    refused("max_steps", "ten", "max_steps: expected an integer from 1 to 1000000000, got \"ten\"");
    refused("max_steps", "0", "max_steps: expected an integer from 1 to 1000000000, got \"0\"");
    refused("max_steps", "1.0", "max_steps: expected an integer from 1 to 1000000000, got \"1.0\"");
    refused("max_steps", "", "max_steps: expected an integer from 1 to 1000000000, got \"\"");
    refused("offset", "99999999999999999999",
            "offset: expected an integer, got \"99999999999999999999\"");
    refused("lr", "-1", "lr: expected a number of at least 0, got \"-1\"");
    refused("lr", "nan", "lr: expected a number of at least 0, got \"nan\"");
    refused("lr", "inf", "lr: expected a number of at least 0, got \"inf\"");
    refused("lr", "1e400", "lr: expected a number of at least 0, got \"1e400\"");
    refused("shuffle", "maybe", "shuffle: expected true or false, got \"maybe\"");
    refused("scaler", "robst",
            "scaler: expected one of identity, standard, robust, got \"robst\"; "
            "did you mean \"robust\"?");
    refused("scaler", "q", "scaler: expected one of identity, standard, robust, got \"q\"");
    refused("scaler", "", "scaler: expected one of identity, standard, robust, got \"\"");
    refused("pools", "2,65", "pools: element 2: expected an integer from 1 to 64, got \"65\"");
    refused("stacks", "trend,sesonality",
            "stacks: element 2: expected one of generic, trend, seasonality, got \"sesonality\"; "
            "did you mean \"seasonality\"?");
}
END_TEST

START_TEST(broken_lists_are_refused)
{
    static const char *const bad[] = { "[2, 2", "2]", "2,,2", ",2", "2,", "[2],", "[[2]]", "[" };
    demo d;
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(vn_option_set(vn_option_find(table, "pools"), &d, bad[i]) == VN_E_ARGUMENT,
                      "\"%s\"", bad[i]);
    char many[2 * (VN_LIST_MAX + 1) + 1] = "";
    for (int i = 0; i <= VN_LIST_MAX; i++) strcat(many, "1 ");
    ck_assert_int_eq(vn_option_set(vn_option_find(table, "pools"), &d, many), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(), "pools: expected at most 1024 elements, got 1025");
    ck_assert(d.pools.n == 3);
}
END_TEST

START_TEST(every_way_to_write_a_value_is_understood)
{
    static const char *const lists[] = { "[2,2,1]", "2,2,1", "2 2 1", " [ 2 , 2 1 ] ", "2 ,2\t1" };
    static const char *const truths[] = { "true",  "1", "yes", "on", "TRUE",
                                          "false", "0", "no",  "off" };
    demo d, same;
    ck_assert_int_eq(vn_options_preset(table, &same), VN_OK);
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    const vn_option *pools = vn_option_find(table, "pools"), *b = vn_option_find(table, "shuffle");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        d.pools.n = 0;
        ck_assert_int_eq(vn_option_set(pools, &d, lists[i]), VN_OK);
        ck_assert_msg(vn_option_same(pools, &d, &same), "\"%s\"", lists[i]);
    }
    for (size_t i = 0; i < sizeof truths / sizeof *truths; i++) {
        ck_assert_int_eq(vn_option_set(b, &d, truths[i]), VN_OK);
        ck_assert_int_eq(d.shuffle, i < 5);
    }
    ck_assert_int_eq(vn_option_set(pools, &d, "[]"), VN_OK);
    ck_assert_int_eq(d.pools.n, 0);
}
END_TEST

START_TEST(every_value_reads_back_from_its_text)
{
    static const char *const values[][2] = { { "max_steps", "7" },
                                             { "offset", "-9223372036854775808" },
                                             { "lr", "0.30000000000000004" },
                                             { "shuffle", "false" },
                                             { "note", " a, \"b\" % d " },
                                             { "scaler", "robust" },
                                             { "pools", "[64, 1]" },
                                             { "weights", "[0.1, 1]" },
                                             { "stacks", "[generic, generic]" } };
    demo d, again;
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    ck_assert_int_eq(vn_options_preset(table, &again), VN_OK);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const vn_option *o = vn_option_find(table, values[i][0]);
        vn_text t = { 0 };
        ck_assert_int_eq(vn_option_set(o, &d, values[i][1]), VN_OK);
        ck_assert(!vn_option_same(o, &d, &again));
        vn_option_get(o, &d, &t);
        ck_assert_str_eq(t.s, values[i][1]);
        ck_assert_int_eq(vn_option_set(o, &again, t.s), VN_OK);
        ck_assert(vn_option_same(o, &d, &again));
        vn_text_close(&t);
    }
}
END_TEST

START_TEST(a_text_that_is_too_long_is_refused)
{
    char text[VN_TEXT_MAX + 1];
    demo d;
    memset(text, 'a', VN_TEXT_MAX);
    text[VN_TEXT_MAX] = 0;
    const vn_option *o = vn_option_find(table, "note");
    ck_assert_int_eq(vn_option_set(o, &d, text), VN_E_ARGUMENT);
    text[VN_TEXT_MAX - 1] = 0;
    ck_assert_int_eq(vn_option_set(o, &d, text), VN_OK);
    ck_assert_str_eq(d.note.s, text);
}
END_TEST

START_TEST(bounds_of_integers_are_whole)
{
    static const vn_option wide = { "seed", VN_OPT_INT, 0, "1", 0, 9223372036854775807.0, NULL, "" };
    int64_t n;
    vn_text t = { 0 };
    vn_option_accepts(&wide, &t);
    ck_assert_str_eq(t.s, "int 0 .. 9223372036854775807");
    vn_text_close(&t);
    ck_assert_int_eq(vn_option_set(&wide, &n, "9223372036854775807"), VN_OK);
    ck_assert_int_eq(vn_option_set(&wide, &n, "-1"), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(),
                     "seed: expected an integer from 0 to 9223372036854775807, got \"-1\"");
}
END_TEST

START_TEST(help_says_what_is_accepted)
{
    static const char *const expected[] = { "int 1 .. 1000000000",
                                            "int",
                                            "float 0 .. inf",
                                            "true | false",
                                            "text",
                                            "identity | standard | robust",
                                            "list of int 1 .. 64",
                                            "list of float 0 .. 1",
                                            "list of generic | trend | seasonality" };
    for (size_t i = 0; table[i].name; i++) {
        vn_text t = { 0 };
        vn_option_accepts(table + i, &t);
        ck_assert_str_eq(t.s, expected[i]);
        vn_text_close(&t);
    }
}
END_TEST

START_TEST(values_are_written_as_json)
{
    static const struct {
        const char *name, *text, *json;
    } cases[] = {
        { "max_steps", "7", "7" },
        { "offset", "-9223372036854775808", "-9223372036854775808" },
        { "lr", "0.25", "0.25" },
        { "shuffle", "no", "false" },
        { "note", "a \"b\"", "\"a \\\"b\\\"\"" },
        { "scaler", "robust", "\"robust\"" },
        { "pools", "2:1", "[2, 1]" },
        { "weights", "0.5 1", "[0.5, 1]" },
        { "stacks", "trend,generic", "[\"trend\", \"generic\"]" },
        { "stacks", "[]", "[]" },
    };
    demo d;
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vn_text t = { 0 };
        const vn_option *o = vn_option_find(table, cases[i].name);
        ck_assert_int_eq(vn_option_set(o, &d, cases[i].text), VN_OK);
        vn_option_json(o, &d, &t);
        ck_assert_str_eq(t.s, cases[i].json);
        vn_text_close(&t);
    }
}
END_TEST

START_TEST(setting_options_needs_no_memory)
{
    demo d;
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    ck_assert_int_eq(vn_options_preset(table, &d), VN_OK);
    ck_assert_int_ne(vn_option_set(table + 5, &d, "robst"), VN_OK);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
}
END_TEST

Suite *vn_suite_options(void);

Suite *vn_suite_options(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, defaults_fill_the_struct);
    tcase_add_test(tests, a_default_that_does_not_parse_is_a_bug);
    tcase_add_test(tests, names_are_found_with_either_dash);
    tcase_add_test(tests, wrong_values_are_refused_with_what_was_expected);
    tcase_add_test(tests, broken_lists_are_refused);
    tcase_add_test(tests, every_way_to_write_a_value_is_understood);
    tcase_add_test(tests, every_value_reads_back_from_its_text);
    tcase_add_test(tests, a_text_that_is_too_long_is_refused);
    tcase_add_test(tests, bounds_of_integers_are_whole);
    tcase_add_test(tests, help_says_what_is_accepted);
    tcase_add_test(tests, values_are_written_as_json);
    tcase_add_test(tests, setting_options_needs_no_memory);
    suite_add_tcase(suite, tests);
    return suite;
}

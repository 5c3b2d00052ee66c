/* The CSV tokenizer: quotes, line ends, positions, and texts that are none. */
#include "host/data/csv.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* All records as "a|b/c|d" with the cells made plain; the message after '!' on failure. */
static const char *tokens(const char *text, size_t n)
{
    static char out[512];
    vn_csv csv;
    vn_arena arena = { 0 };
    bool more = true;
    size_t at = 0;
    out[0] = 0;
    vn_status st = vn_csv_open(&csv, "f", text, n);
    for (int64_t record = 0; !st && more; record++) {
        st = vn_csv_next(&csv, &more);
        for (int64_t i = 0; !st && more && i < csv.n; i++)
            at += (size_t)snprintf(out + at, sizeof out - at, "%s%s",
                                   i        ? "|"
                                   : record ? "/"
                                            : "",
                                   vn_csv_plain(&arena, &csv.cell[i]));
    }
    if (st) snprintf(out, sizeof out, "!%s", vn_last_message());
    vn_csv_close(&csv);
    vn_arena_close(&arena);
    return out;
}

#define TOKENS(text) tokens(text, sizeof text - 1)

START_TEST(csv_splits_records_at_any_line_end)
{
    ck_assert_str_eq(TOKENS("a,b\n1,2\n"), "a|b/1|2");
    ck_assert_str_eq(TOKENS("a,b\r\n1,2\r\n"), "a|b/1|2");
    ck_assert_str_eq(TOKENS("a,b\r1,2\r"), "a|b/1|2");
    ck_assert_str_eq(TOKENS("a,b\n1,2"), "a|b/1|2");
    ck_assert_str_eq(TOKENS("\xEF\xBB\xBF"
                            "a,b\n1,2"),
                     "a|b/1|2");
}
END_TEST

START_TEST(csv_keeps_empty_cells_and_skips_blank_lines)
{
    ck_assert_str_eq(TOKENS("a,,c\n,,\n\n  \n1,2,"), "a||c/||/1|2|");
    ck_assert_str_eq(TOKENS("\n\na , b\n"), "a|b");
}
END_TEST

START_TEST(csv_undoes_quotes)
{
    ck_assert_str_eq(TOKENS("\"a\",\"b,\"\"c\"\"\"\n\"x\ny\", \"z\" \n"), "a|b,\"c\"/x\ny|z");
    ck_assert_str_eq(TOKENS("\"\",5\" pipe\n"), "|5\" pipe");
}
END_TEST

START_TEST(csv_takes_the_delimiter_of_the_first_line)
{
    ck_assert_str_eq(TOKENS("a;b\n1,5;2\n"), "a|b/1,5|2");
    ck_assert_str_eq(TOKENS("a\tb c\n1\t2\n"), "a|b c/1|2");
    ck_assert_str_eq(TOKENS("\"a;;;\",b\n1,2\n"), "a;;;|b/1|2");
}
END_TEST

START_TEST(csv_names_the_line_of_an_open_quote)
{
    ck_assert_str_eq(TOKENS("a,b\n1,\"2\n3,4\n5,6\n"),
                     "!f:2:3: the quote opened here is never closed");
    ck_assert_str_eq(TOKENS("a,b\n\"1\n\n2\",3\n4,\"5"),
                     "!f:5:3: the quote opened here is never closed");
}
END_TEST

START_TEST(csv_refuses_text_after_a_closing_quote)
{
    ck_assert_ptr_nonnull(strstr(TOKENS("a,b\n\"1\"x,2\n"), "!f:2:4: text after a closing quote"));
}
END_TEST

START_TEST(csv_columns_count_characters)
{
    ck_assert_ptr_nonnull(strstr(TOKENS("a,b\n\xC3\xA4\xE2\x82\xAC,\"x\"y\n"), "!f:2:7: "));
}
END_TEST

START_TEST(csv_refuses_what_is_no_text)
{
    ck_assert_str_eq(TOKENS(""), "!f: the file is empty");
    ck_assert_str_eq(TOKENS("\xEF\xBB\xBF \n\r\n\t"), "!f: the file is empty");
    ck_assert_str_eq(TOKENS("a,b\n1,\0"
                            "2\n"),
                     "!f:2:3: a zero byte; expected a text file");
    ck_assert_ptr_nonnull(strstr(TOKENS("\xFF\xFE"
                                        "a\0"),
                                 "UTF-16"));
}
END_TEST

START_TEST(csv_shows_long_and_odd_cells_short)
{
    char out[VN_CSV_SHOWN];
    vn_csv_cell cell = { "a\nb\xFF", 4, false };
    ck_assert_str_eq(vn_csv_show(&cell, out), "a?b?");
    cell = (vn_csv_cell){ "0123456789012345678901234567890123456789x", 41, false };
    ck_assert_str_eq(vn_csv_show(&cell, out), "0123456789012345678901234567890123456789...");
    cell.n = 40;
    ck_assert_str_eq(vn_csv_show(&cell, out), "0123456789012345678901234567890123456789");
}
END_TEST

Suite *vn_suite_csv(void);

Suite *vn_suite_csv(void)
{
    Suite *s = suite_create("csv");
    TCase *t = tcase_create("csv");
    tcase_add_test(t, csv_splits_records_at_any_line_end);
    tcase_add_test(t, csv_keeps_empty_cells_and_skips_blank_lines);
    tcase_add_test(t, csv_undoes_quotes);
    tcase_add_test(t, csv_takes_the_delimiter_of_the_first_line);
    tcase_add_test(t, csv_names_the_line_of_an_open_quote);
    tcase_add_test(t, csv_refuses_text_after_a_closing_quote);
    tcase_add_test(t, csv_columns_count_characters);
    tcase_add_test(t, csv_refuses_what_is_no_text);
    tcase_add_test(t, csv_shows_long_and_odd_cells_short);
    suite_add_tcase(s, t);
    return s;
}

/* Bad data files: one clear error that says where, or at least no crash. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "tests/data/kit.h"

/* Every way a table can be wrong that has its own sentence. */
static const struct {
    const char *what, *text, *settings;
    vn_status status;
    const char *words;
} cases[] = {
    { "empty file", "", "", VN_E_DATA, ": the file is empty" },
    { "header only", "unique_id,ds,y\n", "", VN_E_DATA, ": a header, but no rows" },
    { "header only, wide", "date,A\n\n", "format=wide", VN_E_DATA, ": a header, but no rows" },
    { "header only, rows", "V1,V2\n", "", VN_E_DATA, ": a header, but no rows" },
    { "wrong target", "unique_id,ds,sales\na,1,2\n", "target_col=sale", VN_E_DATA,
      ":1: no column 'sale' (option target_col); the columns are unique_id, ds, sales; did you "
      "mean 'sales'?" },
    { "wrong id", "unique_id,ds,y\na,1,2\n", "id_col=uniqueid", VN_E_DATA,
      "did you mean 'unique_id'?" },
    { "wrong time", "unique_id,ds,y\na,1,2\n", "time_col=date", VN_E_DATA,
      "no column 'date' (option time_col)" },
    { "wrong feature", "ds,y\n1,2\n", "futr_exog_list=promo", VN_E_DATA,
      "no column 'promo' (option futr_exog_list); the columns are ds, y" },
    { "one column for two uses", "ds,y\n1,2\n", "hist_exog_list=y", VN_E_ARGUMENT,
      "asked for twice" },
    { "column twice", "ds,y,y\n1,2,3\n", "", VN_E_DATA, ":1: columns 2 and 3 are both called 'y'" },
    { "wide column twice", "date,A,A\n2024-01-01,2,3\n", "", VN_E_DATA,
      ":1: two columns are called 'A'" },
    { "nothing known", "a,b\nx,y\n", "", VN_E_DATA,
      "no column 'y' (option target_col); the columns are a, b" },
    { "no header", "2024-01-01,5\n2024-01-02,6\n", "", VN_E_DATA, ":1: no header" },
    { "text in a number", "unique_id,ds,y\na,1,2\na,2,n/a\n", "", VN_E_DATA,
      ":3:5: expected a number in column 'y', got \"n/a\" (missing values: --na n/a)" },
    { "text in a wide number", "date,A\n2024-01-01,1\n2024-01-02,-\n", "", VN_E_DATA,
      ":3:12: expected a number in column 'A', got \"-\"" },
    { "text in rows", "H1,1,2\nH2,1,x\n", "format=rows", VN_E_DATA,
      ":2:6: expected a number in column 'V3'" },
    { "decimal comma", "ds;y\n1;1,5\n", "", VN_E_DATA,
      ":2:3: expected a number in column 'y', got \"1,5\" (decimals need a point)" },
    { "open quote", "unique_id,ds,y\na,1,2\na,2,\"3\na,3,4\n", "", VN_E_DATA,
      ":3:5: the quote opened here is never closed" },
    { "infinity", "ds,y\n1,1\n2,inf\n", "", VN_E_DATA,
      ":3:3: column 'y' holds an infinite value, \"inf\"" },
    { "too large", "ds,y\n1,1\n2,1e39\n", "", VN_E_DATA, ":3:3: column 'y' holds 1e39, beyond" },
    { "only NaN", "ds,y\n1,nan\n2,\n", "", VN_E_DATA, "series 'y' has no observed value" },
    { "ragged, short", "ds,y\n1,1\n2\n", "", VN_E_DATA,
      ":3:1: expected 2 columns as in the header, found 1" },
    { "ragged, long", "ds,y\n1,1\n2,2,2\n", "", VN_E_DATA,
      ":3:1: expected 2 columns as in the header, found 3" },
    { "rows beyond the header", "V1,V2\nH1,1,2\n", "", VN_E_DATA,
      ":2:1: expected at most 2 columns" },
    { "rows twice", "V1,V2\nH1,1\nH1,2\n", "", VN_E_DATA, ":3:1: a second series is called 'H1'" },
    { "rows empty", "V1,V2\nH1,1\nH2,\n", "", VN_E_DATA, ":3:1: series 'H2' has no values" },
    { "empty id", "unique_id,ds,y\n,1,2\n", "", VN_E_DATA, ":2:1: the series id is empty" },
    { "no stamp", "ds,y\n2024-01-01,1\n2024-13-01,2\n", "", VN_E_DATA,
      ":3:1: expected a time stamp like 2016-07-01 13:00:00 in column 'ds', got \"2024-13-01\"" },
    { "stamp after steps", "ds,y\n1,1\n2024-01-01,2\n", "", VN_E_DATA,
      ":3:1: expected an integer step" },
    { "duplicate stamp", "unique_id,ds,y\na,2024-01-01,1\na,2024-01-02,2\na,2024-01-01,3\n", "",
      VN_E_DATA, ":4: time stamp 2024-01-01 of series 'a' stands on line 2 already" },
    { "off the grid",
      "ds,y\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n2024-01-01 02:00,2\n2024-01-01 02:30,3\n", "",
      VN_E_DATA,
      ":5: time stamp 2024-01-01 02:30:00 of series 'y' does not fit the frequency H (inferred, "
      "see --freq); expected 2024-01-01 03:00:00" },
    { "weekend", "ds,y\n2024-03-01,1\n2024-03-02,2\n", "freq=B", VN_E_DATA,
      "does not fit the frequency B (given); expected 2024-03-04" },
    { "gap refused", "ds,y\n1,1\n2,2\n5,5\n", "gaps=error", VN_E_DATA,
      ":4: a gap before time stamp 5 of series 'y': expected 3" },
    { "absurd gap", "ds,y\n1,1\n2,2\n3,3\n1000000000,4\n", "", VN_E_DATA,
      ":5: with frequency step 1 the gaps need 999999996 rows" },
    { "unknown frequency", "ds,y\n1,1\n2,2\n", "freq=hourly", VN_E_ARGUMENT,
      "freq \"hourly\": expected auto" },
    { "step for stamps", "ds,y\n2024-01-01,1\n2024-01-02,2\n", "freq=2", VN_E_ARGUMENT,
      "is an integer step, but" },
    { "one row", "ds,y\n2024-01-01,1\n", "", VN_E_DATA, "give it with --freq" },
    { "past feature missing", "ds,y,x\n1,1,5\n2,2,\n", "hist_exog_list=x", VN_E_DATA,
      ":3: column 'x' has no value here; past features must be complete" },
    { "future feature missing", "ds,y,x\n1,1,5\n2,2,6\n3,,\n", "futr_exog_list=x", VN_E_DATA,
      ":4: column 'x' has no value here; future features must be complete" },
    { "static feature changes", "unique_id,ds,y,x\na,1,1,5\na,2,2,6\n", "stat_exog_list=x",
      VN_E_DATA, ":3:7: static column 'x' changes within series 'a': 6 after 5" },
    { "static feature missing", "unique_id,ds,y,x\na,1,1,\na,2,2,\n", "stat_exog_list=x", VN_E_DATA,
      "series 'a' has no value of static feature 'x'" },
};

START_TEST(bad_tables_are_refused_with_one_located_sentence)
{
    vn_data_kit_refuse(cases[_i].text, cases[_i].settings, cases[_i].status, cases[_i].words);
}
END_TEST

START_TEST(a_missing_file_is_named)
{
    vn_data_options o = vn_data_kit_options("");
    vn_panel *p;
    ck_assert_int_eq(vn_panel_read("/no/such/file.csv", &o, NULL, &p), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "/no/such/file.csv"));
    ck_assert_ptr_null(p);
    ck_assert_int_eq(vn_panel_read("/tmp", &o, NULL, &p), VN_E_ARGUMENT);
}
END_TEST

/* One to four random edits of a text: a byte changed, dropped, doubled, or a piece copied
 * elsewhere. */
static size_t mutate(char *text, size_t n, size_t cap, uint64_t round)
{
    static const char nasty[] = ",;\t\"\n\r0129-.eE:TZ \xEF\xFFnaiV";
    vn_philox r = vn_random4(7, 1, round);
    for (uint32_t edits = r.v[0] % 4 + 1, i = 0; i < edits && n > 1; i++) {
        vn_philox e = vn_random4(7, 2, round * 8 + i);
        size_t at = e.v[0] % n, from = e.v[1] % n, size = e.v[2] % 12;
        switch (e.v[3] % 4) {
        case 0:
            text[at] = nasty[e.v[1] % (sizeof nasty - 1)];
            break;
        case 1:
            text[at] = (char)(e.v[1] & 255);
            break;
        case 2:
            memmove(text + at, text + at + 1, n - at - 1), n--;
            break;
        default:
            if (n + size > cap || from + size > n) break;
            memmove(text + at + size, text + at, n - at);
            if (from + size <= n) memmove(text + at, text + from, size);
            n += size;
        }
    }
    return n;
}

START_TEST(mutated_tables_never_crash)
{
    static const struct {
        const char *text, *settings;
    } seeds[] = {
        { "unique_id,ds,y,f,s\n\"a\"\"x\",2024-01-01,1.5,1,2\n\"a\"\"x\",2024-01-02,,1,2\nb,2024-"
          "01-05,3,0,4\n"
          "b,2024-01-04,-2e3,0,4\n",
          "futr_exog_list=f;stat_exog_list=s" },
        { "date,A,B\n2016-07-01 00:00:00,1,2\n2016-07-01 01:00:00,3,4\n2016-07-01 02:00:00,NA,6\n",
          "" },
        { "\"V1\",\"V2\",\"V3\"\n\"H1\",\"605\",\"586\"\n\"H2\",\"3124\",\"\"\n", "freq=H" },
        { "ds;y\n3;1\n1;2\n2;nan\n", "gaps=error" },
    };
    char text[1024];
    int good = 0, rounds = 5000 * (int)(sizeof seeds / sizeof *seeds);
    for (int i = 0; i < rounds; i++) {
        const char *seed = seeds[i % 4].text;
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        n = mutate(text, n, sizeof text, (uint64_t)i);
        vn_panel *p;
        vn_status st = vn_data_kit_read(text, n, seeds[i % 4].settings, &p);
        ck_assert_msg(!st || st == VN_E_DATA || st == VN_E_ARGUMENT, "%s", vn_last_message());
        good += !st;
        vn_panel_close(p);
    }
    ck_assert_int_gt(good, rounds / 50);
    ck_assert_int_lt(good, rounds);
}
END_TEST

/* Reading goes on after a bad record, whatever half of it was there. */
START_TEST(all_bad_records_of_a_file_are_counted)
{
    static char rows[600 * 16];
    size_t n = 0;
    vn_data_kit_refuse("unique_id,ds,y\n,1,2\na,1,2\na,2\nb,x,3\nb,2,y\n,2,3\n", "", VN_E_DATA,
                       ": 5 errors, the first: ");
    vn_data_kit_refuse("unique_id,ds,y,s\n,1,2,3\n,1,2,3\na,1,2,5\n,2,2,5\na,2,2,6\n",
                       "stat_exog_list=s", VN_E_DATA, "4 errors, the first: ");
    for (int i = 0; i < 600; i++)
        n += (size_t)snprintf(rows + n, sizeof rows - n, "H%d,%s\n", i, i % 300 == 299 ? "1" : "x");
    vn_data_kit_refuse(rows, "format=rows", VN_E_DATA, "597 errors, the first: "); /* H0: a header */
}
END_TEST

Suite *vn_suite_bad_data(void);

Suite *vn_suite_bad_data(void)
{
    Suite *s = suite_create("bad_data");
    TCase *t = tcase_create("bad_data");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, bad_tables_are_refused_with_one_located_sentence, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(t, a_missing_file_is_named);
    tcase_add_test(t, all_bad_records_of_a_file_are_counted);
    tcase_add_test(t, mutated_tables_never_crash);
    suite_add_tcase(s, t);
    return s;
}

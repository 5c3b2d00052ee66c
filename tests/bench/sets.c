/* Results of benchmarks: measured, written in every format, read back, joined, compared. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "host/bench/compare.h"
#include "include/vane.h"

Suite *vn_suite_bench(void);

static const char *const file = "vane-bench-test.json";

static vane_config *config_of(void)
{
    vane_config *config;
    ck_assert_int_eq(vane_config_open(&config), 0);
    ck_assert_int_eq(vane_config_set(config, VANE_FLAG, NULL, "threads", "1"), 0);
    return config;
}

static vane_bench_wish wish_of(const char *workload, int64_t n)
{
    return (vane_bench_wish){ .size = sizeof(vane_bench_wish), .workload = workload, .n = n };
}

static vane_status run_one(vane_bench *bench, const vane_bench_wish *wish)
{
    vane_config *config = config_of();
    vane_status st = vane_bench_run(bench, config, wish);
    vane_config_close(config);
    return st;
}

/* Smallest sizes: what is tested is that each workload can be opened, run and closed. */
START_TEST(every_workload_runs)
{
    vane_bench *bench;
    vane_workload w = { .size = sizeof w };
    vane_bench_row row = { .size = sizeof row };
    int n = 0;
    ck_assert_int_eq(vane_bench_open(&bench), 0);
    for (; !vane_workload_at(n, &w); n++) {
        vane_bench_wish wish = wish_of(w.name, w.axis == 'b' ? 1 : 100);
        if (strstr(w.name, "paths1000")) continue; /* a thousand paths take seconds at "ref" */
        ck_assert_msg(!run_one(bench, &wish), "%s: %s", w.name, vane_last_error());
        ck_assert(w.sizes[0] > 0 && strlen(w.help) > 0);
    }
    ck_assert_int_gt(n, 40);
    int rows = 0;
    for (; !vane_bench_row_at(bench, rows, &row); rows++) {
        ck_assert_int_ge(row.n_samples, 5);
        ck_assert(row.fastest_us > 0 && row.median_us >= row.fastest_us && row.first_us > 0);
    }
    ck_assert_int_eq(rows, n - 1);
    vane_bench_close(bench);
}
END_TEST

START_TEST(wishes_that_cannot_be_met_are_refused)
{
    vane_bench *bench;
    ck_assert_int_eq(vane_bench_open(&bench), 0);
    vane_bench_wish wish = wish_of("juggling", 1);
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "no workload \"juggling\""));
    wish = wish_of("relu", 0);
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_ARGUMENT);
    wish = wish_of("relu", 8);
    wish.backend = "cpu:sse9";
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_ARGUMENT);
    wish.backend = ":avx2";
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_ARGUMENT);
    wish.backend = "moon";
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_UNSUPPORTED);
    wish = wish_of("csv", 10);
    wish.folder = "/nowhere/at/all";
    ck_assert_int_eq(run_one(bench, &wish), VANE_E_ARGUMENT);
    vane_report *r;
    ck_assert_int_eq(vane_bench_write(bench, "md", &r), VANE_E_ARGUMENT); /* nothing to write */
    ck_assert_ptr_null(r);
    vane_bench_close(bench);
}
END_TEST

static vane_bench *measured(void)
{
    vane_bench *bench;
    vane_bench_wish relu = wish_of("relu", 1000), step = wish_of("nhits_train", 2);
    relu.backend = "cpu:ref";
    ck_assert_int_eq(vane_bench_open(&bench), 0);
    for (int round = 0; round < 2; round++) {
        ck_assert_msg(!run_one(bench, &relu), "%s", vane_last_error());
        ck_assert_msg(!run_one(bench, &step), "%s", vane_last_error());
    }
    return bench;
}

static char *written(const vane_bench *bench, const char *format)
{
    vane_report *r;
    ck_assert_msg(!vane_bench_write(bench, format, &r), "%s", vane_last_error());
    char *text = strdup(vane_report_text(r));
    vane_report_close(r);
    return text;
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (const char *s = text; (s = strstr(s, part)); s += strlen(part)) n++;
    return n;
}

START_TEST(every_format_holds_every_row)
{
    static const char *const formats[] = { "md", "csv", "json", "jsonl", "sql" };
    vane_bench *bench = measured();
    for (int i = 0; i < 5; i++) {
        char *text = written(bench, formats[i]);
        ck_assert_ptr_nonnull(strstr(text, "relu_n1000"));
        ck_assert_ptr_nonnull(strstr(text, "nhits_train_b2"));
        ck_assert_ptr_nonnull(strstr(text, "cpu:ref"));
        ck_assert_ptr_nonnull(strstr(text, "gcc") ? strstr(text, "gcc") : strstr(text, "clang"));
        if (i) ck_assert_int_eq(count(text, "samples_us"), 4); /* 2 rows of 2 rounds */
        if (i) ck_assert_ptr_nonnull(strstr(text, "compat=nixtla"));
        free(text);
    }
    vane_report *r;
    ck_assert_int_eq(vane_bench_write(bench, "xml", &r), VANE_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vane_last_error(), "md, csv, json, jsonl or sql"));
    vane_bench_close(bench);
}
END_TEST

static vane_bench *read_back(const char *text, vane_status want)
{
    vane_bench *bench;
    ck_assert_int_eq(vane_write_file(file, text, strlen(text)), 0);
    vane_status st = vane_bench_read(file, &bench);
    ck_assert_msg(st == want, "%d: %s", st, vane_last_error());
    unlink(file);
    return bench;
}

START_TEST(json_reads_back_as_it_was)
{
    vane_bench *bench = measured();
    char *text = written(bench, "json");
    vane_bench *again = read_back(text, 0);
    char *second = written(again, "json");
    ck_assert_str_eq(text, second);
    ck_assert_int_eq(vane_bench_join(again, bench), 0);
    vane_bench_row row = { .size = sizeof row };
    ck_assert_int_eq(vane_bench_row_at(again, 0, &row), 0);
    ck_assert_int_eq(row.n_rounds, 4);
    ck_assert_int_eq(vane_bench_row_at(again, 2, &row), VANE_E_ARGUMENT);
    free(text);
    free(second);
    vane_bench_close(bench);
    vane_bench_close(again);
}
END_TEST

/* Replace the first `from` by `to` and see the reader refuse. */
static void broken(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "no %s", from);
    size_t room = strlen(text) + strlen(to) + 1;
    char *bad = malloc(room);
    snprintf(bad, room, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    ck_assert_ptr_null(read_back(bad, VANE_E_DATA));
    ck_assert_ptr_nonnull(strstr(vane_last_error(), file));
    free(bad);
}

START_TEST(other_files_are_no_results)
{
    vane_bench *bench = measured();
    char *text = written(bench, "json");
    ck_assert_ptr_null(read_back("unique_id,ds,y\n", VANE_E_DATA));
    ck_assert_ptr_null(read_back("[]", VANE_E_DATA));
    broken(text, "\"schema\":1", "\"schema\":2");
    broken(text, "\"schema\":1", "\"schema\":\"1\"");
    broken(text, "\"cpu\":", "\"gpu\":");
    broken(text, "\"threads\":1", "\"threads\":-1");
    broken(text, "\"samples_us\":[", "\"samples_us\":[0,");
    broken(text, "\"samples_us\":[", "\"samples_us\":[\"1\",");
    broken(text, "\"rounds\":[", "\"rounds\":[7,");
    broken(text, "\"results\":[", "\"results\":[7,");
    free(text);
    vane_bench_close(bench);
}
END_TEST

/* ---- comparisons of made-up samples ---- */

/* A set of one row whose rounds have the medians `first`, first + step ... */
static void make_set(vn_bench_set *set, const char *cpu, int rounds, double first, double step)
{
    *set = (vn_bench_set){ .machine = { .cpu = cpu, .build = "Release" } };
    vn_bench_key key = { .workload = "w",
                         .group = "g",
                         .axis = "n",
                         .options = "",
                         .backend = "cpu",
                         .level = "",
                         .clock = "wall",
                         .size = 1,
                         .threads = 1 };
    for (int i = 0; i < rounds; i++) {
        vn_bench_round round = { .samples = {
                                     .us = vn_malloc(3 * sizeof(double)), .n = 3, .calls = 1 } };
        for (int k = 0; k < 3; k++) round.samples.us[k] = first + i * step + (k == 2 ? 50 : 0);
        ck_assert_int_eq(vn_bench_add(vn_bench_row_of(set, &key), &round), 0);
    }
}

static void drop_set(vn_bench_set *set)
{
    for (int64_t i = 0; i < set->n; i++) {
        for (int64_t k = 0; k < set->row[i].n; k++) vn_free(set->row[i].round[k].samples.us);
        vn_free(set->row[i].round);
    }
    vn_free(set->row);
    vn_arena_close(&set->arena);
}

static vn_comparison compared(double first, double step, vn_status want)
{
    vn_bench_set base, now;
    vn_comparison found;
    vn_text text = { 0 }, json = { 0 };
    make_set(&base, "X", 10, 100, 0.1);
    make_set(&now, "X", 10, first, step);
    ck_assert_int_eq(vn_bench_compare(&base, &now, 0.03, &found, &text, &json), want);
    vn_text_close(&text);
    vn_text_close(&json);
    drop_set(&base);
    drop_set(&now);
    return found;
}

START_TEST(only_what_is_beyond_chance_and_noise_is_slower)
{
    ck_assert_int_eq(compared(110, 0.1, 0).slower, 1);
    ck_assert_int_eq(compared(110, 0.1, 0).faster, 0);
    ck_assert_int_eq(compared(90, 0.1, 0).faster, 1);
    ck_assert_int_eq(compared(90, 0.1, 0).slower, 0);
    ck_assert_int_eq(compared(102, 0.1, 0).slower, 0); /* sure, but within 3 % */
    ck_assert_int_eq(compared(80, 8, 0).slower,
                     0); /* 80 .. 152: the median is 16 % up, by chance */
    ck_assert_int_eq(compared(100.05, 0.1, 0).rows, 1);
}
END_TEST

START_TEST(what_cannot_be_compared_is_refused)
{
    vn_bench_set base, now;
    vn_comparison found;
    vn_text text = { 0 }, json = { 0 };
    make_set(&base, "X", 10, 100, 1);
    make_set(&now, "Y", 10, 100, 1);
    ck_assert_int_eq(vn_bench_compare(&base, &now, 0.03, &found, &text, &json), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "measured on X, this machine is Y"));
    now.machine.cpu = "X";
    now.machine.build = "Debug";
    ck_assert_int_eq(vn_bench_compare(&base, &now, 0.03, &found, &text, &json), VN_E_ARGUMENT);
    now.machine.build = "Release";
    now.row[0].key.threads = 2;
    ck_assert_int_eq(vn_bench_compare(&base, &now, 0.03, &found, &text, &json), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "none of these measurements"));
    drop_set(&now);
    make_set(&now, "X", 4, 100, 1);
    ck_assert_int_eq(vn_bench_compare(&base, &now, 0.03, &found, &text, &json), VN_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "at least 5 rounds"));
    drop_set(&base);
    drop_set(&now);
    vn_text_close(&text);
    vn_text_close(&json);
}
END_TEST

START_TEST(phases_of_a_step_are_all_there)
{
    vane_config *config = config_of();
    vane_report *r;
    vane_phase p = { .size = sizeof p };
    vane_bench_wish wish = wish_of("nhits_train", 32);
    ck_assert_msg(!vane_bench_profile(config, &wish, &r), "%s", vane_last_error());
    ck_assert_ptr_nonnull(strstr(vane_report_text(r), "gradnorm_f32"));
    int n = 0;
    for (; !vane_report_phase(r, n, &p); n++) ck_assert_msg(p.us > 0, "%s takes nothing", p.name);
    ck_assert_int_eq(n, 6);
    vane_report_close(r);
    wish = wish_of("scores", 10);
    ck_assert_int_eq(vane_bench_profile(config, &wish, &r), VANE_E_UNSUPPORTED);
    ck_assert_ptr_null(r);
    vane_config_close(config);
}
END_TEST

/* Every request for memory fails once: a status, and nothing is lost. */
START_TEST(no_memory_is_a_status)
{
    vane_bench *bench = NULL;
    vane_status st = VANE_E_MEMORY;
    vane_bench_wish wish = wish_of("relu", 64);
    vane_config *config = config_of();
    for (int64_t n = 1; st == VANE_E_MEMORY; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vane_bench_open(&bench);
        if (!st) st = vane_bench_run(bench, config, &wish);
        vane_report *r = NULL;
        if (!st) st = vane_bench_write(bench, "json", &r);
        vane_report_close(r);
        vane_bench_close(bench);
        bench = NULL;
        ck_assert_int_lt(n, 2000);
    }
    vn_fault_arm(VN_FAULT_ALLOC, 0);
    ck_assert_int_eq(st, 0);
    vane_config_close(config);
}
END_TEST

Suite *vn_suite_bench(void)
{
    Suite *suite = suite_create("bench");
    TCase *tests = tcase_create("bench");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, every_workload_runs);
    tcase_add_test(tests, wishes_that_cannot_be_met_are_refused);
    tcase_add_test(tests, every_format_holds_every_row);
    tcase_add_test(tests, json_reads_back_as_it_was);
    tcase_add_test(tests, other_files_are_no_results);
    tcase_add_test(tests, only_what_is_beyond_chance_and_noise_is_slower);
    tcase_add_test(tests, what_cannot_be_compared_is_refused);
    tcase_add_test(tests, phases_of_a_step_are_all_there);
    tcase_add_test(tests, no_memory_is_a_status);
    suite_add_tcase(suite, tests);
    return suite;
}

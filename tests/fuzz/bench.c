/* Files of benchmark results. What is taken can be described, written in every format, and reads back as
 * the same results. */
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "include/vane.h"
#include "tests/fuzz/fuzz.h"

static void check_rows(const vane_bench *bench)
{
    vane_bench_row row = { .size = sizeof row };
    int n = 0;
    for (; !vane_bench_row_at(bench, n, &row); n++) {
        VN_FUZZ_CHECK(row.fastest_us > 0 && row.median_us >= row.fastest_us && isfinite(row.median_us));
        VN_FUZZ_CHECK(row.n_rounds > 0 && row.n_samples >= row.n_rounds && strlen(row.name) > 0);
    }
    VN_FUZZ_CHECK(n > 0);
}

/* JSON of the set; the report is the caller's. */
static vane_report *as_json(const vane_bench *bench)
{
    vane_report *report;
    VN_FUZZ_CHECK(!vane_bench_write(bench, "json", &report));
    return report;
}

static void check_formats(const vane_bench *bench)
{
    static const char *const others[] = { "md", "csv", "jsonl", "sql" };
    vane_report *report, *back;
    vane_bench *again;
    for (int i = 0; i < 4; i++) {
        VN_FUZZ_CHECK(!vane_bench_write(bench, others[i], &report));
        vane_report_close(report);
    }
    report = as_json(bench);
    const char *json = vane_report_text(report);
    VN_FUZZ_CHECK(!vane_bench_read(vn_fuzz_file(json, strlen(json)), &again));
    back = as_json(again);
    VN_FUZZ_CHECK(!strcmp(json, vane_report_text(back)));
    vane_report_close(back);
    vane_report_close(report);
    vane_bench_close(again);
}

/* Results are no slower than themselves. */
static void check_compare(const vane_bench *bench)
{
    vane_report *report;
    int slower = 0;
    vane_status st = vane_bench_compare(bench, bench, 0.05, &slower, &report);
    VN_FUZZ_CHECK((!st || st == VANE_E_ARGUMENT) && slower == 0);
    if (st) return;
    vn_arena arena = { 0 };
    vn_json *root;
    const char *json = vane_report_json(report);
    VN_FUZZ_CHECK(!vn_json_parse(&arena, json, strlen(json), &root));
    vn_arena_close(&arena);
    vane_report_close(report);
}

void vn_fuzz_bench(const uint8_t *data, size_t n)
{
    vane_bench *bench;
    vane_status st = vane_bench_read(vn_fuzz_file(data, n), &bench);
    VN_FUZZ_CHECK(!st || (st == VANE_E_DATA && !bench));
    if (st) return;
    check_rows(bench);
    check_formats(bench);
    check_compare(bench);
    vane_bench_close(bench);
}

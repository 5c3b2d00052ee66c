/* Tables from files, and scores of forecasts. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"
#include "base/philox.h"
#include "base/text.h"
#include "host/bench/bench.h"
#include "host/eval/metrics.h"

/* ---- csv ---- */

enum { SERIES = 10, PATH = 512 };

typedef struct table {
    char path[PATH];
    vn_data_options options;
} table;

static void put_rows(vn_text *text, int64_t rows)
{
    vn_text_printf(text, "unique_id,ds,y\n");
    int64_t each = (rows + SERIES - 1) / SERIES;
    for (int64_t i = 0; i < rows; i++) {
        float x = vn_uniform24(vn_random4(1, 0, (uint64_t)i).v[0]);
        vn_text_printf(text, "series%d,%lld,%.4f\n", (int)(i / each), (long long)(i % each + 1),
                       1000 * (double)x);
    }
}

static vn_status write_table(const char *path, int64_t rows, double *bytes)
{
    vn_text text = { 0 };
    vn_out *out = NULL;
    put_rows(&text, rows);
    vn_status st = text.failed ? VN_FAIL(VN_E_MEMORY, "no memory for a table") : VN_OK;
    *bytes = (double)text.n;
    if (!st) st = vn_out_open(path, &out);
    if (!st) st = vn_out_write(out, text.s, text.n);
    if (!st) st = vn_out_commit(out);
    vn_out_close(out);
    vn_text_close(&text);
    return st;
}

static vn_status read_table(void *ctx)
{
    table *k = ctx;
    vn_panel *panel;
    vn_log silent = { 0 };
    VN_TRY(vn_panel_read(k->path, &k->options, &silent, &panel));
    vn_panel_close(panel);
    return VN_OK;
}

static void close_table(void *ctx)
{
    table *k = ctx;
    unlink(k->path);
    vn_free(k);
}

vn_status vn_bench_open_csv(const vn_workload *w, const vn_bench_site *site, int64_t size,
                            vn_bench_item *item)
{
    (void)w;
    table *k = vn_calloc(1, sizeof *k);
    if (!k) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *item = (vn_bench_item){ .ctx = k, .run = read_table, .close = close_table };
    int n = snprintf(k->path, PATH, "%s/vane-bench-%ld.csv", site->folder, (long)getpid());
    vn_status st = vn_options_preset(vn_data_option_table, &k->options);
    if (!st && n >= PATH)
        st = VN_FAIL(VN_E_ARGUMENT, "the folder's name is longer than %d bytes", PATH - 40);
    if (!st) st = write_table(k->path, size, &item->bytes);
    if (!st) return VN_OK;
    vn_bench_close(item);
    return vn_trail(st, __FILE__, __LINE__);
}

/* ---- scores ---- */

enum { HORIZON = 24, WINDOWS_A_SERIES = 10 };

typedef struct scoring {
    int64_t windows, series;
    double *y, *yhat, *scale; /* [windows, H] twice, [series] */
    float *mask;              /* [windows, H] */
    vn_errors *errors;        /* [series] */
    vn_score score;
} scoring;

static vn_status score(void *ctx)
{
    scoring *k = ctx;
    memset(k->errors, 0, (size_t)k->series * sizeof *k->errors);
    for (int64_t i = 0; i < k->windows; i++) {
        int64_t at = i * HORIZON;
        vn_errors_add(&k->errors[i / WINDOWS_A_SERIES], k->y + at, k->mask + at, k->yhat + at,
                      HORIZON);
    }
    vn_score_of(k->errors, k->scale, k->series, &k->score);
    return VN_OK;
}

static void close_scoring(void *ctx)
{
    scoring *k = ctx;
    vn_free(k->y);
    vn_free(k->yhat);
    vn_free(k->scale);
    vn_free(k->mask);
    vn_free(k->errors);
    vn_free(k);
}

vn_status vn_bench_open_scores(const vn_workload *w, const vn_bench_site *site, int64_t size,
                               vn_bench_item *item)
{
    (void)w, (void)site;
    scoring *k = vn_calloc(1, sizeof *k);
    if (!k) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    size_t n = (size_t)(size * HORIZON);
    *item = (vn_bench_item){ .ctx = k, .run = score, .close = close_scoring };
    item->bytes = (double)n * (2 * sizeof(double) + sizeof(float));
    k->windows = size;
    k->series = (size + WINDOWS_A_SERIES - 1) / WINDOWS_A_SERIES;
    k->y = vn_malloc(n * sizeof *k->y);
    k->yhat = vn_malloc(n * sizeof *k->yhat);
    k->mask = vn_malloc(n * sizeof *k->mask);
    k->scale = vn_malloc((size_t)k->series * sizeof *k->scale);
    k->errors = vn_malloc((size_t)k->series * sizeof *k->errors);
    if (!k->y || !k->yhat || !k->mask || !k->scale || !k->errors) {
        vn_bench_close(item);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    for (size_t i = 0; i < n; i++) {
        vn_philox bits = vn_random4(1, 1, i);
        k->y[i] = 1 + (double)vn_uniform24(bits.v[0]);
        k->yhat[i] = 1 + (double)vn_uniform24(bits.v[1]);
        k->mask[i] = 1;
    }
    for (int64_t i = 0; i < k->series; i++) k->scale[i] = 1;
    return VN_OK;
}

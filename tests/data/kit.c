/* Texts as files for the data tests. */
#include "tests/data/kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vn_data_options vn_data_kit_options(const char *settings)
{
    vn_data_options o;
    char name[64], value[256];
    int used;
    ck_assert_int_eq(vn_options_preset(vn_data_option_table, &o), VN_OK);
    for (; *settings; settings += used + (settings[used] == ';')) {
        value[0] = 0;
        used = 0;
        ck_assert_int_ge(sscanf(settings, "%63[a-z_]=%n%255[^;]%n", name, &used, value, &used), 1);
        const vn_option *option = vn_option_find(vn_data_option_table, name);
        ck_assert_msg(option != NULL, "no option %s", name);
        ck_assert_msg(!vn_option_set(option, &o, value), "%s", vn_last_message());
    }
    return o;
}

static void same_floats(const float *a, const float *b, int64_t n)
{
    ck_assert(!a == !b);
    for (int64_t i = 0; a && i < n; i++) ck_assert_msg(a[i] == b[i], "row %lld", (long long)i);
}

static void same_texts(const char *const *a, const char *const *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) ck_assert_str_eq(a[i], b[i]);
}

static void same_panels(const vn_panel *a, const vn_panel *b)
{
    ck_assert_int_eq(a->n_series, b->n_series);
    ck_assert_int_eq(a->n_rows, b->n_rows);
    ck_assert_int_eq(a->n_missing, b->n_missing);
    ck_assert_int_eq(a->n_gap_rows, b->n_gap_rows);
    ck_assert(a->freq.unit == b->freq.unit && a->freq.n == b->freq.n);
    same_texts(a->id, b->id, a->n_series);
    for (int64_t i = 0; i < a->n_series; i++)
        ck_assert(a->indptr[i + 1] == b->indptr[i + 1] && a->start[i] == b->start[i] &&
                  a->n_past[i] == b->n_past[i]);
    same_floats(a->y, b->y, a->n_rows);
    same_floats(a->mask, b->mask, a->n_rows);
    same_floats(a->y_rest, b->y_rest, a->n_rows);
    same_floats(a->hist, b->hist, a->n_rows * a->n_hist);
    same_floats(a->futr, b->futr, a->n_rows * a->n_futr);
    same_floats(a->stat, b->stat, a->n_series * a->n_stat);
    for (int64_t i = 0; i < a->n_futr_cat; i++)
        same_texts(a->futr_cat[i].level, b->futr_cat[i].level, a->futr_cat[i].n);
}

void vn_data_kit_file(const char *text, size_t n, char path[VN_DATA_KIT_PATH])
{
    strcpy(path, "/tmp/vane_test_XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
    close(fd);
}

vn_status vn_data_kit_read(const char *text, size_t n, const char *settings, vn_panel **panel)
{
    char path[VN_DATA_KIT_PATH];
    vn_data_kit_file(text, n, path);
    vn_data_options o = vn_data_kit_options(settings);
    vn_status st = vn_panel_read(path, &o, NULL, panel);
    unlink(path);
    return st;
}

/* The text gave this status and panel; read in many small blocks, on one lane and on three, it gives
 * the same panel, or the same sentence but for the name of the file. */
static void in_blocks_too(const char *text, const char *settings, vn_status st, const vn_panel *panel)
{
    static const size_t blocks[] = { 7, 20, 64, 300 };
    char path[VN_DATA_KIT_PATH], message[1024] = "";
    if (st) snprintf(message, sizeof message, "%s", vn_last_message());
    vn_data_kit_file(text, strlen(text), path);
    vn_data_options o = vn_data_kit_options(settings);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (int lanes = 1; lanes <= 3; lanes += 2) {
            vn_panel *again;
            ck_assert_int_eq(vn_panel_read_blocks(path, &o, NULL, blocks[i], lanes, &again), st);
            for (char *at = message; st && (at = strstr(at, "/tmp/vane_test_"));) /* another file */
                memcpy(at, path, strlen(path)), at += strlen(path);
            if (st) ck_assert_str_eq(vn_last_message(), message);
            if (!st) same_panels(panel, again);
            vn_panel_close(again);
        }
    unlink(path);
}

vn_panel *vn_data_kit_panel(const char *text, const char *settings)
{
    vn_panel *panel;
    vn_status st = vn_data_kit_read(text, strlen(text), settings, &panel);
    ck_assert_msg(!st, "%s", st ? vn_last_message() : "");
    in_blocks_too(text, settings, st, panel);
    return panel;
}

void vn_data_kit_refuse(const char *text, const char *settings, vn_status status, const char *words)
{
    vn_panel *panel;
    vn_status st = vn_data_kit_read(text, strlen(text), settings, &panel);
    ck_assert_msg(st == status, "status %d (%s), expected %d", (int)st, st ? vn_last_message() : "",
                  (int)status);
    ck_assert_ptr_null(panel);
    ck_assert_msg(strstr(vn_last_message(), words) != NULL, "\"%s\" does not hold \"%s\"",
                  vn_last_message(), words);
    in_blocks_too(text, settings, st, NULL);
}

const char *vn_data_kit_shared(const char *test, const char *file)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/../shared/data/%s", VANE_SOURCE_DIR, file);
    if (!access(path, R_OK)) return path;
    size_t n = strlen(test);
    if (n > 3 && !strcmp(test + n - 3, "_fn")) n -= 3;
    printf("skipped: %.*s (no ../shared/data/%s)\n", (int)n, test, file);
    return NULL;
}

/* Panels: made from a file or from arrays, appended, split, scaled. Four flat columns and an index:
 * 8 bytes an observation (12 where f32 blurs a series) and 4 a feature; windows are pairs of numbers
 * into them. */
#include "host/data/panel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/data/table.h"

#define VN_OPTION_OF vn_data_options
const vn_option vn_data_option_table[] = { VN_DATA_OPTIONS(VN_OPTION_LINE){ 0 } };

vn_status vn_panel_room(vn_panel *p, int64_t n_series, const int64_t *length)
{
    size_t n = (size_t)n_series, rows = 0;
    vn_arena *a = &p->arena;
    p->id = vn_arena_array(a, n, sizeof *p->id);
    p->indptr = vn_arena_array(a, n + 1, sizeof *p->indptr);
    p->n_past = vn_arena_array(a, n, sizeof *p->n_past);
    p->start = vn_arena_array(a, n, sizeof *p->start);
    if (!p->id || !p->indptr || !p->n_past || !p->start) return VN_E_MEMORY;
    for (int64_t i = 0; i < n_series; i++) p->indptr[i + 1] = p->indptr[i] + length[i];
    p->n_series = n_series;
    p->n_rows = p->indptr[n_series];
    rows = (size_t)p->n_rows;
    p->mask = vn_arena_array(a, rows, sizeof *p->mask);
    if (!p->y) p->y = vn_arena_array(a, rows, sizeof *p->y);
    if (!p->y || !p->mask) return VN_E_MEMORY;
    if (p->n_hist && !p->hist) p->hist = vn_arena_array(a, rows, (size_t)p->n_hist * sizeof *p->hist);
    if (p->n_futr && !p->futr) p->futr = vn_arena_array(a, rows, (size_t)p->n_futr * sizeof *p->futr);
    if ((p->n_hist && !p->hist) || (p->n_futr && !p->futr)) return VN_E_MEMORY;
    if (p->n_stat && !(p->stat = vn_arena_array(a, n, (size_t)p->n_stat * sizeof *p->stat)))
        return VN_E_MEMORY;
    return VN_OK;
}

void vn_panel_close(vn_panel *p)
{
    if (!p) return;
    vn_arena_close(&p->arena);
    vn_free(p);
}

static void tell(const vn_table *t, const vn_log *log)
{
    static const char *const formats[] = { "auto", "long", "wide", "rows" };
    const vn_panel *p = t->panel;
    char freq[VN_STAMP_TEXT];
    vn_log_printf(
        log, VN_LOG_INFO,
        "%s: %s format, %lld series, %lld rows, frequency %s, season %lld, %lld rows put into "
        "gaps, %lld targets missing",
        t->name, formats[t->format], (long long)p->n_series, (long long)p->n_rows,
        vn_freq_text(p->freq, freq), (long long)p->season, (long long)p->n_gap_rows,
        (long long)p->n_missing);
    int64_t future = p->n_rows;
    for (int64_t i = 0; i < p->n_series; i++) future -= p->n_past[i];
    if (future && future < p->n_rows)
        vn_log_printf(log, VN_LOG_INFO,
                      "%s: %lld rows lie after the last target of their series and are taken as its "
                      "future: forecasts begin there",
                      t->name, (long long)future);
}

vn_status vn_panel_read(const char *path, const vn_data_options *options, const vn_log *log,
                        vn_panel **panel)
{
    return vn_panel_read_blocks(path, options, log, VN_SOURCE_BLOCK, 0, panel);
}

vn_status vn_panel_read_blocks(const char *path, const vn_data_options *options, const vn_log *log,
                               size_t block, int lanes, vn_panel **panel)
{
    *panel = NULL;
    vn_status st;
    vn_source source = { .path = path, .block = block, .lanes = lanes, .in.fd = -1 };
    vn_table t = { .name = strcmp(path, "-") ? path : "standard input", .options = options };
    t.panel = vn_calloc(1, sizeof *t.panel);
    if (!t.panel) return VN_E_MEMORY;
    VN_TRY_DONE(vn_source_open(&source));
    VN_TRY_DONE(vn_table_read(&t, &source, log));
    vn_source_close(&source); /* before the panel's columns are made */
    VN_TRY_DONE(vn_table_grid(&t));
    tell(&t, log);
    *panel = t.panel;
done:
    vn_source_close(&source);
    vn_table_close(&t);
    if (st) vn_panel_close(t.panel);
    return st;
}

static vn_status check_arrays(int64_t n_series, const char *const *id, const int64_t *indptr,
                              vn_freq freq, int64_t season)
{
    if (n_series < 1)
        return VN_FAIL(VN_E_ARGUMENT, "%lld series, expected at least one", (long long)n_series);
    if (season < 1)
        return VN_FAIL(VN_E_ARGUMENT, "a season of %lld steps, expected at least 1",
                       (long long)season);
    if (freq.n < 1)
        return VN_FAIL(VN_E_ARGUMENT, "a frequency of %lld units, expected at least 1",
                       (long long)freq.n);
    if (indptr[0] != 0)
        return VN_FAIL(VN_E_ARGUMENT, "indptr begins with %lld, expected 0", (long long)indptr[0]);
    for (int64_t i = 0; i < n_series; i++) {
        if (!id[i] || !*id[i]) return VN_FAIL(VN_E_ARGUMENT, "series %lld has no id", (long long)i);
        if (indptr[i + 1] <= indptr[i] || indptr[i + 1] - indptr[i] > INT32_MAX)
            return VN_FAIL(VN_E_ARGUMENT, "series '%s' has %lld rows, expected 1 to %d", id[i],
                           (long long)(indptr[i + 1] - indptr[i]), INT32_MAX);
    }
    return VN_OK;
}

/* The ids, copied; they must differ. */
static vn_status take_ids(vn_panel *p, const char *const *id)
{
    vn_names names = { .arena = &p->arena };
    vn_status st = VN_OK;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t index = 0;
        VN_TRY_DONE(vn_names_add(&names, id[i], strlen(id[i]), &index));
        if (index < i) {
            st = VN_FAIL(VN_E_ARGUMENT, "series %lld and %lld are both called '%s'",
                         (long long)index, (long long)i, id[i]);
            goto done;
        }
        p->id[i] = names.name[index];
    }
done:
    vn_names_close(&names);
    return st;
}

static vn_status take_targets(vn_panel *p, const float *y, const float *mask)
{
    int64_t empty = 0, n_empty = 0;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t observed = 0, first = p->indptr[i];
        for (int64_t t = first; t < p->indptr[i + 1]; t++) {
            if (isnan(y[t]) || (mask && mask[t] == 0.0f)) continue;
            if (isinf(y[t]))
                return VN_FAIL(VN_E_DATA, "series '%s' is infinite at row %lld", p->id[i],
                               (long long)(t - first));
            p->y[t] = y[t];
            p->mask[t] = 1.0f;
            p->n_past[i] = t - first + 1;
            observed++;
        }
        p->n_missing += p->n_past[i] - observed;
        empty = observed ? empty : i;
        n_empty += !observed;
    }
    if (n_empty && n_empty < p->n_series) /* all: a table of future features */
        return VN_FAIL(VN_E_DATA, "series '%s' has no observed value", p->id[empty]);
    return VN_OK;
}

vn_status vn_panel_from_arrays(int64_t n_series, const char *const *id, const int64_t *indptr,
                               const float *y, const float *mask, const int64_t *start,
                               vn_freq freq, int64_t season, vn_panel **panel)
{
    *panel = NULL;
    VN_TRY(check_arrays(n_series, id, indptr, freq, season));
    vn_status st = VN_OK;
    vn_panel *p = vn_calloc(1, sizeof *p);
    int64_t *length = vn_calloc((size_t)n_series, sizeof *length);
    if (!p || !length) {
        st = VN_E_MEMORY;
        goto done;
    }
    for (int64_t i = 0; i < n_series; i++) length[i] = indptr[i + 1] - indptr[i];
    VN_TRY_DONE(vn_panel_room(p, n_series, length));
    VN_TRY_DONE(take_ids(p, id));
    p->freq = freq;
    p->season = season;
    for (int64_t i = 0; i < n_series; i++)
        p->start[i] = start ? start[i] : freq.unit == VN_FREQ_STEP;
    VN_TRY_DONE(take_targets(p, y, mask));
    *panel = p;
done:
    vn_free(length);
    if (st) vn_panel_close(p);
    return st;
}

vn_panel_view vn_panel_view_of(const vn_panel *p)
{
    return (vn_panel_view){ .n_series = p->n_series,
                            .n_hist = p->n_hist,
                            .n_futr = p->n_futr,
                            .n_stat = p->n_stat,
                            .indptr = p->indptr,
                            .y = p->y,
                            .mask = p->mask,
                            .hist = p->hist,
                            .futr = p->futr,
                            .stat = p->stat };
}

int64_t vn_panel_stamp(const vn_panel *p, int64_t i, int64_t t)
{
    return vn_stamp_add(p->freq, p->start[i], t);
}

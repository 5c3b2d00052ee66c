/* Choosing series: a panel with fewer. */
#include "host/data/pick.h"

#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/levels.h"

static vn_status copy_names(vn_arena *arena, const char *const *from, int64_t n, const char ***to)
{
    const char **names = vn_arena_array(arena, (size_t)n, sizeof *names);
    if (!names) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++)
        if (!(names[i] = vn_arena_text(arena, from[i], strlen(from[i])))) return VN_E_MEMORY;
    *to = names;
    return VN_OK;
}

/* All that is not of single series. */
static vn_status copy_columns(vn_panel *out, const vn_panel *p)
{
    vn_arena *a = &out->arena;
    VN_TRY(copy_names(a, p->hist_name, p->n_hist, &out->hist_name));
    VN_TRY(copy_names(a, p->futr_name, p->n_futr, &out->futr_name));
    VN_TRY(copy_names(a, p->stat_name, p->n_stat, &out->stat_name));
    VN_TRY(vn_levels_copy(p->hist_cat, p->n_hist_cat, a, &out->hist_cat));
    VN_TRY(vn_levels_copy(p->futr_cat, p->n_futr_cat, a, &out->futr_cat));
    return vn_levels_copy(p->stat_cat, p->n_stat_cat, a, &out->stat_cat);
}

static void copy_block(float *to, const float *from, int64_t row, int64_t first, int64_t n,
                       int64_t width)
{
    if (to && from)
        memcpy(to + row * width, from + first * width, (size_t)(n * width) * sizeof *to);
}

/* Series `from` of p as series i. */
static vn_status copy_series(vn_panel *out, int64_t i, const vn_panel *p, int64_t from)
{
    int64_t row = out->indptr[i], first = p->indptr[from], n = p->indptr[from + 1] - first;
    out->id[i] = vn_arena_text(&out->arena, p->id[from], strlen(p->id[from]));
    if (!out->id[i]) return VN_E_MEMORY;
    out->start[i] = p->start[from];
    out->n_past[i] = p->n_past[from];
    copy_block(out->y, p->y, row, first, n, 1);
    copy_block(out->mask, p->mask, row, first, n, 1);
    copy_block(out->y_rest, p->y_rest, row, first, n, 1);
    copy_block(out->hist, p->hist, row, first, n, p->n_hist);
    copy_block(out->futr, p->futr, row, first, n, p->n_futr);
    copy_block(out->stat, p->stat, i, from, 1, p->n_stat);
    for (int64_t t = 0; t < out->n_past[i]; t++) out->n_missing += out->mask[row + t] == 0.0f;
    return VN_OK;
}

static vn_status pick(vn_panel *out, const vn_panel *p, const int64_t *series, int64_t n,
                      int64_t *length)
{
    for (int64_t i = 0; i < n; i++) length[i] = p->indptr[series[i] + 1] - p->indptr[series[i]];
    VN_TRY(vn_panel_room(out, n, length));
    if (p->y_rest) {
        out->y_rest = vn_arena_array(&out->arena, (size_t)out->n_rows, sizeof *out->y_rest);
        if (!out->y_rest) return VN_E_MEMORY;
    }
    VN_TRY(copy_columns(out, p));
    for (int64_t i = 0; i < n; i++) VN_TRY(copy_series(out, i, p, series[i]));
    return VN_OK;
}

vn_status vn_panel_pick(const vn_panel *p, const int64_t *series, int64_t n, vn_panel **picked)
{
    *picked = NULL;
    if (n < 1)
        return VN_FAIL(VN_E_ARGUMENT, "%" PRId64 " series to pick, expected at least one", n);
    for (int64_t i = 0; i < n; i++)
        if (series[i] < 0 || series[i] >= p->n_series)
            return VN_FAIL(VN_E_ARGUMENT,
                           "there is no series %" PRId64 " to pick: there are %" PRId64, series[i],
                           p->n_series);
    vn_panel *out = vn_calloc(1, sizeof *out);
    int64_t *length = vn_calloc((size_t)n, sizeof *length);
    vn_status st = out && length ? VN_OK : VN_E_MEMORY;
    if (!st) {
        *out = (vn_panel){ .n_hist = p->n_hist,
                           .n_futr = p->n_futr,
                           .n_stat = p->n_stat,
                           .n_hist_cat = p->n_hist_cat,
                           .n_futr_cat = p->n_futr_cat,
                           .n_calendar = p->n_calendar,
                           .n_stat_cat = p->n_stat_cat,
                           .freq = p->freq,
                           .season = p->season };
        st = pick(out, p, series, n, length);
    }
    vn_free(length);
    if (!st)
        *picked = out;
    else
        vn_panel_close(out);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

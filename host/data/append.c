/* A panel continued by another one: actuals of a test file, or future features. */
#include <string.h>

#include "base/fault.h"
#include "base/text.h"
#include "host/data/calendar.h"
#include "host/data/levels.h"
#include "host/data/panel.h"

static const char *nth_id(int i, const void *ctx)
{
    const vn_panel *p = ctx;
    return i < p->n_series ? p->id[i] : NULL;
}

/* tail[i] is the series of `more` that continues series i, -1 if none. */
static vn_status match(const vn_panel *p, const vn_panel *more, int64_t *tail)
{
    vn_arena scratch = { 0 };
    vn_names names = { .arena = &scratch };
    vn_status st = VN_OK;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t index;
        VN_TRY_DONE(vn_names_add(&names, p->id[i], strlen(p->id[i]), &index));
        tail[i] = -1;
    }
    for (int64_t j = 0; j < more->n_series; j++) {
        int64_t i = vn_names_find(&names, more->id[j], strlen(more->id[j]));
        if (i < 0 && p->n_series == 1 && more->n_series == 1 && !*more->id[j]) i = 0;
        if (i < 0) {
            const char *near = p->n_series <= 10000 ? vn_nearest(more->id[j], nth_id, p) : NULL;
            st = VN_FAIL(VN_E_DATA,
                         "series '%s' is not among the %lld series it should continue%s%s%s",
                         more->id[j], (long long)p->n_series, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'?" : "");
            goto done;
        }
        tail[i] = j;
    }
done:
    vn_names_close(&names);
    vn_arena_close(&scratch);
    return st;
}

static vn_status check_features(const vn_panel *p, const vn_panel *more)
{
    bool known = more->n_futr == p->n_futr && more->n_futr_cat == p->n_futr_cat &&
                 more->n_calendar == p->n_calendar,
         past = more->n_hist == p->n_hist && more->n_hist_cat == p->n_hist_cat;
    for (int64_t i = 0; known && i < p->n_futr; i++)
        known = !strcmp(p->futr_name[i], more->futr_name[i]);
    for (int64_t i = 0; past && i < p->n_hist; i++)
        past = !strcmp(p->hist_name[i], more->hist_name[i]);
    if (!known)
        return VN_FAIL(VN_E_DATA,
                       "the new rows have %lld future features, expected the same %lld in the "
                       "same order",
                       (long long)more->n_futr, (long long)p->n_futr);
    for (int64_t j = 0; !past && j < more->n_series; j++)
        if (more->n_past[j])
            return VN_FAIL(VN_E_DATA,
                           "the new rows have %lld past features, expected the same %lld in "
                           "the same order",
                           (long long)more->n_hist, (long long)p->n_hist);
    return VN_OK;
}

/* The stamps of series j must be those of rows n_past, n_past + 1, ... of series i. */
static vn_status check_stamps(const vn_panel *p, const vn_panel *more, int64_t i, int64_t j)
{
    if (p->freq.unit == VN_FREQ_STEP && more->freq.unit == VN_FREQ_STEP) return VN_OK;
    if (p->freq.unit == VN_FREQ_STEP || more->freq.unit == VN_FREQ_STEP)
        return VN_FAIL(VN_E_DATA,
                       "series '%s' cannot continue: one table has time stamps, the other "
                       "integer steps",
                       p->id[i]);
    int64_t n = more->indptr[j + 1] - more->indptr[j];
    for (int64_t t = 0; t<n; t += n> 1 ? n - 1 : 1) { /* the first and the last row */
        int64_t expected = vn_panel_stamp(p, i, p->n_past[i] + t),
                found = vn_panel_stamp(more, j, t);
        if (expected == found) continue;
        char a[VN_STAMP_TEXT], b[VN_STAMP_TEXT];
        return VN_FAIL(VN_E_DATA,
                       "row %lld of series '%s' should continue at %s, but its time stamp is %s",
                       (long long)t + 1, p->id[i], vn_stamp_text(p->freq, expected, a),
                       vn_stamp_text(p->freq, found, b));
    }
    return VN_OK;
}

/* Rows first .. first + n of series i of `from` to row `to` of the joined panel. */
static void copy_rows(vn_panel *out, int64_t to, const vn_panel *from, int64_t first, int64_t n)
{
    size_t rows = (size_t)n, wide = sizeof(float);
    memcpy(out->y + to, from->y + first, rows * wide);
    memcpy(out->mask + to, from->mask + first, rows * wide);
    if (out->y_rest && from->y_rest) memcpy(out->y_rest + to, from->y_rest + first, rows * wide);
    if (out->n_hist && out->n_hist == from->n_hist)
        memcpy(out->hist + to * out->n_hist, from->hist + first * from->n_hist,
               rows * wide * (size_t)out->n_hist);
    if (out->n_futr)
        memcpy(out->futr + to * out->n_futr, from->futr + first * from->n_futr,
               rows * wide * (size_t)out->n_futr);
}

static vn_status copy_names(vn_arena *arena, const char *const *from, int64_t n, const char ***to)
{
    const char **names = vn_arena_array(arena, (size_t)n, sizeof *names);
    if (!names) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++)
        if (!(names[i] = vn_arena_text(arena, from[i], strlen(from[i])))) return VN_E_MEMORY;
    *to = names;
    return VN_OK;
}

/* From the codes of the new rows to the joined levels: a map a column; NULL where the new rows have
 * no such columns. */
typedef struct maps {
    float **hist, **futr;
} maps;

/* Codes of rows [to, to + n) of a block `width` wide, in n_cat columns from `first` on. */
static void recode(float *block, int64_t width, int64_t first, int64_t n_cat, int64_t to, int64_t n,
                   float *const *map)
{
    for (int64_t t = to; t < to + n; t++)
        for (int64_t c = 0; c < n_cat; c++) {
            float *code = &block[t * width + first + c];
            *code = map[c][(int64_t)*code];
        }
}

static void join_series(vn_panel *out, const vn_panel *p, const vn_panel *more, int64_t i,
                        int64_t j, const maps *map)
{
    int64_t keep = j < 0 ? p->indptr[i + 1] - p->indptr[i] : p->n_past[i], to = out->indptr[i];
    int64_t n = j < 0 ? 0 : more->indptr[j + 1] - more->indptr[j];
    copy_rows(out, to, p, p->indptr[i], keep);
    out->start[i] = p->start[i];
    out->n_past[i] = p->n_past[i];
    if (j < 0) return;
    copy_rows(out, to + keep, more, more->indptr[j], n);
    recode(out->futr, out->n_futr, out->n_futr - out->n_calendar - out->n_futr_cat, out->n_futr_cat,
           to + keep, n, map->futr);
    if (map->hist)
        recode(out->hist, out->n_hist, out->n_hist - out->n_hist_cat, out->n_hist_cat, to + keep, n,
               map->hist);
    if (more->n_past[j]) out->n_past[i] = keep + more->n_past[j];
}

/* The levels of both in n columns, and the maps from those of `more` to them. */
static vn_status join_columns(const vn_levels *p, const vn_levels *more, int64_t n, vn_arena *a,
                              vn_levels **out, float ***map)
{
    *out = vn_arena_array(a, (size_t)n, sizeof **out);
    *map = vn_arena_array(a, (size_t)n, sizeof **map);
    if (!*out || !*map) return VN_E_MEMORY;
    for (int64_t c = 0; c < n; c++) {
        VN_TRY(vn_levels_join(&p[c], &more[c], a, &(*out)[c]));
        VN_TRY(vn_levels_map(&more[c], &(*out)[c], a, &(*map)[c]));
    }
    return VN_OK;
}

/* Levels of the joined panel. Static features, and so their levels, are those of p. */
static vn_status join_levels(vn_panel *out, const vn_panel *p, const vn_panel *more, maps *map)
{
    vn_arena *a = &out->arena;
    bool past = p->n_hist && more->n_hist == p->n_hist; /* a table of future features has none */
    out->n_hist_cat = p->n_hist_cat;
    out->n_futr_cat = p->n_futr_cat;
    out->n_stat_cat = p->n_stat_cat;
    out->n_calendar = p->n_calendar;
    VN_TRY(join_columns(p->futr_cat, more->futr_cat, p->n_futr_cat, a, &out->futr_cat, &map->futr));
    if (past)
        VN_TRY(join_columns(p->hist_cat, more->hist_cat, p->n_hist_cat, a, &out->hist_cat,
                            &map->hist));
    else
        VN_TRY(vn_levels_copy(p->hist_cat, p->n_hist_cat, a, &out->hist_cat));
    return vn_levels_copy(p->stat_cat, p->n_stat_cat, a, &out->stat_cat);
}

static vn_status join(vn_panel *out, const vn_panel *p, const vn_panel *more, const int64_t *tail,
                      int64_t *length)
{
    maps map = { NULL, NULL };
    out->n_hist = p->n_hist;
    out->n_futr = p->n_futr;
    out->n_stat = p->n_stat;
    out->freq = p->freq;
    out->season = p->season;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t j = tail[i];
        if (j >= 0) VN_TRY(check_stamps(p, more, i, j));
        length[i] = j < 0 ? p->indptr[i + 1] - p->indptr[i]
                          : p->n_past[i] + more->indptr[j + 1] - more->indptr[j];
        if (length[i] > INT32_MAX)
            return VN_FAIL(VN_E_DATA, "series '%s' would have more than %d rows", p->id[i],
                           INT32_MAX);
    }
    VN_TRY(vn_panel_room(out, p->n_series, length));
    if (p->y_rest || more->y_rest) {
        out->y_rest = vn_arena_array(&out->arena, (size_t)out->n_rows, sizeof *out->y_rest);
        if (!out->y_rest) return VN_E_MEMORY;
    }
    VN_TRY(copy_names(&out->arena, p->id, p->n_series, &out->id));
    VN_TRY(copy_names(&out->arena, p->hist_name, p->n_hist, &out->hist_name));
    VN_TRY(copy_names(&out->arena, p->futr_name, p->n_futr, &out->futr_name));
    VN_TRY(copy_names(&out->arena, p->stat_name, p->n_stat, &out->stat_name));
    VN_TRY(join_levels(out, p, more, &map));
    for (int64_t i = 0; i < p->n_series; i++) {
        join_series(out, p, more, i, tail[i], &map);
        for (int64_t t = 0; t < out->n_past[i]; t++)
            out->n_missing += out->mask[out->indptr[i] + t] == 0.0f;
    }
    if (p->n_stat)
        memcpy(out->stat, p->stat, (size_t)(p->n_series * p->n_stat) * sizeof *out->stat);
    out->n_gap_rows = p->n_gap_rows + more->n_gap_rows;
    return VN_OK;
}

vn_status vn_panel_append(const vn_panel *p, const vn_panel *more, vn_panel **joined)
{
    *joined = NULL;
    VN_TRY(check_features(p, more));
    vn_status st = VN_E_MEMORY;
    vn_panel *out = vn_calloc(1, sizeof *out);
    int64_t *tail = vn_calloc((size_t)p->n_series * 2, sizeof *tail);
    if (!out || !tail) goto done;
    VN_TRY_DONE(match(p, more, tail));
    VN_TRY_DONE(join(out, p, more, tail, tail + p->n_series));
    *joined = out;
done:
    vn_free(tail);
    if (st) vn_panel_close(out);
    return st;
}

/* Data sets: tables from files, series from memory. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/internal.h"
#include "host/data/calendar.h"
#include "host/data/levels.h"
#include "host/data/pick.h"

static vn_status wrap(vn_panel *panel, vane_dataset **data)
{
    vane_dataset *d = vn_calloc(1, sizeof *d);
    if (!d) {
        vn_panel_close(panel);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    d->panel = panel;
    *data = d;
    return VN_OK;
}

vane_status vane_dataset_read(const vane_config *config, const char *path, const vane_hooks *hooks,
                              vane_dataset **data)
{
    vn_panel *panel;
    vn_log log = vn_hooks_log(hooks);
    *data = NULL;
    vn_status st = vn_panel_read(path, &config->data, &log, &panel);
    if (!st) st = wrap(panel, data);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_dataset_read_future(const vane_config *config, const char *path,
                                     const vane_dataset *data, const vane_hooks *hooks,
                                     vane_dataset **future)
{
    vn_panel *panel;
    vn_log log = vn_hooks_log(hooks);
    vn_data_options *o = vn_malloc(sizeof *o);
    *future = NULL;
    if (!o) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    *o = config->data;
    o->target_col.s[0] = o->hist_exog_list.s[0] = o->hist_cat_list.s[0] = 0;
    o->stat_exog_list.s[0] = o->stat_cat_list.s[0] = 0;
    /* One step to come has no neighbour to tell the frequency from. */
    if (!strcmp(o->freq.s, "auto") && data->panel->freq.unit != VN_FREQ_STEP)
        vn_freq_text(data->panel->freq, o->freq.s);
    vn_status st = vn_panel_read(path, o, &log, &panel);
    vn_free(o);
    if (!st) st = wrap(panel, future);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

/* One kind of feature of the caller's arrays: n columns of numbers, n_cat of texts. */
typedef struct given {
    int64_t n, n_cat;
    const char *const *name, *const *cat_name;
    const float *values;      /* [rows, n] */
    const char *const *texts; /* [rows, n_cat] */
} given;

static vn_status name_features(vn_panel *p, const given *g, const char ***names)
{
    *names = vn_arena_array(&p->arena, (size_t)(g->n + g->n_cat), sizeof **names);
    if (!*names) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < g->n + g->n_cat; i++) {
        const char *name = i < g->n ? g->name[i] : g->cat_name[i - g->n];
        if (strchr(name, ','))
            return VN_FAIL(VN_E_ARGUMENT,
                           "feature \"%s\": its name holds a comma, which separates the names in "
                           "lists of features; rename it",
                           name);
        (*names)[i] = vn_arena_text(&p->arena, name, strlen(name));
        if (!(*names)[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    return VN_OK;
}

/* Column i of the texts as codes in column n + i of `own`. */
static vn_status code_texts(const given *g, int64_t rows, int64_t i, vn_names *levels, float *own)
{
    for (int64_t t = 0; t < rows; t++) {
        const char *text = g->texts[t * g->n_cat + i];
        float *code = &own[t * (g->n + g->n_cat) + g->n + i];
        if (text && *text) VN_TRY(vn_levels_add(levels, g->cat_name[i], text, strlen(text), code));
    }
    return VN_OK;
}

static vn_status add_texts(vn_panel *p, const given *g, int64_t rows, float *own, vn_levels **cat)
{
    vn_status st = VN_OK;
    vn_names *levels = vn_calloc((size_t)g->n_cat + 1, sizeof *levels);
    if (!levels) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < g->n_cat; i++) levels[i].arena = &p->arena;
    for (int64_t i = 0; i < g->n_cat; i++) VN_TRY_DONE(code_texts(g, rows, i, &levels[i], own));
    VN_TRY_DONE(vn_levels_from(levels, g->n_cat, &p->arena, cat));
done:
    for (int64_t i = 0; i < g->n_cat; i++) vn_names_close(&levels[i]);
    vn_free(levels);
    return st;
}

/* Give a panel features from arrays: names, values and codes, copied. */
static vn_status add_features(vn_panel *p, const given *g, int64_t rows, const char ***names,
                              float **own, vn_levels **cat)
{
    int64_t width = g->n + g->n_cat;
    if (width == 0) return VN_OK;
    if ((g->n && (!g->name || !g->values)) || (g->n_cat && (!g->cat_name || !g->texts)))
        return VN_FAIL(VN_E_ARGUMENT, "features are announced but not given");
    VN_TRY(name_features(p, g, names));
    *own = vn_arena_array(&p->arena, (size_t)(width * rows), sizeof **own);
    if (!*own) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < g->n * rows; i++) {
        if (!isfinite(g->values[i]))
            return VN_FAIL(VN_E_DATA, "feature \"%s\" is not finite in row %lld", g->name[i % g->n],
                           (long long)(i / g->n));
        (*own)[i / g->n * width + i % g->n] = g->values[i];
    }
    return add_texts(p, g, rows, *own, cat);
}

static vn_status check_arrays(const vane_arrays *a, vn_freq *freq)
{
    if (a->n_series < 1 || !a->id || !a->indptr || !a->y)
        return VN_FAIL(VN_E_ARGUMENT, "arrays need at least one series, its id, indptr and y");
    if (a->indptr[0] != 0)
        return VN_FAIL(VN_E_SHAPE, "indptr begins with %lld, expected 0", (long long)a->indptr[0]);
    for (int64_t i = 0; i < a->n_series; i++)
        if (a->indptr[i + 1] < a->indptr[i] || !a->id[i])
            return VN_FAIL(VN_E_SHAPE, "series %lld has no id or a negative number of rows",
                           (long long)i);
    if (!vn_freq_parse(a->freq ? a->freq : "1", freq))
        return VN_FAIL(VN_E_ARGUMENT,
                       "\"%s\" is no frequency; expected such as H, D, 15min, M or 1", a->freq);
    return VN_OK;
}

static vn_status make(const vane_arrays *a, vn_panel **panel)
{
    vn_freq freq = { 0 };
    VN_TRY(check_arrays(a, &freq));
    int64_t season = a->season > 0 ? a->season : vn_season_of(freq), rows = a->indptr[a->n_series];
    VN_TRY(vn_panel_from_arrays(a->n_series, a->id, a->indptr, a->y, a->mask, a->start, freq,
                                season, panel));
    vn_panel *p = *panel;
    given hist = { a->n_hist, a->n_hist_cat, a->hist_name, a->hist_cat_name, a->hist, a->hist_cat };
    given futr = { a->n_futr, a->n_cat, a->futr_name, a->cat_name, a->futr, a->cat };
    given stat = { a->n_stat, a->n_stat_cat, a->stat_name, a->stat_cat_name, a->stat, a->stat_cat };
    vn_status st = add_features(p, &hist, rows, &p->hist_name, &p->hist, &p->hist_cat);
    if (!st) st = add_features(p, &futr, rows, &p->futr_name, &p->futr, &p->futr_cat);
    if (!st) st = add_features(p, &stat, a->n_series, &p->stat_name, &p->stat, &p->stat_cat);
    p->n_hist = a->n_hist + a->n_hist_cat;
    p->n_hist_cat = a->n_hist_cat;
    p->n_futr = a->n_futr + a->n_cat;
    p->n_stat = a->n_stat + a->n_stat_cat;
    p->n_futr_cat = a->n_cat;
    p->n_stat_cat = a->n_stat_cat;
    if (!st) return VN_OK;
    vn_panel_close(p);
    *panel = NULL;
    return vn_trail(st, __FILE__, __LINE__);
}

vane_status vane_dataset_make(const vane_arrays *arrays, vane_dataset **data)
{
    vane_arrays a = { .size = sizeof a };
    vn_panel *panel = NULL;
    *data = NULL;
    size_t n = arrays->size < sizeof a ? arrays->size : sizeof a; /* absent fields are 0 */
    memcpy(&a, arrays, n);
    vn_status st = make(&a, &panel);
    if (!st) st = wrap(panel, data);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_dataset_pick(const vane_dataset *data, const int64_t *series, int64_t n,
                              vane_dataset **picked)
{
    vn_panel *panel;
    *picked = NULL;
    vn_status st = vn_panel_pick(data->panel, series, n, &panel);
    if (!st) st = wrap(panel, picked);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_dataset_join(const vane_dataset *data, const vane_dataset *more,
                              vane_dataset **joined)
{
    vn_panel *panel;
    *joined = NULL;
    vn_status st = vn_panel_append(data->panel, more->panel, &panel);
    if (!st) st = wrap(panel, joined);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

void vane_dataset_close(vane_dataset *data)
{
    if (!data) return;
    vn_panel_close(data->panel);
    vn_free(data);
}

void vane_dataset_about(const vane_dataset *data, vane_dataset_info *info)
{
    const vn_panel *p = data->panel;
    vane_dataset_info v = { .size = sizeof v,
                            .n_series = p->n_series,
                            .n_rows = p->n_rows,
                            .shortest = INT64_MAX,
                            .n_missing = p->n_missing,
                            .n_gap_rows = p->n_gap_rows,
                            .n_hist = p->n_hist,
                            .n_futr = p->n_futr,
                            .n_stat = p->n_stat,
                            .season = p->season };
    for (int64_t i = 0; i < p->n_series; i++) {
        if (p->n_past[i] < v.shortest) v.shortest = p->n_past[i];
        if (p->n_past[i] > v.longest) v.longest = p->n_past[i];
    }
    _Static_assert(sizeof v.freq == VN_STAMP_TEXT, "a frequency's text fits");
    vn_freq_text(p->freq, v.freq);
    vn_fill(info, &v, sizeof v);
}

vane_status vane_dataset_series(const vane_dataset *data, int64_t i, vane_series *series)
{
    const vn_panel *p = data->panel;
    if (i < 0 || i >= p->n_series)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no series %lld of %lld", (long long)i,
                                 (long long)p->n_series));
    int64_t row = p->indptr[i];
    vane_series v = { sizeof v, p->id[i], p->y + row, p->mask + row, p->n_past[i] };
    vn_fill(series, &v, sizeof v);
    return VANE_OK;
}

int64_t vane_dataset_find(const vane_dataset *data, const char *id)
{
    for (int64_t i = 0; i < data->panel->n_series; i++)
        if (!strcmp(data->panel->id[i], id)) return i;
    return -1;
}

/* True if t steps from `start` stay among the stamps of 64 bits. */
static bool within(vn_freq freq, int64_t start, int64_t t)
{
    int64_t seconds = 86400, k, span, at;
    if (freq.unit == VN_FREQ_STEP || freq.unit == VN_FREQ_SECOND) seconds = 1;
    if (freq.unit == VN_FREQ_BUSINESS) seconds *= 2; /* 5 of them are 7 days */
    if (freq.unit == VN_FREQ_MONTH) seconds *= 32;
    return !__builtin_mul_overflow(t, freq.n, &k) && !__builtin_mul_overflow(k, seconds, &span) &&
           !__builtin_add_overflow(start, span, &at);
}

void vane_dataset_stamp(const vane_dataset *data, int64_t i, int64_t t, char *out, size_t n)
{
    const vn_panel *p = data->panel;
    char text[VN_STAMP_TEXT] = "";
    if (i >= 0 && i < p->n_series && within(p->freq, p->start[i], t))
        vn_stamp_text(p->freq, vn_panel_stamp(p, i, t), text);
    if (n) snprintf(out, n, "%s", text);
}

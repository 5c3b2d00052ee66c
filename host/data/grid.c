/* From rows in file order to a panel: each series sorted, on the grid of its frequency, gaps as
 * masked rows. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/table.h"

/* Rows for gaps may be this many times the rows of the file: beyond, the frequency is wrong. */
enum { GAP_FACTOR = 100 };

typedef struct key {
    int64_t stamp, row;
} key;

/* The rows in order: group g holds places at[g] .. at[g + 1); table->stamp is reordered with them
 * and later holds steps from the group's start. */
typedef struct grid {
    int64_t *at;     /* [groups + 1] */
    int64_t *row;    /* [n] place in the file's order */
    int64_t *start;  /* [groups] first stamp */
    int64_t *length; /* [groups] rows with the gaps filled */
} grid;

static int by_stamp(const void *a, const void *b)
{
    const key *x = a, *y = b;
    if (x->stamp != y->stamp) return x->stamp < y->stamp ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool is_ordered(const vn_table *t)
{
    for (int64_t i = 1; i < t->n; i++)
        if (t->group[i] < t->group[i - 1] ||
            (t->group[i] == t->group[i - 1] && t->stamp[i] < t->stamp[i - 1]))
            return false;
    return true;
}

/* Counting sort by group, then each group by stamp where it does not ascend. */
static vn_status sort_rows(vn_table *t, grid *g)
{
    key *keys = vn_malloc((size_t)t->n * sizeof *keys);
    if (!keys) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n; i++) keys[g->at[t->group[i]]++] = (key){ t->stamp[i], i };
    memmove(g->at + 1, g->at, (size_t)t->n_groups * sizeof *g->at);
    g->at[0] = 0;
    for (int64_t i = 0; i < t->n_groups; i++) {
        key *first = keys + g->at[i];
        int64_t n = g->at[i + 1] - g->at[i], sorted = 1;
        while (sorted < n && first[sorted - 1].stamp <= first[sorted].stamp) sorted++;
        if (sorted < n) qsort(first, (size_t)n, sizeof *first, by_stamp);
    }
    for (int64_t i = 0; i < t->n; i++) {
        t->stamp[i] = keys[i].stamp;
        g->row[i] = keys[i].row;
    }
    vn_free(keys);
    return VN_OK;
}

static vn_status order(vn_table *t, grid *g)
{
    for (int64_t i = 0; i < t->n; i++) g->at[t->group[i] + 1]++;
    for (int64_t i = 0; i < t->n_groups; i++) g->at[i + 1] += g->at[i];
    for (int64_t i = 0; i < t->n; i++) g->row[i] = i;
    return is_ordered(t) ? VN_OK : sort_rows(t, g);
}

static vn_freq written_as(vn_stamp_kind kind)
{
    return (vn_freq){ .unit = kind == VN_STAMP_STEP ? VN_FREQ_STEP : VN_FREQ_SECOND,
                      .n = 1,
                      .date_only = kind == VN_STAMP_DATE };
}

/* " of series 'x'" for messages; all series of a wide table share their rows. */
static const char *whose(const vn_table *t, int64_t group, char out[VN_CSV_SHOWN + 16])
{
    char shown[VN_CSV_SHOWN];
    out[0] = 0;
    if (t->format == VN_FORMAT_WIDE) return out;
    const char *id = t->ids.name[group];
    vn_csv_cell cell = { id, strlen(id), false };
    snprintf(out, VN_CSV_SHOWN + 16, " of series '%s'", vn_csv_show(&cell, shown));
    return out;
}

static vn_status refuse_duplicates(const vn_table *t, const grid *g)
{
    for (int64_t i = 0; i < t->n_groups; i++) {
        for (int64_t k = g->at[i] + 1; k < g->at[i + 1]; k++) {
            if (t->stamp[k] != t->stamp[k - 1]) continue;
            char stamp[VN_STAMP_TEXT], series[VN_CSV_SHOWN + 16];
            return VN_FAIL(
                VN_E_DATA, "%s:%" PRIu32 ": time stamp %s%s stands on line %" PRIu32 " already",
                t->name, t->line[g->row[k]], vn_stamp_text(written_as(t->kind), t->stamp[k], stamp),
                whose(t, i, series), t->line[g->row[k - 1]]);
        }
    }
    return VN_OK;
}

/* The frequency the user gave; one step if none. */
static vn_status given_freq(const vn_data_options *o, vn_freq *freq)
{
    *freq = (vn_freq){ .unit = VN_FREQ_STEP, .n = 1 };
    if (!strcmp(o->freq.s, "auto") || vn_freq_parse(o->freq.s, freq)) return VN_OK;
    return VN_FAIL(
        VN_E_ARGUMENT,
        "freq \"%s\": expected auto, an integer step, or [n] and one of S, min, H, D, B, W, "
        "M, Q, Y",
        o->freq.s);
}

/* The frequency, given or inferred, and the season. */
static vn_status find_freq(const vn_table *t, const grid *g)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    vn_freq given;
    bool automatic = !strcmp(o->freq.s, "auto"), steps = t->kind == VN_STAMP_STEP, found = true;
    VN_TRY(given_freq(o, &given));
    if (!automatic && !steps && given.unit == VN_FREQ_STEP)
        return VN_FAIL(VN_E_ARGUMENT, "freq \"%s\" is an integer step, but %s has time stamps",
                       o->freq.s, t->name);
    p->freq = given;
    if (automatic || (steps && given.unit != VN_FREQ_STEP))
        VN_TRY(vn_freq_infer(t->stamp, g->at, t->n_groups, t->kind, &p->freq, &found));
    if (!found && !steps)
        return VN_FAIL(VN_E_DATA,
                       "%s: the step of time cannot be told from one row a series; give it with "
                       "--freq",
                       t->name);
    if (!found) p->freq = written_as(VN_STAMP_STEP);
    p->freq.date_only = t->kind == VN_STAMP_DATE && p->freq.unit > VN_FREQ_SECOND;
    if (p->freq.unit == VN_FREQ_MONTH) p->freq.month_end |= vn_stamps_end_months(t->stamp, t->n);
    p->season = o->season_length ? o->season_length : vn_season_of(automatic ? p->freq : given);
    return VN_OK;
}

/* Message parts of the row at place k of group i: its file line, stamp and the one expected there.
 */
static vn_status refuse_row(const vn_table *t, const grid *g, int64_t i, int64_t k, int64_t stamp,
                            int64_t step, bool off_grid)
{
    const vn_freq freq = t->panel->freq;
    char found[VN_STAMP_TEXT], expected[VN_STAMP_TEXT], step_text[VN_STAMP_TEXT];
    char series[VN_CSV_SHOWN + 16];
    vn_stamp_text(freq, stamp, found);
    vn_stamp_text(freq, vn_stamp_add(freq, g->start[i], step), expected);
    vn_freq_text(freq, step_text);
    if (off_grid)
        return VN_FAIL(VN_E_DATA,
                       "%s:%" PRIu32 ": time stamp %s%s does not fit the frequency %s "
                       "(%s); expected %s",
                       t->name, t->line[g->row[k]], found, whose(t, i, series), step_text,
                       strcmp(t->options->freq.s, "auto") ? "given" : "inferred, see --freq",
                       expected);
    return VN_FAIL(VN_E_DATA,
                   "%s:%" PRIu32 ": a gap before time stamp %s%s: expected %s (frequency "
                   "%s); --gaps fill puts masked rows there",
                   t->name, t->line[g->row[k]], found, whose(t, i, series), expected, step_text);
}

static vn_status refuse_span(const vn_table *t, const grid *g, int64_t i, int64_t inserted)
{
    char step[VN_STAMP_TEXT], series[VN_CSV_SHOWN + 16];
    int64_t widest = g->at[i];
    for (int64_t k = g->at[i] + 1; k < g->at[i + 1]; k++) /* t->stamp holds steps by now */
        if (k == g->at[i] + 1 ||
            t->stamp[k] - t->stamp[k - 1] > t->stamp[widest] - t->stamp[widest - 1])
            widest = k;
    return VN_FAIL(VN_E_DATA,
                   "%s:%" PRIu32 ": with frequency %s the gaps need %lld rows or more for the "
                   "%lld of the file; the widest%s ends on this line. Is a stamp or --freq wrong?",
                   t->name, t->line[g->row[widest]], vn_freq_text(t->panel->freq, step),
                   (long long)inserted, (long long)t->n, whose(t, i, series));
}

/* Turn the stamps of group i into steps from its start. */
static vn_status place_group(vn_table *t, grid *g, int64_t i, int64_t *inserted)
{
    bool strict = t->options->gaps == 1;
    int64_t last = -1;
    g->start[i] = t->stamp[g->at[i]];
    for (int64_t k = g->at[i]; k < g->at[i + 1]; k++) {
        int64_t step, stamp = t->stamp[k];
        bool fits = vn_stamp_index(t->panel->freq, g->start[i], stamp, &step);
        if (!fits || (strict && step != last + 1))
            return refuse_row(t, g, i, k, stamp, fits || step < last + 1 ? last + 1 : step, !fits);
        t->stamp[k] = last = step;
    }
    g->length[i] = last + 1;
    *inserted += last + 1 - (g->at[i + 1] - g->at[i]);
    if (*inserted > GAP_FACTOR * t->n) return refuse_span(t, g, i, *inserted);
    if (last >= INT32_MAX)
        return VN_FAIL(VN_E_DATA, "%s: series of more than %d rows", t->name, INT32_MAX);
    return VN_OK;
}

/* Copy the features of one row of the file; `to` is the panel's row. */
static void copy_features(const vn_table *t, int64_t from, int64_t to)
{
    vn_panel *p = t->panel;
    const float *cells = t->cell + from * t->n_cells + t->n_y;
    if (p->n_hist) memcpy(p->hist + to * p->n_hist, cells, (size_t)p->n_hist * sizeof *cells);
    if (p->n_futr)
        memcpy(p->futr + to * p->n_futr, cells + p->n_hist, (size_t)p->n_futr * sizeof *cells);
}

/* Features must be complete: past ones where the target is, future ones on every row. */
static vn_status check_features(const vn_table *t, const grid *g, int64_t k, int64_t to, bool past)
{
    vn_panel *p = t->panel;
    for (int64_t j = 0; j < p->n_hist + p->n_futr; j++) {
        bool is_hist = j < p->n_hist;
        float *x =
            is_hist ? &p->hist[to * p->n_hist + j] : &p->futr[to * p->n_futr + j - p->n_hist];
        if (!isnan(*x)) continue;
        if (!is_hist || past)
            return VN_FAIL(VN_E_DATA,
                           "%s:%" PRIu32
                           ": column '%s' has no value here; %s features must be complete",
                           t->name, t->line[g->row[k]],
                           is_hist ? p->hist_name[j] : p->futr_name[j - p->n_hist],
                           is_hist ? "past" : "future");
        *x = 0.0f;
    }
    return VN_OK;
}

/* Above this part of a series' spread, what f32 loses of its values is kept. */
static const double rest_matters = 1e-4;

/* Spread of one series' values and the most that f32 loses of one. */
typedef struct spread {
    double lo, hi, rest;
} spread;

static void widen(spread *s, float y, float rest)
{
    if (isnan(y)) return;
    double x = (double)y + (double)rest;
    s->lo = fmin(s->lo, x);
    s->hi = fmax(s->hi, x);
    s->rest = fmax(s->rest, fabs((double)rest));
}

static bool needs_rest(const spread *s)
{
    return s->rest > rest_matters * (s->hi - s->lo) && s->hi > s->lo;
}

static bool table_needs_rest(const vn_table *t, const grid *g)
{
    for (int64_t i = 0; i < t->n_groups; i++)
        for (int64_t c = 0; c < t->n_y; c++) {
            spread s = { INFINITY, -INFINITY, 0 };
            for (int64_t k = g->at[i]; k < g->at[i + 1]; k++)
                widen(&s, t->cell[g->row[k] * t->n_cells + c], t->rest[g->row[k] * t->n_y + c]);
            if (needs_rest(&s)) return true;
        }
    return false;
}

static bool rows_need_rest(const vn_table *t)
{
    const vn_panel *p = t->panel;
    for (int64_t i = 0; i < p->n_series; i++) {
        spread s = { INFINITY, -INFINITY, 0 };
        for (int64_t k = p->indptr[i]; k < p->indptr[i + 1]; k++)
            widen(&s, t->value[k], t->value_rest[k]);
        if (needs_rest(&s)) return true;
    }
    return false;
}

static vn_status open_rest(vn_panel *p, bool needed)
{
    if (!needed) return VN_OK;
    p->y_rest = vn_arena_array(&p->arena, (size_t)p->n_rows, sizeof *p->y_rest);
    return p->y_rest ? VN_OK : VN_E_MEMORY;
}

/* Of the past a missing row repeats the features before it, masked as its target is; what is to come is
 * not guessed. */
static vn_status future_gap(const vn_table *t, const grid *g, int64_t s, int64_t k)
{
    char stamp[VN_STAMP_TEXT];
    int64_t missing = t->stamp[k] - 1;
    return VN_FAIL(VN_E_DATA,
                   "%s:%u: no row for %s before this one, in the future of series '%s'; future "
                   "features must be complete",
                   t->name, t->line[g->row[k]],
                   vn_stamp_text(t->panel->freq, vn_panel_stamp(t->panel, s, missing), stamp),
                   t->ids.name[s]);
}

/* Write series s: group i, target y_at (-1: the table has none). */
static vn_status fill(const vn_table *t, const grid *g, int64_t i, int64_t s, int64_t y_at)
{
    vn_panel *p = t->panel;
    int64_t first = p->indptr[s], last = -1, observed = 0;
    p->start[s] = g->start[i];
    for (int64_t k = g->at[i]; y_at >= 0 && k < g->at[i + 1]; k++) {
        float y = t->cell[g->row[k] * t->n_cells + y_at];
        if (isnan(y)) continue;
        p->y[first + t->stamp[k]] = y;
        if (p->y_rest) p->y_rest[first + t->stamp[k]] = t->rest[g->row[k] * t->n_y + y_at];
        p->mask[first + t->stamp[k]] = 1.0f;
        p->n_past[s] = t->stamp[k] + 1;
        observed++;
    }
    if (y_at >= 0 && !observed && !p->n_futr) /* else future features alone */
        return VN_FAIL(VN_E_DATA, "%s: series '%s' has no observed value", t->name, t->ids.name[s]);
    for (int64_t k = g->at[i]; p->n_hist + p->n_futr && k < g->at[i + 1]; k++) {
        int64_t step = t->stamp[k];
        if (p->n_futr && last + 1 < step && step > p->n_past[s]) VN_TRY(future_gap(t, g, s, k));
        for (int64_t gap = last + 1; gap < step; gap++)
            copy_features(t, g->row[k - 1], first + gap);
        copy_features(t, g->row[k], first + step);
        for (int64_t to = last + 1; to <= step; to++)
            VN_TRY(check_features(t, g, k, first + to, to < p->n_past[s]));
        last = step;
    }
    p->n_gap_rows += g->length[i] - (g->at[i + 1] - g->at[i]);
    p->n_missing += p->n_past[s] - observed;
    return VN_OK;
}

static vn_status take_stats(const vn_table *t)
{
    vn_panel *p = t->panel;
    for (int64_t i = 0; i < p->n_series * p->n_stat; i++) {
        bool code = i % p->n_stat >= p->n_stat - p->n_stat_cat;
        if (isnan(t->stat[i]) && !code)
            return VN_FAIL(VN_E_DATA, "%s: series '%s' has no value of static feature '%s'",
                           t->name, t->ids.name[i / p->n_stat], p->stat_name[i % p->n_stat]);
        p->stat[i] = isnan(t->stat[i]) ? 0.0f : t->stat[i];
    }
    return VN_OK;
}

/* Lengths per series, arrays, content. */
static vn_status fill_all(const vn_table *t, const grid *g)
{
    vn_panel *p = t->panel;
    bool wide = t->format == VN_FORMAT_WIDE;
    int64_t n_series = wide ? t->n_y : t->n_groups;
    int64_t *length = vn_malloc((size_t)n_series * sizeof *length);
    if (!length) return VN_E_MEMORY;
    for (int64_t s = 0; s < n_series; s++) length[s] = g->length[wide ? 0 : s];
    vn_status st = vn_panel_room(p, n_series, length);
    vn_free(length);
    VN_TRY(st);
    VN_TRY(open_rest(p, table_needs_rest(t, g)));
    for (int64_t s = 0; s < n_series; s++) p->id[s] = t->ids.name[s];
    for (int64_t s = 0; s < n_series; s++)
        VN_TRY(fill(t, g, wide ? 0 : s, s, wide ? s : t->n_y ? 0 : -1));
    return take_stats(t);
}

static vn_status grid_open(const vn_table *t, grid *g)
{
    size_t n = (size_t)t->n_groups;
    g->at = vn_calloc(n + 1, sizeof *g->at);
    g->row = vn_malloc((size_t)t->n * sizeof *g->row);
    g->start = vn_malloc(n * sizeof *g->start);
    g->length = vn_malloc(n * sizeof *g->length);
    return g->at && g->row && g->start && g->length ? VN_OK : VN_E_MEMORY;
}

static void grid_close(grid *g)
{
    vn_free(g->at);
    vn_free(g->row);
    vn_free(g->start);
    vn_free(g->length);
}

/* One series per record: the values lie one series after the other and have no stamps. */
static vn_status grid_rows(vn_table *t)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    vn_freq given;
    VN_TRY(given_freq(o, &given));
    p->freq = (vn_freq){ .unit = VN_FREQ_STEP, .n = 1 };
    p->season = o->season_length ? o->season_length : vn_season_of(given);
    VN_TRY(vn_panel_room(p, t->n_groups, t->count));
    for (int64_t s = 0; s < t->n_groups; s++) {
        p->id[s] = t->ids.name[s];
        p->start[s] = 1;
        p->n_past[s] = t->count[s];
    }
    VN_TRY(open_rest(p, rows_need_rest(t)));
    for (int64_t i = 0; i < p->n_rows; i++) {
        bool missing = isnan(t->value[i]);
        p->y[i] = missing ? 0.0f : t->value[i];
        if (p->y_rest) p->y_rest[i] = missing ? 0.0f : t->value_rest[i];
        p->mask[i] = missing ? 0.0f : 1.0f;
        p->n_missing += missing;
    }
    return VN_OK;
}

/* The day of an integer YYYYMMDD or YYYYMM of the years 1800 to 2199, as a stamp. */
static bool compact_date(int64_t x, int64_t *stamp)
{
    if (x < 1000000) x = x * 100 + 1;
    int64_t year = x / 10000, month = x / 100 % 100, day = x % 100;
    if (year < 1800 || year > 2199 || month < 1 || month > 12) return false;
    *stamp = vn_days_of(year, (int)month, (int)day) * 86400;
    return day >= 1 && day <= vn_month_days(year, (int)month);
}

/* Integers that all are such dates are taken as dates: as steps they would have a gap at the end of
 * every month or year. */
static void read_compact_dates(vn_table *t)
{
    int64_t stamp;
    if (t->kind != VN_STAMP_STEP || t->n < 2) return;
    for (int64_t i = 0; i < t->n; i++)
        if (!compact_date(t->stamp[i], &stamp)) return;
    for (int64_t i = 0; i < t->n; i++) compact_date(t->stamp[i], &t->stamp[i]);
    t->kind = VN_STAMP_DATE;
}

vn_status vn_table_grid(vn_table *t)
{
    if (t->format == VN_FORMAT_ROWS) return grid_rows(t);
    read_compact_dates(t);
    grid g = { 0 };
    int64_t inserted = 0;
    vn_status st = grid_open(t, &g);
    if (st) goto done;
    VN_TRY_DONE(order(t, &g));
    VN_TRY_DONE(refuse_duplicates(t, &g));
    VN_TRY_DONE(find_freq(t, &g));
    for (int64_t i = 0; i < t->n_groups; i++) VN_TRY_DONE(place_group(t, &g, i, &inserted));
    VN_TRY_DONE(fill_all(t, &g));
done:
    grid_close(&g);
    return st;
}

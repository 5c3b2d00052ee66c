/* From rows in file order to a panel: each series sorted, on the grid of its frequency, gaps as
 * masked rows. Where the file is in order already, its columns become the panel's as they are. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/block.h"

/* Rows for gaps may be this many times the rows of the file: beyond, the frequency is wrong. */
enum { GAP_FACTOR = 100 };

/* The runs in order: group g holds at[g] .. at[g + 1); their stamps and steps later count the grid's
 * steps from the group's start. */
typedef struct grid {
    int64_t *at;     /* [groups + 1] */
    int64_t *start;  /* [groups] first stamp */
    int64_t *length; /* [groups] rows with the gaps filled */
} grid;

static uint32_t line_of(const vn_row_run *r, int64_t k)
{
    return r->line + (uint32_t)k;
}

static int by_stamp(const void *a, const void *b)
{
    const vn_row_run *x = a, *y = b;
    if (x->stamp != y->stamp) return x->stamp < y->stamp ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

/* Stamps ascend in each run, and from one to the next; equal ones may meet. */
static bool ascend(const vn_row_run *r, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (r[i].n > 1 && r[i].step <= 0) return false;
        if (i && vn_row_run_stamp(&r[i - 1], r[i - 1].n - 1) > r[i].stamp) return false;
    }
    return true;
}

static void find_groups(const vn_table *t, grid *g)
{
    memset(g->at, 0, (size_t)(t->n_groups + 1) * sizeof *g->at);
    for (int64_t i = 0; i < t->n_runs; i++) g->at[t->run[i].group + 1]++;
    for (int64_t i = 0; i < t->n_groups; i++) g->at[i + 1] += g->at[i];
}

/* Every row a run of its own. */
static vn_status part_runs(vn_table *t, grid *g)
{
    size_t bytes;
    vn_row_run *each = NULL;
    if (!vn_mul_size((size_t)t->n, sizeof *each, &bytes) || !(each = vn_malloc(bytes)))
        return VN_E_MEMORY;
    int64_t n = 0;
    for (int64_t i = 0; i < t->n_runs; i++)
        for (int32_t k = 0; k < t->run[i].n; k++) {
            const vn_row_run *r = &t->run[i];
            each[n++] = (vn_row_run){ vn_row_run_stamp(r, k), r->row + k, 1, 0, r->group, line_of(r, k) };
        }
    vn_free(t->run);
    t->run = each;
    t->n_runs = t->cap_runs = n;
    find_groups(t, g);
    return VN_OK;
}

/* A stable counting sort by group. */
static vn_status sort_groups(vn_table *t, grid *g)
{
    vn_row_run *sorted = vn_malloc((size_t)t->n_runs * sizeof *sorted);
    if (!sorted) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n_runs; i++) sorted[g->at[t->run[i].group]++] = t->run[i];
    memmove(g->at + 1, g->at, (size_t)t->n_groups * sizeof *g->at);
    g->at[0] = 0;
    vn_free(t->run);
    t->run = sorted;
    t->cap_runs = t->n_runs;
    return VN_OK;
}

static bool groups_ascend(const vn_table *t, const grid *g)
{
    for (int64_t i = 0; i < t->n_groups; i++)
        if (!ascend(t->run + g->at[i], g->at[i + 1] - g->at[i])) return false;
    return true;
}

static bool is_grouped(const vn_table *t)
{
    for (int64_t i = 1; i < t->n_runs; i++)
        if (t->run[i].group < t->run[i - 1].group) return false;
    return true;
}

static vn_status order(vn_table *t, grid *g)
{
    find_groups(t, g);
    if (!is_grouped(t)) VN_TRY(sort_groups(t, g));
    if (groups_ascend(t, g)) return VN_OK;
    VN_TRY(part_runs(t, g));
    for (int64_t i = 0; i < t->n_groups; i++) {
        vn_row_run *first = t->run + g->at[i];
        int64_t n = g->at[i + 1] - g->at[i];
        if (!ascend(first, n)) qsort(first, (size_t)n, sizeof *first, by_stamp);
    }
    return VN_OK;
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
            const vn_row_run *r = &t->run[k], *before = r - 1;
            if (vn_row_run_stamp(before, before->n - 1) != r->stamp) continue;
            char stamp[VN_STAMP_TEXT], series[VN_CSV_SHOWN + 16];
            return VN_FAIL(VN_E_DATA,
                           "%s:%" PRIu32 ": time stamp %s%s stands on line %" PRIu32 " already", t->name,
                           r->line, vn_stamp_text(written_as(t->kind), r->stamp, stamp),
                           whose(t, i, series), line_of(before, before->n - 1));
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
        VN_TRY(vn_freq_infer(t->run, g->at, t->n_groups, t->kind, &p->freq, &found));
    if (!found && !steps)
        return VN_FAIL(VN_E_DATA,
                       "%s: the step of time cannot be told from one row a series; give it with "
                       "--freq",
                       t->name);
    if (!found) p->freq = written_as(VN_STAMP_STEP);
    p->freq.date_only = t->kind == VN_STAMP_DATE && p->freq.unit > VN_FREQ_SECOND;
    if (p->freq.unit == VN_FREQ_MONTH) p->freq.month_end |= vn_stamps_end_months(t->run, t->n_runs);
    p->season = o->season_length ? o->season_length : vn_season_of(automatic ? p->freq : given);
    return VN_OK;
}

/* Row k of run r, at `stamp`, is not where the grid has step `step` of group i. */
static vn_status refuse_row(const vn_table *t, const grid *g, int64_t i, const vn_row_run *r, int64_t k,
                            int64_t stamp, int64_t step, bool off_grid)
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
                       t->name, line_of(r, k), found, whose(t, i, series), step_text,
                       strcmp(t->options->freq.s, "auto") ? "given" : "inferred, see --freq", expected);
    return VN_FAIL(VN_E_DATA,
                   "%s:%" PRIu32 ": a gap before time stamp %s%s: expected %s (frequency "
                   "%s); --gaps fill puts masked rows there",
                   t->name, line_of(r, k), found, whose(t, i, series), expected, step_text);
}

/* Runs count steps by now. */
static vn_status refuse_span(const vn_table *t, const grid *g, int64_t i, int64_t inserted)
{
    char step[VN_STAMP_TEXT], series[VN_CSV_SHOWN + 16];
    int64_t widest = 0, ends = 0;
    for (const vn_row_run *r = t->run + g->at[i], *end = t->run + g->at[i + 1]; r < end; r++) {
        int64_t before = r == t->run + g->at[i] ? 0 : r->stamp - vn_row_run_stamp(r - 1, r[-1].n - 1);
        int64_t inner = r->n > 1 ? r->step : 0;
        if (before > widest) widest = before, ends = r->line;
        if (inner > widest) widest = inner, ends = line_of(r, 1);
    }
    return VN_FAIL(VN_E_DATA,
                   "%s:%lld: with frequency %s the gaps need %lld rows or more for the "
                   "%lld of the file; the widest%s ends on this line. Is a stamp or --freq wrong?",
                   t->name, (long long)ends, vn_freq_text(t->panel->freq, step), (long long)inserted,
                   (long long)t->n, whose(t, i, series));
}

/* Turn the stamps of run r into steps from the start of group i; `last` is the step before it. */
static vn_status place_run(const vn_table *t, const grid *g, int64_t i, vn_row_run *r, int64_t last)
{
    bool strict = t->options->gaps == 1;
    const vn_freq freq = t->panel->freq;
    int64_t first = 0, second = 0;
    for (int64_t k = 0; k < r->n && k < 2; k++) { /* what holds of two rows holds of all */
        int64_t step, stamp = vn_row_run_stamp(r, k);
        bool fits = vn_stamp_index(freq, g->start[i], stamp, &step);
        if (!fits || (strict && step != last + 1))
            return refuse_row(t, g, i, r, k, stamp, fits || step < last + 1 ? last + 1 : step, !fits);
        *(k ? &second : &first) = last = step;
    }
    r->stamp = first;
    r->step = r->n > 1 ? (int32_t)(second - first) : 0;
    return VN_OK;
}

static vn_status place_group(const vn_table *t, grid *g, int64_t i, int64_t *inserted)
{
    int64_t last = -1, rows = 0;
    g->start[i] = t->run[g->at[i]].stamp;
    for (vn_row_run *r = t->run + g->at[i]; r < t->run + g->at[i + 1]; r++) {
        VN_TRY(place_run(t, g, i, r, last));
        last = vn_row_run_stamp(r, r->n - 1);
        rows += r->n;
    }
    g->length[i] = last + 1;
    *inserted += last + 1 - rows;
    if (*inserted > GAP_FACTOR * t->n) return refuse_span(t, g, i, *inserted);
    if (last >= INT32_MAX)
        return VN_FAIL(VN_E_DATA, "%s: series of more than %d rows", t->name, INT32_MAX);
    return VN_OK;
}

/* Months and working days are of unequal length: their rows are placed one by one. */
static vn_status place(vn_table *t, grid *g)
{
    vn_freq_unit unit = t->panel->freq.unit;
    int64_t inserted = 0;
    if (unit == VN_FREQ_MONTH || unit == VN_FREQ_BUSINESS) VN_TRY(part_runs(t, g));
    for (int64_t i = 0; i < t->n_groups; i++) VN_TRY(place_group(t, g, i, &inserted));
    return VN_OK;
}

/* Copy the features of one row of the file; `to` is the panel's row. */
static void copy_features(const vn_table *t, int64_t from, int64_t to)
{
    vn_panel *p = t->panel;
    if (p->n_hist && p->hist != t->hist)
        memcpy(p->hist + to * p->n_hist, t->hist + from * p->n_hist,
               (size_t)p->n_hist * sizeof *p->hist);
    if (p->n_futr && p->futr != t->futr)
        memcpy(p->futr + to * p->n_futr, t->futr + from * p->n_futr,
               (size_t)p->n_futr * sizeof *p->futr);
}

/* Features must be complete: past ones where the target is, future ones on every row. */
static vn_status check_features(const vn_table *t, uint32_t line, int64_t to, bool past)
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
                           t->name, line, is_hist ? p->hist_name[j] : p->futr_name[j - p->n_hist],
                           is_hist ? "past" : "future");
        *x = 0.0f;
    }
    return VN_OK;
}

static bool rows_need_rest(const vn_table *t)
{
    const vn_panel *p = t->panel;
    for (int64_t i = 0; i < p->n_series; i++) {
        vn_spread s = VN_SPREAD_NONE;
        for (int64_t k = p->indptr[i]; k < p->indptr[i + 1]; k++) {
            double rest = (double)t->value_rest[k], x = (double)t->value[k] + rest;
            const vn_spread one = { x, x, fabs(rest) };
            if (!isnan(x)) vn_spread_join(&s, &one);
        }
        if (vn_spread_needs_rest(&s)) return true;
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
static vn_status future_gap(const vn_table *t, int64_t s, uint32_t line, int64_t step)
{
    char stamp[VN_STAMP_TEXT];
    return VN_FAIL(VN_E_DATA,
                   "%s:%" PRIu32 ": no row for %s before this one, in the future of series '%s'; future "
                   "features must be complete",
                   t->name, line,
                   vn_stamp_text(t->panel->freq, vn_panel_stamp(t->panel, s, step - 1), stamp),
                   t->ids.name[s]);
}

/* Targets of one run into series s, whose first row is `first`; how many are observed. */
static int64_t fill_targets(const vn_table *t, const vn_row_run *r, int64_t s, int64_t y_at)
{
    vn_panel *p = t->panel;
    int64_t observed = 0, first = p->indptr[s], last = -1;
    for (int64_t k = 0; k < r->n; k++) {
        int64_t from = (r->row + k) * t->n_y + y_at, to = first + vn_row_run_stamp(r, k);
        float y = t->y[from];
        bool seen = !isnan(y);
        p->y[to] = seen ? y : 0.0f;
        p->mask[to] = seen ? 1.0f : 0.0f;
        if (p->y_rest) p->y_rest[to] = t->rest[from];
        observed += seen;
        last = seen ? to : last;
    }
    if (last >= 0) p->n_past[s] = last - first + 1;
    return observed;
}

/* The row of the file before row k of run r, which is not the first of its series. */
static int64_t row_before(const vn_row_run *r, int64_t k)
{
    return k ? r->row + k - 1 : r[-1].row + r[-1].n - 1;
}

/* Features of one run, and of the gap before it, which begins at step `next`. */
static vn_status fill_features(const vn_table *t, const vn_row_run *r, int64_t s, int64_t next)
{
    vn_panel *p = t->panel;
    int64_t first = p->indptr[s];
    for (int64_t k = 0; k < r->n; k++) {
        int64_t step = vn_row_run_stamp(r, k);
        if (p->n_futr && next < step && step > p->n_past[s])
            VN_TRY(future_gap(t, s, line_of(r, k), step));
        for (int64_t gap = next; gap < step; gap++) copy_features(t, row_before(r, k), first + gap);
        copy_features(t, r->row + k, first + step);
        for (int64_t to = next; to <= step; to++)
            VN_TRY(check_features(t, line_of(r, k), first + to, to < p->n_past[s]));
        next = step + 1;
    }
    return VN_OK;
}

/* Write series s: group i, target y_at (-1: the table has none). */
static vn_status fill(const vn_table *t, const grid *g, int64_t i, int64_t s, int64_t y_at)
{
    vn_panel *p = t->panel;
    const vn_row_run *begin = t->run + g->at[i], *end = t->run + g->at[i + 1];
    int64_t observed = 0, rows = 0;
    p->start[s] = g->start[i];
    for (const vn_row_run *r = begin; r < end; r++) rows += r->n;
    for (const vn_row_run *r = begin; y_at >= 0 && r < end; r++) observed += fill_targets(t, r, s, y_at);
    if (y_at >= 0 && !observed && !p->n_futr) /* else future features alone */
        return VN_FAIL(VN_E_DATA, "%s: series '%s' has no observed value", t->name, t->ids.name[s]);
    for (const vn_row_run *r = begin; p->n_hist + p->n_futr && r < end; r++)
        VN_TRY(fill_features(t, r, s, r == begin ? 0 : vn_row_run_stamp(r - 1, r[-1].n - 1) + 1));
    p->n_gap_rows += g->length[i] - rows;
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

/* True if each row of the file is that row of the panel: its columns are the panel's then. */
static bool stays_in_place(const vn_table *t, const grid *g)
{
    int64_t row = 0;
    if (t->format == VN_FORMAT_WIDE) return false;
    for (int64_t i = 0; i < t->n_groups; i++) {
        int64_t first = row;
        for (const vn_row_run *r = t->run + g->at[i]; r < t->run + g->at[i + 1]; r++) {
            if (r->row != row || r->stamp != row - first || (r->n > 1 && r->step != 1)) return false;
            row += r->n;
        }
    }
    return true;
}

static void take_over(vn_table *t)
{
    vn_panel *p = t->panel;
    p->y = t->y;
    p->y_rest = t->rest;
    p->hist = t->hist;
    p->futr = t->futr;
    vn_arena_move(&p->arena, &t->of_y);
    vn_arena_move(&p->arena, &t->of_rest);
    vn_arena_move(&p->arena, &t->of_hist);
    vn_arena_move(&p->arena, &t->of_futr);
}

/* Lengths per series, arrays, content. */
static vn_status fill_all(vn_table *t, const grid *g)
{
    vn_panel *p = t->panel;
    bool wide = t->format == VN_FORMAT_WIDE;
    int64_t n_series = wide ? t->n_y : t->n_groups;
    int64_t *length = vn_malloc((size_t)n_series * sizeof *length);
    if (!length) return VN_E_MEMORY;
    for (int64_t s = 0; s < n_series; s++) length[s] = g->length[wide ? 0 : s];
    if (stays_in_place(t, g)) take_over(t);
    vn_status st = vn_panel_room(p, n_series, length);
    vn_free(length);
    VN_TRY(st);
    if (!p->y_rest) VN_TRY(open_rest(p, t->keeps_rest));
    for (int64_t s = 0; s < n_series; s++) p->id[s] = t->ids.name[s];
    for (int64_t s = 0; s < n_series; s++)
        VN_TRY(fill(t, g, wide ? 0 : s, s, wide ? s : t->n_y ? 0 : -1));
    return take_stats(t);
}

static vn_status grid_open(const vn_table *t, grid *g)
{
    size_t n = (size_t)t->n_groups;
    g->at = vn_calloc(n + 1, sizeof *g->at);
    g->start = vn_malloc(n * sizeof *g->start);
    g->length = vn_malloc(n * sizeof *g->length);
    return g->at && g->start && g->length ? VN_OK : VN_E_MEMORY;
}

static void grid_close(grid *g)
{
    vn_free(g->at);
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
static vn_status read_compact_dates(vn_table *t)
{
    int64_t stamp, n = 0, cap = 0;
    vn_row_run *run = NULL;
    if (t->kind != VN_STAMP_STEP || t->n < 2) return VN_OK;
    for (int64_t i = 0; i < t->n_runs; i++)
        for (int64_t k = 0; k < t->run[i].n; k++)
            if (!compact_date(vn_row_run_stamp(&t->run[i], k), &stamp)) return VN_OK;
    for (int64_t i = 0; i < t->n_runs; i++)
        for (int64_t k = 0; k < t->run[i].n; k++) {
            vn_row_run one = { .row = t->run[i].row + k, .n = 1, .group = t->run[i].group,
                           .line = line_of(&t->run[i], k) };
            compact_date(vn_row_run_stamp(&t->run[i], k), &one.stamp);
            vn_status st = vn_row_run_add(&run, &n, &cap, &one);
            if (st) vn_free(run);
            VN_TRY(st);
        }
    if (!run) return VN_OK; /* there are no rows */
    vn_free(t->run);
    t->run = run;
    t->n_runs = n;
    t->cap_runs = cap;
    t->kind = VN_STAMP_DATE;
    return VN_OK;
}

vn_status vn_table_grid(vn_table *t)
{
    if (t->format == VN_FORMAT_ROWS) return grid_rows(t);
    grid g = { 0 };
    vn_status st;
    VN_TRY_DONE(read_compact_dates(t));
    VN_TRY_DONE(grid_open(t, &g));
    VN_TRY_DONE(order(t, &g));
    VN_TRY_DONE(refuse_duplicates(t, &g));
    VN_TRY_DONE(find_freq(t, &g));
    VN_TRY_DONE(place(t, &g));
    VN_TRY_DONE(fill_all(t, &g));
done:
    grid_close(&g);
    return st;
}

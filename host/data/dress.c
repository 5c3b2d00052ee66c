/* Dressing copies only what changes: nothing for a model of numbers alone; the future features for
 * categories and calendar; every row when rows to forecast are added. */
#include "host/data/dress.h"

#include <math.h>
#include <string.h>

#include "host/data/calendar.h"
#include "host/data/levels.h"

/* ---- the calendar ---- */

static const char *const names[VN_CALENDAR_COUNT] = { "second", "minute", "hour",  "weekday",
                                                      "day",    "doy",    "month", "week",
                                                      "age" };
enum { SECOND, MINUTE, HOUR, WEEKDAY, DAY, DOY, MONTH, WEEK, AGE };
enum { DAY_S = 86400 };

const char *vn_calendar_name(int feature)
{
    return names[feature];
}

int vn_calendar_find(const char *s, size_t n)
{
    for (int i = 0; i < VN_CALENDAR_COUNT; i++)
        if (strlen(names[i]) == n && !memcmp(names[i], s, n)) return i;
    return -1;
}

/* Days since the first of January of the year. */
static int64_t day_of_year(int64_t stamp)
{
    vn_civil c = vn_civil_of(stamp);
    return vn_days_of(c.year, c.month, c.day) - vn_days_of(c.year, 1, 1);
}

/* ISO 8601 week, from 1: a week belongs to the year of its Thursday. */
static int64_t week_of_year(int64_t stamp)
{
    return day_of_year(stamp + (3 - vn_weekday_of(stamp)) * (int64_t)DAY_S) / 7 + 1;
}

float vn_calendar_at(int feature, int64_t stamp)
{
    vn_civil c = vn_civil_of(stamp);
    int64_t hour = c.second / 3600;
    double x = 0;
    switch (feature) {
    case SECOND:
        x = (double)(c.second % 60) / 59;
        break;
    case MINUTE:
        x = (double)(c.second / 60 % 60) / 59;
        break;
    case HOUR:
        x = (double)hour / 23;
        break;
    case WEEKDAY:
        x = vn_weekday_of(stamp) / 6.0;
        break;
    case DAY:
        x = (c.day - 1) / 30.0;
        break;
    case DOY:
        x = (double)day_of_year(stamp) / 365;
        break;
    case MONTH:
        x = (c.month - 1) / 11.0;
        break;
    case WEEK:
        x = (double)(week_of_year(stamp) - 1) / 52;
        break;
    }
    return (float)(x - 0.5);
}

/* What changes from step to step and repeats with a longer unit: months for steps of months, none
 * for years. */
static int choose_by_freq(vn_freq freq, int *which)
{
    int n = 0;
    if (freq.unit == VN_FREQ_MONTH) {
        if (freq.n % 12) which[n++] = MONTH;
    } else if (freq.unit == VN_FREQ_DAY && freq.n % 7 == 0) {
        which[n++] = DAY;
        which[n++] = WEEK;
    } else {
        bool clock = freq.unit == VN_FREQ_SECOND;
        if (clock && freq.n % 60) which[n++] = SECOND;
        if (clock && freq.n % 3600) which[n++] = MINUTE;
        if (clock && freq.n % DAY_S) which[n++] = HOUR;
        which[n++] = WEEKDAY;
        which[n++] = DAY;
        which[n++] = DOY;
    }
    return n;
}

/* The features of one word of the option, each once. */
static vn_status add_feature(const char *option, const char *word, size_t size, vn_freq freq,
                             int *which, int *n)
{
    int more[VN_CALENDAR_COUNT], n_more = 1, first = *n;
    bool all = size == 4 && !memcmp(word, "auto", 4);
    more[0] = vn_calendar_find(word, size);
    if (all) n_more = freq.unit == VN_FREQ_STEP ? 0 : choose_by_freq(freq, more);
    for (int k = 0; k < n_more; k++) {
        bool seen = false;
        for (int i = 0; i < first; i++) seen |= which[i] == more[k];
        if (more[k] < 0 || seen)
            return VN_FAIL(VN_E_ARGUMENT,
                           "calendar \"%s\": \"%.*s\" %s; expected none, auto, or some of second, "
                           "minute, hour, weekday, day, doy, month, week, age",
                           option, (int)size, word, seen ? "stands twice" : "is no feature");
        which[(*n)++] = more[k];
    }
    return VN_OK;
}

vn_status vn_calendar_choose(const char *option, vn_freq freq, int which[VN_CALENDAR_COUNT], int *n)
{
    *n = 0;
    if (!strcmp(option, "none")) return VN_OK;
    for (const char *p = option; *p;) {
        p += strspn(p, ", \t");
        size_t size = strcspn(p, ", \t");
        if (size) VN_TRY(add_feature(option, p, size, freq, which, n));
        p += size;
    }
    bool stamps = *n == 0;
    for (int i = 0; i < *n; i++) stamps = stamps || which[i] != AGE;
    if (freq.unit == VN_FREQ_STEP && stamps)
        return VN_FAIL(VN_E_ARGUMENT,
                       "calendar \"%s\" needs time stamps, but the data count integer steps; give "
                       "calendar = none",
                       option);
    return VN_OK;
}

/* ---- rows ---- */

/* Every series with `ahead` rows past its last target: the same columns under a new index. */
static vn_status extend(const vn_panel *p, int64_t ahead, vn_panel *out)
{
    vn_arena *a = &out->arena;
    int64_t n = p->n_series;
    out->indptr = vn_arena_array(a, (size_t)n + 1, sizeof *out->indptr);
    if (!out->indptr) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int64_t rows = p->indptr[i + 1] - p->indptr[i], need = p->n_past[i] + ahead;
        if (need > INT32_MAX)
            return VN_FAIL(VN_E_DATA, "series '%s' would have more than %d rows", p->id[i],
                           INT32_MAX);
        out->indptr[i + 1] = out->indptr[i] + (rows > need ? rows : need);
    }
    size_t rows = (size_t)(out->n_rows = out->indptr[n]), wide = sizeof(float);
    out->y = vn_arena_array(a, rows, wide);
    out->mask = vn_arena_array(a, rows, wide);
    out->hist = vn_arena_array(a, rows, (size_t)p->n_hist * wide);
    out->y_rest = p->y_rest ? vn_arena_array(a, rows, wide) : NULL;
    if (!out->y || !out->mask || !out->hist || (p->y_rest && !out->y_rest)) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        int64_t from = p->indptr[i], to = out->indptr[i];
        size_t bytes = (size_t)(p->indptr[i + 1] - from) * wide;
        memcpy(out->y + to, p->y + from, bytes);
        memcpy(out->mask + to, p->mask + from, bytes);
        if (p->y_rest) memcpy(out->y_rest + to, p->y_rest + from, bytes);
        if (p->n_hist)
            memcpy(out->hist + to * p->n_hist, p->hist + from * p->n_hist,
                   bytes * (size_t)p->n_hist);
    }
    return VN_OK;
}

/* ---- columns ---- */

/* Codes of a column of [n, width] numbers, changed in place; what became 0 is reported. */
static vn_status recode(const vn_levels *from, const vn_levels *to, const char *column, float *x,
                        int64_t n, int64_t width, const vn_log *log, vn_arena *arena)
{
    float *map;
    int64_t n_lost = 0, lost = 0;
    VN_TRY(vn_levels_map(from, to, arena, &map));
    for (int64_t i = 0; i < n; i++) {
        int64_t code = (int64_t)x[i * width];
        x[i * width] = map[code];
        if (code && map[code] == 0.0f && !n_lost++) lost = code;
    }
    if (n_lost && log)
        vn_log_printf(log, VN_LOG_WARN,
                      "column '%s': \"%.40s\" and whatever else was not in the training rows, %lld "
                      "of %lld values, count as out of vocabulary",
                      column, from->level[lost - 1], (long long)n_lost, (long long)n);
    return VN_OK;
}

/* The panel's future features, in rows as wide as the result's. */
static void widen(const vn_panel *p, vn_panel *out)
{
    for (int64_t i = 0; p->n_futr && i < p->n_series; i++)
        for (int64_t t = 0; t < p->indptr[i + 1] - p->indptr[i]; t++)
            memcpy(out->futr + (out->indptr[i] + t) * out->n_futr,
                   p->futr + (p->indptr[i] + t) * p->n_futr, (size_t)p->n_futr * sizeof *p->futr);
}

static void add_calendar(const vn_dress *d, vn_panel *out)
{
    for (int64_t i = 0; i < out->n_series; i++)
        for (int64_t row = out->indptr[i]; row < out->indptr[i + 1]; row++) {
            int64_t stamp = vn_panel_stamp(out, i, row - out->indptr[i]);
            float *x = out->futr + (row + 1) * out->n_futr - d->n_calendar;
            for (int k = 0; k < d->n_calendar; k++)
                x[k] = d->calendar[k] == AGE ? (float)log10(2 + (double)(row - out->indptr[i]))
                                             : vn_calendar_at(d->calendar[k], stamp);
        }
}

static vn_status name_columns(const vn_panel *p, const vn_dress *d, vn_panel *out)
{
    const char **own = vn_arena_array(&out->arena, (size_t)out->n_futr, sizeof *own);
    if (!own) return VN_E_MEMORY;
    for (int64_t i = 0; i < p->n_futr; i++) own[i] = p->futr_name[i];
    for (int k = 0; k < d->n_calendar; k++) {
        const char *name = vn_arena_printf(&out->arena, "calendar.%s", names[d->calendar[k]]);
        if (!name) return VN_E_MEMORY;
        own[p->n_futr + k] = name;
    }
    out->futr_name = own;
    return VN_OK;
}

static vn_status dress_futr(const vn_panel *p, const vn_dress *d, const vn_log *log, vn_panel *out)
{
    vn_arena *a = &out->arena;
    out->n_calendar = d->n_calendar;
    out->n_futr = p->n_futr + d->n_calendar;
    out->futr = vn_arena_array(a, (size_t)out->n_rows, (size_t)out->n_futr * sizeof *out->futr);
    if (!out->futr) return VN_E_MEMORY;
    VN_TRY(name_columns(p, d, out));
    widen(p, out);
    add_calendar(d, out);
    for (int64_t c = 0; c < p->n_futr_cat; c++) {
        int64_t at = p->n_futr - p->n_futr_cat + c;
        VN_TRY(recode(&p->futr_cat[c], &d->futr_cat[c], p->futr_name[at], out->futr + at,
                      out->n_rows, out->n_futr, log, a));
    }
    return vn_levels_copy(d->futr_cat, d->n_futr_cat, a, &out->futr_cat);
}

static vn_status dress_hist(const vn_panel *p, const vn_dress *d, const vn_log *log, vn_panel *out)
{
    vn_arena *a = &out->arena;
    size_t n = (size_t)(out->n_rows * p->n_hist);
    if (out->hist == p->hist) { /* else the rows are our own already */
        if (!(out->hist = vn_arena_array(a, n, sizeof *out->hist))) return VN_E_MEMORY;
        memcpy(out->hist, p->hist, n * sizeof *out->hist);
    }
    for (int64_t c = 0; c < p->n_hist_cat; c++) {
        int64_t at = p->n_hist - p->n_hist_cat + c;
        VN_TRY(recode(&p->hist_cat[c], &d->hist_cat[c], p->hist_name[at], out->hist + at,
                      out->n_rows, p->n_hist, log, a));
    }
    return vn_levels_copy(d->hist_cat, d->n_hist_cat, a, &out->hist_cat);
}

static vn_status dress_stat(const vn_panel *p, const vn_dress *d, const vn_log *log, vn_panel *out)
{
    vn_arena *a = &out->arena;
    size_t n = (size_t)(p->n_series * p->n_stat);
    if (!(out->stat = vn_arena_array(a, n, sizeof *out->stat))) return VN_E_MEMORY;
    memcpy(out->stat, p->stat, n * sizeof *out->stat);
    for (int64_t c = 0; c < p->n_stat_cat; c++) {
        int64_t at = p->n_stat - p->n_stat_cat + c;
        VN_TRY(recode(&p->stat_cat[c], &d->stat_cat[c], p->stat_name[at], out->stat + at,
                      p->n_series, p->n_stat, log, a));
    }
    return vn_levels_copy(d->stat_cat, d->n_stat_cat, a, &out->stat_cat);
}

static vn_status dress(const vn_panel *p, const vn_dress *d, const vn_log *log, vn_panel *out)
{
    if (p->n_hist_cat != d->n_hist_cat || p->n_futr_cat != d->n_futr_cat ||
        p->n_stat_cat != d->n_stat_cat)
        return VN_FAIL(VN_E_DATA,
                       "the data have %lld past, %lld future and %lld static categorical columns, "
                       "the model needs %lld, %lld and %lld",
                       (long long)p->n_hist_cat, (long long)p->n_futr_cat, (long long)p->n_stat_cat,
                       (long long)d->n_hist_cat, (long long)d->n_futr_cat,
                       (long long)d->n_stat_cat);
    if (d->ahead && d->n_calendar && !p->n_futr) VN_TRY(extend(p, d->ahead, out));
    if (d->n_futr_cat || d->n_calendar) VN_TRY(dress_futr(p, d, log, out));
    if (d->n_hist_cat) VN_TRY(dress_hist(p, d, log, out));
    if (d->n_stat_cat) VN_TRY(dress_stat(p, d, log, out));
    return VN_OK;
}

vn_status vn_panel_dress(const vn_panel *p, const vn_dress *d, const vn_log *log, vn_panel *out)
{
    *out = *p;
    out->arena = (vn_arena){ 0 };
    vn_status st = dress(p, d, log, out);
    if (st) vn_dressed_close(out);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

void vn_dressed_close(vn_panel *out)
{
    vn_arena_close(&out->arena);
}

/* Calendar arithmetic after H. Hinnant's "chrono-Compatible Low-Level Date Algorithms", parsing of
 * ISO-like stamps, and frequencies. Leaves time zones, leap seconds and holidays out: a step
 * skipped by a clock change or a holiday is a gap. */
#include "host/data/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/sort.h"
#include "base/text.h"

enum { DAY = 86400, SAMPLE = 1 << 16 };

static const int64_t step_max = (int64_t)1 << 53;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t vn_days_of(int64_t year, int month, int day)
{
    year -= month <= 2; /* years begin in March: the leap day is the last */
    int64_t era = floor_div(year, 400), of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

int64_t vn_stamp_of(vn_civil civil)
{
    return vn_days_of(civil.year, civil.month, civil.day) * DAY + civil.second;
}

vn_civil vn_civil_of(int64_t stamp)
{
    int64_t days = floor_div(stamp, DAY), z = days + 719468, era = floor_div(z, 146097);
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100),
            march = (5 * of_year + 2) / 153;
    int month = (int)(march < 10 ? march + 3 : march - 9);
    return (vn_civil){ .year = year + era * 400 + (month <= 2),
                       .month = month,
                       .day = (int)(of_year - (153 * march + 2) / 5 + 1),
                       .second = stamp - days * DAY };
}

int vn_weekday_of(int64_t stamp)
{
    int64_t day = floor_div(stamp, DAY) + 3; /* 1970-01-01 was a Thursday */
    return (int)(day - floor_div(day, 7) * 7);
}

int vn_month_days(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* A text being read from the left. */
typedef struct scan {
    const char *s;
    size_t n;
} scan;

/* Exactly `digits` digits. */
static bool take_number(scan *in, size_t digits, int *out)
{
    if (in->n < digits) return false;
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        if (in->s[i] < '0' || in->s[i] > '9') return false;
        *out = *out * 10 + (in->s[i] - '0');
    }
    in->s += digits;
    in->n -= digits;
    return true;
}

static bool take(scan *in, char c)
{
    if (!in->n || *in->s != c) return false;
    in->s++;
    in->n--;
    return true;
}

static bool take_date(scan *in, vn_civil *c)
{
    int year, quarter;
    if (!take_number(in, 4, &year) || year < 1) return false;
    c->year = year;
    char mark = in->n && *in->s == '/' ? '/' : '-';
    bool marked = take(in, mark);
    if (take(in, 'Q')) {
        if (!take_number(in, 1, &quarter) || quarter < 1 || quarter > 4) return false;
        c->month = 3 * quarter - 2;
        return true;
    }
    if (!marked || !take_number(in, 2, &c->month) || c->month < 1 || c->month > 12) return false;
    if (!take(in, mark)) return true;
    return take_number(in, 2, &c->day) && c->day >= 1 && c->day <= vn_month_days(year, c->month);
}

static bool take_time(scan *in, vn_civil *c)
{
    int hour, minute, second = 0;
    if (!take_number(in, 2, &hour) || hour > 23) return false;
    if (!take(in, ':') || !take_number(in, 2, &minute) || minute > 59) return false;
    if (take(in, ':')) {
        if (!take_number(in, 2, &second) || second > 59) return false;
        if (take(in, '.') || take(in, ',')) {
            if (!take(in, '0')) return false;
            while (take(in, '0')) {
            }
        }
    }
    c->second = (hour * 60 + minute) * 60 + second;
    return true;
}

vn_stamp_kind vn_stamp_parse(const char *s, size_t n, int64_t *stamp)
{
    vn_civil civil = { .month = 1, .day = 1 };
    scan in = { s, n };
    if (!take_date(&in, &civil)) {
        if (!vn_parse_i64(s, n, stamp, NULL)) return VN_STAMP_NONE;
        return *stamp >= -step_max && *stamp <= step_max ? VN_STAMP_STEP : VN_STAMP_NONE;
    }
    *stamp = vn_stamp_of(civil);
    if (!in.n) return VN_STAMP_DATE;
    if (!take(&in, 'T') && !take(&in, ' ')) return VN_STAMP_NONE;
    if (!take_time(&in, &civil)) return VN_STAMP_NONE;
    if (!take(&in, 'Z') && in.n == 6 && !memcmp(in.s, "+00:00", 6)) in.n = 0;
    *stamp = vn_stamp_of(civil);
    return in.n ? VN_STAMP_NONE : VN_STAMP_TIME;
}

/* Unit names, the one we write first. */
static const struct {
    const char *name;
    vn_freq_unit unit;
    int64_t n;
    bool month_end;
} units[] = {
    { "Y", VN_FREQ_MONTH, 12 },     { "Q", VN_FREQ_MONTH, 3 },     { "M", VN_FREQ_MONTH, 1 },
    { "W", VN_FREQ_DAY, 7 },        { "B", VN_FREQ_BUSINESS, 1 },  { "D", VN_FREQ_DAY, 1 },
    { "H", VN_FREQ_SECOND, 3600 },  { "min", VN_FREQ_SECOND, 60 }, { "S", VN_FREQ_SECOND, 1 },
    { "YS", VN_FREQ_MONTH, 12 },    { "QS", VN_FREQ_MONTH, 3 },    { "MS", VN_FREQ_MONTH, 1 },
    { "YE", VN_FREQ_MONTH, 12, 1 }, { "QE", VN_FREQ_MONTH, 3, 1 }, { "ME", VN_FREQ_MONTH, 1, 1 },
    { "d", VN_FREQ_DAY, 1 },        { "h", VN_FREQ_SECOND, 3600 }, { "T", VN_FREQ_SECOND, 60 },
    { "s", VN_FREQ_SECOND, 1 },     { "step", VN_FREQ_STEP, 1 },
};

enum { UNITS = sizeof units / sizeof *units, UNITS_WRITTEN = 9 };

bool vn_freq_parse(const char *text, vn_freq *freq)
{
    int64_t n = 1;
    if (!strncmp(text, "step ", 5)) text += 5;
    size_t digits = strspn(text, "0123456789");
    if (digits && (!vn_parse_i64(text, digits, &n, NULL) || n < 1 || n > 1000000000)) return false;
    if (digits && !text[digits]) {
        *freq = (vn_freq){ .unit = VN_FREQ_STEP, .n = n };
        return true;
    }
    for (int i = 0; i < UNITS; i++) {
        if (strcmp(text + digits, units[i].name)) continue;
        *freq = (vn_freq){ .unit = units[i].unit,
                           .n = n * units[i].n,
                           .month_end = units[i].month_end,
                           .date_only = units[i].unit > VN_FREQ_SECOND };
        return true;
    }
    return false;
}

char *vn_freq_text(vn_freq freq, char out[VN_STAMP_TEXT])
{
    snprintf(out, VN_STAMP_TEXT, "step %lld", (long long)freq.n);
    for (int i = 0; i < UNITS_WRITTEN; i++) {
        if (units[i].unit != freq.unit || freq.n % units[i].n) continue;
        int64_t n = freq.n / units[i].n;
        if (n == 1)
            snprintf(out, VN_STAMP_TEXT, "%s", units[i].name);
        else
            snprintf(out, VN_STAMP_TEXT, "%lld%s", (long long)n, units[i].name);
        break;
    }
    return out;
}

char *vn_stamp_text(vn_freq freq, int64_t stamp, char out[VN_STAMP_TEXT])
{
    if (freq.unit == VN_FREQ_STEP) {
        snprintf(out, VN_STAMP_TEXT, "%lld", (long long)stamp);
        return out;
    }
    vn_civil c = vn_civil_of(stamp);
    int n = snprintf(out, VN_STAMP_TEXT, "%04lld-%02d-%02d", (long long)c.year, c.month, c.day);
    if (!freq.date_only || c.second)
        snprintf(out + n, VN_STAMP_TEXT - (size_t)n, " %02d:%02d:%02d", (int)(c.second / 3600),
                 (int)(c.second / 60 % 60), (int)(c.second % 60));
    return out;
}

/* Months since year 0. */
static int64_t months_of(vn_civil c)
{
    return c.year * 12 + c.month - 1;
}

static int64_t add_months(vn_freq freq, int64_t start, int64_t months)
{
    vn_civil c = vn_civil_of(start);
    int64_t all = months_of(c) + months;
    c.year = floor_div(all, 12);
    c.month = (int)(all - c.year * 12) + 1;
    int days = vn_month_days(c.year, c.month);
    if (freq.month_end || c.day > days) c.day = days;
    return vn_stamp_of(c);
}

/* Working days (Monday to Friday) before the day of `stamp`, from a Monday on. */
static int64_t working_days(int64_t stamp)
{
    int64_t day = floor_div(stamp, DAY) + 3, week = floor_div(day, 7), of_week = day - week * 7;
    return week * 5 + (of_week < 5 ? of_week : 5);
}

static int64_t add_working(int64_t start, int64_t k)
{
    int64_t all = working_days(start) + k, week = floor_div(all, 5);
    int64_t of_day = start - floor_div(start, DAY) * DAY;
    return (week * 7 + (all - week * 5) - 3) * DAY + of_day;
}

int64_t vn_stamp_add(vn_freq freq, int64_t start, int64_t k)
{
    switch (freq.unit) {
    case VN_FREQ_STEP:
    case VN_FREQ_SECOND:
        return start + k * freq.n;
    case VN_FREQ_DAY:
        return start + k * freq.n * DAY;
    case VN_FREQ_BUSINESS:
        return add_working(start, k * freq.n);
    case VN_FREQ_MONTH:
        return add_months(freq, start, k * freq.n);
    }
    return start;
}

bool vn_stamp_index(vn_freq freq, int64_t start, int64_t stamp, int64_t *k)
{
    int64_t span = 0;
    switch (freq.unit) {
    case VN_FREQ_STEP:
    case VN_FREQ_SECOND:
        span = stamp - start;
        break;
    case VN_FREQ_DAY:
        span = floor_div(stamp - start, DAY);
        break;
    case VN_FREQ_BUSINESS:
        span = working_days(stamp) - working_days(start);
        break;
    case VN_FREQ_MONTH:
        span = months_of(vn_civil_of(stamp)) - months_of(vn_civil_of(start));
        break;
    }
    *k = floor_div(span, freq.n);
    int64_t at = vn_stamp_add(freq, start, *k);
    if (at > stamp) --*k; /* a later day of the month, a weekend */
    return at == stamp;
}

int64_t vn_season_of(vn_freq freq)
{
    int64_t n = freq.n;
    switch (freq.unit) {
    case VN_FREQ_STEP:
        return 1;
    case VN_FREQ_SECOND:
        return n < DAY && DAY % n == 0 ? DAY / n : 1;
    case VN_FREQ_DAY:
        return n == 1 ? 7 : n % 7 == 0 && 52 % (n / 7) == 0 ? 52 / (n / 7) : 1;
    case VN_FREQ_BUSINESS:
        return n == 1 ? 5 : 1;
    case VN_FREQ_MONTH:
        return n < 12 && 12 % n == 0 ? 12 / n : 1;
    }
    return 1;
}

/* The value most of v[0..n) have, the smallest of equals; v is sorted. */
static int64_t most_common(int64_t *v, int64_t n)
{
    vn_sort_i64(v, (size_t)n);
    int64_t best = 0, best_n = 0;
    for (int64_t i = 0, j; i < n; i = j) {
        for (j = i; j < n && v[j] == v[i]; j++) {
        }
        if (j - i > best_n) best = v[i];
        if (j - i > best_n) best_n = j - i;
    }
    return best;
}

/* Up to SAMPLE differences of neighbours, in months or stamps. */
typedef struct sample {
    bool months;
    int64_t n, difference[SAMPLE];
} sample;

static void take_difference(sample *s, int64_t a, int64_t b)
{
    if (s->months) a = months_of(vn_civil_of(a));
    if (s->months) b = months_of(vn_civil_of(b));
    if (b > a) s->difference[s->n++] = b - a;
}

static void take_differences(sample *s, const vn_row_run *run, const int64_t *at, int64_t n_series)
{
    s->n = 0;
    for (int64_t i = 0; i < n_series; i++)
        for (const vn_row_run *r = run + at[i]; r < run + at[i + 1]; r++) {
            int64_t stamp = r->stamp;
            if (r > run + at[i] && s->n < SAMPLE)
                take_difference(s, vn_row_run_stamp(&r[-1], r[-1].n - 1), stamp);
            for (int64_t k = 1; k < r->n && s->n < SAMPLE; k++, stamp += r->step)
                take_difference(s, stamp, stamp + r->step);
        }
}

bool vn_stamps_end_months(const vn_row_run *run, int64_t n)
{
    for (const vn_row_run *r = run; r < run + n; r++)
        for (int64_t k = 0; k < r->n; k++) {
            vn_civil c = vn_civil_of(vn_row_run_stamp(r, k));
            if (c.day != vn_month_days(c.year, c.month)) return false;
        }
    return true;
}

/* Every stamp on one day of the month at one time of day. */
static bool same_day_of_month(const vn_row_run *run, int64_t n)
{
    vn_civil first = vn_civil_of(run[0].stamp);
    for (const vn_row_run *r = run; r < run + n; r++)
        for (int64_t k = 0; k < r->n; k++) {
            vn_civil c = vn_civil_of(vn_row_run_stamp(r, k));
            if (c.day != first.day || c.second != first.second) return false;
        }
    return true;
}

/* Daily stamps that never fall on a weekend although some series crosses one. */
static bool skips_weekends(const vn_row_run *run, const int64_t *at, int64_t n_series)
{
    bool crossed = false;
    for (int64_t i = 0; i < n_series; i++) {
        if (at[i] == at[i + 1]) continue;
        const vn_row_run *last = &run[at[i + 1] - 1];
        int64_t end = vn_row_run_stamp(last, last->n - 1);
        crossed |= end - run[at[i]].stamp >= INT64_C(5) * DAY;
        for (const vn_row_run *r = run + at[i]; r <= last; r++)
            for (int64_t k = 0; k < r->n; k++)
                if (vn_weekday_of(vn_row_run_stamp(r, k)) >= 5) return false;
    }
    return crossed;
}

vn_status vn_freq_infer(const vn_row_run *run, const int64_t *at, int64_t n_series, vn_stamp_kind kind,
                        vn_freq *freq, bool *found)
{
    *found = false;
    sample *s = vn_malloc(sizeof *s);
    if (!s) return VN_E_MEMORY;
    s->months = false;
    take_differences(s, run, at, n_series);
    int64_t runs = at[n_series];
    if (s->n == 0) {
        vn_free(s);
        return VN_OK;
    }
    int64_t step = most_common(s->difference, s->n);
    *freq = (vn_freq){ .unit = VN_FREQ_SECOND, .n = step, .date_only = kind == VN_STAMP_DATE };
    if (kind == VN_STAMP_STEP) {
        freq->unit = VN_FREQ_STEP;
    } else if (step >= INT64_C(28) * DAY &&
               (vn_stamps_end_months(run, runs) || same_day_of_month(run, runs))) {
        s->months = true;
        take_differences(s, run, at, n_series);
        freq->unit = VN_FREQ_MONTH;
        freq->n = most_common(s->difference, s->n);
        freq->month_end = vn_stamps_end_months(run, runs);
    } else if (step % DAY == 0) {
        freq->unit = step == DAY && skips_weekends(run, at, n_series) ? VN_FREQ_BUSINESS : VN_FREQ_DAY;
        freq->n = step / DAY;
    }
    vn_free(s);
    *found = true;
    return VN_OK;
}

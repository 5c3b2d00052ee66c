/* Time stamps and the steps between them: days-from-civil arithmetic without locale or time zone.
 *
 * A stamp is seconds since 1970-01-01 00:00:00 in the clock of the file, or an integer step. */
#ifndef VN_HOST_DATA_CALENDAR_H
#define VN_HOST_DATA_CALENDAR_H

#include "host/data/panel.h"

typedef enum vn_stamp_kind {
    VN_STAMP_NONE, /* not a stamp */
    VN_STAMP_STEP, /* an integer within +-2^53 */
    VN_STAMP_DATE, /* YYYY-MM-DD, YYYY/MM/DD, YYYY-MM, YYYY-Q1 */
    VN_STAMP_TIME, /* a date, 'T' or a blank, HH:MM[:SS[.000]], an optional Z or +00:00 */
} vn_stamp_kind;

typedef struct vn_civil {
    int64_t year;
    int month, day; /* from 1 */
    int64_t second; /* of the day */
} vn_civil;

int64_t vn_days_of(int64_t year, int month, int day); /* since 1970-01-01 */
int64_t vn_stamp_of(vn_civil civil);
vn_civil vn_civil_of(int64_t stamp);
int vn_weekday_of(int64_t stamp); /* 0 Monday ... 6 Sunday */
int vn_month_days(int64_t year, int month);

/* Read the whole of s[0..n). Fractions of a second other than zero are no stamp. */
vn_stamp_kind vn_stamp_parse(const char *s, size_t n, int64_t *stamp);

/* Read "H", "15min", "W", "step 2", "2". False if it is none. Units also go by their pandas names
 * (h, s, T, d, MS, ME, QS, QE, YS, YE). */
bool vn_freq_parse(const char *text, vn_freq *freq);

/* k steps after `start` (before, if negative). */
int64_t vn_stamp_add(vn_freq freq, int64_t start, int64_t k);

/* The k with vn_stamp_add(freq, start, k) == stamp; false if there is none: then k is the last step
 * before `stamp`. */
bool vn_stamp_index(vn_freq freq, int64_t start, int64_t stamp, int64_t *k);

/* Steps in a season: those of a day for S, min, H; 7 D, 5 B, 52 W, 12 M, 4 Q; otherwise 1. */
int64_t vn_season_of(vn_freq freq);

/* Rows one line and one step of time after the other. */
typedef struct vn_row_run {
    int64_t stamp;   /* of the first row */
    int64_t row;     /* its place in the file's order */
    int32_t n, step; /* rows, and from the stamp of each to the next */
    int32_t group;   /* the series */
    uint32_t line;   /* of the first in the file (modulo 2^32) */
} vn_row_run;

/* Stamp of row k. */
static inline int64_t vn_row_run_stamp(const vn_row_run *run, int64_t k)
{
    return run->stamp + k * run->step;
}

/* The step of series whose stamps ascend, series i in run[at[i] .. at[i + 1]): the most common
 * difference, then its calendar unit. `kind` is how the stamps were written. False if no series has
 * two different stamps. */
vn_status vn_freq_infer(const vn_row_run *run, const int64_t *at, int64_t n_series, vn_stamp_kind kind,
                        vn_freq *freq, bool *found);

/* True if every stamp is the last day of a month. */
bool vn_stamps_end_months(const vn_row_run *run, int64_t n);

#endif

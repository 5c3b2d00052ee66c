/* The panel: every series of a data set, ragged, in a few flat columns; windows are index pairs
 * into it and never materialised. */
#ifndef VN_HOST_DATA_PANEL_H
#define VN_HOST_DATA_PANEL_H

#include "base/arena.h"
#include "base/log.h"
#include "base/options.h"
#include "device/tensor.h"
#include "host/data/data.def"

typedef struct vn_data_options {
    VN_OPTION_STRUCT(VN_DATA_OPTIONS)
} vn_data_options;
extern const vn_option vn_data_option_table[];

typedef enum vn_freq_unit {
    VN_FREQ_STEP, /* integer steps, no calendar */
    VN_FREQ_SECOND,
    VN_FREQ_DAY,
    VN_FREQ_BUSINESS,
    VN_FREQ_MONTH, /* W = 7 days, Q = 3 months, Y = 12 */
} vn_freq_unit;

typedef struct vn_freq {
    vn_freq_unit unit;
    int64_t n;      /* units a step: 3600 SECOND is hourly */
    bool month_end; /* MONTH: stamps are last days of months */
    bool date_only; /* stamps are written without a time of day */
} vn_freq;

/* The texts of one categorical column. Code k is level[k - 1]; 0 is every other text, and a missing
 * one: out of vocabulary. Codes stand in the columns as floats, exact to 2^24. */
typedef struct vn_levels {
    int64_t n;
    const char **level; /* [n] */
} vn_levels;

typedef struct vn_panel {
    vn_arena arena;
    int64_t n_series, n_rows;
    int64_t n_hist, n_futr, n_stat; /* columns, of every kind */
    /* The columns of futr are numbers, then n_futr_cat of codes, then n_calendar made from the
     * stamps (vn_panel_dress); those of hist and stat are numbers, then n_hist_cat, n_stat_cat of
     * codes. */
    int64_t n_hist_cat, n_futr_cat, n_calendar, n_stat_cat;
    vn_levels *hist_cat, *futr_cat, *stat_cat; /* [n_hist_cat], [n_futr_cat], [n_stat_cat] */
    const char **id; /* [N] */
    const char **hist_name, **futr_name, **stat_name;
    int64_t *indptr; /* [N + 1] */
    int64_t *n_past; /* [N] rows up to and including the last one observed; later rows hold
                        known future features only */
    int64_t *start;  /* [N] stamp of the first row: seconds since 1970-01-01 or the integer step */
    float *y, *mask; /* [rows] */
    float *y_rest;   /* [rows] what f32 loses of y; NULL where that is little in every series */
    float *hist, *futr, *stat;
    vn_freq freq;
    int64_t season;                /* steps a season, >= 1 */
    int64_t n_gap_rows, n_missing; /* rows inserted for gaps; targets missing, gaps included */
} vn_panel;

/* Read a table in any of the formats ("-": standard input). Messages are "file:line:col: ...". An
 * empty target_col reads a table of future features, all of whose rows lie past n_past = 0; without
 * an id column its one series is called "". Without future features a series needs an observed
 * target. */
vn_status vn_panel_read(const char *path, const vn_data_options *options, const vn_log *log,
                        vn_panel **panel);

/* The same, with `block` bytes to a block of the file, and so many lanes that read them (0: as many
 * as the process may use). The panel is the same whatever they are. */
vn_status vn_panel_read_blocks(const char *path, const vn_data_options *options, const vn_log *log,
                               size_t block, int lanes, vn_panel **panel);

/* A panel from arrays in memory (the C API): all copied. ids and arrays as in vn_panel; mask may be
 * NULL (where y is NaN the point is missing), start may be NULL (1, or 1970-01-01). Either all
 * series have an observed target or none has (future features). */
vn_status vn_panel_from_arrays(int64_t n_series, const char *const *id, const int64_t *indptr,
                               const float *y, const float *mask, const int64_t *start,
                               vn_freq freq, int64_t season, vn_panel **panel);
void vn_panel_close(vn_panel *panel);

/* For builders: give a panel whose n_hist, n_futr and n_stat are set the arrays for series of these
 * lengths, all zero; a column of targets or features that it has already stays as it is. */
vn_status vn_panel_room(vn_panel *panel, int64_t n_series, const int64_t *length);

/* The target of a row as it was given: values near 6e8 that differ by 100 are only 3 apart in f32. */
static inline double vn_panel_y(const vn_panel *panel, int64_t row)
{
    return (double)panel->y[row] + (panel->y_rest ? (double)panel->y_rest[row] : 0);
}

/* x as an f32, and what that loses into *rest (may be NULL). */
static inline float vn_split_f32(double x, float *rest)
{
    float value = (float)x;
    if (rest) *rest = (float)(x - (double)value);
    return value;
}

/* What the `window` op reads; borrowed from the panel. */
vn_panel_view vn_panel_view_of(const vn_panel *panel);

/* Append the rows of `more` (the actuals of a test file, or future features) to the series of the
 * same id; stamps must continue at row n_past, integer-step and `rows` tables always do. Rows past
 * n_past are replaced. Panels of one series each match whatever the new one is called if that is
 * "". A new panel. */
vn_status vn_panel_append(const vn_panel *panel, const vn_panel *more, vn_panel **joined);

/* Stamp of row t of series i (t may lie past the end) and its text: "2016-07-01 01:00:00", "619".
 */
int64_t vn_panel_stamp(const vn_panel *panel, int64_t i, int64_t t);
#define VN_STAMP_TEXT 40
char *vn_stamp_text(vn_freq freq, int64_t stamp, char out[VN_STAMP_TEXT]);

/* "H", "15min", "M", "step 1": what freq was given or inferred. */
char *vn_freq_text(vn_freq freq, char out[VN_STAMP_TEXT]);

/* How the rows of every series are divided: the first `train` rows of a series, then `val`, then
 * `test`; when train is 0 the parts are counted from the end of each series. */
typedef struct vn_split {
    int64_t train, val, test;
} vn_split;

/* First row past each part for series i: ends[0] train, ends[1] val, ends[2] test. DATA if the
 * series is shorter than the split. */
vn_status vn_split_of(const vn_panel *panel, vn_split split, int64_t i, int64_t ends[3]);

/* Location and scale of every series, from its first ends[0] rows: z = (y - loc) / scale. Applied
 * in place to y; the caller keeps loc and scale [N] (in the panel's arena) to undo it. */
typedef struct vn_local_scale {
    double *loc, *scale; /* [N] */
} vn_local_scale;
vn_status vn_panel_scale(vn_panel *panel, int64_t type, vn_split split, vn_local_scale *out);

#endif

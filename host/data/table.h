/* The rows of a data file as they stand in it, before they become a panel: parsed, interned,
 * neither ordered nor checked for gaps.
 *
 * columns.c says what the columns mean, cells.c reads one cell, block.c a stretch of the file,
 * table.c all of it, rows.c tables of one series a record; grid.c makes the panel. */
#ifndef VN_HOST_DATA_TABLE_H
#define VN_HOST_DATA_TABLE_H

#include "base/team.h"
#include "host/data/calendar.h"
#include "host/data/csv.h"
#include "host/data/levels.h"
#include "host/data/names.h"
#include "host/data/panel.h"
#include "host/data/source.h"

enum { VN_ERRORS_SHOWN = 20 };

typedef enum vn_table_format {
    VN_FORMAT_AUTO,
    VN_FORMAT_LONG,
    VN_FORMAT_WIDE,
    VN_FORMAT_ROWS
} vn_table_format;

typedef enum vn_role_kind {
    VN_ROLE_NONE,
    VN_ROLE_ID,
    VN_ROLE_TIME,
    VN_ROLE_Y,
    VN_ROLE_HIST,
    VN_ROLE_FUTR,
    VN_ROLE_STAT
} vn_role_kind;

/* What one column of the file is. */
typedef struct vn_role {
    vn_role_kind what;
    int64_t at;    /* index among the columns of its kind */
    int64_t level; /* of a categorical column: index into vn_table.level; -1: numbers */
} vn_role;

/* How far the values of one series lie apart, and the most that f32 loses of one. */
typedef struct vn_spread {
    double lo, hi, rest;
} vn_spread;
#define VN_SPREAD_NONE ((vn_spread){ INFINITY, -INFINITY, 0 })
void vn_spread_join(vn_spread *spread, const vn_spread *more);

/* A group is one series (long) or all of them (wide). */
typedef struct vn_table {
    const char *name; /* of the file, for messages */
    const vn_data_options *options;
    vn_table_format format;
    const char *looked_to; /* end of what told the format: of the first record behind the header */
    vn_arena arena;  /* column names, missing texts */
    vn_panel *panel; /* being made: ids and feature names go to its arena at once */
    vn_csv csv;      /* the header; every record of a `rows` table */
    const char **column; /* [n_columns] the header; NULL if there is none */
    int64_t n_columns;
    vn_role *role;     /* [n_columns] */
    int64_t id_column; /* -1: none */
    const char **na;   /* [n_na] further texts that mean missing */
    int64_t n_na;
    vn_names *level;  /* [n_level] texts of the categorical columns: of hist, futr, stat */
    int64_t n_level;
    vn_names ids;       /* long, rows: the series; wide: the target columns */
    vn_stamp_kind kind; /* of the stamps: STEP, DATE, or TIME if one has a time of day */
    int64_t n_y, n_groups;
    int64_t n;           /* rows */
    vn_arena of_y, of_rest, of_hist, of_futr; /* the panel takes them over where rows stay in place */
    float *y, *rest;    /* [n, n_y]; rest: what f32 loses of y */
    float *hist, *futr; /* [n, n_hist], [n, n_futr] */
    bool keeps_rest;    /* there is a series in which it matters */
    vn_row_run *run;         /* the rows' series, stamps and lines, in the file's order */
    int64_t n_runs, cap_runs;
    float *stat; /* [n_groups, n_stat], NaN until seen */
    int64_t stat_cap;
    vn_spread *spread; /* [n_y] of a wide table, [n_groups] of a long one */
    int64_t spread_cap;
    float *value;     /* rows: all values, one series after the other */
    float *value_rest; /* and what f32 loses of them */
    int64_t *count;   /* rows: [n_groups] values of each */
    int64_t value_cap, value_rest_cap, count_cap;
    int64_t n_errors; /* records refused */
    const char *error[VN_ERRORS_SHOWN];
} vn_table;

/* Read a file into an empty table that has name, options and panel set. */
vn_status vn_table_read(vn_table *table, vn_source *source, const vn_log *log);
void vn_table_close(vn_table *table);

/* Order the rows, find the frequency, put them on its grid and fill table->panel. */
vn_status vn_table_grid(vn_table *table);

/* columns.c. The names in the options; the format, by the header and the first record, to which
 * `csv` is set back; the columns of a long or wide table. */
vn_status vn_table_lists(vn_table *table);
vn_status vn_table_look(vn_table *table);
vn_status vn_table_roles(vn_table *table, const vn_log *log);

/* cells.c. One value out of a cell: NaN if missing; the whole of it in *x. `column` is for the
 * message. */
bool vn_table_missing(const vn_table *table, const vn_csv_cell *cell);
vn_status vn_table_number(const vn_table *table, const vn_csv *csv, const vn_csv_cell *cell,
                          const char *column, float *out, double *x);

/* Parse all records of a `rows` table (one series a record). */
vn_status vn_table_read_rows(vn_table *table);

/* After a record: DATA is noted, and reading may go on to find the other errors of the file;
 * whatever else `st` is comes back. At the end vn_table_errors logs them if they are several, and
 * fails if there is one. */
vn_status vn_table_note(vn_table *table, vn_status st);
vn_status vn_table_errors(const vn_table *table, const vn_log *log);

/* True if a record looks like an id followed by numbers, or is the header V1, V2, ... */
bool vn_table_is_values(const vn_table *table);
bool vn_table_is_rows_header(const vn_table *table);

/* Room for one more element in an array of `size`-byte elements; VN_E_MEMORY leaves it as it was.
 */
vn_status vn_table_room(void *array, int64_t *cap, int64_t n, size_t size);

/* Whether what f32 loses matters beside the spread of the series. */
bool vn_spread_needs_rest(const vn_spread *spread);

#endif

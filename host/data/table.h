/* The rows of a data file as they stand in it, before they become a panel: parsed, interned,
 * neither ordered nor checked for gaps. */
#ifndef VN_HOST_DATA_TABLE_H
#define VN_HOST_DATA_TABLE_H

#include "host/data/calendar.h"
#include "host/data/csv.h"
#include "host/data/levels.h"
#include "host/data/names.h"
#include "host/data/panel.h"

typedef enum vn_table_format {
    VN_FORMAT_AUTO,
    VN_FORMAT_LONG,
    VN_FORMAT_WIDE,
    VN_FORMAT_ROWS
} vn_table_format;

/* A group is one series (long) or all of them (wide). Cells of a row: n_y targets, then past
 * features, then future features; NaN is missing. */
typedef struct vn_table {
    const char *name; /* of the file, for messages */
    const vn_data_options *options;
    vn_table_format format;
    vn_arena arena;  /* column names, missing texts */
    vn_panel *panel; /* being made: ids and feature names go to its arena at once */
    vn_csv csv;
    const char **column; /* [n_columns] the header; NULL if there is none */
    int64_t n_columns;
    const char **na; /* [n_na] further texts that mean missing */
    int64_t n_na;
    vn_names *hist_cat, *futr_cat, *stat_cat; /* [n_hist_cat] ... of the panel: texts seen */
    vn_names ids;       /* long, rows: the series; wide: the target columns */
    vn_stamp_kind kind; /* of the stamps: STEP, DATE, or TIME if one has a time of day */
    int64_t n_y, n_cells, n_groups;
    int64_t n, cap;   /* rows */
    int32_t *group;   /* [n] */
    int64_t *stamp;   /* [n] */
    uint32_t *line;   /* [n] in the file (modulo 2^32) */
    float *cell;      /* [n, n_cells] */
    float *rest;      /* [n, n_y] what f32 loses of the targets */
    float *stat;      /* [n_groups, n_stat], NaN until seen */
    int64_t stat_cap; /* groups */
    float *value;     /* rows: all values, one series after the other */
    float *value_rest; /* and what f32 loses of them */
    int64_t *count;   /* rows: [n_groups] values of each */
    int64_t value_cap, value_rest_cap, count_cap;
    int64_t n_errors;        /* records refused so far */
    const char *first_error; /* the message of the first of them */
} vn_table;

/* Read a text into an empty table that has name, options and panel set. */
vn_status vn_table_read(vn_table *table, const char *text, size_t n, const vn_log *log);
void vn_table_close(vn_table *table);

/* Order the rows, find the frequency, put them on its grid and fill table->panel. */
vn_status vn_table_grid(vn_table *table);

/* One value out of a cell: NaN if missing. `rest` (may be NULL) receives what f32 loses of it.
 * `column` is for the message. */
vn_status vn_table_number(const vn_table *table, const vn_csv_cell *cell, const char *column,
                          float *out, float *rest);

/* Parse all records of a `rows` table (one series a record). */
vn_status vn_table_read_rows(vn_table *table, const vn_log *log);

/* After a record: DATA is noted, and from the second on logged, and reading may go on to find the
 * other errors of the file; whatever else `st` is comes back. At the end vn_table_errors fails
 * if a record did. */
vn_status vn_table_note(vn_table *table, vn_status st, const vn_log *log);
vn_status vn_table_errors(const vn_table *table);

/* True if a record looks like an id followed by numbers, or is the header V1, V2, ... */
bool vn_table_is_values(const vn_table *table);
bool vn_table_is_rows_header(const vn_table *table);

/* Room for one more element in an array of `size`-byte elements; VN_E_MEMORY leaves it as it was.
 */
vn_status vn_table_room(void *array, int64_t *cap, int64_t n, size_t size);

#endif

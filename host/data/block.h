/* A stretch of a table's lines, parsed on its own: many lanes read a file, each another block, and
 * table.c puts the blocks together in the file's order. */
#ifndef VN_HOST_DATA_BLOCK_H
#define VN_HOST_DATA_BLOCK_H

#include "host/data/table.h"

/* Indices of series and codes of texts are the block's own. */
typedef struct vn_block {
    const vn_table *table; /* its columns [row, row + most) are written, the rest is read */
    vn_csv csv;
    int64_t row, most, n; /* place of the first row, rows there is room for, rows */
    vn_stamp_kind kind;
    vn_arena arena;
    vn_names ids, *level; /* [n_level] */
    const char *id;       /* of the row before */
    size_t id_size;
    int32_t group;
    char date[10]; /* of the stamp before, and its first second */
    int64_t day;
    vn_row_run *run;
    int64_t n_runs, cap_runs;
    float *stat; /* [., n_stat], NaN until seen */
    vn_spread *spread;
    int64_t stat_cap, spread_cap;
    int64_t n_errors;
    const char *error[VN_ERRORS_SHOWN];
    bool broken; /* its text does not stand alone: a quote goes on behind it, or did before it */
} vn_block;

/* Parse the n bytes of text that begin on `line`; table, row and most are set. What is wrong with a
 * record is among the errors. */
vn_status vn_block_parse(vn_block *block, const char *text, size_t n, int64_t line);
void vn_block_close(vn_block *block);

/* Room for series `group` in the static values [., n_stat] and in the spreads. */
vn_status vn_stat_room(float **stat, int64_t *cap, int64_t group, int64_t n_stat);
vn_status vn_spread_room(vn_spread **spread, int64_t *cap, int64_t group);

/* One more row, or the runs of another block, at the end of `run`. */
vn_status vn_row_run_add(vn_row_run **run, int64_t *n, int64_t *cap, const vn_row_run *more);

/* The text of a static value for messages; `name`: the texts of its column, NULL for numbers. */
const char *vn_stat_text(const vn_names *name, float x, char number[VN_NUMBER_MAX]);

#endif

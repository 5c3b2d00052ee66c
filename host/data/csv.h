/* CSV records out of a text in memory, one pass, no copies.
 *
 * Quotes with doubled quotes and line breaks inside, LF, CRLF and lone CR, a UTF-8 byte order mark,
 * ',', ';' or tab (the one the first line holds most of), blanks around unquoted cells, blank
 * lines. Leaves numbers and column meanings to the caller. */
#ifndef VN_HOST_DATA_CSV_H
#define VN_HOST_DATA_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct vn_csv_cell {
    const char *s; /* into the text, inside the quotes if there are any */
    size_t n;
    bool doubled; /* holds doubled quotes: vn_csv_plain makes them single */
} vn_csv_cell;

typedef struct vn_csv {
    const char *name; /* of the file, for messages */
    const char *text, *at, *end;
    const char *record;        /* first byte of the record read last */
    int64_t line, record_line; /* where the next one starts; where that one started */
    const char *told_to; /* end of the line that told the delimiter */
    char delimiter;
    vn_csv_cell *cell; /* [n] of the record read last */
    int64_t n, cap;
} vn_csv;

/* Begin at the first record. DATA if the text is empty, blank or not text. Name and text are
 * borrowed. */
vn_status vn_csv_open(vn_csv *csv, const char *name, const char *text, size_t n);
void vn_csv_close(vn_csv *csv);

/* Begin at a record of the text `whole` was opened for: n bytes that begin on `line`. */
void vn_csv_part(vn_csv *csv, const vn_csv *whole, const char *text, size_t n, int64_t line);

/* Back to the first record. */
void vn_csv_rewind(vn_csv *csv);

/* The next record into cell[0..n); *more is false at the end. */
vn_status vn_csv_next(vn_csv *csv, bool *more);

/* The content of a cell as zero-terminated text. */
char *vn_csv_plain(vn_arena *arena, const vn_csv_cell *cell);

/* A DATA failure "name:line:col: ..." at byte s of the record read last. */
vn_status vn_csv_fail(const vn_csv *csv, const char *s, const char *fmt, ...) VN_PRINTF(3, 4);

/* The content for messages: at most 40 bytes, control characters as '?'. */
#define VN_CSV_SHOWN 48
char *vn_csv_show(const vn_csv_cell *cell, char out[VN_CSV_SHOWN]);

#endif

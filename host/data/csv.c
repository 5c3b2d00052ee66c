/* The CSV tokenizer. Cells point into the text; positions for messages are recomputed from the
 * record's start, so the common path counts nothing but lines. */
#include "host/data/csv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/fault.h"
#include "base/text.h"

/* More columns than any table has; bounds the cells of one record (24 bytes each). */
enum { COLUMNS_MAX = 1 << 22 };

/* Where the line break at p ends, p itself if there is none. */
static const char *after_break(const char *p, const char *end)
{
    if (p < end && *p == '\r') return p + 1 < end && p[1] == '\n' ? p + 2 : p + 1;
    return p < end && *p == '\n' ? p + 1 : p;
}

static void locate(const vn_csv *csv, const char *s, int64_t *line, int64_t *col)
{
    const char *p = csv->record;
    *line = csv->record_line;
    *col = 1;
    while (p < s) {
        const char *next = after_break(p, csv->end);
        if (next > p) {
            ++*line;
            *col = 1;
        } else if ((*p & 0xC0) != 0x80) { /* columns are characters, not bytes */
            ++*col;
        }
        p = next > p ? next : p + 1;
    }
}

vn_status vn_csv_fail(const vn_csv *csv, const char *s, const char *fmt, ...)
{
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    int64_t line, col;
    locate(csv, s, &line, &col);
    return VN_FAIL(VN_E_DATA, "%s:%lld:%lld: %s", csv->name, (long long)line, (long long)col,
                   message);
}

char *vn_csv_show(const vn_csv_cell *cell, char out[VN_CSV_SHOWN])
{
    size_t n = 0;
    while (n < cell->n) { /* whole characters only */
        size_t size = vn_utf8_size(cell->s + n, cell->n - n);
        if (n + (size ? size : 1) > 40) break;
        memcpy(out + n, cell->s + n, size ? size : 1);
        if (size == 0 || (unsigned char)out[n] < 0x20) out[n] = '?';
        n += size ? size : 1;
    }
    memcpy(out + n, n < cell->n ? "..." : "", n < cell->n ? 4 : 1);
    return out;
}

/* The separator the first line holds most of; ',' if none. *told_to: its end. */
static char detect_delimiter(const char *p, const char *end, const char **told_to)
{
    static const char known[] = ",;\t";
    int64_t count[3] = { 0 };
    for (bool quoted = false; p < end && (quoted || (*p != '\n' && *p != '\r')); p++) {
        if (*p == '"') quoted = !quoted;
        const char *at = quoted || !*p ? NULL : strchr(known, *p);
        if (at) count[at - known]++;
    }
    *told_to = p;
    int best = count[1] > count[0] ? 1 : 0;
    return known[count[2] > count[best] ? 2 : best];
}

void vn_csv_rewind(vn_csv *csv)
{
    csv->at = csv->record = csv->text;
    csv->line = csv->record_line = 1;
    csv->n = 0;
}

vn_status vn_csv_open(vn_csv *csv, const char *name, const char *text, size_t n)
{
    *csv = (vn_csv){ .name = name };
    if (n >= 2 && (!memcmp(text, "\xFF\xFE", 2) || !memcmp(text, "\xFE\xFF", 2)))
        return VN_FAIL(VN_E_DATA, "%s: the file is UTF-16; convert it to UTF-8", name);
    size_t mark = n >= 3 && !memcmp(text, "\xEF\xBB\xBF", 3) ? 3 : 0;
    csv->text = text + mark;
    csv->end = text + n;
    vn_csv_rewind(csv);
    const char *zero = n > mark ? memchr(csv->text, 0, n - mark) : NULL;
    if (zero) return vn_csv_fail(csv, zero, "a zero byte; expected a text file");
    const char *p = csv->text;
    while (p < csv->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
    if (p == csv->end) return VN_FAIL(VN_E_DATA, "%s: the file is empty", name);
    csv->delimiter = detect_delimiter(p, csv->end, &csv->told_to);
    return VN_OK;
}

void vn_csv_part(vn_csv *csv, const vn_csv *whole, const char *text, size_t n, int64_t line)
{
    *csv = (vn_csv){ .name = whole->name, .text = text, .end = text + n, .delimiter = whole->delimiter };
    vn_csv_rewind(csv);
    csv->line = csv->record_line = line;
}

void vn_csv_close(vn_csv *csv)
{
    if (!csv) return;
    vn_free(csv->cell);
    csv->cell = NULL;
    csv->n = csv->cap = 0;
}

static bool is_blank(const vn_csv *csv, char c)
{
    return c == ' ' || (c == '\t' && csv->delimiter != '\t');
}

static const char *skip_blanks(const vn_csv *csv, const char *p)
{
    while (p < csv->end && is_blank(csv, *p)) p++;
    return p;
}

static void skip_blank_lines(vn_csv *csv)
{
    for (;;) {
        const char *p = skip_blanks(csv, csv->at), *next = after_break(p, csv->end);
        if (p == csv->end) csv->at = p;
        if (next == p) return;
        csv->at = next;
        csv->line++;
    }
}

/* After a cell: past its delimiter, or past the line break, or at the end of the text. */
static void end_cell(vn_csv *csv, const char *p, bool *last)
{
    csv->at = after_break(p, csv->end);
    *last = p == csv->end || csv->at > p;
    if (csv->at > p) csv->line++;
    if (!*last) csv->at = p + 1;
}

/* p is at the opening quote. */
static vn_status read_quoted(vn_csv *csv, const char *p, vn_csv_cell *cell, bool *last)
{
    const char *open = p++;
    *cell = (vn_csv_cell){ .s = p };
    for (;; p++) {
        const char *quote = p < csv->end ? memchr(p, '"', (size_t)(csv->end - p)) : NULL;
        if (!quote) return vn_csv_fail(csv, open, "the quote opened here is never closed");
        p = quote + 1;
        if (p == csv->end || *p != '"') break;
        cell->doubled = true;
    }
    cell->n = (size_t)(p - 1 - cell->s);
    for (const char *q = cell->s, *next; q < p - 1; q = next) {
        next = after_break(q, p - 1);
        if (next > q)
            csv->line++;
        else
            next = q + 1;
    }
    p = skip_blanks(csv, p);
    if (p < csv->end && *p != csv->delimiter && *p != '\n' && *p != '\r')
        return vn_csv_fail(csv, p,
                           "text after a closing quote; expected a delimiter or a line end");
    end_cell(csv, p, last);
    return VN_OK;
}

#ifdef __SSE2__
enum { STRIDE = 16 };

/* Which of 16 bytes end an unquoted cell, as bits. */
static unsigned cell_ends(const char *p, char delimiter)
{
    __m128i s = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i end = _mm_or_si128(_mm_cmpeq_epi8(s, _mm_set1_epi8('\n')), _mm_cmpeq_epi8(s, _mm_set1_epi8('\r')));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(end, _mm_cmpeq_epi8(s, _mm_set1_epi8(delimiter))));
}
#endif

/* The first delimiter or line break from p on, or the end. Cells are short: most take one look. */
static const char *find_cell_end(const char *p, const char *end, char delimiter)
{
#ifdef __SSE2__
    for (; end - p >= STRIDE; p += STRIDE) {
        unsigned found = cell_ends(p, delimiter);
        if (found) return p + __builtin_ctz(found);
    }
#endif
    while (p < end && *p != delimiter && *p != '\n' && *p != '\r') p++;
    return p;
}

static vn_status more_cells(vn_csv *csv)
{
    if (csv->n == COLUMNS_MAX)
        return vn_csv_fail(csv, csv->at, "more than %d columns", COLUMNS_MAX);
    int64_t cap = csv->cap ? csv->cap * 2 : 16;
    vn_csv_cell *cell = vn_realloc(csv->cell, (size_t)cap * sizeof *cell);
    if (!cell) return VN_E_MEMORY;
    csv->cell = cell;
    csv->cap = cap;
    return VN_OK;
}

static vn_status read_cell(vn_csv *csv, bool *last)
{
    if (csv->n == csv->cap) VN_TRY(more_cells(csv));
    vn_csv_cell *cell = &csv->cell[csv->n++];
    const char *p = skip_blanks(csv, csv->at), *end = csv->end;
    if (p < end && *p == '"') return read_quoted(csv, p, cell, last);
    const char *q = find_cell_end(p, end, csv->delimiter), *stop = q;
    while (stop > p && is_blank(csv, stop[-1])) stop--;
    *cell = (vn_csv_cell){ .s = p, .n = (size_t)(stop - p) };
    end_cell(csv, q, last);
    return VN_OK;
}

vn_status vn_csv_next(vn_csv *csv, bool *more)
{
    skip_blank_lines(csv);
    csv->record = csv->at;
    csv->record_line = csv->line;
    csv->n = 0;
    *more = csv->at < csv->end;
    for (bool last = !*more; !last;) VN_TRY(read_cell(csv, &last));
    return VN_OK;
}

char *vn_csv_plain(vn_arena *arena, const vn_csv_cell *cell)
{
    char *out = vn_arena_text(arena, cell->s, cell->n);
    if (!out || !cell->doubled) return out;
    size_t n = 0;
    for (size_t i = 0; i < cell->n; i++) {
        out[n++] = cell->s[i];
        if (cell->s[i] == '"') i++; /* the second of the pair */
    }
    out[n] = 0;
    return out;
}

/* Records to rows. What neighbouring rows share is not looked up again: the series, the date, and
 * the distance of the stamps, so that a series of evenly spaced rows is one run of 32 bytes. */
#include "host/data/block.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

enum { DAY = 86400 };

void vn_block_close(vn_block *b)
{
    vn_csv_close(&b->csv);
    vn_names_close(&b->ids);
    for (int64_t i = 0; b->level && i < b->table->n_level; i++) vn_names_close(&b->level[i]);
    vn_arena_close(&b->arena);
    vn_free(b->run);
    vn_free(b->stat);
    vn_free(b->spread);
    b->level = NULL;
    b->run = NULL;
    b->stat = NULL;
    b->spread = NULL;
}

vn_status vn_stat_room(float **stat, int64_t *cap, int64_t group, int64_t n_stat)
{
    int64_t before = *cap;
    while (group >= *cap) VN_TRY(vn_table_room(stat, cap, *cap, (size_t)n_stat * sizeof **stat));
    for (int64_t i = before * n_stat; i < *cap * n_stat; i++) (*stat)[i] = NAN;
    return VN_OK;
}

vn_status vn_spread_room(vn_spread **spread, int64_t *cap, int64_t group)
{
    int64_t before = *cap;
    while (group >= *cap) VN_TRY(vn_table_room(spread, cap, *cap, sizeof **spread));
    for (int64_t i = before; i < *cap; i++) (*spread)[i] = VN_SPREAD_NONE;
    return VN_OK;
}

void vn_spread_join(vn_spread *s, const vn_spread *more)
{
    s->lo = more->lo < s->lo ? more->lo : s->lo;
    s->hi = more->hi > s->hi ? more->hi : s->hi;
    s->rest = more->rest > s->rest ? more->rest : s->rest;
}

/* True if `more` goes on where `last` ends, row for row and line for line. */
static bool continues(const vn_row_run *last, const vn_row_run *more)
{
    int64_t step = last->n > 1 ? last->step : more->stamp - last->stamp;
    return more->group == last->group && more->line == last->line + (uint32_t)last->n &&
           more->stamp == last->stamp + step * last->n && (more->n == 1 || more->step == step) &&
           step >= INT32_MIN && step <= INT32_MAX && last->n <= INT32_MAX - more->n;
}

vn_status vn_row_run_add(vn_row_run **run, int64_t *n, int64_t *cap, const vn_row_run *more)
{
    vn_row_run *last = *n ? &(*run)[*n - 1] : NULL;
    if (last && continues(last, more)) {
        if (last->n == 1) last->step = (int32_t)(more->stamp - last->stamp);
        last->n += more->n;
        return VN_OK;
    }
    VN_TRY(vn_table_room(run, cap, *n, sizeof **run));
    (*run)[(*n)++] = *more;
    return VN_OK;
}

const char *vn_stat_text(const vn_names *name, float x, char number[VN_NUMBER_MAX])
{
    return name ? name->name[(int64_t)x - 1] : vn_format_f32(x, number);
}

/* Index of a cell's text among `names`. */
static vn_status intern(vn_names *names, const vn_csv_cell *cell, int64_t *index)
{
    if (!cell->doubled) return vn_names_add(names, cell->s, cell->n, index);
    vn_arena scratch = { 0 };
    char *plain = vn_csv_plain(&scratch, cell);
    vn_status st = plain ? vn_names_add(names, plain, strlen(plain), index) : VN_E_MEMORY;
    vn_arena_close(&scratch);
    return st;
}

static vn_status take_id(vn_block *b, const vn_csv_cell *cell)
{
    if (cell->n == 0) return vn_csv_fail(&b->csv, cell->s, "the series id is empty");
    if (b->id && !cell->doubled && cell->n == b->id_size && !memcmp(b->id, cell->s, cell->n))
        return VN_OK;
    int64_t index;
    VN_TRY(intern(&b->ids, cell, &index));
    if (index >= INT32_MAX) return vn_csv_fail(&b->csv, cell->s, "more than %d series", INT32_MAX);
    b->group = (int32_t)index;
    b->id = b->ids.name[index];
    b->id_size = strlen(b->id);
    return VN_OK;
}

static int two_digits(const char *s)
{
    unsigned a = (unsigned)(unsigned char)s[0] - '0', b = (unsigned)(unsigned char)s[1] - '0';
    return a < 10 && b < 10 ? (int)(a * 10 + b) : 99;
}

/* " 13:00:00" or "T13:00:00" */
static bool quick_time(const char *s, int64_t *second)
{
    int hour = two_digits(s + 1), minute = two_digits(s + 4), rest = two_digits(s + 7);
    *second = (hour * 60 + minute) * 60 + rest;
    return (s[0] == ' ' || s[0] == 'T') && s[3] == ':' && s[6] == ':' && hour < 24 && minute < 60 &&
           rest < 60;
}

/* As vn_stamp_parse; most rows have the date of the row before. */
static vn_stamp_kind read_stamp(vn_block *b, const vn_csv_cell *cell, int64_t *stamp)
{
    int64_t second;
    bool full = cell->n == 19 && cell->s[4] == '-';
    if (full && !memcmp(cell->s, b->date, sizeof b->date) && quick_time(cell->s + 10, &second)) {
        *stamp = b->day + second;
        return VN_STAMP_TIME;
    }
    vn_stamp_kind kind = vn_stamp_parse(cell->s, cell->n, stamp);
    if (full && kind == VN_STAMP_TIME) {
        memcpy(b->date, cell->s, sizeof b->date);
        b->day = *stamp - (*stamp % DAY + DAY) % DAY;
    }
    return kind;
}

static vn_status take_stamp(vn_block *b, const vn_csv_cell *cell, int64_t column, int64_t *stamp)
{
    vn_stamp_kind kind = read_stamp(b, cell, stamp);
    bool same = b->kind == VN_STAMP_NONE || (b->kind == VN_STAMP_STEP) == (kind == VN_STAMP_STEP);
    if (kind == VN_STAMP_NONE || !same) {
        char shown[VN_CSV_SHOWN];
        b->broken |= b->kind == VN_STAMP_NONE && b->row > 0; /* rows before say what is expected */
        return vn_csv_fail(&b->csv, cell->s, "expected %s in column '%s', got \"%s\"",
                           b->kind == VN_STAMP_NONE
                               ? "a time stamp like 2016-07-01 13:00:00 or an integer step"
                           : b->kind == VN_STAMP_STEP ? "an integer step as in the lines before"
                                                      : "a time stamp like 2016-07-01 13:00:00",
                           b->table->column[column], vn_csv_show(cell, shown));
    }
    if (b->kind != VN_STAMP_TIME) b->kind = kind;
    return VN_OK;
}

static vn_status take_y(vn_block *b, const vn_csv_cell *cell, int64_t column, int64_t row)
{
    const vn_table *t = b->table;
    int64_t at = t->role[column].at, k = t->format == VN_FORMAT_WIDE ? at : b->group;
    double x;
    float y;
    VN_TRY(vn_table_number(t, &b->csv, cell, t->column[column], &y, &x));
    float rest = isnan(y) ? 0.0f : (float)(x - (double)y);
    t->y[row * t->n_y + at] = y;
    if (t->rest) t->rest[row * t->n_y + at] = rest;
    if (k >= b->spread_cap) VN_TRY(vn_spread_room(&b->spread, &b->spread_cap, k));
    const vn_spread one = { x, x, fabs((double)rest) };
    if (!isnan(y)) vn_spread_join(&b->spread[k], &one);
    return VN_OK;
}

/* A number, or the code of a categorical cell, 0 where that is missing. */
static vn_status take_feature(vn_block *b, const vn_csv_cell *cell, int64_t column, float *out)
{
    const vn_table *t = b->table;
    const vn_role *r = &t->role[column];
    double x;
    int64_t index;
    if (r->level < 0) return vn_table_number(t, &b->csv, cell, t->column[column], out, &x);
    *out = 0;
    if (vn_table_missing(t, cell)) return VN_OK;
    VN_TRY(intern(&b->level[r->level], cell, &index));
    *out = (float)(index + 1);
    return VN_OK;
}

static vn_status take_stat(vn_block *b, const vn_csv_cell *cell, int64_t column)
{
    const vn_table *t = b->table;
    const vn_role *r = &t->role[column];
    int64_t n_stat = t->panel->n_stat;
    float x;
    VN_TRY(vn_stat_room(&b->stat, &b->stat_cap, b->group, n_stat));
    VN_TRY(take_feature(b, cell, column, &x));
    if (r->level >= 0 && x == 0) x = NAN; /* missing, as a number would be */
    float *kept = &b->stat[b->group * n_stat + r->at];
    if (isnan(x)) return VN_OK;
    if (isnan(*kept)) *kept = x;
    if (x == *kept) return VN_OK;
    char was[VN_NUMBER_MAX], shown[VN_CSV_SHOWN];
    const vn_names *names = t->id_column >= 0 ? &b->ids : &t->ids;
    return vn_csv_fail(&b->csv, cell->s,
                       "static column '%s' changes within series '%s': %s after %.40s",
                       t->column[column], names->name[b->group], vn_csv_show(cell, shown),
                       vn_stat_text(r->level < 0 ? NULL : &b->level[r->level], *kept, was));
}

static vn_status take_cell(vn_block *b, int64_t i, int64_t row, vn_row_run *run)
{
    const vn_table *t = b->table;
    const vn_csv_cell *cell = &b->csv.cell[i];
    const vn_role *r = &t->role[i];
    const vn_panel *p = t->panel;
    switch (r->what) {
    case VN_ROLE_NONE:
    case VN_ROLE_ID:
        return VN_OK;
    case VN_ROLE_TIME:
        return take_stamp(b, cell, i, &run->stamp);
    case VN_ROLE_Y:
        return take_y(b, cell, i, row);
    case VN_ROLE_HIST:
        return take_feature(b, cell, i, &t->hist[row * p->n_hist + r->at]);
    case VN_ROLE_FUTR:
        return take_feature(b, cell, i, &t->futr[row * p->n_futr + r->at]);
    case VN_ROLE_STAT:
        return take_stat(b, cell, i);
    }
    return VN_OK;
}

static vn_status take_row(vn_block *b)
{
    const vn_table *t = b->table;
    if (b->csv.n != t->n_columns)
        return vn_csv_fail(&b->csv, b->csv.record,
                           "expected %lld columns as in the header, found %lld",
                           (long long)t->n_columns, (long long)b->csv.n);
    if (b->n == b->most) return VN_FAIL(VN_E_IO, "\"%s\" changed while it was read", t->name);
    vn_row_run run = { .n = 1, .row = b->row + b->n, .line = (uint32_t)b->csv.record_line };
    if (t->id_column >= 0) VN_TRY(take_id(b, &b->csv.cell[t->id_column]));
    run.group = b->group;
    for (int64_t i = 0; i < b->csv.n; i++) VN_TRY(take_cell(b, i, run.row, &run));
    VN_TRY(vn_row_run_add(&b->run, &b->n_runs, &b->cap_runs, &run));
    b->n++;
    return VN_OK;
}

static vn_status note(vn_block *b, vn_status st)
{
    if (st != VN_E_DATA) return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
    const char *message = vn_last_message();
    if (b->n_errors++ >= VN_ERRORS_SHOWN) return VN_OK;
    const char **kept = &b->error[b->n_errors - 1];
    *kept = vn_arena_text(&b->arena, message, strlen(message));
    return *kept ? VN_OK : VN_E_MEMORY;
}

vn_status vn_block_parse(vn_block *b, const char *text, size_t n, int64_t line)
{
    const vn_table *t = b->table;
    vn_csv_part(&b->csv, &t->csv, text, n, line);
    b->ids.arena = &b->arena;
    b->level = vn_arena_array(&b->arena, (size_t)t->n_level, sizeof *b->level);
    if (!b->level) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n_level; i++) b->level[i].arena = &b->arena;
    for (;;) {
        bool more;
        vn_status st = vn_csv_next(&b->csv, &more);
        if (st == VN_E_DATA) b->broken = true;
        if (st) return st == VN_E_DATA ? note(b, st) : st;
        if (!more) return VN_OK;
        VN_TRY(note(b, take_row(b)));
    }
}

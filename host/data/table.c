/* Data files to rows: what the columns mean, which format it is, and every cell's number.
 *
 * The text is read once; the header and the first record are looked at before, to choose the
 * format. One row costs 24 bytes and 4 more for each cell beside the target until the panel is
 * made. */
#include "host/data/table.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/text.h"

enum { ROLE_NONE, ROLE_ID, ROLE_TIME, ROLE_CELL, ROLE_STAT };

/* What one column of the file is. */
typedef struct role {
    int what;
    int64_t at;       /* index among the cells or static features */
    vn_names *levels; /* of a categorical column; NULL: numbers */
} role;

/* The columns of one option that asks for features. */
typedef struct wish {
    const char *option;
    const char **name;
    int64_t n, first; /* `at` of the first */
    int what;
    vn_names *levels; /* [n], NULL: numbers */
} wish;

enum { N_WISHES = 6 };

vn_status vn_table_room(void *array, int64_t *cap, int64_t n, size_t size)
{
    if (n < *cap) return VN_OK;
    int64_t more = *cap ? *cap * 2 : 256;
    size_t bytes;
    void *old, *grown = NULL;
    memcpy(&old, array, sizeof old);
    if (!vn_mul_size((size_t)more, size ? size : 1, &bytes) || !(grown = vn_realloc(old, bytes)))
        return VN_FAIL(VN_E_MEMORY, "cannot get memory for %lld rows", (long long)more);
    memcpy(array, &grown, sizeof grown);
    *cap = more;
    return VN_OK;
}

static void close_levels(vn_names **levels, int64_t n)
{
    for (int64_t i = 0; *levels && i < n; i++) vn_names_close(&(*levels)[i]);
    *levels = NULL;
}

void vn_table_close(vn_table *t)
{
    if (!t) return;
    vn_csv_close(&t->csv);
    vn_names_close(&t->ids);
    close_levels(&t->hist_cat, t->panel->n_hist_cat);
    close_levels(&t->futr_cat, t->panel->n_futr_cat);
    close_levels(&t->stat_cat, t->panel->n_stat_cat);
    vn_arena_close(&t->arena);
    vn_free(t->group);
    vn_free(t->stamp);
    vn_free(t->line);
    vn_free(t->cell);
    vn_free(t->rest);
    vn_free(t->stat);
    vn_free(t->value);
    vn_free(t->value_rest);
    vn_free(t->count);
    t->group = NULL;
    t->stamp = NULL;
    t->line = NULL;
    t->cell = t->rest = t->stat = t->value = t->value_rest = NULL;
    t->count = NULL;
}

enum { ERRORS_SHOWN = 20 };

vn_status vn_table_note(vn_table *t, vn_status st, const vn_log *log)
{
    if (st != VN_E_DATA) return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
    const char *message = vn_last_message();
    if (!t->n_errors++) {
        t->first_error = vn_arena_text(&t->arena, message, strlen(message));
        return t->first_error ? VN_OK : VN_E_MEMORY;
    }
    if (log && t->n_errors == 2) vn_log_printf(log, VN_LOG_ERROR, "%s", t->first_error);
    if (log && t->n_errors <= ERRORS_SHOWN) vn_log_printf(log, VN_LOG_ERROR, "%s", message);
    return VN_OK;
}

vn_status vn_table_errors(const vn_table *t)
{
    if (t->n_errors < 2)
        return t->n_errors ? VN_FAIL(VN_E_DATA, "%s", t->first_error) : VN_OK;
    return VN_FAIL(VN_E_DATA, "%s: %lld errors, the first: %s", t->name, (long long)t->n_errors,
                   t->first_error);
}

static bool same_word(const vn_csv_cell *cell, const char *word)
{
    return vn_same_word(cell->s, cell->n, word);
}

static bool is_missing(const vn_table *t, const vn_csv_cell *cell)
{
    if (cell->n == 0) return true;
    for (int64_t i = 0; i < t->n_na; i++)
        if (strlen(t->na[i]) == cell->n && !memcmp(t->na[i], cell->s, cell->n)) return true;
    return same_word(cell, "na") || same_word(cell, "nan") || same_word(cell, "null");
}

static bool is_feature(const vn_table *t, const char *column)
{
    const vn_panel *p = t->panel;
    for (int64_t i = 0; i < p->n_hist; i++)
        if (!strcmp(p->hist_name[i], column)) return true;
    for (int64_t i = 0; i < p->n_futr; i++)
        if (!strcmp(p->futr_name[i], column)) return true;
    for (int64_t i = 0; i < p->n_stat; i++)
        if (!strcmp(p->stat_name[i], column)) return true;
    return false;
}

static vn_status not_a_number(const vn_table *t, const vn_csv_cell *cell, const char *column)
{
    char shown[VN_CSV_SHOWN];
    vn_csv_show(cell, shown);
    if (memchr(cell->s, ',', cell->n) && strspn(shown, "+-0123456789.,eE") == strlen(shown))
        return vn_csv_fail(&t->csv, cell->s,
                           "expected a number in column '%s', got \"%s\" (decimals need a point)",
                           column, shown);
    return vn_csv_fail(&t->csv, cell->s,
                       "expected a number in column '%s', got \"%s\" (missing values: --na %s%s)",
                       column, shown, shown,
                       is_feature(t, column) ? "; texts: cat_exog_list, hist_cat_list or stat_cat_list" : "");
}

/* The code of a categorical cell; 0 if it is missing. */
static vn_status take_code(const vn_table *t, const vn_csv_cell *cell, const char *column,
                           vn_names *levels, float *out)
{
    *out = 0;
    if (is_missing(t, cell)) return VN_OK;
    if (!cell->doubled) return vn_levels_add(levels, column, cell->s, cell->n, out);
    vn_arena scratch = { 0 };
    char *plain = vn_csv_plain(&scratch, cell);
    vn_status st = plain ? vn_levels_add(levels, column, plain, strlen(plain), out) : VN_E_MEMORY;
    vn_arena_close(&scratch);
    return st;
}

/* Plain decimals of up to 18 digits, without the exact parser's 0.4 us for those over 15. Digits
 * over a power of ten err by at most 2^-52 in f64; where both ends of twice that range round to one
 * f32, it is the f32 of the exact f64 too. False: not sure. */
static bool quick_number(const vn_csv_cell *cell, float *out, float *rest)
{
    static const double power10[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9,
                                      1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18 };
    const char *s = cell->s, *end = s + cell->n;
    bool negative = *s == '-';
    s += negative;
    if (end - s > 19 || s == end || *s == '.' || end[-1] == '.') return false;
    int64_t digits = 0, point = -1;
    for (const char *p = s; p < end; p++) {
        if (*p == '.' && point < 0)
            point = end - p - 1;
        else if (*p < '0' || *p > '9')
            return false;
        else
            digits = digits * 10 + (*p - '0');
    }
    if (point < 0 && end - s > 18) return false; /* 19 digits may not fit */
    double x = (double)digits / power10[point < 0 ? 0 : point];
    float lo = (float)(x * (1 - 0x1p-51)), hi = (float)(x * (1 + 0x1p-51));
    *out = vn_split_f32(negative ? -x : x, rest);
    return lo == hi;
}

vn_status vn_table_number(const vn_table *t, const vn_csv_cell *cell, const char *column,
                          float *out, float *rest)
{
    double x;
    char shown[VN_CSV_SHOWN];
    *out = NAN;
    if (rest) *rest = 0;
    if (cell->n == 0 || (t->n_na && is_missing(t, cell))) return VN_OK;
    if (quick_number(cell, out, rest)) return VN_OK;
    *out = NAN;
    if (!vn_parse_f64(cell->s, cell->n, &x, NULL))
        return is_missing(t, cell) ? VN_OK : not_a_number(t, cell, column);
    if (isinf(x))
        return vn_csv_fail(&t->csv, cell->s, "column '%s' holds an infinite value, \"%s\"", column,
                           vn_csv_show(cell, shown));
    if (fabs(x) >= 0x1.ffffffp127) /* what rounds to an infinite f32 */
        return vn_csv_fail(&t->csv, cell->s,
                           "column '%s' holds %s, beyond what 32-bit floats hold (3.4e38)", column,
                           vn_csv_show(cell, shown));
    *out = vn_split_f32(x, rest);
    return VN_OK;
}

static int64_t column_called(const vn_table *t, const char *name)
{
    for (int64_t i = 0; i < t->n_columns; i++)
        if (!strcmp(t->column[i], name)) return i;
    return -1;
}

static const char *nth_column(int i, const void *ctx)
{
    const vn_table *t = ctx;
    return i < t->n_columns ? t->column[i] : NULL;
}

static vn_status no_column(const vn_table *t, const char *option, const char *name)
{
    vn_text names = { 0 };
    for (int64_t i = 0; i < t->n_columns && names.n < 300; i++)
        vn_text_printf(&names, "%s%s", i ? ", " : "", t->column[i]);
    const char *near = vn_nearest(name, nth_column, t);
    if (near && strlen(name) == 1 && (*near | 0x20) != (*name | 0x20))
        near = NULL; /* 'x' for 'y' */
    vn_status st =
        names.failed
            ? VN_E_MEMORY
            : VN_FAIL(VN_E_DATA, "%s:1: no column '%s' (option %s); the columns are %.320s%s%s%s",
                      t->name, name, option, names.s ? names.s : "", near ? "; did you mean '" : "",
                      near ? near : "", near ? "'?" : "");
    vn_text_close(&names);
    return st;
}

/* Give the column called `name` a role. */
static vn_status assign(vn_table *t, role *roles, const char *option, const char *name, role r)
{
    int64_t at = column_called(t, name);
    if (at < 0) return no_column(t, option, name);
    for (int64_t i = at + 1; i < t->n_columns; i++)
        if (!strcmp(t->column[i], name))
            return VN_FAIL(VN_E_DATA, "%s:1: columns %lld and %lld are both called '%s'", t->name,
                           (long long)at + 1, (long long)i + 1, name);
    if (roles[at].what != ROLE_NONE)
        return VN_FAIL(VN_E_ARGUMENT,
                       "column '%s' is asked for twice, the second time by option %s", name,
                       option);
    roles[at] = r;
    return VN_OK;
}

/* "a, b" to names; *n stays 0 for an empty list. */
static vn_status split_list(vn_arena *arena, const char *list, const char ***names, int64_t *n)
{
    *n = 0;
    int64_t most = 1;
    for (const char *p = list; *p; p++) most += *p == ',';
    *names = vn_arena_array(arena, (size_t)most, sizeof **names);
    if (!*names) return VN_E_MEMORY;
    for (const char *p = list; *p;) {
        p += strspn(p, " \t");
        size_t size = strcspn(p, ","), keep = size;
        while (keep && (p[keep - 1] == ' ' || p[keep - 1] == '\t')) keep--;
        if (keep && !((*names)[(*n)++] = vn_arena_text(arena, p, keep))) return VN_E_MEMORY;
        p += size + (p[size] == ',');
    }
    return VN_OK;
}

/* The time column: the option's, or else 'date', or else the first. */
static vn_status find_time(const vn_table *t, int64_t *at)
{
    const char *name = t->options->time_col.s;
    *at = column_called(t, name);
    if (*at >= 0) return VN_OK;
    if (strcmp(name, "ds")) return no_column(t, "time_col", name);
    for (int64_t i = 0; i < t->n_columns; i++) {
        vn_csv_cell cell = { t->column[i], strlen(t->column[i]), false };
        if (same_word(&cell, "ds") || same_word(&cell, "date")) {
            *at = i;
            return VN_OK;
        }
    }
    if (t->n_columns < 2 || !strcmp(t->column[0], t->options->id_col.s) ||
        !strcmp(t->column[0], t->options->target_col.s))
        return no_column(t, "time_col", name);
    *at = 0;
    return VN_OK;
}

/* A column whose name holds a comma and is pulled to pieces in a list of features. */
static const char *torn_column(const vn_table *t, const char *piece)
{
    for (int64_t i = 0; i < t->n_columns; i++)
        if (strchr(t->column[i], ',') && strstr(t->column[i], piece)) return t->column[i];
    return NULL;
}

/* All columns that are asked for and not there, in one message. */
static vn_status need_columns(const vn_table *t, const wish *w)
{
    vn_text names = { 0 };
    const wish *first = NULL;
    const char *name = NULL;
    int n_missing = 0;
    for (int k = 0; k < N_WISHES; k++)
        for (int64_t i = 0; i < w[k].n; i++) {
            if (column_called(t, w[k].name[i]) >= 0) continue;
            if (!n_missing++) first = &w[k], name = w[k].name[i];
            if (names.n < 300)
                vn_text_printf(&names, "%s'%s' (option %s)", names.n ? ", " : "", w[k].name[i],
                               w[k].option);
        }
    vn_status st = VN_OK;
    const char *torn = n_missing > 1 ? torn_column(t, name) : NULL;
    if (torn)
        st = VN_FAIL(VN_E_DATA,
                     "%s:1: the name of column '%s' holds a comma, which separates the names in "
                     "lists of features; rename it",
                     t->name, torn);
    else if (n_missing == 1)
        st = no_column(t, first->option, name);
    else if (n_missing)
        st = names.failed ? VN_E_MEMORY
                          : VN_FAIL(VN_E_DATA, "%s:1: %d columns are missing: %.320s", t->name,
                                    n_missing, names.s);
    vn_text_close(&names);
    return st;
}

/* Feature columns; targets come first among the cells. */
static vn_status assign_features(vn_table *t, role *roles)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    int64_t n_futr = p->n_futr - p->n_futr_cat, n_stat = p->n_stat - p->n_stat_cat;
    int64_t futr = t->n_y + p->n_hist, n_hist = p->n_hist - p->n_hist_cat;
    const wish wishes[N_WISHES] = {
        { "hist_exog_list", p->hist_name, n_hist, t->n_y, ROLE_CELL, NULL },
        { "hist_cat_list", p->hist_name + n_hist, p->n_hist_cat, t->n_y + n_hist, ROLE_CELL,
          t->hist_cat },
        { "futr_exog_list", p->futr_name, n_futr, futr, ROLE_CELL, NULL },
        { "cat_exog_list", p->futr_name + n_futr, p->n_futr_cat, futr + n_futr, ROLE_CELL,
          t->futr_cat },
        { "stat_exog_list", p->stat_name, n_stat, 0, ROLE_STAT, NULL },
        { "stat_cat_list", p->stat_name + n_stat, p->n_stat_cat, n_stat, ROLE_STAT, t->stat_cat },
    };
    if (p->n_stat && t->format == VN_FORMAT_WIDE)
        return VN_FAIL(VN_E_ARGUMENT, "a wide table cannot hold static features (%s%s%s%s%s)",
                       n_stat ? "stat_exog_list = " : "", n_stat ? o->stat_exog_list.s : "",
                       n_stat && p->n_stat_cat ? ", " : "",
                       p->n_stat_cat ? "stat_cat_list = " : "",
                       p->n_stat_cat ? o->stat_cat_list.s : "");
    VN_TRY(need_columns(t, wishes));
    for (const wish *w = wishes; w < wishes + N_WISHES; w++)
        for (int64_t i = 0; i < w->n; i++)
            VN_TRY(assign(t, roles, w->option, w->name[i],
                          (role){ w->what, w->first + i, w->levels ? &w->levels[i] : NULL }));
    t->n_cells = t->n_y + p->n_hist + p->n_futr;
    return VN_OK;
}

static vn_status roles_long(vn_table *t, role *roles)
{
    const vn_data_options *o = t->options;
    int64_t time, one, id = column_called(t, o->id_col.s);
    if (id >= 0 || strcmp(o->id_col.s, "unique_id"))
        VN_TRY(assign(t, roles, "id_col", o->id_col.s, (role){ ROLE_ID, 0, NULL }));
    VN_TRY(find_time(t, &time));
    VN_TRY(assign(t, roles, "time_col", t->column[time], (role){ ROLE_TIME, 0, NULL }));
    t->n_y = o->target_col.s[0] != 0;
    if (t->n_y)
        VN_TRY(assign(t, roles, "target_col", o->target_col.s, (role){ ROLE_CELL, 0, NULL }));
    if (id < 0) VN_TRY(vn_names_add(&t->ids, o->target_col.s, strlen(o->target_col.s), &one));
    return assign_features(t, roles);
}

/* A table of columns called id and value would be two series; hardly what its owner means. */
static void doubt_wide(const vn_table *t, const vn_log *log)
{
    static const char *const usual[] = { "id", "item_id", "series", "series_id", "store", "sku", "key",
                                         "item", "value", "target", "sales", "demand" };
    if (t->options->format != VN_FORMAT_AUTO) return;
    for (int64_t i = 0; i < t->n_columns; i++)
        for (size_t k = 0; k < sizeof usual / sizeof *usual; k++)
            if (!strcmp(t->column[i], usual[k])) {
                vn_log_printf(log, VN_LOG_WARN,
                              "%s: read as a wide table, in which column '%s' is a series; if the "
                              "table is long, name its columns: id_col, target_col",
                              t->name, t->column[i]);
                return;
            }
}

static vn_status roles_wide(vn_table *t, role *roles)
{
    int64_t time, index;
    VN_TRY(find_time(t, &time));
    VN_TRY(assign(t, roles, "time_col", t->column[time], (role){ ROLE_TIME, 0, NULL }));
    t->n_y = t->n_columns - 1 - t->panel->n_hist - t->panel->n_futr;
    VN_TRY(assign_features(t, roles));
    for (int64_t i = 0; i < t->n_columns; i++) {
        if (roles[i].what != ROLE_NONE) continue;
        const char *name = t->column[i];
        if (!*name)
            return VN_FAIL(VN_E_DATA, "%s:1: column %lld has no name", t->name, (long long)i + 1);
        int64_t known = t->ids.n;
        VN_TRY(vn_names_add(&t->ids, name, strlen(name), &index));
        if (index < known)
            return VN_FAIL(VN_E_DATA, "%s:1: two columns are called '%s'", t->name, name);
        roles[i] = (role){ ROLE_CELL, index, NULL };
    }
    if (t->n_y < 1)
        return VN_FAIL(VN_E_DATA, "%s:1: a wide table needs a column for each series beside '%s'",
                       t->name, t->column[time]);
    return VN_OK;
}

static vn_status add_row(vn_table *t)
{
    int64_t cap[5] = { t->cap, t->cap, t->cap, t->cap, t->cap };
    VN_TRY(vn_table_room(&t->group, &cap[0], t->n, sizeof *t->group));
    VN_TRY(vn_table_room(&t->stamp, &cap[1], t->n, sizeof *t->stamp));
    VN_TRY(vn_table_room(&t->line, &cap[2], t->n, sizeof *t->line));
    VN_TRY(vn_table_room(&t->cell, &cap[3], t->n, (size_t)t->n_cells * sizeof *t->cell));
    VN_TRY(vn_table_room(&t->rest, &cap[4], t->n, (size_t)t->n_y * sizeof *t->rest));
    t->cap = cap[0];
    t->group[t->n] = 0;
    t->line[t->n++] = (uint32_t)t->csv.record_line;
    return VN_OK;
}

static vn_status take_stamp(vn_table *t, const vn_csv_cell *cell, int64_t column, int64_t *stamp)
{
    vn_stamp_kind kind = vn_stamp_parse(cell->s, cell->n, stamp);
    bool same = t->kind == VN_STAMP_NONE || (t->kind == VN_STAMP_STEP) == (kind == VN_STAMP_STEP);
    if (kind == VN_STAMP_NONE || !same) {
        char shown[VN_CSV_SHOWN];
        return vn_csv_fail(&t->csv, cell->s, "expected %s in column '%s', got \"%s\"",
                           t->kind == VN_STAMP_NONE
                               ? "a time stamp like 2016-07-01 13:00:00 or an integer step"
                           : t->kind == VN_STAMP_STEP ? "an integer step as in the lines before"
                                                      : "a time stamp like 2016-07-01 13:00:00",
                           t->column[column], vn_csv_show(cell, shown));
    }
    if (t->kind != VN_STAMP_TIME) t->kind = kind;
    return VN_OK;
}

static vn_status take_id(vn_table *t, const vn_csv_cell *cell, int32_t *group)
{
    if (cell->n == 0) return vn_csv_fail(&t->csv, cell->s, "the series id is empty");
    const char *last = t->n > 1 ? t->ids.name[t->group[t->n - 2]] : NULL;
    if (last && !cell->doubled && !strncmp(last, cell->s, cell->n) && !last[cell->n]) {
        *group = t->group[t->n - 2];
        return VN_OK;
    }
    int64_t index;
    if (!cell->doubled)
        VN_TRY(vn_names_add(&t->ids, cell->s, cell->n, &index));
    else {
        vn_arena scratch = { 0 };
        char *plain = vn_csv_plain(&scratch, cell);
        vn_status st = plain ? vn_names_add(&t->ids, plain, strlen(plain), &index) : VN_E_MEMORY;
        vn_arena_close(&scratch);
        VN_TRY(st);
    }
    if (index >= INT32_MAX) return vn_csv_fail(&t->csv, cell->s, "more than %d series", INT32_MAX);
    *group = (int32_t)index;
    return VN_OK;
}

/* A static number, or the text of a static code, for messages. */
static const char *stat_text(const role *r, float x, char number[VN_NUMBER_MAX])
{
    return r->levels ? r->levels->name[(int64_t)x - 1] : vn_format_f32(x, number);
}

static vn_status take_stat(vn_table *t, int64_t group, const role *r, const vn_csv_cell *cell)
{
    int64_t n_stat = t->panel->n_stat, before = t->stat_cap;
    while (group >= t->stat_cap)
        VN_TRY(vn_table_room(&t->stat, &t->stat_cap, t->stat_cap, (size_t)n_stat * sizeof(float)));
    for (int64_t i = before * n_stat; i < t->stat_cap * n_stat; i++) t->stat[i] = NAN;
    const char *name = t->panel->stat_name[r->at];
    float x, *kept = &t->stat[group * n_stat + r->at];
    if (!r->levels)
        VN_TRY(vn_table_number(t, cell, name, &x, NULL));
    else
        VN_TRY(take_code(t, cell, name, r->levels, &x));
    if (r->levels && x == 0) x = NAN; /* missing, as a number would be */
    if (!isnan(x) && !isnan(*kept) && x != *kept) {
        char was[VN_NUMBER_MAX], shown[VN_CSV_SHOWN];
        return vn_csv_fail(&t->csv, cell->s,
                           "static column '%s' changes within series '%s': %s after %.40s", name,
                           t->ids.name[group], vn_csv_show(cell, shown), stat_text(r, *kept, was));
    }
    if (!isnan(x)) *kept = x;
    return VN_OK;
}

static vn_status take_row(vn_table *t, const role *roles, int64_t id_column)
{
    const vn_csv *csv = &t->csv;
    VN_TRY(add_row(t));
    int64_t row = t->n - 1;
    if (id_column >= 0) VN_TRY(take_id(t, &csv->cell[id_column], &t->group[row]));
    for (int64_t i = 0; i < csv->n; i++) {
        const vn_csv_cell *cell = &csv->cell[i];
        float *cells = t->cell + row * t->n_cells;
        if (roles[i].what == ROLE_TIME) VN_TRY(take_stamp(t, cell, i, &t->stamp[row]));
        float *rest = roles[i].at < t->n_y ? t->rest + row * t->n_y + roles[i].at : NULL;
        if (roles[i].what == ROLE_CELL && !roles[i].levels)
            VN_TRY(vn_table_number(t, cell, t->column[i], &cells[roles[i].at], rest));
        if (roles[i].what == ROLE_CELL && roles[i].levels)
            VN_TRY(take_code(t, cell, t->column[i], roles[i].levels, &cells[roles[i].at]));
        if (roles[i].what == ROLE_STAT) VN_TRY(take_stat(t, t->group[row], &roles[i], cell));
    }
    return VN_OK;
}

static void name_ignored(const vn_table *t, const role *roles, const vn_log *log)
{
    vn_text names = { 0 };
    for (int64_t i = 0; i < t->n_columns; i++)
        if (roles[i].what == ROLE_NONE)
            vn_text_printf(&names, "%s%s", names.n ? ", " : "", t->column[i]);
    if (names.n && !names.failed)
        vn_log_printf(log, VN_LOG_INFO, "%s: ignored columns: %s", t->name, names.s);
    vn_text_close(&names);
}

/* Long and wide tables: a header, then records of as many cells. */
static vn_status read_columns(vn_table *t, const vn_log *log)
{
    bool more;
    role *roles = vn_arena_array(&t->arena, (size_t)t->n_columns, sizeof *roles);
    if (!roles) return VN_E_MEMORY;
    VN_TRY(t->format == VN_FORMAT_WIDE ? roles_wide(t, roles) : roles_long(t, roles));
    name_ignored(t, roles, log);
    if (t->format == VN_FORMAT_WIDE) doubt_wide(t, log);
    int64_t id_column = -1;
    for (int64_t i = 0; i < t->n_columns; i++)
        if (roles[i].what == ROLE_ID) id_column = i;
    VN_TRY(vn_csv_next(&t->csv, &more)); /* the header */
    for (;;) {
        VN_TRY(vn_csv_next(&t->csv, &more));
        if (!more) break;
        vn_status st = VN_OK;
        int64_t rows = t->n;
        if (t->csv.n != t->n_columns)
            st = vn_csv_fail(&t->csv, t->csv.record,
                             "expected %lld columns as in the header, found %lld",
                             (long long)t->n_columns, (long long)t->csv.n);
        else
            st = take_row(t, roles, id_column);
        if (st) t->n = rows; /* half a row is none */
        VN_TRY(vn_table_note(t, st, log));
    }
    VN_TRY(vn_table_errors(t));
    if (t->n == 0) return VN_FAIL(VN_E_DATA, "%s: a header, but no rows", t->name);
    t->n_groups = t->format == VN_FORMAT_WIDE ? 1 : t->ids.n;
    if (id_column < 0 && t->format == VN_FORMAT_LONG)
        vn_log_printf(log, VN_LOG_INFO, "%s: no column '%s': one series, called '%s'", t->name,
                      t->options->id_col.s, t->ids.name[0]);
    return VN_OK;
}

static vn_status keep_header(vn_table *t)
{
    t->n_columns = t->csv.n;
    t->column = vn_arena_array(&t->arena, (size_t)t->n_columns, sizeof *t->column);
    if (!t->column) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n_columns; i++)
        if (!(t->column[i] = vn_csv_plain(&t->arena, &t->csv.cell[i]))) return VN_E_MEMORY;
    return VN_OK;
}

static bool all_numbers(const vn_table *t)
{
    double x;
    for (int64_t i = 1; i < t->csv.n; i++)
        if (!is_missing(t, &t->csv.cell[i]) &&
            !vn_parse_f64(t->csv.cell[i].s, t->csv.cell[i].n, &x, NULL))
            return false;
    return t->csv.n > 1;
}

static vn_stamp_kind first_cell_kind(const vn_table *t)
{
    int64_t stamp;
    return t->csv.n ? vn_stamp_parse(t->csv.cell[0].s, t->csv.cell[0].n, &stamp) : VN_STAMP_NONE;
}

/* Which format it is: the header is kept, the csv stands at the first record after it. */
static vn_status detect(vn_table *t, vn_stamp_kind header_kind, bool header_values,
                        bool header_rows)
{
    const vn_data_options *o = t->options;
    bool has_time = column_called(t, o->time_col.s) >= 0;
    bool has_id = column_called(t, o->id_col.s) >= 0;
    bool has_target = o->target_col.s[0] && column_called(t, o->target_col.s) >= 0;
    bool no_target = !o->target_col.s[0] && has_time && t->panel->n_futr;
    vn_stamp_kind kind = first_cell_kind(t);
    if (header_kind > VN_STAMP_STEP)
        return VN_FAIL(VN_E_DATA,
                       "%s:1: no header: the first line begins with the time stamp \"%s\"", t->name,
                       t->column[0]);
    if (!header_rows && (has_target || (has_id && has_time) || no_target))
        t->format = VN_FORMAT_LONG;
    else if (header_rows)
        t->format = VN_FORMAT_ROWS;
    else if (has_time || kind > VN_STAMP_STEP)
        t->format = VN_FORMAT_WIDE;
    else if (header_values)
        t->format = VN_FORMAT_ROWS;
    else if (all_numbers(t))
        t->format = kind == VN_STAMP_STEP ? VN_FORMAT_WIDE : VN_FORMAT_ROWS;
    else
        return no_column(t, "target_col", o->target_col.s);
    return VN_OK;
}

bool vn_table_is_values(const vn_table *t)
{
    return all_numbers(t);
}

bool vn_table_is_rows_header(const vn_table *t)
{
    return t->csv.n > 1 && same_word(&t->csv.cell[0], "v1") && same_word(&t->csv.cell[1], "v2");
}

static vn_status look(vn_table *t)
{
    bool more;
    VN_TRY(vn_csv_next(&t->csv, &more));
    vn_stamp_kind kind = first_cell_kind(t);
    bool values = all_numbers(t), rows = vn_table_is_rows_header(t);
    VN_TRY(keep_header(t));
    VN_TRY(vn_csv_next(&t->csv, &more));
    t->format = (vn_table_format)t->options->format;
    if (t->format == VN_FORMAT_AUTO && !more && !values)
        return VN_FAIL(VN_E_DATA, "%s: a header, but no rows", t->name);
    if (t->format == VN_FORMAT_AUTO) VN_TRY(detect(t, kind, values, rows));
    vn_csv_rewind(&t->csv);
    return VN_OK;
}

/* The names of two options, numbers and then categories, as one list; *cat: texts of the latter. */
static vn_status split_both(vn_table *t, const char *numbers, const char *categories,
                            const char ***names, int64_t *n, int64_t *n_cat, vn_names **cat)
{
    vn_panel *p = t->panel;
    const char **more;
    VN_TRY(split_list(&p->arena, numbers, names, n));
    VN_TRY(split_list(&p->arena, categories, &more, n_cat));
    if (!*n_cat) return VN_OK;
    const char **all = vn_arena_array(&p->arena, (size_t)(*n + *n_cat), sizeof *all);
    *cat = vn_arena_array(&t->arena, (size_t)*n_cat, sizeof **cat);
    if (!all || !*cat) return VN_E_MEMORY;
    memcpy(all, *names, (size_t)*n * sizeof *all);
    memcpy(all + *n, more, (size_t)*n_cat * sizeof *all);
    for (int64_t i = 0; i < *n_cat; i++) (*cat)[i].arena = &p->arena;
    *names = all;
    *n += *n_cat;
    return VN_OK;
}

vn_status vn_table_read(vn_table *t, const char *text, size_t n, const vn_log *log)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    t->ids.arena = &p->arena;
    VN_TRY(split_list(&t->arena, o->na.s, &t->na, &t->n_na));
    VN_TRY(split_both(t, o->hist_exog_list.s, o->hist_cat_list.s, &p->hist_name, &p->n_hist,
                      &p->n_hist_cat, &t->hist_cat));
    VN_TRY(split_both(t, o->futr_exog_list.s, o->cat_exog_list.s, &p->futr_name, &p->n_futr,
                      &p->n_futr_cat, &t->futr_cat));
    VN_TRY(split_both(t, o->stat_exog_list.s, o->stat_cat_list.s, &p->stat_name, &p->n_stat,
                      &p->n_stat_cat, &t->stat_cat));
    VN_TRY(vn_csv_open(&t->csv, t->name, text, n));
    VN_TRY(look(t));
    if (t->format == VN_FORMAT_ROWS) return vn_table_read_rows(t, log);
    VN_TRY(read_columns(t, log));
    VN_TRY(vn_levels_from(t->hist_cat, p->n_hist_cat, &p->arena, &p->hist_cat));
    VN_TRY(vn_levels_from(t->futr_cat, p->n_futr_cat, &p->arena, &p->futr_cat));
    VN_TRY(vn_levels_from(t->stat_cat, p->n_stat_cat, &p->arena, &p->stat_cat));
    return VN_OK;
}

/* What the columns of a table mean: the header, the format, and the options that name columns. */
#include <string.h>

#include "base/text.h"
#include "host/data/table.h"

/* The columns of one option that asks for features. */
typedef struct wish {
    const char *option;
    const char **name;
    int64_t n, first; /* index of the first among its kind */
    vn_role_kind what;
    int64_t level; /* of the first in vn_table.level; -1: numbers */
} wish;

enum { N_WISHES = 6 };

static bool same_word(const vn_csv_cell *cell, const char *word)
{
    return vn_same_word(cell->s, cell->n, word);
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
static vn_status assign(vn_table *t, const char *option, const char *name, vn_role r)
{
    int64_t at = column_called(t, name);
    if (at < 0) return no_column(t, option, name);
    for (int64_t i = at + 1; i < t->n_columns; i++)
        if (!strcmp(t->column[i], name))
            return VN_FAIL(VN_E_DATA, "%s:1: columns %lld and %lld are both called '%s'", t->name,
                           (long long)at + 1, (long long)i + 1, name);
    if (t->role[at].what != VN_ROLE_NONE)
        return VN_FAIL(VN_E_ARGUMENT,
                       "column '%s' is asked for twice, the second time by option %s", name,
                       option);
    t->role[at] = r;
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

static vn_status assign_features(vn_table *t)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    int64_t n_hist = p->n_hist - p->n_hist_cat, n_futr = p->n_futr - p->n_futr_cat;
    int64_t n_stat = p->n_stat - p->n_stat_cat, futr_level = p->n_hist_cat;
    int64_t stat_level = futr_level + p->n_futr_cat;
    const wish wishes[N_WISHES] = {
        { "hist_exog_list", p->hist_name, n_hist, 0, VN_ROLE_HIST, -1 },
        { "hist_cat_list", p->hist_name + n_hist, p->n_hist_cat, n_hist, VN_ROLE_HIST, 0 },
        { "futr_exog_list", p->futr_name, n_futr, 0, VN_ROLE_FUTR, -1 },
        { "cat_exog_list", p->futr_name + n_futr, p->n_futr_cat, n_futr, VN_ROLE_FUTR, futr_level },
        { "stat_exog_list", p->stat_name, n_stat, 0, VN_ROLE_STAT, -1 },
        { "stat_cat_list", p->stat_name + n_stat, p->n_stat_cat, n_stat, VN_ROLE_STAT, stat_level },
    };
    if (p->n_stat && t->format == VN_FORMAT_WIDE)
        return VN_FAIL(VN_E_ARGUMENT, "a wide table cannot hold static features (%s%s%s%s%s)",
                       n_stat ? "stat_exog_list = " : "", n_stat ? o->stat_exog_list.s : "",
                       n_stat && p->n_stat_cat ? ", " : "", p->n_stat_cat ? "stat_cat_list = " : "",
                       p->n_stat_cat ? o->stat_cat_list.s : "");
    VN_TRY(need_columns(t, wishes));
    for (const wish *w = wishes; w < wishes + N_WISHES; w++)
        for (int64_t i = 0; i < w->n; i++)
            VN_TRY(assign(t, w->option, w->name[i],
                          (vn_role){ w->what, w->first + i, w->level < 0 ? -1 : w->level + i }));
    return VN_OK;
}

static vn_status roles_long(vn_table *t)
{
    const vn_data_options *o = t->options;
    int64_t time, one, id = column_called(t, o->id_col.s);
    if (id >= 0 || strcmp(o->id_col.s, "unique_id"))
        VN_TRY(assign(t, "id_col", o->id_col.s, (vn_role){ VN_ROLE_ID, 0, -1 }));
    VN_TRY(find_time(t, &time));
    VN_TRY(assign(t, "time_col", t->column[time], (vn_role){ VN_ROLE_TIME, 0, -1 }));
    t->n_y = o->target_col.s[0] != 0;
    if (t->n_y) VN_TRY(assign(t, "target_col", o->target_col.s, (vn_role){ VN_ROLE_Y, 0, -1 }));
    if (id < 0) VN_TRY(vn_names_add(&t->ids, o->target_col.s, strlen(o->target_col.s), &one));
    return assign_features(t);
}

/* A table of columns called id and value would be two series; hardly what its owner means. */
static void doubt_wide(const vn_table *t, const vn_log *log)
{
    static const char *const usual[] = {
        "id",  "item_id", "series", "series_id", "store", "sku",
        "key", "item",    "value",  "target",    "sales", "demand"
    };
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

static vn_status roles_wide(vn_table *t)
{
    int64_t time, index;
    VN_TRY(find_time(t, &time));
    VN_TRY(assign(t, "time_col", t->column[time], (vn_role){ VN_ROLE_TIME, 0, -1 }));
    t->n_y = t->n_columns - 1 - t->panel->n_hist - t->panel->n_futr;
    VN_TRY(assign_features(t));
    for (int64_t i = 0; i < t->n_columns; i++) {
        if (t->role[i].what != VN_ROLE_NONE) continue;
        const char *name = t->column[i];
        if (!*name)
            return VN_FAIL(VN_E_DATA, "%s:1: column %lld has no name", t->name, (long long)i + 1);
        int64_t known = t->ids.n;
        VN_TRY(vn_names_add(&t->ids, name, strlen(name), &index));
        if (index < known)
            return VN_FAIL(VN_E_DATA, "%s:1: two columns are called '%s'", t->name, name);
        t->role[i] = (vn_role){ VN_ROLE_Y, index, -1 };
    }
    if (t->n_y < 1)
        return VN_FAIL(VN_E_DATA, "%s:1: a wide table needs a column for each series beside '%s'",
                       t->name, t->column[time]);
    return VN_OK;
}

static void name_ignored(const vn_table *t, const vn_log *log)
{
    vn_text names = { 0 };
    for (int64_t i = 0; i < t->n_columns; i++)
        if (t->role[i].what == VN_ROLE_NONE)
            vn_text_printf(&names, "%s%s", names.n ? ", " : "", t->column[i]);
    if (names.n && !names.failed)
        vn_log_printf(log, VN_LOG_INFO, "%s: ignored columns: %s", t->name, names.s);
    vn_text_close(&names);
}

vn_status vn_table_roles(vn_table *t, const vn_log *log)
{
    t->role = vn_arena_array(&t->arena, (size_t)t->n_columns, sizeof *t->role);
    if (!t->role) return VN_E_MEMORY;
    VN_TRY(t->format == VN_FORMAT_WIDE ? roles_wide(t) : roles_long(t));
    name_ignored(t, log);
    if (t->format == VN_FORMAT_WIDE) doubt_wide(t, log);
    t->id_column = -1;
    for (int64_t i = 0; i < t->n_columns; i++)
        if (t->role[i].what == VN_ROLE_ID) t->id_column = i;
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
        if (!vn_table_missing(t, &t->csv.cell[i]) &&
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

vn_status vn_table_look(vn_table *t)
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
    t->looked_to = t->csv.at;
    vn_csv_rewind(&t->csv);
    return VN_OK;
}

/* The names of two options, numbers and then categories, as one list. */
static vn_status split_both(vn_table *t, const char *numbers, const char *categories,
                            const char ***names, int64_t *n, int64_t *n_cat)
{
    vn_panel *p = t->panel;
    const char **more;
    VN_TRY(split_list(&p->arena, numbers, names, n));
    VN_TRY(split_list(&p->arena, categories, &more, n_cat));
    if (!*n_cat) return VN_OK;
    const char **all = vn_arena_array(&p->arena, (size_t)(*n + *n_cat), sizeof *all);
    if (!all) return VN_E_MEMORY;
    memcpy(all, *names, (size_t)*n * sizeof *all);
    memcpy(all + *n, more, (size_t)*n_cat * sizeof *all);
    *names = all;
    *n += *n_cat;
    return VN_OK;
}

vn_status vn_table_lists(vn_table *t)
{
    vn_panel *p = t->panel;
    const vn_data_options *o = t->options;
    VN_TRY(split_list(&t->arena, o->na.s, &t->na, &t->n_na));
    VN_TRY(split_both(t, o->hist_exog_list.s, o->hist_cat_list.s, &p->hist_name, &p->n_hist,
                      &p->n_hist_cat));
    VN_TRY(split_both(t, o->futr_exog_list.s, o->cat_exog_list.s, &p->futr_name, &p->n_futr,
                      &p->n_futr_cat));
    VN_TRY(split_both(t, o->stat_exog_list.s, o->stat_cat_list.s, &p->stat_name, &p->n_stat,
                      &p->n_stat_cat));
    t->n_level = p->n_hist_cat + p->n_futr_cat + p->n_stat_cat;
    t->level = vn_arena_array(&t->arena, (size_t)t->n_level, sizeof *t->level);
    if (!t->level) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n_level; i++) t->level[i].arena = &p->arena;
    return VN_OK;
}

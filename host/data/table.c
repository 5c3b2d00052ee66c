/* A file to rows. Blocks of whole lines are parsed on several lanes straight into the columns, at
 * the places that the count of line breaks gives them, and then put together in the file's order:
 * series and texts get the table's numbers, and rows close the gaps that blank lines leave.
 *
 * Where a block turns out not to stand alone (a quoted line break at its edge, stamps or static
 * values unlike those before), the file is read again as one. A row costs 4 bytes a number in it,
 * and 32 each time that series or step of time change. */
#include "host/data/table.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/block.h"

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

static void close_columns(vn_table *t)
{
    vn_arena_close(&t->of_y);
    vn_arena_close(&t->of_rest);
    vn_arena_close(&t->of_hist);
    vn_arena_close(&t->of_futr);
    t->y = t->rest = t->hist = t->futr = NULL;
}

void vn_table_close(vn_table *t)
{
    if (!t) return;
    vn_csv_close(&t->csv);
    vn_names_close(&t->ids);
    for (int64_t i = 0; t->level && i < t->n_level; i++) vn_names_close(&t->level[i]);
    t->level = NULL;
    close_columns(t);
    vn_arena_close(&t->arena);
    vn_free(t->run);
    vn_free(t->stat);
    vn_free(t->spread);
    vn_free(t->value);
    vn_free(t->value_rest);
    vn_free(t->count);
    t->run = NULL;
    t->stat = t->value = t->value_rest = NULL;
    t->spread = NULL;
    t->count = NULL;
}

static vn_status keep_error(vn_table *t, const char *message)
{
    if (t->n_errors++ >= VN_ERRORS_SHOWN) return VN_OK;
    const char **kept = &t->error[t->n_errors - 1];
    *kept = vn_arena_text(&t->arena, message, strlen(message));
    return *kept ? VN_OK : VN_E_MEMORY;
}

vn_status vn_table_note(vn_table *t, vn_status st)
{
    if (st != VN_E_DATA) return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
    return keep_error(t, vn_last_message());
}

vn_status vn_table_errors(const vn_table *t, const vn_log *log)
{
    if (t->n_errors < 2) return t->n_errors ? VN_FAIL(VN_E_DATA, "%s", t->error[0]) : VN_OK;
    for (int i = 0; log && i < VN_ERRORS_SHOWN && i < t->n_errors; i++)
        vn_log_printf(log, VN_LOG_ERROR, "%s", t->error[i]);
    return VN_FAIL(VN_E_DATA, "%s: %lld errors, the first: %s", t->name, (long long)t->n_errors,
                   t->error[0]);
}

/* Above this part of a series' spread, what f32 loses of its values is kept. */
static const double rest_matters = 1e-4;

bool vn_spread_needs_rest(const vn_spread *s)
{
    return s->rest > rest_matters * (s->hi - s->lo) && s->hi > s->lo;
}

/* What the lanes share while they read. */
typedef struct reader {
    vn_table *table;
    const vn_source *source;
    const vn_stretch *stretch;
    int64_t n;       /* stretches */
    vn_block *block; /* [wave] of the stretches first .. first + wave */
    int64_t first, wave;
    _Atomic int64_t next;
    char *buffer; /* [lanes, longest], unless the text is in memory */
    size_t longest;
    vn_failure *failure; /* [lanes] */
    bool again;          /* a block does not stand alone */
} reader;

static vn_status parse_stretch(reader *r, int64_t i, char *buffer)
{
    const vn_stretch *s = &r->stretch[i];
    const char *text;
    VN_TRY(vn_source_get(r->source, s->at, s->n, buffer, &text));
    return vn_block_parse(&r->block[i - r->first], text, s->n, s->line);
}

static void parse_lane(void *arg, vn_lane *lane)
{
    reader *r = arg;
    char *buffer = r->buffer ? r->buffer + (size_t)lane->rank * r->longest : NULL;
    vn_failure *failure = &r->failure[lane->rank];
    int64_t end = r->first + r->wave < r->n ? r->first + r->wave : r->n;
    for (int64_t i; !failure->st && (i = atomic_fetch_add(&r->next, 1)) < end;)
        vn_failure_keep(failure, parse_stretch(r, i, buffer));
}

/* Rows [row, row + n) of a column `width` wide, down to row `to`. */
static void move_rows(float *column, int64_t width, int64_t row, int64_t n, int64_t to)
{
    if (column && to != row)
        memmove(column + to * width, column + row * width, (size_t)(n * width) * sizeof *column);
}

/* The codes of n rows of a column `width` wide, last n_cat of each, by their maps. */
static void recode(float *column, int64_t width, int64_t n_cat, int64_t n, float *const *map)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < n_cat; c++) {
            float *code = &column[i * width + width - n_cat + c];
            if (*code > 0) *code = map[c][(int64_t)*code];
        }
}

/* Texts of the block's column to the table's codes: map[k] for code k. */
static vn_status join_level(vn_table *t, vn_block *b, int64_t level, float **map)
{
    const char *column = "";
    const vn_names *names = &b->level[level];
    for (int64_t i = 0; i < t->n_columns; i++)
        if (t->role[i].what != VN_ROLE_NONE && t->role[i].level == level) column = t->column[i];
    *map = vn_arena_array(&b->arena, (size_t)names->n + 1, sizeof **map);
    if (!*map) return VN_E_MEMORY;
    for (int64_t k = 0; k < names->n; k++)
        VN_TRY(vn_levels_add(&t->level[level], column, names->name[k], strlen(names->name[k]),
                             &(*map)[k + 1]));
    return VN_OK;
}

static void join_columns(vn_table *t, vn_block *b, float *const *map)
{
    const vn_panel *p = t->panel;
    move_rows(t->y, t->n_y, b->row, b->n, t->n);
    move_rows(t->rest, t->n_y, b->row, b->n, t->n);
    move_rows(t->hist, p->n_hist, b->row, b->n, t->n);
    move_rows(t->futr, p->n_futr, b->row, b->n, t->n);
    if (p->n_hist_cat) recode(t->hist + t->n * p->n_hist, p->n_hist, p->n_hist_cat, b->n, map);
    if (p->n_futr_cat)
        recode(t->futr + t->n * p->n_futr, p->n_futr, p->n_futr_cat, b->n, map + p->n_hist_cat);
}

/* Static values of the block's series i, which is the table's series `group`. */
static vn_status join_stats(reader *r, const vn_block *b, int64_t i, int64_t group,
                            float *const *map)
{
    vn_table *t = r->table;
    const vn_panel *p = t->panel;
    int64_t n_number = p->n_stat - p->n_stat_cat;
    if (!p->n_stat || i >= b->stat_cap) return VN_OK;
    VN_TRY(vn_stat_room(&t->stat, &t->stat_cap, group, p->n_stat));
    for (int64_t k = 0; k < p->n_stat; k++) {
        float x = b->stat[i * p->n_stat + k], *kept = &t->stat[group * p->n_stat + k];
        if (isnan(x)) continue;
        if (k >= n_number) x = map[t->n_level - p->n_stat + k][(int64_t)x];
        r->again |= !isnan(*kept) && *kept != x;
        *kept = x;
    }
    return VN_OK;
}

/* What the block knows of its series, and their numbers in the table. */
static vn_status join_series(reader *r, vn_block *b, float *const *map, int32_t *group)
{
    vn_table *t = r->table;
    int64_t n = t->id_column < 0 ? 1 : b->ids.n, index = 0;
    for (int64_t i = 0; i < n; i++) {
        if (t->id_column >= 0)
            VN_TRY(vn_names_add(&t->ids, b->ids.name[i], strlen(b->ids.name[i]), &index));
        if (index >= INT32_MAX)
            return VN_FAIL(VN_E_DATA, "%s: more than %d series", t->name, INT32_MAX);
        group[i] = (int32_t)index;
        VN_TRY(join_stats(r, b, i, index, map));
        VN_TRY(vn_spread_room(&t->spread, &t->spread_cap, index));
        if (t->format == VN_FORMAT_LONG && i < b->spread_cap)
            vn_spread_join(&t->spread[index], &b->spread[i]);
    }
    for (int64_t c = 0; t->format == VN_FORMAT_WIDE && c < b->spread_cap; c++) {
        VN_TRY(vn_spread_room(&t->spread, &t->spread_cap, c));
        vn_spread_join(&t->spread[c], &b->spread[c]);
    }
    return VN_OK;
}

/* The next block of the file joins the table. */
static vn_status join(reader *r, vn_block *b)
{
    vn_table *t = r->table;
    bool steps = t->kind == VN_STAMP_STEP;
    bool alike = !t->kind || !b->kind || steps == (b->kind == VN_STAMP_STEP);
    if (!r->source->whole) r->again |= b->broken || !alike;
    if (r->again) return VN_OK;
    if (t->kind != VN_STAMP_TIME && b->kind) t->kind = b->kind;
    float **map = vn_arena_array(&b->arena, (size_t)t->n_level, sizeof *map);
    int32_t *group = vn_arena_array(&b->arena, (size_t)b->ids.n + 1, sizeof *group);
    if (!map || !group) return VN_E_MEMORY;
    for (int64_t i = 0; i < t->n_level; i++) VN_TRY(join_level(t, b, i, &map[i]));
    VN_TRY(join_series(r, b, map, group));
    join_columns(t, b, map);
    for (int64_t i = 0; i < b->n_runs; i++) {
        vn_row_run run = b->run[i];
        run.row += t->n - b->row;
        run.group = group[run.group];
        VN_TRY(vn_row_run_add(&t->run, &t->n_runs, &t->cap_runs, &run));
    }
    t->n += b->n;
    for (int64_t i = 0; i < b->n_errors && i < VN_ERRORS_SHOWN; i++)
        VN_TRY(keep_error(t, b->error[i]));
    if (b->n_errors > VN_ERRORS_SHOWN) t->n_errors += b->n_errors - VN_ERRORS_SHOWN;
    return VN_OK;
}

/* The stretches from `first` on, as many as there are blocks, and into the table with them. */
static vn_status read_wave(reader *r, vn_team *team, int64_t *row)
{
    int64_t lanes = team ? vn_team_size(team) : 1, n = 0;
    vn_status st = VN_OK;
    memset(r->block, 0, (size_t)r->wave * sizeof *r->block);
    for (; n < r->wave && r->first + n < r->n; n++) {
        int64_t most = r->stretch[r->first + n].breaks + (r->first + n + 1 == r->n);
        r->block[n] = (vn_block){ .table = r->table, .row = *row, .most = most };
        *row += most;
    }
    atomic_store(&r->next, r->first);
    vn_source_run(n > 1 ? team : NULL, parse_lane, r);
    for (int64_t i = 0; i < lanes && !st; i++) st = vn_failure_tell(&r->failure[i]);
    for (int64_t i = 0; i < n && !st; i++) st = join(r, &r->block[i]);
    for (int64_t i = 0; i < n; i++) vn_block_close(&r->block[i]);
    r->first += n;
    return st;
}

static vn_status make_column(vn_arena *arena, int64_t rows, int64_t width, float **column)
{
    size_t bytes;
    *column = NULL;
    if (!width) return VN_OK;
    if (!vn_mul_size((size_t)rows, (size_t)width * sizeof **column, &bytes))
        return VN_FAIL(VN_E_MEMORY, "cannot get memory for %lld rows", (long long)rows);
    *column = vn_arena_alloc(arena, bytes);
    return *column ? VN_OK : VN_E_MEMORY;
}

static vn_status make_columns(vn_table *t, int64_t rows)
{
    const vn_panel *p = t->panel;
    VN_TRY(make_column(&t->of_y, rows, t->n_y, &t->y));
    if (t->keeps_rest) VN_TRY(make_column(&t->of_rest, rows, t->n_y, &t->rest));
    VN_TRY(make_column(&t->of_hist, rows, p->n_hist, &t->hist));
    return make_column(&t->of_futr, rows, p->n_futr, &t->futr);
}

/* Nothing read yet, but the columns known. */
static void begin_again(vn_table *t)
{
    close_columns(t);
    t->n = t->n_runs = t->n_errors = 0;
    t->kind = VN_STAMP_NONE;
    if (t->id_column >= 0) vn_names_close(&t->ids);
    for (int64_t i = 0; i < t->n_level; i++) vn_names_close(&t->level[i]);
    vn_free(t->stat);
    vn_free(t->spread);
    t->stat = NULL;
    t->spread = NULL;
    t->stat_cap = t->spread_cap = 0;
}

/* Everything behind byte `at`; *again: not in blocks. */
static vn_status read_stretches(vn_table *t, const vn_source *source, size_t at, int64_t line,
                                vn_team *team, bool *again)
{
    int64_t lanes = team ? vn_team_size(team) : 1, rows = 1, row = 0;
    vn_stretch *stretch = NULL;
    vn_status st;
    reader r = { .table = t, .source = source, .wave = 4 * lanes };
    VN_TRY(vn_source_cut(source, at, line, team, &stretch, &r.n, &r.again));
    r.stretch = stretch;
    for (int64_t i = 0; i < r.n; i++) {
        rows += stretch[i].breaks;
        if (stretch[i].n > r.longest) r.longest = stretch[i].n;
    }
    VN_TRY_DONE(make_columns(t, rows));
    r.block = vn_malloc((size_t)r.wave * sizeof *r.block);
    r.failure = vn_calloc((size_t)lanes, sizeof *r.failure);
    if (!source->text) r.buffer = vn_malloc((size_t)lanes * r.longest);
    st = r.block && r.failure && (source->text || r.buffer) ? VN_OK : VN_E_MEMORY;
    while (!st && !r.again && r.first < r.n) st = read_wave(&r, team, &row);
    *again = r.again;
done:
    vn_free(r.block);
    vn_free(r.failure);
    vn_free(r.buffer);
    vn_free(stretch);
    return st;
}

/* In blocks, if that is not possible as one, and once more where what f32 loses matters. */
static vn_status read_records(vn_table *t, vn_source *source, size_t at, int64_t line,
                              vn_team *team)
{
    bool again;
    VN_TRY(read_stretches(t, source, at, line, team, &again));
    if (again) {
        VN_TRY(vn_source_whole(source));
        vn_csv_close(&t->csv);
        VN_TRY(vn_csv_open(&t->csv, t->name, source->text, source->n)); /* is it text at all? */
        begin_again(t);
        VN_TRY(read_stretches(t, source, at, line, team, &again));
    }
    for (int64_t i = 0; i < t->spread_cap; i++)
        t->keeps_rest |= vn_spread_needs_rest(&t->spread[i]);
    int64_t rows = t->n;
    if (!t->keeps_rest || t->n_errors) return VN_OK;
    begin_again(t);
    VN_TRY(read_stretches(t, source, at, line, team, &again));
    return t->n == rows && !again ? VN_OK
                                  : VN_FAIL(VN_E_IO, "\"%s\" changed while it was read", t->name);
}

/* Long and wide tables: a header, then records of as many cells. */
static vn_status read_columns(vn_table *t, vn_source *source, const vn_log *log, const char *head)
{
    bool more;
    vn_team *team = NULL;
    vn_panel *p = t->panel;
    VN_TRY(vn_table_roles(t, log));
    VN_TRY(vn_csv_next(&t->csv, &more)); /* the header */
    size_t at = (size_t)(t->csv.at - head);
    if (source->n > source->block && source->lanes != 1) VN_TRY(vn_team_open(source->lanes, &team));
    vn_status st = read_records(t, source, at, t->csv.line, team);
    vn_team_close(team);
    VN_TRY(st);
    VN_TRY(vn_table_errors(t, log));
    if (t->n == 0) return VN_FAIL(VN_E_DATA, "%s: a header, but no rows", t->name);
    t->n_groups = t->format == VN_FORMAT_WIDE ? 1 : t->ids.n;
    if (t->id_column < 0 && t->format == VN_FORMAT_LONG)
        vn_log_printf(log, VN_LOG_INFO, "%s: no column '%s': one series, called '%s'", t->name,
                      t->options->id_col.s, t->ids.name[0]);
    vn_names *futr = t->level + p->n_hist_cat;
    VN_TRY(vn_levels_from(t->level, p->n_hist_cat, &p->arena, &p->hist_cat));
    VN_TRY(vn_levels_from(futr, p->n_futr_cat, &p->arena, &p->futr_cat));
    return vn_levels_from(futr + p->n_futr_cat, p->n_stat_cat, &p->arena, &p->stat_cat);
}

enum { HEAD = 1 << 16, HEAD_LINES = 3 };

/* The first lines of the file, whole ones; all of it if those do not tell what it is. */
static vn_status look(vn_table *t, vn_source *source, char *buffer, const char **head)
{
    size_t n = source->n < HEAD ? source->n : HEAD;
    VN_TRY(vn_source_get(source, 0, n, buffer, head));
    int lines = 0;
    size_t whole_lines = 0;
    for (size_t i = 0; i < n; i++)
        if ((*head)[i] == '\n') whole_lines = i + 1, lines++;
    if (!source->text && lines >= HEAD_LINES) {
        vn_status st = vn_csv_open(&t->csv, t->name, *head, whole_lines);
        if (!st) st = vn_table_look(t);
        const char *end = *head + whole_lines; /* a record that ends there may go on behind */
        bool seen = !st && t->csv.told_to < end && t->looked_to < end;
        if (st == VN_E_MEMORY || (seen && t->format != VN_FORMAT_ROWS)) return st;
        vn_csv_close(&t->csv);
    }
    VN_TRY(vn_source_whole(source));
    *head = source->text;
    VN_TRY(vn_csv_open(&t->csv, t->name, source->text, source->n));
    return vn_table_look(t);
}

vn_status vn_table_read(vn_table *t, vn_source *source, const vn_log *log)
{
    const char *head;
    t->ids.arena = &t->panel->arena;
    VN_TRY(vn_table_lists(t));
    char *buffer = vn_malloc(HEAD);
    if (!buffer) return VN_E_MEMORY;
    vn_status st = look(t, source, buffer, &head);
    if (!st && t->format != VN_FORMAT_ROWS) st = read_columns(t, source, log, head);
    if (!st && t->format == VN_FORMAT_ROWS) {
        st = vn_table_read_rows(t);
        if (!st) st = vn_table_errors(t, log);
    }
    vn_free(buffer);
    return st;
}

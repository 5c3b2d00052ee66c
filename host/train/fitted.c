/* A model with its options and schema: making one, fitting it to a panel, writing it as text. */
#include "host/train/fitted.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "host/train/solver.h"

enum { FORMAT_VERSION = 1, KEY_MAX = 128 };

/* The panel's part of the description. local_scaler is a line of scalers.def by its number: the
 * names are those of a whole series' scalers, which lack `seasonal` and `last` at the table's end. */
#define SCHEMA(X)                                                                                  \
    X(ENUM, freq_unit, "step", 0, 0, "step|second|day|business|month", "unit of a step")           \
    X(INT, freq_n, "1", 1, 1e15, NULL, "units a step")                                             \
    X(BOOL, freq_month_end, "false", 0, 0, NULL, "stamps are last days of months")                 \
    X(BOOL, freq_date_only, "false", 0, 0, NULL, "stamps have no time of day")                     \
    X(INT, season, "1", 1, 1e9, NULL, "steps a season")                                            \
    X(ENUM, local_scaler, "identity", 0, 0,                                                        \
      "identity|standard|robust|minmax|minmax1|invariant|revin|mean_abs",                          \
      "scaler of whole series")

typedef struct schema {
    VN_OPTION_STRUCT(SCHEMA)
} schema;

#define VN_OPTION_OF schema
static const vn_option schema_table[] = { SCHEMA(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

/* ---- handle ---- */

vn_status vn_fitted_open(const vn_model_def *def, vn_fitted **out)
{
    *out = NULL;
    vn_fitted *m = vn_calloc(1, sizeof *m);
    if (!m) return VN_E_MEMORY;
    vn_status st = VN_OK;
    m->def = def;
    m->freq.n = 1;
    m->season = 1;
    m->hparams = vn_arena_alloc(&m->arena, def->options_bytes);
    if (!m->hparams) st = VN_E_MEMORY;
    if (!st) st = vn_params_open(&m->params);
    if (!st) st = vn_options_preset(def->options, m->hparams);
    if (!st) st = vn_options_preset(vn_train_option_table, &m->train);
    for (int i = 0; !st && def->presets && def->presets[i][0]; i++) {
        const vn_option *o = vn_option_find(vn_train_option_table, def->presets[i][0]);
        if (o) st = vn_option_set(o, &m->train, def->presets[i][1]); /* others are of a command */
    }
    if (st) {
        vn_fitted_close(m);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = m;
    return VN_OK;
}

void vn_fitted_close(vn_fitted *m)
{
    if (!m) return;
    if (m->state) vn_solver_of(m->def)->close(m->state);
    vn_params_close(m->params);
    vn_arena_close(&m->arena);
    vn_free(m);
}

vn_status vn_fitted_declare(const vn_fitted *m)
{
    vn_model_graph graph;
    VN_TRY(vn_model_graph_open(m, VN_MODE_FORECAST, 1, VN_F32, &graph));
    vn_graph_close(graph.g);
    return VN_OK;
}

/* ---- to text ---- */

static void grow(vn_meta_list *list)
{
    int cap = list->cap ? 2 * list->cap : 64;
    vn_meta *grown = vn_realloc(list->v, (size_t)cap * sizeof *grown);
    if (!grown) {
        list->failed = true;
        return;
    }
    list->v = grown;
    list->cap = cap;
}

static void put_pair(vn_meta_list *list, const char *key, const char *value, size_t n)
{
    if (!list->failed && list->n == list->cap) grow(list);
    if (list->failed) return;
    vn_meta pair = { vn_arena_text(&list->arena, key, strlen(key)),
                     vn_arena_text(&list->arena, value, n) };
    if (pair.key && pair.value)
        list->v[list->n++] = pair;
    else
        list->failed = true;
}

void vn_meta_put(vn_meta_list *list, const char *key, const char *fmt, ...)
{
    char text[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    put_pair(list, key, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void vn_meta_put_text(vn_meta_list *list, const char *key, const char *value, size_t n)
{
    put_pair(list, key, value, n);
}

void vn_meta_close(vn_meta_list *list)
{
    vn_free(list->v);
    vn_arena_close(&list->arena);
    *list = (vn_meta_list){ 0 };
}

/* A value of any length under "prefix.name". */
static void put_text(vn_meta_list *list, const char *prefix, const char *name, vn_text *value)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%s.%s", prefix, name);
    if (value->failed) list->failed = true;
    put_pair(list, key, value->s ? value->s : "", value->n);
}

static void put_options(vn_meta_list *list, const char *prefix, const vn_option *table,
                        const void *values)
{
    for (const vn_option *o = table; o->name; o++) {
        vn_text value = { 0 };
        vn_option_get(o, values, &value);
        put_text(list, prefix, o->name, &value);
        vn_text_close(&value);
    }
}

/* A JSON list of texts: they may hold commas and quotes. */
static void put_list(vn_text *value, const char *const *name, int64_t n)
{
    vn_text_put(value, "[", 1);
    for (int64_t i = 0; i < n; i++) {
        if (i) vn_text_put(value, ", ", 2);
        vn_text_json(value, name[i]);
    }
    vn_text_put(value, "]", 1);
}

static void put_names(vn_meta_list *list, const char *kind, const char *const *name, int64_t n)
{
    vn_text value = { 0 };
    put_list(&value, name, n);
    put_text(list, "schema", kind, &value);
    vn_text_close(&value);
}

/* A list a categorical column; the columns are the last ones of their kind. */
static void put_levels(vn_meta_list *list, const char *kind, const vn_levels *levels, int64_t n)
{
    vn_text value = { 0 };
    vn_text_put(&value, "[", 1);
    for (int64_t i = 0; i < n; i++) {
        if (i) vn_text_put(&value, ", ", 2);
        put_list(&value, levels[i].level, levels[i].n);
    }
    vn_text_put(&value, "]", 1);
    put_text(list, "schema", kind, &value);
    vn_text_close(&value);
}

static void put_calendar(vn_meta_list *list, const vn_fitted *m)
{
    const char *name[VN_CALENDAR_COUNT];
    for (int i = 0; i < m->n_calendar; i++) name[i] = vn_calendar_name(m->calendar[i]);
    put_names(list, "calendar", name, m->n_calendar);
}

vn_status vn_fitted_describe(const vn_fitted *m, const char *format, vn_meta_list *list)
{
    schema s = { .freq_unit = (int64_t)m->freq.unit,
                 .freq_n = m->freq.n,
                 .freq_month_end = m->freq.month_end,
                 .freq_date_only = m->freq.date_only,
                 .season = m->season,
                 .local_scaler = m->local_scaler };
    vn_meta_put(list, "format", "%s", format);
    vn_meta_put(list, "format_version", "%d", FORMAT_VERSION);
    vn_meta_put(list, "model", "%s", m->def->name);
    vn_meta_put(list, "model_version", "%d", m->def->version);
    put_options(list, "model", m->def->options, m->hparams);
    put_options(list, "train", vn_train_option_table, &m->train);
    put_options(list, "schema", schema_table, &s);
    put_names(list, "hist_exog", m->hist_name, m->n_hist);
    put_names(list, "futr_exog", m->futr_name, m->n_futr);
    put_names(list, "stat_exog", m->stat_name, m->n_stat);
    if (m->n_hist_cat) put_levels(list, "hist_levels", m->hist_cat, m->n_hist_cat);
    if (m->n_futr_cat) put_levels(list, "futr_levels", m->futr_cat, m->n_futr_cat);
    if (m->n_stat_cat) put_levels(list, "stat_levels", m->stat_cat, m->n_stat_cat);
    if (m->n_calendar) put_calendar(list, m);
    return list->failed ? vn_trail(VN_E_MEMORY, __FILE__, __LINE__) : VN_OK;
}

/* ---- from text ---- */

/* A file being understood: which of its keys were used. */
typedef struct reader {
    const vn_safetensors *file;
    bool *used; /* [n_meta] */
    vn_arena *arena;
} reader;

static vn_status take(reader *r, const char *key, const char **value)
{
    for (int i = 0; i < r->file->n_meta; i++) {
        if (strcmp(r->file->meta[i].key, key)) continue;
        r->used[i] = true;
        *value = r->file->meta[i].value;
        return VN_OK;
    }
    return VN_FAIL(VN_E_MODEL, "there is no \"%s\" in its metadata", key);
}

/* The key must have this value. */
static vn_status take_fixed(reader *r, const char *key, const char *want)
{
    const char *have = NULL;
    VN_TRY(take(r, key, &have));
    if (strcmp(have, want))
        return VN_FAIL(VN_E_MODEL, "\"%s\" is \"%.64s\", this version reads \"%s\"", key, have,
                       want);
    return VN_OK;
}

/* An option the file lacks is younger than the file: it keeps its default, which does what was done
 * before there was the option. */
static vn_status take_options(reader *r, const char *prefix, const vn_option *table, void *values)
{
    for (const vn_option *o = table; o->name; o++) {
        char key[KEY_MAX];
        const char *text = NULL;
        snprintf(key, sizeof key, "%s.%s", prefix, o->name);
        if (!vn_safetensors_meta(r->file, key)) continue;
        VN_TRY(take(r, key, &text));
        vn_status st = vn_option_set(o, values, text);
        if (st == VN_E_MEMORY) return st;
        if (st) return VN_FAIL(VN_E_MODEL, "\"%s\": %s", key, vn_last_message());
    }
    return VN_OK;
}

/* A list of texts out of JSON; false if it is none. */
static vn_status read_list(const vn_json *list, vn_arena *arena, const char ***name, int64_t *n,
                           bool *fits)
{
    *n = 0;
    *fits = *fits && list->type == VN_JSON_ARRAY;
    *name = vn_arena_array(arena, *fits ? list->n : 0, sizeof **name);
    if (!*name) return VN_E_MEMORY;
    for (const vn_json *x = *fits ? list->child : NULL; x && *fits; x = x->next) {
        *fits = x->type == VN_JSON_STRING && strlen(x->s) == x->n;
        if (*fits) (*name)[(*n)++] = x->s;
    }
    return VN_OK;
}

/* The JSON under a key; *fits is false if it is none. */
static vn_status take_json(reader *r, const char *key, vn_json **value, bool *fits)
{
    const char *text = NULL;
    VN_TRY(take(r, key, &text));
    vn_status st = vn_json_parse(r->arena, text, strlen(text), value);
    *fits = !st;
    return st == VN_E_MEMORY ? st : VN_OK;
}

static vn_status take_names(reader *r, const char *key, const char ***name, int64_t *n)
{
    vn_json *list = NULL;
    bool fits = false;
    VN_TRY(take_json(r, key, &list, &fits));
    VN_TRY(read_list(list, r->arena, name, n, &fits));
    return fits ? VN_OK : VN_FAIL(VN_E_MODEL, "\"%s\" is no list of names", key);
}

/* Absent: no categorical columns. Of the n_columns of the kind the levels' are the last. */
static vn_status take_levels(reader *r, const char *key, int64_t n_columns, vn_levels **levels,
                             int64_t *n)
{
    vn_json *list = NULL;
    bool fits = false;
    if (!vn_safetensors_meta(r->file, key)) return VN_OK;
    VN_TRY(take_json(r, key, &list, &fits));
    fits = fits && list->type == VN_JSON_ARRAY && (int64_t)list->n <= n_columns;
    *levels = vn_arena_array(r->arena, fits ? list->n : 0, sizeof **levels);
    if (!*levels) return VN_E_MEMORY;
    for (const vn_json *x = fits ? list->child : NULL; x && fits; x = x->next) {
        vn_levels *l = &(*levels)[(*n)++];
        VN_TRY(read_list(x, r->arena, &l->level, &l->n, &fits));
        fits = fits && l->n > 0;
    }
    return fits ? VN_OK
                : VN_FAIL(VN_E_MODEL, "\"%s\" is no list of lists of texts, at most %" PRId64, key,
                          n_columns);
}

static vn_status take_calendar(reader *r, vn_fitted *m)
{
    const char **name;
    int64_t n = 0;
    if (!vn_safetensors_meta(r->file, "schema.calendar")) return VN_OK;
    VN_TRY(take_names(r, "schema.calendar", &name, &n));
    for (int64_t i = 0; i < n && i < VN_CALENDAR_COUNT; i++) {
        int feature = vn_calendar_find(name[i], strlen(name[i]));
        if (feature >= 0) m->calendar[m->n_calendar++] = feature;
    }
    if (m->n_calendar != n || n > m->n_futr - m->n_futr_cat)
        return VN_FAIL(VN_E_MODEL,
                       "\"schema.calendar\" names features this version or model lacks");
    return VN_OK;
}

static vn_status take_schema(reader *r, vn_fitted *m)
{
    schema s;
    VN_TRY(vn_options_preset(schema_table, &s));
    VN_TRY(take_options(r, "schema", schema_table, &s));
    m->freq = (vn_freq){ .unit = (vn_freq_unit)s.freq_unit,
                         .n = s.freq_n,
                         .month_end = s.freq_month_end,
                         .date_only = s.freq_date_only };
    m->season = s.season;
    m->local_scaler = s.local_scaler;
    VN_TRY(take_names(r, "schema.hist_exog", &m->hist_name, &m->n_hist));
    VN_TRY(take_names(r, "schema.futr_exog", &m->futr_name, &m->n_futr));
    VN_TRY(take_names(r, "schema.stat_exog", &m->stat_name, &m->n_stat));
    VN_TRY(take_levels(r, "schema.hist_levels", m->n_hist, &m->hist_cat, &m->n_hist_cat));
    VN_TRY(take_levels(r, "schema.futr_levels", m->n_futr, &m->futr_cat, &m->n_futr_cat));
    VN_TRY(take_levels(r, "schema.stat_levels", m->n_stat, &m->stat_cat, &m->n_stat_cat));
    VN_TRY(take_calendar(r, m));
    return VN_OK;
}

static vn_status take_model(reader *r, const char *format, vn_fitted **m)
{
    const char *name = NULL;
    char number[32];
    VN_TRY(take_fixed(r, "format", format));
    snprintf(number, sizeof number, "%d", FORMAT_VERSION);
    VN_TRY(take_fixed(r, "format_version", number));
    VN_TRY(take(r, "model", &name));
    const vn_model_def *def = vn_model_find(name);
    if (!def)
        return VN_FAIL(VN_E_MODEL, "it holds a \"%.64s\", which this version does not know", name);
    snprintf(number, sizeof number, "%d", def->version);
    VN_TRY(take_fixed(r, "model_version", number));
    VN_TRY(vn_fitted_open(def, m));
    return VN_OK;
}

static vn_status understand(reader *r, const char *format, vn_fitted **m)
{
    const char *checksum = NULL;
    VN_TRY(take(r, "checksum", &checksum));
    VN_TRY(take_model(r, format, m));
    r->arena = &(*m)->arena;
    VN_TRY(take_options(r, "model", (*m)->def->options, (*m)->hparams));
    VN_TRY(take_options(r, "train", vn_train_option_table, &(*m)->train));
    VN_TRY(take_schema(r, *m));
    for (int i = 0; i < r->file->n_meta; i++)
        if (!r->used[i] && !(vn_solver_of((*m)->def) && !strncmp(r->file->meta[i].key, "solver.", 7)))
            return VN_FAIL(VN_E_MODEL, "\"%.64s\" in its metadata is unknown to this version",
                           r->file->meta[i].key);
    if ((*m)->train.h < 1 || (*m)->train.input_size < 1)
        return VN_FAIL(VN_E_MODEL,
                       "h is %" PRId64 " and input_size %" PRId64 "; both must be positive",
                       (*m)->train.h, (*m)->train.input_size);
    return VN_OK;
}

vn_status vn_fitted_understand(const vn_safetensors *file, const char *format, vn_fitted **m)
{
    *m = NULL;
    reader r = { .file = file, .used = vn_calloc((size_t)file->n_meta + 1, sizeof *r.used) };
    if (!r.used) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    vn_status st = understand(&r, format, m);
    vn_free(r.used);
    if (!st) return VN_OK;
    vn_fail_in(st, "\"%s\"", file->path);
    vn_fitted_close(*m);
    *m = NULL;
    return vn_trail(st, __FILE__, __LINE__);
}

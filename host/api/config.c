/* The option table of everything, and the config that layers origins over it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/api/internal.h"

#define VN_OPTION_OF vn_run_options
static const vn_option run_table[] = { VN_RUN_OPTIONS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

enum { N_TABLES = 5, MODEL_TABLE = 4, OPTIONS_MAX = 512 };

typedef struct option_tables {
    const vn_option *of[N_TABLES];
} option_tables;

static option_tables tables_of(const vn_model_def *def)
{
    static const vn_option none[] = { { 0 } };
    return (option_tables){ { run_table, vn_data_option_table, vn_train_option_table,
                              vn_eval_option_table, def ? def->options : none } };
}

const vn_option *vn_option_of(const vn_model_def *def, int i, int *table, const char **group)
{
    const option_tables tables = tables_of(def);
    const char *const groups[N_TABLES] = { "run", "data", "train", "evaluate", def ? def->name : NULL };
    for (int t = 0; t < N_TABLES; t++)
        for (const vn_option *o = tables.of[t]; o->name; o++)
            if (i-- == 0) {
                *table = t;
                *group = groups[t];
                return o;
            }
    return NULL;
}

/* The option called `name`, its number among all of vn_option_of in *at. */
static const vn_option *find(const vn_model_def *def, const char *name, int *at, int *table)
{
    const option_tables tables = tables_of(def);
    for (*at = 0, *table = 0; *table < N_TABLES; ++*table)
        for (const vn_option *o = tables.of[*table]; o->name; o++, ++*at)
            if (vn_same_name(o->name, name)) return o;
    return NULL;
}

void *vn_config_target(const vane_config *config, int table)
{
    const void *const targets[N_TABLES] = { &config->run, &config->data, &config->train,
                                            &config->eval, config->hparams };
    return (void *)(uintptr_t)targets[table];
}

vane_origin vn_config_origin(const vane_config *config, const char *name)
{
    int at, table;
    return find(config->def, name, &at, &table) ? (vane_origin)config->origin[at] : VANE_DEFAULT;
}

/* ---- rebuilding ---- */

static const char *model_name(int i, const void *ctx)
{
    const vn_model_def *const *defs = ctx;
    return defs[i] ? defs[i]->name : NULL;
}

/* The strongest setting of an option, NULL if there is none. */
static const vn_setting *strongest(const vane_config *c, const char *name)
{
    const vn_setting *best = NULL;
    for (int i = 0; i < c->n_set; i++)
        if (vn_same_name(name, c->set[i].name) && (!best || c->set[i].origin >= best->origin))
            best = &c->set[i];
    return best;
}

static vn_status choose_model(vane_config *c)
{
    const vn_setting *s = strongest(c, "model");
    const char *name = s ? s->value : "nhits";
    const vn_model_def *def = vn_model_find(name);
    if (def) {
        if (def != c->def || !c->hparams) {
            void *hparams = vn_malloc(def->options_bytes);
            if (!hparams) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
            vn_free(c->hparams);
            c->hparams = hparams;
        }
        c->def = def;
        return VN_OK;
    }
    const char *near = vn_nearest(name, model_name, vn_models());
    VN_FAIL(VN_E_ARGUMENT, "there is no model \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
            near ? near : "", near ? "\"?" : "");
    return s && *s->where ? vn_fail_in(VN_E_ARGUMENT, "%s", s->where) : VN_E_ARGUMENT;
}

static vn_status presets(vane_config *c)
{
    const option_tables tables = tables_of(c->def);
    for (int t = 0; t < N_TABLES; t++)
        VN_TRY(vn_options_preset(tables.of[t], vn_config_target(c, t)));
    memset(c->origin, VANE_DEFAULT, OPTIONS_MAX);
    for (int i = 0; c->def->presets && c->def->presets[i][0]; i++) {
        int at, table;
        const vn_option *o = find(c->def, c->def->presets[i][0], &at, &table);
        if (!o) return VN_FAIL(VN_E_BUG, "%s presets no option", c->def->name);
        VN_TRY(vn_option_set(o, vn_config_target(c, table), c->def->presets[i][1]));
        c->origin[at] = VANE_PRESET;
    }
    return VN_OK;
}

/* Everything from the settings: weaker origins first, then the order of the calls. An option that
 * another model has is passed over (vane_config_check refuses it in the end). */
static vn_status rebuild(vane_config *c)
{
    VN_TRY(choose_model(c));
    VN_TRY(presets(c));
    for (int origin = VANE_PRESET; origin <= VANE_FLAG; origin++)
        for (int i = 0; i < c->n_set; i++) {
            const vn_setting *s = &c->set[i];
            int at, table;
            const vn_option *o = find(c->def, s->name, &at, &table);
            if (!o || (int)s->origin != origin) continue;
            vn_status st = vn_option_set(o, vn_config_target(c, table), s->value);
            if (st && *s->where) vn_fail_in(st, "%s", s->where);
            if (st) return vn_trail(st, __FILE__, __LINE__);
            c->origin[at] = (uint8_t)origin;
        }
    return VN_OK;
}

/* ---- handle ---- */

vane_status vane_config_open(vane_config **config)
{
    *config = NULL;
    vane_config *c = vn_calloc(1, sizeof *c);
    vn_status st = c ? VN_OK : VN_E_MEMORY;
    if (c) c->origin = vn_calloc(OPTIONS_MAX, 1);
    if (c && !c->origin) st = VN_E_MEMORY;
    if (!st) st = rebuild(c);
    if (st) {
        vane_config_close(c);
        return vn_public(vn_trail(st, __FILE__, __LINE__));
    }
    *config = c;
    return VANE_OK;
}

void vane_config_close(vane_config *config)
{
    if (!config) return;
    vn_free(config->set);
    vn_free(config->hparams);
    vn_free(config->origin);
    vn_text_close(&config->value);
    vn_arena_close(&config->arena);
    vn_free(config);
}

/* ---- setting ---- */

/* A model that has the option, NULL if none. */
static const vn_model_def *owner(const char *name)
{
    int at, table;
    for (const vn_model_def *const *def = vn_models(); *def; def++)
        if (find(*def, name, &at, &table)) return *def;
    return NULL;
}

/* The i-th of all option names: the shared ones, then each model's own; NULL at the end. */
static const char *any_name(int i, const void *ctx)
{
    (void)ctx;
    for (const vn_model_def *const *def = vn_models(); *def; def++) {
        const option_tables tables = tables_of(*def);
        for (int t = def == vn_models() ? 0 : MODEL_TABLE; t < N_TABLES; t++)
            for (const vn_option *o = tables.of[t]; o->name; o++)
                if (i-- == 0) return o->name;
    }
    return NULL;
}

static vn_status push(vane_config *c, vn_setting s)
{
    if (c->n_set == c->cap_set) {
        int cap = c->cap_set ? 2 * c->cap_set : 32;
        vn_setting *grown = vn_realloc(c->set, (size_t)cap * sizeof *grown);
        if (!grown) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        c->set = grown;
        c->cap_set = cap;
    }
    const char **each[] = { &s.where, &s.name, &s.value };
    for (int i = 0; i < 3; i++) {
        *each[i] = vn_arena_text(&c->arena, *each[i], strlen(*each[i]));
        if (!*each[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    c->set[c->n_set++] = s;
    return VN_OK;
}

static vane_status set(vane_config *config, vane_origin origin, const char *where, const char *name,
                       const char *value)
{
    if (!owner(name)) {
        const char *near = vn_nearest(name, any_name, NULL);
        VN_FAIL(VN_E_ARGUMENT, "unknown option \"%s\"%s%s%s", name, near ? "; did you mean \"" : "",
                near ? near : "", near ? "\"?" : "");
        return vn_public(*where ? vn_fail_in(VN_E_ARGUMENT, "%s", where) : VN_E_ARGUMENT);
    }
    vn_status st = push(config, (vn_setting){ origin, where, name, value });
    if (st) return vn_public(st);
    st = rebuild(config);
    if (!st) return VANE_OK;
    char message[1024];
    size_t n = strlen(vn_last_message());
    if (n >= sizeof message) n = sizeof message - 1;
    memcpy(message, vn_last_message(), n);
    message[n] = 0;
    config->n_set--;
    if (rebuild(config)) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    return vn_public(VN_FAIL(st, "%s", message));
}

vane_status vane_config_set(vane_config *config, vane_origin origin, const char *where,
                            const char *name, const char *value)
{
    if (origin < VANE_FILE || origin > VANE_FLAG)
        return vn_public(
            VN_FAIL(VN_E_ARGUMENT, "origin %d is not one a caller may set", (int)origin));
    return set(config, origin, where ? where : "", name, value);
}

vane_status vane_config_copy(const vane_config *from, vane_config **config)
{
    vn_status st = (vn_status)vane_config_open(config);
    for (int i = 0; !st && i < from->n_set; i++) st = push(*config, from->set[i]);
    if (!st) st = rebuild(*config);
    if (!st) return VANE_OK;
    vane_config_close(*config);
    *config = NULL;
    return vn_public(vn_trail(st, __FILE__, __LINE__));
}

/* True if `name` stands in the list "a,b,c", which may be NULL. */
static bool listed(const char *list, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = list; s && *s; s += strcspn(s, ","), s += *s == ',')
        if (!strncmp(s, name, n) && (s[n] == ',' || !s[n])) return true;
    return false;
}

/* The list of a former model's features under this option; NULL if there is none. */
static const char *adopted(const vane_config *c, const char *option)
{
    const char *list = NULL;
    for (int i = 0; i < c->n_set; i++)
        if (c->set[i].origin == VANE_PRESET && !strcmp(c->set[i].name, option))
            list = c->set[i].value;
    return list;
}

/* Add n names to an option's list; those in the list of `ahead` (may be NULL) leave it. */
static vane_status add_names(vane_config *config, const char *option, const char *const *name,
                             int64_t n, const char *ahead)
{
    const char *before = adopted(config, option), *other = ahead ? adopted(config, ahead) : NULL;
    vn_text list = { 0 };
    for (const char *s = before; s && *s; s += strcspn(s, ","), s += *s == ',') {
        char *one = vn_arena_text(&config->arena, s, strcspn(s, ","));
        if (one && !listed(other, one)) vn_text_printf(&list, "%s%s", list.n ? "," : "", one);
        list.failed |= !one;
    }
    for (int64_t i = 0; i < n; i++)
        if (!listed(before, name[i]) && !listed(other, name[i]))
            vn_text_printf(&list, "%s%s", list.n ? "," : "", name[i]);
    vane_status st = list.failed ? VANE_E_MEMORY : VANE_OK;
    if (!st && (list.n || before))
        st = set(config, VANE_PRESET, "the model's features", option, list.s ? list.s : "");
    vn_text_close(&list);
    return st;
}

vane_status vane_config_adopt(vane_config *config, const vane_model *model)
{
    const vn_fitted *m = model->fitted;
    char season[24];
    snprintf(season, sizeof season, "%lld", (long long)m->season);
    int64_t n_futr = m->n_futr - m->n_calendar - m->n_futr_cat, n_stat = m->n_stat - m->n_stat_cat;
    int64_t n_hist = m->n_hist - m->n_hist_cat;
    const char *const *hist = m->hist_name, *const *futr = m->futr_name,
                      *const *stat = m->stat_name;
    vane_status st = add_names(config, "futr_exog_list", futr, n_futr, NULL);
    if (!st) st = add_names(config, "cat_exog_list", futr + n_futr, m->n_futr_cat, NULL);
    if (!st) st = add_names(config, "hist_exog_list", hist, n_hist, "futr_exog_list");
    if (!st) st = add_names(config, "hist_cat_list", hist + n_hist, m->n_hist_cat, "cat_exog_list");
    if (!st) st = add_names(config, "stat_exog_list", stat, n_stat, NULL);
    if (!st) st = add_names(config, "stat_cat_list", stat + n_stat, m->n_stat_cat, NULL);
    if (!st && !adopted(config, "season_length"))
        st = set(config, VANE_PRESET, "", "season_length", season);
    return st;
}

/* Sections are the groups of the table or a model's name; they only help the reader. */
static bool known_section(const char *section)
{
    static const char *const groups[] = { "", "run", "data", "train", "evaluate", "model" };
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!strcmp(section, groups[i])) return true;
    return vn_model_find(section);
}

static vn_status file_entry(void *ctx, const char *section, const char *key, const char *value,
                            const char *where)
{
    vane_config *config = ctx;
    if (section && !known_section(section))
        return VN_FAIL(VN_E_ARGUMENT, "%s: unknown section [%s]", where, section);
    return (vn_status)vane_config_set(config, VANE_FILE, where, key, value);
}

vane_status vane_config_set_file(vane_config *config, const char *path)
{
    char *text;
    size_t n;
    vn_status st = vn_file_read(path, 1 << 20, &text, &n);
    if (st) return vn_public(vn_trail(st, __FILE__, __LINE__));
    const char *name = strcmp(path, "-") ? path : "standard input";
    st = vn_config_parse(name, text, n, file_entry, config);
    vn_free(text);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

/* VANE_<NAME>, if it is set and `def` is the first model with that option. */
static vane_status set_variable(vane_config *config, const vn_model_def *def, const char *name)
{
    char key[128] = "VANE_";
    size_t n = strlen(key);
    for (const char *s = name; *s && n + 1 < sizeof key; s++)
        key[n++] = *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s;
    const char *value = getenv(key);
    if (!value || owner(name) != def) return VANE_OK;
    return vane_config_set(config, VANE_ENV, key, name, value);
}

vane_status vane_config_set_environment(vane_config *config)
{
    int table;
    const char *group;
    const vn_option *o;
    vane_status st = VANE_OK;
    for (const vn_model_def *const *def = vn_models(); *def; def++)
        for (int i = 0; !st && (o = vn_option_of(*def, i, &table, &group)); i++)
            st = set_variable(config, *def, o->name);
    return st;
}

/* An option of training that a model with a solver cannot follow. */
static bool useless(const vn_model_def *def, const char *name)
{
    return def && vn_solver_of(def) && vn_option_learns(name);
}

vn_status vn_config_fits(const vane_config *config)
{
    for (int i = 0; i < config->n_set; i++) {
        const vn_setting *s = &config->set[i];
        int at, table;
        /* A file or environment may serve several models. */
        if (s->origin != VANE_FLAG) continue;
        if (useless(config->def, s->name))
            return VN_FAIL(VN_E_ARGUMENT,
                           "%s is solved, it does not learn in steps: it has no use for \"%s\"",
                           config->def->name, s->name);
        if (find(config->def, s->name, &at, &table)) continue;
        const vn_model_def *of = owner(s->name);
        return VN_FAIL(VN_E_ARGUMENT, "\"%s\" is an option of %s, not of %s", s->name,
                       of ? of->name : "another model", config->def->name);
    }
    return VN_OK;
}

vane_status vane_config_check(const vane_config *config)
{
    vn_device *dev = NULL;
    vn_status st = vn_config_fits(config);
    bool asked = vn_config_origin(config, "device") != VANE_DEFAULT ||
                 vn_config_origin(config, "cpu") != VANE_DEFAULT;
    if (!st && asked) st = vn_config_device(config, &dev);
    vn_device_close(dev);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

/* ---- looking ---- */

const char *vane_config_get(vane_config *config, const char *name, vane_origin *origin)
{
    int at, table;
    const vn_option *o = find(config->def, name, &at, &table);
    if (!o) return NULL;
    config->value.n = 0;
    vn_text_printf(&config->value, "%s", "");
    vn_option_get(o, vn_config_target(config, table), &config->value);
    if (origin) *origin = (vane_origin)config->origin[at];
    return config->value.failed ? NULL : config->value.s ? config->value.s : "";
}

vane_status vane_option_at(const char *model, int i, vane_option *option)
{
    int table;
    const vn_model_def *def = model ? vn_model_find(model) : NULL;
    if (model && !def) return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no model \"%s\"", model));
    vane_option v = { .size = sizeof v };
    const vn_option *o = i < 0 ? NULL : vn_option_of(def, i, &table, &v.group);
    if (!o) return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no option number %d", i));
    v.name = o->name;
    v.preset = o->preset;
    for (int k = 0; def && def->presets && def->presets[k][0]; k++)
        if (!strcmp(def->presets[k][0], o->name)) v.preset = def->presets[k][1];
    v.choices = o->choices;
    v.help = o->help;
    v.useless = useless(def, o->name);
    vn_text accepts = { 0 };
    vn_option_accepts(o, &accepts);
    size_t n = accepts.n < sizeof v.accepts ? accepts.n : sizeof v.accepts - 1;
    if (accepts.s) memcpy(v.accepts, accepts.s, n);
    vn_text_close(&accepts);
    vn_fill(option, &v, sizeof v);
    return VANE_OK;
}

vane_status vane_model_kind_at(int i, vane_model_kind *kind)
{
    const vn_model_def *const *defs = vn_models();
    for (int k = 0; defs[k]; k++) {
        if (k != i) continue;
        vane_model_kind v = { sizeof v, defs[k]->name, defs[k]->alias, defs[k]->title,
                              defs[k]->papers };
        vn_fill(kind, &v, sizeof v);
        return VANE_OK;
    }
    return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no model number %d", i));
}

vane_status vane_metric_at(int i, vane_metric *metric)
{
    if (i < 0 || i >= VN_METRIC_COUNT)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "there is no metric number %d", i));
    const vn_metric_info *info = vn_metric_about(i);
    vane_metric v = { sizeof v, info->name, info->title, info->doc };
    vn_fill(metric, &v, sizeof v);
    return VANE_OK;
}

/* ---- the config as a file ---- */

/* `value` as TOML: texts and enums quoted, lists of enums element by element. */
static void put_toml(vn_text *out, const vn_option *o, const char *value)
{
    bool list = o->type == VN_OPT_ENUMS;
    if (o->type != VN_OPT_TEXT && o->type != VN_OPT_ENUM && !list) {
        vn_text_printf(out, "%s", value);
        return;
    }
    if (!list) {
        vn_text_json(out, value); /* a basic string of TOML is one of JSON */
        return;
    }
    for (const char *s = value; *s;) {
        size_t word = strcspn(s, "[], ");
        if (word)
            vn_text_printf(out, "\"%.*s\"", (int)word, s);
        else
            vn_text_put(out, s, word = 1);
        s += word;
    }
}

static void put_option(vane_report *r, const vane_config *c, int i, const vn_option *o, int table,
                       const char *group, const char **last)
{
    static const char *const origins[] = { "default", "preset of the model", "file", "environment",
                                           "flag" };
    vn_text value = { 0 };
    vn_option_get(o, vn_config_target(c, table), &value);
    const char *s = value.s ? value.s : "";
    if (group != *last) vn_text_printf(&r->text, "%s[%s]\n", *last ? "\n" : "", group);
    *last = group;
    size_t begin = r->text.n;
    vn_text_printf(&r->text, "%s = ", o->name);
    put_toml(&r->text, o, s);
    int pad = 44 - (int)(r->text.n - begin);
    vn_text_printf(&r->text, "%*s  # %s\n", pad > 0 ? pad : 0, "", origins[c->origin[i]]);
    vn_text_printf(&r->json,
                   "%s{\"name\":\"%s\",\"group\":\"%s\",\"origin\":\"%s\",\"value\":", i ? "," : "",
                   o->name, group, origins[c->origin[i]]);
    vn_option_json(o, vn_config_target(c, table), &r->json);
    vn_text_put(&r->json, "}", 1);
    r->text.failed |= value.failed;
    vn_text_close(&value);
}

vane_status vane_config_report(const vane_config *config, vane_report **report)
{
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    int table;
    const char *group, *last = NULL;
    const vn_option *o;
    vn_text_printf(&r->json, "{\"schema\":1,\"options\":[");
    for (int i = 0; (o = vn_option_of(config->def, i, &table, &group)); i++)
        put_option(r, config, i, o, table, group, &last);
    vn_text_printf(&r->json, "]}\n");
    return vn_public(vn_report_finish(r, report));
}

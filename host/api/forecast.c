/* Forecasts of whole data sets. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/api/internal.h"

struct vane_forecast {
    vn_arena arena;
    const char *alias;
    const char **id; /* [N] */
    int64_t *stamp;  /* [N, H] */
    float *y;        /* [N, H] */
    float *attention; /* [N, H, L] or NULL */
    int64_t *seen;    /* [N, L] stamps of the input, those before a series left out by `first` */
    int64_t *first;   /* [N] first input step within the series */
    vn_freq freq;
    int64_t n_series, h, n_input;
    vn_columns columns; /* beside y */
};

/* Everything about the forecast but its numbers. */
static vn_status prepare(vane_forecast *f, const vn_fitted *m, const vn_panel *p)
{
    size_t n = (size_t)p->n_series, h = (size_t)m->train.h;
    f->alias = vn_arena_text(&f->arena, m->def->alias, strlen(m->def->alias));
    f->freq = p->freq;
    f->n_series = p->n_series;
    f->h = m->train.h;
    f->id = vn_arena_array(&f->arena, n, sizeof *f->id);
    f->stamp = vn_arena_array(&f->arena, n * h, sizeof *f->stamp);
    f->y = vn_arena_array(&f->arena, n * h, sizeof *f->y);
    if (!f->alias || !f->id || !f->stamp || !f->y) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < p->n_series; i++) {
        f->id[i] = vn_arena_text(&f->arena, p->id[i], strlen(p->id[i]));
        if (!f->id[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        for (int64_t k = 0; k < f->h; k++)
            f->stamp[i * f->h + k] = vn_panel_stamp(p, i, p->n_past[i] + k);
    }
    return VN_OK;
}

/* The future features of the table, by the options that name them: "futr_exog 'promo', 'price',
 * cat_exog 'store'". */
static void put_needs(const vn_fitted *m, vn_text *out)
{
    int64_t all = m->n_futr - m->n_calendar, n = all - m->n_futr_cat;
    for (int64_t i = 0; i < all && out->n < 200; i++) {
        const char *kind = i == 0 && n ? "futr_exog " : i == n ? "cat_exog " : "";
        vn_text_printf(out, "%s%s'%s'", i ? ", " : "", kind, m->futr_name[i]);
    }
}

static vn_status refuse_future(const vn_fitted *m, const vn_panel *p, int64_t i)
{
    int64_t rows = p->indptr[i + 1] - p->indptr[i], given = rows - p->n_past[i];
    char stamp[VN_STAMP_TEXT];
    vn_text names = { 0 };
    put_needs(m, &names);
    vn_stamp_text(p->freq, vn_panel_stamp(p, i, rows), stamp);
    vn_status st = VN_E_MEMORY;
    if (!names.failed && !given)
        st = VN_FAIL(VN_E_DATA,
                     "the model needs %s for %" PRId64 " steps after the end of series '%s' "
                     "(%s ...): give their future values, --futr FILE",
                     names.s, m->train.h, p->id[i], stamp);
    else if (!names.failed)
        st = VN_FAIL(VN_E_DATA,
                     "the model needs %s for %" PRId64 " steps after the end of series '%s'; there "
                     "are future values for %" PRId64 ", not for %s ...",
                     names.s, m->train.h, p->id[i], given, stamp);
    vn_text_close(&names);
    return st;
}

/* The data must have what the model needs, to the horizon where it is known in advance (the
 * calendar always is). */
vn_status vn_forecast_fits(const vn_fitted *m, const vn_panel *p, const vn_log *log)
{
    VN_TRY(vn_fitted_match(m, p));
    for (int64_t i = 0; m->n_futr > m->n_calendar && i < p->n_series; i++)
        if (p->indptr[i + 1] - p->indptr[i] < p->n_past[i] + m->train.h)
            return refuse_future(m, p, i);
    vn_fitted_warn_freq(m, p, log);
    return VN_OK;
}

/* Of a model without a graph. */
static vn_status solve(const vane_config *config, const vn_fitted *m, const vn_panel *panel,
                       vane_forecast *f)
{
    vn_team *team = NULL;
    bool level = vn_config_origin(config, "level") != VANE_DEFAULT;
    const vn_solver_wish wish = { config->train.level.v, level ? (int)config->train.level.n : 0,
                                  config->run.components };
    VN_TRY(vn_team_open((int)config->run.threads, &team));
    vn_status st = vn_solver_of(m->def)->forecast(m, panel, team, &wish, f->y, &f->columns);
    vn_team_close(team);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* Room for the weights of the inputs, and the inputs' stamps. */
static vn_status prepare_attention(vane_forecast *f, const vn_fitted *m, const vn_panel *p,
                                   int64_t row)
{
    size_t n = (size_t)p->n_series, L = (size_t)m->train.input_size;
    f->n_input = m->train.input_size;
    if (row != f->h * f->n_input)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s shows %" PRId64 " weights a window, expected %" PRId64
                       " x %" PRId64, m->def->name, row, f->h, f->n_input);
    f->attention = vn_arena_array(&f->arena, n * (size_t)row, sizeof *f->attention);
    f->seen = vn_arena_array(&f->arena, n * L, sizeof *f->seen);
    f->first = vn_arena_array(&f->arena, n, sizeof *f->first);
    if (!f->attention || !f->seen || !f->first) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < p->n_series; i++) {
        f->first[i] = p->n_past[i] < f->n_input ? f->n_input - p->n_past[i] : 0;
        for (int64_t t = f->first[i]; t < f->n_input; t++)
            f->seen[i * f->n_input + t] = vn_panel_stamp(p, i, p->n_past[i] - f->n_input + t);
    }
    return VN_OK;
}

static vn_status open_predictor(const vane_config *config, const vn_fitted *m,
                                const vn_panel *panel, bool attend, vn_device *dev,
                                vane_forecast *f, vn_predictor **predictor)
{
    int64_t batch = config->run.inference_windows_batch_size, row;
    if (!attend) return vn_predictor_open(m, dev, batch, predictor);
    VN_TRY(vn_predictor_open_showing(m, dev, batch, "attention", predictor, &row));
    VN_TRY(prepare_attention(f, m, panel, row));
    vn_predictor_keep(*predictor, f->attention);
    return VN_OK;
}

/* The columns beside the point: those the caller names, else those the model was trained for. */
static vn_status choose_columns(const vane_config *config, const vn_fitted *m, const vn_head *head,
                                vane_forecast *f, vn_picks *picks)
{
    bool level = vn_config_origin(config, "level") != VANE_DEFAULT;
    bool quantiles = vn_config_origin(config, "quantiles") != VANE_DEFAULT;
    vn_wish own = { &m->train.level, &m->train.quantiles, false };
    vn_wish asked = { level ? &config->train.level : NULL,
                      quantiles ? &config->train.quantiles : NULL, true };
    VN_TRY(vn_picks_of(head, level || quantiles ? &asked : &own, picks));
    VN_TRY(vn_columns_open(&f->columns, picks->n, f->n_series * f->h));
    for (int c = 0; c < picks->n; c++) {
        f->columns.name[c] = vn_arena_text(&f->arena, picks->v[c].name, strlen(picks->v[c].name));
        if (!f->columns.name[c]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    return VN_OK;
}

/* The point and every column of all series from raw numbers, on the scale of the data. */
static vn_status fill(const vane_config *config, const vn_fitted *m, const vn_scaled *scaled,
                      float *raw, vane_forecast *f)
{
    vn_head head;
    vn_picks picks;
    VN_TRY(vn_forecast_head_of(m, &head));
    VN_TRY(choose_columns(config, m, &head, f, &picks));
    vn_picks_fill(&head, &picks, raw, f->n_series * f->h, f->y, f->columns.value);
    for (int64_t i = 0; i < f->n_series; i++) {
        vn_scaled_undo(scaled, i, f->y + i * f->h, f->h);
        for (int c = 0; c < picks.n; c++)
            vn_scaled_undo(scaled, i, f->columns.value[c] + i * f->h, f->h);
    }
    return VN_OK;
}

static vn_status run(const vane_config *config, const vn_fitted *m, const vn_panel *panel,
                     const vn_log *log, bool attend, vane_forecast *f)
{
    vn_device *dev = NULL;
    vn_predictor *predictor = NULL;
    vn_scaled scaled = { .use = panel };
    vn_status st = VN_E_MEMORY;
    if (vn_solver_of(m->def) && attend)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s has no attention to show", m->def->name);
    if (vn_solver_of(m->def)) return solve(config, m, panel, f);
    if (config->run.components)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s has no components to forecast", m->def->alias);
    float *raw = NULL;
    int32_t *pairs = vn_calloc((size_t)f->n_series, 2 * sizeof *pairs);
    if (!pairs) goto done;
    for (int64_t i = 0; i < f->n_series; i++) {
        pairs[2 * i] = (int32_t)i;
        pairs[2 * i + 1] = (int32_t)panel->n_past[i];
    }
    VN_TRY_DONE(vn_config_device(config, &dev));
    VN_TRY_DONE(vn_scaled_open(panel, m, (vn_split){ 0, 0, 0 }, f->h, log, &scaled));
    VN_TRY_DONE(open_predictor(config, m, panel, attend, dev, f, &predictor));
    const vn_head *head = vn_predictor_head(predictor);
    raw = vn_malloc((size_t)(f->n_series * f->h * head->width) * sizeof *raw);
    if (!raw) st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    if (!st) st = vn_predictor_run(predictor, scaled.use, pairs, f->n_series, raw);
    if (!st) st = fill(config, m, &scaled, raw, f);
done:
    vn_free(raw);
    vn_predictor_close(predictor);
    vn_scaled_close(&scaled);
    vn_device_close(dev);
    vn_free(pairs);
    return st;
}

static vane_status make(const vane_config *config, const vane_model *model,
                        const vane_dataset *data, const vane_dataset *future,
                        const vane_hooks *hooks, bool attend, vane_forecast **forecast)
{
    vn_panel *joined = NULL;
    vn_log log = vn_hooks_log(hooks);
    vn_status st = VN_E_MEMORY;
    *forecast = NULL;
    vane_forecast *f = vn_calloc(1, sizeof *f);
    if (!f) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    if (future) VN_TRY_DONE(vn_panel_append(data->panel, future->panel, &joined));
    const vn_panel *panel = joined ? joined : data->panel;
    VN_TRY_DONE(vn_forecast_fits(model->fitted, panel, &log));
    VN_TRY_DONE(prepare(f, model->fitted, panel));
    VN_TRY_DONE(run(config, model->fitted, panel, &log, attend, f));
    *forecast = f;
    f = NULL;
done:
    vn_panel_close(joined);
    vane_forecast_close(f);
    return vn_public(st);
}

vane_status vane_forecast_make(const vane_config *config, const vane_model *model,
                               const vane_dataset *data, const vane_dataset *future,
                               const vane_hooks *hooks, vane_forecast **forecast)
{
    return make(config, model, data, future, hooks, false, forecast);
}

vane_status vane_forecast_attend(const vane_config *config, const vane_model *model,
                                 const vane_dataset *data, const vane_dataset *future,
                                 const vane_hooks *hooks, vane_forecast **forecast)
{
    return make(config, model, data, future, hooks, true, forecast);
}

void vane_forecast_close(vane_forecast *forecast)
{
    if (!forecast) return;
    vn_columns_close(&forecast->columns);
    vn_arena_close(&forecast->arena);
    vn_free(forecast);
}

int64_t vane_forecast_n_series(const vane_forecast *f)
{
    return f->n_series;
}
int64_t vane_forecast_h(const vane_forecast *f)
{
    return f->h;
}
const char *vane_forecast_alias(const vane_forecast *f)
{
    return f->alias;
}
const float *vane_forecast_values(const vane_forecast *f)
{
    return f->y;
}

int vane_forecast_n_columns(const vane_forecast *f)
{
    return f->columns.n;
}

const char *vane_forecast_column(const vane_forecast *f, int i, const float **values)
{
    if (i < 0 || i >= f->columns.n) return NULL;
    if (values) *values = f->columns.value[i];
    return f->columns.name[i];
}

const float *vane_forecast_attention(const vane_forecast *f, int64_t *n_input)
{
    *n_input = f->n_input;
    return f->attention;
}

const char *vane_forecast_id(const vane_forecast *f, int64_t i)
{
    return i >= 0 && i < f->n_series ? f->id[i] : NULL;
}

void vane_forecast_stamp(const vane_forecast *f, int64_t i, int64_t k, char *out, size_t n)
{
    char text[VN_STAMP_TEXT] = "";
    if (i >= 0 && i < f->n_series && k >= 0 && k < f->h)
        vn_stamp_text(f->freq, f->stamp[i * f->h + k], text);
    if (n) snprintf(out, n, "%s", text);
}

/* A CSV field, quoted where it must be. */
static void put_field(vn_text *out, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        vn_text_put(out, s, strlen(s));
        return;
    }
    vn_text_put(out, "\"", 1);
    for (; *s; s++) {
        if (*s == '"') vn_text_put(out, "\"", 1);
        vn_text_put(out, s, 1);
    }
    vn_text_put(out, "\"", 1);
}

static vane_status save(vn_text *text, const char *path)
{
    vane_status st = text->failed
                         ? vn_public(VN_FAIL(VN_E_MEMORY, "no memory for the forecast's text"))
                         : vane_write_file(path, text->s, text->n);
    vn_text_close(text);
    return st;
}

/* ",Prophet-lo-80,Prophet-hi-80" and the line's end. */
static void put_heads(vn_text *text, const vane_forecast *f)
{
    vn_arena scratch = { 0 };
    for (int c = 0; c < f->columns.n; c++) {
        char *name = vn_arena_printf(&scratch, "%s-%s", f->alias, f->columns.name[c]);
        vn_text_put(text, ",", 1);
        put_field(text, name ? name : "");
        text->failed |= !name;
    }
    vn_text_put(text, "\n", 1);
    vn_arena_close(&scratch);
}

vane_status vane_forecast_csv(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    char stamp[VN_STAMP_TEXT], number[VN_NUMBER_MAX];
    vn_text_printf(&text, "unique_id,ds,%s", f->alias);
    put_heads(&text, f);
    for (int64_t i = 0; i < f->n_series; i++)
        for (int64_t k = 0; k < f->h; k++) {
            put_field(&text, f->id[i]);
            vn_text_printf(&text, ",%s,%s", vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp),
                           vn_format_f32(f->y[i * f->h + k], number));
            for (int c = 0; c < f->columns.n; c++)
                vn_text_printf(&text, ",%s",
                               vn_format_f32(f->columns.value[c][i * f->h + k], number));
            vn_text_put(&text, "\n", 1);
        }
    return save(&text, path);
}

/* ,"name":[h numbers] */
static void put_values(vn_text *text, const vane_forecast *f, const char *name, const float *y)
{
    char number[VN_NUMBER_MAX];
    vn_text_put(text, ",", 1);
    vn_text_json(text, name);
    vn_text_put(text, ":[", 2);
    for (int64_t k = 0; k < f->h; k++) {
        bool finite = y[k] - y[k] == 0;
        vn_text_printf(text, "%s%s", k ? "," : "", finite ? vn_format_f32(y[k], number) : "null");
    }
    vn_text_put(text, "]", 1);
}

/* The weights of one step k of series i. */
static void put_weights(const vane_forecast *f, int64_t i, int64_t k, vn_text *out)
{
    char stamp[VN_STAMP_TEXT], seen[VN_STAMP_TEXT], number[VN_NUMBER_MAX];
    const float *weight = f->attention + (i * f->h + k) * f->n_input;
    vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp);
    for (int64_t t = f->first[i]; t < f->n_input; t++) {
        put_field(out, f->id[i]);
        vn_text_printf(out, ",%s,%s,%s\n", stamp,
                       vn_stamp_text(f->freq, f->seen[i * f->n_input + t], seen),
                       vn_format_f32(weight[t], number));
    }
}

vane_status vane_forecast_attention_csv(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    if (!f->attention)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "the forecast was made without its attention; "
                                                "vane_forecast_attend keeps it"));
    vn_text_printf(&text, "unique_id,ds,input_ds,attention\n");
    for (int64_t i = 0; i < f->n_series; i++)
        for (int64_t k = 0; k < f->h; k++) put_weights(f, i, k, &text);
    return save(&text, path);
}

vane_status vane_forecast_json(const vane_forecast *f, const char *path)
{
    vn_text text = { 0 };
    vn_arena scratch = { 0 };
    char stamp[VN_STAMP_TEXT];
    vn_text_printf(&text, "{\"schema\":1,\"model\":\"%s\",\"h\":%" PRId64 ",\"series\":[", f->alias,
                   f->h);
    for (int64_t i = 0; i < f->n_series; i++) {
        vn_text_printf(&text, "%s\n{\"unique_id\":", i ? "," : "");
        vn_text_json(&text, f->id[i]);
        vn_text_printf(&text, ",\"ds\":[");
        for (int64_t k = 0; k < f->h; k++)
            vn_text_printf(&text, "%s\"%s\"", k ? "," : "",
                           vn_stamp_text(f->freq, f->stamp[i * f->h + k], stamp));
        vn_text_printf(&text, "]");
        put_values(&text, f, f->alias, f->y + i * f->h);
        for (int c = 0; c < f->columns.n; c++) {
            char *name = vn_arena_printf(&scratch, "%s-%s", f->alias, f->columns.name[c]);
            put_values(&text, f, name ? name : "", f->columns.value[c] + i * f->h);
            text.failed |= !name;
        }
        vn_arena_close(&scratch);
        vn_text_printf(&text, "}");
    }
    vn_text_printf(&text, "\n]}\n");
    return save(&text, path);
}

/* Forecasts of whole data sets. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/forecast.h"

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
    f->y_rest = p->y_rest ? vn_arena_array(&f->arena, n * h, sizeof *f->y_rest) : NULL;
    if (!f->alias || !f->id || !f->stamp || !f->y || (p->y_rest && !f->y_rest))
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
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
    vn_fitted_warn_counts(m, p, log);
    return VN_OK;
}

/* Of a model without a graph. */
static vn_status solve(const vane_config *config, const vn_fitted *m, const vn_panel *panel,
                       const vn_log *log, vane_forecast *f)
{
    vn_team *team = NULL;
    vn_scaled dressed = { .use = panel };
    vn_status st = VN_OK;
    bool asked = vn_config_origin(config, "level") != VANE_DEFAULT;
    const vn_opt_FLOATS *level = asked ? &config->train.level : &m->train.level;
    const vn_solver_wish wish = { level->v, (int)level->n, config->run.components, log };
    VN_TRY_DONE(vn_team_open((int)config->run.threads, &team));
    VN_TRY_DONE(vn_scaled_open(panel, m, (vn_split){ 0, 0, 0 }, f->h, log, &dressed));
    VN_TRY_DONE(vn_solver_of(m->def)->forecast(m, dressed.use, team, &wish, f->y, f->y_rest,
                                               &f->columns));
done:
    vn_scaled_close(&dressed);
    vn_team_close(team);
    return st;
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

/* What a forecast keeps beside its columns. */
typedef enum keep { COLUMNS, ATTENTION, SAMPLES } keep;

static vn_status open_predictor(const vane_config *config, const vn_fitted *m,
                                const vn_panel *panel, keep what, vn_device *dev,
                                vane_forecast *f, vn_predictor **predictor)
{
    int64_t batch = config->run.inference_windows_batch_size, row;
    if (what != ATTENTION) return vn_predictor_open(m, dev, batch, predictor);
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
    VN_TRY(vn_columns_open(&f->columns, picks->n, f->n_series * f->h, f->y_rest));
    for (int c = 0; c < picks->n; c++) {
        f->columns.name[c] = vn_arena_text(&f->arena, picks->v[c].name, strlen(picks->v[c].name));
        if (!f->columns.name[c]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    return VN_OK;
}

/* Series first .. first + n of a forecast, from raw numbers to the scale of the data. */
typedef struct slice {
    vane_forecast *f;
    const vn_head *head;
    const vn_picks *picks;
    const vn_scaled *scaled;
    int64_t first, n;
    float *raw;  /* [n, H, width] */
    float *room; /* [width] */
} slice;

/* The paths of a slice as the caller sees them, [n, paths, H]; before the columns sort them. */
static void keep_samples(const slice *s)
{
    int64_t h = s->f->h, width = s->head->width;
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t p = 0; p < width; p++) {
            float *path = s->f->samples + ((s->first + i) * width + p) * h;
            for (int64_t k = 0; k < h; k++) path[k] = s->raw[(i * h + k) * width + p];
            vn_scaled_undo(s->scaled, s->first + i, path, NULL, h);
        }
}

/* The point and every column of a slice. */
static void fill(const slice *s)
{
    vane_forecast *f = s->f;
    float *value[VN_PICKS], *point = f->y + s->first * f->h;
    for (int c = 0; c < s->picks->n; c++) value[c] = f->columns.value[c] + s->first * f->h;
    vn_picks_fill(s->head, s->picks, s->raw, s->room, s->n * f->h, point, value);
    for (int64_t i = s->first, at = 0; i < s->first + s->n; i++, at += f->h) {
        int64_t row = i * f->h;
        vn_scaled_undo(s->scaled, i, point + at, f->y_rest ? f->y_rest + row : NULL, f->h);
        for (int c = 0; c < s->picks->n; c++)
            vn_scaled_undo(s->scaled, i, value[c] + at,
                           f->y_rest ? f->columns.rest[c] + row : NULL, f->h);
    }
}

/* Slice after slice, so that the numbers of paths need not all be there at once. */
static vn_status compute(vn_predictor *predictor, const int32_t *pairs, slice *s)
{
    int64_t most = vn_predictor_batch(predictor);
    if (most > s->f->n_series) most = s->f->n_series;
    s->raw = vn_malloc((size_t)(most * s->f->h * s->head->width) * sizeof *s->raw);
    s->room = vn_malloc((size_t)s->head->width * sizeof *s->room);
    if (!s->raw || !s->room) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(vn_predictor_bind(predictor, s->scaled->use));
    for (; s->first < s->f->n_series; s->first += s->n) {
        int64_t left = s->f->n_series - s->first;
        s->n = left < most ? left : most;
        if (left - s->n == 1 && s->n > 2) s->n--; /* one window alone has a plan of its own */
        if (s->f->attention) vn_predictor_keep(predictor, s->f->attention + s->first * s->f->h *
                                               s->f->n_input);
        VN_TRY(vn_predictor_run(predictor, s->scaled->use, pairs + 2 * s->first, s->n, s->raw));
        if (s->f->samples) keep_samples(s);
        fill(s);
    }
    return VN_OK;
}

static vn_status prepare_samples(vane_forecast *f, const vn_fitted *m, const vn_head *head)
{
    if (head->family != VN_FAMILY_PATHS)
        return VN_FAIL(VN_E_UNSUPPORTED,
                       "%s draws no sample paths: it forecasts every step by itself; deepar draws "
                       "them", m->def->name);
    f->n_paths = head->width;
    f->samples = vn_malloc((size_t)(f->n_series * f->n_paths * f->h) * sizeof *f->samples);
    return f->samples ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static vn_status run(const vane_config *config, const vn_fitted *m, const vn_panel *panel,
                     const vn_log *log, keep what, vane_forecast *f)
{
    vn_device *dev = NULL;
    vn_predictor *predictor = NULL;
    vn_scaled scaled = { .use = panel };
    vn_head head;
    vn_picks picks;
    slice s = { .f = f, .head = &head, .picks = &picks, .scaled = &scaled };
    vn_fitted own;
    vn_status st = VN_E_MEMORY;
    int32_t *pairs = vn_calloc((size_t)f->n_series, 2 * sizeof *pairs);
    if (!pairs) goto done;
    VN_TRY_DONE(vn_config_device(config, &dev));
    m = vn_fitted_on(config, dev, m, &own);
    for (int64_t i = 0; i < f->n_series; i++) {
        pairs[2 * i] = (int32_t)i;
        pairs[2 * i + 1] = (int32_t)panel->n_past[i];
    }
    VN_TRY_DONE(vn_forecast_head_of(m, &head));
    if (what == SAMPLES) VN_TRY_DONE(prepare_samples(f, m, &head));
    VN_TRY_DONE(choose_columns(config, m, &head, f, &picks));
    VN_TRY_DONE(vn_scaled_open(panel, m, (vn_split){ 0, 0, 0 }, f->h, log, &scaled));
    VN_TRY_DONE(open_predictor(config, m, panel, what, dev, f, &predictor));
    VN_TRY_DONE(compute(predictor, pairs, &s));
done:
    vn_free(s.raw);
    vn_free(s.room);
    vn_predictor_close(predictor);
    vn_scaled_close(&scaled);
    vn_device_close(dev);
    vn_free(pairs);
    return st;
}

/* Of a model with a graph or without one. */
static vn_status forecast_of(const vane_config *config, const vn_fitted *m, const vn_panel *panel,
                             const vn_log *log, keep what, vane_forecast *f)
{
    if (vn_solver_of(m->def) && what != COLUMNS)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s has no %s", m->def->name,
                       what == SAMPLES ? "sample paths; deepar draws them" : "attention to show");
    if (!m->def->context && vn_config_origin(config, "num_samples") == VANE_FLAG)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s draws no sample paths, so num_samples does not apply",
                       m->def->name);
    if (vn_solver_of(m->def) && vn_config_origin(config, "quantiles") == VANE_FLAG)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s forecasts intervals (level), no quantiles", m->def->name);
    if (vn_solver_of(m->def)) return solve(config, m, panel, log, f);
    if (config->run.components)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s has no components to forecast", m->def->alias);
    vn_status st = run(config, m, panel, log, what, f);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* A window may leave the range of f32 without any fault of the others: they are not withheld. */
static void warn_not_finite(const vane_forecast *f, const vn_log *log)
{
    int64_t n_bad = 0, first = 0, step = 0;
    for (int64_t i = 0; i < f->n_series; i++)
        for (int64_t k = 0; k < f->h; k++) {
            if (isfinite(f->y[i * f->h + k])) continue;
            if (!n_bad++) first = i, step = k;
            break;
        }
    if (n_bad)
        vn_log_printf(log, VN_LOG_WARN,
                      "the forecasts of %" PRId64 " of %" PRId64 " series are not finite, the first "
                      "that of series '%s' at step %" PRId64, n_bad, f->n_series, f->id[first],
                      step + 1);
}

static vane_status make(const vane_config *config, const vane_model *model,
                        const vane_dataset *data, const vane_dataset *future,
                        const vane_hooks *hooks, keep what, vane_forecast **forecast)
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
    VN_TRY_DONE(forecast_of(config, model->fitted, panel, &log, what, f));
    warn_not_finite(f, &log);
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
    return make(config, model, data, future, hooks, COLUMNS, forecast);
}

vane_status vane_forecast_attend(const vane_config *config, const vane_model *model,
                                 const vane_dataset *data, const vane_dataset *future,
                                 const vane_hooks *hooks, vane_forecast **forecast)
{
    return make(config, model, data, future, hooks, ATTENTION, forecast);
}

vane_status vane_forecast_draw(const vane_config *config, const vane_model *model,
                               const vane_dataset *data, const vane_dataset *future,
                               const vane_hooks *hooks, vane_forecast **forecast)
{
    return make(config, model, data, future, hooks, SAMPLES, forecast);
}

void vane_forecast_close(vane_forecast *forecast)
{
    if (!forecast) return;
    vn_columns_close(&forecast->columns);
    vn_free(forecast->samples);
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

const float *vane_forecast_samples(const vane_forecast *f, int64_t *n_paths)
{
    *n_paths = f->n_paths;
    return f->samples;
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

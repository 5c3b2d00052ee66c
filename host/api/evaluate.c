/* Scoring models beside the baselines. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/internal.h"
#include "host/data/select.h"

enum { NAME = 48 };

/* A model in a rolling evaluation. */
typedef struct entrant {
    const vn_fitted *m;
    vn_fitted own;    /* the model as the config has it compute */
    vn_panel columns; /* what it needs of the panel; the rest is borrowed */
    vn_scaled scaled;
    vn_predictor *predictor;
    vn_team *team;
    vn_device *dev;
    const vn_head *head;
    double q[VN_EVAL_LEVELS]; /* levels of the scores */
    int64_t n_q;
    float *raw;  /* [room, h, width of the head] */
    float *sort; /* [width of the head] */
    int64_t room;
    char name[NAME];
} entrant;

/* The levels scored: every twentieth where the model has all, else those it was trained for. */
static void choose_levels(entrant *e)
{
    if (e->head->family == VN_FAMILY_POINT) return;
    if (e->head->family == VN_FAMILY_QUANTILES) {
        for (; e->n_q < e->head->n_q; e->n_q++) e->q[e->n_q] = e->head->q[e->n_q];
        return;
    }
    for (int i = 1; i < 20; i++) e->q[e->n_q++] = i / 20.0;
}

/* One window's points and quantiles from its raw numbers, on the scale of the data. */
static void finish_window(entrant *e, int64_t series, float *raw, double *out)
{
    int64_t h = e->m->train.h, width = 1 + e->n_q;
    for (int64_t k = 0; k < h; k++)
        out[k * width] = vn_step_forecast(e->head, raw + k * e->head->width, e->sort, e->q, e->n_q,
                                          out + k * width + 1);
    for (int64_t k = 0; k < h * width; k++) out[k] = vn_scaled_back(&e->scaled, series, out[k]);
}

static vn_status run_model(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    entrant *e = ctx;
    int64_t h = e->m->train.h, size = h * e->head->width;
    if (n > e->room) {
        float *grown = vn_realloc(e->raw, (size_t)(n * size) * sizeof *grown);
        if (!grown) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        e->raw = grown;
        e->room = n;
    }
    VN_TRY(vn_predictor_run(e->predictor, e->scaled.use, pairs, n, e->raw));
    for (int64_t w = 0; w < n; w++)
        finish_window(e, pairs[2 * w], e->raw + w * size, out + w * h * (1 + e->n_q));
    return VN_OK;
}

/* A model without a graph is fitted anew at every origin, to the rows before it. */
static vn_status run_solver(void *ctx, const int32_t *pairs, int64_t n, double *out)
{
    const entrant *e = ctx;
    return vn_solver_of(e->m->def)->roll(e->m, e->scaled.use, e->team, e->dev, pairs, n, out);
}

static void close_model(void *ctx)
{
    entrant *e = ctx;
    vn_predictor_close(e->predictor);
    vn_scaled_close(&e->scaled);
    vn_selected_close(&e->columns);
    vn_free(e->raw);
    vn_free(e->sort);
    vn_free(e);
}

static vn_status open_model(const vane_config *config, const vn_fitted *m, const vn_eval_task *task,
                            vn_device *dev, vn_forecaster *out)
{
    vn_fitted_warn_freq(m, task->panel, &task->log);
    vn_fitted_warn_counts(m, task->panel, &task->log);
    if (m->train.h != task->h)
        return VN_FAIL(VN_E_ARGUMENT,
                       "model %s forecasts %" PRId64 " steps, the evaluation %" PRId64,
                       m->def->alias, m->train.h, task->h);
    entrant *e = vn_calloc(1, sizeof *e);
    if (!e) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    e->m = m = vn_fitted_on(config, dev, m, &e->own);
    e->team = task->team;
    e->dev = dev;
    *out = (vn_forecaster){ .name = m->def->alias,
                            .ctx = e,
                            .run = vn_solver_of(m->def) ? run_solver : run_model,
                            .close = close_model };
    VN_TRY(vn_fitted_select(m, task->panel, &e->columns));
    VN_TRY(vn_fitted_match(m, &e->columns));
    VN_TRY(vn_scaled_open(&e->columns, m, task->split, 0, &task->log, &e->scaled));
    if (vn_solver_of(m->def)) return VN_OK;
    VN_TRY(vn_predictor_open(m, dev, config->run.inference_windows_batch_size, &e->predictor));
    VN_TRY(vn_predictor_bind(e->predictor, e->scaled.use));
    e->head = vn_predictor_head(e->predictor);
    e->sort = vn_calloc((size_t)e->head->width, sizeof *e->sort);
    if (!e->sort) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    choose_levels(e);
    out->q = e->q;
    out->n_q = e->n_q;
    return VN_OK;
}

/* Horizon and split: what the config says, else the first model, else the last h rows. */
static vn_status settle(const vane_config *c, const vane_model *const *models, int n,
                        vn_eval_task *task)
{
    const vn_train_options *first = n ? &models[0]->fitted->train : NULL;
    bool own = c->train.split.n || c->train.test_size || c->train.val_size;
    task->h = c->train.h ? c->train.h : first ? first->h : 0;
    if (task->h < 1)
        return VN_FAIL(VN_E_ARGUMENT, "h is %" PRId64 ": give the number of steps to forecast",
                       task->h);
    if (c->train.split.n && c->train.split.n != 3)
        return VN_FAIL(VN_E_ARGUMENT, "split has %" PRId64 " numbers, expected train:val:test",
                       c->train.split.n);
    task->split = vn_split_from(own || !first ? &c->train : first);
    if (task->split.test > 0) return VN_OK;
    if (task->split.train > 0)
        return VN_FAIL(VN_E_ARGUMENT, "split has no test rows to evaluate on");
    task->split.test = task->h;
    return VN_OK;
}

/* "NHITS", or "NHITS 2" where another row has the name. */
static void name_apart(vn_forecaster *f, int at)
{
    int same = 1;
    for (int i = 0; i < at; i++)
        same += ((entrant *)f[i].ctx)->m->def == ((entrant *)f[at].ctx)->m->def;
    entrant *e = f[at].ctx;
    if (same == 1) return;
    snprintf(e->name, sizeof e->name, "%s %d", f[at].name, same);
    f[at].name = e->name;
}

/* Scores of quantiles are shown where a row has quantiles. */
static bool shown(const vn_evaluation *e, int metric)
{
    bool any = metric < VN_METRIC_WQL;
    for (int i = 0; i < e->n_rows; i++) any |= e->row[i].quantiles;
    return any;
}

static void put_score(vn_text *text, double v)
{
    char number[VN_NUMBER_MAX];
    double size = v < 0 ? -v : v;
    if (v != v)
        snprintf(number, sizeof number, "-");
    else if (size >= 1e7)
        snprintf(number, sizeof number, "%.4e", v);
    else
        snprintf(number, sizeof number, "%.*f", size < 10 ? 6 : size < 1000 ? 4 : 2, v);
    vn_text_printf(text, " %10s", number);
}

void vn_put_titles(vn_text *text, const vn_evaluation *e)
{
    vn_text_printf(text, "%-14s", "model");
    for (int k = 0; k < VN_METRIC_COUNT; k++)
        if (shown(e, k)) vn_text_printf(text, " %10s", vn_metric_about(k)->title);
    vn_text_printf(text, " %9s\n", "seconds");
}

void vn_put_row(vn_text *text, const vn_evaluation *e, int i)
{
    vn_text_printf(text, "%-14s", e->row[i].name);
    for (int k = 0; k < VN_METRIC_COUNT; k++)
        if (shown(e, k)) put_score(text, e->row[i].score.value[k]);
    vn_text_printf(text, " %9.2f\n", e->row[i].seconds);
}

void vn_put_rows_json(vn_text *t, const vn_evaluation *e)
{
    for (int i = 0; i < e->n_rows; i++) {
        vn_text_printf(t, "%s\n{\"model\":", i ? "," : "");
        vn_text_json(t, e->row[i].name);
        vn_text_printf(t, ",\"baseline\":%s", i < e->n_baselines ? "true" : "false");
        for (int k = 0; k < VN_METRIC_COUNT; k++) {
            vn_text_printf(t, ",\"%s\":", vn_metric_about(k)->name);
            vn_text_json_f64(t, e->row[i].score.value[k]);
        }
        vn_text_printf(t, ",\"seconds\":");
        vn_text_json_f64(t, e->row[i].seconds);
        vn_text_printf(t, "}");
    }
}

static void put_table(vane_report *r, bool standardised)
{
    const vn_evaluation *e = &r->evaluation;
    vn_put_titles(&r->text, e);
    for (int i = 0; i < e->n_rows; i++) vn_put_row(&r->text, e, i);
    vn_text_printf(&r->text, "%" PRId64 " windows of %" PRId64 " series, %s scale\n", e->n_windows,
                   e->n_series, standardised ? "standardised" : "raw");
}

static void put_json(vane_report *r, const vn_eval_task *task, bool standardised)
{
    const vn_evaluation *e = &r->evaluation;
    vn_text *t = &r->json;
    vn_text_printf(
        t,
        "{\"schema\":1,\"h\":%" PRId64 ",\"split\":[%" PRId64 ",%" PRId64 ",%" PRId64 "],"
        "\"stride\":%" PRId64 ",\"scale\":\"%s\",\"season\":%" PRId64 ",\"windows\":%" PRId64
        ",\"series\":%" PRId64 ",\"rows\":[",
        task->h, task->split.train, task->split.val, task->split.test, task->options->stride,
        standardised ? "standardised" : "raw", task->panel->season, e->n_windows, e->n_series);
    vn_put_rows_json(t, e);
    vn_text_printf(t, "\n]}\n");
}

static vn_status evaluate(const vane_config *config, const vane_model *const *models, int n,
                          vn_eval_task *task, vane_report *report)
{
    vn_device *dev = NULL;
    int opened = 0;
    vn_status st = VN_E_MEMORY;
    vn_forecaster *f = vn_calloc((size_t)n + 1, sizeof *f);
    if (!f) goto done;
    VN_TRY_DONE(settle(config, models, n, task));
    VN_TRY_DONE(vn_team_open((int)config->run.threads, &task->team));
    if (n) VN_TRY_DONE(vn_config_device(config, &dev));
    while (opened < n) {
        const vn_fitted *m = models[opened]->fitted;
        opened++; /* even a half-open one is closed below */
        VN_TRY_DONE(open_model(config, m, task, dev, &f[opened - 1]));
        name_apart(f, opened - 1);
    }
    VN_TRY_DONE(vn_evaluate(task, f, n, &report->evaluation));
    put_table(report, task->options->scale);
    put_json(report, task, task->options->scale);
done:
    for (int i = 0; i < opened; i++) vn_forecaster_close(&f[i]);
    vn_free(f);
    vn_device_close(dev);
    vn_team_close(task->team);
    return st;
}

vane_status vane_evaluate(const vane_config *config, const vane_dataset *data,
                          const vane_model *const *models, int n, const vane_hooks *hooks,
                          vane_report **report)
{
    vn_eval_task task = { .panel = data->panel,
                          .options = &config->eval,
                          .log = vn_hooks_log(hooks) };
    *report = NULL;
    if (n < 0) return vn_public(VN_FAIL(VN_E_ARGUMENT, "%d models to evaluate", n));
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_status st = evaluate(config, models, n, &task, r);
    if (!st) return vn_public(vn_report_finish(r, report));
    vane_report_close(r);
    return vn_public(vn_trail(st, __FILE__, __LINE__));
}

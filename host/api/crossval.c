/* Cross-validation: models trained side by side on what lies before each origin, and scored behind
 * it. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/api/internal.h"

typedef struct folds {
    int64_t n, h, stride, refit; /* origins; origins that a model serves */
    int n_models;
    vane_config **config;        /* [n] of the fold: its test part begins at its origin */
    const vane_config **trained; /* [n_models] those of them that are trained */
    const vane_dataset **data;   /* [n_models] */
    vane_model **model;          /* [n_models] */
    vane_train_report *told;     /* [n_models] */
    vane_report **score;         /* [n] */
    double train_s;
    bool stopped; /* models are half trained: there are no scores */
} folds;

/* Rows of fold k's test part, which reaches to the end of a series. */
static int64_t test_rows(const folds *f, int64_t k)
{
    return f->h + (f->n - 1 - k) * f->stride;
}

static vn_status check(const vane_config *c)
{
    if (c->train.split.n || c->train.test_size)
        return VN_FAIL(VN_E_ARGUMENT,
                       "the test parts of a cross-validation follow from h, n_windows and stride: "
                       "leave out split and test_size");
    if (c->train.h < 1)
        return VN_FAIL(VN_E_ARGUMENT, "h is %" PRId64 ": give the number of steps to forecast",
                       c->train.h);
    return VN_OK;
}

static vn_status set(vane_config *c, const char *name, const char *value)
{
    return (vn_status)vane_config_set(c, VANE_FLAG, NULL, name, value);
}

static vn_status open_fold(folds *f, const vane_config *from, int64_t k)
{
    char rows[24];
    snprintf(rows, sizeof rows, "%" PRId64, test_rows(f, k));
    VN_TRY((vn_status)vane_config_copy(from, &f->config[k]));
    VN_TRY(set(f->config[k], "test_size", rows));
    f->config[k]->eval.stride = test_rows(f, k); /* no second origin fits into the test part */
    return VN_OK;
}

static vn_status open_folds(folds *f, const vane_config *c, const vane_dataset *data)
{
    f->h = c->train.h;
    f->n = c->eval.n_windows;
    f->stride = c->eval.stride;
    f->refit = c->eval.refit ? c->eval.refit : f->n;
    size_t n = (size_t)f->n;
    f->config = vn_calloc(n, sizeof *f->config);
    f->score = vn_calloc(n, sizeof *f->score);
    f->model = vn_calloc(n, sizeof *f->model);
    f->trained = vn_calloc(n, sizeof *f->trained);
    f->data = vn_calloc(n, sizeof *f->data);
    f->told = vn_calloc(n, sizeof *f->told);
    if (!f->config || !f->score || !f->model || !f->trained || !f->data || !f->told)
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t k = 0; k < f->n; k++) {
        VN_TRY(open_fold(f, c, k));
        if (k % f->refit) continue;
        f->told[f->n_models].size = sizeof *f->told;
        f->trained[f->n_models] = f->config[k];
        f->data[f->n_models++] = data;
    }
    return VN_OK;
}

static void close_folds(folds *f)
{
    for (int64_t k = 0; f->config && k < f->n; k++) vane_config_close(f->config[k]);
    for (int64_t k = 0; f->score && k < f->n; k++) vane_report_close(f->score[k]);
    for (int k = 0; f->model && k < f->n_models; k++) vane_model_close(f->model[k]);
    vn_free(f->config);
    vn_free(f->score);
    vn_free(f->model);
    vn_free(f->trained);
    vn_free(f->data);
    vn_free(f->told);
}

static vn_status run_folds(folds *f, const vane_dataset *data, const vane_hooks *hooks)
{
    double start = vn_now_s();
    VN_TRY((vn_status)vane_train_many(f->trained, f->data, f->n_models, hooks, f->model,
                                      f->told));
    f->train_s = vn_now_s() - start;
    for (int k = 0; k < f->n_models; k++) f->stopped |= f->told[k].interrupted != 0;
    for (int64_t k = 0; k < f->n && !f->stopped; k++) {
        const vane_model *model = f->model[k / f->refit];
        VN_TRY((vn_status)vane_evaluate(f->config[k], data, &model, 1, hooks, &f->score[k]));
    }
    return VN_OK;
}

/* ---- the mean ---- */

/* The row of this name in a fold; NULL if it has none, as a baseline that did not fit there. */
static const vn_eval_row *row_of(const vane_report *fold, const char *name)
{
    for (int i = 0; i < fold->evaluation.n_rows; i++)
        if (!strcmp(fold->evaluation.row[i].name, name)) return &fold->evaluation.row[i];
    return NULL;
}

/* Of a score that a fold lacks there is no mean. */
static void mean_row(const folds *f, const vn_eval_row *first, vn_eval_row *out)
{
    *out = *first;
    for (int64_t k = 1; k < f->n; k++) {
        const vn_eval_row *row = row_of(f->score[k], first->name);
        for (int m = 0; m < VN_METRIC_COUNT; m++)
            out->score.value[m] += row ? row->score.value[m] : (double)NAN;
        out->seconds += row ? row->seconds : 0;
    }
    for (int m = 0; m < VN_METRIC_COUNT; m++) out->score.value[m] /= (double)f->n;
}

static vn_status take_means(const folds *f, vn_evaluation *out)
{
    const vn_evaluation *first = &f->score[0]->evaluation;
    out->row = vn_arena_array(&out->arena, (size_t)first->n_rows, sizeof *out->row);
    if (!out->row) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (; out->n_rows < first->n_rows; out->n_rows++) {
        vn_eval_row *row = &out->row[out->n_rows];
        const char *name = first->row[out->n_rows].name;
        mean_row(f, &first->row[out->n_rows], row);
        row->name = vn_arena_text(&out->arena, name, strlen(name));
        if (!row->name) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    out->n_baselines = first->n_baselines;
    out->n_series = first->n_series;
    for (int64_t k = 0; k < f->n; k++) out->n_windows += f->score[k]->evaluation.n_windows;
    return VN_OK;
}

/* ---- the report ---- */

static void put_table(const folds *f, vane_report *r)
{
    const vn_evaluation *mean = &r->evaluation;
    vn_text *t = &r->text;
    vn_text_printf(t, "%-6s", "fold");
    vn_put_titles(t, mean);
    for (int64_t k = 0; k < f->n; k++)
        for (int i = 0; i < f->score[k]->evaluation.n_rows; i++) {
            vn_text_printf(t, "%-6" PRId64, k + 1);
            vn_put_row(t, &f->score[k]->evaluation, i);
        }
    for (int i = 0; i < mean->n_rows; i++) {
        vn_text_printf(t, "%-6s", "mean");
        vn_put_row(t, mean, i);
    }
    vn_text_printf(t,
                   "%" PRId64 " folds of %" PRId64 " rows, %" PRId64 " apart: %" PRId64
                   " windows of %" PRId64 " series; %d model%s trained in %.2f s\n",
                   f->n, f->h, f->stride, mean->n_windows, mean->n_series, f->n_models,
                   f->n_models == 1 ? "" : "s", f->train_s);
}

static void put_json(const folds *f, const vane_config *c, vane_report *r)
{
    vn_text *t = &r->json;
    vn_text_printf(t,
                   "{\"schema\":1,\"h\":%" PRId64 ",\"n_windows\":%" PRId64 ",\"stride\":%" PRId64
                   ",\"refit\":%" PRId64 ",\"scale\":\"%s\",\"windows\":%" PRId64
                   ",\"series\":%" PRId64 ",\"models\":%d,\"train_seconds\":",
                   f->h, f->n, f->stride, c->eval.refit, c->eval.scale ? "standardised" : "raw",
                   r->evaluation.n_windows, r->evaluation.n_series, f->n_models);
    vn_text_json_f64(t, f->train_s);
    vn_text_printf(t, ",\"folds\":[");
    for (int64_t k = 0; k < f->n; k++) {
        vn_text_printf(t, "%s\n{\"test_size\":%" PRId64 ",\"model\":%" PRId64 ",\"rows\":[",
                       k ? "," : "", test_rows(f, k), k / f->refit + 1);
        vn_put_rows_json(t, &f->score[k]->evaluation);
        vn_text_printf(t, "]}");
    }
    vn_text_printf(t, "],\n\"rows\":[");
    vn_put_rows_json(t, &r->evaluation);
    vn_text_printf(t, "\n]}\n");
}

static vn_status cross_validate(folds *f, const vane_config *config, const vane_dataset *data,
                                const vane_hooks *hooks, vane_report *report)
{
    VN_TRY(check(config));
    VN_TRY(open_folds(f, config, data));
    VN_TRY(run_folds(f, data, hooks));
    if (f->stopped) return VN_OK;
    VN_TRY(take_means(f, &report->evaluation));
    put_table(f, report);
    put_json(f, config, report);
    return VN_OK;
}

vane_status vane_cross_validate(const vane_config *config, const vane_dataset *data,
                                const vane_hooks *hooks, vane_report **report)
{
    folds f = { 0 };
    *report = NULL;
    vane_report *r = vn_calloc(1, sizeof *r);
    if (!r) return vn_public(vn_trail(VN_E_MEMORY, __FILE__, __LINE__));
    vn_status st = cross_validate(&f, config, data, hooks, r);
    close_folds(&f);
    if (!st && !f.stopped) return vn_public(vn_report_finish(r, report));
    vane_report_close(r);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

/* Rolling the origin: every window of the test part, every forecaster, in chunks of a few thousand.
 */
#include "host/eval/evaluate.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"

#define VN_OPTION_OF vn_eval_options
const vn_option vn_eval_option_table[] = { VN_EVAL_OPTIONS(VN_OPTION_LINE){ 0 } };
#undef VN_OPTION_OF

enum { CHUNK_NUMBERS = 1 << 19 }; /* forecast numbers a chunk holds at most: 4 MiB */

/* The windows of one evaluation and the room to work on a chunk of them. */
typedef struct rolling {
    const vn_eval_task *task;
    int32_t *pairs; /* [n, 2] */
    int64_t n, chunk;
    double *loc, *scale; /* [N] of the scores: (y - loc) / scale */
    double *mase;        /* [N] */
    double *yhat;        /* [chunk, h, 1 + n_q] */
    double *y, *point;   /* [h] */
    vn_errors *errors;   /* [N] */
} rolling;

static int64_t windows_of(const vn_eval_task *task, const int64_t ends[3])
{
    int64_t room = ends[2] - ends[1] - task->h;
    return room < 0 ? 0 : room / task->options->stride + 1;
}

/* Count (pairs NULL) or list the windows, and take the scales of the series. */
static vn_status list(rolling *r, bool fill)
{
    const vn_eval_task *task = r->task;
    const vn_panel *p = task->panel;
    r->n = 0;
    for (int64_t i = 0; i < p->n_series; i++) {
        int64_t ends[3];
        VN_TRY(vn_split_of(p, task->split, i, ends));
        int64_t n = windows_of(task, ends);
        for (int64_t w = 0; fill && w < n; w++) {
            r->pairs[2 * (r->n + w)] = (int32_t)i;
            r->pairs[2 * (r->n + w) + 1] = (int32_t)(ends[1] + w * task->options->stride);
        }
        r->n += n;
        if (!fill) continue;
        r->scale[i] = 1;
        if (task->options->scale) vn_standard_of(p, i, ends[0], &r->loc[i], &r->scale[i]);
        r->mase[i] = vn_mase_scale(p, i, ends[1], p->season) / r->scale[i];
    }
    return VN_OK;
}

static void close_rolling(rolling *r)
{
    vn_free(r->pairs);
    vn_free(r->loc);
    vn_free(r->scale);
    vn_free(r->mase);
    vn_free(r->yhat);
    vn_free(r->y);
    vn_free(r->point);
    vn_free(r->errors);
}

/* `width`: the most numbers that a forecaster gives for a step. */
static vn_status open_rolling(const vn_eval_task *task, int64_t width, rolling *r)
{
    size_t N = (size_t)task->panel->n_series, h = (size_t)task->h;
    *r = (rolling){ .task = task };
    VN_TRY(list(r, false));
    if (r->n == 0)
        return VN_FAIL(VN_E_DATA, "no series has the %lld test rows of one forecast",
                       (long long)task->h);
    r->chunk = CHUNK_NUMBERS / (task->h * width);
    if (r->chunk < 16) r->chunk = 16;
    if (r->chunk > r->n) r->chunk = r->n;
    r->pairs = vn_calloc((size_t)r->n, 2 * sizeof *r->pairs);
    r->loc = vn_calloc(N, sizeof *r->loc);
    r->scale = vn_calloc(N, sizeof *r->scale);
    r->mase = vn_calloc(N, sizeof *r->mase);
    r->errors = vn_calloc(N, sizeof *r->errors);
    r->yhat = vn_calloc((size_t)(r->chunk * width) * h, sizeof *r->yhat);
    r->y = vn_calloc(h, sizeof *r->y);
    r->point = vn_calloc(h, sizeof *r->point);
    if (!r->pairs || !r->loc || !r->scale || !r->mase || !r->errors || !r->yhat || !r->y ||
        !r->point)
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(list(r, true));
    return VN_OK;
}

/* Add one forecast [h, 1 + n_q] to the errors of its series, on the scale of the scores. */
static void add_window(rolling *r, const int32_t pair[2], double *yhat, vn_quantile_errors *qe)
{
    const vn_panel *p = r->task->panel;
    int64_t i = pair[0], row = p->indptr[i] + pair[1], h = r->task->h, width = 1 + qe->n_q;
    for (int64_t k = 0; k < h * width; k++) yhat[k] = (yhat[k] - r->loc[i]) / r->scale[i];
    for (int64_t k = 0; k < h; k++) {
        r->y[k] = (vn_panel_y(p, row + k) - r->loc[i]) / r->scale[i];
        r->point[k] = yhat[k * width];
    }
    vn_errors_add(&r->errors[i], r->y, p->mask + row, r->point, h);
    if (qe->n_q) vn_quantile_errors_add(qe, r->y, p->mask + row, yhat + 1, width, h);
}

static vn_status score(rolling *r, const vn_forecaster *f, vn_eval_row *row)
{
    int64_t N = r->task->panel->n_series, size = r->task->h * (1 + f->n_q);
    vn_quantile_errors qe = { .q = f->q, .n_q = f->n_q };
    double start = vn_now_s();
    memset(r->errors, 0, (size_t)N * sizeof *r->errors);
    for (int64_t first = 0; first < r->n; first += r->chunk) {
        int64_t n = r->n - first < r->chunk ? r->n - first : r->chunk;
        VN_TRY(f->run(f->ctx, r->pairs + 2 * first, n, r->yhat));
        for (int64_t w = 0; w < n; w++)
            add_window(r, r->pairs + 2 * (first + w), r->yhat + w * size, &qe);
    }
    vn_score_of(r->errors, r->mase, N, &row->score);
    if (f->n_q) vn_score_quantiles(&row->score, &qe);
    row->quantiles = f->n_q > 0;
    row->seconds = vn_now_s() - start;
    return VN_OK;
}

static vn_status append(vn_evaluation *e, rolling *r, const vn_forecaster *f, double fit_s)
{
    vn_eval_row *row = &e->row[e->n_rows];
    row->name = vn_arena_text(&e->arena, f->name, strlen(f->name));
    if (!row->name) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(score(r, f, row));
    row->seconds += fit_s;
    e->n_rows++;
    return VN_OK;
}

/* Score the baselines asked for, each once and in the order of their list. */
static vn_status baselines(vn_evaluation *e, rolling *r)
{
    const vn_eval_task *task = r->task;
    for (int kind = 0; kind < VN_BASELINE_COUNT; kind++) {
        bool wanted = false;
        for (int64_t i = 0; i < task->options->baselines.n; i++)
            wanted |= task->options->baselines.v[i] == kind;
        if (!wanted) continue;
        vn_forecaster f;
        double start = vn_now_s();
        vn_status st = vn_baseline_open((vn_baseline)kind, task, &f);
        if (st == VN_E_DATA || st == VN_E_NUMERIC) {
            vn_log_printf(&task->log, VN_LOG_WARN, "left out: %s", vn_last_message());
            continue;
        }
        if (!st) st = append(e, r, &f, vn_now_s() - start);
        vn_forecaster_close(&f);
        if (st) return vn_trail(st, __FILE__, __LINE__);
    }
    e->n_baselines = e->n_rows;
    return VN_OK;
}

/* OWA is relative to Naive2, so it exists only beside it. */
static void relate(vn_evaluation *e)
{
    const vn_eval_row *naive2 = NULL;
    for (int i = 0; i < e->n_baselines; i++)
        if (!strcmp(e->row[i].name, "Naive2")) naive2 = &e->row[i];
    for (int i = 0; naive2 && i < e->n_rows; i++) vn_score_owa(&e->row[i].score, &naive2->score);
}

/* Beside forecasts of quantiles a point is a distribution without width, whose wQL is its ND. */
static void compare_points(vn_evaluation *e)
{
    bool any = false;
    for (int i = 0; i < e->n_rows; i++) any |= e->row[i].quantiles;
    for (int i = 0; any && i < e->n_rows; i++) {
        double *v = e->row[i].score.value;
        if (!e->row[i].quantiles) v[VN_METRIC_WQL] = v[VN_METRIC_SCRPS] = v[VN_METRIC_ND];
    }
}

vn_status vn_evaluate(const vn_eval_task *task, const vn_forecaster *forecasters, int n,
                      vn_evaluation *out)
{
    rolling r = { .task = task };
    int64_t width = 1;
    vn_status st = VN_OK;
    *out = (vn_evaluation){ .n_rows = 0 };
    if (task->h < 1)
        return VN_FAIL(VN_E_ARGUMENT, "the horizon h is %lld, expected at least 1",
                       (long long)task->h);
    out->row = vn_arena_array(&out->arena, (size_t)(VN_BASELINE_COUNT + n), sizeof *out->row);
    if (!out->row) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < n; i++)
        if (1 + forecasters[i].n_q > width) width = 1 + forecasters[i].n_q;
    VN_TRY_DONE(open_rolling(task, width, &r));
    out->n_windows = r.n;
    out->n_series = task->panel->n_series;
    VN_TRY_DONE(baselines(out, &r));
    for (int i = 0; i < n; i++) VN_TRY_DONE(append(out, &r, &forecasters[i], 0));
    relate(out);
    compare_points(out);
done:
    close_rolling(&r);
    if (st) vn_evaluation_close(out);
    return st;
}

void vn_evaluation_close(vn_evaluation *e)
{
    vn_arena_close(&e->arena);
    *e = (vn_evaluation){ .n_rows = 0 };
}

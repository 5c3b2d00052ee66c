/* Prophet as a solver: fits by slices of series (solve.h), forecasts by series on a crew of lanes.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/prophet/solve.h"
#include "host/prophet/table.h"

/* ---- fit ---- */

/* What a table, which may be NULL, knows of series `id`. */
static bool known_to(const vn_prophet_table *t, const char *id, vn_prophet_fit *fit)
{
    int64_t at = t ? vn_names_find(&t->ids, id, strlen(id)) : -1;
    if (at >= 0) *fit = vn_prophet_row(t, at);
    return at >= 0;
}

/* "a", "b" of n names. */
static void list_names(const char *const *name, int64_t n, vn_text *out)
{
    for (int64_t i = 0; i < n && out->n < 200; i++)
        vn_text_printf(out, "%s\"%s\"", i ? ", " : "", name[i]);
}

/* Features that Prophet cannot use as a graph does. */
static vn_status tell_features(const vn_prophet_spec *s, const vn_panel *p, const vn_log *log)
{
    vn_text past = { 0 }, constant = { 0 };
    list_names(p->hist_name, p->n_hist, &past);
    list_names(p->stat_name, p->n_stat, &constant);
    bool failed = past.failed || constant.failed;
    if (past.n && !failed)
        vn_log_printf(log, VN_LOG_INFO,
                      "known only in the past: %s; the regressor is its value %" PRId64 " steps "
                      "before, the newest that every step of the horizon has",
                      past.s, s->lag);
    if (constant.n && !failed)
        vn_log_printf(
            log, VN_LOG_WARN,
            "%s: prophet fits every series by itself, in which a constant changes nothing; "
            "left out",
            constant.s);
    vn_text_close(&past);
    vn_text_close(&constant);
    return failed ? vn_trail(VN_E_MEMORY, __FILE__, __LINE__) : VN_OK;
}

/* What is odd but no error: said once, before the work. */
static vn_status look_over(const vn_fitted *m, const vn_prophet_spec *s, const vn_panel *p,
                           const vn_log *log)
{
    int64_t above = 0, first = -1;
    VN_TRY(tell_features(s, p, log));
    for (int64_t i = 0; i < p->n_series && s->o->growth == VN_GROWTH_LOGISTIC; i++)
        for (int64_t t = 0; t < p->n_past[i]; t++) {
            int64_t row = p->indptr[i] + t;
            if (p->mask[row] == 0) continue;
            if (vn_panel_y(p, row) <= vn_prophet_level_at(&s->cap, p, i, t, 0)) continue;
            above++;
            if (first < 0) first = i;
        }
    if (above)
        vn_log_printf(log, VN_LOG_WARN,
                      "%" PRId64
                      " values lie above the capacity, first in series \"%s\": the trend "
                      "stays below it",
                      above, p->id[first]);
    for (int k = 0; k < s->n_changepoints; k++) {
        bool inside = false;
        for (int64_t i = 0; i < p->n_series && !inside; i++)
            inside = s->changepoint[k] >= p->start[i] &&
                     s->changepoint[k] < vn_panel_stamp(p, i, p->n_past[i] - 1);
        char text[VN_STAMP_TEXT];
        if (!inside)
            return VN_FAIL(VN_E_ARGUMENT, "changepoints: %s lies in the history of no series",
                           vn_stamp_text(p->freq, s->changepoint[k], text));
    }
    if (m->local_scaler != VN_SCALER_IDENTITY)
        return VN_FAIL(VN_E_ARGUMENT,
                       "prophet scales series itself (option scaling); local_scaler_type "
                       "must be identity");
    return VN_OK;
}

static void report_fit(const vn_prophet_table *t, int64_t N, double start, vn_fit_report *report)
{
    *report = (vn_fit_report){ .valid = NAN, .best = NAN, .seconds = vn_now_s() - start };
    for (int64_t i = 0; i < N; i++) {
        vn_prophet_fit f = vn_prophet_row(t, i);
        report->steps += (int64_t)f.number[VN_FIT_ITERATIONS];
        report->loss += f.number[VN_FIT_OBJECTIVE] / (double)N;
    }
    report->best_step = report->steps;
}

/* Fits of fewer series are over before a look at the progress. */
enum { MANY = 256 };

static void tell_progress(const vn_fit_hooks *hooks, int64_t n, int64_t N, double start)
{
    double rate = (double)n / (vn_now_s() - start);
    vn_progress p = { .step = n,
                      .max_steps = N,
                      .loss = NAN,
                      .valid = NAN,
                      .best = NAN,
                      .windows_per_s = rate,
                      .eta_s = (double)(N - n) / rate };
    if (N > MANY && hooks->progress) hooks->progress(hooks->ctx, &p);
}

/* Asked to stop before the series n: what is done is kept in the checkpoint or nowhere. */
static vn_status stop_at(vn_fitted *m, vn_prophet_table *t, int64_t n, const vn_fit_hooks *hooks)
{
    if (!hooks->checkpoint)
        return VN_FAIL(VN_E_ARGUMENT,
                       "stopped after %" PRId64 " of %" PRId64 " series; nothing was kept", n,
                       t->ids.n);
    VN_TRY(vn_prophet_checkpoint(m, t, n, hooks->checkpoint));
    return VN_FAIL(VN_E_ARGUMENT,
                   "stopped after %" PRId64 " of %" PRId64
                   " series, which \"%s\" keeps: resume from "
                   "there fits the others",
                   n, t->ids.n, hooks->checkpoint);
}

/* What a fit of all series works with. */
typedef struct fitting {
    vn_fitted *m;
    vn_prophet_table *t;
    const vn_panel *panel;
    vn_prophet_solver solver;
    const vn_prophet_table *init, *done; /* to start from; to go on from; or NULL */
    int64_t n_kept;
} fitting;

/* The next slice, from series i on, `most` at most; the series behind it. */
static vn_status fill_slice(fitting *f, int64_t i, int64_t most, int64_t *end)
{
    int64_t ends[3];
    for (*end = i; *end < f->panel->n_series && *end - i < most; ++*end) {
        VN_TRY(vn_split_of(f->panel, vn_split_from(&f->m->train), *end, ends));
        vn_prophet_item *item = vn_prophet_solver_add(&f->solver, *end, ends[1]);
        if (!item) break;
        item->out = vn_prophet_row(f->t, *end);
        known_to(f->done, f->panel->id[*end], &item->known);
        known_to(f->init, f->panel->id[*end], &item->warm);
    }
    return VN_OK;
}

static vn_status fit_all(fitting *f, const vn_fit_hooks *hooks, double start)
{
    int64_t N = f->panel->n_series, every = hooks->checkpoint ? hooks->checkpoint_steps : 0;
    int64_t most = every > 0 ? every : N;
    for (int64_t i = 0, end; i < N; i = end) {
        if (i && hooks->stop && hooks->stop(hooks->ctx)) return stop_at(f->m, f->t, i, hooks);
        VN_TRY(fill_slice(f, i, most, &end));
        VN_TRY(vn_prophet_solver_run(&f->solver));
        for (int64_t k = 0; k < f->solver.n; k++) f->n_kept += f->solver.item[k].kept;
        vn_prophet_solver_clear(&f->solver);
        if (every > 0 && end / every > i / every)
            VN_TRY(vn_prophet_checkpoint(f->m, f->t, end, hooks->checkpoint));
        tell_progress(hooks, end, N, start);
    }
    return VN_OK;
}

/* A model to start from must have the same columns. */
static vn_status check_init(const vn_prophet_table *t, const vn_prophet_table *init)
{
    if (!init || init->spec.n_columns == t->spec.n_columns) return VN_OK;
    return VN_FAIL(
        VN_E_SHAPE,
        "the model to start from has %d columns, this one %d: components must be the same",
        init->spec.n_columns, t->spec.n_columns);
}

static vn_status open_solver(fitting *f, vn_team *team, vn_device *dev)
{
    int64_t longest = 1;
    for (int64_t i = 0; i < f->panel->n_series; i++)
        if (f->panel->n_past[i] > longest) longest = f->panel->n_past[i];
    VN_TRY(vn_prophet_solver_open(&f->t->spec, f->panel, team, dev, f->panel->n_series, longest,
                                  f->panel->n_rows, &f->solver));
    return VN_OK;
}

static vn_status fit(vn_fitted *m, const vn_panel *panel, vn_team *team, vn_device *dev,
                     const vn_fitted *init, const vn_fit_hooks *hooks, vn_fit_report *report)
{
    vn_prophet_table *t = NULL;
    vn_fitted *from = NULL;
    double start = vn_now_s();
    vn_status st = VN_OK;
    VN_TRY(vn_prophet_table_open(m->hparams, panel, panel->n_series, m->train.h, NULL, &t));
    fitting f = { .m = m, .t = t, .panel = panel, .init = init ? init->state : NULL };
    for (int64_t i = 0, at; i < panel->n_series; i++)
        VN_TRY_DONE(vn_names_add(&t->ids, panel->id[i], strlen(panel->id[i]), &at));
    if (hooks->resume) VN_TRY_DONE(vn_prophet_resume(m, t, hooks->resume, &from));
    f.done = from ? from->state : NULL;
    VN_TRY_DONE(look_over(m, &t->spec, panel, &hooks->log));
    VN_TRY_DONE(check_init(t, f.init));
    VN_TRY_DONE(open_solver(&f, team, dev));
    VN_TRY_DONE(fit_all(&f, hooks, start));
    if (from)
        vn_log_printf(&hooks->log, VN_LOG_INFO,
                      "%" PRId64 " of %" PRId64 " series are as \"%s\" has them, the others were "
                      "fitted",
                      f.n_kept, panel->n_series, hooks->resume);
    report_fit(t, panel->n_series, start, report);
    m->state = t;
    t = NULL;
done:
    vn_prophet_solver_close(&f.solver);
    vn_fitted_close(from);
    vn_prophet_table_close(t);
    return st;
}

/* ---- forecast ---- */

static vn_status find_fit(const vn_prophet_table *t, const char *id, vn_prophet_fit *f)
{
    int64_t at = vn_names_find(&t->ids, id, strlen(id));
    if (at < 0)
        return VN_FAIL(VN_E_DATA,
                       "series \"%s\" is none of the %" PRId64 " the model was fitted to; "
                       "Prophet knows only those: train again",
                       id, t->ids.n);
    *f = vn_prophet_row(t, at);
    return VN_OK;
}

/* What a forecast works with. */
typedef struct outlook {
    const vn_fitted *m;
    const vn_panel *panel;
    const vn_prophet_table *table;
    float *y, *y_rest;
    const vn_solver_wish *wish;
    vn_columns *columns;
    bool *shown; /* [components] */
} outlook;

/* Components go behind the 2 n_level columns of intervals; `parts` trend first. */
static void put_parts(const outlook *c, const double *parts, int64_t at)
{
    int k = 2 * c->wish->n_level;
    for (int i = 0; i <= c->table->spec.n_components; i++)
        if (i == 0 || c->shown[i - 1]) vn_columns_put(c->columns, k++, at, parts[i]);
}

/* Logistic growth towards a capacity that lies below what was seen already is likely a mistake. */
static void tell_capacity(const vn_prophet_spec *s, const vn_panel *p, int64_t h, const vn_log *log)
{
    int64_t below = 0, first = -1, at = 0;
    double top = -INFINITY, cap = 0;
    for (int64_t i = 0; log && s->o->growth == VN_GROWTH_LOGISTIC && i < p->n_series; i++) {
        double most = -INFINITY, x = INFINITY;
        int64_t t = p->n_past[i], row = p->indptr[i];
        for (int64_t k = 0; k < t; k++)
            if (p->mask[row + k] != 0) most = fmax(most, vn_panel_y(p, row + k));
        for (; t < p->n_past[i] + h; t++)
            if ((x = vn_prophet_level_at(&s->cap, p, i, t, 0)) < most) break;
        if (!(x < most)) continue;
        if (!below++) first = i, at = t, top = most, cap = x;
    }
    char when[VN_STAMP_TEXT];
    if (below)
        vn_log_printf(
            log, VN_LOG_WARN,
            "the capacity to come lies below values already seen in %" PRId64 " of %" PRId64
            " series, first in series \"%s\" (%s: %g, seen: %g): the trend stays below it",
            below, p->n_series, p->id[first],
            vn_stamp_text(p->freq, vn_panel_stamp(p, first, at), when), cap, top);
}

static vn_status forecast_one(void *ctx, vn_prophet_lane *l, int64_t i)
{
    const outlook *c = ctx;
    const vn_solver_wish *w = c->wish;
    int64_t h = c->m->train.h, from = c->panel->n_past[i];
    vn_prophet_fit f;
    VN_TRY(find_fit(c->table, c->panel->id[i], &f));
    VN_TRY(vn_prophet_rows_fit(l->spec, c->panel, i, from, from + h, &f));
    for (int64_t k = 0; k < h; k++) {
        double x = vn_prophet_at(l->spec, c->panel, i, from + k, &f, l->x, l->parts);
        c->y[i * h + k] = vn_split_f32(x, c->y_rest ? &c->y_rest[i * h + k] : NULL);
        if (w->components) put_parts(c, l->parts, i * h + k);
    }
    for (int n = 0; n < w->n_level; n++) { /* the same paths for every level */
        vn_prophet_ends ends = { w->level[n], c->columns, 2 * n, i * h };
        vn_prophet_simulate(l, c->panel, i, from, h, &f, (uint64_t)c->m->train.seed,
                            l->spec->o->uncertainty_samples, &ends);
    }
    return VN_OK;
}

/* Components with a coefficient that is not zero in some series. */
static vn_status find_shown(const vn_prophet_table *t, bool **shown, int *n)
{
    const vn_prophet_spec *s = &t->spec;
    *n = 0;
    *shown = vn_calloc((size_t)s->n_components + 1, sizeof **shown);
    if (!*shown) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < t->ids.n; i++)
        for (int c = 0; c < s->n_columns; c++)
            if (vn_prophet_row(t, i).beta[c] != 0) (*shown)[s->column[c].component] = true;
    for (int k = 0; k < s->n_components; k++) *n += (*shown)[k];
    return VN_OK;
}

static vn_status name_columns(const vn_prophet_table *t, const vn_solver_wish *w, const bool *shown,
                              vn_columns *c)
{
    int k = 0;
    for (int n = 0; n < w->n_level; n++)
        for (int side = 0; side < 2; side++)
            c->name[k++] = vn_arena_printf(&c->arena, "%s-%g", side ? "hi" : "lo", w->level[n]);
    if (w->components) c->name[k++] = "trend";
    for (int i = 0; w->components && i < t->spec.n_components; i++)
        if (shown[i]) c->name[k++] = vn_arena_printf(&c->arena, "%s", t->spec.component[i]);
    for (int i = 0; i < k; i++)
        if (!c->name[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    return VN_OK;
}

static vn_status forecast(const vn_fitted *m, const vn_panel *panel, vn_team *team,
                          const vn_solver_wish *wish, float *y, float *y_rest, vn_columns *columns)
{
    const vn_prophet_table *t = m->state;
    outlook c = { m, panel, t, y, y_rest, wish, columns, NULL };
    vn_prophet_crew crew = { .n_lanes = 0 };
    int n = 0;
    vn_status st = VN_OK;
    int64_t N = panel->n_series, samples = wish->n_level ? t->spec.o->uncertainty_samples : 0;
    *columns = (vn_columns){ .n = 0 };
    VN_TRY_DONE(find_shown(t, &c.shown, &n));
    VN_TRY_DONE(vn_columns_open(columns, 2 * wish->n_level + (wish->components ? 1 + n : 0),
                                N * m->train.h, panel->y_rest));
    VN_TRY_DONE(name_columns(t, wish, c.shown, columns));
    VN_TRY_DONE(vn_prophet_crew_open(&t->spec, team, N, 0, samples, &crew));
    tell_capacity(&t->spec, panel, m->train.h, wish->log);
    VN_TRY_DONE(vn_prophet_crew_run(&crew, N, forecast_one, &c));
done:
    vn_prophet_crew_close(&crew);
    vn_free(c.shown);
    if (st) vn_columns_close(columns);
    return st;
}

/* ---- explain, roll ---- */

static vn_status explain(const vn_fitted *m, const vn_panel *panel, int64_t i, vn_columns *columns)
{
    const vn_prophet_table *t = m->state;
    const vn_prophet_spec *s = &t->spec;
    const vn_solver_wish wish = { .components = true };
    outlook c = { m, panel, t, NULL, NULL, &wish, columns, NULL };
    int64_t rows = panel->n_past[i] + m->train.h;
    double *work = vn_calloc((size_t)(s->n_columns + s->n_components) + 1, sizeof *work);
    vn_prophet_fit f;
    int n = 0;
    vn_status st = work ? VN_OK : VN_E_MEMORY;
    VN_TRY_DONE(st);
    VN_TRY_DONE(find_fit(t, panel->id[i], &f));
    VN_TRY_DONE(vn_prophet_rows_fit(s, panel, i, 0, rows, &f));
    VN_TRY_DONE(find_shown(t, &c.shown, &n));
    VN_TRY_DONE(vn_columns_open(columns, 2 + n, rows, panel->y_rest));
    VN_TRY_DONE(name_columns(t, &wish, c.shown, columns));
    for (int64_t r = 0; r < rows; r++) {
        double *parts = work + s->n_columns;
        vn_columns_put(columns, 1 + n, r, vn_prophet_at(s, panel, i, r, &f, work, parts));
        put_parts(&c, parts, r);
    }
    columns->name[1 + n] = m->def->alias;
done:
    vn_free(work);
    vn_free(c.shown);
    return st;
}

/* What an evaluation's refits work with. */
typedef struct rolling {
    const vn_fitted *m;
    vn_prophet_solver solver;
    vn_arena arena;
    vn_prophet_fit *fit; /* [room] */
    double *out;         /* of the slice's first */
} rolling;

static vn_status open_rolling(rolling *r, const vn_panel *panel, vn_team *team, vn_device *dev,
                              const int32_t *pairs, int64_t n)
{
    const vn_prophet_table *t = r->m->state;
    int64_t longest = 1, rows = 0;
    for (int64_t w = 0; w < n; w++) {
        rows += pairs[2 * w + 1];
        if (pairs[2 * w + 1] > longest) longest = pairs[2 * w + 1];
    }
    VN_TRY(vn_prophet_solver_open(&t->spec, panel, team, dev, n, longest, rows, &r->solver));
    r->fit = vn_arena_array(&r->arena, (size_t)r->solver.room, sizeof *r->fit);
    bool fine = r->fit != NULL;
    for (int64_t k = 0; fine && k < r->solver.room; k++)
        fine = vn_prophet_fit_open(&t->spec, &r->arena, &r->fit[k]);
    return fine ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static vn_status look_ahead(void *ctx, vn_prophet_lane *l, int64_t k)
{
    const rolling *r = ctx;
    const vn_prophet_item *item = &r->solver.item[k];
    const vn_panel *panel = r->solver.panel;
    int64_t cut = item->cut, h = r->m->train.h;
    VN_TRY(vn_prophet_rows_fit(l->spec, panel, item->series, cut, cut + h, &item->out));
    for (int64_t j = 0; j < h; j++)
        r->out[k * h + j] =
            vn_prophet_at(l->spec, panel, item->series, cut + j, &item->out, l->x, NULL);
    return VN_OK;
}

static vn_status roll(const vn_fitted *m, const vn_panel *panel, vn_team *team, vn_device *dev,
                      const int32_t *pairs, int64_t n, double *out)
{
    rolling r = { .m = m };
    vn_status st = VN_OK;
    VN_TRY_DONE(open_rolling(&r, panel, team, dev, pairs, n));
    for (int64_t w = 0; w < n; w += r.solver.n) {
        vn_prophet_solver_clear(&r.solver);
        for (int64_t k = w; k < n; k++) {
            vn_prophet_item *item =
                vn_prophet_solver_add(&r.solver, pairs[2 * k], pairs[2 * k + 1]);
            if (!item) break;
            item->out = r.fit[k - w];
        }
        VN_TRY_DONE(vn_prophet_solver_run(&r.solver));
        r.out = out + w * m->train.h;
        VN_TRY_DONE(vn_prophet_crew_run(&r.solver.crew, r.solver.n, look_ahead, &r));
    }
done:
    vn_prophet_solver_close(&r.solver);
    vn_arena_close(&r.arena);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

const vn_solver vn_solver_prophet = {
    .fit = fit,
    .forecast = forecast,
    .roll = roll,
    .explain = explain,
    .describe = vn_prophet_describe,
    .tensors = vn_prophet_tensors,
    .restore = vn_prophet_restore,
    .close = vn_prophet_table_close,
};

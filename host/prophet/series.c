/* From the rows of a series to a problem: what is observed, its scales, its seasonalities, its
 * changepoints and the start of the search, all as Prophet chooses them. */
#include "host/prophet/series.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "host/data/calendar.h"

static const double DAY = 86400;

/* ---- memory ---- */

int vn_prophet_changes_max(const vn_prophet_spec *s)
{
    int n = s->n_changepoints ? s->n_changepoints : (int)s->o->n_changepoints;
    return s->o->growth == VN_GROWTH_FLAT ? 0 : n > 1 ? n : 1;
}

static double *numbers(vn_prophet_lane *l, int64_t n, bool *fine)
{
    double *x = vn_arena_array(&l->arena, (size_t)(n > 0 ? n : 1), sizeof *x);
    *fine &= x != NULL;
    return x;
}

static bool open_room(vn_prophet_lane *l, int K, int S)
{
    vn_prophet_room *r = &l->room;
    bool fine = true;
    int64_t p = 2 + K + S;
    r->p_max = (int)p;
    r->S_max = S;
    r->x = numbers(l, K, &fine);
    r->tile = numbers(l, 4 * p, &fine);
    r->c = numbers(l, p, &fine);
    r->h = numbers(l, p, &fine);
    r->step = numbers(l, p, &fine);
    r->theta = numbers(l, p, &fine);
    l->theta = numbers(l, p, &fine);
    r->gram = numbers(l, p * p, &fine);
    r->chol = numbers(l, p * p, &fine);
    r->cross = numbers(l, p * S, &fine);
    r->schur = numbers(l, (int64_t)S * S, &fine);
    r->small = numbers(l, (int64_t)S * S, &fine);
    r->g = numbers(l, S, &fine);
    r->v = numbers(l, p, &fine);
    r->delta = numbers(l, S, &fine);
    r->sign = numbers(l, S, &fine);
    r->at = vn_arena_array(&l->arena, (size_t)S + 1, sizeof *r->at);
    return fine && r->at;
}

static bool open_problem(vn_prophet_lane *l, int64_t T, int K, int S)
{
    vn_prophet_problem *q = &l->q;
    bool fine = true;
    q->row = vn_arena_array(&l->arena, (size_t)T + 1, sizeof *q->row);
    q->t = numbers(l, T, &fine);
    q->y = numbers(l, T, &fine);
    q->cap = numbers(l, T, &fine);
    q->change = numbers(l, S, &fine);
    q->prior = numbers(l, K, &fine);
    q->multiplicative = vn_arena_array(&l->arena, (size_t)K + 1, sizeof *q->multiplicative);
    q->active = vn_arena_array(&l->arena, (size_t)l->spec->n_seasons + 1, sizeof *q->active);
    l->column = vn_arena_array(&l->arena, (size_t)K + 1, sizeof *l->column);
    return fine && q->row && q->multiplicative && q->active && l->column;
}

vn_status vn_prophet_lane_open(const vn_prophet_spec *spec, int64_t T, int64_t samples,
                               vn_prophet_lane *l)
{
    int K = spec->n_columns, S = vn_prophet_changes_max(spec);
    *l = (vn_prophet_lane){ .spec = spec };
    bool fine = open_room(l, K, S) && open_problem(l, T, K, S);
    l->fit.number = numbers(l, VN_FIT_NUMBERS, &fine);
    l->fit.change = numbers(l, S, &fine);
    l->fit.delta = numbers(l, S, &fine);
    l->fit.beta = numbers(l, K, &fine);
    l->fit.moment = numbers(l, 2 * spec->n_regressors, &fine);
    l->x = numbers(l, K, &fine);
    l->parts = numbers(l, spec->n_components + 1, &fine);
    if (samples) {
        l->shift = numbers(l, samples, &fine);
        l->slope = numbers(l, samples, &fine);
        l->rise = numbers(l, samples, &fine);
        l->sample = numbers(l, samples, &fine);
    }
    if (fine) return VN_OK;
    vn_prophet_lane_close(l);
    return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

void vn_prophet_lane_close(vn_prophet_lane *l)
{
    vn_arena_close(&l->arena);
    *l = (vn_prophet_lane){ .spec = NULL };
}

/* ---- posing ---- */

static double stamp_at(const vn_prophet_problem *q, int64_t t)
{
    return (double)vn_panel_stamp(q->panel, q->series, t);
}

/* The observed rows before the cut, their times, and the step between the nearest two. */
static double take_rows(vn_prophet_problem *q, int64_t cut, double *number)
{
    const float *mask = q->panel->mask + q->panel->indptr[q->series];
    double nearest = INFINITY, before = 0;
    q->T = 0;
    for (int64_t t = 0; t < cut; t++) {
        if (mask[t] == 0) continue;
        double stamp = stamp_at(q, t);
        if (q->T) nearest = fmin(nearest, stamp - before);
        before = q->t[q->T] = stamp;
        q->row[q->T++] = (int32_t)t;
    }
    if (!q->T) return nearest;
    double start = q->t[0], span = before - start;
    number[VN_FIT_START] = start;
    number[VN_FIT_SPAN] = span > 0 ? span : 1;
    number[VN_FIT_STEP] = q->T > 1 ? 1 / (double)(q->T - 1) : 1;
    for (int64_t n = 0; n < q->T; n++) q->t[n] = (q->t[n] - start) / number[VN_FIT_SPAN];
    return nearest;
}

/* Scale of the target, and the scaled target and capacity. */
static vn_status take_scale(vn_prophet_problem *q, double *number, bool *constant)
{
    const vn_prophet_spec *s = q->spec;
    const vn_panel *p = q->panel;
    int64_t first = p->indptr[q->series];
    bool minmax = s->o->scaling == 1, logistic = s->o->growth == VN_GROWTH_LOGISTIC;
    double lo = INFINITY, hi = -INFINITY, size = 0, least = INFINITY, cap = -INFINITY;
    for (int64_t n = 0; n < q->T; n++) {
        int64_t t = q->row[n];
        double v = vn_panel_y(p, first + t), f = vn_prophet_level_at(&s->floor, p, q->series, t, 0);
        lo = fmin(lo, v);
        hi = fmax(hi, v);
        size = fmax(size, fabs(v - f));
        least = fmin(least, f);
        if (logistic) cap = fmax(cap, vn_prophet_level_at(&s->cap, p, q->series, t, 0));
    }
    double scale = !minmax ? size : s->floor.given ? cap - least : hi - lo;
    number[VN_FIT_SCALE] = scale = scale != 0 ? scale : 1;
    number[VN_FIT_FLOOR] = minmax && !s->floor.given ? lo : 0;
    *constant = lo == hi;
    for (int64_t n = 0; n < q->T; n++) {
        int64_t t = q->row[n];
        double f = vn_prophet_level_at(&s->floor, p, q->series, t, number[VN_FIT_FLOOR]);
        q->y[n] = (vn_panel_y(p, first + t) - f) / scale;
        if (!logistic) continue;
        double above = vn_prophet_level_at(&s->cap, p, q->series, t, 0);
        VN_TRY(vn_prophet_room_below(p, q->series, t, above, f));
        q->cap[n] = (above - f) / scale;
    }
    return VN_OK;
}

static bool acts(const vn_prophet_season *v, double span, double nearest)
{
    switch (v->rule) {
    case VN_SEASON_YEARLY:
        return span >= 730 * DAY;
    case VN_SEASON_WEEKLY:
        return span >= 14 * DAY && nearest < 7 * DAY;
    case VN_SEASON_DAILY:
        return span >= 2 * DAY && nearest < DAY;
    case VN_SEASON_STEPS:
        return span >= 2 * v->period;
    case VN_SEASON_ALWAYS:
        break;
    }
    return true;
}

/* Which seasonalities this series has, and the columns that remain. */
static void take_columns(vn_prophet_lane *l, double span, double nearest)
{
    vn_prophet_problem *q = &l->q;
    const vn_prophet_spec *s = q->spec;
    int c = 0;
    q->K = 0;
    q->linear = s->o->growth != VN_GROWTH_LOGISTIC;
    for (int i = 0; i < s->n_seasons; i++) {
        q->active[i] = acts(&s->season[i], span, nearest);
        for (int j = 0; j < 2 * s->season[i].order; j++, c++)
            if (q->active[i]) l->column[q->K++] = c;
    }
    while (c < s->n_columns) l->column[q->K++] = c++;
    for (int k = 0; k < q->K; k++) {
        const vn_prophet_column *v = &s->column[l->column[k]];
        q->prior[k] = v->prior;
        q->multiplicative[k] = v->multiplicative;
        q->linear &= !v->multiplicative;
    }
}

/* Mean and deviation (of a sample) of a regressor; 0 and 1 where it stays as it is: told to,
 * binary, or constant. */
static void take_moment(const vn_prophet_problem *q, const vn_prophet_regressor *g, double *moment)
{
    double v, first = 0, sum = 0, squares = 0, known = 0;
    bool constant = true, binary = true;
    for (int64_t n = 0; n < q->T; n++) {
        if (!vn_prophet_input(q->spec, g, q->panel, q->series, q->row[n], &v)) continue;
        if (!known++) first = v;
        sum += v;
        constant &= v == first;
        binary &= v == 0 || v == 1;
    }
    moment[0] = 0;
    moment[1] = 1;
    bool asked =
        g->standardise == VN_STANDARDISE_YES || (g->standardise == VN_STANDARDISE_AUTO && !binary);
    if (constant || !asked) return;
    moment[0] = sum / known;
    for (int64_t n = 0; n < q->T; n++)
        if (vn_prophet_input(q->spec, g, q->panel, q->series, q->row[n], &v))
            squares += (v - moment[0]) * (v - moment[0]);
    moment[1] = sqrt(squares / (known - 1));
}

static void take_changes(vn_prophet_problem *q, const double *number)
{
    const vn_prophet_spec *s = q->spec;
    int n = (int)s->o->n_changepoints, rows = (int)floor((double)q->T * s->o->changepoint_range);
    q->S = 0;
    if (s->o->growth == VN_GROWTH_FLAT) return;
    for (int i = 0; i < s->n_changepoints; i++) { /* outside the history they say nothing of it */
        double t = ((double)s->changepoint[i] - number[VN_FIT_START]) / number[VN_FIT_SPAN];
        if (t >= 0 && t < 1) q->change[q->S++] = t;
    }
    if (!s->n_changepoints && n + 1 > rows) n = rows - 1;
    for (int i = 1; !s->n_changepoints && i <= n; i++)
        q->change[q->S++] = q->t[(int)rint(i == n ? rows - 1 : i * ((double)(rows - 1) / n))];
    if (q->S == 0) q->change[q->S++] = 0; /* Prophet's: one more rate, from the start on */
}

/* The trend through the first and the last point. */
static void begin(const vn_prophet_problem *q, double *theta)
{
    int64_t last = q->T - 1;
    double y0 = q->y[0], y1 = q->y[last], T = q->t[last] - q->t[0];
    memset(theta, 0, (size_t)q->p * sizeof *theta);
    if (q->spec->o->growth == VN_GROWTH_LINEAR) {
        theta[0] = T > 0 ? (y1 - y0) / T : 0;
        theta[1] = y0;
    } else if (q->spec->o->growth == VN_GROWTH_FLAT) {
        for (int64_t n = 0; n < q->T; n++) theta[1] += q->y[n] / (double)q->T;
    } else {
        double c0 = q->cap[0], c1 = q->cap[last];
        double r0 = c0 / fmax(0.01 * c0, fmin(0.99 * c0, y0));
        double r1 = c1 / fmax(0.01 * c1, fmin(0.99 * c1, y1));
        if (fabs(r0 - r1) <= 0.01) r0 *= 1.05;
        double l0 = log(r0 - 1), l1 = log(r1 - 1);
        theta[0] = (l0 - l1) / T;
        theta[1] = l0 * T / (l0 - l1);
    }
}

vn_status vn_prophet_pose(vn_prophet_lane *l, const vn_panel *panel, int64_t i, int64_t cut,
                          vn_prophet_fit *out, bool *constant)
{
    vn_prophet_problem *q = &l->q;
    q->spec = l->spec;
    q->panel = panel;
    q->series = i;
    q->tau = l->spec->o->changepoint_prior_scale;
    double nearest = take_rows(q, cut, out->number);
    if (q->T < 1)
        return VN_FAIL(VN_E_DATA,
                       "series \"%s\" has no observed value in its first %" PRId64 " rows",
                       panel->id[i], cut);
    if (q->T < 2 && l->spec->o->growth == VN_GROWTH_LOGISTIC)
        return VN_FAIL(VN_E_DATA, "series \"%s\" has one observed value; logistic growth needs two",
                       panel->id[i]);
    VN_TRY(vn_prophet_conditions(l->spec, panel, i, 0, cut));
    VN_TRY(take_scale(q, out->number, constant));
    take_columns(l, q->T > 1 ? out->number[VN_FIT_SPAN] : 0, nearest);
    q->moment = out->moment;
    for (int k = 0; k < l->spec->n_regressors; k++)
        take_moment(q, &l->spec->regressor[k], out->moment + 2 * k);
    take_changes(q, out->number);
    q->p = 2 + q->K + q->S;
    begin(q, l->theta);
    return VN_OK;
}

/* ---- fitting ---- */

static void write_fit(const vn_prophet_lane *l, vn_prophet_result result, vn_prophet_fit *out)
{
    const vn_prophet_problem *q = &l->q;
    int most = vn_prophet_changes_max(l->spec);
    const double *beta = l->theta + 2, *delta = beta + q->K;
    out->number[VN_FIT_K] = l->theta[0];
    out->number[VN_FIT_M] = l->theta[1];
    out->number[VN_FIT_SIGMA] = result.sigma;
    out->number[VN_FIT_CHANGES] = q->S;
    out->number[VN_FIT_OBJECTIVE] = result.objective;
    out->number[VN_FIT_ITERATIONS] = result.iterations;
    for (int j = 0; j < most; j++) {
        out->change[j] = j < q->S ? q->change[j] : 0;
        out->delta[j] = j < q->S ? delta[j] : 0;
    }
    memset(out->beta, 0, (size_t)l->spec->n_columns * sizeof *out->beta);
    for (int k = 0; k < q->K; k++) out->beta[l->column[k]] = beta[k];
}

/* Start where another fit ended, if it has as many changepoints; else the usual start stays. */
static void begin_from(vn_prophet_lane *l, const vn_prophet_fit *warm)
{
    const vn_prophet_problem *q = &l->q;
    if (!warm || (int)warm->number[VN_FIT_CHANGES] != q->S) return;
    l->theta[0] = warm->number[VN_FIT_K];
    l->theta[1] = warm->number[VN_FIT_M];
    for (int k = 0; k < q->K; k++) l->theta[2 + k] = warm->beta[l->column[k]];
    for (int j = 0; j < q->S; j++) l->theta[2 + q->K + j] = warm->delta[j];
}

/* The same rows, scale, changepoints and regressors, as far as the numbers of a fit tell. */
static bool same_problem(const vn_prophet_lane *l, const vn_prophet_fit *a, const vn_prophet_fit *b)
{
    static const int what[] = { VN_FIT_START, VN_FIT_SPAN, VN_FIT_SCALE, VN_FIT_FLOOR,
                                VN_FIT_STEP };
    const vn_prophet_problem *q = &l->q;
    bool same = (int)a->number[VN_FIT_CHANGES] == q->S;
    for (size_t k = 0; k < sizeof what / sizeof *what; k++)
        same &= a->number[what[k]] == b->number[what[k]];
    for (int j = 0; same && j < q->S; j++) same &= a->change[j] == q->change[j];
    for (int k = 0; k < 2 * l->spec->n_regressors; k++) same &= a->moment[k] == b->moment[k];
    return same;
}

static void copy_fit(const vn_prophet_lane *l, const vn_prophet_fit *from, vn_prophet_fit *to)
{
    size_t S = (size_t)vn_prophet_changes_max(l->spec), real = sizeof(double);
    memcpy(to->number, from->number, VN_FIT_NUMBERS * real);
    memcpy(to->change, from->change, S * real);
    memcpy(to->delta, from->delta, S * real);
    memcpy(to->beta, from->beta, (size_t)l->spec->n_columns * real);
    memcpy(to->moment, from->moment, 2 * (size_t)l->spec->n_regressors * real);
}

vn_status vn_prophet_keep_series(vn_prophet_lane *l, const vn_panel *panel, int64_t i, int64_t cut,
                                 const vn_prophet_fit *known, vn_prophet_fit *out, bool *kept)
{
    const vn_prophet_problem *q = &l->q;
    bool constant = false;
    *kept = false;
    VN_TRY(vn_prophet_pose(l, panel, i, cut, out, &constant));
    if (!same_problem(l, known, out)) return VN_OK;
    if (constant && q->spec->o->growth != VN_GROWTH_LOGISTIC) return VN_OK; /* nothing to solve */
    begin_from(l, known);
    double rss = vn_prophet_pass(q, l->theta, &l->room, NULL, NULL);
    double sigma = vn_prophet_sigma(q, rss);
    *kept = sigma == known->number[VN_FIT_SIGMA] &&
            vn_prophet_value(q, l->theta, rss, sigma) == known->number[VN_FIT_OBJECTIVE];
    if (*kept) copy_fit(l, known, out);
    return VN_OK;
}

vn_status vn_prophet_fit_series(vn_prophet_lane *l, const vn_panel *panel, int64_t i, int64_t cut,
                                const vn_prophet_fit *warm, vn_prophet_fit *out)
{
    const vn_prophet_problem *q = &l->q;
    bool constant = false;
    vn_prophet_result result = { 1e-9, 0, 0 };
    VN_TRY(vn_prophet_pose(l, panel, i, cut, out, &constant));
    if (!constant || q->spec->o->growth == VN_GROWTH_LOGISTIC) {
        begin_from(l, warm);
        result = vn_prophet_newton(q, &l->room, l->theta);
    }
    if (!isfinite(result.objective))
        return VN_FAIL(VN_E_NUMERIC, "series \"%s\" has no finite fit: are its features finite?",
                       panel->id[i]);
    write_fit(l, result, out);
    return VN_OK;
}

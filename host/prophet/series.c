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

int vn_prophet_width(const vn_prophet_spec *s)
{
    return VN_PROPHET_BASE + 2 * s->n_seasons + s->n_holiday_columns + s->n_regressors;
}

int vn_prophet_coefficients(const vn_prophet_spec *s)
{
    return 2 + s->n_columns + vn_prophet_changes_max(s);
}

static double *numbers(vn_arena *arena, int64_t n, bool *fine)
{
    double *x = vn_arena_array(arena, (size_t)(n > 0 ? n : 1), sizeof *x);
    *fine &= x != NULL;
    return x;
}

bool vn_prophet_fit_open(const vn_prophet_spec *s, vn_arena *arena, vn_prophet_fit *fit)
{
    bool fine = true;
    int S = vn_prophet_changes_max(s);
    fit->number = numbers(arena, VN_FIT_NUMBERS, &fine);
    fit->change = numbers(arena, S, &fine);
    fit->delta = numbers(arena, S, &fine);
    fit->beta = numbers(arena, s->n_columns, &fine);
    fit->moment = numbers(arena, 2 * s->n_regressors, &fine);
    return fine;
}

vn_status vn_prophet_lane_open(const vn_prophet_spec *spec, int64_t T, int64_t samples,
                               vn_prophet_lane *l)
{
    *l = (vn_prophet_lane){ .spec = spec };
    bool fine = true;
    l->row = vn_arena_array(&l->arena, (size_t)T + 1, sizeof *l->row);
    l->x = numbers(&l->arena, spec->n_columns, &fine);
    l->parts = numbers(&l->arena, spec->n_components + 1, &fine);
    if (samples) {
        l->shift = numbers(&l->arena, samples, &fine);
        l->slope = numbers(&l->arena, samples, &fine);
        l->rise = numbers(&l->arena, samples, &fine);
        l->sample = numbers(&l->arena, samples, &fine);
    }
    if (fine && l->row) return VN_OK;
    vn_prophet_lane_close(l);
    return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

void vn_prophet_lane_close(vn_prophet_lane *l)
{
    vn_arena_close(&l->arena);
    *l = (vn_prophet_lane){ .spec = NULL };
}

/* ---- posing ---- */

/* A series on its way into a slot. */
typedef struct posing {
    const vn_prophet_spec *spec;
    const vn_panel *panel;
    int64_t series, T;
    int32_t *row; /* [T] of the series */
    const vn_prophet_slot *slot;
    int width, S;
} posing;

/* Row n of those observed. */
static double *row_of(const posing *q, int64_t n)
{
    return q->slot->rows + n * q->width;
}

static double time_of(const posing *q, int64_t n)
{
    return row_of(q, n)[VN_PROPHET_T];
}

static double target_of(const posing *q, int64_t n)
{
    return row_of(q, n)[VN_PROPHET_Y];
}

/* The observed rows before the cut, their times, and the step between the nearest two. */
static double take_rows(posing *q, int64_t cut, double *number)
{
    const float *mask = q->panel->mask + q->panel->indptr[q->series];
    double nearest = INFINITY, before = 0;
    q->T = 0;
    for (int64_t t = 0; t < cut; t++) {
        if (mask[t] == 0) continue;
        double stamp = (double)vn_panel_stamp(q->panel, q->series, t);
        if (q->T) nearest = fmin(nearest, stamp - before);
        before = row_of(q, q->T)[VN_PROPHET_T] = stamp;
        q->row[q->T++] = (int32_t)t;
    }
    if (!q->T) return nearest;
    double start = time_of(q, 0), span = before - start;
    number[VN_FIT_START] = start;
    number[VN_FIT_SPAN] = span > 0 ? span : 1;
    number[VN_FIT_STEP] = q->T > 1 ? 1 / (double)(q->T - 1) : 1;
    for (int64_t n = 0; n < q->T; n++)
        row_of(q, n)[VN_PROPHET_T] = (time_of(q, n) - start) / number[VN_FIT_SPAN];
    return nearest;
}

/* Scale of the target, and the scaled target and capacity. */
static vn_status take_scale(const posing *q, double *number, bool *constant)
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
    *constant = lo == hi && !logistic; /* a capacity may still bend its trend */
    for (int64_t n = 0; n < q->T; n++) {
        int64_t t = q->row[n];
        double *to = row_of(q, n);
        double f = vn_prophet_level_at(&s->floor, p, q->series, t, number[VN_FIT_FLOOR]);
        to[VN_PROPHET_Y] = (vn_panel_y(p, first + t) - f) / scale;
        to[VN_PROPHET_CAP] = 0;
        if (!logistic) continue;
        double above = vn_prophet_level_at(&s->cap, p, q->series, t, 0);
        VN_TRY(vn_prophet_room_below(p, q->series, t, above, f));
        to[VN_PROPHET_CAP] = (above - f) / scale;
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

/* Mean and deviation (of a sample) of a regressor; 0 and 1 where it stays as it is: told to,
 * binary, or constant. */
static void take_moment(const posing *q, const vn_prophet_regressor *g, double *moment)
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

static void take_changes(posing *q, const double *number)
{
    const vn_prophet_spec *s = q->spec;
    double *change = q->slot->change;
    int n = (int)s->o->n_changepoints, rows = (int)floor((double)q->T * s->o->changepoint_range);
    q->S = 0;
    if (s->o->growth == VN_GROWTH_FLAT) return;
    for (int i = 0; i < s->n_changepoints; i++) { /* outside the history they say nothing of it */
        double t = ((double)s->changepoint[i] - number[VN_FIT_START]) / number[VN_FIT_SPAN];
        if (t >= 0 && t < 1) change[q->S++] = t;
    }
    if (!s->n_changepoints && n + 1 > rows) n = rows - 1;
    for (int i = 1; !s->n_changepoints && i <= n; i++)
        change[q->S++] = time_of(q, (int)rint(i == n ? rows - 1 : i * ((double)(rows - 1) / n)));
    if (q->S == 0) change[q->S++] = 0; /* Prophet's: one more rate, from the start on */
}

/* The trend through the first and the last point. */
static void begin(const posing *q)
{
    int64_t last = q->T - 1;
    double y0 = target_of(q, 0), y1 = target_of(q, last), T = time_of(q, last) - time_of(q, 0);
    double *theta = q->slot->start;
    memset(theta, 0, (size_t)vn_prophet_coefficients(q->spec) * sizeof *theta);
    if (q->spec->o->growth == VN_GROWTH_LINEAR) {
        theta[0] = T > 0 ? (y1 - y0) / T : 0;
        theta[1] = y0;
    } else if (q->spec->o->growth == VN_GROWTH_FLAT) {
        for (int64_t n = 0; n < q->T; n++) theta[1] += target_of(q, n) / (double)q->T;
    } else {
        double c0 = row_of(q, 0)[VN_PROPHET_CAP], c1 = row_of(q, last)[VN_PROPHET_CAP];
        double r0 = c0 / fmax(0.01 * c0, fmin(0.99 * c0, y0));
        double r1 = c1 / fmax(0.01 * c1, fmin(0.99 * c1, y1));
        if (fabs(r0 - r1) <= 0.01) r0 *= 1.05;
        double l0 = log(r0 - 1), l1 = log(r1 - 1);
        theta[0] = (l0 - l1) / T;
        theta[1] = l0 * T / (l0 - l1);
    }
}

/* All of a problem but its rows, which are there already. */
static void take_rest(posing *q, double nearest, vn_prophet_fit *out)
{
    const vn_prophet_spec *s = q->spec;
    int32_t *where = q->slot->where;
    double span = q->T > 1 ? out->number[VN_FIT_SPAN] : 0;
    for (int k = 0; k < s->n_regressors; k++) take_moment(q, &s->regressor[k], out->moment + 2 * k);
    for (int64_t n = 0; n < q->T; n++)
        vn_prophet_inputs(s, q->panel, q->series, q->row[n], out->moment,
                          row_of(q, n) + VN_PROPHET_BASE);
    take_changes(q, out->number);
    where[VN_PROPHET_COUNT] = (int32_t)q->T;
    where[VN_PROPHET_CHANGES] = q->S;
    for (int k = 0; k < s->n_seasons; k++)
        where[VN_PROPHET_ACTIVE + k] = acts(&s->season[k], span, nearest);
    begin(q);
    out->number[VN_FIT_CHANGES] = q->S;
    for (int j = 0; j < vn_prophet_changes_max(s); j++)
        out->change[j] = j < q->S ? q->slot->change[j] : 0;
}

vn_status vn_prophet_pose(vn_prophet_lane *l, const vn_panel *panel, int64_t i, int64_t cut,
                          const vn_prophet_slot *slot, vn_prophet_fit *out, bool *constant)
{
    posing q = { l->spec, panel, i, 0, l->row, slot, vn_prophet_width(l->spec), 0 };
    double nearest = take_rows(&q, cut, out->number);
    if (q.T < 1)
        return VN_FAIL(VN_E_DATA,
                       "series \"%s\" has no observed value in its first %" PRId64 " rows",
                       panel->id[i], cut);
    if (q.T < 2 && l->spec->o->growth == VN_GROWTH_LOGISTIC)
        return VN_FAIL(VN_E_DATA, "series \"%s\" has one observed value; logistic growth needs two",
                       panel->id[i]);
    VN_TRY(vn_prophet_conditions(l->spec, panel, i, 0, cut));
    VN_TRY(take_scale(&q, out->number, constant));
    take_rest(&q, nearest, out);
    return VN_OK;
}

/* ---- starts and fits ---- */

void vn_prophet_begin(const vn_prophet_spec *s, const vn_prophet_slot *slot,
                      const vn_prophet_fit *warm)
{
    int S = slot->where[VN_PROPHET_CHANGES];
    double *beta = slot->start + 2, *delta = beta + s->n_columns;
    if ((int)warm->number[VN_FIT_CHANGES] != S) return;
    slot->start[0] = warm->number[VN_FIT_K];
    slot->start[1] = warm->number[VN_FIT_M];
    memcpy(beta, warm->beta, (size_t)s->n_columns * sizeof *beta);
    memcpy(delta, warm->delta, (size_t)S * sizeof *delta);
}

bool vn_prophet_same(const vn_prophet_spec *s, const vn_prophet_fit *a, const vn_prophet_fit *b)
{
    static const int what[] = { VN_FIT_START, VN_FIT_SPAN, VN_FIT_SCALE,
                                VN_FIT_FLOOR, VN_FIT_STEP, VN_FIT_CHANGES };
    bool same = true;
    for (size_t k = 0; k < sizeof what / sizeof *what; k++)
        same &= a->number[what[k]] == b->number[what[k]];
    for (int j = 0; same && j < (int)b->number[VN_FIT_CHANGES]; j++)
        same &= a->change[j] == b->change[j];
    for (int k = 0; k < 2 * s->n_regressors; k++) same &= a->moment[k] == b->moment[k];
    return same;
}

void vn_prophet_copy(const vn_prophet_spec *s, const vn_prophet_fit *from, vn_prophet_fit *to)
{
    size_t S = (size_t)vn_prophet_changes_max(s), real = sizeof(double);
    memcpy(to->number, from->number, VN_FIT_NUMBERS * real);
    memcpy(to->change, from->change, S * real);
    memcpy(to->delta, from->delta, S * real);
    memcpy(to->beta, from->beta, (size_t)s->n_columns * real);
    memcpy(to->moment, from->moment, 2 * (size_t)s->n_regressors * real);
}

void vn_prophet_hold(const vn_prophet_spec *s, const double *theta, vn_prophet_fit *out)
{
    const double *beta = theta + 2, *delta = beta + s->n_columns;
    out->number[VN_FIT_K] = theta[0];
    out->number[VN_FIT_M] = theta[1];
    memcpy(out->beta, beta, (size_t)s->n_columns * sizeof *beta);
    memcpy(out->delta, delta, (size_t)vn_prophet_changes_max(s) * sizeof *delta);
}

void vn_prophet_take(const vn_prophet_spec *s, const vn_prophet_slot *slot, vn_prophet_fit *out)
{
    vn_prophet_hold(s, slot->theta, out);
    out->number[VN_FIT_SIGMA] = slot->fit[VN_PROPHET_SIGMA];
    out->number[VN_FIT_OBJECTIVE] = slot->fit[VN_PROPHET_OBJECTIVE];
    out->number[VN_FIT_ITERATIONS] = slot->fit[VN_PROPHET_STEPS];
}

/* Rows of the design matrix. For a fit only what costs is stored, one sine and cosine a
 * seasonality: its harmonics are made when they are needed (device/prophet.h), since the matrix of
 * a long series would not fit the caches. */
#include <math.h>

#include "device/prophet.h"
#include "host/data/calendar.h"
#include "host/prophet/spec.h"

static const double TWO_PI = 6.283185307179586476925;

/* Sine and cosine of the first harmonic; both 0, and so all harmonics, where the seasonality's
 * condition is not met. */
static void wave(const vn_prophet_season *s, double when, const float *futr, double *x)
{
    double turns = when / s->period, angle = TWO_PI * (turns - floor(turns));
    /* A condition is one of the future features.
     * NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    bool acts = s->condition < 0 || futr[s->condition] != 0;
    x[0] = acts ? sin(angle) : 0;
    x[1] = acts ? cos(angle) : 0;
}

static void holidays(const vn_prophet_spec *s, int64_t stamp, double *x)
{
    int64_t day = stamp >= 0 ? stamp / 86400 : -((86399 - stamp) / 86400);
    int lo = 0, hi = s->n_dates;
    for (int i = 0; i < s->n_holiday_columns; i++) x[i] = 0;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        if (s->date[mid].day < day)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < s->n_dates && s->date[lo].day == day; lo++) x[s->date[lo].column] = 1;
}

bool vn_prophet_input(const vn_prophet_spec *s, const vn_prophet_regressor *r, const vn_panel *p,
                      int64_t i, int64_t t, double *x)
{
    int64_t from = r->past ? t - s->lag : t, width = r->past ? p->n_hist : p->n_futr;
    if (from < 0) return false;
    *x = (double)(r->past ? p->hist : p->futr)[(p->indptr[i] + from) * width + r->feature];
    if (r->level) *x = *x == (double)r->level;
    return true;
}

/* Time as seasonalities count it, and the future features of a row. */
static double clock_of(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                       const float **futr)
{
    int64_t stamp = vn_panel_stamp(p, i, t);
    *futr = p->n_futr ? p->futr + (p->indptr[i] + t) * p->n_futr : NULL;
    return s->steps ? (double)stamp : (double)stamp / 86400;
}

/* Holidays and regressors of a row. */
static void others(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                   const double *moment, double *x)
{
    if (s->n_holiday_columns) holidays(s, vn_panel_stamp(p, i, t), x);
    x += s->n_holiday_columns;
    for (int k = 0; k < s->n_regressors; k++) {
        bool known = vn_prophet_input(s, &s->regressor[k], p, i, t, &x[k]);
        x[k] = known ? (x[k] - moment[2 * k]) / moment[2 * k + 1] : 0;
    }
}

void vn_prophet_inputs(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                       const double *moment, double *x)
{
    const float *futr;
    double when = clock_of(s, p, i, t, &futr);
    for (int k = 0; k < s->n_seasons; k++, x += 2) wave(&s->season[k], when, futr, x);
    others(s, p, i, t, moment, x);
}

void vn_prophet_features(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                         const double *moment, double *x)
{
    const float *futr;
    double when = clock_of(s, p, i, t, &futr), pair[2];
    for (int k = 0; k < s->n_seasons; k++) {
        wave(&s->season[k], when, futr, pair);
        x += vn_prophet_harmonics(s->season[k].order, pair[0], pair[1], x);
    }
    others(s, p, i, t, moment, x);
}

vn_status vn_prophet_conditions(const vn_prophet_spec *s, const vn_panel *p, int64_t i,
                                int64_t from, int64_t to)
{
    char when[VN_STAMP_TEXT];
    for (int k = 0; k < s->n_seasons; k++) {
        int column = s->season[k].condition;
        for (int64_t t = from; column >= 0 && t < to; t++) {
            double x = (double)p->futr[(p->indptr[i] + t) * p->n_futr + column];
            if (x == 0 || x == 1) continue;
            return VN_FAIL(
                VN_E_DATA,
                "series \"%s\" at %s: column \"%s\" is %g, expected 0 or 1: it says when "
                "the seasonality \"%s\" acts",
                p->id[i], vn_stamp_text(p->freq, vn_panel_stamp(p, i, t), when),
                p->futr_name[column], x, s->season[k].name);
        }
    }
    return VN_OK;
}

vn_status vn_prophet_room_below(const vn_panel *p, int64_t i, int64_t t, double cap, double floor)
{
    char when[VN_STAMP_TEXT];
    if (cap > floor) return VN_OK;
    return VN_FAIL(VN_E_DATA, "series \"%s\" at %s: the capacity %g is not above the floor %g",
                   p->id[i], vn_stamp_text(p->freq, vn_panel_stamp(p, i, t), when), cap, floor);
}

double vn_prophet_level_at(const vn_prophet_level *l, const vn_panel *p, int64_t i, int64_t t,
                           double otherwise)
{
    if (!l->given) return otherwise;
    return l->feature < 0 ? l->value : (double)p->futr[(p->indptr[i] + t) * p->n_futr + l->feature];
}

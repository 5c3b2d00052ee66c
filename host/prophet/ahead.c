/* Looking ahead: the forecast, its parts, and intervals from simulated trends. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "host/prophet/series.h"

/* z = k t + sum of delta_j max(0, t - s_j) at time t. */
static double ramp(const vn_prophet_fit *f, double t)
{
    double z = f->number[VN_FIT_K] * t;
    for (int j = 0; j < (int)f->number[VN_FIT_CHANGES] && f->change[j] <= t; j++)
        z += f->delta[j] * (t - f->change[j]);
    return z;
}

/* What stays the same for all paths of a row. */
typedef struct outlook {
    int growth;
    double z, cap, floor, scale, up, add, offset; /* offset: -m, or -k m where logistic */
} outlook;

/* The trend in units of y, its ramp moved by `shift`. */
static double trend_of(const outlook *o, double shift)
{
    if (o->growth == VN_GROWTH_FLAT) return o->offset * o->scale + o->floor;
    if (o->growth == VN_GROWTH_LINEAR) return (o->z + shift + o->offset) * o->scale + o->floor;
    return o->cap / (1 + exp(-(o->z + shift + o->offset))) + o->floor;
}

static double time_of(const vn_panel *p, int64_t i, int64_t t, const vn_prophet_fit *f)
{
    return ((double)vn_panel_stamp(p, i, t) - f->number[VN_FIT_START]) / f->number[VN_FIT_SPAN];
}

static outlook look(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                    const vn_prophet_fit *f, double *x, double *parts)
{
    outlook o = { .growth = (int)s->o->growth,
                  .scale = f->number[VN_FIT_SCALE],
                  .up = 1,
                  .offset = f->number[VN_FIT_M] };
    if (o.growth == VN_GROWTH_LOGISTIC) o.offset *= -f->number[VN_FIT_K];
    o.z = ramp(f, time_of(p, i, t, f));
    o.floor = vn_prophet_level_at(&s->floor, p, i, t, f->number[VN_FIT_FLOOR]);
    o.cap = vn_prophet_level_at(&s->cap, p, i, t, 0) - o.floor;
    vn_prophet_features(s, p, i, t, f->moment, x);
    if (parts) memset(parts, 0, (size_t)(s->n_components + 1) * sizeof *parts);
    for (int c = 0; c < s->n_columns; c++) {
        const vn_prophet_column *v = &s->column[c];
        double part = x[c] * f->beta[c] * (v->multiplicative ? 1 : o.scale);
        if (v->multiplicative)
            o.up += part;
        else
            o.add += part;
        if (parts) parts[1 + v->component] += part;
    }
    if (parts) parts[0] = trend_of(&o, 0);
    return o;
}

vn_status vn_prophet_rows_fit(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t from,
                              int64_t to, const vn_prophet_fit *f)
{
    VN_TRY(vn_prophet_conditions(s, p, i, from, to));
    for (int64_t t = from; t < to && s->o->growth == VN_GROWTH_LOGISTIC; t++) {
        double floor = vn_prophet_level_at(&s->floor, p, i, t, f->number[VN_FIT_FLOOR]);
        VN_TRY(vn_prophet_room_below(p, i, t, vn_prophet_level_at(&s->cap, p, i, t, 0), floor));
    }
    return VN_OK;
}

double vn_prophet_at(const vn_prophet_spec *s, const vn_panel *p, int64_t i, int64_t t,
                     const vn_prophet_fit *f, double *x, double *parts)
{
    outlook o = look(s, p, i, t, f, x, parts);
    return trend_of(&o, 0) * o.up + o.add;
}

/* ---- simulation ---- */

/* The k-th smallest of v[0 .. n) to its place. */
static void place(double *v, int64_t n, int64_t k)
{
    int64_t lo = 0, hi = n - 1;
    while (lo < hi) {
        double pivot = v[lo + (hi - lo) / 2];
        int64_t i = lo, j = hi;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i > j) break;
            double swap = v[i];
            v[i++] = v[j];
            v[j--] = swap;
        }
        if (k <= j)
            hi = j;
        else if (k >= i)
            lo = i;
        else
            return;
    }
}

/* The quantile between order statistics, as numpy and Prophet take it. */
static double quantile(double *v, int64_t n, double part)
{
    double at = part * (double)(n - 1);
    int64_t k = (int64_t)floor(at);
    if (k >= n - 1) k = n - 2;
    place(v, n, k);
    double low = v[k], high = v[k + 1];
    for (int64_t i = k + 1; i < n; i++) high = fmin(high, v[i]);
    return low + (at - (double)k) * (high - low);
}

/* In (0, 1): never either end, whose logarithm is not finite. */
static double uniform(uint32_t bits)
{
    return ((double)bits + 0.5) / 4294967296.0;
}

typedef struct rates {
    double likelihood, size, step; /* of a change at a row; its mean; time between two rows */
    double noise;                  /* deviation in units of y */
} rates;

static rates rates_of(const vn_panel *p, int64_t i, int64_t from, int64_t h,
                      const vn_prophet_fit *f)
{
    int n = (int)f->number[VN_FIT_CHANGES];
    rates r = { .step = f->number[VN_FIT_STEP] };
    for (int j = 0; j < n; j++) r.size += fabs(f->delta[j]) / n;
    r.size += 1e-8;
    if (h > 1) r.step = (time_of(p, i, from + h - 1, f) - time_of(p, i, from, f)) / (double)(h - 1);
    r.likelihood = n * r.step;
    r.noise = f->number[VN_FIT_SIGMA] * f->number[VN_FIT_SCALE];
    return r;
}

/* One row of every path: rates change, the ramps move on, `sample` gets what would be observed.
 * Half of a change acts at its row and half at the next, as in Prophet. */
static void advance(vn_prophet_lane *l, const outlook *o, const rates *r, bool future,
                    uint64_t seed, uint64_t stream, int64_t row, int64_t samples)
{
    for (int64_t n = 0; n < samples; n++) {
        vn_philox u = vn_random4(seed, stream, (uint64_t)(row * samples + n));
        if (future && o->growth != VN_GROWTH_FLAT) {
            double now = 0, side = uniform(u.v[1]) - 0.5;
            if (uniform(u.v[0]) < r->likelihood)
                now = (side < 0 ? 1 : -1) * r->size * log(1 - 2 * fabs(side));
            l->slope[n] += (l->shift[n] + now) / 2;
            l->shift[n] = now;
            l->rise[n] += l->slope[n] * r->step;
        }
        double normal =
            sqrt(-2 * log(uniform(u.v[2]))) * cos(6.283185307179586476925 * uniform(u.v[3]));
        l->sample[n] = trend_of(o, l->rise[n]) * o->up + o->add + r->noise * normal;
    }
}

void vn_prophet_simulate(vn_prophet_lane *l, const vn_panel *panel, int64_t i, int64_t from,
                         int64_t h, const vn_prophet_fit *f, uint64_t seed, int64_t samples,
                         const vn_prophet_ends *ends)
{
    uint64_t stream = vn_stream_of("prophet/simulate") ^ vn_stream_of(panel->id[i]);
    int64_t first = from; /* the first row after the history the fit has seen */
    while (first > 0 && time_of(panel, i, first - 1, f) > 1) first--;
    rates r = rates_of(panel, i, first, from + h - first, f);
    size_t bytes = (size_t)samples * sizeof(double);
    memset(l->shift, 0, bytes);
    memset(l->slope, 0, bytes);
    memset(l->rise, 0, bytes);
    for (int64_t t = first; t < from + h; t++) {
        outlook o = look(l->spec, panel, i, t, f, l->x, NULL);
        advance(l, &o, &r, time_of(panel, i, t, f) > 1, seed, stream, t, samples);
        if (t < from) continue;
        double part = (1 - ends->level / 100) / 2, lo = quantile(l->sample, samples, part);
        double hi = quantile(l->sample, samples, 1 - part);
        vn_columns_put(ends->columns, ends->column, ends->at + t - from, lo);
        vn_columns_put(ends->columns, ends->column + 1, ends->at + t - from, hi);
    }
}

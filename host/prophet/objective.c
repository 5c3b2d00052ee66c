/* The objective and one pass over the rows of a series, everything the solver needs of the data. */
#include <math.h>
#include <string.h>

#include "host/prophet/problem.h"

static const double SIGMA_MIN = 1e-9;

double vn_prophet_ridge(const vn_prophet_problem *q, int j)
{
    return j < 2 ? 1.0 / 25 : 1 / (q->prior[j - 2] * q->prior[j - 2]);
}

double vn_prophet_sigma(const vn_prophet_problem *q, double rss)
{
    /* The derivative T / s - rss / s^3 + 4 s vanishes where 4 s^4 + T s^2 = rss. */
    double T = (double)q->T, s2 = 2 * rss / (T + sqrt(T * T + 16 * rss));
    double s = sqrt(s2);
    return s > SIGMA_MIN ? s : SIGMA_MIN;
}

double vn_prophet_value(const vn_prophet_problem *q, const double *theta, double rss, double sigma)
{
    double f = (double)q->T * log(sigma) + rss / (2 * sigma * sigma) + 2 * sigma * sigma, size = 0;
    for (int j = 0; j < 2 + q->K; j++) f += vn_prophet_ridge(q, j) * theta[j] * theta[j] / 2;
    for (int j = 0; j < q->S; j++) size += fabs(theta[2 + q->K + j]);
    return f + size / q->tau;
}

/* Where the trend stands: z = rate t + shift in the segment of the row. */
typedef struct segment {
    int n; /* changepoints passed */
    double rate, shift;
} segment;

/* Trend at row i, and its slope dg/dz (1 where the growth is linear). */
static double trend(const vn_prophet_problem *q, const double *theta, int64_t i, segment *s,
                    double *slope)
{
    const double *delta = theta + 2 + q->K;
    for (; s->n < q->S && q->change[s->n] <= q->t[i]; s->n++) {
        s->rate += delta[s->n];
        s->shift -= delta[s->n] * q->change[s->n];
    }
    double z = s->rate * q->t[i] + s->shift;
    *slope = 1;
    if (q->spec->o->growth == VN_GROWTH_FLAT) return theta[1];
    if (q->spec->o->growth == VN_GROWTH_LINEAR) return z + theta[1];
    double part = 1 / (1 + exp(-(z - theta[0] * theta[1])));
    *slope = q->cap[i] * part * (1 - part);
    return q->cap[i] * part;
}

/* The row of the Jacobian: d yhat / d theta. */
static void differentiate(const vn_prophet_problem *q, const double *theta, int64_t i,
                          const segment *s, double g, double slope, double up, const double *x,
                          double *row)
{
    double *delta = row + 2 + q->K, t = q->t[i];
    vn_growth growth = q->spec->o->growth;
    slope *= up;
    row[0] = growth == VN_GROWTH_FLAT     ? 0
             : growth == VN_GROWTH_LINEAR ? t * slope
                                          : (t - theta[1]) * slope;
    row[1] = growth == VN_GROWTH_LOGISTIC ? -theta[0] * slope : up;
    for (int k = 0; k < q->K; k++) row[2 + k] = q->multiplicative[k] ? x[k] * g : x[k];
    for (int j = 0; j < q->S; j++) delta[j] = j < s->n ? (t - q->change[j]) * slope : 0;
}

/* Add four rows to the lower half of the Gram matrix: one sweep over it serves all of them. */
static void add_rows(int p, const double *tile, double *gram)
{
    const double *a = tile, *b = tile + p, *c = tile + 2 * p, *d = tile + 3 * p;
    for (int i = 0; i < p; i++) {
        double ai = a[i], bi = b[i], ci = c[i], di = d[i], *to = gram + (size_t)i * (size_t)p;
        if (ai == 0 && bi == 0 && ci == 0 && di == 0) continue;
        for (int j = 0; j <= i; j++) to[j] += (ai * a[j] + bi * b[j]) + (ci * c[j] + di * d[j]);
    }
}

double vn_prophet_pass(const vn_prophet_problem *q, const double *theta, vn_prophet_room *r,
                       double *c, double *gram)
{
    int p = q->p, held = 0;
    double rss = 0;
    segment s = { 0, theta[0], 0 };
    if (c) memset(c, 0, (size_t)p * sizeof *c);
    if (gram) memset(gram, 0, (size_t)p * (size_t)p * sizeof *gram);
    for (int64_t i = 0; i < q->T; i++) {
        double up = 1, add = 0, slope;
        vn_prophet_features(q->spec, q->panel, q->series, q->row[i], q->moment, q->active, r->x);
        for (int k = 0; k < q->K; k++) {
            double part = r->x[k] * theta[2 + k];
            if (q->multiplicative[k])
                up += part;
            else
                add += part;
        }
        double g = trend(q, theta, i, &s, &slope), e = q->y[i] - (g * up + add);
        rss += e * e;
        if (!c) continue;
        double *row = r->tile + (size_t)held * (size_t)p;
        differentiate(q, theta, i, &s, g, slope, up, r->x, row);
        for (int j = 0; j < p; j++) c[j] += row[j] * e;
        if (!gram || (++held < 4 && i + 1 < q->T)) continue;
        memset(r->tile + (size_t)held * (size_t)p, 0,
               (size_t)(4 - held) * (size_t)p * sizeof(double));
        add_rows(p, r->tile, gram);
        held = 0;
    }
    return rss;
}

/* Cases of Prophet's fit. Every result is held against the objective written out plainly here: no
 * coefficient can move without raising it. */
#include <math.h>

#include "tests/cases/case.h"

enum { COEFFICIENTS = 256 };

/* ---- the numbers: rows shared out evenly, time 0 .. 1 in each part ---- */

static double wave(int64_t n)
{
    return sin(0.9 * (double)n) + 0.3 * (double)(n * 7919 % 101) / 101;
}

static void fill_row(const vn_call *c, int64_t i, int64_t n, int64_t each, double *row)
{
    const vn_attr_prophet *a = c->attr;
    int64_t seasons = c->in[1].dim[1] - 3, others = c->in[0].dim[1] - 3 - 2 * seasons;
    double t = each > 1 ? (double)n / (double)(each - 1) : 0, *x = row + 3;
    double bend = t > 0.5 ? t - 0.5 : 0;
    row[0] = t;
    row[1] = 0.3 + 0.1 * (double)i + 0.5 * t - 0.8 * bend + 0.1 * wave(n + 3 * i);
    row[2] = a->growth == VN_GROWTH_LOGISTIC ? 2 + 0.1 * t : 0;
    for (int64_t s = 0; s < seasons; s++, x += 2) {
        bool acts = s == 0 || n % 5; /* where its condition is not met, both are 0 */
        double angle = 6.283185307179586 * (double)n / (s ? 30.5 : 7);
        x[0] = acts ? sin(angle) : 0;
        x[1] = acts ? cos(angle) : 0;
    }
    for (int64_t m = 0; m < others; m++)
        x[m] = m % 2 ? (double)((n + m) % 11 == 0) : cos(0.1 * (double)((n + 3) * (m + 1)));
}

/* Everything but what a case gives. */
static void prepare(const vn_call *c, double *const in[VN_MAX_IN])
{
    const vn_attr_prophet *a = c->attr;
    int64_t N = c->in[1].dim[0], R = c->in[0].dim[0], width = c->in[0].dim[1], each = R / N;
    int64_t S = in[5] ? c->in[5].dim[1] : 0, all = c->in[6].dim[1];
    for (int64_t r = 0; r < R; r++) fill_row(c, r / each, r % each, each, in[0] + r * width);
    for (int64_t k = 0; in[3] && k < c->in[3].dim[0]; k++) in[3][k] = k % 3 ? 10 : 0.5;
    for (int64_t k = 0; k < N * S; k++)
        in[5][k] = (double)(k % S + 1) / (double)(S + 1); /* ascending */
    for (int64_t k = 0; k < N * all; k++) in[6][k] = k % all == (a->growth == VN_GROWTH_FLAT);
    for (int64_t i = 0; a->growth == VN_GROWTH_LOGISTIC && i < N; i++) in[6][i * all + 1] = 0.2;
}

/* ---- the objective, written out ---- */

typedef struct plain {
    const vn_call *c;
    int64_t series, seasons, C, S;
    const int32_t *where, *order, *multiplicative;
    const double *prior, *change;
} plain;

static plain plain_of(const vn_call *c, int64_t i)
{
    plain p = { .c = c, .series = i, .seasons = c->in[1].dim[1] - 3 };
    p.where = (const int32_t *)c->in[1].data + i * c->in[1].dim[1];
    p.order = c->in[2].data;
    p.prior = c->in[3].data;
    p.multiplicative = c->in[4].data;
    p.C = p.prior ? c->in[3].dim[0] : 0;
    p.S = p.where[2];
    p.change = (const double *)c->in[5].data + (c->in[5].data ? i * c->in[5].dim[1] : 0);
    return p;
}

/* The columns of a row, by the angles: 0 of a seasonality that does not act. */
static void columns(const plain *p, const double *row, double *x)
{
    const double *base = row + 3;
    int64_t n = 0;
    for (int64_t s = 0; s < p->seasons; s++, base += 2)
        for (int32_t h = 1; h <= p->order[s]; h++) {
            bool acts = p->where[3 + s] && (base[0] != 0 || base[1] != 0);
            x[n++] = acts ? sin(h * atan2(base[0], base[1])) : 0;
            x[n++] = acts ? cos(h * atan2(base[0], base[1])) : 0;
        }
    while (n < p->C) x[n++] = *base++;
}

static double forecast(const plain *p, const double *theta, const double *row)
{
    const vn_attr_prophet *a = p->c->attr;
    double x[COEFFICIENTS], z = theta[0] * row[0], up = 1, add = 0, g = theta[1];
    const double *beta = theta + 2, *delta = beta + p->C;
    columns(p, row, x);
    for (int64_t j = 0; j < p->S; j++)
        z += row[0] > p->change[j] ? delta[j] * (row[0] - p->change[j]) : 0;
    if (a->growth == VN_GROWTH_LINEAR) g = z + theta[1];
    if (a->growth == VN_GROWTH_LOGISTIC) g = row[2] / (1 + exp(theta[0] * theta[1] - z));
    for (int64_t k = 0; k < p->C; k++) *(p->multiplicative[k] ? &up : &add) += beta[k] * x[k];
    return g * up + add;
}

static double objective(const plain *p, const double *theta, double sigma)
{
    const vn_attr_prophet *a = p->c->attr;
    int64_t T = p->where[1], width = p->c->in[0].dim[1];
    const double *row = (const double *)p->c->in[0].data + p->where[0] * width;
    double f = (double)T * log(sigma) + 2 * sigma * sigma;
    for (int64_t n = 0; n < T; n++, row += width) {
        double e = row[1] - forecast(p, theta, row);
        f += e * e / (2 * sigma * sigma);
    }
    f += (theta[0] * theta[0] + theta[1] * theta[1]) / 50;
    for (int64_t k = 0; k < p->C; k++)
        f += theta[2 + k] * theta[2 + k] / (2 * p->prior[k] * p->prior[k]);
    for (int64_t j = 0; j < p->S; j++) f += fabs(theta[2 + p->C + j]) / a->tau;
    return f;
}

static const char *above(const plain *p, const double *theta, const double *fit)
{
    double moved[COEFFICIENTS], sigma = fit[0], least = fit[1], by = 1e-6;
    int64_t all = 2 + p->C + p->S;
    for (int64_t i = 0; i < all; i++) moved[i] = theta[i];
    if (!(fabs(objective(p, theta, sigma) - least) <= 1e-9 * (1 + fabs(least))))
        return "the objective is not that of the coefficients";
    if (fit[2] == 0) return NULL; /* the start */
    for (int64_t i = 0; i <= all; i++)
        for (int side = -1; side <= 1; side += 2) {
            double s = i < all ? sigma : sigma * (1 + side * by);
            if (s < 1e-9) continue; /* the least it may be */
            if (i < all) moved[i] = theta[i] + side * by;
            if (objective(p, moved, s) < least - 1e-9 * (1 + fabs(least)))
                return "a coefficient or sigma can move and lower the objective";
            if (i < all) moved[i] = theta[i];
        }
    return NULL;
}

static const char *not_the_minimum(const vn_call *c)
{
    int64_t all = c->in[6].dim[1];
    const double *theta = c->out[0].data, *fit = c->out[1].data;
    for (int64_t i = 0; i < c->in[1].dim[0]; i++, theta += all, fit += 3) {
        plain p = plain_of(c, i);
        const char *flaw = p.where[1] ? above(&p, theta, fit) : NULL;
        if (!p.where[1] && (fit[0] != 0 || fit[2] != 0)) flaw = "a series without rows has a fit";
        if (flaw) return flaw;
    }
    return NULL;
}

/* ---- the table ---- */

#define INTS(...) ((const int32_t[]){ __VA_ARGS__ })
#define PROPHET(GROWTH, harmonics, steps)                                                          \
    VN_ATTR(prophet, VN_GROWTH_##GROWTH, 0.05, harmonics, steps)
/* Three series of 90, 0 and 60 rows: a seasonality of two harmonics, one of one, which the third
 * does not have, and a regressor. */
#define THREE                                                                                      \
    F64(270, 8), I32_OF(INTS(0, 90, 5, 1, 1, 90, 0, 5, 1, 1, 180, 60, 3, 1, 0), 3, 5),             \
        I32_OF(INTS(2, 1), 2), F64(7)
#define PLAIN(MULTIPLICATIVE)                                                                      \
    { THREE, MULTIPLICATIVE, F64(3, 5), F64(3, 14) }
#define ADDITIVE I32_OF(INTS(0, 0, 0, 0, 0, 0, 0), 7)
#define MIXED I32_OF(INTS(1, 1, 1, 1, 0, 0, 1), 7)
/* 1e-6 of the coefficients: a search ends where the objective moves by 1e-11 of itself, from which
 * coefficients are off by about the root. */
#define BOUND .prepare = prepare, .flaw = not_the_minimum, .reduce = 100, .slack = 4e8

/* So many columns that a block's room is not in shared memory. */
static const int32_t many[164] = { 0 };

const vn_case vn_cases_prophet[] = {
    { "linear", PLAIN(ADDITIVE), PROPHET(LINEAR, 3, 200), BOUND },
    { "linear, multiplicative columns", PLAIN(MIXED), PROPHET(LINEAR, 3, 200), BOUND },
    { "logistic", PLAIN(ADDITIVE), PROPHET(LOGISTIC, 3, 200), BOUND },
    { "logistic, multiplicative columns", PLAIN(MIXED), PROPHET(LOGISTIC, 3, 200), BOUND },
    { "flat",
      { F64(90, 8), I32_OF(INTS(0, 40, 0, 1, 1, 45, 45, 0, 0, 1), 2, 5), I32_OF(INTS(2, 1), 2),
        F64(7), ADDITIVE, NONE, F64(2, 9) },
      PROPHET(FLAT, 3, 200), BOUND },
    { "the start", PLAIN(MIXED), PROPHET(LOGISTIC, 3, 0), BOUND },
    { "one step", PLAIN(ADDITIVE), PROPHET(LINEAR, 3, 1), BOUND },
    { "no columns",
      { F64(33, 3), I32_OF(INTS(0, 33, 4), 1, 3), NONE, NONE, NONE, F64(1, 4), F64(1, 6) },
      PROPHET(LINEAR, 0, 200), BOUND },
    { "one row",
      { F64(1, 3), I32_OF(INTS(0, 1, 1), 1, 3), NONE, NONE, NONE, F64(1, 1), F64(1, 3) },
      PROPHET(LINEAR, 0, 200), BOUND },
    { "many columns",
      { F64(360, 167), I32_OF(INTS(0, 180, 2, 180, 170, 2), 2, 3), NONE, F64(164),
        I32_OF(many, 164), F64(2, 2), F64(2, 168) },
      PROPHET(LINEAR, 0, 1), BOUND },
    { "rows of f32",
      { F32(270, 8), I32_OF(INTS(0, 90, 0), 1, 3), NONE, NONE, NONE, NONE, F64(1, 7) },
      PROPHET(LINEAR, 0, 1), .reject = "rows is of type f32, expected f64" },
    { "where of two numbers",
      { F64(9, 8), I32_OF(INTS(0, 9), 1, 2), NONE, NONE, NONE, NONE, F64(1, 7) },
      PROPHET(LINEAR, 0, 1), .reject = "where is i32 [1, 2]; it must be i32 [N, 3 + seasons]" },
    { "rows too narrow",
      { F64(9, 4), I32_OF(INTS(0, 9, 0, 1), 1, 4), I32_OF(INTS(1), 1), F64(2), I32_OF(INTS(0, 0), 2),
        NONE, F64(1, 4) },
      PROPHET(LINEAR, 1, 1), .reject = "rows are [9, 4] but 1 seasonalities need at least 5" },
    { "no harmonics",
      { F64(9, 5), I32_OF(INTS(0, 9, 0, 1), 1, 4), NONE, F64(2), I32_OF(INTS(0, 0), 2), NONE,
        F64(1, 4) },
      PROPHET(LINEAR, 1, 1), .reject = "harmonics are f32 []; they must be i32 [1]" },
    { "a prior too many",
      { F64(9, 4), I32_OF(INTS(0, 9, 0), 1, 3), NONE, F64(2), I32_OF(INTS(0), 1), NONE, F64(1, 3) },
      PROPHET(LINEAR, 0, 1), .reject = "priors is [2] but rows needs [1]" },
    { "another start",
      { F64(9, 4), I32_OF(INTS(0, 9, 0), 1, 3), NONE, F64(1), I32_OF(INTS(0), 1), NONE, F64(1, 4) },
      PROPHET(LINEAR, 0, 1), .reject = "start is [1, 4] but where needs [1, 3]" },
    { "no prior of changes", PLAIN(ADDITIVE), VN_ATTR(prophet, VN_GROWTH_LINEAR, 0, 3, 1),
      .reject = "tau is 0; it must be above 0" },
    { "unknown growth", PLAIN(ADDITIVE), VN_ATTR(prophet, VN_GROWTH_COUNT, 0.05, 3, 1),
      .reject = "growth is 3; it must lie in 0 .. 2" },
    { 0 },
};

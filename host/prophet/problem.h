/* One series as an optimisation problem, its objective, and how it is solved.
 *
 * Coefficients theta [2 + K + S]: rate k, offset m, beta [K], rate changes delta [S]. With
 * z = k t + sum of delta_j max(0, t - s_j) the trend is
 *
 *     linear g = z + m    logistic g = cap / (1 + exp(-(z - k m)))    flat g = m
 *
 * (Prophet's own form of the logistic trend with its offsets gamma is this continuous function.)
 * The forecast is yhat = g (1 + Xm beta) + Xa beta, and the objective, Prophet's log posterior
 * without its constants,
 *
 *     T ln sigma + sum (y - yhat)^2 / (2 sigma^2) + 2 sigma^2
 *       + k^2 / 50 + m^2 / 50 + sum beta_j^2 / (2 prior_j^2) + sum |delta_j| / tau.
 *
 * Given theta, its least over sigma has a closed form, so the solver moves theta alone. */
#ifndef VN_HOST_PROPHET_PROBLEM_H
#define VN_HOST_PROPHET_PROBLEM_H

#include "host/prophet/spec.h"

typedef struct vn_prophet_problem {
    const vn_prophet_spec *spec;
    const vn_panel *panel;
    int64_t series;
    int64_t T;            /* observed rows */
    int32_t *row;         /* [T] of the series */
    double *t, *y, *cap;  /* [T] time 0 .. 1, scaled target, scaled capacity (logistic) */
    int K, S, p;          /* columns in use, changepoints, coefficients */
    double *change;       /* [S] times, ascending */
    double *prior;        /* [K] */
    bool *multiplicative; /* [K] */
    bool *active;         /* [seasons] */
    double *moment;       /* [regressors, 2] */
    double tau;
    bool linear; /* yhat is linear in theta */
} vn_prophet_problem;

/* What a solver works in; sized for the largest problem, allocated once for each lane. */
typedef struct vn_prophet_room {
    int p_max, S_max;
    double *x;                     /* [K] */
    double *tile;                  /* [4, p] rows of the Jacobian */
    double *gram, *chol;           /* [p, p] */
    double *c, *h, *step, *theta;  /* [p] */
    double *cross, *schur, *small; /* [p, S], [S, S], [S, S] */
    double *g, *v, *delta, *sign;  /* [S], [p], [S], [S] */
    int *at;                       /* [S] */
} vn_prophet_room;

typedef struct vn_prophet_result {
    double sigma, objective;
    int iterations;
} vn_prophet_result;

/* Sum of squared residuals at theta. `c` [p] (NULL: not wanted): the Jacobian of yhat times the
 * residuals; `gram` [p, p] (NULL): lower half of the Jacobian's Gram matrix. */
double vn_prophet_pass(const vn_prophet_problem *q, const double *theta, vn_prophet_room *r,
                       double *c, double *gram);

/* The sigma that is best for this sum of squares; at least 1e-9, as Prophet's for a constant
 * series. */
double vn_prophet_sigma(const vn_prophet_problem *q, double rss);

/* The objective, sigma given. */
double vn_prophet_value(const vn_prophet_problem *q, const double *theta, double rss, double sigma);

/* Deviation of the normal prior of coefficient j < 2 + K, squared and inverted. */
double vn_prophet_ridge(const vn_prophet_problem *q, int j);

/* Minimise from theta, which leaves as the minimum. */
vn_prophet_result vn_prophet_newton(const vn_prophet_problem *q, vn_prophet_room *r, double *theta);

/* The least of x'Ax/2 - g'x + lambda sum |x_i|, A [n, n] positive definite (symmetric, whole), from
 * the start x. Work: `small` [n, n], sign [n], at [n], v [n]. */
void vn_prophet_lasso(int n, const double *A, const double *g, double lambda, double *x,
                      double *small, double *sign, int *at, double *v);

/* In place: A = L L', lower half, stride n. A pivot below 1e-13 of its diagonal holds its
 * coefficient at (nearly) nothing: the data do not determine it. */
void vn_prophet_cholesky(int n, double *A);
void vn_prophet_forward(int n, const double *L, double *x);  /* x = L^-1 x */
void vn_prophet_backward(int n, const double *L, double *x); /* x = L^-T x */

#endif

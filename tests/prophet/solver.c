/* The optimisation: gradients, the lasso, the solver at the exact minimum, no allocation. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "tests/prophet/bench.h"

/* Models of every kind of trend and component. */
static const char *const kinds[] = {
    "growth=linear",
    "growth=linear seasonality_mode=multiplicative",
    "growth=logistic cap=60",
    "growth=logistic cap=60 seasonality_mode=multiplicative n_changepoints=5",
    "growth=flat",
    "growth=flat seasonality_mode=multiplicative",
    "n_changepoints=0 scaling=minmax",
    "seasonalities=odd:30.5:2:1:multiplicative weekly_seasonality=false",
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

typedef struct posed {
    vn_fitted *m;
    vn_panel *panel;
    vn_prophet_spec spec;
    vn_bench_posed one;
} posed;

static void pose(posed *x, const char *options, int rows)
{
    x->m = vn_bench_model(options);
    x->panel = vn_bench_days(1, rows);
    ck_assert_msg(!vn_prophet_spec_open(x->m->hparams, x->panel, 7, NULL, &x->spec), "%s",
                  vn_last_message());
    vn_bench_pose(&x->spec, x->panel, 0, rows, &x->one);
}

static void leave(posed *x)
{
    vn_bench_unpose(&x->one);
    vn_prophet_spec_close(&x->spec);
    vn_panel_close(x->panel);
    vn_fitted_close(x->m);
}

static double draw(uint64_t stream, uint64_t i)
{
    return (double)vn_uniform24(vn_random4(3, stream, i).v[0]) - 0.5;
}

/* Objective and, if not NULL, its gradient; sigma is the best one. */
static double value(posed *x, const double *theta, double *gradient)
{
    const vn_prophet_problem *q = &x->one.q;
    vn_prophet_room *r = &x->one.room;
    double rss = vn_prophet_pass(q, r, theta, false), s = vn_prophet_sigma(q, rss);
    const double *along = vn_prophet_lower(r->gram, q->p);
    for (int i = 0; gradient && i < q->p; i++)
        gradient[i] =
            -along[i] / (s * s) +
            (i < 2 + q->K ? r->ridge[i] * theta[i] : ((theta[i] > 0) - (theta[i] < 0)) / q->tau);
    return vn_prophet_value(q, r, theta, rss, s);
}

START_TEST(the_gradient_is_the_slope_of_the_objective)
{
    posed x;
    double theta[128] = { 0 }, g[128];
    pose(&x, kinds[_i], 760);
    int p = x.one.q.p;
    ck_assert_int_le(p, 128);
    for (int i = 0; i < p; i++) theta[i] = x.one.room.best[i] + 0.1 * draw(9, (uint64_t)i);
    value(&x, theta, g);
    for (int i = 0; i < p; i++) {
        double at = theta[i], h = 1e-6;
        theta[i] = at + h;
        double up = value(&x, theta, NULL);
        theta[i] = at - h;
        double down = value(&x, theta, NULL);
        theta[i] = at;
        double slope = (up - down) / (2 * h);
        ck_assert_msg(fabs(slope - g[i]) <= 2e-5 * (1 + fabs(slope)), "coefficient %d: %.9g, %.9g",
                      i, slope, g[i]);
    }
    leave(&x);
}
END_TEST

/* No coefficient can move to lower the objective: the smooth slope of one at zero is at most 1 /
 * tau, that of any other vanishes. In units of 1 / tau, 20 by default. */
static void check_minimum(posed *x, const double *theta, double tolerance)
{
    const vn_prophet_problem *q = &x->one.q;
    double g[128];
    value(x, theta, g);
    for (int i = 0; i < q->p; i++) {
        double most = i >= 2 + q->K && theta[i] == 0 ? 1 / q->tau : 0;
        ck_assert_msg(fabs(g[i]) <= most + tolerance / q->tau,
                      "coefficient %d of %d: slope %g at %g", i, q->p, g[i], theta[i]);
    }
}

START_TEST(newton_ends_at_the_minimum)
{
    posed x;
    pose(&x, kinds[_i], 760);
    vn_prophet_result r = vn_prophet_newton(&x.one.q, &x.one.room, 200);
    double theta[128];
    memcpy(theta, x.one.room.best, (size_t)x.one.q.p * sizeof *theta);
    ck_assert(isfinite(r.objective));
    ck_assert_int_lt(r.steps, 60);
    check_minimum(&x, theta, 2e-3);
    leave(&x);
}
END_TEST

START_TEST(the_lasso_meets_its_conditions)
{
    enum { N = 23 };
    double B[N * N], block[2048];
    int zeros = 0;
    vn_prophet_room r;
    ck_assert_int_le(vn_prophet_furnish(2 + N, N, NULL, &r), 2048);
    vn_prophet_furnish(2 + N, N, block, &r);
    double lambda = 0.2 * (1 + _i * _i), *A = r.schur, *g = r.g, *x = r.x;
    memset(A, 0, N * N * sizeof *A);
    for (int i = 0; i < N * N; i++) B[i] = draw(20 + (uint64_t)_i, (uint64_t)i) + 0.5;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            for (int k = 0; k < N; k++) A[i * N + j] += B[k * N + i] * B[k * N + j];
    for (int i = 0; i < N; i++) g[i] = 4 * draw(60, (uint64_t)(i + 100 * _i));
    for (int i = 0; i < N; i++) x[i] = _i % 2 ? draw(61, (uint64_t)i) : 0; /* any start */
    vn_prophet_lasso(&r, N, lambda);
    for (int i = 0; i < N; i++) {
        double slope = g[i];
        for (int j = 0; j < N; j++) slope -= A[i * N + j] * x[j];
        zeros += x[i] == 0;
        if (x[i] != 0)
            ck_assert_msg(fabs(slope - (x[i] > 0 ? lambda : -lambda)) < 1e-8, "slope %g at %g",
                          slope, x[i]);
        else
            ck_assert_msg(fabs(slope) <= lambda * (1 + 1e-6), "slope %g at zero, lambda %g", slope,
                          lambda);
    }
    ck_assert_int_gt(zeros, 0);
}
END_TEST

START_TEST(a_fit_allocates_nothing)
{
    posed x;
    pose(&x, kinds[_i], 760);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    vn_bench_solve(&x.one, NULL);
    vn_bench_pose_again(&x.one, x.panel, 0, 300);
    vn_bench_solve(&x.one, NULL);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    leave(&x);
}
END_TEST

START_TEST(a_warm_start_ends_at_the_same_minimum)
{
    posed x;
    vn_bench_posed other;
    pose(&x, kinds[_i], 760);
    vn_bench_pose(&x.spec, x.panel, 0, 740, &other);
    vn_bench_solve(&other, NULL);
    vn_bench_solve(&x.one, NULL);
    double cold = x.one.fit.number[VN_FIT_OBJECTIVE];
    vn_bench_solve(&x.one, &other.fit);
    ck_assert_double_eq_tol(x.one.fit.number[VN_FIT_OBJECTIVE], cold, 1e-5 * fabs(cold));
    vn_bench_unpose(&other);
    leave(&x);
}
END_TEST

START_TEST(an_elimination_survives_a_singular_matrix)
{
    /* Rows from the diagonal on, then the right side; the third equation is the first again. */
    double A[9] = { 4, 2, 4, 1, 2, 2, 1, 4, 1 };
    double whole[3], inverse[3], term[3], x[3];
    vn_prophet_eliminate(3, 3, A, whole, inverse);
    vn_prophet_backward(3, 3, A, inverse, term, x);
    for (int i = 0; i < 3; i++) ck_assert_double_finite(x[i]);
    ck_assert_double_eq_tol(4 * x[0] + 2 * x[1], 1, 1e-12); /* the third unknown is held at 0 */
    ck_assert_double_eq_tol(2 * x[0] + 2 * x[1], 1, 1e-12);
}
END_TEST

Suite *vn_suite_prophet_solver(void);
Suite *vn_suite_prophet_solver(void)
{
    Suite *s = suite_create("prophet_solver");
    TCase *tc = tcase_create("each");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, the_gradient_is_the_slope_of_the_objective, 0, N_KINDS);
    tcase_add_loop_test(tc, newton_ends_at_the_minimum, 0, N_KINDS);
    tcase_add_loop_test(tc, a_fit_allocates_nothing, 0, N_KINDS);
    tcase_add_loop_test(tc, a_warm_start_ends_at_the_same_minimum, 0, N_KINDS);
    tcase_add_loop_test(tc, the_lasso_meets_its_conditions, 0, 8);
    tcase_add_test(tc, an_elimination_survives_a_singular_matrix);
    suite_add_tcase(s, tc);
    return s;
}

/* Quantiles of distributions against SciPy's, the special functions against known values. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "device/dist.h"
#include "host/infer/dist.h"
#include "host/infer/special.h"
#include "tests/golden.h"

Suite *vn_suite_dist(void);

/* x, lnGamma(x), digamma(x): SciPy. */
static const double gammas[][3] = {
    { 0.001, 6.907178885383853, -1000.5755719318103 },
    { 0.1, 2.252712651734206, -10.423754940411076 },
    { 0.5, 0.5723649429247, -1.9635100260214235 },
    { 1, 0, -0.5772156649015329 },
    { 1.5, -0.12078223763524526, 0.03648997397857652 },
    { 2, 0, 0.42278433509846713 },
    { 2.5, 0.2846828704729192, 0.7031566406452432 },
    { 3.75, 1.4868155785934172, 1.1825373886117962 },
    { 7.9, 8.32426586800881, 2.002238487563571 },
    { 8.1, 8.72738826343204, 2.028867457080582 },
    { 25, 54.78472939811232, 3.198742512851974 },
    { 1000, 5905.220423209181, 6.907255195648812 },
    { 1e6, 12815504.569147611, 13.81551005796419 },
};

/* Near the zeros of lnGamma only the absolute error can be small. */
static void near(double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fmax(1, fabs(want)), "%.17g, expected %.17g", got,
                  want);
}

START_TEST(gamma_functions_are_right_in_float_and_double)
{
    for (size_t i = 0; i < sizeof gammas / sizeof *gammas; i++) {
        double x = gammas[i][0], x32 = (double)(float)x;
        near(vn_lgamma_f64(x), gammas[i][1], 1e-14);
        near(vn_digamma_f64(x), gammas[i][2], 1e-13);
        near((double)vn_lgamma_f32((float)x), vn_lgamma_f64(x32), 1e-6);
        near((double)vn_digamma_f32((float)x), vn_digamma_f64(x32), 1e-6);
    }
}
END_TEST

START_TEST(differences_of_lgamma_keep_their_digits)
{
    static const double cases[][3] = {
        { 1, 0.5, -0.12078223763524526 },   { 4.2, 3.1, 5.099336886061661 },
        { 8.3, -0.9, -1.7953618948916672 }, { 100, 0.5, 2.3013350982021734 },
        { 1e6, 3.5, 48.35429132729769 },    { 1e6, -0.5, -6.9077549036592245 },
        { 50, 49, 209.97334157309592 },     { 1, -0.999, 6.9071788853838525 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double a = cases[i][0], d = cases[i][1];
        near(vn_lgamma_step_f64(a, d), cases[i][2], 2e-9); /* SciPy's own difference has no more */
        double want = vn_lgamma_step_f64((double)(float)a, (double)(float)d);
        near((double)vn_lgamma_step_f32((float)a, (float)d), want, 2e-6);
    }
}
END_TEST

START_TEST(the_normal_quantile_inverts_its_distribution)
{
    static const double z[] = { -37, -8, -3, -1, -1e-9, 0, 0.3, 2, 6 };
    for (size_t i = 0; i < sizeof z / sizeof *z; i++)
        near(vn_normal_quantile(0.5 * erfc(-z[i] / sqrt(2))), z[i], z[i] > 5 ? 1e-7 : 1e-12);
}
END_TEST

static void check_quantiles(const vn_golden *golden, int64_t kind, const char *name)
{
    char key[64];
    int64_t n_q, n_params, n;
    const float *levels = vn_golden_find(golden, "levels", &n_q);
    snprintf(key, sizeof key, "%s.params", name);
    const float *params = vn_golden_find(golden, key, &n_params);
    snprintf(key, sizeof key, "%s.quantiles", name);
    const float *want = vn_golden_find(golden, key, &n);
    ck_assert_msg(params && want, "no %s", key);
    int64_t width = vn_dist_width(kind, 0);
    ck_assert_int_eq(n_params / width * n_q, n);
    for (int64_t row = 0; row < n_params / width; row++)
        for (int64_t i = 0; i < n_q; i++) {
            double p[3], q = (double)levels[i], got, expected = (double)want[row * n_q + i];
            for (int64_t j = 0; j < width; j++) p[j] = (double)params[row * width + j];
            vn_dist_step d = { kind, 0, p };
            vn_dist_quantiles(&d, &q, 1, &got);
            ck_assert_msg(fabs(got - expected) <= 2e-6 * fmax(fabs(expected), p[width > 1]),
                          "%s row %d level %g: %.9g, expected %.9g", name, (int)row, q, got,
                          expected);
        }
}

START_TEST(quantiles_are_scipys)
{
    vn_golden golden;
    ck_assert_msg(!vn_golden_open("quantiles", &golden), "%s", vn_last_message());
    for (int64_t kind = 0; kind < VN_DIST_COUNT; kind++)
        check_quantiles(&golden, kind, vn_dist_about(kind)->name);
    vn_golden_close(&golden);
}
END_TEST

START_TEST(a_quantile_of_counts_is_the_first_number_that_reaches_its_level)
{
    static const double means[] = { 0.01, 1, 7.5, 400, 1e6 };
    static const double levels[] = { 0.001, 0.2, 0.5, 0.99, 0.99999 };
    for (int kind = VN_DIST_NEGBIN; kind <= VN_DIST_POISSON; kind++)
        for (int i = 0; i < 25; i++) {
            double p[] = { means[i % 5], 2.5 }, q = levels[i / 5], y;
            vn_dist_step d = { kind, 0, p };
            vn_dist_quantiles(&d, &q, 1, &y);
            ck_assert(y >= 0 && y == floor(y));
            ck_assert(vn_dist_below(&d, y) >= q && (y == 0 || vn_dist_below(&d, y - 1) < q));
        }
}
END_TEST

/* Where doubles are further than 1 apart the search ends all the same. */
START_TEST(a_quantile_of_counts_beyond_whole_doubles_is_found)
{
    static const double means[] = { 1e15, 3e17, 1e38 }, levels[] = { 0.01, 0.5, 0.9 };
    for (int i = 0; i < 9; i++) {
        double p[] = { means[i % 3], 2.5 }, q = levels[i / 3], y;
        vn_dist_step d = { VN_DIST_NEGBIN, 0, p };
        vn_dist_quantiles(&d, &q, 1, &y);
        ck_assert_double_eq_tol(vn_dist_below(&d, y), q, 1e-9);
        d.kind = VN_DIST_POISSON; /* of deviation sqrt(mean), which is less than a float can tell */
        vn_dist_quantiles(&d, &q, 1, &y);
        ck_assert_double_eq_tol(y / means[i % 3], 1, 1e-6);
    }
}
END_TEST

START_TEST(a_quantile_of_a_mixture_inverts_its_distribution)
{
    /* two normals far apart, the lesser one with a weight of 0.3 */
    const double normal[] = { -5, 5, 1, 0.5, 0.3, 0.7 };
    const double counts[] = { 2, 300, 0.4, 0.6 };
    static const double q[] = { 0.01, 0.1, 0.3, 0.31, 0.5, 0.9, 0.999 };
    double y[7];
    vn_dist_step d = { VN_DIST_NORMAL, 2, normal };
    vn_dist_quantiles(&d, q, 7, y);
    for (int i = 0; i < 7; i++) ck_assert_double_eq_tol(vn_dist_below(&d, y[i]), q[i], 1e-9);
    ck_assert_double_eq_tol(vn_dist_mean(&d), 2, 1e-12);
    d = (vn_dist_step){ VN_DIST_POISSON, 2, counts };
    vn_dist_quantiles(&d, q, 7, y);
    for (int i = 0; i < 7; i++)
        ck_assert(vn_dist_below(&d, y[i]) >= q[i] &&
                  (y[i] == 0 || vn_dist_below(&d, y[i] - 1) < q[i]));
}
END_TEST

START_TEST(a_parameter_that_is_no_number_gives_no_quantile)
{
    const double p[] = { 1, NAN, 4 };
    double q = 0.1, y = 0;
    for (int64_t kind = 0; kind < VN_DIST_POISSON; kind++) {
        vn_dist_step d = { kind, 0, p };
        vn_dist_quantiles(&d, &q, 1, &y);
        ck_assert(isnan(y));
    }
}
END_TEST

Suite *vn_suite_dist(void)
{
    Suite *s = suite_create("dist");
    TCase *tc = tcase_create("functions");
    tcase_add_test(tc, gamma_functions_are_right_in_float_and_double);
    tcase_add_test(tc, differences_of_lgamma_keep_their_digits);
    tcase_add_test(tc, the_normal_quantile_inverts_its_distribution);
    tcase_add_test(tc, a_quantile_of_counts_beyond_whole_doubles_is_found);
    tcase_add_test(tc, quantiles_are_scipys);
    tcase_add_test(tc, a_quantile_of_counts_is_the_first_number_that_reaches_its_level);
    tcase_add_test(tc, a_quantile_of_a_mixture_inverts_its_distribution);
    tcase_add_test(tc, a_parameter_that_is_no_number_gives_no_quantile);
    suite_add_tcase(s, tc);
    return s;
}

/* The statistics that decide whether something became slower, against known values. */
#include <check.h>
#include <math.h>

#include "base/fault.h"
#include "base/philox.h"
#include "host/bench/stats.h"

Suite *vn_suite_bench_stats(void);

static double p_of(const double *a, int64_t n, const double *b, int64_t m)
{
    double p = -1;
    ck_assert_int_eq(vn_mann_whitney(a, n, b, m, &p), 0);
    return p;
}

/* Exact two-sided values; each also by hand: 2 / C(n + m, n) times the orders with a U that small.
 */
START_TEST(exact_p_of_small_samples_is_known)
{
    const double one[] = { 1 }, two[] = { 2 };
    ck_assert_double_eq_tol(p_of(one, 1, two, 1), 1, 1e-15);
    const double low3[] = { 1, 2, 3 }, high3[] = { 4, 5, 6 };
    ck_assert_double_eq_tol(p_of(low3, 3, high3, 3), 2.0 / 20, 1e-15);
    ck_assert_double_eq_tol(p_of(high3, 3, low3, 3), 2.0 / 20, 1e-15);
    const double low5[] = { 1, 2, 3, 4, 5 }, high5[] = { 6, 7, 8, 9, 10 };
    ck_assert_double_eq_tol(p_of(low5, 5, high5, 5), 2.0 / 252, 1e-15);
    const double swapped[] = { 5, 7, 8, 9, 10 }, rest[] = { 1, 2, 3, 4, 6 }; /* U = 1: 2 orders */
    ck_assert_double_eq_tol(p_of(rest, 5, swapped, 5), 4.0 / 252, 1e-15);
    const double a[] = { 1, 4, 6, 7 }, b[] = { 2, 3, 5, 8, 9 }; /* U = 8: 46 of 126 orders */
    ck_assert_double_eq_tol(p_of(a, 4, b, 5), 2 * 46.0 / 126, 1e-15);
}
END_TEST

/* scipy.stats.mannwhitneyu(method="asymptotic"), 1.17; the second with ties. */
START_TEST(large_samples_and_ties_are_approximated)
{
    double a[30], b[30];
    for (int i = 0; i < 30; i++) a[i] = i, b[i] = i + 5.5;
    ck_assert_double_eq_tol(p_of(a, 30, b, 30), 0.027086318388295935, 1e-12);
    const double x[] = { 1, 2, 2, 3, 3, 3, 4 }, y[] = { 2, 3, 4, 4, 5, 5, 6 };
    ck_assert_double_eq_tol(p_of(x, 7, y, 7), 0.043051432728945134, 1e-12);
}
END_TEST

START_TEST(samples_without_a_difference_have_none)
{
    const double same[] = { 3, 3, 3, 3, 3 };
    ck_assert_double_eq(p_of(same, 5, same, 5), 1);
    ck_assert_double_eq(p_of(same, 0, same, 5), 1);
    const double a[] = { 1, 4, 5, 8 }, b[] = { 2, 3, 6, 7 };
    ck_assert_double_eq_tol(p_of(a, 4, b, 4), 1, 1e-12);
}
END_TEST

/* Where nothing differs, p < 0.05 comes up about 5 times in 100: never far more. */
START_TEST(p_is_small_as_often_as_it_says)
{
    int small = 0;
    enum { TRIES = 2000, N = 10 };
    for (uint64_t t = 0; t < TRIES; t++) {
        double x[2 * N];
        for (uint64_t i = 0; i < 2 * N; i++) x[i] = (double)vn_uniform24(vn_random4(7, t, i).v[0]);
        small += p_of(x, N, x + N, N) < 0.05;
    }
    ck_assert_int_gt(small, TRIES / 30);
    ck_assert_int_lt(small, TRIES / 17);
}
END_TEST

START_TEST(medians_lie_in_the_middle)
{
    double x[] = { 5, 1, 4, 2 };
    vn_sort(x, 4);
    ck_assert_double_eq(x[0], 1);
    ck_assert_double_eq(x[3], 5);
    ck_assert_double_eq(vn_median_sorted(x, 4), 3);
    ck_assert_double_eq(vn_median_sorted(x, 3), 2);
    ck_assert_double_eq(vn_median_sorted(x, 1), 1);
}
END_TEST

START_TEST(the_bootstrap_holds_the_ratio_of_medians)
{
    double a[20], b[20];
    vn_interval ci, again;
    for (int i = 0; i < 20; i++) {
        a[i] = 100 + (double)vn_uniform24(vn_random4(1, 0, (uint64_t)i).v[0]);
        b[i] = 1.1 * (100 + (double)vn_uniform24(vn_random4(1, 1, (uint64_t)i).v[0]));
    }
    ck_assert_int_eq(vn_bootstrap_ratio(a, 20, b, 20, &ci), 0);
    ck_assert_double_lt(ci.lo, ci.hi);
    ck_assert_double_gt(ci.lo, 1.09);
    ck_assert_double_lt(ci.hi, 1.11);
    ck_assert(ci.lo < 1.1 && 1.1 < ci.hi);
    ck_assert_int_eq(vn_bootstrap_ratio(a, 20, b, 20, &again), 0);
    ck_assert_double_eq(ci.lo, again.lo);
    ck_assert_double_eq(ci.hi, again.hi);
    const double one[] = { 2 }, other[] = { 3 };
    ck_assert_int_eq(vn_bootstrap_ratio(one, 1, other, 1, &ci), 0);
    ck_assert_double_eq(ci.lo, 1.5);
    ck_assert_double_eq(ci.hi, 1.5);
}
END_TEST

/* 95 % intervals of samples of 15 from one distribution hold the true ratio, 1, nearly so often. */
START_TEST(intervals_cover_the_truth_about_as_often_as_they_say)
{
    int inside = 0;
    enum { TRIES = 200, N = 15 };
    for (uint64_t t = 0; t < TRIES; t++) {
        double x[2 * N];
        vn_interval ci;
        for (uint64_t i = 0; i < 2 * N; i++)
            x[i] = 10 + (double)vn_uniform24(vn_random4(8, t, i).v[0]);
        ck_assert_int_eq(vn_bootstrap_ratio(x, N, x + N, N, &ci), 0);
        inside += ci.lo <= 1 && 1 <= ci.hi;
    }
    ck_assert_int_gt(inside, TRIES * 88 / 100);
}
END_TEST

START_TEST(no_memory_is_a_status)
{
    const double a[] = { 1, 2, 3 }, b[] = { 4, 5, 6 };
    double p;
    vn_interval ci;
    for (int64_t n = 1; n <= 2; n++) {
        vn_fault_arm(VN_FAULT_ALLOC, n);
        ck_assert_int_eq(vn_mann_whitney(a, 3, b, 3, &p), VN_E_MEMORY);
    }
    vn_fault_arm(VN_FAULT_ALLOC, 1);
    ck_assert_int_eq(vn_bootstrap_ratio(a, 3, b, 3, &ci), VN_E_MEMORY);
    vn_fault_arm(VN_FAULT_ALLOC, 0);
}
END_TEST

Suite *vn_suite_bench_stats(void)
{
    Suite *suite = suite_create("bench_stats");
    TCase *tests = tcase_create("bench_stats");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, exact_p_of_small_samples_is_known);
    tcase_add_test(tests, large_samples_and_ties_are_approximated);
    tcase_add_test(tests, samples_without_a_difference_have_none);
    tcase_add_test(tests, p_is_small_as_often_as_it_says);
    tcase_add_test(tests, medians_lie_in_the_middle);
    tcase_add_test(tests, the_bootstrap_holds_the_ratio_of_medians);
    tcase_add_test(tests, intervals_cover_the_truth_about_as_often_as_they_say);
    tcase_add_test(tests, no_memory_is_a_status);
    suite_add_tcase(suite, tests);
    return suite;
}

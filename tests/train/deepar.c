/* DeepAR: its lags by the frequency, its paths, and what it refuses. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "models/lags.h"
#include "tests/train/lab.h"

Suite *vn_suite_deepar(void);

enum { H = 4, N = 23, PATHS = 40 };

typedef struct lags_case {
    vn_pace pace;
    int64_t n, eighth, last; /* how many, the first beyond the newest seven, the largest */
} lags_case;

/* gluonts.time_feature.get_lags_for_frequency of h, D, B, W-SUN, M, Q, 15min, 12h, A; a season of
 * 24 steps without a calendar. */
static const lags_case paces[] = {
    { { .seconds = 3600 }, 40, 23, 721 },  { { .seconds = 86400 }, 30, 8, 1093 },
    { { .seconds = 604800 }, 18, 8, 157 }, { { .months = 1 }, 16, 11, 37 },
    { { .months = 3 }, 12, 8, 13 },        { { .months = 12 }, 7, 0, 7 },
    { { .seconds = 900 }, 35, 8, 673 },    { { .season = 24 }, 28, 23, 169 },
};

START_TEST(lags_follow_the_length_of_a_step)
{
    int64_t lag[VN_LAGS_MAX], n = vn_lags_of(&paces[_i].pace, 1200, lag);
    ck_assert_int_eq(n, paces[_i].n);
    ck_assert_int_eq(lag[n - 1], paces[_i].last);
    if (n > 7) ck_assert_int_eq(lag[7], paces[_i].eighth);
    for (int64_t i = 1; i < n; i++) ck_assert_int_lt(lag[i - 1], lag[i]);
}
END_TEST

static const vn_setting small[] = { { "input_size", "0" },  { "lags", "[1, 2, 11, 12]" },
                                    { "hidden_size", "9" }, { "num_samples", "40" },
                                    { "max_steps", "200" }, { "learning_rate", "0.01" },
                                    { NULL, NULL } };

static void forecast(const vn_lab *lab, const vn_fitted *m, int64_t batch, float *out)
{
    vn_predictor *p;
    int32_t pairs[2 * N];
    for (int i = 0; i < N; i++) {
        pairs[2 * i] = i % 3;
        pairs[2 * i + 1] = 1 + 5 * i;
    }
    ck_assert_msg(!vn_predictor_open(m, lab->dev, batch, &p), "%s", vn_last_message());
    ck_assert_msg(!vn_predictor_run(p, lab->panel, pairs, N, out), "%s", vn_last_message());
    vn_predictor_close(p);
}

START_TEST(paths_do_not_depend_on_batch_or_threads)
{
    vn_lab lab, other;
    static float all[N * H * PATHS], some[N * H * PATHS];
    vn_lab_open(&lab, "deepar", 1, small);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    ck_assert_int_eq(lab.m->train.input_size, 3 + 12);
    vn_lab_open(&other, "deepar", 2, small);
    forecast(&lab, lab.m, 0, all);
    forecast(&other, lab.m, 0, some);
    ck_assert_mem_eq(all, some, sizeof all);
    forecast(&lab, lab.m, 7, some);
    for (int i = 0; i < N * H * PATHS; i++)
        ck_assert_float_eq_tol(some[i], all[i], 1e-3f * fabsf(all[i]));
    vn_lab_close(&other);
    vn_lab_close(&lab);
}
END_TEST

/* The sines are 10 +- 5: paths from the middle of the series must follow them and differ. */
START_TEST(paths_follow_the_series)
{
    vn_lab lab;
    static float path[N * H * PATHS];
    double error = 0, spread = 0;
    vn_lab_open(&lab, "deepar", 2, small);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    forecast(&lab, lab.m, 0, path);
    for (int i = 5; i < N - 1; i++)
        for (int k = 0; k < H; k++) {
            const float *v = path + (i * H + k) * PATHS;
            double mean = 0;
            for (int j = 0; j < PATHS; j++) mean += (double)v[j] / PATHS;
            error += fabs(mean - (double)lab.panel->y[lab.panel->indptr[i % 3] + 1 + 5 * i + k]);
            spread += fabs((double)(v[0] - v[1]));
        }
    ck_assert_double_lt(error / ((N - 6) * H), 1.5);
    ck_assert_double_gt(spread, 0);
    vn_lab_close(&lab);
}
END_TEST

START_TEST(what_cannot_be_drawn_is_refused)
{
    static const struct {
        vn_setting settings[3];
        const char *words;
    } bad[] = {
        { { { "lags", "[1, 2]" }, { "loss", "mae" } }, "draws from a distribution" },
        { { { "lags", "[1, 2]" }, { "scaler_type", "revin" } }, "scaler" },
        { { { "lags", "[2, 1]" } }, "not ascending: 1 follows 2" },
        { { { "lags", "[12]" } }, "input_size 12 is too short" },
        { { { "lags", "[1, 2]" }, { "valid_loss", "mae" } }, "valid_loss do not apply" },
    };
    vn_lab lab;
    vn_lab_open(&lab, "deepar", 1, bad[_i].settings);
    ck_assert_int_ne(vn_lab_fit(&lab, NULL), VN_OK);
    ck_assert_msg(strstr(vn_last_message(), bad[_i].words) != NULL, "%s", vn_last_message());
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_deepar(void)
{
    Suite *s = suite_create("deepar");
    TCase *tc = tcase_create("deepar");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, lags_follow_the_length_of_a_step, 0,
                        (int)(sizeof paces / sizeof *paces));
    tcase_add_test(tc, paths_do_not_depend_on_batch_or_threads);
    tcase_add_test(tc, paths_follow_the_series);
    tcase_add_loop_test(tc, what_cannot_be_drawn_is_refused, 0, 5);
    suite_add_tcase(s, tc);
    return s;
}

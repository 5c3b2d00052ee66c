/* DeepAR: its lags by the frequency, its paths, and what it refuses. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "device/draw.h"
#include "models/lags.h"
#include "tests/model_kit.h"
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

/* ---- paths against the model that was trained ---- */

enum { KB = 3, KL = 14, KH = 6, KN = 37 };

/* A model of every input but categories: predicting steps from those before, or drawing KN paths
 * with the other's weights. */
static void open_kit(vn_kit_config c, vn_kit *kit)
{
    c.model = vn_model_find("deepar");
    c.B = KB;
    c.L = KL;
    c.H = KH;
    c.X = c.F = 2;
    c.S = 1;
    ck_assert_msg(vn_kit_open(&c, kit) == VN_OK, "%s", vn_last_message());
    float y[KB * KL], mask[KB * KL];
    for (int i = 0; i < KB * KL; i++) {
        y[i] = 20 + 10 * (float)sin(i);
        mask[i] = i % KL >= i / KL && i % 11 != 7;
    }
    vn_kit_feed_random(kit, 3);
    vn_kit_feed(kit, kit->y, y);
    vn_kit_feed(kit, kit->mask, mask);
    int32_t *pairs = kit->pairs ? vn_plan_feed(kit->plan, kit->pairs) : NULL;
    for (int i = 0; pairs && i < 2 * KB; i++) pairs[i] = 100 + 7 * i;
}

/* What is drawn at step t of path n of window b from parameters the model predicts. */
static double drawn(const vn_kit *kit, int64_t b, int64_t n, int64_t t)
{
    int64_t P = kit->c.P, steps = vn_kit_size(kit, kit->param) / (KB * P);
    uint64_t key = 1 ^ (uint64_t)(int64_t)vn_stream_of("paths"); /* the kit's seed is 1 */
    vn_draw_at at = { (uint32_t)key, (uint32_t)(key >> 32),
                      { { (uint32_t)n, (uint32_t)t, (uint32_t)(100 + 14 * b),
                          (uint32_t)(107 + 14 * b) } } };
    vn_attr_dist dist = { .kind = kit->c.dist };
    double param[4];
    float narrow[4];
    for (int64_t j = 0; j < P; j++)
        narrow[j] = (float)(param[j] = vn_kit_read(
                                kit, kit->param, (b * steps + steps - KH + t) * P + j));
    return kit->c.real == VN_F64 ? vn_draw_f64(&dist, P, param, &at)
                                 : (double)vn_draw_f32(&dist, P, narrow, &at);
}

static const struct {
    vn_dtype real;
    vn_dist dist;
    double near;
} path_cases[] = { { VN_F32, VN_DIST_STUDENTT, 2e-6 }, { VN_F64, VN_DIST_STUDENTT, 2e-8 },
                   { VN_F32, VN_DIST_NORMAL, 2e-6 },   { VN_F32, VN_DIST_POISSON, 0 },
                   { VN_F32, VN_DIST_NEGBIN, 0 },      { VN_F32, VN_DIST_LAPLACE, 2e-6 } };

static const char *const path_levels[] = { "generic", "avx2", "avx512", "neon" };
enum { N_LEVELS = sizeof path_levels / sizeof *path_levels };

static bool machine_has(const char *level)
{
    vn_device *dev = NULL;
    vn_status st = vn_device_open("cpu", 0, &(vn_device_config){ 1, level }, &dev);
    if (!st) vn_device_close(dev);
    return !st;
}

/* Given a path as the truth, the model that predicts each step from those before must predict at
 * every step the distribution that the path's value there was drawn from: states, lags, features
 * and scale are then the same on both ways. */
START_TEST(a_path_is_drawn_from_what_the_model_predicts_along_it)
{
    const vn_model_def *def = vn_model_find("deepar");
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_int_eq(vn_options_preset(def->options, hp), VN_OK);
    static const char *const set[][2] = { { "lags", "[1, 2, 5, 7]" }, { "hidden_size", "9" } };
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(vn_option_set(vn_option_find(def->options, set[i][0]), hp, set[i][1]),
                         VN_OK);
    int at = _i / N_LEVELS;
    vn_kit model, paths;
    vn_kit_config c = { .hparams = hp, .real = path_cases[at].real, .dist = path_cases[at].dist,
                        .level = path_levels[_i % N_LEVELS] };
    if (!machine_has(c.level)) {
        vn_free(hp);
        return;
    }
    open_kit(c, &model);
    c.paths = KN;
    c.params = model.params;
    open_kit(c, &paths);
    ck_assert_msg(vn_kit_run(&paths) == VN_OK, "%s", vn_last_message());
    double worst = 0, spread = 0;
    for (int64_t n = 0; n < KN; n++) {
        float truth[KB * KH];
        for (int64_t i = 0; i < KB * KH; i++)
            truth[i] = (float)vn_kit_read(&paths, paths.yhat, i * KN + n);
        vn_kit_feed(&model, model.target, truth);
        ck_assert_msg(vn_kit_run(&model) == VN_OK, "%s", vn_last_message());
        for (int64_t i = 0; i < KB * KH; i++) {
            double want = drawn(&model, i / KH, n, i % KH), got = vn_kit_read(&paths, paths.yhat,
                                                                              i * KN + n);
            worst = fmax(worst, fabs(got - want) / (20 + fabs(want)));
            spread += fabs(want - truth[i / KH * KH]) / KN;
        }
    }
    if (getenv("VANE_TEST_FIGURES")) printf("paths of case %d, %s, differ by %.2g\n", at, c.level, worst);
    ck_assert_msg(worst <= path_cases[at].near, "paths differ by %g", worst);
    ck_assert_double_gt(spread, 0);
    vn_kit_close(&paths);
    vn_kit_close(&model);
    vn_free(hp);
}
END_TEST

START_TEST(what_cannot_be_drawn_is_refused)
{
    static const struct {
        vn_setting settings[4];
        const char *words;
    } bad[] = {
        { { { "lags", "[1, 2]" }, { "loss", "mae" } }, "draws from a distribution" },
        { { { "lags", "[1, 2]" }, { "scaler_type", "revin" } }, "scaler" },
        { { { "lags", "[2, 1]" } }, "not ascending: 1 follows 2" },
        { { { "lags", "[12]" } }, "input_size 12 is too short" },
        { { { "lags", "[1, 2]" }, { "valid_loss", "mae" } }, "valid_loss do not apply" },
        { { { "dist_compat", "nixtla" }, { "scaler_type", "standard" }, { "lags", "[1, 2]" } },
          "dist_compat does not apply" },
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
    tcase_add_loop_test(tc, a_path_is_drawn_from_what_the_model_predicts_along_it, 0,
                        N_LEVELS * (int)(sizeof path_cases / sizeof *path_cases));
    tcase_add_loop_test(tc, what_cannot_be_drawn_is_refused, 0, 6);
    suite_add_tcase(s, tc);
    return s;
}

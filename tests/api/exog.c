/* Exogenous inputs on every model: each kind reaches the forecast and the gradient, and a feature
 * that decides the target is learnt. Covers whatever models.def lists. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/philox.h"
#include "host/api/internal.h"
#include "tests/model_kit.h"

Suite *vn_suite_exog(void);

/* Models without a graph take features their own way (tests/prophet). */
static bool has_graph(int i)
{
    return vn_models()[i]->build != NULL;
}

static int n_models(void)
{
    int n = 0;
    while (vn_models()[n]) n++;
    return n;
}

/* ---- the model alone ---- */

static double sum_of(const vn_kit *kit, vn_val v)
{
    double sum = 0;
    for (int64_t i = 0; i < vn_kit_size(kit, v); i++) sum += fabs(vn_kit_read(kit, v, i));
    return sum;
}

START_TEST(every_kind_reaches_the_forecast_and_the_gradient)
{
    static const char *const kinds[] = { "hist", "futr", "stat" };
    if (!has_graph(_i)) return;
    const vn_model_def *def = vn_models()[_i];
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_int_eq(vn_options_preset(def->options, hp), VN_OK);
    vn_kit kit;
    vn_status st = vn_kit_open(&(vn_kit_config){ .model = def,
                                                 .hparams = hp,
                                                 .B = 3,
                                                 .L = 24,
                                                 .H = 6,
                                                 .X = 2,
                                                 .F = 2,
                                                 .S = 2,
                                                 .real = VN_F32,
                                                 .loss = VN_LOSS_MSE,
                                                 .mode = VN_KIT_GRADIENT,
                                                 .wrt = true },
                               &kit);
    ck_assert_msg(!st, "%s: %s", def->name, vn_last_message());
    vn_val input[] = { kit.hist, kit.futr, kit.stat };
    for (int k = 0; k < 3; k++) {
        float other[3 * 30 * 2];
        for (int i = 0; i < 3 * 30 * 2; i++) other[i] = i % 2 ? 0.7f : -0.4f;
        vn_kit_feed_random(&kit, 5);
        ck_assert_int_eq(vn_kit_run(&kit), VN_OK);
        ck_assert_msg(kit.d_exog[k] && sum_of(&kit, kit.d_exog[k]) > 0,
                      "%s: no gradient reaches %s", def->name, kinds[k]);
        double before = sum_of(&kit, kit.yhat);
        vn_kit_feed(&kit, input[k], other);
        ck_assert_int_eq(vn_kit_run(&kit), VN_OK);
        double after = sum_of(&kit, kit.yhat);
        ck_assert_msg(fabs(after - before) > 1e-6, "%s: %s does not change the forecast", def->name,
                      kinds[k]);
    }
    vn_kit_close(&kit);
    vn_free(hp);
}
END_TEST

/* ---- from texts and stamps ---- */

enum { N = 4, T = 160, H = 2, ROWS = N * (T + H) };

/* Daily series with a row of every kind; the last H rows of each are to be forecast. */
typedef struct shop {
    float y[ROWS], price[ROWS];
    const char *promo[ROWS], *region[N], *weather[ROWS];
} shop;

static const char *const promos[] = { "none", "half", "double", "moon" };

static int pick(int row, int n)
{
    return (int)(vn_random4(7, 11, (uint64_t)row).v[0] % (uint32_t)n);
}

/* What decides the target is a feature of the same row: nothing in the past tells it. */
static shop *make_shop(const char *what)
{
    shop *s = calloc(1, sizeof *s);
    for (int row = 0; row < ROWS; row++) {
        int t = row % (T + H), p = pick(row, 3);
        double noise = 0.1 * pick(row + ROWS, 10);
        s->promo[row] = promos[p];
        s->weather[row] = pick(row + 3 * ROWS, 2) ? "rain" : "sun";
        s->price[row] = (float)pick(row + 2 * ROWS, 5);
        double cause = !strcmp(what, "promo")   ? (double[]){ 4, 0, 8 }[p]
                       : !strcmp(what, "price") ? 2 * (double)s->price[row]
                                                : 8 * (t % 7 == 3);
        s->y[row] = t < T ? (float)(10 + cause + noise) : NAN;
    }
    for (int i = 0; i < N; i++) s->region[i] = i % 2 ? "north" : "south";
    return s;
}

static vane_dataset *dataset_of(const shop *s, bool features)
{
    static const char *const id[] = { "a", "b", "c", "d" };
    static const char *const price = "price", *const promo = "promo", *const region = "region";
    static const char *const weather = "weather";
    int64_t indptr[N + 1] = { 0 };
    for (int i = 0; i < N; i++) indptr[i + 1] = indptr[i] + T + H;
    vane_arrays a = {
        .size = sizeof a, .n_series = N, .id = id, .indptr = indptr, .y = s->y, .freq = "D"
    };
    if (features) {
        a.n_futr = a.n_cat = a.n_stat_cat = a.n_hist_cat = 1;
        a.hist_cat_name = &weather;
        a.hist_cat = s->weather;
        a.futr_name = &price;
        a.futr = s->price;
        a.cat_name = &promo;
        a.cat = s->promo;
        a.stat_cat_name = &region;
        a.stat_cat = s->region;
    }
    vane_dataset *d;
    ck_assert_msg(!vane_dataset_make(&a, &d), "%s", vane_last_error());
    return d;
}

static void set(vane_config *c, const char *name, const char *value)
{
    ck_assert_msg(!vane_config_set(c, VANE_FLAG, NULL, name, value), "%s", vane_last_error());
}

static vane_config *config_of(const char *model, const char *steps, const char *calendar)
{
    vane_config *c;
    ck_assert_int_eq(vane_config_open(&c), VANE_OK);
    set(c, "model", model);
    set(c, "h", "2");
    set(c, "input_size", "3");
    set(c, "max_steps", steps);
    set(c, "windows_batch_size", "32");
    set(c, "threads", "1");
    set(c, "calendar", calendar);
    return c;
}

static vane_model *train(const vane_config *c, const vane_dataset *d)
{
    vane_model *m;
    ck_assert_msg(!vane_train(c, d, NULL, NULL, &m, NULL), "%s", vane_last_error());
    return m;
}

static void forecast(const vane_config *c, const vane_model *m, const shop *s, bool features,
                     float out[N * H])
{
    vane_dataset *d = dataset_of(s, features);
    vane_forecast *f;
    ck_assert_msg(!vane_forecast_make(c, m, d, NULL, NULL, &f), "%s", vane_last_error());
    memcpy(out, vane_forecast_values(f), N * H * sizeof *out);
    vane_forecast_close(f);
    vane_dataset_close(d);
}

static bool same(const float *a, const float *b)
{
    return !memcmp(a, b, N * H * sizeof *a);
}

static const float *param_of(const vane_model *m, const char *name, int64_t *n)
{
    const vn_params *p = m->fitted->params;
    int k = vn_params_find(p, name);
    ck_assert_msg(k >= 0, "no parameter %s", name);
    *n = vn_count(&p->entry[k].t);
    return p->block + p->entry[k].offset;
}

/* Options that keep a large default model and its window small, where the model has them. */
static void shrink(vane_config *c, const char *model)
{
    const vn_model_def *def = vn_model_find(model);
    if (vn_option_find(def->options, "mlp_units")) set(c, "mlp_units", "[32, 32]");
    if (vn_option_find(def->options, "n_pool_kernel_size"))
        set(c, "n_pool_kernel_size", "[1, 1, 1]");
    if (vn_option_find(def->options, "lags")) set(c, "lags", "[1, 2]");
}

START_TEST(categories_and_calendar_reach_every_model)
{
    const char *model = vn_models()[_i]->name;
    char path[64];
    if (!has_graph(_i)) return;
    snprintf(path, sizeof path, "/tmp/vane_exog_%ld.vane", (long)getpid());
    shop *s = make_shop("promo");
    vane_dataset *d = dataset_of(s, true);
    vane_config *c = config_of(model, "1", "weekday");
    shrink(c, model);
    vane_model *one = train(c, d), *m, *loaded;
    set(c, "max_steps", "4");
    m = train(c, d);
    static const char *const tables[] = { "embedding.futr0", "embedding.stat0", "embedding.hist0" };
    for (int k = 0; k < 3; k++) {
        int64_t n;
        const float *a = param_of(one, tables[k], &n), *b = param_of(m, tables[k], &n);
        ck_assert_msg(memcmp(a, b, (size_t)n * sizeof *a), "%s: %s does not learn", model,
                      tables[k]);
    }
    float first[N * H], again[N * H];
    forecast(c, m, s, true, first);
    ck_assert_msg(!vane_model_save(m, path), "%s", vane_last_error());
    ck_assert_msg(!vane_model_load(path, &loaded), "%s", vane_last_error());
    forecast(c, loaded, s, true, again);
    ck_assert_msg(same(first, again), "%s: the file changes the forecast", model);
    for (int i = 0; i < ROWS; i++)
        if (i % (T + H) >= T) s->promo[i] = s->promo[i] == promos[0] ? promos[1] : promos[0];
    forecast(c, loaded, s, true, again);
    ck_assert_msg(!same(first, again), "%s ignores the category", model);
    memcpy(first, again, sizeof first);
    for (int i = 0; i < N; i++) s->region[i] = i % 2 ? "south" : "north";
    forecast(c, loaded, s, true, again);
    ck_assert_msg(!same(first, again), "%s ignores the static category", model);
    memcpy(first, again, sizeof first);
    for (int i = 0; i < ROWS; i++) s->weather[i] = strcmp(s->weather[i], "sun") ? "sun" : "rain";
    forecast(c, loaded, s, true, again);
    ck_assert_msg(!same(first, again), "%s ignores the past category", model);
    unlink(path);
    vane_model_close(one);
    vane_model_close(m);
    vane_model_close(loaded);
    vane_config_close(c);
    vane_dataset_close(d);
    free(s);
}
END_TEST

static double mae_of(const char *what, bool features, const char *calendar)
{
    shop *s = make_shop(what);
    vane_dataset *d = dataset_of(s, features);
    vane_config *c = config_of("nhits", "600", calendar);
    shrink(c, "nhits");
    set(c, "learning_rate", "0.01");
    set(c, "test_size", "30");
    set(c, "scaler_type", "identity");
    vane_model *m = train(c, d);
    const vane_model *models[] = { m };
    vane_report *r;
    ck_assert_msg(!vane_evaluate(c, d, models, 1, NULL, &r), "%s", vane_last_error());
    double mae = r->evaluation.row[r->evaluation.n_rows - 1].score.value[VN_METRIC_MAE];
    vane_report_close(r);
    vane_model_close(m);
    vane_config_close(c);
    vane_dataset_close(d);
    free(s);
    return mae;
}

START_TEST(a_feature_that_decides_the_target_is_learnt)
{
    static const struct {
        const char *what, *calendar;
        bool features;
    } cases[] = { { "promo", "none", true },
                  { "price", "none", true },
                  { "week", "weekday", false } };
    double without = mae_of(cases[_i].what, false, "none");
    double with = mae_of(cases[_i].what, cases[_i].features, cases[_i].calendar);
    if (getenv("VANE_TEST_FIGURES"))
        printf("%s: MAE %g, %g without\n", cases[_i].what, with, without);
    ck_assert_msg(with < 0.4 * without, "%s: MAE %g, %g without", cases[_i].what, with, without);
}
END_TEST

/* A text of the test rows alone, or of new data, has the mean of the embeddings. */
START_TEST(a_text_unseen_in_training_is_the_mean_of_those_seen)
{
    shop *s = make_shop("promo");
    s->promo[T - 1] = "moon";
    vane_dataset *d = dataset_of(s, true);
    vane_config *c = config_of("linear", "3", "none");
    set(c, "test_size", "5");
    vane_model *m = train(c, d);
    ck_assert_int_eq(vane_model_code(m, "promo", "moon"), 0);
    ck_assert_int_eq(vane_model_code(m, "region", "north"), 2);
    ck_assert_int_eq(vane_model_code(m, "weather", "hail"), 0);
    ck_assert_int_eq(vane_model_code(m, "price", "1"), -1);
    int64_t n;
    float *rows = (float *)(uintptr_t)param_of(m, "embedding.futr0", &n), moon[N * H], mean[N * H];
    for (int i = 0; i < ROWS; i++) s->promo[i] = "moon";
    forecast(c, m, s, true, moon);
    int64_t dim =
        n / 3; /* every row becomes the mean: any known text must then forecast the same */
    for (int64_t e = 0; e < dim; e++) {
        float all = (rows[e] + rows[dim + e] + rows[2 * dim + e]) / 3;
        rows[e] = rows[dim + e] = rows[2 * dim + e] = all;
    }
    m->fitted->params->version++;
    for (int i = 0; i < ROWS; i++) s->promo[i] = promos[i % 3];
    forecast(c, m, s, true, mean);
    for (int i = 0; i < N * H; i++) ck_assert_float_eq_tol(moon[i], mean[i], 1e-4f);
    vane_model_close(m);
    vane_config_close(c);
    vane_dataset_close(d);
    free(s);
}
END_TEST

START_TEST(training_goes_on_with_the_vocabulary_it_began_with)
{
    shop *s = make_shop("promo");
    vane_config *c = config_of("linear", "3", "none");
    vane_dataset *d = dataset_of(s, true);
    vane_model *m = train(c, d), *next;
    for (int i = 0; i < ROWS; i++) s->promo[i] = promos[i % 2]; /* "double" no longer comes */
    vane_dataset *later = dataset_of(s, true);
    ck_assert_msg(!vane_train(c, later, NULL, m, &next, NULL), "%s", vane_last_error());
    for (int k = 0; k < 3; k++)
        ck_assert_int_eq(vane_model_code(next, "promo", promos[k]),
                         vane_model_code(m, "promo", promos[k]));
    vane_model_close(next);
    vane_model_close(m);
    vane_dataset_close(later);
    vane_dataset_close(d);
    vane_config_close(c);
    free(s);
}
END_TEST

START_TEST(what_is_missing_is_named_at_once)
{
    shop *s = make_shop("promo");
    vane_dataset *d = dataset_of(s, true), *plain = dataset_of(s, false);
    vane_config *c = config_of("linear", "1", "weekday");
    vane_model *m = train(c, d);
    vane_forecast *f;
    ck_assert_int_eq(vane_forecast_make(c, m, plain, NULL, NULL, &f), VANE_E_DATA);
    ck_assert_msg(strstr(vane_last_error(), "the historic categorical feature \"weather\", the "
                                            "future feature \"price\", the future categorical "
                                            "feature \"promo\", the static categorical feature "
                                            "\"region\", which the data lack"),
                  "%s", vane_last_error());
    d->panel->n_past[2] += 1; /* one row less is to come */
    ck_assert_int_eq(vane_forecast_make(c, m, d, NULL, NULL, &f), VANE_E_DATA);
    ck_assert_msg(strstr(vane_last_error(), "futr_exog 'price', cat_exog 'promo' for 2 steps after "
                                            "the end of series 'c'; there are future values for 1"),
                  "%s", vane_last_error());
    vane_model_close(m);
    vane_config_close(c);
    vane_dataset_close(plain);
    vane_dataset_close(d);
    free(s);
}
END_TEST

Suite *vn_suite_exog(void)
{
    Suite *s = suite_create("exog");
    TCase *tc = tcase_create("exog");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, every_kind_reaches_the_forecast_and_the_gradient, 0, n_models());
    tcase_add_loop_test(tc, categories_and_calendar_reach_every_model, 0, n_models());
    tcase_add_loop_test(tc, a_feature_that_decides_the_target_is_learnt, 0, 3);
    tcase_add_test(tc, a_text_unseen_in_training_is_the_mean_of_those_seen);
    tcase_add_test(tc, training_goes_on_with_the_vocabulary_it_began_with);
    tcase_add_test(tc, what_is_missing_is_named_at_once);
    suite_add_tcase(s, tc);
    return s;
}

/* Prophet as a model: components, intervals, files, any number of threads, and what it refuses. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/philox.h"
#include "include/vane.h"
#include "tests/data/kit.h"
#include "tests/prophet/bench.h"

static const int64_t monday = 17532LL * 86400; /* 2018-01-01 */

/* Forecast with all columns; y [N, h]. */
static vn_status ahead(const vn_fitted *m, const vn_panel *p, int threads, float *y, vn_columns *c)
{
    static const double level[] = { 80, 95 };
    const vn_solver_wish wish = { level, 2, true };
    vn_team *team;
    VN_TRY(vn_team_open(threads, &team));
    vn_status st = vn_solver_of(m->def)->forecast(m, p, team, &wish, y, NULL, c);
    vn_team_close(team);
    return st;
}

static const float *column(const vn_columns *c, const char *name)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(c->name[i], name)) return c->value[i];
    ck_abort_msg("no column %s", name);
    return NULL;
}

static bool same(const void *a, const void *b, int64_t n, size_t size)
{
    return !memcmp(a, b, (size_t)n * size);
}

START_TEST(any_number_of_threads_gives_the_same_bits)
{
    enum { N = 9, H = 7 };
    vn_panel *p = vn_bench_days(N, 760);
    vn_fitted *one = vn_bench_model(""), *many = vn_bench_model("");
    float y[2][N * H];
    vn_columns c[2];
    ck_assert_int_eq(vn_bench_fit(one, p, 1), VN_OK);
    ck_assert_int_eq(vn_bench_fit(many, p, _i), VN_OK);
    const vn_prophet_table *a = one->state, *b = many->state;
    ck_assert(same(a->number, b->number, N * VN_FIT_NUMBERS, sizeof(double)));
    ck_assert(same(a->delta, b->delta, N * a->S, sizeof(double)));
    ck_assert(same(a->beta, b->beta, N * a->spec.n_columns, sizeof(double)));
    ck_assert_int_eq(ahead(one, p, 1, y[0], &c[0]), VN_OK);
    ck_assert_int_eq(ahead(many, p, _i, y[1], &c[1]), VN_OK);
    ck_assert(same(y[0], y[1], N * H, sizeof(float)));
    for (int i = 0; i < c[0].n; i++)
        ck_assert_msg(same(c[0].value[i], c[1].value[i], N * H, sizeof(float)), "%s", c[0].name[i]);
    for (int i = 0; i < 2; i++) vn_columns_close(&c[i]);
    vn_fitted_close(one);
    vn_fitted_close(many);
    vn_panel_close(p);
}
END_TEST

START_TEST(components_add_up_to_the_forecast)
{
    float y[7];
    vn_columns c;
    vn_panel *p = vn_bench_days(1, 760);
    vn_fitted *m = vn_bench_fitted("", p);
    ck_assert_int_eq(ahead(m, p, 1, y, &c), VN_OK);
    for (int k = 0; k < 7; k++)
        ck_assert_float_eq_tol(
            y[k], column(&c, "trend")[k] + column(&c, "yearly")[k] + column(&c, "weekly")[k],
            1e-4f);
    ck_assert_int_eq(c.n, 4 + 3); /* no daily: no steps below a day */
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(wider_levels_give_wider_intervals_around_the_forecast)
{
    float y[7];
    vn_columns c;
    vn_panel *p = vn_bench_days(1, 760);
    vn_fitted *m = vn_bench_fitted("uncertainty_samples=4000", p);
    ck_assert_int_eq(ahead(m, p, 1, y, &c), VN_OK);
    const vn_prophet_table *t = m->state;
    double noise = t->number[VN_FIT_SIGMA] * t->number[VN_FIT_SCALE];
    for (int k = 0; k < 7; k++) {
        float lo = column(&c, "lo-80")[k], hi = column(&c, "hi-80")[k];
        ck_assert(column(&c, "lo-95")[k] < lo && lo < y[k]);
        ck_assert(column(&c, "hi-95")[k] > hi && hi > y[k]);
        ck_assert_double_gt((double)(hi - lo), 2 * 1.15 * noise); /* 1.2816 deviations each side */
    }
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

/* Without changes of the trend to extrapolate, what remains is the noise, whose quantiles are
 * known. */
START_TEST(a_flat_trend_has_the_quantiles_of_its_noise)
{
    enum { H = 7 };
    float y[H], mean = 0;
    vn_columns c;
    vn_panel *p = vn_bench_days(1, 300);
    vn_fitted *m = vn_bench_fitted("growth=flat uncertainty_samples=20000", p);
    ck_assert_int_eq(ahead(m, p, 1, y, &c), VN_OK);
    const vn_prophet_table *t = m->state;
    double noise = t->number[VN_FIT_SIGMA] * t->number[VN_FIT_SCALE];
    for (int k = 0; k < H; k++) mean += (column(&c, "hi-80")[k] - y[k]) / H;
    ck_assert_double_eq_tol((double)mean, 1.2816 * noise, 0.02 * noise);
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(a_model_file_keeps_everything)
{
    float y[2][14];
    vn_columns c[2];
    vn_fitted *back;
    char path[512];
    snprintf(path, sizeof path, "%s/prophet-test.vane", VANE_BINARY_DIR);
    vn_panel *p = vn_bench_days(2, 400);
    vn_fitted *m = vn_bench_fitted("seasonality_mode=multiplicative seasonalities=month:30.5:2", p);
    ck_assert_msg(!vn_fitted_save(m, path), "%s", vn_last_message());
    ck_assert_msg(!vn_fitted_load(path, &back), "%s", vn_last_message());
    ck_assert_int_eq(ahead(m, p, 1, y[0], &c[0]), VN_OK);
    ck_assert_int_eq(ahead(back, p, 2, y[1], &c[1]), VN_OK);
    ck_assert(same(y[0], y[1], 14, sizeof(float)));
    ck_assert_int_eq(c[0].n, c[1].n);
    for (int i = 0; i < c[0].n; i++)
        ck_assert(same(c[0].value[i], c[1].value[i], 14, sizeof(float)));
    for (int i = 0; i < 2; i++) vn_columns_close(&c[i]);
    remove(path);
    vn_fitted_close(m);
    vn_fitted_close(back);
    vn_panel_close(p);
}
END_TEST

START_TEST(rolling_refits_on_the_rows_before_each_origin)
{
    const int32_t pairs[] = { 0, 300, 0, 380, 1, 390 };
    double out[21];
    vn_panel *p = vn_bench_days(2, 400), *part = vn_bench_days(2, 400);
    vn_fitted *m = vn_bench_fitted("", p);
    ck_assert_int_eq(vn_bench_roll(m, p, pairs, 3, out), VN_OK);
    part->n_past[0] = 380; /* as if the rest had not happened */
    vn_fitted *shorter = vn_bench_fitted("", part);
    float y[14];
    vn_columns c;
    ck_assert_int_eq(ahead(shorter, part, 1, y, &c), VN_OK);
    for (int k = 0; k < 7; k++) ck_assert_float_eq((float)out[7 + k], y[k]);
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_fitted_close(shorter);
    vn_panel_close(p);
    vn_panel_close(part);
}
END_TEST

/* ---- components ---- */

START_TEST(a_regressor_and_a_condition_find_their_effect)
{
    enum { T = 400, ALL = T + 7 };
    static const char *const name[] = { "promo", "warm" };
    float y[ALL], futr[2 * ALL];
    for (int t = 0; t < ALL; t++) {
        futr[2 * t] = vn_uniform24(vn_random4(5, 1, (uint64_t)t).v[0]) < 0.2f;
        futr[2 * t + 1] = t % 100 < 50;
        float wave = (float)sin(6.2831853 * (t + 1) / 7);
        y[t] = 10 + 3 * futr[2 * t] + 2 * wave * futr[2 * t + 1] +
               0.1f * vn_uniform24(vn_random4(5, 2, (uint64_t)t).v[0]);
        if (t >= T) y[t] = NAN;
    }
    vn_panel *p = vn_bench_panel(ALL, y, vn_bench_day, monday, 2, name, futr);
    vn_fitted *m = vn_bench_fitted("seasonalities=w:7:3:::warm weekly_seasonality=false", p);
    float out[7];
    vn_columns c;
    ck_assert_int_eq(ahead(m, p, 1, out, &c), VN_OK);
    for (int k = 0; k < 7; k++) {
        ck_assert_float_eq_tol(column(&c, "promo")[k], 3 * futr[2 * (T + k)], 0.05f);
        float wave = (float)sin(6.2831853 * (T + k + 1) / 7) * futr[2 * (T + k) + 1];
        ck_assert_float_eq_tol(column(&c, "w")[k], 2 * wave, 0.05f);
    }
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

/* Three texts with effects 0, 2 and 5, and a past-only column that acts 7 rows, the horizon, later.
 */
enum { KINDS_T = 300, KINDS_ALL = KINDS_T + 7 };
static const char *const sales[] = { "none", "half", "gift" };
static const double sale_effect[] = { 0, 2, 5 };

static int sale_at(int t)
{
    return (int)(vn_random4(6, 1, (uint64_t)t).v[0] % 3);
}
static float wind_at(int t)
{
    return 4 * vn_uniform24(vn_random4(6, 2, (uint64_t)t).v[0]);
}

static vn_panel *kinds_panel(void)
{
    static const char *const sale = "sale", *const wind = "wind", *const size = "size";
    float y[KINDS_ALL], codes[KINDS_ALL];
    for (int t = 0; t < KINDS_ALL; t++) {
        double noise = 0.1 * (double)vn_uniform24(vn_random4(6, 3, (uint64_t)t).v[0]);
        double late = t < 7 ? 2 : (double)wind_at(t - 7);
        codes[t] = (float)(1 + sale_at(t));
        y[t] = t < KINDS_T ? (float)(20 + sale_effect[sale_at(t)] + 1.5 * late + noise) : NAN;
    }
    vn_panel *p = vn_bench_panel(KINDS_ALL, y, vn_bench_day, monday, 1, &sale, codes);
    p->n_futr_cat = p->n_hist = p->n_stat = 1;
    p->futr_cat = vn_arena_array(&p->arena, 1, sizeof *p->futr_cat);
    p->hist = vn_arena_array(&p->arena, KINDS_ALL, sizeof *p->hist);
    p->stat = vn_arena_array(&p->arena, 1, sizeof *p->stat);
    ck_assert(p->futr_cat && p->hist && p->stat);
    p->futr_cat[0] = (vn_levels){ 3, vn_arena_array(&p->arena, 3, sizeof *p->futr_cat[0].level) };
    for (int k = 0; k < 3; k++) p->futr_cat[0].level[k] = sales[k];
    for (int t = 0; t < KINDS_T; t++) p->hist[t] = wind_at(t);
    p->hist_name = vn_arena_array(&p->arena, 1, sizeof *p->hist_name);
    p->stat_name = vn_arena_array(&p->arena, 1, sizeof *p->stat_name);
    p->hist_name[0] = wind;
    p->stat_name[0] = size;
    return p;
}

START_TEST(categories_and_past_features_find_their_effect)
{
    vn_panel *p = kinds_panel();
    vn_fitted *m =
        vn_bench_fitted("weekly_seasonality=false n_changepoints=0 regressors=wind:5", p);
    const vn_prophet_spec *s = &((vn_prophet_table *)m->state)->spec;
    float out[7], again[7];
    vn_columns c, d;
    ck_assert_int_eq(s->n_regressors, 4); /* three texts and the wind; the static one makes none */
    ck_assert_double_eq(s->column[s->n_columns - 1].prior, 5);
    ck_assert_int_eq(s->column[s->n_columns - 2].component, s->column[s->n_columns - 4].component);
    ck_assert_int_eq(ahead(m, p, 1, out, &c), VN_OK);
    for (int k = 0; k < 7; k++) {
        int t = KINDS_T + k;
        double want = 20.05 + sale_effect[sale_at(t)] + 1.5 * (double)wind_at(t - 7);
        ck_assert_float_eq_tol(out[k], (float)want, 0.06f);
        float wind = column(&c, "wind")[k], first = column(&c, "wind")[0];
        ck_assert_float_eq_tol(wind - first, 1.5f * (wind_at(t - 7) - wind_at(KINDS_T - 7)), 0.02f);
        float sale = column(&c, "sale")[k] - column(&c, "sale")[0];
        ck_assert_float_eq_tol(
            sale, (float)(sale_effect[sale_at(t)] - sale_effect[sale_at(KINDS_T)]), 0.05f);
    }
    p->futr[KINDS_T] = 0; /* a text unseen in training */
    ck_assert_int_eq(ahead(m, p, 1, again, &d), VN_OK);
    ck_assert_float_eq(column(&d, "sale")[0], 0);
    ck_assert(again[1] == out[1]);
    vn_columns_close(&c);
    vn_columns_close(&d);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(past_features_are_not_read_ahead)
{
    vn_panel *p = kinds_panel();
    vn_fitted *m = vn_bench_fitted("n_changepoints=0", p);
    const int32_t pair[] = { 0, 200 };
    double before[7], after[7];
    ck_assert_int_eq(vn_bench_roll(m, p, pair, 1, before), VN_OK);
    for (int t = 200; t < KINDS_T; t++) p->hist[t] = 1e6f;
    ck_assert_int_eq(vn_bench_roll(m, p, pair, 1, after), VN_OK);
    ck_assert(!memcmp(before, after, sizeof before));
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(categories_survive_the_model_file)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/vane_kinds_%ld.vane", (long)getpid());
    vn_panel *p = kinds_panel();
    vn_fitted *m = vn_bench_fitted("", p), *loaded;
    float out[2][7];
    vn_columns c[2];
    ck_assert_msg(!vn_fitted_save(m, path), "%s", vn_last_message());
    ck_assert_msg(!vn_fitted_load(path, &loaded), "%s", vn_last_message());
    ck_assert_int_eq(ahead(m, p, 1, out[0], &c[0]), VN_OK);
    ck_assert_int_eq(ahead(loaded, p, 1, out[1], &c[1]), VN_OK);
    ck_assert(!memcmp(out[0], out[1], sizeof out[0]));
    unlink(path);
    for (int k = 0; k < 2; k++) vn_columns_close(&c[k]);
    vn_fitted_close(loaded);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(holidays_act_on_the_days_of_their_window)
{
    static const char text[] =
        "holiday,ds,lower_window,upper_window\n"
        "feast,2018-03-01,-1,1\nfeast,2018-06-01,-1,1\n\"a, b\",2018-05-05,,\n";
    vn_fitted *m = vn_bench_model("weekly_seasonality=false");
    vn_panel *p = vn_bench_days(1, 200);
    vn_prophet_spec s;
    double x[8];
    ck_assert_msg(!vn_prophet_spec_open(m->hparams, p, 7, text, &s), "%s", vn_last_message());
    ck_assert_int_eq(s.n_holiday_columns, 4); /* feast-1, feast+0, feast+1, "a, b"+0 */
    const int day[] = { 57, 58, 59, 60, 61, 124, 150, 151, 152 };
    const int on[] = { -1, 0, 1, 2, -1, 3, 0, 1, 2 };
    ck_assert_int_le(2 * s.n_seasons + 4, 8);
    for (int i = 0; i < 9; i++) {
        vn_prophet_inputs(&s, p, 0, day[i], NULL, x);
        for (int k = 0; k < 4; k++)
            ck_assert_msg(x[2 * s.n_seasons + k] == (k == on[i]), "day %d, column %d: %g", day[i],
                          k, x[2 * s.n_seasons + k]);
    }
    vn_prophet_spec_close(&s);
    vn_panel_close(p);
    vn_fitted_close(m);
}
END_TEST

START_TEST(integer_stamps_take_the_season_of_the_data)
{
    float y[107], out[7];
    vn_columns c;
    for (int t = 0; t < 107; t++) y[t] = t < 100 ? 5 + (float)(t % 7 == 3) : NAN;
    const vn_freq step = { VN_FREQ_STEP, 1, false, false };
    vn_panel *p = vn_bench_panel(107, y, step, 1, 0, NULL, NULL);
    vn_fitted *m = vn_bench_fitted("", p);
    ck_assert_int_eq(ahead(m, p, 1, out, &c), VN_OK);
    for (int k = 0; k < 7; k++)
        ck_assert_float_eq_tol(out[k], 5 + (float)((100 + k) % 7 == 3), 0.02f);
    ck_assert_ptr_nonnull(column(&c, "season"));
    vn_columns_close(&c);
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

/* ---- prophet's own tables ---- */

typedef struct protocol {
    const char *file, *options;
    double rmse, published, above; /* above: part by which the published figure may be missed */
} protocol;

/* The last 30 rows ahead of the others, as in prophet's unit tests, whose figures are `published`.
 * `rmse` is that of prophet 1.5.0's Newton with all digits kept (sig_figs = 18), and on tests_data3
 * with minmax of that optimiser started at our minimum, where it stays. Two published figures are
 * not those of the minimum: the 127.01 is that of coefficients rounded to 6 digits, which 80.09
 * stays below, and the 93.45 that of a fit that stops 0.042 above the minimum, which happens to
 * score 2.4 % better than the minimum does. */
static const protocol protocols[] = {
    { "prophet/tests_data.csv", "scaling=absmax", 23.4435, 23.44, 0.001 },
    { "prophet/tests_data.csv", "scaling=minmax", 11.2935, 11.29, 0.001 },
    { "prophet/tests_data3.csv", "scaling=absmax", 80.0879, 127.01, 0 },
    { "prophet/tests_data3.csv", "scaling=minmax", 95.7370, 93.45, 0.025 },
};

/* Rows of the 31 observed last: the end of the history, then what is to be forecast. */
static void last_rows(const vn_panel *p, int64_t row[31])
{
    int n = 31;
    for (int64_t t = p->n_past[0] - 1; n > 0; t--)
        if (p->mask[t] != 0) row[--n] = t;
}

START_TEST(the_tables_of_its_tests_score_as_prophet_does)
{
    const protocol *c = &protocols[_i];
    const char *path = vn_data_kit_shared(__func__, c->file);
    if (!path) return;
    vn_data_options o = vn_data_kit_options("freq=D");
    vn_panel *p;
    int64_t row[31];
    double out[30], sum = 0;
    ck_assert_msg(!vn_panel_read(path, &o, NULL, &p), "%s", vn_last_message());
    last_rows(p, row);
    int64_t all = p->n_past[0];
    p->n_past[0] = row[0] + 1;
    vn_fitted *m = vn_bench_model(c->options);
    m->train.h = 30;
    ck_assert_msg(!vn_bench_fit(m, p, 1), "%s", vn_last_message());
    p->n_past[0] = all;
    const int32_t pair[] = { 0, (int32_t)row[0] + 1 };
    ck_assert_int_eq(vn_bench_roll(m, p, pair, 1, out), VN_OK);
    for (int k = 0; k < 30; k++) sum += pow(out[k] - vn_panel_y(p, row[1 + k]), 2);
    ck_assert_double_eq_tol(sqrt(sum / 30), c->rmse, 0.01 * c->rmse);
    ck_assert_double_le(sqrt(sum / 30), c->published * (1 + c->above));
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

/* ---- odd data ---- */

START_TEST(few_or_constant_values_give_a_finite_forecast)
{
    static const float series[][6] = {
        { 4, NAN, NAN, NAN, NAN, NAN }, { 4, 5, NAN, NAN, NAN, NAN }, { 7, 7, 7, 7, 7, 7 },
        { 0, 0, 0, 0, 0, 0 },           { 1, 2, 3, 4, 5, 6 },         { -3, NAN, 2, NAN, NAN, 9 }
    };
    static const char *const options[] = {
        "", "scaling=minmax", "growth=flat",
        "seasonality_mode=multiplicative weekly_seasonality=true"
    };
    for (int o = 0; o < 4; o++) {
        float out[7];
        vn_columns c;
        vn_panel *p = vn_bench_panel(6, series[_i], vn_bench_day, monday, 0, NULL, NULL);
        vn_fitted *m = vn_bench_fitted(options[o], p);
        ck_assert_int_eq(ahead(m, p, 1, out, &c), VN_OK);
        for (int k = 0; k < 7; k++) {
            ck_assert_msg(isfinite(out[k]) && fabs((double)out[k]) < 1000, "%g", (double)out[k]);
            for (int i = 0; i < c.n; i++) ck_assert(isfinite(c.value[i][k]));
            if (_i == 2 || _i == 3) ck_assert_float_eq(out[k], series[_i][0]);
        }
        vn_columns_close(&c);
        vn_fitted_close(m);
        vn_panel_close(p);
    }
}
END_TEST

typedef struct refusal {
    const char *options, *message;
} refusal;

static const refusal refusals[] = {
    { "growth=logistic", "logistic growth needs cap" },
    { "cap=3", "cap is only for growth=logistic" },
    { "growth=logistic cap=roof", "no column \"roof\" in futr_exog_list" },
    { "growth=logistic cap=0", "the capacity 0 is not above the floor 0" },
    { "growth=logistic cap=5 floor=6", "the capacity 5 is not above the floor 6" },
    { "regressors=price:3", "\"price\" is no column of futr_exog_list, or another list" },
    { "seasonalities=a:7", "\"a\" has 2 fields" },
    { "seasonalities=a:x:3", "\"x\" is no number" },
    { "seasonalities=a:7:0", "\"0\" is no number from 1" },
    { "seasonalities=a:7:3:1:sideways", "\"sideways\" is no mode" },
    { "seasonalities=a:7:3:1:additive:cold", "no column \"cold\"" },
    { "seasonalities=a:7:3,a:30:2", "\"a\" is named twice" },
    { "weekly_seasonality=often", "\"often\" is no number" },
    { "changepoints=yesterday", "\"yesterday\" is no stamp" },
    { "changepoints=1999-01-01", "lies in the history of no series" },
    { "holidays=/nowhere/at/all.csv", "/nowhere/at/all.csv" },
};
enum { N_REFUSALS = sizeof refusals / sizeof *refusals };

START_TEST(what_cannot_be_is_refused_in_one_sentence)
{
    vn_panel *p = vn_bench_days(2, 100);
    vn_fitted *m = vn_bench_model(refusals[_i].options);
    ck_assert_msg(vn_bench_fit(m, p, 2), "%s was accepted", refusals[_i].options);
    ck_assert_msg(strstr(vn_last_message(), refusals[_i].message), "%s: %s", refusals[_i].options,
                  vn_last_message());
    vn_fitted_close(m);
    vn_panel_close(p);
}
END_TEST

START_TEST(bad_holiday_files_are_refused_with_their_line)
{
    static const char *const text[][2] = {
        { "name,ds\nx,2018-01-01\n", "must name the columns holiday and ds" },
        { "holiday,ds\nx,soon\n", "file:2:3: ds is no date" },
        { "holiday,ds,lower_window\nx,2018-01-01,2\n", "lower_window must not be above 0" },
        { "holiday,ds,upper_window\nx,2018-01-01,0.5\n", "expected whole days" },
        { "holiday,ds,prior_scale\nx,2018-01-01,0\n", "prior_scale is 0" },
        { "holiday,ds,prior_scale\nx,2018-01-01,1\nx,2019-01-01,2\n", "file:3:1: holiday \"x\"" },
    };
    vn_fitted *m = vn_bench_model("holidays=file");
    vn_panel *p = vn_bench_days(1, 100);
    vn_prophet_spec s;
    ck_assert(vn_prophet_spec_open(m->hparams, p, 7, text[_i][0], &s));
    ck_assert_msg(strstr(vn_last_message(), text[_i][1]), "%s", vn_last_message());
    vn_panel_close(p);
    vn_fitted_close(m);
}
END_TEST

START_TEST(a_series_it_was_not_fitted_to_is_refused)
{
    float y[7 * 3];
    vn_columns c;
    vn_panel *two = vn_bench_days(2, 100), *three = vn_bench_days(3, 100);
    vn_fitted *m = vn_bench_fitted("", two);
    ck_assert_int_eq(ahead(m, three, 2, y, &c), VN_E_DATA);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "series \"s2\" is none of the 2"));
    vn_fitted_close(m);
    vn_panel_close(two);
    vn_panel_close(three);
}
END_TEST

START_TEST(a_request_for_memory_that_fails_is_an_error)
{
    float y[14];
    vn_columns c;
    vn_panel *p = vn_bench_days(2, 60);
    int failed[2] = { 0 };
    for (int64_t n = 1;; n++) {
        vn_fitted *m = vn_bench_model("seasonalities=month:30.5:2");
        ck_assert_int_eq(vn_fitted_adopt(m, p), VN_OK);
        vn_fault_arm(VN_FAULT_ALLOC, n);
        vn_status st = vn_bench_fit(m, p, 1);
        if (!st) {
            failed[1]++;
            st = ahead(m, p, 1, y, &c);
        } else {
            failed[0]++;
        }
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        if (!st) vn_columns_close(&c);
        vn_fitted_close(m);
        if (!st) break;
        ck_assert_int_eq(st, VN_E_MEMORY);
    }
    ck_assert(failed[0] > 10 && failed[1] > 5);
    vn_panel_close(p);
}
END_TEST

Suite *vn_suite_prophet(void);
Suite *vn_suite_prophet(void)
{
    Suite *s = suite_create("prophet");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, any_number_of_threads_gives_the_same_bits, 2, 5);
    tcase_add_test(tc, components_add_up_to_the_forecast);
    tcase_add_test(tc, wider_levels_give_wider_intervals_around_the_forecast);
    tcase_add_test(tc, a_flat_trend_has_the_quantiles_of_its_noise);
    tcase_add_test(tc, a_model_file_keeps_everything);
    tcase_add_test(tc, rolling_refits_on_the_rows_before_each_origin);
    tcase_add_test(tc, a_regressor_and_a_condition_find_their_effect);
    tcase_add_test(tc, categories_and_past_features_find_their_effect);
    tcase_add_test(tc, past_features_are_not_read_ahead);
    tcase_add_test(tc, categories_survive_the_model_file);
    tcase_add_test(tc, holidays_act_on_the_days_of_their_window);
    tcase_add_test(tc, integer_stamps_take_the_season_of_the_data);
    tcase_add_loop_test(tc, the_tables_of_its_tests_score_as_prophet_does, 0, 4);
    tcase_add_loop_test(tc, few_or_constant_values_give_a_finite_forecast, 0, 6);
    tcase_add_loop_test(tc, what_cannot_be_is_refused_in_one_sentence, 0, N_REFUSALS);
    tcase_add_loop_test(tc, bad_holiday_files_are_refused_with_their_line, 0, 6);
    tcase_add_test(tc, a_request_for_memory_that_fails_is_an_error);
    tcase_add_test(tc, a_series_it_was_not_fitted_to_is_refused);
    suite_add_tcase(s, tc);
    return s;
}

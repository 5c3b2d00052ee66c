/* Held against prophet itself: tests/golden/prophet_*, made by make_prophet.py. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host/data/calendar.h"
#include "tests/prophet/bench.h"

static const char *const cases[] = { "airline", "airline_multiplicative", "airline_logistic",
                                     "daily", "daily_flat" };
enum { N_CASES = sizeof cases / sizeof *cases };

typedef struct golden {
    vn_safetensors *file;
    vn_fitted *m;
    vn_panel *panel;
    vn_prophet_table *table; /* of one series, its numbers prophet's */
    vn_bench_posed posed;
    vn_names futr, parts;
    int64_t rows, T; /* all, and up to the last observed */
} golden;

static const double *find(const golden *g, const char *name, int64_t *n)
{
    const vn_stored *t = vn_safetensors_find(g->file, name);
    if (n) *n = t ? (int64_t)(t->bytes / sizeof(double)) : 0;
    return t ? t->data : NULL; /* 8-byte aligned: the script pads its header */
}

static const char *text(const golden *g, const char *key)
{
    const char *s = vn_safetensors_meta(g->file, key);
    return s ? s : "";
}

/* The names in "a,b". */
static void split(const golden *g, const char *key, vn_names *out)
{
    const char *s = text(g, key);
    int64_t at;
    out->arena = &g->file->arena;
    while (*s) {
        size_t n = strcspn(s, ",");
        ck_assert_int_eq(vn_names_add(out, s, n, &at), VN_OK);
        s += n + (s[n] == ',');
    }
}

static void open_panel(golden *g)
{
    float y[1024], futr[4096];
    int64_t start = 0, n_futr = 0;
    const char *from = text(g, "start");
    const double *v = find(g, "y", &g->rows), *mask = find(g, "mask", NULL);
    const double *f = find(g, "futr", &n_futr);
    vn_freq freq = { *text(g, "freq") == 'M' ? VN_FREQ_MONTH : VN_FREQ_DAY, 1, false, true };
    ck_assert(g->rows <= 1024 && n_futr <= 4096);
    ck_assert_int_eq(vn_stamp_parse(from, strlen(from), &start), VN_STAMP_DATE);
    for (int64_t t = 0; t < g->rows; t++) {
        y[t] = mask[t] != 0 ? (float)v[t] : NAN;
        if (mask[t] != 0) g->T = t + 1;
    }
    for (int64_t i = 0; i < n_futr; i++) futr[i] = (float)f[i];
    split(g, "futr", &g->futr);
    g->panel = vn_bench_panel((int)g->rows, y, freq, start, (int)g->futr.n, g->futr.name, futr);
}

static void open_golden(golden *g, const char *name)
{
    char path[512];
    *g = (golden){ .file = NULL };
    snprintf(path, sizeof path, "%s/tests/golden/prophet_%s.safetensors", VANE_SOURCE_DIR, name);
    ck_assert_msg(!vn_safetensors_read(path, &g->file), "%s", vn_last_message());
    open_panel(g);
    split(g, "parts", &g->parts);
    g->m = vn_bench_model(text(g, "options"));
    ck_assert_int_eq(vn_fitted_adopt(g->m, g->panel), VN_OK);
    const char *holidays = text(g, "holidays");
    ck_assert_msg(!vn_prophet_table_open(g->m->hparams, g->panel, 1, 7, *holidays ? holidays : NULL,
                                         &g->table),
                  "%s", vn_last_message());
    vn_prophet_fit fit = vn_prophet_row(g->table, 0);
    vn_bench_pose(&g->table->spec, g->panel, 0, g->T, &g->posed);
    vn_prophet_copy(&g->table->spec, &g->posed.fit, &fit);
}

static void close_golden(golden *g)
{
    vn_bench_unpose(&g->posed);
    vn_prophet_table_close(g->table);
    vn_panel_close(g->panel);
    vn_fitted_close(g->m);
    vn_names_close(&g->futr);
    vn_names_close(&g->parts);
    vn_safetensors_close(g->file);
}

START_TEST(the_design_matrix_is_prophets)
{
    golden g;
    double x[128];
    int64_t n, K;
    open_golden(&g, cases[_i]);
    const double *rows = find(&g, "rows", &n), *X = find(&g, "X", NULL),
                 *prior = find(&g, "prior", &K);
    const vn_prophet_spec *spec = &g.table->spec;
    const vn_prophet_problem *q = &g.posed.q;
    ck_assert_int_eq(q->K, K);
    for (int k = 0; k < K; k++)
        ck_assert_double_eq(spec->column[g.posed.room.column[k]].prior, prior[k]);
    for (int64_t r = 0; r < n; r++) {
        double row[128], whole[128];
        vn_prophet_inputs(spec, g.panel, 0, (int64_t)rows[r], g.posed.fit.moment,
                          row + VN_PROPHET_BASE);
        vn_prophet_columns(q, row, x);
        vn_prophet_features(spec, g.panel, 0, (int64_t)rows[r], g.posed.fit.moment, whole);
        for (int64_t k = 0; k < K; k++) {
            ck_assert_msg(fabs(x[k] - X[r * K + k]) < 1e-9,
                          "row %g, column %d: %.12g, prophet %.12g", rows[r], (int)k, x[k],
                          X[r * K + k]);
            ck_assert_double_eq(x[k], whole[g.posed.room.column[k]]); /* as a forecast has it */
        }
    }
    close_golden(&g);
}
END_TEST

START_TEST(changepoints_and_scales_are_prophets)
{
    golden g;
    int64_t n;
    open_golden(&g, cases[_i]);
    const double *change = find(&g, "changepoints", &n), *scale = find(&g, "scale", NULL);
    const vn_prophet_problem *q = &g.posed.q;
    if (q->S) /* flat growth needs none */
        ck_assert_int_eq(q->S, n);
    for (int j = 0; j < q->S; j++) ck_assert_double_eq_tol(q->change[j], change[j], 1e-12);
    ck_assert_double_eq_tol(vn_prophet_row(g.table, 0).number[VN_FIT_SCALE], scale[0],
                            1e-9 * scale[0]);
    ck_assert_double_eq_tol(vn_prophet_row(g.table, 0).number[VN_FIT_FLOOR], scale[1],
                            1e-9 * scale[0]);
    close_golden(&g);
}
END_TEST

START_TEST(the_objective_is_prophets)
{
    golden g;
    double theta[128];
    int64_t n;
    open_golden(&g, cases[_i]);
    const vn_prophet_problem *q = &g.posed.q;
    const double *drawn = find(&g, "theta", &n), want = *find(&g, "theta.objective", NULL);
    memcpy(theta, drawn, (size_t)q->p * sizeof *theta);
    double rss = vn_prophet_pass(q, &g.posed.room, theta, false);
    double got = vn_prophet_value(q, &g.posed.room, theta, rss, 0.1);
    for (int64_t j = q->p; j < n; j++)
        got += fabs(drawn[j]) / q->tau; /* flat: rates that do nothing */
    ck_assert_msg(fabs(got - want) <= 1e-9 * fabs(want), "%.12g, prophet %.12g", got, want);
    close_golden(&g);
}
END_TEST

/* Prophet's coefficients in our table. */
static vn_prophet_fit take_fit(golden *g)
{
    const vn_prophet_problem *q = &g->posed.q;
    vn_prophet_fit f = vn_prophet_row(g->table, 0);
    const double *beta = find(g, "beta", NULL), *delta = find(g, "delta", NULL);
    f.number[VN_FIT_K] = *find(g, "k", NULL);
    f.number[VN_FIT_M] = *find(g, "m", NULL);
    f.number[VN_FIT_CHANGES] = q->S;
    for (int k = 0; k < q->K; k++) f.beta[g->posed.room.column[k]] = beta[k];
    for (int j = 0; j < q->S; j++) {
        f.change[j] = q->change[j];
        f.delta[j] = delta[j];
    }
    return f;
}

START_TEST(forecast_and_components_of_its_coefficients_are_prophets)
{
    golden g;
    int64_t n;
    open_golden(&g, cases[_i]);
    vn_prophet_fit f = take_fit(&g);
    const vn_prophet_spec *s = &g.table->spec;
    const double *rows = find(&g, "rows", &n), *yhat = find(&g, "yhat", NULL);
    const double *trend = find(&g, "trend", NULL), *parts = find(&g, "parts", NULL);
    double size = f.number[VN_FIT_SCALE];
    for (int64_t r = 0; r < n; r++) {
        double y =
            vn_prophet_at(s, g.panel, 0, (int64_t)rows[r], &f, g.posed.lane.x, g.posed.lane.parts);
        ck_assert_double_eq_tol(y, yhat[r], 1e-7 * size);
        ck_assert_double_eq_tol(g.posed.lane.parts[0], trend[r], 1e-7 * size);
        for (int c = 0; c < s->n_components; c++) {
            int64_t at = vn_names_find(&g.parts, s->component[c], strlen(s->component[c]));
            if (at < 0) /* a seasonality this series is too short for */
                ck_assert_double_eq(g.posed.lane.parts[1 + c], 0);
            else
                ck_assert_double_eq_tol(g.posed.lane.parts[1 + c], parts[at * n + r], 1e-7 * size);
        }
    }
    close_golden(&g);
}
END_TEST

/* At least as good an objective, and a forecast near prophet's: Stan stops short of the minimum, so
 * not the same one. */
START_TEST(the_fit_is_at_least_as_good_as_prophets)
{
    golden g;
    int64_t n;
    double mean = 0, squares = 0, off = 0;
    open_golden(&g, cases[_i]);
    double want = *find(&g, "objective", NULL);
    const vn_prophet_fit *f = &g.posed.fit;
    vn_bench_solve(&g.posed, NULL);
    ck_assert_msg(f->number[VN_FIT_OBJECTIVE] <= want + 1e-6, "%.9g, prophet %.9g",
                  f->number[VN_FIT_OBJECTIVE], want);
    const double *rows = find(&g, "rows", &n), *yhat = find(&g, "yhat", NULL);
    const vn_prophet_problem *q = &g.posed.q;
    const double *y0 = q->row + VN_PROPHET_Y;
    for (int64_t t = 0; t < q->T; t++) mean += y0[t * q->width] / (double)q->T;
    for (int64_t t = 0; t < q->T; t++)
        squares += (y0[t * q->width] - mean) * (y0[t * q->width] - mean) / (double)q->T;
    for (int64_t r = 0; r < n; r++) {
        double y =
            vn_prophet_at(&g.table->spec, g.panel, 0, (int64_t)rows[r], f, g.posed.lane.x, NULL);
        off += (y - yhat[r]) * (y - yhat[r]) / (double)n;
    }
    double share = sqrt(off) / (sqrt(squares) * f->number[VN_FIT_SCALE]);
    ck_assert_msg(share < 0.02, "%g of the deviation away from prophet", share);
    close_golden(&g);
}
END_TEST

Suite *vn_suite_prophet_golden(void);
Suite *vn_suite_prophet_golden(void)
{
    Suite *s = suite_create("prophet_golden");
    TCase *tc = tcase_create("each");
    tcase_add_loop_test(tc, the_design_matrix_is_prophets, 0, N_CASES);
    tcase_add_loop_test(tc, changepoints_and_scales_are_prophets, 0, N_CASES);
    tcase_add_loop_test(tc, the_objective_is_prophets, 0, N_CASES);
    tcase_add_loop_test(tc, forecast_and_components_of_its_coefficients_are_prophets, 0, N_CASES);
    tcase_add_loop_test(tc, the_fit_is_at_least_as_good_as_prophets, 0, N_CASES);
    suite_add_tcase(s, tc);
    return s;
}

/* See bench.h. */
#include "tests/prophet/bench.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <math.h>
#include <string.h>

#include "base/philox.h"

const vn_freq vn_bench_day = { VN_FREQ_DAY, 1, false, true };

static void set(vn_fitted *m, const char *name, const char *value)
{
    const vn_option *o = vn_option_find(m->def->options, name);
    void *target = m->hparams;
    if (!o) {
        o = vn_option_find(vn_train_option_table, name);
        target = &m->train;
    }
    ck_assert_msg(o != NULL, "no option %s", name);
    ck_assert_msg(!vn_option_set(o, target, value), "%s", vn_last_message());
}

vn_fitted *vn_bench_model(const char *options)
{
    vn_fitted *m;
    char name[64], value[512];
    int n = 0;
    ck_assert_int_eq(vn_fitted_open(vn_model_find("prophet"), &m), VN_OK);
    m->train.h = 7;
    m->train.input_size = 1; /* as training resolves it */
    m->local_scaler = VN_SCALER_IDENTITY;
    m->freq = vn_bench_day;
    while (sscanf(options, " %63[^= ]=%511[^ ]%n", name, value, &n) == 2) {
        set(m, name, value);
        options += n;
    }
    return m;
}

vn_panel *vn_bench_panel(int rows, const float *y, vn_freq freq, int64_t start, int F,
                         const char *const *name, const float *futr)
{
    static const char *const id[] = { "s" };
    const int64_t indptr[] = { 0, rows };
    vn_panel *p;
    ck_assert_msg(!vn_panel_from_arrays(1, id, indptr, y, NULL, &start, freq, 7, &p), "%s",
                  vn_last_message());
    p->n_futr = F;
    if (F) {
        p->futr = vn_arena_array(&p->arena, (size_t)(rows * F), sizeof *p->futr);
        p->futr_name = vn_arena_array(&p->arena, (size_t)F, sizeof *p->futr_name);
        memcpy(p->futr, futr, (size_t)(rows * F) * sizeof *p->futr);
        for (int i = 0; i < F; i++) p->futr_name[i] = name[i];
    }
    return p;
}

static float day_value(int series, int t)
{
    double level = 20 + 3 * series, noise = 0;
    vn_philox r = vn_random4(1, (uint64_t)series, (uint64_t)t);
    for (int k = 0; k < 4; k++) noise += (double)vn_uniform24(r.v[k]) - 0.5;
    double trend = 0.01 * (series % 5) * t - (t > 300 ? 0.02 * (t - 300) : 0);
    return (float)(level + trend + 2 * sin(6.2831853 * (t + series) / 7) +
                   4 * sin(6.2831853 * t / 365.25) + noise);
}

vn_panel *vn_bench_days(int n, int rows)
{
    enum { MOST = 64 };
    static char text[MOST][16];
    const char *id[MOST];
    int64_t indptr[MOST + 1] = { 0 }, start[MOST];
    float *y = malloc((size_t)(n * rows) * sizeof *y);
    vn_panel *p;
    ck_assert(n <= MOST && y);
    for (int i = 0; i < n; i++) {
        snprintf(text[i], sizeof text[i], "s%d", i);
        id[i] = text[i];
        indptr[i + 1] = (int64_t)(i + 1) * rows;
        start[i] = 17532 * 86400LL;
        for (int t = 0; t < rows; t++) y[i * rows + t] = day_value(i, t);
    }
    ck_assert_int_eq(vn_panel_from_arrays(n, id, indptr, y, NULL, start, vn_bench_day, 7, &p),
                     VN_OK);
    free(y);
    return p;
}

void vn_bench_pose(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i, int64_t cut,
                   vn_bench_posed *x)
{
    *x = (vn_bench_posed){ .spec = spec };
    vn_arena *a = &x->arena;
    int C = spec->n_columns, S = vn_prophet_changes_max(spec), all = vn_prophet_coefficients(spec);
    int32_t *order = vn_arena_array(a, (size_t)spec->n_seasons + 1, sizeof *order);
    int32_t *multiplicative = vn_arena_array(a, (size_t)C + 1, sizeof *multiplicative);
    double *prior = vn_arena_array(a, (size_t)C + 1, sizeof *prior);
    for (int s = 0; s < spec->n_seasons; s++) order[s] = spec->season[s].order;
    for (int c = 0; c < C; c++) {
        prior[c] = spec->column[c].prior;
        multiplicative[c] = spec->column[c].multiplicative;
    }
    int width = vn_prophet_width(spec);
    x->slot.rows = vn_arena_array(a, (size_t)(cut * width), sizeof(double));
    x->slot.where =
        vn_arena_array(a, (size_t)(VN_PROPHET_ACTIVE + spec->n_seasons), sizeof(int32_t));
    x->slot.where[VN_PROPHET_FIRST] = 0;
    x->slot.change = vn_arena_array(a, (size_t)S + 1, sizeof(double));
    x->slot.start = vn_arena_array(a, (size_t)all, sizeof(double));
    double *theta = vn_arena_array(a, (size_t)all, sizeof *theta);
    double *fit = vn_arena_array(a, VN_PROPHET_FIT, sizeof *fit);
    x->slot.theta = theta;
    x->slot.fit = fit;
    x->batch = (vn_prophet_batch){ .rows = x->slot.rows,
                                   .prior = prior,
                                   .change = x->slot.change,
                                   .start = x->slot.start,
                                   .where = x->slot.where,
                                   .order = order,
                                   .multiplicative = multiplicative,
                                   .theta = theta,
                                   .fit = fit,
                                   .series = 1,
                                   .width = width,
                                   .seasons = spec->n_seasons,
                                   .columns = C,
                                   .changes = S,
                                   .growth = (int)spec->o->growth,
                                   .steps = 200,
                                   .tau = spec->o->changepoint_prior_scale };
    double *block =
        vn_arena_array(a, vn_prophet_room_bytes(&x->batch) / sizeof *block, sizeof *block);
    vn_prophet_furnish(all, S, block, &x->room);
    ck_assert(vn_prophet_fit_open(spec, a, &x->fit));
    ck_assert_int_eq(vn_prophet_lane_open(spec, cut, 0, &x->lane), VN_OK);
    vn_bench_pose_again(x, panel, i, cut);
}

void vn_bench_pose_again(vn_bench_posed *x, const vn_panel *panel, int64_t i, int64_t cut)
{
    ck_assert_msg(!vn_prophet_pose(&x->lane, panel, i, cut, &x->slot, &x->fit, &x->constant), "%s",
                  vn_last_message());
    x->q = vn_prophet_problem_of(&x->batch, 0);
    vn_prophet_take_columns(&x->q, &x->room);
    vn_prophet_gather(&x->q, &x->room, x->slot.start);
}

void vn_bench_unpose(vn_bench_posed *x)
{
    vn_prophet_lane_close(&x->lane);
    vn_arena_close(&x->arena);
}

void vn_bench_solve(vn_bench_posed *x, const vn_prophet_fit *warm)
{
    if (warm) vn_prophet_begin(x->spec, &x->slot, warm);
    vn_prophet_series(&x->batch, 0, x->room.gram); /* where its block begins */
    vn_prophet_take(x->spec, &x->slot, &x->fit);
}

vn_status vn_bench_device(int threads, vn_device **dev)
{
    const vn_device_config config = { .threads = threads };
    return vn_device_open("cpu", 0, &config, dev);
}

vn_status vn_bench_fit(vn_fitted *m, const vn_panel *panel, int threads)
{
    vn_device *dev;
    VN_TRY(vn_bench_device(threads, &dev));
    vn_status st = vn_bench_fit_on(dev, m, panel, threads, &(vn_fit_hooks){ .stop = NULL });
    vn_device_close(dev);
    return st;
}

vn_status vn_bench_fit_on(vn_device *dev, vn_fitted *m, const vn_panel *panel, int threads,
                          const vn_fit_hooks *hooks)
{
    vn_team *team;
    vn_fit_report report;
    VN_TRY(vn_fitted_adopt(m, panel));
    VN_TRY(vn_team_open(threads, &team));
    vn_status st = vn_solver_of(m->def)->fit(m, panel, team, dev, NULL, hooks, &report);
    vn_team_close(team);
    return st;
}

vn_fitted *vn_bench_fitted(const char *options, const vn_panel *panel)
{
    vn_fitted *m = vn_bench_model(options);
    ck_assert_msg(!vn_bench_fit(m, panel, 1), "%s", vn_last_message());
    return m;
}

vn_status vn_bench_roll(const vn_fitted *m, const vn_panel *panel, const int32_t *pairs, int64_t n,
                        double *out)
{
    vn_device *dev;
    VN_TRY(vn_bench_device(1, &dev));
    vn_status st = vn_solver_of(m->def)->roll(m, panel, NULL, dev, pairs, n, out);
    vn_device_close(dev);
    return st;
}

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

vn_status vn_bench_fit(vn_fitted *m, const vn_panel *panel, int threads)
{
    vn_team *team;
    vn_fit_report report;
    const vn_fit_hooks hooks = { .stop = NULL };
    VN_TRY(vn_fitted_adopt(m, panel));
    VN_TRY(vn_team_open(threads, &team));
    vn_status st = vn_solver_of(m->def)->fit(m, panel, team, NULL, &hooks, &report);
    vn_team_close(team);
    return st;
}

vn_fitted *vn_bench_fitted(const char *options, const vn_panel *panel)
{
    vn_fitted *m = vn_bench_model(options);
    ck_assert_msg(!vn_bench_fit(m, panel, 1), "%s", vn_last_message());
    return m;
}

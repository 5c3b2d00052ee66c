/* What the tests of Prophet begin with: options from words, panels from formulas, fitted models. */
#ifndef VN_TESTS_PROPHET_BENCH_H
#define VN_TESTS_PROPHET_BENCH_H

#include "device/prophet_series.h"
#include "host/prophet/table.h"

/* A model without data: "growth=flat n_changepoints=3", h = 7. The caller closes it. */
vn_fitted *vn_bench_model(const char *options);

/* n daily series of `rows` values from 2018-01-01 on: trend with a break, weekly and yearly waves,
 * noise, no two alike. */
vn_panel *vn_bench_days(int n, int rows);

/* One series "s" of these values, NaN where missing; unit and start of its stamps. `futr` [rows, F]
 * may be NULL; names of its columns, comma separated. */
vn_panel *vn_bench_panel(int rows, const float *y, vn_freq freq, int64_t start, int F,
                         const char *const *name, const float *futr);

/* A series as the op solves it, by itself. */
typedef struct vn_bench_posed {
    vn_arena arena;
    const vn_prophet_spec *spec;
    vn_prophet_lane lane;
    vn_prophet_slot slot;
    vn_prophet_batch batch;
    vn_prophet_problem q;
    vn_prophet_room room; /* its `best` is the start */
    vn_prophet_fit fit;
    bool constant;
} vn_bench_posed;

/* Pose the rows [0, cut) of series i; aborts the test on failure. Again: into the same memory. */
void vn_bench_pose(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i, int64_t cut,
                   vn_bench_posed *x);
void vn_bench_pose_again(vn_bench_posed *x, const vn_panel *panel, int64_t i, int64_t cut);
void vn_bench_unpose(vn_bench_posed *x);

/* Solve it, from `warm` where that is not NULL, into x->fit. */
void vn_bench_solve(vn_bench_posed *x, const vn_prophet_fit *warm);

/* A device to fit on: the CPU with so many threads. */
vn_status vn_bench_device(int threads, vn_device **dev);

/* Fit with so many threads; the table becomes m->state. On the CPU, or on a device. */
vn_status vn_bench_fit(vn_fitted *m, const vn_panel *panel, int threads);
vn_status vn_bench_fit_on(vn_device *dev, vn_fitted *m, const vn_panel *panel, int threads,
                          const vn_fit_hooks *hooks);

/* The same, aborting the test on failure. */
vn_fitted *vn_bench_fitted(const char *options, const vn_panel *panel);

/* Refits at the cuts of n pairs, and their forecasts. */
vn_status vn_bench_roll(const vn_fitted *m, const vn_panel *panel, const int32_t *pairs, int64_t n,
                        double *out);

extern const vn_freq vn_bench_day;

#endif

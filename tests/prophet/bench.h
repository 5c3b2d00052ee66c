/* What the tests of Prophet begin with: options from words, panels from formulas, fitted models. */
#ifndef VN_TESTS_PROPHET_BENCH_H
#define VN_TESTS_PROPHET_BENCH_H

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

/* Fit with so many threads; the table becomes m->state. */
vn_status vn_bench_fit(vn_fitted *m, const vn_panel *panel, int threads);

/* The same, aborting the test on failure. */
vn_fitted *vn_bench_fitted(const char *options, const vn_panel *panel);

extern const vn_freq vn_bench_day;

#endif

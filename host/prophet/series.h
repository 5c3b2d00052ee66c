/* Fitting one series and looking ahead with it, inside one lane's memory. */
#ifndef VN_HOST_PROPHET_SERIES_H
#define VN_HOST_PROPHET_SERIES_H

#include "host/prophet/problem.h"
#include "host/train/solver.h"

/* The numbers of a fitted series, one row of the table a model file holds. */
enum {
    VN_FIT_START, /* stamp at time 0 */
    VN_FIT_SPAN,  /* of stamps, from time 0 to 1 */
    VN_FIT_SCALE, /* y = y_scaled * scale + floor */
    VN_FIT_FLOOR,
    VN_FIT_K,
    VN_FIT_M,
    VN_FIT_SIGMA,
    VN_FIT_CHANGES, /* changepoints in use, at least 1 but for flat growth */
    VN_FIT_STEP,    /* mean time between two observed rows */
    VN_FIT_OBJECTIVE,
    VN_FIT_ITERATIONS,
    VN_FIT_NUMBERS
};

typedef struct vn_prophet_fit {
    double *number;         /* [VN_FIT_NUMBERS] */
    double *change, *delta; /* [S], zeros behind those in use */
    double *beta;           /* [columns of the spec] */
    double *moment;         /* [regressors, 2] mean and deviation */
} vn_prophet_fit;

typedef struct vn_prophet_lane {
    vn_arena arena;
    const vn_prophet_spec *spec;
    vn_prophet_problem q;
    vn_prophet_room room;
    double *theta;                         /* [p] */
    int *column;                           /* [K] of the spec, of each column in use */
    vn_prophet_fit fit;                    /* room for a fit that nobody keeps */
    double *x;                             /* [columns] */
    double *parts;                         /* [components + 1] trend, then each component */
    double *shift, *slope, *rise, *sample; /* [samples] of the simulation; NULL: none wanted */
} vn_prophet_lane;

/* Changepoints of a series at most. */
int vn_prophet_changes_max(const vn_prophet_spec *spec);

/* For series of T rows at most; samples: paths of a simulation, 0: none. */
vn_status vn_prophet_lane_open(const vn_prophet_spec *spec, int64_t T, int64_t samples,
                               vn_prophet_lane *lane);
void vn_prophet_lane_close(vn_prophet_lane *lane);

/* Fit the rows [0, cut) of series i. `warm` (may be NULL) is a fit to start from. Allocates
 * nothing. DATA if there is nothing to fit. */
vn_status vn_prophet_fit_series(vn_prophet_lane *lane, const vn_panel *panel, int64_t i,
                                int64_t cut, const vn_prophet_fit *warm, vn_prophet_fit *out);

/* Whether `known` is what fitting these rows gives: the problem is the same, and so is, to the bit,
 * the objective at its numbers. Then *out becomes it. */
vn_status vn_prophet_keep_series(vn_prophet_lane *lane, const vn_panel *panel, int64_t i,
                                 int64_t cut, const vn_prophet_fit *known, vn_prophet_fit *out,
                                 bool *kept);

/* The problem of these rows and its starting theta, without solving it: for tests. */
vn_status vn_prophet_pose(vn_prophet_lane *lane, const vn_panel *panel, int64_t i, int64_t cut,
                          vn_prophet_fit *out, bool *constant);

/* DATA unless the rows [from, to) of series i, the history or what is to come, can be forecast:
 * conditions of 0 or 1, a capacity above the floor. */
vn_status vn_prophet_rows_fit(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i,
                              int64_t from, int64_t to, const vn_prophet_fit *fit);

/* yhat at row t, which may lie in the future; `parts` (may be NULL) [components + 1]: the trend,
 * then additive components in units of y and multiplicative ones as parts of the trend. */
double vn_prophet_at(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i, int64_t t,
                     const vn_prophet_fit *fit, double *x, double *parts);

/* Where the ends of a central interval of `level` percent go: rows [at, at + h) of two columns,
 * from `column` on. */
typedef struct vn_prophet_ends {
    double level;
    vn_columns *columns;
    int column;
    int64_t at;
} vn_prophet_ends;

/* The interval of the rows [from, from + h) by simulated trends and noise. One step of all paths at
 * a time: memory does not grow with h. Draws depend on seed, series name and row alone. */
void vn_prophet_simulate(vn_prophet_lane *lane, const vn_panel *panel, int64_t i, int64_t from,
                         int64_t h, const vn_prophet_fit *fit, uint64_t seed, int64_t samples,
                         const vn_prophet_ends *ends);

#endif

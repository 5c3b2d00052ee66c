/* Posing the problem of one series, taking its fit, and looking ahead with it, inside one lane's
 * memory. What lies between is the op `prophet` (solve.h). */
#ifndef VN_HOST_PROPHET_SERIES_H
#define VN_HOST_PROPHET_SERIES_H

#include "device/prophet.h"
#include "host/prophet/spec.h"
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
    int32_t *row;                          /* [T] rows observed */
    double *x;                             /* [columns] */
    double *parts;                         /* [components + 1] trend, then each component */
    double *shift, *slope, *rise, *sample; /* [samples] of the simulation; NULL: none wanted */
} vn_prophet_lane;

/* Where the op's numbers of a series lie. */
typedef struct vn_prophet_slot {
    double *rows;   /* [T, vn_prophet_width] */
    int32_t *where; /* [VN_PROPHET_ACTIVE + seasons]; its first row is set */
    double *change; /* [S] */
    double *start;  /* [2 + columns + S] */
    const double *theta, *fit;
} vn_prophet_slot;

/* Changepoints of a series at most; numbers of a row; coefficients. */
int vn_prophet_changes_max(const vn_prophet_spec *spec);
int vn_prophet_width(const vn_prophet_spec *spec);
int vn_prophet_coefficients(const vn_prophet_spec *spec);

/* For series of T rows at most; samples: paths of a simulation, 0: none. */
vn_status vn_prophet_lane_open(const vn_prophet_spec *spec, int64_t T, int64_t samples,
                               vn_prophet_lane *lane);
void vn_prophet_lane_close(vn_prophet_lane *lane);

/* Room for one fit in an arena; false if there is no memory. */
bool vn_prophet_fit_open(const vn_prophet_spec *spec, vn_arena *arena, vn_prophet_fit *fit);

/* The problem of the rows [0, cut) of series i, with the usual start, into the slot; scales,
 * moments and changepoints into *out. *constant: the target is, and there is nothing to solve.
 * Allocates nothing. DATA if there is nothing to fit. */
vn_status vn_prophet_pose(vn_prophet_lane *lane, const vn_panel *panel, int64_t i, int64_t cut,
                          const vn_prophet_slot *slot, vn_prophet_fit *out, bool *constant);

/* Start where another fit ended, if it has as many changepoints; else the start stays. */
void vn_prophet_begin(const vn_prophet_spec *spec, const vn_prophet_slot *slot,
                      const vn_prophet_fit *warm);

/* Whether `known` is of the problem that was posed into *posed, as far as its numbers tell. */
bool vn_prophet_same(const vn_prophet_spec *spec, const vn_prophet_fit *known,
                     const vn_prophet_fit *posed);
void vn_prophet_copy(const vn_prophet_spec *spec, const vn_prophet_fit *from, vn_prophet_fit *to);

/* Coefficients, a slot's start or result, into a fit. */
void vn_prophet_hold(const vn_prophet_spec *spec, const double *theta, vn_prophet_fit *out);

/* What was found, into the fit of a series that was posed into it. */
void vn_prophet_take(const vn_prophet_spec *spec, const vn_prophet_slot *slot, vn_prophet_fit *out);

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

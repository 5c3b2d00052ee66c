/* Fits of series, a slice of them at a time: posed on the host, solved on a device, taken back. */
#ifndef VN_HOST_PROPHET_SOLVE_H
#define VN_HOST_PROPHET_SOLVE_H

#include "host/prophet/crew.h"
#include "host/prophet/slice.h"

/* A series to be fitted to its rows [0, cut). */
typedef struct vn_prophet_item {
    int64_t series, cut;
    vn_prophet_fit out;         /* where the fit goes */
    vn_prophet_fit warm, known; /* to start from; that may be the result already; or no numbers */
    bool kept;                  /* it was: out is `known` */
    bool constant;
    int64_t first; /* of its rows in the slice */
    vn_prophet_slot slot;
} vn_prophet_item;

typedef struct vn_prophet_solver {
    const vn_prophet_spec *spec;
    const vn_panel *panel;
    vn_prophet_crew crew;
    vn_prophet_slice slice;
    vn_prophet_item *item; /* [room] */
    int64_t *turn;         /* [room, 2] rows and number of an item, longest first */
    int64_t room, n, rows; /* items there may be, those there are, their rows */
} vn_prophet_solver;

/* For `items` items, the longest of `longest` rows, all together of `rows`. Close it whatever this
 * returns. */
vn_status vn_prophet_solver_open(const vn_prophet_spec *spec, const vn_panel *panel, vn_team *team,
                                 vn_device *dev, int64_t items, int64_t longest, int64_t rows,
                                 vn_prophet_solver *solver);
void vn_prophet_solver_close(vn_prophet_solver *solver);

/* The next item of the slice, of so many rows; NULL: it is full. */
vn_prophet_item *vn_prophet_solver_add(vn_prophet_solver *solver, int64_t series, int64_t cut);

/* Fit the items there are, which stay until the slice is cleared. DATA or NUMERIC name a series
 * that has no fit. */
vn_status vn_prophet_solver_run(vn_prophet_solver *solver);
void vn_prophet_solver_clear(vn_prophet_solver *solver);

#endif

/* Models without a graph: a solver of their own fits them to every series by itself.
 *
 * Such a model has a vn_model_def without `build`. Its options, its file, `vane train`, `forecast`,
 * `evaluate` and `inspect` are those of all models; what differs is in these functions. */
#ifndef VN_HOST_TRAIN_SOLVER_H
#define VN_HOST_TRAIN_SOLVER_H

#include "base/team.h"
#include "device/device.h"
#include "host/train/fitted.h"

/* Columns of a forecast beside the point forecast: "lo-80", "trend". Zeroed: none. */
typedef struct vn_columns {
    vn_arena arena;
    int n;
    const char **name;
    float **value; /* [n][N, H] */
    float **rest;  /* and what f32 loses of it; NULL where the panel has no y_rest */
} vn_columns;

/* What a forecast is asked for. */
typedef struct vn_solver_wish {
    const double *level; /* [n_level] intervals, in percent */
    int n_level;
    bool components;
    const vn_log *log; /* may be NULL */
} vn_solver_wish;

typedef struct vn_solver {
    /* Fit the rows before the test part: the team prepares, `dev` computes. `init` (may be NULL): a
     * fitted model to start from. A step of the hooks is a series: a solver asks stop between slices of
     * series and then fails, with those that are done in the checkpoint. A checkpoint is the model file of
     * these series, and any model file one to resume from: series whose rows it was fitted to stay
     * as they are. */
    vn_status (*fit)(vn_fitted *m, const vn_panel *panel, vn_team *team, vn_device *dev,
                     const vn_fitted *init, const vn_fit_hooks *hooks, vn_fit_report *report);
    /* y [N, H]: the h rows after the last of every series; y_rest (NULL where the panel has none)
     * what f32 loses of them. */
    vn_status (*forecast)(const vn_fitted *m, const vn_panel *panel, vn_team *team,
                          const vn_solver_wish *wish, float *y, float *y_rest, vn_columns *columns);
    /* Refit on the rows before the cut of each pair (series, cut), and forecast: out [n, H]. */
    vn_status (*roll)(const vn_fitted *m, const vn_panel *panel, vn_team *team, vn_device *dev,
                      const int32_t *pairs, int64_t n, double *out);
    /* Every row of one series and the h behind it: all columns with `components`, yhat first;
     * value [n_past + h] each. */
    vn_status (*explain)(const vn_fitted *m, const vn_panel *panel, int64_t series,
                         vn_columns *columns);
    /* For the model file: texts of any length under keys "solver.*", and tensors. */
    vn_status (*describe)(const vn_fitted *m, vn_meta_list *meta);
    vn_status (*tensors)(const vn_fitted *m, vn_arena *arena, vn_stored **tensor, int *n);
    vn_status (*restore)(vn_fitted *m, const vn_safetensors *file);
    void (*close)(void *state); /* of vn_fitted.state */
} vn_solver;

extern const vn_solver vn_solver_prophet;

/* NULL: the model has a graph. */
const vn_solver *vn_solver_of(const vn_model_def *def);

/* n columns, [rows] each, with or without their rest. MEMORY with the columns closed. */
vn_status vn_columns_open(vn_columns *columns, int n, int64_t rows, bool rest);
void vn_columns_put(vn_columns *columns, int column, int64_t row, double x);
void vn_columns_close(vn_columns *columns);

#endif

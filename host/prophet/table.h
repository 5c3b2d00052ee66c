/* All fitted series of a model: the state of a vn_fitted whose model is Prophet. */
#ifndef VN_HOST_PROPHET_TABLE_H
#define VN_HOST_PROPHET_TABLE_H

#include "host/data/names.h"
#include "host/prophet/series.h"
#include "host/train/solver.h"

typedef struct vn_prophet_table {
    vn_arena arena;
    vn_prophet_spec spec;
    vn_names ids;           /* [N] series the model knows */
    int S;                  /* changepoints of a series at most */
    double *number;         /* [N, VN_FIT_NUMBERS] */
    double *change, *delta; /* [N, S] */
    double *beta;           /* [N, columns] */
    double *moment;         /* [N, regressors, 2] */
} vn_prophet_table;

/* An empty table for N series; h and `holidays` as in vn_prophet_spec_open. */
vn_status vn_prophet_table_open(const vn_prophet_options *o, const vn_panel *panel, int64_t N,
                                int64_t h, const char *holidays, vn_prophet_table **table);
void vn_prophet_table_close(void *table);

/* Where series i is kept. */
vn_prophet_fit vn_prophet_row(const vn_prophet_table *table, int64_t i);

/* Write the first n series of t, a table not yet m's, as a model file. */
vn_status vn_prophet_checkpoint(vn_fitted *m, vn_prophet_table *t, int64_t n, const char *path);

/* Read such a file, or that of a whole model, to go on from; ARGUMENT unless it is of m's options
 * and features and of t's columns. The caller closes it. */
vn_status vn_prophet_resume(const vn_fitted *m, const vn_prophet_table *t, const char *path,
                            vn_fitted **from);

vn_status vn_prophet_describe(const vn_fitted *m, vn_meta_list *meta);
vn_status vn_prophet_tensors(const vn_fitted *m, vn_arena *arena, vn_stored **tensor, int *n);
vn_status vn_prophet_restore(vn_fitted *m, const vn_safetensors *file);

#endif

/* What a forecast of a data set holds, for the files that make it and write it. */
#ifndef VN_HOST_API_FORECAST_H
#define VN_HOST_API_FORECAST_H

#include "host/api/internal.h"

struct vane_forecast {
    vn_arena arena;
    const char *alias;
    const char **id;  /* [N] */
    int64_t *stamp;   /* [N, H] */
    float *y;         /* [N, H] */
    float *y_rest;    /* what f32 loses of it; NULL where the data have no y_rest */
    float *attention; /* [N, H, L] or NULL */
    int64_t *seen;    /* [N, L] stamps of the input, those before a series left out by `first` */
    int64_t *first;   /* [N] first input step within the series */
    vn_freq freq;
    int64_t n_series, h, n_input;
    vn_columns columns; /* beside y */
    float *samples;     /* [N, n_paths, H] or NULL; vn_malloc */
    int64_t n_paths;
};

#endif

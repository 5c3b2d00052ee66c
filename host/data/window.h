/* Which windows training draws: counter-based, so a step's batch is a function of (seed, step). */
#ifndef VN_HOST_DATA_WINDOW_H
#define VN_HOST_DATA_WINDOW_H

#include "host/data/panel.h"

typedef struct vn_windows_config {
    int64_t n_in, h;      /* L, H */
    int64_t last_cutoffs; /* only cuts in the last last_cutoffs * H steps of the part; 0: all */
    int64_t step_size;    /* distance of neighbouring cuts */
    int start_padding;    /* 0 auto: only for series shorter than L + H; 1 always; 2 never */
    bool partial_targets; /* allow windows whose target reaches past the part, masked there */
    bool by_series;       /* draw a series first, then its cut; else uniform over all windows */
    vn_split split;
    int part; /* 0 train, 1 validation, 2 test: where targets lie */
} vn_windows_config;

/* The windows of one part of a panel. */
typedef struct vn_windows {
    vn_windows_config config;
    const vn_panel *panel;
    int64_t n;          /* windows in all */
    int64_t n_used;     /* series with at least one window */
    int64_t *series;    /* [n_used] */
    int64_t *first_cut; /* [n_used] smallest cut */
    int64_t *cum;       /* [n_used + 1] windows before each used series */
    vn_arena arena;
} vn_windows;

/* DATA if no series has a window; the message names the longest series and what is needed. Windows
 * whose input holds no observed point or whose target holds none are not counted out here: their
 * masks make them weightless. */
vn_status vn_windows_open(const vn_panel *panel, const vn_windows_config *config, vn_windows *out);
void vn_windows_close(vn_windows *w);

/* The k-th window in order, as the (series, cut) pair the `window` op takes. */
void vn_windows_at(const vn_windows *w, int64_t k, int32_t pair[2]);

/* The pair of slot `slot` of training step `step`. A pure function. */
void vn_windows_draw(const vn_windows *w, uint64_t seed, int64_t step, int64_t slot,
                     int32_t pair[2]);

#endif

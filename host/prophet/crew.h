/* Work on numbered items, one a lane at a time: a lane takes the next item when it is done with
 * one, in memory of its own; what it computes depends on that item alone, so neither the number of
 * lanes nor their speed changes a bit. */
#ifndef VN_HOST_PROPHET_CREW_H
#define VN_HOST_PROPHET_CREW_H

#include <stdatomic.h>

#include "host/prophet/series.h"

typedef vn_status (*vn_prophet_work)(void *ctx, vn_prophet_lane *lane, int64_t item);

typedef struct vn_prophet_crew {
    vn_team *team; /* NULL: the caller alone */
    int n_lanes;
    vn_prophet_lane *lane; /* [lanes] */
    vn_prophet_work work;
    void *ctx;
    int64_t end;
    atomic_llong next;
    atomic_int failed;
    vn_status *status; /* [lanes] */
    int64_t *item;     /* [lanes] that failed */
} vn_prophet_crew;

/* For `items` items at most; T and samples as for a lane. Close it whatever this returns. */
vn_status vn_prophet_crew_open(const vn_prophet_spec *spec, vn_team *team, int64_t items, int64_t T,
                               int64_t samples, vn_prophet_crew *crew);
void vn_prophet_crew_close(vn_prophet_crew *crew);

/* Items [0, n). Of those that failed, one's status and message. */
vn_status vn_prophet_crew_run(vn_prophet_crew *crew, int64_t n, vn_prophet_work work, void *ctx);

#endif

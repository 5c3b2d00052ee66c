/* A team of threads: the only file of the project that knows OpenMP is base/team.c.
 *
 * A team runs one function on all lanes at once; lanes meet at a barrier of our own that spins for
 * a bounded time (about 50 us) and then sleeps, because OpenMP's costs 12-24 times more and
 * unbounded spinning collapses when another job holds the cores. */
#ifndef VN_BASE_TEAM_H
#define VN_BASE_TEAM_H

#include <stdint.h>

#include "base/status.h"

typedef struct vn_team vn_team;

/* What one lane of a running team knows of itself. */
typedef struct vn_lane {
    int rank, size; /* 0 <= rank < size */
    vn_team *team;
} vn_lane;

/* Make a team of n lanes; n = 0: as many as the affinity mask, the cgroup quota and
 * OMP_NUM_THREADS allow. Creates the threads once, early. */
vn_status vn_team_open(int n, vn_team **team);
void vn_team_close(vn_team *team);
int vn_team_size(const vn_team *team);

/* Threads this process may use (affinity, cgroup quota, OMP_NUM_THREADS), at least 1. */
int vn_team_granted(void);

/* Run fn(arg, lane) on the first `lanes` lanes (all of them when 0) and return when all have. With
 * one lane it is a plain call. A team is used by one caller at a time. */
void vn_team_run(vn_team *team, int lanes, void (*fn)(void *arg, vn_lane *lane), void *arg);

/* Wait until every lane of the running region has arrived. */
void vn_team_meet(vn_lane *lane);

/* Share of lane in [0, n) cut into tiles of `tile` (the last may be short): a contiguous block of
 * whole tiles, so the tiling depends on the data alone, never on the number of lanes. */
static inline void vn_lane_share(const vn_lane *lane, int64_t n, int64_t tile, int64_t *lo,
                                 int64_t *hi)
{
    int64_t tiles = (n + tile - 1) / tile;
    int64_t first = tiles * lane->rank / lane->size, last = tiles * (lane->rank + 1) / lane->size;
    *lo = first * tile < n ? first * tile : n;
    *hi = last * tile < n ? last * tile : n;
}

#endif

/* A team of threads of our own that stays between runs; the caller is its lane 0.
 *
 * Lanes wait awake for a bounded time (50 us) and then sleep, so an idle team costs nothing. A run
 * is a chain of phases; a phase is over when all of its parts are, whoever computed them: a lane
 * that is still asleep, or that the system took from its core, does not hold up the others before
 * it has taken a part. A team that loses time to a lane without a core runs alone for a while. */
#ifndef VN_BASE_TEAM_H
#define VN_BASE_TEAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

enum { VN_MAX_LANES = 1024 };

typedef struct vn_team vn_team;

/* One of `size` equal parts of some work. */
typedef struct vn_lane {
    int rank, size; /* 0 <= rank < size */
    vn_team *team;  /* NULL: this part must not meet others */
} vn_lane;

/* Make a team of n lanes; n = 0: as many as vn_team_granted() says. Starts the threads; where the
 * system gives fewer, the team is smaller. */
vn_status vn_team_open(int n, vn_team **team);
void vn_team_close(vn_team *team);
int vn_team_size(const vn_team *team);

/* Threads this process may use, at least 1: the affinity mask, the cgroup quota, and the variables
 * OMP_NUM_THREADS and OMP_THREAD_LIMIT, which many hosts set for all their libraries. */
int vn_team_granted(void);

/* Run fn(arg, lane) on the first `lanes` lanes (all of them when 0), at once, and return when all
 * have. With one lane it is a plain call; so it is for a caller who finds the team at work for
 * another, and inside a run. In the child of a fork the team starts threads of its own. */
void vn_team_run(vn_team *team, int lanes, void (*fn)(void *arg, vn_lane *lane), void *arg);

/* Wait until every lane of the running function has arrived. */
void vn_team_meet(vn_lane *lane);

/* A chain of phases. What a phase wrote is seen by all that follow. */
typedef struct vn_phases {
    int n;
    /* Do lanes meet in it? Then each lane has one part at the same time; else parts run in any
     * order on any lane. */
    bool (*meets)(void *arg, int phase);
    /* Compute a part on lane number `lane`, whose memory it may use. */
    void (*part)(void *arg, int phase, vn_lane *part, int lane);
    /* By one lane, once all parts are done. NULL: nothing. */
    void (*after)(void *arg, int phase, int lane);
} vn_phases;
void vn_team_walk(vn_team *team, int lanes, const vn_phases *work, void *arg);

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

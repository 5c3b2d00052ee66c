#include "host/prophet/crew.h"

#include "base/fault.h"

vn_status vn_prophet_crew_open(const vn_prophet_spec *spec, vn_team *team, int64_t items, int64_t T,
                               int64_t samples, vn_prophet_crew *c)
{
    int lanes = team ? vn_team_size(team) : 1;
    if (lanes > items) lanes = items > 0 ? (int)items : 1;
    *c = (vn_prophet_crew){ .team = team };
    c->lane = vn_calloc((size_t)lanes, sizeof *c->lane);
    c->status = vn_calloc((size_t)lanes, sizeof *c->status);
    c->item = vn_calloc((size_t)lanes, sizeof *c->item);
    if (!c->lane || !c->status || !c->item) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (; c->n_lanes < lanes; c->n_lanes++)
        VN_TRY(vn_prophet_lane_open(spec, T, samples, &c->lane[c->n_lanes]));
    return VN_OK;
}

void vn_prophet_crew_close(vn_prophet_crew *c)
{
    for (int i = 0; i < c->n_lanes; i++) vn_prophet_lane_close(&c->lane[i]);
    vn_free(c->lane);
    vn_free(c->status);
    vn_free(c->item);
}

static void run_lane(void *arg, vn_lane *lane)
{
    vn_prophet_crew *c = arg;
    while (!atomic_load(&c->failed)) {
        int64_t i = atomic_fetch_add(&c->next, 1);
        if (i >= c->end) return;
        vn_status st = c->work(c->ctx, &c->lane[lane->rank], i);
        if (!st) continue;
        c->status[lane->rank] = st;
        c->item[lane->rank] = i;
        atomic_store(&c->failed, 1);
    }
}

/* The message of a failure is made again on this thread: it is thread-local. */
vn_status vn_prophet_crew_run(vn_prophet_crew *c, int64_t n, vn_prophet_work work, void *ctx)
{
    c->work = work;
    c->ctx = ctx;
    c->end = n;
    atomic_store(&c->next, 0);
    atomic_store(&c->failed, 0);
    for (int i = 0; i < c->n_lanes; i++) c->status[i] = VN_OK;
    if (c->team)
        vn_team_run(c->team, c->n_lanes, run_lane, c);
    else
        run_lane(c, &(vn_lane){ 0, 1, NULL });
    for (int i = 0; i < c->n_lanes; i++)
        if (c->status[i]) { /* once more, for the sentence; if that goes well the others were still left out */
            vn_status again = work(ctx, &c->lane[i], c->item[i]);
            return again ? again : vn_trail(c->status[i], __FILE__, __LINE__);
        }
    return VN_OK;
}

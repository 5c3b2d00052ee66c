/* The op `prophet`: what kernels of every backend do for one of its series. */
#ifndef VN_DEVICE_PROPHET_SERIES_H
#define VN_DEVICE_PROPHET_SERIES_H

#include "device/prophet_newton.h"

/* The call's tensors and attributes, by value: a launch hands it to the device. */
typedef struct vn_prophet_batch {
    const double *rows, *prior, *change, *start;
    const int32_t *where, *order, *multiplicative;
    double *theta, *fit; /* NULL: not wanted */
    int64_t series;
    int width, seasons, columns, changes, growth, steps;
    double tau;
} vn_prophet_batch;

static inline vn_prophet_batch vn_prophet_batch_of(const vn_call *c)
{
    const vn_attr_prophet *a = (const vn_attr_prophet *)c->attr;
    vn_prophet_batch b;
    b.rows = (const double *)c->in[0].data;
    b.where = (const int32_t *)c->in[1].data;
    b.order = (const int32_t *)c->in[2].data;
    b.prior = (const double *)c->in[3].data;
    b.multiplicative = (const int32_t *)c->in[4].data;
    b.change = (const double *)c->in[5].data;
    b.start = (const double *)c->in[6].data;
    b.theta = (double *)c->out[0].data;
    b.fit = (double *)c->out[1].data;
    b.series = c->in[1].dim[0];
    b.width = (int)c->in[0].dim[1];
    b.seasons = (int)c->in[1].dim[1] - VN_PROPHET_ACTIVE;
    b.columns = c->in[3].rank > 0 ? (int)c->in[3].dim[0] : 0;
    b.changes = c->in[5].rank > 0 ? (int)c->in[5].dim[1] : 0;
    b.growth = (int)a->growth;
    b.steps = (int)a->steps;
    b.tau = a->tau;
    return b;
}

/* Bytes of the room that solves a series of the call. */
static inline size_t vn_prophet_room_bytes(const vn_prophet_batch *b)
{
    vn_prophet_room r;
    int p = 2 + b->columns + b->changes;
    return (size_t)vn_prophet_furnish(p, b->changes, NULL, &r) * sizeof(double);
}

VN_TOGETHER vn_prophet_problem vn_prophet_problem_of(const vn_prophet_batch *b, int64_t i)
{
    const int32_t *where = b->where + i * (VN_PROPHET_ACTIVE + b->seasons);
    vn_prophet_problem q;
    q.row = b->rows + (int64_t)where[VN_PROPHET_FIRST] * b->width;
    q.T = where[VN_PROPHET_COUNT];
    q.width = b->width;
    q.growth = b->growth;
    q.seasons = b->seasons;
    q.columns = b->columns;
    q.tau = b->tau;
    q.active = where + VN_PROPHET_ACTIVE;
    q.order = b->order;
    q.prior = b->prior;
    q.multiplicative = b->multiplicative;
    q.change = b->change + i * b->changes;
    q.S = where[VN_PROPHET_CHANGES];
    q.K = 0;
    q.p = 0;
    q.linear = false;
    return q;
}

/* Coefficients of all columns and changes to those of the problem, or back: then those that do not
 * act are 0. */
VN_TOGETHER void vn_prophet_gather(const vn_prophet_problem *q, vn_prophet_room *r,
                                   const double *all)
{
    for (int i = VN_LANE; i < q->p; i += VN_LANES)
        r->best[i] = i < 2          ? all[i]
                     : i < 2 + q->K ? all[2 + r->column[i - 2]]
                                    : all[i + q->columns - q->K];
}

VN_TOGETHER void vn_prophet_scatter(const vn_prophet_problem *q, const vn_prophet_room *r,
                                    int changes, double *all)
{
    for (int i = VN_LANE; i < 2 + q->columns + changes; i += VN_LANES) all[i] = 0;
    VN_MEET();
    for (int i = VN_LANE; i < q->p; i += VN_LANES) {
        int to = i < 2 ? i : i < 2 + q->K ? 2 + r->column[i - 2] : i + q->columns - q->K;
        all[to] = r->best[i];
    }
}

/* Series i, in the room of `block`. One without rows is left as it is: its start, and zeros. */
VN_TOGETHER void vn_prophet_series(const vn_prophet_batch *b, int64_t i, double *block)
{
    VN_ONE(vn_prophet_problem, q);
    VN_ONE(vn_prophet_room, r);
    vn_prophet_result result = { 0, 0, 0 };
    int all = 2 + b->columns + b->changes;
    VN_MEET();
    if (VN_LANE == 0) {
        *q = vn_prophet_problem_of(b, i);
        vn_prophet_furnish(all, b->changes, block, r);
    }
    VN_MEET();
    vn_prophet_take_columns(q, r);
    vn_prophet_gather(q, r, b->start + i * all);
    if (q->T > 0) result = vn_prophet_newton(q, r, b->steps);
    if (b->theta) vn_prophet_scatter(q, r, b->changes, b->theta + i * all);
    if (!b->fit || VN_LANE) return;
    double *fit = b->fit + i * VN_PROPHET_FIT;
    fit[VN_PROPHET_SIGMA] = result.sigma;
    fit[VN_PROPHET_OBJECTIVE] = result.objective;
    fit[VN_PROPHET_STEPS] = result.steps;
}

#endif

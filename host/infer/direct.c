#include "host/infer/direct.h"

#include <inttypes.h>

#include "base/fault.h"
#include "graph/build.h"

struct vn_direct {
    const vn_fitted *m;
    vn_device *dev;
    vn_stream *own;     /* what is queued on it has the order of the runs */
    vn_stream *stream;  /* the caller's, of the last run */
    void *handle;       /* its handle */
    void *param, *ones; /* ones [batch, L]: the mask of a caller without one */
    void *pairs; /* [most, 2], where paths are drawn by them, else NULL: window i is series i */
    vn_plan *plan;
    vn_model_graph graph; /* its values; the graph is closed */
    vn_params *none;      /* what `mean` learns */
    vn_plan *mean;        /* of the members of an ensemble, else NULL */
    vn_val parts, point;  /* its input [members, batch H] and output */
    int64_t most, batch;  /* windows a run, windows a replay */
};

static size_t param_bytes(const vn_direct *d)
{
    return vn_params_bytes(d->m->params);
}

static int members(const vn_direct *d)
{
    return d->m->params->members;
}

static size_t mask_bytes(const vn_direct *d)
{
    return (size_t)(d->batch * d->m->train.input_size) * sizeof(float);
}

static vn_status open_ones(vn_direct *d)
{
    size_t n = mask_bytes(d) / sizeof(float);
    float *one = vn_malloc(n * sizeof *one);
    if (!one) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (size_t i = 0; i < n; i++) one[i] = 1;
    vn_status st = vn_device_alloc(d->dev, VN_MEM_DEVICE, mask_bytes(d), &d->ones);
    if (!st) st = vn_stream_copy(d->own, d->ones, one, mask_bytes(d), VN_TO_DEVICE);
    if (!st) st = vn_stream_wait(d->own);
    vn_free(one);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

static size_t pair_bytes(const vn_direct *d)
{
    return (size_t)d->most * 2 * sizeof(int32_t);
}

static vn_status open_pairs(vn_direct *d)
{
    if (!d->m->def->context) return VN_OK;
    int32_t *pair = vn_malloc(pair_bytes(d));
    if (!pair) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t i = 0; i < d->most; i++) {
        pair[2 * i] = (int32_t)i;
        pair[2 * i + 1] = (int32_t)d->m->train.input_size;
    }
    vn_status st = vn_device_alloc(d->dev, VN_MEM_DEVICE, pair_bytes(d), &d->pairs);
    if (!st) st = vn_stream_copy(d->own, d->pairs, pair, pair_bytes(d), VN_TO_DEVICE);
    if (!st) st = vn_stream_wait(d->own);
    vn_free(pair);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* The mean of what the members forecast: a plan of its own, since members know nothing of each
 * other. */
static vn_status open_mean(vn_direct *d)
{
    int64_t n = d->batch * d->m->train.h, s = members(d);
    vn_plan_config config = { .dev = d->dev };
    vn_graph *g;
    if (s == 1) return VN_OK;
    VN_TRY(vn_params_open(&d->none));
    VN_TRY(vn_graph_open(VN_F32, d->none, &g));
    d->parts = vn_input(g, "members", VN_F32, VN_DIMS(s, n));
    d->point = vn_output(g, vn_affine(g, vn_sumto(g, d->parts, VN_DIMS(1, n)), 1 / (double)s, 0));
    vn_status st = vn_graph_finish(g);
    if (!st) st = vn_plan_make(g, &config, &d->mean);
    vn_graph_close(g);
    return st ? vn_trail(st, __FILE__, __LINE__) : vn_plan_put(d->mean);
}

static vn_status open_plan(vn_direct *d)
{
    vn_plan_config config = { .dev = d->dev,
                              .seed = (uint64_t)d->m->train.seed,
                              .members = members(d),
                              .version = &d->m->params->version };
    config.home[VN_HOME_PARAM] = d->param;
    VN_TRY(vn_model_graph_from(d->m, VN_MODE_FORECAST, d->batch, VN_FROM_CALLER, &d->graph));
    vn_status st = vn_plan_make(d->graph.g, &config, &d->plan);
    vn_graph_close(d->graph.g);
    d->graph.g = NULL;
    return st ? vn_trail(st, __FILE__, __LINE__) : vn_plan_put(d->plan);
}

static vn_status open_all(vn_direct *d)
{
    VN_TRY(vn_stream_open(d->dev, &d->own));
    VN_TRY(vn_device_alloc(d->dev, VN_MEM_DEVICE, param_bytes(d), &d->param));
    VN_TRY(vn_stream_copy(d->own, d->param, d->m->params->block, param_bytes(d), VN_TO_DEVICE));
    VN_TRY(vn_stream_wait(d->own));
    VN_TRY(open_ones(d));
    VN_TRY(open_pairs(d));
    VN_TRY(open_mean(d));
    return open_plan(d);
}

vn_status vn_direct_open(const vn_fitted *m, vn_device *dev, int64_t most, int64_t batch,
                         vn_direct **out)
{
    *out = NULL;
    if (!m->params || !m->params->closed)
        return VN_FAIL(VN_E_BUG, "a model without weights cannot forecast");
    vn_direct *d = vn_calloc(1, sizeof *d);
    if (!d) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    d->m = m;
    d->dev = dev;
    d->most = most;
    d->batch = batch;
    vn_status st = open_all(d);
    if (st) {
        vn_direct_close(d);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = d;
    return VN_OK;
}

void vn_direct_close(vn_direct *d)
{
    if (!d) return;
    if (d->own)
        vn_stream_wait(d->own); /* for runs under way; their failure is the caller's stream's */
    vn_plan_close(d->plan);
    vn_plan_close(d->mean);
    vn_params_close(d->none);
    if (d->pairs) vn_device_free(d->dev, VN_MEM_DEVICE, d->pairs, pair_bytes(d));
    if (d->ones) vn_device_free(d->dev, VN_MEM_DEVICE, d->ones, mask_bytes(d));
    if (d->param) vn_device_free(d->dev, VN_MEM_DEVICE, d->param, param_bytes(d));
    if (d->stream) vn_stream_close(d->stream);
    if (d->own) vn_stream_close(d->own);
    vn_free(d);
}

/* The caller's stream; where it is another than before, it waits for the runs so far. */
static vn_status take_stream(vn_direct *d, void *handle)
{
    vn_stream *s;
    if (d->stream && d->handle == handle) return VN_OK;
    VN_TRY(vn_stream_adopt(d->dev, handle, &s));
    if (d->stream) vn_stream_close(d->stream);
    d->stream = s;
    d->handle = handle;
    return vn_stream_after(s, d->own);
}

/* n rows of `bytes` to an input of the plan, which may have none such. */
static vn_status move_in(vn_direct *d, vn_val to, const void *from, int64_t first, int64_t n,
                         size_t bytes)
{
    if (!to || !bytes) return VN_OK;
    return vn_stream_copy(d->stream, vn_plan_address(d->plan, to),
                          (const char *)from + (size_t)first * bytes, (size_t)n * bytes,
                          VN_ON_DEVICE);
}

/* Windows first .. first + n to the chosen member; what the rows beyond hold is the run's before,
 * and nobody's. */
static vn_status feed(vn_direct *d, const vn_direct_arrays *a, int64_t first, int64_t n)
{
    const vn_fitted *m = d->m;
    size_t one = sizeof(float), l = (size_t)m->train.input_size, all = l + (size_t)m->train.h;
    const vn_window_out *w = &d->graph.windows;
    VN_TRY(move_in(d, w->y, a->y, first, n, l * one));
    if (a->mask)
        VN_TRY(move_in(d, w->mask, a->mask, first, n, l * one));
    else
        VN_TRY(move_in(d, w->mask, d->ones, 0, n, l * one));
    if (d->pairs) VN_TRY(move_in(d, d->graph.pairs, d->pairs, first, n, 2 * sizeof(int32_t)));
    VN_TRY(move_in(d, w->hist, a->hist, first, n, l * (size_t)m->n_hist * one));
    VN_TRY(move_in(d, w->futr, a->futr, first, n, all * (size_t)m->n_futr * one));
    return move_in(d, w->stat, a->stat, first, n, (size_t)m->n_stat * one);
}

/* The forecasts of all members to the plan of their mean, which is queued. */
static vn_status average(vn_direct *d)
{
    size_t bytes = (size_t)(d->batch * d->m->train.h) * sizeof(float);
    char *parts = vn_plan_address(d->mean, d->parts);
    for (int s = 0; s < members(d); s++) {
        vn_plan_member(d->plan, s);
        VN_TRY(vn_stream_copy(d->stream, parts + (size_t)s * bytes,
                              vn_plan_address(d->plan, d->graph.yhat), bytes, VN_ON_DEVICE));
    }
    return vn_plan_queue(d->mean, d->stream);
}

static vn_status run_batch(vn_direct *d, const vn_direct_arrays *a, int64_t first, int64_t n)
{
    int64_t h = d->m->train.h;
    for (int s = 0; s < members(d); s++) {
        vn_plan_member(d->plan, s);
        VN_TRY(feed(d, a, first, n));
    }
    VN_TRY(vn_plan_queue(d->plan, d->stream));
    if (d->mean) VN_TRY(average(d));
    const void *point =
        d->mean ? vn_plan_address(d->mean, d->point) : vn_plan_address(d->plan, d->graph.yhat);
    return vn_stream_copy(d->stream, a->out + first * h, point, (size_t)(n * h) * sizeof *a->out,
                          VN_ON_DEVICE);
}

static vn_status need(const char *what, const float *given, int64_t width)
{
    if (given || !width) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT, "the model uses %s, which are not given", what);
}

vn_status vn_direct_run(vn_direct *d, void *stream, const vn_direct_arrays *a, int64_t n)
{
    if (n > d->most)
        return VN_FAIL(VN_E_BUG, "%" PRId64 " windows, opened for %" PRId64, n, d->most);
    if (!a->y || !a->out) return VN_FAIL(VN_E_ARGUMENT, "y and out must be given");
    VN_TRY(need("past features", a->hist, d->m->n_hist));
    VN_TRY(need("future features", a->futr, d->m->n_futr));
    VN_TRY(need("static features", a->stat, d->m->n_stat));
    VN_TRY(take_stream(d, stream));
    vn_status st = VN_OK;
    for (int64_t i = 0; !st && i < n; i += d->batch)
        st = run_batch(d, a, i, n - i < d->batch ? n - i : d->batch);
    vn_status after = vn_stream_after(d->own, d->stream); /* also of a run that stopped half way */
    return st ? vn_trail(st, __FILE__, __LINE__) : after;
}

#include "host/infer/direct.h"

#include <inttypes.h>

#include "base/fault.h"

struct vn_direct {
    const vn_fitted *m;
    vn_device *dev;
    vn_stream *own;     /* what is queued on it has the order of the runs */
    vn_stream *stream;  /* the caller's, of the last run */
    void *handle;       /* its handle */
    void *param, *ones; /* ones [batch, L]: the mask of a caller without one */
    vn_plan *plan;
    vn_model_graph graph; /* its values; the graph is closed */
    int64_t batch;
};

static size_t param_bytes(const vn_direct *d)
{
    return (size_t)d->m->params->n_block * sizeof(float);
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

static vn_status open_plan(vn_direct *d)
{
    vn_plan_config config = { .dev = d->dev,
                              .seed = (uint64_t)d->m->train.seed,
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
    return open_plan(d);
}

vn_status vn_direct_open(const vn_fitted *m, vn_device *dev, int64_t batch, vn_direct **out)
{
    *out = NULL;
    if (!m->params || !m->params->closed)
        return VN_FAIL(VN_E_BUG, "a model without weights cannot forecast");
    if (m->params->members > 1)
        return VN_FAIL(VN_E_UNSUPPORTED, "the host takes the mean of an ensemble's forecasts: it has none on "
                       "device memory");
    vn_direct *d = vn_calloc(1, sizeof *d);
    if (!d) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    d->m = m;
    d->dev = dev;
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

/* n rows of `width` numbers to an input of the plan, which may have none such. */
static vn_status move_in(vn_direct *d, vn_val to, const float *from, int64_t first, int64_t n,
                         int64_t width)
{
    if (!to || !width) return VN_OK;
    return vn_stream_copy(d->stream, vn_plan_address(d->plan, to), from + first * width,
                          (size_t)(n * width) * sizeof *from, VN_ON_DEVICE);
}

/* Windows first .. first + n; what the rows beyond hold is the run's before, and nobody's. */
static vn_status run_batch(vn_direct *d, const vn_direct_arrays *a, int64_t first, int64_t n)
{
    const vn_fitted *m = d->m;
    int64_t l = m->train.input_size, h = m->train.h;
    const vn_window_out *w = &d->graph.windows;
    VN_TRY(move_in(d, w->y, a->y, first, n, l));
    if (a->mask)
        VN_TRY(move_in(d, w->mask, a->mask, first, n, l));
    else
        VN_TRY(move_in(d, w->mask, d->ones, 0, n, l));
    VN_TRY(move_in(d, w->hist, a->hist, first, n, l * m->n_hist));
    VN_TRY(move_in(d, w->futr, a->futr, first, n, (l + h) * m->n_futr));
    VN_TRY(move_in(d, w->stat, a->stat, first, n, m->n_stat));
    VN_TRY(vn_plan_queue(d->plan, d->stream));
    return vn_stream_copy(d->stream, a->out + first * h, vn_plan_address(d->plan, d->graph.yhat),
                          (size_t)(n * h) * sizeof *a->out, VN_ON_DEVICE);
}

static vn_status need(const char *what, const float *given, int64_t width)
{
    if (given || !width) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT, "the model uses %s, which are not given", what);
}

vn_status vn_direct_run(vn_direct *d, void *stream, const vn_direct_arrays *a, int64_t n)
{
    if (!a->y || !a->out) return VN_FAIL(VN_E_ARGUMENT, "y and out must be given");
    VN_TRY(need("past features", a->hist, d->m->n_hist));
    VN_TRY(need("future features", a->futr, d->m->n_futr));
    VN_TRY(need("static features", a->stat, d->m->n_stat));
    VN_TRY(take_stream(d, stream));
    for (int64_t i = 0; i < n; i += d->batch)
        VN_TRY(run_batch(d, a, i, n - i < d->batch ? n - i : d->batch));
    return vn_stream_after(d->own, d->stream);
}

/* Forecasts with two plans over one copy of the weights: one for a batch, one for a single window,
 * whose latency is what a caller with one series waits for. Opening allocates; running does not. */
#include "host/infer/predictor.h"

#include <inttypes.h>
#include <string.h>

#include "base/fault.h"
#include "device/resident.h"
#include "host/infer/ensemble.h"
#include "host/train/gather.h"

/* Weights stay in cache over this many rows; more only costs memory. Paths are many numbers a row:
 * windows of 2^22 numbers are enough to share among lanes. */
enum { BATCH = 256, BATCH_NUMBERS = 1 << 22 };

typedef struct route {
    vn_plan *plan;
    vn_model_graph graph; /* its values; the graph is closed */
    int64_t batch;
} route;

struct vn_predictor {
    const vn_fitted *m;
    vn_head head;
    vn_device *dev;
    vn_stream *stream;
    void *param;
    uint64_t version; /* of the weights on the device */
    route one, many;
    vn_source source;       /* VN_FROM_WINDOWS: the panel stays on the host */
    const vn_panel *bound;  /* what `resident` holds; NULL: nothing */
    vn_resident resident;
    const char *name; /* what is shown; NULL: nothing */
    int64_t row;      /* its numbers a window */
    float *shown;     /* where it goes, or NULL */
};

static size_t block_bytes(const vn_predictor *p) { return vn_params_bytes(p->m->params); }

static int members(const vn_predictor *p) { return p->m->params->members; }

static vn_status upload(vn_predictor *p)
{
    VN_TRY(vn_stream_copy(p->stream, p->param, p->m->params->block, block_bytes(p), VN_TO_DEVICE));
    VN_TRY(vn_stream_wait(p->stream));
    p->version = p->m->params->version;
    return VN_OK;
}

static vn_status open_route(vn_predictor *p, int64_t batch, route *r)
{
    vn_plan_config config = { .dev = p->dev,
                              .seed = (uint64_t)p->m->train.seed,
                              .members = members(p),
                              .version = &p->version };
    config.home[VN_HOME_PARAM] = p->param;
    r->batch = batch;
    if (p->name)
        VN_TRY(vn_model_graph_show(p->m, batch, p->name, &r->graph));
    else
        VN_TRY(vn_model_graph_from(p->m, VN_MODE_FORECAST, batch, p->source, &r->graph));
    if (p->name) p->row = vn_count(&vn_value_of(r->graph.g, r->graph.shown)->t) / batch;
    vn_status st = vn_plan_make(r->graph.g, &config, &r->plan);
    vn_graph_close(r->graph.g);
    r->graph.g = NULL;
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

static int64_t choose_batch(const vn_predictor *p)
{
    int64_t most = BATCH_NUMBERS / (p->m->train.h * p->head.width);
    return most < 1 ? 1 : most < BATCH ? most : BATCH;
}

static vn_status open_routes(vn_predictor *p, int64_t batch)
{
    VN_TRY(open_route(p, 1, &p->one));
    if (batch > 1) VN_TRY(open_route(p, batch, &p->many));
    return VN_OK;
}

static vn_status open_all(vn_predictor *p, int64_t batch)
{
    VN_TRY(vn_stream_open(p->dev, &p->stream));
    VN_TRY(vn_device_alloc(p->dev, VN_MEM_DEVICE, block_bytes(p), &p->param));
    VN_TRY(upload(p));
    return open_routes(p, batch);
}

static vn_status open_predictor(const vn_fitted *m, vn_device *dev, int64_t batch,
                                const char *name, vn_predictor **out)
{
    *out = NULL;
    if (batch < 0)
        return VN_FAIL(VN_E_ARGUMENT, "a batch of %" PRId64 " windows, expected 1 or more", batch);
    if (!m->params || !m->params->closed)
        return VN_FAIL(VN_E_BUG, "a model without weights cannot forecast");
    vn_predictor *p = vn_calloc(1, sizeof *p);
    if (!p) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    p->m = m;
    p->dev = dev;
    p->name = name;
    vn_status st = vn_forecast_head_of(m, &p->head);
    if (!st) st = open_all(p, batch ? batch : choose_batch(p));
    if (st) {
        vn_predictor_close(p);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = p;
    return VN_OK;
}

vn_status vn_predictor_open(const vn_fitted *m, vn_device *dev, int64_t batch, vn_predictor **out)
{
    return open_predictor(m, dev, batch, NULL, out);
}

vn_status vn_predictor_open_showing(const vn_fitted *m, vn_device *dev, int64_t batch,
                                    const char *name, vn_predictor **out, int64_t *row)
{
    VN_TRY(open_predictor(m, dev, batch, name, out));
    *row = (*out)->row;
    return VN_OK;
}

void vn_predictor_keep(vn_predictor *p, float *shown)
{
    p->shown = shown;
}

void vn_predictor_close(vn_predictor *p)
{
    if (!p) return;
    vn_plan_close(p->one.plan);
    vn_plan_close(p->many.plan);
    vn_resident_close(&p->resident);
    if (p->param) vn_device_free(p->dev, VN_MEM_DEVICE, p->param, block_bytes(p));
    if (p->stream) vn_stream_close(p->stream);
    vn_free(p);
}

const vn_head *vn_predictor_head(const vn_predictor *p)
{
    return &p->head;
}

int64_t vn_predictor_batch(const vn_predictor *p)
{
    return p->many.plan ? p->many.batch : 1;
}

static const route *route_of(const vn_predictor *p, int64_t n)
{
    return n > 1 && p->many.plan ? &p->many : &p->one;
}

vn_plan *vn_predictor_plan(const vn_predictor *p, int64_t n)
{
    return route_of(p, n)->plan;
}

/* One window: of a series that is there, cut within it, with the future features it needs. */
static vn_status check_pair(const vn_fitted *m, const vn_panel *panel, const int32_t pair[2])
{
    int64_t i = pair[0], cut = pair[1], h = m->train.h;
    if (i < 0 || i >= panel->n_series)
        return VN_FAIL(VN_E_ARGUMENT, "a window is of series %" PRId64 ", the data have %" PRId64,
                       i, panel->n_series);
    int64_t rows = panel->indptr[i + 1] - panel->indptr[i];
    if (cut < 0 || cut > rows)
        return VN_FAIL(VN_E_ARGUMENT, "series '%s': a window is cut at row %" PRId64 " of %" PRId64,
                       panel->id[i], cut, rows);
    if (m->n_futr && cut + h > rows)
        return VN_FAIL(VN_E_DATA,
                       "series '%s': a forecast of %" PRId64 " steps needs the future feature "
                       "\"%s\" in %" PRId64 " more rows",
                       panel->id[i], h, m->futr_name[0], cut + h - rows);
    return VN_OK;
}

/* What every member has computed, as the forecast of all. `shown` may be NULL. */
static void read_members(const vn_predictor *p, const route *r, int64_t n, float *out, float *shown)
{
    int64_t steps = n * p->m->train.h, width = p->head.width, numbers = n * p->row;
    if (members(p) == 1) {
        memcpy(out, vn_plan_read(r->plan, r->graph.yhat), (size_t)(steps * width) * sizeof *out);
        if (shown) memcpy(shown, vn_plan_read(r->plan, r->graph.shown), (size_t)numbers * sizeof *shown);
        return;
    }
    memset(out, 0, (size_t)(steps * width) * sizeof *out);
    if (shown) memset(shown, 0, (size_t)numbers * sizeof *shown);
    for (int s = 0; s < members(p); s++) {
        vn_plan_member(r->plan, s);
        vn_ensemble_add(&p->head, vn_plan_read(r->plan, r->graph.yhat), steps, members(p), out);
        const float *x = shown ? vn_plan_read(r->plan, r->graph.shown) : NULL;
        for (int64_t i = 0; x && i < numbers; i++) shown[i] += x[i] / (float)members(p);
    }
}

/* Pairs and, where the host has the panel, their windows, to every member. */
static vn_status feed_members(const vn_predictor *p, const route *r, vn_gather *gather,
                              const int32_t *pairs, int64_t n)
{
    for (int s = 0; s < members(p); s++) {
        vn_plan_member(r->plan, s);
        int32_t *feed = vn_plan_feed(r->plan, r->graph.pairs);
        memcpy(feed, pairs, (size_t)n * 2 * sizeof *feed);
        for (int64_t i = 2 * n; i < 2 * r->batch; i++) feed[i] = -1;
        if (gather) VN_TRY(vn_gather_run(gather, feed, r->plan, &r->graph));
    }
    return VN_OK;
}

/* Up to r->batch windows; pairs of -1 fill the rest. `shown` may be NULL, `gather` where the device has
 * the panel. */
static vn_status run_batch(const vn_predictor *p, const route *r, vn_gather *gather, const int32_t *pairs,
                           int64_t n, float *out, float *shown)
{
    VN_TRY(feed_members(p, r, gather, pairs, n));
    VN_TRY(vn_plan_run(r->plan));
    read_members(p, r, n, out, shown);
    return VN_OK;
}

static vn_status run_all(const vn_predictor *p, const route *r, vn_gather *gather, const int32_t *pairs,
                         int64_t n, float *out)
{
    for (int64_t i = 0; i < n; i += r->batch) {
        int64_t left = n - i;
        VN_TRY(run_batch(p, r, gather, pairs + 2 * i, left < r->batch ? left : r->batch,
                         out + i * p->m->train.h * p->head.width,
                         p->shown ? p->shown + i * p->row : NULL));
    }
    return VN_OK;
}

/* The plans as they are where the panel stays on the host. */
static vn_status leave_on_host(vn_predictor *p)
{
    int64_t batch = vn_predictor_batch(p);
    vn_plan_close(p->one.plan);
    vn_plan_close(p->many.plan);
    p->one = p->many = (route){ 0 };
    p->source = VN_FROM_WINDOWS;
    return open_routes(p, batch);
}

/* The panel on the device; a plan that shows something needs it there. */
static vn_status bring(vn_predictor *p, const vn_panel *panel)
{
    vn_panel_view view = vn_panel_view_of(panel);
    p->bound = NULL;
    vn_resident_close(&p->resident);
    if (p->source == VN_FROM_WINDOWS) return VN_OK;
    vn_status st = vn_resident_open(p->dev, p->stream, &view, &p->resident);
    if (st == VN_E_MEMORY && !p->name) return leave_on_host(p);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_predictor_bind(vn_predictor *p, const vn_panel *panel)
{
    VN_TRY(bring(p, panel));
    p->bound = panel;
    return VN_OK;
}

static vn_status run_from_host(const vn_predictor *p, const route *r, const vn_panel *panel,
                               const int32_t *pairs, int64_t n, float *out)
{
    vn_gather *gather;
    VN_TRY(vn_gather_open(p->m, panel, r->batch, &gather));
    vn_status st = run_all(p, r, gather, pairs, n, out);
    vn_gather_close(gather);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_predictor_run(vn_predictor *p, const vn_panel *panel, const int32_t *pairs, int64_t n,
                           float *out)
{
    VN_TRY(vn_fitted_match(p->m, panel));
    if (panel->n_calendar != p->m->n_calendar)
        return VN_FAIL(VN_E_BUG, "a panel must be dressed for the model's calendar features");
    for (int64_t i = 0; i < n; i++) VN_TRY(check_pair(p->m, panel, pairs + 2 * i));
    if (p->version != p->m->params->version) VN_TRY(upload(p));
    if (p->bound != panel) VN_TRY(bring(p, panel));
    route *r = n > 1 && p->many.plan ? &p->many : &p->one;
    if (p->source == VN_FROM_WINDOWS) return run_from_host(p, r, panel, pairs, n, out);
    for (int s = 0; s < members(p); s++) {
        vn_plan_member(r->plan, s);
        memcpy(vn_plan_feed(r->plan, r->graph.panel), &p->resident.view, sizeof p->resident.view);
    }
    return run_all(p, r, NULL, pairs, n, out);
}

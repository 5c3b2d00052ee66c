/* Models at work: the training step of vn_fit, without its loop, and the forecasts of vn_predictor,
 * on a panel of waves with noise. Windows are gathered as in a real run, for a panel is never cut
 * beforehand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "device/resident.h"
#include "host/api/internal.h"
#include "host/bench/bench.h"
#include "host/data/window.h"

enum { SERIES = 32, ROWS = 1500, N_BLOCKS = 6 };

static const vn_home blocks[N_BLOCKS] = { VN_HOME_PARAM, VN_HOME_GRAD, VN_HOME_M, VN_HOME_V,
                                          VN_HOME_MEAN,  VN_HOME_STATE };

typedef struct work {
    vn_device *dev;
    vane_config *config;
    vn_panel *panel;
    vn_fitted *m;
    int64_t B, step;
    /* a forecast */
    vn_predictor *predictor;
    int32_t *pairs;
    float *out;
    /* a training step */
    vn_stream *stream;
    void *block[VN_HOME_COUNT];
    vn_resident resident;
    vn_windows windows;
    vn_model_graph graph;
    vn_plan *plan;
} work;

static vn_status make_panel(vn_panel **panel)
{
    char name[SERIES][16];
    const char *id[SERIES];
    int64_t indptr[SERIES + 1] = { 0 };
    float *y = vn_malloc((size_t)SERIES * ROWS * sizeof *y);
    if (!y) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int i = 0; i < SERIES; i++) {
        snprintf(name[i], sizeof name[i], "s%d", i);
        id[i] = name[i];
        indptr[i + 1] = indptr[i] + ROWS;
        for (int64_t t = 0; t < ROWS; t++) {
            uint32_t bits = vn_random4(1, (uint64_t)i, (uint64_t)t).v[0];
            y[indptr[i] + t] = 2 + sinf(0.2618f * (float)t + (float)i) + 0.5f * vn_uniform24(bits);
        }
    }
    vn_freq freq = { VN_FREQ_SECOND, 3600, false, false };
    vn_status st = vn_panel_from_arrays(SERIES, id, indptr, y, NULL, NULL, freq, 24, panel);
    vn_free(y);
    return st;
}

static vn_status set(work *k, const char *name, const char *value)
{
    return (vn_status)vane_config_set(k->config, VANE_FLAG, NULL, name, value);
}

static vn_status set_number(work *k, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    return set(k, name, text);
}

/* A model with weights as training begins with. The peers' settings: MAE, no scaler. */
static vn_status make_model(work *k, const vn_bench_model *b)
{
    VN_TRY((vn_status)vane_config_open(&k->config));
    VN_TRY(set(k, "model", b->model));
    VN_TRY(set_number(k, "h", b->H));
    VN_TRY(set_number(k, "input_size", b->L));
    VN_TRY(set_number(k, "windows_batch_size", k->B));
    VN_TRY(set(k, "start_padding", "never"));
    if (!vn_model_find(b->model)->context) VN_TRY(set(k, "scaler_type", "identity"));
    for (int i = 0; b->options[i][0]; i++) VN_TRY(set(k, b->options[i][0], b->options[i][1]));
    VN_TRY(make_panel(&k->panel));
    VN_TRY(vn_config_fitted(k->config, k->panel, NULL, &k->m));
    VN_TRY(vn_fitted_declare(k->m));
    VN_TRY(vn_params_layout(k->m->params));
    vn_params_draw(k->m->params, 1);
    vn_windows_config windows = { .n_in = b->L,
                                  .h = b->H,
                                  .step_size = 1,
                                  .start_padding = 2,
                                  .split = vn_split_from(&k->m->train) };
    return vn_windows_open(k->panel, &windows, &k->windows);
}

static vn_status open_forecast(work *k)
{
    VN_TRY(vn_predictor_open(k->m, k->dev, k->B, &k->predictor));
    int64_t width = vn_predictor_head(k->predictor)->width;
    k->pairs = vn_malloc((size_t)k->B * 2 * sizeof *k->pairs);
    k->out = vn_malloc((size_t)(k->B * k->m->train.h * width) * sizeof *k->out);
    if (!k->pairs || !k->out) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int64_t slot = 0; slot < k->B; slot++)
        vn_windows_draw(&k->windows, 1, 0, slot, k->pairs + 2 * slot);
    return VN_OK;
}

static vn_status forecast(void *ctx)
{
    work *k = ctx;
    return vn_predictor_run(k->predictor, k->panel, k->pairs, k->B, k->out);
}

static size_t block_bytes(const work *k, vn_home home)
{
    size_t members = (size_t)k->m->params->members;
    return home == VN_HOME_STATE ? members * VN_STATE_BLOCK : vn_params_bytes(k->m->params);
}

static vn_status open_training(work *k)
{
    vn_plan_config config = { .dev = k->dev, .seed = 1, .members = k->m->params->members };
    vn_panel_view view = vn_panel_view_of(k->panel);
    VN_TRY(vn_stream_open(k->dev, &k->stream));
    for (int i = 0; i < N_BLOCKS; i++)
        VN_TRY(vn_device_alloc(k->dev, VN_MEM_DEVICE, block_bytes(k, blocks[i]),
                               &k->block[blocks[i]]));
    VN_TRY(vn_fit_states_begin(k->m, k->stream, k->block[VN_HOME_STATE]));
    VN_TRY(vn_stream_copy(k->stream, k->block[VN_HOME_PARAM], k->m->params->block,
                          block_bytes(k, VN_HOME_PARAM), VN_TO_DEVICE));
    VN_TRY(vn_resident_open(k->dev, k->stream, &view, &k->resident));
    VN_TRY(vn_stream_wait(k->stream));
    memcpy(config.home, k->block, sizeof config.home);
    VN_TRY(vn_model_graph_open(k->m, VN_MODE_TRAIN, k->B, VN_F32, &k->graph));
    VN_TRY(vn_plan_make(k->graph.g, &config, &k->plan));
    for (int s = 0; s < config.members; s++) {
        vn_plan_member(k->plan, s);
        memcpy(vn_plan_feed(k->plan, k->graph.panel), &k->resident.view, sizeof k->resident.view);
        vn_plan_set(k->plan, VN_LR, 1e-3f);
    }
    return VN_OK;
}

static vn_status train(void *ctx)
{
    work *k = ctx;
    for (int s = 0; s < k->m->params->members; s++) {
        vn_plan_member(k->plan, s);
        int32_t *pairs = vn_plan_feed(k->plan, k->graph.pairs);
        for (int64_t slot = 0; slot < k->B; slot++)
            vn_windows_draw(&k->windows, 1 + (uint64_t)s, k->step, slot, pairs + 2 * slot);
        vn_plan_set_step(k->plan, k->step);
    }
    k->step++;
    return vn_plan_run(k->plan);
}

static void close_work(void *ctx)
{
    work *k = ctx;
    vn_predictor_close(k->predictor);
    vn_free(k->pairs);
    vn_free(k->out);
    vn_plan_close(k->plan);
    vn_graph_close(k->graph.g);
    vn_windows_close(&k->windows);
    vn_resident_close(&k->resident);
    for (int i = 0; i < N_BLOCKS; i++)
        if (k->block[blocks[i]])
            vn_device_free(k->dev, VN_MEM_DEVICE, k->block[blocks[i]], block_bytes(k, blocks[i]));
    if (k->stream) vn_stream_close(k->stream);
    vn_fitted_close(k->m);
    vn_panel_close(k->panel);
    vane_config_close(k->config);
    vn_free(k);
}

vn_status vn_bench_open_model(const vn_workload *w, const vn_bench_site *site, int64_t size,
                              vn_bench_item *item)
{
    const vn_bench_model *b = w->what;
    vn_plan_info info;
    work *k = vn_calloc(1, sizeof *k);
    if (!k) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *item = (vn_bench_item){ .ctx = k,
                             .close = close_work,
                             .run = b->train ? train : forecast,
                             .work = b->work,
                             .train = b->train };
    k->dev = site->dev;
    k->B = size;
    vn_status st = make_model(k, b);
    if (!st) k->m->precision = site->precision;
    if (!st) st = b->train ? open_training(k) : open_forecast(k);
    if (st) {
        vn_bench_close(item);
        return vn_trail(st, __FILE__, __LINE__);
    }
    item->plan = b->train ? k->plan : vn_predictor_plan(k->predictor, k->B);
    vn_plan_about(item->plan, &info);
    item->flops = info.flops;
    item->bytes = info.bytes;
    return VN_OK;
}

/* Building and running one model; see model_kit.h. */
#include "tests/model_kit.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "graph/plan/fold.h"

static vn_val input(vn_kit *kit, const char *name, int64_t rows, int64_t features)
{
    int64_t B = kit->c.B;
    if (!features) return 0;
    return rows ? vn_input(kit->g, name, kit->c.real, VN_DIMS(B, rows, features))
                : vn_input(kit->g, name, kit->c.real, VN_DIMS(B, features));
}

static vn_task declare(vn_kit *kit)
{
    const vn_kit_config *c = &kit->c;
    int64_t P = c->model->context ? 1 : c->P;
    kit->y = input(kit, "y", c->L, 1);
    kit->mask = input(kit, "mask", c->L, 1);
    kit->hist = input(kit, "hist", c->L, c->X);
    kit->futr = input(kit, "futr", c->L + c->H, c->F);
    kit->stat = input(kit, "stat", 0, c->S);
    kit->target = input(kit, "target", c->paths ? 0 : c->H, c->paths ? 0 : P);
    kit->target_mask = input(kit, "target_mask", c->paths ? 0 : c->H, c->paths ? 0 : P);
    return (vn_task){ .B = c->B, .L = c->L, .H = c->H, .P = c->P, .X = c->X, .F = c->F, .S = c->S,
                      .train = c->dropout, .y = kit->y, .mask = kit->mask, .hist = kit->hist,
                      .futr = kit->futr, .stat = kit->stat };
}

/* The steps that a model with a context learns: its last n input steps of x and the horizon's. */
static vn_val learnt(vn_kit *kit, vn_val x, vn_val ahead, int64_t n)
{
    vn_val newest = vn_slice(kit->g, x, 1, kit->c.L - n, n);
    return vn_concat(kit->g, 1, (vn_val[]){ newest, ahead }, 2);
}

/* What a model with a context is given beside the others. */
static void add_context(vn_kit *kit, vn_task *task)
{
    const vn_kit_config *c = &kit->c;
    int64_t n = c->model->context(c->hparams);
    vn_attr_stats attr = { .type = VN_SCALER_MEAN_ABS, .rows = n, .season = 1 };
    vn_window_stats(kit->g, vn_slice(kit->g, kit->y, 1, c->L - n, n),
                    vn_slice(kit->g, kit->mask, 1, c->L - n, n), &attr, &task->loc, &task->scale);
    task->y = vn_scale(kit->g, kit->y, kit->mask, task->loc, task->scale);
    task->dist = (vn_attr_dist){ .kind = c->dist };
    task->paths = c->paths;
    if (c->paths)
        task->pairs = kit->pairs = vn_input(kit->g, "pairs", VN_I32, VN_DIMS(c->B, 2));
    else
        task->future = vn_scale(kit->g, kit->target, kit->target_mask, task->loc, task->scale);
}

/* Sum and weight of the loss of yhat. */
static void measure(vn_kit *kit, const vn_task *task, vn_val yhat, vn_val *num, vn_val *den)
{
    const vn_kit_config *c = &kit->c;
    vn_graph *g = kit->g;
    vn_attr_loss attr = { .kind = c->loss, .delta = 1 };
    if (c->model->context) {
        int64_t n = c->model->context(c->hparams) - 1;
        vn_val out[VN_MAX_OUT] = { 0 };
        vn_val in[] = { yhat, learnt(kit, kit->y, kit->target, n),
                        learnt(kit, kit->mask, kit->target_mask, n), 0,
                        vn_dist_about(c->dist)->counts ? 0 : task->loc, task->scale };
        vn_emit(g, VN_OP_NLL, in, 6, &task->dist, out);
        *num = out[0];
        *den = out[1];
        kit->param = vn_output(g, vn_emit1(g, VN_OP_DIST, (vn_val[]){ yhat, in[4], in[5] }, 3,
                                           &task->dist));
    } else if (c->P == 1) {
        vn_loss_of(g, &attr, yhat, kit->target, kit->target_mask, 0, 0, num, den);
    } else { /* the loss op is for one number a step */
        vn_val error = vn_sub(g, yhat, kit->target);
        *num = vn_reshape(g, vn_sumto(g, vn_mul(g, error, error), VN_DIMS(1)), VN_DIMS(1));
        *den = vn_reshape(g, vn_sumto(g, kit->target_mask, VN_DIMS(1)), VN_DIMS(1));
    }
}

static vn_status optimize(vn_kit *kit, vn_val loss)
{
    vn_attr_adam adam = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8,
                          .n_decay = kit->params->n_decay };
    vn_val bad = vn_state(kit->g, "bad", VN_I64, VN_DIMS(1));
    vn_output(kit->g, vn_optimize(kit->g, &adam, 0.9, loss, bad));
    return VN_OK;
}

static vn_status build(vn_kit *kit)
{
    const vn_kit_config *c = &kit->c;
    vn_graph *g = kit->g;
    vn_task task = declare(kit);
    if (c->model->context) add_context(kit, &task);
    if (c->model->check) VN_TRY(c->model->check(c->hparams, &task));
    vn_val yhat = c->model->build(g, c->hparams, &task), loss = 0, num, den;
    if (!c->paths) {
        measure(kit, &task, yhat, &num, &den);
        loss = vn_div(g, num, den);
    }
    vn_val exog[3] = { kit->hist, kit->futr, kit->stat };
    if (c->mode != VN_KIT_FORWARD) vn_gradients(g, loss, exog, c->wrt ? 3 : 0, kit->d_exog);
    if (!kit->params->closed) {
        VN_TRY(vn_params_layout(kit->params));
        vn_params_draw(kit->params, 1);
    }
    if (c->mode == VN_KIT_TRAIN) VN_TRY(optimize(kit, loss));
    kit->loss = vn_output(g, loss);
    kit->yhat = vn_output(g, yhat);
    kit->attention = vn_output(g, vn_shown_of(g, "attention"));
    for (int i = 0; i < 3; i++)
        if (kit->d_exog[i]) kit->d_exog[i] = vn_output(g, kit->d_exog[i]);
    if (c->fold) VN_TRY(vn_graph_fold(g, VN_FOLD_PROLOGUE));
    return vn_graph_lower(g, c->precision);
}

/* Hyperparameters that wait for the data's step, here one without a calendar. */
static vn_status settle(const vn_kit_config *c)
{
    vn_pace pace = { .season = 1, .h = c->H };
    int64_t L = c->L;
    void *hparams = (void *)(uintptr_t)c->hparams;
    return c->model->settle ? c->model->settle(hparams, &pace, &L) : VN_OK;
}

static size_t block_bytes(const vn_kit *kit)
{
    return (size_t)kit->params->n_block * vn_dtype_bytes(kit->c.real);
}

static vn_status plan(vn_kit *kit)
{
    /* Weights change with every training step: what derives from them stays inside the step. */
    const uint64_t *version = kit->c.mode == VN_KIT_TRAIN ? NULL : &kit->params->version;
    vn_plan_config config = { .dev = kit->dev, .seed = 1, .version = version };
    for (int home = VN_HOME_PARAM; home <= VN_HOME_STATE; home++) {
        if (home == VN_HOME_GRAD && kit->c.mode == VN_KIT_FORWARD) break;
        if (home == VN_HOME_M && kit->c.mode == VN_KIT_GRADIENT) break;
        VN_TRY(vn_device_alloc(kit->dev, VN_MEM_DEVICE, block_bytes(kit), &kit->home[home]));
    }
    if (kit->home[VN_HOME_STATE]) /* no bad step yet */
        VN_TRY(vn_stream_fill(kit->stream, kit->home[VN_HOME_STATE], 0xff, VN_STATE_BYTES));
    memcpy(config.home, kit->home, sizeof config.home);
    return vn_plan_make(kit->g, &config, &kit->plan);
}

vn_status vn_kit_open(const vn_kit_config *config, vn_kit *kit)
{
    *kit = (vn_kit){ .c = *config, .params = config->params, .dev = config->dev };
    if (!kit->c.P) kit->c.P = 1;
    if (config->model->context) kit->c.P = vn_dist_width(config->dist, 0);
    VN_TRY(settle(config));
    vn_device_config device = { config->threads ? config->threads : 2, config->level };
    if (!kit->dev) VN_TRY(vn_device_open("cpu", 0, &device, &kit->dev));
    VN_TRY(vn_stream_open(kit->dev, &kit->stream));
    if (!kit->params) VN_TRY(vn_params_open(&kit->params));
    VN_TRY(vn_graph_open(kit->c.real, kit->params, &kit->g));
    VN_TRY(build(kit));
    VN_TRY(plan(kit));
    VN_TRY(vn_kit_upload(kit, NULL));
    vn_val masks[] = { kit->mask, kit->target_mask };
    for (int m = 0; m < 2; m++) {
        int64_t n = vn_kit_size(kit, masks[m]);
        if (!n) continue;
        float *ones = vn_malloc((size_t)n * sizeof *ones);
        if (!ones) return VN_E_MEMORY;
        for (int64_t i = 0; i < n; i++) ones[i] = 1;
        vn_kit_feed(kit, masks[m], ones);
        vn_free(ones);
    }
    return VN_OK;
}

void vn_kit_close(vn_kit *kit)
{
    vn_plan_close(kit->plan);
    for (int home = 0; home < VN_HOME_COUNT; home++)
        if (kit->home[home])
            vn_device_free(kit->dev, VN_MEM_DEVICE, kit->home[home], block_bytes(kit));
    vn_graph_close(kit->g);
    if (!kit->c.params) vn_params_close(kit->params);
    if (kit->stream) vn_stream_close(kit->stream);
    if (kit->dev && !kit->c.dev) vn_device_close(kit->dev);
    *kit = (vn_kit){ 0 };
}

vn_status vn_kit_upload(vn_kit *kit, const double *numbers)
{
    vn_status st = VN_OK;
    const float *own = kit->params->block;
    void *staged = vn_malloc(block_bytes(kit));
    if (!staged) return VN_E_MEMORY;
    for (int64_t i = 0; i < kit->params->n_block; i++) {
        double x = numbers ? numbers[i] : own[i];
        if (kit->c.real == VN_F64) ((double *)staged)[i] = x;
        else ((float *)staged)[i] = (float)x;
    }
    VN_TRY_DONE(vn_stream_copy(kit->stream, kit->home[VN_HOME_PARAM], staged, block_bytes(kit),
                               VN_TO_DEVICE));
    VN_TRY_DONE(vn_stream_wait(kit->stream));
    kit->params->version++;
done:
    vn_free(staged);
    return st;
}

int64_t vn_kit_size(const vn_kit *kit, vn_val v)
{
    return v ? vn_count(&vn_value_of(kit->g, v)->t) : 0;
}

void vn_kit_feed(vn_kit *kit, vn_val v, const float *numbers)
{
    void *to = v ? vn_plan_feed(kit->plan, v) : NULL;
    if (!to) return;
    for (int64_t i = 0; i < vn_kit_size(kit, v); i++) {
        if (kit->c.real == VN_F64) ((double *)to)[i] = numbers[i];
        else ((float *)to)[i] = numbers[i];
    }
}

void vn_kit_feed_random(vn_kit *kit, uint64_t seed)
{
    vn_val inputs[] = { kit->y, kit->hist, kit->futr, kit->stat, kit->target };
    for (size_t k = 0; k < sizeof inputs / sizeof *inputs; k++) {
        void *to = inputs[k] ? vn_plan_feed(kit->plan, inputs[k]) : NULL;
        for (int64_t i = 0; to && i < vn_kit_size(kit, inputs[k]); i++) {
            uint32_t bits = vn_random4(seed, k, (uint64_t)i).v[0];
            float x = 2 * vn_uniform24(bits) - 1;
            if (kit->c.real == VN_F64) ((double *)to)[i] = x;
            else ((float *)to)[i] = x;
        }
    }
}

vn_status vn_kit_run(vn_kit *kit) { return vn_plan_run(kit->plan); }

double vn_kit_read(const vn_kit *kit, vn_val output, int64_t i)
{
    const void *from = vn_plan_read(kit->plan, output);
    return kit->c.real == VN_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

vn_status vn_kit_block(vn_kit *kit, vn_home home, double *out)
{
    vn_status st = VN_OK;
    void *staged = vn_malloc(block_bytes(kit));
    if (!staged) return VN_E_MEMORY;
    VN_TRY_DONE(vn_stream_copy(kit->stream, staged, kit->home[home], block_bytes(kit), VN_TO_HOST));
    VN_TRY_DONE(vn_stream_wait(kit->stream));
    for (int64_t i = 0; i < kit->params->n_block; i++)
        out[i] = kit->c.real == VN_F64 ? ((double *)staged)[i] : (double)((float *)staged)[i];
done:
    vn_free(staged);
    return st;
}

double vn_worst(const double *a, const double *b, int64_t n)
{
    double gap = 0, top = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(a[i])) return INFINITY;
        gap = fmax(gap, fabs(a[i] - b[i]));
        top = fmax(top, fabs(b[i]));
    }
    return top > 0 ? gap / top : gap;
}

/* The training loop.
 *
 * One run owns the device's blocks (parameters, gradients, moments, flag) and two plans over them,
 * training and validation. m->params->block on the host is where the best weights so far are kept:
 * by validation, or else by the mean training loss of every val_check_steps steps, which counts only
 * if the run diverges later; a run that ends well without validation keeps its last weights. With
 * ema_decay the mean of the weights over the steps is what validation looks at and what is kept; the
 * training loss is still that of the weights. The members of an ensemble are trained by one plan, side by side:
 * each learns what it would alone with its seed, and has best weights of its own; an early stop is common
 * to all, when none has become better for so long. After the plans are made nothing allocates; a checkpoint does, while it is written.
 *
 * The host does not wait for a step: it runs ahead over the plan's ring and learns the losses later, in
 * their order (a CPU's ring holds one step). What needs the weights of a step, a look at the validation
 * windows or a checkpoint, waits for all steps before it and comes before those after it, so that the
 * run is the same however far the host is ahead. A panel that a device has no room for stays on the
 * host, which then gathers the windows. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "device/resident.h"
#include "host/data/window.h"
#include "host/train/checkpoint.h"
#include "host/train/gather.h"
#include "host/train/head.h"

enum { VALID_BATCH = 512 };

static const double report_every_s = 0.1;

/* A run that learns never ends this many times above its first loss, whatever the noise of a batch. */
static const double blown_up = 1000;

typedef struct run {
    vn_fitted *m;
    const vn_panel *panel;
    vn_device *dev;
    const vn_fit_hooks *hooks;
    vn_stream *stream;
    void *block[VN_HOME_COUNT];
    vn_resident resident; /* the panel, where the device reads it */
    vn_source source;     /* VN_FROM_WINDOWS: it stays on the host */
    vn_gather *gather, *valid_gather;
    int32_t *pairs; /* [windows_batch_size, 2], of the step being fed */
    vn_windows windows;
    vn_plan *train, *valid; /* valid: NULL without validation */
    vn_head head;
    vn_model_graph tg, vg;  /* their values; the graphs themselves are closed */
    int32_t *valid_pairs;   /* [valid_n, 2], padded with -1 to whole batches */
    int64_t valid_n, valid_batch;
    vn_fit_blocks host; /* for checkpoints, else NULL */
    uint64_t fingerprint;
    vn_fit_state at; /* .step: steps whose results are known */
    int64_t queued;  /* steps begun */
    int64_t first;   /* step this run began with */
    double first_loss;           /* of that step */
    double begun_s, told_s, sum; /* clock; losses since the last report */
    int64_t n_sum;
    /* Of each member, without validation: losses since the last look; the lowest mean, at first the
     * first loss: more than that is no learning. */
    double span[VN_MEMBERS_MOST], span_best[VN_MEMBERS_MOST];
    int64_t span_first; /* steps done at the last look */
    bool interrupted;
} run;

/* Of all members. */
static size_t block_bytes(const run *r) { return vn_params_bytes(r->m->params); }

static int members(const run *r) { return r->m->params->members; }

static bool averages(const run *r) { return r->m->train.ema_decay > 0; }

/* The weights that are judged and kept. */
static void *weights_of(const run *r)
{
    return r->block[averages(r) ? VN_HOME_MEAN : VN_HOME_PARAM];
}

/* ---- opening ---- */

static vn_status prepare_params(vn_fitted *m)
{
    if (m->params->closed) return VN_OK; /* training goes on from weights it has */
    VN_TRY(vn_fitted_declare(m));
    VN_TRY(vn_params_layout(m->params));
    vn_params_draw(m->params, (uint64_t)m->train.seed);
    return VN_OK;
}

static const vn_home own[] = { VN_HOME_PARAM, VN_HOME_GRAD, VN_HOME_M, VN_HOME_V,
                               VN_HOME_MEAN,  VN_HOME_STATE };
enum { N_OWN = sizeof own / sizeof *own };

/* Bytes of a block; 0: this run has none. */
static size_t bytes_of(const run *r, vn_home home)
{
    if (home == VN_HOME_MEAN && !averages(r)) return 0;
    return home == VN_HOME_STATE ? (size_t)members(r) * VN_STATE_BLOCK : block_bytes(r);
}

static void *state_of(void *block, int member, int state)
{
    return (char *)block + (size_t)member * VN_STATE_BLOCK + (size_t)state * VN_STATE_BYTES;
}

static vn_status begin_states(const vn_train_options *o, vn_stream *s, void *block, int member)
{
    int64_t bad = -1, counts[2] = { 0, 0 };
    float scale = o->loss_scale > 0 ? (float)o->loss_scale : VN_SCALE_FIRST;
    VN_TRY(vn_stream_copy(s, state_of(block, member, VN_TRAIN_BAD), &bad, sizeof bad, VN_TO_DEVICE));
    VN_TRY(vn_stream_copy(s, state_of(block, member, VN_TRAIN_SCALE), &scale, sizeof scale,
                          VN_TO_DEVICE));
    VN_TRY(vn_stream_copy(s, state_of(block, member, VN_TRAIN_COUNTS), counts, sizeof counts,
                          VN_TO_DEVICE));
    return vn_stream_wait(s);
}

vn_status vn_fit_states_begin(const vn_fitted *m, vn_stream *s, void *block)
{
    for (int k = 0; k < m->params->members; k++) VN_TRY(begin_states(&m->train, s, block, k));
    return VN_OK;
}

/* The loss scales and their counts between device and r->at. */
static vn_status move_scaling(run *r, vn_dir dir)
{
    bool in = dir == VN_TO_DEVICE;
    for (int s = 0; s < members(r); s++) {
        vn_fit_member *at = &r->at.member[s];
        void *scale = state_of(r->block[VN_HOME_STATE], s, VN_TRAIN_SCALE);
        void *counts = state_of(r->block[VN_HOME_STATE], s, VN_TRAIN_COUNTS);
        VN_TRY(vn_stream_copy(r->stream, in ? scale : &at->scale, in ? &at->scale : scale,
                              sizeof at->scale, dir));
        VN_TRY(vn_stream_copy(r->stream, in ? counts : at->counts, in ? at->counts : counts,
                              sizeof at->counts, dir));
    }
    return vn_stream_wait(r->stream);
}

static vn_status open_blocks(run *r)
{
    VN_TRY(vn_stream_open(r->dev, &r->stream));
    for (int i = 0; i < N_OWN; i++) {
        size_t bytes = bytes_of(r, own[i]);
        if (bytes) VN_TRY(vn_device_alloc(r->dev, VN_MEM_DEVICE, bytes, &r->block[own[i]]));
    }
    VN_TRY(vn_fit_states_begin(r->m, r->stream, r->block[VN_HOME_STATE]));
    VN_TRY(vn_stream_copy(r->stream, r->block[VN_HOME_PARAM], r->m->params->block, block_bytes(r),
                          VN_TO_DEVICE));
    if (averages(r)) /* until a step is taken that is not left out */
        VN_TRY(vn_stream_copy(r->stream, r->block[VN_HOME_MEAN], r->m->params->block,
                              block_bytes(r), VN_TO_DEVICE));
    return vn_stream_wait(r->stream);
}

static vn_status open_plan(run *r, vn_mode mode, int64_t batch, vn_model_graph *graph,
                           vn_plan **plan)
{
    /* Weights change with every training step: what derives from them stays inside the step there.
     */
    const uint64_t *version = mode == VN_MODE_TRAIN ? NULL : &r->m->params->version;
    vn_plan_config config = { .dev = r->dev,
                              .seed = (uint64_t)r->m->train.seed,
                              .members = members(r),
                              .version = version };
    memcpy(config.home, r->block, sizeof config.home);
    if (mode != VN_MODE_TRAIN) config.home[VN_HOME_PARAM] = weights_of(r);
    VN_TRY(vn_model_graph_from(r->m, mode, batch, r->source, graph));
    vn_status st = vn_plan_make(graph->g, &config, plan);
    vn_graph_close(graph->g);
    graph->g = NULL;
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

static vn_status open_plans(run *r)
{
    VN_TRY(open_plan(r, VN_MODE_TRAIN, r->m->train.windows_batch_size, &r->tg, &r->train));
    if (r->valid_pairs) VN_TRY(open_plan(r, VN_MODE_VALID, r->valid_batch, &r->vg, &r->valid));
    return VN_OK;
}

/* The plans as they are where the panel stays on the host. */
static vn_status open_gathers(run *r)
{
    vn_device_info info;
    vn_device_about(r->dev, &info);
    vn_log_printf(&r->hooks->log, VN_LOG_INFO,
                  "the data do not fit into the memory of %s beside the model (%.0f MB are free): "
                  "their windows are gathered on the host",
                  info.name, (double)info.free_bytes / 1e6);
    r->source = VN_FROM_WINDOWS;
    vn_plan_close(r->train);
    vn_plan_close(r->valid);
    r->train = r->valid = NULL;
    VN_TRY(open_plans(r));
    VN_TRY(vn_gather_open(r->m, r->panel, r->m->train.windows_batch_size, &r->gather));
    if (r->valid) VN_TRY(vn_gather_open(r->m, r->panel, r->valid_batch, &r->valid_gather));
    return VN_OK;
}

/* The address of the panel, the same for all members. */
static void feed_panel(const run *r, vn_plan *plan, vn_val panel)
{
    for (int s = 0; s < members(r); s++) {
        vn_plan_member(plan, s);
        memcpy(vn_plan_feed(plan, panel), &r->resident.view, sizeof r->resident.view);
    }
}

/* Plans before the panel: without them there is no training, without room for the panel there is. */
static vn_status open_device(run *r)
{
    vn_panel_view view = vn_panel_view_of(r->panel);
    int ahead = r->hooks->steps_per_launch ? r->hooks->steps_per_launch : 1;
    VN_TRY(open_plans(r));
    vn_status st = vn_resident_open(r->dev, r->stream, &view, &r->resident);
    if (st == VN_E_MEMORY) st = open_gathers(r);
    if (st) return vn_trail(st, __FILE__, __LINE__);
    if (!r->gather) feed_panel(r, r->train, r->tg.panel);
    if (!r->gather && r->valid) feed_panel(r, r->valid, r->vg.panel);
    VN_TRY(vn_plan_ring(r->train, ahead));
    if (r->valid) VN_TRY(vn_plan_ring(r->valid, 1));
    return VN_OK;
}

static vn_windows_config windows_config(const vn_train_options *o)
{
    return (vn_windows_config){ .n_in = o->input_size,
                                .h = o->h,
                                .last_cutoffs = o->last_cutoffs,
                                .step_size = o->step_size,
                                .start_padding = (int)o->start_padding,
                                .partial_targets = o->partial_targets,
                                .by_series = o->sampling == 1,
                                .split = vn_split_from(o),
                                .part = 0 };
}

/* The validation windows: at most val_windows, evenly spread over all. */
static vn_status choose_valid(run *r)
{
    const vn_train_options *o = &r->m->train;
    vn_windows all = { 0 };
    vn_windows_config config = windows_config(o);
    config.part = 1;
    config.last_cutoffs = 0;
    config.step_size = 1;
    config.partial_targets = false;
    VN_TRY(vn_windows_open(r->panel, &config, &all));
    int64_t n = all.n < o->val_windows ? all.n : o->val_windows;
    r->valid_batch = n < VALID_BATCH ? n : VALID_BATCH;
    int64_t room = (n + r->valid_batch - 1) / r->valid_batch * r->valid_batch;
    r->valid_pairs = vn_calloc((size_t)room, 2 * sizeof *r->valid_pairs);
    for (int64_t i = 0; r->valid_pairs && i < room; i++) {
        int32_t *pair = r->valid_pairs + 2 * i;
        if (i < n)
            vn_windows_at(&all, all.n / n * i + all.n % n * i / n, pair);
        else
            pair[0] = pair[1] = -1;
    }
    r->valid_n = room;
    vn_windows_close(&all);
    return r->valid_pairs ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

static vn_status open_host_blocks(run *r)
{
    if (!r->hooks->checkpoint && !r->hooks->resume) return VN_OK;
    float **each[] = { &r->host.param, &r->host.m, &r->host.v, &r->host.mean };
    for (int i = 0; i < (averages(r) ? 4 : 3); i++) {
        *each[i] = vn_alloc_aligned(block_bytes(r), 256);
        if (!*each[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    r->fingerprint = vn_panel_fingerprint(r->panel);
    return VN_OK;
}

/* What a checkpoint holds, between device and host. */
static vn_status move_blocks(run *r, vn_dir dir)
{
    static const vn_home home[] = { VN_HOME_PARAM, VN_HOME_M, VN_HOME_V, VN_HOME_MEAN };
    float *host[] = { r->host.param, r->host.m, r->host.v, r->host.mean };
    for (int i = 0; i < (averages(r) ? 4 : 3); i++) {
        void *device = r->block[home[i]];
        bool in = dir == VN_TO_DEVICE;
        VN_TRY(vn_stream_copy(r->stream, in ? device : (void *)host[i],
                              in ? (void *)host[i] : device, block_bytes(r), dir));
    }
    return vn_stream_wait(r->stream);
}

static vn_status open_run(run *r)
{
    vn_windows_config config;
    r->at = (vn_fit_state){ .loss = NAN, .valid = NAN };
    for (int s = 0; s < VN_MEMBERS_MOST; s++) r->at.member[s] = (vn_fit_member){ .best_step = -1, .best = NAN };
    VN_TRY(vn_fit_resolve(r->m, r->panel, NULL));
    VN_TRY(vn_head_of(&r->m->train, &r->head));
    config = windows_config(&r->m->train);
    VN_TRY(vn_windows_open(r->panel, &config, &r->windows));
    VN_TRY(prepare_params(r->m));
    VN_TRY(open_host_blocks(r));
    r->pairs = vn_calloc((size_t)r->m->train.windows_batch_size, 2 * sizeof *r->pairs);
    if (!r->pairs) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(open_blocks(r));
    if (config.split.val > 0) VN_TRY(choose_valid(r));
    VN_TRY(open_device(r));
    if (r->hooks->resume) {
        VN_TRY(vn_checkpoint_load(r->hooks->resume, r->m, r->fingerprint, &r->at, &r->host));
        VN_TRY(move_blocks(r, VN_TO_DEVICE));
        if (r->m->precision == VN_PRECISION_FP16) VN_TRY(move_scaling(r, VN_TO_DEVICE));
    }
    r->m->params->version++;
    r->first = r->span_first = r->queued = r->at.step;
    r->begun_s = r->told_s = vn_now_s();
    return VN_OK;
}

static void close_run(run *r)
{
    vn_plan_close(r->train); /* waits for runs under way */
    vn_plan_close(r->valid);
    vn_gather_close(r->gather);
    vn_gather_close(r->valid_gather);
    vn_free(r->pairs);
    vn_resident_close(&r->resident);
    for (int i = 0; i < N_OWN; i++)
        if (r->block[own[i]])
            vn_device_free(r->dev, VN_MEM_DEVICE, r->block[own[i]], bytes_of(r, own[i]));
    vn_free_aligned(r->host.param, block_bytes(r));
    vn_free_aligned(r->host.m, block_bytes(r));
    vn_free_aligned(r->host.v, block_bytes(r));
    vn_free_aligned(r->host.mean, block_bytes(r));
    vn_free(r->valid_pairs);
    vn_windows_close(&r->windows);
    if (r->stream) vn_stream_close(r->stream);
}

/* ---- the loop ---- */

/* The device's weights of a member become the model's. */
static vn_status keep_weights(run *r, int member)
{
    vn_params *p = r->m->params;
    size_t bytes = (size_t)p->n_block * sizeof *p->block, at = (size_t)member * bytes;
    VN_TRY(vn_stream_copy(r->stream, (char *)p->block + at, (char *)weights_of(r) + at, bytes,
                          VN_TO_HOST));
    VN_TRY(vn_stream_wait(r->stream));
    p->version++;
    r->at.member[member].best_step = r->at.step;
    return VN_OK;
}

/* Windows into the feed of the plan's next run. */
static vn_status feed_windows(const int32_t *pairs, int64_t n, vn_gather *gather,
                              vn_plan *plan, const vn_model_graph *graph)
{
    if (gather) return vn_gather_run(gather, pairs, plan, graph);
    memcpy(vn_plan_feed(plan, graph->pairs), pairs, (size_t)n * 2 * sizeof *pairs);
    return VN_OK;
}

static vn_status feed_step(run *r, int64_t step)
{
    const vn_train_options *o = &r->m->train;
    int64_t n = o->windows_batch_size;
    for (int s = 0; s < members(r); s++) {
        uint64_t seed = (uint64_t)o->seed + (uint64_t)s;
        for (int64_t slot = 0; slot < n; slot++)
            vn_windows_draw(&r->windows, seed, step, slot, r->pairs + 2 * slot);
        vn_plan_member(r->train, s);
        VN_TRY(feed_windows(r->pairs, n, r->gather, r->train, &r->tg));
        vn_plan_set_step(r->train, step);
        vn_plan_set(r->train, VN_LR, (float)vn_lr_at(o, step));
    }
    return VN_OK;
}

/* The loss or the gradient of a step is no number. The optimizer has left the weights alone from then
 * on, also in steps begun since: fed with that step's batch, the hunt sees what the step saw. */
static vn_status name_bad_step(run *r, int64_t bad)
{
    char where[256];
    while (vn_plan_waiting(r->train)) VN_TRY(vn_plan_pull(r->train));
    VN_TRY(feed_step(r, bad));
    VN_TRY(vn_plan_hunt(r->train, where, sizeof where));
    bool narrow = r->m->precision == VN_PRECISION_FP16;
    return VN_FAIL(VN_E_NUMERIC, "loss is not finite at step %" PRId64 ": %s%s%s", bad + 1,
                   where[0] ? "first bad node " : "every node is, but not the gradient's norm",
                   where, narrow ? "; fp16 has no number above 65504, bf16 has those of f32" : "");
}

static vn_status begin_step(run *r)
{
    VN_TRY(feed_step(r, r->queued));
    VN_TRY(vn_plan_push(r->train));
    r->queued++;
    return VN_OK;
}

static double read_number(vn_plan *plan, vn_val v) { return (double)*(const float *)vn_plan_read(plan, v); }

/* A member's loss in the step pulled; false if it or the gradient is none: what `guard` looks at, so
 * that both call the same step bad. */
static bool loss_of(run *r, int member, double *loss)
{
    vn_plan *plan = r->train;
    vn_plan_member(plan, member);
    double num = read_number(plan, r->tg.num), den = read_number(plan, r->tg.den);
    double norm = read_number(plan, r->tg.norm);
    bool left_out = !isfinite(norm) && r->tg.scale && read_number(plan, r->tg.scale) > VN_SCALE_LEAST;
    *loss = den > 0 ? vn_head_mean(&r->head, num, den) : 0;
    return isfinite(read_number(plan, r->tg.loss)) && (isfinite(norm) || left_out);
}

/* The results of the oldest step begun. */
static vn_status end_step(run *r)
{
    double sum = 0, loss;
    VN_TRY(vn_plan_pull(r->train));
    for (int s = 0; s < members(r); s++) {
        if (!loss_of(r, s, &loss)) return name_bad_step(r, r->at.step);
        if (r->at.step == r->first) r->span_best[s] = loss;
        r->span[s] += loss;
        sum += loss;
    }
    r->at.loss = sum / members(r);
    if (r->at.step == r->first) r->first_loss = r->at.loss;
    r->at.step++;
    r->m->params->version++;
    r->sum += r->at.loss;
    r->n_sum++;
    return VN_OK;
}

/* Without validation: what a divergence later in the run would leave. */
static vn_status look_back(run *r)
{
    double n = (double)(r->at.step - r->span_first);
    r->span_first = r->at.step;
    for (int s = 0; s < members(r); s++) {
        double mean = r->span[s] / n;
        r->span[s] = 0;
        if (!(mean < r->span_best[s])) continue;
        r->span_best[s] = mean;
        VN_TRY(keep_weights(r, s));
    }
    return VN_OK;
}

/* Sums over the validation windows, of each member. */
typedef struct valid_sums {
    double num[VN_MEMBERS_MOST], den[VN_MEMBERS_MOST];
} valid_sums;

static vn_status add_valid(run *r, valid_sums *sums)
{
    VN_TRY(vn_plan_pull(r->valid));
    for (int s = 0; s < members(r); s++) {
        vn_plan_member(r->valid, s);
        sums->num[s] += read_number(r->valid, r->vg.num);
        sums->den[s] += read_number(r->valid, r->vg.den);
    }
    return VN_OK;
}

static vn_status feed_valid(run *r, int64_t first)
{
    for (int s = 0; s < members(r); s++) {
        vn_plan_member(r->valid, s);
        VN_TRY(feed_windows(r->valid_pairs + 2 * first, r->valid_batch, r->valid_gather, r->valid,
                            &r->vg));
    }
    return VN_OK;
}

/* Each member keeps its best weights. */
static vn_status judge(run *r, const valid_sums *sums)
{
    bool any = false;
    double mean = 0;
    for (int s = 0; s < members(r); s++) {
        vn_fit_member *at = &r->at.member[s];
        double valid = vn_head_valid(&r->m->train, sums->num[s], sums->den[s]);
        mean += valid / members(r);
        if (!isfinite(valid) || (at->best_step >= 0 && !(valid < at->best))) continue;
        any = true;
        at->best = valid;
        VN_TRY(keep_weights(r, s));
    }
    r->at.valid = mean;
    r->at.wait = any ? 0 : r->at.wait + 1;
    return VN_OK;
}

static vn_status validate(run *r)
{
    valid_sums sums = { 0 };
    for (int64_t i = 0; i < r->valid_n; i += r->valid_batch) {
        while (vn_plan_full(r->valid)) VN_TRY(add_valid(r, &sums));
        VN_TRY(feed_valid(r, i));
        VN_TRY(vn_plan_push(r->valid));
    }
    while (vn_plan_waiting(r->valid)) VN_TRY(add_valid(r, &sums));
    if (!(sums.den[0] > 0)) return VN_FAIL(VN_E_DATA, "no target of the validation windows is observed");
    return judge(r, &sums);
}

/* Mean over the members that have one, and the latest step that one was kept of; -1: none was. */
static double best_of(const run *r, int64_t *step)
{
    double sum = 0;
    int n = 0;
    *step = -1;
    for (int s = 0; s < members(r); s++) {
        const vn_fit_member *at = &r->at.member[s];
        if (!isnan(at->best)) sum += at->best, n++;
        if (at->best_step > *step) *step = at->best_step;
    }
    return n ? sum / n : NAN;
}

static void report(run *r, bool validated)
{
    double now = vn_now_s();
    bool last = r->at.step == r->m->train.max_steps;
    if (!r->hooks->progress || (!validated && !last && now - r->told_s < report_every_s)) return;
    int64_t done = r->at.step - r->first, left = r->m->train.max_steps - r->at.step;
    int64_t best_step;
    double rate = now > r->begun_s ? (double)done / (now - r->begun_s) : 0;
    vn_progress p = { .step = r->at.step,
                      .max_steps = r->m->train.max_steps,
                      .loss = r->n_sum ? r->sum / (double)r->n_sum : r->at.loss,
                      .valid = r->at.valid,
                      .best = best_of(r, &best_step),
                      .lr = vn_lr_at(&r->m->train, r->at.step - 1),
                      .windows_per_s = rate * (double)(r->m->train.windows_batch_size * members(r)),
                      .eta_s = rate > 0 ? (double)left / rate : NAN,
                      .validated = validated };
    r->hooks->progress(r->hooks->ctx, &p);
    r->told_s = now;
    r->sum = 0;
    r->n_sum = 0;
}

static vn_status write_checkpoint(run *r)
{
    VN_TRY(move_blocks(r, VN_TO_HOST));
    VN_TRY(move_scaling(r, VN_TO_HOST));
    return vn_checkpoint_save(r->hooks->checkpoint, r->m, r->fingerprint, &r->at, &r->host);
}

/* Enough validations in a row without improvement; a patience of 0 stops at the first, as 1 does.
 */
static bool out_of_patience(const run *r)
{
    int64_t patience = r->m->train.early_stop_patience_steps;
    return patience >= 0 && r->at.wait >= (patience > 1 ? patience : 1);
}

/* The first step, from `step` on, that must be over before the next one begins: of a look, a
 * checkpoint, the last. */
static int64_t next_stop(const run *r, int64_t step)
{
    const vn_train_options *o = &r->m->train;
    int64_t look = (step / o->val_check_steps + 1) * o->val_check_steps, every = 0, stop = o->max_steps;
    if (r->hooks->checkpoint) every = r->hooks->checkpoint_steps;
    if (look < stop) stop = look;
    if (every > 0 && (step / every + 1) * every < stop) stop = (step / every + 1) * every;
    return stop;
}

/* Begin what may be begun and end one step. */
static vn_status run_step(run *r)
{
    int64_t stop = next_stop(r, r->at.step);
    while (r->queued < stop && !vn_plan_full(r->train)) VN_TRY(begin_step(r));
    return end_step(r);
}

/* What is due after the steps so far: a look at the validation windows or at the losses. */
static vn_status look(run *r)
{
    bool last = r->at.step == r->m->train.max_steps;
    bool due = r->at.step % r->m->train.val_check_steps == 0;
    bool check = r->valid && (due || last);
    if (check) VN_TRY(validate(r));
    if (due && !r->valid) VN_TRY(look_back(r));
    report(r, check);
    return VN_OK;
}

/* Asked to stop: the steps that were begun end first. */
static vn_status interrupt(run *r)
{
    if (r->at.step == r->m->train.max_steps || !r->hooks->stop || !r->hooks->stop(r->hooks->ctx))
        return VN_OK;
    r->interrupted = true;
    if (r->at.step == r->queued) return VN_OK;
    while (r->at.step < r->queued) VN_TRY(end_step(r));
    return look(r);
}

static vn_status loop(run *r)
{
    const vn_fit_hooks *hooks = r->hooks;
    while (r->at.step < r->m->train.max_steps && !out_of_patience(r) && !r->interrupted) {
        VN_TRY(run_step(r));
        VN_TRY(look(r));
        VN_TRY(interrupt(r));
        bool due = hooks->checkpoint_steps > 0 && r->at.step % hooks->checkpoint_steps == 0;
        if (hooks->checkpoint && (due || r->interrupted)) VN_TRY(write_checkpoint(r));
    }
    return VN_OK;
}

/* ---- the end ---- */

/* Finite, but nothing was learnt. A likelihood has no zero to be a multiple of. */
static void warn_blown_up(const run *r)
{
    if (r->head.family == VN_FAMILY_DIST) return;
    if (r->at.step == r->first || !(r->first_loss > 0)) return;
    if (!(r->at.loss > blown_up * r->first_loss)) return;
    vn_log_printf(&r->hooks->log, VN_LOG_WARN,
                  "the loss rose from %.4g in step %" PRId64 " to %.4g in step %" PRId64
                  ": training has blown up; a lower learning_rate or gradient_clip_val may help",
                  r->first_loss, r->first + 1, r->at.loss, r->at.step);
}

static vn_status tell_scale(run *r)
{
    VN_TRY(move_scaling(r, VN_TO_HOST));
    for (int s = 0; s < members(r); s++)
        vn_log_printf(&r->hooks->log, VN_LOG_INFO, "fp16: the loss scale ended at %g",
                      (double)r->at.member[s].scale);
    return VN_OK;
}

static void sum_up(const run *r, vn_fit_report *report)
{
    vn_plan_info info;
    int64_t best_step;
    double best = best_of(r, &best_step);
    vn_plan_about(r->train, &info);
    *report = (vn_fit_report){ .steps = r->at.step,
                               .best_step = best_step < 0 ? 0 : best_step,
                               .loss = r->at.loss,
                               .valid = r->at.valid,
                               .best = best,
                               .seconds = vn_now_s() - r->begun_s,
                               .stopped_early = out_of_patience(r) && !r->interrupted &&
                                                r->at.step < r->m->train.max_steps,
                               .interrupted = r->interrupted,
                               .work_bytes = info.work_bytes,
                               .values_bytes = info.values_bytes };
}

vn_status vn_fit(vn_fitted *m, const vn_panel *panel, vn_device *dev, const vn_fit_hooks *hooks,
                 vn_fit_report *report)
{
    static const vn_fit_hooks none = { 0 };
    run r = { .m = m, .panel = panel, .dev = dev, .hooks = hooks ? hooks : &none };
    vn_fit_report unused;
    *(report ? report : &unused) = (vn_fit_report){ 0 };
    vn_status st = open_run(&r);
    if (!st) {
        st = loop(&r);
        for (int s = 0; !st && s < members(&r); s++) /* of what was not validated: the last ones */
            if (!r.valid || r.at.member[s].best_step < 0) st = keep_weights(&r, s);
        sum_up(&r, report ? report : &unused);
        if (!st) warn_blown_up(&r);
        if (!st && m->precision == VN_PRECISION_FP16) st = tell_scale(&r);
    }
    close_run(&r);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

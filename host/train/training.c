/* Opening what a run of training needs: the blocks of the device, where the members of all its
 * models lie one behind the other, the panels, one plan that trains all of them, and those that
 * validate.
 *
 * A validation plan is of neighbours whose batches have one size, since a batch of another size may
 * be added up in another order, and a model is to be what it is alone, to the bit. */
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/os.h"
#include "host/train/training.h"

enum { VALID_BATCH = 512 };

static const vn_home own[] = { VN_HOME_PARAM, VN_HOME_GRAD, VN_HOME_M,
                               VN_HOME_V,     VN_HOME_MEAN, VN_HOME_STATE };
enum { N_OWN = sizeof own / sizeof *own };

static const vn_train_options *options_of(const vn_training *t)
{
    return &t->part[0].m->train;
}

static bool averages(const vn_training *t)
{
    return options_of(t)->ema_decay > 0;
}

void *vn_training_weights(const vn_training *t)
{
    return t->block[averages(t) ? VN_HOME_MEAN : VN_HOME_PARAM];
}

/* A member's part of a block of parameters. */
static size_t pitch(const vn_training *t)
{
    const vn_params *p = t->part[0].m->params;
    return (size_t)p->n_block * sizeof *p->block;
}

/* Bytes of a block; 0: this run has none. */
static size_t bytes_of(const vn_training *t, vn_home home)
{
    if (home == VN_HOME_MEAN && !averages(t)) return 0;
    return (size_t)t->members * (home == VN_HOME_STATE ? VN_STATE_BLOCK : pitch(t));
}

/* ---- states ---- */

static void *state_of(void *block, int member, int state)
{
    return (char *)block + (size_t)member * VN_STATE_BLOCK + (size_t)state * VN_STATE_BYTES;
}

static vn_status begin_states(const vn_train_options *o, vn_stream *s, void *block, int member)
{
    int64_t bad = -1, counts[2] = { 0, 0 };
    float scale = o->loss_scale > 0 ? (float)o->loss_scale : VN_SCALE_FIRST;
    VN_TRY(
        vn_stream_copy(s, state_of(block, member, VN_TRAIN_BAD), &bad, sizeof bad, VN_TO_DEVICE));
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

vn_status vn_training_move_scaling(vn_training *t, vn_part *p, vn_dir dir)
{
    bool in = dir == VN_TO_DEVICE;
    for (int s = 0; s < vn_part_members(p); s++) {
        vn_fit_member *at = &p->at.member[s];
        void *scale = state_of(t->block[VN_HOME_STATE], p->first + s, VN_TRAIN_SCALE);
        void *counts = state_of(t->block[VN_HOME_STATE], p->first + s, VN_TRAIN_COUNTS);
        VN_TRY(vn_stream_copy(t->stream, in ? scale : &at->scale, in ? &at->scale : scale,
                              sizeof at->scale, dir));
        VN_TRY(vn_stream_copy(t->stream, in ? counts : at->counts, in ? at->counts : counts,
                              sizeof at->counts, dir));
    }
    return vn_stream_wait(t->stream);
}

/* ---- blocks ---- */

/* The part's weights into its members' places in a block. */
static vn_status put_weights(vn_training *t, const vn_part *p, vn_home home)
{
    char *to = (char *)t->block[home] + (size_t)p->first * pitch(t);
    return vn_stream_copy(t->stream, to, p->m->params->block, vn_params_bytes(p->m->params),
                          VN_TO_DEVICE);
}

static vn_status open_blocks(vn_training *t)
{
    VN_TRY(vn_stream_open(t->dev, &t->stream));
    for (int i = 0; i < N_OWN; i++) {
        size_t bytes = bytes_of(t, own[i]);
        if (bytes) VN_TRY(vn_device_alloc(t->dev, VN_MEM_DEVICE, bytes, &t->block[own[i]]));
    }
    for (int k = 0; k < t->n; k++) {
        const vn_part *p = &t->part[k];
        VN_TRY(
            vn_fit_states_begin(p->m, t->stream, state_of(t->block[VN_HOME_STATE], p->first, 0)));
        VN_TRY(put_weights(t, p, VN_HOME_PARAM));
        if (averages(t)) VN_TRY(put_weights(t, p, VN_HOME_MEAN)); /* until a step is not left out */
    }
    return vn_stream_wait(t->stream);
}

static vn_status open_host_blocks(vn_training *t)
{
    if (!t->hooks->checkpoint && !t->hooks->resume) return VN_OK;
    float **each[] = { &t->host.param, &t->host.m, &t->host.v, &t->host.mean };
    for (int i = 0; i < (averages(t) ? 4 : 3); i++) {
        *each[i] = vn_alloc_aligned(bytes_of(t, VN_HOME_PARAM), 256);
        if (!*each[i]) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    t->fingerprint = vn_panel_fingerprint(t->part[0].panel);
    return VN_OK;
}

vn_status vn_training_move_blocks(vn_training *t, vn_dir dir)
{
    static const vn_home home[] = { VN_HOME_PARAM, VN_HOME_M, VN_HOME_V, VN_HOME_MEAN };
    float *host[] = { t->host.param, t->host.m, t->host.v, t->host.mean };
    for (int i = 0; i < (averages(t) ? 4 : 3); i++) {
        void *device = t->block[home[i]];
        bool in = dir == VN_TO_DEVICE;
        VN_TRY(vn_stream_copy(t->stream, in ? device : (void *)host[i],
                              in ? (void *)host[i] : device, bytes_of(t, home[i]), dir));
    }
    return vn_stream_wait(t->stream);
}

/* ---- plans ---- */

/* The graphs of the n parts from `first` on, that of a part once for each of its members. */
typedef struct graphs {
    const vn_graph *of[VN_MEMBERS_MOST];
    int members;
} graphs;

static void close_graphs(graphs *all)
{
    for (int s = 0; s < all->members; s++)
        if (s == 0 || all->of[s] != all->of[s - 1])
            vn_graph_close((vn_graph *)(uintptr_t)all->of[s]);
}

/* `graph`: that of the first. */
static vn_status open_graphs(const vn_training *t, vn_mode mode, int64_t batch, int first, int n,
                             vn_model_graph *graph, graphs *all)
{
    for (int k = first; k < first + n; k++) {
        vn_model_graph more = { 0 };
        VN_TRY(vn_model_graph_from(t->part[k].m, mode, batch, t->source, &more));
        if (k == first) *graph = more;
        for (int s = 0; s < vn_part_members(&t->part[k]); s++) all->of[all->members++] = more.g;
    }
    return VN_OK;
}

/* Of the n parts from `first` on. Weights change with every training step: what derives from them
 * stays inside the step there. */
static vn_status open_plan(vn_training *t, vn_mode mode, int64_t batch, int first, int n,
                           vn_model_graph *graph, vn_plan **plan)
{
    int member = t->part[first].first;
    vn_plan_config config = { .dev = t->dev,
                              .seeds = t->seed + member,
                              .version = mode == VN_MODE_TRAIN ? NULL : &t->version };
    graphs all = { .members = 0 };
    for (int i = 0; i < N_OWN; i++) {
        size_t apart = bytes_of(t, own[i]) / (size_t)t->members;
        char *block = t->block[own[i]];
        if (block) config.home[own[i]] = block + (size_t)member * apart;
    }
    if (mode != VN_MODE_TRAIN)
        config.home[VN_HOME_PARAM] = (char *)vn_training_weights(t) + (size_t)member * pitch(t);
    vn_status st = open_graphs(t, mode, batch, first, n, graph, &all);
    config.graphs = all.of;
    config.members = all.members;
    if (!st) st = vn_plan_make(graph->g, &config, plan);
    close_graphs(&all);
    graph->g = NULL;
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* The validation plan of part k and of those behind it that have batches of the same size. */
static vn_status open_valid(vn_training *t, int k)
{
    vn_valid *v = &t->valid[t->n_valid++];
    *v = (vn_valid){ .first = k, .batch = t->part[k].valid_batch };
    while (k + v->n < t->n && t->part[k + v->n].valid_batch == v->batch) v->n++;
    return open_plan(t, VN_MODE_VALID, v->batch, k, v->n, &v->graph, &v->plan);
}

static vn_status open_plans(vn_training *t)
{
    VN_TRY(
        open_plan(t, VN_MODE_TRAIN, options_of(t)->windows_batch_size, 0, t->n, &t->tg, &t->train));
    for (int k = 0; k < t->n;) {
        if (t->part[k].valid_pairs) VN_TRY(open_valid(t, k));
        k += t->part[k].valid_pairs ? t->valid[t->n_valid - 1].n : 1;
    }
    return VN_OK;
}

static void close_plans(vn_training *t)
{
    vn_plan_close(t->train); /* waits for runs under way */
    for (int i = 0; i < t->n_valid; i++) vn_plan_close(t->valid[i].plan);
    t->train = NULL;
    t->n_valid = 0;
}

/* The plans as they are where the panels stay on the host. */
static vn_status open_gathers(vn_training *t)
{
    vn_device_info info;
    vn_device_about(t->dev, &info);
    vn_log_printf(&t->hooks->log, VN_LOG_INFO,
                  "the data do not fit into the memory of %s beside the model (%.0f MB are free): "
                  "their windows are gathered on the host",
                  info.name, (double)info.free_bytes / 1e6);
    t->source = VN_FROM_WINDOWS;
    close_plans(t);
    for (int i = 0; i < t->n_resident; i++) vn_resident_close(&t->resident[i]);
    t->n_resident = 0;
    VN_TRY(open_plans(t));
    for (int k = 0; k < t->n; k++) {
        vn_part *p = &t->part[k];
        VN_TRY(vn_gather_open(p->m, p->panel, p->m->train.windows_batch_size, &p->gather));
        if (p->valid_pairs)
            VN_TRY(vn_gather_open(p->m, p->panel, p->valid_batch, &p->valid_gather));
    }
    return VN_OK;
}

/* ---- panels ---- */

/* The address of its panel, to each member of a part; `first`: that of the plan's first member. */
static void feed_panel(const vn_part *p, const vn_panel_view *view, vn_plan *plan, vn_val panel,
                       int first)
{
    for (int s = 0; s < vn_part_members(p); s++) {
        vn_plan_member(plan, p->first - first + s);
        memcpy(vn_plan_feed(plan, panel), view, sizeof *view);
    }
}

static void feed_part(vn_training *t, int k, const vn_panel_view *view)
{
    feed_panel(&t->part[k], view, t->train, t->tg.panel, 0);
    for (int i = 0; i < t->n_valid; i++) {
        vn_valid *v = &t->valid[i];
        if (k >= v->first && k < v->first + v->n)
            feed_panel(&t->part[k], view, v->plan, v->graph.panel, t->part[v->first].first);
    }
}

/* Every panel goes to the device once, whoever shares it. */
static vn_status open_panels(vn_training *t)
{
    for (int k = 0; k < t->n; k++) {
        int same = 0;
        while (same < k && t->part[same].panel != t->part[k].panel) same++;
        if (same < k) continue;
        vn_panel_view view = vn_panel_view_of(t->part[k].panel);
        vn_resident *r = &t->resident[t->n_resident++];
        VN_TRY(vn_resident_open(t->dev, t->stream, &view, r));
        for (int i = k; i < t->n; i++)
            if (t->part[i].panel == t->part[k].panel) feed_part(t, i, &r->view);
    }
    return VN_OK;
}

/* Plans before the panels: without them there is no training, without room for the panels there is.
 * A validation plan sees no windows of a part that is not due: pairs of -1. */
static vn_status open_device(vn_training *t)
{
    int ahead = t->hooks->steps_per_launch ? t->hooks->steps_per_launch : 1;
    VN_TRY(open_plans(t));
    vn_status st = open_panels(t);
    if (st == VN_E_MEMORY) st = open_gathers(t);
    if (st) return vn_trail(st, __FILE__, __LINE__);
    VN_TRY(vn_plan_ring(t->train, ahead));
    for (int i = 0; i < t->n_valid; i++) {
        vn_valid *v = &t->valid[i];
        const vn_part *last = &t->part[v->first + v->n - 1];
        for (int s = 0; s < last->first + vn_part_members(last) - t->part[v->first].first; s++) {
            vn_plan_member(v->plan, s);
            memset(vn_plan_feed(v->plan, v->graph.pairs), 0xff,
                   (size_t)v->batch * 2 * sizeof *t->pairs);
        }
        VN_TRY(vn_plan_ring(v->plan, 1));
    }
    return VN_OK;
}

/* ---- parts ---- */

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
static vn_status choose_valid(vn_part *p)
{
    const vn_train_options *o = &p->m->train;
    vn_windows all = { 0 };
    vn_windows_config config = windows_config(o);
    config.part = 1;
    config.last_cutoffs = 0;
    config.step_size = 1;
    config.partial_targets = false;
    VN_TRY(vn_windows_open(p->panel, &config, &all));
    int64_t n = all.n < o->val_windows ? all.n : o->val_windows;
    p->valid_batch = n < VALID_BATCH ? n : VALID_BATCH;
    int64_t room = (n + p->valid_batch - 1) / p->valid_batch * p->valid_batch;
    p->valid_pairs = vn_calloc((size_t)room, 2 * sizeof *p->valid_pairs);
    for (int64_t i = 0; p->valid_pairs && i < room; i++) {
        int32_t *pair = p->valid_pairs + 2 * i;
        if (i < n)
            vn_windows_at(&all, all.n / n * i + all.n % n * i / n, pair);
        else
            pair[0] = pair[1] = -1;
    }
    p->valid_n = room;
    vn_windows_close(&all);
    return p->valid_pairs ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

vn_status vn_fit_prepare(vn_fitted *m)
{
    if (m->params->closed) return VN_OK; /* training goes on from weights it has */
    VN_TRY(vn_fitted_declare(m));
    VN_TRY(vn_params_layout(m->params));
    vn_params_draw(m->params, (uint64_t)m->train.seed);
    return VN_OK;
}

static vn_status open_part(vn_training *t, vn_part *p, vn_fit_job *job)
{
    *p = (vn_part){ .job = job, .m = job->m, .panel = job->panel, .first = t->members, .bad = -1 };
    p->at = (vn_fit_state){ .loss = NAN, .valid = NAN };
    for (int s = 0; s < VN_MEMBERS_MOST; s++)
        p->at.member[s] = (vn_fit_member){ .best_step = -1, .best = NAN };
    VN_TRY(vn_fit_resolve(p->m, p->panel, NULL));
    VN_TRY(vn_head_of(&p->m->train, &p->head));
    vn_windows_config config = windows_config(&p->m->train);
    VN_TRY(vn_windows_open(p->panel, &config, &p->windows));
    VN_TRY(vn_fit_prepare(p->m));
    p->m->params->version++;
    if (config.split.val > 0) VN_TRY(choose_valid(p));
    if (t->members + vn_part_members(p) > VN_MEMBERS_MOST)
        return VN_FAIL(VN_E_BUG, "a run of more than %d members", VN_MEMBERS_MOST);
    for (int s = 0; s < vn_part_members(p); s++)
        t->seed[t->members++] = (uint64_t)p->m->train.seed + (uint64_t)s;
    return VN_OK;
}

static vn_status open_parts(vn_training *t, vn_fit_job *const *job, int n)
{
    t->part = vn_calloc((size_t)n, sizeof *t->part);
    t->valid = vn_calloc((size_t)n, sizeof *t->valid);
    t->resident = vn_calloc((size_t)n, sizeof *t->resident);
    if (!t->part || !t->valid || !t->resident) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    for (int k = 0; k < n; k++) {
        t->n++;
        vn_status st = open_part(t, &t->part[k], job[k]);
        if (st && job[k]->number) return vn_fail_in(st, "model %d", job[k]->number);
        VN_TRY(st);
    }
    return VN_OK;
}

/* Only a run of one part has checkpoints. */
static vn_status resume(vn_training *t)
{
    vn_part *p = &t->part[0];
    if (!t->hooks->resume) return VN_OK;
    VN_TRY(vn_checkpoint_load(t->hooks->resume, p->m, t->fingerprint, &p->at, &t->host));
    VN_TRY(vn_training_move_blocks(t, VN_TO_DEVICE));
    if (p->m->precision == VN_PRECISION_FP16) VN_TRY(vn_training_move_scaling(t, p, VN_TO_DEVICE));
    t->step = p->span_first = p->at.step;
    return VN_OK;
}

vn_status vn_training_open(vn_training *t, vn_fit_job *const *job, int n, vn_device *dev,
                           const vn_fit_hooks *hooks)
{
    *t = (vn_training){ .dev = dev, .hooks = hooks, .version = 1 };
    if (n > 1 && (hooks->checkpoint || hooks->resume))
        return VN_FAIL(VN_E_BUG, "a checkpoint of %d models", n);
    VN_TRY(open_parts(t, job, n));
    VN_TRY(open_host_blocks(t));
    t->pairs = vn_calloc((size_t)options_of(t)->windows_batch_size, 2 * sizeof *t->pairs);
    if (!t->pairs) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    VN_TRY(open_blocks(t));
    VN_TRY(open_device(t));
    VN_TRY(resume(t));
    t->first = t->queued = t->step;
    t->begun_s = t->told_s = vn_now_s();
    return VN_OK;
}

static void close_part(vn_part *p)
{
    vn_gather_close(p->gather);
    vn_gather_close(p->valid_gather);
    vn_free(p->valid_pairs);
    vn_windows_close(&p->windows);
}

void vn_training_close(vn_training *t)
{
    close_plans(t);
    for (int i = 0; i < t->n_resident; i++) vn_resident_close(&t->resident[i]);
    for (int i = 0; i < N_OWN; i++)
        if (t->block[own[i]])
            vn_device_free(t->dev, VN_MEM_DEVICE, t->block[own[i]], bytes_of(t, own[i]));
    float *host[] = { t->host.param, t->host.m, t->host.v, t->host.mean };
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        if (host[i]) vn_free_aligned(host[i], bytes_of(t, VN_HOME_PARAM));
    for (int k = 0; k < t->n; k++) close_part(&t->part[k]);
    vn_free(t->pairs);
    vn_free(t->resident);
    vn_free(t->valid);
    vn_free(t->part);
    if (t->stream) vn_stream_close(t->stream);
}

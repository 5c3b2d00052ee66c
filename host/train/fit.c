/* The training loop.
 *
 * One run trains one model, or several side by side whose graphs are alike: the members of all of them
 * by one plan (training.c). m->params->block on the host is where the best weights so far are kept:
 * by validation, or else by the mean training loss of every val_check_steps steps, which counts only
 * if the run diverges later; a model that ends well without validation keeps its last weights. With
 * ema_decay the mean of the weights over the steps is what validation looks at and what is kept; the
 * training loss is still that of the weights. The members of an ensemble are trained side by side too:
 * each learns what it would alone with its seed, and has best weights of its own; an early stop is
 * common to all, when none has become better for so long. After the plans are made nothing allocates;
 * a checkpoint does, while it is written.
 *
 * Each model of a run (a part) has windows, learning rates, validation and an end of its own: it is to
 * the bit what it would be alone. One that is over, because it has done its steps, became no better for
 * too long or diverged, has its weights on the host; its members go on computing, and nobody looks.
 *
 * The host does not wait for a step: it runs ahead over the plan's ring and learns the losses later, in
 * their order (a CPU's ring holds one step). What needs the weights of a step, a look at the validation
 * windows or a checkpoint, waits for all steps before it and comes before those after it, so that the
 * run is the same however far the host is ahead. A panel that a device has no room for stays on the
 * host, which then gathers the windows. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "host/train/training.h"

static const double report_every_s = 0.1;

/* A run that learns never ends this many times above its first loss, whatever the noise of a batch. */
static const double blown_up = 1000;

/* What messages about a part begin with, where there are others. */
typedef struct label {
    char text[32];
} label;

static label label_of(const vn_part *p)
{
    label out = { "" };
    if (p->job->number) snprintf(out.text, sizeof out.text, "model %d: ", p->job->number);
    return out;
}

/* The part ends here, with a failure of its own. */
static void fail_part(vn_part *p, vn_status st)
{
    p->over = true;
    p->job->status = st;
    snprintf(p->job->message, sizeof p->job->message, "%s", vn_last_message());
}

/* ---- steps ---- */

/* The device's weights of a member of a part become its model's. */
static vn_status keep_weights(vn_training *t, vn_part *p, int member)
{
    vn_params *to = p->m->params;
    size_t bytes = (size_t)to->n_block * sizeof *to->block;
    char *block = (char *)to->block + (size_t)member * bytes;
    char *device = (char *)vn_training_weights(t) + (size_t)(p->first + member) * bytes;
    VN_TRY(vn_stream_copy(t->stream, block, device, bytes, VN_TO_HOST));
    VN_TRY(vn_stream_wait(t->stream));
    to->version++;
    p->at.member[member].best_step = p->at.step;
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

static vn_status feed_step(vn_training *t, vn_part *p, int64_t step)
{
    const vn_train_options *o = &p->m->train;
    int64_t n = o->windows_batch_size;
    for (int s = 0; s < vn_part_members(p); s++) {
        uint64_t seed = (uint64_t)o->seed + (uint64_t)s;
        for (int64_t slot = 0; slot < n; slot++)
            vn_windows_draw(&p->windows, seed, step, slot, t->pairs + 2 * slot);
        vn_plan_member(t->train, p->first + s);
        VN_TRY(feed_windows(t->pairs, n, p->gather, t->train, &t->tg));
        vn_plan_set_step(t->train, step);
        vn_plan_set(t->train, VN_LR, (float)vn_lr_at(o, step));
    }
    return VN_OK;
}

/* The loss or the gradient of a step is no number. The optimizer has left the weights alone from then
 * on, also in steps begun since: fed with that step's batch, the hunt sees what the step saw. */
static vn_status name_bad_step(vn_training *t, vn_part *p)
{
    char where[256];
    while (vn_plan_waiting(t->train)) VN_TRY(vn_plan_pull(t->train));
    VN_TRY(feed_step(t, p, p->bad));
    VN_TRY(vn_plan_hunt(t->train, p->first, vn_part_members(p), where, sizeof where));
    bool narrow = p->m->precision == VN_PRECISION_FP16;
    fail_part(p, VN_FAIL(VN_E_NUMERIC, "loss is not finite at step %" PRId64 ": %s%s%s", p->bad + 1,
                         where[0] ? "first bad node " : "every node is, but not the gradient's norm",
                         where, narrow ? "; fp16 has no number above 65504, bf16 has those of f32" : ""));
    return VN_OK;
}

static vn_status begin_step(vn_training *t)
{
    for (int k = 0; k < t->n; k++)
        if (!t->part[k].over) VN_TRY(feed_step(t, &t->part[k], t->queued));
    VN_TRY(vn_plan_push(t->train));
    t->queued++;
    return VN_OK;
}

static double read_number(vn_plan *plan, vn_val v) { return (double)*(const float *)vn_plan_read(plan, v); }

/* A member's loss in the step pulled; false if it or the gradient is none: what `guard` looks at, so
 * that both call the same step bad. */
static bool loss_of(vn_training *t, const vn_part *p, int member, double *loss)
{
    vn_plan *plan = t->train;
    vn_plan_member(plan, p->first + member);
    double num = read_number(plan, t->tg.num), den = read_number(plan, t->tg.den);
    double norm = read_number(plan, t->tg.norm);
    bool left_out = !isfinite(norm) && t->tg.scale && read_number(plan, t->tg.scale) > VN_SCALE_LEAST;
    *loss = den > 0 ? vn_head_mean(&p->head, num, den) : 0;
    return isfinite(read_number(plan, t->tg.loss)) && (isfinite(norm) || left_out);
}

/* What the step pulled was for a part; false if it was bad, and the last. */
static bool end_part_step(vn_training *t, vn_part *p)
{
    double sum = 0, loss;
    for (int s = 0; s < vn_part_members(p); s++) {
        if (!loss_of(t, p, s, &loss)) {
            p->bad = p->at.step;
            p->over = true;
            return false;
        }
        if (p->at.step == t->first) p->span_best[s] = loss;
        p->span[s] += loss;
        sum += loss;
    }
    p->at.loss = sum / vn_part_members(p);
    if (p->at.step == t->first) p->first_loss = p->at.loss;
    p->at.step++;
    return true;
}

/* The results of the oldest step begun. */
static vn_status end_step(vn_training *t)
{
    double sum = 0;
    int n = 0;
    VN_TRY(vn_plan_pull(t->train));
    for (int k = 0; k < t->n; k++) {
        vn_part *p = &t->part[k];
        if (!p->over && end_part_step(t, p)) sum += p->at.loss, n++;
    }
    t->step++;
    t->version++;
    if (!n) return VN_OK;
    t->sum += sum / n;
    t->n_sum++;
    return VN_OK;
}

/* ---- looks ---- */

/* Without validation: what a divergence later in the run would leave. */
static vn_status look_back(vn_training *t, vn_part *p)
{
    double n = (double)(p->at.step - p->span_first);
    p->span_first = p->at.step;
    for (int s = 0; s < vn_part_members(p); s++) {
        double mean = p->span[s] / n;
        p->span[s] = 0;
        if (!(mean < p->span_best[s])) continue;
        p->span_best[s] = mean;
        VN_TRY(keep_weights(t, p, s));
    }
    return VN_OK;
}

/* Sums over the validation windows, of each member of the run. */
typedef struct valid_sums {
    double num[VN_MEMBERS_MOST], den[VN_MEMBERS_MOST];
} valid_sums;

/* Has the part windows among those from `first` on? */
static bool sees(const vn_part *p, int64_t first) { return p->due && first < p->valid_n; }

/* The results of the run over the windows from `first` on. */
static vn_status add_valid(vn_training *t, vn_valid *v, int64_t first, valid_sums *sums)
{
    VN_TRY(vn_plan_pull(v->plan));
    for (int k = v->first; k < v->first + v->n; k++) {
        const vn_part *p = &t->part[k];
        for (int s = p->first; sees(p, first) && s < p->first + vn_part_members(p); s++) {
            vn_plan_member(v->plan, s - t->part[v->first].first);
            sums->num[s] += read_number(v->plan, v->graph.num);
            sums->den[s] += read_number(v->plan, v->graph.den);
        }
    }
    return VN_OK;
}

static vn_status feed_valid(vn_training *t, vn_valid *v, int64_t first)
{
    for (int k = v->first; k < v->first + v->n; k++) {
        const vn_part *p = &t->part[k];
        for (int s = p->first; sees(p, first) && s < p->first + vn_part_members(p); s++) {
            vn_plan_member(v->plan, s - t->part[v->first].first);
            VN_TRY(feed_windows(p->valid_pairs + 2 * first, v->batch, p->valid_gather, v->plan,
                                &v->graph));
        }
    }
    return VN_OK;
}

/* All windows of the parts of a validation plan that are due. */
static vn_status run_valid(vn_training *t, vn_valid *v, valid_sums *sums)
{
    int64_t n = 0, read = 0;
    for (int k = v->first; k < v->first + v->n; k++)
        if (t->part[k].due && t->part[k].valid_n > n) n = t->part[k].valid_n;
    for (int64_t i = 0; i < n; i += v->batch) {
        for (; vn_plan_full(v->plan); read += v->batch) VN_TRY(add_valid(t, v, read, sums));
        VN_TRY(feed_valid(t, v, i));
        VN_TRY(vn_plan_push(v->plan));
    }
    for (; vn_plan_waiting(v->plan); read += v->batch) VN_TRY(add_valid(t, v, read, sums));
    return VN_OK;
}

/* Each member keeps its best weights. */
static vn_status judge(vn_training *t, vn_part *p, const valid_sums *sums)
{
    bool any = false;
    double mean = 0;
    if (!(sums->den[p->first] > 0)) {
        fail_part(p, VN_FAIL(VN_E_DATA, "no target of the validation windows is observed"));
        return VN_OK;
    }
    for (int s = 0; s < vn_part_members(p); s++) {
        vn_fit_member *at = &p->at.member[s];
        double valid = vn_head_valid(&p->m->train, sums->num[p->first + s], sums->den[p->first + s]);
        mean += valid / vn_part_members(p);
        if (!isfinite(valid) || (at->best_step >= 0 && !(valid < at->best))) continue;
        any = true;
        at->best = valid;
        VN_TRY(keep_weights(t, p, s));
    }
    p->at.valid = mean;
    p->at.wait = any ? 0 : p->at.wait + 1;
    return VN_OK;
}

static vn_status validate(vn_training *t)
{
    valid_sums sums = { 0 };
    for (int i = 0; i < t->n_valid; i++) VN_TRY(run_valid(t, &t->valid[i], &sums));
    for (int k = 0; k < t->n; k++)
        if (t->part[k].due) VN_TRY(judge(t, &t->part[k], &sums));
    return VN_OK;
}

/* ---- reports ---- */

/* Mean over the members that have one, and the latest step that one was kept of; -1: none was. */
static double best_of(const vn_part *p, int64_t *step)
{
    double sum = 0;
    int n = 0;
    *step = -1;
    for (int s = 0; s < vn_part_members(p); s++) {
        const vn_fit_member *at = &p->at.member[s];
        if (!isnan(at->best)) sum += at->best, n++;
        if (at->best_step > *step) *step = at->best_step;
    }
    return n ? sum / n : NAN;
}

/* The largest max_steps of all parts: when the run ends at the latest. */
static int64_t last_step(const vn_training *t)
{
    int64_t last = 0;
    for (int k = 0; k < t->n; k++)
        if (t->part[k].m->train.max_steps > last) last = t->part[k].m->train.max_steps;
    return last;
}

/* Means over the parts that have a validation loss: NaN if none has. */
static void mean_valid(const vn_training *t, double *valid, double *best)
{
    double sum = 0, best_sum = 0;
    int64_t step;
    int n = 0;
    for (int k = 0; k < t->n; k++) {
        const vn_part *p = &t->part[k];
        if (isnan(p->at.valid)) continue;
        sum += p->at.valid;
        best_sum += best_of(p, &step);
        n++;
    }
    *valid = n ? sum / n : NAN;
    *best = n ? best_sum / n : NAN;
}

static void report(vn_training *t, bool validated)
{
    double now = vn_now_s(), loss = NAN, lr = NAN;
    int64_t max_steps = last_step(t), done = t->step - t->first, left = max_steps - t->step, windows = 0;
    if (!t->hooks->progress || (!validated && left && now - t->told_s < report_every_s)) return;
    for (int k = t->n - 1; k >= 0; k--) { /* of the first that is not over */
        const vn_part *p = &t->part[k];
        if (p->over) continue;
        lr = vn_lr_at(&p->m->train, t->step - 1);
        loss = p->at.loss;
        windows += p->m->train.windows_batch_size * vn_part_members(p);
    }
    double rate = now > t->begun_s ? (double)done / (now - t->begun_s) : 0;
    vn_progress p = { .step = t->step,
                      .max_steps = max_steps,
                      .loss = t->n_sum ? t->sum / (double)t->n_sum : loss,
                      .lr = lr,
                      .windows_per_s = rate * (double)windows,
                      .eta_s = rate > 0 ? (double)left / rate : NAN,
                      .validated = validated };
    mean_valid(t, &p.valid, &p.best);
    t->hooks->progress(t->hooks->ctx, &p);
    t->told_s = now;
    t->sum = 0;
    t->n_sum = 0;
}

static vn_status write_checkpoint(vn_training *t)
{
    vn_part *p = &t->part[0];
    VN_TRY(vn_training_move_blocks(t, VN_TO_HOST));
    VN_TRY(vn_training_move_scaling(t, p, VN_TO_HOST));
    return vn_checkpoint_save(t->hooks->checkpoint, p->m, t->fingerprint, &p->at, &t->host);
}

/* ---- the end of a part ---- */

/* Enough validations in a row without improvement; a patience of 0 stops at the first, as 1 does.
 */
static bool out_of_patience(const vn_part *p)
{
    int64_t patience = p->m->train.early_stop_patience_steps;
    return patience >= 0 && p->at.wait >= (patience > 1 ? patience : 1);
}

/* Finite, but nothing was learnt. A likelihood has no zero to be a multiple of. */
static void warn_blown_up(const vn_training *t, const vn_part *p)
{
    if (p->head.family == VN_FAMILY_DIST) return;
    if (p->at.step == t->first || !(p->first_loss > 0)) return;
    if (!(p->at.loss > blown_up * p->first_loss)) return;
    vn_log_printf(&t->hooks->log, VN_LOG_WARN,
                  "%sthe loss rose from %.4g in step %" PRId64 " to %.4g in step %" PRId64
                  ": training has blown up; a lower learning_rate or gradient_clip_val may help",
                  label_of(p).text, p->first_loss, t->first + 1, p->at.loss, p->at.step);
}

static vn_status tell_scale(vn_training *t, vn_part *p)
{
    VN_TRY(vn_training_move_scaling(t, p, VN_TO_HOST));
    for (int s = 0; s < vn_part_members(p); s++)
        vn_log_printf(&t->hooks->log, VN_LOG_INFO, "%sfp16: the loss scale ended at %g",
                      label_of(p).text, (double)p->at.member[s].scale);
    return VN_OK;
}

static void sum_up(const vn_training *t, const vn_part *p)
{
    vn_plan_info info;
    int64_t best_step;
    double best = best_of(p, &best_step);
    vn_plan_about(t->train, &info);
    p->job->report = (vn_fit_report){ .steps = p->at.step,
                                      .best_step = best_step < 0 ? 0 : best_step,
                                      .loss = p->at.loss,
                                      .valid = p->at.valid,
                                      .best = best,
                                      .seconds = vn_now_s() - t->begun_s,
                                      .stopped_early = out_of_patience(p) && !t->interrupted &&
                                                       p->at.step < p->m->train.max_steps,
                                      .interrupted = t->interrupted,
                                      .work_bytes = info.work_bytes,
                                      .values_bytes = info.values_bytes };
}

/* A part that came to its end well: what was not validated keeps its last weights. */
static vn_status finish(vn_training *t, vn_part *p)
{
    p->over = true;
    for (int s = 0; s < vn_part_members(p); s++)
        if (!p->valid_pairs || p->at.member[s].best_step < 0) VN_TRY(keep_weights(t, p, s));
    sum_up(t, p);
    warn_blown_up(t, p);
    return p->m->precision == VN_PRECISION_FP16 ? tell_scale(t, p) : VN_OK;
}

/* The parts that are at their end; *left: others go on. */
static vn_status settle(vn_training *t, bool *left)
{
    *left = false;
    for (int k = 0; k < t->n; k++) {
        vn_part *p = &t->part[k];
        if (p->over) continue;
        if (t->interrupted || p->at.step >= p->m->train.max_steps || out_of_patience(p))
            VN_TRY(finish(t, p));
        else
            *left = true;
    }
    return VN_OK;
}

/* ---- the loop ---- */

static bool goes_on(const vn_training *t)
{
    bool any = false;
    for (int k = 0; k < t->n; k++) any |= !t->part[k].over;
    return any;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* The first step, from t->step on, that must be over before the next one begins: of a look, a
 * checkpoint, the last, of any part. */
static int64_t next_stop(const vn_training *t)
{
    int64_t stop = INT64_MAX, every = t->hooks->checkpoint ? t->hooks->checkpoint_steps : 0;
    for (int k = 0; k < t->n; k++) {
        const vn_train_options *o = &t->part[k].m->train;
        if (t->part[k].over) continue;
        stop = sooner(stop, sooner((t->step / o->val_check_steps + 1) * o->val_check_steps, o->max_steps));
    }
    return every > 0 ? sooner(stop, (t->step / every + 1) * every) : stop;
}

/* Begin what may be begun and end one step. */
static vn_status run_step(vn_training *t)
{
    int64_t stop = next_stop(t);
    while (t->queued < stop && !vn_plan_full(t->train)) VN_TRY(begin_step(t));
    return end_step(t);
}

/* What is due after the steps so far: a look at the validation windows or at the losses. */
static vn_status look(vn_training *t)
{
    bool check = false;
    for (int k = 0; k < t->n; k++) {
        vn_part *p = &t->part[k];
        bool due = p->at.step % p->m->train.val_check_steps == 0;
        bool last = p->at.step == p->m->train.max_steps;
        p->due = !p->over && p->valid_pairs && (due || last);
        check |= p->due;
        if (!p->over && due && !p->valid_pairs) VN_TRY(look_back(t, p));
    }
    if (check) VN_TRY(validate(t));
    if (goes_on(t)) report(t, check);
    return VN_OK;
}

/* Asked to stop: the steps that were begun end first. */
static vn_status interrupt(vn_training *t)
{
    if (!goes_on(t) || t->step == last_step(t)) return VN_OK;
    if (!t->hooks->stop || !t->hooks->stop(t->hooks->ctx)) return VN_OK;
    t->interrupted = true;
    if (t->step == t->queued) return VN_OK;
    while (t->step < t->queued) VN_TRY(end_step(t));
    return look(t);
}

static vn_status loop(vn_training *t)
{
    const vn_fit_hooks *hooks = t->hooks;
    bool left;
    VN_TRY(settle(t, &left));
    while (left) {
        VN_TRY(run_step(t));
        VN_TRY(look(t));
        VN_TRY(interrupt(t));
        bool due = hooks->checkpoint_steps > 0 && t->step % hooks->checkpoint_steps == 0;
        bool fine = !t->part[0].over;
        if (hooks->checkpoint && fine && (due || t->interrupted)) VN_TRY(write_checkpoint(t));
        VN_TRY(settle(t, &left));
    }
    return VN_OK;
}

/* The parts that failed learn why, and what they have so far. */
static vn_status end_badly(vn_training *t)
{
    for (int k = 0; k < t->n; k++) {
        vn_part *p = &t->part[k];
        if (p->bad >= 0) VN_TRY(name_bad_step(t, p));
        if (p->job->status) sum_up(t, p);
    }
    return VN_OK;
}

static vn_status train(vn_training *t)
{
    vn_status st = loop(t);
    if (!st) st = end_badly(t);
    for (int k = 0; st && k < t->n; k++)
        if (!t->part[k].over) sum_up(t, &t->part[k]);
    return st;
}

vn_status vn_fit_together(vn_fit_job *const *job, int n, vn_device *dev, const vn_fit_hooks *hooks)
{
    static const vn_fit_hooks none = { 0 };
    vn_training t;
    for (int k = 0; k < n; k++) {
        job[k]->report = (vn_fit_report){ 0 };
        job[k]->status = VN_OK;
        job[k]->message[0] = 0;
    }
    vn_status st = vn_training_open(&t, job, n, dev, hooks ? hooks : &none);
    if (!st) st = train(&t);
    vn_training_close(&t);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_fit(vn_fitted *m, const vn_panel *panel, vn_device *dev, const vn_fit_hooks *hooks,
                 vn_fit_report *report)
{
    vn_fit_job job = { .m = m, .panel = panel }, *only = &job;
    vn_status st = vn_fit_together(&only, 1, dev, hooks);
    if (report) *report = job.report;
    if (st) return vn_trail(st, __FILE__, __LINE__);
    return job.status ? VN_FAIL(job.status, "%s", job.message) : VN_OK;
}

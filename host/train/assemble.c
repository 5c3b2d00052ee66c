/* From window indices to loss or forecast: everything around a model.
 *
 *     pairs, panel -> window -> scale -> model -> head -> loss in scaled space (TRAIN)
 *                                              -> unscale -> loss on the panel's scale (VALID)
 *                                              -> unscale -> forecast (FORECAST)
 *
 * Features are scaled like the target, each channel with the statistics of its first L rows; a row
 * outside the series or without a target is the channel's mean, 0. Static features pass as they
 * are, and with the scaler "last" all do: a feature's level may be what it tells. Neither are
 * features of the calendar scaled. Categories become embeddings here:
 *
 *     hist  [numbers | codes]            -> [scaled numbers | embedding of each code]
 *     futr  [numbers | codes | calendar] -> [scaled numbers | calendar | embedding of each code]
 *     stat  [numbers | codes]            -> [numbers | embedding of each code] */
#include <inttypes.h>

#include "graph/plan/fold.h"
#include "device/moments.h"
#include "host/train/categories.h"
#include "host/train/head.h"

/* Added to a mean before its root is taken, whose slope at 0 is infinite. */
static const double no_error = 1e-30;

/* Good steps after which the scale of an fp16 loss doubles: that of PyTorch's GradScaler. */
static const int64_t growth_steps = 2000;

/* One graph being assembled. */
typedef struct work {
    const char *show; /* NULL: nothing */
    const vn_fitted *m;
    const vn_train_options *o;
    vn_graph *g;
    vn_mode mode;
    vn_source source;
    int64_t batch;
    int64_t scaler; /* line of scalers.def */
    vn_window_out w;
    vn_val loc, scale;  /* of the target; 0 with scaler "identity" */
    vn_val gain, shift; /* revin's learned weight and bias, else 0 */
    vn_val y;           /* scaled input, before revin's weight and bias */
    vn_head head;       /* what the loss makes of the model's numbers */
    vn_head_frame frame;
    int64_t context; /* of vn_model_def; 0: the model has none */
} work;

/* The scaler of a line of the option scaler_type. */
static const int64_t scalers[] = { VN_SCALER_IDENTITY, VN_SCALER_STANDARD, VN_SCALER_ROBUST,
                                   VN_SCALER_MINMAX,   VN_SCALER_MINMAX1,  VN_SCALER_INVARIANT,
                                   VN_SCALER_REVIN,    VN_SCALER_MEAN_ABS, VN_SCALER_LAST };

static void stats_of(const work *k, vn_val x, vn_val *loc, vn_val *scale)
{
    vn_attr_stats attr = { .type = k->scaler, .rows = k->o->input_size, .season = 1 };
    vn_window_stats(k->g, x, k->w.mask, &attr, loc, scale);
}

/* The last n of the L input steps of x. */
static vn_val newest(const work *k, vn_val x, int64_t n)
{
    return vn_slice(k->g, x, 1, k->o->input_size - n, n);
}

/* Of the target: of the whole input, or of the context. */
static void target_stats(work *k)
{
    vn_attr_stats attr = { .type = k->scaler, .rows = k->context, .season = 1 };
    if (!k->context) {
        stats_of(k, k->w.y, &k->loc, &k->scale);
        return;
    }
    vn_window_stats(k->g, newest(k, k->w.y, k->context), newest(k, k->w.mask, k->context), &attr,
                    &k->loc, &k->scale);
}

/* Scaled, and with "invariant" squashed; 0 where the mask is. */
static vn_val scaled(const work *k, vn_val x, vn_val mask, vn_val loc, vn_val scale)
{
    if (k->scaler == VN_SCALER_IDENTITY || !x) return x;
    vn_val z = vn_scale(k->g, x, mask, loc, scale);
    return k->scaler == VN_SCALER_INVARIANT ? vn_apply(k->g, VN_UNARY_ASINH, z) : z;
}

/* A feature [B, T, C] whose rows are usable where mask [B, T, 1] is 1. */
static vn_val scaled_feature(const work *k, vn_val x, vn_val mask)
{
    vn_val loc, scale;
    if (!x || k->scaler == VN_SCALER_IDENTITY || k->scaler == VN_SCALER_LAST) return x;
    stats_of(k, x, &loc, &scale);
    return scaled(k, x, mask, loc, scale);
}

/* The future rows are known whether or not a target is: the mask of the input and H ones. */
static vn_val futr_mask(const work *k)
{
    vn_val ones = vn_affine(k->g, k->w.target_mask, 0, 1);
    return vn_concat(k->g, 1, (vn_val[]){ k->w.mask, ones }, 2);
}

/* Columns first .. first + n of the `all` of x along its last axis; absent if there are none. */
static vn_val columns(const work *k, vn_val x, int axis, int64_t first, int64_t n, int64_t all)
{
    if (!x || n == 0) return 0;
    return n == all ? x : vn_slice(k->g, x, axis, first, n);
}

static vn_val hist_of(const work *k, int64_t *width)
{
    const vn_fitted *m = k->m;
    int64_t n = m->n_hist - m->n_hist_cat;
    vn_val x = k->w.hist, numbers = columns(k, x, 2, 0, n, m->n_hist);
    if (numbers) numbers = scaled_feature(k, numbers, k->w.mask);
    *width = n;
    return vn_with_embeddings(k->g, k->o, "hist", numbers, x, n, m->hist_cat, m->n_hist_cat, width);
}

static vn_val futr_of(const work *k, int64_t *width)
{
    const vn_fitted *m = k->m;
    vn_val x = k->w.futr;
    int64_t all = m->n_futr, n = all - m->n_futr_cat - m->n_calendar;
    vn_val numbers = columns(k, x, 2, 0, n, all);
    if (numbers) numbers = scaled_feature(k, numbers, futr_mask(k));
    vn_val parts[] = { numbers, columns(k, x, 2, all - m->n_calendar, m->n_calendar, all) };
    *width = n + m->n_calendar;
    vn_val plain = *width ? vn_concat(k->g, 2, parts, 2) : 0;
    return vn_with_embeddings(k->g, k->o, "futr", plain, x, n, m->futr_cat, m->n_futr_cat, width);
}

static vn_val stat_of(const work *k, int64_t *width)
{
    const vn_fitted *m = k->m;
    int64_t n = m->n_stat - m->n_stat_cat;
    vn_val x = k->w.stat, numbers = columns(k, x, 1, 0, n, m->n_stat);
    *width = n;
    return vn_with_embeddings(k->g, k->o, "stat", numbers, x, n, m->stat_cat, m->n_stat_cat, width);
}

static void declare_revin(work *k)
{
    k->gain = vn_param(k->g, "revin.weight", VN_DIMS(1), (vn_init){ VN_INIT_CONSTANT, 1 });
    k->shift = vn_param(k->g, "revin.bias", VN_DIMS(1), (vn_init){ VN_INIT_CONSTANT, 0 });
}

/* y w + b, still 0 where the mask is. */
static vn_val revin_in(const work *k)
{
    if (!k->gain) return k->y;
    vn_val shift = vn_mul(k->g, k->w.mask, k->shift);
    return vn_add(k->g, vn_mul(k->g, k->y, k->gain), shift);
}

static vn_val revin_out(const work *k, vn_val yhat)
{
    return k->gain ? vn_div(k->g, vn_sub(k->g, yhat, k->shift), k->gain) : yhat;
}

/* From the space of the loss back to the panel's scale. */
static vn_val unscaled(const work *k, vn_val yhat)
{
    if (k->scaler == VN_SCALER_IDENTITY) return yhat;
    if (k->scaler == VN_SCALER_INVARIANT) yhat = vn_apply(k->g, VN_UNARY_SINH, yhat);
    return vn_unscale(k->g, yhat, k->loc, k->scale);
}

static void gather_windows(work *k, vn_model_graph *out)
{
    vn_attr_window attr = { .n_in = k->o->input_size,
                            .h = k->o->h,
                            .n_hist = k->m->n_hist,
                            .n_futr = k->m->n_futr,
                            .n_stat = k->m->n_stat };
    out->panel = vn_input(k->g, "panel", VN_PANEL, VN_DIMS(1));
    k->w = vn_window(k->g, out->pairs, out->panel, &attr);
}

/* [B, n, width] numbers of the graph's type; absent where width is 0. */
static vn_val fed(const work *k, const char *name, int64_t n, int64_t width)
{
    return width ? vn_input(k->g, name, k->g->real, VN_DIMS(k->batch, n, width)) : 0;
}

static void take_windows(work *k, vn_model_graph *out)
{
    int64_t l = k->o->input_size, h = k->o->h, s = k->m->n_stat;
    out->windows = (vn_window_out){ .y = fed(k, "y", l, 1),
                                    .mask = fed(k, "mask", l, 1),
                                    .hist = fed(k, "hist", l, k->m->n_hist),
                                    .futr = fed(k, "futr", l + h, k->m->n_futr),
                                    .target = fed(k, "target", h, 1),
                                    .target_mask = fed(k, "target_mask", h, 1) };
    if (s) out->windows.stat = vn_input(k->g, "stat", k->g->real, VN_DIMS(k->batch, s));
    k->w = out->windows;
    if (k->source == VN_FROM_CALLER)
        vn_seen(k->g, out->windows.y, out->windows.mask, &k->w.y, &k->w.mask);
}

static void open_window(work *k, vn_model_graph *out)
{
    out->pairs = vn_input(k->g, "pairs", VN_I32, VN_DIMS(k->batch, 2));
    if (k->source == VN_FROM_PANEL) gather_windows(k, out);
    else take_windows(k, out);
    if (k->scaler != VN_SCALER_IDENTITY) target_stats(k);
    if (k->scaler == VN_SCALER_REVIN) declare_revin(k);
    k->y = scaled(k, k->w.y, k->w.mask, k->loc, k->scale);
}

static vn_val weights(const work *k)
{
    if (k->o->horizon_weight.n == 0) return 0;
    if (k->o->horizon_weight.n != k->o->h)
        return vn_refuse(k->g, VN_E_ARGUMENT,
                         "horizon_weight has %" PRId64 " numbers, h is %" PRId64,
                         k->o->horizon_weight.n, k->o->h);
    return vn_const(k->g, "horizon_weight", VN_DIMS(k->o->h), k->o->horizon_weight.v);
}

/* The window as the loss sees it. Counts have a scale but no location: that of the scaler if it has
 * none either, else the mean of the input. */
static void open_frame(work *k)
{
    bool counts = k->head.family == VN_FAMILY_DIST && vn_dist_about(k->head.kind)->counts;
    bool moves = k->scaler != VN_SCALER_IDENTITY && k->scaler != VN_SCALER_MEAN_ABS;
    bool nixtla = k->head.nixtla;
    k->frame = (vn_head_frame){ .g = k->g,
                                .head = &k->head,
                                .mode = k->mode,
                                .B = k->batch,
                                .H = k->o->h,
                                .mask = k->w.target_mask,
                                .raw = k->w.target,
                                .loc = k->loc,
                                .scale = k->scale };
    vn_attr_stats mean = { .type = VN_SCALER_MEAN_ABS, .rows = k->o->input_size, .season = 1 };
    if (counts && (moves || nixtla)) {
        k->frame.count_loc = k->loc;
        k->frame.count_scale = k->scale;
        vn_window_stats(k->g, k->w.y, k->w.mask, &mean, &k->frame.loc, &k->frame.scale);
    }
    if (counts) k->frame.loc = 0;
    if (nixtla && k->head.kind == VN_DIST_POISSON) k->frame.scale = 0; /* it is in the number */
}

/* A model with a context learns its steps too. */
static void widen_frame(work *k)
{
    vn_val mask = newest(k, k->w.mask, k->context - 1), y = newest(k, k->w.y, k->context - 1);
    k->frame.mask = vn_concat(k->g, 1, (vn_val[]){ mask, k->w.target_mask }, 2);
    k->frame.raw = vn_concat(k->g, 1, (vn_val[]){ y, k->w.target }, 2);
    k->frame.H = k->context - 1 + k->o->h;
}

static vn_status check_context(const work *k)
{
    bool linear = k->scaler != VN_SCALER_INVARIANT && k->scaler != VN_SCALER_REVIN;
    bool moves = k->scaler != VN_SCALER_IDENTITY && k->scaler != VN_SCALER_MEAN_ABS;
    bool dist = k->head.family == VN_FAMILY_DIST;
    const char *name = k->m->def->name;
    if (k->head.nixtla)
        return VN_FAIL(VN_E_ARGUMENT, "%s draws its paths: dist_compat does not apply", name);
    if (!dist || !linear)
        return VN_FAIL(VN_E_ARGUMENT, "%s draws from a distribution: give loss normal, studentt, "
                       "laplace, negbin, poisson or a mixture, and a scaler like mean_abs", name);
    if (moves && vn_dist_about(k->head.kind)->counts)
        return VN_FAIL(VN_E_ARGUMENT, "%s draws counts, which scaler_type must not move: take "
                       "mean_abs or identity", name);
    if (k->o->horizon_weight.n || vn_head_valid_kind(k->o) >= 0)
        return VN_FAIL(VN_E_ARGUMENT, "%s learns all steps of a window alike: horizon_weight and "
                       "valid_loss do not apply", name);
    return VN_OK;
}

/* What a model with a context sees beside the others. */
static void add_context(work *k, vn_val pairs, vn_task *task)
{
    if (!k->g->status && check_context(k)) vn_refuse(k->g, vn_last_status(), "%s", vn_last_message());
    task->loc = k->loc;
    task->scale = k->scale;
    task->pairs = pairs;
    task->dist = (vn_attr_dist){ k->head.kind, k->head.comps };
    task->paths = k->o->num_samples;
    if (k->mode == VN_MODE_FORECAST) return;
    task->future = scaled(k, k->w.target, k->w.target_mask, k->loc, k->scale);
}

/* The model's forecast, through the head, in the space of the training loss. */
static vn_val forecast(work *k, vn_val pairs)
{
    const vn_fitted *m = k->m;
    vn_task task = { .B = k->batch,
                     .L = k->o->input_size,
                     .H = k->o->h,
                     .P = k->head.P,
                     .P_free = k->head.n_free,
                     .train = k->mode == VN_MODE_TRAIN };
    task.y = revin_in(k);
    task.mask = k->w.mask;
    task.hist = hist_of(k, &task.X);
    task.futr = futr_of(k, &task.F);
    task.stat = stat_of(k, &task.S);
    if (m->def->check && !k->g->status && m->def->check(m->hparams, &task))
        return vn_refuse(k->g, vn_last_status(), "%s", vn_last_message());
    open_frame(k);
    if (k->context) {
        add_context(k, pairs, &task);
        widen_frame(k);
    }
    return revin_out(k, vn_head_apply(&k->frame, m->def->build(k->g, m->hparams, &task)));
}

/* `input` is the window in the same space as yhat and y: MASE takes its scale from it. */
static void add_loss(const work *k, int64_t kind, vn_val yhat, vn_val y, vn_val input,
                     vn_model_graph *out)
{
    vn_val loc = 0, scale = 0;
    vn_attr_stats seasonal = { .type = VN_SCALER_SEASONAL,
                               .rows = k->o->input_size,
                               .season = k->m->season };
    vn_attr_loss attr = { .kind = kind, .delta = k->o->huber_delta };
    if (kind == VN_LOSS_MASE) vn_window_stats(k->g, input, k->w.mask, &seasonal, &loc, &scale);
    vn_loss_of(k->g, &attr, yhat, y, k->w.target_mask, weights(k), scale, &out->num, &out->den);
}

/* The head's loss, or a point loss of x on the space it lies in. */
static void add_training_loss(work *k, vn_val x, vn_model_graph *out)
{
    vn_val y = scaled(k, k->w.target, k->w.target_mask, k->loc, k->scale);
    if (k->head.family == VN_FAMILY_POINT) {
        add_loss(k, k->head.kind, x, y, k->y, out);
        return;
    }
    k->frame.y = y;
    k->frame.weight = weights(k);
    vn_head_loss(&k->frame, x, &out->num, &out->den);
}

static void add_valid_loss(work *k, vn_val x, vn_model_graph *out)
{
    int64_t kind = vn_head_valid_kind(k->o);
    if (k->head.family != VN_FAMILY_DIST) x = unscaled(k, x);
    if (kind < 0 && k->head.family != VN_FAMILY_POINT) {
        k->frame.weight = weights(k);
        vn_head_loss(&k->frame, x, &out->num, &out->den);
        return;
    }
    if (kind < 0) kind = k->head.kind;
    add_loss(k, kind, vn_head_point(&k->frame, x), k->w.target, k->w.y, out);
}

static void add_forecast(work *k, vn_val x, vn_model_graph *out)
{
    bool dist = k->head.family == VN_FAMILY_DIST, caller = k->source == VN_FROM_CALLER;
    vn_head paths = { .family = VN_FAMILY_PATHS, .width = k->o->num_samples };
    vn_val y = x; /* paths are on the scale of the panel */
    if (k->context) k->frame.head = &paths;
    else if (!dist) y = unscaled(k, x);
    else if (!caller) y = vn_head_parameters(&k->frame, x);
    out->yhat = vn_output(k->g, caller ? vn_head_forecast(&k->frame, y) : y);
    k->frame.head = &k->head;
}

/* The line of the option `optimizer`, with PyTorch's constants. */
static vn_attr_adam optimizer_of(const work *k)
{
    static const struct {
        int64_t rule;
        bool decoupled;
        double beta2;
    } all[] = { { VN_RULE_ADAM, false, 0.999 },
                { VN_RULE_ADAM, true, 0.999 },
                { VN_RULE_RMSPROP, false, 0.99 },
                { VN_RULE_SGD, false, 0 } };
    int64_t rule = all[k->o->optimizer].rule;
    return (vn_attr_adam){ .beta1 = rule == VN_RULE_SGD ? k->o->momentum : 0.9,
                           .beta2 = all[k->o->optimizer].beta2,
                           .eps = 1e-8,
                           .weight_decay = k->o->weight_decay,
                           .decoupled = all[k->o->optimizer].decoupled,
                           .n_decay = k->g->params->n_decay,
                           .clip = k->o->gradient_clip_val,
                           .rule = rule };
}

static void add_training(work *k, vn_val x, vn_model_graph *out)
{
    vn_graph *g = k->g;
    add_training_loss(k, x, out);
    if (!g->status && vn_graph_fold(g, VN_FOLD_STEP))
        vn_refuse(g, vn_last_status(), "%s", vn_last_message());
    if (!g->status && !g->params->closed && vn_params_layout(g->params))
        vn_refuse(g, vn_last_status(), "%s", vn_last_message());
    if (g->status) return;
    vn_val loss = vn_mean_of(g, out->num, out->den);
    if (k->head.root) loss = vn_apply(g, VN_UNARY_SQRT, vn_affine(g, loss, 1, no_error));
    out->bad = vn_state(g, "bad", VN_I64, VN_DIMS(1));
    vn_scaling scaling = { .growth = k->o->loss_scale > 0 ? 0 : growth_steps };
    bool scaled = k->m->precision == VN_PRECISION_FP16 && g->real == VN_F32;
    if (scaled) scaling.scale = vn_state(g, "loss_scale", VN_F32, VN_DIMS(1));
    if (scaled) scaling.counts = vn_state(g, "scale_counts", VN_I64, VN_DIMS(2));
    vn_gradients(g, scaled ? vn_mul(g, loss, scaling.scale) : loss, NULL, 0, NULL);
    vn_attr_adam adam = optimizer_of(k);
    out->loss = vn_output(g, loss);
    vn_scaling *by = scaled ? &scaling : NULL;
    if (scaled && scaling.growth) out->scale = vn_output(g, vn_affine(g, scaling.scale, 1, 0));
    out->norm = vn_output(g, vn_optimize_scaled(g, &adam, k->o->ema_decay, loss, out->bad, by));
}

/* What the model shows under the name asked for. */
static vn_val show(const work *k)
{
    vn_val v = vn_shown_of(k->g, k->show);
    if (!v)
        return vn_refuse(k->g, VN_E_UNSUPPORTED, "%s has no %s to show with these options",
                         k->m->def->name, k->show);
    return vn_output(k->g, v);
}

static void assemble(work *k, vn_model_graph *out)
{
    open_window(k, out);
    vn_val yhat = forecast(k, out->pairs);
    if (k->mode == VN_MODE_TRAIN) add_training(k, yhat, out);
    if (k->mode == VN_MODE_VALID) add_valid_loss(k, yhat, out);
    if (k->mode == VN_MODE_FORECAST) add_forecast(k, yhat, out);
    if (k->show) out->shown = show(k);
    out->num = vn_output(k->g, out->num);
    out->den = vn_output(k->g, out->den);
}

/* The mean of what the members of an ensemble forecast is a forecast of the same kind. */
static vn_status check_members(const work *k)
{
    bool mixed = k->head.comps || (k->head.kind != VN_DIST_NORMAL && k->head.kind != VN_DIST_LAPLACE);
    if (k->o->ensemble_size == 1 || !(k->context || (k->head.family == VN_FAMILY_DIST && mixed)))
        return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT,
                   "an ensemble of %" PRId64 " members forecasts the mean of points, of quantiles or of the "
                   "parameters of normal or laplace, not of %s: take such a loss, or ensemble_size 1",
                   k->o->ensemble_size, k->context ? "paths" : "other distributions");
}

static vn_status open_graph(const vn_fitted *m, vn_mode mode, int64_t batch, vn_dtype real,
                            vn_source source, const char *name, vn_model_graph *out)
{
    *out = (vn_model_graph){ 0 };
    if (!m->def->build)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s is fitted to every series by a solver; it has no graph",
                       m->def->alias);
    work k = { .show = name, .m = m, .o = &m->train, .mode = mode, .source = source, .batch = batch,
               .scaler = scalers[m->train.scaler_type],
               .context = m->def->context ? m->def->context(m->hparams) : 0 };
    VN_TRY(vn_head_of(&m->train, &k.head));
    VN_TRY(check_members(&k));
    if (!m->params->closed) m->params->members = (int)m->train.ensemble_size;
    VN_TRY(vn_graph_open(real, m->params, &k.g));
    assemble(&k, out);
    vn_status st = mode == VN_MODE_TRAIN ? vn_graph_finish(k.g) : vn_graph_fold(k.g, VN_FOLD_PROLOGUE);
    if (!st && real == VN_F32) st = vn_graph_lower(k.g, m->precision);
    if (st) {
        vn_graph_close(k.g);
        *out = (vn_model_graph){ 0 };
        return vn_trail(st, __FILE__, __LINE__);
    }
    out->g = k.g;
    return VN_OK;
}

vn_status vn_model_graph_open(const vn_fitted *m, vn_mode mode, int64_t batch, vn_dtype real,
                              vn_model_graph *out)
{
    return open_graph(m, mode, batch, real, VN_FROM_PANEL, NULL, out);
}

vn_status vn_model_graph_from(const vn_fitted *m, vn_mode mode, int64_t batch, vn_source source,
                              vn_model_graph *out)
{
    return open_graph(m, mode, batch, VN_F32, source, NULL, out);
}

vn_status vn_model_graph_show(const vn_fitted *m, int64_t batch, const char *name,
                              vn_model_graph *out)
{
    return open_graph(m, VN_MODE_FORECAST, batch, VN_F32, VN_FROM_PANEL, name, out);
}

/* Training, and models as files. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/internal.h"

/* The scaler of a line of the option local_scaler_type. */
static const int64_t local_scalers[] = { VN_SCALER_IDENTITY, VN_SCALER_STANDARD, VN_SCALER_ROBUST,
                                         VN_SCALER_MINMAX, VN_SCALER_MEAN_ABS };
enum { N_LOCAL = sizeof local_scalers / sizeof *local_scalers };

const char *vn_config_products(const vane_config *config)
{
    static const char *const ways[] = { "auto", "own", "own-apart", "cublaslt", "cublaslt-apart",
                                        "cudnn", "cudnn-small", "cudnn-persistent" };
    return ways[config->run.products];
}

vn_status vn_config_device(const vane_config *config, vn_device **dev)
{
    vn_device_config c = { (int)config->run.threads, config->run.cpu.s, config->run.plugins.s,
                           vn_config_products(config) };
    VN_TRY(vn_device_open(config->run.device.s, 0, &c, dev));
    vn_status st = vn_check_precision(config, *dev);
    if (!st) return VN_OK;
    vn_device_close(*dev);
    *dev = NULL;
    return vn_trail(st, __FILE__, __LINE__);
}

static vn_status scale_targets(const vn_panel *panel, int64_t scaler, vn_split split, vn_scaled *s)
{
    int64_t type = 0;
    while (type < N_LOCAL && local_scalers[type] != scaler) type++;
    if (type == N_LOCAL)
        return VN_FAIL(VN_E_UNSUPPORTED, "%s does not scale whole series", vn_scaler_name(scaler));
    if (scaler == VN_SCALER_IDENTITY) return VN_OK;
    s->copy = *panel;
    s->copy.arena = (vn_arena){ 0 };
    s->copy.y = vn_arena_array(&s->copy.arena, (size_t)panel->n_rows, sizeof *panel->y);
    if (!s->copy.y) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    memcpy(s->copy.y, panel->y, (size_t)panel->n_rows * sizeof *panel->y);
    s->use = &s->copy;
    VN_TRY(vn_panel_scale(&s->copy, type, split, &s->scale));
    return VN_OK;
}

vn_status vn_scaled_open(const vn_panel *panel, const vn_fitted *m, vn_split split, int64_t ahead,
                         const vn_log *log, vn_scaled *s)
{
    vn_dress dress = vn_fitted_dress(m, ahead);
    *s = (vn_scaled){ .use = panel };
    if (dress.n_hist_cat || dress.n_futr_cat || dress.n_stat_cat || dress.n_calendar) {
        VN_TRY(vn_panel_dress(panel, &dress, log, &s->dressed));
        s->use = &s->dressed;
    }
    return scale_targets(s->use, m->local_scaler, split, s);
}

void vn_scaled_close(vn_scaled *s)
{
    vn_dressed_close(&s->dressed);
    vn_arena_close(&s->copy.arena);
}

double vn_scaled_back(const vn_scaled *s, int64_t series, double y)
{
    return s->scale.scale ? s->scale.loc[series] + s->scale.scale[series] * y : y;
}

void vn_scaled_undo(const vn_scaled *s, int64_t series, float *y, float *rest, int64_t n)
{
    for (int64_t k = 0; k < n; k++)
        y[k] = vn_split_f32(vn_scaled_back(s, series, (double)y[k]), rest ? &rest[k] : NULL);
}

vn_status vn_config_fitted(const vane_config *config, const vn_panel *panel, const vn_log *log,
                           vn_fitted **out)
{
    vn_fitted *m;
    *out = NULL;
    VN_TRY(vn_config_fits(config));
    VN_TRY(vn_fitted_open(config->def, &m));
    memcpy(m->hparams, config->hparams, config->def->options_bytes);
    m->train = config->train;
    m->local_scaler = local_scalers[config->data.local_scaler_type];
    vn_status st = vn_fitted_adopt(m, panel);
    if (!st) st = vn_fitted_add_calendar(m, config->data.calendar.s);
    if (!st) st = vn_fit_resolve(m, panel, log);
    if (!st) st = vn_fitted_learn_levels(m, panel);
    if (st) {
        vn_fitted_close(m);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = m;
    return VN_OK;
}

void vn_fitted_warn_freq(const vn_fitted *m, const vn_panel *p, const vn_log *log)
{
    char trained[VN_STAMP_TEXT], given[VN_STAMP_TEXT];
    if (!log || (m->freq.unit == p->freq.unit && m->freq.n == p->freq.n)) return;
    vn_log_printf(log, VN_LOG_WARN,
                  "the model was trained on steps of %s, the data have steps of %s",
                  vn_freq_text(m->freq, trained), vn_freq_text(p->freq, given));
}

void vn_fitted_warn_counts(const vn_fitted *m, const vn_panel *p, const vn_log *log)
{
    vn_odd_counts odd;
    if (!log || vn_fitted_odd_counts(m, p, &odd) || !odd.n_below) return;
    vn_log_printf(log, VN_LOG_WARN,
                  "%" PRId64 " values are below 0, the first %g in row %" PRId64 " of series '%s'; "
                  "%s forecasts counts and was trained on such",
                  odd.n_below, odd.below, odd.row, p->id[odd.series], odd.name);
}

/* ---- training ---- */

static void tell_progress(void *ctx, const vn_progress *p)
{
    const vane_hooks *h = ctx;
    vane_progress v = { sizeof v, p->step, p->max_steps,     p->loss,  p->valid,
                        p->best,  p->lr,   p->windows_per_s, p->eta_s, p->validated };
    h->progress(h->ctx, &v);
}

static bool ask_stop(void *ctx)
{
    const vane_hooks *h = ctx;
    return h->stop(h->ctx) != 0;
}

static vn_status other_kind(const vn_fitted *m, const vn_fitted *init)
{
    return VN_FAIL(VN_E_ARGUMENT, "the model to start from is of the kind %s, not %s",
                   init->def->name, m->def->name);
}

/* An entry's numbers, of every member; where there are more than before, they go round. */
static void copy_entry(vn_params *to, int i, const vn_params *from, int k)
{
    const vn_param_entry *e = &to->entry[i];
    for (int s = 0; s < to->members; s++)
        memcpy(to->block + s * to->n_block + e->offset,
               from->block + s % from->members * from->n_block + from->entry[k].offset,
               (size_t)vn_count(&e->t) * sizeof *to->block);
}

/* Start from the weights of another model of the same parameters. */
static vn_status begin_from(vn_fitted *m, const vn_fitted *init)
{
    if (m->def != init->def) return other_kind(m, init);
    VN_TRY(vn_fitted_take_levels(m, init));
    VN_TRY(vn_fitted_declare(m));
    VN_TRY(vn_params_layout(m->params));
    const vn_params *from = init->params;
    vn_params *to = m->params;
    for (int i = 0; i < to->n; i++) {
        int k = vn_params_find(from, to->entry[i].name);
        if (k < 0 || !vn_same_shape(&from->entry[k].t, &to->entry[i].t))
            return VN_FAIL(VN_E_SHAPE,
                           "the model to start from has no parameter \"%s\" of this shape: "
                           "h, input_size, features and hyperparameters must be the same",
                           to->entry[i].name);
        copy_entry(to, i, from, k);
    }
    to->version++;
    return VN_OK;
}

vn_status vn_announce(const vn_fitted *m, const vn_device *dev, const vn_log *log)
{
    int64_t n = 0;
    vn_device_info info;
    VN_TRY(vn_fitted_declare(m));
    for (int i = 0; i < m->params->n; i++) n += vn_count(&m->params->entry[i].t);
    vn_device_about(dev, &info);
    bool low = m->precision != VN_PRECISION_F32;
    char members[48] = "";
    if (m->params->members > 1)
        snprintf(members, sizeof members, " in each of %d members", m->params->members);
    vn_log_printf(log, VN_LOG_INFO,
                  "%s: h %" PRId64 ", input_size %" PRId64 ", %" PRId64 " parameters%s; "
                  "%s, %d thread%s%s%s",
                  m->def->alias, m->train.h, m->train.input_size, n, members, info.name, info.lanes,
                  info.lanes == 1 ? "" : "s", low ? ", products in " : "",
                  low ? vn_precision_name(m->precision) : "");
    return VN_OK;
}

static const char *or_null(const vn_opt_TEXT *t)
{
    return t->s[0] ? t->s : NULL;
}

static vn_status check_checkpoint(const vn_fit_hooks *hooks)
{
    if (!hooks->checkpoint_steps || hooks->checkpoint) return VN_OK;
    return VN_FAIL(VN_E_ARGUMENT, "checkpoint_steps is %" PRId64 ", but no file is given: checkpoint",
                   hooks->checkpoint_steps);
}

void vn_hooks_fit(const vane_hooks *h, const vane_config *config, vn_fit_hooks *out)
{
    *out = (vn_fit_hooks){ .log = vn_hooks_log(h),
                           .progress = h->progress ? tell_progress : NULL,
                           .stop = h->stop ? ask_stop : NULL,
                           .ctx = (void *)(uintptr_t)h,
                           .checkpoint = or_null(&config->run.checkpoint),
                           .checkpoint_steps = config->run.checkpoint_steps,
                           .resume = or_null(&config->run.resume),
                           .steps_per_launch = (int)config->run.steps_per_launch };
}

static vn_status fit(const vane_config *config, vn_fitted *m, const vn_panel *panel,
                     const vane_hooks *h, vn_fit_report *report)
{
    vn_device *dev = NULL;
    vn_scaled scaled = { .use = panel };
    vn_status st = VN_OK;
    vn_fit_hooks hooks;
    vn_hooks_fit(h, config, &hooks);
    VN_TRY_DONE(check_checkpoint(&hooks));
    VN_TRY_DONE(vn_config_device(config, &dev));
    m->precision = vn_config_precision(config, dev);
    VN_TRY_DONE(vn_scaled_open(panel, m, vn_split_from(&m->train), 0, &hooks.log, &scaled));
    VN_TRY_DONE(vn_announce(m, dev, &hooks.log));
    VN_TRY_DONE(vn_fit(m, scaled.use, dev, &hooks, report));
done:
    vn_scaled_close(&scaled);
    vn_device_close(dev);
    return st;
}

/* The same for a model without a graph. */
static vn_status solve(const vane_config *config, vn_fitted *m, const vn_panel *panel,
                       const vn_fitted *init, const vane_hooks *h, vn_fit_report *report)
{
    const vn_solver *solver = vn_solver_of(m->def);
    vn_team *team = NULL;
    vn_device *dev = NULL;
    vn_device_info info;
    vn_fit_hooks hooks;
    vn_hooks_fit(h, config, &hooks);
    if (init && init->def != m->def) return other_kind(m, init);
    VN_TRY(check_checkpoint(&hooks));
    vn_scaled dressed = { .use = panel };
    vn_status st = VN_OK;
    if (init) VN_TRY(vn_fitted_take_levels(m, init));
    VN_TRY_DONE(vn_team_open((int)config->run.threads, &team));
    VN_TRY_DONE(vn_scaled_open(panel, m, vn_split_from(&m->train), 0, &hooks.log, &dressed));
    VN_TRY_DONE(vn_config_device(config, &dev));
    vn_device_about(dev, &info);
    vn_log_printf(&hooks.log, VN_LOG_INFO,
                  "%s: h %" PRId64 ", %" PRId64 " series; %s, %d thread%s", m->def->alias,
                  m->train.h, panel->n_series, info.name, vn_team_size(team),
                  vn_team_size(team) == 1 ? "" : "s");
    VN_TRY_DONE(solver->fit(m, dressed.use, team, dev, init, &hooks, report));
done:
    vn_scaled_close(&dressed);
    vn_device_close(dev);
    vn_team_close(team);
    return st;
}

vn_status vn_model_wrap(vn_fitted *fitted, vane_model **model)
{
    *model = vn_calloc(1, sizeof **model);
    if (!*model) {
        vn_fitted_close(fitted);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    (*model)->fitted = fitted;
    return VN_OK;
}

void vn_report_of_fit(vane_train_report *out, size_t size, const vn_fit_report *r)
{
    vane_train_report v = { sizeof v,
                            r->steps,
                            r->best_step,
                            r->loss,
                            r->valid,
                            r->best,
                            r->seconds,
                            r->stopped_early,
                            r->interrupted,
                            (int64_t)r->work_bytes,
                            (int64_t)r->values_bytes };
    out->size = size;
    vn_fill(out, &v, sizeof v);
}

vane_status vane_train(const vane_config *config, const vane_dataset *data, const vane_hooks *hooks,
                       const vane_model *init, vane_model **model, vane_train_report *report)
{
    vane_hooks h = { .size = sizeof h };
    vn_fit_report r = { .loss = NAN, .valid = NAN, .best = NAN };
    vn_fitted *m = NULL;
    *model = NULL;
    if (hooks) memcpy(&h, hooks, hooks->size < sizeof h ? hooks->size : sizeof h);
    h.size = sizeof h;
    vn_log log = vn_hooks_log(&h);
    vn_status st = vn_config_fitted(config, data->panel, &log, &m);
    if (st) return vn_public(st);
    if (vn_solver_of(m->def)) {
        st = solve(config, m, data->panel, init ? init->fitted : NULL, &h, &r);
    } else {
        if (init) st = begin_from(m, init->fitted);
        if (!st) st = fit(config, m, data->panel, &h, &r);
    }
    if (report) vn_report_of_fit(report, report->size, &r);
    if (st && !(st == VN_E_NUMERIC && r.best_step > 0)) {
        vn_fitted_close(m);
        return vn_public(vn_trail(st, __FILE__, __LINE__));
    }
    vn_status wrapped = vn_model_wrap(m, model);
    return vn_public(st ? st : wrapped);
}

/* ---- files ---- */

vane_status vane_model_save(const vane_model *model, const char *path)
{
    vn_status st = vn_fitted_save(model->fitted, path);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

vane_status vane_model_load(const char *path, vane_model **model)
{
    vn_fitted *m;
    *model = NULL;
    vn_status st = vn_fitted_load(path, &m);
    if (!st) st = vn_model_wrap(m, model);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

void vane_model_close(vane_model *model)
{
    if (!model) return;
    vn_fitted_close(model->fitted);
    vn_text_close(&model->value);
    vn_free(model);
}

int64_t vn_fitted_numbers(const vn_fitted *m)
{
    const vn_solver *solver = vn_solver_of(m->def);
    vn_arena arena = { 0 };
    vn_stored *tensor = NULL;
    int64_t numbers = 0;
    int n = 0;
    if (!solver) return m->params->n_numbers;
    if (solver->tensors(m, &arena, &tensor, &n)) n = 0;
    for (int i = 0; i < n; i++) numbers += (int64_t)(tensor[i].bytes / sizeof(double));
    vn_arena_close(&arena);
    return numbers;
}

void vane_model_about(const vane_model *model, vane_model_info *info)
{
    const vn_fitted *m = model->fitted;
    vane_model_info v = { .size = sizeof v,
                          .name = m->def->name,
                          .alias = m->def->alias,
                          .h = m->train.h,
                          .input_size = m->train.input_size,
                          .n_hist = m->n_hist,
                          .n_futr = m->n_futr,
                          .n_stat = m->n_stat,
                          .n_parameters = vn_fitted_numbers(m),
                          .season = m->season };
    vn_freq_text(m->freq, v.freq);
    vn_fill(info, &v, sizeof v);
}

int64_t vane_model_code(const vane_model *model, const char *column, const char *text)
{
    const vn_fitted *m = model->fitted;
    const vn_levels *levels = NULL;
    int64_t futr = m->n_futr - m->n_calendar - m->n_futr_cat, stat = m->n_stat - m->n_stat_cat;
    int64_t hist = m->n_hist - m->n_hist_cat;
    for (int64_t i = 0; i < m->n_hist_cat; i++)
        if (!strcmp(m->hist_name[hist + i], column)) levels = &m->hist_cat[i];
    for (int64_t i = 0; i < m->n_futr_cat; i++)
        if (!strcmp(m->futr_name[futr + i], column)) levels = &m->futr_cat[i];
    for (int64_t i = 0; i < m->n_stat_cat; i++)
        if (!strcmp(m->stat_name[stat + i], column)) levels = &m->stat_cat[i];
    for (int64_t k = 0; levels && k < levels->n; k++)
        if (!strcmp(levels->level[k], text)) return k + 1;
    return levels ? 0 : -1;
}

const char *vane_model_option(vane_model *model, const char *name)
{
    const vn_fitted *m = model->fitted;
    const void *target = &m->train;
    const vn_option *o = vn_option_find(vn_train_option_table, name);
    if (!o) {
        o = vn_option_find(m->def->options, name);
        target = m->hparams;
    }
    if (!o) return NULL;
    model->value.n = 0;
    vn_option_get(o, target, &model->value);
    return model->value.failed ? NULL : model->value.s ? model->value.s : "";
}

vn_precision vn_config_precision(const vane_config *config, const vn_device *dev)
{
    /* In the order of run.def. */
    static const vn_precision asked[] = { VN_PRECISION_F32, VN_PRECISION_TF32, VN_PRECISION_BF16,
                                          VN_PRECISION_FP16 };
    enum { AUTO = sizeof asked / sizeof *asked };
    if (config->run.precision != AUTO) return asked[config->run.precision];
    return vn_device_has(dev, "bf16") ? VN_PRECISION_BF16 : VN_PRECISION_F32;
}

vn_status vn_check_precision(const vane_config *config, const vn_device *dev)
{
    vn_device_info info;
    if (vn_config_precision(config, dev) != VN_PRECISION_TF32 || vn_device_has(dev, "tf32"))
        return VN_OK;
    vn_device_about(dev, &info);
    return VN_FAIL(VN_E_UNSUPPORTED,
                   "precision tf32 is that of a GPU's products: %s has f32, bf16 and fp16", info.name);
}

const vn_fitted *vn_fitted_on(const vane_config *config, const vn_device *dev, const vn_fitted *m,
                              vn_fitted *own)
{
    *own = *m;
    if (m->def->context && vn_config_origin(config, "num_samples") > VANE_PRESET)
        own->train.num_samples = config->train.num_samples;
    own->precision = dev ? vn_config_precision(config, dev) : VN_PRECISION_F32;
    return own;
}

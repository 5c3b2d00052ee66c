/* Training several models at once. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/api/internal.h"

/* n models under way; what is half made is for close too. */
typedef struct batch {
    int n;
    vn_fit_job *job;   /* [n]; its m may be NULL */
    vn_scaled *scaled; /* [n] */
    vn_device *dev;
    vane_hooks hooks;
    vn_log log;     /* of the caller */
    char said[256]; /* the last line logged: what all models have to say is said once */
} batch;

static void say_once(void *ctx, vn_log_level level, const char *text)
{
    batch *b = ctx;
    if (!strncmp(b->said, text, sizeof b->said - 1)) return;
    snprintf(b->said, sizeof b->said, "%s", text);
    vn_log_printf(&b->log, level, "%s", text);
}

static vn_status open_batch(batch *b, int n, const vane_hooks *hooks)
{
    *b = (batch){ .hooks = { .size = sizeof b->hooks } };
    if (hooks)
        memcpy(&b->hooks, hooks, hooks->size < sizeof b->hooks ? hooks->size : sizeof b->hooks);
    b->hooks.size = sizeof b->hooks;
    b->log = vn_hooks_log(&b->hooks);
    b->job = vn_calloc((size_t)n, sizeof *b->job);
    b->scaled = vn_calloc((size_t)n, sizeof *b->scaled);
    if (!b->job || !b->scaled) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    b->n = n;
    return VN_OK;
}

static void close_batch(batch *b)
{
    for (int k = 0; k < b->n; k++) {
        vn_scaled_close(&b->scaled[k]);
        vn_fitted_close(b->job[k].m);
    }
    vn_device_close(b->dev);
    vn_free(b->scaled);
    vn_free(b->job);
}

static vn_status check(const vane_config *config)
{
    const char *alias = config->def->alias;
    if (vn_solver_of(config->def))
        return VN_FAIL(
            VN_E_UNSUPPORTED,
            "%s is fitted to every series by itself, and anew at every origin of an evaluation: "
            "vane_train and vane_evaluate do that",
            alias);
    if (config->run.checkpoint.s[0] || config->run.resume.s[0] || config->run.checkpoint_steps)
        return VN_FAIL(VN_E_ARGUMENT, "checkpoint and resume are of one model: train it by itself");
    return VN_OK;
}

static vn_status open_job(batch *b, int k, const vane_config *config, const vn_panel *panel,
                          vn_precision precision, const vn_log *log)
{
    vn_fit_job *job = &b->job[k];
    VN_TRY(vn_config_fitted(config, panel, log, &job->m));
    job->m->precision = precision;
    VN_TRY(vn_scaled_open(panel, job->m, vn_split_from(&job->m->train), 0, log, &b->scaled[k]));
    job->panel = b->scaled[k].use;
    return VN_OK;
}

static vn_status train(batch *b, const vane_config *const *config, const vane_dataset *const *data)
{
    vn_fit_hooks hooks;
    for (int k = 0; k < b->n; k++) VN_TRY(check(config[k]));
    VN_TRY(vn_config_device(config[0], &b->dev));
    vn_hooks_fit(&b->hooks, config[0], &hooks);
    hooks.log = (vn_log){ .write = say_once, .ctx = b };
    vn_precision precision = vn_config_precision(config[0], b->dev);
    for (int k = 0; k < b->n; k++) {
        vn_status st = open_job(b, k, config[k], data[k]->panel, precision, &hooks.log);
        if (st && b->n > 1) return vn_fail_in(st, "model %d of %d", k + 1, b->n);
        if (st) return vn_trail(st, __FILE__, __LINE__);
    }
    VN_TRY(vn_announce(b->job[0].m, b->dev, &hooks.log));
    return vn_fit_many(b->job, b->n, b->dev, &hooks);
}

/* The models that were trained, or hold the best weights before they diverged, and the first
 * failure. */
static vn_status hand_over(batch *b, vane_model **models)
{
    const vn_fit_job *bad = NULL;
    for (int k = 0; k < b->n; k++) {
        vn_fit_job *job = &b->job[k];
        if (job->status && !bad) bad = job;
        if (job->status && !(job->status == VN_E_NUMERIC && job->report.best_step > 0)) continue;
        vn_fitted *m = job->m;
        job->m = NULL;
        VN_TRY(vn_model_wrap(m, &models[k]));
    }
    if (!bad) return VN_OK;
    if (!bad->number) return VN_FAIL(bad->status, "%s", bad->message);
    return VN_FAIL(bad->status, "model %d of %d: %s", bad->number, b->n, bad->message);
}

static void close_models(vane_model **models, int n)
{
    for (int k = 0; k < n; k++) {
        vane_model_close(models[k]);
        models[k] = NULL;
    }
}

vane_status vane_train_many(const vane_config *const *configs, const vane_dataset *const *data,
                            int n, const vane_hooks *hooks, vane_model **models,
                            vane_train_report *reports)
{
    batch b;
    if (n < 1)
        return vn_public(VN_FAIL(VN_E_ARGUMENT, "%d models to train, expected at least one", n));
    for (int k = 0; k < n; k++) models[k] = NULL;
    size_t stride = reports ? reports->size : 0;
    vn_status st = open_batch(&b, n, hooks), trained = VN_E_BUG;
    if (!st) st = trained = train(&b, configs, data);
    if (!trained) {
        st = hand_over(&b, models);
        for (int k = 0; reports && k < n; k++)
            vn_report_of_fit((vane_train_report *)(void *)((char *)reports + (size_t)k * stride),
                             stride, &b.job[k].report);
        if (st == VN_E_MEMORY) close_models(models, n);
    }
    close_batch(&b);
    return vn_public(st ? vn_trail(st, __FILE__, __LINE__) : VN_OK);
}

/* What the handles of the public interface are, and helpers its files share. */
#ifndef VN_HOST_API_INTERNAL_H
#define VN_HOST_API_INTERNAL_H

#include "host/api/run.def"
#include "host/bench/phases.h"
#include "host/eval/evaluate.h"
#include "host/infer/intervals.h"
#include "host/infer/predictor.h"
#include "host/train/solver.h"
#include "include/vane.h"

typedef struct vn_run_options {
    VN_OPTION_STRUCT(VN_RUN_OPTIONS)
} vn_run_options;

/* One call of vane_config_set. */
typedef struct vn_setting {
    vane_origin origin;
    const char *where, *name, *value; /* where: "" if not given */
} vn_setting;

/* A config is the list of what was set; the structs are rebuilt from it after every call, so that
 * the order of calls does not matter and a model may be chosen last. */
struct vane_config {
    vn_arena arena;
    vn_setting *set;
    int n_set, cap_set;
    const vn_model_def *def;
    vn_run_options run;
    vn_data_options data;
    vn_train_options train;
    vn_eval_options eval;
    void *hparams;   /* of def; vn_malloc */
    uint8_t *origin; /* [options] vane_origin of each, in the order of vn_option_of */
    vn_text value;   /* of vane_config_get */
};

/* Option i of a model's whole table: run, data, train, evaluate, the model's own. `table` receives
 * its index (0 .. 4) and `group` its name. NULL past the end. */
const vn_option *vn_option_of(const vn_model_def *def, int i, int *table, const char **group);

/* Where a config keeps the options of table 0 .. 4. */
void *vn_config_target(const vane_config *config, int table);

/* The origin of an option of the config; VANE_DEFAULT if there is no such option. */
vane_origin vn_config_origin(const vane_config *config, const char *name);

struct vane_dataset {
    vn_panel *panel;
};

struct vane_model {
    vn_fitted *fitted;
    vn_text value; /* of vane_model_option */
};

struct vane_report {
    vn_text text, json;
    vn_evaluation evaluation; /* rows; empty for other reports */
    double phase_us[VN_PHASE_COUNT]; /* of a training step's profile */
    bool phases;
};

/* MEMORY if a text of the report could not grow; closes the report then. */
vn_status vn_report_finish(vane_report *report, vane_report **out);

/* Our status is the public one. */
static inline vane_status vn_public(vn_status st)
{
    return (vane_status)st;
}

/* The log of the hooks; silent where there is none. `hooks` is borrowed. */
vn_log vn_hooks_log(const vane_hooks *hooks);

/* As much of a caller's struct as it has room for: copies min(size, *(size_t *)to), keeps its size.
 */
void vn_fill(void *to, const void *from, size_t size);

/* ARGUMENT if a flag is no option of the config's model. */
vn_status vn_config_fits(const vane_config *config);

/* The lines of a table of scores, and the objects of its JSON: "{..},\n{..}". */
void vn_put_titles(vn_text *text, const vn_evaluation *e);
void vn_put_row(vn_text *text, const vn_evaluation *e, int row);
void vn_put_rows_json(vn_text *text, const vn_evaluation *e);

/* Open the device the config names. */
const char *vn_config_products(const vane_config *config); /* the name of the option's choice */
vn_status vn_config_device(const vane_config *config, vn_device **dev);

/* A panel to train or forecast on: `panel` itself; dressed, where the model has categories or a
 * calendar (host/data/dress.h); with scaled targets, where it has a local scaler, fitted on the
 * training rows of the split. */
typedef struct vn_scaled {
    const vn_panel *use;  /* the panel to compute on */
    vn_panel dressed;     /* what changed; the rest is borrowed */
    vn_panel copy;        /* its own targets; the rest is borrowed */
    vn_local_scale scale; /* NULL where there is no local scaler */
} vn_scaled;
/* `ahead`: rows to forecast. The model must outlive s. */
vn_status vn_scaled_open(const vn_panel *panel, const vn_fitted *m, vn_split split, int64_t ahead,
                         const vn_log *log, vn_scaled *s);
void vn_scaled_close(vn_scaled *s);

/* Back to the scale of the data: a number of a series; n steps of it with what f32 loses of them
 * (`rest` may be NULL). */
double vn_scaled_back(const vn_scaled *s, int64_t series, double y);
void vn_scaled_undo(const vn_scaled *s, int64_t series, float *y, float *rest, int64_t n);

/* Warn where a model of hours sees days; `log` may be NULL. */
void vn_fitted_warn_freq(const vn_fitted *m, const vn_panel *p, const vn_log *log);

/* Warn where a model of counts sees values below 0; `log` may be NULL. */
void vn_fitted_warn_counts(const vn_fitted *m, const vn_panel *p, const vn_log *log);

/* A model as the config describes it, for this panel; without weights. */
vn_status vn_config_fitted(const vane_config *config, const vn_panel *panel, const vn_log *log,
                           vn_fitted **m);

/* What training is told of the hooks and the options of the run. `hooks` is borrowed by `out`. */
void vn_hooks_fit(const vane_hooks *hooks, const vane_config *config, vn_fit_hooks *out);

/* What will be trained, in one line, before it is. */
vn_status vn_announce(const vn_fitted *m, const vn_device *dev, const vn_log *log);

/* A handle of a model, which is closed on failure. */
vn_status vn_model_wrap(vn_fitted *fitted, vane_model **model);

/* A caller's report of `size` bytes. */
void vn_report_of_fit(vane_train_report *out, size_t size, const vn_fit_report *r);

/* Future features must reach to the horizon, and a model of hours should not see days (a warning;
 * `log` may be NULL). */
vn_status vn_forecast_fits(const vn_fitted *m, const vn_panel *p, const vn_log *log);

/* In what the products of a model are computed on this device: the option precision, `auto` settled.
 */
vn_precision vn_config_precision(const vane_config *config, const vn_device *dev);
/* Refuses a precision that the device does not have. */
vn_status vn_check_precision(const vane_config *config, const vn_device *dev);

/* `own`, a copy of m (borrowing all it points to) that computes in the precision the config asks for,
 * and draws as many paths as the caller sets num_samples to. `dev`: NULL for a model without a graph. */
const vn_fitted *vn_fitted_on(const vane_config *config, const vn_device *dev, const vn_fitted *m,
                              vn_fitted *own);

/* Numbers a model holds: its parameters, or what its solver found. */
int64_t vn_fitted_numbers(const vn_fitted *m);

#endif

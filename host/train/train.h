/* Training a model on a panel: the loop, its hooks, and the fitted model it leaves. */
#ifndef VN_HOST_TRAIN_TRAIN_H
#define VN_HOST_TRAIN_TRAIN_H

#include "base/log.h"
#include "device/device.h"
#include "graph/build.h"
#include "graph/plan/plan.h"
#include "graph/plan/precision.h"
#include "host/data/dress.h"
#include "host/train/train.def"
#include "models/model.h"

typedef struct vn_train_options {
    VN_OPTION_STRUCT(VN_TRAIN_OPTIONS)
} vn_train_options;
extern const vn_option vn_train_option_table[];

/* Whether it is an option of models that learn in steps, for which a solver has no use. */
bool vn_option_learns(const char *name);

/* A model with everything needed to use it: what a model file holds. */
typedef struct vn_fitted {
    vn_arena arena;
    const vn_model_def *def;
    void *hparams;          /* struct of def->options */
    vn_train_options train; /* resolved: input_size, split ... as used */
    int64_t local_scaler;   /* line of scalers.def */
    vn_freq freq;
    int64_t season;
    int64_t n_hist, n_futr, n_stat; /* columns as in a dressed panel */
    const char **hist_name, **futr_name, **stat_name;
    int64_t n_hist_cat, n_futr_cat, n_stat_cat; /* of them categories */
    vn_levels *hist_cat, *futr_cat, *stat_cat;  /* their vocabulary: texts of the training rows */
    int n_calendar;                 /* the last of the n_futr */
    int calendar[VN_CALENDAR_COUNT];
    vn_params *params; /* laid out; the weights */
    void *state;       /* of a model without a graph (host/train/solver.h) */
    vn_precision precision; /* its f32 graphs compute in; of whoever uses it, not of the file */
} vn_fitted;
/* Everything at its default, the model's presets for training included; no features, no weights. */
vn_status vn_fitted_open(const vn_model_def *def, vn_fitted **m);
void vn_fitted_close(vn_fitted *m);

/* Take frequency, season and the features' names from a panel. */
vn_status vn_fitted_adopt(vn_fitted *m, const vn_panel *panel);

/* Take the calendar features of the option `calendar`, for the model's frequency; once, after
 * adopting. */
vn_status vn_fitted_add_calendar(vn_fitted *m, const char *option);

/* Keep of the vocabulary what stands in the training rows of the panel adopted, whose codes then
 * are no longer the model's. DATA if a column has no text there. */
vn_status vn_fitted_learn_levels(vn_fitted *m, const vn_panel *panel);

/* Take the vocabulary of another model with the same categorical columns. */
vn_status vn_fitted_take_levels(vn_fitted *m, const vn_fitted *from);

/* What this model makes of a panel; borrows from m. */
vn_dress vn_fitted_dress(const vn_fitted *m, int64_t ahead);

/* DATA unless the panel has the features of the model, in its order; those of the calendar may be
 * absent, a panel then needs dressing. */
vn_status vn_fitted_match(const vn_fitted *m, const vn_panel *panel);

/* The columns of the panel that the model has, in its order (host/data/select.h). */
vn_status vn_fitted_select(const vn_fitted *m, const vn_panel *panel, vn_panel *out);

/* Declare the parameters, without giving them memory. */
vn_status vn_fitted_declare(const vn_fitted *m);

/* The model file (safetensors with our metadata). Load errors are MODEL and name file and tensor.
 */
vn_status vn_fitted_save(const vn_fitted *m, const char *path);
vn_status vn_fitted_load(const char *path, vn_fitted **m);

/* What of a panel a distribution of counts cannot have; `name` is NULL if the model has no such one. */
typedef struct vn_odd_counts {
    const char *name;
    int64_t n_broken, n_below; /* values that are not whole; below 0 */
    int64_t series, row;       /* of the first below 0, rows from 1 */
    double below;              /* and that value */
} vn_odd_counts;
vn_status vn_fitted_odd_counts(const vn_fitted *m, const vn_panel *panel, vn_odd_counts *odd);

/* Which graph of a model: each has its own plan. */
typedef enum vn_mode { VN_MODE_TRAIN, VN_MODE_VALID, VN_MODE_FORECAST } vn_mode;

/* What a graph begins with: pairs into a panel; windows that somebody else has gathered; or windows
 * as a caller has them, which are cleaned first: y and mask as the op `seen` takes them, a forecast
 * of one number a step (no quantiles, no paths: UNSUPPORTED). */
typedef enum vn_source { VN_FROM_PANEL, VN_FROM_WINDOWS, VN_FROM_CALLER } vn_source;

/* A graph of the whole path: window -> scale -> model -> loss and optimizer (TRAIN), -> unscale ->
 * loss (VALID), -> unscale -> output (FORECAST). Values that do not exist in a mode are 0. */
typedef struct vn_model_graph {
    vn_graph *g;
    vn_val pairs, panel;   /* feeds */
    vn_window_out windows; /* feeds, unless it begins with a panel; targets are of no use to FORECAST */
    vn_val num, den, norm; /* outputs */
    vn_val loss;           /* TRAIN: output, what is minimised */
    vn_val scale;          /* TRAIN in fp16: output, the loss scale of the step, if it can fall */
    vn_val bad;            /* TRAIN: state, i64 [1] */
    vn_val shown;          /* vn_model_graph_show: output */
    vn_val yhat;           /* FORECAST: output [B, H, width of the head], panel's scale; of a caller's
                              windows [B, H, 1] */
} vn_model_graph;

/* `real` is VN_F64 for a reference run. The params are declared by the first graph built; TRAIN
 * lays them out if nobody has. The graph is the caller's to close; on failure there is none. */
vn_status vn_model_graph_open(const vn_fitted *m, vn_mode mode, int64_t batch, vn_dtype real,
                              vn_model_graph *out);

/* The same in f32, from another source. */
vn_status vn_model_graph_from(const vn_fitted *m, vn_mode mode, int64_t batch, vn_source source,
                              vn_model_graph *out);

/* The f32 graph of FORECAST with what the model shows under `name` (vn_show) as a further output,
 * out->shown. UNSUPPORTED if it shows no such thing. */
vn_status vn_model_graph_show(const vn_fitted *m, int64_t batch, const char *name,
                              vn_model_graph *out);

/* The states of a TRAIN graph in their order in a member's part of the STATE block: the bad step, and
 * for fp16 the loss scale f32 and the counts i64 [2] of op rescale. */
enum { VN_TRAIN_BAD, VN_TRAIN_SCALE, VN_TRAIN_COUNTS };
/* As before the first step, of every member: no bad one. */
vn_status vn_fit_states_begin(const vn_fitted *m, vn_stream *s, void *block);

typedef struct vn_progress {
    int64_t step, max_steps;
    double loss;  /* mean training loss since the last report */
    double valid; /* last validation loss, NaN before the first */
    double best;  /* best validation loss, NaN before the first */
    double lr, windows_per_s, eta_s;
    bool validated; /* this report follows a validation */
} vn_progress;

typedef struct vn_fit_hooks {
    vn_log log;
    void (*progress)(void *ctx,
                     const vn_progress *p); /* NULL: none; called at most about 10 times a second */
    bool (*stop)(void *ctx); /* NULL: never; true: stop after this step, keeping what is best */
    void *ctx;
    const char *checkpoint;   /* path written every checkpoint_steps and at a stop; NULL: none */
    int64_t checkpoint_steps; /* 0: only at a stop */
    const char *resume;       /* checkpoint to go on from; NULL: from the start */
    int steps_per_launch;     /* of a GPU: 1 .. VN_RING_MOST; 0: one */
} vn_fit_hooks;

typedef struct vn_fit_report {
    int64_t steps;            /* done */
    int64_t best_step;        /* whose weights the model holds; 0: of none, it diverged too early */
    double loss, valid, best; /* last training loss; last and best validation loss (NaN: none) */
    double seconds;
    bool stopped_early, interrupted;
    size_t work_bytes, values_bytes; /* of the training plan */
} vn_fit_report;

/* Train. `panel` is scaled already (local scaler). `m` arrives with def, hparams, train, schema set
 * and params empty; it leaves trained. The panel must cover m's features. NUMERIC: the loss left
 * the finite numbers; the message names the step and the first bad node, and m holds the best
 * weights so far: by validation, or else those after the val_check_steps steps with the lowest mean
 * loss. */
vn_status vn_fit(vn_fitted *m, const vn_panel *panel, vn_device *dev, const vn_fit_hooks *hooks,
                 vn_fit_report *report);

/* One of several models to train side by side, each as by vn_fit. */
typedef struct vn_fit_job {
    vn_fitted *m;
    const vn_panel *panel; /* others may have the same: it then lies on the device once */
    int number;            /* of the job, for messages: "model 3: ..."; 0: it is the only one */
    vn_status status;      /* its own failure: NUMERIC as of vn_fit, or DATA; the others are as they would be */
    char message[512];     /* why, without the number */
    vn_fit_report report;
} vn_fit_job;

/* Train n models, each to the bit what vn_fit makes of it: those whose graphs are alike (vn_fit_alike) by
 * one plan, so that the steps of all are as many launches as those of one; the others one after the other.
 * Not for models to resume or with a checkpoint (BUG). A failure is one of all; those of single models
 * stand in their jobs. */
vn_status vn_fit_many(vn_fit_job *job, int n, vn_device *dev, const vn_fit_hooks *hooks);

/* The same of jobs that are alike, with VN_MEMBERS_MOST members at most. */
vn_status vn_fit_together(vn_fit_job *const *job, int n, vn_device *dev, const vn_fit_hooks *hooks);

/* Whether two models can be trained by one plan: their training steps, and if they have a validation
 * part its steps, are the same graph. Windows, seeds, learning rates, steps and patience are not in it;
 * weight decay, clipping and other reals are, and may differ there (a dropout of 0 is another graph).
 * Both are prepared (vn_fit_prepare). */
vn_status vn_fit_alike(const vn_fitted *a, const vn_fitted *b, bool *alike);

/* Give a model whose options are resolved its initial weights, unless it has some. */
vn_status vn_fit_prepare(vn_fitted *m);

/* Resolve input_size and split of m->train for this panel and refuse what cannot work (h = 0,
 * series too short, features missing): DATA or ARGUMENT with one sentence. */
vn_status vn_fit_resolve(vn_fitted *m, const vn_panel *panel, const vn_log *log);

/* The learning rate of a step: StepLR. A pure function. */
double vn_lr_at(const vn_train_options *o, int64_t step);

/* The split the options describe. */
vn_split vn_split_from(const vn_train_options *o);

#endif

/* Vane: neural time-series forecasting. The public interface and its specification.
 *
 *     vane_config *config;
 *     vane_dataset *data;
 *     vane_model *model;
 *     vane_forecast *forecast;
 *     vane_config_open(&config);
 *     vane_config_set(config, VANE_FLAG, NULL, "h", "24");
 *     if (vane_dataset_read(config, "sales.csv", NULL, &data) ||
 *         vane_train(config, data, NULL, NULL, &model, NULL) ||
 *         vane_forecast_make(config, model, data, NULL, NULL, &forecast))
 *         fprintf(stderr, "%s\n", vane_last_error());
 *
 * Rules that hold everywhere:
 *
 * - Status. Functions that can fail return a vane_status; VANE_OK is 0. After a failure
 *   vane_last_error() says, on the same thread, what was found and what was expected. Unless a
 *   function says otherwise a failure leaves outputs NULL and inputs unchanged.
 *
 * - Handles are opaque. `open`, `read`, `make`, `load` give one, `close` frees it and accepts NULL.
 *   A handle is used by one thread at a time; different handles by any threads at once.
 *
 * - Pointers. What the library returns is borrowed until the handle closes; what is passed in is
 *   borrowed until the call returns, except where a function says "until close".
 *
 * - Structs whose first field is `size` are filled with `size = sizeof x` by the caller: fields
 *   added later are then neither read from nor written to older callers.
 *
 * - Silence. The library prints nothing, never exits, installs no signal handlers, reads the
 *   environment in vane_config_set_environment alone (and OMP_NUM_THREADS, OMP_THREAD_LIMIT where
 *   the number of threads is left to it), and has no global state but the thread-local last error.
 *
 * - Numbers. Text is UTF-8; numbers are read and written with '.' whatever the locale.
 *
 * - Threads. Results are the same bits for any number of threads.
 *
 * Words: N series; T rows of a series; H steps of a forecast; L input steps of a model; X, F, S
 * past, future and static features. Arrays are row-major, last axis fastest. */
#ifndef VANE_H
#define VANE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VANE_API __attribute__((visibility("default")))
#else
#define VANE_API
#endif

/* The interface this header describes: grows with every addition, never breaks within a SONAME. */
#define VANE_ABI 5

VANE_API const char *vane_version(void); /* "0.1.0" */
VANE_API int vane_abi(void);             /* VANE_ABI of the library in use */

/* ---- Failures ---- */

typedef enum vane_status {
    VANE_OK = 0,
    VANE_E_MEMORY = 1,      /* the machine or the limit has no more memory */
    VANE_E_ARGUMENT = 2,    /* an argument, option or path of the caller is wrong */
    VANE_E_SHAPE = 3,       /* sizes do not fit together */
    VANE_E_DATA = 4,        /* the content of a data file or array is wrong */
    VANE_E_IO = 5,          /* reading or writing failed */
    VANE_E_UNSUPPORTED = 6, /* a valid wish that this build or device cannot serve */
    VANE_E_DEVICE = 7,      /* a device failed or is not there */
    VANE_E_COMM = 8,        /* another process of the run was lost */
    VANE_E_NUMERIC = 9,     /* the computation left the finite numbers */
    VANE_E_BUG = 10,        /* an invariant of the library itself was broken: please report */
    VANE_E_MODEL = 11       /* a model or checkpoint file is damaged or not ours */
} vane_status;

/* The sentence of the last failure on this thread, "" if none. Borrowed until the next failure. */
VANE_API const char *vane_last_error(void);

/* Where it passed through, innermost first: "  host/data/csv.c:212  ..."; for bug reports. */
VANE_API const char *vane_last_trail(void);

/* The word of a status: "data"; "ok". */
VANE_API const char *vane_status_word(vane_status status);

/* ---- Hooks: what a long call tells and asks ---- */

/* ERROR: one of several failures of the call, which reports their number and the first. */
typedef enum vane_log_level {
    VANE_LOG_DEBUG,
    VANE_LOG_INFO,
    VANE_LOG_WARN,
    VANE_LOG_ERROR
} vane_log_level;

typedef struct vane_progress {
    size_t size;
    int64_t step, max_steps;
    double loss;        /* mean training loss since the last report */
    double valid, best; /* last and best validation loss; NaN before the first */
    double lr;          /* learning rate */
    double windows_per_s, eta_s;
    int validated; /* 1: this report follows a validation */
} vane_progress;

/* Every function may be NULL. They are called on the thread that made the call, `progress` at most
 * about 10 times a second. */
typedef struct vane_hooks {
    size_t size;
    void *ctx;
    void (*log)(void *ctx, vane_log_level level, const char *text);
    void (*progress)(void *ctx, const vane_progress *progress);
    int (*stop)(void *ctx); /* not 0: stop after this step, keeping what is best */
} vane_hooks;

/* ---- Options ----
 *
 * Every option is a name and a text. One table makes the parser, the ranges, the help, the keys of
 * a config file, the environment names and the header of a model file. */

/* Whence a value came. The stronger (later) origin wins, whatever the order of the calls; within
 * one origin the later call wins. */
typedef enum vane_origin {
    VANE_DEFAULT, /* of the table */
    VANE_PRESET,  /* of the chosen model */
    VANE_FILE,    /* a config file */
    VANE_ENV,     /* VANE_<NAME> */
    VANE_FLAG     /* the caller */
} vane_origin;

typedef struct vane_config vane_config;

VANE_API vane_status vane_config_open(vane_config **config);
VANE_API void vane_config_close(vane_config *config);

/* A config with the same options of the same origins, to change some of them. */
VANE_API vane_status vane_config_copy(const vane_config *from, vane_config **config);

/* Set an option. '-' and '_' in names are the same. `where` (may be NULL) stands before messages:
 * "run.toml:3". Origin is VANE_FILE, VANE_ENV or VANE_FLAG. ARGUMENT if there is no such option in
 * any model (with a suggestion) or the value is out of its range. */
VANE_API vane_status vane_config_set(vane_config *config, vane_origin origin, const char *where,
                                     const char *name, const char *value);

/* Set every `key = value` of a file in a strict TOML subset ("-": standard input). */
VANE_API vane_status vane_config_set_file(vane_config *config, const char *path);

/* Set every option whose VANE_<NAME> is in the environment (VANE_THREADS, VANE_CPU,
 * VANE_MAX_STEPS). */
VANE_API vane_status vane_config_set_environment(vane_config *config);

/* ARGUMENT if an option was set that the chosen model does not have (as vane_train finds too);
 * ARGUMENT, UNSUPPORTED or DEVICE as opening the device says, where device or cpu was set. Cheap,
 * so that a command can refuse before it reads data. */
VANE_API vane_status vane_config_check(const vane_config *config);

/* The value in use, as text; borrowed until the next call with this config. NULL if there is no
 * such option for the chosen model. `origin` may be NULL. */
VANE_API const char *vane_config_get(vane_config *config, const char *name, vane_origin *origin);

/* An option of the table. Texts are constants of the library, except `accepts`. */
typedef struct vane_option {
    size_t size;
    const char *name;    /* "max_steps" */
    const char *group;   /* "run", "data", "train", "evaluate", or the model's name */
    const char *preset;  /* the default for the model, as text */
    const char *choices; /* "a|b|c" or NULL */
    const char *help;    /* one sentence */
    char accepts[512];   /* "int 1 .. 1000", "a | b | c" */
    int useless;         /* 1: this model has no use for it; given as VANE_FLAG it is refused */
} vane_option;

/* Option i = 0, 1, ... of the table of `model` (NULL: without a model's own). ARGUMENT past the
 * end. */
VANE_API vane_status vane_option_at(const char *model, int i, vane_option *option);

/* A kind of model. */
typedef struct vane_model_kind {
    size_t size;
    const char *name;  /* "nhits" */
    const char *alias; /* "NHITS": the column of its forecasts */
    const char *title; /* one line */
    const char *papers; /* what defines it, one a line: authors: "title", venue, arXiv id */
} vane_model_kind;
VANE_API vane_status vane_model_kind_at(int i, vane_model_kind *kind);

/* A score of evaluations: "mae", "MAE", "mean of |y - yhat|". ARGUMENT past the end. */
typedef struct vane_metric {
    size_t size;
    const char *name, *title, *help;
} vane_metric;
VANE_API vane_status vane_metric_at(int i, vane_metric *metric);

/* The candidate nearest to `word` by edit distance; NULL if none is close. `candidates` ends in
 * NULL. */
VANE_API const char *vane_nearest(const char *word, const char *const *candidates);

/* ---- Reports: what a call found, for people (text) and programs (JSON, values) ---- */

typedef struct vane_report vane_report;

VANE_API void vane_report_close(vane_report *report);
VANE_API const char *vane_report_text(const vane_report *report); /* lines, each with its \n */
VANE_API const char *vane_report_json(const vane_report *report); /* one object, "schema": 1 */

/* The rows of an evaluation; other reports have none. `row` NULL past the end. */
VANE_API const char *vane_report_row(const vane_report *report, int i);
/* 1: the row is a baseline; 0: a model, or past the end. */
VANE_API int vane_report_is_baseline(const vane_report *report, int i);
/* ARGUMENT if there is no such row or metric. NaN where nothing defines the score. */
VANE_API vane_status vane_report_value(const vane_report *report, int row, const char *metric,
                                       double *value);

/* Every option with its value and origin: a config file that vane_config_set_file reads back. */
VANE_API vane_status vane_config_report(const vane_config *config, vane_report **report);

/* Version, device, instruction set, threads, memory, and what to do about what is missing. Where
 * the device cannot be opened the report says so, and that status is returned beside it. */
VANE_API vane_status vane_doctor(const vane_config *config, vane_report **report);

/* Every operation with its kernels on every backend, plug-ins included where they are found. */
VANE_API vane_status vane_ops_report(const vane_config *config, vane_report **report);

/* Write n bytes to `path` whole or not at all ("-": standard output). ARGUMENT: no such folder, or
 * the path is one. IO: writing failed. */
VANE_API vane_status vane_write_file(const char *path, const void *data, size_t n);

/* ---- Data ---- */

typedef struct vane_dataset vane_dataset;

/* Read a table: unique_id, ds, y and features (long), a date column and one column per series
 * (wide), or a series per row (rows); "-" is standard input. Messages are "file:line:column: ...".
 * `hooks` may be NULL. ARGUMENT: no such file. DATA: its content. */
VANE_API vane_status vane_dataset_read(const vane_config *config, const char *path,
                                       const vane_hooks *hooks, vane_dataset **data);

/* Read the future features of `data`: id, stamps and the columns of futr_exog_list and
 * cat_exog_list for the steps after the last target of each series; other columns are ignored. */
VANE_API vane_status vane_dataset_read_future(const vane_config *config, const char *path,
                                              const vane_dataset *data, const vane_hooks *hooks,
                                              vane_dataset **future);

/* Series from memory; everything is copied. Series i owns rows indptr[i] .. indptr[i + 1). Later
 * rows without a target (mask 0 to the end) carry future features alone. */
typedef struct vane_arrays {
    size_t size;
    int64_t n_series;
    const char *const *id; /* [N] */
    const int64_t *indptr; /* [N + 1] */
    const float *y;        /* [rows] */
    const float *mask;     /* [rows], 1 observed, 0 missing; NULL: all finite values are observed */
    const int64_t *start;  /* [N] first stamp: seconds since 1970-01-01, or a step; NULL: 1 each */
    const char *freq;      /* "H", "D", "M", "15min", "1" (integer steps); NULL: "1" */
    int64_t season;        /* steps; 0: from freq */
    int64_t n_hist, n_futr, n_stat;
    const char *const *hist_name, *const *futr_name, *const *stat_name;
    const float *hist, *futr; /* [rows, X], [rows, F] */
    const float *stat;        /* [N, S] */
    /* Categories, as texts; NULL or "" is missing. Known in past and future: [rows, n_cat];
     * constant within a series: [N, n_stat_cat]. */
    int64_t n_cat, n_stat_cat;
    const char *const *cat_name, *const *stat_cat_name;
    const char *const *cat, *const *stat_cat;
    /* Known only in the past: [rows, n_hist_cat]. */
    int64_t n_hist_cat;
    const char *const *hist_cat_name, *const *hist_cat;
} vane_arrays;
VANE_API vane_status vane_dataset_make(const vane_arrays *arrays, vane_dataset **data);

/* `data` with the rows of `more` behind those of the same series: actuals, or future features. */
VANE_API vane_status vane_dataset_join(const vane_dataset *data, const vane_dataset *more,
                                       vane_dataset **joined);

/* The n series of `data` numbered `series`, in this order: all is copied. ARGUMENT: none, or a number that
 * is no series. */
VANE_API vane_status vane_dataset_pick(const vane_dataset *data, const int64_t *series, int64_t n,
                                       vane_dataset **picked);
VANE_API void vane_dataset_close(vane_dataset *data);

typedef struct vane_dataset_info {
    size_t size;
    int64_t n_series, n_rows;      /* rows with future features count */
    int64_t shortest, longest;     /* rows with a target */
    int64_t n_missing, n_gap_rows; /* targets missing, gaps included; rows inserted for gaps */
    int64_t n_hist, n_futr, n_stat; /* columns of numbers and of categories */
    int64_t season;                 /* steps; 1: none */
    char freq[40];                  /* "H", "15min", "1": as the option freq takes it */
} vane_dataset_info;
/* Fill `info`, of which the caller has set `size`. */
VANE_API void vane_dataset_about(const vane_dataset *data, vane_dataset_info *info);

/* Series i: its name, its targets y and mask [n]. ARGUMENT if there is none. */
typedef struct vane_series {
    size_t size;
    const char *id;
    const float *y, *mask;
    int64_t n;
} vane_series;
VANE_API vane_status vane_dataset_series(const vane_dataset *data, int64_t i, vane_series *series);

/* The number of the series called `id`, -1 if there is none. */
VANE_API int64_t vane_dataset_find(const vane_dataset *data, const char *id);

/* The stamp of row t of series i, t may lie past the end or, below 0, before the first:
 * "2016-07-01 01:00:00". At most n bytes with the zero; 40 are enough. "" if there is no such
 * series, or the stamp is out of the range of 64 bits. */
VANE_API void vane_dataset_stamp(const vane_dataset *data, int64_t i, int64_t t, char *out,
                                 size_t n);

/* ---- Models ---- */

typedef struct vane_model vane_model;

typedef struct vane_train_report {
    size_t size;
    int64_t steps, best_step; /* done; whose weights the model holds */
    double loss, valid, best; /* last training loss; last and best validation loss (NaN: none) */
    double seconds;
    int stopped_early, interrupted;
    int64_t work_bytes, values_bytes; /* of the training plan: planned, and without sharing */
} vane_train_report;

/* Train the model of `config` (default nhits). `hooks`, `init` and `report` may be NULL; `init` is
 * a trained model of the same kind and sizes to go on from. ARGUMENT: options that contradict, or
 * `init` is of another kind; SHAPE: its sizes are others; DATA: data too short, or unfit for the
 * model; UNSUPPORTED, DEVICE: the device; MODEL, IO: the checkpoint to resume. NUMERIC: the loss
 * left the finite numbers; the message names the step and the first bad node, and *model, if not
 * NULL, holds the best weights before: by validation, or else those after the val_check_steps steps
 * with the lowest mean loss. A stop asked for by the hook is no failure: report->interrupted
 * is 1. */
VANE_API vane_status vane_train(const vane_config *config, const vane_dataset *data,
                                const vane_hooks *hooks, const vane_model *init, vane_model **model,
                                vane_train_report *report);

/* Train n models at once: models[k] is, to the bit, what vane_train makes of configs[k] and data[k] (on a
 * GPU where products=own). Folds, groups of series and trials of a search are such: models whose sizes and
 * features are the same, however their data, splits, seeds, learning rates, steps and early stops differ, are
 * trained side by side by one plan, and a step of all of them is as many launches on a GPU as one of one
 * (weight decay, clipping and dropout may differ too, for a launch a model where they are used);
 * others follow each other. Options of the group "run" are those of configs[0]. The same data set may
 * be given several times. `hooks` and `reports` ([n], each with its size set) may be NULL.
 *
 * A failure is one of all, and then models are NULL; but NUMERIC, or DATA of a validation part without a
 * target, is one of single models: the message is of the first such, models[k] is NULL or holds its best
 * weights, as of vane_train, and the other models are there. UNSUPPORTED: a model without a graph (prophet);
 * ARGUMENT: n below 1, a checkpoint, or a file to resume; otherwise as vane_train. */
VANE_API vane_status vane_train_many(const vane_config *const *configs,
                                     const vane_dataset *const *data, int n, const vane_hooks *hooks,
                                     vane_model **models, vane_train_report *reports);

/* Written whole or not at all ("-": standard output). The file holds every option the model was
 * made with. ARGUMENT: no such folder, or the path is one. IO: writing failed; what was there
 * before is intact. */
VANE_API vane_status vane_model_save(const vane_model *model, const char *path);
/* "-" is standard input. ARGUMENT: no such file. IO: it cannot be read. MODEL: it is damaged or
 * not ours. */
VANE_API vane_status vane_model_load(const char *path, vane_model **model);
VANE_API void vane_model_close(vane_model *model);

typedef struct vane_model_info {
    size_t size;
    const char *name, *alias;       /* "nhits", "NHITS" */
    int64_t h, input_size;          /* H, L */
    int64_t n_hist, n_futr, n_stat; /* X, F, S: numbers, codes of categories, calendar features */
    int64_t n_parameters;           /* trained numbers */
    int64_t season;                 /* of the training data */
    char freq[40];
} vane_model_info;
/* Fill `info`, of which the caller has set `size`. Its texts are borrowed until the model
 * closes. */
VANE_API void vane_model_about(const vane_model *model, vane_model_info *info);

/* The code of a text in a categorical column of the model: 1, 2, ...; 0: not in the training rows,
 * out of vocabulary; -1: the model has no such categorical column. */
VANE_API int64_t vane_model_code(const vane_model *model, const char *column, const char *text);

/* The value of an option the model was made with, as text; borrowed until the next call with this
 * model. NULL if there is no such option. */
VANE_API const char *vane_model_option(vane_model *model, const char *name);

/* The options that differ from their defaults, and every tensor. */
VANE_API vane_status vane_model_report(const vane_model *model, vane_report **report);

/* Every step of the compiled graph: kernel, shapes, memory. Of a trained model (config gives the
 * device), or, where model is NULL, of the one that `config` would train on `data`. `mode` is
 * "train", "valid" or "forecast"; batch 0: the model's own; why not 0: also the kernels passed
 * over. ARGUMENT: no such mode, a batch below 0 or above 16777216, neither model nor data;
 * UNSUPPORTED: the model has no graph, or the device no kernel; otherwise as vane_train. */
VANE_API vane_status vane_plan_report(const vane_config *config, const vane_model *model,
                                      const vane_dataset *data, const char *mode, int64_t batch,
                                      int why, vane_report **report);

/* Let data sets be read as the model needs them: its features and season, as presets that files,
 * environment and flags override. Of several models the features are joined (a column that one of
 * them knows ahead is read as such), the season is the first one's. */
VANE_API vane_status vane_config_adopt(vane_config *config, const vane_model *model);

/* ---- Forecasts ---- */

typedef struct vane_forecast vane_forecast;

/* The H steps after the last row of every series. `future` (may be NULL) holds the future features
 * of those steps, if the model uses any and `data` ends before them. DATA: model and data do not
 * fit. */
VANE_API vane_status vane_forecast_make(const vane_config *config, const vane_model *model,
                                        const vane_dataset *data, const vane_dataset *future,
                                        const vane_hooks *hooks, vane_forecast **forecast);
/* The same, and keeps the weight that every step of the forecast gave to every input step.
 * UNSUPPORTED: the model has none. */
VANE_API vane_status vane_forecast_attend(const vane_config *config, const vane_model *model,
                                          const vane_dataset *data, const vane_dataset *future,
                                          const vane_hooks *hooks, vane_forecast **forecast);
/* The same, and keeps the sample paths that a model which draws them (deepar) forecasts with: as
 * many as the option num_samples says, by default those it was trained with. The draws depend on
 * the model, its seed, the series and the place of the forecast alone. UNSUPPORTED: the model
 * draws none. */
VANE_API vane_status vane_forecast_draw(const vane_config *config, const vane_model *model,
                                        const vane_dataset *data, const vane_dataset *future,
                                        const vane_hooks *hooks, vane_forecast **forecast);
VANE_API void vane_forecast_close(vane_forecast *forecast);

VANE_API int64_t vane_forecast_n_series(const vane_forecast *forecast); /* N */
VANE_API int64_t vane_forecast_h(const vane_forecast *forecast);        /* H */
VANE_API const char *vane_forecast_alias(const vane_forecast *forecast);
VANE_API const float *vane_forecast_values(const vane_forecast *forecast); /* [N, H] */
/* [N, H, *n_input] weights, each row of the last axis with sum 1, oldest input first; NULL if they
 * were not kept. */
VANE_API const float *vane_forecast_attention(const vane_forecast *forecast, int64_t *n_input);
/* unique_id,ds,input_ds,attention as CSV; steps before the first of a series are left out. */
VANE_API vane_status vane_forecast_attention_csv(const vane_forecast *forecast, const char *path);
/* [N, *n_paths, H] paths on the scale of the data, steps of a path side by side; NULL if they were
 * not kept. */
VANE_API const float *vane_forecast_samples(const vane_forecast *forecast, int64_t *n_paths);
/* unique_id,ds,sample,MODEL as CSV, path after path; sample counts from 1. */
VANE_API vane_status vane_forecast_samples_csv(const vane_forecast *forecast, const char *path);
VANE_API const char *vane_forecast_id(const vane_forecast *forecast, int64_t i);
/* Stamp of step k = 0 .. H - 1 of series i, as text; "" if there is none. At most n bytes with the
 * zero. */
VANE_API void vane_forecast_stamp(const vane_forecast *forecast, int64_t i, int64_t k, char *out,
                                  size_t n);
/* Columns beside the forecast: the median of a probabilistic model ("median"), intervals ("lo-80",
 * "hi-80"; option `level`), quantiles ("ql0.1"; option `quantiles`) and parts ("trend", "weekly",
 * ...; option `components`). Where neither `level` nor `quantiles` is set they are those the model
 * was trained for; quantiles never cross. The forecast itself is the median of a model trained for
 * quantiles and the mean of a distribution. NULL past the end; *values (may be NULL) [N, H]. */
VANE_API int vane_forecast_n_columns(const vane_forecast *forecast);
VANE_API const char *vane_forecast_column(const vane_forecast *forecast, int i,
                                          const float **values);
/* unique_id,ds,MODEL and MODEL-COLUMN for each further column, as CSV; or as JSON. Written whole or
 * not at all; "-" is standard output, here and in the two functions above. ARGUMENT, IO: as
 * vane_write_file. */
VANE_API vane_status vane_forecast_csv(const vane_forecast *forecast, const char *path);
VANE_API vane_status vane_forecast_json(const vane_forecast *forecast, const char *path);

/* What a model that is a sum of parts makes of one series: every row of its history and the H
 * behind it, as columns "trend", "weekly", ..., and the forecast itself last. Multiplicative parts
 * are shares of the trend. `future` as for vane_forecast_make. UNSUPPORTED: the model has no
 * parts; ARGUMENT: no such series; DATA: model and data do not fit. */
typedef struct vane_parts vane_parts;
VANE_API vane_status vane_parts_make(const vane_model *model, const vane_dataset *data,
                                     const vane_dataset *future, int64_t series,
                                     vane_parts **parts);
VANE_API void vane_parts_close(vane_parts *parts);
/* Rows of every column: those of the history, then H. */
VANE_API int64_t vane_parts_n_rows(const vane_parts *parts);
/* The name of column i = 0, 1, ...; NULL past the end. *values (may be NULL): [n_rows], borrowed
 * until the parts close. */
VANE_API const char *vane_parts_column(const vane_parts *parts, int i, const float **values);

/* Repeated forecasts of the same number of windows at low latency: no allocation per run. Not for
 * models trained with a local_scaler_type, whose scale needs whole series (UNSUPPORTED). */
typedef struct vane_forecaster vane_forecaster;

/* `model` is borrowed until close. n: windows a run. */
VANE_API vane_status vane_forecaster_open(const vane_config *config, const vane_model *model,
                                          int64_t n, vane_forecaster **forecaster);
VANE_API void vane_forecaster_close(vane_forecaster *forecaster);

/* y [n, L]: the last L values of each series; mask [n, L], NULL: all observed; hist [n, L, X];
 * futr [n, L + H, F]; stat [n, S]; those the model does not use are NULL. out [n, H]. The F columns
 * are numbers, then codes of categories (vane_model_code), then the calendar features, value /
 * largest - 0.5; the S columns are numbers, then codes. */
VANE_API vane_status vane_forecaster_run(vane_forecaster *forecaster, const float *y,
                                         const float *mask, const float *hist, const float *futr,
                                         const float *stat, float *out);

/* The same of arrays in the memory of the forecaster's device, on the caller's `stream`: a
 * cudaStream_t of that device (NULL: the default stream). The call queues the work and returns; `out`
 * is there once the stream got there, and until then all arrays must stay. Nothing is copied between
 * host and device. Runs of a forecaster have the order of the calls, also over several streams. The
 * first run makes its plan; later ones on the same stream allocate nothing. On the CPU arrays are the
 * host's, the stream is NULL, and the call returns when `out` is there.
 *
 * ARGUMENT: something is missing, or the device has no such streams. DEVICE: a copy or launch was
 * refused; what fails later is the stream's to report. */
VANE_API vane_status vane_forecaster_run_on(vane_forecaster *forecaster, void *stream,
                                            const float *y, const float *mask, const float *hist,
                                            const float *futr, const float *stat, float *out);

/* ---- Evaluation ---- */

/* Roll the origin over the test part of every series and score n models and the baselines of the
 * option `baselines`. The horizon and the split are those set in `config`, else those of the first
 * model; without either the test part is the last h rows. A row a model or baseline. ARGUMENT: no
 * horizon, a split without test rows, models of different horizons, n below 0; DATA: no window
 * fits into the test part, or data and a model do not fit; UNSUPPORTED, DEVICE: the device. */
VANE_API vane_status vane_evaluate(const vane_config *config, const vane_dataset *data,
                                   const vane_model *const *models, int n, const vane_hooks *hooks,
                                   vane_report **report);

/* Cross-validation: n_windows forecast origins, `stride` rows apart, the last of them h rows before the end
 * of every series. For each (or for every `refit` of them) the model of `config` is trained on the rows
 * before it, of which the last val_size are its validation part, and scored on the h rows behind it, beside
 * the baselines. All are trained side by side (vane_train_many). The rows of the report are the means over
 * the origins; its text and JSON also have those of each. After a stop asked for by the hook there are no
 * scores: *report is NULL, which is no failure. ARGUMENT: test_size or split is set;
 * UNSUPPORTED: a model without a graph; NUMERIC: a model diverged; otherwise as vane_train and
 * vane_evaluate. */
VANE_API vane_status vane_cross_validate(const vane_config *config, const vane_dataset *data,
                                         const vane_hooks *hooks, vane_report **report);

/* ---- Benchmarks: what the library takes on this machine ---- */

/* A workload of the library: "nhits_train", of the group "train". Texts and arrays are constants. */
typedef struct vane_workload {
    size_t size;
    const char *name, *group, *help;
    char axis;             /* what its size counts: 'b' windows a batch, 'n' numbers, 'r' rows */
    const int64_t *sizes;  /* usual sizes, ended by 0 */
    const double *peer_us; /* beside the first 3 of them: PyTorch 1.13's fastest variant, measured
                              once on two cores of a Zen 4; 0: none */
} vane_workload;
/* Workload i = 0, 1, ...; ARGUMENT past the end. */
VANE_API vane_status vane_workload_at(int i, vane_workload *workload);

/* A set of results: the machine, the build, and rows of raw samples. */
typedef struct vane_bench vane_bench;

VANE_API vane_status vane_bench_open(vane_bench **bench);
VANE_API void vane_bench_close(vane_bench *bench);

typedef struct vane_bench_wish {
    size_t size;
    const char *workload; /* by name */
    int64_t n;            /* its size */
    const char *backend;  /* "cpu", "cpu:avx2" (an instruction set), "cuda"; NULL: the option device */
    int64_t threads;      /* 0: the option threads */
    double seconds;       /* of sampling, at most; 5 samples are always taken, 400 at most */
    double rate;          /* calls a second with sleep between; 0: back to back */
    const char *folder;   /* for a table to read; NULL: "/tmp" */
} vane_bench_wish;

/* Make a workload ready, run it, and add a round of samples to its row. Several threads are timed
 * by the wall clock, one by the processor time of the process, which other programs stretch less.
 * The options that matter are device, cpu, threads and plugins. ARGUMENT: no such workload, or a
 * size below 1; otherwise what opening the device and running say. */
VANE_API vane_status vane_bench_run(vane_bench *bench, const vane_config *config,
                                    const vane_bench_wish *wish);

typedef struct vane_bench_row {
    size_t size;
    const char *name; /* "nhits_train_b32" */
    const char *workload, *backend, *level;
    int64_t n, threads, n_rounds, n_samples;
    double fastest_us, median_us;
    double open_us, first_us; /* making it ready, and its first run: medians of the rounds */
    double limit_us;          /* what physics allows, 0: not known */
    double flops, bytes;      /* of a run, 0: not known */
    double reduced_us;        /* limit of a model without what nobody reads, layers that have no
                                 activation between them folded; 0: not known, or limit_us */
} vane_bench_row;
/* Row i = 0, 1, ... in the order they were first run. ARGUMENT past the end. Texts are borrowed
 * until the set closes. */
VANE_API vane_status vane_bench_row_at(const vane_bench *bench, int i, vane_bench_row *row);

/* All rows as text: "md", "csv", "json", "jsonl" or "sql"; each but md holds every sample and
 * whose they are. ARGUMENT: another format, or no rows. */
VANE_API vane_status vane_bench_write(const vane_bench *bench, const char *format,
                                      vane_report **report);

/* What vane_bench_write wrote as "json". DATA: the file holds something else. */
VANE_API vane_status vane_bench_read(const char *path, vane_bench **bench);

/* The rounds of `more` become further rounds of the rows of `bench`. */
VANE_API vane_status vane_bench_join(vane_bench *bench, const vane_bench *more);

/* Compare the rows of `now` with those of `base`, round by round: *slower counts the rows whose
 * rounds differ by the Mann-Whitney test (p < 0.01) and whose ratio of medians has its 95 %
 * interval (bootstrap) above 1 + noise. ARGUMENT: another machine, another kind of build, fewer
 * than 5 rounds, nothing in common. */
VANE_API vane_status vane_bench_compare(const vane_bench *base, const vane_bench *now, double noise,
                                        int *slower, vane_report **report);

/* Every step of a workload that is one compiled graph, with its fastest time in `seconds`, as text;
 * the sums by phase of a training step as JSON {"phases":{"forward":..}}, microseconds.
 * UNSUPPORTED: the workload has no graph. */
VANE_API vane_status vane_bench_profile(const vane_config *config, const vane_bench_wish *wish,
                                        vane_report **report);

/* Phase i = 0, 1, ... of a training step, "forward", and its microseconds as above; ARGUMENT past
 * the end. */
typedef struct vane_phase {
    size_t size;
    const char *name, *help;
    double us;
} vane_phase;
VANE_API vane_status vane_report_phase(const vane_report *report, int i, vane_phase *phase);

#ifdef __cplusplus
}
#endif

#endif

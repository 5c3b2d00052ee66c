/* vane forecast: the next steps of every series. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/command.h"

static const flag flags[] = {
    { "load", 'm', "MODEL", "the model file (required)" },
    { "output", 'o', "FILE", "where the forecast goes (default: standard output)" },
    { "futr", 0, "TABLE", "future values of the features known in advance" },
    { "attention", 0, "FILE", "how much each forecast step looked at each input step, as CSV" },
    { "samples", 0, "FILE", "every sample path, as CSV (deepar; --num_samples says how many)" },
    { "plot", 0, "FILE", "draw history and forecast as SVG" },
    { "plot-parts", 0, "FILE", "draw the parts of the first series' forecast as SVG (prophet)" },
    { "actuals", 0, "TABLE", "what really came, to draw beside the forecast" },
    { NULL, 0, NULL, NULL },
};

typedef struct job {
    vane_model *model;
    vane_dataset *data, *future, *actuals;
    vane_forecast *forecast;
} job;

static vane_status load(args *a, talk *t, job *j)
{
    const char *futr = args_flag(a, "futr", 0), *actuals = args_flag(a, "actuals", 0);
    vane_status st = vane_model_load(args_flag(a, "load", 0), &j->model);
    if (!st) st = vane_config_adopt(a->config, j->model);
    if (!st) st = vane_dataset_read(a->config, a->file[0], &t->hooks, &j->data);
    if (!st && futr) st = vane_dataset_read_future(a->config, futr, j->data, &t->hooks, &j->future);
    if (!st && actuals) st = vane_dataset_read(a->config, actuals, &t->hooks, &j->actuals);
    return st;
}

static vane_status draw_parts(const job *j, const char *path)
{
    vane_parts *parts;
    vane_status st = vane_parts_make(j->model, j->data, j->future, 0, &parts);
    if (st) return st;
    st = plot_parts(path, j->data, 0, parts, vane_forecast_alias(j->forecast));
    vane_parts_close(parts);
    return st;
}

static vane_status work(args *a, talk *t, job *j)
{
    const char *out = args_flag(a, "output", 0), *plot = args_flag(a, "plot", 0);
    const char *weights = args_flag(a, "attention", 0), *samples = args_flag(a, "samples", 0);
    vane_status st = load(a, t, j);
    if (!st)
        st = (weights ? vane_forecast_attend : samples ? vane_forecast_draw : vane_forecast_make)(
            a->config, j->model, j->data, j->future, &t->hooks, &j->forecast);
    if (!st && weights) st = vane_forecast_attention_csv(j->forecast, weights);
    if (!st && samples) st = vane_forecast_samples_csv(j->forecast, samples);
    if (!st && plot) st = plot_forecast(plot, j->data, j->forecast, j->actuals);
    if (!st && args_flag(a, "plot-parts", 0)) st = draw_parts(j, args_flag(a, "plot-parts", 0));
    if (st) return st;
    if (!out) out = "-";
    return a->json ? vane_forecast_json(j->forecast, out) : vane_forecast_csv(j->forecast, out);
}

/* Whether any number written is none: a script should not go on with it. */
static bool any_nan(const vane_forecast *f)
{
    int64_t n = vane_forecast_n_series(f) * vane_forecast_h(f);
    for (int c = -1; c < vane_forecast_n_columns(f); c++) {
        const float *value = vane_forecast_values(f);
        if (c >= 0) vane_forecast_column(f, c, &value);
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(value[i])) return true;
    }
    return false;
}

static int run(args *a)
{
    job j = { 0 };
    talk t;
    if (a->n_files != 1)
        return usage_error(a->command, "%d tables given, expected one", a->n_files);
    if (!args_flag(a, "load", 0)) return usage_error(a->command, "no -m MODEL given");
    if (args_flag(a, "load", 1)) return usage_error(a->command, "one model at a time");
    if (args_flag(a, "actuals", 0) && !args_flag(a, "plot", 0))
        return usage_error(a->command,
                           "--actuals needs --plot FILE; `vane evaluate` scores forecasts");
    if (args_flag(a, "attention", 0) && args_flag(a, "samples", 0))
        return usage_error(a->command, "--attention and --samples: no model has both");
    static const char *const outputs[] = { "output",    "plot",    "plot-parts",
                                           "attention", "samples", NULL };
    static const char *const inputs[] = { "load", "futr", "actuals", NULL };
    int code = keep_inputs(a, outputs, inputs);
    if (code < 0) code = keep_apart(a, outputs, "-");
    if (code >= 0) return code;
    talk_open(&t, a);
    vane_status st = vane_config_check(a->config);
    if (!st) st = work(a, &t, &j);
    code = st ? fail(st) : any_nan(j.forecast) ? EXIT_DIVERGED : 0;
    vane_forecast_close(j.forecast);
    vane_dataset_close(j.actuals);
    vane_dataset_close(j.future);
    vane_dataset_close(j.data);
    vane_model_close(j.model);
    return code;
}

const command command_forecast = {
    .name = "forecast",
    .usage = "vane forecast TABLE -m MODEL [-o FILE] [--futr TABLE] [--plot FILE.svg]",
    .summary = "forecast the next steps of every series",
    .about =
        "Prints unique_id,ds,MODEL for the h steps after the last row of every series, and further\n"
        "columns of models that have them: a model trained for quantiles or a distribution gives\n"
        "MODEL-median and its intervals, or --level 80,90 MODEL-lo-90 .. MODEL-hi-90 and\n"
        "--quantiles 0.1 MODEL-ql0.1; --components MODEL-trend and so on. A model that draws paths\n"
        "(deepar) makes these columns of --num_samples of them, and --samples writes the paths:\n"
        "unique_id,ds,sample,MODEL. The features and the season the model was trained with are read\n"
        "again without being asked for.",
    .groups = " run data ",
    .options = " level quantiles num_samples ",
    .without = " model checkpoint checkpoint_steps resume steps_per_launch calendar local_scaler_type ",
    .flags = flags,
    .run = run,
};

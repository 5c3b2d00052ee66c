/* vane evaluate: rolling-origin scores of models beside the baselines. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"

static const flag flags[] = {
    { "load", 'm', "MODEL", "a model file to score; may be given several times" },
    { "test", 0, "TABLE", "rows that follow those of TABLE: the test part" },
    { "output", 'o', "FILE", "where the result goes (default: standard output)" },
    { "gate", 0, "METRIC=X",
      "exit with 8 unless every model's METRIC is at most X; may be given several times" },
    { NULL, 0, NULL, NULL },
};

typedef struct job {
    vane_model *model[MANY];
    int n;
    vane_dataset *data, *test;
    vane_report *report;
} job;

/* "mae=0.4"; the limit is a finite number. */
static bool read_gate(const char *text, char metric[32], double *limit)
{
    size_t n = strcspn(text, "=");
    char *end;
    if (n == 0 || n >= 32 || !text[n]) return false;
    memcpy(metric, text, n);
    metric[n] = 0;
    vane_metric m = { .size = sizeof m };
    bool known = false;
    for (int i = 0; !known && !vane_metric_at(i, &m); i++) known = !strcmp(m.name, metric);
    const char *value = text + n + 1;
    *limit = strtod(value, &end);
    return known && end != value && !*end && isfinite(*limit);
}

static int check_gates(const args *a, const job *j)
{
    char metric[32];
    double limit = 0, value = NAN;
    int code = 0;
    for (int i = 0; args_flag(a, "gate", i); i++) {
        read_gate(args_flag(a, "gate", i), metric, &limit);
        for (int row = 0; vane_report_row(j->report, row); row++) {
            if (vane_report_is_baseline(j->report, row)) continue;
            if (!vane_report_value(j->report, row, metric, &value) && value <= limit) continue;
            fprintf(stderr, "gate missed: %s %s is %.6g, allowed %.6g\n",
                    vane_report_row(j->report, row), metric, value, limit);
            code = EXIT_GATE;
        }
    }
    return code;
}

/* With --test the test part is what the table brings, unless options say otherwise. */
static vane_status join_test(args *a, talk *t, job *j)
{
    vane_origin split, size;
    vane_dataset *joined;
    vane_dataset_info i = { .size = sizeof i };
    vane_status st = vane_dataset_read(a->config, args_flag(a, "test", 0), &t->hooks, &j->test);
    if (!st) st = vane_dataset_join(j->data, j->test, &joined);
    if (st) return st;
    vane_dataset_close(j->data);
    j->data = joined;
    vane_config_get(a->config, "split", &split);
    vane_config_get(a->config, "test_size", &size);
    if (split != VANE_DEFAULT || size != VANE_DEFAULT) return VANE_OK;
    char rows[24];
    vane_dataset_about(j->test, &i);
    snprintf(rows, sizeof rows, "%" PRId64, i.shortest);
    return vane_config_set(a->config, VANE_FLAG, NULL, "test_size", rows);
}

/* A model that kept no rows back has learnt from those it is scored on, if TABLE is the one it was
 * trained with; the baselines have not. */
static void warn_seen(talk *t, const job *j)
{
    for (int i = 0; i < j->n; i++) {
        const char *size = vane_model_option(j->model[i], "test_size");
        bool none = size && !strcmp(size, "0");
        const char *split = vane_model_option(j->model[i], "split");
        if (!none || !split || strcmp(split, "[]")) continue;
        t->hooks.log(t->hooks.ctx, VANE_LOG_WARN,
                     "a model was trained without --test_size or --split: if it was trained on "
                     "this table, it is scored on rows it has learnt from");
        return;
    }
}

static vane_status work(args *a, talk *t, job *j)
{
    const char *path, *out = args_flag(a, "output", 0);
    vane_status st = VANE_OK;
    for (; !st && (path = args_flag(a, "load", j->n)); j->n += !st) {
        st = vane_model_load(path, &j->model[j->n]);
        if (!st) st = vane_config_adopt(a->config, j->model[j->n]);
    }
    if (!st) st = vane_dataset_read(a->config, a->file[0], &t->hooks, &j->data);
    if (!st && args_flag(a, "test", 0))
        st = join_test(a, t, j);
    else if (!st)
        warn_seen(t, j);
    if (!st)
        st = vane_evaluate(a->config, j->data, (const vane_model *const *)j->model, j->n, &t->hooks,
                           &j->report);
    if (st) return st;
    const char *text = a->json ? vane_report_json(j->report) : vane_report_text(j->report);
    return vane_write_file(out ? out : "-", text, strlen(text));
}

static int run(args *a)
{
    job j = { .n = 0 };
    char metric[32];
    double limit;
    talk t;
    const char *gate;
    if (a->n_files != 1)
        return usage_error(a->command, "%d tables given, expected one", a->n_files);
    for (int i = 0; (gate = args_flag(a, "gate", i)); i++) {
        if (!read_gate(gate, metric, &limit))
            return usage_error(a->command, "--gate \"%s\": expected such as mae=0.4", gate);
        if (!args_flag(a, "load", 0))
            return usage_error(a->command, "--gate needs a model: -m MODEL");
    }
    static const char *const outputs[] = { "output", NULL };
    static const char *const inputs[] = { "load", "test", NULL };
    int code = keep_inputs(a, outputs, inputs);
    if (code >= 0) return code;
    talk_open(&t, a);
    vane_status st = vane_config_check(a->config);
    if (!st) st = work(a, &t, &j);
    code = st ? fail(st) : check_gates(a, &j);
    vane_report_close(j.report);
    vane_dataset_close(j.data);
    vane_dataset_close(j.test);
    for (int i = 0; i < MANY; i++) vane_model_close(j.model[i]);
    return code;
}

const command command_evaluate = {
    .name = "evaluate",
    .usage = "vane evaluate TABLE [-m MODEL]... [--h N] [--split A:B:C] [--stride N] [--scale "
             "standardised]",
    .summary = "score models and baselines by rolling the forecast origin",
    .about = "Every origin of the test part is forecast from all rows before it. Without --split, "
             "--test_size or\n"
             "--test the test part is the model's own, else the last h rows. The baselines are the "
             "last\n"
             "value, the value one season before, Naive2, and a closed-form ridge regression.\n"
             "To score a validation part instead, give it as the test part: --split TRAIN:0:VAL.",
    .groups = " run data evaluate ",
    .options = " h split val_size test_size num_samples ",
    .without = " model checkpoint checkpoint_steps resume steps_per_launch components calendar local_scaler_type "
               "n_windows refit ",
    .flags = flags,
    .run = run,
};

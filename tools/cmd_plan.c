/* vane plan: the compiled graph, step by step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/command.h"

static const flag flags[] = {
    { "load", 'm', "MODEL", "a trained model, instead of one to train on TABLE" },
    { "mode", 0, "MODE", "train, valid or forecast (default: train; with -m forecast)" },
    { "batch", 0, "N", "windows a run (default: the model's)" },
    { "why", 0, NULL, "also print the kernels passed over, and why" },
    { NULL, 0, NULL, NULL },
};

static vane_status work(args *a, talk *t, long long batch)
{
    vane_model *model = NULL;
    vane_dataset *data = NULL;
    vane_report *report = NULL;
    const char *path = args_flag(a, "load", 0), *mode = args_flag(a, "mode", 0);
    vane_status st = path ? vane_model_load(path, &model)
                          : vane_dataset_read(a->config, a->file[0], &t->hooks, &data);
    if (!mode) mode = path ? "forecast" : "train";
    if (!st)
        st = vane_plan_report(a->config, model, data, mode, batch, args_flag(a, "why", 0) != NULL,
                              &report);
    if (!st) fputs(a->json ? vane_report_json(report) : vane_report_text(report), stdout);
    vane_report_close(report);
    vane_dataset_close(data);
    vane_model_close(model);
    return st;
}

static int run(args *a)
{
    talk t;
    char *end;
    const char *text = args_flag(a, "batch", 0);
    long long batch = text ? strtoll(text, &end, 10) : 0;
    if (text && (*end || batch < 1 || batch > 1 << 20))
        return usage_error(a->command, "--batch \"%s\": expected a number from 1 to 1048576", text);
    if (a->n_files + (args_flag(a, "load", 0) != NULL) != 1)
        return usage_error(a->command, "expected either a table or -m MODEL");
    if (args_flag(a, "load", 0) && a->shaping)
        return usage_error(a->command, "--%s is for a model yet to be made; that of -m is made",
                           a->shaping);
    const char *mode = args_flag(a, "mode", 0);
    if (mode && strcmp(mode, "train") && strcmp(mode, "valid") && strcmp(mode, "forecast"))
        return usage_error(a->command, "--mode \"%s\": expected train, valid or forecast", mode);
    talk_open(&t, a);
    vane_status st = vane_config_check(a->config);
    if (!st) st = work(a, &t, batch);
    return st ? fail(st) : 0;
}

const command command_plan = {
    .name = "plan",
    .usage = "vane plan TABLE --h N [options] | vane plan -m MODEL [--mode forecast] [--batch N] "
             "[--why]",
    .summary = "print the compiled steps of a model: kernels, shapes, memory",
    .about = "Nothing is trained and nothing is run: the graph is built, kernels are chosen and "
             "memory is laid\n"
             "out exactly as training or forecasting would.",
    .groups = " run data train model ",
    .options = "",
    .without = " components inference_windows_batch_size steps_per_launch checkpoint checkpoint_steps resume ",
    .flags = flags,
    .run = run,
};

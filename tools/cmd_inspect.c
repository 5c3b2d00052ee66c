/* vane inspect: what a model file holds. */
#include <stdio.h>

#include "tools/command.h"

static const flag flags[] = { { NULL, 0, NULL, NULL } };

static int run(args *a)
{
    vane_model *model = NULL;
    vane_report *report = NULL;
    if (a->n_files != 1)
        return usage_error(a->command, "%d files given, expected one model", a->n_files);
    vane_status st = vane_model_load(a->file[0], &model);
    if (!st) st = vane_model_report(model, &report);
    if (!st) fputs(a->json ? vane_report_json(report) : vane_report_text(report), stdout);
    vane_report_close(report);
    vane_model_close(model);
    return st ? fail(st) : 0;
}

const command command_inspect = {
    .name = "inspect",
    .usage = "vane inspect MODEL",
    .summary = "print the options and tensors of a model file",
    .about = "The text lists the options that differ from their defaults, --json all of them.",
    .groups = "",
    .options = "",
    .without = "",
    .flags = flags,
    .run = run,
};

/* vane crossval: scores of a kind of model, trained anew before every forecast origin. */
#include <stdio.h>
#include <string.h>

#include "tools/command.h"

static const flag flags[] = {
    { "output", 'o', "FILE", "where the result goes (default: standard output)" },
    { NULL, 0, NULL, NULL },
};

static vane_status work(const args *a, talk *t, vane_dataset **data, vane_report **report)
{
    const char *out = args_flag(a, "output", 0);
    vane_status st = vane_config_check(a->config);
    if (!st) st = vane_dataset_read(a->config, a->file[0], &t->hooks, data);
    if (st) return st;
    talk_catch();
    st = vane_cross_validate(a->config, *data, &t->hooks, report);
    talk_close(t);
    if (st || talk_signal()) return st;
    const char *text = a->json ? vane_report_json(*report) : vane_report_text(*report);
    return vane_write_file(out ? out : "-", text, strlen(text));
}

static int run(args *a)
{
    vane_dataset *data = NULL;
    vane_report *report = NULL;
    talk t;
    if (a->n_files != 1)
        return usage_error(a->command, "%d tables given, expected one", a->n_files);
    int code = keep_input(a, "-o", args_flag(a, "output", 0), "the table", a->file[0]);
    if (code >= 0) return code;
    if (!strcmp(vane_config_get(a->config, "h", NULL), "0"))
        return usage_error(a->command, "give the number of steps to forecast: --h N, at least 1");
    vane_origin step, stride;
    vane_config_get(a->config, "step_size", &step);
    vane_config_get(a->config, "stride", &stride);
    if (step != VANE_DEFAULT && stride == VANE_DEFAULT)
        fputs("warning: step_size is that of training windows; origins are `stride` rows apart, here 1\n", stderr);
    talk_open(&t, a);
    vane_status st = work(a, &t, &data, &report);
    code = st ? fail(st) : talk_signal() ? EXIT_SIGNAL + talk_signal() : 0;
    vane_report_close(report);
    vane_dataset_close(data);
    return code;
}

const command command_crossval = {
    .name = "crossval",
    .usage = "vane crossval TABLE --h N --n_windows N [--stride N] [--refit N] [--model nhits] "
             "[options]",
    .summary = "score a kind of model by training it before each of several origins",
    .about = "Before each of n_windows origins, stride rows apart, the last of them h rows before "
             "the end, the\n"
             "model is trained on all rows before it (their last val_size are its validation part) "
             "and scored\n"
             "on the h rows behind it, beside the baselines: a line for each, and the means. The "
             "models are\n"
             "trained side by side in one plan. Names are those of Nixtla's cross_validation, "
             "whose step_size\n"
             "is stride here.",
    .groups = " run data train model evaluate ",
    .options = "",
    .without = " components checkpoint checkpoint_steps resume split test_size ",
    .flags = flags,
    .run = run,
};

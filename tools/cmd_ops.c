/* vane ops: which operations have kernels on which backend. */
#include <stdio.h>

#include "tools/command.h"

static const flag flags[] = { { NULL, 0, NULL, NULL } };

static int run(args *a)
{
    vane_report *report;
    if (a->n_files) return usage_error(a->command, "it takes no files");
    vane_status st = vane_ops_report(a->config, &report);
    if (st) return fail(st);
    fputs(a->json ? vane_report_json(report) : vane_report_text(report), stdout);
    vane_report_close(report);
    return 0;
}

const command command_ops = {
    .name = "ops",
    .usage = "vane ops [--plugins DIR] [--json]",
    .summary = "print the kernels of every operation on every backend",
    .about =
        "A model runs on a device that has kernels for all its operations (vane plan shows which). "
        "Backends in plug-ins count where the plug-in is found, with or without a device.",
    .groups = "",
    .options = " plugins ",
    .without = "",
    .flags = flags,
    .run = run,
};

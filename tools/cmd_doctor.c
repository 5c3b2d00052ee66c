/* vane doctor: what this machine offers. */
#include <stdio.h>

#include "tools/command.h"

static const flag flags[] = { { NULL, 0, NULL, NULL } };

static int run(args *a)
{
    vane_report *report;
    if (a->n_files) return usage_error(a->command, "it takes no files");
    vane_status st = vane_doctor(a->config, &report);
    if (report) fputs(a->json ? vane_report_json(report) : vane_report_text(report), stdout);
    vane_report_close(report);
    return st ? fail(st) : 0;
}

const command command_doctor = {
    .name = "doctor",
    .usage = "vane doctor [--device cpu] [--products WAY] [--threads N] [--cpu LEVEL]",
    .summary = "print the device, instruction set, threads and memory in use",
    .about = "With advice where something holds the machine back.",
    .groups = "",
    .options = " device plugins products threads cpu ",
    .without = "",
    .flags = flags,
    .run = run,
};

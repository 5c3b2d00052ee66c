/* vane train: a model from a table. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command.h"

static const flag flags[] = {
    { "output", 'o', "FILE", "the model file to write (required)" },
    { "init", 0, "FILE", "go on from the weights of this model" },
    { NULL, 0, NULL, NULL },
};

/* Better now than after an hour of training: can a file be put there? It is written beside its
 * target and renamed, so the folder must be writable even where the file is. `name` is the flag,
 * for messages. An exit code; -1: it can. */
static int check_output(const args *a, const char *name, const char *path)
{
    char target[PATH_MAX];
    struct stat st;
    if (!*path) return usage_error(a->command, "%s: the name of the file is empty", name);
    if (!strcmp(path, "-")) return -1;
    bool there = !stat(path, &st);
    if (there && S_ISDIR(st.st_mode))
        return usage_error(a->command, "%s %s: this is a folder, expected a file", name, path);
    bool device = there && !S_ISREG(st.st_mode), open = !there || !access(path, W_OK);
    if (device && open) return -1;
    if (strlen(path) >= sizeof target)
        return usage_error(a->command, "%s: the path is too long", name);
    if (!there || !realpath(path, target)) strcpy(target, path);
    char *slash = strrchr(target, '/');
    const char *folder = !slash ? "." : slash == target ? "/" : target;
    if (slash) *slash = 0;
    if (access(folder, F_OK))
        return usage_error(a->command, "%s %s: there is no folder %s", name, path, folder);
    if (open && !access(folder, W_OK | X_OK)) return -1;
    fprintf(stderr, "error: io: cannot write %s \"%s\": %s\n", name, path,
            open ? "its folder is not writable" : "it is not writable");
    return EXIT_RESOURCE;
}

static void put_number(const char *name, double x)
{
    if (isfinite(x))
        printf(",\"%s\":%.9g", name, x);
    else
        printf(",\"%s\":null", name);
}

static void put_json(const vane_model *model, const vane_train_report *r)
{
    vane_model_info i = { .size = sizeof i };
    vane_model_about(model, &i);
    printf("{\"schema\":1,\"model\":\"%s\",\"h\":%" PRId64 ",\"input_size\":%" PRId64
           ",\"parameters\":%" PRId64 ",\"steps\":%" PRId64 ",\"best_step\":%" PRId64,
           i.name, i.h, i.input_size, i.n_parameters, r->steps, r->best_step);
    put_number("loss", r->loss);
    put_number("valid", r->valid);
    put_number("best", r->best);
    put_number("seconds", r->seconds);
    printf(",\"stopped_early\":%s,\"interrupted\":%s,\"work_bytes\":%" PRId64
           ",\"values_bytes\":%" PRId64 "}\n",
           r->stopped_early ? "true" : "false", r->interrupted ? "true" : "false", r->work_bytes,
           r->values_bytes);
}

/* Save what training left, even if it was cut short. */
static int finish(const args *a, talk *t, vane_model *model, const vane_train_report *r,
                  vane_status st)
{
    const char *path = args_flag(a, "output", 0);
    int code = st ? fail(st) : 0;
    if (!model) return talk_signal() ? EXIT_SIGNAL + talk_signal() : code;
    vane_status saved = vane_model_save(model, path);
    if (saved) return fail(saved);
    const char *how = st                 ? "diverged"
                      : r->interrupted   ? "interrupted"
                      : r->stopped_early ? "stopped early"
                                         : "done";
    talk_say(t, "%s after %" PRId64 " steps and %.1f s; %s holds the weights kept at step %" PRId64, how,
             r->steps, r->seconds, path, r->best_step);
    if (a->json) put_json(model, r);
    if (!code && r->interrupted && talk_signal()) code = EXIT_SIGNAL + talk_signal();
    return code;
}

/* The one table to read; a word that names a model and no file chooses the model: `vane train nhits
 * x.csv`. */
static int take_files(args *a, const char **path)
{
    *path = NULL;
    for (int i = 0; i < a->n_files; i++) {
        vane_model_kind kind = { .size = sizeof kind };
        bool model = false;
        for (int m = 0; !model && !vane_model_kind_at(m, &kind); m++)
            model = !strcmp(kind.name, a->file[i]);
        if (model && access(a->file[i], F_OK)) {
            vane_status st = vane_config_set(a->config, VANE_FLAG, NULL, "model", a->file[i]);
            if (st) return fail(st);
        } else if (*path) {
            return usage_error(a->command, "two tables, \"%s\" and \"%s\"; expected one", *path,
                               a->file[i]);
        } else {
            *path = a->file[i];
        }
    }
    return *path ? -1 : usage_error(a->command, "no table given");
}

static int run(args *a)
{
    const char *path, *init_path = args_flag(a, "init", 0), *out = args_flag(a, "output", 0);
    vane_dataset *data = NULL;
    vane_model *model = NULL, *init = NULL;
    vane_train_report report = { .size = sizeof report };
    talk t;
    int code = take_files(a, &path);
    if (code >= 0) return code;
    if (!out) return usage_error(a->command, "no -o FILE for the model");
    if (args_flag(a, "output", 1)) return usage_error(a->command, "-o is given twice");
    if (a->json && !strcmp(out, "-"))
        return usage_error(a->command, "the model and --json both want standard output");
    code = keep_input(a, "-o", out, "the table", path);
    if (code < 0)
        code = keep_input(a, "-o", out, "the checkpoint to go on from",
                          vane_config_get(a->config, "resume", NULL));
    const char *checkpoint = vane_config_get(a->config, "checkpoint", NULL);
    if (code < 0 && same_target(out, checkpoint))
        return usage_error(a->command, "-o and --checkpoint both want %s", out);
    if (code < 0) code = keep_input(a, "--checkpoint", checkpoint, "the table", path);
    if (code < 0) code = check_output(a, "-o", out);
    if (code < 0 && checkpoint && *checkpoint) code = check_output(a, "--checkpoint", checkpoint);
    if (code >= 0) return code;
    if (!strcmp(vane_config_get(a->config, "h", NULL), "0"))
        return usage_error(a->command, "give the number of steps to forecast: --h N, at least 1");
    talk_open(&t, a);
    vane_status st = vane_config_check(a->config);
    if (!st && init_path) st = vane_model_load(init_path, &init);
    if (!st) st = vane_dataset_read(a->config, path, &t.hooks, &data);
    if (st) {
        code = fail(st);
    } else {
        talk_catch();
        st = vane_train(a->config, data, &t.hooks, init, &model, &report);
        talk_close(&t);
        code = finish(a, &t, model, &report, st);
    }
    vane_model_close(init);
    vane_model_close(model);
    vane_dataset_close(data);
    return code;
}

const command command_train = {
    .name = "train",
    .usage = "vane train TABLE --h N -o MODEL [--model nhits] [options]",
    .summary = "train a model on the series of a table",
    .about =
        "TABLE is a CSV file (- for standard input): long with columns unique_id, ds, y; wide with "
        "a\n"
        "date column and one column per series; or one series per row. What is not given is "
        "inferred\n"
        "and said on stderr. SIGINT and SIGTERM stop after the running step and save the best\n"
        "weights so far.",
    .groups = " run data train model ",
    .options = "",
    .without = " components inference_windows_batch_size ",
    .flags = flags,
    .run = run,
};

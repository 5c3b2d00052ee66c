/* One model for each group of series, with the learning rate that suits the group: all groups and
 * all rates are trained side by side, and the best of each group is saved.
 *
 *     groups sales.csv FOLDER --h 24 --val_size 24 [--max_steps 500 ...]
 *
 * A group is what the names of its series begin with, up to a '-': "north-17" is of the group
 * "north". Its model is FOLDER/north.vane, and to the bit the one that `vane train` makes of its
 * series alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "include/vane.h"

static const char *const rates[] = { "0.0003", "0.001", "0.003" };
enum { N_RATES = sizeof rates / sizeof *rates, GROUPS_MOST = 256 };

static void must(int failed, const char *what)
{
    if (!failed) return;
    fprintf(stderr, "groups: %s: %s\n", what, vane_last_error());
    exit(1);
}

/* The series of a group, and what came of it. */
typedef struct group {
    char name[64];
    int64_t *series, n;
    vane_dataset *data;
} group;

static group groups[GROUPS_MOST];
static int n_groups;

static group *group_of(const char *id)
{
    int length = (int)strcspn(id, "-/"); /* of a file's name */
    char name[sizeof groups->name];
    snprintf(name, sizeof name, "%.*s", length, id);
    for (int g = 0; g < n_groups; g++)
        if (!strcmp(groups[g].name, name)) return &groups[g];
    must(n_groups == GROUPS_MOST, "too many groups");
    group *g = &groups[n_groups++];
    memcpy(g->name, name, sizeof name);
    return g;
}

static void split(const vane_dataset *data)
{
    vane_dataset_info info = { .size = sizeof info };
    vane_series s = { .size = sizeof s };
    vane_dataset_about(data, &info);
    for (int64_t i = 0; i < info.n_series; i++) {
        must(vane_dataset_series(data, i, &s), "a series");
        group *g = group_of(s.id);
        g->series = realloc(g->series, (size_t)(g->n + 1) * sizeof *g->series);
        must(!g->series, "memory");
        g->series[g->n++] = i;
    }
    for (int g = 0; g < n_groups; g++)
        must(vane_dataset_pick(data, groups[g].series, groups[g].n, &groups[g].data),
             groups[g].name);
}

/* The trial of a group with the lowest validation loss is its model. */
static void save(const group *g, const char *folder, vane_model **trial,
                 const vane_train_report *report)
{
    char path[4096];
    int best = 0;
    for (int r = 1; r < N_RATES; r++)
        if (report[r].best < report[best].best) best = r;
    must(!isfinite(report[best].best), "there is no validation loss: give --val_size");
    snprintf(path, sizeof path, "%s/%s.vane", folder, g->name);
    must(vane_model_save(trial[best], path), path);
    printf("%s: %d series, learning rate %s, validation loss %.4g\n", path, (int)g->n, rates[best],
           report[best].best);
}

static void train(vane_config *const *config, const char *folder)
{
    size_t n = (size_t)(n_groups * N_RATES);
    const vane_config **configs = calloc(n, sizeof *configs);
    const vane_dataset **data = calloc(n, sizeof *data);
    vane_model **model = calloc(n, sizeof *model);
    vane_train_report *report = calloc(n, sizeof *report);
    must(!configs || !data || !model || !report, "memory");
    for (size_t k = 0; k < n; k++) {
        configs[k] = config[k % N_RATES];
        data[k] = groups[k / N_RATES].data;
        report[k].size = sizeof *report;
    }
    must(vane_train_many(configs, data, (int)n, NULL, model, report), "training");
    for (int g = 0; g < n_groups; g++)
        save(&groups[g], folder, model + g * N_RATES, report + g * N_RATES);
    for (size_t k = 0; k < n; k++) vane_model_close(model[k]);
    free(configs);
    free(data);
    free(model);
    free(report);
}

int main(int argc, char **argv)
{
    vane_config *config[N_RATES];
    vane_dataset *data;
    if (argc < 5 || argc % 2 == 0) {
        fprintf(stderr, "usage: groups TABLE FOLDER --h N --val_size N [--OPTION VALUE]...\n");
        return 2;
    }
    must(vane_config_open(&config[0]), "options");
    for (int i = 3; i + 1 < argc; i += 2)
        must(vane_config_set(config[0], VANE_FLAG, NULL, argv[i] + strspn(argv[i], "-"),
                             argv[i + 1]),
             argv[i]);
    for (int r = N_RATES - 1; r >= 0; r--) {
        if (r) must(vane_config_copy(config[0], &config[r]), "options");
        must(vane_config_set(config[r], VANE_FLAG, NULL, "learning_rate", rates[r]), "options");
    }
    must(vane_dataset_read(config[0], argv[1], NULL, &data), "the table");
    split(data);
    train(config, argv[2]);
    for (int g = 0; g < n_groups; g++) {
        vane_dataset_close(groups[g].data);
        free(groups[g].series);
    }
    for (int r = 0; r < N_RATES; r++) vane_config_close(config[r]);
    vane_dataset_close(data);
    return 0;
}

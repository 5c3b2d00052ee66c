#include "tests/harden/journey.h"

#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/os.h"

static void write_table(const char *path)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("unique_id,ds,y\n", f);
    for (int i = 0; i < 240; i++)
        fprintf(f, "%c,%d-%02d-01,%.3f\n", 'A' + i / 120, 2000 + i % 120 / 12, i % 12 + 1,
                100 + 10 * sin(i * 0.5) + i / 120);
    fclose(f);
}

static void name(const vn_journey *j, char *path, const char *file)
{
    snprintf(path, 96, "%s/%s", j->folder, file);
}

void vn_journey_open(vn_journey *j, const char *kind)
{
    *j = (vn_journey){ .folder = "/tmp/vane_journey_XXXXXX", .kind = kind };
    ck_assert_ptr_nonnull(mkdtemp(j->folder));
    name(j, j->table, "table.csv");
    name(j, j->checkpoint, "run.state");
    name(j, j->model, "model.vane");
    name(j, j->forecast, "forecast.csv");
    write_table(j->table);
    vn_journey_reset(j);
    ck_assert_msg(!vn_journey_run(j), "%s", vane_last_error());
    ck_assert(!vn_file_read(j->model, 0, &j->want_model, &j->n_model));
    ck_assert(!vn_file_read(j->forecast, 0, &j->want_forecast, &j->n_forecast));
}

void vn_journey_close(vn_journey *j)
{
    DIR *dir = opendir(j->folder);
    for (struct dirent *e; dir && (e = readdir(dir));) unlinkat(dirfd(dir), e->d_name, 0);
    if (dir) closedir(dir);
    rmdir(j->folder);
    vn_free(j->want_model);
    vn_free(j->want_forecast);
}

static void put_old(const char *path)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("old", f);
    fclose(f);
}

void vn_journey_reset(const vn_journey *j)
{
    put_old(j->model);
    put_old(j->forecast);
    unlink(j->checkpoint);
}

static vane_status settings(const vn_journey *j, vane_config *c)
{
    const char *level = getenv("VANE_TEST_CPU");
    const char *const all[][2] = { { "cpu", level ? level : "" },
                                   { "model", j->kind },
                                   { "h", "6" },
                                   { "threads", "1" },
                                   { "max_steps", "4" },
                                   { "val_size", "6" },
                                   { "windows_batch_size", "4" },
                                   { "val_check_steps", "2" },
                                   { "input_size", "12" },
                                   { "checkpoint_steps", "3" },
                                   { "checkpoint", j->checkpoint } };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        vane_status st = vane_config_set(c, VANE_FLAG, NULL, all[i][0], all[i][1]);
        if (st) return st;
    }
    return strcmp(j->kind, "nhits") ? VANE_OK
                                    : vane_config_set(c, VANE_FLAG, NULL, "mlp_units", "[64, 64]");
}

vane_status vn_journey_run(const vn_journey *j)
{
    vane_config *c = NULL;
    vane_dataset *d = NULL;
    vane_model *m = NULL, *loaded = NULL;
    vane_forecast *f = NULL;
    vane_status st = vane_config_open(&c);
    if (!st) st = settings(j, c);
    if (!st) st = vane_dataset_read(c, j->table, NULL, &d);
    if (!st) st = vane_train(c, d, NULL, NULL, &m, NULL);
    vane_model_close(m);
    m = NULL;
    if (!st) st = vane_config_set(c, VANE_FLAG, NULL, "resume", j->checkpoint);
    if (!st) st = vane_train(c, d, NULL, NULL, &m, NULL);
    if (!st) st = vane_model_save(m, j->model);
    if (!st) st = vane_model_load(j->model, &loaded);
    if (!st) st = vane_forecast_make(c, loaded, d, NULL, NULL, &f);
    if (!st) st = vane_forecast_csv(f, j->forecast);
    vane_forecast_close(f);
    vane_model_close(loaded);
    vane_model_close(m);
    vane_dataset_close(d);
    vane_config_close(c);
    return st;
}

static void check_file(const char *path, const char *want, size_t n_want, bool must,
                       const char *what)
{
    char *data;
    size_t n;
    ck_assert_msg(!vn_file_read(path, 0, &data, &n), "%s: %s", what, vn_last_message());
    bool old = n == 3 && !memcmp(data, "old", 3), new = n == n_want && !memcmp(data, want, n);
    ck_assert_msg(new || (old && !must), "%s: %s is %s", what, path, old ? "old" : "damaged");
    vn_free(data);
}

void vn_journey_check(const vn_journey *j, vane_status st, int strays, const char *what)
{
    check_file(j->model, j->want_model, j->n_model, !st, what);
    check_file(j->forecast, j->want_forecast, j->n_forecast, !st, what);
    DIR *dir = opendir(j->folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] == '.' && strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) n++;
    closedir(dir);
    ck_assert_msg(n <= strays, "%s: %d temporaries left", what, n);
}

int vn_open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(dir)) n++;
    closedir(dir);
    return n;
}

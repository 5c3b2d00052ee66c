#include "tests/train/lab.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

vn_panel *vn_lab_sines(int n, int rows)
{
    const char *id[16] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    int64_t indptr[16] = { 0 };
    float *y = malloc((size_t)(n * rows) * sizeof *y);
    for (int i = 0; i < n; i++) {
        indptr[i + 1] = indptr[i] + rows;
        for (int t = 0; t < rows; t++)
            y[i * rows + t] = (float)(10 + 5 * sin(2 * 3.14159265358979 * t / 12 + i));
    }
    vn_panel *panel = NULL;
    vn_freq freq = { .unit = VN_FREQ_STEP, .n = 1 };
    vn_status st = vn_panel_from_arrays(n, id, indptr, y, NULL, NULL, freq, 12, &panel);
    free(y);
    ck_assert_msg(!st, "%s", vn_last_message());
    return panel;
}

static void set(vn_fitted *m, const char *name, const char *value)
{
    const vn_option *o = vn_option_find(vn_train_option_table, name);
    void *target = &m->train;
    if (!o) {
        o = vn_option_find(m->def->options, name);
        target = m->hparams;
    }
    ck_assert_msg(o != NULL, "no option %s", name);
    ck_assert_msg(!vn_option_set(o, target, value), "%s", vn_last_message());
}

static const vn_setting small[] = { { "h", "4" },
                                    { "input_size", "12" },
                                    { "max_steps", "30" },
                                    { "windows_batch_size", "16" },
                                    { "val_size", "16" },
                                    { "val_check_steps", "10" },
                                    { "learning_rate", "0.01" },
                                    { NULL, NULL } };

vn_fitted *vn_lab_model(const vn_lab *lab, const char *model, const vn_setting *settings)
{
    vn_fitted *m = NULL;
    ck_assert_msg(!vn_fitted_open(vn_model_find(model), &m), "%s", vn_last_message());
    ck_assert_msg(!vn_fitted_adopt(m, lab->panel), "%s", vn_last_message());
    for (int i = 0; small[i][0]; i++) set(m, small[i][0], small[i][1]);
    if (vn_option_find(m->def->options, "mlp_units")) set(m, "mlp_units", "[16, 16]");
    for (int i = 0; settings && settings[i][0]; i++) set(m, settings[i][0], settings[i][1]);
    return m;
}

void vn_lab_open(vn_lab *lab, const char *model, int threads, const vn_setting *settings)
{
    *lab = (vn_lab){ .panel = vn_lab_sines(3, 120) };
    vn_device_config config = { .threads = threads, .level = getenv("VANE_TEST_CPU") };
    ck_assert_msg(!vn_device_open("cpu", 0, &config, &lab->dev), "%s", vn_last_message());
    lab->m = vn_lab_model(lab, model, settings);
}

void vn_lab_close(vn_lab *lab)
{
    vn_fitted_close(lab->m);
    vn_panel_close(lab->panel);
    vn_device_close(lab->dev);
    *lab = (vn_lab){ 0 };
}

vn_status vn_lab_fit(vn_lab *lab, const vn_fit_hooks *hooks)
{
    return vn_fit(lab->m, lab->panel, lab->dev, hooks, &lab->report);
}

bool vn_lab_same_weights(const vn_fitted *a, const vn_fitted *b)
{
    const vn_params *p = a->params, *q = b->params;
    return vn_params_bytes(p) == vn_params_bytes(q) && !memcmp(p->block, q->block, vn_params_bytes(p));
}

double vn_lab_mae(const vn_lab *lab, int64_t from, int64_t to)
{
    int64_t h = lab->m->train.h, cuts = to - from - h + 1, n = cuts * lab->panel->n_series;
    int32_t *pairs = malloc((size_t)n * 2 * sizeof *pairs);
    float *out = malloc((size_t)(n * h) * sizeof *out);
    for (int64_t k = 0; k < n; k++) {
        pairs[2 * k] = (int32_t)(k / cuts);
        pairs[2 * k + 1] = (int32_t)(from + k % cuts);
    }
    vn_predictor *p = NULL;
    ck_assert_msg(!vn_predictor_open(lab->m, lab->dev, 7, &p), "%s", vn_last_message());
    ck_assert_msg(!vn_predictor_run(p, lab->panel, pairs, n, out), "%s", vn_last_message());
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        for (int64_t j = 0; j < h; j++) {
            int64_t row = lab->panel->indptr[pairs[2 * k]] + pairs[2 * k + 1] + j;
            sum += fabs((double)out[k * h + j] - (double)lab->panel->y[row]);
        }
    vn_predictor_close(p);
    free(pairs);
    free(out);
    return sum / (double)(n * h);
}

const char *vn_lab_path(const char *name)
{
    static char path[4][128];
    static int next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "/tmp/vane_test_%ld_%s", (long)getpid(), name);
    unlink(out);
    return out;
}

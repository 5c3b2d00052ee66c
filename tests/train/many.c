/* Models trained side by side, each with windows, rates and an end of its own: every one is to the
 * bit what it would be alone, and those whose graphs are alike cost the launches of one. On the
 * device under test too. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/train/training.h"
#include "tests/ops/device.h"
#include "tests/train/lab.h"

enum { JOBS = 3, OPTIONS = 10, SAID = 2048 };

static void open_lab(vn_lab *lab, const vn_setting *settings)
{
    vn_lab_open(lab, "nhits", 2, settings);
    if (!vn_test_device()) return;
    vn_device_close(lab->dev);
    lab->dev = vn_test_device_open();
}

/* What the three models of a case have: options of all, options of each, and the series of each (0:
 * all of the panel they share). */
typedef struct mix {
    vn_setting common[4], own[JOBS][4];
    int series[JOBS];
    int n_alike; /* of them trained by the plan of the first */
    vn_precision precision;
} mix;

static const mix mixes[] = {
    /* folds: training ends where the cut-off says, validation before it; of 51, 48 and 45 windows
     */
    { { { "max_steps", "12" }, { "val_check_steps", "4" } },
      { { { "test_size", "12" } }, { { "test_size", "8" } }, { { "test_size", "4" } } },
      { 0 },
      JOBS,
      VN_PRECISION_F32 },
    /* groups of series, with 26, 13 and 39 validation windows: a validation plan each */
    { { { "max_steps", "12" }, { "val_check_steps", "4" }, { "dropout_prob_theta", "0.2" } },
      { { { NULL } } },
      { 2, 1, 3 },
      JOBS,
      VN_PRECISION_F32 },
    /* trials that end at different steps: early, by patience, without validation */
    { { { "optimizer", "adamw" }, { "ema_decay", "0.9" }, { "max_steps", "20" } },
      { { { "learning_rate", "0.02" }, { "val_check_steps", "3" }, { "max_steps", "7" } },
        { { "learning_rate", "0" },
          { "val_check_steps", "2" },
          { "early_stop_patience_steps", "2" } },
        { { "val_size", "0" }, { "seed", "9" }, { "val_check_steps", "5" } } },
      { 0 },
      JOBS,
      VN_PRECISION_F32 },
    /* trials whose steps have other reals: regularisation, and the loss of validation too */
    { { { "max_steps", "9" },
        { "val_check_steps", "3" },
        { "loss", "huber" },
        { "optimizer", "adamw" } },
      { { { "weight_decay", "0.1" }, { "dropout_prob_theta", "0.1" }, { "ema_decay", "0.5" } },
        { { "gradient_clip_val", "0.1" }, { "dropout_prob_theta", "0.4" }, { "ema_decay", "0.8" } },
        { { "huber_delta", "0.2" }, { "dropout_prob_theta", "0.1" }, { "ema_decay", "0.9" } } },
      { 0 },
      JOBS,
      VN_PRECISION_F32 },
    /* a dropout of 0 is another graph */
    { { { "max_steps", "2" } },
      { { { NULL } }, { { "dropout_prob_theta", "0.4" } }, { { "weight_decay", "0.2" } } },
      { 0 },
      2,
      VN_PRECISION_F32 },
    /* an ensemble among them, and one whose graph is another */
    { { { "max_steps", "6" }, { "val_check_steps", "3" }, { "gradient_clip_val", "0.5" } },
      { { { "ensemble_size", "2" } },
        { { "input_size", "16" } },
        { { "seed", "5" }, { "test_size", "4" } } },
      { 3, 0, 0 },
      2,
      VN_PRECISION_F32 },
    { { { "max_steps", "6" }, { "val_check_steps", "3" }, { "num_lr_decays", "2" } },
      { { { NULL } }, { { "learning_rate", "0.02" } }, { { "last_cutoffs", "3" } } },
      { 0 },
      JOBS,
      VN_PRECISION_FP16 },
};
enum { N_MIXES = sizeof mixes / sizeof *mixes };

static vn_fitted *model_of(const vn_lab *lab, const mix *x, int k)
{
    vn_setting all[OPTIONS] = { { NULL } };
    int n = 0;
    for (const vn_setting *s = x->common; s < x->common + 4 && (*s)[0]; s++)
        memcpy(all[n++], *s, sizeof *s);
    for (const vn_setting *s = x->own[k]; s < x->own[k] + 4 && (*s)[0]; s++)
        memcpy(all[n++], *s, sizeof *s);
    vn_fitted *m = vn_lab_model(lab, "nhits", (const vn_setting *)all);
    m->precision = x->precision;
    return m;
}

static void same_reports(const vn_fit_report *a, const vn_fit_report *b)
{
    ck_assert_int_eq(a->steps, b->steps);
    ck_assert_int_eq(a->best_step, b->best_step);
    ck_assert_int_eq(a->stopped_early, b->stopped_early);
    ck_assert_double_eq(a->loss, b->loss);
    ck_assert(a->valid == b->valid || (isnan(a->valid) && isnan(b->valid)));
    ck_assert(a->best == b->best || (isnan(a->best) && isnan(b->best)));
}

START_TEST(each_is_to_the_bit_what_it_is_alone)
{
    const mix *x = &mixes[_i];
    vn_fit_hooks hooks = { .steps_per_launch = vn_test_device() ? 2 : 1 };
    vn_fit_job job[JOBS];
    vn_panel *panel[JOBS];
    vn_lab lab;
    open_lab(&lab, NULL);
    for (int k = 0; k < JOBS; k++) {
        panel[k] = x->series[k] ? vn_lab_sines(x->series[k], 120 + k) : lab.panel;
        job[k] = (vn_fit_job){ .m = model_of(&lab, x, k), .panel = panel[k] };
    }
    ck_assert_msg(!vn_fit_many(job, JOBS, lab.dev, &hooks), "%s", vn_last_message());
    size_t members = 0;
    int n_alike = 0;
    for (int k = 0; k < JOBS; k++) {
        bool alike;
        vn_fit_report alone;
        vn_fitted *m = model_of(&lab, x, k);
        ck_assert_msg(!job[k].status, "%s", job[k].message);
        ck_assert_msg(!vn_fit(m, panel[k], lab.dev, NULL, &alone), "%s", vn_last_message());
        ck_assert_msg(vn_lab_same_weights(m, job[k].m), "model %d", k);
        same_reports(&job[k].report, &alone);
        ck_assert_int_eq(vn_fit_alike(job[0].m, job[k].m, &alike), VN_OK);
        n_alike += alike;
        members += alike ? (size_t)m->params->members : 0;
        if (k == JOBS - 1) /* the memory of one plan of all that are alike */
            ck_assert_uint_eq(job[k].report.work_bytes, members * alone.work_bytes);
        vn_fitted_close(m);
    }
    ck_assert_int_eq(n_alike, x->n_alike);
    for (int k = 0; k < JOBS; k++) {
        vn_fitted_close(job[k].m);
        if (panel[k] != lab.panel) vn_panel_close(panel[k]);
    }
    vn_lab_close(&lab);
}
END_TEST

/* One that diverges is told with the sentence it has alone; the others never notice. */
START_TEST(one_that_diverges_leaves_the_others_alone)
{
    static const vn_setting common[] = { { "scaler_type", "identity" },
                                         { "loss", "mse" },
                                         { "max_steps", "9" },
                                         { "val_check_steps", "3" },
                                         { NULL } };
    vn_fit_job job[JOBS];
    vn_lab lab;
    open_lab(&lab, NULL);
    vn_panel *wild = vn_lab_sines(3, 120);
    for (int i = 0; i < 20; i++) wild->y[60 + i] *= 1e25f;
    for (int k = 0; k < JOBS; k++)
        job[k] = (vn_fit_job){ .m = vn_lab_model(&lab, "nhits", common),
                               .panel = k == 1 ? wild : lab.panel };
    ck_assert_msg(!vn_fit_many(job, JOBS, lab.dev, NULL), "%s", vn_last_message());
    for (int k = 0; k < JOBS; k++) {
        vn_fitted *m = vn_lab_model(&lab, "nhits", common);
        ck_assert_int_eq(vn_fit(m, job[k].panel, lab.dev, NULL, NULL), job[k].status);
        ck_assert_int_eq(job[k].status, k == 1 ? VN_E_NUMERIC : VN_OK);
        if (k == 1) ck_assert_str_eq(job[k].message, vn_last_message());
        ck_assert(vn_lab_same_weights(m, job[k].m));
        vn_fitted_close(m);
    }
    for (int k = 0; k < JOBS; k++) vn_fitted_close(job[k].m);
    vn_panel_close(wild);
    vn_lab_close(&lab);
}
END_TEST

static bool stop_at_fifth(void *ctx)
{
    return ++*(int *)ctx == 5;
}

START_TEST(a_stop_ends_all_that_are_not_over)
{
    vn_fit_job job[2];
    vn_lab lab;
    int asked = 0;
    vn_fit_hooks hooks = { .stop = stop_at_fifth, .ctx = &asked };
    open_lab(&lab, NULL);
    job[0] = (vn_fit_job){ .m = vn_lab_model(&lab, "nhits",
                                             (const vn_setting[]){ { "max_steps", "3" }, { 0 } }),
                           .panel = lab.panel };
    job[1] = (vn_fit_job){ .m = vn_lab_model(&lab, "nhits", NULL), .panel = lab.panel };
    ck_assert_msg(!vn_fit_many(job, 2, lab.dev, &hooks), "%s", vn_last_message());
    ck_assert_int_eq(job[0].report.steps, 3);
    ck_assert(!job[0].report.interrupted);
    ck_assert_int_ge(job[1].report.steps, 5);
    ck_assert(job[1].report.interrupted);
    vn_fitted_close(job[0].m);
    vn_fitted_close(job[1].m);
    vn_lab_close(&lab);
}
END_TEST

/* Three models of one graph, whose series and splits differ: as many nodes as one has. A weight
 * decay of their own is a launch each, where it is used. */
START_TEST(a_step_of_all_has_the_launches_of_one)
{
    static const mix decays = {
        .common = { { "optimizer", "adamw" } },
        .own = { { { NULL } }, { { "weight_decay", "0.1" } }, { { "weight_decay", "1" } } }
    };
    const mix *x = _i ? &decays : &mixes[0];
    static const vn_fit_hooks none = { 0 };
    int nodes[2];
    vn_lab lab;
    open_lab(&lab, NULL);
    vn_panel *other = vn_lab_sines(2, 90);
    for (int n = 1; n <= JOBS; n += JOBS - 1) {
        vn_fit_job job[JOBS], *jobs[JOBS];
        vn_training t;
        for (int k = 0; k < n; k++) {
            job[k] = (vn_fit_job){ .m = model_of(&lab, x, k), .panel = k ? other : lab.panel };
            jobs[k] = &job[k];
        }
        ck_assert_msg(!vn_training_open(&t, jobs, n, lab.dev, &none), "%s", vn_last_message());
        ck_assert_int_eq(vn_plan_nodes(t.train, &nodes[n > 1]), VN_OK);
        vn_training_close(&t);
        for (int k = 0; k < n; k++) vn_fitted_close(job[k].m);
    }
    ck_assert_int_gt(nodes[0], 0);
    ck_assert_int_eq(nodes[1], nodes[0] + (_i ? JOBS - 1 : 0));
    vn_panel_close(other);
    vn_lab_close(&lab);
}
END_TEST

/* What was said, one line behind the other. */
static void listen(void *ctx, vn_log_level level, const char *text)
{
    (void)level;
    char *said = ctx;
    size_t n = strlen(said);
    snprintf(said + n, SAID - n, "%s\n", text);
}

/* More than a plan has room for: the rest is trained by another. */
START_TEST(more_models_than_a_plan_can_be_of_are_trained_too)
{
    enum { MANY = VN_MEMBERS_MOST + 2 };
    static const vn_setting one_step[] = { { "max_steps", "1" }, { "val_size", "0" }, { NULL } };
    vn_fit_job job[MANY];
    char said[SAID] = "";
    vn_fit_hooks hooks = { .log = { listen, said } };
    vn_lab lab;
    vn_lab_open(&lab, "linear", 2, NULL);
    for (int k = 0; k < MANY; k++) {
        job[k] = (vn_fit_job){ .m = vn_lab_model(&lab, "linear", one_step), .panel = lab.panel };
        job[k].m->train.seed = k;
    }
    ck_assert_msg(!vn_fit_many(job, MANY, lab.dev, &hooks), "%s", vn_last_message());
    ck_assert_ptr_nonnull(strstr(said, "training 64 of 66 models"));
    ck_assert_ptr_nonnull(strstr(said, "training 2 of 66 models"));
    for (int k = 0; k < MANY; k++) {
        vn_fitted *m = vn_lab_model(&lab, "linear", one_step);
        m->train.seed = k;
        ck_assert_int_eq(vn_fit(m, lab.panel, lab.dev, NULL, NULL), VN_OK);
        ck_assert_msg(vn_lab_same_weights(m, job[k].m), "model %d", k);
        vn_fitted_close(m);
        vn_fitted_close(job[k].m);
    }
    vn_lab_close(&lab);
}
END_TEST

/* Panels without room beside the plan stay on the host; plans without room for all are of fewer. */
START_TEST(where_memory_is_short_the_bits_are_the_same)
{
    static const char *const bytes[] = { "1000000", "400000" };
    static const char *const words[] = { "gathered on the host",
                                         "training 1 of 3 models side by side" };
    static const vn_setting quick[] = { { "max_steps", "4" },
                                        { "val_check_steps", "2" },
                                        { NULL } };
    vn_fitted *alone[JOBS];
    vn_fit_job job[JOBS];
    vn_device_info info;
    vn_lab lab;
    char said[SAID] = "";
    vn_fit_hooks hooks = { .log = { listen, said } };
    setenv("EMU_MEMORY", bytes[_i], 1);
    open_lab(&lab, NULL);
    for (int k = 0; k < JOBS; k++) {
        job[k] = (vn_fit_job){ .m = vn_lab_model(&lab, "nhits", quick),
                               .panel = vn_lab_sines(2, 30000 + k) };
        alone[k] = vn_lab_model(&lab, "nhits", quick);
        ck_assert_msg(!vn_fit(alone[k], job[k].panel, lab.dev, NULL, NULL), "%s",
                      vn_last_message());
    }
    vn_device_about(lab.dev, &info);
    ck_assert_msg(!vn_fit_many(job, JOBS, lab.dev, &hooks), "%s", vn_last_message());
    if (strstr(info.name, "emulated")) ck_assert_msg(strstr(said, words[_i]) != NULL, "%s", said);
    for (int k = 0; k < JOBS; k++) {
        ck_assert(vn_lab_same_weights(alone[k], job[k].m));
        vn_fitted_close(alone[k]);
        vn_fitted_close(job[k].m);
        vn_panel_close((vn_panel *)(uintptr_t)job[k].panel);
    }
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_many(void);

Suite *vn_suite_many(void)
{
    Suite *s = suite_create("many");
    TCase *c = tcase_create("many");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, each_is_to_the_bit_what_it_is_alone, 0, N_MIXES);
    tcase_add_test(c, one_that_diverges_leaves_the_others_alone);
    tcase_add_test(c, a_stop_ends_all_that_are_not_over);
    tcase_add_test(c, more_models_than_a_plan_can_be_of_are_trained_too);
    if (vn_test_device()) tcase_add_loop_test(c, where_memory_is_short_the_bits_are_the_same, 0, 2);
    if (vn_test_device()) tcase_add_loop_test(c, a_step_of_all_has_the_launches_of_one, 0, 2);
    suite_add_tcase(s, c);
    return s;
}

/* Whole models on the device under test (VANE_TEST_DEVICE) and on the CPU, side by side: every step
 * of a training plan in turn, then some optimizer steps, and drawn paths. In strict f32 both are
 * within 1e-4. No op may lack a kernel. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "device/device.h"
#include "tests/model_kit.h"
#include "tests/ops/device.h"

enum { STEPS = 3 };
static const double near_by = 1e-4;

/* Sizes off every tile, so that the emulation takes seconds. */
static const struct {
    const char *model;
    const char *options[8][2]; /* name, value; ended by NULL */
    int64_t X, F, S;
    vn_dist dist; /* of a model that knows its context */
    int64_t L;    /* 0: 14 */
} variants[] = {
    { "linear", { { NULL } }, 2, 1, 3 },
    { "linear", { { "variant", "dlinear" }, { "moving_avg_window", "5" } }, 0, 0, 0 },
    { "nhits", { { "mlp_units", "[20, 9]" }, { "dropout_prob_theta", "0.25" } }, 0, 0, 0 },
    { "nhits",
      { { "mlp_units", "[8]" }, { "pooling_mode", "avg" }, { "interpolation_mode", "cubic" } },
      2,
      1,
      3 },
    { "nbeats", { { "mlp_units", "[12, 9]" } }, 2, 1, 3 },
    { "gru", { { "encoder_hidden_size", "9" }, { "decoder_hidden_size", "7" } }, 2, 1, 3 },
    { "lstm-attention", { { "encoder_hidden_size", "9" } }, 2, 1, 3 },
    { "lstm-attention", { { "encoder_hidden_size", "9" }, { "score", "additive" } }, 0, 0, 0 },
    { "lstm-attention", { { "encoder_hidden_size", "9" } }, .L = 1 },
    { "tcn", { { "encoder_hidden_size", "9" }, { "decoder_hidden_size", "7" } }, 2, 1, 3 },
    { "transformer",
      { { "hidden_size", "12" }, { "n_head", "2" }, { "conv_hidden_size", "9" } },
      2,
      1,
      3 },
    { "deepar",
      { { "hidden_size", "9" }, { "lags", "[1, 3, 8]" }, { "context_length", "5" } },
      2,
      1,
      3,
      VN_DIST_STUDENTT },
};
enum { N_VARIANTS = sizeof variants / sizeof *variants };

static void *hparams_of(int i, const vn_model_def *def)
{
    void *hp = vn_calloc(1, def->options_bytes);
    ck_assert_msg(vn_options_preset(def->options, hp) == VN_OK, "%s", vn_last_message());
    for (int k = 0; variants[i].options[k][0]; k++) {
        const vn_option *o = vn_option_find(def->options, variants[i].options[k][0]);
        ck_assert_msg(o && vn_option_set(o, hp, variants[i].options[k][1]) == VN_OK, "%s",
                      variants[i].options[k][0]);
    }
    return hp;
}

static vn_kit_config config_of(int i, const void *hparams, vn_device *dev)
{
    return (vn_kit_config){ .model = vn_model_find(variants[i].model),
                            .hparams = hparams,
                            .B = 5,
                            .L = variants[i].L ? variants[i].L : 14,
                            .H = 6,
                            .X = variants[i].X,
                            .F = variants[i].F,
                            .S = variants[i].S,
                            .real = VN_F32,
                            .dist = variants[i].dist,
                            .loss = VN_LOSS_HUBER,
                            .mode = VN_KIT_TRAIN,
                            .dropout = true,
                            .dev = dev };
}

static void feed(vn_kit *kit)
{
    float mask[5 * 14];
    for (int k = 0; k < 5 * 14; k++) mask[k] = k % 14 >= k / 14 % 4;
    vn_kit_feed(kit, kit->mask, mask);
    vn_kit_feed_random(kit, 7);
    vn_plan_set(kit->plan, VN_LR, 1e-3f);
}

static double worst_read(const vn_kit *a, const vn_kit *b, vn_val v)
{
    int64_t n = vn_kit_size(a, v);
    double *x = vn_calloc(2 * (size_t)n, sizeof *x);
    for (int64_t i = 0; i < n; i++) {
        x[i] = vn_kit_read(a, v, i);
        x[n + i] = vn_kit_read(b, v, i);
    }
    double worst = vn_worst(x, x + n, n);
    vn_free(x);
    return worst;
}

static void compare_training(const char *model, vn_kit *a, vn_kit *b)
{
    size_t n = (size_t)a->params->n_block;
    double *p = vn_calloc(2 * n, sizeof *p);
    for (int step = 0; step < STEPS; step++) {
        vn_plan_set_step(a->plan, step);
        vn_plan_set_step(b->plan, step);
        ck_assert_msg(vn_kit_run(a) == VN_OK && vn_kit_run(b) == VN_OK, "%s: %s", model,
                      vn_last_message());
    }
    ck_assert_int_eq(vn_kit_block(a, VN_HOME_PARAM, p), VN_OK);
    ck_assert_int_eq(vn_kit_block(b, VN_HOME_PARAM, p + n), VN_OK);
    double worst = vn_worst(p, p + n, (int64_t)n);
    ck_assert_msg(worst <= near_by, "%s: after %d steps the parameters differ by %g", model, STEPS,
                  worst);
    worst = worst_read(a, b, a->loss);
    ck_assert_msg(worst <= near_by, "%s: the loss of step %d differs by %g", model, STEPS, worst);
    vn_free(p);
}

/* Is the model one of VANE_TEST_MODEL's, if that is there? One of them is. */
static bool is_asked_for(const char *model)
{
    const char *only = getenv("VANE_TEST_MODEL");
    bool any = !only;
    for (int i = 0; i < N_VARIANTS; i++) any |= only && strstr(only, variants[i].model);
    ck_assert_msg(any, "VANE_TEST_MODEL=%s names no model", only ? only : "");
    return !only || strstr(only, model);
}

START_TEST(a_training_step_is_that_of_the_cpu)
{
    if (!is_asked_for(variants[_i].model)) return;
    const vn_model_def *def = vn_model_find(variants[_i].model);
    vn_device *dev = vn_test_device_open();
    void *hp = hparams_of(_i, def);
    vn_kit_config device = config_of(_i, hp, dev), cpu = config_of(_i, hp, NULL);
    vn_kit a = { 0 }, b = { 0 };
    char where[256];
    ck_assert_msg(vn_kit_open(&device, &a) == VN_OK, "%s: %s", def->name, vn_last_message());
    ck_assert_msg(vn_kit_open(&cpu, &b) == VN_OK, "%s", vn_last_message());
    feed(&a);
    feed(&b);
    ck_assert_msg(vn_plan_compare(b.plan, a.plan, near_by, where, sizeof where) == VN_OK, "%s: %s",
                  def->name, vn_last_message());
    ck_assert_msg(!where[0], "%s: %s is not what it is on the CPU", def->name, where);
    compare_training(def->name, &a, &b);
    vn_kit_close(&a);
    vn_kit_close(&b);
    vn_free(hp);
    vn_device_close(dev);
}
END_TEST

/* As real numbers of one counter they are near; a count would jump at the edge between two. */
START_TEST(paths_are_drawn_as_on_the_cpu)
{
    int i = N_VARIANTS - 1;
    vn_device *dev = vn_test_device_open();
    void *hp = hparams_of(i, vn_model_find(variants[i].model));
    vn_kit kit[2] = { 0 };
    for (int k = 0; k < 2; k++) {
        vn_kit_config c = config_of(i, hp, k ? dev : NULL);
        c.mode = VN_KIT_FORWARD;
        c.dropout = false;
        c.paths = 70;
        ck_assert_msg(vn_kit_open(&c, &kit[k]) == VN_OK, "%s", vn_last_message());
        vn_kit_feed_random(&kit[k], 7);
        ck_assert_msg(vn_kit_run(&kit[k]) == VN_OK, "%s", vn_last_message());
    }
    double worst = worst_read(&kit[0], &kit[1], kit[0].yhat);
    ck_assert_msg(worst <= near_by, "paths differ by %g", worst);
    for (int k = 0; k < 2; k++) vn_kit_close(&kit[k]);
    vn_free(hp);
    vn_device_close(dev);
}
END_TEST

/* Names of models are in the list above: one that is added without a line here is noticed. */
START_TEST(every_model_is_compared)
{
    for (const vn_model_def *const *m = vn_models(); *m; m++) {
        int n = !(*m)->build; /* Prophet has no graph */
        for (int i = 0; i < N_VARIANTS; i++) n += !strcmp(variants[i].model, (*m)->name);
        ck_assert_msg(n > 0, "%s is not compared with the CPU", (*m)->name);
    }
}
END_TEST

START_TEST(no_op_lacks_a_kernel)
{
    vn_device *dev = vn_test_device_open();
    for (int op = VN_OP_NONE + 1; op < VN_OP_COUNT; op++)
        ck_assert_msg(vn_op_about((vn_op)op)->view || vn_kernels_of(dev, (vn_op)op)[0],
                      "%s has no kernel on %s", vn_op_about((vn_op)op)->name, vn_test_device());
    vn_device_close(dev);
}
END_TEST

Suite *vn_suite_models_device(void);

Suite *vn_suite_models_device(void)
{
    Suite *s = suite_create("models_device");
    TCase *c = tcase_create("models_device");
    tcase_set_timeout(c, 120);
    if (vn_test_device()) {
        tcase_add_test(c, no_op_lacks_a_kernel);
        tcase_add_test(c, every_model_is_compared);
        tcase_add_loop_test(c, a_training_step_is_that_of_the_cpu, 0, N_VARIANTS);
        tcase_add_test(c, paths_are_drawn_as_on_the_cpu);
    }
    suite_add_tcase(s, c);
    return s;
}

/* Training on the device under test: whatever the host is ahead, the run is the one that waits for
 * every step, also where a number stops being finite, a caller asks to stop or the device is lost.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "tests/ops/device.h"
#include "tests/train/lab.h"

static void open_lab(vn_lab *lab, const char *model, const vn_setting *settings)
{
    vn_lab_open(lab, model, 1, settings);
    vn_device_close(lab->dev);
    lab->dev = vn_test_device_open();
}

static bool emulated(const vn_lab *lab)
{
    vn_device_info info;
    vn_device_about(lab->dev, &info);
    return strstr(info.name, "emulated") != NULL;
}

static const int ahead[] = { 1, 3, 7, 64 };
enum { N_AHEAD = sizeof ahead / sizeof *ahead };

START_TEST(any_number_of_steps_a_launch_gives_the_same_bits)
{
    static const vn_setting odd[] = { { "max_steps", "23" }, { "val_check_steps", "9" }, { 0 } };
    vn_lab one, many;
    vn_fit_hooks hooks = { .steps_per_launch = ahead[_i] };
    open_lab(&one, "nhits", odd);
    open_lab(&many, "nhits", odd);
    ck_assert_msg(!vn_lab_fit(&one, NULL), "%s", vn_last_message());
    ck_assert_msg(!vn_lab_fit(&many, &hooks), "%s", vn_last_message());
    ck_assert(vn_lab_same_weights(one.m, many.m));
    ck_assert_int_eq(many.report.steps, 23);
    ck_assert_int_eq(many.report.best_step, one.report.best_step);
    ck_assert_double_eq(many.report.loss, one.report.loss);
    ck_assert_double_eq(many.report.best, one.report.best);
    vn_lab_close(&one);
    vn_lab_close(&many);
}
END_TEST

static void keep_told(void *ctx, vn_log_level level, const char *text)
{
    (void)level;
    snprintf(ctx, 256, "%s", text);
}

static void open_loud(vn_lab *lab, const vn_setting *settings)
{
    open_lab(lab, "nhits", settings);
    for (int64_t i = 0; i < lab->panel->n_rows; i++) lab->panel->y[i] *= 1e3f;
    lab->m->precision = VN_PRECISION_FP16;
}

/* Steps whose gradients overflow in f16 are left out, on the device alone: the host, which learns of them
 * late, calls none of them bad. */
START_TEST(fp16_leaves_out_the_same_steps_however_far_the_host_is_ahead)
{
    static const vn_setting loud[] = {
        { "scaler_type", "identity" }, { "loss", "mse" },          { "learning_rate", "1e-4" },
        { "ema_decay", "0.5" },        { "max_steps", "23" },      { "val_check_steps", "9" }, { 0 }
    };
    vn_lab one, many;
    char told[2][256] = { "", "" };
    vn_fit_hooks first = { .log = { keep_told, told[0] } };
    vn_fit_hooks hooks = { .steps_per_launch = ahead[_i],
                           .log = { keep_told, told[1] } };
    open_loud(&one, loud);
    open_loud(&many, loud);
    ck_assert_msg(!vn_lab_fit(&one, &first), "%s", vn_last_message());
    ck_assert_msg(!vn_lab_fit(&many, &hooks), "%s", vn_last_message());
    ck_assert(vn_lab_same_weights(one.m, many.m));
    ck_assert_str_eq(told[0], told[1]);
    const char *scale = strstr(told[0], "the loss scale ended at ");
    ck_assert_ptr_nonnull(scale);
    ck_assert_double_lt(atof(scale + strlen("the loss scale ended at ")), 65536); /* or none was */
    vn_lab_close(&one);
    vn_lab_close(&many);
}
END_TEST

/* Every kind of kernel with something of a member's own: seeds, scratch and tickets, blocks that wait for one
 * another, products of 16 bits. */
static const struct {
    const char *model;
    vn_setting own[5];
    vn_precision precision;
    const char *sms; /* multiprocessors of the emulation: room for the blocks of all members, or of one */
} members[] = {
    { "nhits",
      { { "dropout_prob_theta", "0.2" }, { "gradient_clip_val", "0.5" }, { "ema_decay", "0.9" }, { NULL } },
      VN_PRECISION_F32 },
    { "nhits", { { "loss", "iqloss" }, { NULL } }, VN_PRECISION_FP16 },
    { "gru", { { "encoder_hidden_size", "130" }, { "encoder_n_layers", "1" }, { NULL } },
      VN_PRECISION_F32, "16" },
    { "gru", { { "encoder_hidden_size", "130" }, { "encoder_n_layers", "1" }, { NULL } },
      VN_PRECISION_F32, "4" },
    { "lstm-attention", { { "encoder_hidden_size", "8" }, { NULL } }, VN_PRECISION_F32 },
    { "tcn", { { "encoder_hidden_size", "8" }, { "loss", "normal" }, { NULL } }, VN_PRECISION_F32 },
    { "transformer", { { "hidden_size", "16" }, { "n_head", "2" }, { NULL } }, VN_PRECISION_F32 },
    { "transformer", { { "hidden_size", "32" }, { "n_head", "2" }, { NULL } }, VN_PRECISION_BF16 },
};
enum { MEMBERS = 3, N_MEMBERS = sizeof members / sizeof *members };

static void open_member(vn_lab *lab, int at, const char *seed, const char *size)
{
    vn_setting settings[10] = { { "seed", seed },
                                { "ensemble_size", size },
                                { "max_steps", "2" },
                                { "val_size", "0" },
                                { "windows_batch_size", "4" } };
    memcpy(settings + 5, members[at].own, sizeof members[at].own);
    if (members[at].sms) setenv("EMU_SMS", members[at].sms, 1);
    open_lab(lab, members[at].model, (const vn_setting *)settings);
    lab->m->precision = members[at].precision;
}

/* Members share the launches of a node, each with what it would have alone. */
START_TEST(members_in_one_launch_have_the_bits_of_each_alone)
{
    static const char *const seeds[] = { "1", "2", "3" };
    vn_fit_hooks hooks = { .steps_per_launch = 1 + _i % 2 };
    vn_lab all;
    open_member(&all, _i, "1", "3");
    ck_assert_msg(!vn_lab_fit(&all, &hooks), "%s", vn_last_message());
    const vn_params *p = all.m->params;
    for (int s = 0; s < MEMBERS; s++) {
        vn_lab one;
        open_member(&one, _i, seeds[s], "1");
        ck_assert_msg(!vn_lab_fit(&one, NULL), "%s", vn_last_message());
        ck_assert_msg(!memcmp(one.m->params->block, p->block + s * p->n_block,
                              vn_params_bytes(one.m->params)),
                      "%s: member %d", members[_i].model, s);
        vn_lab_close(&one);
    }
    vn_lab_close(&all);
}
END_TEST

/* Attention, layers and convolutions of 16 bits: both devices round factors alike, but the CPU leaves the
 * weights of attention in f32 and adds in another order, which flips the last place of some factors. */
START_TEST(a_transformer_of_16_bits_has_the_losses_of_the_cpu)
{
    static const vn_precision precisions[] = { VN_PRECISION_BF16, VN_PRECISION_FP16 };
    static const double last_place[] = { 1.0 / 256, 1.0 / 2048 };
    static const vn_setting wide[] = { { "hidden_size", "32" },   { "n_head", "2" },
                                       { "max_steps", "5" },      { "val_check_steps", "5" },
                                       { "learning_rate", "1e-3" }, { 0 } };
    vn_lab cpu, gpu;
    vn_lab_open(&cpu, "transformer", 1, wide);
    open_lab(&gpu, "transformer", wide);
    cpu.m->precision = gpu.m->precision = precisions[_i];
    ck_assert_msg(!vn_lab_fit(&cpu, NULL), "%s", vn_last_message());
    ck_assert_msg(!vn_lab_fit(&gpu, NULL), "%s", vn_last_message());
    double off = fabs(gpu.report.loss - cpu.report.loss) / cpu.report.loss;
    ck_assert_msg(off <= last_place[_i], "%s: loss %g on the device, %g on the CPU",
                  vn_precision_name(precisions[_i]), gpu.report.loss, cpu.report.loss);
    off = fabs(gpu.report.best - cpu.report.best) / cpu.report.best;
    ck_assert_msg(off <= last_place[_i], "%s: validation loss %g on the device, %g on the CPU",
                  vn_precision_name(precisions[_i]), gpu.report.best, cpu.report.best);
    vn_lab_close(&cpu);
    vn_lab_close(&gpu);
}
END_TEST

/* The sentence names the step and the node, as on the CPU. */
START_TEST(a_bad_step_is_found_late_and_named_right)
{
    static const vn_setting wild[] = {
        { "learning_rate", "10" }, { "scaler_type", "identity" }, { "loss", "mse" },
        { "max_steps", "200" },    { "val_check_steps", "200" },  { 0 }
    };
    vn_lab cpu, gpu;
    char said[256];
    vn_fit_hooks hooks = { .steps_per_launch = ahead[_i] };
    vn_lab_open(&cpu, "nhits", 1, wild);
    vn_panel *panel = cpu.panel; /* a value that only some windows see, and square over the range */
    panel->y[100] = 3e30f;
    ck_assert_int_eq(vn_lab_fit(&cpu, NULL), VN_E_NUMERIC);
    strcpy(said, vn_last_message());
    open_lab(&gpu, "nhits", wild);
    gpu.panel->y[100] = 3e30f;
    ck_assert_int_eq(vn_lab_fit(&gpu, &hooks), VN_E_NUMERIC);
    ck_assert_str_eq(vn_last_message(), said);
    ck_assert_int_eq(gpu.report.steps, cpu.report.steps);
    vn_lab_close(&cpu);
    vn_lab_close(&gpu);
}
END_TEST

static bool stop_at_third(void *ctx)
{
    return ++*(int *)ctx == 3;
}

/* What was begun is ended; going on from the checkpoint leads where the whole run does. */
START_TEST(a_stop_ends_what_was_begun)
{
    static const vn_setting plain[] = { { "max_steps", "23" }, { "val_check_steps", "5" }, { 0 } };
    vn_lab whole, cut, on;
    int asked = 0;
    const char *path = vn_lab_path("stop");
    vn_fit_hooks stop = {
        .stop = stop_at_third, .ctx = &asked, .checkpoint = path, .steps_per_launch = 2
    };
    vn_fit_hooks resume = { .resume = path, .steps_per_launch = 7 };
    open_lab(&whole, "nhits", plain);
    open_lab(&cut, "nhits", plain);
    open_lab(&on, "nhits", plain);
    ck_assert_msg(!vn_lab_fit(&whole, NULL), "%s", vn_last_message());
    ck_assert_msg(!vn_lab_fit(&cut, &stop), "%s", vn_last_message());
    ck_assert(cut.report.interrupted);
    ck_assert_int_ge(cut.report.steps, 3);
    ck_assert_int_le(cut.report.steps, 5); /* the host is never ahead of a look */
    ck_assert_msg(!vn_lab_fit(&on, &resume), "%s", vn_last_message());
    ck_assert(vn_lab_same_weights(whole.m, on.m));
    vn_lab_close(&whole);
    vn_lab_close(&cut);
    vn_lab_close(&on);
}
END_TEST

/* A device that is lost in the middle says so; what the model held before is intact, and the CPU
 * goes on with it. */
START_TEST(a_lost_device_leaves_the_host_intact)
{
    static const vn_setting plain[] = { { "max_steps", "30" }, { "val_check_steps", "5" }, { 0 } };
    vn_lab lab;
    open_lab(&lab, "nhits", plain);
    if (!emulated(&lab)) { /* a real one cannot be asked to fall off the bus */
        vn_lab_close(&lab);
        return;
    }
    setenv("EMU_LOST", _i ? "1500" : "20", 1); /* in the first steps; after some looks */
    ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_DEVICE);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "busy or unavailable"));
    ck_assert_int_eq(_i ? lab.report.best_step % 5 : lab.report.best_step, 0);
    if (_i) ck_assert_int_gt(lab.report.best_step, 0);
    for (int64_t i = 0; i < lab.m->params->n_block; i++)
        ck_assert(isfinite(lab.m->params->block[i]));
    ck_assert_int_eq(vn_device_open(vn_test_device(), 0,
                                    &(vn_device_config){ .plugins = getenv("VANE_TEST_PLUGINS") },
                                    &(vn_device *){ NULL }),
                     VN_E_DEVICE);
    vn_device_close(lab.dev);
    ck_assert_int_eq(vn_device_open("cpu", 0, NULL, &lab.dev), VN_OK);
    ck_assert_msg(!vn_lab_fit(&lab, NULL), "%s", vn_last_message());
    vn_lab_close(&lab);
}
END_TEST

/* Too little memory for the plan is told with its need, before any step. */
START_TEST(a_plan_without_room_says_what_it_needs)
{
    static const vn_setting big[] = { { "windows_batch_size", "2048" }, { 0 } };
    vn_lab lab;
    setenv("EMU_MEMORY", "900000", 1);
    open_lab(&lab, "nhits", big);
    if (emulated(&lab)) {
        ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_E_MEMORY);
        ck_assert_msg(strstr(vn_last_message(), " steps needs ") &&
                          strstr(vn_last_message(), "smaller batches need less"),
                      "%s", vn_last_message());
        ck_assert_int_eq(lab.report.steps, 0);
    }
    vn_lab_close(&lab);
}
END_TEST

Suite *vn_suite_fit_device(void);

Suite *vn_suite_fit_device(void)
{
    Suite *s = suite_create("fit_device");
    TCase *c = tcase_create("fit_device");
    tcase_set_timeout(c, 120);
    if (vn_test_device()) {
        tcase_add_loop_test(c, members_in_one_launch_have_the_bits_of_each_alone, 0, N_MEMBERS);
        tcase_add_loop_test(c, a_transformer_of_16_bits_has_the_losses_of_the_cpu, 0, 2);
        tcase_add_loop_test(c, any_number_of_steps_a_launch_gives_the_same_bits, 0, N_AHEAD);
        tcase_add_loop_test(c, a_bad_step_is_found_late_and_named_right, 0, N_AHEAD);
        tcase_add_loop_test(c, fp16_leaves_out_the_same_steps_however_far_the_host_is_ahead, 0,
                            N_AHEAD);
        tcase_add_test(c, a_stop_ends_what_was_begun);
        tcase_add_test(c, a_plan_without_room_says_what_it_needs);
        tcase_add_loop_test(c, a_lost_device_leaves_the_host_intact, 0, 2);
    }
    suite_add_tcase(s, c);
    return s;
}

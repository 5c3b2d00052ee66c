/* Plans: what is kept, where it lies, when it runs, and what the probes find. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "graph/build.h"
#include "tests/graph/kit.h"

static vn_plan_info about(const kit *k)
{
    vn_plan_info info;
    vn_plan_about(k->plan, &info);
    return info;
}

START_TEST(nodes_nobody_needs_are_not_run)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(8));
    vn_val used = vn_apply(k.g, VN_UNARY_RELU, x);
    vn_apply(k.g, VN_UNARY_EXP, vn_apply(k.g, VN_UNARY_TANH, x));
    vn_output(k.g, used);
    kit_plan(&k);
    ck_assert_int_eq(about(&k).n_steps, 1);
    kit_close(&k);
}
END_TEST

/* A chain of n values needs room for two at a time. */
START_TEST(values_that_never_meet_share_memory)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(64)), v = x;
    for (int i = 0; i < 10; i++) v = vn_affine(k.g, v, 1, 1);
    v = vn_output(k.g, vn_affine(k.g, v, 2, 0));
    kit_plan(&k);
    ck_assert_uint_eq(about(&k).values_bytes, 10 * 256);
    ck_assert_uint_eq(about(&k).work_bytes, 2 * 256);
    float *in = vn_plan_feed(k.plan, x);
    for (int i = 0; i < 64; i++) in[i] = (float)i;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    const float *y = vn_plan_read(k.plan, v);
    for (int i = 0; i < 64; i++) ck_assert_float_eq(y[i], 2 * ((float)i + 10));
    kit_close(&k);
}
END_TEST

/* A long-lived value must survive the reuse around it: compare with the sum done by hand. */
START_TEST(a_value_used_late_is_not_overwritten)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(100));
    vn_val early = vn_affine(k.g, x, 3, 0), v = x;
    for (int i = 0; i < 7; i++) v = vn_apply(k.g, VN_UNARY_NEG, v);
    vn_val y = vn_output(k.g, vn_add(k.g, v, vn_reshape(k.g, early, VN_DIMS(100))));
    kit_plan(&k);
    float *in = vn_plan_feed(k.plan, x);
    for (int i = 0; i < 100; i++) in[i] = (float)i;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    for (int i = 0; i < 100; i++) ck_assert_float_eq(((const float *)vn_plan_read(k.plan, y))[i], 2 * (float)i);
    kit_close(&k);
}
END_TEST

START_TEST(the_prologue_runs_when_parameters_change_only)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(1));
    vn_val w = vn_param(k.g, "w", VN_DIMS(1), (vn_init){ VN_INIT_CONSTANT, 5 });
    vn_val y = vn_output(k.g, vn_mul(k.g, vn_affine(k.g, w, 2, 0), x));
    kit_plan(&k);
    ck_assert_int_eq(about(&k).n_prologue, 1);
    ck_assert_int_eq(about(&k).n_steps, 1);
    *(float *)vn_plan_feed(k.plan, x) = 1;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    ck_assert_float_eq(*(const float *)vn_plan_read(k.plan, y), 10);
    *(float *)k.home[VN_HOME_PARAM] = 7; /* unannounced: the derived value stays */
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    ck_assert_float_eq(*(const float *)vn_plan_read(k.plan, y), 10);
    k.params->version++;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    ck_assert_float_eq(*(const float *)vn_plan_read(k.plan, y), 14);
    kit_close(&k);
}
END_TEST

START_TEST(running_allocates_nothing)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(33, 65));
    vn_output(k.g, vn_dense(k.g, "fc", x, 17, VN_UNARY_RELU));
    kit_plan(&k);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    kit_close(&k);
}
END_TEST

START_TEST(the_hunt_names_the_first_node_that_is_not_finite)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(4));
    vn_push(k.g, "head");
    vn_val v = vn_apply(k.g, VN_UNARY_SQRT, x);
    vn_pop(k.g);
    vn_output(k.g, vn_affine(k.g, v, 2, 0));
    kit_plan(&k);
    float *in = vn_plan_feed(k.plan, x);
    char where[128];
    for (int i = 0; i < 4; i++) in[i] = 4;
    ck_assert_int_eq(vn_plan_hunt(k.plan, 0, 1, where, sizeof where), VN_OK);
    ck_assert_str_eq(where, "");
    in[2] = -1;
    ck_assert_int_eq(vn_plan_hunt(k.plan, 0, 1, where, sizeof where), VN_OK);
    ck_assert_msg(strncmp(where, "head/unary", 10) == 0 && strstr(where, "(unary)"), "%s", where);
    kit_close(&k);
}
END_TEST

/* Two devices of different level agree on every step; changed parameters are found by name. */
START_TEST(comparing_two_plans_names_the_first_step_that_differs)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(9, 31));
    vn_val y = vn_dense(k.g, "first", x, 45, VN_UNARY_TANH);
    vn_output(k.g, vn_dense(k.g, "second", y, 3, VN_UNARY_NONE));
    kit_plan(&k);
    vn_device *plain;
    vn_device_config level = { .threads = 1, .level = "generic" };
    ck_assert_int_eq(vn_device_open("cpu", 0, &level, &plain), VN_OK);
    vn_plan_config config = { .dev = plain, .seed = 1, .version = &k.params->version };
    float other[4096];
    ck_assert_int_lt(k.params->n_block, 4096);
    memcpy(other, k.home[VN_HOME_PARAM], k.block_bytes);
    config.home[VN_HOME_PARAM] = other;
    vn_plan *b;
    ck_assert_msg(vn_plan_make(k.g, &config, &b) == VN_OK, "%s", vn_last_message());
    float *in = vn_plan_feed(k.plan, x);
    for (int i = 0; i < 9 * 31; i++) in[i] = (float)(i % 13) - 6;
    char where[128];
    ck_assert_int_eq(vn_plan_compare(k.plan, b, 1e-5, where, sizeof where), VN_OK);
    ck_assert_str_eq(where, "");
    other[k.params->entry[vn_params_find(k.params, "second.weight")].offset] += 1;
    ck_assert_int_eq(vn_plan_compare(k.plan, b, 1e-5, where, sizeof where), VN_OK);
    ck_assert_msg(strstr(where, "linear") != NULL, "'%s'", where);
    vn_plan_close(b);
    vn_device_close(plain);
    kit_close(&k);
}
END_TEST

/* Many rows read panels that were packed once, few rows too; the plan is told of new weights by their
 * version, and a plan without one packs in every run. */
START_TEST(weights_are_packed_once_a_version)
{
    static const int64_t rows[] = { 1, 3, 9 };
    for (int i = 0; i < 3; i++) {
        kit k;
        kit_open(&k, VN_F32);
        vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(rows[i], 8));
        vn_val y = vn_output(k.g, vn_dense(k.g, "layer", x, 64, VN_UNARY_NONE));
        kit_plan(&k);
        vn_plan *apart;
        vn_plan_config config = { .dev = k.dev };
        memcpy(config.home, k.home, sizeof config.home);
        ck_assert_int_eq(vn_plan_make(k.g, &config, &apart), VN_OK);
        float *param = k.home[VN_HOME_PARAM], first;
        memset(vn_plan_feed(k.plan, x), 0, (size_t)rows[i] * 8 * sizeof(float));
        *(float *)vn_plan_feed(k.plan, x) = *(float *)vn_plan_feed(apart, x) = 1;
        ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
        memcpy(&first, vn_plan_read(k.plan, y), sizeof first);
        param[k.params->entry[vn_params_find(k.params, "layer.weight")].offset] += 1;
        ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
        ck_assert_float_eq(*(const float *)vn_plan_read(k.plan, y), first);
        k.params->version++;
        ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
        ck_assert_float_eq_tol(*(const float *)vn_plan_read(k.plan, y), first + 1, 1e-6f);
        ck_assert_int_eq(vn_plan_run(apart), VN_OK);
        ck_assert_float_eq_tol(*(const float *)vn_plan_read(apart, y), first + 1, 1e-6f);
        vn_plan_close(apart);
        kit_close(&k);
    }
}
END_TEST

/* A run that updates the weights says nothing of it: nothing of them is kept. */
START_TEST(weights_that_a_run_changes_are_not_kept)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(9, 8));
    vn_val y = vn_output(k.g, vn_dense(k.g, "layer", x, 64, VN_UNARY_NONE));
    vn_val loss = vn_reshape(k.g, vn_sumto(k.g, vn_mul(k.g, y, y), VN_DIMS(1)), VN_DIMS(1));
    vn_attr_adam adam = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    vn_gradients(k.g, loss, NULL, 0, NULL);
    ck_assert_int_eq(vn_params_layout(k.params), VN_OK);
    vn_params_draw(k.params, 1);
    vn_optimize(k.g, &adam, 0, loss, vn_state(k.g, "bad", VN_I64, VN_DIMS(1)));
    kit_plan(&k);
    memset(k.home[VN_HOME_STATE], 0xff, VN_STATE_BYTES);
    vn_plan_set(k.plan, VN_LR, 0.1f);
    for (int i = 0; i < 9 * 8; i++) ((float *)vn_plan_feed(k.plan, x))[i] = 1;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    float first = *(const float *)vn_plan_read(k.plan, y);
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    /* Adam moves each number by about 0.1: 8 weights and the bias */
    ck_assert_float_gt(fabsf(*(const float *)vn_plan_read(k.plan, y) - first), 0.5f);
    kit_close(&k);
}

/* Terms of up to 1e3 whose sum cancels to some 1e-3: y is made of them by an op that says it sums, or by
 * a product with ones, which does not. Plan b is of another level; one of its terms is `error` larger. */
enum { TERMS = 4096 };

static void fill_cancelling(float *terms)
{
    for (int i = 0; i < TERMS; i += 2) {
        terms[i] = 1000 * sinf((float)i);
        terms[(i + TERMS / 2 + 1) % TERMS] = -terms[i];
    }
    terms[0] += 1e-3f;
}

static void compare_cancelling(bool sums, float error, char *where, size_t n)
{
    kit k;
    vn_init init = { VN_INIT_CONSTANT, 1 };
    kit_open(&k, VN_F32);
    vn_val x = vn_param(k.g, "x", VN_DIMS(1, TERMS), init);
    vn_val ones = vn_param(k.g, "ones", VN_DIMS(1, TERMS), init);
    vn_val y = sums ? vn_sumto(k.g, x, VN_DIMS(1, 1)) : vn_linear(k.g, x, ones, 0, VN_UNARY_NONE);
    vn_output(k.g, vn_affine(k.g, y, 1, 0));
    kit_plan(&k);
    int64_t at = k.params->entry[vn_params_find(k.params, "x")].offset;
    fill_cancelling((float *)k.home[VN_HOME_PARAM] + at);
    float *other = malloc(k.block_bytes);
    memcpy(other, k.home[VN_HOME_PARAM], k.block_bytes);
    other[at + 77] += error;
    vn_device *plain;
    vn_device_config level = { .threads = 1, .level = "ref" };
    ck_assert_int_eq(vn_device_open("cpu", 0, &level, &plain), VN_OK);
    vn_plan_config config = { .dev = plain, .seed = 1, .version = &k.params->version };
    config.home[VN_HOME_PARAM] = other;
    vn_plan *b;
    ck_assert_msg(vn_plan_make(k.g, &config, &b) == VN_OK, "%s", vn_last_message());
    ck_assert_int_eq(vn_plan_compare(k.plan, b, 1e-6, where, n), VN_OK);
    vn_plan_close(b);
    vn_device_close(plain);
    free(other);
    kit_close(&k);
}

START_TEST(what_sums_is_compared_by_the_size_of_its_terms)
{
    char where[128];
    compare_cancelling(true, 0, where, sizeof where);
    ck_assert_str_eq(where, "");
    compare_cancelling(false, 0, where, sizeof where);
    ck_assert_msg(strstr(where, "(linear)") != NULL, "'%s'", where);
    compare_cancelling(true, 0.01f, where, sizeof where);
    ck_assert_msg(strstr(where, "(sumto)") != NULL, "'%s'", where);
}
END_TEST

START_TEST(the_dump_shows_kernels_places_and_reasons)
{
    kit k;
    kit_open(&k, VN_F64); /* fast kernels are f32: every step has a reason to show */
    vn_val x = vn_input(k.g, "x", VN_F64, VN_DIMS(2, 3));
    vn_output(k.g, vn_dense(k.g, "fc", x, 4, VN_UNARY_RELU));
    kit_plan(&k);
    vn_text out = { 0 };
    vn_plan_dump(k.plan, true, &out);
    ck_assert_ptr_nonnull(strstr(out.s, "linear_f64_ref"));
    ck_assert_ptr_nonnull(strstr(out.s, "[2, 3]"));
    ck_assert_ptr_nonnull(strstr(out.s, "read+0"));
    ck_assert_ptr_nonnull(strstr(out.s, "not linear_f32_ref: "));
    vn_text_close(&out);
    kit_close(&k);
}
END_TEST

START_TEST(the_profile_has_a_line_with_a_time_for_every_step)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(5, 6));
    vn_output(k.g, vn_dense(k.g, "fc", vn_dense(k.g, "in", x, 7, VN_UNARY_RELU), 2, VN_UNARY_NONE));
    kit_plan(&k);
    vn_plan_info info;
    vn_plan_about(k.plan, &info);
    vn_text out = { 0 };
    ck_assert_int_eq(vn_plan_profile(k.plan, 0.001, &out), VN_OK);
    int lines = 0;
    double us = 0, share = 0, all = 0;
    for (const char *line = out.s; line && *line; lines++) {
        ck_assert_int_eq(sscanf(line, "%*d %lf us %lf %%", &us, &share), 2);
        ck_assert(us > 0 && us < 1e6);
        ck_assert_ptr_nonnull(strstr(line, "linear_f32"));
        all += share;
        line = strchr(line, '\n');
        line += line != NULL;
    }
    ck_assert_int_eq(lines, info.n_steps);
    ck_assert_double_eq_tol(all, 100, 0.2);
    ck_assert_ptr_nonnull(strstr(out.s, "[5, 7] [2, 7] [2] -> [5, 2]"));
    vn_text_close(&out);
    kit_close(&k);
}
END_TEST

START_TEST(planning_survives_every_failed_allocation)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(5, 6));
    vn_output(k.g, vn_dense(k.g, "fc", vn_dense(k.g, "in", x, 7, VN_UNARY_RELU), 2, VN_UNARY_NONE));
    kit_plan(&k);
    vn_plan_config config = { .dev = k.dev, .seed = 1, .why = true };
    for (int h = 0; h < VN_HOME_COUNT; h++) config.home[h] = k.home[h];
    int told = 0; /* refusals of the work block, by its size */
    for (int n = 1; n < 1000; n++) {
        vn_plan *plan = NULL;
        vn_fault_arm(VN_FAULT_ALLOC, n);
        vn_status st = vn_plan_make(k.g, &config, &plan);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        if (!st) {
            ck_assert_int_gt(n, 3); /* some did fail */
            ck_assert_int_eq(told, 1);
            vn_plan_close(plan);
            kit_close(&k);
            return;
        }
        ck_assert_int_eq(st, VN_E_MEMORY);
        told += strstr(vn_last_message(), "MB of work memory, which") != NULL;
    }
    ck_abort_msg("1000 failures were not enough");
}
END_TEST

Suite *vn_suite_plan(void);

Suite *vn_suite_plan(void)
{
    Suite *s = suite_create("plan");
    TCase *t = tcase_create("plan");
    tcase_add_test(t, nodes_nobody_needs_are_not_run);
    tcase_add_test(t, values_that_never_meet_share_memory);
    tcase_add_test(t, a_value_used_late_is_not_overwritten);
    tcase_add_test(t, the_prologue_runs_when_parameters_change_only);
    tcase_add_test(t, running_allocates_nothing);
    tcase_add_test(t, the_hunt_names_the_first_node_that_is_not_finite);
    tcase_add_test(t, comparing_two_plans_names_the_first_step_that_differs);
    tcase_add_test(t, weights_are_packed_once_a_version);
    tcase_add_test(t, weights_that_a_run_changes_are_not_kept);

    tcase_add_test(t, what_sums_is_compared_by_the_size_of_its_terms);
    tcase_add_test(t, the_dump_shows_kernels_places_and_reasons);
    tcase_add_test(t, the_profile_has_a_line_with_a_time_for_every_step);
    tcase_add_test(t, planning_survives_every_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

/* The graph itself: sticky failures, names, parameters, gradients where an op's own case cannot see:
 * shared parameters, views, unused ones. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "graph/build.h"
#include "tests/graph/kit.h"

START_TEST(building_keeps_the_first_failure)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(32, 96));
    vn_push(k.g, "block%d", 0);
    vn_val w = vn_param(k.g, "w", VN_DIMS(64, 90), (vn_init){ 0 });
    vn_val y = vn_linear(k.g, x, w, 0, VN_UNARY_NONE);
    vn_pop(k.g);
    ck_assert_int_eq(y, 0);
    ck_assert_int_eq(vn_add(k.g, x, w), 0); /* would fail with another message */
    ck_assert_int_eq(vn_graph_finish(k.g), VN_E_SHAPE);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "block0/"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "[32, 96]"));
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "[64, 90]"));
    kit_close(&k);
}
END_TEST

START_TEST(scopes_make_paths)
{
    kit k;
    kit_open(&k, VN_F32);
    vn_push(k.g, "stack%d", 1);
    vn_push(k.g, "fc");
    vn_val v = vn_param(k.g, "weight", VN_DIMS(2, 2), (vn_init){ 0 });
    ck_assert_str_eq(vn_value_of(k.g, v)->path, "stack1/fc/weight");
    vn_pop(k.g);
    v = vn_param(k.g, "bias", VN_DIMS(2), (vn_init){ 0 });
    ck_assert_str_eq(vn_value_of(k.g, v)->path, "stack1/bias");
    vn_pop(k.g);
    ck_assert_str_eq(k.g->scope, "");
    kit_close(&k);
}
END_TEST

START_TEST(parameters_are_drawn_by_name_and_laid_out_matrices_first)
{
    vn_params *a, *b;
    ck_assert_int_eq(vn_params_open(&a), VN_OK);
    ck_assert_int_eq(vn_params_open(&b), VN_OK);
    vn_tensor vec = { .rank = 1, .dim = { 5 } }, mat = { .rank = 2, .dim = { 3, 7 } };
    vn_init u = { VN_INIT_UNIFORM, 0.5 };
    vn_params_bind(a, "bias", &vec, u);
    vn_params_bind(a, "weight", &mat, u);
    vn_params_bind(b, "weight", &mat, u); /* alone, and first */
    ck_assert_int_eq(vn_params_layout(a), VN_OK);
    ck_assert_int_eq(vn_params_layout(b), VN_OK);
    vn_params_draw(a, 7);
    vn_params_draw(b, 7);
    const vn_param_entry *wa = &a->entry[vn_params_find(a, "weight")];
    ck_assert_int_eq(wa->offset, 0);
    ck_assert_int_eq(a->n_decay, 64);
    ck_assert_int_eq(a->n_numbers, 26);
    ck_assert_int_eq(memcmp(a->block, b->block, 21 * sizeof(float)), 0);
    for (int i = 0; i < 21; i++) ck_assert(a->block[i] >= -0.5f && a->block[i] < 0.5f);
    ck_assert_int_eq(vn_params_bind(a, "weight", &vec, u), -1); /* another shape */
    ck_assert_int_eq(vn_params_bind(a, "new", &vec, u), -1);    /* laid out already */
    vn_params_close(a);
    vn_params_close(b);
}
END_TEST

/* loss = sum(w * w * x) through a parameter used twice: dw = 2 w x. */
START_TEST(a_parameter_used_twice_gets_the_sum)
{
    kit k;
    kit_open(&k, VN_F64);
    vn_val x = vn_input(k.g, "x", VN_F64, VN_DIMS(4));
    vn_val w = vn_param(k.g, "w", VN_DIMS(4), (vn_init){ VN_INIT_CONSTANT, 3 });
    vn_val loss = vn_sumto(k.g, vn_mul(k.g, vn_mul(k.g, w, w), x), VN_DIMS(1));
    vn_gradients(k.g, loss, NULL, 0, NULL);
    kit_plan(&k);
    double *feed = vn_plan_feed(k.plan, x);
    for (int i = 0; i < 4; i++) feed[i] = i + 1;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    for (int i = 0; i < 4; i++) ck_assert_double_eq(((double *)k.home[VN_HOME_GRAD])[i], 6.0 * (i + 1));
    kit_close(&k);
}
END_TEST

/* Rows [0, 2) and [3, 5) of w are used, row 2 is not: its gradient is zero, theirs is in place. */
START_TEST(disjoint_rows_of_a_parameter_have_their_gradients_in_place)
{
    kit k;
    kit_open(&k, VN_F64);
    vn_val x = vn_input(k.g, "x", VN_F64, VN_DIMS(1, 3));
    vn_val w = vn_param(k.g, "w", VN_DIMS(5, 3), (vn_init){ VN_INIT_CONSTANT, 1 });
    vn_val top = vn_linear(k.g, x, vn_rows(k.g, w, 0, 2), 0, VN_UNARY_NONE);
    vn_val low = vn_linear(k.g, x, vn_rows(k.g, w, 3, 2), 0, VN_UNARY_NONE);
    vn_val both = vn_sub(k.g, top, low);
    vn_gradients(k.g, vn_sumto(k.g, both, VN_DIMS(1)), NULL, 0, NULL);
    kit_plan(&k);
    double *feed = vn_plan_feed(k.plan, x), *grad = k.home[VN_HOME_GRAD];
    for (int i = 0; i < 3; i++) feed[i] = i + 1;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    for (int row = 0; row < 5; row++)
        for (int i = 0; i < 3; i++)
            ck_assert_double_eq(grad[3 * row + i], (row < 2 ? 1 : row < 3 ? 0 : -1) * (i + 1.0));
    kit_close(&k);
}
END_TEST

/* The same through overlapping rows, which must be summed. */
START_TEST(overlapping_rows_of_a_parameter_are_summed)
{
    kit k;
    kit_open(&k, VN_F64);
    vn_val x = vn_input(k.g, "x", VN_F64, VN_DIMS(1, 2));
    vn_val w = vn_param(k.g, "w", VN_DIMS(3, 2), (vn_init){ VN_INIT_CONSTANT, 1 });
    vn_val a = vn_linear(k.g, x, vn_rows(k.g, w, 0, 2), 0, VN_UNARY_NONE);
    vn_val b = vn_linear(k.g, x, vn_rows(k.g, w, 1, 2), 0, VN_UNARY_NONE);
    vn_gradients(k.g, vn_sumto(k.g, vn_add(k.g, a, b), VN_DIMS(1)), NULL, 0, NULL);
    kit_plan(&k);
    double *feed = vn_plan_feed(k.plan, x), *grad = k.home[VN_HOME_GRAD];
    feed[0] = 1, feed[1] = 10;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    const double want[6] = { 1, 10, 2, 20, 1, 10 };
    for (int i = 0; i < 6; i++) ck_assert_double_eq(grad[i], want[i]);
    kit_close(&k);
}
END_TEST

START_TEST(building_survives_every_failed_allocation)
{
    for (int n = 1; n < 400; n++) {
        vn_params *params;
        ck_assert_int_eq(vn_params_open(&params), VN_OK);
        vn_graph *g = NULL;
        vn_fault_arm(VN_FAULT_ALLOC, n);
        vn_status st = vn_graph_open(VN_F32, params, &g);
        for (int i = 0; !st && i < 80; i++) {
            vn_push(g, "layer%d", i);
            vn_val x = vn_input(g, "x", VN_F32, VN_DIMS(2, 3));
            vn_apply(g, VN_UNARY_RELU, vn_dense(g, "fc", x, 4, VN_UNARY_TANH));
            vn_pop(g);
        }
        if (!st) st = vn_graph_finish(g);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        vn_graph_close(g);
        vn_params_close(params);
        if (!st) return; /* the n-th allocation lies past the end: all were tried */
        ck_assert_int_eq(st, VN_E_MEMORY);
    }
    ck_abort_msg("400 failures were not enough");
}
END_TEST

Suite *vn_suite_graph(void);

Suite *vn_suite_graph(void)
{
    Suite *s = suite_create("graph");
    TCase *t = tcase_create("graph");
    tcase_add_test(t, building_keeps_the_first_failure);
    tcase_add_test(t, scopes_make_paths);
    tcase_add_test(t, parameters_are_drawn_by_name_and_laid_out_matrices_first);
    tcase_add_test(t, a_parameter_used_twice_gets_the_sum);
    tcase_add_test(t, disjoint_rows_of_a_parameter_have_their_gradients_in_place);
    tcase_add_test(t, overlapping_rows_of_a_parameter_are_summed);
    tcase_add_test(t, building_survives_every_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

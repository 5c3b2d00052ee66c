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

/* Both halves of a layer, the first read before the second is made or not, and their gradients: of
 * the weight [5, 2], the bias [5] and x, whose sum over both halves goes on into v. */
static int halves_of_a_layer(bool between, double dw[10], double db[5], double dv[4])
{
    kit k;
    kit_open(&k, VN_F64);
    const double first[] = { 1, 2, 3 }, rest[] = { 4, 5 };
    vn_val x = vn_input(k.g, "x", VN_F64, VN_DIMS(1, 2));
    vn_val v = vn_param(k.g, "v", VN_DIMS(2, 2), (vn_init){ VN_INIT_CONSTANT, 0.5 });
    vn_val w = vn_param(k.g, "w", VN_DIMS(5, 2), (vn_init){ VN_INIT_CONSTANT, 1 });
    vn_val b = vn_param(k.g, "b", VN_DIMS(5), (vn_init){ VN_INIT_CONSTANT, 1 });
    vn_val h = vn_linear(k.g, x, v, 0, VN_UNARY_NONE);
    vn_val top = vn_linear(k.g, h, vn_rows(k.g, w, 0, 3), vn_rows(k.g, b, 0, 3), VN_UNARY_NONE);
    vn_val half = between ? vn_mul(k.g, top, vn_const(k.g, "first", VN_DIMS(1, 3), first)) : 0;
    vn_val low = vn_linear(k.g, h, vn_rows(k.g, w, 3, 2), vn_rows(k.g, b, 3, 2), VN_UNARY_NONE);
    if (!half) half = vn_mul(k.g, top, vn_const(k.g, "first", VN_DIMS(1, 3), first));
    low = vn_mul(k.g, low, vn_const(k.g, "rest", VN_DIMS(1, 2), rest));
    vn_val loss = vn_add(k.g, vn_sumto(k.g, half, VN_DIMS(1)), vn_sumto(k.g, low, VN_DIMS(1)));
    vn_gradients(k.g, loss, NULL, 0, NULL);
    int n = k.g->n_nodes;
    kit_plan(&k);
    double *feed = vn_plan_feed(k.plan, x);
    feed[0] = 2, feed[1] = 6;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    const vn_val params[] = { w, b, v };
    double *to[] = { dw, db, dv };
    for (int i = 0; i < 3; i++) {
        const vn_param_entry *e = &k.params->entry[k.g->values[params[i]].param];
        const double *grad = (const double *)k.home[VN_HOME_GRAD] + e->offset;
        memcpy(to[i], grad, (size_t)vn_count(&e->t) * sizeof *grad);
    }
    kit_close(&k);
    return n;
}

START_TEST(halves_of_a_layer_have_their_gradients_in_one_product)
{
    double dw[2][10], db[2][5], dv[2][4];
    int joined = halves_of_a_layer(false, dw[0], db[0], dv[0]);
    int apart = halves_of_a_layer(true, dw[1], db[1], dv[1]);
    ck_assert_int_eq(apart - joined, 3);
    for (int c = 0; c < 2; c++) {
        for (int row = 0; row < 5; row++) {
            ck_assert_double_eq(db[c][row], row + 1.0);
            for (int i = 0; i < 2; i++) ck_assert_double_eq(dw[c][2 * row + i], 4.0 * (row + 1));
        }
        for (int i = 0; i < 4; i++) ck_assert_double_eq(dv[c][i], 15.0 * (i % 2 ? 6 : 2));
    }
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
    tcase_add_test(t, halves_of_a_layer_have_their_gradients_in_one_product);
    tcase_add_test(t, overlapping_rows_of_a_parameter_are_summed);
    tcase_add_test(t, building_survives_every_failed_allocation);
    suite_add_tcase(s, t);
    return s;
}

/* Folding of two layers: the same function and gradients, done where it is less work and only there. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "graph/build.h"
#include "graph/plan/fold.h"
#include "tests/graph/kit.h"

Suite *vn_suite_fold(void);

enum { MANY = 96, IN = 5, MID = 24, OUT = 17 };

/* What is built of the layers first [MID, IN] and second [OUT, MID]. */
typedef struct layers {
    kit k;
    vn_val x, y, loss;
} layers;

static vn_val input(vn_graph *g, int64_t rows)
{
    return vn_input(g, "x", g->real, VN_DIMS(rows, IN));
}

/* relu(second(first(x))), x of `rows` rows, or [2, rows / 2] of them. */
static void build(layers *l, vn_dtype real, int64_t rows, bool deep)
{
    kit_open(&l->k, real);
    vn_graph *g = l->k.g;
    l->x = input(g, rows);
    vn_val x = deep ? vn_reshape(g, l->x, VN_DIMS(2, rows / 2, IN)) : l->x;
    vn_val h = vn_dense(g, "first", x, MID, VN_UNARY_NONE);
    l->y = vn_dense(g, "second", h, OUT, VN_UNARY_RELU);
}

static void fold(layers *l, vn_fold_when when)
{
    ck_assert_msg(vn_graph_fold(l->k.g, when) == VN_OK, "%s", vn_last_message());
}

static double at(const layers *l, const void *numbers, int64_t i)
{
    return l->k.g->real == VN_F64 ? ((const double *)numbers)[i] : ((const float *)numbers)[i];
}

static void run(layers *l)
{
    kit_plan(&l->k);
    void *x = vn_plan_feed(l->k.plan, l->x);
    int64_t n = vn_count(&vn_value_of(l->k.g, l->x)->t);
    for (int64_t i = 0; i < n; i++) {
        float v = 2 * vn_uniform24(vn_random4(7, 1, (uint64_t)i).v[0]) - 1;
        if (l->k.g->real == VN_F64) ((double *)x)[i] = v;
        else ((float *)x)[i] = v;
    }
    ck_assert_msg(vn_plan_run(l->k.plan) == VN_OK, "%s", vn_last_message());
}

static void check_close(const layers *a, const void *got, const layers *b, const void *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double x = at(a, got, i), y = at(b, want, i);
        ck_assert_msg(fabs(x - y) <= 2e-6 * (1 + fabs(y)), "number %lld: %.9g, not folded %.9g",
                      (long long)i, x, y);
    }
}

static int steps(const layers *l, int *prologue)
{
    vn_plan_info info;
    vn_plan_about(l->k.plan, &info);
    *prologue = info.n_prologue;
    return info.n_steps;
}

/* A product and a layer for the bias in the prologue, one layer a run. */
START_TEST(a_forecast_runs_one_layer_of_the_same_function)
{
    layers folded, plain;
    int prologue;
    build(&folded, VN_F32, 1, false);
    folded.y = vn_output(folded.k.g, folded.y);
    fold(&folded, VN_FOLD_PROLOGUE);
    run(&folded);
    ck_assert_int_eq(steps(&folded, &prologue), 1);
    ck_assert_int_eq(prologue, 2);
    build(&plain, VN_F64, 1, false);
    plain.y = vn_output(plain.k.g, plain.y);
    fold(&plain, VN_FOLD_PROLOGUE);
    run(&plain);
    ck_assert_int_eq(steps(&plain, &prologue), 2);
    check_close(&folded, vn_plan_read(folded.k.plan, folded.y), &plain,
                vn_plan_read(plain.k.plan, plain.y), OUT);
    kit_close(&folded.k);
    kit_close(&plain.k);
}
END_TEST

/* New weights are seen by the next run, and not before they are announced. */
START_TEST(the_folded_weights_follow_the_parameters)
{
    layers l;
    build(&l, VN_F32, 1, false);
    l.y = vn_output(l.k.g, l.y);
    fold(&l, VN_FOLD_PROLOGUE);
    run(&l);
    float *param = l.k.home[VN_HOME_PARAM];
    for (int64_t i = 0; i < l.k.params->n_block; i++) param[i] = 0;
    l.k.params->version++;
    ck_assert_int_eq(vn_plan_run(l.k.plan), VN_OK);
    const float *y = vn_plan_read(l.k.plan, l.y);
    for (int i = 0; i < OUT; i++) ck_assert_float_eq(y[i], 0);
    kit_close(&l.k);
}
END_TEST

static void differentiate(layers *l, vn_val *dx)
{
    vn_graph *g = l->k.g;
    vn_val square = vn_mul(g, l->y, l->y);
    l->loss = vn_reshape(g, vn_sumto(g, square, VN_DIMS(1)), VN_DIMS(1));
    fold(l, VN_FOLD_STEP);
    vn_gradients(g, l->loss, &l->x, 1, dx);
    *dx = vn_output(g, *dx);
    l->loss = vn_output(g, l->loss);
}

static void compare_gradients(bool deep)
{
    layers folded, plain;
    vn_val dx, want;
    build(&folded, VN_F32, MANY, deep);
    differentiate(&folded, &dx);
    run(&folded);
    build(&plain, VN_F64, MANY, deep);
    differentiate(&plain, &want);
    run(&plain);
    check_close(&folded, vn_plan_read(folded.k.plan, dx), &plain, vn_plan_read(plain.k.plan, want),
                MANY * IN);
    double scale = 1e-6 * MANY; /* the sums of MANY rows */
    for (int e = 0; e < folded.k.params->n; e++) {
        const vn_param_entry *a = &folded.k.params->entry[e], *b = &plain.k.params->entry[e];
        const float *got = (float *)folded.k.home[VN_HOME_GRAD] + a->offset;
        const double *grad = (double *)plain.k.home[VN_HOME_GRAD] + b->offset;
        double size = 0;
        for (int64_t i = 0; i < vn_count(&a->t); i++) size += fabs(grad[i]);
        ck_assert_msg(size > 0, "%s has no gradient", a->name);
        for (int64_t i = 0; i < vn_count(&a->t); i++)
            ck_assert_msg(fabs(got[i] - grad[i]) <= scale * (1 + fabs(grad[i])),
                          "%s %lld: %.9g, not folded %.9g", a->name, (long long)i, got[i], grad[i]);
    }
    kit_close(&folded.k);
    kit_close(&plain.k);
}

START_TEST(gradients_are_those_of_two_layers)
{
    compare_gradients(false);
    compare_gradients(true);
}
END_TEST

static const char *note_of(const vn_graph *g)
{
    for (int k = 0; k < g->n_nodes; k++)
        if (g->nodes[k].note) return g->nodes[k].note;
    return "";
}

/* In a step the products of weights cost as much as 3 x MID x OUT x IN / (MID x (IN + OUT) - IN x OUT)
 * rows save; a forecast's are free. */
START_TEST(a_step_of_few_rows_is_left_alone_and_says_why)
{
    layers few, many;
    build(&few, VN_F32, 4, false);
    fold(&few, VN_FOLD_STEP);
    ck_assert_msg(!strncmp(note_of(few.k.g), "not folded with \"first", 16), "%s", note_of(few.k.g));
    build(&many, VN_F32, MANY, false);
    fold(&many, VN_FOLD_STEP);
    ck_assert_msg(!strncmp(note_of(many.k.g), "folded with \"", 13), "%s", note_of(many.k.g));
    kit_close(&few.k);
    kit_close(&many.k);
}
END_TEST

START_TEST(the_dump_tells_what_was_folded)
{
    layers l;
    vn_text text = { 0 };
    build(&l, VN_F32, 1, false);
    l.y = vn_output(l.k.g, l.y);
    fold(&l, VN_FOLD_PROLOGUE);
    run(&l);
    vn_plan_dump(l.k.plan, true, &text);
    ck_assert_ptr_nonnull(strstr(text.s, "folded with \"linear.0\" before it: 170 flop instead of 1.06e+03"));
    vn_text_close(&text);
    vn_plan_dump(l.k.plan, false, &text);
    ck_assert_ptr_null(strstr(text.s, "folded"));
    vn_text_close(&text);
    kit_close(&l.k);
}
END_TEST

/* What is between the layers is wanted by somebody else, or they are no two layers. */
START_TEST(what_others_read_is_not_folded)
{
    for (int way = 0; way < 5; way++) {
        kit k;
        kit_open(&k, VN_F32);
        vn_val x = input(k.g, MANY), w = vn_input(k.g, "w", VN_F32, VN_DIMS(OUT, MID));
        vn_val h = vn_dense(k.g, "first", x, MID, way == 0 ? VN_UNARY_RELU : VN_UNARY_NONE);
        if (way == 1) vn_show(k.g, "hidden", h);
        if (way == 2) h = vn_output(k.g, h);
        if (way == 3) vn_output(k.g, vn_affine(k.g, h, 2, 0));
        vn_output(k.g, way == 4 ? vn_linear(k.g, h, w, 0, VN_UNARY_NONE)
                                : vn_dense(k.g, "second", h, OUT, VN_UNARY_NONE));
        int nodes = k.g->n_nodes;
        ck_assert_int_eq(vn_graph_fold(k.g, VN_FOLD_PROLOGUE), VN_OK);
        ck_assert_msg(k.g->n_nodes == nodes && !note_of(k.g)[0], "way %d: %s", way, note_of(k.g));
        kit_close(&k);
    }
}
END_TEST

START_TEST(every_allocation_of_the_pass_may_fail)
{
    vn_status st = VN_E_MEMORY;
    int n = 1;
    for (; st && n < 100; n++) {
        layers l;
        build(&l, VN_F32, 1, false);
        vn_fault_arm(VN_FAULT_ALLOC, n);
        st = vn_graph_fold(l.k.g, VN_FOLD_PROLOGUE);
        vn_fault_arm(VN_FAULT_ALLOC, 0);
        ck_assert_msg(!st || st == VN_E_MEMORY, "%d: %s", n, vn_last_message());
        kit_close(&l.k);
    }
    ck_assert_int_eq(st, VN_OK);
    ck_assert_int_gt(n, 4);
}
END_TEST

Suite *vn_suite_fold(void)
{
    Suite *s = suite_create("fold");
    TCase *tc = tcase_create("two layers");
    tcase_add_test(tc, a_forecast_runs_one_layer_of_the_same_function);
    tcase_add_test(tc, the_folded_weights_follow_the_parameters);
    tcase_add_test(tc, gradients_are_those_of_two_layers);
    tcase_add_test(tc, a_step_of_few_rows_is_left_alone_and_says_why);
    tcase_add_test(tc, the_dump_tells_what_was_folded);
    tcase_add_test(tc, what_others_read_is_not_folded);
    tcase_add_test(tc, every_allocation_of_the_pass_may_fail);
    suite_add_tcase(s, tc);
    return s;
}

/* Every op, from its case table: shape rule, kernels, gradient. Nothing is written per op here. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ops/op.h"
#include "tests/ops/device.h"
#include "tests/ops/kernel.h"

Suite *vn_suite_ops(void);
Suite *vn_suite_ops_device(void);

enum { TIMEOUT_S = 120 }; /* under the thread sanitizer; seconds otherwise */

static const vn_case *const tables[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = vn_cases_##name,
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

typedef bool (*choice)(const vn_op_case *oc);

/* Sizes worth timing take an emulation minutes; the small cases say as much. VANE_TEST_SMALL leaves them
 * out where the whole machine is emulated. */
static bool small(const vn_op_case *oc)
{
    return !oc->c->bench;
}

static bool sized(const vn_op_case *oc)
{
    return small(oc) || !getenv("VANE_TEST_SMALL");
}

static bool refused(const vn_op_case *oc)
{
    return oc->c->reject != NULL;
}

static bool accepted(const vn_op_case *oc)
{
    return !oc->c->reject;
}

static bool launched(const vn_op_case *oc)
{
    return !oc->c->reject && !vn_op_about(oc->op)->view && sized(oc);
}

static bool differentiated(const vn_op_case *oc)
{
    return !oc->c->reject && oc->c->diff && sized(oc);
}

/* VANE_TEST_OP names the one op to test. */
static bool asked(vn_op op)
{
    const char *name = getenv("VANE_TEST_OP");
    return !name || !strcmp(name, vn_op_about(op)->name);
}

/* The n-th case that `chosen` takes, over all ops; returns how many were met. */
static int find(choice chosen, int n, vn_op_case *found)
{
    int met = 0;
    for (int op = 1; op < VN_OP_COUNT; op++)
        for (int i = 0; tables[op][i].name; i++) {
            vn_op_case oc = { .op = (vn_op)op, .c = &tables[op][i], .index = i };
            if (!asked((vn_op)op) || !chosen(&oc) || met++ != n) continue;
            snprintf(oc.name, sizeof oc.name, "%s \"%s\":", vn_op_about(oc.op)->name, oc.c->name);
            *found = oc;
        }
    return met;
}

static int count_of(choice chosen)
{
    vn_op_case unused;
    return find(chosen, -1, &unused);
}

START_TEST(a_shape_rule_refuses_with_the_promised_words)
{
    vn_op_case oc;
    vn_call call;
    find(refused, _i, &oc);
    vn_op_call(&oc, VN_F32, &call);
    ck_assert_msg(vn_op_def_of(oc.op)->infer(&call) == VN_E_SHAPE, "%s accepted", oc.name);
    ck_assert_msg(strstr(vn_last_message(), oc.c->reject) != NULL,
                  "%s says \"%s\", promised were \"%s\"", oc.name, vn_last_message(), oc.c->reject);
}
END_TEST

START_TEST(a_shape_rule_accepts_and_costs_what_it_must_move)
{
    vn_op_case oc;
    vn_call call;
    find(accepted, _i, &oc);
    vn_op_call(&oc, VN_F32, &call);
    if (vn_op_def_of(oc.op)->infer(&call)) ck_abort_msg("%s %s", oc.name, vn_last_message());
    double moved = 0;
    for (int o = 0; o < call.n_out; o++)
        if (call.out[o].rank > 0)
            moved += (double)vn_count(&call.out[o]) * (double)vn_dtype_bytes(call.out[o].dtype);
    ck_assert_msg(moved > 0, "%s has no output", oc.name);
    vn_cost cost = vn_cost_of(&call);
    ck_assert_msg(vn_op_about(oc.op)->view ? cost.bytes == 0 : cost.bytes >= moved,
                  "%s costs %g bytes, its outputs alone are %g", oc.name, cost.bytes, moved);
    ck_assert_msg(cost.flops >= 0, "%s costs %g flops", oc.name, cost.flops);
}
END_TEST

START_TEST(every_kernel_agrees_with_the_reference_and_with_itself)
{
    vn_op_case oc;
    find(launched, _i, &oc);
    vn_check_kernels(&oc);
}
END_TEST

static bool small_on_device(const vn_op_case *oc)
{
    return launched(oc) && small(oc);
}

START_TEST(every_kernel_of_the_device_agrees_with_the_reference)
{
    vn_op_case oc;
    find(small_on_device, _i, &oc);
    vn_device *dev = vn_test_device_open();
    int n = vn_check_on_device(&oc, dev);
    bool some = *vn_kernels_of(dev, oc.op) != NULL; /* an op without kernels is told by vane ops */
    ck_assert_msg(n > 0 || !some, "%s the device has kernels for the op, but none takes it", oc.name);
    vn_device_close(dev);
}
END_TEST

START_TEST(a_gradient_agrees_with_central_differences)
{
    vn_op_case oc;
    find(differentiated, _i, &oc);
    vn_check_gradient(&oc);
}
END_TEST

/* Inputs of differentiable ops that are data and get no gradient (ops.def says so), by bit. */
static const uint32_t data_inputs[VN_OP_COUNT] = {
    [VN_OP_LOSS] = 0x1e,   /* y, mask, weight, scale */
    [VN_OP_QLOSS] = 0x1e,  /* y, mask, weight, q */
    [VN_OP_NLL] = 0x3e,    /* y, mask, weight, location, scale */
    [VN_OP_SCALE] = 0xe,   /* mask, location, scale */
    [VN_OP_UNSCALE] = 0x6, /* location, scale */
    [VN_OP_ATTENTION] = 0x8, /* mask */
    [VN_OP_EMBEDDING] = 0x1, /* codes */
};

START_TEST(every_op_has_cases_of_every_kind)
{
    for (int op = 1; op < VN_OP_COUNT; op++) {
        const vn_op_info *info = vn_op_about((vn_op)op);
        int takes = 0, refuses = 0;
        uint32_t diff = data_inputs[op];
        for (const vn_case *c = tables[op]; c->name; c++) {
            takes += !c->reject;
            refuses += c->reject != NULL;
            diff |= c->diff;
        }
        uint32_t all = ((uint32_t)1 << info->n_in) - 1;
        ck_assert_msg(takes > 0 && refuses > 0, "%s: %d cases accepted, %d refused", info->name,
                      takes, refuses);
        ck_assert_msg(!vn_op_def_of((vn_op)op)->grad || diff == all,
                      "%s: inputs 0x%x are differentiated, expected 0x%x", info->name, diff, all);
    }
}
END_TEST

static void add(Suite *s, const char *name, const TTest *test, choice chosen)
{
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, TIMEOUT_S);
    tcase_add_loop_test(tc, test, 0, count_of(chosen));
    suite_add_tcase(s, tc);
}

Suite *vn_suite_ops(void)
{
    Suite *s = suite_create("ops");
    TCase *tables_tc = tcase_create("tables");
    tcase_add_test(tables_tc, every_op_has_cases_of_every_kind);
    suite_add_tcase(s, tables_tc);
    add(s, "refused", a_shape_rule_refuses_with_the_promised_words, refused);
    add(s, "accepted", a_shape_rule_accepts_and_costs_what_it_must_move, accepted);
    add(s, "kernels", every_kernel_agrees_with_the_reference_and_with_itself, launched);
    add(s, "gradients", a_gradient_agrees_with_central_differences, differentiated);
    return s;
}

Suite *vn_suite_ops_device(void)
{
    Suite *s = suite_create("ops_device");
    if (vn_test_device())
        add(s, "kernels", every_kernel_of_the_device_agrees_with_the_reference, small_on_device);
    return s;
}

/* Chains of steps that lanes walk by rows: where they form, that nobody waits inside one, and what
 * ends one. */
#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "device/device.h"
#include "graph/build.h"
#include "kernels_cpu/chain.h"
#include "kernels_cpu/cpu.h"
#include "tests/graph/kit.h"

enum { ROWS = 2 * VN_CHAIN_ROWS, COLS = 4, CELLS = ROWS * COLS };

typedef struct rig {
    vn_device *dev;
    vn_stream *stream;
    vn_exec *exec;
} rig;

static rig record(const vn_step *steps, int n)
{
    rig r;
    vn_device_config config = { 2, "" };
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &r.dev), VN_OK);
    ck_assert_int_eq(vn_stream_open(r.dev, &r.stream), VN_OK);
    ck_assert_int_eq(vn_record(r.stream, steps, n, 1e9, &r.exec), VN_OK);
    return r;
}

static void close_rig(rig *r)
{
    vn_exec_drop(r->stream, r->exec);
    vn_stream_close(r->stream);
    vn_device_close(r->dev);
}

static vn_tensor matrix(float *data, int64_t rows, int64_t cols)
{
    return (vn_tensor){ data, VN_F32, 2, { rows, cols } };
}

static vn_step step_of(const vn_kernel *kernel, vn_op op, float *x, float *y)
{
    return (vn_step){ kernel,
                      { .op = op,
                        .n_in = 1,
                        .n_out = 1,
                        .in = { matrix(x, ROWS, COLS) },
                        .out = { matrix(y, ROWS, COLS) } } };
}

/* ---- who waits ---- */

static atomic_int first_done, second_done; /* rows */
static atomic_bool waited_in_vain, early;

/* The last rows of the first step are not done before the second step is done with the first rows.
 */
static void first_step(const vn_call *c, vn_stream *s)
{
    (void)s;
    const float *x = c->in[0].data;
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    while (*x > 0 && !atomic_load(&second_done) && !atomic_load(&waited_in_vain)) {
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > from.tv_sec + 20) atomic_store(&waited_in_vain, true);
    }
    atomic_fetch_add(&first_done, (int)c->out[0].dim[0]);
}

static void second_step(const vn_call *c, vn_stream *s)
{
    const vn_lane *lane = vn_cpu_lane(s);
    if (atomic_load(&first_done) < ROWS) atomic_store(&early, true);
    atomic_fetch_add(&second_done, lane->size > 1 ? ROWS / lane->size : (int)c->out[0].dim[0]);
}

static const vn_kernel first_kernel = { "first", 0, NULL, NULL, first_step };
static const vn_kernel second_kernel = { "second", 0, NULL, NULL, second_step };

static void run_pair(vn_op second, float *x, float *y, float *z)
{
    vn_step steps[] = { step_of(&first_kernel, VN_OP_UNARY, x, y),
                        step_of(&second_kernel, second, y, z) };
    rig r = record(steps, 2);
    atomic_store(&first_done, 0);
    atomic_store(&second_done, 0);
    atomic_store(&waited_in_vain, false);
    atomic_store(&early, false);
    ck_assert_int_eq(vn_replay(r.stream, r.exec, 0, 2), VN_OK);
    ck_assert(!atomic_load(&waited_in_vain));
    ck_assert_int_eq(atomic_load(&second_done), ROWS);
    ck_assert_int_eq(vn_exec_chosen(r.stream, r.exec, 0) != NULL, second == VN_OP_UNARY);
    close_rig(&r);
}

START_TEST(a_lane_goes_on_while_another_is_still_at_the_step_before)
{
    float x[CELLS] = { 0 }, y[CELLS], z[CELLS];
    for (int i = CELLS / 2; i < CELLS; i++) x[i] = 1;
    run_pair(VN_OP_UNARY, x, y, z);
    ck_assert(atomic_load(&early));
    memset(x, 0, sizeof x); /* nobody waits for whom it would hold up */
    run_pair(VN_OP_SUMTO, x, y, z);
    ck_assert(!atomic_load(&early));
}
END_TEST

/* ---- what ends a chain ---- */

static void nothing(const vn_call *c, vn_stream *s)
{
    (void)c, (void)s;
}
static const char *not_one_row(const vn_call *c)
{
    return c->out[0].dim[0] == 1 ? "one row" : NULL;
}
static vn_scratch shared_scratch(const vn_call *c)
{
    (void)c;
    return (vn_scratch){ 64, 0 };
}
static size_t keep_some(const vn_call *c)
{
    return c->fixed ? 64 : 0;
}
static const vn_kernel plain = { "plain", 0, NULL, NULL, nothing };
static const vn_kernel meeting = { "meeting", 0, NULL, NULL, nothing, true };
static const vn_kernel whole = { "whole", 0, not_one_row, NULL, nothing };
static const vn_kernel sharing = { "sharing", 0, NULL, shared_scratch, nothing };
static const vn_kernel keeping = { "keeping",        0, NULL, NULL, nothing, .keep = keep_some,
                                   .settle = nothing };

/* Is the second of two steps in one chain with the first? */
static bool joins(vn_step a, vn_step b)
{
    vn_step steps[] = { a, b };
    vn_link link[2];
    vn_chain_find(steps, 2, 2, link);
    ck_assert_int_eq(link[0].last - link[0].first, link[1].last - link[1].first);
    return link[0].last == 2;
}

START_TEST(steps_join_only_where_lanes_keep_to_their_rows)
{
    float m[4 * CELLS];
    float *x = m, *y = m + CELLS, *z = m + 2 * CELLS;
    vn_step first = step_of(&plain, VN_OP_UNARY, x, y), next = step_of(&plain, VN_OP_UNARY, y, z);
    ck_assert(joins(first, next));
    ck_assert(joins(first, step_of(&plain, VN_OP_UNARY, y, y)));
    ck_assert(joins(first, step_of(&plain, VN_OP_UNARY, y, x)));
    ck_assert(!joins(first, step_of(&meeting, VN_OP_UNARY, y, z)));
    ck_assert(!joins(first, step_of(&whole, VN_OP_UNARY, y, z)));
    ck_assert(!joins(first, step_of(&sharing, VN_OP_UNARY, y, z)));
    ck_assert(!joins(first, step_of(&plain, VN_OP_SUMTO, y, z)));
    ck_assert(!joins(first, step_of(&plain, VN_OP_DROPOUT, y, z)));
    /* a row further on: a lane ahead would read, or overwrite, what another has not done with */
    ck_assert(!joins(first, step_of(&plain, VN_OP_UNARY, y + COLS, z)));
    ck_assert(!joins(first, step_of(&plain, VN_OP_UNARY, y, x + COLS)));
    ck_assert(!joins(first, step_of(&plain, VN_OP_UNARY, z, y - COLS)));
    /* the same place, other rows */
    vn_step wide = next;
    wide.call.out[0] = matrix(x, ROWS, 2 * COLS);
    ck_assert(!joins(first, wide));
    vn_step members = first;
    members.members = 2;
    ck_assert(!joins(members, next));
    vn_step few = next;
    few.call.in[0].dim[0] = few.call.out[0].dim[0] = ROWS - 2;
    ck_assert(!joins(few, few));
}
END_TEST

/* y = x w^T, with a w that is kept, is not, or is what the step before made. */
START_TEST(products_join_where_their_weights_are_kept)
{
    float m[4 * CELLS], w[COLS * COLS];
    vn_attr_linear attr = { VN_UNARY_NONE, 0 };
    vn_step first = step_of(&plain, VN_OP_UNARY, m, m + CELLS);
    vn_step layer = step_of(&keeping, VN_OP_LINEAR, m + CELLS, m + 2 * CELLS);
    layer.call.attr = &attr;
    layer.call.n_in = 3;
    layer.call.in[1] = matrix(w, COLS, COLS);
    ck_assert(!joins(first, layer));
    layer.call.fixed = 2;
    ck_assert(joins(first, layer));
    layer.call.in[1].data = m + CELLS; /* read whole: another lane's rows too */
    ck_assert(!joins(first, layer));
}
END_TEST

/* A gradient of a weight is a sum over all rows; that of an input is not. */
START_TEST(products_over_the_batch_are_not_divided)
{
    vn_attr_matmul attr = { 1, 0, 0 };
    vn_call c = { .op = VN_OP_MATMUL,
                  .n_in = 2,
                  .n_out = 1,
                  .attr = &attr,
                  .in = { matrix(NULL, ROWS, ROWS), matrix(NULL, ROWS, ROWS) },
                  .out = { matrix(NULL, ROWS, ROWS) } };
    ck_assert_int_eq(vn_rows_of(&c).n, 0);
    attr.ta = 0;
    ck_assert_int_eq(vn_rows_of(&c).n, ROWS);
    ck_assert_uint_eq(vn_rows_of(&c).divided, 1);
    vn_attr_perm perm = { { 1, 0 } };
    c = (vn_call){ .op = VN_OP_PERMUTE,
                   .n_in = 1,
                   .n_out = 1,
                   .attr = &perm,
                   .in = { matrix(NULL, ROWS, ROWS) },
                   .out = { matrix(NULL, ROWS, ROWS) } };
    ck_assert_int_eq(vn_rows_of(&c).n, 0);
    static const vn_op never[] = { VN_OP_LOSS,           VN_OP_GRADNORM,   VN_OP_ADAM,
                                   VN_OP_CONV1D_GRAD,    VN_OP_TAU,        VN_OP_EMBEDDING_GRAD,
                                   VN_OP_LAYERNORM_GRAD, VN_OP_LSTM_SAMPLE };
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        c.op = never[i];
        ck_assert_int_eq(vn_rows_of(&c).n, 0);
    }
}
END_TEST

/* ---- plans ---- */

/* Residual blocks of layers of different widths, as N-HiTS has them. */
static vn_val network(vn_graph *g, vn_val x)
{
    static const char *const name[] = { "a", "b", "c" };
    for (int i = 0; i < 3; i++) {
        char path[16];
        snprintf(path, sizeof path, "%s/in", name[i]);
        vn_val h = vn_dense(g, path, vn_apply(g, VN_UNARY_TANH, x), 72 + 8 * i, VN_UNARY_RELU);
        snprintf(path, sizeof path, "%s/out", name[i]);
        x = vn_sub(g, x, vn_dense(g, path, h, 40, VN_UNARY_NONE));
    }
    return x;
}

/* Steps of the plan from which lanes walk on. */
static int walks(const kit *k)
{
    vn_text out = { 0 };
    int n = 0;
    vn_plan_dump(k->plan, true, &out);
    for (const char *at = out.s; (at = strstr(at, "walking on to")); at++) n++;
    vn_text_close(&out);
    return n;
}

/* As a run, and step by step, which no chain is. */
START_TEST(a_forecast_meets_once_and_has_the_same_bits)
{
    kit k;
    enum { N = 70 };
    kit_open(&k, VN_F32);
    vn_val x = vn_input(k.g, "x", VN_F32, VN_DIMS(N, 40)), y = vn_output(k.g, network(k.g, x));
    kit_plan(&k);
    vn_plan_info info;
    vn_plan_about(k.plan, &info);
    ck_assert_int_eq(info.n_steps, 12);
    ck_assert_int_eq(walks(&k), info.n_steps - 1);
    float *in = vn_plan_feed(k.plan, x), got[N * 40];
    for (int i = 0; i < N * 40; i++) in[i] = (float)(i % 97) / 48 - 1;
    ck_assert_int_eq(vn_plan_run(k.plan), VN_OK);
    memcpy(got, vn_plan_read(k.plan, y), sizeof got);
    ck_assert(got[0] != 0);
    memset((void *)(uintptr_t)vn_plan_read(k.plan, y), 0xff, sizeof got);
    char where[128];
    ck_assert_int_eq(vn_plan_hunt(k.plan, 0, 1, where, sizeof where), VN_OK);
    ck_assert_str_eq(where, "");
    ck_assert(!memcmp(got, vn_plan_read(k.plan, y), sizeof got));
    for (int threads = 1; threads <= 3; threads += 2) {
        vn_device_config config = { .threads = threads };
        vn_plan_config c = { .seed = 1, .version = &k.params->version };
        vn_plan *other;
        memcpy(c.home, k.home, sizeof c.home);
        ck_assert_int_eq(vn_device_open("cpu", 0, &config, &c.dev), VN_OK);
        ck_assert_int_eq(vn_plan_make(k.g, &c, &other), VN_OK);
        memcpy(vn_plan_feed(other, x), in, N * 40 * sizeof *in);
        ck_assert_int_eq(vn_plan_run(other), VN_OK);
        ck_assert(!memcmp(got, vn_plan_read(other, y), sizeof got));
        vn_plan_close(other);
        vn_device_close(c.dev);
    }
    kit_close(&k);
}
END_TEST

Suite *vn_suite_chain(void);

Suite *vn_suite_chain(void)
{
    Suite *suite = suite_create("chain");
    TCase *c = tcase_create("chain");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_lane_goes_on_while_another_is_still_at_the_step_before);
    tcase_add_test(c, steps_join_only_where_lanes_keep_to_their_rows);
    tcase_add_test(c, products_join_where_their_weights_are_kept);
    tcase_add_test(c, products_over_the_batch_are_not_divided);
    tcase_add_test(c, a_forecast_meets_once_and_has_the_same_bits);
    suite_add_tcase(suite, c);
    return suite;
}

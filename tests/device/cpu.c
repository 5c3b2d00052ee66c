/* The CPU backend: its lists, what selection says of them, record and replay. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "device/device.h"
#include "kernels_cpu/cpu.h"

typedef struct rig {
    vn_device *dev;
    vn_stream *stream;
} rig;

static rig open_rig(int threads, const char *level)
{
    rig r;
    vn_device_config config = { threads, level };
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &r.dev), VN_OK);
    ck_assert_int_eq(vn_stream_open(r.dev, &r.stream), VN_OK);
    return r;
}

static void close_rig(rig *r)
{
    vn_stream_close(r->stream);
    vn_device_close(r->dev);
}

START_TEST(every_op_ends_with_reference_kernels_of_both_types)
{
    rig r = open_rig(1, "");
    for (int op = VN_OP_NONE + 1; op < VN_OP_COUNT; op++) {
        const vn_op_info *about = vn_op_about((vn_op)op);
        const vn_kernel *const *list = vn_kernels_of(r.dev, (vn_op)op);
        int n = 0;
        for (; list[n]; n++)
            ck_assert_int_eq(strncmp(list[n]->name, about->name, strlen(about->name)), 0);
        ck_assert_int_eq(n == 0, about->view);
        if (!n) continue;
        ck_assert_int_ge(n, 2);
        ck_assert_ptr_nonnull(strstr(list[n - 2]->name, "_f32_ref"));
        ck_assert_ptr_nonnull(strstr(list[n - 1]->name, "_f64_ref"));
        ck_assert_uint_eq(list[n - 2]->need | list[n - 1]->need, 0);
    }
    close_rig(&r);
}
END_TEST

/* y [2, 3] = x [2, 4] w [3, 4]^T */
static vn_call linear_call(vn_dtype type, const vn_attr_linear *attr)
{
    return (vn_call){ .op = VN_OP_LINEAR,
                      .n_in = 3,
                      .n_out = 1,
                      .attr = attr,
                      .in = { { NULL, type, 2, { 2, 4 } }, { NULL, type, 2, { 3, 4 } } },
                      .out = { { NULL, type, 2, { 2, 3 } } } };
}

START_TEST(selection_names_the_missing_instruction_set)
{
    rig r = open_rig(1, "generic");
    vn_attr_linear attr = { VN_UNARY_NONE };
    vn_call call = linear_call(VN_F32, &attr);
    vn_text why = { 0 };
    const vn_kernel *chosen = vn_select(r.dev, &call, &why);
    ck_assert_ptr_nonnull(chosen);
    ck_assert_str_eq(chosen->name, "linear_f32_generic");
#if defined(__x86_64__)
    ck_assert_ptr_nonnull(strstr(why.s, "linear_f32_avx512: needs avx2, avx512\n"));
    ck_assert_ptr_nonnull(strstr(why.s, "linear_f32_avx2: needs avx2\n"));
#endif
    vn_text_close(&why);
    close_rig(&r);
}
END_TEST

START_TEST(selection_quotes_why_a_kernel_is_unfit)
{
    rig r = open_rig(1, "generic");
    vn_attr_linear attr = { VN_UNARY_NONE };
    vn_call call = linear_call(VN_F64, &attr);
    vn_text why = { 0 };
    const vn_kernel *chosen = vn_select(r.dev, &call, &why);
    ck_assert_ptr_nonnull(chosen);
    ck_assert_str_eq(chosen->name, "linear_f64_ref");
    ck_assert_ptr_nonnull(strstr(why.s, "linear_f32_generic: numbers are not f32\n"));
    vn_text_close(&why);
    call.op = VN_OP_RESHAPE;
    ck_assert_ptr_null(vn_select(r.dev, &call, NULL));
    close_rig(&r);
}
END_TEST

/* Kernels of our own: each lane notes that it ran, with what size, and what scratch it saw. */
enum { LANES = 3, OWN_BYTES = 100, SHARED_BYTES = 1000 };

typedef struct notes {
    int runs, size;
    bool aligned, kept;
    char pad[48];
} notes;

static vn_scratch note_scratch(const vn_call *c)
{
    (void)c;
    return (vn_scratch){ SHARED_BYTES, OWN_BYTES };
}

/* Every lane fills its own scratch, then all compare: overlapping blocks would show. */
static void note(const vn_call *c, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    notes *n = (notes *)c->out[0].data + lane->rank;
    char *own = vn_cpu_scratch(s), *shared = c->scratch;
    n->runs++;
    n->size = lane->size;
    n->aligned = (uintptr_t)own % 64 == 0 && (uintptr_t)shared % 64 == 0;
    memset(own, lane->rank + 1, OWN_BYTES);
    if (lane->rank == 0) memset(shared, 77, SHARED_BYTES);
    vn_team_meet(lane);
    n->kept = true;
    for (int i = 0; i < OWN_BYTES; i++) n->kept = n->kept && own[i] == lane->rank + 1;
    for (int i = 0; i < SHARED_BYTES; i++) n->kept = n->kept && shared[i] == 77;
}

static const vn_kernel note_kernel = { "note", 0, NULL, note_scratch, note, true };

static vn_step note_step(notes *n)
{
    return (vn_step){ &note_kernel, { .op = VN_OP_UNARY, .n_out = 1, .out = { { n, VN_F32 } } } };
}

START_TEST(replay_gives_every_lane_scratch_of_its_own)
{
    rig r = open_rig(LANES, "");
    notes n[LANES] = { { 0 } };
    vn_step step = note_step(n);
    vn_exec *exec;
    ck_assert_int_eq(vn_record(r.stream, &step, 1, 1e9, &exec), VN_OK);
    for (int i = 0; i < 10; i++) ck_assert_int_eq(vn_replay(r.stream, exec, 0, 1), VN_OK);
    for (int i = 0; i < LANES; i++) {
        ck_assert_int_eq(n[i].runs, 10);
        ck_assert_int_eq(n[i].size, LANES);
        ck_assert(n[i].aligned);
        ck_assert(n[i].kept);
    }
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

START_TEST(a_small_plan_runs_on_one_lane)
{
    rig r = open_rig(LANES, "");
    notes n[LANES] = { { 0 } };
    vn_step step = note_step(n);
    vn_exec *exec;
    ck_assert_int_eq(vn_record(r.stream, &step, 1, 1000, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 0, 1), VN_OK);
    ck_assert_int_eq(n[0].size, 1);
    ck_assert_int_eq(n[1].runs + n[2].runs, 0);
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

/* A chain of steps; every third is small. */
enum { CHAIN = 12 };

/* Adds up what the step before left, whoever computed it. */
static void sum_before(const vn_call *c, vn_stream *s)
{
    const vn_lane *lane = vn_cpu_lane(s);
    const int64_t *before = c->in[0].data;
    int64_t *out = c->out[0].data, sum = 1;
    for (int i = 0; i < LANES && before; i++) sum += before[i * 8];
    for (int i = lane->rank; i < LANES; i += lane->size) out[i * 8] = sum;
}

START_TEST(steps_see_what_those_before_wrote_shared_or_small)
{
    static const vn_kernel kernel = { "sum", 0, NULL, NULL, sum_before };
    rig r = open_rig(LANES, "");
    int64_t cell[CHAIN][LANES * 8], expect = 0;
    vn_step steps[CHAIN];
    vn_exec *exec;
    for (int i = 0; i < CHAIN; i++)
        steps[i] = (vn_step){ &kernel,
                              { .op = VN_OP_UNARY, .n_in = 1, .n_out = 1,
                                .in = { { i ? cell[i - 1] : NULL, VN_F32 } },
                                .out = { { cell[i], VN_F32 } } },
                              .flops = i % 3 ? 1e9 : 1 };
    ck_assert_int_eq(vn_record(r.stream, steps, CHAIN, 1e9, &exec), VN_OK);
    for (int i = 0; i < CHAIN; i++) expect = 1 + LANES * expect;
    for (int repeat = 0; repeat < 2000; repeat++) {
        memset(cell, 0, sizeof cell);
        ck_assert_int_eq(vn_replay(r.stream, exec, 0, CHAIN), VN_OK);
        for (int i = 0; i < LANES; i++) ck_assert_int_eq(cell[CHAIN - 1][i * 8], expect);
    }
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

START_TEST(a_part_of_a_recording_runs_alone)
{
    rig r = open_rig(2, "");
    notes n[4][LANES] = { { { 0 } } };
    vn_step steps[4];
    for (int i = 0; i < 4; i++) steps[i] = note_step(n[i]);
    vn_exec *exec;
    ck_assert_int_eq(vn_record(r.stream, steps, 4, 1e9, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 1, 3), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 2, 4), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 2, 2), VN_OK);
    const int expect[4] = { 0, 1, 2, 1 };
    for (int i = 0; i < 4; i++) ck_assert_int_eq(n[i][0].runs, expect[i]);
    ck_assert_int_eq(vn_replay(r.stream, exec, 0, 5), VN_E_BUG);
    ck_assert_int_eq(vn_replay(r.stream, exec, -1, 1), VN_E_BUG);
    ck_assert_int_eq(vn_replay(r.stream, exec, 3, 1), VN_E_BUG);
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

START_TEST(replay_allocates_nothing)
{
    rig r = open_rig(2, "");
    notes n[LANES] = { { 0 } };
    vn_step step = note_step(n);
    vn_exec *exec;
    ck_assert_int_eq(vn_record(r.stream, &step, 1, 1e9, &exec), VN_OK);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    for (int i = 0; i < 100; i++) ck_assert_int_eq(vn_replay(r.stream, exec, 0, 1), VN_OK);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

START_TEST(recording_survives_every_failed_allocation)
{
    rig r = open_rig(2, "");
    notes n[LANES] = { { 0 } };
    vn_step step = note_step(n);
    int tries = 1;
    for (vn_status st = VN_E_MEMORY; st; tries++) {
        vn_exec *exec;
        vn_fault_arm(VN_FAULT_ALLOC, tries);
        st = vn_record(r.stream, &step, 1, 1e9, &exec);
        ck_assert(st == VN_OK || st == VN_E_MEMORY);
        ck_assert_int_eq(exec == NULL, st != VN_OK);
        ck_assert_int_lt(tries, 50);
        vn_exec_drop(r.stream, exec);
    }
    vn_fault_arm(VN_FAULT_ALLOC, 0);
    ck_assert_int_gt(tries, 3); /* the steps, the shared scratch and the lanes' */
    close_rig(&r);
}
END_TEST

START_TEST(a_step_without_a_kernel_is_a_bug)
{
    rig r = open_rig(1, "");
    vn_step step = { NULL, { .op = VN_OP_LINEAR } };
    vn_exec *exec;
    ck_assert_int_eq(vn_record(r.stream, &step, 1, 0, &exec), VN_E_BUG);
    ck_assert_ptr_nonnull(strstr(vn_last_message(), "linear"));
    ck_assert_int_eq(vn_record(r.stream, NULL, 0, 0, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 0, 0), VN_OK);
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}
END_TEST

/* exp of n numbers, or their sum with themselves, by the fastest kernel of two lanes. */
static void map_all(vn_op op, float *x, float *y, int64_t n)
{
    rig r = open_rig(2, "");
    vn_attr_unary unary = { VN_UNARY_EXP };
    vn_attr_binary binary = { VN_BINARY_ADD };
    vn_step step = { NULL, { .op = op, .n_in = op == VN_OP_BINARY ? 2 : 1, .n_out = 1 } };
    vn_exec *exec;
    step.call.attr = op == VN_OP_BINARY ? (const void *)&binary : &unary;
    for (int i = 0; i < step.call.n_in; i++) step.call.in[i] = (vn_tensor){ x, VN_F32, 1, { n } };
    step.call.out[0] = (vn_tensor){ y, VN_F32, 1, { n } };
    step.kernel = vn_select(r.dev, &step.call, NULL);
    ck_assert_int_eq(vn_record(r.stream, &step, 1, 1e9, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(r.stream, exec, 0, 1), VN_OK);
    vn_exec_drop(r.stream, exec);
    close_rig(&r);
}

START_TEST(results_past_the_caches_are_the_same)
{
    const int64_t n = ((int64_t)8 << 20) + 5;
    float *block = vn_alloc_aligned((size_t)(2 * n + 64) * sizeof *block, 64);
    float *y = block, *x = block + n + 32; /* y at a whole vector */
    float *other = vn_alloc_aligned((size_t)(n + 64) * sizeof *other, 64);
    static const vn_op ops[] = { VN_OP_UNARY, VN_OP_BINARY };
    ck_assert(block && other);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(i % 4099) / 64 - 32;
    for (int k = 0; k < 2; k++) {
        y[n] = other[n + 1] = -1;
        map_all(ops[k], x, y, n);
        map_all(ops[k], x, other + 1, n); /* at none: through the caches */
        ck_assert(!memcmp(y, other + 1, (size_t)n * sizeof *y));
        ck_assert(y[0] != 0 && y[n] == -1 && other[n + 1] == -1);
        float want = k ? 2 * x[n - 1] : expf(x[n - 1]);
        ck_assert_float_eq_tol(y[n - 1], want, 1e-6f * want);
    }
    vn_free_aligned(block, (size_t)(2 * n + 64) * sizeof *block);
    vn_free_aligned(other, (size_t)(n + 64) * sizeof *other);
}
END_TEST

Suite *vn_suite_cpu(void);

Suite *vn_suite_cpu(void)
{
    Suite *suite = suite_create("cpu");
    TCase *c = tcase_create("cpu");
    tcase_add_test(c, every_op_ends_with_reference_kernels_of_both_types);
    tcase_add_test(c, selection_names_the_missing_instruction_set);
    tcase_add_test(c, selection_quotes_why_a_kernel_is_unfit);
    tcase_add_test(c, replay_gives_every_lane_scratch_of_its_own);
    tcase_add_test(c, a_small_plan_runs_on_one_lane);
    tcase_add_test(c, a_part_of_a_recording_runs_alone);
    tcase_add_test(c, steps_see_what_those_before_wrote_shared_or_small);
    tcase_add_test(c, replay_allocates_nothing);
    tcase_add_test(c, recording_survives_every_failed_allocation);
    tcase_add_test(c, a_step_without_a_kernel_is_a_bug);
    tcase_add_test(c, results_past_the_caches_are_the_same);
    suite_add_tcase(suite, c);
    return suite;
}

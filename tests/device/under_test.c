/* The backend of the device under test (VANE_TEST_DEVICE): memory, streams, recordings, and what it
 * says when something is missing. Nothing runs where no device is named. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "graph/build.h"
#include "graph/plan/plan.h"
#include "tests/ops/device.h"

static int64_t free_bytes(vn_device *dev)
{
    vn_device_info info;
    vn_device_about(dev, &info);
    return info.free_bytes;
}

static bool emulated(void)
{
    vn_device *dev = vn_test_device_open();
    vn_device_info info;
    vn_device_about(dev, &info);
    vn_device_close(dev);
    return strstr(info.name, "emulated") != NULL;
}

/* y = 2 x + 1 of n numbers of a block, from one half to the other. */
static vn_call affine_call(float *block, int64_t n, const vn_attr_affine *attr)
{
    return (vn_call){ .op = VN_OP_AFFINE,
                      .n_in = 1,
                      .n_out = 1,
                      .attr = attr,
                      .in = { { block, VN_F32, 1, { n } } },
                      .out = { { block + n, VN_F32, 1, { n } } } };
}

START_TEST(memory_is_aligned_zero_and_given_back)
{
    vn_device *dev = vn_test_device_open();
    vn_stream *s;
    void *block, *none, *pinned;
    char back[1000];
    int64_t before = free_bytes(dev);
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, sizeof back, &block), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, 0, &none), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_PINNED, sizeof back, &pinned), VN_OK);
    ck_assert_ptr_nonnull(none);
    ck_assert_uint_eq((uintptr_t)block % 256, 0);
    memset(back, 1, sizeof back);
    ck_assert_int_eq(vn_stream_copy(s, back, block, sizeof back, VN_TO_HOST), VN_OK);
    ck_assert_int_eq(vn_stream_wait(s), VN_OK);
    for (size_t i = 0; i < sizeof back; i++) ck_assert(back[i] == 0 && ((char *)pinned)[i] == 0);
    vn_device_free(dev, VN_MEM_DEVICE, block, sizeof back);
    vn_device_free(dev, VN_MEM_DEVICE, none, 0);
    vn_device_free(dev, VN_MEM_PINNED, pinned, sizeof back);
    vn_stream_close(s);
    ck_assert_int_eq(free_bytes(dev), before);
    vn_device_close(dev);
}
END_TEST

/* Three steps replay as one graph, parts of them as another or as launches; the same numbers either way. */
START_TEST(a_recording_replays_whole_and_in_parts)
{
    enum { N = 100 };
    vn_device *dev = vn_test_device_open();
    vn_stream *s;
    vn_exec *exec;
    void *block;
    float host[4 * N];
    vn_attr_affine attr = { 2, 1 };
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, sizeof host, &block), VN_OK);
    vn_step steps[3] = { { NULL } };
    for (int i = 0; i < 3; i++) {
        steps[i].call = affine_call((float *)block + i * N, N, &attr);
        steps[i].kernel = vn_select(dev, &steps[i].call, NULL);
    }
    ck_assert_msg(vn_record(s, steps, 3, 0, &exec) == VN_OK, "%s", vn_last_message());
    for (int i = 0; i < N; i++) host[i] = (float)i;
    ck_assert_int_eq(vn_stream_copy(s, block, host, sizeof host, VN_TO_DEVICE), VN_OK);
    for (int way = 0; way < 4; way++) {
        int cut = way == 0 ? 2 : way == 3 ? 1 : 3; /* the whole after a part that begins with it */
        ck_assert_int_eq(vn_stream_fill(s, (float *)block + N, 0, 3 * N * sizeof *host), VN_OK);
        ck_assert_int_eq(vn_replay(s, exec, 0, cut), VN_OK);
        if (cut < 3) ck_assert_int_eq(vn_replay(s, exec, cut, 3), VN_OK);
        ck_assert_int_eq(vn_stream_copy(s, host, block, sizeof host, VN_TO_HOST), VN_OK);
        ck_assert_int_eq(vn_stream_wait(s), VN_OK);
        for (int i = 0; i < N; i++) ck_assert_float_eq(host[3 * N + i], 8 * (float)i + 7);
    }
    ck_assert_int_eq(vn_replay(s, exec, 1, 4), VN_E_BUG);
    vn_exec_drop(s, exec);
    vn_device_free(dev, VN_MEM_DEVICE, block, sizeof host);
    vn_stream_close(s);
    vn_device_close(dev);
}
END_TEST

/* More steps than a stream has marks. The emulated GPU's clock is its own: the same times again, 1 us a
 * launch and 1 ns a warp; the host's would be some ten times that, and never the same. */
START_TEST(steps_are_timed_by_the_devices_clock)
{
    enum { STEPS = VN_MARKS + 9 };
    vn_device *dev = vn_test_device_open();
    vn_plan_config config = { .dev = dev };
    vn_params *params;
    vn_graph *g;
    vn_plan *plan;
    double us[STEPS], again[STEPS];
    bool own_clock = emulated();
    ck_assert_int_eq(vn_params_open(&params), VN_OK);
    ck_assert_int_eq(vn_graph_open(VN_F32, params, &g), VN_OK);
    vn_val v = vn_input(g, "x", VN_F32, VN_DIMS(1000));
    for (int i = 0; i < STEPS; i++) v = vn_affine(g, v, 1, 1);
    vn_output(g, v);
    ck_assert_msg(vn_plan_make(g, &config, &plan) == VN_OK, "%s", vn_last_message());
    ck_assert_int_eq(vn_plan_time(plan, 0.01, us), VN_OK);
    ck_assert_int_eq(vn_plan_time(plan, 0.01, again), VN_OK);
    for (int i = 0; i < STEPS; i++) {
        ck_assert(us[i] > 0 && us[i] < 1e5);
        if (!own_clock) continue;
        ck_assert_double_eq_tol(us[i], 1.008, 1e-4);
        ck_assert_double_eq_tol(us[i], again[i], 1e-4);
    }
    vn_plan_close(plan);
    vn_graph_close(g);
    vn_params_close(params);
    vn_device_close(dev);
}
END_TEST

/* Pinned memory is written behind the host's back. */
START_TEST(a_wait_ends_what_was_begun)
{
    vn_device *dev = vn_test_device_open();
    vn_stream *s;
    void *block, *pinned;
    ck_assert_int_eq(vn_stream_open(dev, &s), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, sizeof(int), &block), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_PINNED, sizeof(int), &pinned), VN_OK);
    for (int i = 1; i <= 50; i++) {
        ck_assert_int_eq(vn_stream_fill(s, block, i, sizeof(int)), VN_OK);
        ck_assert_int_eq(vn_stream_copy(s, pinned, block, sizeof(int), VN_TO_HOST), VN_OK);
        ck_assert_int_eq(vn_stream_wait(s), VN_OK);
        ck_assert_int_eq(*(int *)pinned, i * 0x01010101);
    }
    vn_stream_close(s);
    vn_device_free(dev, VN_MEM_DEVICE, block, sizeof(int));
    vn_device_free(dev, VN_MEM_PINNED, pinned, sizeof(int));
    vn_device_close(dev);
}
END_TEST

START_TEST(a_stream_waits_for_another)
{
    vn_device *dev = vn_test_device_open();
    vn_stream *a, *b;
    void *block;
    int host[2] = { 0, 0 };
    ck_assert_int_eq(vn_stream_open(dev, &a), VN_OK);
    ck_assert_int_eq(vn_stream_open(dev, &b), VN_OK);
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, sizeof host, &block), VN_OK);
    for (int i = 1; i <= 50; i++) {
        ck_assert_int_eq(vn_stream_fill(a, block, i, sizeof host), VN_OK);
        ck_assert_int_eq(vn_stream_after(b, a), VN_OK);
        ck_assert_int_eq(vn_stream_copy(b, host, block, sizeof host, VN_TO_HOST), VN_OK);
        ck_assert_int_eq(vn_stream_wait(b), VN_OK);
        ck_assert_int_eq(host[1], i * 0x01010101);
    }
    vn_stream_close(a);
    vn_stream_close(b);
    vn_device_free(dev, VN_MEM_DEVICE, block, sizeof host);
    vn_device_close(dev);
}
END_TEST

START_TEST(too_much_memory_is_refused_with_what_is_free)
{
    vn_device *dev = vn_test_device_open();
    void *block;
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, (size_t)1 << 45, &block), VN_E_MEMORY);
    ck_assert_ptr_null(block);
    ck_assert_msg(strstr(vn_last_message(), "MB are free"), "%s", vn_last_message());
    ck_assert_int_eq(vn_device_alloc(dev, VN_MEM_DEVICE, 1000, &block), VN_OK); /* none the worse */
    vn_device_free(dev, VN_MEM_DEVICE, block, 1000);
    vn_device_close(dev);
}
END_TEST

/* What the machine must look like, and what is said of it. */
static const struct {
    const char *variable, *value, *words;
    vn_status status;
} missing[] = {
    { "EMU_DRIVER", "0", "no NVIDIA driver", VN_E_DEVICE },
    { "EMU_DRIVER", "12040", "it serves CUDA 12.4, this build needs 13.0", VN_E_DEVICE },
    { "EMU_DEVICES", "0", "the driver finds no GPU", VN_E_DEVICE },
    { "CUDA_VISIBLE_DEVICES", "", "CUDA_VISIBLE_DEVICES=\"\" hides every GPU", VN_E_DEVICE },
    { "EMU_SM", "75", "is of generation sm_75; the kernels need sm_80 or later", VN_E_UNSUPPORTED },
};
enum { N_MISSING = sizeof missing / sizeof *missing };

START_TEST(what_is_missing_is_said_in_one_sentence)
{
    vn_device *dev;
    vn_device_info info;
    vn_device_config config = { .plugins = getenv("VANE_TEST_PLUGINS") };
    if (!emulated()) return; /* a real machine cannot be asked to lose its driver */
    unsetenv("CUDA_VISIBLE_DEVICES");
    setenv(missing[_i].variable, missing[_i].value, 1);
    ck_assert_int_eq(vn_device_open(vn_test_device(), 0, &config, &dev), missing[_i].status);
    ck_assert_ptr_null(dev);
    ck_assert_msg(strstr(vn_last_message(), missing[_i].words), "%s", vn_last_message());
    ck_assert_int_eq(vn_device_open("auto", 0, &config, &dev), VN_OK); /* the CPU, as allowed */
    vn_device_about(dev, &info);
    ck_assert(info.host_memory);
    vn_device_close(dev);
}
END_TEST

START_TEST(auto_takes_the_device)
{
    vn_device *dev;
    vn_device_info info;
    vn_device_config config = { .plugins = getenv("VANE_TEST_PLUGINS") };
    ck_assert_int_eq(vn_device_open("auto", 0, &config, &dev), VN_OK);
    vn_device_about(dev, &info);
    ck_assert(!info.host_memory);
    vn_device_close(dev);
}
END_TEST

Suite *vn_suite_under_test(void);

Suite *vn_suite_under_test(void)
{
    Suite *s = suite_create("under_test");
    TCase *c = tcase_create("under_test");
    if (vn_test_device()) {
        tcase_add_test(c, memory_is_aligned_zero_and_given_back);
        tcase_add_test(c, a_recording_replays_whole_and_in_parts);
        tcase_add_test(c, steps_are_timed_by_the_devices_clock);
        tcase_add_test(c, a_wait_ends_what_was_begun);
        tcase_add_test(c, a_stream_waits_for_another);
        tcase_add_test(c, too_much_memory_is_refused_with_what_is_free);
        tcase_add_loop_test(c, what_is_missing_is_said_in_one_sentence, 0, N_MISSING);
        tcase_add_test(c, auto_takes_the_device);
    }
    suite_add_tcase(s, c);
    return s;
}

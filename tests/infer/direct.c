/* Forecasts of windows in the device's memory: those of the panel's path, whatever the batch, the
 * mask and the stream. On the device under test where there is one, else on the CPU. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "host/infer/direct.h"
#include "host/infer/intervals.h"
#include "tests/ops/device.h"
#include "tests/train/lab.h"

enum { N = 11, H = 4, L = 12, WIDTH = 2 }; /* WIDTH: numbers a step of these models at most */

typedef struct rig {
    vn_lab lab;
    vn_device *dev; /* the one under test, or the lab's */
    vn_stream *s;
    float *y, *mask, *out; /* on it */
    float host_y[N * L], host_mask[N * L], want[N * H];
} rig;

static void *to_device(rig *r, const void *from, size_t bytes)
{
    void *p;
    ck_assert_int_eq(vn_device_alloc(r->dev, VN_MEM_DEVICE, bytes, &p), VN_OK);
    if (from) ck_assert_int_eq(vn_stream_copy(r->s, p, from, bytes, VN_TO_DEVICE), VN_OK);
    ck_assert_int_eq(vn_stream_wait(r->s), VN_OK);
    return p;
}

/* Windows of the lab's panel, every third with a value missing that is NaN in y, and what the
 * panel's path makes of them. */
static void open_rig(rig *r, const char *model, const vn_setting *settings)
{
    vn_predictor *p;
    int32_t pairs[2 * N];
    float raw[N * H * WIDTH];
    *r = (rig){ 0 };
    vn_lab_open(&r->lab, model, 2, settings);
    ck_assert_msg(!vn_lab_fit(&r->lab, NULL), "%s", vn_last_message());
    vn_panel *panel = r->lab.panel;
    for (int i = 0; i < N; i++) {
        pairs[2 * i] = i % 3;
        pairs[2 * i + 1] = L + 5 * i;
        int64_t row = panel->indptr[i % 3] + 5 * i;
        if (i % 3 == 0) panel->mask[row + 4] = 0;
        for (int t = 0; t < L; t++) {
            r->host_mask[i * L + t] = panel->mask[row + t];
            r->host_y[i * L + t] = panel->mask[row + t] != 0 ? panel->y[row + t] : NAN;
        }
    }
    ck_assert_int_eq(vn_predictor_open(r->lab.m, r->lab.dev, 4, &p), VN_OK);
    ck_assert_msg(!vn_predictor_run(p, panel, pairs, N, raw), "%s", vn_last_message());
    const vn_head *head = vn_predictor_head(p);
    ck_assert_int_le(head->width, WIDTH);
    for (int i = 0; i < N * H; i++)
        r->want[i] = (float)vn_step_forecast(head, raw + i * head->width, NULL, NULL, 0, NULL);
    vn_predictor_close(p);
    r->dev = vn_test_device() ? vn_test_device_open() : r->lab.dev;
    ck_assert_int_eq(vn_stream_open(r->dev, &r->s), VN_OK);
    r->y = to_device(r, r->host_y, sizeof r->host_y);
    r->mask = to_device(r, r->host_mask, sizeof r->host_mask);
    r->out = to_device(r, NULL, sizeof r->want);
}

static void close_rig(rig *r)
{
    vn_device_free(r->dev, VN_MEM_DEVICE, r->y, sizeof r->host_y);
    vn_device_free(r->dev, VN_MEM_DEVICE, r->mask, sizeof r->host_mask);
    vn_device_free(r->dev, VN_MEM_DEVICE, r->out, sizeof r->want);
    vn_stream_close(r->s);
    if (r->dev != r->lab.dev) vn_device_close(r->dev);
    vn_lab_close(&r->lab);
}

/* One run over batches of `batch`, with the mask or with NaN alone, held against the panel's path.
 */
static void check_run(rig *r, int64_t batch, bool masked)
{
    vn_direct *d;
    float got[N * H];
    vn_direct_arrays a = { r->y, masked ? r->mask : NULL, NULL, NULL, NULL, r->out };
    ck_assert_msg(!vn_direct_open(r->lab.m, r->dev, batch, &d), "%s", vn_last_message());
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(vn_stream_fill(r->s, r->out, 0xff, sizeof got), VN_OK);
        ck_assert_int_eq(vn_stream_wait(r->s), VN_OK);
        ck_assert_msg(!vn_direct_run(d, NULL, &a, N), "%s", vn_last_message());
    }
    vn_direct_close(d); /* waits */
    ck_assert_int_eq(vn_stream_copy(r->s, got, r->out, sizeof got, VN_TO_HOST), VN_OK);
    ck_assert_int_eq(vn_stream_wait(r->s), VN_OK);
    for (int i = 0; i < N * H; i++)
        ck_assert_float_eq_tol(got[i], r->want[i], 1e-5f * (1 + fabsf(r->want[i])));
}

static const struct {
    const char *model;
    vn_setting settings[3];
} models[] = {
    { "linear", { { NULL, NULL } } },
    { "nhits", { { NULL, NULL } } },
    { "nhits", { { "loss", "normal" }, { NULL, NULL } } },
    { "nbeats", { { "loss", "huber" }, { "scaler_type", "identity" }, { NULL, NULL } } },
};
enum { N_MODELS = sizeof models / sizeof *models };

START_TEST(arrays_forecast_as_the_panel_does)
{
    rig r;
    open_rig(&r, models[_i].model, models[_i].settings);
    check_run(&r, N, true);
    check_run(&r, 4, false);
    check_run(&r, 1, true);
    close_rig(&r);
}
END_TEST

START_TEST(runs_allocate_nothing)
{
    rig r;
    vn_direct *d;
    open_rig(&r, "nhits", NULL);
    vn_direct_arrays a = { r.y, NULL, NULL, NULL, NULL, r.out };
    ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, 4, &d), VN_OK);
    ck_assert_int_eq(vn_direct_run(d, NULL, &a, N), VN_OK);
    int64_t before = vn_fault_seen(VN_FAULT_ALLOC);
    for (int i = 0; i < 10; i++) ck_assert_int_eq(vn_direct_run(d, NULL, &a, N), VN_OK);
    ck_assert_int_eq(vn_fault_seen(VN_FAULT_ALLOC), before);
    vn_direct_close(d);
    close_rig(&r);
}
END_TEST

START_TEST(what_cannot_be_is_refused)
{
    static const vn_setting quantiles[] = { { "loss", "mqloss" }, { NULL, NULL } };
    static const vn_setting mixture[] = { { "loss", "gmm" }, { NULL, NULL } };
    rig r;
    vn_direct *d;
    open_rig(&r, "linear", NULL);
    vn_direct_arrays none = { NULL, NULL, NULL, NULL, NULL, r.out };
    ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, 4, &d), VN_OK);
    ck_assert_int_eq(vn_direct_run(d, NULL, &none, N), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(), "y and out must be given");
    vn_direct_close(d);
    if (!vn_test_device()) { /* the CPU has no streams to be given */
        vn_direct_arrays a = { r.y, NULL, NULL, NULL, NULL, r.out };
        ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, 4, &d), VN_OK);
        ck_assert_int_eq(vn_direct_run(d, &a, &a, N), VN_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), "has no streams"));
        vn_direct_close(d);
    }
    close_rig(&r);
    for (int i = 0; i < 2; i++) {
        vn_lab lab;
        vn_lab_open(&lab, "nhits", 1, i ? mixture : quantiles);
        ck_assert_int_eq(vn_lab_fit(&lab, NULL), VN_OK);
        ck_assert_int_eq(vn_direct_open(lab.m, lab.dev, 4, &d), VN_E_UNSUPPORTED);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), i ? "a mixture" : "quantiles"));
        ck_assert_ptr_null(d);
        vn_lab_close(&lab);
    }
}
END_TEST

Suite *vn_suite_direct(void);

Suite *vn_suite_direct(void)
{
    Suite *s = suite_create("direct");
    TCase *c = tcase_create("direct");
    tcase_set_timeout(c, 120);
    tcase_add_loop_test(c, arrays_forecast_as_the_panel_does, 0, N_MODELS);
    tcase_add_test(c, runs_allocate_nothing);
    tcase_add_test(c, what_cannot_be_is_refused);
    suite_add_tcase(s, c);
    return s;
}

/* Forecasts of windows in the device's memory: those of the panel's path, whatever the batch, the
 * mask and the stream. On the device under test where there is one, else on the CPU. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "host/infer/direct.h"
#include "host/infer/intervals.h"
#include "tests/ops/device.h"
#include "tests/train/lab.h"

enum { N = 11, H = 4, L = 12, ALL = L + H };

typedef struct rig {
    vn_lab lab;
    vn_device *dev; /* the one under test, or the lab's */
    vn_stream *s;
    float *y, *mask, *futr, *out; /* on it; futr NULL where the model has none */
    float host_y[N * L], host_mask[N * L], want[N * H];
} rig;

static size_t futr_bytes(const rig *r)
{
    return (size_t)(N * ALL * r->lab.m->n_futr) * sizeof(float);
}

static void *to_device(rig *r, const void *from, size_t bytes)
{
    void *p;
    ck_assert_int_eq(vn_device_alloc(r->dev, VN_MEM_DEVICE, bytes, &p), VN_OK);
    if (from) ck_assert_int_eq(vn_stream_copy(r->s, p, from, bytes, VN_TO_DEVICE), VN_OK);
    ck_assert_int_eq(vn_stream_wait(r->s), VN_OK);
    return p;
}

/* A panel of N series of one window each, from rows of the lab's; every third lacks a value, which
 * is NaN in r->host_y. */
typedef struct windows {
    vn_panel panel;
    int64_t indptr[N + 1], n_past[N], start[N];
    const char *id[N];
    float y[N * ALL], mask[N * ALL], *futr;
    int32_t pairs[2 * N];
} windows;

static void cut_windows(rig *r, windows *w)
{
    const vn_panel *from = r->lab.panel;
    int64_t f = from->n_futr;
    *w = (windows){ .panel = *from };
    w->futr = calloc((size_t)(N * ALL * f) + 1, sizeof *w->futr);
    for (int i = 0; i < N; i++) {
        int64_t row = from->indptr[i % 3] + 5 * i;
        for (int t = 0; t < ALL; t++) {
            bool seen = t < L && (i % 3 || t != 4);
            w->y[i * ALL + t] = seen ? from->y[row + t] : 0;
            w->mask[i * ALL + t] = seen;
            if (t >= L) continue;
            r->host_y[i * L + t] = seen ? from->y[row + t] : NAN;
            r->host_mask[i * L + t] = seen;
        }
        if (f)
            memcpy(w->futr + i * ALL * f, from->futr + row * f,
                   (size_t)(ALL * f) * sizeof *w->futr);
        w->indptr[i + 1] = (i + 1) * ALL;
        w->n_past[i] = L;
        w->id[i] = "w";
        w->pairs[2 * i] = i;
        w->pairs[2 * i + 1] = L;
    }
    w->panel.n_series = N;
    w->panel.n_rows = N * ALL;
    w->panel.indptr = w->indptr;
    w->panel.n_past = w->n_past;
    w->panel.start = w->start;
    w->panel.id = w->id;
    w->panel.y = w->y;
    w->panel.mask = w->mask;
    w->panel.futr = w->futr;
}

/* What the host makes of the numbers that the panel's path gives. */
static void forecast_on_host(rig *r, const windows *w)
{
    vn_predictor *p;
    ck_assert_int_eq(vn_predictor_open(r->lab.m, r->lab.dev, 4, &p), VN_OK);
    const vn_head *head = vn_predictor_head(p);
    float *raw = malloc((size_t)(N * H * head->width) * sizeof *raw);
    float *room = malloc((size_t)head->width * sizeof *room);
    ck_assert_msg(!vn_predictor_run(p, &w->panel, w->pairs, N, raw), "%s", vn_last_message());
    for (int i = 0; i < N * H; i++)
        r->want[i] = (float)vn_step_forecast(head, raw + i * head->width, room, NULL, 0, NULL);
    vn_predictor_close(p);
    free(raw), free(room);
}

static void open_rig(rig *r, const char *model, const vn_setting *settings)
{
    windows w;
    *r = (rig){ 0 };
    vn_lab_open(&r->lab, model, 2, settings);
    ck_assert_msg(!vn_lab_fit(&r->lab, NULL), "%s", vn_last_message());
    cut_windows(r, &w);
    forecast_on_host(r, &w);
    r->dev = vn_test_device() ? vn_test_device_open() : r->lab.dev;
    ck_assert_int_eq(vn_stream_open(r->dev, &r->s), VN_OK);
    r->y = to_device(r, r->host_y, sizeof r->host_y);
    r->mask = to_device(r, r->host_mask, sizeof r->host_mask);
    if (futr_bytes(r)) r->futr = to_device(r, w.futr, futr_bytes(r));
    r->out = to_device(r, NULL, sizeof r->want);
    free(w.futr);
}

static void close_rig(rig *r)
{
    vn_device_free(r->dev, VN_MEM_DEVICE, r->y, sizeof r->host_y);
    vn_device_free(r->dev, VN_MEM_DEVICE, r->mask, sizeof r->host_mask);
    if (r->futr) vn_device_free(r->dev, VN_MEM_DEVICE, r->futr, futr_bytes(r));
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
    vn_direct_arrays a = { r->y, masked ? r->mask : NULL, NULL, r->futr, NULL, r->out };
    ck_assert_msg(!vn_direct_open(r->lab.m, r->dev, N, batch, &d), "%s", vn_last_message());
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
    { "nhits", { { "loss", "mqloss" }, { NULL, NULL } } },
    { "nhits", { { "loss", "iqloss" }, { NULL, NULL } } },
    { "nhits", { { "loss", "gmm" }, { NULL, NULL } } },
    { "linear", { { "ensemble_size", "3" }, { NULL, NULL } } },
    { "nhits", { { "loss", "mqloss" }, { "ensemble_size", "2" }, { NULL, NULL } } },
    { "deepar", { { "lags", "[1, 2, 5]" }, { "num_samples", "7" }, { NULL, NULL } } },
    { "deepar", { { "lags", "[1, 2, 5]" }, { "num_samples", "40" }, { NULL, NULL } } },
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
    ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, N, 4, &d), VN_OK);
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
    rig r;
    vn_direct *d;
    open_rig(&r, "linear", NULL);
    vn_direct_arrays none = { NULL, NULL, NULL, NULL, NULL, r.out };
    ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, N, 4, &d), VN_OK);
    ck_assert_int_eq(vn_direct_run(d, NULL, &none, N), VN_E_ARGUMENT);
    ck_assert_str_eq(vn_last_message(), "y and out must be given");
    vn_direct_close(d);
    if (!vn_test_device()) { /* the CPU has no streams to be given */
        vn_direct_arrays a = { r.y, NULL, NULL, NULL, NULL, r.out };
        ck_assert_int_eq(vn_direct_open(r.lab.m, r.dev, N, 4, &d), VN_OK);
        ck_assert_int_eq(vn_direct_run(d, &a, &a, N), VN_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(vn_last_message(), "has no streams"));
        vn_direct_close(d);
    }
    close_rig(&r);
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

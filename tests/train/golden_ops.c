/* Losses, scalers and optimizers against the reference implementation, as graphs of the ops that
 * training is made of, in f32 and f64. README.md of tests/golden says what the files hold. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "device/moments.h"
#include "graph/plan/plan.h"
#include "host/train/head.h"
#include "tests/golden.h"
#include "tests/model_kit.h"

/* One graph on the CPU, its golden file, and where they agree least. */
typedef struct rig {
    vn_golden golden;
    vn_dtype real;
    vn_device *dev;
    vn_stream *stream;
    vn_params *params;
    vn_graph *g;
    vn_plan *plan;
    void *home[VN_HOME_COUNT];
} rig;

static void ok(vn_status st) { ck_assert_msg(st == VN_OK, "%s", vn_last_message()); }

static rig open_rig(const char *file, int real)
{
    rig r = { .real = real ? VN_F64 : VN_F32 };
    ok(vn_golden_open(file, &r.golden));
    ok(vn_device_open("cpu", 0, &(vn_device_config){ 2, getenv("VANE_TEST_CPU") }, &r.dev));
    ok(vn_stream_open(r.dev, &r.stream));
    ok(vn_params_open(&r.params));
    ok(vn_graph_open(r.real, r.params, &r.g));
    return r;
}

static void plan(rig *r)
{
    ok(vn_graph_finish(r->g));
    vn_plan_config config = { .dev = r->dev, .seed = 1, .version = &r->params->version };
    for (int home = VN_HOME_PARAM; r->params->n && home <= VN_HOME_STATE; home++)
        ok(vn_device_alloc(r->dev, VN_MEM_DEVICE, (size_t)r->params->n_block * 8, &r->home[home]));
    if (r->params->n) /* no bad step yet */
        ok(vn_stream_fill(r->stream, r->home[VN_HOME_STATE], 0xff, VN_STATE_BYTES));
    memcpy(config.home, r->home, sizeof config.home);
    ok(vn_plan_make(r->g, &config, &r->plan));
}

static void close_rig(rig *r)
{
    vn_plan_close(r->plan);
    for (int home = 0; home < VN_HOME_COUNT; home++)
        if (r->home[home])
            vn_device_free(r->dev, VN_MEM_DEVICE, r->home[home], (size_t)r->params->n_block * 8);
    vn_graph_close(r->g);
    vn_params_close(r->params);
    vn_stream_close(r->stream);
    vn_device_close(r->dev);
    vn_golden_close(&r->golden);
}

static void put(const rig *r, void *to, int64_t i, double x)
{
    if (r->real == VN_F64) ((double *)to)[i] = x;
    else ((float *)to)[i] = (float)x;
}

static double get(const rig *r, const void *from, int64_t i)
{
    return r->real == VN_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

/* Write every `stride`-th number of a golden tensor, as many as the input takes. */
static void feed(rig *r, vn_val v, const char *name, int stride)
{
    void *to = vn_plan_feed(r->plan, v);
    if (!to) return; /* not read by this graph */
    const float *from = vn_golden_find(&r->golden, name, NULL);
    for (int64_t i = 0; i < vn_count(&vn_value_of(r->g, v)->t); i++)
        put(r, to, i, name[0] ? from[i * stride] : 1);
}

/* The first n numbers of a golden tensor: the largest difference over the largest number. */
static void expect_first(const rig *r, const void *got, const char *name, int64_t n, double limit)
{
    int64_t n_golden = 0;
    const float *want = vn_golden_find(&r->golden, name, &n_golden);
    ck_assert_msg(want != NULL, "no %s", name);
    double a[1024], b[1024];
    ck_assert_int_le(n, n_golden);
    ck_assert_int_le(n, 1024);
    for (int64_t i = 0; i < n; i++) {
        a[i] = get(r, got, i);
        b[i] = want[i];
    }
    double worst = vn_worst(a, b, n);
    if (getenv("VANE_TEST_FIGURES"))
        printf("%s %s %.2g\n", name, vn_dtype_name(r->real), worst);
    ck_assert_msg(worst <= limit, "%s in %s differs by %.3g", name, vn_dtype_name(r->real), worst);
}

static void expect(const rig *r, const void *got, const char *name, double limit)
{
    int64_t n = 0;
    vn_golden_find(&r->golden, name, &n);
    expect_first(r, got, name, n, limit);
}

/* ---- losses ---- */

static const char *const settings[] = { "plain", "masked", "weighted", "empty" };
enum { N_SETTINGS = sizeof settings / sizeof *settings, B = 4, H = 6, L = 12 };

/* The scale of MASE: mean |y_t - y_(t-season)| of the input, by window_stats. */
static vn_val mase_scale(rig *r, vn_val insample)
{
    vn_attr_stats attr = { .type = VN_SCALER_SEASONAL, .rows = L,
                           .season = vn_golden_int(&r->golden, "mase_season") };
    vn_val mask = vn_affine(r->g, insample, 0, 1), loc, scale;
    vn_window_stats(r->g, insample, mask, &attr, &loc, &scale);
    return scale;
}

static void check_loss(int real, vn_loss kind, const char *setting)
{
    rig r = open_rig("losses", real);
    bool weighted = !strcmp(setting, "weighted"), empty = !strcmp(setting, "empty");
    vn_val y = vn_input(r.g, "y", r.real, VN_DIMS(B, H, 1));
    vn_val yhat = vn_input(r.g, "yhat", r.real, VN_DIMS(B, H, 1));
    vn_val mask = vn_input(r.g, "mask", r.real, VN_DIMS(B, H, 1));
    vn_val weight = vn_input(r.g, "weight", r.real, VN_DIMS(H));
    vn_val insample = vn_input(r.g, "insample", r.real, VN_DIMS(B, L, 1));
    vn_val scale = kind == VN_LOSS_MASE ? mase_scale(&r, insample) : 0, num, den, dyhat;
    vn_attr_loss attr = { .kind = kind, .delta = atof(vn_golden_text(&r.golden, "huber_delta")) };
    vn_loss_of(r.g, &attr, yhat, y, mask, weighted ? weight : 0, scale, &num, &den);
    vn_val loss = vn_div(r.g, num, vn_affine(r.g, den, 1, empty)); /* 0 / 0 is the caller's */
    vn_gradients(r.g, loss, &yhat, 1, &dyhat);
    vn_val out_loss = vn_output(r.g, loss), out_grad = vn_output(r.g, dyhat);
    plan(&r);
    feed(&r, y, "y", 1);
    feed(&r, yhat, "y_hat", 1);
    feed(&r, mask, strcmp(setting, "plain") ? "mask" : "", 1);
    if (empty) memset(vn_plan_feed(r.plan, mask), 0, B * H * vn_dtype_bytes(r.real));
    feed(&r, weight, "horizon_weight", 1);
    feed(&r, insample, "insample_y", 1);
    ok(vn_plan_run(r.plan));
    /* The scale of MASE has 1e-6 added, which the formula has not. */
    double limit = kind == VN_LOSS_MASE ? 5e-6 : real ? 1e-7 : 1e-6;
    char name[64];
    snprintf(name, sizeof name, "%s.%s.value", vn_loss_name(kind), setting);
    expect(&r, vn_plan_read(r.plan, out_loss), name, limit);
    snprintf(name, sizeof name, "%s.%s.grad", vn_loss_name(kind), setting);
    expect(&r, vn_plan_read(r.plan, out_grad), name, limit);
    close_rig(&r);
}

START_TEST(a_loss_and_its_gradient_are_the_references)
{
    for (int real = 0; real < 2; real++)
        for (int s = 0; s < N_SETTINGS; s++) check_loss(real, (vn_loss)_i, settings[s]);
}
END_TEST

/* ---- quantiles and likelihoods ---- */

static const struct {
    const char *name, *target;
    int64_t kind, comps;
} likelihoods[] = {
    { "normal", "y", VN_DIST_NORMAL, 0 },        { "studentt", "y", VN_DIST_STUDENTT, 0 },
    { "laplace", "y", VN_DIST_LAPLACE, 0 },      { "negbin", "counts", VN_DIST_NEGBIN, 0 },
    { "poisson", "counts", VN_DIST_POISSON, 0 }, { "gmm", "y", VN_DIST_NORMAL, 3 },
    { "pmm", "counts", VN_DIST_POISSON, 10 },    { "nbmm", "counts", VN_DIST_NEGBIN, 2 },
};
enum { N_LIKELIHOODS = sizeof likelihoods / sizeof *likelihoods };

/* What both kinds of loss have: inputs by their names in the file, the ratio and its gradient. */
typedef struct steps {
    vn_val x, y, mask, weight, more[2];
} steps;

static steps declare_steps(rig *r, int64_t width)
{
    return (steps){ .x = vn_input(r->g, "x", r->real, VN_DIMS(B, H, width)),
                    .y = vn_input(r->g, "y", r->real, VN_DIMS(B, H, 1)),
                    .mask = vn_input(r->g, "mask", r->real, VN_DIMS(B, H, 1)),
                    .weight = vn_input(r->g, "weight", r->real, VN_DIMS(H)) };
}

/* `limit`: of the gradient in f32. */
static void compare_steps(rig *r, const steps *s, vn_val num, vn_val den, const char *name,
                          const char *const feeds[4], double limit)
{
    vn_val loss = vn_div(r->g, num, den), dx;
    char path[64];
    vn_gradients(r->g, loss, &s->x, 1, &dx);
    vn_val out_loss = vn_output(r->g, loss), out_grad = vn_output(r->g, dx);
    plan(r);
    feed(r, s->x, feeds[0], 1);
    feed(r, s->y, feeds[1], 1);
    feed(r, s->mask, "mask", 1);
    feed(r, s->weight, "horizon_weight", 1);
    feed(r, s->more[0], feeds[2], 1);
    if (s->more[1]) feed(r, s->more[1], feeds[3], 1);
    ok(vn_plan_run(r->plan));
    snprintf(path, sizeof path, "%s.value", name);
    expect(r, vn_plan_read(r->plan, out_loss), path, r->real == VN_F64 ? 1e-7 : 1e-6);
    snprintf(path, sizeof path, "%s.grad", name);
    expect(r, vn_plan_read(r->plan, out_grad), path, r->real == VN_F64 ? 1e-7 : limit);
}

START_TEST(a_likelihood_and_its_gradient_are_the_references)
{
    for (int real = 0; real < 2; real++) {
        rig r = open_rig("likelihoods", real);
        const char *name = likelihoods[_i].name;
        char x[64];
        snprintf(x, sizeof x, "%s.x", name);
        vn_attr_dist attr = { likelihoods[_i].kind, likelihoods[_i].comps };
        steps s = declare_steps(&r, vn_dist_width(attr.kind, attr.comps));
        s.more[0] = vn_input(r.g, "location", r.real, VN_DIMS(B, 1, 1));
        s.more[1] = vn_input(r.g, "scale", r.real, VN_DIMS(B, 1, 1));
        vn_val in[] = { s.x, s.y, s.mask, s.weight, s.more[0], s.more[1] }, out[VN_MAX_OUT];
        vn_emit(r.g, VN_OP_NLL, in, 6, &attr, out);
        const char *const feeds[] = { x, likelihoods[_i].target, "loc", "scale" };
        /* One count of 5000 against a mean of 3: its digammas differ by little of their size. */
        compare_steps(&r, &s, out[0], out[1], name, feeds,
                      attr.kind == VN_DIST_NEGBIN ? 1e-4 : 2e-6);
        close_rig(&r);
    }
}
END_TEST

START_TEST(quantiles_cost_the_mean_over_their_levels)
{
    for (int real = 0; real < 2; real++) {
        rig r = open_rig("likelihoods", real);
        steps s = declare_steps(&r, 5);
        s.more[0] = vn_input(r.g, "levels", r.real, VN_DIMS(5));
        vn_val in[] = { s.x, s.y, s.mask, s.weight, s.more[0] }, out[VN_MAX_OUT];
        vn_emit(r.g, VN_OP_QLOSS, in, 5, NULL, out);
        const char *const feeds[] = { "mqloss.y_hat", "y", "mqloss.levels", NULL };
        compare_steps(&r, &s, out[0], out[1], "mqloss", feeds, 2e-6);
        close_rig(&r);
    }
}
END_TEST

/* neuralforecast's numbers through our distributions: `scaled` behind a scaler, `raw` without one. */
static void check_nixtla(int real, const char *name, int64_t kind, bool scaled)
{
    rig r = open_rig("nixtla_dists", real);
    bool counts = vn_dist_about(kind)->counts;
    vn_head head = { .family = VN_FAMILY_DIST, .kind = kind, .nixtla = true,
                     .P = vn_dist_width(kind, 0) };
    vn_val x = vn_input(r.g, "x", r.real, VN_DIMS(B, H, head.P));
    vn_val loc = scaled ? vn_input(r.g, "location", r.real, VN_DIMS(B, 1, 1)) : 0;
    vn_val scale = scaled ? vn_input(r.g, "scale", r.real, VN_DIMS(B, 1, 1)) : 0;
    vn_val mean = kind == VN_DIST_NEGBIN ? vn_input(r.g, "mean", r.real, VN_DIMS(B, 1, 1)) : 0;
    vn_head_frame f = { .g = r.g, .head = &head, .B = B, .H = H, .loc = loc, .scale = scale };
    if (counts) f.count_loc = loc, f.count_scale = scale, f.loc = 0, f.scale = mean;
    vn_val out = vn_output(r.g, vn_head_parameters(&f, vn_head_apply(&f, x)));
    char path[64];
    plan(&r);
    snprintf(path, sizeof path, "%s.x", name);
    feed(&r, x, path, 1);
    if (loc) feed(&r, loc, "loc", 1);
    if (scale) feed(&r, scale, "scale", 1);
    if (mean) feed(&r, mean, "mean", 1);
    ok(vn_plan_run(r.plan));
    snprintf(path, sizeof path, "%s.%s", name, scaled ? "scaled" : "raw");
    expect(&r, vn_plan_read(r.plan, out), path, 1e-6);
    close_rig(&r);
}

START_TEST(numbers_of_neuralforecast_give_its_distributions)
{
    for (int k = 0; k < 4; k++)
        check_nixtla(k & 1, likelihoods[_i].name, likelihoods[_i].kind, k & 2);
}
END_TEST

/* ---- scalers ---- */

static const int64_t scaled[] = { VN_SCALER_STANDARD, VN_SCALER_ROBUST, VN_SCALER_MINMAX,
                                  VN_SCALER_MINMAX1, VN_SCALER_INVARIANT };
enum { N_SCALED = sizeof scaled / sizeof *scaled };

/* The file's last window, of which nothing is observed, is left out: there the reference has a
 * scale of 1 + 1e-6, or none, and Vane has 1. */
static void check_scaler(int real, int64_t type)
{
    rig r = open_rig("scalers", real);
    enum { windows = 5 };
    int64_t rows = vn_golden_int(&r.golden, "input_size"), T = rows + vn_golden_int(&r.golden, "h");
    vn_val x = vn_input(r.g, "x", r.real, VN_DIMS(windows, T, 2));
    vn_val mask = vn_input(r.g, "mask", r.real, VN_DIMS(windows, T, 1)), loc, scale;
    vn_window_stats(r.g, x, mask, &(vn_attr_stats){ .type = type, .rows = rows }, &loc, &scale);
    vn_val z = vn_scale(r.g, x, 0, loc, scale), back = z;
    if (type == VN_SCALER_INVARIANT) {
        z = vn_apply(r.g, VN_UNARY_ASINH, z);
        back = vn_apply(r.g, VN_UNARY_SINH, z);
    }
    back = vn_unscale(r.g, back, loc, scale);
    const struct { const char *what; vn_val v; } out[] = {
        { "z", vn_output(r.g, z) }, { "inverse", vn_output(r.g, back) },
        { "loc", vn_output(r.g, loc) }, { "scale", vn_output(r.g, scale) },
    };
    int n_out = type == VN_SCALER_MINMAX1 ? 2 : 4; /* the reference doubles and shifts z instead */
    plan(&r);
    feed(&r, x, "x", 1);
    feed(&r, mask, "mask", 2); /* the two channels are observed together */
    ok(vn_plan_run(r.plan));
    for (int i = 0; i < n_out; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s.%s", vn_scaler_name(type), out[i].what);
        int64_t n = vn_count(&vn_value_of(r.g, out[i].v)->t);
        expect_first(&r, vn_plan_read(r.plan, out[i].v), name, n, real ? 1e-7 : 2e-6);
    }
    close_rig(&r);
}

START_TEST(a_scaler_goes_there_and_back_as_the_references)
{
    for (int real = 0; real < 2; real++) check_scaler(real, scaled[_i]);
}
END_TEST

START_TEST(a_window_without_observations_is_not_moved)
{
    rig r = open_rig("scalers", 0);
    vn_val x = vn_input(r.g, "x", r.real, VN_DIMS(6, 16, 2));
    vn_val mask = vn_input(r.g, "mask", r.real, VN_DIMS(6, 16, 1)), loc, scale;
    vn_window_stats(r.g, x, mask, &(vn_attr_stats){ .type = _i, .rows = 12, .season = 4 }, &loc,
                    &scale);
    loc = vn_output(r.g, loc);
    scale = vn_output(r.g, scale);
    plan(&r);
    feed(&r, x, "x", 1);
    feed(&r, mask, "mask", 2);
    ok(vn_plan_run(r.plan));
    for (int channel = 0; channel < 2; channel++) {
        ck_assert_double_eq(get(&r, vn_plan_read(r.plan, loc), 10 + channel), 0);
        ck_assert_double_eq(get(&r, vn_plan_read(r.plan, scale), 10 + channel), 1);
    }
    close_rig(&r);
}
END_TEST

START_TEST(revin_scales_as_the_standard_scaler_before_its_weights)
{
    rig r = open_rig("scalers", 0);
    vn_val x = vn_input(r.g, "x", r.real, VN_DIMS(6, 16, 2));
    vn_val mask = vn_input(r.g, "mask", r.real, VN_DIMS(6, 16, 1)), loc, scale;
    vn_attr_stats attr = { .type = VN_SCALER_REVIN, .rows = 12 };
    vn_window_stats(r.g, x, mask, &attr, &loc, &scale);
    vn_val z = vn_output(r.g, vn_scale(r.g, x, 0, loc, scale));
    plan(&r);
    feed(&r, x, "x", 1);
    feed(&r, mask, "mask", 2);
    ok(vn_plan_run(r.plan));
    expect(&r, vn_plan_read(r.plan, z), "revin.z", 2e-6);
    close_rig(&r);
}
END_TEST

/* ---- optimizers ---- */

static const struct {
    const char *name;
    bool decays, decoupled, clipped;
    int64_t rule;
    double beta2; /* 0: that of Adam */
} optimizers[] = {
    { "adam", false, false, false, VN_RULE_ADAM, 0 },
    { "adam_clip", false, false, true, VN_RULE_ADAM, 0 },
    { "adamw", true, true, false, VN_RULE_ADAM, 0 },
    { "adamw_clip", true, true, true, VN_RULE_ADAM, 0 },
    { "rmsprop", true, false, false, VN_RULE_RMSPROP, 0.99 },
    { "rmsprop_clip", true, false, true, VN_RULE_RMSPROP, 0.99 },
    { "sgd", true, false, false, VN_RULE_SGD, 0 },
    { "sgd_clip", true, false, true, VN_RULE_SGD, 0 },
};
enum { N_OPTIMIZERS = sizeof optimizers / sizeof *optimizers };

/* Copy golden tensors prefix.0 and prefix.1 into a block. */
static void load(rig *r, vn_home home, const char *prefix)
{
    for (int i = 0; i < 2; i++) {
        char name[80];
        int64_t n;
        snprintf(name, sizeof name, "%s.%d", prefix, i);
        const float *from = vn_golden_find(&r->golden, name, &n);
        double room[16];
        for (int64_t k = 0; k < n; k++) put(r, room, k, from[k]);
        size_t width = vn_dtype_bytes(r->real);
        ok(vn_stream_copy(r->stream,
                          (char *)r->home[home] + (size_t)r->params->entry[i].offset * width, room,
                          (size_t)n * width, VN_TO_DEVICE));
        ok(vn_stream_wait(r->stream));
    }
}

static double meta(const rig *r, const char *key) { return atof(vn_golden_text(&r->golden, key)); }

/* A graph that is nothing but the optimizer; both tensors are matrices, so that both decay. */
static vn_val build_optimizer(rig *r, int which)
{
    vn_init zero = { VN_INIT_CONSTANT, 0 };
    vn_param(r->g, "p0", VN_DIMS(1, 7), zero);
    vn_param(r->g, "p1", VN_DIMS(3, 2), zero);
    ok(vn_params_layout(r->params));
    vn_attr_adam attr = { .beta1 = meta(r, "beta1"), .beta2 = meta(r, "beta2"),
                          .eps = meta(r, "eps"), .n_decay = r->params->n_decay,
                          .decoupled = optimizers[which].decoupled, .rule = optimizers[which].rule };
    if (optimizers[which].beta2 > 0) attr.beta2 = optimizers[which].beta2;
    if (optimizers[which].decays) attr.weight_decay = meta(r, "weight_decay");
    if (optimizers[which].clipped) attr.clip = meta(r, "clip");
    const double one = 1;
    vn_val loss = vn_const(r->g, "loss", VN_DIMS(1), &one);
    vn_val bad = vn_state(r->g, "bad", VN_I64, VN_DIMS(1));
    return vn_output(r->g, vn_optimize(r->g, &attr, 0, loss, bad));
}

static void expect_params(rig *r, const char *name, int step)
{
    for (int i = 0; i < 2; i++) {
        char tensor[64];
        double room[16];
        size_t width = vn_dtype_bytes(r->real);
        const vn_param_entry *e = &r->params->entry[i];
        ok(vn_stream_copy(r->stream, room,
                          (char *)r->home[VN_HOME_PARAM] + (size_t)e->offset * width,
                          (size_t)vn_count(&e->t) * width, VN_TO_HOST));
        ok(vn_stream_wait(r->stream));
        snprintf(tensor, sizeof tensor, "%s.%d.%d", name, step, i);
        expect(r, room, tensor, r->real == VN_F64 ? 2e-7 : 1e-6); /* lr itself is f32 */
    }
}

START_TEST(five_optimizer_steps_are_the_references)
{
    for (int real = 0; real < 2; real++) {
        rig r = open_rig("optimizers", real);
        vn_val norm = build_optimizer(&r, _i);
        plan(&r);
        load(&r, VN_HOME_PARAM, "start");
        vn_plan_set(r.plan, VN_LR, (float)meta(&r, "lr"));
        for (int step = 0; step < vn_golden_int(&r.golden, "steps"); step++) {
            char name[64];
            snprintf(name, sizeof name, "grad.%d", step);
            load(&r, VN_HOME_GRAD, name);
            vn_plan_set_step(r.plan, step);
            ok(vn_plan_run(r.plan));
            expect_params(&r, optimizers[_i].name, step);
            snprintf(name, sizeof name, "%s.%d.norm", optimizers[_i].name, step);
            if (optimizers[_i].clipped) expect(&r, vn_plan_read(r.plan, norm), name, 1e-6);
        }
        close_rig(&r);
    }
}
END_TEST

Suite *vn_suite_golden_ops(void);

Suite *vn_suite_golden_ops(void)
{
    Suite *s = suite_create("golden_ops");
    TCase *tc = tcase_create("reference");
    tcase_add_loop_test(tc, a_loss_and_its_gradient_are_the_references, 0, VN_LOSS_COUNT);
    tcase_add_loop_test(tc, a_likelihood_and_its_gradient_are_the_references, 0, N_LIKELIHOODS);
    tcase_add_loop_test(tc, numbers_of_neuralforecast_give_its_distributions, 0, 2);
    tcase_add_loop_test(tc, numbers_of_neuralforecast_give_its_distributions, 3, 5);
    tcase_add_test(tc, quantiles_cost_the_mean_over_their_levels);
    tcase_add_loop_test(tc, a_scaler_goes_there_and_back_as_the_references, 0, N_SCALED);
    tcase_add_loop_test(tc, a_window_without_observations_is_not_moved, 0, VN_SCALER_COUNT);
    tcase_add_test(tc, revin_scales_as_the_standard_scaler_before_its_weights);
    tcase_add_loop_test(tc, five_optimizer_steps_are_the_references, 0, N_OPTIMIZERS);
    suite_add_tcase(s, tc);
    return s;
}

/* Single ops and a few together, as graphs whose inputs and outputs lie in memory: elementwise
 * functions, norms, products, losses with their gradients, scalers, the optimizer. */
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"
#include "graph/build.h"
#include "host/bench/bench.h"

enum { HORIZON = 24, MAX_LEVELS = 9 };

/* ---- graphs ---- */

static vn_val numbers(vn_graph *g, const char *name, const int64_t *dims)
{
    return vn_input(g, name, VN_F32, dims);
}

/* A factor as a training step has it: rounded once, before the products that read it. */
static vn_val factor(vn_graph *g, const vn_bench_op *op, const char *name, const int64_t *dims)
{
    return vn_input(g, name, op->low ? VN_BF16 : VN_F32, dims);
}

static int64_t rows_of(int64_t size, int64_t width)
{
    return size < width ? 1 : size / width;
}

static void build_unary(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    vn_output(g, vn_apply(g, (vn_unary)op->fn, numbers(g, "x", VN_DIMS(size))));
}

static void build_add(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    (void)op;
    vn_output(g, vn_add(g, numbers(g, "a", VN_DIMS(size)), numbers(g, "b", VN_DIMS(size))));
}

static void build_softmax(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    int64_t rows = rows_of(size, op->width);
    vn_output(g, vn_softmax(g, numbers(g, "x", VN_DIMS(rows, op->width))));
}

static void build_layernorm(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    int64_t rows = rows_of(size, op->width);
    vn_output(g, vn_layernorm(g, "norm", numbers(g, "x", VN_DIMS(rows, op->width)), 1e-5));
}

/* relu(x W^T + b): x [size, width], W [n_out, width]. */
static void build_linear(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    vn_val x = numbers(g, "x", VN_DIMS(size, op->width));
    vn_val w = numbers(g, "w", VN_DIMS(op->n_out, op->width));
    vn_output(g, vn_linear(g, x, w, numbers(g, "b", VN_DIMS(op->n_out)), VN_UNARY_RELU));
}

/* The same with weights that stay, as those of a forecast do. */
static void build_dense(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    vn_val x = numbers(g, "x", VN_DIMS(size, op->width));
    vn_output(g, vn_dense(g, "layer", x, op->n_out, VN_UNARY_RELU));
    if (!g->status && vn_params_layout(g->params)) vn_refuse(g, VN_E_MEMORY, "no memory");
}

/* Products of 256 heads: 168 queries with 168 keys of 64 numbers. */
static void build_scores(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    vn_val q = factor(g, op, "q", VN_DIMS(size, op->n_out, op->width));
    vn_val k = factor(g, op, "k", VN_DIMS(size, op->n_out, op->width));
    vn_output(g, vn_matmul(g, q, k, false, true));
}

/* The gradient of W: dy^T x over `size` rows. */
static void build_dweight(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    vn_val dy = factor(g, op, "dy", VN_DIMS(size, op->n_out));
    vn_output(g, vn_matmul(g, dy, factor(g, op, "x", VN_DIMS(size, op->width)), true, false));
}

/* The optimizer alone, at gradients of 0 and a norm given. */
static void build_adam(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    (void)op;
    vn_attr_adam attr = { .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8 };
    vn_val out[VN_MAX_OUT];
    vn_param(g, "p", VN_DIMS(size), (vn_init){ VN_INIT_CONSTANT, 1 });
    if (!g->status && vn_params_layout(g->params)) vn_refuse(g, VN_E_MEMORY, "no memory");
    if (g->status) return;
    vn_val in[] = { vn_block(g, VN_HOME_PARAM), vn_block(g, VN_HOME_GRAD), vn_block(g, VN_HOME_M),
                    vn_block(g, VN_HOME_V), numbers(g, "norm", VN_DIMS(1)) };
    vn_emit(g, VN_OP_ADAM, in, 5, &attr, out);
}

static vn_val quantile_loss(vn_graph *g, const vn_val in[3], int64_t width)
{
    double q[MAX_LEVELS];
    vn_val out[VN_MAX_OUT];
    for (int64_t i = 0; i < width; i++) q[i] = width == 1 ? 0.9 : 0.1 * (double)(i + 1);
    vn_val all[] = { in[0], in[1], in[2], 0, vn_const(g, "q", VN_DIMS(width), q) };
    vn_emit(g, VN_OP_QLOSS, all, 5, NULL, out);
    return vn_div(g, out[0], out[1]);
}

/* A loss and its gradient in the forecast; width: quantiles a step, 0: the point loss `fn`. */
static void build_loss(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    int64_t P = op->width ? op->width : 1, B = rows_of(size, HORIZON * P);
    vn_val in[] = { numbers(g, "yhat", VN_DIMS(B, HORIZON, P)),
                    numbers(g, "y", VN_DIMS(B, HORIZON, 1)),
                    numbers(g, "mask", VN_DIMS(B, HORIZON, 1)) };
    vn_val num, den, loss, slope;
    if (op->width) {
        loss = quantile_loss(g, in, op->width);
    } else {
        vn_attr_loss attr = { .kind = op->fn, .delta = 1 };
        vn_loss_of(g, &attr, in[0], in[1], in[2], 0, 0, &num, &den);
        loss = vn_div(g, num, den);
    }
    vn_gradients(g, loss, in, 1, &slope);
    vn_output(g, loss);
    vn_output(g, slope);
}

/* Statistics of a window and the window scaled by them; width: steps of each of several, 0: one of all. */
static void build_scaler(vn_graph *g, int64_t size, const vn_bench_op *op)
{
    int64_t T = op->width ? op->width : size, B = rows_of(size, T);
    vn_attr_stats attr = { .type = op->fn, .rows = T, .season = 1 };
    vn_val x = numbers(g, "x", VN_DIMS(B, T, 1)), mask = numbers(g, "mask", VN_DIMS(B, T, 1));
    vn_val loc, scale;
    vn_window_stats(g, x, mask, &attr, &loc, &scale);
    vn_output(g, vn_scale(g, x, mask, loc, scale));
}

/* ---- running ---- */

typedef struct work {
    vn_device *dev;
    vn_params *params;
    vn_graph *g;
    vn_plan *plan;
    void *home[VN_HOME_COUNT];
} work;

static size_t block_bytes(const work *k)
{
    return (size_t)k->params->n_block * sizeof(float);
}

static void fill(const vn_value *value, vn_val v, void *to)
{
    bool mask = !strcmp(value->path, "mask");
    for (int64_t i = 0; i < vn_count(&value->t); i++) {
        float x = mask ? 1 : 2 * vn_uniform24(vn_random4(1, (uint64_t)v, (uint64_t)i).v[0]) - 1;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        if (value->t.dtype == VN_BF16) ((uint16_t *)to)[i] = (uint16_t)(bits >> 16);
        else ((float *)to)[i] = x;
    }
}

static void feed_all(work *k)
{
    for (vn_val v = 1; v < k->g->n_values; v++) {
        const vn_value *value = vn_value_of(k->g, v);
        void *to = value->home == VN_HOME_FEED ? vn_plan_feed(k->plan, v) : NULL;
        if (to) fill(value, v, to);
    }
}

/* Bytes of what goes in and comes out, each once. */
static double touched(const work *k)
{
    double bytes = 0;
    for (vn_val v = 1; v < k->g->n_values; v++) {
        const vn_value *value = vn_value_of(k->g, v);
        if (value->home == VN_HOME_FEED || value->home == VN_HOME_READ)
            bytes += (double)vn_dtype_bytes(value->t.dtype) * (double)vn_count(&value->t);
    }
    return bytes;
}

/* How many numbers are computed on: those of the largest input, whole rows of what was asked for. */
static double largest_input(const work *k)
{
    int64_t most = 0;
    for (vn_val v = 1; v < k->g->n_values; v++) {
        const vn_value *value = vn_value_of(k->g, v);
        if (value->home == VN_HOME_FEED && vn_count(&value->t) > most) most = vn_count(&value->t);
    }
    return (double)most;
}

/* Bytes of what goes in again: of a loss and its slopes, or of statistics and a scaler, the second reads what the first
 * has read, all but its result. */
static double again(const work *k, const vn_bench_op *op)
{
    double bytes = 0;
    if (op->build != build_loss && op->build != build_scaler) return 0;
    if (op->build == build_scaler && op->fn == VN_SCALER_LAST) return 0; /* one number is read */
    for (vn_val v = 1; v < k->g->n_values; v++) {
        const vn_value *value = vn_value_of(k->g, v);
        if (value->home == VN_HOME_FEED)
            bytes += (double)vn_dtype_bytes(value->t.dtype) * (double)vn_count(&value->t);
    }
    return bytes;
}

static vn_status open_work(work *k, const vn_bench_op *op, int64_t size, vn_precision precision)
{
    vn_plan_config config = { .dev = k->dev, .seed = 1 };
    VN_TRY(vn_params_open(&k->params));
    VN_TRY(vn_graph_open(VN_F32, k->params, &k->g));
    op->build(k->g, size, op);
    if (!k->g->status && !k->params->closed) VN_TRY(vn_params_layout(k->params));
    VN_TRY(vn_graph_finish(k->g));
    VN_TRY(vn_graph_lower(k->g, precision));
    for (int home = VN_HOME_PARAM; k->params->n_block && home <= VN_HOME_V; home++)
        VN_TRY(vn_device_alloc(k->dev, VN_MEM_DEVICE, block_bytes(k), &k->home[home]));
    memcpy(config.home, k->home, sizeof config.home);
    config.version = &k->params->version;
    VN_TRY(vn_plan_make(k->g, &config, &k->plan));
    feed_all(k);
    return VN_OK;
}

static vn_status run(void *ctx)
{
    return vn_plan_run(((work *)ctx)->plan);
}

static void close_work(void *ctx)
{
    work *k = ctx;
    vn_plan_close(k->plan);
    vn_graph_close(k->g);
    for (int home = 0; home < VN_HOME_COUNT; home++)
        if (k->home[home]) vn_device_free(k->dev, VN_MEM_DEVICE, k->home[home], block_bytes(k));
    vn_params_close(k->params);
    vn_free(k);
}

/* ---- operations a number, by which `limit us` counts (floor.h) ---- */

/* exp: log2 e, two steps of the reduction, degree 6; two bounds, rounding, the power of 2. sigmoid: a sign and a sum more.
 * tanh: exp(2 |x|) - 1 by degree 5, its square, three steps; sign, bounds. gelu: the square, two factors, two steps, two
 * polynomials of degrees 6 and 9, two products; |x|, a bound, rounding, a power of 2, max and two sums. */
static vn_floor_ops of_function(int64_t fn)
{
    switch (fn) {
    case VN_UNARY_EXP: return (vn_floor_ops){ 9, 13, 0 };
    case VN_UNARY_SIGMOID: return (vn_floor_ops){ 9, 15, 1 };
    case VN_UNARY_TANH: return (vn_floor_ops){ 12, 21, 1 };
    case VN_UNARY_GELU: return (vn_floor_ops){ 22, 29, 1 };
    default: return (vn_floor_ops){ 0, 1, 0 };
    }
}

/* Softmax: exp of what is never above 0, maximum, distance, sum, share. Layer norm: distance, its sum and that of its
 * squares; distance, scale, gamma and beta. Losses: distance, size, weight, two sums; two comparisons, two choices, weight and
 * 1 / sum; quantiles y's spreading twice as well. Scalers: mask, distance, two sums; distance, factor, mask and choice; `last`
 * has the last four alone. */
static vn_floor_ops of_number(const vn_bench_op *op)
{
    if (op->build == build_unary) return of_function(op->fn);
    if (op->build == build_softmax) return (vn_floor_ops){ 10, 16, 0 };
    if (op->build == build_layernorm) return (vn_floor_ops){ 3, 6, 0 };
    if (op->build == build_loss) return (vn_floor_ops){ 3, op->width > 1 ? 13 : 11, 0 };
    if (op->build == build_scaler && op->fn == VN_SCALER_LAST) return (vn_floor_ops){ 1, 4, 0 };
    if (op->build == build_scaler) return (vn_floor_ops){ 2, 8, 0 };
    return (vn_floor_ops){ 0, 0, 0 };
}

vn_status vn_bench_open_op(const vn_workload *w, const vn_bench_site *site, int64_t size,
                           vn_bench_item *item)
{
    const vn_bench_op *op = w->what;
    vn_plan_info info;
    work *k = vn_calloc(1, sizeof *k);
    if (!k) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *item = (vn_bench_item){ .ctx = k, .run = run, .close = close_work };
    k->dev = site->dev;
    vn_status st = open_work(k, op, size, site->precision);
    if (st) {
        vn_bench_close(item);
        return vn_trail(st, __FILE__, __LINE__);
    }
    vn_plan_about(k->plan, &info);
    item->plan = k->plan;
    item->flops = info.flops;
    item->bytes = op->build == build_adam ? 28.0 * (double)size : touched(k) + again(k, op);
    item->footprint = op->build == build_adam ? 16.0 * (double)size : touched(k); /* Adam: p, g, m, v */
    item->once = again(k, op) > 0 ? touched(k) : 0;
    item->touched = true;
    item->products = op->n_out > 0;
    vn_floor_ops each = of_number(op);
    double n = largest_input(k);
    item->vectors = (vn_floor_ops){ each.products * n, each.all * n, each.quotients * n };
    return VN_OK;
}

/* ---- the table ---- */

static const int64_t small_to_large[] = { 1000, 100000, 10000000, 0 };
static const int64_t rows[] = { 1, 32, 128, 1024, 0 };
static const int64_t layers[] = { 1, 32, 128, 256, 1024, 0 };
static const int64_t heads[] = { 256, 0 };
static const int64_t batches[] = { 32, 128, 1024, 0 };
static const int64_t parameters[] = { 2817570, 0 };
static const int64_t windows[] = { 168, 1000, 100000, 0 };

#define OP(...)                                                                                    \
    vn_bench_open_op, &(const vn_bench_op)                                                         \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define UNARY(FN, name, ...)                                                                       \
    {                                                                                              \
        name, "ops", "y = " name "(x)", 'n', small_to_large,                                       \
            OP(.build = build_unary, .fn = VN_UNARY_##FN),                                         \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
/* The layers' x is rounded inside. */
#define PRODUCT_LOW(name, sizes, ...)                                                              \
    {                                                                                              \
        name "_bf16", "ops", name " with factors of bf16", 'r', sizes, OP(.low = true, __VA_ARGS__), { 0 },     \
            VN_PRECISION_BF16                                                                      \
    }
#define SCALER(FN, name)                                                                           \
    {                                                                                              \
        "scale_" name, "scalers", "statistics of one window, and the window scaled: " name, 'n',   \
            windows, OP(.build = build_scaler, .fn = VN_SCALER_##FN)                               \
    }
#define SCALERS(FN, name)                                                                          \
    {                                                                                              \
        "windows_" name, "scalers", "the same of n numbers in windows of 168: " name, 'n',         \
            &windows[2], OP(.build = build_scaler, .fn = VN_SCALER_##FN, .width = 168)             \
    }
#define LOSS(name, help, ...)                                                                      \
    {                                                                                              \
        name, "losses", help " and its gradient", 'n', small_to_large, __VA_ARGS__                 \
    }

const vn_workload vn_op_workloads[] = {
    UNARY(RELU, "relu", 1.5, 8.89, 1754),
    UNARY(TANH, "tanh", 2.95, 90.7, 8842),
    UNARY(SIGMOID, "sigmoid", 2.09, 30.9, 2680),
    UNARY(EXP, "exp", 1.86, 25.0, 2221),
    UNARY(GELU, "gelu", 7.92, 49.6, 4451),
    { "add", "ops", "y = a + b", 'n', small_to_large, OP(.build = build_add) },
    { "softmax", "ops", "softmax over the last axis of 128", 'n', small_to_large,
      OP(.build = build_softmax, .width = 128) },
    { "layernorm",
      "ops",
      "layer norm over the last axis of 128",
      'n',
      small_to_large,
      OP(.build = build_layernorm, .width = 128),
      { 6.04, 56.9, 6061 } },
    { "linear_168x512", "ops", "relu(x W^T + b), 168 to 512", 'r', rows,
      OP(.build = build_linear, .width = 168, .n_out = 512) },
    { "linear_512x512", "ops", "relu(x W^T + b), 512 to 512", 'r', rows,
      OP(.build = build_linear, .width = 512, .n_out = 512) },
    { "dweight_512x512", "ops", "gradient of the weight of a layer of 512 to 512", 'r', batches,
      OP(.build = build_dweight, .width = 512, .n_out = 512) },
    { "dweight_168x512", "ops", "gradient of the weight of a layer of 168 to 512", 'r', batches,
      OP(.build = build_dweight, .width = 168, .n_out = 512) },
    { "dense_128x512", "ops", "a layer of 128 to 512 whose weights stay", 'r', layers,
      OP(.build = build_dense, .width = 128, .n_out = 512) },
    { "dense_168x512", "ops", "a layer of 168 to 512 whose weights stay", 'r', layers,
      OP(.build = build_dense, .width = 168, .n_out = 512) },
    { "dense_512x512", "ops", "a layer of 512 to 512 whose weights stay", 'r', layers,
      OP(.build = build_dense, .width = 512, .n_out = 512) },
    { "heads_168x64", "ops", "168 queries times 168 keys of 64, a product a head", 'r', heads,
      OP(.build = build_scores, .width = 64, .n_out = 168) },
    PRODUCT_LOW("dense_128x512", layers, .build = build_dense, .width = 128, .n_out = 512),
    PRODUCT_LOW("dense_168x512", layers, .build = build_dense, .width = 168, .n_out = 512),
    PRODUCT_LOW("dense_512x512", layers, .build = build_dense, .width = 512, .n_out = 512),
    PRODUCT_LOW("dweight_512x512", batches, .build = build_dweight, .width = 512, .n_out = 512),
    PRODUCT_LOW("dweight_168x512", batches, .build = build_dweight, .width = 168, .n_out = 512),
    PRODUCT_LOW("heads_168x64", heads, .build = build_scores, .width = 64, .n_out = 168),
    { "adam", "ops", "Adam on n parameters", 'n', parameters, OP(.build = build_adam), { 5277 } },
    LOSS("mae", "mean absolute error", OP(.build = build_loss, .fn = VN_LOSS_MAE)),
    LOSS("mse", "mean squared error", OP(.build = build_loss, .fn = VN_LOSS_MSE),
         { 21.6, 75.3, 8184 }),
    LOSS("huber", "Huber's loss", OP(.build = build_loss, .fn = VN_LOSS_HUBER)),
    LOSS("quantile1", "loss of one quantile", OP(.build = build_loss, .width = 1)),
    LOSS("quantile9", "loss of 9 quantiles", OP(.build = build_loss, .width = 9),
         { 72.4, 1095, 98795 }),
    SCALER(STANDARD, "standard"),
    SCALER(ROBUST, "robust"),
    SCALER(MINMAX, "minmax"),
    SCALER(MEAN_ABS, "mean_abs"),
    SCALER(LAST, "last"),
    SCALERS(STANDARD, "standard"),
    SCALERS(MINMAX, "minmax"),
    { NULL },
};

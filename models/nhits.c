/* N-HiTS (Challu et al., "N-HiTS: Neural Hierarchical Interpolation for Time Series Forecasting",
 * AAAI 2023): blocks that see the window at their own rate and forecast at few knots.
 *
 *     x        = [ pool_k(rest) | pool_k(hist) | pool_k(futr) | stat ]   k of the block's stack
 *     theta    = W phi(... phi(W1 x + b1)) + b
 *     backcast = theta[0, L),  knots = theta[L, L + P K),  K = max(H / r, 1), r of the stack
 *     part     = interpolate(knots, H points)
 *
 * chained as in residual.h. Exogenous inputs are pooled in forward time and flattened step by step.
 * Left out: categorical inputs, a stack's own mlp_units. */
#include "models/residual.h"

#include <math.h>

#define HPARAMS(X) \
    X(INTS, n_blocks, "[1, 1, 1]", 1, 64, NULL, "blocks of each stack") \
    X(INTS, mlp_units, "[512, 512]", 1, 65536, NULL, VN_MLP_UNITS_HELP) \
    X(INTS, n_pool_kernel_size, "[2, 2, 1]", 1, 1e6, NULL, "pooling kernel of each stack") \
    X(INTS, n_freq_downsample, "[4, 2, 1]", 1, 1e6, NULL, \
      "each stack forecasts max(h / this, 1) knots") \
    X(ENUM, pooling, "given", 0, 0, "given|auto", \
      "auto: kernels from input_size / 2 and downsampling from h / 2, falling geometrically to 1") \
    X(ENUM, pooling_mode, "max", 0, 0, "max|avg", "what a pooling window becomes") \
    X(ENUM, interpolation_mode, "linear", 0, 0, "linear|nearest|cubic", "from knots to horizon") \
    X(FLOAT, dropout_prob_theta, "0", 0, 0.99, NULL, "dropout after every activation") \
    X(ENUM, activation, "relu", 0, 0, VN_MLP_ACTIVATIONS, "activation after every hidden layer") \
    X(ENUM, compat, "none", 0, 0, "none|nixtla", VN_MLP_COMPAT_HELP)

typedef struct nhits {
    VN_OPTION_STRUCT(HPARAMS)
} nhits;

#define VN_OPTION_OF nhits
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

/* A stack's rates. */
typedef struct rates {
    int64_t kernel, knots;
} rates;

/* The i-th of n numbers that fall geometrically from max(half, 1) to 1. */
static int64_t falling(int64_t half, int64_t i, int64_t n)
{
    double top = half > 1 ? (double)half : 1;
    double part = n > 1 ? pow(top, (double)i / (double)(n - 1)) : 1;
    return (int64_t)floor(top / part + 1e-9); /* pow may miss a whole number by its last bit */
}

static rates rates_of(const nhits *hp, const vn_task *t, int64_t stack)
{
    int64_t n = hp->n_blocks.n, kernel, down;
    if (hp->pooling) {
        kernel = falling(t->L / 2, stack, n);
        down = stack == n - 1 ? 1 : falling(t->H / 2, stack, n);
    } else {
        kernel = hp->n_pool_kernel_size.v[stack];
        down = hp->n_freq_downsample.v[stack];
    }
    return (rates){ kernel, t->H / down > 1 ? t->H / down : 1 };
}

static vn_status check(const void *hparams, const vn_task *task)
{
    const nhits *hp = hparams;
    int64_t n = hp->n_blocks.n;
    if (!n || !hp->mlp_units.n)
        return VN_FAIL(VN_E_ARGUMENT, "nhits: %s is empty; it needs at least one number",
                       n ? "mlp_units" : "n_blocks");
    if (hp->pooling) return VN_OK;
    const vn_opt_INTS *kernels = &hp->n_pool_kernel_size, *down = &hp->n_freq_downsample;
    VN_TRY(vn_check_per_stack("nhits", "n_pool_kernel_size", kernels->n, "n_blocks", n));
    VN_TRY(vn_check_per_stack("nhits", "n_freq_downsample", down->n, "n_blocks", n));
    for (int64_t s = 0; s < n; s++)
        if (kernels->v[s] > task->L)
            return VN_FAIL(VN_E_ARGUMENT,
                           "nhits: n_pool_kernel_size of stack %lld is %lld, longer than the input "
                           "of %lld steps",
                           (long long)s, (long long)kernels->v[s], (long long)task->L);
    return VN_OK;
}

/* [B, T, C] at the stack's rate, flattened step by step: [B, ceil(T / k) C]; 0 stays 0. */
static vn_val pooled(vn_graph *g, const nhits *hp, const vn_task *t, vn_val x, int64_t T, int64_t C,
                     int64_t kernel)
{
    if (!x) return 0;
    if (kernel > 1) x = vn_pool1d(g, x, kernel, hp->pooling_mode ? VN_POOL_AVG : VN_POOL_MAX);
    return vn_reshape(g, x, VN_DIMS(t->B, (T + kernel - 1) / kernel * C));
}

/* The stack's inputs beside the rest: [B, *n], 0 and *n = 0 if there are none. */
static vn_val exogenous(vn_graph *g, const nhits *hp, const vn_task *t, int64_t kernel, int64_t *n)
{
    vn_val parts[] = { pooled(g, hp, t, t->hist, t->L, t->X, kernel),
                       pooled(g, hp, t, t->futr, t->L + t->H, t->F, kernel), t->stat };
    *n = (t->L + kernel - 1) / kernel * t->X + (t->L + t->H + kernel - 1) / kernel * t->F + t->S;
    return *n ? vn_concat(g, 1, parts, 3) : 0;
}

/* theta [B, P K] -> [B, H, P] */
static vn_val interpolated(vn_graph *g, const nhits *hp, const vn_task *t, vn_val theta, int64_t K)
{
    static const int mode[] = { VN_INTERP_LINEAR, VN_INTERP_NEAREST, VN_INTERP_CUBIC };
    vn_val knots = vn_reshape(g, theta, VN_DIMS(t->B, t->P, K));
    if (K != t->H) knots = vn_interp1d(g, knots, t->H, mode[hp->interpolation_mode]);
    if (t->P > 1) knots = vn_permute(g, knots, (int[]){ 0, 2, 1 });
    return vn_reshape(g, knots, VN_DIMS(t->B, t->H, t->P));
}

static void block_step(vn_graph *g, const nhits *hp, const vn_task *t, const rates *rate,
                       vn_val exog, int64_t n_exog, vn_residual *r)
{
    vn_mlp_spec spec = { &hp->mlp_units, hp->activation, hp->compat,
                           t->train ? hp->dropout_prob_theta : 0 };
    int64_t n_seen = (t->L + rate->kernel - 1) / rate->kernel;
    vn_mlp block = vn_mlp_declare(g, &spec, n_seen + n_exog, t->L + t->P * rate->knots);

    vn_val seen = vn_reshape(g, r->rest, VN_DIMS(t->B, t->L, 1));
    vn_val x = pooled(g, hp, t, seen, t->L, 1, rate->kernel);
    if (exog) x = vn_concat(g, 1, (vn_val[]){ x, exog }, 2);
    vn_val top = vn_mlp_layers(g, &block, x);
    vn_val back = vn_mlp_theta(g, "backcast", &block, top, 0, t->L);
    vn_val fore = vn_mlp_theta(g, "forecast", &block, top, t->L, t->P * rate->knots);
    vn_residual_step(g, r, back, interpolated(g, hp, t, fore, rate->knots));
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const nhits *hp = hparams;
    vn_residual r = vn_residual_open(g, t);
    for (int64_t s = 0; s < hp->n_blocks.n; s++) {
        rates rate = rates_of(hp, t, s);
        int64_t n_exog;
        vn_push(g, "stack%d", (int)s);
        vn_val exog = exogenous(g, hp, t, rate.kernel, &n_exog);
        for (int64_t b = 0; b < hp->n_blocks.v[s]; b++) {
            vn_push(g, "block%d", (int)b);
            block_step(g, hp, t, &rate, exog, n_exog, &r);
            vn_pop(g);
        }
        vn_pop(g);
    }
    return r.forecast;
}

const vn_model_def vn_model_nhits = {
    .name = "nhits",
    .alias = "NHITS",
    .title = "N-HiTS: hierarchical interpolation, a rate per stack (Challu et al. 2023)",
    .papers = "Challu, Olivares, Oreshkin, Garza, Mergenthaler-Canseco, Dubrawski: \"N-HiTS: "
              "Neural Hierarchical Interpolation for Time Series Forecasting\", AAAI 2023, "
              "arXiv:2201.12886",
    .options = options,
    .options_bytes = sizeof(nhits),
    .version = 1,
    .check = check,
    .build = build,
};

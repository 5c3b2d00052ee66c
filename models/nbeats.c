/* N-BEATS (Oreshkin et al., "N-BEATS: Neural basis expansion analysis for interpretable time series
 * forecasting", ICLR 2020): blocks whose coefficients weigh the columns of a basis.
 *
 *     theta = W phi(... phi(W1 x + b1)) + b,  x = [ rest | hist | futr | stat ]
 *     backcast = basis over L of theta's first part,  part = basis over H of its second
 *
 *     identity     theta itself: L + H P numbers ("generic" in the paper)
 *     trend        sum_i theta_i (t / T)^i, i = 0 .. n_polynomials; T = L, H
 *     seasonality  cosines, then sines, of 2 pi f t / H; f = 0 and n/H', (n+1)/H' ... below H / 2
 *                  with n = H' = n_harmonics; the backcast runs the other way round
 *
 * chained as in residual.h, in reversed time. Exogenous inputs, which the paper does not have, join
 * a block's input flattened, as in NBEATSx (Olivares et al. 2023), without its exogenous basis.
 * Left out: that basis, categorical inputs, splines as a trend. */
#include "models/residual.h"

#include <math.h>

enum { IDENTITY, TREND, SEASONALITY };

#define HPARAMS(X) \
    X(ENUMS, stack_types, "[identity, trend, seasonality]", 0, 0, "identity|trend|seasonality", \
      "basis of each stack") \
    X(INTS, n_blocks, "[1, 1, 1]", 1, 64, NULL, "blocks of each stack") \
    X(INTS, mlp_units, "[512, 512, 512, 512]", 1, 65536, NULL, VN_MLP_UNITS_HELP) \
    X(INT, n_harmonics, "2", 1, 64, NULL, "seasonality: frequencies from 1 in steps of 1 / this") \
    X(INT, n_polynomials, "2", 0, 16, NULL, "trend: degree of the polynomial") \
    X(BOOL, shared_weights, "false", 0, 0, NULL, "the blocks of a stack share their parameters") \
    X(FLOAT, dropout_prob_theta, "0", 0, 0.99, NULL, "dropout after every activation") \
    X(ENUM, activation, "relu", 0, 0, VN_MLP_ACTIVATIONS, "activation after every hidden layer") \
    X(ENUM, compat, "none", 0, 0, "none|nixtla", VN_MLP_COMPAT_HELP)

typedef struct nbeats {
    VN_OPTION_STRUCT(HPARAMS)
} nbeats;

#define VN_OPTION_OF nbeats
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

/* What theta is multiplied with: columns of the basis, [steps, n]; 0 for identity. */
typedef struct basis {
    int64_t n_back, n_fore; /* coefficients; n_fore for each of P outputs */
    vn_val back, fore;      /* [L, n_back], [H, n_fore] */
} basis;

static vn_status check(const void *hparams, const vn_task *task)
{
    const nbeats *hp = hparams;
    int64_t n = hp->stack_types.n;
    if (!n || !hp->mlp_units.n)
        return VN_FAIL(VN_E_ARGUMENT, "nbeats: %s is empty; it needs at least one entry",
                       n ? "mlp_units" : "stack_types");
    VN_TRY(vn_check_per_stack("nbeats", "n_blocks", hp->n_blocks.n, "stack_types", n));
    for (int64_t s = 0; s < n; s++)
        if (task->H == 1 && hp->stack_types.v[s] != IDENTITY)
            return VN_FAIL(VN_E_ARGUMENT,
                           "nbeats: stack_types names %s, which needs a horizon of 2 or more; h is "
                           "1: use stack_types=[identity] and n_blocks=[3]",
                           hp->stack_types.v[s] == TREND ? "trend" : "seasonality");
    return VN_OK;
}

static int64_t n_columns(const nbeats *hp, const vn_task *t, int64_t type)
{
    if (type == TREND) return hp->n_polynomials + 1;
    int64_t below = (hp->n_harmonics * t->H + 1) / 2; /* ceil(n_harmonics H / 2) */
    return 2 * (below - hp->n_harmonics + 1);
}

/* Column `i` of `n` at step t of T: a power, or a wave of the horizon H; sign -1 reverses time. */
static double at(const nbeats *hp, int64_t type, int64_t i, int64_t n, int64_t t, int64_t T,
                 int64_t H, double sign)
{
    if (type == TREND) return pow((double)t / (double)T, (double)i);
    int64_t wave = i % (n / 2);
    double f = wave ? (double)(hp->n_harmonics + wave - 1) / (double)hp->n_harmonics : 0;
    double angle = sign * 2 * 3.14159265358979323846 * ((double)t / (double)H) * f;
    return i < n / 2 ? cos(angle) : sin(angle);
}

static vn_val columns(vn_graph *g, const char *name, const nbeats *hp, int64_t type, int64_t n,
                      int64_t T, int64_t H, double sign)
{
    double *data = vn_arena_array(&g->arena, (size_t)(T * n), sizeof *data);
    if (!data)
        return vn_refuse(g, VN_E_MEMORY, "no memory for a basis of %lld columns", (long long)n);
    for (int64_t t = 0; t < T; t++)
        for (int64_t i = 0; i < n; i++) data[t * n + i] = at(hp, type, i, n, t, T, H, sign);
    return vn_const(g, name, VN_DIMS(T, n), data);
}

static basis basis_of(vn_graph *g, const nbeats *hp, const vn_task *t, int64_t type)
{
    if (type == IDENTITY) return (basis){ t->L, t->H, 0, 0 };
    int64_t n = n_columns(hp, t, type);
    return (basis){ n, n, columns(g, "backcast_basis", hp, type, n, t->L, t->H, -1),
                    columns(g, "forecast_basis", hp, type, n, t->H, t->H, 1) };
}

/* theta [B, n P], the outputs of one coefficient side by side -> [B, H, P] */
static vn_val expanded(vn_graph *g, const vn_task *t, const basis *bs, vn_val theta)
{
    if (bs->fore && t->P == 1) {
        theta = vn_linear(g, theta, bs->fore, 0, VN_UNARY_NONE);
    } else if (bs->fore) {
        theta = vn_reshape(g, theta, VN_DIMS(t->B, bs->n_fore, t->P));
        theta = vn_permute(g, theta, (int[]){ 0, 2, 1 });
        theta = vn_linear(g, theta, bs->fore, 0, VN_UNARY_NONE); /* [B, P, H] */
        theta = vn_permute(g, theta, (int[]){ 0, 2, 1 });
    }
    return vn_reshape(g, theta, VN_DIMS(t->B, t->H, t->P));
}

/* Every exogenous input flattened: [B, *n], 0 and *n = 0 if there are none. */
static vn_val exogenous(vn_graph *g, const vn_task *t, int64_t *n)
{
    int64_t n_hist = t->L * t->X, n_futr = (t->L + t->H) * t->F;
    vn_val parts[] = { t->hist ? vn_reshape(g, t->hist, VN_DIMS(t->B, n_hist)) : 0,
                       t->futr ? vn_reshape(g, t->futr, VN_DIMS(t->B, n_futr)) : 0, t->stat };
    *n = n_hist + n_futr + t->S;
    return *n ? vn_concat(g, 1, parts, 3) : 0;
}

static void block_step(vn_graph *g, const vn_task *t, const basis *bs, const vn_mlp *block,
                       vn_val exog, vn_residual *r)
{
    vn_val x = exog ? vn_concat(g, 1, (vn_val[]){ r->rest, exog }, 2) : r->rest;
    vn_val top = vn_mlp_layers(g, block, x);
    vn_val back = vn_mlp_theta(g, "backcast", block, top, 0, bs->n_back);
    vn_val fore = vn_mlp_theta(g, "forecast", block, top, bs->n_back, bs->n_fore * t->P);
    if (bs->back) back = vn_linear(g, back, bs->back, 0, VN_UNARY_NONE);
    vn_residual_step(g, r, back, expanded(g, t, bs, fore));
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const nbeats *hp = hparams;
    vn_mlp_spec spec = { &hp->mlp_units, hp->activation, hp->compat,
                           t->train ? hp->dropout_prob_theta : 0 };
    vn_residual r = vn_residual_open(g, t);
    int64_t n_exog;
    vn_val exog = exogenous(g, t, &n_exog);
    for (int64_t s = 0; s < hp->stack_types.n; s++) {
        vn_push(g, "stack%d", (int)s);
        basis bs = basis_of(g, hp, t, hp->stack_types.v[s]);
        vn_mlp block = { 0 };
        for (int64_t b = 0; b < hp->n_blocks.v[s]; b++) {
            vn_push(g, "block%d", (int)b);
            if (b == 0 || !hp->shared_weights)
                block = vn_mlp_declare(g, &spec, t->L + n_exog, bs.n_back + bs.n_fore * t->P);
            block_step(g, t, &bs, &block, exog, &r);
            vn_pop(g);
        }
        vn_pop(g);
    }
    return r.forecast;
}

const vn_model_def vn_model_nbeats = {
    .name = "nbeats",
    .alias = "NBEATS",
    .title = "N-BEATS: generic, trend and seasonality stacks (Oreshkin et al. 2020)",
    .papers = "Oreshkin, Carpov, Chapados, Bengio: \"N-BEATS: Neural basis expansion analysis "
              "for interpretable time series forecasting\", ICLR 2020, arXiv:1905.10437",
    .options = options,
    .options_bytes = sizeof(nbeats),
    .version = 1,
    .check = check,
    .build = build,
};

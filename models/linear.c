/* NLinear and DLinear (Zeng et al., "Are Transformers Effective for Time Series Forecasting?", AAAI
 * 2023): one matrix from the window to the horizon. The smallest model, and the one to read first:
 * every model file has these four parts, options, check, build, definition.
 *
 *     nlinear   yhat = W (y - y_L) + b + y_L
 *     dlinear   trend = moving average of y;  yhat = Wt trend + bt + Ws (y - trend) + bs
 *     both      + We [hist | futr | stat] where there are exogenous inputs, flattened
 *
 * Left out: one matrix per series ("individual" in the paper). */
#include "models/residual.h"

#include <math.h>

enum { NLINEAR, DLINEAR };

#define HPARAMS(X) \
    X(ENUM, variant, "nlinear", 0, 0, "nlinear|dlinear", \
      "nlinear: subtract the last value; dlinear: trend and remainder apart") \
    X(INT, moving_avg_window, "25", 1, 1e6, NULL, "steps of dlinear's moving average, odd")

typedef struct linear {
    VN_OPTION_STRUCT(HPARAMS)
} linear;

#define VN_OPTION_OF linear
static const vn_option options[] = { HPARAMS(VN_OPTION_LINE) { 0 } };
#undef VN_OPTION_OF

static vn_status check(const void *hparams, const vn_task *task)
{
    const linear *hp = hparams;
    if (hp->variant != DLINEAR) return VN_OK;
    if (hp->moving_avg_window % 2 == 0)
        return VN_FAIL(VN_E_ARGUMENT,
                       "linear: moving_avg_window is %lld; a centred average needs an odd number",
                       (long long)hp->moving_avg_window);
    if (hp->moving_avg_window > task->L)
        return VN_FAIL(VN_E_ARGUMENT,
                       "linear: moving_avg_window is %lld, longer than the input of %lld steps; "
                       "give a smaller moving_avg_window or a larger input_size",
                       (long long)hp->moving_avg_window, (long long)task->L);
    return VN_OK;
}

/* The matrix [L, L] that takes the mean of `window` values around each step; beyond the ends the
 * first and the last value repeat. */
static vn_val averaging(vn_graph *g, int64_t L, int64_t window)
{
    double *a = vn_arena_array(&g->arena, (size_t)(L * L), sizeof *a);
    if (!a) return vn_refuse(g, VN_E_MEMORY, "no memory for a moving average of %lld steps",
                             (long long)L);
    for (int64_t t = 0; t < L; t++)
        for (int64_t k = -(window / 2); k <= window / 2; k++) {
            int64_t from = t + k < 0 ? 0 : t + k >= L ? L - 1 : t + k;
            a[t * L + from] += 1.0 / (double)window;
        }
    return vn_const(g, "moving_average", VN_DIMS(L, L), a);
}

static vn_val nlinear(vn_graph *g, const vn_task *t, vn_val y, vn_val mask)
{
    vn_val last = vn_slice(g, y, 1, t->L - 1, 1);
    vn_val rest = vn_mul(g, vn_sub(g, y, last), mask);
    vn_val out = vn_dense(g, "linear", rest, t->H * t->P, VN_UNARY_NONE);
    if (t->P == 1) return vn_add(g, out, last);
    vn_val level = vn_reshape(g, vn_level(g, t), VN_DIMS(t->B, t->H * t->P));
    return vn_add(g, out, level);
}

static vn_val dlinear(vn_graph *g, const vn_task *t, vn_val y, vn_val mask, int64_t window)
{
    y = vn_mul(g, y, mask);
    vn_val trend = vn_linear(g, y, averaging(g, t->L, window), 0, VN_UNARY_NONE);
    vn_val rest = vn_sub(g, y, trend);
    return vn_add(g, vn_dense(g, "trend", trend, t->H * t->P, VN_UNARY_NONE),
                  vn_dense(g, "season", rest, t->H * t->P, VN_UNARY_NONE));
}

/* [B, H P] from every exogenous input; the bias is the target's. */
static vn_val exogenous(vn_graph *g, const vn_task *t)
{
    int64_t n_hist = t->L * t->X, n_futr = (t->L + t->H) * t->F, n = n_hist + n_futr + t->S;
    vn_val parts[] = { t->hist ? vn_reshape(g, t->hist, VN_DIMS(t->B, n_hist)) : 0,
                       t->futr ? vn_reshape(g, t->futr, VN_DIMS(t->B, n_futr)) : 0, t->stat };
    vn_init init = { VN_INIT_UNIFORM, 1.0 / sqrt((double)n) };
    vn_val w = vn_param(g, "exog.weight", VN_DIMS(t->H * t->P, n), init);
    return vn_linear(g, vn_concat(g, 1, parts, 3), w, 0, VN_UNARY_NONE);
}

static vn_val build(vn_graph *g, const void *hparams, const vn_task *t)
{
    const linear *hp = hparams;
    vn_val y = vn_reshape(g, t->y, VN_DIMS(t->B, t->L));
    vn_val mask = vn_reshape(g, t->mask, VN_DIMS(t->B, t->L));
    vn_val out = hp->variant == DLINEAR ? dlinear(g, t, y, mask, hp->moving_avg_window)
                                        : nlinear(g, t, y, mask);
    if (t->hist || t->futr || t->stat) out = vn_add(g, out, exogenous(g, t));
    return vn_reshape(g, out, VN_DIMS(t->B, t->H, t->P));
}

/* The peers' defaults for these two; the one layer needs many small steps. */
static const char *const presets[][2] = { { "max_steps", "5000" },
                                          { "learning_rate", "1e-4" },
                                          { NULL, NULL } };

const vn_model_def vn_model_linear = {
    .name = "linear",
    .alias = "Linear",
    .title = "NLinear and DLinear: one matrix from window to horizon (Zeng et al. 2023)",
    .papers = "Zeng, Chen, Zhang, Xu: \"Are Transformers Effective for Time Series "
              "Forecasting?\", AAAI 2023, arXiv:2205.13504",
    .options = options,
    .options_bytes = sizeof(linear),
    .version = 1,
    .presets = presets,
    .check = check,
    .build = build,
};

/* Cases of the training losses and of their gradient. */
#include "tests/cases/case.h"

#include <math.h>

#define KIND(NAME) VN_ATTR(loss, VN_LOSS_##NAME, 0.5)
/* yhat, y, mask, weight, scale of b windows of h steps. */
#define PLAIN(b, h) F32(b, h, 1), F32(b, h, 1), F32(b, h, 1)
#define FULL(b, h) PLAIN(b, h), F32(h), F32(b, 1, 1)
#define MASKED                                                                                     \
    {                                                                                              \
        [2] = VN_FILL_MASK, [3] = VN_FILL_POSITIVE, [4] = VN_FILL_POSITIVE                         \
    }
#define POSITIVE                                                                                   \
    {                                                                                              \
        VN_FILL_POSITIVE, VN_FILL_POSITIVE, VN_FILL_MASK, VN_FILL_POSITIVE, VN_FILL_POSITIVE       \
    }
#define ALL_SEEN                                                                                   \
    {                                                                                              \
        [2] = VN_FILL_ONE, [3] = VN_FILL_POSITIVE, [4] = VN_FILL_POSITIVE                          \
    }
#define NOTHING                                                                                    \
    {                                                                                              \
        [2] = VN_FILL_ZERO, [3] = VN_FILL_POSITIVE, [4] = VN_FILL_POSITIVE                         \
    }
#define BOTH_ZERO                                                                                  \
    {                                                                                              \
        VN_FILL_ZERO, VN_FILL_ZERO, VN_FILL_ONE                                                    \
    }

/* yhat 1, 2, 3, 4 against y 2, 2, 1, 0, the third not observed. */
#define KNOWN                                                                                      \
    F32_OF(NUMBERS(1, 2, 3, 4), 2, 2, 1), F32_OF(NUMBERS(2, 2, 1, 0), 2, 2, 1),                    \
        F32_OF(NUMBERS(1, 1, 0, 1), 2, 2, 1)

const vn_case vn_cases_loss[] = {
    { "one element", { PLAIN(1, 1) }, KIND(MSE), .fill = ALL_SEEN, .diff = 1, .reduce = 1 },
    { "mae", { FULL(5, 7) }, KIND(MAE), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "mse", { FULL(5, 7) }, KIND(MSE), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "huber", { FULL(5, 7) }, KIND(HUBER), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "smape", { FULL(5, 7) }, KIND(SMAPE), .fill = POSITIVE, .diff = 1, .reduce = 35 },
    { "smape of both signs", { FULL(5, 7) }, KIND(SMAPE), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "mape", { FULL(5, 7) }, KIND(MAPE), .fill = POSITIVE, .diff = 1, .reduce = 35 },
    { "mase", { FULL(5, 7) }, KIND(MASE), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "no weight",
      { PLAIN(5, 7), NONE, F32(5, 1, 1) },
      KIND(MSE),
      .fill = MASKED,
      .diff = 1,
      .reduce = 35 },
    { "no scale", { PLAIN(5, 7), F32(7) }, KIND(MAE), .fill = MASKED, .diff = 1, .reduce = 35 },
    { "neither", { PLAIN(33, 17) }, KIND(MSE), .fill = MASKED, .diff = 1, .reduce = 561 },
    { "just below two vectors",
      { FULL(1, 31) },
      KIND(MAE),
      .fill = MASKED,
      .diff = 1,
      .reduce = 31 },
    { "over one tile", { FULL(100, 50) }, KIND(HUBER), .fill = MASKED, .diff = 1, .reduce = 5000 },
    { "one long window", { FULL(1, 5000) }, KIND(MSE), .fill = MASKED, .reduce = 5000 },
    { "many windows of one step", { FULL(5000, 1) }, KIND(MAE), .fill = MASKED, .reduce = 5000 },
    { "nothing observed",
      { FULL(5, 7) },
      KIND(MSE),
      .fill = NOTHING,
      .diff = 1,
      .reduce = 35,
      .want = { NUMBERS(0), NUMBERS(0) } },
    { "NaN under the mask",
      { FULL(5, 7) },
      KIND(MSE),
      .fill = MASKED,
      .diff = 1,
      .reduce = 35,
      .holes = 3 },
    { "NaN under the mask, smape",
      { FULL(5, 7) },
      KIND(SMAPE),
      .fill = MASKED,
      .diff = 1,
      .reduce = 35,
      .holes = 3 },
    { "NaN that was observed",
      { F32_OF(NUMBERS(NAN, 1), 1, 2, 1), F32(1, 2, 1), F32(1, 2, 1) },
      KIND(MAE),
      .fill = ALL_SEEN,
      .reduce = 2,
      .want = { NUMBERS(NAN), NUMBERS(2) } },
    { "zeros in smape",
      { PLAIN(5, 7) },
      KIND(SMAPE),
      .fill = BOTH_ZERO,
      .reduce = 35,
      .want = { NUMBERS(0), NUMBERS(35) } },
    { "zeros in mape",
      { PLAIN(5, 7) },
      KIND(MAPE),
      .fill = BOTH_ZERO,
      .reduce = 35,
      .want = { NUMBERS(0), NUMBERS(35) } },
    { "large", { FULL(5, 7) }, KIND(MSE), .fill = MASKED, .lo = -1e15, .hi = 1e15, .reduce = 35 },
    { "known mae", { KNOWN }, KIND(MAE), .reduce = 4, .want = { NUMBERS(5), NUMBERS(3) } },
    { "known mse", { KNOWN }, KIND(MSE), .reduce = 4, .want = { NUMBERS(17), NUMBERS(3) } },
    { "known huber",
      { KNOWN },
      KIND(HUBER),
      .reduce = 4,
      .want = { NUMBERS(0.5 * 0.75 + 0.5 * 3.75), NUMBERS(3) } },
    { "known smape",
      { KNOWN },
      KIND(SMAPE),
      .reduce = 4,
      .want = { NUMBERS(2.0 / 3 + 2), NUMBERS(3) } },
    { "known mape", { KNOWN }, KIND(MAPE), .reduce = 4, .want = { NUMBERS(0.5), NUMBERS(3) } },
    { "known mase",
      { KNOWN, F32_OF(NUMBERS(1, 3), 2), F32_OF(NUMBERS(0.5, 4), 2, 1, 1) },
      KIND(MASE),
      .reduce = 4,
      .want = { NUMBERS(1 / 0.5 + 3 * 4 / 4.0), NUMBERS(1 + 3 + 3) } },
    { "a batch", { PLAIN(1024, 96) }, KIND(MAE), .fill = ALL_SEEN, .reduce = 98304, .bench = true },
    { "y of another horizon",
      { F32(5, 7, 1), F32(5, 8, 1), F32(5, 7, 1) },
      KIND(MSE),
      .reject = "y is [5, 8, 1] but yhat needs [5, 7, 1]" },
    { "weight of another horizon",
      { PLAIN(5, 7), F32(8) },
      KIND(MSE),
      .reject = "weight is [8] but yhat needs [7]" },
    { "mase without its scale", { PLAIN(5, 7) }, KIND(MASE), .reject = "mase needs a scale" },
    { "huber without its bend",
      { PLAIN(5, 7) },
      VN_ATTR(loss, VN_LOSS_HUBER, 0),
      .reject = "delta is 0" },
    { "several numbers a step",
      { F32(5, 7, 2), F32(5, 7, 2), F32(5, 7, 2) },
      KIND(MSE),
      .reject = "yhat is [5, 7, 2]; its last dimension must be 1" },
    { 0 },
};

const vn_case vn_cases_loss_grad[] = {
    { "one element", { PLAIN(1, 1), NONE, NONE, F32(1) }, KIND(MSE), .fill = ALL_SEEN },
    { "mae", { FULL(5, 7), F32(1) }, KIND(MAE), .fill = MASKED },
    { "mse", { FULL(5, 7), F32(1) }, KIND(MSE), .fill = MASKED },
    { "huber", { FULL(5, 7), F32(1) }, KIND(HUBER), .fill = MASKED },
    { "smape", { FULL(5, 7), F32(1) }, KIND(SMAPE), .fill = POSITIVE, .slack = 16 },
    { "mape", { FULL(5, 7), F32(1) }, KIND(MAPE), .fill = POSITIVE, .slack = 8 },
    { "mase", { FULL(5, 7), F32(1) }, KIND(MASE), .fill = MASKED, .slack = 8 },
    { "no weight",
      { PLAIN(5, 7), NONE, F32(5, 1, 1), F32(1) },
      KIND(MSE),
      .fill = MASKED,
      .slack = 8 },
    { "no scale", { PLAIN(5, 7), F32(7), NONE, F32(1) }, KIND(MAE), .fill = MASKED },
    { "just below two vectors", { FULL(1, 31), F32(1) }, KIND(MAE), .fill = MASKED },
    { "over one tile", { FULL(100, 50), F32(1) }, KIND(HUBER), .fill = MASKED },
    { "nothing observed", { FULL(5, 7), F32(1) }, KIND(MSE), .fill = NOTHING },
    { "NaN under the mask", { FULL(5, 7), F32(1) }, KIND(MSE), .fill = MASKED, .holes = 3 },
    { "NaN under the mask, smape",
      { FULL(5, 7), F32(1) },
      KIND(SMAPE),
      .fill = MASKED,
      .holes = 3,
      .slack = 64 },
    { "zeros in smape", { PLAIN(5, 7), NONE, NONE, F32(1) }, KIND(SMAPE), .fill = BOTH_ZERO },
    { "zeros in mape", { PLAIN(5, 7), NONE, NONE, F32(1) }, KIND(MAPE), .fill = BOTH_ZERO },
    { "no error in mae", { PLAIN(5, 7), NONE, NONE, F32(1) }, KIND(MAE), .fill = BOTH_ZERO },
    { "known mse",
      { KNOWN, NONE, NONE, F32_OF(NUMBERS(0.5), 1) },
      KIND(MSE),
      .want = { NUMBERS(-1, 0, 0, 4) } },
    { "a batch",
      { PLAIN(1024, 96), NONE, NONE, F32(1) },
      KIND(MAE),
      .fill = ALL_SEEN,
      .bench = true },
    { "no gradient of the sum", { PLAIN(5, 7) }, KIND(MSE), .reject = "d sum has no axis" },
    { "a gradient of two sums",
      { PLAIN(5, 7), NONE, NONE, F32(2) },
      KIND(MSE),
      .reject = "d sum is [2] but a loss needs [1]" },
    { 0 },
};

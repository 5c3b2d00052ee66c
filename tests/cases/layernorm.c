/* Cases of layer normalisation. */
#include "tests/cases/case.h"

#include <math.h>

#define EPS VN_ATTR(norm, 1e-5)

#define EIGHT 1, -1, 2, -2, 0, 3, -3, 1
#define SEVEN_EIGHTS EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT
#define THREE_64S EIGHT, SEVEN_EIGHTS, EIGHT, SEVEN_EIGHTS, EIGHT, SEVEN_EIGHTS
#define FIFTEEN_64S THREE_64S, THREE_64S, THREE_64S, THREE_64S, THREE_64S

const vn_case vn_cases_layernorm[] = {
    { "one element", { F32(1, 1), F32(1), F32(1) }, EPS, .diff = 7, .reduce = 1 },
    { "rows not a multiple", { F32(5, 33), F32(33), F32(33) }, EPS, .diff = 7, .reduce = 33 },
    { "a vector", { F32(17), F32(17), F32(17) }, EPS, .diff = 7, .reduce = 17 },
    { "three axes", { F32(3, 7, 16), F32(16), F32(16) }, EPS, .diff = 7, .reduce = 16 },
    { "over one tile", { F32(131, 128), F32(128), F32(128) }, EPS, .diff = 7, .reduce = 128 },
    { "long rows", { F32(3, 5000), F32(5000), F32(5000) }, EPS, .reduce = 5000 },
    { "a first number far from the others",
      { F32_OF(NUMBERS(1e10, -1, 2, -2, 0, 3, -3, 1, SEVEN_EIGHTS, FIFTEEN_64S), 1024), F32(1024), F32(1024) },
      EPS,
      .reduce = 1024 },
    { "large and close together",
      { F32(4, 64), F32(64), F32(64) },
      EPS,
      .lo = 1000,
      .hi = 1010,
      .reduce = 64,
      .slack = 32 }, /* the mean is rounded: 3e-5 of a spread of 3 */
    { "constant rows",
      { F32_OF(NUMBERS(5, 5, 5, 5), 2, 2), F32_OF(NUMBERS(1, 2), 2), F32_OF(NUMBERS(3, 4), 2) },
      EPS,
      .reduce = 2,
      .want = { NUMBERS(3, 4, 3, 4), NUMBERS(5, 5), NUMBERS(316.227766, 316.227766) } },
    { "known",
      { F32_OF(NUMBERS(1, 3), 1, 2), F32_OF(NUMBERS(2, 2), 2), F32_OF(NUMBERS(0, 1), 2) },
      VN_ATTR(norm, 3.0),
      .reduce = 2,
      .want = { NUMBERS(-1, 2), NUMBERS(2), NUMBERS(0.5) } },
    { "an encoder's", { F32(5376, 128), F32(128), F32(128) }, EPS, .reduce = 128, .bench = true },
    { "gamma of another length",
      { F32(5, 33), F32(32), F32(33) },
      EPS,
      .reject = "gamma is [32] but x needs [33]" },
    { "no eps", { F32(5, 33), F32(33), F32(33) }, VN_ATTR(norm, 0), .reject = "eps is 0" },
    { 0 },
};

/* mean and rstd of x, as the forward op leaves them. */
static void statistics(const vn_call *c, double *const in[VN_MAX_IN])
{
    int64_t n = vn_last_dim(&c->in[1]);
    for (int64_t r = 0; r < vn_count(&c->in[1]) / n; r++) {
        const double *x = in[1] + r * n;
        double mean = 0, var = 0;
        for (int64_t i = 0; i < n; i++) mean += x[i] / (double)n;
        for (int64_t i = 0; i < n; i++) var += (x[i] - mean) * (x[i] - mean) / (double)n;
        in[3][r] = mean;
        in[4][r] = 1 / sqrt(var + 1e-5);
    }
}

#define GRAD(r, n) { F32(r, n), F32(r, n), F32(n), F32(r), F32(r) }

const vn_case vn_cases_layernorm_grad[] = {
    { "one element", GRAD(1, 1), .prepare = statistics, .reduce = 1 },
    { "rows not a multiple", GRAD(5, 33), .prepare = statistics, .reduce = 33 },
    { "over one tile", GRAD(131, 128), .prepare = statistics, .reduce = 131 },
    { "long rows", GRAD(3, 5000), .prepare = statistics, .reduce = 5000 },
    { "many rows", GRAD(1025, 17), .prepare = statistics, .reduce = 1025 },
    { "an encoder's", GRAD(5376, 128), .prepare = statistics, .reduce = 5376, .bench = true },
    { "dy of another shape",
      { F32(4, 33), F32(5, 33), F32(33), F32(5), F32(5) },
      .reject = "dy is [4, 33] but x needs [5, 33]" },
    { "mean of another length",
      { F32(5, 33), F32(5, 33), F32(33), F32(4), F32(5) },
      .reject = "mean is [4] but x needs [5]" },
    { 0 },
};

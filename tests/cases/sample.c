/* Cases of the recursion that draws: its numbers against the reference's, and the distribution of
 * what is drawn against known probabilities. */
#include <math.h>

#include "tests/cases/case.h"

/* layers, U, N, distribution, components */
#define SAMPLE(layers, U, N, KIND, comps) \
    VN_ATTR(sample, layers, U, N, VN_DIST_##KIND, comps, 0x1234567890)
/* Weights of one or two layers with n inputs and a head of P numbers. */
#define ONE(n, U, P) (4 * (U) * ((n) + (U) + 2) + (P) * ((U) + 1))
#define TWO(n, U, P) (ONE(n, U, P) + 4 * (U) * (2 * (U) + 2))
/* Lags 1, 2, 5 into a past of 4: the last one reaches nothing at first. */
#define LAGS F32_OF(NUMBERS(1, 2, 5), 3)
#define REST(B, layers, U) F32(B, layers, 2, U), F32(B, 1, 1), F32(B, 1, 1), I32(B, 2)
#define FILL                          \
    {                                 \
        [6] = VN_FILL_POSITIVE        \
    }
#define PLAIN .fill = FILL, .lo = -0.4, .hi = 0.4, .int_lo = 0, .int_hi = 50, .slack = 16

/* One unit whose weights are all 0: raw numbers are 0 at every step, whatever was drawn. */
enum { DRAWS = 4000, POINTS = 5 };
#define STILL(KIND, P, scale)                                                                      \
    { F32(ONE(2, 1, P)), F32_OF(NUMBERS(1), 1), F32(1, 1, 1), F32(1, 2, 1), NONE, NONE,            \
      F32_OF(NUMBERS(scale), 1, 1, 1), I32_OF(((const int32_t[]){ 3, 77 }), 1, 2) },               \
        SAMPLE(1, 1, DRAWS / 2, KIND, 0), .fill = { VN_FILL_ZERO }

/* The same, and softplus(log(e - 1)) = 1 failure. */
static const double one_failure[ONE(2, 1, 2)] = { [ONE(2, 1, 2) - 1] = 0.54132485461291810 };

/* P(Y <= at[i]) must be p[i] but for four standard errors. */
static const char *off(const vn_call *c, const double at[POINTS], const double p[POINTS])
{
    const double *y = c->out[0].data;
    for (int i = 0; i < POINTS; i++) {
        int n = 0;
        for (int k = 0; k < DRAWS; k++) n += y[k] <= at[i];
        if (fabs(n / (double)DRAWS - p[i]) > 4 * sqrt(p[i] * (1 - p[i]) / DRAWS))
            return "the draws do not have the distribution";
    }
    return NULL;
}

/* Probabilities by scipy 1.x, whose distributions are other code than ours. */
static const char *normal(const vn_call *c)
{
    return off(c, NUMBERS(-1, -0.5, 0, 0.5, 1), NUMBERS(0.074553, 0.235348, 0.5, 0.764652, 0.925447));
}

static const char *studentt(const vn_call *c)
{
    return off(c, NUMBERS(-2, -0.5, 0, 0.5, 2), NUMBERS(0.035985, 0.264109, 0.5, 0.735891, 0.964015));
}

static const char *laplace(const vn_call *c)
{
    return off(c, NUMBERS(-1, -0.3, 0, 0.3, 1), NUMBERS(0.118145, 0.324342, 0.5, 0.675658, 0.881855));
}

static const char *few(const vn_call *c)
{
    return off(c, NUMBERS(0, 1, 2, 3, 5), NUMBERS(0.125, 0.38493, 0.655185, 0.842511, 0.980396));
}

static const char *many(const vn_call *c)
{
    return off(c, NUMBERS(20, 24, 27, 31, 36),
               NUMBERS(0.079848, 0.276697, 0.495561, 0.768051, 0.947234));
}

static const char *negbin(const vn_call *c)
{
    return off(c, NUMBERS(0, 1, 4, 9, 18), NUMBERS(0.126080, 0.236264, 0.490249, 0.740154, 0.922739));
}

const vn_case vn_cases_lstm_sample[] = {
    { "one layer", { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2), REST(2, 1, 3) },
      SAMPLE(1, 3, 5, NORMAL, 0), PLAIN, .reduce = 56 },
    { "two layers", { F32(TWO(5, 7, 3)), LAGS, F32(2, 4, 1), F32(2, 7, 2), REST(2, 2, 7) },
      SAMPLE(2, 7, 37, STUDENTT, 0), PLAIN, .reduce = 200 },
    { "units over a vector", { F32(TWO(4, 20, 2)), LAGS, F32(2, 9, 1), F32(2, 6, 1), REST(2, 2, 20) },
      SAMPLE(2, 20, 70, LAPLACE, 0), PLAIN, .reduce = 400 },
    { "a mixture", { F32(ONE(5, 3, 9)), LAGS, F32(2, 4, 1), F32(2, 7, 2), REST(2, 1, 3) },
      SAMPLE(1, 3, 5, NORMAL, 3), PLAIN, .reduce = 56 },
    { "counts", { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2),
        F32(2, 1, 2, 3), NONE, F32(2, 1, 1), I32(2, 2) },
      SAMPLE(1, 3, 5, NEGBIN, 0), PLAIN, .reduce = 56 },
    { "no states, no scale",
      { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2), NONE, NONE, NONE, I32(2, 2) },
      SAMPLE(1, 3, 5, NORMAL, 0), PLAIN, .reduce = 56 },
    { "one element",
      { F32(ONE(2, 1, 1)), F32_OF(NUMBERS(1), 1), F32(1, 1, 1), F32(1, 1, 1), REST(1, 1, 1) },
      SAMPLE(1, 1, 1, POISSON, 0), PLAIN, .reduce = 4 },
    { "normal draws", STILL(NORMAL, 2, 1), .slack = 16, .flaw = normal },
    { "studentt draws", STILL(STUDENTT, 3, 1), .slack = 64, .flaw = studentt },
    { "laplace draws", STILL(LAPLACE, 2, 1), .slack = 16, .flaw = laplace },
    { "few poisson draws", STILL(POISSON, 1, 3), .flaw = few },
    { "many poisson draws", STILL(POISSON, 1, 40), .flaw = many },
    { "negbin draws",
      { F32_OF(one_failure, ONE(2, 1, 2)), F32_OF(NUMBERS(1), 1), F32(1, 1, 1), F32(1, 2, 1), NONE,
        NONE, F32_OF(NUMBERS(10), 1, 1, 1), I32_OF(((const int32_t[]){ 3, 77 }), 1, 2) },
      SAMPLE(1, 1, DRAWS / 2, NEGBIN, 0), .flaw = negbin },
    { "a model's paths",
      { F32(TWO(46, 40, 3)), F32_OF(NUMBERS(1, 2, 3, 4, 5, 6, 7, 23, 24, 25, 47, 48, 49, 71, 72, 73,
                                            95, 96, 97, 119, 120, 121, 143, 144, 145, 167, 168, 169,
                                            335, 336, 337, 503, 504, 505, 671, 672, 673, 719, 720,
                                            721), 40),
        F32(4, 768, 1), F32(4, 48, 6), REST(4, 2, 40) },
      SAMPLE(2, 40, 100, STUDENTT, 0), .fill = FILL, .lo = -0.1, .hi = 0.1, .int_lo = 0,
      .int_hi = 50, .reduce = 4000, .slack = 16, .bench = true },
    { "weights of another size",
      { F32(7), LAGS, F32(2, 4, 1), F32(2, 7, 2), NONE, NONE, NONE, I32(2, 2) },
      SAMPLE(1, 3, 5, NORMAL, 0),
      .reject = "weights are [7] but lags [3] and other inputs [2, 7, 2] need [128]" },
    { "states of another layer",
      { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2), REST(2, 2, 3) },
      SAMPLE(1, 3, 5, NORMAL, 0),
      .reject = "states is [2, 2, 2, 3] but other inputs needs [2, 1, 2, 3]" },
    { "no pairs",
      { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2) },
      SAMPLE(1, 3, 5, NORMAL, 0), .reject = "they must be i32 [2, 2]" },
    { "no paths",
      { F32(ONE(5, 3, 2)), LAGS, F32(2, 4, 1), F32(2, 7, 2), NONE, NONE, NONE, I32(2, 2) },
      SAMPLE(1, 3, 0, NORMAL, 0), .reject = "paths is 0" },
    { 0 },
};

/* Cases of quantile losses, likelihoods, parameters of distributions and drawn levels. */
#include "tests/cases/case.h"

#include <math.h>

/* ---- quantiles: yhat, y, mask, weight, q ---- */

#define STEPS(b, h, Q) F32(b, h, Q), F32(b, h, 1), F32(b, h, 1)
#define FIVE NUMBERS(0.05, 0.1, 0.5, 0.9, 0.95)
#define MASKED                                                                                     \
    {                                                                                              \
        [2] = VN_FILL_MASK, [3] = VN_FILL_POSITIVE                                                 \
    }
#define SEEN                                                                                       \
    {                                                                                              \
        [2] = VN_FILL_ONE, [3] = VN_FILL_POSITIVE                                                  \
    }

/* y - yhat is 1, -2, 0.5 at levels .1, .5, .9; then the same with the step masked. */
#define KNOWN                                                                                      \
    F32_OF(NUMBERS(1, 4, 1.5, 0, 0, 0), 1, 2, 3), F32_OF(NUMBERS(2, 7), 1, 2, 1),                  \
        F32_OF(NUMBERS(1, 0), 1, 2, 1)
#define LEVELS F32_OF(NUMBERS(0.1, 0.5, 0.9), 3)

/* Levels in (0, 1) from numbers in -1 .. 1. */
static void make_levels(const vn_call *c, double *const in[VN_MAX_IN])
{
    for (int64_t i = 0; i < vn_count(&c->in[4]); i++) in[4][i] = 0.5 + 0.45 * in[4][i];
}

/* One level: every fifth y is its forecast, and a step in the middle is not observed. */
static void hit_often(const vn_call *c, double *const in[VN_MAX_IN])
{
    int64_t n = vn_count(&c->in[1]);
    for (int64_t i = 0; i < n; i += 5) in[1][i] = in[0][i];
    in[2][n / 2] = 0;
}

const vn_case vn_cases_qloss[] = {
    { "five levels",
      { STEPS(5, 7, 5), F32(7), F32_OF(FIVE, 5) },
      .fill = MASKED,
      .diff = 1,
      .reduce = 35 },
    { "one level", { STEPS(5, 7, 1), F32(7), F32_OF(FIVE, 1) }, .fill = MASKED, .diff = 1,
      .reduce = 35 },
    { "a level a step",
      { STEPS(5, 7, 1), F32(7), F32(5, 7, 1) },
      .fill = MASKED,
      .diff = 1,
      .reduce = 35,
      .prepare = make_levels },
    { "no weight", { STEPS(5, 7, 5), NONE, F32_OF(FIVE, 5) }, .fill = MASKED, .reduce = 35 },
    { "one element", { STEPS(1, 1, 1), NONE, F32_OF(FIVE, 1) }, .fill = SEEN, .reduce = 1 },
    { "more levels than a vector",
      { STEPS(3, 5, 35), F32(5), F32(35) },
      .fill = MASKED,
      .diff = 1,
      .reduce = 525,
      .prepare = make_levels },
    { "over one tile", { STEPS(150, 9, 5), F32(9), F32_OF(FIVE, 5) }, .fill = MASKED,
      .reduce = 1350 },
    { "rows of one level over one tile", { STEPS(150, 37, 1), NONE, F32_OF(FIVE, 1) },
      .fill = MASKED, .reduce = 5550 },
    { "one level, nearly all seen, with hits", { STEPS(150, 37, 1), NONE, F32_OF(FIVE, 1) },
      .fill = SEEN, .reduce = 5550, .prepare = hit_often },
    { "NaN under the mask",
      { STEPS(5, 7, 5), F32(7), F32_OF(FIVE, 5) },
      .fill = MASKED,
      .diff = 1,
      .reduce = 35,
      .holes = 3 },
    { "known", { KNOWN, NONE, LEVELS }, .reduce = 2,
      .want = { NUMBERS((0.1 + 1 + 0.45) / 3), NUMBERS(1) } },
    { "a batch", { STEPS(256, 80, 5), NONE, F32_OF(FIVE, 5) }, .fill = SEEN, .reduce = 20480,
      .bench = true },
    { "levels of another number",
      { STEPS(5, 7, 3), NONE, F32_OF(FIVE, 5) },
      .reject = "q is [5] but yhat needs [3]" },
    { "a level a step of several",
      { STEPS(5, 7, 3), NONE, F32(5, 7, 1) },
      .reject = "q is [5, 7, 1], one level a step, but yhat is [5, 7, 3]" },
    { "y of several numbers",
      { F32(5, 7, 3), F32(5, 7, 3), F32(5, 7, 1), NONE, LEVELS },
      .reject = "y is [5, 7, 3] but yhat needs [5, 7, 1]" },
    { 0 },
};

const vn_case vn_cases_qloss_grad[] = {
    { "five levels", { STEPS(5, 7, 5), F32(7), F32_OF(FIVE, 5), F32(1) }, .fill = MASKED },
    { "one level", { STEPS(5, 7, 1), F32(7), F32_OF(FIVE, 1), F32(1) }, .fill = MASKED },
    { "a level a step",
      { STEPS(5, 7, 1), F32(7), F32(5, 7, 1), F32(1) },
      .fill = MASKED,
      .prepare = make_levels },
    { "more levels than a vector",
      { STEPS(3, 5, 35), F32(5), F32(35), F32(1) },
      .fill = MASKED,
      .prepare = make_levels },
    { "over one tile", { STEPS(150, 9, 5), NONE, F32_OF(FIVE, 5), F32(1) }, .fill = MASKED },
    { "one level, nearly all seen, with hits",
      { STEPS(150, 37, 1), NONE, F32_OF(FIVE, 1), F32(1) },
      .fill = SEEN,
      .prepare = hit_often },
    { "NaN under the mask",
      { STEPS(5, 7, 5), NONE, F32_OF(FIVE, 5), F32(1) },
      .fill = MASKED,
      .holes = 3 },
    { "known",
      { KNOWN, NONE, LEVELS, F32_OF(NUMBERS(3), 1) },
      .want = { NUMBERS(-0.1, 0.5, -0.9, 0, 0, 0) } },
    { "a hit",
      { F32_OF(NUMBERS(2, 2, 2), 1, 1, 3), F32_OF(NUMBERS(2), 1, 1, 1), F32_OF(NUMBERS(1), 1, 1, 1),
        NONE, LEVELS, F32_OF(NUMBERS(3), 1) },
      .want = { NUMBERS(0.4, 0, -0.4) } },
    { "a batch",
      { STEPS(256, 80, 5), NONE, F32_OF(FIVE, 5), F32(1) },
      .fill = SEEN,
      .bench = true },
    { "no gradient of the sum", { STEPS(5, 7, 3), NONE, LEVELS }, .reject = "d sum has no axis" },
    { 0 },
};

/* ---- likelihoods: x, y, mask, weight, location, scale ---- */

#define DIST(NAME, comps) VN_ATTR(dist, VN_DIST_##NAME, comps)
#define WINDOWS(b) F32(b, 1, 1), F32(b, 1, 1)
#define FULL(b, h, P) STEPS(b, h, P), F32(h), WINDOWS(b)
#define FILL                                                                                       \
    {                                                                                              \
        [2] = VN_FILL_MASK, [3] = VN_FILL_POSITIVE, [5] = VN_FILL_POSITIVE                         \
    }

/* Whole numbers 0, 1, 2 ... */
static void make_counts(const vn_call *c, double *const in[VN_MAX_IN])
{
    for (int64_t i = 0; i < vn_count(&c->in[1]); i++)
        if (!isnan(in[1][i])) in[1][i] = floor(20 * in[1][i] * in[1][i]);
}

/* Counts around 1e5 from windows of that scale. */
static void make_many(const vn_call *c, double *const in[VN_MAX_IN])
{
    for (int64_t i = 0; i < vn_count(&c->in[1]); i++) in[1][i] = floor(1e5 * (1.5 + in[1][i]));
    for (int64_t i = 0; i < vn_count(&c->in[5]); i++) in[5][i] *= 1e5;
}

/* One step: raw numbers .5, -.25, 1.5, y = 4, location 2, scale 3. */
#define ONE_STEP F32_OF(NUMBERS(4), 1, 1, 1), F32_OF(NUMBERS(1), 1, 1, 1), NONE
#define MOVED F32_OF(NUMBERS(2), 1, 1, 1), F32_OF(NUMBERS(3), 1, 1, 1)
#define RAW(P) F32_OF(NUMBERS(0.5, -0.25, 1.5), 1, 1, P)
#define RAW_GMM F32_OF(NUMBERS(0.5, -1, -0.25, 0.75, 0, 1), 1, 1, 6)

const vn_case vn_cases_nll[] = {
    { "normal", { FULL(5, 7, 2) }, DIST(NORMAL, 0), .fill = FILL, .diff = 1, .reduce = 35 },
    { "studentt", { FULL(5, 7, 3) }, DIST(STUDENTT, 0), .fill = FILL, .diff = 1, .reduce = 35 },
    { "laplace", { FULL(5, 7, 2) }, DIST(LAPLACE, 0), .fill = FILL, .diff = 1, .reduce = 35 },
    { "negbin", { FULL(5, 7, 2) }, DIST(NEGBIN, 0), .fill = FILL, .diff = 1, .reduce = 35,
      .prepare = make_counts },
    { "poisson", { FULL(5, 7, 1) }, DIST(POISSON, 0), .fill = FILL, .diff = 1, .reduce = 35,
      .prepare = make_counts },
    { "normal mixture", { FULL(5, 7, 9) }, DIST(NORMAL, 3), .fill = FILL, .diff = 1, .reduce = 35 },
    { "studentt mixture", { FULL(5, 7, 8) }, DIST(STUDENTT, 2), .fill = FILL, .diff = 1,
      .reduce = 35 },
    { "negbin mixture", { FULL(5, 7, 6) }, DIST(NEGBIN, 2), .fill = FILL, .diff = 1, .reduce = 35,
      .prepare = make_counts },
    { "poisson mixture", { FULL(5, 7, 20) }, DIST(POISSON, 10), .fill = FILL, .diff = 1,
      .reduce = 35, .prepare = make_counts },
    { "mixture of one", { FULL(5, 7, 3) }, DIST(NORMAL, 1), .fill = FILL, .reduce = 35 },
    { "the widest mixture", { FULL(2, 3, 128) }, DIST(STUDENTT, 32), .fill = FILL, .reduce = 6 },
    { "neither location nor scale", { STEPS(5, 7, 2), F32(7) }, DIST(NORMAL, 0), .fill = FILL,
      .diff = 1, .reduce = 35 },
    { "no weight", { STEPS(5, 7, 3), NONE, WINDOWS(5) }, DIST(STUDENTT, 0), .fill = FILL,
      .reduce = 35 },
    { "far raw numbers", { FULL(5, 7, 3) }, DIST(STUDENTT, 0), .fill = FILL, .lo = -12, .hi = 12,
      .reduce = 35, .slack = 16 },
    { "many failures of few", { FULL(5, 7, 2) }, DIST(NEGBIN, 0), .fill = FILL, .lo = -3,
      .hi = 30, .reduce = 35, .slack = 16, .prepare = make_counts },
    { "counts of a hundred thousand", { FULL(5, 7, 1) }, DIST(POISSON, 0), .fill = FILL,
      .diff = 1, .reduce = 35, .prepare = make_many },
    { "scattered counts of a hundred thousand", { FULL(5, 7, 2) }, DIST(NEGBIN, 0), .fill = FILL,
      .diff = 1, .reduce = 35, .prepare = make_many, .slack = 16 },
    { "over one tile", { FULL(130, 17, 2) }, DIST(NORMAL, 0), .fill = FILL, .reduce = 2210 },
    { "NaN under the mask", { FULL(5, 7, 2) }, DIST(NORMAL, 0), .fill = FILL, .diff = 1,
      .reduce = 35, .holes = 3 },
    { "known normal", { RAW(2), ONE_STEP, MOVED }, DIST(NORMAL, 0), .reduce = 1,
      .want = { NUMBERS(1.507670669225054), NUMBERS(1) } },
    { "known studentt", { RAW(3), ONE_STEP, MOVED }, DIST(STUDENTT, 0), .reduce = 1,
      .want = { NUMBERS(1.5851704446304664), NUMBERS(1) } },
    { "known laplace", { RAW(2), ONE_STEP, MOVED }, DIST(LAPLACE, 0), .reduce = 1,
      .want = { NUMBERS(1.5293901927225095), NUMBERS(1) } },
    { "known negbin", { RAW(2), ONE_STEP, MOVED }, DIST(NEGBIN, 0), .reduce = 1,
      .want = { NUMBERS(2.3253818079127133), NUMBERS(1) } },
    { "known poisson", { RAW(1), ONE_STEP, MOVED }, DIST(POISSON, 0), .reduce = 1,
      .want = { NUMBERS(1.810894278821312), NUMBERS(1) } },
    { "known poisson of 30",
      { RAW(1), F32_OF(NUMBERS(30), 1, 1, 1), F32_OF(NUMBERS(1), 1, 1, 1), NONE, MOVED },
      DIST(POISSON, 0),
      .reduce = 1,
      .want = { NUMBERS(45.41001902086832), NUMBERS(1) } },
    { "known normal mixture", { RAW_GMM, ONE_STEP, MOVED }, DIST(NORMAL, 2), .reduce = 1,
      .want = { NUMBERS(2.4219604508806896), NUMBERS(1) } },
    { "a batch", { STEPS(256, 96, 3), NONE, WINDOWS(256) }, DIST(STUDENTT, 0),
      .fill = { [2] = VN_FILL_ONE, [5] = VN_FILL_POSITIVE }, .reduce = 24576, .bench = true },
    { "numbers of another distribution", { STEPS(5, 7, 2) }, DIST(STUDENTT, 0),
      .reject = "x is [5, 7, 2]; studentt has 3 numbers a step" },
    { "numbers of another mixture", { STEPS(5, 7, 2) }, DIST(NORMAL, 4),
      .reject = "x is [5, 7, 2]; a mixture of normal has 12 numbers a step" },
    { "too large a mixture", { STEPS(5, 7, 99) }, DIST(NORMAL, 33),
      .reject = "comps is 33; it must lie in 0 .. 32" },
    { "scales of other windows", { STEPS(5, 7, 2), NONE, WINDOWS(4) }, DIST(NORMAL, 0),
      .reject = "location is [4, 1, 1] but x needs [5, 1, 1]" },
    { 0 },
};

/* Gradients are those of the cases above, which central differences check in f64; here fast kernels
 * are held against the reference. */
const vn_case vn_cases_nll_grad[] = {
    { "normal", { FULL(5, 7, 2), F32(1) }, DIST(NORMAL, 0), .fill = FILL, .slack = 64 },
    { "studentt", { FULL(5, 7, 3), F32(1) }, DIST(STUDENTT, 0), .fill = FILL, .slack = 64 },
    { "laplace", { FULL(5, 7, 2), F32(1) }, DIST(LAPLACE, 0), .fill = FILL, .slack = 64 },
    { "negbin", { FULL(5, 7, 2), F32(1) }, DIST(NEGBIN, 0), .fill = FILL, .slack = 64,
      .prepare = make_counts },
    { "poisson", { FULL(5, 7, 1), F32(1) }, DIST(POISSON, 0), .fill = FILL, .slack = 64,
      .prepare = make_counts },
    { "normal mixture", { FULL(5, 7, 9), F32(1) }, DIST(NORMAL, 3), .fill = FILL, .slack = 64 },
    { "poisson mixture", { FULL(5, 7, 20), F32(1) }, DIST(POISSON, 10), .fill = FILL, .slack = 64,
      .prepare = make_counts },
    { "negbin mixture", { FULL(5, 7, 6), F32(1) }, DIST(NEGBIN, 2), .fill = FILL, .slack = 64,
      .prepare = make_counts },
    { "neither location nor scale",
      { STEPS(5, 7, 2), NONE, NONE, NONE, F32(1) },
      DIST(NORMAL, 0),
      .fill = FILL,
      .slack = 64 },
    { "NaN under the mask", { FULL(5, 7, 3), F32(1) }, DIST(STUDENTT, 0), .fill = FILL,
      .slack = 64, .holes = 3 },
    { "over one tile", { FULL(130, 17, 2), F32(1) }, DIST(NORMAL, 0), .fill = FILL, .slack = 256 },
    { "a batch", { STEPS(256, 96, 3), NONE, WINDOWS(256), F32(1) }, DIST(STUDENTT, 0),
      .fill = { [2] = VN_FILL_ONE, [5] = VN_FILL_POSITIVE }, .slack = 64, .bench = true },
    { "no gradient of the sum", { STEPS(5, 7, 2) }, DIST(NORMAL, 0),
      .reject = "d sum has no axis" },
    { 0 },
};

#define SCALED                                                                                     \
    {                                                                                              \
        [2] = VN_FILL_POSITIVE                                                                     \
    }

const vn_case vn_cases_dist[] = {
    { "normal", { F32(5, 7, 2), WINDOWS(5) }, DIST(NORMAL, 0), .fill = SCALED, .slack = 8 },
    { "studentt", { F32(5, 7, 3), WINDOWS(5) }, DIST(STUDENTT, 0), .fill = SCALED, .slack = 8 },
    { "laplace", { F32(5, 7, 2), WINDOWS(5) }, DIST(LAPLACE, 0), .fill = SCALED, .slack = 8 },
    { "negbin", { F32(5, 7, 2), WINDOWS(5) }, DIST(NEGBIN, 0), .fill = SCALED, .slack = 8 },
    { "poisson", { F32(130, 17, 1), WINDOWS(130) }, DIST(POISSON, 0), .fill = SCALED, .slack = 8 },
    { "normal mixture", { F32(5, 7, 9), WINDOWS(5) }, DIST(NORMAL, 3), .fill = SCALED, .slack = 8 },
    { "neither location nor scale", { F32(5, 7, 6) }, DIST(POISSON, 3), .slack = 8 },
    { "known studentt",
      { RAW(3), MOVED },
      DIST(STUDENTT, 0),
      .want = { NUMBERS(3.5, 1.7278212596365308, 3.701414277982752) } },
    { "known negbin",
      { RAW(2), MOVED },
      DIST(NEGBIN, 0),
      .want = { NUMBERS(2.9222339525403203, 1.7362907090465411) } },
    { "known normal mixture",
      { RAW_GMM, MOVED },
      DIST(NORMAL, 2),
      .want = { NUMBERS(3.5, -1, 1.7278212596365308, 3.410616018344699, 0.2689414213699951,
                        0.7310585786300049) } },
    { "numbers of another distribution", { F32(5, 7, 2) }, DIST(STUDENTT, 0),
      .reject = "x is [5, 7, 2]; studentt has 3 numbers a step" },
    { "two axes", { F32(5, 2) }, DIST(NORMAL, 0), .reject = "x is [5, 2]; it must have 3 axes" },
    { 0 },
};

/* ---- drawn levels ---- */

#define TAU(size) VN_ATTR(tau, size, 77)

static const char *uniform(const vn_call *c)
{
    const double *q = c->out[0].data, *phi = c->out[1].data;
    int64_t n = vn_count(&c->out[0]), size = c->out[1].dim[2];
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(q[i] > 0 && q[i] < 1)) return "a level outside (0, 1)";
        if (phi[i * size] != 1) return "cos 0 is not 1";
        sum += q[i];
        square += (q[i] - 0.5) * (q[i] - 0.5);
    }
    if (fabs(sum / (double)n - 0.5) > 0.02) return "the mean is not 1/2";
    return fabs(square / (double)n - 1.0 / 12) > 0.005 ? "the variance is not 1/12" : NULL;
}

const vn_case vn_cases_tau[] = {
    { "levels", { F32(50, 49, 1) }, TAU(5), .flaw = uniform },
    { "no whole blocks", { F32(3, 7, 1) }, TAU(64) },
    { "one cosine", { F32(3, 7, 1) }, TAU(1) },
    { "one step", { F32(1, 1, 1) }, TAU(2) },
    { "several numbers a step", { F32(3, 7, 2) }, TAU(8),
      .reject = "x is [3, 7, 2]; its last dimension must be 1" },
    { "no cosine", { F32(3, 7, 1) }, TAU(0), .reject = "size is 0; it must lie in 1 .. 65536" },
    { 0 },
};

/* Cases of the elementwise ops of one input. */
#include "tests/cases/case.h"

#include <math.h>

#include "device/scalar.h"

#define FN(NAME) VN_ATTR(unary, VN_UNARY_##NAME)

const vn_case vn_cases_unary[] = {
    { "none", { F32(5, 33) }, FN(NONE), .diff = 1 },
    { "relu", { F32(5, 33) }, FN(RELU), .diff = 1 },
    { "tanh", { F32(5, 33) }, FN(TANH), .diff = 1, .lo = -3, .hi = 3 },
    { "sigmoid", { F32(5, 33) }, FN(SIGMOID), .diff = 1, .lo = -5, .hi = 5 },
    { "softplus", { F32(5, 33) }, FN(SOFTPLUS), .diff = 1, .lo = -5, .hi = 5 },
    { "selu", { F32(5, 33) }, FN(SELU), .diff = 1, .lo = -4, .hi = 4 },
    { "lrelu", { F32(5, 33) }, FN(LRELU), .diff = 1 },
    { "gelu", { F32(5, 33) }, FN(GELU), .diff = 1, .lo = -4, .hi = 4 },
    { "exp", { F32(5, 33) }, FN(EXP), .diff = 1, .lo = -4, .hi = 2 },
    { "log", { F32(5, 33) }, FN(LOG), .diff = 1, .lo = 0.1, .hi = 9 },
    { "sqrt", { F32(5, 33) }, FN(SQRT), .diff = 1, .lo = 0.1, .hi = 9 },
    { "square", { F32(5, 33) }, FN(SQUARE), .diff = 1 },
    { "abs", { F32(5, 33) }, FN(ABS), .diff = 1 },
    { "neg", { F32(5, 33) }, FN(NEG), .diff = 1 },
    { "asinh", { F32(5, 33) }, FN(ASINH), .diff = 1, .lo = -9, .hi = 9 },
    { "sinh", { F32(5, 33) }, FN(SINH), .diff = 1, .lo = -3, .hi = 3 },
    { "one element", { F32(1) }, FN(TANH), .diff = 1 },
    { "just below two vectors", { F32(31) }, FN(EXP) },
    { "a vector and one", { F32(17) }, FN(SIGMOID) },
    { "over one tile", { F32(5000) }, FN(GELU), .diff = 1, .lo = -4, .hi = 4 },
    { "many tiles, five axes", { F32(3, 5, 7, 11, 33) }, FN(TANH), .lo = -3, .hi = 3 },
    { "large to tanh", { F32(257) }, FN(TANH), .lo = -100, .hi = 100 },
    { "tiny to tanh", { F32(257) }, FN(TANH), .lo = -1e-4, .hi = 1e-4 },
    { "large to sigmoid", { F32(257) }, FN(SIGMOID), .lo = -1e4, .hi = 1e4 },
    { "large to softplus", { F32(257) }, FN(SOFTPLUS), .lo = -1e4, .hi = 1e4 },
    { "large to selu", { F32(257) }, FN(SELU), .lo = -1e4, .hi = 1e4 },
    { "large to gelu", { F32(257) }, FN(GELU), .lo = -30, .hi = 30 },
    { "past the range of exp", { F32(257) }, FN(EXP), .lo = -200, .hi = 200, .slack = 16 },
    { "large to sinh", { F32(257) }, FN(SINH), .lo = -80, .hi = 80, .slack = 16 },
    { "large to asinh", { F32(257) }, FN(ASINH), .lo = -1e6, .hi = 1e6 },
    { "large to square", { F32(257) }, FN(SQUARE), .lo = -1e4, .hi = 1e4 },
    { "small to log", { F32(257) }, FN(LOG), .lo = 1e-30, .hi = 1e-20, .slack = 8 },
    { "relu keeps NaN and infinity",
      { F32_OF(NUMBERS(NAN, INFINITY, -INFINITY, 0, -0.0, 3), 6) },
      FN(RELU),
      .want = { NUMBERS(NAN, INFINITY, 0, 0, 0, 3) } },
    { "tanh of NaN and infinity",
      { F32_OF(NUMBERS(NAN, INFINITY, -INFINITY, 0), 4) },
      FN(TANH),
      .want = { NUMBERS(NAN, 1, -1, 0) } },
    { "sigmoid of NaN and infinity",
      { F32_OF(NUMBERS(NAN, INFINITY, -INFINITY, 0), 4) },
      FN(SIGMOID),
      .want = { NUMBERS(NAN, 1, 0, 0.5) } },
    { "exp of NaN and infinity",
      { F32_OF(NUMBERS(NAN, INFINITY, -INFINITY, 1), 4) },
      FN(EXP),
      .want = { NUMBERS(NAN, INFINITY, 0, 2.718281828459045) } },
    { "log of zero and below",
      { F32_OF(NUMBERS(0, -1, 1), 3) },
      FN(LOG),
      .want = { NUMBERS(-INFINITY, NAN, 0) } },
    { "gelu, known",
      { F32_OF(NUMBERS(-1, 0, 1, 2), 4) },
      FN(GELU),
      .want = { NUMBERS(-0.15865525, 0, 0.84134475, 1.95449974) } },
    { "selu, known",
      { F32_OF(NUMBERS(-1, 0, 2), 3) },
      FN(SELU),
      .want = { NUMBERS(-1.11133074, 0, 2.10140197) } },
    { "a hidden layer", { F32(1024, 512) }, FN(RELU), .bench = true },
    { "a hidden layer through gelu", { F32(1024, 512) }, FN(GELU), .bench = true },
    { "scalar", { NONE }, FN(RELU), .reject = "needs a dimension" },
    { "unknown function", { F32(3) }, VN_ATTR(unary, VN_UNARY_COUNT), .reject = "fn is" },
    { "empty axis", { F32(3, 0) }, FN(RELU), .reject = "x is [3, 0]; axis 1 is empty" },
    { "integers", { I32(3) }, FN(RELU), .int_hi = 3, .reject = "of type i32" },
    { 0 },
};

/* y = f(x); where x is absent, of the number drawn for y. */
static void apply(const vn_call *c, double *const in[VN_MAX_IN])
{
    const double *x = in[1] ? in[1] : in[2];
    int64_t fn = ((const vn_attr_unary *)c->attr)->fn;
    for (int64_t k = 0; k < vn_count(&c->in[2]); k++) in[2][k] = vn_unary_value_f64(fn, x[k]);
}

#define DY_Y F32(5, 33), NONE, F32(5, 33)
#define DY_X_Y F32(5, 33), F32(5, 33), F32(5, 33)

const vn_case vn_cases_unary_grad[] = {
    { "none", { DY_Y }, FN(NONE), .prepare = apply },
    { "relu", { DY_Y }, FN(RELU), .prepare = apply },
    { "tanh", { DY_Y }, FN(TANH), .prepare = apply, .lo = -3, .hi = 3 },
    { "sigmoid", { DY_Y }, FN(SIGMOID), .prepare = apply, .lo = -5, .hi = 5 },
    { "softplus", { DY_Y }, FN(SOFTPLUS), .prepare = apply, .lo = -5, .hi = 5 },
    { "selu", { DY_Y }, FN(SELU), .prepare = apply, .lo = -4, .hi = 4 },
    { "lrelu", { DY_Y }, FN(LRELU), .prepare = apply },
    { "gelu", { DY_X_Y }, FN(GELU), .prepare = apply, .lo = -4, .hi = 4, .slack = 8 },
    { "exp", { DY_Y }, FN(EXP), .prepare = apply },
    { "log", { DY_X_Y }, FN(LOG), .prepare = apply, .lo = 0.1, .hi = 9 },
    { "sqrt", { DY_Y }, FN(SQRT), .prepare = apply, .lo = 0.1, .hi = 9 },
    { "square", { DY_X_Y }, FN(SQUARE), .prepare = apply },
    { "abs", { DY_X_Y }, FN(ABS), .prepare = apply },
    { "neg", { DY_Y }, FN(NEG), .prepare = apply },
    { "asinh", { DY_X_Y }, FN(ASINH), .prepare = apply, .lo = -9, .hi = 9 },
    { "sinh", { DY_X_Y }, FN(SINH), .prepare = apply, .lo = -3, .hi = 3 },
    { "x given though not needed", { DY_X_Y }, FN(TANH), .prepare = apply },
    { "one element", { F32(1), NONE, F32(1) }, FN(TANH), .prepare = apply },
    { "just below two vectors", { F32(31), NONE, F32(31) }, FN(RELU), .prepare = apply },
    { "a vector and one", { F32(17), F32(17), F32(17) }, FN(GELU), .prepare = apply, .slack = 8 },
    { "over one tile", { F32(5000), NONE, F32(5000) }, FN(SELU), .prepare = apply },
    { "relu of zeros", { F32(33), NONE, F32(33) }, FN(RELU), .fill = { [2] = VN_FILL_ZERO } },
    { "abs of zeros",
      { F32(33), F32(33), F32(33) },
      FN(ABS),
      .fill = { [1] = VN_FILL_ZERO, [2] = VN_FILL_ZERO } },
    { "saturated",
      { F32(257), NONE, F32(257) },
      FN(SIGMOID),
      .prepare = apply,
      .lo = -1e4,
      .hi = 1e4 },
    { "a hidden layer",
      { F32(1024, 512), NONE, F32(1024, 512) },
      FN(RELU),
      .prepare = apply,
      .bench = true },
    { "x missing",
      { F32(3), NONE, F32(3) },
      FN(GELU),
      .reject = "the derivative of gelu needs it" },
    { "y of another shape",
      { F32(3), NONE, F32(4) },
      FN(RELU),
      .reject = "y is [4] but dy needs [3]" },
    { 0 },
};

const vn_case vn_cases_affine[] = {
    { "one element", { F32(1) }, VN_ATTR(affine, 2, -0.5), .diff = 1 },
    { "ragged", { F32(5, 33) }, VN_ATTR(affine, -0.3, 1.7), .diff = 1 },
    { "a copy", { F32(31) }, VN_ATTR(affine, 1, 0), .diff = 1 },
    { "a constant", { F32(17) }, VN_ATTR(affine, 0, 3), .diff = 1 },
    { "over one tile", { F32(5000) }, VN_ATTR(affine, 3, 0), .diff = 1 },
    { "large", { F32(257) }, VN_ATTR(affine, 1e4, 1e4), .lo = 1, .hi = 1e4 },
    { "known",
      { F32_OF(NUMBERS(-1, 0, 2), 3) },
      VN_ATTR(affine, 3, 0.5),
      .want = { NUMBERS(-2.5, 0.5, 6.5) } },
    { "a hidden layer", { F32(1024, 512) }, VN_ATTR(affine, -1, 0), .bench = true },
    { "scalar", { NONE }, VN_ATTR(affine, 1, 0), .reject = "needs a dimension" },
    { 0 },
};

/* Each number is dropped or x / (1 - p); the share kept is within 5 standard deviations of 1 - p.
 */
static const char *miscounted(const vn_call *c)
{
    double p = ((const vn_attr_dropout *)c->attr)->p, kept = 0;
    const double *x = c->in[0].data, *drawn = c->out[0].data;
    int64_t n = vn_count(&c->in[0]);
    for (int64_t k = 0; k < n; k++) {
        if (drawn[k] != 0 && fabs(drawn[k] - x[k] / (1 - p)) > 1e-12)
            return "a number is neither 0 nor x / (1 - p)";
        kept += drawn[k] != 0;
    }
    double deviation = sqrt(p * (1 - p) * (double)n);
    return fabs(kept - (1 - p) * (double)n) > 5 * deviation ? "the share kept is not 1 - p" : NULL;
}

const vn_case vn_cases_dropout[] = {
    { "one element", { F32(1) }, VN_ATTR(dropout, 0.5, 3), .diff = 1 },
    { "ragged", { F32(5, 33) }, VN_ATTR(dropout, 0.1, 1LL << 40), .diff = 1 },
    { "just below two vectors", { F32(31) }, VN_ATTR(dropout, 0.9, -5), .diff = 1 },
    { "over one tile", { F32(5000) }, VN_ATTR(dropout, 0.5, 7), .diff = 1, .flaw = miscounted },
    { "few dropped", { F32(100000) }, VN_ATTR(dropout, 0.01, 7), .flaw = miscounted },
    { "most dropped", { F32(100000) }, VN_ATTR(dropout, 0.9, 7), .flaw = miscounted },
    { "p 0 changes nothing",
      { F32_OF(NUMBERS(1, 2, 3, 4, 5), 5) },
      VN_ATTR(dropout, 0, 7),
      .diff = 1,
      .want = { NUMBERS(1, 2, 3, 4, 5) } },
    { "a hidden layer", { F32(1024, 512) }, VN_ATTR(dropout, 0.1, 9), .bench = true },
    { "p 1", { F32(3) }, VN_ATTR(dropout, 1, 0), .reject = "p is 1; it must lie in [0, 1)" },
    { "p NaN", { F32(3) }, VN_ATTR(dropout, NAN, 0), .reject = "it must lie in [0, 1)" },
    { 0 },
};

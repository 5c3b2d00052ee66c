/* Cases of the gradient norm, the optimizer step and the watch for numbers not finite. */
#include "tests/cases/case.h"

#include <math.h>

static const vn_attr_none no_attr = { 0 };

const vn_case vn_cases_gradnorm[] = {
    { "one element", { F32(1) }, &no_attr, .reduce = 1 },
    { "just below two vectors", { F32(31) }, &no_attr, .reduce = 31 },
    { "a vector and one", { F32(17) }, &no_attr, .reduce = 17 },
    { "over one tile", { F32(5000) }, &no_attr, .reduce = 5000 },
    { "many tiles", { F32(300007) }, &no_attr, .reduce = 300007 },
    { "zeros",
      { F32(33) },
      &no_attr,
      .fill = { VN_FILL_ZERO },
      .reduce = 33,
      .want = { NUMBERS(0) } },
    { "large", { F32(257) }, &no_attr, .lo = -1e15, .hi = 1e15, .reduce = 257 },
    { "infinity",
      { F32_OF(NUMBERS(1, INFINITY, 2), 3) },
      &no_attr,
      .reduce = 3,
      .want = { NUMBERS(INFINITY) } },
    { "NaN", { F32_OF(NUMBERS(1, 2, NAN), 3) }, &no_attr, .reduce = 3, .want = { NUMBERS(NAN) } },
    { "known", { F32_OF(NUMBERS(3, 4), 2) }, &no_attr, .reduce = 2, .want = { NUMBERS(5) } },
    { "parameters of a model", { F32(2500000) }, &no_attr, .reduce = 2500000, .bench = true },
    { "two axes", { F32(3, 4) }, &no_attr, .reject = "g is [3, 4]; it must have 1 axes" },
    { 0 },
};

/* p, g, m, v and the norm. */
#define BLOCK(n) F32(n), F32(n), F32(n), F32(n)
#define NORM(x) F32_OF(NUMBERS(x), 1)
#define V_POSITIVE .fill = { [3] = VN_FILL_POSITIVE }
#define ADAM VN_ATTR(adam, 0.9, 0.999, 1e-8, 0, 0, 0, 0)

#define BAD(x) I64_OF(((const int64_t[]){ x }), 1)

const vn_case vn_cases_adam[] = {
    { "one element", { BLOCK(1), NORM(1) }, ADAM, V_POSITIVE },
    { "ragged", { BLOCK(33), NORM(3) }, ADAM, V_POSITIVE },
    { "over one tile", { BLOCK(5000), NORM(3) }, ADAM, V_POSITIVE },
    { "decay joins the gradient",
      { BLOCK(31), NORM(3) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0.1, 0, 17, 0),
      V_POSITIVE },
    { "decay apart",
      { BLOCK(31), NORM(3) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0.1, 1, 17, 0),
      V_POSITIVE },
    { "all decay",
      { BLOCK(17), NORM(3) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0.1, 1, 17, 0),
      V_POSITIVE },
    { "clipped",
      { BLOCK(31), NORM(3) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0, 0, 0, 0.5),
      V_POSITIVE },
    { "below the clip",
      { BLOCK(31), NORM(3) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0, 0, 0, 4),
      V_POSITIVE },
    { "clipped and decaying over one tile",
      { BLOCK(5000), NORM(30) },
      VN_ATTR(adam, 0.8, 0.99, 1e-6, 0.01, 1, 4097, 1),
      V_POSITIVE },
    { "no bad step so far", { BLOCK(33), NORM(3), BAD(-1) }, ADAM, V_POSITIVE },
    { "nothing changes after a bad step",
      { F32_OF(NUMBERS(1, 2), 2), F32_OF(NUMBERS(1, 1), 2), F32_OF(NUMBERS(3, 4), 2),
        F32_OF(NUMBERS(5, 6), 2), NORM(1), BAD(0) },
      ADAM,
      .want = { NUMBERS(1, 2), NUMBERS(3, 4), NUMBERS(5, 6) } },
    { "bad of another type",
      { BLOCK(33), NORM(3), F32(1) },
      ADAM,
      .reject = "bad is f32 [1]; it must be i64 [1]" },
    { "no moments yet",
      { BLOCK(33), NORM(3) },
      ADAM,
      .fill = { [2] = VN_FILL_ZERO, [3] = VN_FILL_ZERO } },
    { "no gradient and no moments",
      { BLOCK(33), NORM(0) },
      ADAM,
      .fill = { [1] = VN_FILL_ZERO, [2] = VN_FILL_ZERO, [3] = VN_FILL_ZERO } },
    { "a norm of NaN changes nothing",
      { F32_OF(NUMBERS(1, 2), 2), F32_OF(NUMBERS(NAN, 1), 2), F32_OF(NUMBERS(3, 4), 2),
        F32_OF(NUMBERS(5, 6), 2), NORM(NAN) },
      ADAM,
      .want = { NUMBERS(1, 2), NUMBERS(3, 4), NUMBERS(5, 6) } },
    { "an infinite norm changes nothing",
      { F32_OF(NUMBERS(1, 2), 2), F32_OF(NUMBERS(1, 1), 2), F32_OF(NUMBERS(3, 4), 2),
        F32_OF(NUMBERS(5, 6), 2), NORM(INFINITY) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0.1, 1, 2, 1),
      .want = { NUMBERS(1, 2), NUMBERS(3, 4), NUMBERS(5, 6) } },
    /* m = 0.5 * 2 + 0.5 * 4 = 3, v = 0.75 * 8 + 0.25 * 16 = 10; this is step 7, the rate 0.01. */
    { "known",
      { F32_OF(NUMBERS(1), 1), F32_OF(NUMBERS(4), 1), F32_OF(NUMBERS(2), 1), F32_OF(NUMBERS(8), 1),
        NORM(4) },
      VN_ATTR(adam, 0.5, 0.75, 0, 0, 0, 0, 0),
      .want = { NUMBERS(0.9910994708899505), NUMBERS(3), NUMBERS(10) } },
    { "parameters of a model", { BLOCK(2500000), NORM(3) }, ADAM, V_POSITIVE, .bench = true },
    { "lengths differ",
      { F32(33), F32(33), F32(33), F32(32), F32(1) },
      ADAM,
      .reject = "v is [32] but p needs [33]" },
    { "beta 1",
      { BLOCK(3), F32(1) },
      VN_ATTR(adam, 0.9, 1, 1e-8, 0, 0, 0, 0),
      .reject = "beta2 is 1; it must lie in [0, 1)" },
    { "more decay than there is",
      { BLOCK(3), F32(1) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0.1, 0, 4, 0),
      .reject = "n_decay is 4" },
    { "negative clip",
      { BLOCK(3), F32(1) },
      VN_ATTR(adam, 0.9, 0.999, 1e-8, 0, 0, 0, -1),
      .reject = "must not be negative" },
    { 0 },
};

#define MEAN(decay) VN_ATTR(average, decay)

const vn_case vn_cases_average[] = {
    { "one element", { F32(1), F32(1) }, MEAN(0.9) },
    { "ragged", { F32(33), F32(33) }, MEAN(0.99) },
    { "over one tile", { F32(5000), F32(5000) }, MEAN(0.999) },
    { "no memory", { F32(33), F32(33) }, MEAN(0) },
    /* Step 7: the weights 1/64 .. 1/2, 1 of steps 1 .. 7 add up to 127/64, the newest is 64/127 of it. */
    { "known",
      { F32_OF(NUMBERS(1, -127), 2), F32_OF(NUMBERS(128, 0), 2) },
      MEAN(0.5),
      .want = { NUMBERS(65, -63) } },
    { "parameters of a model", { F32(2500000), F32(2500000) }, MEAN(0.999), .bench = true },
    { "lengths differ", { F32(33), F32(32) }, MEAN(0.9), .reject = "p is [32] but mean needs [33]" },
    { "decay 1", { F32(3), F32(3) }, MEAN(1), .reject = "decay is 1; it must lie in [0, 1)" },
    { 0 },
};


/* Tests run at step 6. */
const vn_case vn_cases_guard[] = {
    { "all is well", { NORM(1), NORM(2), BAD(-1) }, &no_attr, .want = { NUMBERS(-1) } },
    { "loss NaN", { NORM(NAN), NORM(2), BAD(-1) }, &no_attr, .want = { NUMBERS(6) } },
    { "loss infinite", { NORM(-INFINITY), NORM(2), BAD(-1) }, &no_attr, .want = { NUMBERS(6) } },
    { "norm NaN", { NORM(1), NORM(NAN), BAD(-1) }, &no_attr, .want = { NUMBERS(6) } },
    { "norm infinite", { NORM(1), NORM(INFINITY), BAD(-1) }, &no_attr, .want = { NUMBERS(6) } },
    { "the first bad step stays",
      { NORM(NAN), NORM(2), BAD(3) },
      &no_attr,
      .want = { NUMBERS(3) } },
    { "and after it all is well", { NORM(1), NORM(2), BAD(3) }, &no_attr, .want = { NUMBERS(3) } },
    { "the first step of all", { NORM(1), NORM(2), BAD(0) }, &no_attr, .want = { NUMBERS(0) } },
    { "bad of another type",
      { NORM(1), NORM(2), F32(1) },
      &no_attr,
      .reject = "bad is f32 [1]; it must be i64 [1]" },
    { "two losses",
      { F32(2), NORM(2), BAD(-1) },
      &no_attr,
      .reject = "loss is [2] but guard needs [1]" },
    { 0 },
};

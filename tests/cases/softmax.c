/* Cases of softmax and its gradient. */
#include "tests/cases/case.h"

#include <math.h>

#define THIRD (1.0 / 3)

const vn_case vn_cases_softmax[] = {
    { "one element", { F32(1) }, .diff = 1, .reduce = 1, .want = { NUMBERS(1) } },
    { "one column", { F32(7, 1) }, .diff = 1, .reduce = 1 },
    { "row shorter than a vector", { F32(5, 3) }, .diff = 1, .reduce = 3 },
    { "row not a multiple", { F32(5, 33) }, .diff = 1, .reduce = 33 },
    { "row just below two vectors", { F32(3, 31) }, .diff = 1, .reduce = 31 },
    { "row over one tile", { F32(3, 5000) }, .reduce = 5000 },
    { "many short rows", { F32(3000, 5) }, .reduce = 5 },
    { "three axes", { F32(3, 7, 19) }, .diff = 1, .reduce = 19 },
    { "large scores", { F32(4, 64) }, .lo = -1e4, .hi = 1e4, .reduce = 64, .slack = 1 },
    { "equal scores",
      { F32_OF(NUMBERS(5, 5, 5), 3) },
      .diff = 1,
      .reduce = 3,
      .want = { NUMBERS(THIRD, THIRD, THIRD) } },
    { "places left out",
      { F32_OF(NUMBERS(0, -1e9, 0, -1e9), 4) },
      .reduce = 4,
      .want = { NUMBERS(0.5, 0, 0.5, 0) } },
    { "minus infinity",
      { F32_OF(NUMBERS(1, -INFINITY), 2) },
      .reduce = 2,
      .want = { NUMBERS(1, 0) } },
    { "NaN stays in its row",
      { F32_OF(NUMBERS(NAN, 1, 2, 2), 2, 2) },
      .reduce = 2,
      .want = { NUMBERS(NAN, NAN, 0.5, 0.5) } },
    { "attention scores", { F32(32, 24, 168) }, .reduce = 168, .bench = true },
    { "scalar", { { NULL, VN_F32, 0, { 0 } } }, .reject = "needs a dimension" },
    { 0 },
};

const vn_case vn_cases_softmax_grad[] = {
    { "one element", { F32(1), F32(1) }, .reduce = 1 },
    { "row shorter than a vector", { F32(5, 3), F32(5, 3) }, .reduce = 3 },
    { "row not a multiple", { F32(5, 33), F32(5, 33) }, .reduce = 33 },
    { "row over one tile", { F32(3, 5000), F32(3, 5000) }, .reduce = 5000 },
    { "many short rows", { F32(3000, 5), F32(3000, 5) }, .reduce = 5 },
    { "three axes", { F32(3, 7, 19), F32(3, 7, 19) }, .reduce = 19 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 4), 3), F32_OF(NUMBERS(0.5, 0.25, 0.25), 3) },
      .reduce = 3,
      .want = { NUMBERS(-0.5, 0, 0.5) } },
    { "attention scores", { F32(32, 24, 168), F32(32, 24, 168) }, .reduce = 168, .bench = true },
    { "y of another shape", { F32(2, 3), F32(3, 2) }, .reject = "y is [3, 2] but dy needs [2, 3]" },
    { 0 },
};

/* Cases of the elementwise ops of two inputs, of broadcasting and of its adjoint. */
#include "tests/cases/case.h"

#include <math.h>

#define FN(NAME) VN_ATTR(binary, VN_BINARY_##NAME)
#define SHAPE(...) VN_ATTR(dims, VN_CASE_RANK(__VA_ARGS__), { __VA_ARGS__ })
#define B_POSITIVE .fill = { [1] = VN_FILL_POSITIVE }

const vn_case vn_cases_binary[] = {
    { "add", { F32(5, 33), F32(5, 33) }, FN(ADD), .diff = 3 },
    { "sub", { F32(5, 33), F32(5, 33) }, FN(SUB), .diff = 3 },
    { "mul", { F32(5, 33), F32(5, 33) }, FN(MUL), .diff = 3 },
    { "div", { F32(5, 33), F32(5, 33) }, FN(DIV), .diff = 3, B_POSITIVE },
    { "one element", { F32(1), F32(1) }, FN(MUL), .diff = 3 },
    { "just below two vectors", { F32(31), F32(31) }, FN(SUB), .diff = 3 },
    { "a vector and one", { F32(17), F32(17) }, FN(ADD), .diff = 3 },
    { "over one tile", { F32(5000), F32(5000) }, FN(MUL), .diff = 3 },
    { "b a row", { F32(5, 33), F32(33) }, FN(ADD), .diff = 3 },
    { "b a row, sub", { F32(5, 33), F32(33) }, FN(SUB), .diff = 3 },
    { "b a row, div", { F32(5, 33), F32(33) }, FN(DIV), .diff = 3, B_POSITIVE },
    { "a a row", { F32(33), F32(5, 33) }, FN(MUL), .diff = 3 },
    { "b a column", { F32(5, 33), F32(5, 1) }, FN(MUL), .diff = 3 },
    { "a a column, div", { F32(5, 1), F32(5, 33) }, FN(DIV), .diff = 3, B_POSITIVE },
    { "column times row", { F32(5, 1), F32(1, 33) }, FN(MUL), .diff = 3 },
    { "b a number", { F32(5, 33), F32(1) }, FN(MUL), .diff = 3 },
    { "a a number", { F32(1), F32(5, 33) }, FN(DIV), .diff = 3, B_POSITIVE },
    { "middle axis", { F32(4, 7, 3), F32(4, 1, 3) }, FN(MUL), .diff = 3 },
    { "outer axes", { F32(4, 1, 3), F32(7, 1) }, FN(SUB), .diff = 3 },
    { "mask of a window", { F32(4, 96, 5), F32(4, 96, 1) }, FN(MUL), .diff = 3 },
    { "five axes", { F32(2, 3, 1, 5, 7), F32(3, 4, 1, 7) }, FN(ADD), .diff = 3 },
    { "rows over one tile", { F32(3, 5000), F32(5000) }, FN(ADD) },
    { "column over one tile", { F32(3, 5000), F32(3, 1) }, FN(MUL) },
    { "division by zero", { F32_OF(NUMBERS(1, -1, 0), 3), F32_OF(NUMBERS(0, 0, 0), 3) }, FN(DIV),
      .want = { NUMBERS(INFINITY, -INFINITY, NAN) } },
    { "large", { F32(257), F32(257) }, FN(MUL), .lo = -1e15, .hi = 1e15 },
    { "known", { F32_OF(NUMBERS(1, 2, 3, 4), 2, 2), F32_OF(NUMBERS(10, 20), 2, 1) }, FN(SUB),
      .want = { NUMBERS(-9, -8, -17, -16) } },
    { "two hidden layers", { F32(1024, 512), F32(1024, 512) }, FN(ADD), .bench = true },
    { "a hidden layer and a row", { F32(1024, 512), F32(512) }, FN(MUL), .bench = true },
    { "lengths differ", { F32(5, 33), F32(32) }, FN(ADD),
      .reject = "a is [5, 33] but b is [32]; axes must be equal or 1" },
    { "b absent", { F32(5) }, FN(ADD), .reject = "b has no axis; it needs a dimension" },
    { "unknown function", { F32(3), F32(3) }, VN_ATTR(binary, -1), .reject = "fn is -1" },
    { 0 },
};

const vn_case vn_cases_broadcast[] = {
    { "a number", { F32(1) }, SHAPE(3, 5), .diff = 1 },
    { "a column", { F32(5, 1) }, SHAPE(5, 33), .diff = 1 },
    { "a row", { F32(33) }, SHAPE(2, 5, 33), .diff = 1 },
    { "the same shape", { F32(5, 33) }, SHAPE(5, 33), .diff = 1 },
    { "middle axis", { F32(4, 1, 3) }, SHAPE(4, 7, 3), .diff = 1 },
    { "both ends", { F32(7, 1) }, SHAPE(2, 7, 31), .diff = 1 },
    { "one element", { F32(1) }, SHAPE(1), .diff = 1 },
    { "over one tile", { F32(3, 1) }, SHAPE(3, 5000), .diff = 1 },
    { "five axes", { F32(3, 1, 5, 1) }, SHAPE(2, 3, 4, 5, 7), .diff = 1 },
    { "known", { F32_OF(NUMBERS(1, 2), 2, 1) }, SHAPE(2, 2, 3),
      .want = { NUMBERS(1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2) } },
    { "statistics over a window", { F32(256, 1, 8) }, SHAPE(256, 96, 8), .bench = true },
    { "lengths differ", { F32(3) }, SHAPE(4), .reject = "x is [3]; it cannot be repeated to [4]" },
    { "fewer axes", { F32(2, 3) }, SHAPE(3), .reject = "it cannot be repeated to [3]" },
    { "no axes", { F32(2) }, VN_ATTR(dims, 0), .reject = "the number of axes is 0" },
    { 0 },
};

const vn_case vn_cases_sumto[] = {
    { "to a number", { F32(5, 33) }, SHAPE(1), .diff = 1, .reduce = 165 },
    { "to a column", { F32(5, 33) }, SHAPE(5, 1), .diff = 1, .reduce = 33 },
    { "to a row", { F32(5, 33) }, SHAPE(33), .diff = 1, .reduce = 5 },
    { "to a row of two axes", { F32(5, 33) }, SHAPE(1, 33), .diff = 1, .reduce = 5 },
    { "the same shape", { F32(5, 33) }, SHAPE(5, 33), .diff = 1, .reduce = 1 },
    { "middle axis", { F32(4, 7, 3) }, SHAPE(4, 1, 3), .diff = 1, .reduce = 7 },
    { "both ends", { F32(2, 7, 31) }, SHAPE(7, 1), .diff = 1, .reduce = 62 },
    { "one element", { F32(1) }, SHAPE(1), .diff = 1, .reduce = 1 },
    { "over one tile to a number", { F32(5000) }, SHAPE(1), .diff = 1, .reduce = 5000 },
    { "many rows", { F32(5000, 3) }, SHAPE(3), .diff = 1, .reduce = 5000 },
    { "long rows", { F32(3, 5000) }, SHAPE(5000), .reduce = 3 },
    { "five axes", { F32(2, 3, 4, 5, 7) }, SHAPE(3, 1, 5, 1), .diff = 1, .reduce = 56 },
    { "known", { F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 2, 3) }, SHAPE(2, 1), .reduce = 3,
      .want = { NUMBERS(6, 15) } },
    { "bias gradient", { F32(1024, 512) }, SHAPE(512), .reduce = 1024, .bench = true },
    { "lengths differ", { F32(4) }, SHAPE(3), .reject = "x is [4]; it cannot be summed to [3]" },
    { "more axes", { F32(4) }, SHAPE(1, 4), .reject = "it cannot be summed to [1, 4]" },
    { 0 },
};

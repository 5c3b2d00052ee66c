/* Cases of the ops that move numbers, and of the two views. */
#include "tests/cases/case.h"

#define RANGE(axis, start, len) VN_ATTR(range, axis, start, len)
#define AXIS(k) VN_ATTR(axis, k)
#define PERM(...) VN_ATTR(perm, { __VA_ARGS__ })
#define SHAPE(...) VN_ATTR(dims, VN_CASE_RANK(__VA_ARGS__), { __VA_ARGS__ })

const vn_case vn_cases_slice[] = {
    { "one element", { F32(1) }, RANGE(0, 0, 1), .diff = 1 },
    { "all", { F32(5, 33) }, RANGE(1, 0, 33), .diff = 1 },
    { "last axis", { F32(5, 33) }, RANGE(1, 2, 17), .diff = 1 },
    { "first axis", { F32(5, 33) }, RANGE(0, 1, 3), .diff = 1 },
    { "middle axis", { F32(3, 31, 2) }, RANGE(1, 30, 1), .diff = 1 },
    { "five axes", { F32(2, 3, 5, 2, 3) }, RANGE(2, 1, 3), .diff = 1 },
    { "over one tile", { F32(3, 5000) }, RANGE(1, 7, 4990), .diff = 1 },
    { "runs of 16 bytes", { F32(3, 7, 4) }, RANGE(1, 2, 4), .diff = 1 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 2, 3) },
      RANGE(1, 1, 2),
      .want = { NUMBERS(2, 3, 5, 6) } },
    { "future features", { F32(256, 120, 8) }, RANGE(1, 96, 24), .bench = true },
    { "past the end",
      { F32(5, 33) },
      RANGE(1, 30, 4),
      .reject = "x is [5, 33]; 4 from 30 on does not lie in the 33 of the axis" },
    { "before the start", { F32(5) }, RANGE(0, -1, 2), .reject = "2 from -1 on" },
    { "nothing", { F32(5) }, RANGE(0, 1, 0), .reject = "0 from 1 on" },
    { "overflowing end", { F32(5) }, RANGE(0, 1, INT64_MAX), .reject = "does not lie in" },
    { "no such axis", { F32(5) }, RANGE(1, 0, 1), .reject = "it has no axis 1" },
    { 0 },
};

const vn_case vn_cases_pad[] = {
    { "one element", { F32(1) }, RANGE(0, 0, 1), .diff = 1 },
    { "nothing added", { F32(5, 33) }, RANGE(1, 0, 33), .diff = 1 },
    { "last axis", { F32(5, 17) }, RANGE(1, 2, 33), .diff = 1 },
    { "first axis", { F32(3, 33) }, RANGE(0, 1, 5), .diff = 1 },
    { "middle axis, at the end", { F32(3, 1, 2) }, RANGE(1, 30, 31), .diff = 1 },
    { "five axes", { F32(2, 3, 2, 2, 3) }, RANGE(2, 1, 4), .diff = 1 },
    { "over one tile", { F32(3, 4990) }, RANGE(1, 7, 5000), .diff = 1 },
    { "runs of 16 bytes", { F32(3, 5, 4) }, RANGE(1, 2, 8), .diff = 1 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4), 2, 2) },
      RANGE(1, 1, 4),
      .want = { NUMBERS(0, 1, 2, 0, 0, 3, 4, 0) } },
    { "gradient of a slice", { F32(256, 24, 8) }, RANGE(1, 96, 120), .bench = true },
    { "x too long", { F32(5) }, RANGE(0, 1, 5), .reject = "5 from 1 on does not lie in the 5" },
    { "no such axis", { F32(5) }, RANGE(-1, 0, 6), .reject = "it has no axis -1" },
    { 0 },
};

const vn_case vn_cases_concat[] = {
    { "one element each", { F32(1), F32(1) }, AXIS(0), .diff = 3 },
    { "last axis", { F32(5, 17), F32(5, 31) }, AXIS(1), .diff = 3 },
    { "first axis", { F32(2, 33), F32(3, 33) }, AXIS(0), .diff = 3 },
    { "middle axis", { F32(3, 1, 5), F32(3, 4, 5), F32(3, 2, 5) }, AXIS(1), .diff = 7 },
    { "one input", { F32(5, 33) }, AXIS(1), .diff = 1 },
    { "a gap between inputs", { F32(5, 2), NONE, F32(5, 3) }, AXIS(1), .diff = 5 },
    { "eight inputs",
      { F32(3, 1), F32(3, 2), F32(3, 3), F32(3, 4), F32(3, 5), F32(3, 6), F32(3, 7), F32(3, 8) },
      AXIS(1),
      .diff = 255 },
    { "over one tile", { F32(3, 5000), F32(3, 31) }, AXIS(1), .diff = 3 },
    { "runs of 16 bytes", { F32(3, 4), NONE, F32(3, 12) }, AXIS(1), .diff = 5 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4), 2, 2), F32_OF(NUMBERS(5, 6), 2, 1) },
      AXIS(1),
      .want = { NUMBERS(1, 2, 5, 3, 4, 6) } },
    { "inputs of a block",
      { F32(1024, 96), F32(1024, 192), F32(1024, 8) },
      AXIS(1),
      .bench = true },
    { "other axes differ",
      { F32(5, 2), F32(4, 2) },
      AXIS(1),
      .reject = "input 1 is [4, 2], those before it make [5, 2]; all axes but 1 must match" },
    { "ranks differ", { F32(5, 2), F32(5) }, AXIS(0), .reject = "input 1 is [5]" },
    { "no input", { NONE }, AXIS(0), .reject = "needs at least one" },
    { "no such axis", { F32(5) }, AXIS(1), .reject = "it has no axis 1" },
    { 0 },
};

const vn_case vn_cases_permute[] = {
    { "one element", { F32(1) }, PERM(0), .diff = 1 },
    { "a transpose", { F32(17, 33) }, PERM(1, 0), .diff = 1 },
    { "nothing moved", { F32(5, 33) }, PERM(0, 1), .diff = 1 },
    { "three axes round", { F32(3, 5, 7) }, PERM(1, 2, 0), .diff = 1 },
    { "three axes round the other way", { F32(3, 5, 7) }, PERM(2, 0, 1), .diff = 1 },
    { "last two axes", { F32(3, 31, 17) }, PERM(0, 2, 1), .diff = 1 },
    { "five axes", { F32(2, 3, 4, 5, 6) }, PERM(4, 2, 0, 3, 1), .diff = 1 },
    { "over one tile", { F32(5000, 3) }, PERM(1, 0), .diff = 1 },
    { "tiles of two axes each", { F32(2, 5, 9, 3, 23) }, PERM(0, 3, 4, 1, 2), .diff = 1 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 2, 3) },
      PERM(1, 0),
      .want = { NUMBERS(1, 4, 2, 5, 3, 6) } },
    { "series to channels", { F32(256, 96, 8) }, PERM(0, 2, 1), .bench = true },
    { "an axis twice", { F32(3, 5) }, PERM(1, 1), .reject = "axis 1 is named twice" },
    { "no such axis", { F32(3, 5) }, PERM(0, 2), .reject = "it has no axis 2" },
    { 0 },
};

const vn_case vn_cases_flip[] = {
    { "one element", { F32(1) }, AXIS(0), .diff = 1 },
    { "last axis", { F32(5, 33) }, AXIS(1), .diff = 1 },
    { "first axis", { F32(5, 33) }, AXIS(0), .diff = 1 },
    { "middle axis", { F32(3, 31, 2) }, AXIS(1), .diff = 1 },
    { "five axes", { F32(2, 3, 4, 5, 6) }, AXIS(3), .diff = 1 },
    { "over one tile", { F32(2, 5000) }, AXIS(1), .diff = 1 },
    { "runs of 16 bytes", { F32(3, 5, 8) }, AXIS(1), .diff = 1 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 2, 3) },
      AXIS(1),
      .want = { NUMBERS(3, 2, 1, 6, 5, 4) } },
    { "a batch of windows", { F32(1024, 120, 1) }, AXIS(1), .bench = true },
    { "no such axis", { F32(5) }, AXIS(1), .reject = "x is [5]; it has no axis 1" },
    { 0 },
};

const vn_case vn_cases_reshape[] = {
    { "one element", { F32(1) }, SHAPE(1, 1), .diff = 1 },
    { "an axis split", { F32(5, 33) }, SHAPE(5, 3, 11), .diff = 1 },
    { "axes joined", { F32(3, 5, 7) }, SHAPE(105), .diff = 1 },
    { "elements differ",
      { F32(5, 33) },
      SHAPE(5, 32),
      .reject = "the numbers of elements must match (165, 160)" },
    { "too many axes", { F32(5) }, VN_ATTR(dims, 6), .reject = "the number of axes is 6" },
    { "a negative axis", { F32(4) }, SHAPE(-2, -2), .reject = "an axis of the shape given is -2" },
    { 0 },
};

const vn_case vn_cases_rows[] = {
    { "one element", { F32(1) }, RANGE(0, 0, 1), .diff = 1 },
    { "a row", { F32(5, 33) }, RANGE(0, 4, 1), .diff = 1 },
    { "some of three axes", { F32(7, 3, 5) }, RANGE(0, 2, 4), .diff = 1 },
    { "another axis", { F32(5, 33) }, RANGE(1, 0, 1), .reject = "axis is 1" },
    { "past the end",
      { F32(5, 33) },
      RANGE(0, 3, 3),
      .reject = "3 from 3 on does not lie in the 5" },
    { 0 },
};

/* Cases of sort. */
#include "tests/cases/case.h"

#include <math.h>

const vn_case vn_cases_sort[] = {
    { "one element", { F32(1) } },
    { "one column", { F32(7, 1) } },
    { "known", { F32_OF(NUMBERS(3, -1, 2, 0, 2), 5) }, .want = { NUMBERS(-1, 0, 2, 2, 3) } },
    { "infinite ends",
      { F32_OF(NUMBERS(INFINITY, 1, -INFINITY, 0), 2, 2) },
      .want = { NUMBERS(1, INFINITY, -INFINITY, 0) } },
    { "both infinities in a row",
      { F32_OF(NUMBERS(INFINITY, 1, -INFINITY), 3) },
      .want = { NUMBERS(-INFINITY, 1, INFINITY) } },
    { "NaN fills its row",
      { F32_OF(NUMBERS(2, NAN, 1, 5, 4, 3), 2, 3) },
      .want = { NUMBERS(NAN, NAN, NAN, 3, 4, 5) } },
    { "NaN fills a row longer than a warp",
      { F32_OF(NUMBERS(0, 7, 14, 21, 28, 2, 9, 16, 23, 30, 4, 11, 18, 25, 32, 6, 13, 20, 27, 1, NAN,
                       15, 22, 29, 3, 10, 17, 24, 31, 5, 12, 19, 26),
               33) },
      .want = { NUMBERS(NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
                        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
                        NAN, NAN, NAN) } },
    { "quantiles of steps", { F32(5, 7, 9) } },
    { "as long as a warp", { F32(9, 32) } },
    { "longer than a warp", { F32(3, 33) } },
    { "a power of two", { F32(2, 64) } },
    { "longer than insertion takes", { F32(2, 65) } },
    { "one more than a power of two", { F32(2, 257) } },
    { "longer than a block holds", { F32(2, 4097) } },
    { "paths of forecasts", { F32(32, 24, 100) }, .bench = true },
    { "scalar", { { NULL, VN_F32, 0, { 0 } } }, .reject = "needs a dimension" },
    { 0 },
};

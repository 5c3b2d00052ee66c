/* Cases of the cast: every number of 16 bits is one that f32 holds, so that way and back is exact.
 */
#include "tests/cases/case.h"

#include <math.h>

#define TO(NAME) VN_ATTR(cast, VN_##NAME)
/* Ties, the largest, the first that is too large, subnormals of f16 and their ties, NaN. */
#define EDGES                                                                                      \
    NUMBERS(1, -2.00390625, 1.01171875, 65504, 65519.99, 65520, -1e30, INFINITY, NAN, 0x1p-24,     \
            0x1p-25, 0x1.8p-24, 0x1.000002p-25, -0x1.ffcp-15, 0x1.ffep-15, 2049, 2051, 3.4e38)

const vn_case vn_cases_cast[] = {
    { "one element", { F32(1) }, TO(BF16) },
    { "to bf16", { F32(5, 33) }, TO(BF16) },
    { "to f16", { F32(5, 33) }, TO(F16) },
    { "from bf16", { BF16(5, 33) }, TO(F32) },
    { "from f16", { F16(5, 33) }, TO(F32) },
    { "bf16 to f16", { BF16(31) }, TO(F16) },
    { "as it is", { F32(31) }, TO(F32), .diff = 1 },
    { "over one tile", { F32(5001) }, TO(BF16) },
    { "f16 over one tile", { F16(5001) }, TO(F32) },
    { "large", { F32(257) }, TO(F16), .lo = -1e5, .hi = 1e5 },
    { "large to bf16", { F32(257) }, TO(BF16), .lo = -1e38, .hi = 1e38 },
    { "small", { F32(257) }, TO(F16), .lo = -1e-4, .hi = 1e-4 },
    { "smaller than f16 has", { F32(257) }, TO(F16), .lo = -1e-7, .hi = 1e-7 },
    { "edges of f16",
      { F32_OF(EDGES, 18) },
      TO(F16),
      .want = { NUMBERS(1, -2.00390625, 1.01171875, 65504, 65504, INFINITY, -INFINITY, INFINITY,
                        NAN, 0x1p-24, 0, 0x1p-23, 0x1p-24, -0x1.ffcp-15, 0x1p-14, 2048, 2052,
                        INFINITY) } },
    { "edges of bf16",
      { F32_OF(EDGES, 18) },
      TO(BF16),
      .want = { NUMBERS(1, -2, 1.015625, 65536, 65536, 65536, -0x1.94p99, INFINITY, NAN, 0x1p-24,
                        0x1p-25, 0x1.8p-24, 0x1p-25, -0x1p-14, 0x1p-14, 2048, 2048, INFINITY) } },
    { "to i32", { F32(3) }, TO(I32), .reject = "to is i32; it must be f32, bf16 or f16" },
    { "a number", { F32(3) }, VN_ATTR(cast, 99), .reject = "to is ?" },
    { "of whole numbers", { I32(3) }, TO(BF16), .reject = "x is of type i32" },
    { "a hidden layer", { F32(1024, 512) }, TO(BF16), .bench = true },
    { 0 },
};

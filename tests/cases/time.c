/* Cases of pooling and interpolation. */
#include "tests/cases/case.h"

#include <math.h>

#define MAX(k) VN_ATTR(pool, k, VN_POOL_MAX)
#define AVG(k) VN_ATTR(pool, k, VN_POOL_AVG)

/* Elements of a window 1e-4 apart at least: differences with a step of 1e-5 see two near-equal maxima swap
 * places. Of random windows as many as here, one set in 25 has such a pair. */
static void apart(const vn_call *c, double *const in[VN_MAX_IN])
{
    const vn_attr_pool *a = c->attr;
    for (int64_t i = 0; i < vn_count(&c->in[0]); i++)
        in[0][i] = floor(in[0][i] * 1e3) / 1e3 + 1e-4 * (double)(i % a->kernel);
}

const vn_case vn_cases_pool1d[] = {
    { "one element", { F32(1, 1, 1) }, MAX(1), .diff = 1 },
    { "max", { F32(3, 32, 1) }, MAX(4), .diff = 1 },
    { "average", { F32(3, 32, 1) }, AVG(4), .diff = 1, .reduce = 4 },
    { "max, short last window", { F32(3, 33, 1) }, MAX(4), .diff = 1 },
    { "average, short last window", { F32(3, 31, 1) }, AVG(4), .diff = 1, .reduce = 4 },
    { "max, channels", { F32(2, 17, 3) }, MAX(5), .diff = 1 },
    { "average, channels", { F32(2, 17, 33) }, AVG(5), .diff = 1, .reduce = 5 },
    { "kernel 1", { F32(2, 17, 3) }, MAX(1), .diff = 1 },
    { "kernel of the whole series", { F32(2, 17, 3) }, MAX(17), .diff = 1 },
    { "kernel longer than the series", { F32(2, 17, 3) }, AVG(40), .diff = 1, .reduce = 17 },
    { "over one tile", { F32(2, 5000, 1) }, MAX(8), .diff = 1, .prepare = apart },
    { "a window over one tile", { F32(2, 5000, 1) }, AVG(5000), .diff = 1, .reduce = 5000 },
    { "large", { F32(3, 33, 1) }, MAX(8), .lo = -1e30, .hi = 1e30 },
    { "infinities",
      { F32_OF(NUMBERS(-INFINITY, -INFINITY, INFINITY, 1), 1, 4, 1) },
      MAX(2),
      .want = { NUMBERS(-INFINITY, INFINITY) } },
    { "NaN shows",
      { F32_OF(NUMBERS(NAN, 1, 2, NAN, 3, 4), 1, 6, 1) },
      MAX(2),
      .want = { NUMBERS(NAN, NAN, 4) } },
    { "known max",
      { F32_OF(NUMBERS(3, 1, 2, 5, 4), 1, 5, 1) },
      MAX(2),
      .want = { NUMBERS(3, 5, 4) } },
    { "known average",
      { F32_OF(NUMBERS(3, 1, 2, 5, 4), 1, 5, 1) },
      AVG(2),
      .reduce = 2,
      .want = { NUMBERS(2, 3.5, 4) } },
    { "first stack of a batch", { F32(1024, 120, 1) }, MAX(2), .bench = true },
    { "two axes", { F32(3, 4) }, MAX(2), .reject = "x is [3, 4]; it must have 3 axes" },
    { "kernel 0", { F32(3, 4, 1) }, MAX(0), .reject = "kernel is 0" },
    { "unknown mode", { F32(3, 4, 1) }, VN_ATTR(pool, 2, 2), .reject = "mode is 2" },
    { 0 },
};

/* y of max pooling, that the gradient may compare x with. */
static void pool(const vn_call *c, double *const in[VN_MAX_IN])
{
    const vn_attr_pool *a = c->attr;
    int64_t len = c->in[1].dim[1], chans = c->in[1].dim[2], windows = c->in[2].dim[1];
    for (int64_t i = 0; i < vn_count(&c->in[2]); i++) {
        int64_t ch = i % chans, j = i / chans % windows, b = i / chans / windows, n = 0;
        double top = -INFINITY, sum = 0;
        for (int64_t t = j * a->kernel; t < (j + 1) * a->kernel && t < len; t++, n++) {
            double x = in[1][(b * len + t) * chans + ch];
            top = x > top ? x : top;
            sum += x;
        }
        in[2][i] = a->mode == VN_POOL_MAX ? top : sum / (double)n;
    }
}

const vn_case vn_cases_pool1d_grad[] = {
    { "one element", { F32(1, 1, 1), F32(1, 1, 1), F32(1, 1, 1) }, MAX(1), .prepare = pool },
    { "max", { F32(3, 8, 1), F32(3, 32, 1), F32(3, 8, 1) }, MAX(4), .prepare = pool },
    { "average", { F32(3, 8, 1), F32(3, 32, 1), F32(3, 8, 1) }, AVG(4), .prepare = pool },
    { "max, short last window",
      { F32(3, 9, 1), F32(3, 33, 1), F32(3, 9, 1) },
      MAX(4),
      .prepare = pool },
    { "average, short last window",
      { F32(3, 8, 1), F32(3, 31, 1), F32(3, 8, 1) },
      AVG(4),
      .prepare = pool },
    { "max, channels", { F32(2, 4, 33), F32(2, 17, 33), F32(2, 4, 33) }, MAX(5), .prepare = pool },
    { "over one tile",
      { F32(2, 625, 1), F32(2, 5000, 1), F32(2, 625, 1) },
      MAX(8),
      .prepare = pool },
    { "the first of equal maxima",
      { F32_OF(NUMBERS(10, 20), 1, 2, 1), F32_OF(NUMBERS(1, 1, 0, 2, 3, 3), 1, 6, 1),
        F32_OF(NUMBERS(1, 3), 1, 2, 1) },
      MAX(3),
      .want = { NUMBERS(10, 0, 0, 0, 20, 0) } },
    { "known average",
      { F32_OF(NUMBERS(10, 20), 1, 2, 1), F32_OF(NUMBERS(1, 1, 0, 2), 1, 4, 1),
        F32_OF(NUMBERS(0, 2), 1, 2, 1) },
      AVG(3),
      .slack = 8,
      .want = { NUMBERS(3.33333333333, 3.33333333333, 3.33333333333, 20) } },
    { "first stack of a batch",
      { F32(1024, 60, 1), F32(1024, 120, 1), F32(1024, 60, 1) },
      MAX(2),
      .prepare = pool,
      .bench = true },
    { "dy of another length",
      { F32(1, 3, 1), F32(1, 4, 1), F32(1, 2, 1) },
      MAX(2),
      .reject = "dy is [1, 3, 1] but x needs [1, 2, 1]" },
    { 0 },
};

#define LINEAR(n) VN_ATTR(interp, n, VN_INTERP_LINEAR)
#define NEAREST(n) VN_ATTR(interp, n, VN_INTERP_NEAREST)
#define CUBIC(n) VN_ATTR(interp, n, VN_INTERP_CUBIC)

const vn_case vn_cases_interp1d[] = {
    { "one element", { F32(1) }, LINEAR(1), .diff = 1, .reduce = 2 },
    { "one knot", { F32(3, 1) }, LINEAR(24), .diff = 1, .reduce = 2 },
    { "one knot, cubic", { F32(3, 1) }, CUBIC(24), .diff = 1, .reduce = 4 },
    { "one knot, nearest", { F32(3, 1) }, NEAREST(24), .diff = 1 },
    { "linear", { F32(5, 6) }, LINEAR(24), .diff = 1, .reduce = 2 },
    { "nearest", { F32(5, 6) }, NEAREST(24), .diff = 1 },
    { "cubic", { F32(5, 6) }, CUBIC(24), .diff = 1, .reduce = 4 },
    { "linear, ragged", { F32(5, 7) }, LINEAR(33), .diff = 1, .reduce = 2 },
    { "nearest, ragged", { F32(5, 7) }, NEAREST(31), .diff = 1 },
    { "cubic, ragged", { F32(5, 7) }, CUBIC(17), .diff = 1, .reduce = 4 },
    { "fewer points", { F32(5, 33) }, LINEAR(7), .diff = 1, .reduce = 2 },
    { "fewer points, cubic", { F32(5, 33) }, CUBIC(7), .diff = 1, .reduce = 4 },
    { "fewer points, nearest", { F32(5, 33) }, NEAREST(7), .diff = 1 },
    { "the same points", { F32(5, 33) }, CUBIC(33), .diff = 1, .reduce = 4 },
    { "three axes", { F32(3, 2, 4) }, LINEAR(12), .diff = 1, .reduce = 2 },
    { "over one tile", { F32(2, 100) }, LINEAR(5000), .diff = 1, .reduce = 2 },
    { "known linear",
      { F32_OF(NUMBERS(1, 2, 3), 3) },
      LINEAR(6),
      .reduce = 2,
      .want = { NUMBERS(1, 1.25, 1.75, 2.25, 2.75, 3) } },
    { "known nearest",
      { F32_OF(NUMBERS(1, 2, 3), 3) },
      NEAREST(5),
      .want = { NUMBERS(1, 1, 2, 2, 3) } },
    { "known cubic",
      { F32_OF(NUMBERS(1, 2, 3), 3) },
      CUBIC(6),
      .reduce = 4,
      .want = { NUMBERS(0.89453125, 1.19140625, 1.66796875, 2.33203125, 2.80859375, 3.10546875) } },
    { "forecast of a batch", { F32(1024, 12) }, LINEAR(96), .reduce = 2, .bench = true },
    { "no points", { F32(3) }, LINEAR(0), .reject = "size is 0" },
    { "unknown mode", { F32(3) }, VN_ATTR(interp, 6, 3), .reject = "mode is 3" },
    { 0 },
};

const vn_case vn_cases_interp1d_grad[] = {
    { "one element", { F32(1) }, LINEAR(1), .diff = 1, .reduce = 2 },
    { "to one knot", { F32(3, 24) }, LINEAR(1), .diff = 1, .reduce = 24 },
    { "to one knot, cubic", { F32(3, 24) }, CUBIC(1), .diff = 1, .reduce = 24 },
    { "linear", { F32(5, 24) }, LINEAR(6), .diff = 1, .reduce = 8 },
    { "nearest", { F32(5, 24) }, NEAREST(6), .diff = 1, .reduce = 4 },
    { "cubic", { F32(5, 24) }, CUBIC(6), .diff = 1, .reduce = 16 },
    { "linear, ragged", { F32(5, 33) }, LINEAR(7), .diff = 1, .reduce = 10 },
    { "cubic, ragged", { F32(5, 17) }, CUBIC(7), .diff = 1, .reduce = 10 },
    { "to more points", { F32(5, 7) }, LINEAR(33), .diff = 1, .reduce = 2 },
    { "over one tile", { F32(2, 5000) }, LINEAR(100), .diff = 1, .reduce = 100 },
    { "known linear",
      { F32_OF(NUMBERS(1, 2, 3, 4), 4) },
      LINEAR(2),
      .reduce = 4,
      .want = { NUMBERS(1 + 0.75 * 2 + 0.25 * 3, 0.25 * 2 + 0.75 * 3 + 4) } },
    { "forecast of a batch", { F32(1024, 96) }, LINEAR(12), .reduce = 16, .bench = true },
    { "no points", { F32(3) }, LINEAR(0), .reject = "size is 0" },
    { 0 },
};

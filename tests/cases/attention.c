/* Cases of attention. */
#include "tests/cases/case.h"

#include <math.h>

#define HEADS(n, causal) VN_ATTR(attention, n, causal)
#define QKV(b, tq, tk, d) F32(b, tq, d), F32(b, tk, d), F32(b, tk, d)
#define MASKED .fill = { [3] = VN_FILL_MASK }

/* Factors of 16 bits. A kernel may round weights and slopes of scores to their type: 2^-8 or 2^-11 of each,
 * which add up as random numbers do, and so do the terms; the log sums are those of f32. */
#define LOW(type, b, tq, tk, d) type(b, tq, d), type(b, tk, d), type(b, tk, d)
#define ROUNDED(by) .rounding = { by }
enum { BF16_ROUNDS = 256, F16_ROUNDS = 2048 }; /* 1 / half the last place */

/* The first window sees nothing, the others all. */
static const double first_hidden[] = { 0, 0, 0, 1, 1, 1 };

const vn_case vn_cases_attention[] = {
    { "one element", { QKV(1, 1, 1, 1) }, HEADS(1, 0), .diff = 7, .reduce = 1 },
    { "one head", { QKV(2, 5, 7, 3) }, HEADS(1, 0), .diff = 7, .reduce = 7 },
    { "heads", { QKV(2, 17, 33, 24) }, HEADS(3, 0), .diff = 7, .reduce = 33 },
    { "causal", { QKV(2, 17, 17, 24) }, HEADS(2, 1), .diff = 7, .reduce = 17 },
    { "causal, the last queries", { QKV(2, 5, 19, 8) }, HEADS(2, 1), .diff = 7, .reduce = 19 },
    { "mask", { QKV(3, 6, 21, 8), F32(3, 21) }, HEADS(2, 0), .diff = 7, .reduce = 21, MASKED },
    { "mask, causal", { QKV(3, 21, 21, 8), F32(3, 21) }, HEADS(2, 1), .diff = 7, .reduce = 21,
      MASKED },
    { "nothing seen", { QKV(2, 4, 3, 8), F32_OF(first_hidden, 2, 3) }, HEADS(2, 0), .diff = 7,
      .reduce = 3 },
    { "whole panels", { QKV(1, 29, 40, 64) }, HEADS(2, 0), .diff = 7, .reduce = 40 },
    { "whole and narrow panels", { QKV(1, 29, 40, 80) }, HEADS(2, 0), .diff = 7, .reduce = 40 },
    { "a wide head", { QKV(1, 9, 37, 101) }, HEADS(1, 1), .reduce = 101 },
    { "the widest heads", { QKV(1, 5, 41, 400) }, HEADS(2, 0), .reduce = 200 },
    { "blocks of queries and keys", { QKV(1, 131, 531, 6) }, HEADS(2, 0), .reduce = 531 },
    { "blocks, causal", { QKV(1, 521, 531, 8) }, HEADS(1, 1), .reduce = 531 },
    { "blocks, mask", { QKV(2, 67, 531, 8), F32(2, 531) }, HEADS(2, 1), .reduce = 531, MASKED },
    { "large scores", { QKV(2, 9, 9, 16) }, HEADS(2, 0), .lo = -30, .hi = 30, .reduce = 16,
      .slack = 256 }, /* scores of 3000 are rounded to 2e-4, weights as much */
    { "known",
      { F32_OF(NUMBERS(0, 1.0986122886681098), 1, 2, 1), F32_OF(NUMBERS(0, 1), 1, 2, 1),
        F32_OF(NUMBERS(1, 5), 1, 2, 1) },
      HEADS(1, 0),
      .reduce = 2,
      .want = { NUMBERS(3, 4), NUMBERS(0.6931471805599453, 1.3862943611198906) } },
    { "bf16, narrow heads", { LOW(BF16, 2, 33, 41, 32) }, HEADS(2, 0), .reduce = 41,
      ROUNDED(1.0 / BF16_ROUNDS) },
    { "bf16, whole tiles", { LOW(BF16, 1, 64, 128, 64) }, HEADS(1, 0), .reduce = 128,
      ROUNDED(1.0 / BF16_ROUNDS) },
    { "bf16, causal", { LOW(BF16, 1, 70, 131, 64) }, HEADS(2, 1), .reduce = 131,
      ROUNDED(1.0 / BF16_ROUNDS) },
    { "bf16, wide heads, mask", { LOW(BF16, 2, 19, 70, 128), F32(2, 70) }, HEADS(1, 0),
      .reduce = 70, MASKED, ROUNDED(1.0 / BF16_ROUNDS) },
    { "bf16, odd heads", { LOW(BF16, 1, 19, 21, 38) }, HEADS(2, 1), .reduce = 21,
      ROUNDED(1.0 / BF16_ROUNDS) },
    { "bf16, nothing seen", { LOW(BF16, 2, 4, 3, 16), F32_OF(first_hidden, 2, 3) }, HEADS(1, 0),
      .reduce = 3, ROUNDED(1.0 / BF16_ROUNDS) },
    { "f16, causal, mask", { LOW(F16, 2, 67, 67, 24), F32(2, 67) }, HEADS(1, 1), .reduce = 67,
      MASKED, ROUNDED(1.0 / F16_ROUNDS) },
    { "f16, wide heads", { LOW(F16, 1, 18, 70, 96) }, HEADS(1, 0), .reduce = 70,
      ROUNDED(1.0 / F16_ROUNDS) },
    { "f16, large scores", { LOW(F16, 1, 17, 65, 16) }, HEADS(1, 0), .lo = -8, .hi = 8,
      .reduce = 65, .slack = 32, ROUNDED(1.0 / F16_ROUNDS) }, /* scores of 100 */
    { "an encoder's", { QKV(32, 168, 168, 128) }, HEADS(4, 0), .reduce = 168, .bench = true },
    { "an encoder's, bf16", { LOW(BF16, 32, 168, 168, 128) }, HEADS(4, 0), .reduce = 168,
      ROUNDED(1.0 / BF16_ROUNDS), .bench = true },
    { "factors of two types",
      { BF16(2, 5, 16), BF16(2, 7, 16), F32(2, 7, 16) },
      HEADS(1, 0),
      .reject = "v is of type f32 but q is bf16" },
    { "widths differ",
      { F32(2, 5, 8), F32(2, 7, 6), F32(2, 7, 6) },
      HEADS(2, 0),
      .reject = "q is [2, 5, 8] but k is [2, 7, 6]; the first and the last axis must match" },
    { "values of other keys",
      { F32(2, 5, 8), F32(2, 7, 8), F32(2, 6, 8) },
      HEADS(2, 0),
      .reject = "v is [2, 6, 8] but k needs [2, 7, 8]" },
    { "no multiple",
      { QKV(2, 5, 7, 8) },
      HEADS(3, 0),
      .reject = "its last dimension is no multiple of 3 heads" },
    { "no heads", { QKV(2, 5, 7, 8) }, HEADS(0, 0), .reject = "heads is 0" },
    { "causal with few keys",
      { QKV(2, 7, 5, 8) },
      HEADS(2, 1),
      .reject = "causal attention needs as many keys as queries" },
    { 0 },
};

/* y and the log sums of q, k, v, as the forward op leaves them. */
static void attend(const vn_call *c, double *const in[VN_MAX_IN])
{
    const vn_attr_attention *a = c->attr;
    int64_t tq = c->in[1].dim[1], tk = c->in[2].dim[1], step = c->in[1].dim[2], d = step / a->heads;
    for (int64_t n = 0; n < c->in[1].dim[0] * a->heads * tq; n++) {
        int64_t i = n % tq, h = n / tq % a->heads, b = n / tq / a->heads;
        const double *q = in[1] + (b * tq + i) * step + h * d;
        double sum = 0, *y = in[5] + (b * tq + i) * step + h * d;
        for (int64_t e = 0; e < d; e++) y[e] = 0;
        for (int64_t j = 0; j < (a->causal ? i + tk - tq + 1 : tk); j++) {
            const double *k = in[2] + (b * tk + j) * step + h * d;
            const double *v = in[3] + (b * tk + j) * step + h * d;
            double s = 0;
            for (int64_t e = 0; e < d; e++) s += q[e] * k[e] / sqrt((double)d);
            if (in[4] && in[4][b * tk + j] == 0) continue;
            sum += exp(s);
            for (int64_t e = 0; e < d; e++) y[e] += exp(s) * v[e];
        }
        for (int64_t e = 0; e < d && sum > 0; e++) y[e] /= sum;
        in[6][n] = sum > 0 ? log(sum) : 0;
    }
}

#define GRAD(b, tq, tk, d, h, mask)                                                                    {                                                                                                      F32(b, tq, d), QKV(b, tq, tk, d), mask, F32(b, tq, d), F32(b, h, tq)                           }
#define LOW_GRAD(type, b, tq, tk, d, h, mask) \
    { type(b, tq, d), LOW(type, b, tq, tk, d), mask, F32(b, tq, d), F32(b, h, tq) }
#define ROUNDED_ALL(by) .rounding = { by, by, by }
#define HIDDEN .fill = { [4] = VN_FILL_MASK }

const vn_case vn_cases_attention_grad[] = {
    { "one element", GRAD(1, 1, 1, 1, 1, NONE), HEADS(1, 0), .prepare = attend, .reduce = 1 },
    { "heads", GRAD(2, 17, 33, 24, 3, NONE), HEADS(3, 0), .prepare = attend, .reduce = 33 },
    { "causal", GRAD(2, 17, 17, 24, 2, NONE), HEADS(2, 1), .prepare = attend, .reduce = 17 },
    { "mask", GRAD(3, 6, 21, 8, 2, F32(3, 21)), HEADS(2, 0), .prepare = attend, .reduce = 21,
      HIDDEN },
    { "nothing seen", GRAD(2, 4, 3, 8, 2, F32_OF(first_hidden, 2, 3)), HEADS(2, 0),
      .prepare = attend, .reduce = 4 },
    { "whole and narrow panels", GRAD(1, 29, 40, 80, 2, NONE), HEADS(2, 0), .prepare = attend,
      .reduce = 40 },
    { "a wide head", GRAD(1, 9, 37, 101, 1, NONE), HEADS(1, 1), .prepare = attend, .reduce = 101 },
    { "the widest heads", GRAD(1, 5, 41, 400, 2, NONE), HEADS(2, 0), .prepare = attend,
      .reduce = 200 },
    { "blocks of queries and keys", GRAD(1, 131, 531, 6, 2, NONE), HEADS(2, 0), .prepare = attend,
      .reduce = 531 },
    { "blocks, causal, mask", GRAD(1, 521, 531, 8, 1, F32(1, 531)), HEADS(1, 1), .prepare = attend,
      .reduce = 531, HIDDEN },
    { "bf16, narrow heads", LOW_GRAD(BF16, 2, 33, 41, 32, 2, NONE), HEADS(2, 0), .prepare = attend,
      .reduce = 41, ROUNDED_ALL(1.0 / BF16_ROUNDS) },
    { "bf16, causal", LOW_GRAD(BF16, 1, 70, 131, 64, 1, NONE), HEADS(1, 1), .prepare = attend,
      .reduce = 131, ROUNDED_ALL(1.0 / BF16_ROUNDS) },
    { "bf16, wide heads, mask", LOW_GRAD(BF16, 2, 70, 67, 128, 1, F32(2, 67)), HEADS(1, 0),
      .prepare = attend, .reduce = 70, HIDDEN, ROUNDED_ALL(1.0 / BF16_ROUNDS) },
    { "bf16, odd heads", LOW_GRAD(BF16, 1, 19, 21, 38, 2, NONE), HEADS(2, 1), .prepare = attend,
      .reduce = 21, ROUNDED_ALL(1.0 / BF16_ROUNDS) },
    { "bf16, nothing seen", LOW_GRAD(BF16, 2, 4, 3, 16, 1, F32_OF(first_hidden, 2, 3)), HEADS(1, 0),
      .prepare = attend, .reduce = 4, ROUNDED_ALL(1.0 / BF16_ROUNDS) },
    { "f16, causal, mask", LOW_GRAD(F16, 2, 67, 67, 24, 1, F32(2, 67)), HEADS(1, 1),
      .prepare = attend, .reduce = 67, HIDDEN, ROUNDED_ALL(1.0 / F16_ROUNDS) },
    { "f16, wide heads", LOW_GRAD(F16, 1, 70, 67, 96, 1, NONE), HEADS(1, 0), .prepare = attend,
      .reduce = 70, ROUNDED_ALL(1.0 / F16_ROUNDS) },
    { "an encoder's", GRAD(32, 168, 168, 128, 4, NONE), HEADS(4, 0), .prepare = attend,
      .reduce = 168, .bench = true },
    { "an encoder's, bf16", LOW_GRAD(BF16, 32, 168, 168, 128, 4, NONE), HEADS(4, 0),
      .prepare = attend, .reduce = 168, ROUNDED_ALL(1.0 / BF16_ROUNDS), .bench = true },
    { "dy of another type",
      { F32(2, 5, 16), LOW(BF16, 2, 5, 7, 16), NONE, F32(2, 5, 16), F32(2, 1, 5) },
      HEADS(1, 0),
      .reject = "dy is of type f32 but q is bf16" },
    { "dy of another shape",
      { F32(2, 4, 8), QKV(2, 5, 7, 8), NONE, F32(2, 5, 8), F32(2, 2, 5) },
      HEADS(2, 0),
      .reject = "dy is [2, 4, 8] but q needs [2, 5, 8]" },
    { "sums of another shape",
      { F32(2, 5, 8), QKV(2, 5, 7, 8), NONE, F32(2, 5, 8), F32(2, 1, 5) },
      HEADS(2, 0),
      .reject = "log sums is [2, 1, 5] but q needs [2, 2, 5]" },
    { 0 },
};

/* Cases of windows: gathering them from a panel, their statistics, scaling there and back. */
#include "tests/cases/case.h"

#include <math.h>

/* Three series of 10, 4 and 7 rows. y counts 1, 2, ...; rows 3 and 19 are missing (y is 0 there).
 * Past features are 100 + row and -row, the future feature is row / 8, static ones 10 i and 10 i
 * + 1. */
static const int64_t indptr[] = { 0, 10, 14, 21 };
static const float y[] = {
    1, 2, 3, 0, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 21
};
static const float mask[] = { 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1 };
static const float hist[] = {
    100, 0,   101, -1,  102, -2,  103, -3,  104, -4,  105, -5,  106, -6,
    107, -7,  108, -8,  109, -9,  110, -10, 111, -11, 112, -12, 113, -13,
    114, -14, 115, -15, 116, -16, 117, -17, 118, -18, 119, -19, 120, -20
};
static const float futr[] = { 0.0f,   0.125f, 0.25f,  0.375f, 0.5f,   0.625f, 0.75f,
                              0.875f, 1.0f,   1.125f, 1.25f,  1.375f, 1.5f,   1.625f,
                              1.75f,  1.875f, 2.0f,   2.125f, 2.25f,  2.375f, 2.5f };
static const float stat[] = { 0, 1, 10, 11, 20, 21 };
static const vn_panel_view panel = { 3, 2, 1, 2, indptr, y, mask, hist, futr, stat };

/* The same without features, and with NaN where nothing was observed. */
static const float holes[] = { 1,  2,  3,  NAN, 5,  6,  7,  8,  9,   10, 11,
                               12, 13, 14, 15,  16, 17, 18, 19, NAN, 21 };
static const vn_panel_view bare = { 3, 0, 0, 0, indptr, holes, mask, NULL, NULL, NULL };

#define PAIRS(...) ((const int32_t[]){ __VA_ARGS__ })
#define WINDOW(L, H, X, F, S) VN_ATTR(window, L, H, X, F, S)

const vn_case vn_cases_window[] = {
    { "one element",
      { I32_OF(PAIRS(0, 1), 1, 2), PANEL_OF(&bare) },
      WINDOW(1, 1, 0, 0, 0),
      .want = { NUMBERS(1), NUMBERS(1), [5] = NUMBERS(2), [6] = NUMBERS(1) } },
    { "inside a series",
      { I32_OF(PAIRS(0, 5, 2, 3), 2, 2), PANEL_OF(&panel) },
      WINDOW(3, 2, 2, 1, 2),
      .want = { NUMBERS(3, 0, 5, 15, 16, 17), NUMBERS(1, 0, 1, 1, 1, 1),
                NUMBERS(102, -2, 103, -3, 104, -4, 114, -14, 115, -15, 116, -16),
                NUMBERS(0.25, 0.375, 0.5, 0.625, 0.75, 1.75, 1.875, 2, 2.125, 2.25),
                NUMBERS(0, 1, 20, 21), NUMBERS(6, 7, 18, 19), NUMBERS(1, 1, 1, 1) } },
    { "before the start",
      { I32_OF(PAIRS(1, 2), 1, 2), PANEL_OF(&panel) },
      WINDOW(4, 2, 2, 1, 2),
      .want = { NUMBERS(0, 0, 11, 12), NUMBERS(0, 0, 1, 1), NUMBERS(0, 0, 0, 0, 110, -10, 111, -11),
                NUMBERS(0, 0, 1.25, 1.375, 1.5, 1.625), NUMBERS(10, 11), NUMBERS(13, 14),
                NUMBERS(1, 1) } },
    { "wholly before the start",
      { I32_OF(PAIRS(1, 0), 1, 2), PANEL_OF(&panel) },
      WINDOW(3, 2, 2, 1, 2),
      .want = { NUMBERS(0, 0, 0), NUMBERS(0, 0, 0), NUMBERS(0, 0, 0, 0, 0, 0),
                NUMBERS(0, 0, 0, 1.25, 1.375), NUMBERS(10, 11), NUMBERS(11, 12), NUMBERS(1, 1) } },
    { "past the end",
      { I32_OF(PAIRS(1, 3, 1, 4), 2, 2), PANEL_OF(&panel) },
      WINDOW(2, 2, 2, 1, 2),
      .want = { NUMBERS(12, 13, 13, 14), NUMBERS(1, 1, 1, 1),
                NUMBERS(111, -11, 112, -12, 112, -12, 113, -13),
                NUMBERS(1.375, 1.5, 1.625, 0, 1.5, 1.625, 0, 0), NUMBERS(10, 11, 10, 11),
                NUMBERS(14, 0, 0, 0), NUMBERS(1, 0, 0, 0) } },
    { "an empty pair",
      { I32_OF(PAIRS(-1, -1, 0, 2), 2, 2), PANEL_OF(&panel) },
      WINDOW(2, 1, 2, 1, 2),
      .want = { NUMBERS(0, 0, 1, 2), NUMBERS(0, 0, 1, 1), NUMBERS(0, 0, 0, 0, 100, 0, 101, -1),
                NUMBERS(0, 0, 0, 0, 0.125, 0.25), NUMBERS(0, 0, 0, 1), NUMBERS(0, 3),
                NUMBERS(0, 1) } },
    { "NaN where nothing was observed",
      { I32_OF(PAIRS(0, 3, 2, 6), 2, 2), PANEL_OF(&bare) },
      WINDOW(2, 2, 0, 0, 0),
      .want = { NUMBERS(2, 3, 19, 0),
                NUMBERS(1, 1, 1, 0), [5] = NUMBERS(0, 5, 21, 0), [6] = NUMBERS(0, 1, 1, 0) } },
    { "longer than any series",
      { I32_OF(PAIRS(0, 10, 1, 4, 2, 7), 3, 2), PANEL_OF(&panel) },
      WINDOW(33, 17, 2, 1, 2) },
    { "any pairs",
      { I32(257, 2), PANEL_OF(&panel) },
      WINDOW(5, 3, 2, 1, 2),
      .int_lo = -2,
      .int_hi = 12 },
    { "over one tile",
      { I32(3, 2), PANEL_OF(&panel) },
      WINDOW(5000, 3, 2, 1, 2),
      .int_lo = 0,
      .int_hi = 3 },
    { "only past features",
      { I32(17, 2), PANEL_OF(&panel) },
      WINDOW(5, 3, 2, 0, 0),
      .int_lo = -1,
      .int_hi = 9 },
    { "a batch",
      { I32(1024, 2), PANEL_OF(&panel) },
      WINDOW(120, 24, 0, 0, 0),
      .int_lo = 0,
      .int_hi = 3,
      .bench = true },
    { "pairs of three",
      { I32(4, 3), PANEL_OF(&panel) },
      WINDOW(5, 3, 0, 0, 0),
      .reject = "pairs are i32 [4, 3]; they must be i32 [B, 2]" },
    { "pairs of floats",
      { F32(4, 2), PANEL_OF(&panel) },
      WINDOW(5, 3, 0, 0, 0),
      .reject = "pairs are f32 [4, 2]" },
    { "no panel", { I32(4, 2), F32(4) }, WINDOW(5, 3, 0, 0, 0), .reject = "panel is of type f32" },
    { "horizon 0", { I32(4, 2), PANEL_OF(&panel) }, WINDOW(5, 0, 0, 0, 0), .reject = "H is 0" },
    { 0 },
};

#define STATS(NAME, rows) VN_ATTR(stats, VN_SCALER_##NAME, rows, 1)
#define MASKED .fill = { [1] = VN_FILL_MASK }, .reduce = 33
/* One window of one channel, all observed. */
#define SEEN(n, ...)                                                                               \
    {                                                                                              \
        F32_OF(NUMBERS(__VA_ARGS__), 1, n, 1), F32(1, n, 1)                                        \
    }
#define ALL .fill = { [1] = VN_FILL_ONE }, .reduce = 4
#define EPS 1e-6

const vn_case vn_cases_window_stats[] = {
    { "one element", { F32(1, 1, 1), F32(1, 1, 1) }, STATS(STANDARD, 1), ALL },
    { "identity", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(IDENTITY, 33), MASKED },
    { "standard", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(STANDARD, 33), MASKED },
    { "robust", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(ROBUST, 33), MASKED },
    { "minmax", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(MINMAX, 33), MASKED },
    { "minmax1", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(MINMAX1, 33), MASKED },
    { "invariant", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(INVARIANT, 33), MASKED },
    { "revin", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(REVIN, 33), MASKED },
    { "mean_abs", { F32(5, 33, 3), F32(5, 33, 1) }, STATS(MEAN_ABS, 33), MASKED },
    { "seasonal",
      { F32(5, 33, 3), F32(5, 33, 1) },
      VN_ATTR(stats, VN_SCALER_SEASONAL, 33, 7),
      MASKED },
    { "leading rows of longer features",
      { F32(5, 40, 17), F32(5, 33, 1) },
      STATS(STANDARD, 31),
      MASKED },
    { "over one tile",
      { F32(2, 5000, 1), F32(2, 5000, 1) },
      STATS(ROBUST, 5000),
      .fill = { [1] = VN_FILL_MASK },
      .reduce = 5000 },
    { "many windows",
      { F32(1025, 7, 1), F32(1025, 7, 1) },
      STATS(STANDARD, 7),
      .fill = { [1] = VN_FILL_MASK },
      .reduce = 7 },
    { "large and close together",
      { F32(3, 96, 1), F32(3, 96, 1) },
      STATS(STANDARD, 96),
      .lo = 1e4,
      .hi = 1.0001e4,
      .fill = { [1] = VN_FILL_ONE },
      .reduce = 96 },
    { "NaN under the mask",
      { F32(5, 33, 1), F32(5, 33, 1) },
      STATS(STANDARD, 33),
      MASKED,
      .holes = 2 },
    { "NaN under the mask, robust",
      { F32(5, 33, 1), F32(5, 33, 1) },
      STATS(ROBUST, 33),
      MASKED,
      .holes = 2 },
    { "NaN under the mask, seasonal",
      { F32(5, 33, 1), F32(5, 33, 1) },
      STATS(SEASONAL, 33),
      MASKED,
      .holes = 2 },
    { "nothing observed",
      { F32(2, 4, 1), F32(2, 4, 1) },
      STATS(STANDARD, 4),
      .fill = { [1] = VN_FILL_ZERO },
      .reduce = 4,
      .want = { NUMBERS(0, 0), NUMBERS(1, 1) } },
    { "nothing observed, minmax",
      { F32(2, 4, 1), F32(2, 4, 1) },
      STATS(MINMAX, 4),
      .fill = { [1] = VN_FILL_ZERO },
      .reduce = 4,
      .want = { NUMBERS(0, 0), NUMBERS(1, 1) } },
    { "constant", SEEN(4, 5, 5, 5, 5), STATS(STANDARD, 4), ALL,
      .want = { NUMBERS(5), NUMBERS(1 + EPS) } },
    { "constant, robust", SEEN(4, 5, 5, 5, 5), STATS(ROBUST, 4), ALL,
      .want = { NUMBERS(5), NUMBERS(1 + EPS) } },
    { "known standard", SEEN(4, 1, 2, 3, 4), STATS(STANDARD, 4), ALL,
      .want = { NUMBERS(2.5), NUMBERS(1.118033988749895 + EPS) } },
    { "even median", SEEN(4, 10, 1, 3, 2), STATS(ROBUST, 4), ALL,
      .want = { NUMBERS(2), NUMBERS(1 + EPS) } },
    { "odd median", SEEN(5, 9, 1, 2, 0, 20), STATS(ROBUST, 5), ALL,
      .want = { NUMBERS(2), NUMBERS(2 + EPS) } },
    { "no deviation from the median", SEEN(4, 5, 9, 5, 5), STATS(ROBUST, 4), ALL,
      .want = { NUMBERS(5), NUMBERS(0.6744897501960817 * 1.7320508075688772 + EPS) } },
    { "known minmax", SEEN(4, 3, -1, 2, 0), STATS(MINMAX, 4), ALL,
      .want = { NUMBERS(-1), NUMBERS(4 + EPS) } },
    { "known minmax1", SEEN(4, 3, -1, 2, 0), STATS(MINMAX1, 4), ALL,
      .want = { NUMBERS(1), NUMBERS(2 + EPS) } },
    { "known mean_abs", SEEN(4, 3, -1, 2, 0), STATS(MEAN_ABS, 4), ALL,
      .want = { NUMBERS(0), NUMBERS(1.5 + EPS) } },
    { "known seasonal", SEEN(4, 1, 2, 4, 8), VN_ATTR(stats, VN_SCALER_SEASONAL, 4, 2), ALL,
      .want = { NUMBERS(0), NUMBERS(4.5 + EPS) } },
    { "season longer than the window", SEEN(4, 1, 2, 4, 8),
      VN_ATTR(stats, VN_SCALER_SEASONAL, 4, 12), ALL, .want = { NUMBERS(0), NUMBERS(1) } },
    { "one gap in a season",
      { F32_OF(NUMBERS(1, 2, 4, 8), 1, 4, 1), F32_OF(NUMBERS(1, 0, 1, 1), 1, 4, 1) },
      STATS(SEASONAL, 4),
      .reduce = 4,
      .want = { NUMBERS(0), NUMBERS(4 + EPS) } },
    { "one observed",
      { F32_OF(NUMBERS(1, 2, 4, 8), 1, 4, 1), F32_OF(NUMBERS(0, 0, 1, 0), 1, 4, 1) },
      STATS(ROBUST, 4),
      .reduce = 4,
      .want = { NUMBERS(4), NUMBERS(1 + EPS) } },
    { "a batch",
      { F32(1024, 120, 1), F32(1024, 120, 1) },
      STATS(ROBUST, 120),
      .fill = { [1] = VN_FILL_ONE },
      .reduce = 120,
      .bench = true },
    { "mask longer than x",
      { F32(5, 33, 3), F32(5, 34, 1) },
      STATS(STANDARD, 33),
      .reject = "x is [5, 33, 3] but mask is [5, 34, 1]; it must be [5, up to 33, 1]" },
    { "rows past the mask",
      { F32(5, 40, 3), F32(5, 33, 1) },
      STATS(STANDARD, 34),
      .reject = "rows is 34; it must lie in 1 .. 33" },
    { "season 0",
      { F32(5, 33, 3), F32(5, 33, 1) },
      VN_ATTR(stats, VN_SCALER_SEASONAL, 33, 0),
      .reject = "season is 0" },
    { "unknown type",
      { F32(5, 33, 3), F32(5, 33, 1) },
      VN_ATTR(stats, VN_SCALER_COUNT, 33, 1),
      .reject = "type is" },
    { 0 },
};

#define SCALED(b, t, c)                                                                            \
    {                                                                                              \
        F32(b, t, c), F32(b, t, 1), F32(b, 1, c), F32(b, 1, c)                                     \
    }
#define SCALE_FILL .fill = { [1] = VN_FILL_MASK, [3] = VN_FILL_POSITIVE }

const vn_case vn_cases_scale[] = {
    { "one element", SCALED(1, 1, 1), .fill = { [1] = VN_FILL_ONE, [3] = VN_FILL_POSITIVE },
      .diff = 1 },
    { "ragged", SCALED(5, 33, 3), SCALE_FILL, .diff = 1 },
    { "one channel", SCALED(5, 31, 1), SCALE_FILL, .diff = 1 },
    { "many channels", SCALED(2, 3, 17), SCALE_FILL, .diff = 1 },
    { "no mask",
      { F32(5, 33, 3), NONE, F32(5, 1, 3), F32(5, 1, 3) },
      .fill = { [3] = VN_FILL_POSITIVE },
      .diff = 1 },
    { "all masked", SCALED(5, 33, 3), .fill = { [1] = VN_FILL_ZERO, [3] = VN_FILL_POSITIVE },
      .diff = 1 },
    { "NaN under the mask", SCALED(5, 33, 3), SCALE_FILL, .diff = 1, .holes = 2 },
    { "over one tile", SCALED(2, 5000, 1), SCALE_FILL, .diff = 1 },
    { "many windows", SCALED(1025, 7, 1), SCALE_FILL },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4), 1, 4, 1), F32_OF(NUMBERS(1, 0, 1, 1), 1, 4, 1),
        F32_OF(NUMBERS(2), 1, 1, 1), F32_OF(NUMBERS(0.5), 1, 1, 1) },
      .want = { NUMBERS(-2, 0, 2, 4) } },
    { "a batch", SCALED(1024, 120, 1), SCALE_FILL, .bench = true },
    { "mask of another length",
      { F32(5, 33, 3), F32(5, 32, 1), F32(5, 1, 3), F32(5, 1, 3) },
      .reject = "mask is [5, 32, 1] but x needs [5, 33, 1]" },
    { "location of another width",
      { F32(5, 33, 3), NONE, F32(5, 1, 2), F32(5, 1, 3) },
      .reject = "location is [5, 1, 2] but x needs [5, 1, 3]" },
    { "no scale", { F32(5, 33, 3), NONE, F32(5, 1, 3) }, .reject = "scale has no axis" },
    { 0 },
};

#define UNSCALED(b, t, c, k)                                                                       \
    {                                                                                              \
        F32(b, t, c), F32(b, 1, k), F32(b, 1, k)                                                   \
    }
#define UNSCALE_FILL .fill = { [2] = VN_FILL_POSITIVE }

const vn_case vn_cases_unscale[] = {
    { "one element", UNSCALED(1, 1, 1, 1), UNSCALE_FILL, .diff = 1 },
    { "one location for all channels", UNSCALED(5, 33, 3, 1), UNSCALE_FILL, .diff = 1 },
    { "a location a channel", UNSCALED(5, 33, 3, 3), UNSCALE_FILL, .diff = 1 },
    { "one channel", UNSCALED(5, 31, 1, 1), UNSCALE_FILL, .diff = 1 },
    { "many channels", UNSCALED(2, 3, 17, 17), UNSCALE_FILL, .diff = 1 },
    { "over one tile", UNSCALED(2, 5000, 1, 1), UNSCALE_FILL, .diff = 1 },
    { "many windows", UNSCALED(1025, 7, 1, 1), UNSCALE_FILL },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3), 1, 3, 1), F32_OF(NUMBERS(10), 1, 1, 1),
        F32_OF(NUMBERS(2), 1, 1, 1) },
      .want = { NUMBERS(12, 14, 16) } },
    { "a batch", UNSCALED(1024, 96, 1, 1), UNSCALE_FILL, .bench = true },
    { "location of another width", UNSCALED(5, 33, 3, 2),
      .reject = "x is [5, 33, 3] but location is [5, 1, 2]; it must be [5, 1, 1 or 3]" },
    { "scale unlike location",
      { F32(5, 33, 3), F32(5, 1, 3), F32(5, 1, 1) },
      .reject = "scale is [5, 1, 1] but location needs [5, 1, 3]" },
    { 0 },
};

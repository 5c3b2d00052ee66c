/* Cases of the LSTM and GRU layers and of their steps back. */
#include "tests/cases/case.h"

#include <math.h>

/* x, weights and biases of a layer of n units with g gates over b windows of t steps. */
#define BARE(b, t, i, n, g) F32(b, t, i), F32(g * (n), i), F32(g * (n), n)
#define FULL(b, t, i, n, g) BARE(b, t, i, n, g), F32(g * (n)), F32(g * (n))
#define LSTM(b, t, i, n) { FULL(b, t, i, n, 4), F32(b, n), F32(b, n) }
#define GRU(b, t, i, n) { FULL(b, t, i, n, 3), F32(b, n) }
/* An error of a state passes through the following steps, so bounds are on sums over time. */
#define SUMS(t, i, n) .reduce = (t) * ((i) + (n))

/* sigmoid(0) is 1/2: with zero weights and b = (0, 0, 1, 0), c = c0 / 2 + tanh(1) / 2. */
#define TANH1 0.76159415595576485

const vn_case vn_cases_lstm[] = {
    { "one element", LSTM(1, 1, 1, 1), .diff = 127, SUMS(1, 1, 1) },
    { "odd sizes", LSTM(3, 5, 3, 7), .diff = 127, SUMS(5, 3, 7) },
    { "many inputs", LSTM(2, 3, 11, 5), .diff = 127, SUMS(3, 11, 5) },
    { "no state", { FULL(3, 4, 2, 5, 4) }, .diff = 31, SUMS(4, 2, 5) },
    { "no bias", { BARE(3, 4, 2, 5, 4) }, .diff = 7, SUMS(4, 2, 5) },
    { "only a cell",
      { BARE(2, 3, 2, 5, 4), NONE, NONE, NONE, F32(2, 5) },
      .diff = 71,
      SUMS(3, 2, 5) },
    { "units over a vector", LSTM(2, 3, 2, 17), .diff = 127, SUMS(3, 2, 17) },
    { "units over a panel", LSTM(7, 9, 4, 37), SUMS(9, 4, 37) },
    { "more rows than a group", LSTM(71, 5, 2, 19), SUMS(5, 2, 19) },
    { "more steps than a chunk", LSTM(2, 131, 3, 20), SUMS(131, 3, 20), .lo = -0.3, .hi = 0.3 },
    { "one row of many units", LSTM(1, 4, 1, 200), SUMS(4, 1, 200), .lo = -0.2, .hi = 0.2 },
    { "saturated gates", LSTM(3, 4, 2, 5), SUMS(4, 2, 5), .lo = -40, .hi = 40, .slack = 1 },
    { "known",
      { F32_OF(NUMBERS(0, 0), 1, 2, 1), F32_OF(NUMBERS(0, 0, 0, 0), 4, 1),
        F32_OF(NUMBERS(0, 0, 0, 0), 4, 1), F32_OF(NUMBERS(0, 0, 1, 0), 4), NONE, NONE,
        F32_OF(NUMBERS(2), 1, 1) },
      SUMS(2, 1, 1),
      .want = { NULL, NULL, NUMBERS(0.5 * (1 + TANH1 / 2) + TANH1 / 2), NULL,
                NUMBERS(1 + TANH1 / 2, 0.5 * (1 + TANH1 / 2) + TANH1 / 2) } },
    { "a layer of a model", LSTM(32, 24, 128, 128), SUMS(24, 128, 128), .lo = -0.1, .hi = 0.1,
      .bench = true },
    { "weights of another width",
      { F32(2, 3, 4), F32(8, 5), F32(8, 2) },
      .reject = "w_ih is [8, 5] but x [2, 3, 4] and w_hh [8, 2] need [8, 4]" },
    { "three gates",
      { F32(2, 3, 4), F32(6, 4), F32(6, 2) },
      .reject = "w_hh is [6, 2]; it must have 4 rows for each of its columns" },
    { "state of other rows",
      { BARE(2, 3, 4, 2, 4), NONE, NONE, F32(3, 2) },
      .reject = "h0 is [3, 2] but a state needs [2, 2]" },
    { "bias too short",
      { BARE(2, 3, 4, 2, 4), F32(7) },
      .reject = "b_ih is [7] but w_hh needs [8]" },
    { "x a matrix", { F32(2, 3), F32(8, 3), F32(8, 2) }, .reject = "x is [2, 3]; it must have 3" },
    { 0 },
};

const vn_case vn_cases_gru[] = {
    { "one element", GRU(1, 1, 1, 1), .diff = 63, SUMS(1, 1, 1) },
    { "odd sizes", GRU(3, 5, 3, 7), .diff = 63, SUMS(5, 3, 7) },
    { "many inputs", GRU(2, 3, 11, 5), .diff = 63, SUMS(3, 11, 5) },
    { "no state", { FULL(3, 4, 2, 5, 3) }, .diff = 31, SUMS(4, 2, 5) },
    { "no bias", { BARE(3, 4, 2, 5, 3) }, .diff = 7, SUMS(4, 2, 5) },
    { "units over a vector", GRU(2, 3, 2, 17), .diff = 63, SUMS(3, 2, 17) },
    { "units over a panel", GRU(7, 9, 4, 37), SUMS(9, 4, 37) },
    { "more rows than a group", GRU(71, 5, 2, 19), SUMS(5, 2, 19) },
    { "more steps than a chunk", GRU(2, 131, 3, 20), SUMS(131, 3, 20), .lo = -0.3, .hi = 0.3 },
    { "one row of many units", GRU(1, 4, 1, 200), SUMS(4, 1, 200), .lo = -0.2, .hi = 0.2 },
    { "saturated gates", GRU(3, 4, 2, 5), SUMS(4, 2, 5), .lo = -40, .hi = 40, .slack = 1 },
    { "known",
      { F32_OF(NUMBERS(0, 0), 1, 2, 1), F32_OF(NUMBERS(0, 0, 0), 3, 1),
        F32_OF(NUMBERS(0, 0, 0), 3, 1), F32_OF(NUMBERS(0, 0, 0), 3), F32_OF(NUMBERS(0, 0, 2), 3),
        F32_OF(NUMBERS(4), 1, 1) },
      SUMS(2, 1, 1),
      .want = { NUMBERS(2 + TANH1 / 2, 1 + TANH1 / 4 + TANH1 / 2),
                NUMBERS(1 + TANH1 / 4 + TANH1 / 2) } },
    { "a layer of a model", GRU(32, 24, 200, 200), SUMS(24, 200, 200), .lo = -0.1, .hi = 0.1,
      .bench = true },
    { "four gates",
      { F32(2, 3, 4), F32(8, 4), F32(8, 2) },
      .reject = "w_hh is [8, 2]; it must have 3 rows for each of its columns" },
    { "state of other rows",
      { BARE(2, 3, 4, 2, 3), NONE, NONE, F32(3, 2) },
      .reject = "h0 is [3, 2] but a state needs [2, 2]" },
    { 0 },
};

/* W_hh, gates, cells or h, the state before, then gradients. */
#define LSTM_BACK(b, t, n) \
    F32(4 * (n), n), F32(b, t, 4 * (n)), F32(b, t, n), F32(b, n), F32(b, t, n), F32(b, n), F32(b, n)
#define GRU_BACK(b, t, n) \
    F32(3 * (n), n), F32(b, t, 4 * (n)), F32(b, t, n), F32(b, n), F32(b, t, n), F32(b, n)

const vn_case vn_cases_lstm_grad[] = {
    { "one element", { LSTM_BACK(1, 1, 1) }, SUMS(1, 4, 0) },
    { "odd sizes", { LSTM_BACK(3, 5, 7) }, SUMS(5, 28, 0), .lo = -0.7, .hi = 0.7 },
    { "no state",
      { F32(20, 5), F32(3, 4, 20), F32(3, 4, 5), NONE, F32(3, 4, 5) },
      SUMS(4, 20, 0) },
    { "only the last h",
      { F32(20, 5), F32(3, 4, 20), F32(3, 4, 5), NONE, NONE, F32(3, 5) },
      SUMS(4, 20, 0) },
    { "only the last c",
      { F32(20, 5), F32(3, 4, 20), F32(3, 4, 5), NONE, NONE, NONE, F32(3, 5) },
      SUMS(4, 20, 0) },
    { "units over a panel", { LSTM_BACK(2, 3, 37) }, SUMS(3, 148, 0), .lo = -0.3, .hi = 0.3 },
    { "more rows than a group", { LSTM_BACK(71, 3, 19) }, SUMS(3, 76, 0), .lo = -0.4, .hi = 0.4 },
    { "units over a block of a GPU", { LSTM_BACK(1, 3, 70) }, SUMS(3, 280, 0), .lo = -0.2, .hi = 0.2 },
    { "a layer of a model", { LSTM_BACK(32, 24, 128) }, SUMS(24, 512, 0), .lo = -0.1, .hi = 0.1,
      .bench = true },
    { "gates of another width",
      { F32(8, 2), F32(2, 3, 12), F32(2, 3, 2) },
      .reject = "w_hh is [8, 2] but gates [2, 3, 12] need [12, 3]" },
    { "cells of other steps",
      { F32(8, 2), F32(2, 3, 8), F32(2, 4, 2) },
      .reject = "cells is [2, 4, 2] but gates needs [2, 3, 2]" },
    { 0 },
};

const vn_case vn_cases_gru_grad[] = {
    { "one element", { GRU_BACK(1, 1, 1) }, SUMS(1, 3, 0) },
    { "odd sizes", { GRU_BACK(3, 5, 7) }, SUMS(5, 21, 0), .lo = -0.7, .hi = 0.7 },
    { "no state",
      { F32(15, 5), F32(3, 4, 20), F32(3, 4, 5), NONE, F32(3, 4, 5) },
      SUMS(4, 15, 0) },
    { "only the last h",
      { F32(15, 5), F32(3, 4, 20), F32(3, 4, 5), NONE, NONE, F32(3, 5) },
      SUMS(4, 15, 0) },
    { "units over a panel", { GRU_BACK(2, 3, 37) }, SUMS(3, 111, 0), .lo = -0.3, .hi = 0.3 },
    { "more rows than a group", { GRU_BACK(71, 3, 19) }, SUMS(3, 57, 0), .lo = -0.4, .hi = 0.4 },
    { "units over a block of a GPU", { GRU_BACK(1, 3, 70) }, SUMS(3, 210, 0), .lo = -0.2, .hi = 0.2 },
    { "a layer of a model", { GRU_BACK(32, 24, 200) }, SUMS(24, 600, 0), .lo = -0.1, .hi = 0.1,
      .bench = true },
    { "h of other units",
      { F32(6, 2), F32(2, 3, 8), F32(2, 3, 3) },
      .reject = "h is [2, 3, 3] but gates needs [2, 3, 2]" },
    { 0 },
};

/* Cases of the table look-ups. */
#include "tests/cases/case.h"

/* Whole codes 0 .. V - 1, with one beyond the table now and then, from numbers in -1 .. 1. */
static void codes(double *x, int64_t n, int64_t V)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = i % 13 == 5 ? (double)V + 3 : (double)(int64_t)((x[i] + 1) / 2 * (double)V);
}

static void embedding_codes(const vn_call *c, double *const in[VN_MAX_IN])
{
    codes(in[0], vn_count(&c->in[0]), c->in[1].dim[0]);
}

static void grad_codes(const vn_call *c, double *const in[VN_MAX_IN])
{
    codes(in[1], vn_count(&c->in[1]), ((const vn_attr_table *)c->attr)->rows);
}

const vn_case vn_cases_embedding[] = {
    { "one element", { F32(1), F32(1, 1) }, .prepare = embedding_codes, .diff = 2 },
    { "a static column", { F32(33, 1), F32(7, 3) }, .prepare = embedding_codes, .diff = 2 },
    { "a column of windows", { F32(5, 31, 1), F32(17, 5) }, .prepare = embedding_codes, .diff = 2 },
    { "more codes than a tile", { F32(5000, 1), F32(3, 2) }, .prepare = embedding_codes },
    { "a table over one tile", { F32(7, 1), F32(300, 31) }, .prepare = embedding_codes, .diff = 2 },
    { "rows over one tile", { F32(5, 1), F32(3, 5000) }, .prepare = embedding_codes },
    { "known, codes beyond the table are row 0",
      { F32_OF(NUMBERS(2, 0, -1, 3), 4, 1), F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 3, 2) },
      .want = { NUMBERS(5, 6, 1, 2, 1, 2, 1, 2) } },
    { "stores of a batch",
      { F32(256, 120, 1), F32(101, 22) },
      .prepare = embedding_codes,
      .bench = true },
    { "several columns",
      { F32(5, 2), F32(3, 2) },
      .reject = "codes are [5, 2]; their last axis must be 1" },
    { "no table", { F32(5, 1), F32(3) }, .reject = "table" },
    { 0 },
};

const vn_case vn_cases_embedding_grad[] = {
    { "one element", { F32(1), F32(1) }, VN_ATTR(table, 1), .prepare = grad_codes },
    { "a static column",
      { F32(33, 3), F32(33, 1) },
      VN_ATTR(table, 7),
      .prepare = grad_codes,
      .reduce = 33 },
    { "a column of windows",
      { F32(5, 31, 5), F32(5, 31, 1) },
      VN_ATTR(table, 17),
      .prepare = grad_codes,
      .reduce = 155 },
    { "a table over one tile",
      { F32(200, 31), F32(200, 1) },
      VN_ATTR(table, 300),
      .prepare = grad_codes,
      .reduce = 10 },
    { "many codes",
      { F32(1500, 3), F32(1500, 1) },
      VN_ATTR(table, 5),
      .prepare = grad_codes,
      .reduce = 400 },
    { "rows over one tile",
      { F32(5, 5000), F32(5, 1) },
      VN_ATTR(table, 3),
      .prepare = grad_codes,
      .reduce = 5 },
    { "known",
      { F32_OF(NUMBERS(1, 2, 3, 4, 5, 6), 3, 2), F32_OF(NUMBERS(1, 9, 1), 3, 1) },
      VN_ATTR(table, 3),
      .want = { NUMBERS(3, 4, 6, 8, 0, 0) } },
    { "stores of a batch",
      { F32(256, 120, 22), F32(256, 120, 1) },
      VN_ATTR(table, 101),
      .prepare = grad_codes,
      .reduce = 310,
      .bench = true },
    { "rows of dy missing",
      { F32(5, 3), F32(4, 1) },
      VN_ATTR(table, 3),
      .reject = "dy is [5, 3] but codes are [4, 1]" },
    { "no rows", { F32(5, 3), F32(5, 1) }, VN_ATTR(table, 0), .reject = "rows is 0" },
    { 0 },
};

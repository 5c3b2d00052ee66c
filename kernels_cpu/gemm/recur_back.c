/* A recurrent layer back through time; see recur.h. Lanes share the rows and never wait for each
 * other: the gradients of weights, which need all rows, are products of their own. */
#include <string.h>

#include "kernels_cpu/gemm/lanes.h"
#include "kernels_cpu/gemm/recur.h"
#include "kernels_cpu/gemm/tile.h"

enum { ROWS = 32 }; /* of a group */

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

vn_recur_back VN_SIMD(recur_back_of)(const vn_call *c, int64_t gates)
{
    const vn_tensor *w = &c->in[0], *saved = &c->in[1];
    return (vn_recur_back){ .B = saved->dim[0], .T = saved->dim[1], .H = w->dim[1], .G = gates,
                            .width = ceil_div(w->dim[1], VN_TILE_COLS) * VN_TILE_COLS,
                            .w_hh = w->data };
}

vn_scratch VN_SIMD(recur_back_scratch)(const vn_recur_back *r)
{
    int64_t rows = min_of(ROWS, r->B), depth = r->G * r->H;
    return (vn_scratch){ (size_t)(r->width * depth) * sizeof(float),
                         (size_t)(rows * (2 * r->width + depth)) * sizeof(float) };
}

static void pack(vn_recur_back *r, float *shared, vn_lane *lane)
{
    int64_t lo, hi, depth = r->G * r->H;
    r->pack = shared;
    vn_lane_share(lane, r->width / VN_TILE_COLS, 1, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        const float *from = r->w_hh + p * VN_TILE_COLS;
        float *to = r->pack + p * depth * VN_TILE_COLS;
        size_t n = (size_t)min_of(VN_TILE_COLS, r->H - p * VN_TILE_COLS);
        for (int64_t k = 0; k < depth; k++, from += r->H, to += VN_TILE_COLS) {
            memset(to, 0, VN_TILE_COLS * sizeof *to);
            memcpy(to, from, n * sizeof *to);
        }
    }
    vn_team_meet(lane);
}

/* dh = dz W_hh */
static void multiply(const vn_back_rows *w)
{
    const vn_recur_back *r = w->r;
    int64_t depth = r->G * r->H, tiles = ceil_div(w->rows, VN_TILE_ROWS);
    for (int64_t p = 0; p < r->width / VN_TILE_COLS; p++)
        for (int64_t i = 0; i < tiles; i++) {
            int64_t from = w->rows * i / tiles, to = w->rows * (i + 1) / tiles;
            vn_tile t = { .a = w->dz + from * depth, .a_row = depth, .a_k = 1,
                          .b = r->pack + p * depth * VN_TILE_COLS, .b_k = VN_TILE_COLS, .k = depth,
                          .c = w->dh + from * r->width + p * VN_TILE_COLS, .c_row = r->width };
            vn_tile_part(&t, (int)(to - from), r->H - p * VN_TILE_COLS);
        }
}

/* Row `at` of input `in` (-1: none) into a row of the scratch. */
static void enter(const vn_call *c, int in, int64_t at, const vn_recur_back *r, float *to)
{
    memset(to, 0, (size_t)r->width * sizeof *to);
    const float *from = in < 0 ? NULL : vn_recur_row(&c->in[in], at * r->H);
    if (from) memcpy(to, from, (size_t)r->H * sizeof *to);
}

static void leave(const vn_call *c, int out, int64_t at, const vn_recur_back *r, const float *from)
{
    float *to = vn_recur_row(&c->out[out], at * r->H);
    if (to) memcpy(to, from, (size_t)r->H * sizeof *to);
}

static void walk_group(const vn_call *c, const vn_back_rows *w, vn_back_cell cell,
                       const vn_back_ends *ends)
{
    const vn_recur_back *r = w->r;
    for (int64_t i = 0; i < w->rows; i++) {
        enter(c, ends->dh_in, w->row + i, r, w->dh + i * r->width);
        enter(c, ends->keep_in, w->row + i, r, w->keep + i * r->width);
    }
    for (int64_t t = r->T - 1; t >= 0; t--) {
        for (int64_t i = 0; i < w->rows; i++) cell(c, w, i, t);
        multiply(w);
    }
    for (int64_t i = 0; i < w->rows; i++) {
        float *dh = w->dh + i * r->width, *keep = w->keep + i * r->width;
        for (int64_t j = 0; ends->keep_out < 0 && j < r->H; j++) dh[j] += keep[j];
        leave(c, ends->dh_out, w->row + i, r, dh);
        if (ends->keep_out >= 0) leave(c, ends->keep_out, w->row + i, r, keep);
    }
}

void VN_SIMD(recur_back_run)(const vn_call *c, vn_recur_back *r, vn_back_cell cell,
                             const vn_back_ends *ends, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    int64_t lo, hi, most = min_of(ROWS, r->B);
    pack(r, c->scratch, lane);
    vn_back_rows w = { .r = r, .dh = vn_cpu_scratch(s) };
    w.keep = w.dh + most * r->width;
    w.dz = w.keep + most * r->width;
    vn_lane_share(lane, r->B, 1, &lo, &hi);
    int64_t groups = ceil_div(hi - lo, ROWS);
    for (int64_t g = 0; g < groups; g++) {
        w.row = lo + (hi - lo) * g / groups;
        w.rows = lo + (hi - lo) * (g + 1) / groups - w.row;
        walk_group(c, &w, cell, ends);
    }
}

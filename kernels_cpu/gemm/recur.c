/* A recurrent layer forward in time; see recur.h. For 128 .. 200 units over some hundred steps.
 *
 * Lanes share the rows of the batch and never wait for each other; only where there are fewer than
 * two rows a lane do they share the units instead and meet after every step. Rows walk in groups of
 * at most ROWS, so that states and pre-activations stay in a second-level cache beside W_hh. */
#include "kernels_cpu/gemm/recur.h"

#include <string.h>

#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/tile.h"

enum {
    ROWS = 32,          /* of a group: three tiles of AVX-512 */
    PRE_FLOATS = 65536, /* of the inputs' products at a time, if that is CHUNK steps or more */
    CHUNK_MIN = 8,      /* steps: rows of one tile */
    CHUNK_MAX = 64,
    TOGETHER = VN_TILE_VECTORS, /* blocks of units: whole panels for any number of gates */
};

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }

vn_recur VN_SIMD(recur_of)(const vn_call *c, int64_t gates, bool apart)
{
    const vn_tensor *x = &c->in[0];
    vn_recur r = { .B = x->dim[0], .T = x->dim[1], .I = x->dim[2], .H = c->in[2].dim[1],
                   .G = gates, .x = x->data, .w_ih = c->in[1].data, .w_hh = c->in[2].data,
                   .b_ih = c->in[3].data, .b_hh = c->in[4].data, .apart = apart };
    r.blocks = ceil_div(r.H, VF_N);
    r.cols = ceil_div(r.blocks * gates, VN_TILE_VECTORS) * VN_TILE_COLS;
    return r;
}

static int64_t chunk_of(const vn_recur *r, int64_t rows)
{
    int64_t steps = PRE_FLOATS / (rows * r->cols);
    steps = steps < CHUNK_MIN ? CHUNK_MIN : min_of(steps, CHUNK_MAX);
    return min_of(steps, r->T);
}

static int64_t padded(const vn_recur *r) { return r->blocks * VF_N; }

vn_scratch VN_SIMD(recur_scratch)(const vn_recur *r)
{
    int64_t rows = min_of(ROWS, r->B), pre = rows * CHUNK_MIN * r->cols;
    if (pre < PRE_FLOATS) pre = min_of(PRE_FLOATS, rows * CHUNK_MAX * r->cols);
    int64_t shared = r->cols * (r->I + r->H + 2) + 2 * rows * padded(r);
    int64_t lane = pre + rows * r->cols + 3 * rows * padded(r);
    return (vn_scratch){ (size_t)shared * sizeof(float), (size_t)lane * sizeof(float) };
}

/* The rows of W [G H, K] in vector v of the columns: units past the end repeat the last one, and
 * what they give is never read. */
static void rows_of(const vn_recur *r, const float *w, int64_t k, int64_t v,
                    const float *row[VF_N])
{
    int64_t block = min_of(v / r->G, r->blocks - 1), gate = v % r->G;
    for (int64_t i = 0; i < VF_N; i++)
        row[i] = w + (gate * r->H + min_of(block * VF_N + i, r->H - 1)) * k;
}

static void pack_panel(const vn_recur *r, const float *w, int64_t k, int64_t panel, float *out)
{
    for (int v = 0; v < VN_TILE_VECTORS; v++) {
        const float *row[VF_N];
        rows_of(r, w, k, VN_TILE_VECTORS * panel + v, row);
        vn_pack_vector(row, k, out + panel * k * VN_TILE_COLS + v * VF_N);
    }
}

static void pack_bias(const vn_recur *r, const float *bias, int64_t panel, float *out)
{
    for (int64_t i = 0; i < VN_TILE_COLS; i++) {
        const float *row[VF_N];
        out[panel * VN_TILE_COLS + i] = 0;
        if (!bias) continue;
        rows_of(r, bias, 1, VN_TILE_VECTORS * panel + i / VF_N, row);
        out[panel * VN_TILE_COLS + i] = *row[i % VF_N];
    }
}

/* Weights and biases into the shared scratch, a share of the panels a lane. */
static void pack(vn_recur *r, float *shared, vn_lane *lane)
{
    int64_t lo, hi;
    r->pack_x = shared;
    r->pack_h = r->pack_x + r->cols * r->I;
    r->bias_x = r->pack_h + r->cols * r->H;
    r->bias_h = r->bias_x + r->cols;
    r->state = r->bias_h + r->cols;
    vn_lane_share(lane, r->cols / VN_TILE_COLS, 1, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        pack_panel(r, r->w_ih, r->I, p, r->pack_x);
        pack_panel(r, r->w_hh, r->H, p, r->pack_h);
        pack_bias(r, r->b_ih, p, r->bias_x);
        pack_bias(r, r->b_hh, p, r->bias_h);
        for (int64_t i = p * VN_TILE_COLS; !r->apart && i < (p + 1) * VN_TILE_COLS; i++)
            r->bias_x[i] += r->bias_h[i];
    }
    vn_team_meet(lane);
}

/* The tile t for `rows` rows of A and C in equal parts. */
static void run_rows(vn_tile t, int64_t rows)
{
    int64_t tiles = ceil_div(rows, VN_TILE_ROWS);
    const float *a = t.a;
    float *c = t.c;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t from = rows * i / tiles, to = rows * (i + 1) / tiles;
        t.a = a + from * t.a_row;
        t.c = c + from * t.c_row;
        tile_run(&t, (int)(to - from));
    }
}

/* This lane's panels. */
static int64_t panel_of(const vn_walk_rows *w, int64_t block)
{
    return ceil_div(block * w->r->G, VN_TILE_VECTORS);
}

/* Steps [w->t0, w->t0 + steps) of the inputs times W_ih: the rows of a tile are steps, so a panel
 * is read once for all of them. */
static void multiply_inputs(const vn_walk_rows *w, int64_t steps)
{
    const vn_recur *r = w->r;
    for (int64_t p = panel_of(w, w->block); p < panel_of(w, w->block_end); p++)
        for (int64_t i = 0; i < w->rows; i++)
            run_rows((vn_tile){ .a = r->x + ((w->row + i) * r->T + w->t0) * r->I, .a_row = r->I,
                                .a_k = 1, .b = r->pack_x + p * r->I * VN_TILE_COLS,
                                .b_k = VN_TILE_COLS, .k = r->I,
                                .c = w->pre + i * w->chunk * r->cols + p * VN_TILE_COLS,
                                .c_row = r->cols, .bias = r->bias_x + p * VN_TILE_COLS },
                     steps);
}

static void multiply_state(const vn_walk_rows *w, int64_t t)
{
    const vn_recur *r = w->r;
    for (int64_t p = panel_of(w, w->block); p < panel_of(w, w->block_end); p++) {
        vn_tile tile = { .a = w->h, .a_row = padded(r), .a_k = 1,
                         .b = r->pack_h + p * r->H * VN_TILE_COLS, .b_k = VN_TILE_COLS, .k = r->H };
        if (r->apart) {
            tile.c = w->rec + p * VN_TILE_COLS;
            tile.c_row = r->cols;
            tile.bias = r->bias_h + p * VN_TILE_COLS;
        } else {
            tile.c = vn_recur_pre(w, 0, t) + p * VN_TILE_COLS;
            tile.c_row = w->chunk * r->cols;
            tile.add = true;
        }
        run_rows(tile, w->rows);
    }
}

/* Numbers of this lane's units between a padded row and a row of a tensor [., H], which may be
 * NULL: zeros are read from it, nothing is written. */
static void load_row(const vn_walk_rows *w, const float *from, float *to)
{
    int64_t lo = w->block * VF_N, n = min_of(w->block_end * VF_N, w->r->H) - lo;
    memset(to + lo, 0, (size_t)(w->block_end - w->block) * VF_N * sizeof *to);
    if (from && n > 0) memcpy(to + lo, from + lo, (size_t)n * sizeof *to);
}

static void store_row(const vn_walk_rows *w, const float *from, float *to)
{
    int64_t lo = w->block * VF_N, n = min_of(w->block_end * VF_N, w->r->H) - lo;
    if (to && n > 0) memcpy(to + lo, from + lo, (size_t)n * sizeof *to);
}

/* A group of rows from the first step to the last. `meets`: its units are on several lanes. */
static void walk_group(const vn_call *c, vn_walk_rows *w, vn_cell cell, bool meets, vn_lane *lane)
{
    const vn_recur *r = w->r;
    bool lstm = c->op == VN_OP_LSTM;
    for (int64_t i = 0; i < w->rows; i++) {
        int64_t at = (w->row + i) * r->H, own = i * padded(r);
        load_row(w, vn_recur_row(&c->in[5], at), w->h + own);
        load_row(w, lstm ? vn_recur_row(&c->in[6], at) : NULL, w->c + own);
    }
    if (meets) vn_team_meet(lane);
    w->chunk = chunk_of(r, w->rows);
    for (w->t0 = 0; w->t0 < r->T; w->t0 += w->chunk) {
        int64_t end = min_of(w->t0 + w->chunk, r->T);
        multiply_inputs(w, end - w->t0);
        for (int64_t t = w->t0; t < end; t++) {
            multiply_state(w, t);
            for (int64_t i = 0; i < w->rows; i++) cell(c, w, i, t);
            float *before = w->h;
            w->h = w->next;
            w->next = before;
            if (meets) vn_team_meet(lane);
        }
    }
    for (int64_t i = 0; i < w->rows; i++) {
        int64_t at = (w->row + i) * r->H, own = i * padded(r);
        store_row(w, w->h + own, vn_recur_row(&c->out[1], at));
        if (lstm) store_row(w, w->c + own, vn_recur_row(&c->out[2], at));
    }
}

void VN_SIMD(recur_run)(const vn_call *c, vn_recur *r, vn_cell cell, vn_stream *s)
{
    vn_lane *lane = vn_cpu_lane(s);
    bool meets = lane->size > 1 && r->B < 2 * lane->size;
    int64_t lo = 0, hi = r->B, most = min_of(ROWS, r->B), size = most * padded(r);
    pack(r, c->scratch, lane);
    vn_walk_rows w = { .r = r, .block_end = r->blocks, .c = vn_cpu_scratch(s) };
    if (meets) {
        vn_lane_share(lane, r->blocks, TOGETHER, &w.block, &w.block_end);
        w.h = r->state;
    } else {
        vn_lane_share(lane, r->B, 1, &lo, &hi);
        w.h = w.c + size;
    }
    w.next = w.h + size;
    w.rec = w.c + 3 * size;
    w.pre = w.rec + most * r->cols;
    int64_t groups = ceil_div(hi - lo, ROWS);
    for (int64_t g = 0; g < groups; g++) {
        w.row = lo + (hi - lo) * g / groups;
        w.rows = lo + (hi - lo) * (g + 1) / groups - w.row;
        walk_group(c, &w, cell, meets, lane);
    }
}

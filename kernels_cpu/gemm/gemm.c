/* Products of f32 matrices, packed: for layers of 32 .. 4096 rows and a few hundred columns, whose
 * weights lie in the second or third cache.
 *
 * B is packed into panels of VN_TILE_COLS columns, at most GROUP of them and BLOCK of k at a time,
 * so that they stay in a lane's second-level cache while all rows of A pass by. A is read where it
 * lies when its rows are contiguous and packed one tile at a time when it is transposed. Every lane
 * packs what it multiplies and no lane waits for another: cut across columns, no panel is packed
 * twice. Measured on 2 cores of Zen 4: 0.77 of the peak at 32 rows, 512 columns, depth 512, where
 * packing is the cost; 0.94 .. 0.98 from 128 rows on. */
#include "kernels_cpu/gemm/gemm.h"

#include <string.h>

#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/tile.h"

enum {
    BLOCK = 512, /* k of a panel: 64 KiB with AVX-512, twice the first-level cache */
    GROUP = 8,   /* panels: 512 KiB, half of the second-level cache */
    FEW_TILES = 2, /* rows of tiles below which packing a row-major B is not paid back */
};

/* Part of one product: row tiles [tile, tile_end) and panels [panel, panel_end). */
typedef struct part {
    int64_t tile, tile_end, panel, panel_end;
} part;

/* A product being computed by one lane. */
typedef struct job {
    const vn_gemm *g;
    const float *a, *b;
    float *c;
    int64_t tiles;      /* of the whole product */
    int64_t k0, depth;  /* the block of k at hand */
    float *panels, *rows;
} job;

/* k is cut into equal blocks: 600 becomes 2 x 300 and not 512 + 88. */
static int64_t block_depth(int64_t k) { return vn_tiles(k, vn_tiles(k, BLOCK)); }

vn_scratch VN_SIMD(gemm_scratch)(int64_t n, int64_t k)
{
    int64_t panels = vn_least(vn_tiles(n, VN_TILE_COLS), GROUP);
    int64_t floats = block_depth(k) * (panels * VN_TILE_COLS + VF_N);
    return (vn_scratch){ 0, (size_t)floats * sizeof(float) };
}

static int64_t panel_cols(const vn_gemm *g, int64_t panel)
{
    return vn_least(g->n - panel * VN_TILE_COLS, VN_TILE_COLS);
}

static void pack_panel(const job *w, int64_t panel, float *out)
{
    const vn_gemm *g = w->g;
    const float *b = w->b + w->k0 * g->b_k + panel * VN_TILE_COLS * g->b_col;
    if (g->b_col == 1)
        vn_pack_rows(b, g->b_k, panel_cols(g, panel), w->depth, out);
    else
        vn_pack_columns(b, g->b_col, panel_cols(g, panel), w->depth, out);
}

/* A is transposed: the VF_N >= VN_TILE_ROWS floats from `row` on at every k, fewer where the matrix
 * ends before them. */
static void pack_a(const job *w, int64_t row, float *out)
{
    const vn_gemm *g = w->g;
    const float *a = w->a + w->k0 * g->a_k + row;
    int64_t left = (g->k - w->k0) * g->a_k - row; /* floats from `a` to the end of A */
    size_t rest = (size_t)vn_least(g->m - row, VF_N) * sizeof(float);
    for (int64_t k = 0; k < w->depth; k++, a += g->a_k, left -= g->a_k, out += VF_N) {
        if (left >= VF_N)
            vf_store(out, vf_load(a));
        else
            memcpy(out, a, rest);
    }
}

/* Row tile `index` times the panels [panel, end), packed one after the other at `packed` or, where
 * that is NULL, read from B itself. */
static void multiply(const job *w, int64_t index, int64_t panel, int64_t end, const float *packed)
{
    const vn_gemm *g = w->g;
    int64_t row = g->m * index / w->tiles;
    int rows = (int)(g->m * (index + 1) / w->tiles - row);
    bool last = w->k0 + w->depth == g->k;
    vn_tile t = { .a = w->a + row * g->a_row + w->k0 * g->a_k, .a_row = g->a_row, .a_k = g->a_k,
                  .b_k = packed ? VN_TILE_COLS : g->b_k, .k = w->depth, .c_row = g->n,
                  .add = w->k0 > 0, .relu = last && g->act == VN_UNARY_RELU };
    if (g->a_k != 1) {
        pack_a(w, row, w->rows);
        t.a = w->rows;
        t.a_row = 1;
        t.a_k = VF_N;
    }
    for (; panel < end; panel++) {
        int64_t col = panel * VN_TILE_COLS, cols = panel_cols(g, panel);
        t.b = packed ? packed : w->b + w->k0 * g->b_k + col;
        t.c = w->c + row * g->n + col;
        t.bias = g->bias && last ? g->bias + col : NULL;
        vn_tile_part(&t, rows, cols);
        if (last && g->act != VN_UNARY_NONE && g->act != VN_UNARY_RELU)
            for (int i = 0; i < rows; i++) VN_SIMD(gemm_activate)(g->act, t.c + i * t.c_row, cols);
        if (packed) packed += w->depth * VN_TILE_COLS;
    }
}

/* The panels [panel, end) over all of k, for the row tiles of `p`. */
static void run_group(job *w, const part *p, int64_t panel, int64_t end)
{
    const vn_gemm *g = w->g;
    /* A panel read where it lies must be whole. */
    bool in_place = g->b_col == 1 && p->tile_end - p->tile <= FEW_TILES &&
                    panel_cols(g, end - 1) == VN_TILE_COLS;
    for (w->k0 = 0; w->k0 < g->k; w->k0 += w->depth) {
        w->depth = vn_least(block_depth(g->k), g->k - w->k0);
        for (int64_t i = panel; i < end && !in_place; i++)
            pack_panel(w, i, w->panels + (i - panel) * w->depth * VN_TILE_COLS);
        for (int64_t i = p->tile; i < p->tile_end; i++)
            multiply(w, i, panel, end, in_place ? NULL : w->panels);
    }
}

/* Product number `group`, part p. */
static void run_part(const vn_gemm *g, int64_t group, const part *p, vn_stream *s)
{
    job w = { .g = g, .a = g->a + group * g->a_group, .b = g->b + group * g->b_group,
              .c = g->c + group * g->m * g->n, .tiles = vn_tiles(g->m, VN_TILE_ROWS),
              .rows = vn_cpu_scratch(s) };
    w.panels = w.rows + block_depth(g->k) * VF_N;
    for (int64_t i = p->panel; i < p->panel_end; i += GROUP)
        run_group(&w, p, i, vn_least(i + GROUP, p->panel_end));
}

/* Cut tiles x panels into a grid of lanes. Every row of the grid packs the panels again, and
 * packing one costs about half a tile. */
static part choose(const vn_lane *lane, int64_t tiles, int64_t panels)
{
    int64_t best = INT64_MAX, down = 1, across = lane->size;
    for (int64_t d = 1; d <= lane->size; d++) {
        int64_t cost = vn_tiles(panels, lane->size / d) * (2 * vn_tiles(tiles, d) + 1);
        if (cost >= best) continue;
        best = cost;
        down = d;
        across = lane->size / d;
    }
    int64_t y = lane->rank / across, x = lane->rank % across;
    if (y >= down) return (part){ 0, 0, 0, 0 };
    return (part){ tiles * y / down, tiles * (y + 1) / down, panels * x / across,
                   panels * (x + 1) / across };
}

void VN_SIMD(gemm)(const vn_gemm *g, vn_stream *s)
{
    const vn_lane *lane = vn_cpu_lane(s);
    int64_t tiles = vn_tiles(g->m, VN_TILE_ROWS), panels = vn_tiles(g->n, VN_TILE_COLS);
    int64_t first = 0, last = g->groups;
    part p = choose(lane, tiles, panels);
    if (g->groups >= lane->size) {
        p = (part){ 0, tiles, 0, panels };
        vn_lane_share(lane, g->groups, 1, &first, &last);
    }
    for (int64_t i = first; i < last; i++) run_part(g, i, &p, s);
}

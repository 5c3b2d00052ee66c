/* Products of f32 matrices, packed: for layers of 32 .. 4096 rows and a few hundred columns, whose
 * weights lie in the second or third cache.
 *
 * B is packed into panels of VN_TILE_COLS columns, at most GROUP of them and BLOCK of k at a time,
 * so that they stay in a lane's second-level cache while all rows of A pass by. A is read where it
 * lies, transposed or not: packing it costs 10 % and wins nothing. What the next tiles need is
 * fetched while a tile is computed: activations come from the third cache or from memory, which is
 * another 10 %. Every lane packs what it multiplies and no lane waits for another: cut across
 * columns, no panel is packed twice. */
#include "kernels_cpu/gemm/gemm.h"

#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/part.h"

enum {
    BLOCK = 512,    /* k of a panel: 64 KiB with AVX-512, twice the first-level cache */
    BLOCK_T = 256,  /* where A is transposed and passes by for every panel */
    GROUP = 8,      /* panels: 512 KiB, half of the second-level cache */
    LINE = 16,      /* floats of a cache line */
    FEW_TILES = 2,  /* rows of tiles below which packing a row-major B is not paid back */
    SOME_TILES = 6, /* up to here B is most of the traffic: fetched a panel ahead */
};

/* A product being computed by one lane. */
typedef struct job {
    const vn_gemm *g;
    const float *a, *b;
    float *c;
    int64_t tiles;      /* of the whole product */
    int64_t k0, depth;  /* the block of k at hand */
    float *panels;
    struct { const float *from; int64_t step, lines; } next[2]; /* columns of lines to fetch */
} job;

/* k is cut into equal blocks: 600 becomes 2 x 300 and not 512 + 88. */
static int64_t block_depth(const vn_gemm *g)
{
    return vn_tiles(g->k, vn_tiles(g->k, g->a_k == 1 ? BLOCK : BLOCK_T));
}

vn_scratch VN_SIMD(gemm_scratch)(const vn_gemm *g)
{
    int64_t panels = vn_least(vn_tiles(g->n, VN_TILE_COLS), GROUP);
    return (vn_scratch){ 0, (size_t)(block_depth(g) * panels * VN_TILE_COLS) * sizeof(float) };
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

static int64_t row_of(const job *w, int64_t tile) { return w->g->m * tile / w->tiles; }

/* The column of lines that tile t is to fetch, if any is left. */
static void fetch_line(job *w, vn_tile *t)
{
    for (int i = 0; i < 2; i++) {
        if (w->next[i].lines <= 0) continue;
        t->ahead = w->next[i].from;
        t->ahead_k = w->next[i].step;
        w->next[i].from += LINE;
        w->next[i].lines--;
        return;
    }
}

/* The block of k at hand of a panel that is kept. */
static const float *kept_panel(const job *w, int64_t panel)
{
    return w->g->kept + (panel * w->g->k + w->k0) * VN_TILE_COLS;
}

/* Is a panel read where it lies? Its rows must be contiguous and whole. Packing is not paid back by
 * a few tiles of rows, nor where A is transposed: B then changes as often as A. */
static bool in_place(const vn_gemm *g, const vn_part *p, int64_t panel)
{
    if (g->kept) return true;
    return g->b_col == 1 && panel_cols(g, panel) == VN_TILE_COLS &&
           (g->a_k != 1 || p->tile_end - p->tile <= FEW_TILES);
}

/* A few rows: panels are packed and multiplied one by one, each fetched during the one before. */
static bool one_by_one(const vn_gemm *g, const vn_part *p)
{
    return g->a_k == 1 && p->tile_end - p->tile <= SOME_TILES;
}

/* What tile number `n` fetches of the panel from column `col` on: half of it in each of two. */
static void fetch_panel(const job *w, int64_t n, int64_t col, vn_tile *t)
{
    const vn_gemm *g = w->g;
    const float *b = w->b + w->k0 * g->b_k + col * g->b_col;
    if (g->kept && n * LINE < VN_TILE_COLS) {
        t->ahead = kept_panel(w, col / VN_TILE_COLS) + n * w->depth * LINE;
        t->ahead_k = LINE;
    }
    if (g->kept || n > 1 || (g->b_col != 1 && g->b_col != w->depth)) return;
    t->ahead = b + (g->b_col == 1 ? n * LINE : n * w->depth * LINE);
    t->ahead_k = g->b_col == 1 ? g->b_k : LINE;
}

/* Row tile `index` times the panels [panel, end), packed in this order or read where they lie. */
static void multiply(job *w, const vn_part *p, int64_t index, int64_t panel, int64_t end)
{
    const vn_gemm *g = w->g;
    const float *packed = w->panels;
    bool more = index + 1 < p->tile_end;
    int64_t row = row_of(w, index);
    int rows = (int)(row_of(w, index + 1) - row);
    bool last = w->k0 + w->depth == g->k;
    vn_tile t = { .a = w->a + row * g->a_row + w->k0 * g->a_k,
                  .a_row = g->a_row,
                  .a_k = g->a_k,
                  .k = w->depth,
                  .c_row = g->n,
                  .add = w->k0 > 0,
                  .relu = last && g->act == VN_UNARY_RELU };
    bool contiguous = g->a_k == 1 && g->a_row == w->depth;
    if (contiguous && more) { /* the next tile's rows, depth lines at most */
        t.ahead = t.a + rows * g->a_row;
        t.ahead_k = LINE;
    }
    for (; panel < end; panel++) {
        int64_t col = panel * VN_TILE_COLS, cols = panel_cols(g, panel);
        bool lies = in_place(g, p, panel);
        if (g->a_k != 1) fetch_line(w, &t);
        if (one_by_one(g, p) && panel + 1 < p->panel_end)
            fetch_panel(w, index - p->tile, col + VN_TILE_COLS, &t);
        t.b = g->kept ? kept_panel(w, panel) : lies ? w->b + w->k0 * g->b_k + col : packed;
        t.b_k = lies && !g->kept ? g->b_k : VN_TILE_COLS;
        t.c = w->c + row * g->n + col;
        t.bias = g->bias && last ? g->bias + col : NULL;
        vn_tile_part(&t, rows, cols);
        t.ahead = NULL;
        if (last && g->act != VN_UNARY_NONE && g->act != VN_UNARY_RELU)
            for (int i = 0; i < rows; i++) VN_SIMD(gemm_activate)(g->act, t.c + i * t.c_row, cols);
        if (!lies) packed += w->depth * VN_TILE_COLS;
    }
}

/* A is transposed: what the next block of k reads of it, and of a B whose rows are contiguous from
 * column `col` on, is fetched while this block is multiplied. */
static void foresee(job *w, const vn_part *p, int64_t col, int64_t cols)
{
    const vn_gemm *g = w->g;
    int64_t k = w->k0 + w->depth, first = row_of(w, p->tile), end = row_of(w, p->tile_end);
    bool more = g->a_k != 1 && k < g->k;
    w->next[0].from = w->a + k * g->a_k + first;
    w->next[0].step = g->a_k;
    w->next[0].lines = more ? vn_tiles(end - first, LINE) : 0;
    w->next[1].from = w->b + k * g->b_k + col;
    w->next[1].step = g->b_k;
    w->next[1].lines = more && g->b_col == 1 ? vn_tiles(cols, LINE) : 0;
}

/* The panels [panel, end) over all of k, for the row tiles of `p`. */
static void run_group(job *w, const vn_part *p, int64_t panel, int64_t end)
{
    const vn_gemm *g = w->g;
    int64_t col = panel * VN_TILE_COLS, cols = vn_least(end * VN_TILE_COLS, g->n) - col;
    for (w->k0 = 0; w->k0 < g->k; w->k0 += w->depth) {
        float *packed = w->panels;
        w->depth = vn_least(block_depth(g), g->k - w->k0);
        for (int64_t i = panel; i < end; i++) {
            if (in_place(g, p, i)) continue;
            pack_panel(w, i, packed);
            packed += w->depth * VN_TILE_COLS;
        }
        foresee(w, p, col, cols);
        for (int64_t i = p->tile; i < p->tile_end; i++) multiply(w, p, i, panel, end);
    }
}

/* Product number `group`, part p. */
static void run_part(const vn_gemm *g, int64_t group, const vn_part *p, vn_stream *s)
{
    job w = { .g = g, .a = g->a + group * g->a_group, .b = g->b + group * g->b_group,
              .c = g->c + group * g->m * g->n, .tiles = vn_tiles(g->m, VN_TILE_ROWS),
              .panels = vn_cpu_scratch(s) };
    int64_t each = one_by_one(g, p) ? 1 : GROUP;
    for (int64_t i = p->panel; i < p->panel_end; i += each)
        run_group(&w, p, i, vn_least(i + each, p->panel_end));
}

void VN_SIMD(gemm)(const vn_gemm *g, vn_stream *s)
{
    const vn_lane *lane = vn_cpu_lane(s);
    int64_t tiles = vn_tiles(g->m, VN_TILE_ROWS), panels = vn_tiles(g->n, VN_TILE_COLS);
    int64_t first = 0, last = g->groups;
    vn_part p = vn_part_of(lane, tiles, panels);
    if (g->groups >= lane->size) {
        p = (vn_part){ 0, tiles, 0, panels };
        vn_lane_share(lane, g->groups, 1, &first, &last);
    }
    for (int64_t i = first; i < last; i++) run_part(g, i, &p, s);
}

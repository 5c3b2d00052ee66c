/* Products of factors of 16 bits, summed in f32: gemm.c with other words (low.h).
 *
 * B is packed as there, in words. A is packed, too, a tile of rows at a time, once for GROUP
 * panels: 3 % of the time where all of them are there. Only pairs that lie side by side in A are
 * read in place. Each element of C is one chain along k, so lanes and tiles change no bit. */
#include "kernels_cpu/gemm/low.h"

#include "kernels_cpu/gemm/gemm.h"

enum {
    BLOCK = 512, /* words of k in a panel: 64 KiB with AVX-512 */
    GROUP = 8,   /* panels: 512 KiB, half of the second-level cache */
    LINE = 16,   /* words of a cache line */
    PIECE = 64,  /* words along k that are transposed at a time */
    SUMS = 4,    /* rows of W at a time, in a layer of few rows */
    ROWS_WIDE = (VN_TILE_ROWS + VF_N - 1) / VF_N, /* vectors of a column of A's tile */
    PAD = 16,    /* words between packed rows of A, so that they share the first cache's sets */
};

/* A product being computed by one lane. */
typedef struct job {
    const vn_gemm *g;
    vn_dtype type;
    const uint16_t *a, *b;
    float *c;
    int64_t tiles;        /* of the whole product */
    int64_t k0, depth;    /* the block of k at hand */
    const float *panels;  /* packed B: kept, or in `room` */
    float *room, *rows;   /* for packed B, for packed A */
} job;

static int64_t words_of(int64_t depth)
{
    return vn_tiles(depth, PER_WORD);
}

/* Equal blocks of whole words. */
static int64_t block_depth(const vn_gemm *g)
{
    return words_of(vn_tiles(g->k, vn_tiles(g->k, BLOCK * PER_WORD))) * PER_WORD;
}

static int64_t panel_words(const vn_gemm *g)
{
    return words_of(block_depth(g)) * vn_least(vn_tiles(g->n, VN_TILE_COLS), GROUP) * VN_TILE_COLS;
}

vn_scratch VN_LOW(gemm_scratch)(const vn_gemm *g)
{
    int64_t rows = (words_of(block_depth(g)) + PAD) * ROWS_WIDE * VF_N;
    return (vn_scratch){ 0, (size_t)(panel_words(g) + rows) * sizeof(float) };
}

/* ---- packing ---- */

/* `depth` numbers that lie side by side as words. */
VF_INLINE void pack_line(vn_dtype type, const uint16_t *from, int64_t depth, float *out)
{
    for (int64_t k = 0, word = 0; k < depth; k += VF_N * PER_WORD, word += VF_N)
        vf_store_upto(out + word, low_along(type, from + k, depth - k), words_of(depth) - word);
}

/* Words [k][cols] of rows that lie `step` apart, at most `wide` vectors each, to rows of `stride`.
 */
VF_INLINE void pack_lines(vn_dtype type, const uint16_t *from, int64_t step, int64_t depth,
                          int64_t cols, int wide, float *out)
{
    for (int64_t k = 0; k < depth; k += PER_WORD, from += PER_WORD * step)
        for (int i = 0; i < wide; i++, out += VF_N) {
            int64_t left = cols - i * VF_N, next = k + 1 < depth ? step : 0;
            vf_store(out, left > 0 ? low_across(type, from + i * VF_N, next, left) : vf_zero());
        }
}

/* A vector of a panel from columns that lie side by side along k, by transposition. */
VF_INLINE void pack_columns(vn_dtype type, const uint16_t *const col[VF_N], int64_t depth,
                            float *out)
{
    float piece[VF_N][PIECE];
    const float *row[VF_N];
    for (int i = 0; i < VF_N; i++) row[i] = piece[i];
    for (int64_t k = 0; k < depth; k += PIECE * PER_WORD, out += PIECE * VN_TILE_COLS) {
        int64_t n = vn_least(depth - k, PIECE * PER_WORD);
        for (int i = 0; i < VF_N; i++) pack_line(type, col[i] + k, n, piece[i]);
        vn_pack_vector(row, words_of(n), out);
    }
}

static int64_t panel_cols(const vn_gemm *g, int64_t panel)
{
    return vn_least(g->n - panel * VN_TILE_COLS, VN_TILE_COLS);
}

/* Columns past the end repeat the last one; what they give is never stored. */
VF_INLINE void pack_panel(vn_dtype type, const job *w, int64_t panel, float *out)
{
    const vn_gemm *g = w->g;
    const uint16_t *b = w->b + w->k0 * g->b_k + panel * VN_TILE_COLS * g->b_col;
    int64_t cols = panel_cols(g, panel);
    if (g->b_col == 1) {
        pack_lines(type, b, g->b_k, w->depth, cols, VN_TILE_VECTORS, out);
        return;
    }
    for (int v = 0; v < VN_TILE_VECTORS; v++) {
        const uint16_t *col[VF_N];
        for (int i = 0; i < VF_N; i++) col[i] = b + vn_least(v * VF_N + i, cols - 1) * g->b_col;
        pack_columns(type, col, w->depth, out + v * VF_N);
    }
}

/* The rows of a tile, wherever they come to lie: t->a, a_row and a_k. */
VF_INLINE void pack_rows(vn_dtype type, const job *w, int64_t row, int rows, vn_tile *t)
{
    const vn_gemm *g = w->g;
    const uint16_t *a = w->a + row * g->a_row + w->k0 * g->a_k;
    t->a = w->rows;
    if (g->a_k != 1) {
        t->a_row = 1;
        t->a_k = ROWS_WIDE * VF_N;
        pack_lines(type, a, g->a_k, w->depth, rows, ROWS_WIDE, w->rows);
        return;
    }
    t->a_k = 1;
    t->a_row = words_of(w->depth) + PAD;
    if (PER_WORD == 2 && g->a_row % 2 == 0 && (uintptr_t)a % sizeof(float) == 0) {
        t->a = (const float *)(const void *)a;
        t->a_row = g->a_row / 2;
        return;
    }
    for (int i = 0; i < rows; i++)
        pack_line(type, a + i * g->a_row, w->depth, w->rows + i * t->a_row);
}

/* ---- multiplying ---- */

static int64_t row_of(const job *w, int64_t tile)
{
    return w->g->m * tile / w->tiles;
}

/* Row tile `index` times the packed panels [panel, end). */
static void multiply(job *w, int64_t index, int64_t panel, int64_t end)
{
    const vn_gemm *g = w->g;
    const float *packed = w->panels;
    int64_t row = row_of(w, index);
    int rows = (int)(row_of(w, index + 1) - row);
    bool last = w->k0 + w->depth >= g->k;
    vn_tile t = { .b_k = VN_TILE_COLS,
                  .k = words_of(w->depth),
                  .c_row = g->n,
                  .add = w->k0 > 0,
                  .relu = last && g->act == VN_UNARY_RELU };
    if (w->type == VN_BF16)
        pack_rows(VN_BF16, w, row, rows, &t);
    else
        pack_rows(VN_F16, w, row, rows, &t);
    if (t.a != w->rows && w->depth == g->k && index + 1 < w->tiles) { /* the next tile's rows */
        t.ahead = t.a + rows * t.a_row;
        t.ahead_k = LINE;
    }
    for (; panel < end; panel++, packed += t.k * VN_TILE_COLS) {
        int64_t col = panel * VN_TILE_COLS, cols = panel_cols(g, panel);
        t.b = packed;
        t.c = w->c + row * g->n + col;
        t.bias = g->bias && last ? g->bias + col : NULL;
        vn_tile_part(&t, rows, cols);
        t.ahead = NULL;
        if (last && g->act != VN_UNARY_NONE && g->act != VN_UNARY_RELU)
            for (int i = 0; i < rows; i++) VN_SIMD(gemm_activate)(g->act, t.c + i * t.c_row, cols);
    }
}

/* Panels [panel, end) of the block of k at hand, one after the other. */
static void pack_panels(const job *w, int64_t panel, int64_t end, float *packed)
{
    for (int64_t i = panel; i < end; i++, packed += words_of(w->depth) * VN_TILE_COLS) {
        if (w->type == VN_BF16)
            pack_panel(VN_BF16, w, i, packed);
        else
            pack_panel(VN_F16, w, i, packed);
    }
}

/* Where a panel of the block at hand is kept: all panels of a block, then those of the next. */
static int64_t kept_at(const job *w, int64_t panel)
{
    int64_t panels = vn_tiles(w->g->n, VN_TILE_COLS);
    return (words_of(w->k0) * panels + words_of(w->depth) * panel) * VN_TILE_COLS;
}

/* The panels [panel, end) over all of k, for the row tiles of `p`. */
static void run_group(job *w, const vn_part *p, int64_t panel, int64_t end)
{
    for (w->k0 = 0; w->k0 < w->g->k; w->k0 += w->depth) {
        w->depth = vn_least(block_depth(w->g), w->g->k - w->k0);
        if (!w->g->kept) pack_panels(w, panel, end, w->room);
        w->panels = w->g->kept ? w->g->kept + kept_at(w, panel) : w->room;
        for (int64_t i = p->tile; i < p->tile_end; i++) multiply(w, i, panel, end);
    }
}

void VN_LOW(gemm)(const vn_gemm *g, vn_dtype type, vn_stream *s)
{
    const vn_lane *lane = vn_cpu_lane(s);
    const uint16_t *a = (const void *)g->a, *b = (const void *)g->b;
    float *room = vn_cpu_scratch(s);
    job w = { .g = g,
              .type = type,
              .tiles = vn_tiles(g->m, VN_TILE_ROWS),
              .room = room,
              .rows = room + panel_words(g) };
    int64_t panels = vn_tiles(g->n, VN_TILE_COLS), first = 0, last = g->groups;
    vn_part p = vn_part_of(lane, w.tiles, panels);
    if (g->groups >= lane->size) {
        p = (vn_part){ 0, w.tiles, 0, panels };
        vn_lane_share(lane, g->groups, 1, &first, &last);
    }
    for (int64_t i = first; i < last; i++) {
        w.a = a + i * g->a_group;
        w.b = b + i * g->b_group;
        w.c = g->c + i * g->m * g->n;
        for (int64_t n = p.panel; n < p.panel_end; n += GROUP)
            run_group(&w, &p, n, vn_least(n + GROUP, p.panel_end));
    }
}

/* ---- panels for many runs ---- */

size_t VN_LOW(gemm_keep)(const vn_gemm *g)
{
    int64_t words = words_of(g->k) * vn_tiles(g->n, VN_TILE_COLS) * VN_TILE_COLS;
    return g->groups == 1 && g->m > VN_FEW_ROWS ? (size_t)words * sizeof(float) : 0;
}

void VN_LOW(gemm_settle)(const vn_gemm *g, vn_dtype type, float *kept, const vn_lane *lane)
{
    job w = { .g = g, .type = type, .b = (const void *)g->b };
    int64_t first, last;
    vn_lane_share(lane, vn_tiles(g->n, VN_TILE_COLS), 1, &first, &last);
    for (; w.k0 < g->k; w.k0 += w.depth) {
        w.depth = vn_least(block_depth(g), g->k - w.k0);
        pack_panels(&w, first, last, kept + kept_at(&w, first));
    }
}

/* ---- few rows ---- */

/* Rows [row, row + SUMS) of W, the last ones repeated where W ends, with row `i` of x. Each sum is
 * VF_N interleaved sums added up at the end, whichever lane it falls to. */
VF_INLINE void dots(vn_dtype type, const vn_gemm *g, int64_t i, int64_t row, float sum[SUMS])
{
    const uint16_t *x = (const uint16_t *)(const void *)g->a + i * g->k, *w[SUMS];
    vf s[SUMS];
    for (int d = 0; d < SUMS; d++) {
        s[d] = vf_zero();
        w[d] = (const uint16_t *)(const void *)g->b + vn_least(row + d, g->n - 1) * g->k;
    }
    for (int64_t k = 0; k < g->k; k += VF_N * PER_WORD) {
        vf xk = low_along(type, x + k, g->k - k);
        for (int d = 0; d < SUMS; d++)
            s[d] = low_multiply(xk, low_along(type, w[d] + k, g->k - k), s[d]);
    }
    for (int d = 0; d < SUMS; d++) sum[d] = vf_sum(s[d]);
}

/* Lanes take rows of W, so each reads its share once; the rows of x stay in the first cache. */
void VN_LOW(gemm_rows)(const vn_gemm *g, vn_dtype type, const vn_lane *lane)
{
    int64_t first, last;
    vn_lane_share(lane, g->n, 16, &first, &last);
    for (int64_t j = first; j < last; j += SUMS) {
        for (int64_t i = 0; i < g->m; i++) {
            float sum[SUMS];
            if (type == VN_BF16)
                dots(VN_BF16, g, i, j, sum);
            else
                dots(VN_F16, g, i, j, sum);
            for (int64_t d = 0; d < SUMS && j + d < last; d++)
                g->c[i * g->n + j + d] = g->bias ? sum[d] + g->bias[j + d] : sum[d];
        }
    }
    if (g->act == VN_UNARY_NONE) return;
    for (int64_t i = 0; i < g->m; i++)
        VN_SIMD(gemm_activate)(g->act, g->c + i * g->n + first, last - first);
}

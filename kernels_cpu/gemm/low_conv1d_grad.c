/* The gradient of a convolution's weights, of bf16 or f16: conv1d_grad.c in the words of low.h. Two
 * neighbouring steps are a word, so both factors are packed, CHUNK steps at a time: dy once for all
 * panels of a lane, x a panel at a time. Windows are added up in order. */
#include <string.h>

#include "kernels_cpu/gemm/conv1d.h"
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/low.h"

enum { CHUNK = 256 * PER_WORD }; /* steps: a panel of x is 32 KiB with AVX-512 */

typedef struct job {
    vn_taps taps;
    vn_dtype type;
    int64_t n_out, n_in, tiles, panels, width; /* width of a row of sums */
    const uint16_t *dy, *x;
    float *dw, *sum;
    float *panel, *rows; /* packed x and dy of this lane */
    int64_t row_words;   /* words of a line of rows */
    int64_t first, end;  /* this lane's parts: (panel, tile) */
    int64_t b, t, steps; /* the chunk at hand */
} job;

static job describe(const vn_call *c)
{
    const vn_attr_conv_grad *a = c->attr;
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    job w = { .taps = { a->kernel, a->dilation, a->pad, a->wrap, x->dim[1] },
              .type = x->dtype,
              .n_out = dy->dim[2],
              .n_in = x->dim[2],
              .dy = dy->data,
              .x = x->data,
              .dw = c->out[0].data,
              .sum = c->scratch };
    w.tiles = vn_tiles(w.n_out, VN_TILE_ROWS);
    w.panels = vn_tiles(w.n_in * a->kernel, VN_TILE_COLS);
    w.width = w.panels * VN_TILE_COLS;
    w.row_words = vn_tiles(w.n_out, VF_N) * VF_N;
    return w;
}

static int64_t row_of(const job *w, int64_t tile)
{
    return w->n_out * tile / w->tiles;
}

/* Words [steps][n_out] of dy. */
VF_INLINE void pack_rows(vn_dtype type, const job *w)
{
    const uint16_t *dy = w->dy + (w->b * w->taps.len + w->t) * w->n_out;
    float *out = w->rows;
    for (int64_t t = 0; t < w->steps; t += PER_WORD, dy += PER_WORD * w->n_out)
        for (int64_t o = 0; o < w->n_out; o += VF_N, out += VF_N)
            vf_store(out, low_across(type, dy + o, t + 1 < w->steps ? w->n_out : 0, w->n_out - o));
}

/* Where steps t and t + 1 read x for one tap, `line` apart; zeros stand in `blank` where one reads
 * nothing. `cols` numbers from input i on. */
static const uint16_t *pair_of(const job *w, int64_t t, int64_t j, int64_t i, int64_t cols,
                               uint16_t blank[PER_WORD][VN_TILE_COLS], int64_t *line)
{
    const uint16_t *x = w->x + w->b * w->taps.len * w->n_in + i;
    int64_t at[2] = { vn_tap(&w->taps, t, j), -1 };
    if (PER_WORD == 2 && t + 1 < w->t + w->steps) at[1] = vn_tap(&w->taps, t + 1, j);
    *line = at[1] < 0 ? 0 : w->n_in;
    if (at[0] >= 0 && (at[1] < 0 || at[1] == at[0] + 1)) return x + at[0] * w->n_in;
    *line = VN_TILE_COLS;
    for (int d = 0; d < PER_WORD; d++) {
        memset(blank[d], 0, sizeof blank[d]);
        if (at[d] >= 0) memcpy(blank[d], x + at[d] * w->n_in, (size_t)cols * sizeof *x);
    }
    return blank[0];
}

/* Columns of one tap: `cols` inputs from i on into the panel from `at` on. */
VF_INLINE void pack_tap(vn_dtype type, const job *w, int64_t j, int64_t i, int64_t cols, int64_t at)
{
    uint16_t blank[PER_WORD][VN_TILE_COLS];
    float *out = w->panel + at;
    for (int64_t t = 0; t < w->steps; t += PER_WORD, out += VN_TILE_COLS) {
        int64_t line;
        const uint16_t *x = pair_of(w, w->t + t, j, i, cols, blank, &line);
        for (int64_t n = 0; n < cols; n += VF_N)
            vf_store_upto(out + n, low_across(type, x + n, line, cols - n), cols - n);
    }
}

static void pack_panel(const job *w, int64_t panel)
{
    int64_t at = panel * VN_TILE_COLS, end = at + VN_TILE_COLS, all = w->n_in * w->taps.kernel;
    for (int64_t n = at; n < end && n < all;) {
        int64_t i = n % w->n_in, cols = vn_least(w->n_in - i, end - n);
        if (w->type == VN_BF16)
            pack_tap(VN_BF16, w, n / w->n_in, i, cols, n - at);
        else
            pack_tap(VN_F16, w, n / w->n_in, i, cols, n - at);
        n += cols;
    }
    for (int64_t t = 0; t < vn_tiles(w->steps, PER_WORD) && end > all; t++)
        memset(w->panel + t * VN_TILE_COLS + all - at, 0, (size_t)(end - all) * sizeof(float));
}

/* The chunk's part of all sums of this lane. */
static void add_chunk(job *w, bool first)
{
    if (w->type == VN_BF16)
        pack_rows(VN_BF16, w);
    else
        pack_rows(VN_F16, w);
    for (int64_t p = w->first; p < w->end; p++) {
        int64_t panel = p / w->tiles, tile = p % w->tiles, row = row_of(w, tile);
        if (p == w->first || !tile) pack_panel(w, panel);
        vn_tile t = { .a = w->rows + row,
                      .a_row = 1,
                      .a_k = w->row_words,
                      .b = w->panel,
                      .b_k = VN_TILE_COLS,
                      .k = vn_tiles(w->steps, PER_WORD),
                      .c_row = w->width,
                      .add = !first,
                      .c = w->sum + row * w->width + panel * VN_TILE_COLS };
        tile_run(&t, (int)(row_of(w, tile + 1) - row));
    }
}

/* From [O][(j, i)] to [O, I, k]. */
static void unpack(const job *w)
{
    int64_t k = w->taps.kernel, all = w->n_in * k;
    for (int64_t p = w->first; p < w->end; p++) {
        int64_t from = p / w->tiles * VN_TILE_COLS, tile = p % w->tiles;
        int64_t to = vn_least(from + VN_TILE_COLS, all);
        for (int64_t o = row_of(w, tile); o < row_of(w, tile + 1); o++)
            for (int64_t n = from; n < to; n++)
                w->dw[(o * w->n_in + n % w->n_in) * k + n / w->n_in] = w->sum[o * w->width + n];
    }
}

static void conv1d_grad(const vn_call *c, vn_stream *s)
{
    job w = describe(c);
    if (!w.dw) return;
    w.panel = vn_cpu_scratch(s);
    w.rows = w.panel + CHUNK / PER_WORD * VN_TILE_COLS;
    vn_lane_share(vn_cpu_lane(s), w.panels * w.tiles, 1, &w.first, &w.end);
    if (w.first == w.end) return;
    for (w.b = 0; w.b < c->in[0].dim[0]; w.b++)
        for (w.t = 0; w.t < w.taps.len; w.t += CHUNK) {
            w.steps = vn_least(w.taps.len - w.t, CHUNK);
            add_chunk(&w, w.b == 0 && w.t == 0);
        }
    unpack(&w);
}

static vn_scratch scratch(const vn_call *c)
{
    job w = describe(c);
    int64_t lane = CHUNK / PER_WORD * (VN_TILE_COLS + w.row_words);
    return (vn_scratch){ (size_t)(w.n_out * w.width) * sizeof(float), (size_t)lane * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_low(c);
#if defined(VN_ISA_BF16)
    if (!why && c->in[0].dtype != VN_BF16) why = "factors are not bf16";
#endif
    return why;
}

const vn_kernel VN_LOW(conv1d_grad) = { VN_LOW_NAME(conv1d_grad), VN_SIMD_NEED, unfit, scratch,
                                        conv1d_grad };

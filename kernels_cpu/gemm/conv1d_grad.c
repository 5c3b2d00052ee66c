/* The gradient of a convolution's weights: dW[o, (j, i)] = sum over steps of dy[t, o] x[t + ...,
 * i], a product whose depth is all steps of all windows. Windows are taken one after the other,
 * CHUNK steps at a time. dy is read where it lies, and so is x where a panel of (tap, input) is of
 * one tap; else it is packed. Every lane does its part of the result and adds the windows up in
 * order. */
#include <string.h>

#include "kernels_cpu/gemm/conv1d.h"
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/tile.h"

enum {
    CHUNK = 256, /* steps: a panel of x is 32 KiB with AVX-512 */
    LINE = 16,   /* floats of a cache line */
};

typedef struct job {
    vn_taps taps;
    int64_t n_out, n_in, tiles, panels, width; /* width of a row of sums */
    const float *dy, *x;
    float *dw, *sum;
    float *panel;        /* packed x of this lane */
    int64_t first, end;  /* this lane's parts: (panel, tile) */
    int64_t b, t, steps; /* the chunk at hand */
    int64_t fetched;     /* columns of lines of the next one that are on their way */
} job;

static job describe(const vn_call *c)
{
    const vn_attr_conv_grad *a = c->attr;
    const vn_tensor *dy = &c->in[0], *x = &c->in[1];
    job w = { .taps = { a->kernel, a->dilation, a->pad, a->wrap, x->dim[1] },
              .n_out = dy->dim[2],
              .n_in = x->dim[2],
              .dy = dy->data,
              .x = x->data,
              .dw = c->out[0].data,
              .sum = c->scratch };
    w.tiles = vn_tiles(w.n_out, VN_TILE_ROWS);
    w.panels = vn_tiles(w.n_in * a->kernel, VN_TILE_COLS);
    w.width = w.panels * VN_TILE_COLS;
    return w;
}

static int64_t row_of(const job *w, int64_t tile)
{
    return w->n_out * tile / w->tiles;
}

/* Columns of one tap: `cols` inputs from i on into the panel from `at` on. */
static void pack_tap(const job *w, int64_t j, int64_t i, int64_t cols, int64_t at)
{
    for (int64_t t = 0; t < w->steps; t++) {
        float *out = w->panel + t * VN_TILE_COLS + at;
        int64_t from = vn_tap(&w->taps, w->t + t, j);
        if (from < 0)
            memset(out, 0, (size_t)cols * sizeof *out);
        else
            memcpy(out, w->x + (w->b * w->taps.len + from) * w->n_in + i,
                   (size_t)cols * sizeof *out);
    }
}

static void pack_panel(const job *w, int64_t panel)
{
    int64_t at = panel * VN_TILE_COLS, end = at + VN_TILE_COLS, all = w->n_in * w->taps.kernel;
    for (int64_t n = at; n < end && n < all;) {
        int64_t i = n % w->n_in, cols = w->n_in - i < end - n ? w->n_in - i : end - n;
        pack_tap(w, n / w->n_in, i, cols, n - at);
        n += cols;
    }
    for (int64_t t = 0; t < w->steps && end > all; t++)
        memset(w->panel + t * VN_TILE_COLS + all - at, 0, (size_t)(end - all) * sizeof(float));
}

/* Is a panel read where it lies? */
static bool lies(const job *w)
{
    return !w->taps.wrap && w->n_in % VN_TILE_COLS == 0;
}

/* The tile's A, B and depth: of x only the steps that lie in the window. */
static void aim(const job *w, int64_t panel, vn_tile *t)
{
    int64_t at = panel * VN_TILE_COLS, first = w->t, end = w->t + w->steps;
    t->b = w->panel;
    t->b_k = VN_TILE_COLS;
    if (lies(w)) {
        int64_t shift = at / w->n_in * w->taps.dilation - w->taps.pad;
        first = first < -shift ? -shift : first;
        end = end > w->taps.len - shift ? w->taps.len - shift : end;
        if (end < first) end = first = w->t;
        t->b = w->x + (w->b * w->taps.len + first + shift) * w->n_in + at % w->n_in;
        t->b_k = w->n_in;
    }
    t->a += (w->b * w->taps.len + first) * w->n_out;
    t->k = end - first;
}

/* The next chunk's steps follow those at hand: a column of lines of dy, then of x. */
static void foresee(job *w, vn_tile *t)
{
    int64_t at = w->b * w->taps.len + w->t + w->steps, col = w->fetched++ * LINE;
    t->ahead_k = col < w->n_out ? w->n_out : w->n_in;
    if (col < w->n_out)
        t->ahead = w->dy + at * w->n_out + col;
    else if (col - w->n_out < w->n_in)
        t->ahead = w->x + at * w->n_in + col - w->n_out;
}

/* The chunk's part of all sums of this lane. */
static void add_chunk(job *w, bool first, bool last)
{
    w->fetched = 0;
    for (int64_t p = w->first; p < w->end; p++) {
        int64_t panel = p / w->tiles, tile = p % w->tiles, row = row_of(w, tile);
        if (!lies(w) && (p == w->first || !tile)) pack_panel(w, panel);
        vn_tile t = { .a = w->dy + row,
                      .a_row = 1,
                      .a_k = w->n_out,
                      .c_row = w->width,
                      .add = !first,
                      .c = w->sum + row * w->width + panel * VN_TILE_COLS };
        aim(w, panel, &t);
        if (!last) foresee(w, &t);
        tile_run(&t, (int)(row_of(w, tile + 1) - row));
    }
}

/* From [O][(j, i)] to [O, I, k]. */
static void unpack(const job *w)
{
    int64_t k = w->taps.kernel, all = w->n_in * k;
    for (int64_t p = w->first; p < w->end; p++) {
        int64_t from = p / w->tiles * VN_TILE_COLS, tile = p % w->tiles;
        int64_t to = from + VN_TILE_COLS < all ? from + VN_TILE_COLS : all;
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
    vn_lane_share(vn_cpu_lane(s), w.panels * w.tiles, 1, &w.first, &w.end);
    if (w.first == w.end) return;
    for (w.b = 0; w.b < c->in[0].dim[0]; w.b++)
        for (w.t = 0; w.t < w.taps.len; w.t += CHUNK) {
            w.steps = w.taps.len - w.t < CHUNK ? w.taps.len - w.t : CHUNK;
            bool last = w.b + 1 == c->in[0].dim[0] && w.t + w.steps == w.taps.len;
            add_chunk(&w, w.b == 0 && w.t == 0, last);
        }
    unpack(&w);
}

static vn_scratch scratch(const vn_call *c)
{
    job w = describe(c);
    return (vn_scratch){ (size_t)(w.n_out * w.width) * sizeof(float),
                         (size_t)(CHUNK * VN_TILE_COLS) * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(conv1d_grad) = { VN_SIMD_NAME(conv1d_grad), VN_SIMD_NEED, unfit, scratch,
                                         conv1d_grad };

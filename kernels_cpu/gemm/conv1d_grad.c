/* The gradient of a convolution's weights: dW[o, (j, i)] = sum over steps of dy[t, o] x[t + ...,
 * i], a product whose depth is all steps of all windows. Windows are taken one after the other,
 * CHUNK steps at a time: dy is packed by tiles of outputs, x by panels of (tap, input). Every lane
 * packs what its part of the result needs and adds the windows up in order. */
#include <string.h>

#include "kernels_cpu/gemm/conv1d.h"
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/tile.h"

enum { CHUNK = 256 }; /* steps: a panel of x is 32 KiB with AVX-512, a tile of dy 16 */

typedef struct job {
    vn_taps taps;
    int64_t n_out, n_in, tiles, panels, width; /* width of a row of sums */
    const float *dy, *x;
    float *dw, *sum;
    float *rows, *panel; /* packed dy and x of this lane */
    int64_t first, end;  /* this lane's parts: (panel, tile) */
    int64_t b, t, steps; /* the chunk at hand */
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

/* VF_N >= VN_TILE_ROWS outputs of dy from a tile's first on, zeros past the last. */
static void pack_rows(const job *w, int64_t tile)
{
    const float *dy = w->dy + (w->b * w->taps.len + w->t) * w->n_out + row_of(w, tile);
    float *out = w->rows + tile * CHUNK * VF_N;
    int64_t left = w->n_out - row_of(w, tile);
    for (int64_t t = 0; t < w->steps; t++)
        vf_store(out + t * VF_N, vf_load_upto(dy + t * w->n_out, left));
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

/* The chunk's part of all sums of this lane. */
static void add_chunk(const job *w, bool first)
{
    int64_t parts = w->end - w->first;
    for (int64_t n = 0; n < parts && n < w->tiles; n++) pack_rows(w, (w->first + n) % w->tiles);
    for (int64_t p = w->first; p < w->end; p++) {
        int64_t panel = p / w->tiles, tile = p % w->tiles, row = row_of(w, tile);
        if (p == w->first || !tile) pack_panel(w, panel);
        vn_tile t = { .a = w->rows + tile * CHUNK * VF_N,
                      .a_row = 1,
                      .a_k = VF_N,
                      .b = w->panel,
                      .b_k = VN_TILE_COLS,
                      .k = w->steps,
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
    w.rows = w.panel + CHUNK * VN_TILE_COLS;
    vn_lane_share(vn_cpu_lane(s), w.panels * w.tiles, 1, &w.first, &w.end);
    if (w.first == w.end) return;
    for (w.b = 0; w.b < c->in[0].dim[0]; w.b++)
        for (w.t = 0; w.t < w.taps.len; w.t += CHUNK) {
            w.steps = w.taps.len - w.t < CHUNK ? w.taps.len - w.t : CHUNK;
            add_chunk(&w, w.b == 0 && w.t == 0);
        }
    unpack(&w);
}

static vn_scratch scratch(const vn_call *c)
{
    job w = describe(c);
    return (vn_scratch){ (size_t)(w.n_out * w.width) * sizeof(float),
                         (size_t)(CHUNK * (VN_TILE_COLS + w.tiles * VF_N)) * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(conv1d_grad) = { VN_SIMD_NAME(conv1d_grad), VN_SIMD_NEED, unfit, scratch,
                                         conv1d_grad };

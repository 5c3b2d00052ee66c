/* Convolution along time as products of shifted rows: tap j of a tile of steps is a product of the
 * same rows further on, read where they lie. Rows outside the series, and inputs of few channels,
 * are gathered first. Every lane packs all weights: faster than fetching what another lane packed,
 * and nobody waits. Tiles never cross windows, so a window's result does not depend on its
 * neighbours. */
#include "kernels_cpu/gemm/conv1d.h"

#include <string.h>

#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/pack.h"
#include "kernels_cpu/gemm/tile.h"

enum {
    FEW_CHANNELS = 16, /* below: one product over all taps instead of one a tap */
    LINE = 16,         /* floats of a cache line */
};

typedef struct conv {
    vn_taps taps;
    int64_t batch, len, n_in, n_out, transposed, act;
    const float *x, *w, *bias;
    float *y;
    int64_t panels, tiles; /* panels of outputs; tiles of steps a window */
} conv;

static conv describe(const vn_call *c)
{
    const vn_attr_conv *a = c->attr;
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    conv v = { .taps = { w->dim[2], a->dilation, a->pad, a->wrap, x->dim[1] },
               .batch = x->dim[0], .len = x->dim[1], .n_in = x->dim[2],
               .n_out = w->dim[a->transposed ? 1 : 0], .transposed = a->transposed, .act = a->act,
               .x = x->data, .w = w->data, .bias = c->in[2].data, .y = c->out[0].data };
    v.panels = vn_tiles(v.n_out, VN_TILE_COLS);
    v.tiles = vn_tiles(v.len, VN_TILE_ROWS);
    return v;
}

static int64_t depth_of(const conv *v) { return v->n_in * v->taps.kernel; }

static int64_t packed_size(const conv *v) { return v->panels * VN_TILE_COLS * depth_of(v); }

/* A panel of outputs: [n_in][k][VN_TILE_COLS], zeros past the last output. */
static void pack_panel(const conv *v, int64_t panel, float *out)
{
    int64_t k = v->taps.kernel, depth = depth_of(v), col = panel * VN_TILE_COLS;
    int64_t cols = vn_least(v->n_out - col, VN_TILE_COLS);
    if (!v->transposed) {
        vn_pack_columns(v->w + col * depth, depth, cols, depth, out);
        return;
    }
    for (int64_t n = 0; n < depth; n++, out += VN_TILE_COLS) {
        const float *w = v->w + (n / k * v->n_out + col) * k + k - 1 - n % k;
        for (int64_t o = 0; o < VN_TILE_COLS; o++) out[o] = o < cols ? w[o * k] : 0;
    }
}

/* Rows of A that meet rows of a packed panel, from `first` on and `step` apart. */
typedef struct segment {
    const float *a;
    int64_t a_row, depth, first, step;
} segment;

/* The inputs of `rows` steps from t on, one segment a tap or one for all; returns how many. */
static int64_t gather(const conv *v, int64_t b, int64_t t, int64_t rows, float *room, segment *seg)
{
    const float *x = v->x + b * v->len * v->n_in;
    int64_t k = v->taps.kernel, n = 0, width = v->n_in;
    bool few = width < FEW_CHANNELS;
    for (int64_t j = 0; j < k; j++) {
        int64_t from = vn_tap(&v->taps, t, j), to = vn_tap(&v->taps, t + rows - 1, j);
        bool apart = from < 0 && to < 0 && !v->taps.wrap && (j < k - 1 || n);
        if (!few && from >= 0 && to == from + rows - 1) {
            seg[n++] = (segment){ x + from * width, width, width, j, k };
            continue;
        }
        /* A tap wholly outside adds nothing. Its ends are outside, but a short series may lie in
         * between. */
        if (!few && apart && !vn_tap_meets(&v->taps, t, rows, j)) continue;
        float *to_rows = few ? room + j : room + j * rows * width;
        int64_t step = few ? k : 1;
        for (int64_t r = 0; r < rows; r++, to_rows += step * width) {
            int64_t at = vn_tap(&v->taps, t + r, j);
            if (at >= 0 && !few)
                memcpy(to_rows, x + at * width, (size_t)width * sizeof(float));
            else
                for (int64_t i = 0; i < width; i++)
                    to_rows[i * step] = at < 0 ? 0 : x[at * width + i];
        }
        if (!few) seg[n++] = (segment){ room + j * rows * width, width, width, j, k };
    }
    if (few) seg[n++] = (segment){ room, k * width, k * width, 0, 1 };
    return n;
}

/* A tile of steps times all panels. */
static void run_tile(const conv *v, int64_t index, float *packed, float *room, segment *seg)
{
    int64_t b = index / v->tiles, t = v->len * (index % v->tiles) / v->tiles;
    int64_t rows = v->len * (index % v->tiles + 1) / v->tiles - t;
    int64_t n = gather(v, b, t, rows, room, seg);
    float *y = v->y + (b * v->len + t) * v->n_out;
    /* What the last tap of the next tile reads, depth lines at most. */
    int64_t after = b * v->len + t + rows + (v->taps.kernel - 1) * v->taps.dilation - v->taps.pad;
    const float *ahead = v->n_in >= FEW_CHANNELS && after >= 0 ? v->x + after * v->n_in : NULL;
    for (int64_t p = 0; p < v->panels; p++) {
        int64_t col = p * VN_TILE_COLS;
        const float *panel = packed + p * depth_of(v) * VN_TILE_COLS;
        for (int64_t s = 0; s < n; s++) {
            bool last = s == n - 1;
            vn_tile tile = { .a = seg[s].a, .a_row = seg[s].a_row, .a_k = 1,
                             .b = panel + seg[s].first * VN_TILE_COLS,
                             .b_k = seg[s].step * VN_TILE_COLS, .k = seg[s].depth, .c = y + col,
                             .c_row = v->n_out, .add = s > 0,
                             .relu = last && v->act == VN_UNARY_RELU,
                             .bias = last && v->bias ? v->bias + col : NULL,
                             .ahead = p ? NULL : ahead, .ahead_k = LINE };
            ahead = NULL;
            vn_tile_part(&tile, (int)rows, v->n_out - col);
        }
    }
    if (v->act != VN_UNARY_NONE && v->act != VN_UNARY_RELU)
        VN_SIMD(gemm_activate)(v->act, y, rows * v->n_out);
}

static void conv1d(const vn_call *c, vn_stream *s)
{
    conv v = describe(c);
    segment *seg = vn_cpu_scratch(s);
    float *packed = (float *)(seg + v.taps.kernel), *room = packed + packed_size(&v);
    int64_t lo, hi;
    if (!v.y) return;
    vn_lane_share(vn_cpu_lane(s), v.batch * v.tiles, 1, &lo, &hi);
    for (int64_t p = 0; p < v.panels && lo < hi; p++)
        pack_panel(&v, p, packed + p * depth_of(&v) * VN_TILE_COLS);
    for (int64_t i = lo; i < hi; i++) run_tile(&v, i, packed, room, seg);
}

static vn_scratch scratch(const vn_call *c)
{
    conv v = describe(c);
    int64_t floats = packed_size(&v) + VN_TILE_ROWS * depth_of(&v);
    return (vn_scratch){ 0, (size_t)v.taps.kernel * sizeof(segment) +
                                (size_t)floats * sizeof(float) };
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(conv1d) = { VN_SIMD_NAME(conv1d), VN_SIMD_NEED, unfit, scratch, conv1d };

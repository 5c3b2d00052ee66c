/* Convolutions along time whose factors are bf16 or f16: conv1d.c in the words of low.h. A tap of a
 * tile of steps is a product of the same rows further on, read where they lie if two channels are a
 * word, else gathered. Tiles never cross windows. Every lane packs all weights. */
#include <string.h>

#include "kernels_cpu/gemm/conv1d.h"
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/low.h"

typedef struct conv {
    vn_taps taps;
    vn_dtype type;
    int64_t batch, len, n_in, n_out, transposed, act;
    const uint16_t *x, *w;
    const float *bias;
    float *y;
    int64_t panels, tiles; /* panels of outputs; tiles of steps a window */
    int64_t words;         /* of the channels of a tap */
} conv;

static conv describe(const vn_call *c)
{
    const vn_attr_conv *a = c->attr;
    const vn_tensor *x = &c->in[0], *w = &c->in[1];
    conv v = { .taps = { w->dim[2], a->dilation, a->pad, a->wrap, x->dim[1] },
               .type = x->dtype,
               .batch = x->dim[0],
               .len = x->dim[1],
               .n_in = x->dim[2],
               .n_out = w->dim[a->transposed ? 1 : 0],
               .transposed = a->transposed,
               .act = a->act,
               .x = x->data,
               .w = w->data,
               .bias = c->in[2].data,
               .y = c->out[0].data };
    v.panels = vn_tiles(v.n_out, VN_TILE_COLS);
    v.tiles = vn_tiles(v.len, VN_TILE_ROWS);
    v.words = vn_tiles(v.n_in, PER_WORD);
    return v;
}

static int64_t depth_of(const conv *v)
{
    return v->words * v->taps.kernel;
}

/* Tap j of input i for `cols` outputs from `col` on. */
static void weights_of(const conv *v, int64_t i, int64_t j, int64_t col, int64_t cols,
                       uint16_t out[VN_TILE_COLS])
{
    int64_t k = v->taps.kernel, step = v->transposed ? k : v->n_in * k;
    const uint16_t *w = v->transposed ? v->w + (i * v->n_out + col) * k + k - 1 - j
                                      : v->w + (col * v->n_in + i) * k + j;
    for (int64_t o = 0; o < cols; o++) out[o] = w[o * step];
}

/* A panel of outputs: [kernel][words][VN_TILE_COLS], zeros past the last output. */
VF_INLINE void pack_panel(vn_dtype type, const conv *v, int64_t panel, float *out)
{
    uint16_t line[PER_WORD][VN_TILE_COLS] = { { 0 } };
    int64_t col = panel * VN_TILE_COLS, cols = vn_least(v->n_out - col, VN_TILE_COLS);
    for (int64_t n = 0; n < depth_of(v); n++) {
        int64_t j = n / v->words, i = n % v->words * PER_WORD;
        for (int64_t d = 0; d < PER_WORD && i + d < v->n_in; d++)
            weights_of(v, i + d, j, col, cols, line[d]);
        int64_t next = PER_WORD == 2 && i + 1 < v->n_in ? VN_TILE_COLS : 0;
        for (int at = 0; at < VN_TILE_COLS; at += VF_N, out += VF_N)
            vf_store(out, low_across(type, line[0] + at, next, VF_N));
    }
}

/* Rows of A that meet the words of tap j. */
typedef struct segment {
    const float *a;
    int64_t a_row, tap;
} segment;

VF_INLINE void gather_row(vn_dtype type, const conv *v, const uint16_t *x, float *out)
{
    for (int64_t i = 0, word = 0; i < v->n_in; i += VF_N * PER_WORD, word += VF_N)
        vf_store_upto(out + word, low_along(type, x + i, v->n_in - i), v->words - word);
}

/* The inputs of `rows` steps from t on, one segment a tap that meets any; returns how many. */
VF_INLINE int64_t gather(vn_dtype type, const conv *v, int64_t b, int64_t t, int64_t rows,
                         float *room, segment *seg)
{
    const uint16_t *x = v->x + b * v->len * v->n_in;
    bool lies = PER_WORD == 2 && v->n_in % 2 == 0 && (uintptr_t)x % sizeof(float) == 0;
    int64_t n = 0, k = v->taps.kernel;
    for (int64_t j = 0; j < k; j++) {
        int64_t from = vn_tap(&v->taps, t, j), to = vn_tap(&v->taps, t + rows - 1, j);
        if (lies && from >= 0 && to == from + rows - 1) {
            const void *here = x + from * v->n_in;
            seg[n++] = (segment){ here, v->words, j };
            continue;
        }
        /* A tap wholly outside adds nothing; something has to be added for the bias. */
        if (!vn_tap_meets(&v->taps, t, rows, j) && (j < k - 1 || n)) continue;
        float *out = room + j * rows * v->words;
        seg[n++] = (segment){ out, v->words, j };
        for (int64_t r = 0; r < rows; r++, out += v->words) {
            int64_t at = vn_tap(&v->taps, t + r, j);
            if (at < 0)
                memset(out, 0, (size_t)v->words * sizeof *out);
            else
                gather_row(type, v, x + at * v->n_in, out);
        }
    }
    return n;
}

/* A tile of steps times all panels. */
static void run_tile(const conv *v, int64_t index, float *packed, float *room, segment *seg)
{
    int64_t b = index / v->tiles, t = v->len * (index % v->tiles) / v->tiles;
    int64_t rows = v->len * (index % v->tiles + 1) / v->tiles - t;
    int64_t n = v->type == VN_BF16 ? gather(VN_BF16, v, b, t, rows, room, seg)
                                   : gather(VN_F16, v, b, t, rows, room, seg);
    float *y = v->y + (b * v->len + t) * v->n_out;
    for (int64_t p = 0; p < v->panels; p++) {
        int64_t col = p * VN_TILE_COLS;
        const float *panel = packed + p * depth_of(v) * VN_TILE_COLS;
        for (int64_t s = 0; s < n; s++) {
            bool last = s == n - 1;
            vn_tile tile = { .a = seg[s].a,
                             .a_row = seg[s].a_row,
                             .a_k = 1,
                             .b = panel + seg[s].tap * v->words * VN_TILE_COLS,
                             .b_k = VN_TILE_COLS,
                             .k = v->words,
                             .c = y + col,
                             .c_row = v->n_out,
                             .add = s > 0,
                             .relu = last && v->act == VN_UNARY_RELU,
                             .bias = last && v->bias ? v->bias + col : NULL };
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
    float *packed = (float *)(seg + v.taps.kernel);
    float *room = packed + v.panels * VN_TILE_COLS * depth_of(&v);
    int64_t lo, hi;
    if (!v.y) return;
    vn_lane_share(vn_cpu_lane(s), v.batch * v.tiles, 1, &lo, &hi);
    for (int64_t p = 0; p < v.panels && lo < hi; p++) {
        float *out = packed + p * depth_of(&v) * VN_TILE_COLS;
        if (v.type == VN_BF16)
            pack_panel(VN_BF16, &v, p, out);
        else
            pack_panel(VN_F16, &v, p, out);
    }
    for (int64_t i = lo; i < hi; i++) run_tile(&v, i, packed, room, seg);
}

static vn_scratch scratch(const vn_call *c)
{
    conv v = describe(c);
    int64_t floats = (v.panels * VN_TILE_COLS + VN_TILE_ROWS) * depth_of(&v);
    return (vn_scratch){ 0, (size_t)v.taps.kernel * sizeof(segment) +
                                (size_t)floats * sizeof(float) };
}

static const char *unfit(const vn_call *c)
{
    const char *why = vn_not_low(c);
#if defined(VN_ISA_BF16)
    if (!why && c->in[0].dtype != VN_BF16) why = "factors are not bf16";
#endif
    return why;
}

const vn_kernel VN_LOW(conv1d) = { VN_LOW_NAME(conv1d), VN_SIMD_NEED, unfit, scratch, conv1d };

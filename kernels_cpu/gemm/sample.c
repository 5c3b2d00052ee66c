/* Paths of an LSTM fed with its own draws, for 2 x 40 units, 40 lags, 100 .. 1000 paths, 48 steps.
 *
 * A lane takes a window's paths VN_TILE_COLS at a time: paths lie along vectors, so that units need
 * no padding, and gates and draws of different paths are the same code. The lower layer's output and
 * the upper layer's state are neighbours, so a layer is one product of [x, h]; weights are packed
 * once a call, tile after tile, to be one stream. What paths share (known lags, other inputs, biases)
 * is multiplied once a window for all steps; of the lags only those that reach drawn values, a prefix
 * of the list, are multiplied for each path. */
#include <math.h>
#include <string.h>

#include "kernels_cpu/gemm/tile.h"
#include "kernels_cpu/simd/draw.h"

/* Rows below are of VN_TILE_COLS paths. */
typedef struct work {
    const vn_call *c;
    const vn_attr_sample *a;
    int64_t H, K, F, U, P, M;
    int64_t b, path, n; /* window, first path and paths of the tile */
    float *x;           /* [K + layers U] rows: lagged values, the newest last, then h of each layer */
    float *cell;        /* [layers, U] rows */
    float *drawn;       /* [H] rows, scaled */
    float *gate;        /* [4 U] rows */
    float *raw;         /* [P] rows */
    float *packed;      /* a layer after the other; see pack_layer */
    float *common;      /* [H, 4 U]: of the first layer's gates, what all paths of the window share */
    float *known;       /* [K + F]: what every path sees at a step */
} work;

/* Numbers of the packed weights of layer l. */
static int64_t packed_of(const work *w, int64_t l) { return 4 * w->U * ((l ? w->U : w->K) + w->U); }

/* The scratch of a lane from `base` on, or with NULL its size alone. */
static int64_t place(work *w, float *base)
{
    int64_t layers = w->a->layers, at = 0, rows[] = { w->K + layers * w->U, layers * w->U, w->H,
                                                      4 * w->U, w->P };
    float **row[] = { &w->x, &w->cell, &w->drawn, &w->gate, &w->raw };
    for (int i = 0; i < 5; i++) {
        if (base) *row[i] = base + at;
        at += rows[i] * VN_TILE_COLS;
    }
    int64_t sizes[] = { packed_of(w, 0) + (layers - 1) * packed_of(w, 1), w->H * 4 * w->U,
                        w->K + w->F };
    float **flat[] = { &w->packed, &w->common, &w->known };
    for (int i = 0; i < 3; i++) {
        if (base) *flat[i] = base + at;
        at += sizes[i];
    }
    return at;
}

static work work_of(const vn_call *c)
{
    const vn_attr_sample *a = c->attr;
    return (work){ .c = c, .a = a, .H = c->in[3].dim[1], .K = c->in[1].dim[0],
                   .F = c->in[3].dim[2], .U = a->units, .P = vn_dist_width(a->kind, a->comps),
                   .M = c->in[2].dim[1] };
}

static vn_scratch scratch(const vn_call *c)
{
    work w = work_of(c);
    return (vn_scratch){ 0, (size_t)place(&w, NULL) * sizeof(float) };
}

/* ---- weights ---- */

/* Rows [from, to) of tile i of the 4 U gates. */
static void tile_of(const work *w, int64_t i, int64_t *from, int64_t *to)
{
    int64_t n = 4 * w->U, tiles = vn_tiles(n, VN_TILE_ROWS);
    *from = n * i / tiles;
    *to = n * (i + 1) / tiles;
}

/* [tile][k][row of the tile], k over the n inputs of a layer and then its U states. The lags are the
 * inputs of the first layer that change from path to path, the last of them first. */
static void pack_layer(const work *w, const float *w_ih, int64_t n_in, int64_t n, bool backwards,
                       float *out)
{
    const float *w_hh = w_ih + 4 * w->U * n_in;
    for (int64_t i = 0; i < vn_tiles(4 * w->U, VN_TILE_ROWS); i++) {
        int64_t from, to;
        tile_of(w, i, &from, &to);
        for (int64_t k = 0; k < n; k++)
            for (int64_t j = from; j < to; j++) *out++ = w_ih[j * n_in + (backwards ? n - 1 - k : k)];
        for (int64_t k = 0; k < w->U; k++)
            for (int64_t j = from; j < to; j++) *out++ = w_hh[j * w->U + k];
    }
}

/* Where the next layer's weights begin, after those of one with n_in inputs. */
static const float *after(const work *w, const float *weight, int64_t n_in)
{
    return weight + 4 * w->U * (n_in + w->U + 2);
}

static void pack(const work *w)
{
    const float *weight = w->c->in[0].data;
    float *out = w->packed;
    for (int64_t l = 0; l < w->a->layers; l++) {
        int64_t n_in = l ? w->U : w->K + w->F;
        pack_layer(w, weight, n_in, l ? w->U : w->K, l == 0, out);
        weight = after(w, weight, n_in);
        out += packed_of(w, l);
    }
}

/* gate += W [x, h] of a layer with n inputs in all, of which those from `first` on are multiplied. */
static void multiply(const work *w, const float *packed, int64_t first, int64_t n, const float *x)
{
    for (int64_t i = 0; i < vn_tiles(4 * w->U, VN_TILE_ROWS); i++) {
        int64_t from, to;
        tile_of(w, i, &from, &to);
        vn_tile t = { .a = packed + from * n + first * (to - from), .a_row = 1, .a_k = to - from,
                      .b = x + first * VN_TILE_COLS, .b_k = VN_TILE_COLS, .k = n - first,
                      .c = w->gate + from * VN_TILE_COLS, .c_row = VN_TILE_COLS, .add = true };
        tile_run(&t, (int)(to - from));
    }
}

/* ---- what paths share ---- */

static void fill_row(float *row, float value)
{
    for (int i = 0; i < VN_TILE_COLS; i += VF_N) vf_store(row + i, vf_set(value));
}

static float dot(const float *w, const float *v, int64_t n)
{
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N)
        sum = vf_fma(vf_load_upto(w + i, n - i), vf_load_upto(v + i, n - i), sum);
    return vf_sum(sum);
}

/* w->common of window w->b; lags that reach drawn values count as 0. */
static void share(const work *w)
{
    const float *lag = w->c->in[1].data, *past = w->c->in[2].data, *other = w->c->in[3].data;
    const float *weight = w->c->in[0].data;
    int64_t n_in = w->K + w->F, n = 4 * w->U;
    const float *bias = weight + n * (n_in + w->U);
    for (int64_t t = 0; t < w->H; t++) {
        for (int64_t k = 0; k < w->K; k++) {
            int64_t at = t - (int64_t)lag[k];
            w->known[k] = at < 0 && w->M + at >= 0 ? past[w->b * w->M + w->M + at] : 0;
        }
        memcpy(w->known + w->K, other + (w->b * w->H + t) * w->F, (size_t)w->F * sizeof(float));
        for (int64_t j = 0; j < n; j++)
            w->common[t * n + j] = dot(weight + j * n_in, w->known, n_in) + bias[j] + bias[n + j];
    }
}

/* ---- a step of a tile ---- */

/* Lags of step t that reach drawn values, as rows up to that of h; returns the first one's place. */
static int64_t gather(const work *w, int64_t t)
{
    const float *lag = w->c->in[1].data;
    int64_t k = 0;
    for (; k < w->K && (int64_t)lag[k] <= t; k++)
        memcpy(w->x + (w->K - 1 - k) * VN_TILE_COLS,
               w->drawn + (t - (int64_t)lag[k]) * VN_TILE_COLS, VN_TILE_COLS * sizeof(float));
    return w->K - k;
}

/* exp(factor x) - 1 with an exponent in +-28, so that products of three stay finite: a gate beyond is
 * shut to 1e-12. */
VF_INLINE vf exponential(vf x, float factor)
{
    vf n, y = vf_mul(vf_set(factor), x);
    y = vf_exp_reduced(vf_max(vf_set(-28), vf_min(vf_set(28), y)), &n);
    vf power = vf_ldexp(vf_set(1), n);
    return vf_fma(power, y, vf_sub(power, vf_set(1)));
}

/* 1 + exp(-x), of which the sigmoid is the inverse. */
VF_INLINE vf shut(vf x) { return vf_add(vf_set(2), exponential(x, -1)); }

/* exp(-2 x) - 1, of which tanh x is the share -e / (2 + e). */
VF_INLINE vf twice(vf x) { return exponential(x, -2); }

/* The gates' functions and the new state of a layer. With sigmoids 1 / i, 1 / f, 1 / o and a
 * tanh -g / (2 + g), c <- c / f - g / (i (2 + g)) over one denominator: two divisions instead
 * of five. */
static void turn(const work *w, float *h, float *cell)
{
    int64_t apart = w->U * VN_TILE_COLS;
    const vf two = vf_set(2);
    for (int64_t i = 0; i < apart; i += VF_N) {
        const float *z = w->gate + i;
        vf f = shut(vf_load(z + apart)), g = twice(vf_load(z + 2 * apart));
        vf in = vf_mul(shut(vf_load(z)), vf_add(two, g));
        vf sum = vf_fnma(g, f, vf_mul(vf_load(cell + i), in));
        vf state = vf_div(sum, vf_mul(f, in)), s = twice(state);
        vf o = shut(vf_load(z + 3 * apart));
        vf_store(cell + i, state);
        vf_store(h + i, vf_div(vf_neg(s), vf_mul(o, vf_add(two, s))));
    }
}

/* All layers a step on; returns the head's weights. */
static const float *layers(const work *w, int64_t t)
{
    const float *weight = w->c->in[0].data, *packed = w->packed;
    int64_t U = w->U, first = gather(w, t), n_in = w->K + w->F;
    float *x = w->x;
    for (int64_t l = 0; l < w->a->layers; l++) {
        int64_t n = l ? U : w->K;
        const float *bias = weight + 4 * U * (n_in + U);
        for (int64_t j = 0; j < 4 * U; j++)
            fill_row(w->gate + j * VN_TILE_COLS,
                     l ? bias[j] + bias[4 * U + j] : w->common[t * 4 * U + j]);
        multiply(w, packed, l ? 0 : first, n + U, x);
        x += n * VN_TILE_COLS;
        turn(w, x, w->cell + l * U * VN_TILE_COLS);
        weight = after(w, weight, n_in);
        packed += packed_of(w, l);
        n_in = U;
    }
    return weight;
}

/* w->raw = W h + b of the uppermost layer. */
static void head(const work *w, const float *weight)
{
    const float *h = w->x + (w->K + (w->a->layers - 1) * w->U) * VN_TILE_COLS;
    for (int64_t j = 0; j < w->P; j++)
        fill_row(w->raw + j * VN_TILE_COLS, weight[w->P * w->U + j]);
    for (int64_t j = 0; j < w->P; j += VN_TILE_ROWS) {
        int64_t rows = w->P - j < VN_TILE_ROWS ? w->P - j : VN_TILE_ROWS;
        vn_tile t = { .a = weight + j * w->U, .a_row = w->U, .a_k = 1, .b = h,
                      .b_k = VN_TILE_COLS, .k = w->U, .c = w->raw + j * VN_TILE_COLS,
                      .c_row = VN_TILE_COLS, .add = true };
        tile_run(&t, (int)rows);
    }
}

static float of_window(const vn_tensor *t, int64_t b, float absent)
{
    return t->data ? ((const float *)t->data)[b] : absent;
}

/* The counter of the tile's path i at step t. */
static vn_draw_at counter(const work *w, int64_t t, int64_t i)
{
    const int32_t *pair = (const int32_t *)w->c->in[7].data + 2 * w->b;
    uint64_t key = w->c->run->seed ^ (uint64_t)w->a->stream;
    return (vn_draw_at){ (uint32_t)key, (uint32_t)(key >> 32),
                         { { (uint32_t)(w->path + i), (uint32_t)t, (uint32_t)pair[0],
                             (uint32_t)pair[1] } } };
}

/* Draw a path at a time: mixtures and counts. */
static void draw_each(const work *w, int64_t t, const vn_attr_dist *dist, float loc, float scale,
                      float *out)
{
    for (int64_t i = 0; i < VN_TILE_COLS; i++) {
        float raw[4 * VN_MAX_COMPS], param[4 * VN_MAX_COMPS];
        float *drawn = w->drawn + t * VN_TILE_COLS + i;
        *drawn = 0;
        if (i >= w->n) continue;
        vn_draw_at at = counter(w, t, i);
        for (int64_t j = 0; j < w->P; j++) raw[j] = w->raw[j * VN_TILE_COLS + i];
        vn_dist_map_f32(dist, w->P, raw, loc, scale, param);
        out[i] = vn_draw_f32(dist, w->P, param, &at);
        *drawn = (out[i] - loc) / scale;
    }
}

/* Draw the tile's paths at step t from w->raw. */
static void draw(const work *w, int64_t t)
{
    vn_attr_dist dist = { .kind = w->a->kind, .comps = w->a->comps };
    float loc = of_window(&w->c->in[5], w->b, 0), scale = of_window(&w->c->in[6], w->b, 1);
    float *out = (float *)w->c->out[0].data + (w->b * w->H + t) * w->a->paths + w->path;
    if (!vf_draws(&dist)) {
        draw_each(w, t, &dist, loc, scale, out);
        return;
    }
    for (int64_t i = 0; i < VN_TILE_COLS; i += VF_N) {
        vn_draw_at at = counter(w, t, i);
        const float *raw = w->raw + i;
        vf x[] = { vf_load(raw), vf_load(raw + VN_TILE_COLS),
                   vf_load(raw + (w->P - 1) * VN_TILE_COLS) };
        vf z = vf_draw(dist.kind, x, vf_draw_uniforms(&at));
        vf_store(w->drawn + t * VN_TILE_COLS + i, z);
        if (i < w->n) vf_store_upto(out + i, vf_fma(z, vf_set(scale), vf_set(loc)), w->n - i);
    }
}

/* States after the context, the same for every path of the window. */
static void start(const work *w)
{
    int64_t U = w->U, layers = w->a->layers;
    const float *state = w->c->in[4].data;
    for (int64_t j = 0; j < 2 * layers * U; j++) {
        int64_t l = j / (2 * U), unit = j % U;
        float *to = j / U % 2 ? w->cell + (l * U + unit) * VN_TILE_COLS
                              : w->x + (w->K + l * U + unit) * VN_TILE_COLS;
        fill_row(to, state ? state[w->b * 2 * layers * U + j] : 0);
    }
}

static void lstm_sample(const vn_call *c, vn_stream *s)
{
    work w = work_of(c);
    int64_t lo, hi, tiles = vn_tiles(w.a->paths, VN_TILE_COLS);
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), c->in[3].dim[0] * tiles, 1, &lo, &hi);
    if (lo == hi) return;
    place(&w, vn_cpu_scratch(s));
    pack(&w);
    for (int64_t i = lo; i < hi; i++) {
        w.b = i / tiles;
        w.path = i % tiles * VN_TILE_COLS;
        w.n = w.a->paths - w.path < VN_TILE_COLS ? w.a->paths - w.path : VN_TILE_COLS;
        if (i == lo || w.path == 0) share(&w);
        start(&w);
        for (int64_t t = 0; t < w.H; t++) {
            head(&w, layers(&w, t));
            draw(&w, t);
        }
    }
}

/* The lags must ascend, as deepar's do: those that reach drawn values are then the first ones. They
 * are data of the call, so that is what callers promise (device/ops.def). */
static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(lstm_sample) = { VN_SIMD_NAME(lstm_sample), VN_SIMD_NEED, unfit, scratch,
                                         lstm_sample };

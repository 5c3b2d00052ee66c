/* Paths of an LSTM fed with its own draws, for 2 x 40 units, 40 lags, 100 .. 1000 paths, 48 steps.
 *
 * A lane takes a window's paths VN_TILE_COLS at a time: paths lie along vectors, so that units need
 * no padding, weights no packing, and gates and draws of different paths are the same code. What
 * paths share (known lags, other inputs, biases) is multiplied once a step; of the lags only those
 * that reach drawn values, a prefix of the list, are multiplied for each path. */
#include <math.h>
#include <string.h>

#include "device/draw.h"
#include "kernels_cpu/gemm/tile.h"
#include "kernels_cpu/simd/math.h"

/* Rows below are of VN_TILE_COLS paths. */
typedef struct work {
    const vn_call *c;
    const vn_attr_sample *a;
    int64_t H, K, F, U, P, M;
    int64_t b, path, n; /* window, first path and paths of the tile */
    float *state;       /* [layers, 2, U] rows: h and c */
    float *drawn;       /* [H] rows, scaled */
    float *gate;        /* [4 U] rows */
    float *lagged;      /* [K] rows */
    float *raw;         /* [P] rows */
    float *shared;      /* [K + F]: what every path sees at a step */
} work;

static int64_t numbers(const vn_call *c)
{
    const vn_attr_sample *a = c->attr;
    int64_t K = c->in[1].dim[0], P = vn_dist_width(a->kind, a->comps);
    int64_t rows = 2 * a->layers * a->units + c->in[3].dim[1] + 4 * a->units + K + P;
    return rows * VN_TILE_COLS + K + c->in[3].dim[2];
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)numbers(c) * sizeof(float) };
}

/* rows += W [n, k] (rows of W `step` apart) times x [k] rows. */
static void multiply(const float *w, int64_t step, int64_t n, int64_t k, const float *x, float *rows)
{
    int64_t tiles = vn_tiles(n, VN_TILE_ROWS);
    for (int64_t i = 0; i < tiles && k > 0; i++) {
        int64_t from = n * i / tiles, to = n * (i + 1) / tiles;
        vn_tile t = { .a = w + from * step, .a_row = step, .a_k = 1, .b = x, .b_k = VN_TILE_COLS,
                      .k = k, .c = rows + from * VN_TILE_COLS, .c_row = VN_TILE_COLS, .add = true };
        tile_run(&t, (int)(to - from));
    }
}

static void fill_row(float *row, float value)
{
    vf_store(row, vf_set(value));
    vf_store(row + VF_N, vf_set(value));
}

static float dot(const float *w, const float *v, int64_t n)
{
    vf sum = vf_zero();
    for (int64_t i = 0; i < n; i += VF_N)
        sum = vf_fma(vf_load_upto(w + i, n - i), vf_load_upto(v + i, n - i), sum);
    return vf_sum(sum);
}

/* Inputs of step t: lags that reach drawn values as rows, the others and all else in w->shared,
 * where the former are 0. Returns how many are rows. */
static int64_t gather(const work *w, int64_t t)
{
    const float *lag = w->c->in[1].data, *past = w->c->in[2].data, *other = w->c->in[3].data;
    int64_t n = 0;
    for (int64_t k = 0; k < w->K; k++) {
        int64_t at = t - (int64_t)lag[k];
        w->shared[k] = at < 0 && w->M + at >= 0 ? past[w->b * w->M + w->M + at] : 0;
        if (at < 0) continue;
        memcpy(w->lagged + k * VN_TILE_COLS, w->drawn + at * VN_TILE_COLS,
               VN_TILE_COLS * sizeof(float));
        n = k + 1;
    }
    memcpy(w->shared + w->K, other + (w->b * w->H + t) * w->F, (size_t)w->F * sizeof(float));
    return n;
}

/* The gates' functions and the new state of a layer. */
static void turn(const work *w, float *h, float *cell)
{
    int64_t apart = w->U * VN_TILE_COLS;
    for (int64_t i = 0; i < apart; i += VF_N) {
        const float *z = w->gate + i;
        vf in = vf_sigmoid(vf_load(z)), forget = vf_sigmoid(vf_load(z + apart));
        vf new = vf_tanh(vf_load(z + 2 * apart)), out = vf_sigmoid(vf_load(z + 3 * apart));
        vf state = vf_fma(forget, vf_load(cell + i), vf_mul(in, new));
        vf_store(cell + i, state);
        vf_store(h + i, vf_mul(out, vf_tanh(state)));
    }
}

/* All layers a step on; returns the head's weights. */
static const float *layers(const work *w, int64_t t, const float **top)
{
    const float *weight = w->c->in[0].data, *x = w->lagged;
    int64_t U = w->U, n_in = w->K + w->F, n_rows = gather(w, t);
    for (int64_t l = 0; l < w->a->layers; l++) {
        float *h = w->state + 2 * l * U * VN_TILE_COLS;
        const float *w_hh = weight + 4 * U * n_in, *bias = w_hh + 4 * U * U;
        for (int64_t j = 0; j < 4 * U; j++) {
            float common = l ? 0 : dot(weight + j * n_in, w->shared, n_in);
            fill_row(w->gate + j * VN_TILE_COLS, common + bias[j] + bias[4 * U + j]);
        }
        multiply(weight, n_in, 4 * U, n_rows, x, w->gate);
        multiply(w_hh, U, 4 * U, U, h, w->gate);
        turn(w, h, h + U * VN_TILE_COLS);
        weight = bias + 8 * U;
        x = h;
        n_in = n_rows = U;
    }
    *top = x;
    return weight;
}

static float of_window(const vn_tensor *t, int64_t b, float absent)
{
    return t->data ? ((const float *)t->data)[b] : absent;
}

/* Draw the tile's paths at step t from w->raw. */
static void draw(const work *w, int64_t t)
{
    const int32_t *pair = (const int32_t *)w->c->in[7].data + 2 * w->b;
    uint64_t key = w->c->run->seed ^ (uint64_t)w->a->stream;
    vn_attr_dist dist = { .kind = w->a->kind, .comps = w->a->comps };
    float loc = of_window(&w->c->in[5], w->b, 0), scale = of_window(&w->c->in[6], w->b, 1);
    float *out = (float *)w->c->out[0].data + (w->b * w->H + t) * w->a->paths + w->path;
    for (int64_t i = 0; i < VN_TILE_COLS; i++) {
        float raw[4 * VN_MAX_COMPS], param[4 * VN_MAX_COMPS];
        float *drawn = w->drawn + t * VN_TILE_COLS + i;
        *drawn = 0;
        if (i >= w->n) continue;
        vn_draw_at at = { (uint32_t)key, (uint32_t)(key >> 32),
                          { { (uint32_t)(w->path + i), (uint32_t)t, (uint32_t)pair[0],
                              (uint32_t)pair[1] } } };
        for (int64_t j = 0; j < w->P; j++) raw[j] = w->raw[j * VN_TILE_COLS + i];
        vn_dist_map_f32(&dist, w->P, raw, loc, scale, param);
        out[i] = vn_draw_f32(&dist, w->P, param, &at);
        *drawn = (out[i] - loc) / scale;
    }
}

static void run_tile(const work *w)
{
    int64_t n_state = 2 * w->a->layers * w->U;
    const float *state = w->c->in[4].data;
    for (int64_t j = 0; j < n_state; j++)
        fill_row(w->state + j * VN_TILE_COLS, state ? state[w->b * n_state + j] : 0);
    for (int64_t t = 0; t < w->H; t++) {
        const float *top, *head = layers(w, t, &top);
        for (int64_t j = 0; j < w->P; j++)
            fill_row(w->raw + j * VN_TILE_COLS, head[w->P * w->U + j]);
        multiply(head, w->U, w->P, w->U, top, w->raw);
        draw(w, t);
    }
}

static void lstm_sample(const vn_call *c, vn_stream *s)
{
    const vn_attr_sample *a = c->attr;
    int64_t lo, hi, tiles = vn_tiles(a->paths, VN_TILE_COLS);
    work w = { .c = c, .a = a, .H = c->in[3].dim[1], .K = c->in[1].dim[0], .F = c->in[3].dim[2],
               .U = a->units, .P = vn_dist_width(a->kind, a->comps), .M = c->in[2].dim[1],
               .state = vn_cpu_scratch(s) };
    if (!c->out[0].data) return;
    w.drawn = w.state + 2 * a->layers * w.U * VN_TILE_COLS;
    w.gate = w.drawn + w.H * VN_TILE_COLS;
    w.lagged = w.gate + 4 * w.U * VN_TILE_COLS;
    w.raw = w.lagged + w.K * VN_TILE_COLS;
    w.shared = w.raw + w.P * VN_TILE_COLS;
    vn_lane_share(vn_cpu_lane(s), c->in[3].dim[0] * tiles, 1, &lo, &hi);
    for (int64_t i = lo; i < hi; i++) {
        w.b = i / tiles;
        w.path = i % tiles * VN_TILE_COLS;
        w.n = a->paths - w.path < VN_TILE_COLS ? a->paths - w.path : VN_TILE_COLS;
        run_tile(&w);
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(lstm_sample) = { VN_SIMD_NAME(lstm_sample), VN_SIMD_NEED, unfit, scratch,
                                         lstm_sample };

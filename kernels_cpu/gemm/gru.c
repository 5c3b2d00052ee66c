/* The gates of a GRU layer, forward and back; the products around them are in recur.c. The reset
 * gate multiplies W_hn h + b_hn, so the products of inputs and state stay apart. */
#include "kernels_cpu/gemm/recur.h"
#include "kernels_cpu/simd/math.h"

enum { GATES = 3, SAVED = 4 };

static void cell(const vn_call *c, const vn_walk_rows *w, int64_t i, int64_t t)
{
    const vn_recur *r = w->r;
    int64_t at = (w->row + i) * r->T + t, n = r->H, own = i * r->blocks * VF_N;
    float *gates = vn_recur_row(&c->out[2], at * SAVED * n), *h = vn_recur_row(&c->out[0], at * n);
    const float *of_x = vn_recur_pre(w, i, t), *of_h = w->rec + i * r->cols;
    for (int64_t b = w->block; b < w->block_end; b++) {
        int64_t j = b * VF_N, left = n - j;
        const float *x = of_x + vn_recur_at(w, b), *y = of_h + vn_recur_at(w, b);
        vf reset = vf_sigmoid(vf_add(vf_load(x), vf_load(y)));
        vf update = vf_sigmoid(vf_add(vf_load(x + VF_N), vf_load(y + VF_N)));
        vf inner = vf_load(y + 2 * VF_N);
        vf new = vf_tanh(vf_fma(reset, inner, vf_load(x + 2 * VF_N)));
        vf state = vf_fma(update, vf_sub(vf_load(w->h + own + j), new), new);
        vf_store(w->next + own + j, state);
        if (h) vf_store_upto(h + j, state, left);
        if (!gates) continue;
        for (int k = 0; k < SAVED; k++) vn_recur_ahead(gates + (SAVED + k) * n + j);
        vf_store_upto(gates + j, reset, left);
        vf_store_upto(gates + n + j, update, left);
        vf_store_upto(gates + 2 * n + j, new, left);
        vf_store_upto(gates + 3 * n + j, inner, left);
    }
}

static void gru(const vn_call *c, vn_stream *s)
{
    vn_recur r = VN_SIMD(recur_of)(c, GATES, true);
    VN_SIMD(recur_run)(c, &r, cell, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_recur r = VN_SIMD(recur_of)(c, GATES, true);
    return VN_SIMD(recur_scratch)(&r);
}

/* y (1 - y): the slope of a sigmoid. */
VF_INLINE vf bend(vf y) { return vf_fnma(y, y, y); }

static void back(const vn_call *c, const vn_back_rows *w, int64_t i, int64_t t)
{
    int64_t n = w->r->H, row = w->row + i, at = row * w->r->T + t;
    const float *gates = vn_recur_row(&c->in[1], at * SAVED * n);
    const float *before = t ? vn_recur_row(&c->in[2], (at - 1) * n)
                            : vn_recur_row(&c->in[3], row * n);
    const float *dy = vn_recur_row(&c->in[4], at * n);
    float *out_x = vn_recur_row(&c->out[0], at * GATES * n), *own = w->dz + i * GATES * n;
    float *out_h = vn_recur_row(&c->out[1], at * GATES * n);
    float *rec = w->dh + i * w->r->width, *keep = w->keep + i * w->r->width;
    for (int64_t j = 0; j < n; j += VF_N) {
        int64_t left = n - j;
        vf dh = vf_add(vf_load(rec + j), vf_load(keep + j)), g[SAVED], dz[SAVED];
        if (dy) dh = vf_add(dh, vf_load_upto(dy + j, left));
        for (int k = 0; k < SAVED; k++) {
            g[k] = vf_load_upto(gates + k * n + j, left);
            if (t) vn_recur_ahead(gates + (k - SAVED) * n + j);
        }
        if (t && dy) vn_recur_ahead(dy - n + j);
        if (t > 1) vn_recur_ahead(before - n + j);
        vf past = before ? vf_load_upto(before + j, left) : vf_zero();
        dz[2] = vf_mul(vf_mul(dh, vf_sub(vf_set(1), g[1])), vf_fnma(g[2], g[2], vf_set(1)));
        dz[0] = vf_mul(vf_mul(dz[2], g[3]), bend(g[0]));
        dz[1] = vf_mul(vf_mul(dh, vf_sub(past, g[2])), bend(g[1]));
        dz[3] = vf_mul(dz[2], g[0]); /* of W_hn h + b_hn */
        vf_store(keep + j, vf_mul(dh, g[1]));
        for (int k = 0; k < GATES; k++) {
            vf of_h = dz[k == 2 ? 3 : k];
            vf_store_upto(own + k * n + j, of_h, left);
            if (out_h) vf_store_upto(out_h + k * n + j, of_h, left);
            if (out_x) vf_store_upto(out_x + k * n + j, dz[k], left);
            if (t && out_h) vn_recur_ahead(out_h + (k - GATES) * n + j);
            if (t && out_x) vn_recur_ahead(out_x + (k - GATES) * n + j);
        }
    }
}

static void gru_grad(const vn_call *c, vn_stream *s)
{
    static const vn_back_ends ends = { .dh_in = 5, .keep_in = -1, .dh_out = 2, .keep_out = -1 };
    vn_recur_back r = VN_SIMD(recur_back_of)(c, GATES);
    VN_SIMD(recur_back_run)(c, &r, back, &ends, s);
}

static vn_scratch scratch_grad(const vn_call *c)
{
    vn_recur_back r = VN_SIMD(recur_back_of)(c, GATES);
    return VN_SIMD(recur_back_scratch)(&r);
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(gru) = { VN_SIMD_NAME(gru), VN_SIMD_NEED, unfit, scratch, gru, true };
const vn_kernel VN_SIMD(gru_grad) = { VN_SIMD_NAME(gru_grad), VN_SIMD_NEED, unfit, scratch_grad,
                                      gru_grad, true };

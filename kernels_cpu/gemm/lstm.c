/* The gates of an LSTM layer, forward and back; the products around them are in recur.c. */
#include "kernels_cpu/gemm/recur.h"
#include "kernels_cpu/simd/math.h"

enum { GATES = 4 };

static void cell(const vn_call *c, const vn_walk_rows *w, int64_t i, int64_t t)
{
    const vn_recur *r = w->r;
    int64_t at = (w->row + i) * r->T + t, n = r->H, own = i * r->blocks * VF_N;
    float *gates = vn_recur_row(&c->out[3], at * GATES * n), *h = vn_recur_row(&c->out[0], at * n);
    float *cells = vn_recur_row(&c->out[4], at * n);
    const float *z = vn_recur_pre(w, i, t);
    for (int64_t b = w->block; b < w->block_end; b++) {
        int64_t j = b * VF_N, left = n - j;
        const float *own_z = z + vn_recur_at(w, b);
        vf in = vf_sigmoid(vf_load(own_z)), forget = vf_sigmoid(vf_load(own_z + VF_N));
        vf new = vf_tanh(vf_load(own_z + 2 * VF_N)), out = vf_sigmoid(vf_load(own_z + 3 * VF_N));
        vf state = vf_fma(forget, vf_load(w->c + own + j), vf_mul(in, new));
        vf y = vf_mul(out, vf_tanh(state));
        vf_store(w->c + own + j, state);
        vf_store(w->next + own + j, y);
        if (h) vf_store_upto(h + j, y, left);
        if (cells) vf_store_upto(cells + j, state, left);
        if (!gates) continue;
        for (int k = 0; k < GATES; k++) vn_recur_ahead(gates + (GATES + k) * n + j);
        vf_store_upto(gates + j, in, left);
        vf_store_upto(gates + n + j, forget, left);
        vf_store_upto(gates + 2 * n + j, new, left);
        vf_store_upto(gates + 3 * n + j, out, left);
    }
}

static void lstm(const vn_call *c, vn_stream *s)
{
    vn_recur r = VN_SIMD(recur_of)(c, GATES, false);
    VN_SIMD(recur_run)(c, &r, cell, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_recur r = VN_SIMD(recur_of)(c, GATES, false);
    return VN_SIMD(recur_scratch)(&r);
}

/* y (1 - y): the slope of a sigmoid. */
VF_INLINE vf bend(vf y) { return vf_fnma(y, y, y); }

static void back(const vn_call *c, const vn_back_rows *w, int64_t i, int64_t t)
{
    int64_t n = w->r->H, row = w->row + i, at = row * w->r->T + t;
    const float *gates = vn_recur_row(&c->in[1], at * GATES * n);
    const float *cells = vn_recur_row(&c->in[2], at * n);
    const float *before = t ? cells - n : vn_recur_row(&c->in[3], row * n);
    const float *dy = vn_recur_row(&c->in[4], at * n);
    float *out = vn_recur_row(&c->out[0], at * GATES * n), *own = w->dz + i * GATES * n;
    float *rec = w->dh + i * w->r->width, *keep = w->keep + i * w->r->width;
    for (int64_t j = 0; j < n; j += VF_N) {
        int64_t left = n - j;
        vf dh = vf_load(rec + j), g[GATES], dz[GATES];
        if (dy) dh = vf_add(dh, vf_load_upto(dy + j, left));
        for (int k = 0; k < GATES; k++) {
            g[k] = vf_load_upto(gates + k * n + j, left);
            if (t) vn_recur_ahead(gates + (k - GATES) * n + j);
        }
        if (t && dy) vn_recur_ahead(dy - n + j);
        if (t > 1) vn_recur_ahead(before - n + j);
        vf top = vf_tanh(vf_load_upto(cells + j, left));
        vf dc = vf_fma(vf_mul(dh, g[3]), vf_fnma(top, top, vf_set(1)), vf_load(keep + j));
        vf past = before ? vf_load_upto(before + j, left) : vf_zero();
        dz[0] = vf_mul(vf_mul(dc, g[2]), bend(g[0]));
        dz[1] = vf_mul(vf_mul(dc, past), bend(g[1]));
        dz[2] = vf_mul(vf_mul(dc, g[0]), vf_fnma(g[2], g[2], vf_set(1)));
        dz[3] = vf_mul(vf_mul(dh, top), bend(g[3]));
        vf_store(keep + j, vf_mul(dc, g[1]));
        for (int k = 0; k < GATES; k++) {
            vf_store_upto(own + k * n + j, dz[k], left);
            if (out) vf_store_upto(out + k * n + j, dz[k], left);
            if (t && out) vn_recur_ahead(out + (k - GATES) * n + j);
        }
    }
}

static void lstm_grad(const vn_call *c, vn_stream *s)
{
    static const vn_back_ends ends = { .dh_in = 5, .keep_in = 6, .dh_out = 1, .keep_out = 2 };
    vn_recur_back r = VN_SIMD(recur_back_of)(c, GATES);
    VN_SIMD(recur_back_run)(c, &r, back, &ends, s);
}

static vn_scratch scratch_grad(const vn_call *c)
{
    vn_recur_back r = VN_SIMD(recur_back_of)(c, GATES);
    return VN_SIMD(recur_back_scratch)(&r);
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(lstm) = { VN_SIMD_NAME(lstm), VN_SIMD_NEED, unfit, scratch, lstm, true };
const vn_kernel VN_SIMD(lstm_grad) = { VN_SIMD_NAME(lstm_grad), VN_SIMD_NEED, unfit, scratch_grad,
                                       lstm_grad, true };

/* Sums, products, ... of two tensors with any broadcast. Bound by memory: long runs matter. */
#include "device/scalar.h"
#include "kernels_cpu/simd/walk.h"

VF_INLINE vf combine(int64_t fn, vf a, vf b)
{
    switch (fn) {
    case VN_BINARY_SUB: return vf_sub(a, b);
    case VN_BINARY_MUL: return vf_mul(a, b);
    case VN_BINARY_DIV: return vf_div(a, b);
    case VN_BINARY_MEAN: return vf_div(a, vf_add(b, vf_set((float)VN_NO_WEIGHT)));
    default: return vf_add(a, b);
    }
}

/* y[i] = f(a[i * sa], b[i * sb]) with sa, sb 0 or 1: the only steps merging can leave here. */
VF_INLINE void run(int64_t fn, const float *a, int64_t sa, const float *b, int64_t sb, float *y,
                   int64_t n)
{
    if (n < VF_N) {
        for (int64_t i = 0; i < n; i++) y[i] = vn_binary_value_f32(fn, a[i * sa], b[i * sb]);
        return;
    }
    vf first = vf_set(*a), second = vf_set(*b);
    for (int64_t i = 0; i < n; i += VF_N) {
        if (sa) first = vf_load_upto(a + i, n - i);
        if (sb) second = vf_load_upto(b + i, n - i);
        vf_store_upto(y + i, combine(fn, first, second), n - i);
    }
}

/* The same past the caches, where y would only drive out what is read next: y lies at a whole vector, n are
 * whole ones. */
VF_INLINE void run_past(int64_t fn, const float *a, int64_t sa, const float *b, int64_t sb, float *y,
                        int64_t n)
{
    vf first = vf_set(*a), second = vf_set(*b);
    for (int64_t i = 0; i < n; i += VF_N) {
        if (sa) first = vf_load(a + i);
        if (sb) second = vf_load(b + i);
        vf_stream(y + i, combine(fn, first, second));
    }
}

VF_INLINE void walk(int64_t fn, const vn_call *c, const vn_walk *w, int64_t lo, int64_t hi)
{
    const float *a = c->in[0].data, *b = c->in[1].data;
    float *y = c->out[0].data;
    int64_t sa = w->step[0][w->rank - 1], sb = w->step[1][w->rank - 1];
    bool past = vf_past_caches(y, vn_count(&c->out[0]));
    while (lo < hi) {
        vn_piece p = vn_walk_piece(w, lo, hi);
        int64_t n = past && p.at % VF_N == 0 ? p.n / VF_N * VF_N : 0;
        const float *x = a + p.from[0], *z = b + p.from[1];
        if (n) run_past(fn, x, sa, z, sb, y + p.at, n);
        if (n < p.n) run(fn, x + n * sa, sa, z + n * sb, sb, y + p.at + n, p.n - n);
        lo += p.n;
    }
    if (past) vf_streamed();
}

static void binary(const vn_call *c, vn_stream *s)
{
    const vn_attr_binary *attr = c->attr;
    int64_t lo, hi;
    if (!c->out[0].data) return;
    vn_walk w = vn_walk_over(&c->out[0], 2);
    vn_walk_operand(&w, 0, &c->in[0]);
    vn_walk_operand(&w, 1, &c->in[1]);
    vn_walk_merge(&w);
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_GRAIN, &lo, &hi);
    switch (attr->fn) {
#define VN_BINARY(NAME, name, doc) \
    case VN_BINARY_##NAME: walk(VN_BINARY_##NAME, c, &w, lo, hi); break;
#include "device/binary.def"
#undef VN_BINARY
    default: break;
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(binary) = { VN_SIMD_NAME(binary), VN_SIMD_NEED, unfit, NULL, binary };

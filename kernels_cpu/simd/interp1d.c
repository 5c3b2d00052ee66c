/* Resampling along the last axis and its adjoint: N-HiTS's knots to the horizon and back. The taps
 * depend on the two lengths alone, so each lane computes them once and uses them for all rows. */
#include "device/interp.h"
#include "kernels_cpu/simd/simd.h"

/* Taps as rows use them: always four, the unused with weight 0. */
typedef struct tap {
    int32_t at[4];
    float weight[4];
} tap;

static void fill_taps(tap *table, int64_t mode, int64_t from, int64_t to)
{
    for (int64_t j = 0; j < to; j++) {
        vn_taps t = vn_interp_taps(mode, from, to, j);
        for (int i = 0; i < 4; i++) {
            table[j].at[i] = (int32_t)(i < t.n ? t.at[i] : t.at[0]);
            table[j].weight[i] = i < t.n ? (float)t.weight[i] : 0;
        }
    }
}

static int taps_of(int64_t mode)
{
    return mode == VN_INTERP_CUBIC ? 4 : mode == VN_INTERP_LINEAR ? 2 : 1;
}

static void share(vn_stream *s, int64_t rows, int64_t len, int64_t *lo, int64_t *hi)
{
    vn_lane_share(vn_cpu_lane(s), rows, len < VN_TILE ? VN_TILE / len : 1, lo, hi);
}

static vn_scratch scratch(const vn_call *c)
{
    return (vn_scratch){ 0, (size_t)vn_last_dim(&c->out[0]) * sizeof(tap) };
}

static void interp1d(const vn_call *c, vn_stream *s)
{
    const vn_attr_interp *a = c->attr;
    int64_t from = vn_last_dim(&c->in[0]), to = vn_last_dim(&c->out[0]), lo, hi;
    if (!c->out[0].data) return;
    tap *table = vn_cpu_scratch(s);
    int n = taps_of(a->mode);
    share(s, vn_count(&c->out[0]) / to, to, &lo, &hi);
    if (lo < hi) fill_taps(table, a->mode, from, to);
    for (int64_t r = lo; r < hi; r++) {
        const float *x = (const float *)c->in[0].data + r * from;
        float *y = (float *)c->out[0].data + r * to;
        for (int64_t j = 0; j < to; j++) {
            float sum = 0;
            for (int i = 0; i < n; i++) sum += table[j].weight[i] * x[table[j].at[i]];
            y[j] = sum;
        }
    }
}

/* Taps for the adjoint and a row of sums in double behind them. */
static vn_scratch grad_scratch(const vn_call *c)
{
    size_t taps = (size_t)vn_last_dim(&c->in[0]) * sizeof(tap);
    return (vn_scratch){ 0, taps + (size_t)vn_last_dim(&c->out[0]) * sizeof(double) };
}

static void interp1d_grad(const vn_call *c, vn_stream *s)
{
    const vn_attr_interp *a = c->attr;
    int64_t from = vn_last_dim(&c->out[0]), to = vn_last_dim(&c->in[0]), lo, hi;
    if (!c->out[0].data) return;
    tap *table = vn_cpu_scratch(s);
    double *sum = (double *)(table + to); /* a tap is 32 bytes: still aligned */
    int n = taps_of(a->mode);
    share(s, vn_count(&c->in[0]) / to, to, &lo, &hi);
    if (lo < hi) fill_taps(table, a->mode, from, to);
    for (int64_t r = lo; r < hi; r++) {
        const float *dy = (const float *)c->in[0].data + r * to;
        float *dx = (float *)c->out[0].data + r * from;
        for (int64_t k = 0; k < from; k++) sum[k] = 0;
        for (int64_t j = 0; j < to; j++)
            for (int i = 0; i < n; i++)
                sum[table[j].at[i]] += (double)table[j].weight[i] * (double)dy[j];
        for (int64_t k = 0; k < from; k++) dx[k] = (float)sum[k];
    }
}

static const char *unfit(const vn_call *c)
{
    if (vn_not_f32(c)) return vn_not_f32(c);
    if (vn_count(&c->in[0]) == 0 || vn_count(&c->out[0]) == 0) return "no points";
    bool wide = vn_last_dim(&c->in[0]) > INT32_MAX || vn_last_dim(&c->out[0]) > INT32_MAX;
    return wide ? "more than 2^31 points a row" : NULL;
}

const vn_kernel VN_SIMD(interp1d) = { VN_SIMD_NAME(interp1d), VN_SIMD_NEED, unfit, scratch,
                                      interp1d };
const vn_kernel VN_SIMD(interp1d_grad) = { VN_SIMD_NAME(interp1d_grad), VN_SIMD_NEED, unfit,
                                           grad_scratch, interp1d_grad };

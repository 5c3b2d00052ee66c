/* Resampling along the last axis, and its adjoint. */
#include "device/interp.h"
#include "kernels_cpu/ref/real.h"

static void interp1d(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_interp *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t from = vn_last_dim(&c->in[0]), to = vn_last_dim(&c->out[0]);
    int64_t rows = vn_count(&c->in[0]) / from;
    for (int64_t r = 0; r < rows; r++, x += from)
        for (int64_t j = 0; j < to; j++) {
            vn_taps taps = vn_interp_taps(a->mode, from, to, j);
            double sum = 0;
            for (int i = 0; i < taps.n; i++) sum += taps.weight[i] * (double)x[taps.at[i]];
            *y++ = (vn_real)sum;
        }
}

static vn_scratch grad_scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)vn_last_dim(&c->out[0]) * sizeof(double), 0 };
}

static void interp1d_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_interp *a = c->attr;
    const vn_real *dy = c->in[0].data;
    vn_real *dx = c->out[0].data;
    double *sum = c->scratch;
    int64_t from = vn_last_dim(&c->out[0]), to = vn_last_dim(&c->in[0]);
    int64_t rows = vn_count(&c->out[0]) / from;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t k = 0; k < from; k++) sum[k] = 0;
        for (int64_t j = 0; j < to; j++, dy++) {
            vn_taps taps = vn_interp_taps(a->mode, from, to, j);
            for (int i = 0; i < taps.n; i++) sum[taps.at[i]] += taps.weight[i] * (double)*dy;
        }
        for (int64_t k = 0; k < from; k++) *dx++ = (vn_real)sum[k];
    }
}

const vn_kernel VN_REF(interp1d) = { VN_REF_NAME(interp1d), 0, VN_REF(unfit), NULL, interp1d };
const vn_kernel VN_REF(interp1d_grad) = { VN_REF_NAME(interp1d_grad), 0, VN_REF(unfit),
                                          grad_scratch, interp1d_grad };

/* Softmax over the last axis, and its gradient. */
#include <math.h>

#include "kernels_cpu/ref/real.h"

static void softmax(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    for (int64_t r = 0; r < rows; r++) {
        const vn_real *x = (const vn_real *)c->in[0].data + r * n;
        vn_real *y = (vn_real *)c->out[0].data + r * n;
        double top = (double)x[0], sum = 0;
        /* Not fmax: GCC 12 for AArch64 breaks down on it. A NaN makes the row NaN either way. */
        for (int64_t i = 1; i < n; i++) top = (double)x[i] > top ? (double)x[i] : top;
        for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - top);
        for (int64_t i = 0; i < n; i++) y[i] = (vn_real)(exp((double)x[i] - top) / sum);
    }
}

static void softmax_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    for (int64_t r = 0; r < rows; r++) {
        const vn_real *dy = (const vn_real *)c->in[0].data + r * n;
        const vn_real *y = (const vn_real *)c->in[1].data + r * n;
        vn_real *dx = (vn_real *)c->out[0].data + r * n;
        double sum = 0;
        for (int64_t i = 0; i < n; i++) sum += (double)dy[i] * (double)y[i];
        for (int64_t i = 0; i < n; i++) dx[i] = (vn_real)((double)y[i] * ((double)dy[i] - sum));
    }
}

const vn_kernel VN_REF(softmax) = { VN_REF_NAME(softmax), 0, VN_REF(unfit), NULL, softmax };
const vn_kernel VN_REF(softmax_grad) = { VN_REF_NAME(softmax_grad), 0, VN_REF(unfit), NULL,
                                         softmax_grad };

/* Sums, products, ... of two tensors, and broadcasting with its adjoint. */
#include "device/scalar.h"
#include "kernels_cpu/ref/real.h"

static void binary(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_binary *attr = c->attr;
    const vn_real *a = c->in[0].data, *b = c->in[1].data;
    vn_real *y = c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++)
        y[i] = VN_SCALAR(vn_binary_value)(attr->fn, a[vn_ref_at(&c->in[0], &c->out[0], i)],
                                          b[vn_ref_at(&c->in[1], &c->out[0], i)]);
}

static void broadcast(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) y[i] = x[vn_ref_at(&c->in[0], &c->out[0], i)];
}

static vn_scratch sumto_scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)vn_count(&c->out[0]) * sizeof(double), 0 };
}

static void sumto(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    double *sum = c->scratch;
    int64_t n = vn_count(&c->in[0]), m = vn_count(&c->out[0]);
    for (int64_t j = 0; j < m; j++) sum[j] = 0;
    for (int64_t i = 0; i < n; i++) sum[vn_ref_at(&c->out[0], &c->in[0], i)] += (double)x[i];
    for (int64_t j = 0; j < m; j++) y[j] = (vn_real)sum[j];
}

const vn_kernel VN_REF(binary) = { VN_REF_NAME(binary), 0, VN_REF(unfit), NULL, binary };
const vn_kernel VN_REF(broadcast) = { VN_REF_NAME(broadcast), 0, VN_REF(unfit), NULL, broadcast };
const vn_kernel VN_REF(sumto) = { VN_REF_NAME(sumto), 0, VN_REF(unfit), sumto_scratch, sumto };

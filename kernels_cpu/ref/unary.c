/* Elementwise functions of one tensor: activations, constants times x, dropout. */
#include "base/philox.h"
#include "device/scalar.h"
#include "kernels_cpu/ref/real.h"

static void unary(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_unary *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) y[i] = VN_SCALAR(vn_unary_value)(a->fn, x[i]);
}

static void unary_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_unary *a = c->attr;
    const vn_real *dy = c->in[0].data, *x = c->in[1].data, *y = c->in[2].data;
    vn_real *dx = c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++)
        dx[i] = dy[i] * VN_SCALAR(vn_unary_slope)(a->fn, x ? x[i] : 0, y ? y[i] : 0);
}

static void affine(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_affine *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) y[i] = (vn_real)a->a * x[i] + (vn_real)a->b;
}

/* Element i takes word i % 4 of the Philox block i / 4: any thread, batch or device can compute
 * it. */
static bool kept(const vn_run *run, const vn_attr_dropout *a, int64_t i)
{
    uint64_t block = (uint64_t)i / 4, stream = (uint64_t)a->stream;
    vn_philox counter = { { (uint32_t)block, (uint32_t)(block >> 32),
                            (uint32_t)(stream ^ stream >> 32), (uint32_t)*run->step } };
    vn_philox bits = vn_philox4x32(counter, (uint32_t)run->seed, (uint32_t)(run->seed >> 32));
    return vn_uniform24(bits.v[i % 4]) >= a->p;
}

static void dropout(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_dropout *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    vn_real factor = (vn_real)(1 / (1 - a->p));
    int64_t n = vn_count(&c->out[0]);
    for (int64_t i = 0; i < n; i++) y[i] = kept(c->run, a, i) ? x[i] * factor : 0;
}

const vn_kernel VN_REF(unary) = { VN_REF_NAME(unary), 0, VN_REF(unfit), NULL, unary };
const vn_kernel VN_REF(unary_grad) = { VN_REF_NAME(unary_grad), 0, VN_REF(unfit), NULL,
                                       unary_grad };
const vn_kernel VN_REF(affine) = { VN_REF_NAME(affine), 0, VN_REF(unfit), NULL, affine };
const vn_kernel VN_REF(dropout) = { VN_REF_NAME(dropout), 0, VN_REF(unfit), NULL, dropout };

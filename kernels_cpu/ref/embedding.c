/* Rows of a table by code, and the sum of gradients back into the table. */
#include "kernels_cpu/ref/real.h"

static int64_t row_of(vn_real code, int64_t rows)
{
    return code >= 0 && code < (vn_real)rows ? (int64_t)code : 0;
}

static void embedding(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *x = c->in[0].data, *table = c->in[1].data;
    vn_real *y = c->out[0].data;
    int64_t rows = c->in[1].dim[0], E = c->in[1].dim[1];
    for (int64_t i = 0; i < vn_count(&c->in[0]); i++)
        for (int64_t e = 0; e < E; e++) *y++ = table[row_of(x[i], rows) * E + e];
}

static vn_scratch grad_scratch(const vn_call *c)
{
    return (vn_scratch){ (size_t)vn_count(&c->out[0]) * sizeof(double), 0 };
}

static void embedding_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_real *dy = c->in[0].data, *x = c->in[1].data;
    double *sum = c->scratch;
    int64_t rows = c->out[0].dim[0], E = c->out[0].dim[1];
    for (int64_t i = 0; i < rows * E; i++) sum[i] = 0;
    for (int64_t i = 0; i < vn_count(&c->in[1]); i++)
        for (int64_t e = 0; e < E; e++) sum[row_of(x[i], rows) * E + e] += (double)*dy++;
    for (int64_t i = 0; i < rows * E; i++) ((vn_real *)c->out[0].data)[i] = (vn_real)sum[i];
}

const vn_kernel VN_REF(embedding) = { VN_REF_NAME(embedding), 0, VN_REF(unfit), NULL, embedding };
const vn_kernel VN_REF(embedding_grad) = { VN_REF_NAME(embedding_grad), 0, VN_REF(unfit),
                                           grad_scratch, embedding_grad };

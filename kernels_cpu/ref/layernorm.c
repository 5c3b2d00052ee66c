/* Layer normalisation and its gradient. */
#include <math.h>

#include "kernels_cpu/ref/real.h"

static void layernorm(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_real *x = c->in[0].data, *gamma = c->in[1].data, *beta = c->in[2].data;
    vn_real *y = c->out[0].data, *means = c->out[1].data, *rstds = c->out[2].data;
    double eps = ((const vn_attr_norm *)c->attr)->eps;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    for (int64_t r = 0; r < rows; r++, x += n) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < n; i++) mean += (double)x[i];
        mean /= (double)n;
        for (int64_t i = 0; i < n; i++) var += ((double)x[i] - mean) * ((double)x[i] - mean);
        double rstd = 1 / sqrt(var / (double)n + eps);
        for (int64_t i = 0; y && i < n; i++)
            y[r * n + i] =
                (vn_real)(((double)x[i] - mean) * rstd * (double)gamma[i] + (double)beta[i]);
        if (means) means[r] = (vn_real)mean;
        if (rstds) rstds[r] = (vn_real)rstd;
    }
}

/* The normalised element i of row r. */
static double normal(const vn_call *c, int64_t r, int64_t i)
{
    const vn_real *x = c->in[1].data, *mean = c->in[3].data, *rstd = c->in[4].data;
    return ((double)x[r * vn_last_dim(&c->in[1]) + i] - (double)mean[r]) * (double)rstd[r];
}

/* With z the normalised row and e = dy gamma: dx = rstd (e - mean(e) - z mean(e z)). */
static void input_gradient(const vn_call *c, int64_t rows, int64_t n)
{
    const vn_real *dy = c->in[0].data, *gamma = c->in[2].data, *rstd = c->in[4].data;
    vn_real *dx = c->out[0].data;
    for (int64_t r = 0; r < rows; r++, dy += n, dx += n) {
        double sum = 0, dot = 0;
        for (int64_t i = 0; i < n; i++) {
            double e = (double)dy[i] * (double)gamma[i];
            sum += e;
            dot += e * normal(c, r, i);
        }
        for (int64_t i = 0; i < n; i++) {
            double e = (double)dy[i] * (double)gamma[i];
            dx[i] = (vn_real)((double)rstd[r] * (e - (sum + normal(c, r, i) * dot) / (double)n));
        }
    }
}

static void layernorm_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    const vn_real *dy = c->in[0].data;
    vn_real *dgamma = c->out[1].data, *dbeta = c->out[2].data;
    int64_t n = vn_last_dim(&c->in[1]), rows = vn_count(&c->in[1]) / n;
    if (c->out[0].data) input_gradient(c, rows, n);
    for (int64_t i = 0; i < n; i++) {
        double dot = 0, sum = 0;
        for (int64_t r = 0; r < rows; r++) {
            dot += (double)dy[r * n + i] * normal(c, r, i);
            sum += (double)dy[r * n + i];
        }
        if (dgamma) dgamma[i] = (vn_real)dot;
        if (dbeta) dbeta[i] = (vn_real)sum;
    }
}

const vn_kernel VN_REF(layernorm) = { VN_REF_NAME(layernorm), 0, VN_REF(unfit), NULL, layernorm };
const vn_kernel VN_REF(layernorm_grad) = { VN_REF_NAME(layernorm_grad), 0, VN_REF(unfit), NULL,
                                           layernorm_grad };

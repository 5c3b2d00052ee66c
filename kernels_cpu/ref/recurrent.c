/* LSTM and GRU layers and their steps back through time. */
#include <math.h>
#include <string.h>

#include "kernels_cpu/ref/real.h"

static vn_real sigmoid(double x) { return (vn_real)(1 / (1 + exp(-x))); }

/* Row `j` of a matrix [.., k] times v. */
static double dot(const vn_real *w, int64_t j, const vn_real *v, int64_t k)
{
    double sum = 0;
    for (int64_t i = 0; i < k; i++) sum += (double)w[j * k + i] * (double)v[i];
    return sum;
}

/* A number of an optional tensor; 0 where it is absent. */
static double at(const vn_tensor *t, int64_t i)
{
    return t->data ? (double)((const vn_real *)t->data)[i] : 0;
}

/* Copy n numbers to place i of a result somebody reads. */
static void put(const vn_tensor *t, int64_t i, const vn_real *from, int64_t n)
{
    if (t->data) memcpy((vn_real *)t->data + i, from, (size_t)n * sizeof *from);
}

/* Scratch of one row, [10, H]: state, next state, cell, and up to seven more. */
static vn_scratch scratch(const vn_call *c)
{
    int64_t units = c->in[c->op == VN_OP_LSTM || c->op == VN_OP_GRU ? 2 : 0].dim[1];
    return (vn_scratch){ (size_t)(10 * units) * sizeof(vn_real), 0 };
}

static void lstm_step(const vn_call *c, const vn_real *x, const vn_real *h, vn_real *next,
                      vn_real *cell, vn_real *gate)
{
    int64_t n_in = c->in[1].dim[1], n = c->in[2].dim[1];
    for (int64_t j = 0; j < 4 * n; j++) {
        double z = dot(c->in[1].data, j, x, n_in) + dot(c->in[2].data, j, h, n) +
                   at(&c->in[3], j) + at(&c->in[4], j);
        gate[j] = j / n == 2 ? (vn_real)tanh(z) : sigmoid(z);
    }
    for (int64_t j = 0; j < n; j++) {
        double i = (double)gate[j], f = (double)gate[n + j], g = (double)gate[2 * n + j];
        cell[j] = (vn_real)(f * (double)cell[j] + i * g);
        next[j] = (vn_real)((double)gate[3 * n + j] * tanh((double)cell[j]));
    }
}

static void lstm(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t steps = c->in[0].dim[1], n_in = c->in[0].dim[2], n = c->in[2].dim[1];
    vn_real *h = c->scratch, *next = h + n, *cell = next + n, *gate = cell + n;
    for (int64_t b = 0; b < c->in[0].dim[0]; b++) {
        for (int64_t j = 0; j < n; j++) {
            h[j] = (vn_real)at(&c->in[5], b * n + j);
            cell[j] = (vn_real)at(&c->in[6], b * n + j);
        }
        for (int64_t t = b * steps; t < (b + 1) * steps; t++) {
            lstm_step(c, (const vn_real *)c->in[0].data + t * n_in, h, next, cell, gate);
            memcpy(h, next, (size_t)n * sizeof *h);
            put(&c->out[0], t * n, h, n);
            put(&c->out[3], t * 4 * n, gate, 4 * n);
            put(&c->out[4], t * n, cell, n);
        }
        put(&c->out[1], b * n, h, n);
        put(&c->out[2], b * n, cell, n);
    }
}

/* One step back at row t of the saved ones: d gates from dh and dc, which become those of the step
 * before but for the product with W_hh. */
static void lstm_back(const vn_call *c, int64_t t, int64_t cell_before, const vn_tensor *cells,
                      const vn_real *dh, vn_real *dc, vn_real *dz)
{
    int64_t n = c->in[0].dim[1];
    const vn_real *gate = (const vn_real *)c->in[1].data + t * 4 * n;
    for (int64_t j = 0; j < n; j++) {
        double i = (double)gate[j], f = (double)gate[n + j], g = (double)gate[2 * n + j];
        double o = (double)gate[3 * n + j], top = tanh(at(&c->in[2], t * n + j));
        double d = (double)dc[j] + (double)dh[j] * o * (1 - top * top);
        dz[j] = (vn_real)(d * g * i * (1 - i));
        dz[n + j] = (vn_real)(d * at(cells, cell_before + j) * f * (1 - f));
        dz[2 * n + j] = (vn_real)(d * i * (1 - g * g));
        dz[3 * n + j] = (vn_real)((double)dh[j] * top * o * (1 - o));
        dc[j] = (vn_real)(d * f);
    }
}

/* Column j of W_hh [rows, n] times d. */
static double down(const vn_call *c, const vn_real *d, int64_t j)
{
    int64_t rows = c->in[0].dim[0], n = c->in[0].dim[1];
    double sum = 0;
    for (int64_t i = 0; i < rows; i++)
        sum += (double)((const vn_real *)c->in[0].data)[i * n + j] * (double)d[i];
    return sum;
}

static void lstm_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t steps = c->in[1].dim[1], n = c->in[0].dim[1];
    vn_real *dh = c->scratch, *dc = dh + n, *dz = dc + n;
    for (int64_t b = 0; b < c->in[1].dim[0]; b++) {
        for (int64_t j = 0; j < n; j++) {
            dh[j] = (vn_real)at(&c->in[5], b * n + j);
            dc[j] = (vn_real)at(&c->in[6], b * n + j);
        }
        for (int64_t k = steps - 1; k >= 0; k--) {
            int64_t t = b * steps + k;
            for (int64_t j = 0; j < n; j++)
                dh[j] = (vn_real)((double)dh[j] + at(&c->in[4], t * n + j));
            lstm_back(c, t, k ? (t - 1) * n : b * n, &c->in[k ? 2 : 3], dh, dc, dz);
            put(&c->out[0], t * 4 * n, dz, 4 * n);
            for (int64_t j = 0; j < n; j++) dh[j] = (vn_real)down(c, dz, j);
        }
        put(&c->out[1], b * n, dh, n);
        put(&c->out[2], b * n, dc, n);
    }
}

/* gate [4, n]: r, z, n, and what r multiplies. */
static void gru_step(const vn_call *c, const vn_real *x, vn_real *h, vn_real *gate)
{
    int64_t n_in = c->in[1].dim[1], n = c->in[2].dim[1];
    for (int64_t j = 0; j < 3 * n; j++) {
        double of_x = dot(c->in[1].data, j, x, n_in) + at(&c->in[3], j);
        double of_h = dot(c->in[2].data, j, h, n) + at(&c->in[4], j);
        if (j < 2 * n) {
            gate[j] = sigmoid(of_x + of_h);
            continue;
        }
        gate[n + j] = (vn_real)of_h;
        gate[j] = (vn_real)tanh(of_x + (double)gate[j - 2 * n] * of_h);
    }
    for (int64_t j = 0; j < n; j++) {
        double z = (double)gate[n + j];
        h[j] = (vn_real)((1 - z) * (double)gate[2 * n + j] + z * (double)h[j]);
    }
}

static void gru(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t steps = c->in[0].dim[1], n_in = c->in[0].dim[2], n = c->in[2].dim[1];
    vn_real *h = c->scratch, *gate = h + n;
    for (int64_t b = 0; b < c->in[0].dim[0]; b++) {
        for (int64_t j = 0; j < n; j++) h[j] = (vn_real)at(&c->in[5], b * n + j);
        for (int64_t t = b * steps; t < (b + 1) * steps; t++) {
            gru_step(c, (const vn_real *)c->in[0].data + t * n_in, h, gate);
            put(&c->out[0], t * n, h, n);
            put(&c->out[2], t * 4 * n, gate, 4 * n);
        }
        put(&c->out[1], b * n, h, n);
    }
}

/* As lstm_back: dx and dh [3, n] are the gates' gradients on both sides. */
static void gru_back(const vn_call *c, int64_t t, int64_t h_before, const vn_tensor *h,
                     vn_real *dstate, vn_real *dx, vn_real *dh)
{
    int64_t n = c->in[0].dim[1];
    const vn_real *gate = (const vn_real *)c->in[1].data + t * 4 * n;
    for (int64_t j = 0; j < n; j++) {
        double r = (double)gate[j], z = (double)gate[n + j], m = (double)gate[2 * n + j];
        double d = (double)dstate[j], dm = d * (1 - z) * (1 - m * m);
        dx[j] = dh[j] = (vn_real)(dm * (double)gate[3 * n + j] * r * (1 - r));
        dx[n + j] = dh[n + j] = (vn_real)(d * (at(h, h_before + j) - m) * z * (1 - z));
        dx[2 * n + j] = (vn_real)dm;
        dh[2 * n + j] = (vn_real)(dm * r);
        dstate[j] = (vn_real)(d * z);
    }
}

static void gru_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t steps = c->in[1].dim[1], n = c->in[0].dim[1];
    vn_real *dstate = c->scratch, *dx = dstate + n, *dh = dx + 3 * n;
    for (int64_t b = 0; b < c->in[1].dim[0]; b++) {
        for (int64_t j = 0; j < n; j++) dstate[j] = (vn_real)at(&c->in[5], b * n + j);
        for (int64_t k = steps - 1; k >= 0; k--) {
            int64_t t = b * steps + k;
            for (int64_t j = 0; j < n; j++)
                dstate[j] = (vn_real)((double)dstate[j] + at(&c->in[4], t * n + j));
            gru_back(c, t, k ? (t - 1) * n : b * n, &c->in[k ? 2 : 3], dstate, dx, dh);
            put(&c->out[0], t * 3 * n, dx, 3 * n);
            put(&c->out[1], t * 3 * n, dh, 3 * n);
            for (int64_t j = 0; j < n; j++)
                dstate[j] = (vn_real)((double)dstate[j] + down(c, dh, j));
        }
        put(&c->out[2], b * n, dstate, n);
    }
}

const vn_kernel VN_REF(lstm) = { VN_REF_NAME(lstm), 0, VN_REF(unfit), scratch, lstm };
const vn_kernel VN_REF(lstm_grad) = { VN_REF_NAME(lstm_grad), 0, VN_REF(unfit), scratch,
                                      lstm_grad };
const vn_kernel VN_REF(gru) = { VN_REF_NAME(gru), 0, VN_REF(unfit), scratch, gru };
const vn_kernel VN_REF(gru_grad) = { VN_REF_NAME(gru_grad), 0, VN_REF(unfit), scratch, gru_grad };

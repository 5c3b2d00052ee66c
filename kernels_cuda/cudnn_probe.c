/* A library is believed when a small LSTM and a small GRU come out of it as the host computes them
 * in double, step by step, and their gradients as differences of that. It is a few small launches
 * once a device, and settles the order of gates and weights, which bias stands where, and what is
 * asked of it twice. */
#include <cuda_runtime_api.h>
#include <math.h>
#include <string.h>

#include "kernels_cuda/cudnn.h"

enum { B = 2, T = 3, I = 8, H = 4 }; /* all inputs begin on 16 bytes */
/* Inputs one behind the other; gradients lie in the same order. */
enum {
    W_IH = B * T * I,
    W_HH = W_IH + 4 * H * I,
    B_IH = W_HH + 4 * H * H,
    B_HH = B_IH + 4 * H,
    H0 = B_HH + 4 * H,
    C0 = H0 + B * H,
    INPUTS = C0 + B * H
};
/* Results, whose gradients lie in the same order. */
enum { LAST_H = B * T * H, LAST_C = LAST_H + B * H, RESULTS = LAST_C + B * H };
enum { ALIGN = 64 }; /* numbers: what a library is given lies on 256 bytes */
static const double near_by = 1e-4, step = 1e-4;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* Row q H + j of W v + b. */
static double row(const double *w, const double *b, int r, const double *v, int n)
{
    double sum = b[r];
    for (int k = 0; k < n; k++) sum += w[r * n + k] * v[k];
    return sum;
}

static void one_step(bool gru, const double *in, const double *x, const double *h, double *next,
                     double *c)
{
    for (int j = 0; j < H; j++) {
        double of_x[4] = { 0 }, of_h[4] = { 0 };
        for (int q = 0; q < (gru ? 3 : 4); q++) {
            of_x[q] = row(in + W_IH, in + B_IH, q * H + j, x, I);
            of_h[q] = row(in + W_HH, in + B_HH, q * H + j, h, H);
        }
        double first = sigmoid(of_x[0] + of_h[0]), second = sigmoid(of_x[1] + of_h[1]);
        if (gru) {
            next[j] = second * h[j] + (1 - second) * tanh(of_x[2] + first * of_h[2]);
        } else {
            c[j] = second * c[j] + first * tanh(of_x[2] + of_h[2]);
            next[j] = sigmoid(of_x[3] + of_h[3]) * tanh(c[j]);
        }
    }
}

static void compute(bool gru, const double *in, double *out)
{
    for (int b = 0; b < B; b++) {
        double h[H], c[H];
        memcpy(h, in + H0 + b * H, sizeof h);
        memcpy(c, in + C0 + b * H, sizeof c);
        for (int t = 0; t < T; t++) {
            double *y = out + (b * T + t) * H;
            one_step(gru, in, in + (b * T + t) * I, h, y, c);
            memcpy(h, y, sizeof h);
        }
        memcpy(out + LAST_H + b * H, h, sizeof h);
        memcpy(out + LAST_C + b * H, c, sizeof c);
    }
}

/* What the results' gradients make of the results. */
static double objective(bool gru, const double *in, const float *dout)
{
    double out[RESULTS], sum = 0;
    compute(gru, in, out);
    for (int i = 0; i < (gru ? LAST_C : RESULTS); i++) sum += out[i] * (double)dout[i];
    return sum;
}

static bool near_to(float got, double want)
{
    return fabs((double)got - want) <= near_by * (1 + fabs(want)); /* false of a NaN */
}

static bool is_right(bool gru, const float *in, const float *dout, const float *out,
                     const float *grad)
{
    double wide[INPUTS], want[RESULTS];
    bool right = true;
    for (int i = 0; i < INPUTS; i++) wide[i] = (double)in[i];
    compute(gru, wide, want);
    for (int i = 0; i < (gru ? LAST_C : RESULTS); i++) right = right && near_to(out[i], want[i]);
    for (int i = 0; i < (gru ? C0 : INPUTS) && right; i++) {
        double at = wide[i], up, down;
        wide[i] = at + step;
        up = objective(gru, wide, dout);
        wide[i] = at - step;
        down = objective(gru, wide, dout);
        wide[i] = at;
        bool none = gru && ((i >= W_IH && i < W_HH && i - W_IH >= 3 * H * I) ||
                            (i >= W_HH && i < B_IH && i - W_HH >= 3 * H * H) ||
                            (i >= B_IH && i < B_HH && i - B_IH >= 3 * H) ||
                            (i >= B_HH && i < H0 && i - B_HH >= 3 * H));
        right = none || near_to(grad[i], (up - down) / (2 * step));
    }
    return right;
}

/* Numbers between -1 and 1, the same always. */
static void draw(float *v, int n)
{
    uint32_t state = 12345;
    for (int i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        v[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
    }
}

/* Rooms of the device, one behind the other, in numbers. */
enum {
    AT_DOUT = (INPUTS + ALIGN - 1) / ALIGN * ALIGN,
    AT_OUT = AT_DOUT + (RESULTS + ALIGN - 1) / ALIGN * ALIGN,
    AT_GRAD = AT_OUT + (RESULTS + ALIGN - 1) / ALIGN * ALIGN,
    AT_REST = AT_GRAD + (INPUTS + ALIGN - 1) / ALIGN * ALIGN
};

static size_t rounded(size_t bytes)
{
    size_t to = ALIGN * sizeof(float);
    return (bytes + to - 1) / to * to;
}

static vn_recurrence_memory memory_of(const vn_cudnn_call *c, float *d)
{
    float *dout = d + AT_DOUT, *out = d + AT_OUT, *grad = d + AT_GRAD;
    bool gru = c->about.gru;
    vn_recurrence_memory m = { .x = d, .w_ih = d + W_IH, .w_hh = d + W_HH, .b_ih = d + B_IH };
    m.b_hh = d + B_HH;
    m.h0 = d + H0;
    m.c0 = gru ? NULL : d + C0;
    m.y = out;
    m.last_h = out + LAST_H;
    m.last_c = gru ? NULL : out + LAST_C;
    m.dy = dout;
    m.dlast_h = dout + LAST_H;
    m.dlast_c = gru ? NULL : dout + LAST_C;
    m.dx = grad;
    m.dw_ih = grad + W_IH;
    m.dw_hh = grad + W_HH;
    m.db_ih = grad + B_IH;
    m.db_hh = grad + B_HH;
    m.dh0 = grad + H0;
    m.dc0 = gru ? NULL : grad + C0;
    m.weights = (char *)(d + AT_REST);
    m.dweights = m.weights + rounded(c->weights);
    m.work = m.dweights + rounded(c->weights);
    m.reserve = (char *)m.work + rounded(c->work);
    return m;
}

static bool run(const vn_cudnn *lib, const vn_cudnn_call *c, const float *in, const float *dout,
                float *out, float *grad, vn_stream *s)
{
    cudaStream_t stream = ((vn_cuda_stream *)s)->handle;
    size_t rest = 2 * rounded(c->weights) + rounded(c->work) + rounded(c->reserve);
    float *d = NULL;
    if (cudaMalloc((void **)&d, AT_REST * sizeof *d + rest)) return false;
    vn_recurrence_memory m = memory_of(c, d);
    bool ok =
        !cudaMemsetAsync(d, 0, AT_REST * sizeof *d, stream) &&
        !cudaMemcpyAsync(d, in, INPUTS * sizeof *d, cudaMemcpyHostToDevice, stream) &&
        !cudaMemcpyAsync(d + AT_DOUT, dout, RESULTS * sizeof *d, cudaMemcpyHostToDevice, stream) &&
        vn_cudnn_forward(lib, c, &m, s) && vn_cudnn_backward(lib, c, &m, s) &&
        !cudaMemcpyAsync(out, m.y, RESULTS * sizeof *d, cudaMemcpyDeviceToHost, stream) &&
        !cudaMemcpyAsync(grad, m.dx, INPUTS * sizeof *d, cudaMemcpyDeviceToHost, stream);
    ok = !cudaStreamSynchronize(stream) && ok;
    cudaFree(d);
    return ok;
}

bool vn_cudnn_probe(const vn_cudnn *lib, vn_stream *s)
{
    float numbers[INPUTS + RESULTS], out[RESULTS], grad[INPUTS], *dout = numbers + INPUTS;
    bool right = true;
    draw(numbers, INPUTS + RESULTS);
    for (int gru = 0; gru < 2 && right; gru++) {
        vn_recurrence r = {
            .gru = gru, .training = true, .batch = B, .steps = T, .inputs = I, .units = H
        };
        vn_cudnn_call c;
        float *somewhere = NULL;
        right = !cudaMalloc((void **)&somewhere, 1 << 16);
        right = right && vn_cudnn_describe(lib, &r, VN_CUDNN_RNN_ALGO_STANDARD, somewhere, &c);
        if (somewhere) cudaFree(somewhere);
        if (!right) break;
        right =
            run(lib, &c, numbers, dout, out, grad, s) && is_right(gru, numbers, dout, out, grad);
        vn_cudnn_forget(lib, &c);
    }
    cudaGetLastError(); /* told by what is returned; it must not surface at the next launch */
    return right;
}

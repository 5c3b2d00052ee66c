/* cuDNN's recurrent layers without a GPU: a library of the same name and entry points that checks
 * every descriptor and argument as NVIDIA documents them (and as version 9.19 answers without a
 * GPU) and computes on the host, when the stream comes to it. What it refuses as a fault it tells,
 * and the device fails from then on: Vane must never call it wrong. What it merely lacks it answers
 * with NOT_SUPPORTED.
 *
 * The three algorithms lay their weights out differently, and have times of their own; the reserve
 * remembers which pass wrote it, of which weights and values. EMU_DNN=absent: it does not start;
 * swapped: the first two gates change places; nan: a result is none; refuses: from its third
 * forward pass on it fails, and leaves an error behind; drifts: from then on it is off. */
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#include "kernels_cuda/cudnn_api.h"
#include "kernels_cuda/emu/library.h"

#define API extern "C" __attribute__((visibility("default")))

namespace
{

const cudnnStatus_t OK = (cudnnStatus_t)VN_CUDNN_STATUS_SUCCESS;
const cudnnStatus_t LACKS = (cudnnStatus_t)VN_CUDNN_STATUS_NOT_SUPPORTED;

struct Tensor {
    int rank = 0, dim[8], stride[8];
};
struct Data {
    int steps = 0, batch = 0, width = 0;
};
struct Rnn {
    bool set = false, gru = false;
    unsigned algo = 0;
    int inputs = 0, units = 0;
    int gates() const { return gru ? 3 : 4; }
    size_t numbers(int i) const { return (size_t)units * (size_t)(i < gates() ? inputs : units); }
};
struct Handle {
    cudaStream_t stream = nullptr;
};

bool wish(const char *what)
{
    const char *state = getenv("EMU_DNN");
    return state && !strcmp(state, what);
}

cudnnStatus_t wrong(const char *what)
{
    char text[256];
    snprintf(text, sizeof text, "cudnn: %s", what);
    emu::library_error(text);
    return (cudnnStatus_t)VN_CUDNN_STATUS_BAD_PARAM;
}

/* ---- where weights and values lie ---- */

size_t up(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

/* Matrices then biases, or biases then matrices and the last first, on lines of their own. */
void places(const Rnn &r, size_t matrix[8], size_t bias[8], size_t *bytes)
{
    bool turned = r.algo == VN_CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H;
    size_t at = 0, line = r.algo == VN_CUDNN_RNN_ALGO_STANDARD ? 4 : 64;
    int n = 2 * r.gates();
    for (int part = 0; part < 2; part++)
        for (int k = 0; k < n; k++) {
            int i = turned ? n - 1 - k : k;
            bool matrices = (part == 0) != turned;
            (matrices ? matrix : bias)[i] = at;
            at += up((matrices ? r.numbers(i) : (size_t)r.units) * 4, line);
        }
    *bytes = at;
}

size_t weight_bytes(const Rnn &r)
{
    size_t matrix[8], bias[8], bytes;
    places(r, matrix, bias, &bytes);
    return bytes;
}

/* In front of a reserve. */
struct Mark {
    uint64_t layer, weights, y;
    uint32_t pass; /* 1: forward, 2: slopes of the gates are there */
};
const uint32_t FORWARD = 0x51a7e001, SLOPES = 0x51a7e002;

size_t windows_steps(const Data &d)
{
    return (size_t)d.batch * (size_t)d.steps;
}

/* Numbers behind the mark: 4 a unit of gates, the cell, slopes on both sides. */
size_t reserve_bytes(const Rnn &r, const Data &d)
{
    return 64 + windows_steps(d) * (size_t)r.units * 4 * (size_t)(5 + 2 * r.gates());
}

size_t work_bytes(const Rnn &r, const Data &d)
{
    return 64 + windows_steps(d) * (size_t)r.units * 4;
}

uint64_t hash(const void *p, size_t bytes)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < bytes; i++) h = (h ^ ((const unsigned char *)p)[i]) * 1099511628211u;
    return h;
}

uint64_t hash_of(const Rnn &r, const Data &d)
{
    int64_t all[] = { r.gru, r.algo, r.inputs, r.units, d.steps, d.batch };
    return hash(all, sizeof all);
}

/* ---- a call ---- */

struct Call {
    Rnn r;
    Data d;
    bool training = false, off = false;
    const float *x = nullptr, *hx = nullptr, *cx = nullptr, *dy = nullptr, *dhy = nullptr,
                *dcy = nullptr;
    float *y = nullptr, *hy = nullptr, *cy = nullptr, *dx = nullptr, *dhx = nullptr, *dcx = nullptr;
    char *weights = nullptr, *reserve = nullptr;
    void *work = nullptr;

    float *matrix(int i) const
    {
        size_t m[8], b[8], bytes;
        places(r, m, b, &bytes);
        return (float *)(weights + m[i]);
    }
    float *bias(int i) const
    {
        size_t m[8], b[8], bytes;
        places(r, m, b, &bytes);
        return (float *)(weights + b[i]);
    }
    float *gates() const { return (float *)(reserve + 64); }
    float *cells() const { return gates() + windows_steps(d) * (size_t)r.units * 4; }
    float *slopes(bool of_h) const
    {
        size_t one = windows_steps(d) * (size_t)(r.units * r.gates());
        return cells() + windows_steps(d) * (size_t)r.units + (of_h ? one : 0);
    }
    size_t x_bytes() const { return windows_steps(d) * (size_t)r.inputs * 4; }
    size_t y_bytes() const { return windows_steps(d) * (size_t)r.units * 4; }
    size_t state_bytes() const { return (size_t)d.batch * (size_t)r.units * 4; }
};

/* ---- what NVIDIA's documentation asks ---- */

struct Range {
    const char *name;
    const void *at;
    size_t bytes;
    bool must, written;
};

const char *fault_of_ranges(const std::vector<Range> &all)
{
    static char text[96];
    for (const Range &a : all) {
        const char *what = nullptr;
        if (!a.at && !a.must) continue;
        if (!a.at || emu::library_bytes(a.at) < a.bytes)
            what = "is not within the device's memory";
        else if ((uintptr_t)a.at % 16)
            what = "does not lie on 16 bytes";
        for (const Range &b : all)
            if (!what && &a != &b && a.written && b.at && a.bytes && b.bytes &&
                (const char *)a.at < (const char *)b.at + b.bytes &&
                (const char *)b.at < (const char *)a.at + a.bytes)
                what = "overlaps something else of the call";
        if (!what) continue;
        snprintf(text, sizeof text, "%s %s", a.name, what);
        return text;
    }
    return nullptr;
}

const char *fault_of_state(const cudnnTensorDescriptor_t desc, const Call &c)
{
    const Tensor *t = (const Tensor *)desc;
    if (!t || t->rank != 3 || t->dim[0] != 1 || t->dim[1] != c.d.batch || t->dim[2] != c.r.units)
        return "a state's descriptor that is not [1, batch, units]";
    if (t->stride[2] != 1 || t->stride[1] != t->dim[2] || t->stride[0] != t->dim[1] * t->dim[2])
        return "a state that is not packed";
    return nullptr;
}

const char *fault_of_shapes(cudnnHandle_t handle, cudnnRNNDescriptor_t rnn, const int32_t *lengths,
                            cudnnRNNDataDescriptor_t x, cudnnRNNDataDescriptor_t y)
{
    const Rnn *r = (const Rnn *)rnn;
    const Data *dx = (const Data *)x, *dy = (const Data *)y;
    if (!handle || !r || !dx || !dy || !r->set) return "a null or unset argument";
    if (lengths) return "lengths on the device, which are NULL since 8.9.1";
    if (dx->width != r->inputs || dy->width != r->units)
        return "data of another width than the layer";
    if (dx->steps != dy->steps || dx->batch != dy->batch) return "x and y of other shapes";
    return nullptr;
}

const char *fault_of_sizes(const Call &c, size_t weights, size_t work, size_t reserve)
{
    if (weights < weight_bytes(c.r)) return "a weight space that is too small";
    if (work < work_bytes(c.r, c.d)) return "a workspace that is too small";
    if (c.training && reserve < reserve_bytes(c.r, c.d)) return "a reserve that is too small";
    return nullptr;
}

Call call_of(cudnnRNNDescriptor_t rnn, cudnnRNNDataDescriptor_t x)
{
    Call c;
    c.r = *(const Rnn *)rnn;
    c.d = *(const Data *)x;
    return c;
}

/* Each is the fastest somewhere. */
double time_of(const Call &c)
{
    double flops = 2.0 * c.r.units * c.r.gates() * (c.r.inputs + c.r.units);
    return 0.6 + (double)(((hash_of(c.r, c.d) >> 20) + c.r.algo) % 4) * 2 +
           flops * (double)windows_steps(c.d) * 1e-8;
}

/* ---- computing ---- */

float sigmoid(double x)
{
    return (float)(1 / (1 + std::exp(-x)));
}

double dot(const float *a, const float *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
    return sum;
}

void reads_weights(const Call &c)
{
    for (int i = 0; i < 2 * c.r.gates(); i++) {
        emu::library_reads("cudnn: a matrix", c.matrix(i), c.r.numbers(i) * 4);
        emu::library_reads("cudnn: a bias", c.bias(i), (size_t)c.r.units * 4);
    }
}

uint64_t hash_of_weights(const Call &c)
{
    uint64_t h = 0;
    for (int i = 0; i < 2 * c.r.gates(); i++)
        h = h * 31 + hash(c.matrix(i), c.r.numbers(i) * 4) + hash(c.bias(i), (size_t)c.r.units * 4);
    return h;
}

/* A step of window b: h becomes the next, gate [4, units] and cell what is kept. */
void forward_step(const Call &c, const float *x, std::vector<float> &h, float *cell, float *gate)
{
    int H = c.r.units, G = c.r.gates();
    std::vector<float> next(h.size());
    for (int j = 0; j < H; j++) {
        double of_x[4], of_h[4];
        for (int q = 0; q < G; q++) {
            of_x[q] = c.bias(q)[j] + dot(c.matrix(q) + j * c.r.inputs, x, c.r.inputs);
            of_h[q] = c.bias(G + q)[j] + dot(c.matrix(G + q) + j * H, h.data(), H);
        }
        if (wish("swapped")) std::swap(of_x[0], of_x[1]);
        float *g = gate + j;
        g[0] = sigmoid(of_x[0] + of_h[0]);
        g[H] = sigmoid(of_x[1] + of_h[1]);
        if (c.r.gru) {
            g[2 * H] = (float)std::tanh(of_x[2] + g[0] * of_h[2]);
            g[3 * H] = (float)of_h[2];
            next[(size_t)j] = g[H] * h[(size_t)j] + (1 - g[H]) * g[2 * H];
        } else {
            g[2 * H] = (float)std::tanh(of_x[2] + of_h[2]);
            g[3 * H] = sigmoid(of_x[3] + of_h[3]);
            cell[j] = g[H] * cell[j] + g[0] * g[2 * H];
            next[(size_t)j] = g[3 * H] * (float)std::tanh((double)cell[j]);
        }
    }
    h = next;
}

void forward(const Call &c)
{
    size_t H = (size_t)c.r.units, I = (size_t)c.r.inputs, T = (size_t)c.d.steps;
    reads_weights(c);
    emu::library_reads("cudnn: x", c.x, c.x_bytes());
    if (c.hx) emu::library_reads("cudnn: hx", c.hx, c.state_bytes());
    if (c.cx) emu::library_reads("cudnn: cx", c.cx, c.state_bytes());
    memset(c.work, 0xff, work_bytes(c.r, c.d));
    std::vector<float> gate(4 * H);
    for (size_t b = 0; b < (size_t)c.d.batch; b++) {
        std::vector<float> h(H, 0), cell(H, 0);
        if (c.hx) h.assign(c.hx + b * H, c.hx + (b + 1) * H);
        if (c.cx) cell.assign(c.cx + b * H, c.cx + (b + 1) * H);
        for (size_t row = b * T; row < (b + 1) * T; row++) {
            forward_step(c, c.x + row * I, h, cell.data(), gate.data());
            memcpy(c.y + row * H, h.data(), H * 4);
            if (!c.training) continue;
            memcpy(c.gates() + row * 4 * H, gate.data(), 4 * H * 4);
            memcpy(c.cells() + row * H, cell.data(), H * 4);
        }
        if (c.hy) memcpy(c.hy + b * H, h.data(), H * 4);
        if (c.cy) memcpy(c.cy + b * H, cell.data(), H * 4);
    }
    if (wish("nan")) c.y[0] = NAN;
    if (c.off) c.y[0] += 0.5f;
    emu::library_wrote(c.y, c.y_bytes());
    if (c.hy) emu::library_wrote(c.hy, c.state_bytes());
    if (c.cy) emu::library_wrote(c.cy, c.state_bytes());
    if (!c.training) return;
    Mark mark = { hash_of(c.r, c.d), hash_of_weights(c), hash(c.y, c.y_bytes()), FORWARD };
    memcpy(c.reserve, &mark, sizeof mark);
    emu::library_wrote(c.reserve, reserve_bytes(c.r, c.d));
}

/* Slopes of unit j at row `row` from dh and dc, which become those of the step before but for the
 * product. */
void slopes_of(const Call &c, size_t row, float before, size_t j, double *dh, double *dc)
{
    size_t H = (size_t)c.r.units, at = row * H * (size_t)c.r.gates() + j;
    const float *g = c.gates() + row * 4 * H + j;
    float *of_x = c.slopes(false) + at, *of_h = c.slopes(true) + at;
    if (c.r.gru) {
        double dn = *dh * (1 - g[H]) * (1 - (double)g[2 * H] * g[2 * H]);
        of_x[0] = of_h[0] = (float)(dn * g[3 * H] * g[0] * (1 - g[0]));
        of_x[H] = of_h[H] = (float)(*dh * (before - g[2 * H]) * g[H] * (1 - g[H]));
        of_x[2 * H] = (float)dn;
        of_h[2 * H] = (float)(dn * g[0]);
        *dh *= g[H];
        return;
    }
    double top = std::tanh((double)c.cells()[row * H + j]);
    double d = *dc + *dh * g[3 * H] * (1 - top * top);
    of_x[0] = of_h[0] = (float)(d * g[2 * H] * g[0] * (1 - g[0]));
    of_x[H] = of_h[H] = (float)(d * before * g[H] * (1 - g[H]));
    of_x[2 * H] = of_h[2 * H] = (float)(d * g[0] * (1 - (double)g[2 * H] * g[2 * H]));
    of_x[3 * H] = of_h[3 * H] = (float)(*dh * top * g[3 * H] * (1 - g[3 * H]));
    *dh = 0;
    *dc = d * g[H];
}

/* to [n] += the slopes of a row times matrices first .. first + gates. */
void add_product(const Call &c, size_t row, bool of_h, int n, double *to)
{
    int H = c.r.units, G = c.r.gates();
    const float *slope = c.slopes(of_h) + row * (size_t)(G * H);
    for (int q = 0; q < G; q++)
        for (int j = 0; j < H; j++) {
            const float *w = c.matrix(of_h ? G + q : q) + j * n;
            for (int k = 0; k < n; k++) to[k] += (double)slope[q * H + j] * (double)w[k];
        }
}

void back_window(const Call &c, size_t b)
{
    size_t H = (size_t)c.r.units, I = (size_t)c.r.inputs, T = (size_t)c.d.steps;
    std::vector<double> dh(H, 0), dc(H, 0), dx(I);
    for (size_t j = 0; j < H; j++) {
        if (c.dhy) dh[j] = c.dhy[b * H + j];
        if (c.dcy) dc[j] = c.dcy[b * H + j];
    }
    for (size_t t = T; t-- > 0;) {
        size_t row = b * T + t;
        const float *kept = c.r.gru ? c.y : c.cells(), *first = c.r.gru ? c.hx : c.cx;
        for (size_t j = 0; j < H; j++) {
            float before = t ? kept[(row - 1) * H + j] : first ? first[b * H + j] : 0;
            dh[j] += (double)c.dy[row * H + j];
            slopes_of(c, row, before, j, &dh[j], &dc[j]);
        }
        add_product(c, row, true, (int)H, dh.data());
        dx.assign(I, 0);
        add_product(c, row, false, (int)I, dx.data());
        for (size_t k = 0; k < I; k++) c.dx[row * I + k] = (float)dx[k];
    }
    for (size_t j = 0; j < H; j++) {
        if (c.dhx) c.dhx[b * H + j] = (float)dh[j];
        if (c.dcx) c.dcx[b * H + j] = (float)dc[j];
    }
}

bool is_marked(const Call &c, uint32_t pass, const char *doing)
{
    char text[128];
    Mark mark;
    memcpy(&mark, c.reserve, sizeof mark);
    const char *what = mark.layer != hash_of(c.r, c.d)    ? "is not of this layer"
                       : mark.pass != pass                ? "is not of the pass before"
                       : mark.y != hash(c.y, c.y_bytes()) ? "is of another y"
                                                          : nullptr;
    if (!what) return true;
    snprintf(text, sizeof text, "cudnn: %s: the reserve %s", doing, what);
    emu::library_error(text);
    return false;
}

void backward_data(const Call &c)
{
    Mark mark;
    if (!is_marked(c, FORWARD, "BackwardData")) return;
    memcpy(&mark, c.reserve, sizeof mark);
    if (mark.weights != hash_of_weights(c))
        return emu::library_error("cudnn: BackwardData: other weights than forward");
    emu::library_reads("cudnn: dy", c.dy, c.y_bytes());
    if (c.dhy) emu::library_reads("cudnn: dhy", c.dhy, c.state_bytes());
    if (c.dcy) emu::library_reads("cudnn: dcy", c.dcy, c.state_bytes());
    memset(c.work, 0xff, work_bytes(c.r, c.d));
    for (size_t b = 0; b < (size_t)c.d.batch; b++) back_window(c, b);
    mark.pass = SLOPES;
    memcpy(c.reserve, &mark, sizeof mark);
    emu::library_wrote(c.dx, c.x_bytes());
    if (c.dhx) emu::library_wrote(c.dhx, c.state_bytes());
    if (c.dcx) emu::library_wrote(c.dcx, c.state_bytes());
}

/* The gradient of linear layer i, onto what lies there; `weights` is that of the gradients. */
void add_weights(const Call &c, int i)
{
    int H = c.r.units, G = c.r.gates(), q = i % G, n = i < G ? c.r.inputs : H, T = c.d.steps;
    for (int j = 0; j < H; j++) {
        std::vector<double> sum((size_t)n, 0);
        double all = 0;
        for (size_t row = 0; row < windows_steps(c.d); row++) {
            size_t b = row / (size_t)T;
            double d = c.slopes(i >= G)[(row * (size_t)G + (size_t)q) * (size_t)H + (size_t)j];
            const float *from = i < G             ? c.x + row * (size_t)n
                                : row % (size_t)T ? c.y + (row - 1) * (size_t)n
                                : c.hx            ? c.hx + b * (size_t)n
                                                  : nullptr;
            all += d;
            for (int k = 0; from && k < n; k++) sum[(size_t)k] += d * (double)from[k];
        }
        for (int k = 0; k < n; k++) c.matrix(i)[j * n + k] += (float)sum[(size_t)k];
        c.bias(i)[j] += (float)all;
    }
}

void backward_weights(const Call &c)
{
    if (!is_marked(c, SLOPES, "BackwardWeights")) return;
    reads_weights(c); /* it adds */
    emu::library_reads("cudnn: x", c.x, c.x_bytes());
    if (c.hx) emu::library_reads("cudnn: hx", c.hx, c.state_bytes());
    memset(c.work, 0xff, work_bytes(c.r, c.d));
    for (int i = 0; i < 2 * c.r.gates(); i++) add_weights(c, i);
    emu::library_wrote(c.weights, weight_bytes(c.r));
}

cudnnStatus_t queue(cudnnHandle_t handle, const Call &c, void (*run)(const Call &))
{
    emu::library_work(((Handle *)handle)->stream, time_of(c), [c, run] { run(c); });
    return OK;
}

} // namespace

/* ---- handle and descriptors ---- */

API size_t cudnnGetVersion(void)
{
    return 91900;
}

API cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    if (wish("absent")) return (cudnnStatus_t)VN_CUDNN_STATUS_NOT_INITIALIZED;
    *handle = (cudnnHandle_t) new Handle;
    return OK;
}

API cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    delete (Handle *)handle;
    return OK;
}

API cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    if (!handle) return wrong("a stream for no handle");
    ((Handle *)handle)->stream = stream;
    return OK;
}

API cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t *desc)
{
    *desc = (cudnnTensorDescriptor_t) new Tensor;
    return OK;
}

API cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t desc)
{
    delete (Tensor *)desc;
    return OK;
}

API cudnnStatus_t cudnnSetTensorNdDescriptor(cudnnTensorDescriptor_t desc, cudnnDataType_t type,
                                             int rank, const int dim[], const int stride[])
{
    Tensor *t = (Tensor *)desc;
    if (!t || rank < 3 || rank > 8) return wrong("a tensor of a rank it does not know");
    if (type != VN_CUDNN_DATA_FLOAT) return wrong("a type the stand-in does not know");
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1) return wrong("a tensor without numbers");
        t->dim[i] = dim[i];
        t->stride[i] = stride[i];
    }
    t->rank = rank;
    return OK;
}

API cudnnStatus_t cudnnGetTensorNdDescriptor(const cudnnTensorDescriptor_t desc, int most,
                                             cudnnDataType_t *type, int *rank, int dim[],
                                             int stride[])
{
    const Tensor *t = (const Tensor *)desc;
    if (!t || !t->rank) return wrong("a tensor that was not set");
    *type = (cudnnDataType_t)VN_CUDNN_DATA_FLOAT;
    *rank = t->rank;
    for (int i = 0; i < most && i < t->rank; i++) {
        dim[i] = t->dim[i];
        stride[i] = t->stride[i];
    }
    return OK;
}

API cudnnStatus_t cudnnCreateRNNDescriptor(cudnnRNNDescriptor_t *desc)
{
    *desc = (cudnnRNNDescriptor_t) new Rnn;
    return OK;
}

API cudnnStatus_t cudnnDestroyRNNDescriptor(cudnnRNNDescriptor_t desc)
{
    delete (Rnn *)desc;
    return OK;
}

API cudnnStatus_t cudnnSetRNNDescriptor_v8(
    cudnnRNNDescriptor_t desc, cudnnRNNAlgo_t algo, cudnnRNNMode_t cell, cudnnRNNBiasMode_t bias,
    cudnnDirectionMode_t direction, cudnnRNNInputMode_t input, cudnnDataType_t type,
    cudnnDataType_t precision, cudnnMathType_t math, int32_t inputs, int32_t units,
    int32_t projected, int32_t layers, cudnnDropoutDescriptor_t dropout, uint32_t flags)
{
    Rnn *r = (Rnn *)desc;
    if (!r) return wrong("a null argument");
    if (inputs < 1 || units < 1 || projected != units || layers != 1)
        return wrong(
            "sizes of a layer, of which the projected one is the units where none is made");
    if (cell != VN_CUDNN_LSTM && cell != VN_CUDNN_GRU) return wrong("a cell it does not know");
    if (direction != VN_CUDNN_UNIDIRECTIONAL || input != VN_CUDNN_LINEAR_INPUT || dropout)
        return wrong("a layer the stand-in does not know");
    if (type != VN_CUDNN_DATA_FLOAT || precision != type || math != VN_CUDNN_FMA_MATH)
        return wrong("arithmetic that is not strict f32");
    if (flags != VN_CUDNN_RNN_PADDED_IO_ENABLED)
        return wrong("values by batches, which are padded ones, without the flag for them");
    if (bias != VN_CUDNN_RNN_DOUBLE_BIAS) return LACKS; /* of persistent algorithms, in 9.19 */
    if (algo == VN_CUDNN_RNN_ALGO_PERSIST_STATIC && units % 4) return LACKS;
    r->set = true;
    r->gru = cell == VN_CUDNN_GRU;
    r->algo = algo;
    r->inputs = inputs;
    r->units = units;
    return OK;
}

API cudnnStatus_t cudnnCreateRNNDataDescriptor(cudnnRNNDataDescriptor_t *desc)
{
    *desc = (cudnnRNNDataDescriptor_t) new Data;
    return OK;
}

API cudnnStatus_t cudnnDestroyRNNDataDescriptor(cudnnRNNDataDescriptor_t desc)
{
    delete (Data *)desc;
    return OK;
}

API cudnnStatus_t cudnnSetRNNDataDescriptor(cudnnRNNDataDescriptor_t desc, cudnnDataType_t type,
                                            cudnnRNNDataLayout_t layout, int steps, int batch,
                                            int width, const int lengths[], void *padding)
{
    Data *d = (Data *)desc;
    if (!d || !lengths || padding) return wrong("a null argument, or padding without need");
    if (type != VN_CUDNN_DATA_FLOAT || layout != VN_CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED)
        return wrong("a type or a layout the stand-in does not know");
    if (steps < 1 || batch < 1 || width < 1) return wrong("data without numbers");
    for (int b = 0; b < batch; b++)
        if (lengths[b] != steps) return wrong("windows of other lengths, which Vane has not");
    d->steps = steps;
    d->batch = batch;
    d->width = width;
    return OK;
}

API cudnnStatus_t cudnnGetRNNTempSpaceSizes(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                            cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t x,
                                            size_t *workspace, size_t *reserve)
{
    const Rnn *r = (const Rnn *)desc;
    const Data *d = (const Data *)x;
    if (!handle || !r || !r->set || !d || d->width != r->inputs)
        return wrong("sizes of a layer that was not described");
    if (workspace) *workspace = work_bytes(*r, *d);
    if (reserve) *reserve = mode == VN_CUDNN_FWD_MODE_TRAINING ? reserve_bytes(*r, *d) : 0;
    return OK;
}

API cudnnStatus_t cudnnGetRNNWeightSpaceSize(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                             size_t *bytes)
{
    const Rnn *r = (const Rnn *)desc;
    if (!handle || !r || !r->set) return wrong("weights of a layer that was not described");
    *bytes = weight_bytes(*r);
    return OK;
}

API cudnnStatus_t cudnnGetRNNWeightParams(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                          int32_t layer, size_t bytes, const void *weights,
                                          int32_t id, cudnnTensorDescriptor_t m_desc, void **m_at,
                                          cudnnTensorDescriptor_t b_desc, void **b_at)
{
    const Rnn *r = (const Rnn *)desc;
    size_t matrix[8], bias[8], all;
    if (!handle || !r || !r->set || layer != 0 || !weights) return wrong("a null argument");
    if (id < 0 || id >= 2 * r->gates()) return wrong("a linear layer that is none");
    places(*r, matrix, bias, &all);
    if (bytes < all) return wrong("a weight space that is too small");
    int columns = id < r->gates() ? r->inputs : r->units;
    Tensor *m = (Tensor *)m_desc, *b = (Tensor *)b_desc;
    *m = { 3, { 1, r->units, columns }, { r->units * columns, columns, 1 } };
    *b = { 3, { 1, r->units, 1 }, { r->units, 1, 1 } };
    *m_at = (void *)((const char *)weights + matrix[id]);
    *b_at = (void *)((const char *)weights + bias[id]);
    return OK;
}

/* ---- passes ---- */

API cudnnStatus_t cudnnRNNForward(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                  cudnnForwardMode_t mode, const int32_t lengths[],
                                  cudnnRNNDataDescriptor_t x_desc, const void *x,
                                  cudnnRNNDataDescriptor_t y_desc, void *y,
                                  cudnnTensorDescriptor_t h_desc, const void *hx, void *hy,
                                  cudnnTensorDescriptor_t c_desc, const void *cx, void *cy,
                                  size_t weights_size, const void *weights, size_t work_size,
                                  void *work, size_t reserve_size, void *reserve)
{
    static int calls;
    if (const char *what = fault_of_shapes(handle, desc, lengths, x_desc, y_desc))
        return wrong(what);
    Call c = call_of(desc, x_desc);
    c.training = mode == VN_CUDNN_FWD_MODE_TRAINING;
    if (const char *what = fault_of_sizes(c, weights_size, work_size, reserve_size))
        return wrong(what);
    if (const char *what = fault_of_state(h_desc, c)) return wrong(what);
    if (c.r.gru ? cx || cy : fault_of_state(c_desc, c) != nullptr) return wrong("the cells' state");
    if (c.r.algo == VN_CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H && c.r.units > 192) return LACKS;
    if (const char *what =
            fault_of_ranges({ { "x", x, c.x_bytes(), true, false },
                              { "y", y, c.y_bytes(), true, true },
                              { "hx", hx, c.state_bytes(), false, false },
                              { "hy", hy, c.state_bytes(), false, true },
                              { "cx", cx, c.state_bytes(), false, false },
                              { "cy", cy, c.state_bytes(), false, true },
                              { "the weights", weights, weight_bytes(c.r), true, false },
                              { "the workspace", work, work_size, true, true },
                              { "the reserve", reserve, reserve_size, c.training, true } }))
        return wrong(what);
    bool asked = ++calls <= 2; /* by vn_cudnn_probe() */
    c.off = wish("drifts") && !asked;
    if (wish("refuses") && !asked) {
        emu::library_leaves();
        return (cudnnStatus_t)VN_CUDNN_STATUS_EXECUTION_FAILED;
    }
    c.x = (const float *)x, c.hx = (const float *)hx, c.cx = (const float *)cx;
    c.y = (float *)y, c.hy = (float *)hy, c.cy = (float *)cy;
    c.weights = (char *)weights, c.work = work, c.reserve = (char *)reserve;
    return queue(handle, c, forward);
}

API cudnnStatus_t cudnnRNNBackwardData_v8(
    cudnnHandle_t handle, cudnnRNNDescriptor_t desc, const int32_t lengths[],
    cudnnRNNDataDescriptor_t y_desc, const void *y, const void *dy, cudnnRNNDataDescriptor_t x_desc,
    void *dx, cudnnTensorDescriptor_t h_desc, const void *hx, const void *dhy, void *dhx,
    cudnnTensorDescriptor_t c_desc, const void *cx, const void *dcy, void *dcx, size_t weights_size,
    const void *weights, size_t work_size, void *work, size_t reserve_size, void *reserve)
{
    if (const char *what = fault_of_shapes(handle, desc, lengths, x_desc, y_desc))
        return wrong(what);
    Call c = call_of(desc, x_desc);
    c.training = true;
    if (const char *what = fault_of_sizes(c, weights_size, work_size, reserve_size))
        return wrong(what);
    if (const char *what = fault_of_state(h_desc, c)) return wrong(what);
    if (c.r.gru ? cx || dcy || dcx : fault_of_state(c_desc, c) != nullptr)
        return wrong("the cells' state");
    if (c.r.algo == VN_CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H && c.r.units > 128) return LACKS;
    if (const char *what =
            fault_of_ranges({ { "y", y, c.y_bytes(), true, false },
                              { "dy", dy, c.y_bytes(), true, false },
                              { "dx", dx, c.x_bytes(), true, true },
                              { "hx", hx, c.state_bytes(), false, false },
                              { "dhy", dhy, c.state_bytes(), false, false },
                              { "dhx", dhx, c.state_bytes(), false, true },
                              { "cx", cx, c.state_bytes(), false, false },
                              { "dcy", dcy, c.state_bytes(), false, false },
                              { "dcx", dcx, c.state_bytes(), false, true },
                              { "the weights", weights, weight_bytes(c.r), true, false },
                              { "the workspace", work, work_size, true, true },
                              { "the reserve", reserve, reserve_size, true, true } }))
        return wrong(what);
    c.y = (float *)y, c.dy = (const float *)dy, c.dx = (float *)dx;
    c.hx = (const float *)hx, c.dhy = (const float *)dhy, c.dhx = (float *)dhx;
    c.cx = (const float *)cx, c.dcy = (const float *)dcy, c.dcx = (float *)dcx;
    c.weights = (char *)weights, c.work = work, c.reserve = (char *)reserve;
    return queue(handle, c, backward_data);
}

API cudnnStatus_t cudnnRNNBackwardWeights_v8(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                                             cudnnWgradMode_t add, const int32_t lengths[],
                                             cudnnRNNDataDescriptor_t x_desc, const void *x,
                                             cudnnTensorDescriptor_t h_desc, const void *hx,
                                             cudnnRNNDataDescriptor_t y_desc, const void *y,
                                             size_t weights_size, void *dweights, size_t work_size,
                                             void *work, size_t reserve_size, void *reserve)
{
    if (const char *what = fault_of_shapes(handle, desc, lengths, x_desc, y_desc))
        return wrong(what);
    Call c = call_of(desc, x_desc);
    c.training = true;
    if (add != VN_CUDNN_WGRAD_MODE_ADD) return wrong("gradients of weights that are not added");
    if (const char *what = fault_of_sizes(c, weights_size, work_size, reserve_size))
        return wrong(what);
    if (const char *what = fault_of_state(h_desc, c)) return wrong(what);
    if (const char *what =
            fault_of_ranges({ { "x", x, c.x_bytes(), true, false },
                              { "hx", hx, c.state_bytes(), false, false },
                              { "y", y, c.y_bytes(), true, false },
                              { "the weights' gradients", dweights, weight_bytes(c.r), true, true },
                              { "the workspace", work, work_size, true, true },
                              { "the reserve", reserve, reserve_size, true, true } }))
        return wrong(what);
    c.x = (const float *)x, c.hx = (const float *)hx, c.y = (float *)y;
    c.weights = (char *)dweights, c.work = work, c.reserve = (char *)reserve;
    return queue(handle, c, backward_weights);
}

/* cuDNN's gates are in our order (LSTM: i f g o, GRU: r z n with the reset after the product), and
 * so are its numbers: [B, T, N] as the layout by batches. Its weights are one block, whose parts
 * are ours behind one another in an order that it tells; they are copied for every run, since in
 * training they change in every run. */
#include "kernels_cuda/cudnn.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

static const char file_name[] = "libcudnn.so.9";

/* ---- the library ---- */

/* The one cast C has no word for. */
static bool find(void *library, const char *name, void *function)
{
    void *at = dlsym(library, name);
    memcpy(function, &at, sizeof at);
    return at != NULL;
}

static const char *find_all(vn_cudnn *lib)
{
#define VN_CUDNN_FUNCTION(result, name, arguments)                                                 \
    if (!find(lib->library, #name, &lib->name)) return #name;
    VN_CUDNN_FUNCTIONS(VN_CUDNN_FUNCTION)
#undef VN_CUDNN_FUNCTION
    return NULL;
}

bool vn_cudnn_open(vn_cudnn *lib, char *why, size_t n)
{
    memset(lib, 0, sizeof *lib);
    lib->library = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
    if (!lib->library) {
        const char *said = dlerror();
        snprintf(why, n, "%s", said ? said : file_name);
        return false;
    }
    const char *missing = find_all(lib);
    if (missing) {
        snprintf(why, n, "%s has no %s", file_name, missing);
        vn_cudnn_close(lib);
        return false;
    }
    lib->version = lib->cudnnGetVersion();
    return true;
}

bool vn_cudnn_start(vn_cudnn *lib)
{
    if (lib->handle) return true;
    if (lib->library && lib->cudnnCreate(&lib->handle) == VN_CUDNN_STATUS_SUCCESS) return true;
    lib->handle = NULL;
    cudaGetLastError(); /* what loading it left behind */
    return false;
}

void vn_cudnn_close(vn_cudnn *lib)
{
    if (lib->handle) lib->cudnnDestroy(lib->handle);
    if (lib->library) dlclose(lib->library);
    memset(lib, 0, sizeof *lib);
}

/* ---- one layer ---- */

static int gates_of(const vn_recurrence *r)
{
    return r->gru ? 3 : 4;
}

/* Numbers of linear layer i's matrix. */
static int64_t numbers_of(const vn_recurrence *r, int i)
{
    return r->units * (i < gates_of(r) ? r->inputs : r->units);
}

/* Values [B, T, width], every window as long as the others. */
static bool describe_data(const vn_cudnn *lib, const vn_recurrence *r, int64_t width,
                          cudnnRNNDataDescriptor_t *desc)
{
    int *lengths = vn_calloc((size_t)r->batch, sizeof *lengths);
    bool ok = lengths && !lib->cudnnCreateRNNDataDescriptor(desc);
    for (int64_t b = 0; ok && b < r->batch; b++) lengths[b] = (int)r->steps;
    ok = ok && !lib->cudnnSetRNNDataDescriptor(
                   *desc, VN_CUDNN_DATA_FLOAT, VN_CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED,
                   (int)r->steps, (int)r->batch, (int)width, lengths, NULL);
    vn_free(lengths);
    return ok;
}

static bool has_numbers(const vn_cudnn *lib, cudnnTensorDescriptor_t desc, int64_t n)
{
    cudnnDataType_t type;
    int rank, dim[3], stride[3];
    if (lib->cudnnGetTensorNdDescriptor(desc, 3, &type, &rank, dim, stride) || rank > 3)
        return false;
    for (int i = 0; i < rank; i++) n = dim[i] > 0 && n % dim[i] == 0 ? n / dim[i] : 0;
    return type == VN_CUDNN_DATA_FLOAT && n == 1;
}

/* Where `at` lies in a block of `bytes` at `base`; false if n floats are not within it. */
static bool offset_of(const void *at, const void *base, size_t bytes, int64_t n, size_t *offset)
{
    uintptr_t a = (uintptr_t)at, b = (uintptr_t)base;
    *offset = a - b;
    return a >= b && *offset % sizeof(float) == 0 && *offset <= bytes &&
           (size_t)n * sizeof(float) <= bytes - *offset;
}

/* The parts of the weights, and that each has as many numbers as ours. */
static bool find_weights(const vn_cudnn *lib, const void *base, vn_cudnn_call *c)
{
    const vn_recurrence *r = &c->about;
    cudnnTensorDescriptor_t matrix = NULL, bias = NULL;
    bool ok =
        !lib->cudnnCreateTensorDescriptor(&matrix) && !lib->cudnnCreateTensorDescriptor(&bias);
    for (int i = 0; ok && i < 2 * gates_of(r); i++) {
        void *m = NULL, *b = NULL;
        ok = !lib->cudnnGetRNNWeightParams(lib->handle, c->rnn, 0, c->weights, base, i, matrix, &m,
                                           bias, &b) &&
             has_numbers(lib, matrix, numbers_of(r, i)) && has_numbers(lib, bias, r->units) &&
             offset_of(m, base, c->weights, numbers_of(r, i), &c->matrix[i]) &&
             offset_of(b, base, c->weights, r->units, &c->bias[i]);
    }
    if (matrix) lib->cudnnDestroyTensorDescriptor(matrix);
    if (bias) lib->cudnnDestroyTensorDescriptor(bias);
    return ok;
}

/* Two biases always: its persistent algorithms know no layer without, and zeros are as good. */
static bool describe(const vn_cudnn *lib, unsigned algo, const void *somewhere, vn_cudnn_call *c)
{
    const vn_recurrence *r = &c->about;
    int units = (int)r->units;
    int dim[3] = { 1, (int)r->batch, units }, stride[3] = { (int)(r->batch * units), units, 1 };
    cudnnForwardMode_t mode =
        r->training ? VN_CUDNN_FWD_MODE_TRAINING : VN_CUDNN_FWD_MODE_INFERENCE;
    if (lib->cudnnCreateRNNDescriptor(&c->rnn)) return false;
    if (lib->cudnnSetRNNDescriptor_v8(c->rnn, algo, r->gru ? VN_CUDNN_GRU : VN_CUDNN_LSTM,
                                      VN_CUDNN_RNN_DOUBLE_BIAS, VN_CUDNN_UNIDIRECTIONAL,
                                      VN_CUDNN_LINEAR_INPUT, VN_CUDNN_DATA_FLOAT,
                                      VN_CUDNN_DATA_FLOAT, VN_CUDNN_FMA_MATH, (int)r->inputs, units,
                                      units, 1, NULL, VN_CUDNN_RNN_PADDED_IO_ENABLED))
        return false;
    if (!describe_data(lib, r, r->inputs, &c->x) || !describe_data(lib, r, units, &c->y))
        return false;
    if (lib->cudnnCreateTensorDescriptor(&c->state)) return false;
    if (lib->cudnnSetTensorNdDescriptor(c->state, VN_CUDNN_DATA_FLOAT, 3, dim, stride))
        return false;
    if (lib->cudnnGetRNNWeightSpaceSize(lib->handle, c->rnn, &c->weights)) return false;
    if (lib->cudnnGetRNNTempSpaceSizes(lib->handle, c->rnn, mode, c->x, &c->work, &c->reserve))
        return false;
    return find_weights(lib, somewhere, c);
}

bool vn_cudnn_describe(const vn_cudnn *lib, const vn_recurrence *r, unsigned algo,
                       const void *somewhere, vn_cudnn_call *c)
{
    int64_t most = INT32_MAX;
    memset(c, 0, sizeof *c);
    c->about = *r;
    if (r->steps > most || r->inputs > most || r->units > most || r->batch > most / r->units)
        return false;
    if (describe(lib, algo, somewhere, c)) return true;
    vn_cudnn_forget(lib, c);
    return false;
}

void vn_cudnn_forget(const vn_cudnn *lib, vn_cudnn_call *c)
{
    if (c->rnn) lib->cudnnDestroyRNNDescriptor(c->rnn);
    if (c->x) lib->cudnnDestroyRNNDataDescriptor(c->x);
    if (c->y) lib->cudnnDestroyRNNDataDescriptor(c->y);
    if (c->state) lib->cudnnDestroyTensorDescriptor(c->state);
    memset(c, 0, sizeof *c);
}

/* ---- running ---- */

/* Neighbours at both ends become one. */
void vn_pieces_add(vn_pieces *p, float *to, const float *from, int64_t n)
{
    if (!to || !n) return;
    struct vn_piece *last = p->n ? &p->piece[p->n - 1] : NULL;
    bool follows = last && last->to + last->n == to &&
                   (from ? last->from && last->from + last->n == from : !last->from);
    if (follows)
        last->n += n;
    else
        p->piece[p->n++] = (struct vn_piece){ to, from, n };
}

/* p + i numbers, NULL if p is. */
static float *moved(const float *p, int64_t i)
{
    return p ? (float *)p + i : NULL;
}

/* Our matrices and biases against those of a block in cuDNN's order: into it, or out of it. */
static void order(const vn_cudnn_call *c, const float *w_ih, const float *w_hh, const float *b_ih,
                  const float *b_hh, char *block, bool into, vn_pieces *p)
{
    const vn_recurrence *r = &c->about;
    for (int part = 0; part < 2; part++) /* matrices lie together, and biases: fewer pieces */
        for (int i = 0, n = gates_of(r); i < 2 * n; i++) {
            int64_t many = part ? r->units : numbers_of(r, i);
            const float *all = part ? (i < n ? b_ih : b_hh) : i < n ? w_ih : w_hh;
            float *ours = moved(all, i % n * many);
            float *theirs = (float *)(block + (part ? c->bias[i] : c->matrix[i]));
            vn_pieces_add(p, into ? theirs : ours, into ? ours : theirs, many);
        }
}

static bool on_stream(const vn_cudnn *lib, vn_stream *s)
{
    return !lib->cudnnSetStream(lib->handle, ((vn_cuda_stream *)s)->handle);
}

bool vn_cudnn_forward(const vn_cudnn *lib, const vn_cudnn_call *c, const vn_recurrence_memory *m,
                      vn_stream *s)
{
    vn_pieces in = { .n = 0 };
    order(c, m->w_ih, m->w_hh, m->b_ih, m->b_hh, m->weights, true, &in);
    vn_pieces_launch(&in, s);
    return on_stream(lib, s) &&
           !lib->cudnnRNNForward(
               lib->handle, c->rnn,
               c->about.training ? VN_CUDNN_FWD_MODE_TRAINING : VN_CUDNN_FWD_MODE_INFERENCE, NULL,
               c->x, m->x, c->y, m->y, c->state, m->h0, m->last_h, c->about.gru ? NULL : c->state,
               m->c0, m->last_c, c->weights, m->weights, c->work, m->work, c->reserve,
               c->about.training ? m->reserve : NULL);
}

static bool wants_weights(const vn_recurrence_memory *m)
{
    return m->dw_ih || m->dw_hh || m->db_ih || m->db_hh;
}

/* It adds to what is in the weights' gradients, and cannot do otherwise. */
static bool backward_weights(const vn_cudnn *lib, const vn_cudnn_call *c,
                             const vn_recurrence_memory *m, vn_stream *s)
{
    return !cudaMemsetAsync(m->dweights, 0, c->weights, ((vn_cuda_stream *)s)->handle) &&
           !lib->cudnnRNNBackwardWeights_v8(lib->handle, c->rnn, VN_CUDNN_WGRAD_MODE_ADD, NULL,
                                            c->x, m->x, c->state, m->h0, c->y, m->y, c->weights,
                                            m->dweights, c->work, m->work, c->reserve, m->reserve);
}

bool vn_cudnn_backward(const vn_cudnn *lib, const vn_cudnn_call *c, const vn_recurrence_memory *m,
                       vn_stream *s)
{
    const vn_recurrence *r = &c->about;
    vn_pieces out = { .n = 0 };
    if (!on_stream(lib, s) ||
        lib->cudnnRNNBackwardData_v8(lib->handle, c->rnn, NULL, c->y, m->y, m->dy, c->x, m->dx,
                                     c->state, m->h0, m->dlast_h, m->dh0, r->gru ? NULL : c->state,
                                     m->c0, m->dlast_c, m->dc0, c->weights, m->weights, c->work,
                                     m->work, c->reserve, m->reserve))
        return false;
    if (wants_weights(m)) {
        if (!backward_weights(lib, c, m, s)) return false;
        order(c, m->dw_ih, m->dw_hh, m->db_ih, m->db_hh, m->dweights, false, &out);
    }
    vn_pieces_add(&out, m->dx_after, m->dx, r->batch * r->steps * r->inputs);
    vn_pieces_launch(&out, s);
    return true;
}

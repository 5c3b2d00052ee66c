/* Recurrent layers by cuDNN: the library, found when a device is opened, and one layer described
 * to it. */
#ifndef VN_KERNELS_CUDA_CUDNN_H
#define VN_KERNELS_CUDA_CUDNN_H

#include "kernels_cuda/cuda.h"
#include "kernels_cuda/cudnn_api.h"

typedef struct vn_cudnn {
    void *library;
    cudnnHandle_t handle; /* made for the first layer: its libraries are a hundred megabytes */
    size_t version;       /* 91900 for 9.19.0 */
#define VN_CUDNN_FUNCTION(result, name, arguments) result(*name) arguments;
    VN_CUDNN_FUNCTIONS(VN_CUDNN_FUNCTION)
#undef VN_CUDNN_FUNCTION
} vn_cudnn;

/* False: `why` [n] says what is missing. */
bool vn_cudnn_open(vn_cudnn *lib, char *why, size_t n);
/* On the current device, before a layer is described; false if it does not start. */
bool vn_cudnn_start(vn_cudnn *lib);
void vn_cudnn_close(vn_cudnn *lib);

/* One layer of op lstm or gru, in strict f32. */
typedef struct vn_recurrence {
    bool gru, training; /* training: its gradients will be asked for */
    int64_t batch, steps, inputs, units;
} vn_recurrence;

/* Memory of the device. What the op has as optional is NULL where it is absent; a result that is
 * NULL is not wanted, but for y and dx. */
typedef struct vn_recurrence_memory {
    const float *x, *w_ih, *w_hh, *b_ih, *b_hh, *h0, *c0;
    float *y, *last_h, *last_c;
    const float *dy, *dlast_h, *dlast_c;
    float *dx, *dh0, *dc0, *dw_ih, *dw_hh, *db_ih, *db_hh;
    float *dx_after; /* where dx goes when nothing else is read any more, or NULL: it stays */
    void *work;      /* for each call */
    char *weights;   /* in cuDNN's order: made by forward, read again by backward, as is reserve */
    char *dweights;  /* the same of their gradients */
    void *reserve;   /* of training */
} vn_recurrence_memory;

enum { VN_CUDNN_LINEAR = 8 }; /* an LSTM has 4 products with x and 4 with h, a GRU 3 and 3 */

/* A layer the library has been told of. */
typedef struct vn_cudnn_call {
    vn_recurrence about;
    cudnnRNNDescriptor_t rnn;
    cudnnRNNDataDescriptor_t x, y;
    cudnnTensorDescriptor_t state;
    size_t work, reserve, weights;                         /* bytes */
    size_t matrix[VN_CUDNN_LINEAR], bias[VN_CUDNN_LINEAR]; /* where each lies in the weights */
} vn_cudnn_call;

/* `somewhere` in the device's memory, which is not read. False if the library refuses. */
bool vn_cudnn_describe(const vn_cudnn *lib, const vn_recurrence *r, unsigned algo,
                       const void *somewhere, vn_cudnn_call *call);
void vn_cudnn_forget(const vn_cudnn *lib, vn_cudnn_call *call);

/* What is started on a stream; false if the library refuses. */
bool vn_cudnn_forward(const vn_cudnn *lib, const vn_cudnn_call *call, const vn_recurrence_memory *m,
                      vn_stream *s);
bool vn_cudnn_backward(const vn_cudnn *lib, const vn_cudnn_call *call,
                       const vn_recurrence_memory *m, vn_stream *s);

/* Does a small layer of both kinds compute what an LSTM and a GRU are, forward and back, within
 * 1e-4? Asked of every library before it is used. */
bool vn_cudnn_probe(const vn_cudnn *lib, vn_stream *s);

/* ---- pieces.cu: copies, many in one launch ---- */

enum { VN_PIECES_MOST = 24 };
typedef struct vn_pieces {
    struct vn_piece {
        float *to;
        const float *from; /* NULL: zeros */
        int64_t n;
    } piece[VN_PIECES_MOST];
    int64_t n;
} vn_pieces;

void vn_pieces_add(vn_pieces *p, float *to, const float *from, int64_t n);
void vn_pieces_launch(const vn_pieces *p, vn_stream *s);

#endif

/* NVIDIA's cuDNN takes the descriptors Vane makes, as far as it does without a GPU: it tells no
 * sizes and no places of weights there. Usage: vane_cudnn_real path/to/libcudnn.so.9 */
#include "kernels_cuda/cudnn.c"

#include <stdlib.h>

void *vn_calloc(size_t count, size_t size)
{
    return calloc(count, size);
}

void vn_free(void *p)
{
    free(p);
}

cudaError_t cudaGetLastError(void)
{
    return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void *p, int byte, size_t bytes, cudaStream_t stream)
{
    (void)p, (void)byte, (void)bytes, (void)stream;
    return cudaSuccess;
}

void vn_pieces_launch(const vn_pieces *p, vn_stream *s)
{
    (void)p, (void)s;
}

static cudnnStatus_t any_sizes(cudnnHandle_t handle, cudnnRNNDescriptor_t desc,
                               cudnnForwardMode_t mode, cudnnRNNDataDescriptor_t x,
                               size_t *workspace, size_t *reserve)
{
    (void)handle, (void)desc, (void)mode, (void)x;
    *workspace = *reserve = 256;
    return VN_CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t any_weights(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, size_t *bytes)
{
    (void)handle, (void)desc;
    *bytes = (size_t)1 << 30;
    return VN_CUDNN_STATUS_SUCCESS;
}

/* In the library's own tensor descriptors, which need no GPU. */
static const vn_cudnn *asked;
static const vn_recurrence *layer;
static cudnnStatus_t any_place(cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int32_t at,
                               size_t bytes, const void *weights, int32_t id,
                               cudnnTensorDescriptor_t m_desc, void **m_at,
                               cudnnTensorDescriptor_t b_desc, void **b_at)
{
    int units = (int)layer->units, columns = (int)(numbers_of(layer, id) / layer->units);
    int dim[3] = { 1, units, columns }, stride[3] = { units * columns, columns, 1 };
    (void)handle, (void)desc, (void)at, (void)bytes;
    *m_at = *b_at = (void *)(uintptr_t)weights;
    if (asked->cudnnSetTensorNdDescriptor(m_desc, VN_CUDNN_DATA_FLOAT, 3, dim, stride)) return 1;
    dim[2] = stride[1] = 1;
    stride[0] = units;
    return asked->cudnnSetTensorNdDescriptor(b_desc, VN_CUDNN_DATA_FLOAT, 3, dim, stride);
}

int main(int argc, char **argv)
{
    static const unsigned algo[] = { VN_CUDNN_RNN_ALGO_STANDARD, VN_CUDNN_RNN_ALGO_PERSIST_STATIC,
                                     VN_CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H };
    static const int units[] = { 1, 9, 64, 200, 512 };
    int failed = 0;
    vn_cudnn lib = { 0 };
    if (argc != 2 || !(lib.library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL))) return 2;
    const char *missing = find_all(&lib);
    if (missing) {
        printf("%s has no %s\n", argv[1], missing);
        return 1;
    }
    lib.cudnnGetRNNTempSpaceSizes = any_sizes;
    lib.cudnnGetRNNWeightSpaceSize = any_weights;
    lib.cudnnGetRNNWeightParams = any_place;
    asked = &lib;
    for (int i = 0; i < 3 * 5 * 4; i++) {
        vn_recurrence r = { .gru = i & 1, .training = i & 2, .batch = 3, .steps = 7, .inputs = 5 };
        vn_cudnn_call call;
        r.units = units[i / 4 % 5];
        layer = &r;
        if (vn_cudnn_describe(&lib, &r, algo[i / 20], &r, &call)) {
            vn_cudnn_forget(&lib, &call);
            continue;
        }
        failed++;
        printf("refused: algorithm %u, %s of %d units\n", algo[i / 20], r.gru ? "GRU" : "LSTM",
               (int)r.units);
    }
    printf("cuDNN %zu: 60 descriptors, %d refused\n", lib.cudnnGetVersion(), failed);
    return failed > 0;
}

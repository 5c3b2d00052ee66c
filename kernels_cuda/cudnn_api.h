/* The part of cuDNN's interface that kernels_cuda uses: the library is opened when a device is, so
 * building needs neither it nor its headers. Names and values are NVIDIA's, of version 9;
 * kernels_cuda/emu/cudnn_header.c holds them against the headers where there are some
 * (VN_CUDNN_REAL), the emulation's stand-in implements them. */
#ifndef VN_KERNELS_CUDA_CUDNN_API_H
#define VN_KERNELS_CUDA_CUDNN_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef VN_CUDNN_REAL
#include <cudnn.h>
#else
typedef unsigned cudnnStatus_t, cudnnDataType_t, cudnnMathType_t, cudnnRNNAlgo_t, cudnnRNNMode_t;
typedef unsigned cudnnRNNBiasMode_t, cudnnDirectionMode_t, cudnnRNNInputMode_t, cudnnForwardMode_t;
typedef unsigned cudnnRNNDataLayout_t, cudnnWgradMode_t;
typedef struct cudnnContext *cudnnHandle_t;
typedef struct cudnnTensorStruct *cudnnTensorDescriptor_t;
typedef struct cudnnDropoutStruct *cudnnDropoutDescriptor_t;
typedef struct cudnnRNNStruct *cudnnRNNDescriptor_t;
typedef struct cudnnRNNDataStruct *cudnnRNNDataDescriptor_t;
typedef struct CUstream_st *cudaStream_t;
#endif

/* X(name, value), here as VN_<name>. */
#define VN_CUDNN_VALUES(X)                                                                         \
    X(CUDNN_STATUS_SUCCESS, 0)                                                                     \
    X(CUDNN_STATUS_NOT_INITIALIZED, 1001)                                                          \
    X(CUDNN_STATUS_BAD_PARAM, 2000)                                                                \
    X(CUDNN_STATUS_NOT_SUPPORTED, 3000)                                                            \
    X(CUDNN_STATUS_EXECUTION_FAILED, 5000)                                                         \
    X(CUDNN_DATA_FLOAT, 0)                                                                         \
    X(CUDNN_FMA_MATH, 3)                                                                           \
    X(CUDNN_RNN_ALGO_STANDARD, 0)                                                                  \
    X(CUDNN_RNN_ALGO_PERSIST_STATIC, 1)                                                            \
    X(CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, 3)                                                    \
    X(CUDNN_FWD_MODE_INFERENCE, 0)                                                                 \
    X(CUDNN_FWD_MODE_TRAINING, 1)                                                                  \
    X(CUDNN_LSTM, 2)                                                                               \
    X(CUDNN_GRU, 3)                                                                                \
    X(CUDNN_RNN_DOUBLE_BIAS, 2)                                                                    \
    X(CUDNN_UNIDIRECTIONAL, 0)                                                                     \
    X(CUDNN_LINEAR_INPUT, 0)                                                                       \
    X(CUDNN_RNN_DATA_LAYOUT_BATCH_MAJOR_UNPACKED, 2)                                               \
    X(CUDNN_RNN_PADDED_IO_ENABLED, 1)                                                              \
    X(CUDNN_WGRAD_MODE_ADD, 0)

enum vn_cudnn_value {
#define VN_CUDNN_VALUE(name, value) VN_##name = (value),
    VN_CUDNN_VALUES(VN_CUDNN_VALUE)
#undef VN_CUDNN_VALUE
};

/* X(result, name, arguments): the handle and what describes */
#define VN_CUDNN_DESCRIBING(X)                                                                     \
    X(size_t, cudnnGetVersion, (void))                                                             \
    X(cudnnStatus_t, cudnnCreate, (cudnnHandle_t * handle))                                        \
    X(cudnnStatus_t, cudnnDestroy, (cudnnHandle_t handle))                                         \
    X(cudnnStatus_t, cudnnSetStream, (cudnnHandle_t handle, cudaStream_t stream))                  \
    X(cudnnStatus_t, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t * desc))                \
    X(cudnnStatus_t, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t desc))                 \
    X(cudnnStatus_t, cudnnSetTensorNdDescriptor,                                                   \
      (cudnnTensorDescriptor_t desc, cudnnDataType_t type, int rank, const int dim[],              \
       const int stride[]))                                                                        \
    X(cudnnStatus_t, cudnnGetTensorNdDescriptor,                                                   \
      (const cudnnTensorDescriptor_t desc, int most, cudnnDataType_t *type, int *rank, int dim[],  \
       int stride[]))                                                                              \
    X(cudnnStatus_t, cudnnCreateRNNDescriptor, (cudnnRNNDescriptor_t * desc))                      \
    X(cudnnStatus_t, cudnnDestroyRNNDescriptor, (cudnnRNNDescriptor_t desc))                       \
    X(cudnnStatus_t, cudnnSetRNNDescriptor_v8,                                                     \
      (cudnnRNNDescriptor_t desc, cudnnRNNAlgo_t algo, cudnnRNNMode_t cell,                        \
       cudnnRNNBiasMode_t bias, cudnnDirectionMode_t direction, cudnnRNNInputMode_t input,         \
       cudnnDataType_t type, cudnnDataType_t precision, cudnnMathType_t math, int32_t inputs,      \
       int32_t units, int32_t projected, int32_t layers, cudnnDropoutDescriptor_t dropout,         \
       uint32_t flags))                                                                            \
    X(cudnnStatus_t, cudnnCreateRNNDataDescriptor, (cudnnRNNDataDescriptor_t * desc))              \
    X(cudnnStatus_t, cudnnDestroyRNNDataDescriptor, (cudnnRNNDataDescriptor_t desc))               \
    X(cudnnStatus_t, cudnnSetRNNDataDescriptor,                                                    \
      (cudnnRNNDataDescriptor_t desc, cudnnDataType_t type, cudnnRNNDataLayout_t layout,           \
       int steps, int batch, int width, const int lengths[], void *padding))                       \
    X(cudnnStatus_t, cudnnGetRNNTempSpaceSizes,                                                    \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode,                   \
       cudnnRNNDataDescriptor_t x, size_t * workspace, size_t * reserve))                          \
    X(cudnnStatus_t, cudnnGetRNNWeightSpaceSize,                                                   \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, size_t * bytes))                           \
    X(cudnnStatus_t, cudnnGetRNNWeightParams,                                                      \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, int32_t layer, size_t bytes,               \
       const void *weights, int32_t id, cudnnTensorDescriptor_t m_desc, void **m_at,               \
       cudnnTensorDescriptor_t b_desc, void **b_at))

/* What runs. */
#define VN_CUDNN_RUNNING(X)                                                                        \
    X(cudnnStatus_t, cudnnRNNForward,                                                              \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnForwardMode_t mode,                   \
       const int32_t lengths[], cudnnRNNDataDescriptor_t x_desc, const void *x,                    \
       cudnnRNNDataDescriptor_t y_desc, void *y, cudnnTensorDescriptor_t h_desc, const void *hx,   \
       void *hy, cudnnTensorDescriptor_t c_desc, const void *cx, void *cy, size_t weight_bytes,    \
       const void *weights, size_t work_bytes, void *work, size_t reserve_bytes, void *reserve))   \
    X(cudnnStatus_t, cudnnRNNBackwardData_v8,                                                      \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, const int32_t lengths[],                   \
       cudnnRNNDataDescriptor_t y_desc, const void *y, const void *dy,                             \
       cudnnRNNDataDescriptor_t x_desc, void *dx, cudnnTensorDescriptor_t h_desc, const void *hx,  \
       const void *dhy, void *dhx, cudnnTensorDescriptor_t c_desc, const void *cx,                 \
       const void *dcy, void *dcx, size_t weight_bytes, const void *weights, size_t work_bytes,    \
       void *work, size_t reserve_bytes, void *reserve))                                           \
    X(cudnnStatus_t, cudnnRNNBackwardWeights_v8,                                                   \
      (cudnnHandle_t handle, cudnnRNNDescriptor_t desc, cudnnWgradMode_t add,                      \
       const int32_t lengths[], cudnnRNNDataDescriptor_t x_desc, const void *x,                    \
       cudnnTensorDescriptor_t h_desc, const void *hx, cudnnRNNDataDescriptor_t y_desc,            \
       const void *y, size_t weight_bytes, void *dweights, size_t work_bytes, void *work,          \
       size_t reserve_bytes, void *reserve))

#define VN_CUDNN_FUNCTIONS(X) VN_CUDNN_DESCRIBING(X) VN_CUDNN_RUNNING(X)

#endif

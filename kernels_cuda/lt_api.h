/* The part of cuBLASLt's interface that kernels_cuda uses: the library is opened when a device is,
 * so building needs neither it nor its header. Names and values are NVIDIA's; kernels_cuda/emu/lt_header.c
 * holds them against the header where there is one (VN_LT_REAL), the emulation's stand-in
 * implements them. */
#ifndef VN_KERNELS_CUDA_LT_API_H
#define VN_KERNELS_CUDA_LT_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef VN_LT_REAL
#include <cublasLt.h>
#else
typedef unsigned cublasStatus_t, cublasComputeType_t, cudaDataType_t,
    cublasLtMatmulDescAttributes_t;
typedef unsigned cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t;
typedef struct cublasLtContext *cublasLtHandle_t;
typedef struct vn_lt_desc *cublasLtMatmulDesc_t;
typedef struct vn_lt_layout *cublasLtMatrixLayout_t;
typedef struct vn_lt_preference *cublasLtMatmulPreference_t;
typedef struct CUstream_st *cudaStream_t;
typedef struct {
    uint64_t data[8];
} cublasLtMatmulAlgo_t;
typedef struct {
    cublasLtMatmulAlgo_t algo;
    size_t workspaceSize;
    cublasStatus_t state;
    float wavesCount;
    int reserved[4];
} cublasLtMatmulHeuristicResult_t;
#endif

/* X(name, value), here as VN_<name>. */
#define VN_LT_VALUES(X)                                                                            \
    X(CUBLAS_STATUS_SUCCESS, 0)                                                                    \
    X(CUBLAS_STATUS_NOT_INITIALIZED, 1)                                                            \
    X(CUBLAS_STATUS_INVALID_VALUE, 7)                                                              \
    X(CUBLAS_STATUS_NOT_SUPPORTED, 15)                                                             \
    X(CUBLAS_OP_N, 0)                                                                              \
    X(CUBLAS_OP_T, 1)                                                                              \
    X(CUDA_R_32F, 0)                                                                               \
    X(CUDA_R_16F, 2)                                                                               \
    X(CUDA_R_16BF, 14)                                                                             \
    X(CUBLAS_COMPUTE_32F, 68)                                                                      \
    X(CUBLAS_COMPUTE_32F_FAST_TF32, 77)                                                            \
    X(CUBLASLT_EPILOGUE_DEFAULT, 1)                                                                \
    X(CUBLASLT_EPILOGUE_RELU, 2)                                                                   \
    X(CUBLASLT_EPILOGUE_BIAS, 4)                                                                   \
    X(CUBLASLT_EPILOGUE_RELU_BIAS, 6)                                                              \
    X(CUBLASLT_EPILOGUE_BGRADB, 512)                                                               \
    X(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, 5)                                                       \
    X(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, 6)                                              \
    X(CUBLASLT_MATMUL_DESC_TRANSA, 3)                                                              \
    X(CUBLASLT_MATMUL_DESC_TRANSB, 4)                                                              \
    X(CUBLASLT_MATMUL_DESC_EPILOGUE, 7)                                                            \
    X(CUBLASLT_MATMUL_DESC_BIAS_POINTER, 8)                                                        \
    X(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, 10)                                                  \
    X(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, 26)                                                     \
    X(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, 1)                                                 \
    X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, 5)                                               \
    X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, 6)                                               \
    X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, 7)                                               \
    X(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, 8)

enum vn_lt_value {
#define VN_LT_VALUE(name, value) VN_##name = (value),
    VN_LT_VALUES(VN_LT_VALUE)
#undef VN_LT_VALUE
};

/* X(result, name, arguments) */
#define VN_LT_FUNCTIONS(X)                                                                         \
    X(size_t, cublasLtGetVersion, (void))                                                          \
    X(cublasStatus_t, cublasLtCreate, (cublasLtHandle_t * handle))                                 \
    X(cublasStatus_t, cublasLtDestroy, (cublasLtHandle_t handle))                                  \
    X(cublasStatus_t, cublasLtMatmulDescCreate,                                                    \
      (cublasLtMatmulDesc_t * desc, cublasComputeType_t compute, cudaDataType_t scale))            \
    X(cublasStatus_t, cublasLtMatmulDescDestroy, (cublasLtMatmulDesc_t desc))                      \
    X(cublasStatus_t, cublasLtMatmulDescSetAttribute,                                              \
      (cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t what, const void *value,          \
       size_t bytes))                                                                              \
    X(cublasStatus_t, cublasLtMatrixLayoutCreate,                                                  \
      (cublasLtMatrixLayout_t * layout, cudaDataType_t type, uint64_t rows, uint64_t columns,      \
       int64_t ld))                                                                                \
    X(cublasStatus_t, cublasLtMatrixLayoutDestroy, (cublasLtMatrixLayout_t layout))                \
    X(cublasStatus_t, cublasLtMatrixLayoutSetAttribute,                                            \
      (cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t what, const void *value,     \
       size_t bytes))                                                                              \
    X(cublasStatus_t, cublasLtMatmulPreferenceCreate, (cublasLtMatmulPreference_t * pref))         \
    X(cublasStatus_t, cublasLtMatmulPreferenceDestroy, (cublasLtMatmulPreference_t pref))          \
    X(cublasStatus_t, cublasLtMatmulPreferenceSetAttribute,                                        \
      (cublasLtMatmulPreference_t pref, cublasLtMatmulPreferenceAttributes_t what,                 \
       const void *value, size_t bytes))                                                           \
    X(cublasStatus_t, cublasLtMatmulAlgoGetHeuristic,                                              \
      (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,               \
       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,               \
       cublasLtMatmulPreference_t pref, int most, cublasLtMatmulHeuristicResult_t *results,        \
       int *found))                                                                                \
    X(cublasStatus_t, cublasLtMatmul,                                                              \
      (cublasLtHandle_t handle, cublasLtMatmulDesc_t desc, const void *alpha, const void *a,       \
       cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout,            \
       const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d,                  \
       cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace,         \
       size_t workspace_bytes, cudaStream_t stream))

#endif

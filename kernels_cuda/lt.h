/* Products by cuBLASLt: the library, found when a device is opened, and one product described to
 * it. */
#ifndef VN_KERNELS_CUDA_LT_H
#define VN_KERNELS_CUDA_LT_H

#include "kernels_cuda/cuda.h"
#include "kernels_cuda/lt_api.h"

/* y = act(a b + bias), row by row: a's element (i, k) at a[i a_row + k a_k], b's (k, j) at
 * b[j b_col + k b_k]; one stride of each is 1. y is dense f32 [groups, m, n], factors have `type`.
 */
typedef struct vn_product {
    int64_t groups, m, n, k, a_row, a_k, a_group, b_col, b_k, b_group, act;
    const void *a, *b;
    const float *bias; /* [n] or NULL */
    float *y;
    float *sums; /* [m], the sums of a over k, or NULL; only where there is no bias or activation */
    vn_dtype type;
    bool tf32; /* factors in f32 are rounded */
    /* Of several members the pointers are member 0's, and in bytes the next one's lie so far
     * behind. */
    int members;
    int64_t a_each, b_each, bias_each, y_each;
} vn_product;

typedef struct vn_lt {
    void *library;
    cublasLtHandle_t handle;
    size_t version; /* 130100 for 13.1.0 */
    bool relu_keeps_nan;
#define VN_LT_FUNCTION(result, name, arguments) result(*name) arguments;
    VN_LT_FUNCTIONS(VN_LT_FUNCTION)
#undef VN_LT_FUNCTION
} vn_lt;

/* On the current device; false: `why` [n] says what is missing. */
bool vn_lt_open(vn_lt *lt, char *why, size_t n);
void vn_lt_close(vn_lt *lt);

/* A product the library has been told of. */
typedef struct vn_lt_call {
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a, b, d; /* the library's: columns first, so a is the product's b */
    cublasLtMatmulAlgo_t algo;
} vn_lt_call;

/* The largest scratch asked for: what NVIDIA recommends for sm_90. The emulation fills it with NaN
 * at every opening of a device, which took most of the time of its small cases. */
#ifdef VN_EMULATED
#define VN_LT_WORKSPACE ((size_t)1 << 20)
#else
#define VN_LT_WORKSPACE ((size_t)32 << 20)
#endif

/* NULL if the library can be told of it, else why not; `epilogue`: bias and activation with it. */
const char *vn_lt_unfit(const vn_lt *lt, const vn_product *p, bool epilogue);
bool vn_lt_describe(const vn_lt *lt, const vn_product *p, bool epilogue, vn_lt_call *call);
void vn_lt_forget(const vn_lt *lt, vn_lt_call *call);

/* At most `most` algorithms, the best by the library's rules first. Returns how many. */
int vn_lt_algorithms(const vn_lt *lt, const vn_product *p, const vn_lt_call *call, size_t workspace,
                     cublasLtMatmulHeuristicResult_t *found, int most);
bool vn_lt_launch(const vn_lt *lt, const vn_product *p, const vn_lt_call *call, void *workspace,
                  size_t bytes, struct CUstream_st *stream);

#endif

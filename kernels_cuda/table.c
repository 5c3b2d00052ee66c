/* Which kernels exist, by kernels.def. An op without a line has an empty list. */
#include "kernels_cuda/cuda.h"

enum { RANKS = 4 };

#define VN_CUDA(OP, rank, name) extern const vn_kernel vn_##name;
#include "kernels_cuda/kernels.def"
#undef VN_CUDA

static const vn_kernel *const lists[VN_OP_COUNT][RANKS + 1] = {
#define VN_CUDA(OP, rank, name) [VN_OP_##OP][rank] = &vn_##name,
#include "kernels_cuda/kernels.def"
#undef VN_CUDA
};

const vn_kernel *const *const vn_cuda_kernels[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = lists[VN_OP_##NAME],
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

const char *const vn_cuda_cap_names[] = { "sm_80", "sm_90", "sm_100", "sm_120", "bf16", "tf32", "cublaslt", "cudnn", NULL };

/* kernels_cuda/lt_api.h against NVIDIA's header: compiled where a toolkit is, never run. */
#define VN_LT_REAL 1
#include "kernels_cuda/lt_api.h"

#define SAME_VALUE(name, value) _Static_assert((long)VN_##name == (long)name, #name);
VN_LT_VALUES(SAME_VALUE)

#define SAME_TYPE(result, name, arguments)                                                         \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&name), result(*) arguments), #name);
VN_LT_FUNCTIONS(SAME_TYPE)

_Static_assert(sizeof(cublasLtMatmulAlgo_t) == 64, "an algorithm is 64 bytes");
_Static_assert(offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize) == 64, "workspaceSize");
_Static_assert(offsetof(cublasLtMatmulHeuristicResult_t, state) == 72, "state");
_Static_assert(sizeof(cublasLtMatmulHeuristicResult_t) == 96, "a result is 96 bytes");
_Static_assert(sizeof(cublasStatus_t) == 4 && sizeof(cudaDataType_t) == 4, "enumerations are ints");

/* kernels_cuda/cudnn_api.h against NVIDIA's headers: compiled where cuDNN is, never run. */
#define VN_CUDNN_REAL 1
#include "kernels_cuda/cudnn_api.h"

#define SAME_VALUE(name, value) _Static_assert((long)VN_##name == (long)name, #name);
VN_CUDNN_VALUES(SAME_VALUE)

#define SAME_TYPE(result, name, arguments)                                                         \
    _Static_assert(__builtin_types_compatible_p(__typeof__(&name), result(*) arguments), #name);
VN_CUDNN_FUNCTIONS(SAME_TYPE)

_Static_assert(CUDNN_MAJOR == 9, "the version whose library is opened");
_Static_assert(sizeof(cudnnStatus_t) == 4 && sizeof(cudnnDataType_t) == 4, "enumerations are ints");
_Static_assert(sizeof(cudnnRNNAlgo_t) == 4 && sizeof(cudnnRNNDataLayout_t) == 4,
               "enumerations are ints");

/* What the files of the CUDA backend share: capability bits and the stream a launcher sees. */
#ifndef VN_KERNELS_CUDA_CUDA_H
#define VN_KERNELS_CUDA_CUDA_H

#include "device/backend.h"

/* Capability bits of vn_kernel.need: the GPU's generation, each with those before it. */
#define VN_CUDA_SM80 ((uint64_t)1 << 0)
#define VN_CUDA_SM90 ((uint64_t)1 << 1)
#define VN_CUDA_SM100 ((uint64_t)1 << 2)
#define VN_CUDA_SM120 ((uint64_t)1 << 3)
/* Precisions of products, all of them from sm_80 on: what `--precision` asks a device for. */
#define VN_CUDA_BF16 ((uint64_t)1 << 4)
#define VN_CUDA_TF32 ((uint64_t)1 << 5)
#define VN_CUDA_LT ((uint64_t)1 << 6) /* cuBLASLt was found */

/* The names of the bits, NULL-ended. */
extern const char *const vn_cuda_cap_names[];

/* What a launcher is handed: VN_LAUNCH of common.cuh takes it. */
typedef struct vn_cuda_stream {
    vn_stream base;
    struct CUstream_st *handle;
    struct CUevent_st *event; /* for other streams to wait for this one */
    struct vn_cuda_device *dev;
    bool adopted; /* the handle is a caller's */
    bool taping;  /* calls are kept for a tape */
    struct CUevent_st *mark[VN_MARKS]; /* made when first used */
} vn_cuda_stream;

/* Counters in front of the scratch of every call that has some, for blocks that tell one another
 * when they are done (common.cuh): 0 before a launch, and 0 again after it. */
enum { VN_TICKETS = 16384 };

/* [VN_OP_COUNT] lists, fastest first, NULL-ended (table.c, from kernels.def). */
extern const vn_kernel *const *const vn_cuda_kernels[VN_OP_COUNT];

extern const vn_backend vn_backend_cuda;

#endif

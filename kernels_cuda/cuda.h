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
#define VN_CUDA_LT ((uint64_t)1 << 6)  /* cuBLASLt was found */
#define VN_CUDA_DNN ((uint64_t)1 << 7) /* cuDNN was found */

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
    struct vn_gather *gather;          /* where launches are kept to become one of all members */
} vn_cuda_stream;

/* ---- launches (launch.c) ---- */

/* Arguments of a kernel, and bytes of all of them, at most. */
enum { VN_ARGS_MOST = 16, VN_ARGS_BYTES = 1024 };
/* In place of a distance not yet known, behind what is a member's own (vn_each of common.cuh): no
 * number that a kernel is given. */
#define VN_EACH ((int64_t)0x7ff4a3c5e7196b2d)

/* A launch with its arguments, each on a word of its own. */
typedef struct vn_launch {
    const char *name;
    const void *kernel;
    void (*start)(const struct vn_launch *launch, struct CUstream_st *stream);
    unsigned grid[3], block[3];
    size_t shared;
    bool together; /* blocks wait for one another */
    uint16_t n_args, bytes, at[VN_ARGS_MOST];
    uint64_t args[VN_ARGS_BYTES / sizeof(uint64_t)];
} vn_launch;

/* Start it, or keep it for the launch of all members. */
void vn_launch_on(vn_cuda_stream *s, vn_launch *launch);

/* `one` starts on s what a member needs. Where members start the same but for what is their own
 * (vn_each), evenly spaced, each launch becomes one of all; else the members are started one behind
 * the other. */
typedef void vn_launch_one(const void *ctx, int member, vn_stream *s);
void vn_launch_members(vn_stream *s, int members, vn_launch_one *one, const void *ctx);

/* For launchers: how many members share the device in the launches to come; and that they must not.
 */
int vn_launch_share(const vn_stream *s);
void vn_launch_apart(vn_stream *s);

/* Counters in front of the scratch of every call that has some, for blocks that tell one another
 * when they are done (common.cuh): 0 before a launch, and 0 again after it. */
enum { VN_TICKETS = 16384 };

/* [VN_OP_COUNT] lists, fastest first, NULL-ended (table.c, from kernels.def). */
extern const vn_kernel *const *const vn_cuda_kernels[VN_OP_COUNT];

extern const vn_backend vn_backend_cuda;

#endif

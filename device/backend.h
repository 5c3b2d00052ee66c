/* A kind of device. Implementing these functions and a kernel table is all it takes to add one.
 * Only device/device.c calls through these pointers. */
#ifndef VN_DEVICE_BACKEND_H
#define VN_DEVICE_BACKEND_H

#include "base/status.h"
#include "device/kernel.h"

#define VN_BACKEND_ABI 9

typedef enum vn_mem { VN_MEM_DEVICE, VN_MEM_PINNED } vn_mem;
typedef enum vn_dir { VN_TO_DEVICE, VN_TO_HOST, VN_ON_DEVICE } vn_dir;

typedef struct vn_backend vn_backend;
typedef struct vn_exec vn_exec; /* a recorded list of steps; the backend's own */
typedef struct vn_tape vn_tape; /* recorded calls on a stream; the backend's own */

/* Places in a stream that can be marked: slots 0 .. VN_MARKS - 1. */
enum { VN_MARKS = 256 };

/* A backend's device and stream structs begin with these. */
typedef struct vn_device {
    const vn_backend *backend;
} vn_device;

struct vn_stream {
    const vn_backend *backend;
};

typedef struct vn_device_info {
    char name[96];      /* "AMD EPYC (avx512)" */
    char level[32];     /* "avx512": the widest kernels in use */
    uint64_t caps;      /* capability bits that kernels need */
    int lanes;          /* threads, or streaming multiprocessors */
    int64_t mem_bytes;  /* total memory, 0 if unknown */
    int64_t free_bytes; /* of it not taken by anybody, -1 if unknown */
    bool host_memory;   /* device pointers can be read by the host */
    int64_t chain_rows; /* rows of a batch from which steps run as chains, whose values must not overwrite
                           each other's rows (graph/plan/memory.c); 0: never */
    char products[192]; /* what multiplies, where there is a choice: "cuBLASLt 13.1.0 ..."; else "" */
} vn_device_info;

typedef struct vn_device_config {
    int threads;        /* lanes of a CPU; 0: as many as the machine grants */
    const char *level;  /* cap on the instruction set ("generic", "avx2", "avx512"); NULL or "": none */
    const char *plugins; /* folder of the plug-ins; NULL or "": beside this library */
    const char *products; /* how a GPU multiplies: a way of kernels_cuda/products.c; NULL or "": the fastest */
} vn_device_config;

struct vn_backend {
    uint32_t abi;
    const char *name;                          /* what the user types: "cpu", "cuda" */
    const vn_kernel *const *const *kernels;    /* [VN_OP_COUNT] lists, fastest first, NULL-ended */
    const char *const *caps;                   /* names of the capability bits from bit 0, NULL-ended */
    const char *(*lack)(void);                 /* what is missing to open a device, one sentence; NULL: nothing.
                                                  The function may be NULL: nothing can be missing */
    int (*count)(void);
    vn_status (*open)(int index, const vn_device_config *config, vn_device **dev);
    void (*close)(vn_device *dev);
    void (*info)(const vn_device *dev, vn_device_info *out);
    vn_status (*alloc)(vn_device *dev, vn_mem kind, size_t bytes, void **block); /* zeroed */
    void (*free)(vn_device *dev, vn_mem kind, void *block, size_t bytes);
    vn_status (*stream_open)(vn_device *dev, vn_stream **s);
    /* A caller's stream, given by its handle, which stays the caller's. May be NULL: there are none. */
    vn_status (*stream_adopt)(vn_device *dev, void *handle, vn_stream **s);
    void (*stream_close)(vn_stream *s);
    vn_status (*copy)(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir);
    vn_status (*fill)(vn_stream *s, void *dst, int byte, size_t bytes);
    vn_status (*after)(vn_stream *s, vn_stream *other); /* s waits for all that is queued on other now.
                                                  May be NULL: calls return when they are done */
    vn_status (*wait)(vn_stream *s);           /* the host waits; asynchronous faults surface here */
    /* Record steps for replay. `flops` is the plan's work: a backend may run small plans on fewer lanes.
     * Steps are borrowed until drop. Scratch is the backend's: it sets call.scratch in its own copy. */
    vn_status (*record)(vn_stream *s, const vn_step *steps, int n, double flops, vn_exec **exec);
    vn_status (*replay)(vn_stream *s, vn_exec *exec, int first, int last); /* steps [first, last) */
    void (*drop)(vn_exec *exec);
    /* Fixed inputs (vn_call) are there, or have changed: kernels keep anew what they keep of them. Until
     * the first time they keep nothing. May be NULL: none does. */
    vn_status (*settle)(vn_stream *s, vn_exec *exec);
    /* What record chose for a step besides its kernel, one line; NULL: nothing. May be NULL. */
    const char *(*chosen)(const vn_exec *exec, int step);
    /* Marks; the three may be NULL: calls return when they are done. */
    vn_status (*mark)(vn_stream *s, int slot);  /* what is queued on s now ends at the mark; of a tape:
                                                   each time it is played */
    vn_status (*reach)(vn_stream *s, int slot); /* the host waits for the last mark of the slot */
    vn_status (*elapsed)(vn_stream *s, int from, int to, double *us); /* between marks reached */
    /* Tapes; may be NULL. Copies and replays called on s between begin and end are kept, not run; `play`
     * runs them all as one piece of work of `nodes` launches and copies. */
    vn_status (*tape_begin)(vn_stream *s);
    vn_status (*tape_end)(vn_stream *s, vn_tape **tape, int *nodes);
    vn_status (*tape_play)(vn_stream *s, vn_tape *tape);
    void (*tape_drop)(vn_tape *tape);
};

#endif

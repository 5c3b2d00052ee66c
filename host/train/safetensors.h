/* safetensors files: an 8-byte header length, a JSON header, the tensors without a gap. The
 * container of model files, checkpoints and golden vectors; reads what strangers wrote. */
#ifndef VN_HOST_TRAIN_SAFETENSORS_H
#define VN_HOST_TRAIN_SAFETENSORS_H

#include "base/arena.h"
#include "device/tensor.h"

#define VN_STORED_RANK 8

typedef struct vn_stored {
    const char *name;
    vn_dtype dtype; /* F32, F64, I32, I64 */
    int rank;
    int64_t dim[VN_STORED_RANK];
    const void *data; /* little-endian, not necessarily aligned once read */
    size_t bytes;
} vn_stored;

typedef struct vn_meta {
    const char *key, *value;
} vn_meta;

typedef struct vn_safetensors {
    vn_arena arena;
    char *path, *file; /* file: the whole content */
    size_t file_bytes;
    vn_stored *tensor; /* in the order of their data */
    int n_tensors;
    vn_meta *meta; /* in the order of the file */
    int n_meta;
} vn_safetensors;

/* MODEL failures name the file and the tensor; ARGUMENT if there is no such file. */
vn_status vn_safetensors_read(const char *path, vn_safetensors **file);
void vn_safetensors_close(vn_safetensors *file);

const vn_stored *vn_safetensors_find(const vn_safetensors *file, const char *name);
const char *vn_safetensors_meta(const vn_safetensors *file, const char *key); /* NULL if absent */

/* The tensor `name` with this type and shape, or MODEL naming what is there instead. */
vn_status vn_safetensors_need(const vn_safetensors *file, const char *name, const vn_tensor *shape,
                              const void **data);

/* Written whole or not at all, with one metadata entry more: "checksum", of all the rest. */
vn_status vn_safetensors_write(const char *path, const vn_meta *meta, int n_meta,
                               const vn_stored *tensor, int n_tensors);

/* MODEL unless the file carries a checksum and it is right. */
vn_status vn_safetensors_verify(const vn_safetensors *file);

#endif

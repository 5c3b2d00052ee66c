/* The tensor: a pointer, an element type and a shape. Always contiguous, last axis fastest. */
#ifndef VN_DEVICE_TENSOR_H
#define VN_DEVICE_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VN_MAX_RANK 5

typedef enum vn_dtype {
#define VN_DTYPE(NAME, name, bytes) VN_##NAME,
#include "device/dtypes.def"
#undef VN_DTYPE
    VN_DTYPE_COUNT
} vn_dtype;

typedef struct vn_tensor {
    void *data;     /* NULL: an optional input not given, or an output nobody reads */
    vn_dtype dtype;
    int rank;
    int64_t dim[VN_MAX_RANK]; /* unused ones are 0 */
} vn_tensor;

size_t vn_dtype_bytes(vn_dtype t);
const char *vn_dtype_name(vn_dtype t);

/* A type of 16 bits: stored for products, never computed in. */
static inline bool vn_is_low(vn_dtype t) { return t == VN_BF16 || t == VN_F16; }

/* Elements: the product of the dims, 1 for rank 0. */
static inline int64_t vn_count(const vn_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++) n *= t->dim[i];
    return n;
}

static inline int64_t vn_last_dim(const vn_tensor *t) { return t->rank ? t->dim[t->rank - 1] : 1; }

static inline bool vn_same_shape(const vn_tensor *a, const vn_tensor *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

/* "[32, 96]" into out; returns out. */
#define VN_SHAPE_TEXT 128
char *vn_shape_text(const vn_tensor *t, char out[VN_SHAPE_TEXT]);

/* A ragged panel of series, as the `window` op reads it. Series i owns rows indptr[i] .. indptr[i+1).
 * Rows may reach past the last observation (mask 0) to carry known future features. Borrowed. */
typedef struct vn_panel_view {
    int64_t n_series;
    int64_t n_hist, n_futr, n_stat;
    const int64_t *indptr; /* [N + 1] */
    const float *y;        /* [rows], 0 where mask is 0 */
    const float *mask;     /* [rows], 1 observed, 0 missing */
    const float *hist;     /* [rows, X] or NULL */
    const float *futr;     /* [rows, F] or NULL */
    const float *stat;     /* [N, S] or NULL */
} vn_panel_view;

#endif

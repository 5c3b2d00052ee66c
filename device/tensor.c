/* Element types and shapes as text. */
#include "device/tensor.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name;
    size_t bytes;
} dtypes[VN_DTYPE_COUNT] = {
#define VN_DTYPE(NAME, name, bytes) { #name, bytes },
#include "device/dtypes.def"
#undef VN_DTYPE
};

size_t vn_dtype_bytes(vn_dtype t) { return dtypes[t].bytes; }

const char *vn_dtype_name(vn_dtype t) { return dtypes[t].name; }

char *vn_shape_text(const vn_tensor *t, char out[VN_SHAPE_TEXT])
{
    /* 5 numbers of 20 characters and their commas fit in VN_SHAPE_TEXT. */
    int n = snprintf(out, VN_SHAPE_TEXT, "[");
    for (int i = 0; i < t->rank; i++)
        n += snprintf(out + n, (size_t)(VN_SHAPE_TEXT - n), "%s%" PRId64, i ? ", " : "", t->dim[i]);
    snprintf(out + n, (size_t)(VN_SHAPE_TEXT - n), "]");
    return out;
}

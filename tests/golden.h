/* The golden vectors of tests/golden: a reader of safetensors files that our own script wrote. For
 * tests: it trusts the file beyond its header. */
#ifndef VN_TESTS_GOLDEN_H
#define VN_TESTS_GOLDEN_H

#include "base/json.h"

typedef struct vn_golden {
    vn_arena arena;
    char *bytes;          /* the whole file */
    const char *data;     /* behind the header */
    const vn_json *header;
} vn_golden;

/* Read tests/golden/<name>.safetensors. */
vn_status vn_golden_open(const char *name, vn_golden *out);
void vn_golden_close(vn_golden *golden);

/* The numbers of a tensor and how many there are (n may be NULL); NULL if there is no such one. */
const float *vn_golden_find(const vn_golden *golden, const char *name, int64_t *n);

/* A metadata value; "" and 0 if absent. */
const char *vn_golden_text(const vn_golden *golden, const char *key);
int64_t vn_golden_int(const vn_golden *golden, const char *key);

/* Tensors whose name begins with `prefix`. */
int vn_golden_count(const vn_golden *golden, const char *prefix);

#endif

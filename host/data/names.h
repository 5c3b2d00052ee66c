/* Names to indices in order of first appearance: series ids. */
#ifndef VN_HOST_DATA_NAMES_H
#define VN_HOST_DATA_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

typedef struct vn_names {
    vn_arena *arena;   /* of the texts */
    const char **name; /* [n] */
    int64_t n, cap;
    int64_t *slot; /* [n_slots] index + 1, 0 free; n_slots is a power of two */
    int64_t n_slots;
} vn_names;

/* A zeroed vn_names with `arena` set is ready to use. Close frees the table, the texts stay. */
void vn_names_close(vn_names *names);

/* Index of s[0..n), -1 if it is not there. */
int64_t vn_names_find(const vn_names *names, const char *s, size_t n);

/* Index of s[0..n), added if it is new. */
vn_status vn_names_add(vn_names *names, const char *s, size_t n, int64_t *index);

#endif

/* An arena: many small things with one lifetime, freed together. Not thread-safe. */
#ifndef VN_BASE_ARENA_H
#define VN_BASE_ARENA_H

#include <stddef.h>

#include "base/status.h"

typedef struct vn_arena {
    struct vn_arena_chunk *last; /* newest chunk; NULL when empty */
} vn_arena;

/* A zeroed vn_arena is ready to use. */

/* Zeroed bytes aligned to 16, or NULL with a MEMORY failure recorded. Zero bytes give one byte. */
void *vn_arena_alloc(vn_arena *arena, size_t bytes);

/* As vn_arena_alloc for count * size, checked for overflow. */
void *vn_arena_array(vn_arena *arena, size_t count, size_t size);

/* A copy of the first n bytes of s, with a terminating zero. */
char *vn_arena_text(vn_arena *arena, const char *s, size_t n);

/* printf into the arena. */
char *vn_arena_printf(vn_arena *arena, const char *fmt, ...) VN_PRINTF(2, 3);

/* What `from` holds belongs to `to` from now on, and is freed with it. */
void vn_arena_move(vn_arena *to, vn_arena *from);

/* Free everything; the arena is empty and usable again. */
void vn_arena_close(vn_arena *arena);

#endif

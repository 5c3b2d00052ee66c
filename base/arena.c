/* Chunks that double from 4 KiB to 1 MiB; a request too large for a chunk gets one of its size. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

enum { CHUNK_MIN = 4096, CHUNK_MAX = 1 << 20, ALIGN = 16 };

typedef struct vn_arena_chunk {
    struct vn_arena_chunk *older;
    size_t used, cap; /* bytes of the data behind this header */
    size_t pad;       /* the data starts on a multiple of 16 */
} vn_arena_chunk;

_Static_assert(sizeof(vn_arena_chunk) % ALIGN == 0, "chunk data must stay aligned");

static vn_arena_chunk *grow(vn_arena *arena, size_t bytes)
{
    size_t cap = CHUNK_MIN;
    if (arena->last && arena->last->cap >= CHUNK_MIN) cap = arena->last->cap * 2;
    if (cap > CHUNK_MAX) cap = CHUNK_MAX;
    if (cap < bytes) cap = bytes;
    vn_arena_chunk *chunk = vn_calloc(1, sizeof *chunk + cap);
    if (!chunk) return NULL;
    chunk->cap = cap;
    chunk->older = arena->last;
    arena->last = chunk;
    return chunk;
}

void *vn_arena_alloc(vn_arena *arena, size_t bytes)
{
    if (bytes > PTRDIFF_MAX - 2 * sizeof(vn_arena_chunk)) {
        VN_FAIL(VN_E_MEMORY, "cannot get %zu bytes of memory", bytes);
        return NULL;
    }
    bytes = ((bytes ? bytes : 1) + ALIGN - 1) / ALIGN * ALIGN;
    vn_arena_chunk *chunk = arena->last;
    if (!chunk || chunk->cap - chunk->used < bytes) chunk = grow(arena, bytes);
    if (!chunk) return NULL;
    char *p = (char *)(chunk + 1) + chunk->used;
    chunk->used += bytes;
    return p;
}

void *vn_arena_array(vn_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (vn_mul_size(count, size, &bytes)) return vn_arena_alloc(arena, bytes);
    VN_FAIL(VN_E_MEMORY, "cannot get %zu times %zu bytes of memory", count, size);
    return NULL;
}

char *vn_arena_text(vn_arena *arena, const char *s, size_t n)
{
    char *copy = n < SIZE_MAX ? vn_arena_alloc(arena, n + 1) : NULL;
    if (copy && n) memcpy(copy, s, n);
    return copy;
}

char *vn_arena_printf(vn_arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        VN_FAIL(VN_E_BUG, "the format \"%s\" cannot be printed", fmt);
        return NULL;
    }
    char *text = vn_arena_alloc(arena, (size_t)n + 1);
    if (!text) return NULL;
    va_start(args, fmt);
    vsnprintf(text, (size_t)n + 1, fmt, args);
    va_end(args);
    return text;
}

void vn_arena_move(vn_arena *to, vn_arena *from)
{
    vn_arena_chunk **end = &to->last; /* behind the chunk that is being filled */
    while (*end) end = &(*end)->older;
    *end = from->last;
    from->last = NULL;
}

void vn_arena_close(vn_arena *arena)
{
    if (!arena) return;
    for (vn_arena_chunk *chunk = arena->last, *older; chunk; chunk = older) {
        older = chunk->older;
        vn_free(chunk);
    }
    arena->last = NULL;
}

/* Open addressing with linear probing, at most half full. */
#include "host/data/names.h"

#include <string.h>

#include "base/fault.h"

static uint64_t hash(const char *s, size_t n)
{
    uint64_t h = 1469598103934665603u;
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)s[i]) * 1099511628211u;
    return h ^ (h >> 29);
}

/* The slot of s[0..n): the one that holds it or the free one where it belongs. */
static int64_t *slot_of(const vn_names *names, const char *s, size_t n)
{
    uint64_t mask = (uint64_t)names->n_slots - 1;
    for (uint64_t i = hash(s, n) & mask;; i = (i + 1) & mask) {
        int64_t *slot = &names->slot[i];
        if (!*slot) return slot;
        const char *name = names->name[*slot - 1];
        if (!strncmp(name, s, n) && !name[n]) return slot;
    }
}

int64_t vn_names_find(const vn_names *names, const char *s, size_t n)
{
    return names->n_slots ? *slot_of(names, s, n) - 1 : -1;
}

static vn_status grow(vn_names *names)
{
    int64_t cap = names->cap ? names->cap * 2 : 16;
    const char **name = vn_realloc(names->name, (size_t)cap * sizeof *name);
    if (!name) return VN_E_MEMORY;
    names->name = name;
    int64_t *slot = vn_calloc((size_t)cap * 2, sizeof *slot);
    if (!slot) return VN_E_MEMORY;
    vn_free(names->slot);
    names->slot = slot;
    names->n_slots = cap * 2;
    names->cap = cap;
    for (int64_t i = 0; i < names->n; i++) *slot_of(names, name[i], strlen(name[i])) = i + 1;
    return VN_OK;
}

vn_status vn_names_add(vn_names *names, const char *s, size_t n, int64_t *index)
{
    *index = vn_names_find(names, s, n);
    if (*index >= 0) return VN_OK;
    if (names->n == names->cap) VN_TRY(grow(names));
    const char *copy = vn_arena_text(names->arena, s, n);
    if (!copy) return VN_E_MEMORY;
    names->name[names->n] = copy;
    *slot_of(names, s, n) = ++names->n;
    *index = names->n - 1;
    return VN_OK;
}

void vn_names_close(vn_names *names)
{
    if (!names) return;
    vn_free(names->name);
    vn_free(names->slot);
    *names = (vn_names){ .arena = names->arena };
}

/* Levels are few (thousands at most) and rows many: texts are hashed once while a file is read,
 * afterwards a column changes its codes by one look-up in a map of floats a row. */
#include "host/data/levels.h"

#include <string.h>

vn_status vn_levels_add(vn_names *names, const char *column, const char *s, size_t n, float *code)
{
    int64_t index;
    VN_TRY(vn_names_add(names, s, n, &index));
    if (index + 1 >= VN_LEVELS_MAX)
        return VN_FAIL(VN_E_DATA, "column '%s' holds more than %d different texts", column,
                       VN_LEVELS_MAX);
    *code = (float)(index + 1);
    return VN_OK;
}

vn_status vn_levels_from(const vn_names *names, int64_t n, vn_arena *arena, vn_levels **out)
{
    vn_levels *own = vn_arena_array(arena, (size_t)n, sizeof *own);
    if (!own) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        size_t bytes = (size_t)names[i].n * sizeof *own[i].level;
        own[i].n = names[i].n;
        own[i].level = vn_arena_alloc(arena, bytes);
        if (!own[i].level) return VN_E_MEMORY;
        if (bytes) memcpy(own[i].level, names[i].name, bytes);
    }
    *out = own;
    return VN_OK;
}

static vn_status copy_level(const vn_levels *from, int64_t k, vn_arena *arena, vn_levels *to)
{
    const char *s = from->level[k];
    if (!(to->level[to->n] = vn_arena_text(arena, s, strlen(s)))) return VN_E_MEMORY;
    to->n++;
    return VN_OK;
}

vn_status vn_levels_copy(const vn_levels *from, int64_t n, vn_arena *arena, vn_levels **out)
{
    vn_levels *own = vn_arena_array(arena, (size_t)n, sizeof *own);
    if (!own) return VN_E_MEMORY;
    for (int64_t i = 0; i < n; i++) {
        own[i].level = vn_arena_array(arena, (size_t)from[i].n, sizeof *own[i].level);
        if (!own[i].level) return VN_E_MEMORY;
        for (int64_t k = 0; k < from[i].n; k++) VN_TRY(copy_level(&from[i], k, arena, &own[i]));
    }
    *out = own;
    return VN_OK;
}

/* The texts of `levels` hashed; the arena keeps copies. */
static vn_status hash_levels(const vn_levels *levels, vn_names *names)
{
    for (int64_t k = 0; k < levels->n; k++) {
        int64_t index;
        VN_TRY(vn_names_add(names, levels->level[k], strlen(levels->level[k]), &index));
    }
    return VN_OK;
}

vn_status vn_levels_map(const vn_levels *from, const vn_levels *to, vn_arena *arena, float **map)
{
    vn_arena scratch = { 0 };
    vn_names names = { .arena = &scratch };
    vn_status st = hash_levels(to, &names);
    if (!st && !(*map = vn_arena_array(arena, (size_t)from->n + 1, sizeof **map))) st = VN_E_MEMORY;
    for (int64_t k = 0; !st && k < from->n; k++) /* absent: -1, so code 0 */
        (*map)[k + 1] = (float)(vn_names_find(&names, from->level[k], strlen(from->level[k])) + 1);
    vn_names_close(&names);
    vn_arena_close(&scratch);
    return st;
}

vn_status vn_levels_join(const vn_levels *a, const vn_levels *b, vn_arena *arena, vn_levels *out)
{
    vn_arena scratch = { 0 };
    vn_names names = { .arena = &scratch };
    vn_status st = hash_levels(a, &names);
    *out = (vn_levels){ .level = vn_arena_array(arena, (size_t)(a->n + b->n), sizeof *out->level) };
    if (!out->level) st = VN_E_MEMORY;
    for (int64_t k = 0; !st && k < a->n; k++) st = copy_level(a, k, arena, out);
    for (int64_t k = 0; !st && k < b->n; k++)
        if (vn_names_find(&names, b->level[k], strlen(b->level[k])) < 0)
            st = copy_level(b, k, arena, out);
    vn_names_close(&names);
    vn_arena_close(&scratch);
    return st;
}

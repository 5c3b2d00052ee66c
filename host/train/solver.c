/* Which models have a solver, and the columns it gives. */
#include "host/train/solver.h"

#include <string.h>

const vn_solver *vn_solver_of(const vn_model_def *def)
{
    return strcmp(def->name, "prophet") ? NULL : &vn_solver_prophet;
}

vn_status vn_columns_open(vn_columns *c, int n, int64_t rows)
{
    *c = (vn_columns){ .n = n };
    c->name = vn_arena_array(&c->arena, (size_t)n + 1, sizeof *c->name);
    c->value = vn_arena_array(&c->arena, (size_t)n + 1, sizeof *c->value);
    bool fine = c->name && c->value;
    for (int i = 0; fine && i < n; i++) {
        c->name[i] = "";
        c->value[i] = vn_arena_array(&c->arena, (size_t)rows, sizeof **c->value);
        fine = c->value[i] != NULL;
    }
    if (fine) return VN_OK;
    vn_columns_close(c);
    return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

void vn_columns_close(vn_columns *c)
{
    vn_arena_close(&c->arena);
    *c = (vn_columns){ .n = 0 };
}

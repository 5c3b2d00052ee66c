/* Which models have a solver, and the columns it gives. */
#include "host/train/solver.h"

#include <string.h>

const vn_solver *vn_solver_of(const vn_model_def *def)
{
    return strcmp(def->name, "prophet") ? NULL : &vn_solver_prophet;
}

/* n arrays of [rows]; NULL without memory. */
static float **numbers(vn_arena *arena, int n, int64_t rows)
{
    float **x = vn_arena_array(arena, (size_t)n + 1, sizeof *x);
    for (int i = 0; x && i < n; i++)
        if (!(x[i] = vn_arena_array(arena, (size_t)rows, sizeof **x))) return NULL;
    return x;
}

vn_status vn_columns_open(vn_columns *c, int n, int64_t rows, bool rest)
{
    *c = (vn_columns){ .n = n };
    c->name = vn_arena_array(&c->arena, (size_t)n + 1, sizeof *c->name);
    c->value = numbers(&c->arena, n, rows);
    c->rest = rest ? numbers(&c->arena, n, rows) : NULL;
    if (!c->name || !c->value || (rest && !c->rest)) {
        vn_columns_close(c);
        return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    }
    for (int i = 0; i < n; i++) c->name[i] = "";
    return VN_OK;
}

void vn_columns_put(vn_columns *c, int column, int64_t row, double x)
{
    c->value[column][row] = vn_split_f32(x, c->rest ? &c->rest[column][row] : NULL);
}

void vn_columns_close(vn_columns *c)
{
    vn_arena_close(&c->arena);
    *c = (vn_columns){ .n = 0 };
}

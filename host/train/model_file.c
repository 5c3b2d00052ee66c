/* The model file: description and weights. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "host/train/solver.h"

static const char format[] = "vane.model";

/* A model without a graph: what its solver has to say. */
static vn_status save_solved(const vn_solver *solver, const vn_fitted *m, const char *path)
{
    vn_meta_list meta = { 0 };
    vn_arena arena = { 0 };
    vn_stored *tensor = NULL;
    vn_status st = VN_OK;
    int n = 0;
    if (!m->state) return VN_FAIL(VN_E_BUG, "a model without weights cannot be saved");
    VN_TRY_DONE(vn_fitted_describe(m, format, &meta));
    VN_TRY_DONE(solver->describe(m, &meta));
    if (meta.failed) {
        st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        goto done;
    }
    VN_TRY_DONE(solver->tensors(m, &arena, &tensor, &n));
    VN_TRY_DONE(vn_safetensors_write(path, meta.v, meta.n, tensor, n));
done:
    vn_arena_close(&arena);
    vn_meta_close(&meta);
    return st;
}

/* What the weights of an entry are called: further members of an ensemble have a number in front. NULL:
 * no memory. */
static const char *name_of(const vn_params *p, int member, int entry, vn_arena *names)
{
    const char *name = p->entry[entry].name;
    return member ? vn_arena_printf(names, "member%d/%s", member, name) : name;
}

/* Entry k % n of member k / n. */
static vn_status put_weights(const vn_params *p, int k, vn_arena *names, vn_stored *out)
{
    const vn_param_entry *e = &p->entry[k % p->n];
    *out = (vn_stored){ .name = name_of(p, k / p->n, k % p->n, names),
                        .dtype = VN_F32,
                        .rank = e->t.rank,
                        .data = p->block + k / p->n * p->n_block + e->offset,
                        .bytes = (size_t)vn_count(&e->t) * sizeof(float) };
    memcpy(out->dim, e->t.dim, (size_t)e->t.rank * sizeof *e->t.dim);
    return out->name ? VN_OK : vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
}

vn_status vn_fitted_save(const vn_fitted *m, const char *path)
{
    const vn_solver *solver = vn_solver_of(m->def);
    if (solver) return save_solved(solver, m, path);
    vn_meta_list meta = { 0 };
    vn_arena names = { 0 };
    vn_stored *tensor = NULL;
    vn_status st = VN_OK;
    const vn_params *p = m->params;
    if (!p || !p->closed) return VN_FAIL(VN_E_BUG, "a model without weights cannot be saved");
    VN_TRY_DONE(vn_fitted_describe(m, format, &meta));
    tensor = vn_calloc((size_t)(p->members * p->n) + 1, sizeof *tensor);
    if (!tensor) {
        st = vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
        goto done;
    }
    for (int k = 0; k < p->members * p->n; k++) VN_TRY_DONE(put_weights(p, k, &names, &tensor[k]));
    VN_TRY_DONE(vn_safetensors_write(path, meta.v, meta.n, tensor, p->members * p->n));
done:
    vn_free(tensor);
    vn_arena_close(&names);
    vn_meta_close(&meta);
    return st;
}

/* The tensor of entry k % n of member k / n. */
static vn_status need_weights(const vn_params *p, int k, const vn_safetensors *file, vn_arena *names,
                              const void **data)
{
    const char *name = name_of(p, k / p->n, k % p->n, names);
    if (!name) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    return vn_safetensors_need(file, name, &p->entry[k % p->n].t, data);
}

/* Whether a tensor of the file is one of the model's. */
static bool knows(const vn_params *p, const char *name)
{
    char front[24];
    for (int s = 1; s < p->members; s++) {
        int n = snprintf(front, sizeof front, "member%d/", s);
        if (!strncmp(name, front, (size_t)n)) return vn_params_find(p, name + n) >= 0;
    }
    return vn_params_find(p, name) >= 0;
}

/* The tensors of the file must be the parameters of the model it describes, all checked before any
 * memory is laid out for them. */
static vn_status take_weights(vn_fitted *m, const vn_safetensors *file, vn_arena *names)
{
    vn_params *p = m->params;
    vn_status st = vn_fitted_declare(m);
    if (st && st != VN_E_MEMORY)
        st = VN_FAIL(VN_E_MODEL, "\"%s\": %s", file->path, vn_last_message());
    if (st) return vn_trail(st, __FILE__, __LINE__);
    const void *data = NULL;
    for (int k = 0; k < p->members * p->n; k++) VN_TRY(need_weights(p, k, file, names, &data));
    for (int i = 0; i < file->n_tensors; i++)
        if (!knows(p, file->tensor[i].name))
            return VN_FAIL(VN_E_MODEL, "\"%s\": tensor \"%s\" is none of the model's %d",
                           file->path, file->tensor[i].name, p->members * p->n);
    VN_TRY(vn_params_layout(p));
    for (int k = 0; k < p->members * p->n; k++) {
        const vn_param_entry *e = &p->entry[k % p->n];
        VN_TRY(need_weights(p, k, file, names, &data));
        memcpy(p->block + k / p->n * p->n_block + e->offset, data,
               (size_t)vn_count(&e->t) * sizeof(float));
    }
    p->version++;
    return VN_OK;
}

/* Element k of a tensor of reals, which may lie unaligned. */
static double stored_real(const vn_stored *t, int64_t k)
{
    float single;
    double twice;
    if (t->dtype == VN_F32) memcpy(&single, (const char *)t->data + (size_t)k * 4, sizeof single);
    if (t->dtype == VN_F32) return (double)single;
    memcpy(&twice, (const char *)t->data + (size_t)k * 8, sizeof twice);
    return twice;
}

/* Numbers that are none would come back as a forecast of none. */
static vn_status check_finite(const vn_safetensors *file)
{
    for (int i = 0; i < file->n_tensors; i++) {
        const vn_stored *t = &file->tensor[i];
        int64_t n = (int64_t)(t->bytes / vn_dtype_bytes(t->dtype));
        for (int64_t k = 0; k < n && (t->dtype == VN_F32 || t->dtype == VN_F64); k++) {
            double x = stored_real(t, k);
            if (!isfinite(x))
                return VN_FAIL(VN_E_MODEL,
                               "\"%s\": element %" PRId64 " of tensor \"%s\" is %g; expected a "
                               "finite number", file->path, k, t->name, x);
        }
    }
    return VN_OK;
}

vn_status vn_fitted_load(const char *path, vn_fitted **out)
{
    vn_safetensors *file = NULL;
    vn_fitted *m = NULL;
    vn_arena names = { 0 };
    vn_status st = VN_OK;
    *out = NULL;
    VN_TRY_DONE(vn_safetensors_read(path, &file));
    VN_TRY_DONE(vn_safetensors_verify(file));
    VN_TRY_DONE(check_finite(file));
    VN_TRY_DONE(vn_fitted_understand(file, format, &m));
    const vn_solver *solver = vn_solver_of(m->def);
    VN_TRY_DONE(solver ? solver->restore(m, file) : take_weights(m, file, &names));
    *out = m;
    m = NULL;
done:
    vn_fitted_close(m);
    vn_arena_close(&names);
    vn_safetensors_close(file);
    return st;
}

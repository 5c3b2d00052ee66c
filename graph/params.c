/* The parameter block: declared by name, laid out once, drawn by name. */
#include "graph/params.h"

#include <math.h>
#include <string.h>

#include "base/fault.h"
#include "base/philox.h"

enum { ALIGN = 64 }; /* elements: 256 bytes, a GPU's widest access */

vn_status vn_params_open(vn_params **out)
{
    vn_params *p = vn_calloc(1, sizeof *p);
    if (!p) return VN_E_MEMORY;
    p->members = 1;
    *out = p;
    return VN_OK;
}

void vn_params_close(vn_params *p)
{
    if (!p) return;
    vn_free_aligned(p->block, vn_params_bytes(p));
    vn_free(p->entry);
    vn_arena_close(&p->arena);
    vn_free(p);
}

size_t vn_params_bytes(const vn_params *p)
{
    return (size_t)p->members * (size_t)p->n_block * sizeof *p->block;
}

int vn_params_find(const vn_params *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->entry[i].name, name)) return i;
    return -1;
}

static int declare(vn_params *p, const char *name, const vn_tensor *shape, vn_init init)
{
    if (p->n == p->cap) {
        int cap = p->cap ? 2 * p->cap : 32;
        vn_param_entry *grown = vn_realloc(p->entry, (size_t)cap * sizeof *grown);
        if (!grown) return -1;
        p->entry = grown;
        p->cap = cap;
    }
    char *own = vn_arena_text(&p->arena, name, strlen(name));
    if (!own) return -1;
    p->entry[p->n] = (vn_param_entry){ .name = own, .t = *shape, .init = init };
    p->entry[p->n].t.dtype = VN_F32;
    p->entry[p->n].t.data = NULL;
    p->n_numbers += vn_count(shape);
    return p->n++;
}

int vn_params_bind(vn_params *p, const char *name, const vn_tensor *shape, vn_init init)
{
    int i = vn_params_find(p, name);
    if (i < 0 && !p->closed) return declare(p, name, shape, init);
    char want[VN_SHAPE_TEXT], have[VN_SHAPE_TEXT];
    if (i < 0) {
        VN_FAIL(VN_E_BUG, "parameter \"%s\" %s is not one of the model's %d", name,
                vn_shape_text(shape, want), p->n);
        return -1;
    }
    if (!vn_same_shape(&p->entry[i].t, shape)) {
        VN_FAIL(VN_E_BUG, "parameter \"%s\" is %s in this graph but %s in the model", name,
                vn_shape_text(shape, want), vn_shape_text(&p->entry[i].t, have));
        return -1;
    }
    return i;
}

/* Give places to the entries whose decay group this is, from `offset` on; returns the end. */
static int64_t place(vn_params *p, bool decays, int64_t offset)
{
    for (int i = 0; i < p->n; i++) {
        vn_param_entry *e = &p->entry[i];
        if ((e->t.rank >= 2) != decays) continue;
        e->offset = offset;
        offset += (vn_count(&e->t) + ALIGN - 1) / ALIGN * ALIGN;
    }
    return offset;
}

vn_status vn_params_layout(vn_params *p)
{
    if (p->closed) return VN_FAIL(VN_E_BUG, "the parameters are laid out already");
    p->n_decay = place(p, true, 0);
    p->n_block = place(p, false, p->n_decay);
    if (p->n_block == 0) p->n_block = ALIGN; /* a model without parameters still has a block */
    p->block = vn_alloc_aligned(vn_params_bytes(p), 256);
    if (!p->block) return VN_E_MEMORY;
    p->closed = true;
    return VN_OK;
}

/* Box and Muller's cosine half of two uniform words: element i of a standard normal stream. */
static double normal_at(uint64_t seed, uint64_t stream, int64_t i)
{
    vn_philox bits = vn_random4(seed, stream, (uint64_t)i / 2);
    double u = 1 - (double)vn_uniform24(bits.v[i % 2 * 2]); /* in (0, 1] */
    double angle = 6.283185307179586 * (double)vn_uniform24(bits.v[i % 2 * 2 + 1]);
    return sqrt(-2 * log(u)) * cos(angle);
}

static void draw(const vn_param_entry *e, uint64_t seed, float *out)
{
    int64_t n = vn_count(&e->t);
    uint64_t stream = vn_stream_of(e->name);
    for (int64_t i = 0; i < n; i++) {
        if (e->init.kind == VN_INIT_CONSTANT) {
            out[i] = (float)e->init.a;
            continue;
        }
        if (e->init.kind == VN_INIT_NORMAL) {
            out[i] = (float)(e->init.a * normal_at(seed, stream, i));
            continue;
        }
        uint32_t bits = vn_random4(seed, stream, (uint64_t)i / 4).v[i % 4];
        out[i] = (float)(e->init.a * (2.0 * (double)vn_uniform24(bits) - 1.0));
    }
}

void vn_params_draw(vn_params *p, uint64_t seed)
{
    for (int s = 0; s < p->members; s++)
        for (int i = 0; i < p->n; i++)
            draw(&p->entry[i], seed + (uint64_t)s, p->block + s * p->n_block + p->entry[i].offset);
    p->version++;
}

/* The memory plan: values that are not alive at the same time share memory.
 *
 * Largest first, each at the lowest offset where it meets no value placed before whose lifetime
 * overlaps (the greedy-by-size rule of Pisarchyk and Lee 2020). */
#include <stdlib.h>

#include "base/fault.h"
#include "graph/plan/internal.h"

enum { ALIGN = 256 }; /* a page of a GPU's widest access, four cache lines here */

static size_t bytes_of(const vn_place *p)
{
    size_t n = (size_t)vn_count(&p->t) * vn_dtype_bytes(p->t.dtype);
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

typedef struct item {
    vn_place *p;
    size_t bytes;
    vn_val v;
} item;

static int by_size(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->v < y->v ? -1 : 1; /* a total order: the same plan every time */
}

static bool overlap(const vn_place *a, const vn_place *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset for item i that clears every earlier item alive with it. */
static size_t lowest(const item *items, int i)
{
    size_t at = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int j = 0; j < i; j++) {
            const vn_place *other = items[j].p;
            if (!overlap(items[i].p, other)) continue;
            if (at < other->offset + items[j].bytes && other->offset < at + items[i].bytes) {
                at = other->offset + items[j].bytes;
                moved = true;
            }
        }
    }
    return at;
}

static void place_work(vn_plan *plan, item *items, int n)
{
    qsort(items, (size_t)n, sizeof *items, by_size);
    for (int i = 0; i < n; i++) {
        items[i].p->offset = lowest(items, i);
        size_t end = items[i].p->offset + items[i].bytes;
        if (end > plan->bytes[VN_HOME_WORK]) plan->bytes[VN_HOME_WORK] = end;
        plan->info.values_bytes += items[i].bytes;
    }
}

vn_status vn_plan_layout(vn_plan *plan, const vn_graph *g)
{
    item *items = vn_calloc((size_t)g->n_values, sizeof *items);
    if (!items) return VN_E_MEMORY;
    int n = 0;
    plan->bytes[VN_HOME_FEED] = ALIGN; /* vn_facts */
    for (vn_val v = 1; v < g->n_values; v++) {
        vn_place *p = &plan->place[v];
        bool own = p->root == v;
        /* An input nobody reads still has a place to be written to. */
        if (!own || (!p->live && p->home != VN_HOME_FEED)) continue;
        if (p->home == VN_HOME_WORK) {
            items[n++] = (item){ p, bytes_of(p), v };
        } else if (p->home == VN_HOME_READ || p->home == VN_HOME_FEED || p->home == VN_HOME_CONST) {
            p->offset = plan->bytes[p->home];
            plan->bytes[p->home] += bytes_of(p);
        }
    }
    place_work(plan, items, n);
    vn_free(items);
    return VN_OK;
}

/* The memory plan: values that are not alive at the same time share memory.
 *
 * Largest first, each at the lowest offset where it meets no value placed before whose lifetime
 * overlaps (the greedy-by-size rule of Pisarchyk and Lee 2020).
 *
 * Where a device runs consecutive steps as a chain (device/rows.h), a lane may be ahead of another by
 * several steps. Values that live in the same chain share memory only where row r of one lies on row r
 * of the other: at the same offset, of the same size. */
#include <stdlib.h>

#include "base/fault.h"
#include "device/rows.h"
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
    int first, last; /* of the place, reaching to the ends of the chains they lie in */
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

/* Is one alive in a chain in which the other is, though not at the same step? */
static bool in_one_chain(const item *a, const item *b)
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
            bool alive = overlap(items[i].p, other);
            bool fits = !alive && items[j].bytes == items[i].bytes;
            if (!alive && !in_one_chain(&items[i], &items[j])) continue;
            if (at >= other->offset + items[j].bytes || other->offset >= at + items[i].bytes) continue;
            if (fits && at == other->offset) continue;
            at = fits && at < other->offset ? other->offset : other->offset + items[j].bytes;
            moved = true;
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

/* ---- chains ---- */

/* Steps [first[k], last[k]] of the plan are the chain of step k as far as ops and shapes tell. */
typedef struct chains {
    int *first, *last;
} chains;

static void close_chain(const chains *c, int begin, int end)
{
    for (int k = begin; k < end; k++) {
        c->first[k] = begin;
        c->last[k] = end - 1;
    }
}

/* Over the nodes of the prologue or of the run, whose steps are numbered from `at` on. */
static void find_chains(const chains *c, const vn_graph *g, const bool *keep, const bool *early,
                        bool prologue, int at, int64_t least)
{
    int begin = at;
    int64_t rows = 0;
    for (int k = 0; k < g->n_nodes; k++) {
        if (!keep[k] || early[k] != prologue || vn_op_about(g->nodes[k].op)->view) continue;
        vn_call call;
        vn_call_of(g, k, &call);
        int64_t own = vn_rows_of(&call).n;
        if (!rows || !own || own % rows) {
            close_chain(c, begin, at);
            begin = at;
            rows = own >= least ? own : 0;
        }
        at++;
    }
    close_chain(c, begin, at);
}

static vn_status make_chains(vn_plan *plan, const vn_graph *g, const bool *keep, const bool *early, chains *c)
{
    vn_device_info info;
    vn_device_about(plan->config.dev, &info);
    c->first = vn_arena_array(&plan->arena, (size_t)plan->n_steps + 1, sizeof *c->first);
    c->last = vn_arena_array(&plan->arena, (size_t)plan->n_steps + 1, sizeof *c->last);
    if (!c->first || !c->last) return VN_E_MEMORY;
    for (int k = 0; k <= plan->n_steps; k++) c->first[k] = c->last[k] = k;
    /* Where weights change in every run, products keep nothing and are no part of chains. */
    if (!info.chain_rows || !plan->config.version || plan->members > 1) return VN_OK;
    find_chains(c, g, keep, early, true, 0, info.chain_rows);
    find_chains(c, g, keep, early, false, plan->n_prologue, info.chain_rows);
    return VN_OK;
}

vn_status vn_plan_layout(vn_plan *plan, const vn_graph *g, const bool *keep, const bool *early)
{
    chains c;
    VN_TRY(make_chains(plan, g, keep, early, &c));
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
            items[n++] = (item){ p, bytes_of(p), v, c.first[p->first], c.last[p->last] };
        } else if (p->home == VN_HOME_READ || p->home == VN_HOME_FEED || p->home == VN_HOME_CONST) {
            p->offset = plan->bytes[p->home];
            plan->bytes[p->home] += bytes_of(p);
        }
    }
    place_work(plan, items, n);
    vn_free(items);
    return VN_OK;
}

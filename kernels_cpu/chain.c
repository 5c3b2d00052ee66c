/* Which steps form chains, and into how many blocks of rows they are cut.
 *
 * A step joins those before it if it is divided by rows as they are, and if memory says that lanes
 * may be at different steps: what overlaps and is written by one of two steps must be divided by
 * both into the same blocks. That covers rows of another lane that are read, weights that are
 * written, and memory used again for a value of another width, which a plan avoids within a chain
 * (graph/plan/memory.c). */
#include "kernels_cpu/chain.h"

#include <inttypes.h>
#include <stdio.h>

/* Bytes that a step reads and writes of a block: half of a second-level cache. */
static const double block_bytes = 512 << 10;

/* Memory that a call touches. */
typedef struct touch {
    const char *at;
    size_t bytes;
    bool written, divided;
} touch;

/* What there is of them; returns how many. */
static int touches_of(const vn_call *c, vn_by_rows rows, touch out[VN_MAX_IN + VN_MAX_OUT])
{
    int n = 0;
    for (int i = 0; i < c->n_in + c->n_out; i++) {
        bool written = i >= c->n_in;
        const vn_tensor *t = written ? &c->out[i - c->n_in] : &c->in[i];
        if (!t->data || t->rank < 0) continue;
        size_t bytes = (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
        if (bytes) out[n++] = (touch){ t->data, bytes, written, written || rows.divided >> i & 1 };
    }
    return n;
}

static bool clash(const touch *a, const touch *b)
{
    if (!a->written && !b->written) return false;
    if (a->at >= b->at + b->bytes || b->at >= a->at + a->bytes) return false;
    return !a->divided || !b->divided || a->at != b->at || a->bytes != b->bytes;
}

/* May lanes be at step `at` and at steps [first, at] at the same time? */
static bool apart(const vn_step *steps, const vn_link *link, int first, int at)
{
    touch own[VN_MAX_IN + VN_MAX_OUT], other[VN_MAX_IN + VN_MAX_OUT];
    int n = touches_of(&steps[at].call, link[at].rows, own);
    for (int s = first; s <= at; s++) {
        int m = touches_of(&steps[s].call, link[s].rows, other);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < m; j++)
                if (clash(&own[i], &other[j])) return false;
    }
    return true;
}

/* A product with weights for all rows that are not kept: across columns each panel is packed once,
 * by rows every lane would pack them all. A training step of N-HiTS loses 3 % by that at 32
 * windows, and gains nothing at 1,024. */
static bool packs(const vn_step *s, vn_by_rows rows)
{
    bool product = s->call.op == VN_OP_LINEAR || s->call.op == VN_OP_MATMUL;
    bool keeps = s->call.fixed && s->kernel->keep && s->kernel->keep(&s->call);
    return product && !keeps && !(rows.divided >> 1 & 1);
}

/* How the step is divided, if its kernel takes a block of its rows by itself. */
static vn_by_rows rows_of(const vn_step *step)
{
    vn_by_rows none = { 0, 0, 0 }, rows = vn_rows_of(&step->call);
    const vn_kernel *k = step->kernel;
    vn_call one;
    if (!rows.n || k->meets || packs(step, rows)) return none;
    vn_rows_cut(&step->call, rows, rows.n, 0, 1, &one);
    if (k->unfit && k->unfit(&one)) return none;
    return k->scratch && k->scratch(&step->call).shared ? none : rows;
}

/* A chain as it grows, cut into so many units of rows. A block is of as many units as fit the cache
 * at its widest step, and of as many as its products want: `most` and `least` of the steps so far.
 */
typedef struct growth {
    int64_t units, most, least;
} growth;

static int64_t most_of(const vn_step *s, vn_by_rows rows, int64_t units)
{
    touch t[VN_MAX_IN + VN_MAX_OUT];
    double bytes = 1;
    for (int i = 0, n = touches_of(&s->call, rows, t); i < n; i++)
        if (t[i].divided) bytes += (double)t[i].bytes;
    return (int64_t)(block_bytes * (double)units / bytes);
}

/* Put step s at the end of the chain, if it fits. One because of which blocks would outgrow the
 * cache, as a layer over whole windows after those over their steps, had better begin another
 * chain. */
static bool grow(growth *g, const vn_step *s, vn_by_rows rows, int lanes)
{
    bool begins = !g->units;
    int64_t units = begins ? rows.n : g->units;
    if (units < (int64_t)VN_CHAIN_ROWS * lanes || rows.n % units) return false;
    int64_t most = most_of(s, rows, units), least = (rows.least * units + rows.n - 1) / rows.n;
    if (!begins && g->most < most) most = g->most;
    if (least < g->least) least = g->least;
    if (least * lanes > units || (!begins && g->least <= g->most && least > most)) return false;
    *g = (growth){ units, most, least };
    return true;
}

/* The same number of blocks for each lane. */
static int64_t blocks_of(const growth *g, int lanes)
{
    int64_t each = g->units / lanes, size = g->most > g->least ? g->most : g->least;
    return each > size ? lanes * (each / size) : lanes;
}

/* The chain that begins at step `at`, `last` at most; returns its end. */
static int chain_from(const vn_step *steps, vn_link *link, int at, int last, int lanes)
{
    growth g = { 0 }, to = g;
    int end = at;
    for (; end < last && link[end].rows.n; g = to, end++)
        if (!grow(&to, &steps[end], link[end].rows, lanes) || !apart(steps, link, at, end)) break;
    if (end - at < 2) return at + 1;
    int64_t blocks = blocks_of(&g, lanes);
    if (blocks < 2) return end;
    for (int s = at; s < end; s++) {
        link[s].first = at;
        link[s].last = end;
        link[s].units = g.units;
        link[s].blocks = blocks;
        snprintf(link[s].about, sizeof link[s].about,
                 "%" PRId64 " blocks of rows, walking on %s step %d", blocks,
                 s + 1 < end ? "to" : "no further than", s + 1 < end ? s + 1 : s);
    }
    return end;
}

/* Members of a node, n steps behind each other, are spread over the lanes in another way. */
void vn_chain_find(const vn_step *steps, int n, int lanes, vn_link *link)
{
    for (int i = 0, members = 0; i < n; i++, members--) {
        if (members <= 0) members = steps[i].members > 1 ? steps[i].members : 0;
        link[i] = (vn_link){ .first = i, .last = i + 1 };
        if (!members) link[i].rows = rows_of(&steps[i]);
    }
    for (int i = 0; i < n;) i = chain_from(steps, link, i, n, lanes);
}

void vn_chain_cut(const vn_step *step, const vn_link *link, int64_t block, vn_call *part)
{
    int64_t lo = link->units * block / link->blocks, hi = link->units * (block + 1) / link->blocks;
    vn_rows_cut(&step->call, link->rows, link->units, lo, hi, part);
}

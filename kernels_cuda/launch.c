/* What VN_LAUNCH of common.cuh starts, and how the launches of a plan's members become one.
 *
 * Members are computed by the same kernels on memory of their own, which lies evenly spaced. So a
 * member's launches are first kept, those of the others compared with them, and then each is
 * started once, members being the third coordinate of its grid: as many nodes of a graph as for
 * one. */
#include <string.h>

#include "base/fault.h"
#include "kernels_cuda/cuda.h"

typedef struct vn_gather {
    int members, member;
    int n, at, room; /* launches of member 0; of this member so far */
    bool alike;
    vn_launch *launch;
} vn_gather;

/* What is a member's own lies `by` of it apart, or where it lies if there is one member. */
static void start(const vn_cuda_stream *s, vn_launch *l)
{
    for (int i = 0; i < l->bytes / (int)sizeof *l->args; i++)
        if (l->args[i] == (uint64_t)VN_EACH) l->args[i] = 0;
    l->start(l, s->handle);
}

static bool keep(vn_gather *g, const vn_launch *l)
{
    if (g->n == g->room) {
        int room = 2 * g->room + 2;
        vn_launch *more = vn_calloc((size_t)room, sizeof *more);
        if (!more) return false;
        if (g->n) memcpy(more, g->launch, (size_t)g->n * sizeof *more);
        vn_free(g->launch);
        g->launch = more;
        g->room = room;
    }
    g->launch[g->n++] = *l;
    return l->grid[2] == 1;
}

/* Word i of a member's arguments, and with it the distance behind it, if one is. */
static bool same_word(const vn_gather *g, vn_launch *first, const vn_launch *l, int i)
{
    const uint64_t each = (uint64_t)VN_EACH, apart = l->args[i] - first->args[i];
    bool own = i + 1 < l->bytes / (int)sizeof *l->args && l->args[i + 1] == each;
    if (l->args[i] == each) return true; /* seen with the word before */
    if (!own) return apart == 0;
    if (g->member == 1) first->args[i + 1] = apart;
    return apart == first->args[i + 1] * (uint64_t)g->member;
}

static bool same(const vn_gather *g, vn_launch *first, const vn_launch *l)
{
    bool alike = l->kernel == first->kernel && l->shared == first->shared &&
                 l->together == first->together && l->bytes == first->bytes &&
                 !memcmp(l->grid, first->grid, sizeof l->grid) &&
                 !memcmp(l->block, first->block, sizeof l->block);
    for (int i = 0; alike && i < l->bytes / (int)sizeof *l->args; i++)
        alike = same_word(g, first, l, i);
    return alike;
}

void vn_launch_on(vn_cuda_stream *s, vn_launch *launch)
{
    vn_gather *g = s->gather;
    if (!g)
        start(s, launch);
    else if (g->alike && g->member == 0)
        g->alike = keep(g, launch);
    else if (g->alike)
        g->alike = g->at < g->n && same(g, &g->launch[g->at++], launch);
}

int vn_launch_share(const vn_stream *s)
{
    const vn_gather *g = ((const vn_cuda_stream *)s)->gather;
    return g ? g->members : 1;
}

void vn_launch_apart(vn_stream *s)
{
    vn_gather *g = ((vn_cuda_stream *)s)->gather;
    if (g) g->alike = false;
}

/* False: nothing was started. */
static bool start_together(vn_cuda_stream *s, int members, vn_launch_one *one, const void *ctx)
{
    vn_gather g = { .members = members, .alike = true };
    s->gather = &g;
    for (int m = 0; m < members && g.alike; m++) {
        g.member = m;
        g.at = 0;
        one(ctx, m, &s->base);
        if (m && g.at != g.n) g.alike = false;
    }
    s->gather = NULL;
    for (int i = 0; i < g.n && g.alike; i++) {
        g.launch[i].grid[2] = (unsigned)members;
        start(s, &g.launch[i]);
    }
    vn_free(g.launch);
    return g.alike;
}

void vn_launch_members(vn_stream *s, int members, vn_launch_one *one, const void *ctx)
{
    if (members > 1 && start_together((vn_cuda_stream *)s, members, one, ctx)) return;
    for (int m = 0; m < members; m++) one(ctx, m, s);
}

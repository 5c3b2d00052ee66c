/* Folding of two layers; see fold.h. */
#include "graph/plan/fold.h"

#include <string.h>

#include "base/fault.h"
#include "graph/plan/rewrite.h"

/* Folding must save this part of the work: products of weights alone run a little below the rate of
 * those over many rows. */
static const double least_gain = 0.05;

typedef struct pass {
    vn_graph *g;
    vn_fold_when when;
    const vn_node *nodes; /* as they were */
    const int *maker;     /* of every value: its node in `nodes`, -1: none */
    const int *readers;   /* of every value: nodes that read it, and one more where it is shown */
    const bool *learns;   /* of every value: depends on a parameter */
} pass;

static const vn_tensor *shape(const pass *p, vn_val v)
{
    return &p->g->values[v].t;
}

/* A parameter, rows of one, or a constant. */
static bool is_weight(const vn_graph *g, vn_val v)
{
    while (g->values[v].base) v = g->values[v].base;
    return g->values[v].home == VN_HOME_PARAM || g->values[v].home == VN_HOME_CONST;
}

/* The plain layer that makes the input of layer `n` for nobody else; NULL: there is none. */
static const vn_node *inner_of(const pass *p, const vn_node *n)
{
    if (n->op != VN_OP_LINEAR || !is_weight(p->g, n->in[1])) return NULL;
    vn_val between = n->in[0];
    int at = p->maker[between];
    if (at < 0 || p->readers[between] != 1 || p->g->values[between].home != VN_HOME_WORK)
        return NULL;
    const vn_node *inner = &p->nodes[at];
    if (inner->op != VN_OP_LINEAR || !is_weight(p->g, inner->in[1])) return NULL;
    return ((const vn_attr_linear *)inner->attr)->act == VN_UNARY_NONE ? inner : NULL;
}

typedef struct work {
    double apart, folded; /* flops of a run */
} work;

/* Forward, and in a training step the gradients of weights and, where it is wanted, of x. */
static work work_of(const pass *p, const vn_node *inner, const vn_node *outer)
{
    double in = (double)shape(p, inner->in[1])->dim[1],
           mid = (double)shape(p, outer->in[1])->dim[1];
    double out = (double)shape(p, outer->in[1])->dim[0];
    double rows = (double)vn_count(shape(p, inner->in[0])) / in;
    work w = { .apart = 2 * rows * mid * (in + out), .folded = 2 * rows * in * out };
    if (p->when == VN_FOLD_PROLOGUE) return w;
    double x = p->learns[inner->in[0]] ? 1 : 0;
    return (work){ .apart = 2 * w.apart + 2 * rows * mid * (out + x * in),
                   .folded = (2 + x) * w.folded + 3 * 2 * out * mid * in };
}

/* Append `outer` on the input of `inner`, with the product of both weights. */
static void emit(const pass *p, const vn_node *inner, vn_node outer, const char *note)
{
    vn_graph *g = p->g;
    vn_val b = outer.in[2], x = inner->in[0];
    vn_rewrite_scope(g, outer.path);
    vn_val w = vn_matmul(g, outer.in[1], inner->in[1], false, false);
    if (inner->in[2]) b = vn_linear(g, inner->in[2], outer.in[1], outer.in[2], VN_UNARY_NONE);
    outer.in[0] = x;
    outer.in[1] = w;
    outer.in[2] = b;
    outer.note = note;
    if (!g->status) vn_rewrite_keep(g, &outer);
}

static void fold_node(const pass *p, vn_node n)
{
    vn_graph *g = p->g;
    const vn_node *inner = inner_of(p, &n);
    if (!inner) {
        vn_rewrite_keep(g, &n);
        return;
    }
    work w = work_of(p, inner, &n);
    bool fold = w.folded < (1 - least_gain) * w.apart;
    const char *note = vn_arena_printf(&g->arena, "%s with \"%s\" before it: %.3g flop %s %.3g",
                                       fold ? "folded" : "not folded", inner->path, w.folded,
                                       fold ? "instead of" : "in place of", w.apart);
    if (!note) {
        vn_refuse(g, VN_E_MEMORY, "%s", vn_last_message());
    } else if (fold) {
        emit(p, inner, n, note);
    } else {
        n.note = note;
        vn_rewrite_keep(g, &n);
    }
}

/* Who makes and who reads each value, and which depend on parameters. */
static void survey(const vn_graph *g, int *maker, int *readers, bool *learns)
{
    for (vn_val v = 0; v < g->n_values; v++) {
        maker[v] = g->values[v].node;
        learns[v] = g->values[v].home == VN_HOME_PARAM;
    }
    for (int k = 0; k < g->n_nodes; k++) {
        const vn_node *n = &g->nodes[k];
        bool any = false;
        for (int i = 0; i < n->n_in; i++) {
            readers[n->in[i]]++;
            any |= n->in[i] && learns[n->in[i]];
        }
        for (int i = 0; i < n->n_out; i++) learns[n->out[i]] |= n->out[i] && any;
    }
    for (int i = 0; i < g->n_shown; i++) readers[g->shown[i].v]++;
}

vn_status vn_graph_fold(vn_graph *g, vn_fold_when when)
{
    if (g->status) return vn_graph_finish(g);
    if (g->real != VN_F32) return VN_OK;
    size_t room = (size_t)g->n_values;
    int *maker = vn_calloc(room, sizeof *maker), *readers = vn_calloc(room, sizeof *readers), n;
    bool *learns = vn_calloc(room, sizeof *learns);
    vn_node *nodes = NULL;
    vn_status st = maker && readers && learns ? VN_OK : VN_E_MEMORY;
    if (!st) {
        survey(g, maker, readers, learns);
        st = vn_rewrite_begin(g, &nodes, &n);
    }
    if (!st) {
        pass p = { g, when, nodes, maker, readers, learns };
        char outer[sizeof g->scope];
        memcpy(outer, g->scope, sizeof outer);
        for (int k = 0; k < n && !g->status; k++) fold_node(&p, nodes[k]);
        memcpy(g->scope, outer, sizeof outer);
    }
    vn_free(nodes);
    vn_free(maker);
    vn_free(readers);
    vn_free(learns);
    return st ? vn_trail(st, __FILE__, __LINE__) : vn_graph_finish(g);
}

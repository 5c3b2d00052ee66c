/* Reverse-mode differentiation: every node's rule emits the nodes of its input gradients, so forward,
 * backward and optimizer are one list for one planner and one executor. */
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "graph/build.h"
#include "graph/ops/op.h"

bool vn_wants(const vn_graph *g, vn_val v) { return v > 0 && v < g->n_wants && g->wants[v]; }

static bool is_param(const vn_graph *g, vn_val v)
{
    return g->values[v].home == VN_HOME_PARAM && g->values[v].param >= 0;
}

/* Mark what depends on a parameter or on `wrt` through differentiable ops. */
static void mark_wanted(vn_graph *g, const vn_val *wrt, int n)
{
    for (vn_val v = 1; v < g->n_wants; v++)
        g->wants[v] = is_param(g, v);
    for (int i = 0; i < n; i++) g->wants[wrt[i]] = true;
    for (int k = 0; k < g->n_nodes; k++) {
        const vn_node *node = &g->nodes[k];
        if (!vn_op_def_of(node->op)->grad) continue;
        bool any = false;
        for (int i = 0; i < node->n_in; i++) any |= vn_wants(g, node->in[i]);
        for (int i = 0; i < node->n_out; i++)
            if (node->out[i]) g->wants[node->out[i]] |= any;
    }
}

/* Gradient nodes are called "grad/" and the scope of the node they belong to. */
static void enter_scope(vn_graph *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) + 1 : 0;
    snprintf(g->scope, sizeof g->scope, "grad/%.*s", n, path);
}

static size_t bytes_of(const vn_graph *g, vn_val v)
{
    const vn_tensor *t = &g->values[v].t;
    return (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
}

/* True if a and b are views of one parameter: a its first rows, b all others. */
static bool halves(const vn_graph *g, vn_val a, vn_val b, const bool *split)
{
    const vn_value *first = &g->values[a], *rest = &g->values[b];
    return a && b && first->base && first->base == rest->base && split[first->base] &&
           first->base_bytes == 0 && rest->base_bytes == bytes_of(g, a) &&
           bytes_of(g, a) + bytes_of(g, b) == bytes_of(g, first->base);
}

static bool is_plain_layer(const vn_node *n)
{
    return n->op == VN_OP_LINEAR && ((const vn_attr_linear *)n->attr)->act == VN_UNARY_NONE;
}

/* True if a node between j and k reads v: then its gradient is not known whole at k. */
static bool read_between(const vn_graph *g, vn_val v, int j, int k)
{
    for (int m = j + 1; m < k; m++)
        for (int i = 0; i < g->nodes[m].n_in; i++)
            if (g->nodes[m].in[i] == v) return true;
    return false;
}

/* The layer before node k that makes up one layer with it, -1 if there is none: N-HiTS's backcast
 * and forecast are the first and the other rows of one weight. */
static int other_half(const vn_graph *g, int k, const vn_val *adjoint, const bool *split)
{
    const vn_node *rest = &g->nodes[k];
    if (!is_plain_layer(rest) || !g->values[rest->in[1]].base) return -1;
    for (int j = k - 1; j >= 0; j--) {
        const vn_node *n = &g->nodes[j];
        if (is_plain_layer(n) && n->in[0] == rest->in[0] && adjoint[n->out[0]] &&
            halves(g, n->in[1], rest->in[1], split) && halves(g, n->in[2], rest->in[2], split))
            return read_between(g, n->out[0], j, k) ? -1 : j;
    }
    return -1;
}

/* Make `node`, a copy of node k, the whole layer where k is the second half of one: a product for the
 * weight and one for x then do for both, where there were two each and a sum. */
static void join_halves(vn_graph *g, int k, vn_node *node, vn_val *adjoint, const bool *split)
{
    int j = other_half(g, k, adjoint, split);
    if (j < 0) return;
    vn_val *first = &adjoint[g->nodes[j].out[0]], *rest = &adjoint[node->out[0]];
    *rest = vn_concat(g, g->values[*rest].t.rank - 1, (vn_val[]){ *first, *rest }, 2);
    *first = 0; /* done with */
    node->in[1] = g->values[node->in[1]].base;
    node->in[2] = g->values[node->in[2]].base;
}

/* Emit the gradients of one node's inputs and add them to what the inputs have already. */
static void backward(vn_graph *g, int k, vn_val *adjoint, const bool *split)
{
    vn_node node = g->nodes[k]; /* a copy: emitting may move the array */
    const vn_op_def *def = vn_op_def_of(node.op);
    vn_val dout[VN_MAX_OUT] = { 0 }, din[VN_MAX_IN] = { 0 };
    bool any = false, wanted = false;
    for (int i = 0; i < node.n_out; i++) {
        dout[i] = adjoint[node.out[i]];
        any |= dout[i] != 0;
    }
    for (int i = 0; i < node.n_in; i++) wanted |= vn_wants(g, node.in[i]);
    if (!any || !wanted || !def->grad || split[node.in[0]]) return;
    enter_scope(g, node.path);
    join_halves(g, k, &node, adjoint, split);
    dout[0] = adjoint[node.out[0]];
    def->grad(g, &node, dout, din);
    for (int i = 0; i < node.n_in && !g->status; i++) {
        vn_val in = node.in[i];
        if (!din[i] || !vn_wants(g, in)) continue;
        adjoint[in] = adjoint[in] ? vn_add(g, adjoint[in], din[i]) : din[i];
    }
}

/* Leave `grad` in the slot of parameter `entry`, `shift` bytes from its begin: made there, unless the
 * value has another place already. */
static void bind(vn_graph *g, vn_val grad, int entry, size_t shift)
{
    const vn_value *v = &g->values[grad];
    if (v->home != VN_HOME_WORK || v->base || v->node < 0) grad = vn_affine(g, grad, 1, 0);
    if (!grad) return;
    g->values[grad].home = VN_HOME_GRAD;
    g->values[grad].param = entry;
    g->values[grad].base_bytes = shift;
}

/* True if nodes [0, n) use parameter p through disjoint views only, as N-HiTS uses the rows of its
 * output layer. Each view's gradient can then be made in its own part of the slot: no padding, no
 * sums. Parts without a gradient stay zero, as the block was when it was allocated. */
static bool only_views(const vn_graph *g, vn_val p, int n)
{
    size_t end = 0; /* views are made in ascending order or counted as overlapping */
    for (int k = 0; k < n; k++) {
        const vn_node *node = &g->nodes[k];
        for (int i = 0; i < node->n_in; i++) {
            if (node->in[i] != p) continue;
            const vn_value *out = &g->values[node->out[0]];
            if (!vn_op_about(node->op)->view || out->base_bytes < end) return false;
            end = out->base_bytes + (size_t)vn_count(&out->t) * vn_dtype_bytes(out->t.dtype);
        }
    }
    return end > 0;
}

/* Bind what the walk left at the parameters, or at their views where those are bound singly. */
static void bind_all(vn_graph *g, const vn_val *adjoint, const bool *split, int n_values)
{
    for (vn_val v = 1; v < n_values && !g->status; v++) {
        vn_val base = g->values[v].base;
        if (!adjoint[v]) continue;
        if (is_param(g, v)) bind(g, adjoint[v], g->values[v].param, 0);
        else if (base && split[base])
            bind(g, adjoint[v], g->values[base].param, g->values[v].base_bytes);
    }
}

void vn_gradients(vn_graph *g, vn_val loss, const vn_val *wrt, int n, vn_val *grads)
{
    for (int i = 0; i < n; i++) grads[i] = 0;
    if (g->status) return;
    const double one = 1;
    char outer[sizeof g->scope];
    memcpy(outer, g->scope, sizeof outer);
    enter_scope(g, "");
    vn_val seed = vn_const(g, "one", VN_DIMS(1), &one);
    int n_values = g->n_values;
    g->n_wants = n_values;
    g->wants = vn_calloc((size_t)n_values, sizeof *g->wants);
    vn_val *adjoint = vn_calloc((size_t)n_values, sizeof *adjoint);
    bool *split = vn_calloc((size_t)n_values, sizeof *split); /* parameters bound view by view */
    if (!g->wants || !adjoint || !split) {
        vn_refuse(g, VN_E_MEMORY, "%s", vn_last_message());
        goto done;
    }
    mark_wanted(g, wrt, n);
    int n_nodes = g->n_nodes;
    for (vn_val v = 1; v < n_values; v++) split[v] = is_param(g, v) && only_views(g, v, n_nodes);
    for (int i = 0; i < n; i++) split[wrt[i]] = false; /* its own gradient is asked for */
    adjoint[loss] = seed;
    for (int k = g->values[loss].node; k >= 0 && !g->status; k--) backward(g, k, adjoint, split);
    bind_all(g, adjoint, split, n_values);
    for (int i = 0; i < n && !g->status; i++) grads[i] = adjoint[wrt[i]];
done:
    vn_free(split);
    vn_free(adjoint);
    vn_free(g->wants);
    g->wants = NULL;
    g->n_wants = 0;
    memcpy(g->scope, outer, sizeof outer);
}

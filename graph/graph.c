/* The two arrays of a graph and its sticky failure. */
#include "graph/graph.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"

vn_status vn_graph_open(vn_dtype real, vn_params *params, vn_graph **out)
{
    vn_graph *g = vn_calloc(1, sizeof *g);
    if (!g) return VN_E_MEMORY;
    g->real = real;
    g->params = params;
    g->cap_nodes = 64;
    g->cap_values = 128;
    g->nodes = vn_calloc((size_t)g->cap_nodes, sizeof *g->nodes);
    g->values = vn_calloc((size_t)g->cap_values, sizeof *g->values);
    if (!g->nodes || !g->values) {
        vn_graph_close(g);
        return VN_E_MEMORY;
    }
    g->n_values = 1; /* value 0 is "absent" */
    *out = g;
    return VN_OK;
}

void vn_graph_close(vn_graph *g)
{
    if (!g) return;
    vn_free(g->nodes);
    vn_free(g->values);
    vn_arena_close(&g->arena);
    vn_free(g);
}

vn_status vn_graph_finish(vn_graph *g)
{
    return g->status ? VN_FAIL(g->status, "%s", g->message) : VN_OK;
}

const vn_value *vn_value_of(const vn_graph *g, vn_val v) { return &g->values[v]; }

void vn_call_of(const vn_graph *g, int node, vn_call *call)
{
    const vn_node *n = &g->nodes[node];
    *call = (vn_call){ .op = n->op, .n_in = n->n_in, .n_out = n->n_out, .attr = n->attr,
                       .node = (uint32_t)node };
    for (int i = 0; i < n->n_in; i++) call->in[i] = g->values[n->in[i]].t;
    for (int i = 0; i < n->n_out; i++) call->out[i] = g->values[n->out[i]].t;
}

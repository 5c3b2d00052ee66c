/* Node lists written again; see rewrite.h. */
#include "graph/plan/rewrite.h"

#include <stdio.h>
#include <string.h>

#include "base/fault.h"

vn_status vn_rewrite_begin(vn_graph *g, vn_node **nodes, int *n)
{
    vn_node *fresh = vn_calloc((size_t)g->cap_nodes, sizeof *fresh);
    if (!fresh) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    *nodes = g->nodes;
    *n = g->n_nodes;
    g->nodes = fresh;
    g->n_nodes = 0;
    return VN_OK;
}

void vn_rewrite_keep(vn_graph *g, const vn_node *n)
{
    if (g->n_nodes == g->cap_nodes) {
        vn_node *grown = vn_realloc(g->nodes, 2 * (size_t)g->cap_nodes * sizeof *grown);
        if (!grown) {
            vn_refuse(g, VN_E_MEMORY, "%s", vn_last_message());
            return;
        }
        g->nodes = grown;
        g->cap_nodes *= 2;
    }
    g->nodes[g->n_nodes] = *n;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i]) g->values[n->out[i]].node = g->n_nodes;
    g->n_nodes++;
}

void vn_rewrite_scope(vn_graph *g, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(g->scope, sizeof g->scope, "%.*s", slash ? (int)(slash - path) + 1 : 0, path);
}

/* What passes over a graph share: each writes the node list again, some nodes as they were, some new.
 * Values keep their ids. */
#ifndef VN_GRAPH_PLAN_REWRITE_H
#define VN_GRAPH_PLAN_REWRITE_H

#include "graph/build.h"

/* Take the node list from the graph, which is empty then. vn_free(*nodes) when done. */
vn_status vn_rewrite_begin(vn_graph *g, vn_node **nodes, int *n);

/* Append a node that was in the list; its outputs know their new place. */
void vn_rewrite_keep(vn_graph *g, const vn_node *n);

/* What is built from here on is called after the node `path`. "" at the end. */
void vn_rewrite_scope(vn_graph *g, const char *path);

#endif

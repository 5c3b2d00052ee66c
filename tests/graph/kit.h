/* A graph, its parameters, a CPU device and a plan: what the tests of this folder begin with. */
#ifndef VN_TESTS_GRAPH_KIT_H
#define VN_TESTS_GRAPH_KIT_H

#include "graph/plan/plan.h"

typedef struct kit {
    vn_params *params;
    vn_graph *g;
    vn_device *dev;
    void *home[VN_HOME_COUNT];
    size_t block_bytes;
    vn_plan *plan;
} kit;

void kit_open(kit *k, vn_dtype real);

/* Lay out and draw the parameters (unless done), make the blocks and the plan. Aborts the test on
 * failure. */
void kit_plan(kit *k);
void kit_close(kit *k);

#endif

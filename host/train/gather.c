#include "host/train/gather.h"

#include <string.h>

#include "base/fault.h"

enum { N_PARTS = 7 };

struct vn_gather {
    vn_device *cpu;
    vn_params *params; /* none: a graph wants some */
    vn_plan *plan;
    vn_val pairs, part[N_PARTS]; /* parts in the order of list_parts */
    size_t bytes[N_PARTS];
    int64_t batch;
};

static void list_parts(const vn_window_out *w, vn_val out[N_PARTS])
{
    const vn_val all[N_PARTS] = { w->y,    w->mask,   w->hist,       w->futr,
                                  w->stat, w->target, w->target_mask };
    memcpy(out, all, sizeof all);
}

static vn_status make_plan(vn_gather *g, vn_graph *graph, const vn_fitted *m, const vn_panel *panel)
{
    vn_attr_window attr = { .n_in = m->train.input_size,
                            .h = m->train.h,
                            .n_hist = m->n_hist,
                            .n_futr = m->n_futr,
                            .n_stat = m->n_stat };
    vn_plan_config config = { .dev = g->cpu };
    vn_val from = vn_input(graph, "panel", VN_PANEL, VN_DIMS(1));
    g->pairs = vn_input(graph, "pairs", VN_I32, VN_DIMS(g->batch, 2));
    vn_window_out w = vn_window(graph, g->pairs, from, &attr);
    list_parts(&w, g->part);
    for (int i = 0; i < N_PARTS; i++) {
        if (!g->part[i]) continue;
        g->bytes[i] = (size_t)vn_count(&vn_value_of(graph, g->part[i])->t) * sizeof(float);
        g->part[i] = vn_output(graph, g->part[i]);
    }
    VN_TRY(vn_graph_finish(graph));
    VN_TRY(vn_plan_make(graph, &config, &g->plan));
    vn_panel_view view = vn_panel_view_of(panel);
    memcpy(vn_plan_feed(g->plan, from), &view, sizeof view);
    return VN_OK;
}

static vn_status open_all(vn_gather *g, const vn_fitted *m, const vn_panel *panel)
{
    vn_graph *graph;
    VN_TRY(vn_device_open("cpu", 0, NULL, &g->cpu));
    VN_TRY(vn_params_open(&g->params));
    VN_TRY(vn_graph_open(VN_F32, g->params, &graph));
    vn_status st = make_plan(g, graph, m, panel);
    vn_graph_close(graph);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

vn_status vn_gather_open(const vn_fitted *m, const vn_panel *panel, int64_t batch, vn_gather **out)
{
    vn_gather *g = vn_calloc(1, sizeof *g);
    *out = NULL;
    if (!g) return vn_trail(VN_E_MEMORY, __FILE__, __LINE__);
    g->batch = batch;
    vn_status st = open_all(g, m, panel);
    if (st) {
        vn_gather_close(g);
        return vn_trail(st, __FILE__, __LINE__);
    }
    *out = g;
    return VN_OK;
}

void vn_gather_close(vn_gather *g)
{
    if (!g) return;
    vn_plan_close(g->plan);
    vn_params_close(g->params);
    vn_device_close(g->cpu);
    vn_free(g);
}

vn_status vn_gather_run(vn_gather *g, const int32_t *pairs, vn_plan *plan, const vn_model_graph *to)
{
    vn_val into[N_PARTS];
    size_t pair_bytes = (size_t)g->batch * 2 * sizeof *pairs;
    list_parts(&to->windows, into);
    memcpy(vn_plan_feed(g->plan, g->pairs), pairs, pair_bytes);
    memcpy(vn_plan_feed(plan, to->pairs), pairs, pair_bytes);
    VN_TRY(vn_plan_run(g->plan));
    for (int i = 0; i < N_PARTS; i++)
        if (g->bytes[i])
            memcpy(vn_plan_feed(plan, into[i]), vn_plan_read(g->plan, g->part[i]), g->bytes[i]);
    return VN_OK;
}

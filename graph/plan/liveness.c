/* Dead-code elimination, the prologue, and lifetimes.
 *
 * Kept are the nodes that outputs depend on, and those that write memory outliving the run
 * (gradients, in-place updates). The prologue is what depends on parameters and constants alone: it
 * runs again only when the parameters change, so its results stay put between runs. */
#include "base/fault.h"
#include "graph/plan/internal.h"

static void find_roots(vn_plan *plan, const vn_graph *g)
{
    for (vn_val v = 1; v < g->n_values; v++) {
        const vn_value *value = &g->values[v];
        vn_place *p = &plan->place[v];
        *p = (vn_place){ .path = value->path, .t = value->t, .root = v, .first = -1, .last = -1 };
        for (; g->values[p->root].base; p->root = g->values[p->root].base)
            p->shift += g->values[p->root].base_bytes;
        p->home = g->values[p->root].home;
    }
}

/* Memory that outlives the run, written by this node? */
static bool has_effect(const vn_plan *plan, const vn_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        vn_home home = plan->place[n->out[i]].home;
        if (n->out[i] && home != VN_HOME_WORK && !vn_op_about(n->op)->view) return true;
    }
    return false;
}

static void keep_needed(vn_plan *plan, const vn_graph *g, bool *keep)
{
    for (int k = g->n_nodes - 1; k >= 0; k--) {
        const vn_node *n = &g->nodes[k];
        keep[k] = has_effect(plan, n);
        for (int i = 0; i < n->n_out; i++) keep[k] |= n->out[i] && plan->place[n->out[i]].live;
        if (!keep[k]) continue;
        for (int i = 0; i < n->n_in; i++) plan->place[n->in[i]].live = true;
        for (int i = 0; i < n->n_out; i++) {
            vn_home home = plan->place[n->out[i]].home;
            plan->place[n->out[i]].live |= n->out[i] && home != VN_HOME_WORK;
        }
    }
    plan->place[0].live = false;
}

/* A node belongs to the prologue if all it reads is parameters, constants or the prologue's. */
static void find_prologue(const vn_plan *plan, const vn_graph *g, const bool *keep, bool *early)
{
    for (int k = 0; k < g->n_nodes; k++) {
        const vn_node *n = &g->nodes[k];
        early[k] = plan->config.version && keep[k] && n->op != VN_OP_DROPOUT && !has_effect(plan, n);
        for (int i = 0; i < n->n_in && early[k]; i++) {
            const vn_value *in = &g->values[n->in[i]];
            if (n->in[i] && in->node >= 0) early[k] = early[in->node];
            else if (n->in[i]) early[k] = in->home == VN_HOME_PARAM || in->home == VN_HOME_CONST;
        }
    }
}

static void touch(vn_plan *plan, vn_val v, int step)
{
    if (!v || !plan->place[v].live) return;
    vn_place *root = &plan->place[plan->place[v].root];
    root->live = true;
    if (root->first < 0 || step < root->first) root->first = step;
    if (step > root->last) root->last = step;
}

static void find_lifetimes(vn_plan *plan, const vn_graph *g, const bool *keep, const bool *early)
{
    int total = 0, step[2] = { 0, 0 };
    for (int k = 0; k < g->n_nodes; k++) {
        if (!keep[k] || vn_op_about(g->nodes[k].op)->view) continue;
        total++;
        step[1] += early[k];
    }
    plan->n_steps = total;
    plan->n_prologue = step[1];
    step[0] = plan->n_prologue;
    step[1] = 0;
    for (int k = 0; k < g->n_nodes; k++) {
        const vn_node *n = &g->nodes[k];
        if (!keep[k] || vn_op_about(n->op)->view) continue;
        int at = step[early[k]]++;
        for (int i = 0; i < n->n_in; i++) touch(plan, n->in[i], at);
        for (int i = 0; i < n->n_out; i++) {
            touch(plan, n->out[i], at);
            if (early[k]) touch(plan, n->out[i], total); /* stays for the runs to come */
        }
    }
}

vn_status vn_plan_liveness(vn_plan *plan, const vn_graph *g, bool *keep, bool *early)
{
    find_roots(plan, g);
    keep_needed(plan, g, keep);
    find_prologue(plan, g, keep, early);
    find_lifetimes(plan, g, keep, early);
    return VN_OK;
}

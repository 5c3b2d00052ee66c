/* Making a plan: liveness, layout, blocks, calls, kernels, recording. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "graph/plan/internal.h"

static const vn_home own_blocks[] = { VN_HOME_WORK, VN_HOME_READ, VN_HOME_FEED, VN_HOME_CONST };
enum { N_OWN = sizeof own_blocks / sizeof *own_blocks };

/* ---- blocks ---- */

/* The block the plan's size is in; what is refused is told with what there is. */
static vn_status make_work(vn_plan *plan)
{
    vn_device *dev = plan->config.dev;
    size_t bytes = plan->bytes[VN_HOME_WORK];
    vn_device_info info;
    vn_status st = vn_device_alloc(dev, VN_MEM_DEVICE, bytes, &plan->block[VN_HOME_WORK]);
    if (st != VN_E_MEMORY) return st;
    vn_device_about(dev, &info);
    char free_text[48] = "";
    if (info.free_bytes >= 0)
        snprintf(free_text, sizeof free_text, ", %.0f MB of them free,", (double)info.free_bytes / 1e6);
    return VN_FAIL(VN_E_MEMORY,
                   "the plan of %d steps needs %.1f MB of work memory, which %s with %.0f MB%s does "
                   "not give: smaller batches need less",
                   plan->n_steps, (double)bytes / 1e6, info.name, (double)info.mem_bytes / 1e6,
                   free_text);
}

static vn_status make_blocks(vn_plan *plan)
{
    vn_device *dev = plan->config.dev;
    VN_TRY(make_work(plan));
    for (int i = 0; i < N_OWN; i++) {
        vn_home h = own_blocks[i];
        if (h == VN_HOME_WORK) continue;
        VN_TRY(vn_device_alloc(dev, VN_MEM_DEVICE, plan->bytes[h], &plan->block[h]));
    }
    vn_device_info info;
    vn_device_about(dev, &info);
    plan->host_memory = info.host_memory;
    plan->host_feed = plan->block[VN_HOME_FEED];
    plan->host_read = plan->block[VN_HOME_READ];
    if (info.host_memory) return VN_OK;
    plan->host_feed = plan->host_read = NULL;
    VN_TRY(vn_device_alloc(dev, VN_MEM_PINNED, plan->bytes[VN_HOME_FEED], &plan->host_feed));
    return vn_device_alloc(dev, VN_MEM_PINNED, plan->bytes[VN_HOME_READ], &plan->host_read);
}

static vn_status copy_constants(vn_plan *plan, const vn_graph *g)
{
    for (vn_val v = 1; v < g->n_values; v++) {
        const vn_place *p = &plan->place[v];
        if (p->home != VN_HOME_CONST || p->root != v || !p->live) continue;
        size_t n = (size_t)vn_count(&p->t) * vn_dtype_bytes(p->t.dtype);
        VN_TRY(vn_stream_copy(plan->stream, p->t.data, g->values[v].fixed, n, VN_TO_DEVICE));
    }
    return vn_stream_wait(plan->stream);
}

/* ---- addresses ---- */

/* The plan's own blocks hold the members one behind the other, but for constants; so do the caller's. */
static void spread_members(vn_plan *plan, const vn_graph *g)
{
    static const vn_home spread[] = { VN_HOME_WORK, VN_HOME_READ, VN_HOME_FEED };
    for (size_t i = 0; i < sizeof spread / sizeof *spread; i++) {
        plan->pitch[spread[i]] = plan->bytes[spread[i]];
        plan->bytes[spread[i]] *= (size_t)plan->members;
    }
    for (int home = VN_HOME_PARAM; home <= VN_HOME_MEAN; home++)
        plan->pitch[home] = (size_t)g->params->n_block * vn_dtype_bytes(g->real);
    plan->pitch[VN_HOME_STATE] = VN_STATE_BLOCK;
    plan->info.values_bytes *= (size_t)plan->members;
    plan->n_steps *= plan->members;
    plan->n_prologue *= plan->members;
}

/* Bytes from the start of its block at which a root begins. */
static size_t offset_in_block(const vn_graph *g, const vn_place *p, size_t state_offset)
{
    const vn_value *value = &g->values[p->root];
    if (p->home == VN_HOME_STATE) return state_offset;
    if (p->home < VN_HOME_PARAM) return p->offset;
    if (value->param < 0) return 0; /* the whole block */
    size_t slot = (size_t)g->params->entry[value->param].offset * vn_dtype_bytes(g->real);
    return slot + value->base_bytes;
}

static vn_status give_addresses(vn_plan *plan, const vn_graph *g)
{
    size_t state = 0;
    for (vn_val v = 1; v < g->n_values; v++) {
        vn_place *p = &plan->place[v];
        if (p->root != v) continue;
        if (p->live && !plan->block[p->home])
            return VN_FAIL(VN_E_BUG, "\"%s\" lives in a block the plan was not given", p->path);
        char *block = plan->block[p->home];
        if (p->live || p->home == VN_HOME_FEED) p->t.data = block + offset_in_block(g, p, state);
        if (p->home == VN_HOME_STATE) state += VN_STATE_BYTES;
    }
    for (vn_val v = 1; v < g->n_values; v++) { /* aliases follow their roots */
        vn_place *p = &plan->place[v];
        char *root = plan->place[p->root].t.data;
        if (p->root != v && p->live && root) p->t.data = root + p->shift;
    }
    return VN_OK;
}

/* ---- steps ---- */

static vn_tensor tensor_of(const vn_plan *plan, vn_val v, int member)
{
    const vn_place *p = &plan->place[v];
    vn_tensor t = p->t;
    if (t.data) t.data = (char *)t.data + plan->pitch[p->home] * (size_t)member;
    return t;
}

/* Does a run leave the parameters alone? Then a new version tells of all changes. */
static bool only_reads(const vn_plan *plan, const vn_graph *g, const bool *keep)
{
    for (int k = 0; k < g->n_nodes; k++)
        for (int i = 0; i < g->nodes[k].n_out; i++) {
            vn_home home = plan->place[g->nodes[k].out[i]].home;
            bool view = vn_op_about(g->nodes[k].op)->view;
            if (keep[k] && g->nodes[k].out[i] && home == VN_HOME_PARAM && !view) return false;
        }
    return plan->config.version != NULL;
}

/* Parameters, constants and what the prologue makes of them. */
static bool is_fixed(const vn_graph *g, const bool *early, vn_val v)
{
    const vn_value *value = &g->values[v];
    if (v && value->node >= 0) return early[value->node];
    return v && (value->home == VN_HOME_PARAM || value->home == VN_HOME_CONST);
}

static vn_status make_call(vn_plan *plan, const vn_graph *g, int node, vn_call *call)
{
    const vn_node *n = &g->nodes[node];
    vn_call_of(g, node, call);
    for (int i = 0; i < n->n_in; i++) call->in[i] = tensor_of(plan, n->in[i], 0);
    for (int i = 0; i < n->n_out; i++) call->out[i] = tensor_of(plan, n->out[i], 0);
    size_t size = vn_op_about(n->op)->attr->size;
    void *attr = vn_arena_alloc(&plan->arena, size);
    if (!attr) return VN_E_MEMORY;
    memcpy(attr, n->attr, size);
    call->attr = attr;
    call->run = plan->run;
    return VN_OK;
}

static vn_status choose_kernel(vn_plan *plan, const vn_node *n, int at)
{
    vn_text why = { 0 };
    vn_step *step = &plan->steps[at];
    step->kernel = vn_select(plan->config.dev, &step->call, &why);
    vn_status st = VN_OK;
    if (!step->kernel)
        st = VN_FAIL(VN_E_UNSUPPORTED, "%s \"%s\": no kernel of this device takes it: %s",
                     vn_op_about(n->op)->name, n->path, why.s ? why.s : "there is none");
    else if (plan->config.why && why.s)
        plan->step_why[at] = vn_arena_text(&plan->arena, why.s, why.n);
    vn_text_close(&why);
    return st;
}

static vn_status keep_note(vn_plan *plan, const vn_node *n, int at)
{
    if (!plan->config.why || !n->note) return VN_OK;
    plan->step_note[at] = vn_arena_text(&plan->arena, n->note, strlen(n->note));
    return plan->step_note[at] ? VN_OK : VN_E_MEMORY;
}

/* A member whose attributes are others may need another kernel, too. */
static vn_status own_attributes(vn_plan *plan, const vn_node *of, int at)
{
    vn_call *call = &plan->steps[at].call;
    size_t size = vn_op_about(of->op)->attr->size;
    if (!memcmp(call->attr, of->attr, size)) return VN_OK;
    void *attr = vn_arena_alloc(&plan->arena, size);
    if (!attr) return VN_E_MEMORY;
    memcpy(attr, of->attr, size);
    call->attr = attr;
    return choose_kernel(plan, of, at);
}

/* Step `at` of node k once more for each further member: the same but for where its memory is, and for
 * attributes of its own. */
static vn_status repeat_step(vn_plan *plan, const vn_graph *g, int k, int at)
{
    const vn_graph *const *graphs = plan->config.graphs;
    const vn_node *n = &g->nodes[k];
    plan->steps[at].members = plan->members;
    for (int s = 1; s < plan->members; s++) {
        vn_step *step = &plan->steps[at + s];
        *step = plan->steps[at];
        step->members = 0;
        step->call.run = plan->run + s;
        for (int i = 0; i < n->n_in; i++) step->call.in[i] = tensor_of(plan, n->in[i], s);
        for (int i = 0; i < n->n_out; i++) step->call.out[i] = tensor_of(plan, n->out[i], s);
        if (graphs) VN_TRY(own_attributes(plan, &graphs[s]->nodes[k], at + s));
        plan->step_path[at + s] = vn_arena_printf(&plan->arena, "%s of member %d", n->path, s);
        if (!plan->step_path[at + s]) return VN_E_MEMORY;
        plan->step_cost[at + s] = plan->step_cost[at];
        memcpy(plan->step_out[at + s], n->out, sizeof n->out);
    }
    return VN_OK;
}

static vn_status make_steps(vn_plan *plan, const vn_graph *g, const bool *keep, const bool *early)
{
    size_t n = (size_t)plan->n_steps;
    plan->steps = vn_arena_array(&plan->arena, n, sizeof *plan->steps);
    plan->step_path = vn_arena_array(&plan->arena, n, sizeof *plan->step_path);
    plan->step_why = vn_arena_array(&plan->arena, n, sizeof *plan->step_why);
    plan->step_note = vn_arena_array(&plan->arena, n, sizeof *plan->step_note);
    plan->step_cost = vn_arena_array(&plan->arena, n, sizeof *plan->step_cost);
    plan->step_out = vn_arena_array(&plan->arena, n, sizeof *plan->step_out);
    if (!plan->steps || !plan->step_path || !plan->step_why || !plan->step_note ||
        !plan->step_cost || !plan->step_out)
        return VN_E_MEMORY;
    int next[2] = { plan->n_prologue, 0 };
    bool fixed = only_reads(plan, g, keep);
    for (int k = 0; k < g->n_nodes; k++) {
        const vn_node *node = &g->nodes[k];
        if (!keep[k] || vn_op_about(node->op)->view) continue;
        int at = next[early[k]];
        next[early[k]] += plan->members;
        VN_TRY(make_call(plan, g, k, &plan->steps[at].call));
        for (int i = 0; i < node->n_in && fixed && !early[k]; i++)
            if (is_fixed(g, early, node->in[i])) plan->steps[at].call.fixed |= (uint32_t)1 << i;
        VN_TRY(choose_kernel(plan, node, at));
        plan->step_path[at] = vn_arena_text(&plan->arena, node->path, strlen(node->path));
        if (!plan->step_path[at]) return VN_E_MEMORY;
        VN_TRY(keep_note(plan, node, at));
        plan->step_cost[at] = vn_cost_of(&plan->steps[at].call);
        plan->steps[at].flops = plan->step_cost[at].flops;
        plan->steps[at].bytes = plan->step_cost[at].bytes;
        memcpy(plan->step_out[at], node->out, sizeof node->out);
        VN_TRY(repeat_step(plan, g, k, at));
        if (early[k]) continue;
        plan->info.flops += plan->members * plan->step_cost[at].flops;
        plan->info.bytes += plan->members * plan->step_cost[at].bytes;
    }
    return VN_OK;
}

static vn_status keep_paths(vn_plan *plan)
{
    for (vn_val v = 1; v < plan->n_values; v++) {
        vn_place *p = &plan->place[v];
        p->path = vn_arena_text(&plan->arena, p->path, strlen(p->path));
        if (!p->path) return VN_E_MEMORY;
    }
    return VN_OK;
}

/* Where the kernels of each member find its facts. */
static void give_facts(vn_plan *plan)
{
    const uint64_t *seeds = plan->config.seeds;
    for (int s = 0; s < plan->members; s++) {
        char *feed = (char *)plan->block[VN_HOME_FEED] + plan->pitch[VN_HOME_FEED] * (size_t)s;
        vn_facts *facts = (vn_facts *)feed;
        plan->run[s] = (vn_run){ .step = &facts->step,
                                 .scalar = facts->scalar,
                                 .seed = seeds ? seeds[s] : plan->config.seed + (uint64_t)s };
    }
}

/* ---- the whole ---- */

static vn_status build(vn_plan *plan, const vn_graph *g, bool *keep, bool *early)
{
    plan->n_values = g->n_values;
    plan->place = vn_arena_array(&plan->arena, (size_t)g->n_values, sizeof *plan->place);
    if (!plan->place) return VN_E_MEMORY;
    VN_TRY(vn_plan_liveness(plan, g, keep, early));
    VN_TRY(vn_plan_layout(plan, g, keep, early));
    spread_members(plan, g);
    VN_TRY(vn_stream_open(plan->config.dev, &plan->stream));
    VN_TRY(make_blocks(plan));
    VN_TRY(give_addresses(plan, g));
    give_facts(plan);
    VN_TRY(copy_constants(plan, g));
    VN_TRY(make_steps(plan, g, keep, early));
    VN_TRY(keep_paths(plan));
    VN_TRY(vn_record(plan->stream, plan->steps, plan->n_steps, plan->info.flops, &plan->exec));
    plan->info.n_steps = plan->n_steps - plan->n_prologue;
    plan->info.n_prologue = plan->n_prologue;
    plan->info.work_bytes = plan->bytes[VN_HOME_WORK];
    plan->info.const_bytes = plan->bytes[VN_HOME_CONST];
    plan->info.feed_bytes = plan->bytes[VN_HOME_FEED];
    plan->info.read_bytes = plan->bytes[VN_HOME_READ];
    return VN_OK;
}

vn_status vn_plan_make(const vn_graph *g, const vn_plan_config *config, vn_plan **out)
{
    if (g->status) return VN_FAIL(g->status, "%s", g->message);
    if (config->members < 0 || config->members > VN_MEMBERS_MOST)
        return VN_FAIL(VN_E_BUG, "a plan of %d members", config->members);
    vn_plan *plan = vn_calloc(1, sizeof *plan);
    bool *keep = vn_calloc((size_t)g->n_nodes + 1, sizeof *keep);
    bool *early = vn_calloc((size_t)g->n_nodes + 1, sizeof *early);
    vn_status st = plan && keep && early ? VN_OK : VN_E_MEMORY;
    if (!st) {
        plan->config = *config;
        plan->members = config->members ? config->members : 1;
        memcpy(plan->block, config->home, sizeof plan->block);
        for (int i = 0; i < N_OWN; i++) plan->block[own_blocks[i]] = NULL;
        st = build(plan, g, keep, early);
    }
    vn_free(keep);
    vn_free(early);
    if (st) vn_plan_close(plan);
    else *out = plan;
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

void vn_plan_close(vn_plan *plan)
{
    if (!plan) return;
    vn_device *dev = plan->config.dev;
    vn_plan_drop_ring(plan);
    if (plan->exec) vn_exec_drop(plan->stream, plan->exec);
    if (plan->host_feed && !plan->host_memory)
        vn_device_free(dev, VN_MEM_PINNED, plan->host_feed, plan->bytes[VN_HOME_FEED]);
    if (plan->host_read && !plan->host_memory)
        vn_device_free(dev, VN_MEM_PINNED, plan->host_read, plan->bytes[VN_HOME_READ]);
    for (int i = 0; i < N_OWN; i++) {
        vn_home h = own_blocks[i];
        if (plan->block[h]) vn_device_free(dev, VN_MEM_DEVICE, plan->block[h], plan->bytes[h]);
    }
    if (plan->stream) vn_stream_close(plan->stream);
    vn_arena_close(&plan->arena);
    vn_free(plan);
}

void vn_plan_about(const vn_plan *plan, vn_plan_info *info) { *info = plan->info; }

bool vn_plan_is_update(const vn_plan *plan, int step)
{
    for (int i = 0; i < plan->steps[step].call.n_out; i++) {
        vn_home home = plan->place[plan->step_out[step][i]].home;
        if (plan->step_out[step][i] && home >= VN_HOME_PARAM && home != VN_HOME_GRAD) return true;
    }
    return false;
}

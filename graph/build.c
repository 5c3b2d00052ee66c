/* Leaves, names and the generic emit; the short wrappers of single ops are in layers.c. */
#include "graph/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "graph/ops/op.h"

/* ---- failure and names ---- */

/* Keep the first failure: the code and the sentence recorded last on this thread. */
static vn_val stick(vn_graph *g, vn_status code)
{
    if (g->status) return 0;
    g->status = code;
    snprintf(g->message, sizeof g->message, "%s", vn_last_message());
    return 0;
}

vn_val vn_refuse(vn_graph *g, vn_status code, const char *fmt, ...)
{
    if (g->status) return 0;
    va_list args;
    va_start(args, fmt);
    char text[sizeof g->message];
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    VN_FAIL(code, "%s", text);
    return stick(g, code);
}

void vn_push(vn_graph *g, const char *fmt, ...)
{
    size_t n = strlen(g->scope);
    va_list args;
    va_start(args, fmt);
    vsnprintf(g->scope + n, sizeof g->scope - n, fmt, args);
    va_end(args);
    n = strlen(g->scope);
    if (n + 2 > sizeof g->scope)
        vn_refuse(g, VN_E_BUG, "scope \"%s\" is deeper than %zu bytes", g->scope, sizeof g->scope);
    else
        strcpy(g->scope + n, "/");
}

void vn_pop(vn_graph *g)
{
    size_t n = strlen(g->scope);
    if (n) g->scope[n - 1] = 0;
    char *slash = strrchr(g->scope, '/');
    if (slash) slash[1] = 0;
    else g->scope[0] = 0;
}

static const char *path_of(vn_graph *g, const char *name)
{
    const char *path = vn_arena_printf(&g->arena, "%s%s", g->scope, name);
    if (!path) stick(g, VN_E_MEMORY);
    return path;
}

/* ---- the arrays ---- */

static vn_val add_value(vn_graph *g, const char *path, const vn_tensor *t, vn_home home)
{
    if (g->n_values == g->cap_values) {
        vn_value *grown = vn_realloc(g->values, 2 * (size_t)g->cap_values * sizeof *grown);
        if (!grown) return stick(g, VN_E_MEMORY);
        g->values = grown;
        g->cap_values *= 2;
    }
    g->values[g->n_values] =
        (vn_value){ .path = path, .t = *t, .home = home, .node = -1, .param = -1 };
    g->values[g->n_values].t.data = NULL;
    return g->n_values++;
}

static vn_tensor shape_of(vn_dtype dtype, const int64_t *dims)
{
    vn_tensor t = { .dtype = dtype };
    for (; t.rank < VN_MAX_RANK && dims[t.rank]; t.rank++) t.dim[t.rank] = dims[t.rank];
    return t;
}

static vn_val leaf(vn_graph *g, const char *name, vn_dtype dtype, const int64_t *dims, vn_home home)
{
    if (g->status) return 0;
    const char *path = path_of(g, name);
    if (!path) return 0;
    vn_tensor t = shape_of(dtype, dims);
    if (dtype == VN_PANEL) t = (vn_tensor){ .dtype = dtype, .rank = 1, .dim = { sizeof(vn_panel_view) } };
    return add_value(g, path, &t, home);
}

vn_val vn_input(vn_graph *g, const char *name, vn_dtype dtype, const int64_t *dims)
{
    return leaf(g, name, dtype, dims, VN_HOME_FEED);
}

vn_val vn_state(vn_graph *g, const char *name, vn_dtype dtype, const int64_t *dims)
{
    return leaf(g, name, dtype, dims, VN_HOME_STATE);
}

vn_val vn_param(vn_graph *g, const char *name, const int64_t *dims, vn_init init)
{
    vn_val v = leaf(g, name, g->real, dims, VN_HOME_PARAM);
    if (!v) return 0;
    vn_tensor shape = g->values[v].t;
    int entry = vn_params_bind(g->params, g->values[v].path, &shape, init);
    if (entry < 0) return stick(g, vn_last_status());
    for (vn_val u = 1; u < v; u++) /* a second use of the same parameter is the same value */
        if (g->values[u].home == VN_HOME_PARAM && g->values[u].param == entry) {
            g->n_values--;
            return u;
        }
    g->values[v].param = entry;
    return v;
}

vn_val vn_const(vn_graph *g, const char *name, const int64_t *dims, const double *data)
{
    vn_val v = leaf(g, name, g->real, dims, VN_HOME_CONST);
    if (!v) return 0;
    int64_t n = vn_count(&g->values[v].t);
    void *own = vn_arena_array(&g->arena, (size_t)n, vn_dtype_bytes(g->real));
    if (!own) return stick(g, VN_E_MEMORY);
    for (int64_t i = 0; i < n; i++) {
        if (g->real == VN_F64) ((double *)own)[i] = data[i];
        else ((float *)own)[i] = (float)data[i];
    }
    g->values[v].fixed = own;
    return v;
}

vn_val vn_block(vn_graph *g, vn_home home)
{
    if (g->status) return 0;
    if (!g->params->closed) return vn_refuse(g, VN_E_BUG, "blocks exist once the parameters are laid out");
    static const char *const names[VN_HOME_COUNT] = {
        [VN_HOME_PARAM] = "params", [VN_HOME_GRAD] = "grads", [VN_HOME_M] = "m", [VN_HOME_V] = "v",
        [VN_HOME_MEAN] = "mean"
    };
    return leaf(g, names[home], g->real, VN_DIMS(g->params->n_block), home);
}

/* ---- emit ---- */

static int add_node(vn_graph *g, vn_op op, const vn_val *in, int n_in, const void *attr)
{
    const vn_op_info *info = vn_op_about(op);
    if (g->n_nodes == g->cap_nodes) {
        vn_node *grown = vn_realloc(g->nodes, 2 * (size_t)g->cap_nodes * sizeof *grown);
        if (!grown) return stick(g, VN_E_MEMORY), -1;
        g->nodes = grown;
        g->cap_nodes *= 2;
    }
    char name[64];
    snprintf(name, sizeof name, "%s.%d", info->name, g->n_nodes);
    const char *path = path_of(g, name);
    void *own = vn_arena_alloc(&g->arena, info->attr->size);
    if (!path || !own) return stick(g, VN_E_MEMORY), -1;
    if (attr) memcpy(own, attr, info->attr->size);
    vn_node *n = &g->nodes[g->n_nodes];
    *n = (vn_node){ .op = op, .n_in = info->n_in, .n_out = info->n_out, .attr = own, .path = path };
    for (int i = 0; i < n_in; i++) n->in[i] = in[i];
    return g->n_nodes++;
}

/* Where output i of a node lives: its own place, or inside an input (views, in-place results). */
static void alias(vn_graph *g, const vn_call *call, int i, vn_val v)
{
    const vn_op_def *def = vn_op_def_of(call->op);
    const vn_node *n = &g->nodes[call->node];
    int source = vn_op_about(call->op)->view ? 1 : def->inplace[i];
    if (!source) return;
    const vn_value *base = &g->values[n->in[source - 1]];
    g->values[v].base = n->in[source - 1];
    g->values[v].base_bytes = def->view ? def->view(call) : 0;
    g->values[v].home = base->home;
    g->values[v].param = -1;
}

void vn_emit(vn_graph *g, vn_op op, const vn_val *in, int n_in, const void *attr, vn_val *out)
{
    int n_out = vn_op_about(op)->n_out;
    for (int i = 0; i < n_out; i++) out[i] = 0;
    if (g->status) return;
    int node = add_node(g, op, in, n_in, attr);
    if (node < 0) return;
    vn_call call;
    vn_call_of(g, node, &call);
    for (int i = 0; i < n_out; i++) call.out[i] = (vn_tensor){ .dtype = g->real, .rank = -1 };
    vn_status st = vn_op_def_of(op)->infer(&call);
    if (st) {
        vn_fail_in(st, "%s \"%s\"", vn_op_about(op)->name, g->nodes[node].path);
        g->n_nodes--;
        stick(g, st);
        return;
    }
    for (int i = 0; i < n_out && !g->status; i++) {
        if (call.out[i].rank < 0) continue;
        out[i] = add_value(g, g->nodes[node].path, &call.out[i], VN_HOME_WORK);
        if (!out[i]) return;
        g->values[out[i]].node = node;
        g->values[out[i]].slot = i;
        g->nodes[node].out[i] = out[i];
        alias(g, &call, i, out[i]);
    }
}

vn_val vn_emit1(vn_graph *g, vn_op op, const vn_val *in, int n_in, const void *attr)
{
    vn_val out[VN_MAX_OUT] = { 0 };
    vn_emit(g, op, in, n_in, attr, out);
    return out[0];
}

vn_val vn_output(vn_graph *g, vn_val v)
{
    if (g->status || !v) return 0;
    const vn_value *value = &g->values[v];
    if (value->home != VN_HOME_WORK || value->base) {
        v = vn_affine(g, v, 1, 0);
        if (!v) return 0;
    }
    g->values[v].home = VN_HOME_READ;
    return v;
}

void vn_show(vn_graph *g, const char *name, vn_val v)
{
    if (g->status || !v) return;
    if (g->n_shown == VN_EXTRAS_MAX) {
        vn_refuse(g, VN_E_BUG, "a model shows at most %d values", VN_EXTRAS_MAX);
        return;
    }
    g->shown[g->n_shown++] = (vn_shown){ name, v };
}

vn_val vn_shown_of(const vn_graph *g, const char *name)
{
    for (int i = 0; i < g->n_shown; i++)
        if (!strcmp(g->shown[i].name, name)) return g->shown[i].v;
    return 0;
}

/* Mixed precision: the node list is written again, with casts before the products that need them.
 */
#include "graph/plan/precision.h"

#include "base/fault.h"
#include "graph/ops/op.h"
#include "graph/plan/rewrite.h"

typedef struct pass {
    vn_graph *g;
    vn_dtype type;
    vn_val *low; /* of every value of the graph as it was: the one of 16 bits, 0: none yet */
} pass;

const char *vn_precision_name(vn_precision precision)
{
    static const char *const names[] = { "f32", "tf32", "bf16", "fp16" };
    return names[precision];
}

/* Factors of a node: inputs 0 .. n - 1. */
static int factors_of(const vn_node *n)
{
    return n->op == VN_OP_ATTENTION ? 3 : n->op == VN_OP_ATTENTION_GRAD ? 4 : 2;
}

/* Columns of a head; 0 beyond VN_LOW_WIDEST, which kernels of 16 bits do not hold. */
static int64_t width_of(const vn_tensor *q, const vn_attr_attention *a)
{
    int64_t width = q->dim[2] / a->heads;
    return width <= VN_LOW_WIDEST ? width : 0;
}

/* The inner dimension of a product; 0 of a node that is none. */
static int64_t depth_of(const vn_graph *g, const vn_node *n)
{
    const vn_tensor *a = &g->values[n->in[0]].t;
    if (n->op == VN_OP_CONV1D) return a->dim[2] * g->values[n->in[1]].t.dim[2];
    if (n->op == VN_OP_CONV1D_GRAD) return a->dim[0] * a->dim[1];
    if (n->op == VN_OP_ATTENTION || n->op == VN_OP_ATTENTION_GRAD) return width_of(a, n->attr);
    if (n->op != VN_OP_LINEAR && n->op != VN_OP_MATMUL) return 0;
    bool ta = n->op == VN_OP_MATMUL && ((const vn_attr_matmul *)n->attr)->ta;
    return a->dim[a->rank - (ta ? 2 : 1)];
}

/* The value in 16 bits, cast here if it is not there yet. A view shows the value it is made of. */
static vn_val lowered(pass *p, vn_val v)
{
    vn_graph *g = p->g;
    vn_value value = g->values[v];
    if (vn_is_low(value.t.dtype)) return v;
    if (p->low[v]) return p->low[v];
    vn_node made = value.base && value.node >= 0 ? g->nodes[value.node] : (vn_node){ 0 };
    vn_val low;
    if (vn_op_about(made.op)->view) {
        vn_val base = lowered(p, made.in[0]);
        low = vn_emit1(g, made.op, &base, 1, made.attr);
    } else {
        low = vn_emit1(g, VN_OP_CAST, &v, 1, &(vn_attr_cast){ p->type });
    }
    return p->low[v] = low;
}

/* The shapes of a node whose inputs have changed: they must be what they were. */
static void check(vn_graph *g, const vn_node *n)
{
    vn_call call;
    vn_call_of(g, g->n_nodes - 1, &call);
    vn_tensor was = call.out[0];
    call.out[0] = (vn_tensor){ .dtype = g->real, .rank = -1 };
    vn_status st = vn_op_def_of(n->op)->infer(&call);
    if (st)
        vn_refuse(g, st, "%s", vn_last_message());
    else if (call.out[0].dtype != was.dtype || !vn_same_shape(&call.out[0], &was))
        vn_refuse(g, VN_E_BUG, "%s \"%s\" has another result in 16 bits", vn_op_about(n->op)->name,
                  n->path);
}

static void lower_node(pass *p, vn_node n)
{
    bool low = depth_of(p->g, &n) >= VN_LOW_DEPTH;
    vn_rewrite_scope(p->g, n.path);
    for (int i = 0; i < factors_of(&n) && low; i++) n.in[i] = lowered(p, n.in[i]);
    if (p->g->status) return;
    vn_rewrite_keep(p->g, &n);
    if (low && !p->g->status) check(p->g, &n);
}

/* Attributes belong to their node alone. */
static void round_factors(vn_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        vn_node *n = &g->nodes[i];
        if (depth_of(g, n) < VN_LOW_DEPTH) continue;
        if (n->op == VN_OP_LINEAR) ((vn_attr_linear *)(uintptr_t)n->attr)->tf32 = 1;
        if (n->op == VN_OP_MATMUL) ((vn_attr_matmul *)(uintptr_t)n->attr)->tf32 = 1;
    }
}

vn_status vn_graph_lower(vn_graph *g, vn_precision precision)
{
    if (g->status) return vn_graph_finish(g);
    if (precision == VN_PRECISION_F32) return VN_OK;
    if (g->real != VN_F32) return VN_FAIL(VN_E_BUG, "a reference graph stays in f64");
    if (precision == VN_PRECISION_TF32) {
        round_factors(g);
        return vn_graph_finish(g);
    }
    pass p = { .g = g, .type = precision == VN_PRECISION_BF16 ? VN_BF16 : VN_F16 };
    vn_node *nodes;
    int n;
    p.low = vn_calloc((size_t)g->n_values, sizeof *p.low);
    vn_status st = p.low ? vn_rewrite_begin(g, &nodes, &n) : VN_E_MEMORY;
    if (st) {
        vn_free(p.low);
        return vn_trail(st, __FILE__, __LINE__);
    }
    for (int k = 0; k < n && !g->status; k++) lower_node(&p, nodes[k]);
    g->scope[0] = 0;
    vn_free(nodes);
    vn_free(p.low);
    return vn_graph_finish(g);
}

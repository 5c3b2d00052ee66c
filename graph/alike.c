/* Are two graphs the same but for their names and real attributes? */
#include <string.h>

#include "graph/graph.h"
#include "graph/params.h"

static size_t bytes_of(const vn_tensor *t)
{
    return (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
}

static bool same_place(const vn_value *x, const vn_value *y)
{
    return x->home == y->home && x->base == y->base && x->base_bytes == y->base_bytes &&
           x->param == y->param;
}

static bool same_value(const vn_value *x, const vn_value *y)
{
    if (x->t.dtype != y->t.dtype || !vn_same_shape(&x->t, &y->t) || !same_place(x, y)) return false;
    if (!x->fixed != !y->fixed) return false;
    return !x->fixed || !memcmp(x->fixed, y->fixed, bytes_of(&x->t));
}

/* Whole numbers say what is computed, reals with what. */
static bool same_attr(const vn_attr_type *type, const void *x, const void *y)
{
    for (const vn_attr_field *f = type->fields; f->name; f++) {
        const char *a = (const char *)x + f->offset, *b = (const char *)y + f->offset;
        if (f->kind == 'i' && memcmp(a, b, (size_t)f->count * sizeof(int64_t))) return false;
    }
    return true;
}

static bool same_node(const vn_node *x, const vn_node *y)
{
    return x->op == y->op && x->n_in == y->n_in && x->n_out == y->n_out &&
           !memcmp(x->in, y->in, (size_t)x->n_in * sizeof *x->in) &&
           !memcmp(x->out, y->out, (size_t)x->n_out * sizeof *x->out) &&
           same_attr(vn_op_about(x->op)->attr, x->attr, y->attr);
}

/* Entries lie at the same places of blocks of one size. */
static bool same_params(const vn_params *x, const vn_params *y)
{
    if (x->n != y->n || x->n_block != y->n_block || x->n_decay != y->n_decay) return false;
    for (int i = 0; i < x->n; i++)
        if (x->entry[i].offset != y->entry[i].offset) return false;
    return true;
}

bool vn_graph_alike(const vn_graph *a, const vn_graph *b)
{
    if (a->real != b->real || a->n_nodes != b->n_nodes || a->n_values != b->n_values) return false;
    if (!same_params(a->params, b->params)) return false;
    for (vn_val v = 1; v < a->n_values; v++)
        if (!same_value(&a->values[v], &b->values[v])) return false;
    for (int k = 0; k < a->n_nodes; k++)
        if (!same_node(&a->nodes[k], &b->nodes[k])) return false;
    return true;
}

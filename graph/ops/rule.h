/* What the shape rules of this folder share: checks that end in a sentence with the shapes in it.
 *
 * An absent optional input has rank 0 or -1, whatever its pointer, because rules and costs look at
 * calls that have no pointers yet. */
#ifndef VN_GRAPH_OPS_RULE_H
#define VN_GRAPH_OPS_RULE_H

#include "graph/ops/op.h"

/* The shape of a tensor as text, for the arguments of VN_FAIL. */
#define VN_SHAPE(t) vn_shape_text((t), (char[VN_SHAPE_TEXT]){ 0 })

/* True if input i of the call is there. */
static inline bool vn_given(const vn_call *c, int i)
{
    return i < c->n_in && c->in[i].rank > 0;
}

/* Input i is given, of the real type of the inputs before it, and has lo .. hi axes, none empty. */
vn_status vn_need(const vn_call *c, int i, const char *name, int lo, int hi);

/* The same for one that may also be of 16 bits: a factor of a product, what a view shows. */
vn_status vn_need_stored(const vn_call *c, int i, const char *name, int lo, int hi);
/* The type of sums of products of in[0] and in[1]: that of a real factor; of two low ones, the graph's
 * real type. Before the shape of out[0] is set. */
vn_dtype vn_sum_type(const vn_call *c);

/* Input i, if given, has the shape of `want`, which belongs to what `of` names. */
vn_status vn_need_shape(const vn_call *c, int i, const char *name, const vn_tensor *want,
                        const char *of);

/* Output i has the type and shape of t. */
void vn_out_like(vn_call *c, int i, const vn_tensor *t);

/* Output i has the type of input 0 and this shape. */
void vn_out_shape(vn_call *c, int i, int rank, const int64_t *dim);

/* lo <= value <= hi, else "<name> is 7; it must lie in 0 .. 3". */
vn_status vn_need_range(const char *name, int64_t value, int64_t lo, int64_t hi);

/* The dims of t with the 0 that ends them in graph/build.h. */
typedef struct vn_dims {
    int64_t d[VN_MAX_RANK + 1];
} vn_dims;
vn_dims vn_dims_of(const vn_tensor *t);

/* The tensor of a value, copied: emitting nodes moves the graph's arrays. */
static inline vn_tensor vn_tensor_of(const vn_graph *g, vn_val v)
{
    return vn_value_of(g, v)->t;
}

/* Every tensor of the call moved once, with these flops. */
vn_cost vn_cost_moved(const vn_call *c, double flops);

#endif

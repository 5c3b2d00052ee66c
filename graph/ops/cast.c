/* Other types: what products read in 16 bits.
 *
 * Gradients are of the graph's real type whatever the type of the value, so they pass a cast as
 * they are. Rounding has no slope of its own; that of the identity is what mixed precision means.
 */
#include "graph/ops/rule.h"

static vn_status infer_cast(vn_call *c)
{
    int64_t to = ((const vn_attr_cast *)c->attr)->to;
    vn_dtype real = c->out[0].dtype;
    VN_TRY(vn_need_stored(c, 0, "x", 1, VN_MAX_RANK));
    if (to != VN_F32 && !(to == VN_BF16 || to == VN_F16))
        return VN_FAIL(VN_E_SHAPE, "to is %s; it must be f32, bf16 or f16", vn_type_name(to));
    vn_out_like(c, 0, &c->in[0]);
    c->out[0].dtype = to == VN_F32 ? real : (vn_dtype)to;
    return VN_OK;
}

static void grad_cast(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    (void)g, (void)n;
    din[0] = dout[0];
}

const vn_op_def vn_op_cast = { .infer = infer_cast, .grad = grad_cast };

/* The rules of every op, by id: one row a line of ops.def. */
#include "graph/ops/rule.h"

static const vn_op_def *const defs[VN_OP_COUNT] = {
#define VN_OP(NAME, name, n_in, n_out, attr, doc) [VN_OP_##NAME] = &vn_op_##name,
#define VN_VIEW VN_OP
#include "device/ops.def"
#undef VN_OP
#undef VN_VIEW
};

const vn_op_def *vn_op_def_of(vn_op op)
{
    return (unsigned)op < VN_OP_COUNT ? defs[op] : NULL;
}

vn_cost vn_cost_of(const vn_call *c)
{
    const vn_op_def *def = vn_op_def_of(c->op);
    if (!def || def->view) return (vn_cost){ 0, 0 };
    return def->cost ? def->cost(c) : vn_cost_moved(c, 0);
}

/* Rows in order: quantiles that crossed, the middle of drawn paths. */
#include "graph/ops/rule.h"

#include <math.h>

static vn_status infer_sort(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 1, VN_MAX_RANK));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static vn_cost cost_sort(const vn_call *c)
{
    double n = (double)vn_last_dim(&c->in[0]);
    return vn_cost_moved(c, (1 + log2(n)) * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_sort = { .infer = infer_sort, .cost = cost_sort };

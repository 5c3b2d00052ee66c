/* Quantile losses, likelihoods and what surrounds them: levels drawn for implicit quantiles, the
 * parameters of a distribution. Losses come as in loss.c: a sum and a sum of weights apart. */
#include "graph/ops/rule.h"

#include <inttypes.h>

static const int64_t one[] = { 1 };

/* yhat (what) [B, H, P], y and mask [B, H, 1], weight? [H] are inputs 0 .. 3. */
static vn_status need_steps(const vn_call *c, const char *what)
{
    VN_TRY(vn_need(c, 0, what, 3, 3));
    VN_TRY(vn_need(c, 1, "y", 3, 3));
    VN_TRY(vn_need(c, 2, "mask", 3, 3));
    const vn_tensor *x = &c->in[0];
    vn_tensor step = { .rank = 3, .dim = { x->dim[0], x->dim[1], 1 } };
    vn_tensor weight = { .rank = 1, .dim = { x->dim[1] } };
    VN_TRY(vn_need_shape(c, 1, "y", &step, what));
    VN_TRY(vn_need_shape(c, 2, "mask", &step, what));
    return vn_need_shape(c, 3, "weight", &weight, what);
}

static vn_status need_sum(const vn_call *c, int i)
{
    vn_tensor scalar = { .rank = 1, .dim = { 1 } };
    VN_TRY(vn_need(c, i, "d sum", 1, 1));
    return vn_need_shape(c, i, "d sum", &scalar, "a loss");
}

static vn_status need_qloss(const vn_call *c)
{
    VN_TRY(need_steps(c, "yhat"));
    VN_TRY(vn_need(c, 4, "q", 1, 3));
    const vn_tensor *yhat = &c->in[0];
    vn_tensor levels = { .rank = 1, .dim = { yhat->dim[2] } };
    vn_tensor step = { .rank = 3, .dim = { yhat->dim[0], yhat->dim[1], 1 } };
    if (c->in[4].rank == 1) return vn_need_shape(c, 4, "q", &levels, "yhat");
    if (yhat->dim[2] != 1)
        return VN_FAIL(VN_E_SHAPE, "q is %s, one level a step, but yhat is %s", VN_SHAPE(&c->in[4]),
                       VN_SHAPE(yhat));
    return vn_need_shape(c, 4, "q", &step, "yhat");
}

static vn_status infer_qloss(vn_call *c)
{
    VN_TRY(need_qloss(c));
    vn_out_shape(c, 0, 1, one);
    vn_out_shape(c, 1, 1, one);
    return VN_OK;
}

static void grad_qloss(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    if (!dout[0]) return;
    vn_val in[6] = { n->in[0], n->in[1], n->in[2], n->in[3], n->in[4], dout[0] };
    din[0] = vn_emit1(g, VN_OP_QLOSS_GRAD, in, 6, n->attr);
}

static vn_cost cost_qloss(const vn_call *c)
{
    return vn_cost_moved(c, 5 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_qloss = { .infer = infer_qloss, .grad = grad_qloss, .cost = cost_qloss };

static vn_status infer_qloss_grad(vn_call *c)
{
    VN_TRY(need_qloss(c));
    VN_TRY(need_sum(c, 5));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

const vn_op_def vn_op_qloss_grad = { .infer = infer_qloss_grad, .cost = cost_qloss };

/* Raw numbers of input 0 fit the distribution; location and scale are inputs `first`, first + 1. */
static vn_status need_dist(const vn_call *c, int first)
{
    const vn_attr_dist *a = c->attr;
    const vn_tensor *x = &c->in[0];
    VN_TRY(vn_need_range("kind", a->kind, 0, VN_DIST_COUNT - 1));
    VN_TRY(vn_need_range("comps", a->comps, 0, VN_MAX_COMPS));
    int64_t width = vn_dist_width(a->kind, a->comps);
    if (x->dim[2] != width)
        return VN_FAIL(VN_E_SHAPE, "x is %s; %s%s has %" PRId64 " numbers a step", VN_SHAPE(x),
                       a->comps ? "a mixture of " : "", vn_dist_about(a->kind)->name, width);
    vn_tensor window = { .rank = 3, .dim = { x->dim[0], 1, 1 } };
    VN_TRY(vn_need_shape(c, first, "location", &window, "x"));
    return vn_need_shape(c, first + 1, "scale", &window, "x");
}

static vn_status infer_nll(vn_call *c)
{
    VN_TRY(need_steps(c, "x"));
    VN_TRY(need_dist(c, 4));
    vn_out_shape(c, 0, 1, one);
    vn_out_shape(c, 1, 1, one);
    return VN_OK;
}

static void grad_nll(vn_graph *g, const vn_node *n, const vn_val *dout, vn_val *din)
{
    if (!dout[0]) return;
    vn_val in[7] = { n->in[0], n->in[1], n->in[2], n->in[3], n->in[4], n->in[5], dout[0] };
    din[0] = vn_emit1(g, VN_OP_NLL_GRAD, in, 7, n->attr);
}

/* An exponential, a logarithm or a quotient counts as 10; a Student or negative binomial step has
 * about 30 of them. */
static vn_cost cost_nll(const vn_call *c)
{
    return vn_cost_moved(c, 100 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_nll = { .infer = infer_nll, .grad = grad_nll, .cost = cost_nll };

static vn_status infer_nll_grad(vn_call *c)
{
    VN_TRY(need_steps(c, "x"));
    VN_TRY(need_dist(c, 4));
    VN_TRY(need_sum(c, 6));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

const vn_op_def vn_op_nll_grad = { .infer = infer_nll_grad, .cost = cost_nll };

static vn_status infer_dist(vn_call *c)
{
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    VN_TRY(need_dist(c, 1));
    vn_out_like(c, 0, &c->in[0]);
    return VN_OK;
}

static vn_cost cost_dist(const vn_call *c)
{
    return vn_cost_moved(c, 20 * (double)vn_count(&c->in[0]));
}

const vn_op_def vn_op_dist = { .infer = infer_dist, .cost = cost_dist };

static vn_status infer_tau(vn_call *c)
{
    const vn_attr_tau *a = c->attr;
    VN_TRY(vn_need(c, 0, "x", 3, 3));
    if (c->in[0].dim[2] != 1)
        return VN_FAIL(VN_E_SHAPE, "x is %s; its last dimension must be 1", VN_SHAPE(&c->in[0]));
    VN_TRY(vn_need_range("size", a->size, 1, 65536));
    vn_out_like(c, 0, &c->in[0]);
    vn_out_shape(c, 1, 3, (int64_t[]){ c->in[0].dim[0], c->in[0].dim[1], a->size });
    return VN_OK;
}

static vn_cost cost_tau(const vn_call *c)
{
    const vn_attr_tau *a = c->attr;
    return vn_cost_moved(c, (double)vn_count(&c->in[0]) * (60 + 3 * (double)a->size));
}

const vn_op_def vn_op_tau = { .infer = infer_tau, .cost = cost_tau };

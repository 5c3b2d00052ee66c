/* The gradient rule of an op against central differences, in a small f64 graph: the scalar is the
 * sum of all outputs, each times a random cotangent. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "graph/build.h"
#include "graph/ops/op.h"
#include "graph/plan/plan.h"
#include "tests/ops/kernel.h"

/* Inputs up to EACH elements are moved one by one, larger ones at SOME elements and along a few
 * random directions, which sum over all. */
enum { EACH = 48, SOME = 24, DIRECTIONS = 2, MAX_VALUES = VN_MAX_IN + VN_MAX_OUT };

/* Truncation is about h^2, rounding 1e-16 / h of the sum. */
static const double step = 1e-5, tolerance = 2e-6;

typedef struct probe {
    const vn_op_case *oc;
    vn_params *params;
    vn_graph *g;
    vn_device *dev;
    vn_plan *plan;
    vn_val in[VN_MAX_IN], cotangent[VN_MAX_OUT], scalar;
    vn_val grad[VN_MAX_IN]; /* of the inputs in the mask; 0 for the others */
    double *numbers[VN_MAX_IN];
} probe;

/* The sum of out[o] times its cotangent, over all outputs but those kept for the gradient rule. */
static vn_val weigh(probe *p, const vn_val *out, int n_out)
{
    vn_val sum = 0;
    for (int o = 0; o < n_out; o++) {
        if (!out[o] || vn_op_def_of(p->oc->op)->saved >> o & 1) continue;
        int64_t dims[VN_MAX_RANK + 1] = { 0 };
        vn_tensor t = vn_value_of(p->g, out[o])->t;
        memcpy(dims, t.dim, (size_t)t.rank * sizeof *dims);
        p->cotangent[o] = vn_input(p->g, "cotangent", VN_F64, dims);
        vn_val term = vn_sumto(p->g, vn_mul(p->g, out[o], p->cotangent[o]), VN_DIMS(1));
        sum = sum ? vn_add(p->g, sum, term) : term;
    }
    return sum;
}

static void build(probe *p)
{
    const vn_op_info *info = vn_op_about(p->oc->op);
    vn_val out[VN_MAX_OUT], wrt[VN_MAX_IN], grads[VN_MAX_IN];
    int n = 0;
    vn_call call;
    vn_op_call(p->oc, VN_F64, &call);
    for (int i = 0; i < info->n_in; i++) {
        int64_t dims[VN_MAX_RANK + 1] = { 0 };
        if (!call.in[i].rank) continue;
        memcpy(dims, call.in[i].dim, (size_t)call.in[i].rank * sizeof *dims);
        p->in[i] = vn_input(p->g, "x", call.in[i].dtype, dims);
        if (p->oc->c->diff >> i & 1) wrt[n++] = p->in[i];
    }
    vn_emit(p->g, p->oc->op, p->in, info->n_in, p->oc->c->attr, out);
    vn_val sum = weigh(p, out, info->n_out);
    vn_gradients(p->g, sum, wrt, n, grads);
    p->scalar = vn_output(p->g, sum);
    n = 0;
    for (int i = 0; i < info->n_in; i++)
        if (p->oc->c->diff >> i & 1) {
            ck_assert_msg(p->g->status || grads[n], "%s: input %d has no gradient", p->oc->name, i);
            p->grad[i] = vn_output(p->g, grads[n++]);
        }
    if (vn_graph_finish(p->g)) ck_abort_msg("%s: %s", p->oc->name, vn_last_message());
}

static void open_probe(probe *p, const vn_op_case *oc)
{
    vn_device_config one = { .threads = 1 };
    *p = (probe){ .oc = oc };
    vn_op_numbers(oc, p->numbers);
    ck_assert_int_eq(vn_params_open(&p->params), VN_OK);
    ck_assert_int_eq(vn_graph_open(VN_F64, p->params, &p->g), VN_OK);
    ck_assert_int_eq(vn_device_open("cpu", 0, &one, &p->dev), VN_OK);
    build(p);
    vn_plan_config config = { .dev = p->dev, .seed = 5 };
    if (vn_plan_make(p->g, &config, &p->plan)) ck_abort_msg("%s: %s", oc->name, vn_last_message());
}

static void close_probe(probe *p)
{
    vn_plan_close(p->plan);
    vn_graph_close(p->g);
    vn_params_close(p->params);
    vn_device_close(p->dev);
    for (int i = 0; i < VN_MAX_IN; i++) free(p->numbers[i]);
}

/* Uniform in -1 .. 1. */
static double draw(uint64_t stream, int64_t k)
{
    return 2 * (double)vn_uniform24(vn_random4(21, stream, (uint64_t)k).v[0]) - 1;
}

static void feed_all(probe *p)
{
    for (int i = 0; i < VN_MAX_IN; i++)
        if (p->in[i])
            vn_op_store(&vn_value_of(p->g, p->in[i])->t, p->numbers[i],
                        vn_plan_feed(p->plan, p->in[i]));
    for (int o = 0; o < VN_MAX_OUT; o++) {
        if (!p->cotangent[o]) continue;
        double *to = vn_plan_feed(p->plan, p->cotangent[o]);
        vn_tensor t = vn_value_of(p->g, p->cotangent[o])->t;
        for (int64_t k = 0; k < vn_count(&t); k++) to[k] = draw((uint64_t)o, k);
    }
}

static double run(probe *p)
{
    if (vn_plan_run(p->plan)) ck_abort_msg("%s: %s", p->oc->name, vn_last_message());
    return *(const double *)vn_plan_read(p->plan, p->scalar);
}

/* The change of the scalar along `direction` of input i, a unit step; direction NULL: element k. */
static double slope(probe *p, int i, const double *direction, int64_t k)
{
    double *x = vn_plan_feed(p->plan, p->in[i]), f[2];
    int64_t n = vn_count(&p->oc->c->in[i]);
    for (int side = 0; side < 2; side++) {
        double h = side ? step : -step;
        for (int64_t e = 0; e < n; e++)
            x[e] = p->numbers[i][e] + h * (direction ? direction[e] : e == k);
        f[side] = run(p);
    }
    memcpy(x, p->numbers[i], (size_t)n * sizeof *x);
    return (f[1] - f[0]) / (2 * step);
}

static void expect(const probe *p, int i, int64_t k, double got, double want, double size)
{
    if (fabs(got - want) <= tolerance * (1 + size)) return;
    if (k < 0)
        ck_abort_msg("%s: gradient of input %d along a direction is %.9g, differences give %.9g",
                     p->oc->name, i, got, want);
    ck_abort_msg("%s: gradient of input %d element %lld is %.9g, differences give %.9g",
                 p->oc->name, i, (long long)k, got, want);
}

static void check_elements(probe *p, int i, const double *grad, int64_t n)
{
    for (int64_t j = 0; j < (n <= EACH ? n : SOME); j++) {
        int64_t k = n <= EACH ? j : (int64_t)vn_random4(22, (uint64_t)i, (uint64_t)j).v[0] % n;
        expect(p, i, k, grad[k], slope(p, i, NULL, k), fabs(grad[k]));
    }
}

static void check_directions(probe *p, int i, const double *grad, int64_t n)
{
    double *direction = malloc((size_t)n * sizeof *direction);
    ck_assert_ptr_nonnull(direction);
    for (int d = 0; d < DIRECTIONS; d++) {
        double sum = 0, size = 0;
        for (int64_t k = 0; k < n; k++) {
            direction[k] = draw((uint64_t)(100 + d), k);
            sum += grad[k] * direction[k];
            size += fabs(grad[k] * direction[k]);
        }
        expect(p, i, -1, sum, slope(p, i, direction, 0), size);
    }
    free(direction);
}

void vn_check_gradient(const vn_op_case *oc)
{
    probe p;
    open_probe(&p, oc);
    feed_all(&p);
    for (int i = 0; i < VN_MAX_IN; i++) {
        if (!p.grad[i]) continue;
        int64_t n = vn_count(&oc->c->in[i]);
        double *grad = malloc((size_t)n * sizeof *grad);
        ck_assert_ptr_nonnull(grad);
        run(&p); /* the last run had another input moved */
        memcpy(grad, vn_plan_read(p.plan, p.grad[i]), (size_t)n * sizeof *grad);
        check_elements(&p, i, grad, n);
        if (n > EACH) check_directions(&p, i, grad, n);
        free(grad);
    }
    close_probe(&p);
}

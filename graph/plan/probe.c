/* Running a plan one step at a time to find the first wrong one: not finite, or not as in another
 * plan of the same graph. Slow by design; a recorded run stays as it is. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "device/low.h"
#include "graph/ops/op.h"
#include "graph/plan/internal.h"

static size_t bytes_of(const vn_tensor *t) { return (size_t)vn_count(t) * vn_dtype_bytes(t->dtype); }

static bool is_real(const vn_tensor *t)
{
    return t->dtype == VN_F32 || t->dtype == VN_F64 || vn_is_low(t->dtype);
}

/* A step's tensor on the host; NULL with *st set on failure, NULL alone if there is none. */
static void *fetch(vn_plan *plan, const vn_tensor *t, vn_status *st)
{
    if (!t->data || !is_real(t)) return NULL;
    void *host = vn_malloc(bytes_of(t));
    *st = host ? VN_OK : VN_E_MEMORY;
    if (host) *st = vn_stream_copy(plan->stream, host, t->data, bytes_of(t), VN_TO_HOST);
    if (host && !*st) *st = vn_stream_wait(plan->stream);
    if (*st) {
        vn_free(host);
        host = NULL;
    }
    return host;
}

static double element(const vn_tensor *t, const void *data, int64_t i)
{
    if (vn_is_low(t->dtype)) return (double)vn_low_value(t->dtype, ((const uint16_t *)data)[i]);
    return t->dtype == VN_F64 ? ((const double *)data)[i] : (double)((const float *)data)[i];
}

static bool all_finite(const vn_tensor *t, const void *data)
{
    for (int64_t i = 0; i < vn_count(t); i++)
        if (!isfinite(element(t, data, i))) return false;
    return true;
}

static vn_status run_step(vn_plan *plan, int step)
{
    VN_TRY(vn_replay(plan->stream, plan->exec, step, step + 1));
    return vn_stream_wait(plan->stream);
}

/* `first`: the member that counts as the first. */
static void name_step(const vn_plan *plan, int step, int first, char *where, size_t n)
{
    snprintf(where, n, "%s (%s)", plan->step_path[step - first],
             vn_op_about(plan->steps[step].call.op)->name);
}

vn_status vn_plan_hunt(vn_plan *plan, int first, int members, char *where, size_t n)
{
    where[0] = 0;
    VN_TRY(vn_plan_move_feed(plan, plan->host_feed));
    VN_TRY(vn_plan_prepare(plan, plan->stream));
    for (int k = 0; k < plan->n_steps; k++) {
        int member = k % plan->members;
        if (member < first || member >= first + members || vn_plan_is_update(plan, k)) continue;
        VN_TRY(run_step(plan, k));
        for (int i = 0; i < plan->steps[k].call.n_out; i++) {
            vn_status st = VN_OK;
            void *host = fetch(plan, &plan->steps[k].call.out[i], &st);
            if (st) return vn_trail(st, __FILE__, __LINE__);
            bool fine = !host || all_finite(&plan->steps[k].call.out[i], host);
            vn_free(host);
            if (fine) continue;
            name_step(plan, k, first, where, n);
            return VN_OK;
        }
    }
    return VN_OK;
}

/* The largest magnitude of what a step adds up, before it runs; 0 for steps that are no sums. */
static vn_status largest_term(vn_plan *plan, int k, double *largest)
{
    const vn_call *c = &plan->steps[k].call;
    vn_status st = VN_OK;
    *largest = 0;
    if (!vn_op_def_of(c->op)->sums) return VN_OK;
    void *x = fetch(plan, &c->in[0], &st);
    for (int64_t i = 0; x && i < vn_count(&c->in[0]); i++)
        *largest = fmax(*largest, fabs(element(&c->in[0], x, i)));
    vn_free(x);
    return st ? vn_trail(st, __FILE__, __LINE__) : VN_OK;
}

/* Largest difference over largest magnitude, `largest` at least; infinite where only one side is finite. */
static double difference(const vn_tensor *ta, const void *a, const vn_tensor *tb, const void *b,
                         double largest)
{
    double worst = 0;
    for (int64_t i = 0; i < vn_count(ta); i++) {
        double x = element(ta, a, i), y = element(tb, b, i), d = fabs(x - y);
        if (isnan(x) && isnan(y)) continue;
        if (!isfinite(d) && x != y) return INFINITY;
        if (x != y && d > worst) worst = d;
        if (fabs(x) > largest) largest = fabs(x);
        if (fabs(y) > largest) largest = fabs(y);
    }
    return largest > 0 ? worst / largest : 0;
}

static vn_status compare_step(vn_plan *a, vn_plan *b, int k, double rel, double terms, bool *same)
{
    *same = true;
    for (int i = 0; i < a->steps[k].call.n_out && *same; i++) {
        const vn_tensor *ta = &a->steps[k].call.out[i], *tb = &b->steps[k].call.out[i];
        bool sum = vn_op_def_of(a->steps[k].call.op)->sums >> i & 1;
        vn_status st = VN_OK;
        void *x = fetch(a, ta, &st), *y = NULL;
        if (!st) y = fetch(b, tb, &st);
        if (!st && x && y) *same = difference(ta, x, tb, y, sum ? terms : 0) <= rel;
        vn_free(x);
        vn_free(y);
        if (st) return vn_trail(st, __FILE__, __LINE__);
    }
    return VN_OK;
}

/* Plan b goes on from what a has made: a sum that cancels is other bits on another device, and what
 * is made of it would differ by more than any bound, though every step were right. */
static vn_status hand_over(vn_plan *a, vn_plan *b, int k)
{
    for (int i = 0; i < a->steps[k].call.n_out; i++) {
        const vn_tensor *ta = &a->steps[k].call.out[i], *tb = &b->steps[k].call.out[i];
        vn_status st = VN_OK;
        void *x = tb->data ? fetch(a, ta, &st) : NULL;
        if (!st && x) st = vn_stream_copy(b->stream, tb->data, x, bytes_of(tb), VN_TO_DEVICE);
        if (!st && x) st = vn_stream_wait(b->stream);
        vn_free(x);
        if (st) return vn_trail(st, __FILE__, __LINE__);
    }
    return VN_OK;
}

vn_status vn_plan_compare(vn_plan *a, vn_plan *b, double rel, char *where, size_t n)
{
    where[0] = 0;
    if (a->n_steps != b->n_steps || a->bytes[VN_HOME_FEED] != b->bytes[VN_HOME_FEED])
        return VN_FAIL(VN_E_ARGUMENT, "the plans have %d and %d steps: they are not of one graph",
                       a->n_steps, b->n_steps);
    memcpy(b->host_feed, a->host_feed, a->bytes[VN_HOME_FEED]);
    VN_TRY(vn_plan_move_feed(a, a->host_feed));
    VN_TRY(vn_plan_move_feed(b, b->host_feed));
    a->prologue_done = b->prologue_done = false; /* whether or not a version tells of new weights */
    VN_TRY(vn_plan_prepare(a, a->stream));
    VN_TRY(vn_plan_prepare(b, b->stream));
    for (int k = 0; k < a->n_steps; k++) {
        if (vn_plan_is_update(a, k)) continue;
        double terms;
        VN_TRY(largest_term(a, k, &terms));
        VN_TRY(run_step(a, k));
        VN_TRY(run_step(b, k));
        bool same;
        VN_TRY(compare_step(a, b, k, rel, terms, &same));
        if (!same) {
            name_step(a, k, 0, where, n);
            return VN_OK;
        }
        VN_TRY(hand_over(a, b, k));
    }
    return VN_OK;
}

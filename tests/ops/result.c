/* Is a result right within its bound, and is it the same as another, bit by bit. */
#include "tests/ops/result.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Largest finite magnitude of output o of the reference. */
static double largest(const vn_op_run *ref, int o)
{
    double top = 0;
    for (int64_t i = 0; i < vn_count(&ref->call.out[o]); i++) {
        double v = fabs(vn_op_out(ref, o, i));
        if (isfinite(v) && v > top) top = v;
    }
    return top;
}

/* Errors are relative to the result; near zero to what was summed, or to 1 for elementwise ops. */
static double bound(const vn_case *c, vn_dtype type, double want, double top)
{
    double eps = type == VN_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    double slack = c->slack > 0 ? c->slack : 4;
    double terms = fmax(fabs(c->lo), fmax(fabs(c->hi), 1));
    double floor_at = c->reduce ? fmax(top, terms) : fmin(top, 1);
    return slack * eps * sqrt((double)(c->reduce ? c->reduce : 1)) * (fabs(want) + floor_at);
}

bool vn_agrees(double got, double want, double tolerance, vn_dtype type)
{
    if (isnan(want)) return isnan(got);
    if (type == VN_F32) want = (double)(float)want; /* what f32 cannot hold is an infinity */
    if (isinf(want) || isinf(got)) return got == want;
    return fabs(got - want) <= tolerance;
}

void vn_check_result(const vn_op_run *run, const vn_op_run *ref, const vn_kernel *k)
{
    for (int o = 0; o < run->call.n_out; o++) {
        const vn_tensor *t = &run->call.out[o];
        if (!t->data) continue;
        double top = largest(ref, o);
        for (int64_t i = 0; i < vn_count(t); i++) {
            double got = vn_op_out(run, o, i), want = vn_op_out(ref, o, i);
            double tolerance = bound(run->oc->c, t->dtype, want, top) +
                               run->oc->c->rounding[o] * (fabs(want) + top);
            if (!vn_agrees(got, want, tolerance, t->dtype))
                ck_abort_msg("%s %s: output %d element %lld is %.9g, expected %.9g within %.3g",
                             run->oc->name, k->name, o, (long long)i, got, want, tolerance);
        }
    }
}

vn_bits vn_take_bits(const vn_op_run *run)
{
    vn_bits b = { { NULL }, { 0 } };
    for (int o = 0; o < run->call.n_out; o++) {
        const vn_tensor *t = &run->call.out[o];
        if (!t->data) continue;
        b.bytes[o] = (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
        b.out[o] = malloc(b.bytes[o]);
        ck_assert_ptr_nonnull(b.out[o]);
        memcpy(b.out[o], t->data, b.bytes[o]);
    }
    return b;
}

void vn_drop_bits(vn_bits *b)
{
    for (int o = 0; o < VN_MAX_OUT; o++) free(b->out[o]);
}

void vn_check_bits(const vn_op_run *run, const vn_bits *b, const vn_kernel *k, const char *how)
{
    for (int o = 0; o < run->call.n_out; o++) {
        const vn_tensor *t = &run->call.out[o];
        const unsigned char *now = t->data;
        if (!now || !memcmp(now, b->out[o], b->bytes[o])) continue;
        size_t at = 0;
        while (now[at] == b->out[o][at]) at++;
        ck_abort_msg("%s %s: output %d element %zu differs %s", run->oc->name, k->name, o,
                     at / vn_dtype_bytes(t->dtype), how);
    }
}

bool vn_op_overwrites(const vn_call *c, int i)
{
    for (int o = 0; o < c->n_out; o++)
        if (vn_op_inplace(c->op, o) == i) return true;
    return false;
}

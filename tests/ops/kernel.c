/* Every kernel that can take a case: right within a bound, and the same however it is run. */
#include "tests/ops/kernel.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/ops/op.h"
#include "tests/ops/launch.h"

enum { LANES = 3 };

typedef struct bench {
    vn_team *team;
    vn_device *dev;
    uint64_t caps;
} bench;

static void open_bench(bench *b)
{
    vn_device_config config = { .threads = 2 };
    vn_device_info info;
    ck_assert_int_eq(vn_team_open(LANES, &b->team), VN_OK);
    ck_assert_msg(vn_team_size(b->team) == LANES, "these tests need %d threads, got %d", LANES,
                  vn_team_size(b->team));
    ck_assert_int_eq(vn_device_open("cpu", 0, &config, &b->dev), VN_OK);
    vn_device_about(b->dev, &info);
    b->caps = info.caps;
}

static void close_bench(bench *b)
{
    vn_device_close(b->dev);
    vn_team_close(b->team);
}

static bool can(const bench *b, const vn_kernel *k, const vn_call *call)
{
    return !(k->need & ~b->caps) && !(k->unfit && k->unfit(call));
}

/* ---- the result ---- */

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
    double eps = type == VN_F32 ? (double)FLT_EPSILON : DBL_EPSILON;
    double slack = c->slack > 0 ? c->slack : 4;
    double terms = fmax(fabs(c->lo), fmax(fabs(c->hi), 1));
    double floor_at = c->reduce ? fmax(top, terms) : fmin(top, 1);
    return slack * eps * sqrt((double)(c->reduce ? c->reduce : 1)) * (fabs(want) + floor_at);
}

static bool agrees(double got, double want, double tolerance, vn_dtype type)
{
    if (isnan(want)) return isnan(got);
    if (type == VN_F32) want = (double)(float)want; /* what f32 cannot hold is an infinity */
    if (isinf(want) || isinf(got)) return got == want;
    return fabs(got - want) <= tolerance;
}

static void check_result(const vn_op_run *run, const vn_op_run *ref, const vn_kernel *k)
{
    for (int o = 0; o < run->call.n_out; o++) {
        const vn_tensor *t = &run->call.out[o];
        if (!t->data) continue;
        double top = largest(ref, o);
        for (int64_t i = 0; i < vn_count(t); i++) {
            double got = vn_op_out(run, o, i), want = vn_op_out(ref, o, i);
            double tolerance = bound(run->oc->c, t->dtype, want, top);
            if (!agrees(got, want, tolerance, t->dtype))
                ck_abort_msg("%s %s: output %d element %lld is %.9g, expected %.9g within %.3g",
                             run->oc->name, k->name, o, (long long)i, got, want, tolerance);
        }
    }
}

static void check_known(const vn_op_run *ref)
{
    const char *flaw = ref->oc->c->flaw ? ref->oc->c->flaw(&ref->call) : NULL;
    if (flaw) ck_abort_msg("%s: %s", ref->oc->name, flaw);
    for (int o = 0; o < ref->call.n_out; o++) {
        const double *want = ref->oc->c->want[o];
        for (int64_t i = 0; want && i < vn_count(&ref->call.out[o]); i++) {
            double got = vn_op_out(ref, o, i);
            if (!agrees(got, want[i], 1e-6 * fmax(1, fabs(want[i])), VN_F64))
                ck_abort_msg("%s: output %d element %lld is %.9g, known to be %.9g", ref->oc->name,
                             o, (long long)i, got, want[i]);
        }
    }
}

/* ---- what surrounds it ---- */

static bool overwritten(const vn_call *c, int i)
{
    for (int o = 0; o < c->n_out; o++)
        if (vn_op_inplace(c->op, o) == i) return true;
    return false;
}

static void check_memory(const vn_op_run *run, const vn_kernel *k)
{
    for (int i = 0; i < run->call.n_in; i++) {
        if (!run->in[i].block) continue;
        ck_assert_msg(vn_fence_whole(&run->in[i]), "%s %s: wrote around input %d", run->oc->name,
                      k->name, i);
        ck_assert_msg(overwritten(&run->call, i) ||
                          !memcmp(run->in[i].data, run->kept[i], run->in[i].bytes),
                      "%s %s: changed input %d", run->oc->name, k->name, i);
    }
    for (int o = 0; o < run->call.n_out; o++)
        ck_assert_msg(vn_fence_whole(&run->out[o]), "%s %s: wrote outside output %d", run->oc->name,
                      k->name, o);
}

/* The bits of every output, to compare runs with. */
typedef struct bits {
    unsigned char *out[VN_MAX_OUT];
    size_t bytes[VN_MAX_OUT];
} bits;

static bits take_bits(const vn_op_run *run)
{
    bits b = { { NULL }, { 0 } };
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

static void drop_bits(bits *b)
{
    for (int o = 0; o < VN_MAX_OUT; o++) free(b->out[o]);
}

static void check_bits(const vn_op_run *run, const bits *b, const vn_kernel *k, const char *how)
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

/* With output o not wanted by anybody, the others stay the same. */
static void check_unread(bench *b, vn_op_run *run, const bits *first, const vn_kernel *k)
{
    if (run->call.n_out < 2 || vn_op_inplace(run->call.op, 0) >= 0) return;
    for (int o = 0; o < run->call.n_out; o++) {
        void *data = run->call.out[o].data;
        run->call.out[o].data = NULL;
        vn_op_reset(run);
        vn_launch_direct(run, k, b->team, 1);
        check_bits(run, first, k, "when another output is not read");
        check_memory(run, k);
        run->call.out[o].data = data;
    }
}

static void check_kernel(bench *b, const vn_op_case *oc, const vn_op_run *ref, vn_dtype real,
                         const vn_kernel *k)
{
    vn_op_run run;
    vn_op_open(&run, oc, real);
    ck_assert_msg(can(b, k, &run.call), "%s %s: takes the call without memory, refuses it with",
                  oc->name, k->name);
    vn_launch_direct(&run, k, b->team, 1);
    check_memory(&run, k);
    check_result(&run, ref, k);
    bits first = take_bits(&run);
    for (int lanes = 1; lanes <= LANES; lanes++) {
        static const char *const how[] = { "the second time", "with 2 lanes", "with 3 lanes" };
        vn_op_reset(&run);
        vn_launch_direct(&run, k, b->team, lanes);
        check_memory(&run, k);
        check_bits(&run, &first, k, how[lanes - 1]);
    }
    vn_launch_replayed(&run, k, b->dev, 2);
    check_memory(&run, k);
    check_bits(&run, &first, k, "when recorded and replayed");
    check_unread(b, &run, &first, k);
    drop_bits(&first);
    vn_op_close(&run);
}

/* The last kernel of the list that takes doubles is the reference. */
static void run_reference(bench *b, const vn_op_case *oc, vn_op_run *ref)
{
    const vn_kernel *found = NULL;
    vn_op_open(ref, oc, VN_F64);
    for (const vn_kernel *const *k = vn_kernels_of(b->dev, oc->op); *k; k++)
        if (can(b, *k, &ref->call)) found = *k;
    ck_assert_msg(found != NULL, "%s: no f64 kernel takes it", oc->name);
    vn_launch_direct(ref, found, b->team, 1);
    check_known(ref);
}

/* Kernels are chosen when there is no memory yet, so pointers must not change their minds. */
static void check_type(bench *b, const vn_op_case *oc, const vn_op_run *ref, vn_dtype real)
{
    vn_call call;
    int n = 0;
    vn_op_call(oc, real, &call);
    ck_assert_int_eq(vn_op_def_of(oc->op)->infer(&call), VN_OK);
    for (const vn_kernel *const *k = vn_kernels_of(b->dev, oc->op); *k; k++) {
        if (!can(b, *k, &call)) continue;
        /* Reference kernels are too slow for these sizes, and the small cases say as much. */
        if (oc->c->bench && n > 0 && strstr((*k)->name, "_ref")) continue;
        check_kernel(b, oc, ref, real, *k);
        n++;
    }
    ck_assert_msg(n > 0, "%s: no %s kernel takes it", oc->name, vn_dtype_name(real));
}

void vn_check_kernels(const vn_op_case *oc)
{
    bench b;
    vn_op_run ref;
    open_bench(&b);
    run_reference(&b, oc, &ref);
    check_type(&b, oc, &ref, VN_F32);
    if (!oc->c->bench) check_type(&b, oc, &ref, VN_F64);
    vn_op_close(&ref);
    close_bench(&b);
}

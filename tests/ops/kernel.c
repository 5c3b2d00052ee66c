/* Every kernel that can take a case: right within a bound, and the same however it is run. */
#include "tests/ops/kernel.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "device/rows.h"
#include "graph/ops/op.h"
#include "tests/ops/launch.h"
#include "tests/ops/result.h"

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

/* ---- what is known of the result ---- */

static void check_known(const vn_op_run *ref)
{
    const char *flaw = ref->oc->c->flaw ? ref->oc->c->flaw(&ref->call) : NULL;
    if (flaw) ck_abort_msg("%s: %s", ref->oc->name, flaw);
    for (int o = 0; o < ref->call.n_out; o++) {
        const double *want = ref->oc->c->want[o];
        for (int64_t i = 0; want && i < vn_count(&ref->call.out[o]); i++) {
            double got = vn_op_out(ref, o, i);
            if (!vn_agrees(got, want[i], 1e-6 * fmax(1, fabs(want[i])), VN_F64))
                ck_abort_msg("%s: output %d element %lld is %.9g, known to be %.9g", ref->oc->name,
                             o, (long long)i, got, want[i]);
        }
    }
}

/* ---- what surrounds it ---- */

static void check_memory(const vn_op_run *run, const vn_kernel *k)
{
    for (int i = 0; i < run->call.n_in; i++) {
        if (!run->in[i].block) continue;
        ck_assert_msg(vn_fence_whole(&run->in[i]), "%s %s: wrote around input %d", run->oc->name,
                      k->name, i);
        ck_assert_msg(vn_op_overwrites(&run->call, i) ||
                          !memcmp(run->in[i].data, run->kept[i], run->in[i].bytes),
                      "%s %s: changed input %d", run->oc->name, k->name, i);
    }
    for (int o = 0; o < run->call.n_out; o++)
        ck_assert_msg(vn_fence_whole(&run->out[o]), "%s %s: wrote outside output %d", run->oc->name,
                      k->name, o);
}

/* With output o not wanted by anybody, the others stay the same. */
static void check_unread(bench *b, vn_op_run *run, const vn_bits *first, const vn_kernel *k)
{
    if (run->call.n_out < 2 || vn_op_inplace(run->call.op, 0) >= 0) return;
    for (int o = 0; o < run->call.n_out; o++) {
        void *data = run->call.out[o].data;
        run->call.out[o].data = NULL;
        vn_op_reset(run);
        vn_launch_direct(run, k, b->team, 1);
        vn_check_bits(run, first, k, "when another output is not read");
        check_memory(run, k);
        run->call.out[o].data = data;
    }
}

/* Computed block by block, the last first: as few rows a block as may be, and half of all. */
static void check_blocks(bench *b, vn_op_run *run, const vn_bits *first, const vn_kernel *k)
{
    const vn_call whole = run->call;
    const vn_by_rows rows = vn_rows_of(&whole);
#ifdef __SANITIZE_THREAD__
    const int64_t most = 0; /* a lane alone has no races, and there are thousands of blocks */
#else
    const int64_t most = rows.n ? rows.n / rows.least : 0;
#endif
    for (int64_t blocks = most; blocks > 1 && !k->meets; blocks = blocks > 2 ? 2 : 0) {
        vn_op_reset(run);
        for (int64_t i = blocks - 1; i >= 0; i--) {
            vn_rows_cut(&whole, rows, rows.n, rows.n * i / blocks, rows.n * (i + 1) / blocks, &run->call);
            ck_assert_msg(can(b, k, &run->call), "%s %s: refuses rows of its own", run->oc->name, k->name);
            vn_launch_direct(run, k, b->team, 1);
        }
        run->call = whole;
        check_memory(run, k);
        vn_check_bits(run, first, k, "in blocks of rows");
    }
}

/* With inputs that stay for many runs: what the kernel keeps of them is right, and has the same
 * bits however many lanes make it and read it. */
static void check_kept(bench *b, vn_op_run *run, const vn_op_run *ref, const vn_kernel *k)
{
    vn_bits first = { 0 };
    run->call.fixed = ~(uint32_t)1;
    if (!k->keep || !k->keep(&run->call)) return;
    for (int lanes = 1; lanes <= LANES; lanes++) {
        vn_op_reset(run);
        vn_launch_direct(run, k, b->team, lanes);
        check_memory(run, k);
        if (lanes > 1)
            vn_check_bits(run, &first, k, "with what it keeps, on more lanes");
        else
            vn_check_result(run, ref, k);
        if (lanes == 1) first = vn_take_bits(run);
    }
    vn_launch_replayed(run, k, b->dev, 2);
    vn_check_bits(run, &first, k, "when recorded, settled and replayed");
    check_blocks(b, run, &first, k);
    vn_drop_bits(&first);
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
    vn_check_result(&run, ref, k);
    vn_bits first = vn_take_bits(&run);
    for (int lanes = 1; lanes <= LANES; lanes++) {
        static const char *const how[] = { "the second time", "with 2 lanes", "with 3 lanes" };
        vn_op_reset(&run);
        vn_launch_direct(&run, k, b->team, lanes);
        check_memory(&run, k);
        vn_check_bits(&run, &first, k, how[lanes - 1]);
    }
    vn_launch_replayed(&run, k, b->dev, 2);
    check_memory(&run, k);
    vn_check_bits(&run, &first, k, "when recorded and replayed");
    if (!k->meets) {
        vn_op_reset(&run);
        vn_launch_direct(&run, k, NULL, LANES);
        check_memory(&run, k);
        vn_check_bits(&run, &first, k, "in parts, the last first");
    }
    check_blocks(b, &run, &first, k);
    check_unread(b, &run, &first, k);
    check_kept(b, &run, ref, k);
    vn_drop_bits(&first);
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

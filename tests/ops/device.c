#include "tests/ops/device.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "device/resident.h"
#include "graph/ops/op.h"
#include "tests/ops/result.h"

/* Canaries on both sides, wide enough to catch a vector store that runs over; 64-byte offsets are
 * the worst the planner makes. */
enum { FENCE = 192, CANARY = 0xA5 };

/* Memory of the device for one tensor, canaries included. */
typedef struct place {
    unsigned char *block;
    size_t bytes, shift; /* of the tensor; how far behind the canaries' usual end it begins */
} place;

/* A case on the device: the host's run holds inputs, and receives outputs. */
typedef struct rig {
    vn_device *dev;
    vn_stream *stream;
    vn_op_run *run;
    vn_call call; /* with addresses of the device */
    vn_run facts;
    size_t shift; /* of places opened from now on */
    place in[VN_MAX_IN], out[VN_MAX_OUT], step, scalar;
    vn_resident panel;
} rig;

const char *vn_test_device(void)
{
    const char *name = getenv("VANE_TEST_DEVICE");
    return name && *name ? name : NULL;
}

vn_device *vn_test_device_open(void)
{
    vn_device *dev;
    const char *products = getenv("VANE_TEST_PRODUCTS");
    vn_device_config config = { .plugins = getenv("VANE_TEST_PLUGINS"),
                                .products = products ? products : "own" };
    if (vn_device_open(vn_test_device(), 0, &config, &dev)) ck_abort_msg("%s", vn_last_message());
    return dev;
}

static void must(vn_status st, const rig *r)
{
    if (st) ck_abort_msg("%s %s", r->run->oc->name, vn_last_message());
}

static void open_place(rig *r, place *p, const void *numbers, size_t bytes)
{
    size_t all = bytes + 2 * FENCE;
    unsigned char *image = malloc(all);
    ck_assert_ptr_nonnull(image);
    memset(image, CANARY, all);
    memcpy(image + FENCE + r->shift, numbers, bytes);
    p->bytes = bytes;
    p->shift = r->shift;
    must(vn_device_alloc(r->dev, VN_MEM_DEVICE, all, (void **)&p->block), r);
    must(vn_stream_copy(r->stream, p->block, image, all, VN_TO_DEVICE), r);
    must(vn_stream_wait(r->stream), r);
    free(image);
}

static void *data_of(const place *p)
{
    return p->block ? p->block + FENCE + p->shift : NULL;
}

static void close_place(rig *r, place *p)
{
    if (p->block) vn_device_free(r->dev, VN_MEM_DEVICE, p->block, p->bytes + 2 * FENCE);
    *p = (place){ 0 };
}

/* The numbers of a place to `to`; false if a canary is gone. */
static bool fetch(rig *r, const place *p, void *to)
{
    size_t all = p->bytes + 2 * FENCE, front = FENCE + p->shift;
    unsigned char *image = malloc(all);
    bool whole = true;
    ck_assert_ptr_nonnull(image);
    must(vn_stream_copy(r->stream, image, p->block, all, VN_TO_HOST), r);
    must(vn_stream_wait(r->stream), r);
    for (size_t i = 0; i < all; i++)
        whole = whole && ((i >= front && i < front + p->bytes) || image[i] == CANARY);
    memcpy(to, image + front, p->bytes);
    free(image);
    return whole;
}

static void open_input(rig *r, int i)
{
    vn_tensor *t = &r->call.in[i];
    if (!t->data) return;
    if (t->dtype == VN_PANEL) {
        must(vn_resident_open(r->dev, r->stream, t->data, &r->panel), r);
        open_place(r, &r->in[i], &r->panel.view, sizeof r->panel.view);
    } else {
        open_place(r, &r->in[i], t->data, r->run->in[i].bytes);
    }
    t->data = data_of(&r->in[i]);
}

static void open_rig(rig *r, vn_device *dev, vn_op_run *run, size_t shift)
{
    *r = (rig){ .dev = dev, .run = run, .call = run->call, .shift = shift };
    must(vn_stream_open(dev, &r->stream), r);
    for (int i = 0; i < run->call.n_in; i++) open_input(r, i);
    for (int o = 0; o < run->call.n_out; o++) {
        vn_tensor *t = &r->call.out[o];
        int from = vn_op_inplace(run->call.op, o);
        if (!t->data) continue;
        if (from < 0) open_place(r, &r->out[o], t->data, run->out[o].bytes);
        t->data = from < 0 ? data_of(&r->out[o]) : r->call.in[from].data;
    }
    r->shift = 0;
    open_place(r, &r->step, &run->step, sizeof run->step);
    open_place(r, &r->scalar, run->scalar, sizeof run->scalar);
    r->facts = (vn_run){ data_of(&r->step), data_of(&r->scalar), run->facts.seed };
    r->call.run = &r->facts;
}

static void close_rig(rig *r)
{
    for (int i = 0; i < VN_MAX_IN; i++) close_place(r, &r->in[i]);
    for (int o = 0; o < VN_MAX_OUT; o++) close_place(r, &r->out[o]);
    close_place(r, &r->step);
    close_place(r, &r->scalar);
    vn_resident_close(&r->panel);
    vn_stream_close(r->stream);
}

/* Inputs as they were, outputs full of NaN, on host and device. */
static void reset(rig *r)
{
    vn_op_reset(r->run);
    for (int i = 0; i < r->call.n_in; i++)
        if (r->in[i].block && r->call.in[i].dtype != VN_PANEL)
            must(vn_stream_copy(r->stream, data_of(&r->in[i]), r->run->in[i].data, r->in[i].bytes,
                                VN_TO_DEVICE),
                 r);
    for (int o = 0; o < r->call.n_out; o++)
        if (r->out[o].block)
            must(vn_stream_fill(r->stream, data_of(&r->out[o]), 0xff, r->out[o].bytes), r);
}

/* Results to the host's outputs; canaries and inputs must be as they were. */
static void collect(rig *r, const vn_kernel *k)
{
    const char *name = r->run->oc->name;
    for (int o = 0; o < r->call.n_out; o++)
        if (r->out[o].block)
            ck_assert_msg(fetch(r, &r->out[o], r->run->call.out[o].data),
                          "%s %s: wrote outside output %d", name, k->name, o);
    for (int i = 0; i < r->call.n_in; i++) {
        if (!r->in[i].block) continue;
        unsigned char *now = malloc(r->in[i].bytes);
        ck_assert_ptr_nonnull(now);
        ck_assert_msg(fetch(r, &r->in[i], now), "%s %s: wrote around input %d", name, k->name, i);
        if (vn_op_overwrites(&r->call, i)) {
            memcpy(r->run->in[i].data, now, r->in[i].bytes);
        } else {
            const void *was =
                r->call.in[i].dtype == VN_PANEL ? (const void *)&r->panel.view : r->run->kept[i];
            ck_assert_msg(!memcmp(now, was, r->in[i].bytes), "%s %s: changed input %d", name,
                          k->name, i);
        }
        free(now);
    }
}

/* Record the call `copies` times, replay all; more than one makes a graph of them. `twice`: anew, with fresh
 * outputs, which what the first replay left in the scratch must serve. */
static void launch(rig *r, const vn_kernel *k, int copies, bool twice)
{
    vn_step steps[2] = { { k, r->call }, { k, r->call } };
    vn_exec *exec;
    must(vn_record(r->stream, steps, copies, 0, &exec), r);
    for (int i = 0; i <= twice; i++) {
        if (i) reset(r);
        must(vn_replay(r->stream, exec, 0, copies), r);
        must(vn_stream_wait(r->stream), r);
    }
    vn_exec_drop(r->stream, exec);
    collect(r, k);
}

/* With output o not wanted by anybody, the others stay the same. */
static void check_unread(rig *r, const vn_bits *first, const vn_kernel *k)
{
    if (r->call.n_out < 2 || vn_op_inplace(r->call.op, 0) >= 0) return;
    for (int o = 0; o < r->call.n_out; o++) {
        void *data = r->call.out[o].data, *host = r->run->call.out[o].data;
        if (!data) continue;
        reset(r);
        r->call.out[o].data = NULL;
        launch(r, k, 1, false);
        r->run->call.out[o].data = NULL;
        vn_check_bits(r->run, first, k, "when another output is not read");
        r->call.out[o].data = data;
        r->run->call.out[o].data = host;
    }
}

/* Of tensors that begin between two vectors, as rows of a view do. */
static void check_shifted(const vn_op_case *oc, const vn_op_run *ref, vn_device *dev,
                          const vn_kernel *k)
{
    vn_op_run run;
    rig r;
    vn_op_open(&run, oc, VN_F32);
    open_rig(&r, dev, &run, sizeof(float));
    reset(&r);
    launch(&r, k, 1, false);
    vn_check_result(&run, ref, k);
    close_rig(&r);
    vn_op_close(&run);
}

static void check_kernel(const vn_op_case *oc, const vn_op_run *ref, vn_device *dev,
                         const vn_kernel *k)
{
    vn_op_run run;
    rig r;
    vn_op_open(&run, oc, VN_F32);
    ck_assert_msg(!k->unfit || !k->unfit(&run.call),
                  "%s %s: takes the call without memory, refuses it with", oc->name, k->name);
    open_rig(&r, dev, &run, 0);
    reset(&r);
    launch(&r, k, 1, k->scratch && k->scratch(&run.call).shared > 0);
    vn_check_result(&run, ref, k);
    vn_bits first = vn_take_bits(&run);
    bool again = vn_op_inplace(run.call.op, 0) < 0; /* twice in a row would not be the same */
    reset(&r);
    launch(&r, k, again ? 2 : 1, false);
    vn_check_bits(&run, &first, k, again ? "in a graph" : "the second time");
    check_unread(&r, &first, k);
    vn_drop_bits(&first);
    close_rig(&r);
    vn_op_close(&run);
}

/* The f64 reference of the CPU: the last kernel of its list that takes doubles. */
static void run_reference(const vn_op_case *oc, vn_op_run *ref)
{
    vn_device *cpu;
    vn_device_config one = { .threads = 1 };
    const vn_kernel *found = NULL;
    vn_stream *s;
    vn_exec *exec;
    vn_op_open(ref, oc, VN_F64);
    ck_assert_int_eq(vn_device_open("cpu", 0, &one, &cpu), VN_OK);
    for (const vn_kernel *const *k = vn_kernels_of(cpu, oc->op); *k; k++)
        if (!(*k)->need && !((*k)->unfit && (*k)->unfit(&ref->call))) found = *k;
    ck_assert_msg(found != NULL, "%s: no f64 kernel takes it", oc->name);
    vn_step step = { found, ref->call };
    ck_assert_int_eq(vn_stream_open(cpu, &s), VN_OK);
    ck_assert_int_eq(vn_record(s, &step, 1, 0, &exec), VN_OK);
    ck_assert_int_eq(vn_replay(s, exec, 0, 1), VN_OK);
    vn_exec_drop(s, exec);
    vn_stream_close(s);
    vn_device_close(cpu);
}

/* Ops that move many numbers at a time, and little else. */
static const bool shifts[VN_OP_COUNT] = {
    [VN_OP_UNARY] = true,   [VN_OP_UNARY_GRAD] = true, [VN_OP_BINARY] = true,
    [VN_OP_DROPOUT] = true, [VN_OP_CAST] = true,
};

int vn_check_on_device(const vn_op_case *oc, vn_device *dev)
{
    vn_op_run ref;
    vn_call call;
    vn_device_info info;
    int n = 0;
    vn_op_call(oc, VN_F32, &call);
    ck_assert_int_eq(vn_op_def_of(oc->op)->infer(&call), VN_OK);
    vn_device_about(dev, &info);
    run_reference(oc, &ref);
    for (const vn_kernel *const *k = vn_kernels_of(dev, oc->op); *k; k++) {
        if ((*k)->need & ~info.caps || ((*k)->unfit && (*k)->unfit(&call))) continue;
        check_kernel(oc, &ref, dev, *k);
        if (shifts[oc->op]) check_shifted(oc, &ref, dev, *k);
        n++;
    }
    vn_op_close(&ref);
    return n;
}

/* Bringing a case to life: numbers, memory with canaries, calls. */
#include "tests/ops/ops.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/philox.h"
#include "device/low.h"
#include "graph/ops/op.h"

/* Outputs may be as badly aligned as the planner allows: it aligns to 64 bytes. */
enum { FENCE = 192, ALIGN = 64, CANARY = 0xA5 };

static bool is_real(const vn_tensor *t)
{
    return t->dtype == VN_F32 || t->dtype == VN_F64;
}

/* Has numbers that are drawn, or given as doubles. */
static bool has_numbers(const vn_tensor *t)
{
    return is_real(t) || vn_is_low(t->dtype);
}

/* x as the type holds it. */
static double rounded(vn_dtype type, double x)
{
    if (type == VN_F64) return x;
    if (!vn_is_low(type)) return (double)(float)x;
    return (double)vn_low_value(type, vn_low_of(type, (float)x));
}

vn_fenced vn_fence_open(size_t bytes)
{
    vn_fenced f = { .bytes = bytes };
    size_t total = (2 * FENCE + bytes + ALIGN - 1) / ALIGN * ALIGN;
    f.block = aligned_alloc(ALIGN, total);
    ck_assert_ptr_nonnull(f.block);
    memset(f.block, CANARY, FENCE);
    f.data = f.block + FENCE;
    memset(f.block + FENCE + bytes, CANARY, total - FENCE - bytes);
    return f;
}

bool vn_fence_whole(const vn_fenced *f)
{
    if (!f->block) return true;
    for (size_t i = 0; i < FENCE; i++)
        if (f->block[i] != CANARY || f->block[FENCE + f->bytes + i] != CANARY) return false;
    return true;
}

void vn_fence_close(vn_fenced *f)
{
    free(f->block);
    *f = (vn_fenced){ 0 };
}

int vn_op_inplace(vn_op op, int o)
{
    return vn_op_def_of(op)->inplace[o] - 1;
}

void vn_op_call(const vn_op_case *oc, vn_dtype real, vn_call *call)
{
    const vn_op_info *info = vn_op_about(oc->op);
    *call =
        (vn_call){ .op = oc->op, .n_in = info->n_in, .n_out = info->n_out, .attr = oc->c->attr };
    for (int i = 0; i < info->n_in; i++) {
        call->in[i] = oc->c->in[i];
        call->in[i].data = NULL;
        if (is_real(&call->in[i]) && !call->in[i].rank)
            call->in[i] = (vn_tensor){ 0 };
        else if (call->in[i].dtype == VN_F32)
            call->in[i].dtype = real;
    }
    for (int o = 0; o < info->n_out; o++) call->out[o] = (vn_tensor){ .dtype = real, .rank = -1 };
}

static double draw(const vn_op_case *oc, int i, int64_t k)
{
    /* By name: a new op must not move the numbers of the others. */
    uint64_t stream = vn_stream_of(vn_op_about(oc->op)->name) + (uint64_t)(oc->index * 10 + i);
    vn_philox bits = vn_random4(11, stream, (uint64_t)k);
    double u = vn_uniform24(bits.v[0]);
    bool preset = oc->c->lo == 0 && oc->c->hi == 0;
    double lo = preset ? -1 : oc->c->lo, hi = preset ? 1 : oc->c->hi;
    switch (oc->c->fill[i]) {
    case VN_FILL_POSITIVE:
        return 0.5 + 1.5 * u;
    case VN_FILL_MASK:
        return u < 0.5 ? 0 : 1;
    case VN_FILL_ZERO:
        return 0;
    case VN_FILL_ONE:
        return 1;
    default:
        return lo + (hi - lo) * u;
    }
}

/* Put NaN into the values that the mask hides. The mask may lack axes at the end. */
static void make_holes(const vn_op_case *oc, double *const in[VN_MAX_IN])
{
    static const bool of_y[VN_OP_COUNT] = { [VN_OP_LOSS] = true,  [VN_OP_LOSS_GRAD] = true,
                                            [VN_OP_QLOSS] = true, [VN_OP_QLOSS_GRAD] = true,
                                            [VN_OP_NLL] = true,   [VN_OP_NLL_GRAD] = true };
    int of = of_y[oc->op], by = oc->c->holes - 1;
    int64_t n = vn_count(&oc->c->in[of]), per = n / vn_count(&oc->c->in[by]);
    for (int64_t k = 0; k < n; k++)
        if (in[by][k / per] == 0) in[of][k] = NAN;
}

void vn_op_numbers(const vn_op_case *oc, double *in[VN_MAX_IN])
{
    const vn_case *c = oc->c;
    for (int i = 0; i < VN_MAX_IN; i++) {
        in[i] = NULL;
        if (!has_numbers(&c->in[i]) || !c->in[i].rank) continue;
        int64_t n = vn_count(&c->in[i]);
        in[i] = malloc((size_t)n * sizeof(double));
        ck_assert_ptr_nonnull(in[i]);
        const double *given = c->in[i].data;
        for (int64_t k = 0; k < n; k++)
            in[i][k] = rounded(c->in[i].dtype, given ? given[k] : draw(oc, i, k));
    }
    vn_call call;
    vn_op_call(oc, VN_F64, &call);
    if (c->holes) make_holes(oc, in);
    if (c->prepare) c->prepare(&call, in);
    for (int i = 0; i < VN_MAX_IN; i++)
        for (int64_t k = 0; in[i] && k < vn_count(&c->in[i]); k++)
            in[i][k] = rounded(c->in[i].dtype, in[i][k]);
}

void vn_op_store(const vn_tensor *t, const double *numbers, void *to)
{
    int64_t n = vn_count(t);
    if (t->dtype == VN_F64) memcpy(to, numbers, (size_t)n * sizeof(double));
    for (int64_t k = 0; k < n && t->dtype == VN_F32; k++) ((float *)to)[k] = (float)numbers[k];
    for (int64_t k = 0; k < n && vn_is_low(t->dtype); k++)
        ((uint16_t *)to)[k] = vn_low_of(t->dtype, (float)numbers[k]);
}

/* The numbers of one input, in the type of the call. */
static void write_input(const vn_op_run *run, int i, const double *numbers)
{
    const vn_tensor *t = &run->call.in[i];
    const vn_case *c = run->oc->c;
    int64_t n = vn_count(t);
    if (has_numbers(t)) {
        vn_op_store(t, numbers, run->in[i].data);
    } else if (c->in[i].data) {
        memcpy(run->in[i].data, c->in[i].data, run->in[i].bytes);
    } else {
        for (int64_t k = 0; k < n; k++) {
            vn_philox bits = vn_random4(12, (uint64_t)run->oc->op, (uint64_t)k);
            uint64_t span = (uint64_t)(c->int_hi - c->int_lo);
            ((int32_t *)run->in[i].data)[k] =
                c->int_lo + (int32_t)vn_below(bits.v[0], bits.v[1], span);
        }
    }
}

static void open_inputs(vn_op_run *run)
{
    double *numbers[VN_MAX_IN];
    vn_op_numbers(run->oc, numbers);
    for (int i = 0; i < run->call.n_in; i++) {
        vn_tensor *t = &run->call.in[i];
        if (t->rank) {
            run->in[i] = vn_fence_open((size_t)vn_count(t) * vn_dtype_bytes(t->dtype));
            t->data = run->in[i].data;
            write_input(run, i, numbers[i]);
            run->kept[i] = malloc(run->in[i].bytes);
            ck_assert_ptr_nonnull(run->kept[i]);
            memcpy(run->kept[i], t->data, run->in[i].bytes);
        }
        free(numbers[i]);
    }
}

void vn_op_open(vn_op_run *run, const vn_op_case *oc, vn_dtype real)
{
    *run = (vn_op_run){ .oc = oc, .step = 6, .scalar = { [VN_LR] = 0.01f } };
    run->facts = (vn_run){ &run->step, run->scalar, 77 };
    vn_op_call(oc, real, &run->call);
    run->call.run = &run->facts;
    if (vn_op_def_of(oc->op)->infer(&run->call))
        ck_abort_msg("%s: refused: %s", oc->name, vn_last_message());
    open_inputs(run);
    for (int o = 0; o < run->call.n_out; o++) {
        vn_tensor *t = &run->call.out[o];
        int from = vn_op_inplace(oc->op, o);
        if (t->rank < 0) continue;
        if (from < 0) run->out[o] = vn_fence_open((size_t)vn_count(t) * vn_dtype_bytes(t->dtype));
        t->data = from < 0 ? run->out[o].data : run->call.in[from].data;
    }
    vn_op_reset(run);
}

void vn_op_close(vn_op_run *run)
{
    for (int i = 0; i < VN_MAX_IN; i++) {
        vn_fence_close(&run->in[i]);
        free(run->kept[i]);
    }
    for (int o = 0; o < VN_MAX_OUT; o++) vn_fence_close(&run->out[o]);
}

void vn_op_reset(vn_op_run *run)
{
    for (int i = 0; i < run->call.n_in; i++)
        if (run->in[i].block) memcpy(run->in[i].data, run->kept[i], run->in[i].bytes);
    for (int o = 0; o < run->call.n_out; o++) /* all bits set is a NaN in either type */
        if (run->out[o].block) memset(run->out[o].data, 0xff, run->out[o].bytes);
}

double vn_op_out(const vn_op_run *run, int o, int64_t i)
{
    const vn_tensor *t = &run->call.out[o];
    switch (t->dtype) {
    case VN_F32:
        return (double)((const float *)t->data)[i];
    case VN_F64:
        return ((const double *)t->data)[i];
    case VN_I32:
        return ((const int32_t *)t->data)[i];
    case VN_BF16:
    case VN_F16:
        return (double)vn_low_value(t->dtype, ((const uint16_t *)t->data)[i]);
    default:
        return (double)((const int64_t *)t->data)[i];
    }
}

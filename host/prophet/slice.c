#include "host/prophet/slice.h"

#include <string.h>

#include "base/fault.h"
#include "graph/ops/op.h"

/* Newton's steps of a series at most: tens are many. */
enum { STEPS = 200, ALIGN = 64 };

static vn_tensor tensor(vn_dtype type, int64_t d0, int64_t d1)
{
    vn_tensor t = { .dtype = type, .rank = d1 ? 2 : 1, .dim = { d0, d1 } };
    return d0 ? t : (vn_tensor){ 0 };
}

/* The call without addresses. */
static vn_status shape(vn_prophet_slice *c)
{
    const vn_prophet_spec *s = c->spec;
    int64_t N = c->series, seasons = s->n_seasons, C = s->n_columns, S = vn_prophet_changes_max(s);
    int64_t harmonics = (C - s->n_holiday_columns - s->n_regressors) / 2;
    c->fit = (vn_attr_prophet){ s->o->growth, s->o->changepoint_prior_scale, harmonics, STEPS };
    c->look = c->fit;
    c->look.steps = 0;
    c->call = (vn_call){ .op = VN_OP_PROPHET,
                         .n_in = 7,
                         .n_out = 2,
                         .attr = &c->fit,
                         .in = { tensor(VN_F64, c->rows, vn_prophet_width(s)),
                                 tensor(VN_I32, N, VN_PROPHET_ACTIVE + seasons),
                                 tensor(VN_I32, seasons, 0), tensor(VN_F64, C, 0),
                                 tensor(VN_I32, C, 0), tensor(VN_F64, S ? N : 0, S),
                                 tensor(VN_F64, N, vn_prophet_coefficients(s)) },
                         .out = { { .rank = -1 }, { .rank = -1 } } };
    VN_TRY(vn_op_def_of(VN_OP_PROPHET)->infer(&c->call));
    return VN_OK;
}

/* The tensor at place i: inputs, then outputs. */
static vn_tensor *place(vn_prophet_slice *c, int i)
{
    return i < c->call.n_in ? &c->call.in[i] : &c->call.out[i - c->call.n_in];
}

static void lay(vn_prophet_slice *c, int i)
{
    const vn_tensor *t = place(c, i);
    c->at[i] = c->bytes;
    if (t->rank) c->bytes += (size_t)vn_count(t) * vn_dtype_bytes(t->dtype);
    c->bytes = (c->bytes + ALIGN - 1) / ALIGN * ALIGN;
}

/* Outputs, then inputs; the rows last, of which only those in use are copied. */
static void lay_out(vn_prophet_slice *c)
{
    for (int o = 0; o < c->call.n_out; o++) lay(c, c->call.n_in + o);
    for (int i = 1; i < c->call.n_in; i++) lay(c, i);
    lay(c, 0);
}

static vn_status open_memory(vn_prophet_slice *c)
{
    vn_device_info info;
    vn_device_about(c->dev, &info);
    c->shared = info.host_memory;
    VN_TRY(vn_device_alloc(c->dev, VN_MEM_DEVICE, c->bytes, (void **)&c->mem));
    if (c->shared)
        c->host = c->mem;
    else
        VN_TRY(vn_device_alloc(c->dev, VN_MEM_PINNED, c->bytes, (void **)&c->host));
    for (int i = 0; i < c->call.n_in + c->call.n_out; i++) {
        vn_tensor *t = place(c, i);
        if (t->rank) t->data = c->mem + c->at[i];
    }
    return VN_OK;
}

static void *numbers(const vn_prophet_slice *c, int i)
{
    return c->host + c->at[i];
}

/* What is the same for all series. */
static void fill(vn_prophet_slice *c)
{
    const vn_prophet_spec *s = c->spec;
    int32_t *order = numbers(c, 2), *multiplicative = numbers(c, 4);
    double *prior = numbers(c, 3);
    for (int i = 0; i < s->n_seasons; i++) order[i] = s->season[i].order;
    for (int i = 0; i < s->n_columns; i++) {
        prior[i] = s->column[i].prior;
        multiplicative[i] = s->column[i].multiplicative;
    }
}

static vn_status record(vn_prophet_slice *c, const vn_attr_prophet *attr, vn_exec **exec)
{
    vn_step step = { .call = c->call };
    vn_text why = { 0 };
    step.call.attr = attr;
    step.kernel = vn_select(c->dev, &step.call, &why);
    vn_status st = VN_OK;
    if (!step.kernel)
        st = VN_FAIL(VN_E_UNSUPPORTED, "the device has no kernel for prophet: %s",
                     why.s ? why.s : "none at all");
    vn_text_close(&why);
    VN_TRY(st);
    vn_cost cost = vn_cost_of(&step.call);
    step.flops = cost.flops;
    step.bytes = cost.bytes;
    VN_TRY(vn_record(c->stream, &step, 1, cost.flops, exec));
    return VN_OK;
}

vn_status vn_prophet_slice_open(const vn_prophet_spec *spec, vn_device *dev, int64_t series,
                                int64_t rows, vn_prophet_slice *c)
{
    vn_status st = VN_OK;
    *c = (vn_prophet_slice){ .spec = spec, .dev = dev, .series = series, .rows = rows };
    VN_TRY_DONE(shape(c));
    lay_out(c);
    VN_TRY_DONE(open_memory(c));
    fill(c);
    VN_TRY_DONE(vn_stream_open(dev, &c->stream));
    VN_TRY_DONE(record(c, &c->fit, &c->solve));
done:
    if (st) vn_prophet_slice_close(c);
    return st;
}

void vn_prophet_slice_close(vn_prophet_slice *c)
{
    if (c->solve) vn_exec_drop(c->stream, c->solve);
    if (c->judge) vn_exec_drop(c->stream, c->judge);
    if (c->stream) vn_stream_close(c->stream);
    if (c->host && !c->shared) vn_device_free(c->dev, VN_MEM_PINNED, c->host, c->bytes);
    if (c->mem) vn_device_free(c->dev, VN_MEM_DEVICE, c->mem, c->bytes);
    *c = (vn_prophet_slice){ .spec = NULL };
}

vn_prophet_slot vn_prophet_slice_slot(const vn_prophet_slice *c, int64_t i, int64_t first)
{
    int64_t where = c->call.in[1].dim[1], all = c->call.in[6].dim[1];
    vn_prophet_slot slot = {
        .rows = (double *)numbers(c, 0) + first * c->call.in[0].dim[1],
        .where = (int32_t *)numbers(c, 1) + i * where,
        .change = (double *)numbers(c, 5) + i * c->call.in[5].dim[1],
        .start = (double *)numbers(c, 6) + i * all,
        .theta = (double *)numbers(c, 7) + i * all,
        .fit = (double *)numbers(c, 8) + i * VN_PROPHET_FIT,
    };
    return slot;
}

void vn_prophet_slice_drop(vn_prophet_slice *c, int64_t i)
{
    vn_prophet_slice_slot(c, i, 0).where[VN_PROPHET_COUNT] = 0;
}

vn_status vn_prophet_slice_run(vn_prophet_slice *c, int64_t rows, bool judge)
{
    if (judge && !c->judge) VN_TRY(record(c, &c->look, &c->judge));
    size_t in = c->at[1], used = (size_t)(rows * c->call.in[0].dim[1]) * sizeof(double);
    if (!c->shared)
        VN_TRY(vn_stream_copy(c->stream, c->mem + in, c->host + in, c->at[0] + used - in,
                              VN_TO_DEVICE));
    VN_TRY(vn_replay(c->stream, judge ? c->judge : c->solve, 0, 1));
    if (!c->shared) VN_TRY(vn_stream_copy(c->stream, c->host, c->mem, in, VN_TO_HOST));
    VN_TRY(vn_stream_wait(c->stream));
    return VN_OK;
}

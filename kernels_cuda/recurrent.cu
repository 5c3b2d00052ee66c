/* LSTM and GRU layers of any size in strict f32: a product with W_hh and a kernel for the units at
 * every step.
 *
 * The inputs' product is made for all steps at once. A step reads W_hh whole, from the second cache
 * as long as it fits there, and moves 4 (2 G + 3) bytes a unit of a window forward, 4 (2 G + 6)
 * back; it costs two launches, three where blocks share the product's depth. */
#include "kernels_cuda/gemm.cuh"
#include "kernels_cuda/recurrent.cuh"

extern "C" {
#include "device/scalar.h"
}

enum { THREADS = 256 };

/* ---- cells of calls ---- */

static vn_layer layer_of(const vn_tensor *w, const vn_tensor *steps)
{
    vn_layer l = { steps->dim[0], steps->dim[1], w->dim[1], w->dim[0], (const float *)w->data };
    return l;
}

static const float *in(const vn_call *c, int i)
{
    return (const float *)c->in[i].data;
}

static float *out(const vn_call *c, int o)
{
    return (float *)c->out[o].data;
}

/* Result o, or room for as many numbers. */
static float *kept(const vn_call *c, int o, vn_room *room)
{
    return c->out[o].data ? out(c, o) : room->take(vn_count(&c->out[o]));
}

void vn_cell_of(const vn_call *c, vn_room *room, vn_lstm_cell *cell)
{
    *(vn_layer *)cell = layer_of(&c->in[2], &c->in[0]);
    cell->bias = in(c, 4);
    cell->h0 = in(c, 5);
    cell->c0 = in(c, 6);
    cell->h = kept(c, 0, room);
    cell->last_h = out(c, 1);
    cell->last_c = out(c, 2);
    cell->gates = out(c, 3);
    cell->x = kept(c, 3, room);
    cell->cells = kept(c, 4, room);
}

void vn_cell_of(const vn_call *c, vn_room *room, vn_gru_cell *cell)
{
    *(vn_layer *)cell = layer_of(&c->in[2], &c->in[0]);
    cell->bias = in(c, 4);
    cell->h0 = in(c, 5);
    cell->h = kept(c, 0, room);
    cell->last_h = out(c, 1);
    cell->gates = out(c, 2);
    cell->x = room->take(cell->batch * cell->steps * cell->rows);
}

void vn_cell_of(const vn_call *c, vn_room *room, vn_lstm_back *cell)
{
    *(vn_layer *)cell = layer_of(&c->in[0], &c->in[1]);
    cell->gates = in(c, 1);
    cell->cells = in(c, 2);
    cell->c0 = in(c, 3);
    cell->dh = in(c, 4);
    cell->dlast_h = in(c, 5);
    cell->dlast_c = in(c, 6);
    cell->dz = kept(c, 0, room);
    cell->dh0 = out(c, 1);
    cell->carry = kept(c, 2, room);
}

void vn_cell_of(const vn_call *c, vn_room *room, vn_gru_back *cell)
{
    *(vn_layer *)cell = layer_of(&c->in[0], &c->in[1]);
    cell->gates = in(c, 1);
    cell->h = in(c, 2);
    cell->h0 = in(c, 3);
    cell->dh = in(c, 4);
    cell->dlast_h = in(c, 5);
    cell->dx = out(c, 0);
    cell->dz = kept(c, 1, room);
    cell->dh0 = out(c, 2);
    cell->carry = room->take(cell->batch * cell->units);
}

bool vn_any_read(const vn_call *c)
{
    for (int o = 0; o < c->n_out; o++)
        if (c->out[o].data) return true;
    return false;
}

/* ---- products ---- */

static vn_cuda_gemm inputs_of(const vn_call *c, const float *x)
{
    vn_cuda_gemm g = {};
    g.groups = 1;
    g.m = c->in[0].dim[0] * c->in[0].dim[1];
    g.n = c->in[1].dim[0];
    g.k = g.a_row = g.b_col = c->in[1].dim[1];
    g.a = in(c, 0);
    g.b = in(c, 1);
    g.bias = in(c, 3);
    g.a_k = g.b_k = 1;
    g.y = (float *)x;
    g.act = VN_UNARY_NONE;
    return g;
}

size_t vn_inputs_scratch(const vn_call *c)
{
    vn_cuda_gemm g = inputs_of(c, NULL);
    return vn_cuda_gemm_scratch(&g);
}

void vn_inputs_launch(const vn_call *c, const float *x, void *scratch, vn_stream *s)
{
    vn_cuda_gemm g = inputs_of(c, x);
    vn_cuda_gemm_launch(&g, scratch, vn_tickets(c), s);
}

/* z [B, rows] = W_hh h of rows that lie `stride` apart, or z [B, units] = W_hh' d. */
static vn_cuda_gemm step_of(const vn_layer &l, bool back, const float *from, int64_t stride,
                            float *z)
{
    vn_cuda_gemm g = {};
    g.groups = 1;
    g.m = l.batch;
    g.n = back ? l.units : l.rows;
    g.k = back ? l.rows : l.units;
    g.a = from;
    g.a_row = stride;
    g.a_k = 1;
    g.b = l.w;
    g.b_col = back ? 1 : l.units;
    g.b_k = back ? l.units : 1;
    g.y = z;
    g.act = VN_UNARY_NONE;
    return g;
}

/* ---- forward ---- */

/* Step t of a unit of a window each; z [B, rows] or NULL. */
template <class CELL>
__global__ void __launch_bounds__(THREADS)
    vn_recurrent_step_kernel(CELL cell, vn_each<const float *> z, int64_t t)
{
    int64_t at = (int64_t)blockIdx.x * THREADS + threadIdx.x, n = cell.batch * cell.units;
    if (at >= n) return;
    int64_t b = at / cell.units, j = at % cell.units;
    float sum[CELL::GATES];
    typename CELL::ready now = cell.load(b, t, j);
#pragma unroll
    for (int q = 0; q < CELL::GATES; q++) {
        sum[q] = vn_or_zero(cell.bias, q * cell.units + j);
        if (z) sum[q] += z[b * cell.rows + q * cell.units + j];
    }
    cell.finish(now, sum, b, t, j);
}

template <class CELL> static vn_scratch layer_scratch(const vn_call *c)
{
    vn_room room = {};
    CELL cell;
    vn_cell_of(c, &room, &cell);
    room.take(cell.batch * cell.rows);
    vn_cuda_gemm step = step_of(cell, false, NULL, cell.units, NULL);
    size_t inputs = vn_inputs_scratch(c), product = vn_cuda_gemm_scratch(&step);
    return vn_scratch{ room.used + (inputs > product ? inputs : product), 0 };
}

template <class CELL> static void layer(const vn_call *c, vn_stream *s)
{
    vn_room room = { (char *)c->scratch, 0 };
    CELL cell;
    if (!vn_any_read(c)) return;
    vn_cell_of(c, &room, &cell);
    float *z = room.take(cell.batch * cell.rows), *rest = room.take(0);
    int64_t across = cell.steps * cell.units;
    vn_inputs_launch(c, cell.x, rest, s);
    for (int64_t t = 0; t < cell.steps; t++) {
        const float *from = t ? cell.h + (t - 1) * cell.units : cell.h0;
        vn_cuda_gemm g = step_of(cell, false, from, t ? across : cell.units, z);
        if (from) vn_cuda_gemm_launch(&g, rest, vn_tickets(c), s);
        VN_LAUNCH(vn_recurrent_step_kernel<CELL>, vn_blocks(cell.batch * cell.units, THREADS),
                  dim3(THREADS), 0, s, cell, from ? (const float *)z : NULL, t);
    }
}

/* ---- back ---- */

/* Step t of a unit of a window each, or what remains when t is -1; z [B, units] or NULL. */
template <class CELL>
__global__ void __launch_bounds__(THREADS)
    vn_recurrent_back_kernel(CELL cell, vn_each<const float *> z, int64_t t)
{
    int64_t at = (int64_t)blockIdx.x * THREADS + threadIdx.x, n = cell.batch * cell.units;
    if (at >= n) return;
    int64_t b = at / cell.units, j = at % cell.units;
    float d[CELL::GATES], product = vn_or_zero(z, at);
    if (t >= 0)
        cell.finish(cell.load(b, t, j), product, b, t, j, d);
    else
        cell.begin(product, b, j);
}

template <class CELL> static vn_scratch back_scratch(const vn_call *c)
{
    vn_room room = {};
    CELL cell;
    vn_cell_of(c, &room, &cell);
    room.take(cell.batch * cell.units);
    vn_cuda_gemm step = step_of(cell, true, NULL, cell.rows, NULL);
    return vn_scratch{ room.used + vn_cuda_gemm_scratch(&step), 0 };
}

template <class CELL> static void back(const vn_call *c, vn_stream *s)
{
    vn_room room = { (char *)c->scratch, 0 };
    CELL cell;
    if (!vn_any_read(c)) return;
    vn_cell_of(c, &room, &cell);
    float *z = room.take(cell.batch * cell.units), *rest = room.take(0);
    int64_t across = cell.steps * cell.rows;
    for (int64_t t = cell.steps - 1; t >= (cell.dh0 ? -1 : 0); t--) {
        bool more = t + 1 < cell.steps;
        vn_cuda_gemm g = step_of(cell, true, cell.dz + (t + 1) * cell.rows, across, z);
        if (more) vn_cuda_gemm_launch(&g, rest, vn_tickets(c), s);
        VN_LAUNCH(vn_recurrent_back_kernel<CELL>, vn_blocks(cell.batch * cell.units, THREADS),
                  dim3(THREADS), 0, s, cell, more ? (const float *)z : NULL, t);
    }
}

VN_CUDA_KERNEL(lstm_f32_steps) = { "lstm_f32_steps", 0, vn_not_f32, layer_scratch<vn_lstm_cell>,
                                   layer<vn_lstm_cell> };
VN_CUDA_KERNEL(gru_f32_steps) = { "gru_f32_steps", 0, vn_not_f32, layer_scratch<vn_gru_cell>,
                                  layer<vn_gru_cell> };
VN_CUDA_KERNEL(lstm_grad_f32_steps) = { "lstm_grad_f32_steps", 0, vn_not_f32,
                                        back_scratch<vn_lstm_back>, back<vn_lstm_back> };
VN_CUDA_KERNEL(gru_grad_f32_steps) = { "gru_grad_f32_steps", 0, vn_not_f32,
                                       back_scratch<vn_gru_back>, back<vn_gru_back> };

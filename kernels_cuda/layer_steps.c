/* Which steps of a recording are a layer and its gradient, by who reads what (graph/ops/recurrent.c
 * emits them): what a library may make at once.
 *
 * It writes what later steps of the group would write. That is allowed where nobody outside reads
 * what lies between, and where a result lies on something the group still reads it goes there at
 * the end. */
#include "kernels_cuda/layers.h"

#include <string.h>

/* ---- what steps read and write ---- */

static bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const char *x = a, *y = b;
    return x && y && x < y + b_bytes && y < x + a_bytes;
}

static size_t bytes_of(const vn_tensor *t)
{
    static const size_t each[VN_DTYPE_COUNT] = {
#define VN_DTYPE(NAME, name, bytes) [VN_##NAME] = (bytes),
#include "device/dtypes.def"
#undef VN_DTYPE
    };
    return (size_t)vn_count(t) * each[t->dtype];
}

static bool reads(const vn_call *c, const vn_tensor *t)
{
    for (int i = 0; i < c->n_in; i++)
        if (overlap(c->in[i].data, bytes_of(&c->in[i]), t->data, bytes_of(t))) return true;
    return false;
}

static bool writes(const vn_call *c, const vn_tensor *t)
{
    for (int o = 0; o < c->n_out; o++)
        if (overlap(c->out[o].data, bytes_of(&c->out[o]), t->data, bytes_of(t))) return true;
    return false;
}

/* Is t, which is there from step `from` on, read by one of the steps [end, n), before something
 * else is written there? */
static bool is_read(const vn_step *steps, int from, int end, int n, const vn_tensor *t)
{
    for (int i = from; i < n && t->data; i++) {
        if (i >= end && reads(&steps[i].call, t)) return true;
        if (writes(&steps[i].call, t)) return false;
    }
    return false;
}

/* ---- the steps of a gradient ---- */

enum { BETWEEN_MOST = 8 };

/* A group as far as it is known. */
typedef struct group {
    const vn_step *steps;
    const vn_call *forward, *back;
    vn_recurrence_memory *m;
    const void *dx_gates, *dh_gates, *before, *tail, *turned; /* before: h of the step before */
    int at;                                                   /* the step that is looked at */
    int n_between;
    struct {
        const vn_tensor *t;
        int since;
    } between[BETWEEN_MOST]; /* what the library does not make, and only the group reads */
} group;

static bool between(group *g, const vn_tensor *t)
{
    if (g->n_between == BETWEEN_MOST) return false;
    g->between[g->n_between].t = t;
    g->between[g->n_between++].since = g->at + 1;
    return true;
}

static bool is_shape(const vn_tensor *t, int64_t rows, int64_t columns)
{
    return t->dtype == VN_F32 && t->rank == 2 && t->dim[0] == rows && t->dim[1] == columns;
}

static bool put(float **to, const vn_tensor *t)
{
    if (*to || !t->data) return false;
    *to = t->data;
    return true;
}

/* The products of grad_inputs(). */
static bool take_product(group *g, const vn_call *c)
{
    const vn_attr_matmul *attr = c->attr;
    const vn_tensor *x = &g->forward->in[0], *w_ih = &g->forward->in[1], *w_hh = &g->forward->in[2];
    const void *a = c->in[0].data, *b = c->in[1].data;
    int64_t rows = w_hh->dim[0], all = x->dim[0] * x->dim[1];
    if (attr->tb || vn_not_f32(c)) return false;
    if (!attr->ta)
        return a == g->dx_gates && b == w_ih->data && is_shape(&c->out[0], all, x->dim[2]) &&
               put(&g->m->dx, &c->out[0]);
    if (a == x->data && b == g->dx_gates && is_shape(&c->out[0], x->dim[2], rows) && !g->turned) {
        g->turned = c->out[0].data;
        return between(g, &c->out[0]);
    }
    if (a == g->dh_gates && g->before && b == g->before && is_shape(&c->out[0], rows, w_hh->dim[1]))
        return put(&g->m->dw_hh, &c->out[0]);
    return a == g->dx_gates && b == x->data && is_shape(&c->out[0], rows, x->dim[2]) &&
           put(&g->m->dw_ih, &c->out[0]);
}

/* h of every step but the last, and with h0 or zeros in front. */
static bool take_before(group *g, const vn_call *c)
{
    const vn_tensor *h = &g->forward->out[0], *to = &c->out[0];
    const void **which = c->op == VN_OP_SLICE ? &g->tail : &g->before;
    if (*which) return false;
    if (c->op == VN_OP_SLICE) {
        const vn_attr_range *attr = c->attr;
        if (c->in[0].data != h->data || attr->axis != 1 || attr->start != 0 ||
            attr->len != h->dim[1] - 1)
            return false;
    } else if (c->op == VN_OP_PAD) {
        const vn_attr_range *attr = c->attr;
        if (!g->tail || c->in[0].data != g->tail || g->m->h0 || attr->axis != 1 || attr->start != 1)
            return false;
    } else if (!g->tail || c->in[0].data != g->m->h0 || c->in[1].data != g->tail ||
               ((const vn_attr_axis *)c->attr)->axis != 1) {
        return false;
    }
    *which = to->data;
    return between(g, to);
}

static bool take_sum(group *g, const vn_call *c)
{
    int64_t rows = g->forward->in[2].dim[0];
    if (c->out[0].dtype != VN_F32 || vn_count(&c->out[0]) != rows ||
        vn_last_dim(&c->out[0]) != rows || vn_count(&c->in[0]) % rows)
        return false;
    if (c->in[0].data == g->dx_gates) return put(&g->m->db_ih, &c->out[0]);
    return c->in[0].data == g->dh_gates && put(&g->m->db_hh, &c->out[0]);
}

static bool take(group *g, const vn_call *c)
{
    switch (c->op) {
    case VN_OP_MATMUL:
        return take_product(g, c);
    case VN_OP_SLICE:
    case VN_OP_PAD:
    case VN_OP_CONCAT:
        return take_before(g, c);
    case VN_OP_SUMTO:
        return take_sum(g, c);
    case VN_OP_PERMUTE:
        return g->turned && c->in[0].data == g->turned && c->out[0].rank == 2 &&
               put(&g->m->dw_ih, &c->out[0]);
    default:
        return false;
    }
}

/* What op lstm_grad or gru_grad reads and writes beside the products. */
static bool begin_group(group *g)
{
    const vn_call *c = g->back;
    bool gru = c->op == VN_OP_GRU_GRAD;
    vn_recurrence_memory *m = g->m;
    if (c->in[0].data != g->forward->in[2].data) return false;
    g->dx_gates = c->out[0].data;
    g->dh_gates = c->out[gru ? 1 : 0].data;
    m->dy = c->in[4].data;
    m->dlast_h = c->in[5].data;
    m->dlast_c = gru ? NULL : c->in[6].data;
    m->dh0 = c->out[gru ? 2 : 1].data;
    m->dc0 = gru ? NULL : c->out[2].data;
    if (g->forward->in[0].dim[1] == 1) g->before = m->h0;
    return between(g, &c->in[1]) && between(g, &c->out[0]) &&
           between(g, &(gru ? c->out : c->in)[gru ? 1 : 2]);
}

/* The step that makes the gradient of the layer at step f, or -1; only it reads what was saved for
 * it. */
static int back_of(const vn_step *steps, int n, int f)
{
    const vn_call *c = &steps[f].call;
    bool gru = c->op == VN_OP_GRU;
    const vn_tensor *gates = &c->out[gru ? 2 : 3], *other = &c->out[gru ? 0 : 4];
    for (int i = f + 1; i < n; i++) {
        const vn_call *b = &steps[i].call;
        if (b->op == (gru ? VN_OP_GRU_GRAD : VN_OP_LSTM_GRAD) && b->in[1].data == gates->data &&
            b->in[2].data == other->data)
            return i;
        if (reads(b, gates) || writes(b, gates) || (!gru && reads(b, other))) return -1;
    }
    return -1;
}

/* Does anybody write to y before the way back is over? The library reads y there; Vane's gradient of
 * a single step, or without one of the recurrent weights, does not, and then the plan may put
 * something else in its place. */
static bool loses_y(const group *g, int f, int back)
{
    const vn_tensor *y = &g->forward->out[0], *h0 = &g->back->out[g->forward->op == VN_OP_GRU ? 2 : 1];
    for (int i = f + 1; i < back; i++)
        if (writes(&g->steps[i].call, y)) return true;
    return overlap(h0->data, bytes_of(h0), y->data, bytes_of(y)) ||
           (g->m->dc0 && overlap(g->m->dc0, bytes_of(h0), y->data, bytes_of(y)));
}

/* The end of the group that begins at step `back`; 0 if it is none the library can make. */
static int end_of(group *g, int back, int n)
{
    g->at = back;
    if (!begin_group(g)) return 0;
    for (g->at++; g->at < n && g->steps[g->at].members <= 1; g->at++)
        if (!take(g, &g->steps[g->at].call)) break;
    for (int b = 0; b < g->n_between; b++)
        if (is_read(g->steps, g->between[b].since, g->at, n, g->between[b].t)) return 0;
    return g->at;
}

/* ---- a layer ---- */

static bool is_aligned(const void *p)
{
    return (uintptr_t)p % 16 == 0;
}

/* What libraries read or write themselves. */
static bool all_aligned(const vn_recurrence_memory *m)
{
    return is_aligned(m->x) && is_aligned(m->h0) && is_aligned(m->c0) && is_aligned(m->y) &&
           is_aligned(m->last_h) && is_aligned(m->last_c) && is_aligned(m->dy) &&
           is_aligned(m->dlast_h) && is_aligned(m->dlast_c) && is_aligned(m->dx) &&
           is_aligned(m->dh0) && is_aligned(m->dc0);
}

static void put_forward(const vn_call *c, vn_recurrence *r, vn_recurrence_memory *m)
{
    bool gru = c->op == VN_OP_GRU;
    r->gru = gru;
    r->batch = c->in[0].dim[0];
    r->steps = c->in[0].dim[1];
    r->inputs = c->in[0].dim[2];
    r->units = c->in[2].dim[1];
    m->x = c->in[0].data;
    m->w_ih = c->in[1].data;
    m->w_hh = c->in[2].data;
    m->b_ih = c->in[3].data;
    m->b_hh = c->in[4].data;
    m->h0 = c->in[5].data;
    m->c0 = gru ? NULL : c->in[6].data;
    m->y = c->out[0].data;
    m->last_h = c->out[1].data;
    m->last_c = gru ? NULL : c->out[2].data;
}

bool vn_layer_find(const vn_step *steps, int n, int f, vn_layer_range *l, vn_recurrence *r,
                   vn_recurrence_memory *m)
{
    const vn_call *c = &steps[f].call;
    if ((c->op != VN_OP_LSTM && c->op != VN_OP_GRU) || steps[f].members > 1 || vn_not_f32(c))
        return false;
    memset(r, 0, sizeof *r); /* keys are compared byte by byte */
    put_forward(c, r, m);
    *l = (vn_layer_range){ f, -1, f + 1 };
    r->training = c->out[r->gru ? 2 : 3].data != NULL;
    if (!m->y && !m->last_h && !m->last_c) return false;
    if (!r->training) return all_aligned(m);
    l->back = back_of(steps, n, f);
    if (l->back < 0 || !m->y || steps[l->back].members > 1) return false;
    group g = { .steps = steps, .forward = c, .back = &steps[l->back].call, .m = m };
    l->last = end_of(&g, l->back, n);
    return l->last && !loses_y(&g, f, l->back) && all_aligned(m);
}

bool vn_layer_dx_stays(const vn_recurrence_memory *m, const vn_recurrence *r)
{
    size_t rows = (size_t)(r->batch * r->steps), one = (size_t)(r->batch * r->units) * 4;
    size_t wide = rows * (size_t)r->units * 4, x = rows * (size_t)r->inputs * 4;
    const void *of_state[] = { m->h0, m->c0, m->dlast_h, m->dlast_c };
    bool free = !overlap(m->dx, x, m->x, x) && !overlap(m->dx, x, m->y, wide) &&
                !overlap(m->dx, x, m->dy, wide);
    for (int i = 0; i < 4; i++) free = free && !overlap(m->dx, x, of_state[i], one);
    return free;
}

/* Attention and its gradient, a query at a time. */
#include <math.h>

#include "kernels_cpu/ref/real.h"

/* One query of one head, with the keys it may see. */
typedef struct query {
    const vn_tensor *q, *k, *v; /* real or of 16 bits */
    int64_t at, keys;           /* where in them the query begins, and the first key and value of the window */
    const vn_real *mask;        /* of the window */
    int64_t n, width, step;     /* keys, columns of a head, columns of all */
} query;

static double stored(const vn_tensor *t, int64_t i)
{
    return (double)vn_ref_stored(t, i);
}

/* Query i of head h of window b; q, k, v, mask at inputs first .. first + 3. */
static query query_of(const vn_call *c, int first, int64_t b, int64_t h, int64_t i)
{
    const vn_attr_attention *a = c->attr;
    const vn_tensor *q = &c->in[first], *k = &c->in[first + 1];
    int64_t tq = q->dim[1], tk = k->dim[1], step = q->dim[2], width = step / a->heads;
    const vn_real *mask = c->in[first + 3].data;
    return (query){ .q = q,
                    .k = k,
                    .v = &c->in[first + 2],
                    .at = (b * tq + i) * step + h * width,
                    .keys = b * tk * step + h * width,
                    .mask = mask ? mask + b * tk : NULL,
                    .n = a->causal ? i + tk - tq + 1 : tk,
                    .width = width,
                    .step = step };
}

/* The score of key j; -infinity if it is not seen. */
static double score(const query *p, int64_t j)
{
    double sum = 0;
    if (p->mask && p->mask[j] == 0) return -INFINITY;
    for (int64_t e = 0; e < p->width; e++)
        sum += stored(p->q, p->at + e) * stored(p->k, p->keys + j * p->step + e);
    return sum / sqrt((double)p->width);
}

static void attend(const query *p, vn_real *y, vn_real *log_sum)
{
    double top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < p->n; j++) top = fmax(top, score(p, j));
    for (int64_t j = 0; j < p->n && top > -INFINITY; j++) sum += exp(score(p, j) - top);
    for (int64_t e = 0; y && e < p->width; e++) {
        double out = 0;
        for (int64_t j = 0; j < p->n && sum > 0; j++)
            if (score(p, j) > -INFINITY)
                out += exp(score(p, j) - top) / sum * stored(p->v, p->keys + j * p->step + e);
        y[e] = (vn_real)out;
    }
    if (log_sum) *log_sum = sum > 0 ? (vn_real)(top + log(sum)) : 0;
}

static void attention(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t heads = ((const vn_attr_attention *)c->attr)->heads, tq = c->in[0].dim[1];
    vn_real *y = c->out[0].data, *sums = c->out[1].data;
    for (int64_t n = 0; n < c->in[0].dim[0] * heads * tq; n++) {
        int64_t i = n % tq, h = n / tq % heads, b = n / tq / heads;
        query p = query_of(c, 0, b, h, i);
        attend(&p, y ? y + p.at : NULL, sums ? sums + n : NULL);
    }
}

/* Add what one query gives to dq (its own) and dk, dv (of its window and head). */
static void spread(const vn_call *c, const query *p, double log_sum, vn_real *dq, vn_real *dk,
                   vn_real *dv)
{
    const vn_tensor *dy = &c->in[0], *y = &c->in[5];
    double mean = 0, factor = 1 / sqrt((double)p->width);
    for (int64_t e = 0; e < p->width; e++) mean += stored(dy, p->at + e) * stored(y, p->at + e);
    for (int64_t j = 0; j < p->n; j++) {
        double weight = score(p, j), slope = 0;
        if (weight == -INFINITY) continue;
        weight = exp(weight - log_sum);
        for (int64_t e = 0; e < p->width; e++)
            slope += stored(dy, p->at + e) * stored(p->v, p->keys + j * p->step + e);
        slope = weight * (slope - mean) * factor;
        for (int64_t e = 0; e < p->width; e++) {
            int64_t at = p->at + e, key = p->keys + j * p->step + e;
            if (dq) dq[at] = (vn_real)((double)dq[at] + slope * stored(p->k, key));
            if (dk) dk[key] = (vn_real)((double)dk[key] + slope * stored(p->q, at));
            if (dv) dv[key] = (vn_real)((double)dv[key] + weight * stored(dy, at));
        }
    }
}

static void attention_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t heads = ((const vn_attr_attention *)c->attr)->heads;
    int64_t tq = c->in[1].dim[1];
    vn_real *out[3];
    for (int o = 0; o < 3; o++) {
        out[o] = c->out[o].data;
        for (int64_t i = 0; out[o] && i < vn_count(&c->out[o]); i++) out[o][i] = 0;
    }
    for (int64_t n = 0; n < c->in[1].dim[0] * heads * tq; n++) {
        int64_t i = n % tq, h = n / tq % heads, b = n / tq / heads;
        query p = query_of(c, 1, b, h, i);
        spread(c, &p, (double)((const vn_real *)c->in[6].data)[n], out[0], out[1], out[2]);
    }
}

const vn_kernel VN_REF(attention) = { VN_REF_NAME(attention), 0, VN_REF(unfit_stored), NULL, attention };
const vn_kernel VN_REF(attention_grad) = { VN_REF_NAME(attention_grad), 0, VN_REF(unfit_stored),
                                           NULL, attention_grad };

/* Attention and its gradient, a query at a time. */
#include <math.h>

#include "kernels_cpu/ref/real.h"

/* One query of one head, with the keys it may see. */
typedef struct query {
    const vn_real *q, *k, *v, *mask; /* the query; first key, value and mask of the window */
    int64_t n, width, step;          /* keys, columns of a head, columns of all */
} query;

/* Query i of head h of window b; q, k, v, mask at inputs first .. first + 3. */
static query query_of(const vn_call *c, int first, int64_t b, int64_t h, int64_t i)
{
    const vn_attr_attention *a = c->attr;
    const vn_tensor *q = &c->in[first], *k = &c->in[first + 1];
    int64_t tq = q->dim[1], tk = k->dim[1], step = q->dim[2], width = step / a->heads;
    const vn_real *mask = c->in[first + 3].data;
    return (query){ (const vn_real *)q->data + (b * tq + i) * step + h * width,
                    (const vn_real *)k->data + b * tk * step + h * width,
                    (const vn_real *)c->in[first + 2].data + b * tk * step + h * width,
                    mask ? mask + b * tk : NULL,
                    a->causal ? i + tk - tq + 1 : tk,
                    width,
                    step };
}

/* The score of key j; -infinity if it is not seen. */
static double score(const query *p, int64_t j)
{
    double sum = 0;
    if (p->mask && p->mask[j] == 0) return -INFINITY;
    for (int64_t e = 0; e < p->width; e++) sum += (double)p->q[e] * (double)p->k[j * p->step + e];
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
                out += exp(score(p, j) - top) / sum * (double)p->v[j * p->step + e];
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
        attend(&p, y ? y + (b * tq + i) * p.step + h * p.width : NULL, sums ? sums + n : NULL);
    }
}

/* Add what one query gives to dq (its own) and dk, dv (of its window and head). `at` is where the
 * query's columns begin in tensors like q. */
static void spread(const vn_call *c, const query *p, int64_t at, double log_sum, vn_real *dq,
                   vn_real *dk, vn_real *dv)
{
    const vn_real *dy = (const vn_real *)c->in[0].data + at,
                  *y = (const vn_real *)c->in[5].data + at;
    double mean = 0, factor = 1 / sqrt((double)p->width);
    for (int64_t e = 0; e < p->width; e++) mean += (double)dy[e] * (double)y[e];
    for (int64_t j = 0; j < p->n; j++) {
        double weight = score(p, j), slope = 0;
        if (weight == -INFINITY) continue;
        weight = exp(weight - log_sum);
        for (int64_t e = 0; e < p->width; e++)
            slope += (double)dy[e] * (double)p->v[j * p->step + e];
        slope = weight * (slope - mean) * factor;
        for (int64_t e = 0; e < p->width; e++) {
            int64_t key = j * p->step + e;
            if (dq) dq[e] = (vn_real)((double)dq[e] + slope * (double)p->k[key]);
            if (dk) dk[key] = (vn_real)((double)dk[key] + slope * (double)p->q[e]);
            if (dv) dv[key] = (vn_real)((double)dv[key] + weight * (double)dy[e]);
        }
    }
}

static void attention_grad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s)) return;
    int64_t heads = ((const vn_attr_attention *)c->attr)->heads;
    int64_t tq = c->in[1].dim[1], tk = c->in[2].dim[1];
    vn_real *out[3];
    for (int o = 0; o < 3; o++) {
        out[o] = c->out[o].data;
        for (int64_t i = 0; out[o] && i < vn_count(&c->out[o]); i++) out[o][i] = 0;
    }
    for (int64_t n = 0; n < c->in[1].dim[0] * heads * tq; n++) {
        int64_t i = n % tq, h = n / tq % heads, b = n / tq / heads;
        query p = query_of(c, 1, b, h, i);
        int64_t at = (b * tq + i) * p.step + h * p.width, keys = b * tk * p.step + h * p.width;
        spread(c, &p, at, (double)((const vn_real *)c->in[6].data)[n], out[0] ? out[0] + at : NULL,
               out[1] ? out[1] + keys : NULL, out[2] ? out[2] + keys : NULL);
    }
}

const vn_kernel VN_REF(attention) = { VN_REF_NAME(attention), 0, VN_REF(unfit), NULL, attention };
const vn_kernel VN_REF(attention_grad) = { VN_REF_NAME(attention_grad), 0, VN_REF(unfit), NULL,
                                           attention_grad };

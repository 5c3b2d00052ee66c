/* Elements in another order or place: slice, pad, concat, permute, flip. */
#include "kernels_cpu/ref/real.h"

static void slice(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_range *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    vn_axis from = vn_ref_split(&c->in[0], a->axis);
    for (int64_t o = 0; o < from.outer; o++)
        for (int64_t t = 0; t < a->len; t++)
            for (int64_t i = 0; i < from.inner; i++)
                *y++ = x[(o * from.len + a->start + t) * from.inner + i];
}

static void pad(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_range *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    vn_axis from = vn_ref_split(&c->in[0], a->axis);
    for (int64_t o = 0; o < from.outer; o++)
        for (int64_t t = 0; t < a->len; t++) {
            bool inside = t >= a->start && t < a->start + from.len;
            for (int64_t i = 0; i < from.inner; i++) *y++ = inside ? *x++ : 0;
        }
}

static void concat(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_axis *a = c->attr;
    vn_axis to = vn_ref_split(&c->out[0], a->axis);
    int64_t start = 0;
    for (int k = 0; k < c->n_in; k++) {
        const vn_real *x = c->in[k].data;
        if (!x) continue;
        int64_t len = c->in[k].dim[a->axis];
        for (int64_t o = 0; o < to.outer; o++) {
            vn_real *y = (vn_real *)c->out[0].data + (o * to.len + start) * to.inner;
            for (int64_t i = 0; i < len * to.inner; i++) *y++ = *x++;
        }
        start += len;
    }
}

static void permute(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_perm *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    const vn_tensor *out = &c->out[0];
    int64_t n = vn_count(out), stride[VN_MAX_RANK] = { 1, 1, 1, 1, 1 };
    for (int k = c->in[0].rank - 2; k >= 0; k--) stride[k] = stride[k + 1] * c->in[0].dim[k + 1];
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, at = 0;
        for (int k = out->rank - 1; k >= 0; k--) {
            at += rest % out->dim[k] * stride[a->axis[k]];
            rest /= out->dim[k];
        }
        y[i] = x[at];
    }
}

static void flip(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    const vn_attr_axis *a = c->attr;
    const vn_real *x = c->in[0].data;
    vn_real *y = c->out[0].data;
    vn_axis v = vn_ref_split(&c->in[0], a->axis);
    for (int64_t o = 0; o < v.outer; o++)
        for (int64_t t = 0; t < v.len; t++)
            for (int64_t i = 0; i < v.inner; i++)
                *y++ = x[(o * v.len + v.len - 1 - t) * v.inner + i];
}

const vn_kernel VN_REF(slice) = { VN_REF_NAME(slice), 0, VN_REF(unfit), NULL, slice };
const vn_kernel VN_REF(pad) = { VN_REF_NAME(pad), 0, VN_REF(unfit), NULL, pad };
const vn_kernel VN_REF(concat) = { VN_REF_NAME(concat), 0, VN_REF(unfit), NULL, concat };
const vn_kernel VN_REF(permute) = { VN_REF_NAME(permute), 0, VN_REF(unfit), NULL, permute };
const vn_kernel VN_REF(flip) = { VN_REF_NAME(flip), 0, VN_REF(unfit), NULL, flip };

/* Elements in another order or place: slice, pad, concat, permute, flip, broadcast. Bound by
 * memory; whole runs are copied where a run of the result is a run of the input. */
#include <string.h>

#include "kernels_cpu/simd/walk.h"

/* y[i] = x[i * step] */
static void copy_run(float *y, const float *x, int64_t step, int64_t n)
{
    int64_t i = 0;
    if (step == 1) {
        memcpy(y, x, (size_t)n * sizeof *y);
    } else if (step == -1) {
        for (; i + VF_N <= n; i += VF_N) vf_store(y + i, vf_reverse(vf_load(x - i - VF_N + 1)));
        for (; i < n; i++) y[i] = x[-i];
    } else {
        for (; i < n; i++) y[i] = x[i * step];
    }
}

/* The result is what the walk's operand 0 reads from the first input. */
static void copy_walk(const vn_call *c, vn_walk *w, vn_stream *s)
{
    int64_t lo, hi;
    vn_walk_merge(w);
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_TILE, &lo, &hi);
    while (lo < hi) {
        vn_piece p = vn_walk_piece(w, lo, hi);
        copy_run((float *)c->out[0].data + p.at, (const float *)c->in[0].data + p.from[0],
                 w->step[0][w->rank - 1], p.n);
        lo += p.n;
    }
}

/* Elements from one index of an axis to the next. */
static int64_t stride_of(const vn_tensor *t, int64_t axis)
{
    int64_t stride = 1;
    for (int64_t i = axis + 1; i < t->rank; i++) stride *= t->dim[i];
    return stride;
}

static void slice(const vn_call *c, vn_stream *s)
{
    const vn_attr_range *a = c->attr;
    if (!c->out[0].data) return;
    vn_walk w = vn_walk_over(&c->out[0], 1);
    vn_walk_operand(&w, 0, &c->in[0]);
    w.base[0] = a->start * stride_of(&c->in[0], a->axis);
    copy_walk(c, &w, s);
}

static void flip(const vn_call *c, vn_stream *s)
{
    const vn_attr_axis *a = c->attr;
    if (!c->out[0].data) return;
    vn_walk w = vn_walk_over(&c->out[0], 1);
    vn_walk_operand(&w, 0, &c->in[0]);
    int64_t step = w.step[0][a->axis];
    w.base[0] = (c->in[0].dim[a->axis] - 1) * step;
    w.step[0][a->axis] = -step;
    copy_walk(c, &w, s);
}

static void permute(const vn_call *c, vn_stream *s)
{
    const vn_attr_perm *a = c->attr;
    if (!c->out[0].data) return;
    vn_walk w = vn_walk_over(&c->out[0], 1);
    for (int i = 0; i < c->out[0].rank; i++) w.step[0][i] = stride_of(&c->in[0], a->axis[i]);
    copy_walk(c, &w, s);
}

static void broadcast(const vn_call *c, vn_stream *s)
{
    if (!c->out[0].data) return;
    vn_walk w = vn_walk_over(&c->out[0], 1);
    vn_walk_operand(&w, 0, &c->in[0]);
    copy_walk(c, &w, s);
}

/* Rows [lo, hi) of this lane when the result is `outer` rows of `row` elements. */
static void row_share(vn_stream *s, int64_t outer, int64_t row, int64_t *lo, int64_t *hi)
{
    vn_lane_share(vn_cpu_lane(s), outer, row > 0 && row < VN_TILE ? VN_TILE / row : 1, lo, hi);
}

static void pad(const vn_call *c, vn_stream *s)
{
    const vn_attr_range *a = c->attr;
    if (!c->out[0].data) return;
    int64_t inner = stride_of(&c->out[0], a->axis), lo, hi;
    int64_t row = a->len * inner, before = a->start * inner, own = c->in[0].dim[a->axis] * inner;
    row_share(s, row ? vn_count(&c->out[0]) / row : 0, row, &lo, &hi);
    for (int64_t o = lo; o < hi; o++) {
        float *y = (float *)c->out[0].data + o * row;
        memset(y, 0, (size_t)before * sizeof *y);
        memcpy(y + before, (const float *)c->in[0].data + o * own, (size_t)own * sizeof *y);
        memset(y + before + own, 0, (size_t)(row - before - own) * sizeof *y);
    }
}

static void concat(const vn_call *c, vn_stream *s)
{
    const vn_attr_axis *a = c->attr;
    if (!c->out[0].data) return;
    int64_t inner = stride_of(&c->out[0], a->axis), row = c->out[0].dim[a->axis] * inner, lo, hi;
    row_share(s, row ? vn_count(&c->out[0]) / row : 0, row, &lo, &hi);
    for (int64_t o = lo; o < hi; o++) {
        float *y = (float *)c->out[0].data + o * row;
        for (int k = 0; k < c->n_in; k++) {
            if (!c->in[k].data) continue;
            int64_t own = c->in[k].dim[a->axis] * inner;
            memcpy(y, (const float *)c->in[k].data + o * own, (size_t)own * sizeof *y);
            y += own;
        }
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(slice) = { VN_SIMD_NAME(slice), VN_SIMD_NEED, unfit, NULL, slice };
const vn_kernel VN_SIMD(flip) = { VN_SIMD_NAME(flip), VN_SIMD_NEED, unfit, NULL, flip };
const vn_kernel VN_SIMD(permute) = { VN_SIMD_NAME(permute), VN_SIMD_NEED, unfit, NULL, permute };
const vn_kernel VN_SIMD(broadcast) = { VN_SIMD_NAME(broadcast), VN_SIMD_NEED, unfit, NULL,
                                       broadcast };
const vn_kernel VN_SIMD(pad) = { VN_SIMD_NAME(pad), VN_SIMD_NEED, unfit, NULL, pad };
const vn_kernel VN_SIMD(concat) = { VN_SIMD_NAME(concat), VN_SIMD_NEED, unfit, NULL, concat };

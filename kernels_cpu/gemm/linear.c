/* y = act(x W^T + b): layers. Up to FEW_ROWS rows are dot products along the rows of W, which is
 * read once and never packed; more rows are a packed product. */
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/lanes.h"

enum { FEW_ROWS = 4, DOTS = 4 };

typedef struct layer {
    int64_t m, n, k, act;
    const float *x, *w, *bias;
    float *y;
} layer;

static layer describe(const vn_call *c)
{
    const vn_tensor *w = &c->in[1];
    const vn_attr_linear *attr = c->attr;
    int64_t n = w->dim[0], k = w->dim[1];
    return (layer){ .m = k ? vn_count(&c->in[0]) / k : 0, .n = n, .k = k, .act = attr->act,
                    .x = c->in[0].data, .w = w->data, .bias = c->in[2].data, .y = c->out[0].data };
}

/* Rows [row, row + DOTS) of W, the last ones repeated where W ends, with one row of x. Each sum is
 * VF_N interleaved sums added up at the end, whichever lane it falls to. */
static void dots(const layer *l, const float *x, int64_t row, float sum[DOTS])
{
    vf s[DOTS];
    const float *w[DOTS];
    for (int i = 0; i < DOTS; i++) {
        s[i] = vf_zero();
        w[i] = l->w + (row + i < l->n ? row + i : l->n - 1) * l->k;
    }
    for (int64_t k = 0; k < l->k; k += VF_N) {
        vf xk = vf_load_upto(x + k, l->k - k);
        for (int i = 0; i < DOTS; i++)
            s[i] = vf_fma(xk, vf_load_upto(w[i] + k, l->k - k), s[i]);
    }
    for (int i = 0; i < DOTS; i++) sum[i] = vf_sum(s[i]);
}

/* Lanes take rows of W, so each reads its share once; the rows of x stay in the first cache. */
static void run_dots(const layer *l, const vn_lane *lane)
{
    int64_t first, last;
    vn_lane_share(lane, l->n, 16, &first, &last);
    for (int64_t j = first; j < last; j += DOTS) {
        for (int64_t i = 0; i < l->m; i++) {
            float sum[DOTS];
            dots(l, l->x + i * l->k, j, sum);
            for (int64_t d = 0; d < DOTS && j + d < last; d++)
                l->y[i * l->n + j + d] = l->bias ? sum[d] + l->bias[j + d] : sum[d];
        }
    }
    if (l->act == VN_UNARY_NONE) return;
    for (int64_t i = 0; i < l->m; i++)
        VN_SIMD(gemm_activate)(l->act, l->y + i * l->n + first, last - first);
}

static vn_gemm product(const layer *l)
{
    return (vn_gemm){ .groups = 1, .m = l->m, .n = l->n, .k = l->k, .a = l->x, .b = l->w,
                      .bias = l->bias, .a_row = l->k, .a_k = 1, .b_k = 1, .b_col = l->k,
                      .c = l->y, .act = l->act };
}

static void launch(const vn_call *c, vn_stream *s)
{
    layer l = describe(c);
    vn_gemm g = product(&l);
    if (!l.y) return;
    if (l.m <= FEW_ROWS) run_dots(&l, vn_cpu_lane(s));
    else VN_SIMD(gemm)(&g, s);
}

static vn_scratch scratch(const vn_call *c)
{
    layer l = describe(c);
    vn_gemm g = product(&l);
    return l.m <= FEW_ROWS ? (vn_scratch){ 0, 0 } : VN_SIMD(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    if (c->in[0].dtype != VN_F32 || c->in[1].dtype != VN_F32) return "numbers are not f32";
    if (c->in[1].rank != 2 || c->in[1].dim[1] < 1) return "depth is 0";
    return NULL;
}

const vn_kernel VN_SIMD(linear) = { VN_SIMD_NAME(linear), VN_SIMD_NEED, unfit, scratch, launch };

/* y = act(x W^T + b): layers. Up to VN_FEW_ROWS rows are dot products along the rows of W, which is
 * read once and never packed; more rows are a packed product. */
#include "kernels_cpu/gemm/gemm.h"
#include "kernels_cpu/gemm/lanes.h"

enum { DOTS = 4 };

/* Rows [row, row + DOTS) of W, the last ones repeated where W ends, with one row of x. Each sum is
 * VF_N interleaved sums added up at the end, whichever lane it falls to. */
static void dots(const vn_gemm *l, const float *x, int64_t row, float sum[DOTS])
{
    vf s[DOTS];
    const float *w[DOTS];
    for (int i = 0; i < DOTS; i++) {
        s[i] = vf_zero();
        w[i] = l->b + (row + i < l->n ? row + i : l->n - 1) * l->k;
    }
    for (int64_t k = 0; k < l->k; k += VF_N) {
        vf xk = vf_load_upto(x + k, l->k - k);
        for (int i = 0; i < DOTS; i++)
            s[i] = vf_fma(xk, vf_load_upto(w[i] + k, l->k - k), s[i]);
    }
    for (int i = 0; i < DOTS; i++) sum[i] = vf_sum(s[i]);
}

/* Lanes take rows of W, so each reads its share once; the rows of x stay in the first cache. */
static void run_dots(const vn_gemm *l, const vn_lane *lane)
{
    int64_t first, last;
    vn_lane_share(lane, l->n, 16, &first, &last);
    for (int64_t j = first; j < last; j += DOTS) {
        for (int64_t i = 0; i < l->m; i++) {
            float sum[DOTS];
            dots(l, l->a + i * l->k, j, sum);
            for (int64_t d = 0; d < DOTS && j + d < last; d++)
                l->c[i * l->n + j + d] = l->bias ? sum[d] + l->bias[j + d] : sum[d];
        }
    }
    if (l->act == VN_UNARY_NONE) return;
    for (int64_t i = 0; i < l->m; i++)
        VN_SIMD(gemm_activate)(l->act, l->c + i * l->n + first, last - first);
}

static void launch(const vn_call *c, vn_stream *s)
{
    vn_gemm g = vn_gemm_of_linear(c);
    if (!g.c) return;
    if (g.m <= VN_FEW_ROWS) run_dots(&g, vn_cpu_lane(s));
    else VN_SIMD(gemm)(&g, s);
}

static vn_scratch scratch(const vn_call *c)
{
    vn_gemm g = vn_gemm_of_linear(c);
    return g.m <= VN_FEW_ROWS ? (vn_scratch){ 0, 0 } : VN_SIMD(gemm_scratch)(&g);
}

static const char *unfit(const vn_call *c)
{
    if (c->in[0].dtype != VN_F32 || c->in[1].dtype != VN_F32) return "numbers are not f32";
    return vn_linear_unfit(c);
}

const vn_kernel VN_SIMD(linear) = { VN_SIMD_NAME(linear), VN_SIMD_NEED, unfit, scratch, launch };

/* Rows of a table by code: copies, bound by memory. The gradient splits the table, not the codes:
 * a lane sums the rows that are its own, in the order of the codes, so the result does not depend
 * on the lanes; reading all codes for each tile of 4096 numbers costs less than merging tables. */
#include <string.h>

#include "kernels_cpu/simd/simd.h"

static int64_t row_of(float code, int64_t rows)
{
    return code >= 0 && code < (float)rows ? (int64_t)code : 0;
}

static int64_t tile_rows(int64_t E)
{
    return E < VN_TILE ? VN_TILE / E : 1;
}

static void embedding(const vn_call *c, vn_stream *s)
{
    const float *x = c->in[0].data, *table = c->in[1].data;
    int64_t rows = c->in[1].dim[0], E = c->in[1].dim[1], lo, hi;
    float *y = c->out[0].data;
    if (!y) return;
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->in[0]), tile_rows(E), &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        memcpy(y + i * E, table + row_of(x[i], rows) * E, (size_t)E * sizeof *y);
}

static vn_scratch grad_scratch(const vn_call *c)
{
    int64_t E = c->out[0].dim[1];
    return (vn_scratch){ 0, (size_t)(tile_rows(E) * E) * sizeof(double) };
}

/* Rows [first, first + n) of the table's gradient, summed in `sum` [n, E]. */
static void sum_rows(const vn_call *c, int64_t first, int64_t n, double *restrict sum)
{
    const float *restrict dy = c->in[0].data, *restrict x = c->in[1].data;
    int64_t rows = c->out[0].dim[0], E = c->out[0].dim[1], n_codes = vn_count(&c->in[1]);
    memset(sum, 0, (size_t)(n * E) * sizeof *sum);
    for (int64_t i = 0; i < n_codes; i++) {
        int64_t row = row_of(x[i], rows) - first;
        if (row < 0 || row >= n) continue;
        for (int64_t e = 0; e < E; e++) sum[row * E + e] += (double)dy[i * E + e];
    }
    float *to = (float *)c->out[0].data + first * E;
    for (int64_t i = 0; i < n * E; i++) to[i] = (float)sum[i];
}

static void embedding_grad(const vn_call *c, vn_stream *s)
{
    int64_t rows = c->out[0].dim[0], tile = tile_rows(c->out[0].dim[1]), lo, hi;
    if (!c->out[0].data) return;
    vn_lane_share(vn_cpu_lane(s), rows, tile, &lo, &hi);
    for (int64_t first = lo; first < hi; first += tile)
        sum_rows(c, first, hi - first < tile ? hi - first : tile, vn_cpu_scratch(s));
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(embedding) = { VN_SIMD_NAME(embedding), VN_SIMD_NEED, unfit, NULL,
                                       embedding };
const vn_kernel VN_SIMD(embedding_grad) = { VN_SIMD_NAME(embedding_grad), VN_SIMD_NEED, unfit,
                                            grad_scratch, embedding_grad };

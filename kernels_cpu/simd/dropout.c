/* Dropout by the counter-based stream: one Philox block gives four elements, where the reference
 * computes it anew for each. Bound by Philox's ten rounds of integer products. */
#include "base/philox.h"
#include "kernels_cpu/simd/simd.h"

/* Four words for elements 4 block .. 4 block + 3. */
static vn_philox words(const vn_run *run, uint64_t stream, uint64_t block)
{
    vn_philox counter = { { (uint32_t)block, (uint32_t)(block >> 32),
                            (uint32_t)(stream ^ stream >> 32), (uint32_t)*run->step } };
    return vn_philox4x32(counter, (uint32_t)run->seed, (uint32_t)(run->seed >> 32));
}

static void dropout(const vn_call *c, vn_stream *s)
{
    const vn_attr_dropout *a = c->attr;
    const float *x = c->in[0].data;
    float *y = c->out[0].data, factor = (float)(1 / (1 - a->p));
    int64_t lo, hi;
    if (!y) return;
    /* A tile is whole blocks of four. */
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_TILE, &lo, &hi);
    for (int64_t i = lo; i < hi; i += 4) {
        vn_philox bits = words(c->run, (uint64_t)a->stream, (uint64_t)i / 4);
        int64_t n = hi - i < 4 ? hi - i : 4;
        for (int64_t k = 0; k < n; k++)
            y[i + k] = (double)vn_uniform24(bits.v[k]) >= a->p ? x[i + k] * factor : 0;
    }
}

static const char *unfit(const vn_call *c) { return vn_not_f32(c); }

const vn_kernel VN_SIMD(dropout) = { VN_SIMD_NAME(dropout), VN_SIMD_NEED, unfit, NULL, dropout };

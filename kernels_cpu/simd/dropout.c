/* Dropout by the counter-based stream: a Philox block gives four elements, where the reference
 * computes it anew for each. Bound by Philox's ten rounds of integer products, each of which waits
 * for the one before: some vectors of blocks run abreast. */
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "kernels_cpu/simd/simd.h"

enum {
    ABREAST = VU_N > 4 ? 4 : 2, /* vectors of blocks: four words each fill half of the registers */
    GROUP = 4 * VU_N * ABREAST, /* elements of a draw */
};

/* vn_philox4x32 of the blocks from `first` on of the stream, in the order of their elements. */
static void draw(const vn_run *run, uint64_t stream, uint64_t first, uint32_t out[GROUP])
{
    uint64_t block[VU_N * ABREAST], words[GROUP / 2];
    uint32_t key0 = (uint32_t)run->seed, key1 = (uint32_t)(run->seed >> 32);
    vu a[ABREAST], b[ABREAST], c[ABREAST], d[ABREAST];
    for (int i = 0; i < VU_N * ABREAST; i++) block[i] = first + (uint64_t)i;
    for (int v = 0; v < ABREAST; v++) {
        a[v] = vu_load(block + v * VU_N);
        b[v] = vu_upper(a[v]);
        c[v] = vu_set(stream ^ stream >> 32);
        d[v] = vu_set((uint64_t)*run->step);
    }
    for (int round = 0; round < 10; round++) {
        for (int v = 0; v < ABREAST; v++) {
            vu p = vu_mul(vu_set(0xD2511F53u), a[v]), q = vu_mul(vu_set(0xCD9E8D57u), c[v]);
            a[v] = vu_xor(vu_xor(vu_upper(q), b[v]), vu_set(key0));
            c[v] = vu_xor(vu_xor(vu_upper(p), d[v]), vu_set(key1));
            b[v] = q;
            d[v] = p;
        }
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    for (int v = 0; v < ABREAST; v++)
        vu_store_zipped(words + 2 * v * VU_N, vu_pair(a[v], b[v]), vu_pair(c[v], d[v]));
    memcpy(out, words, sizeof words);
}

static void dropout(const vn_call *c, vn_stream *s)
{
    const vn_attr_dropout *a = c->attr;
    const float *x = c->in[0].data;
    float *y = c->out[0].data, factor = (float)(1 / (1 - a->p));
    /* vn_uniform24 is the upper 24 bits times 2^-24: at least p from this many on. */
    uint32_t least = (uint32_t)ceil(a->p * 16777216.0);
    int64_t lo, hi;
    if (!y) return;
    /* A tile is whole groups of blocks. */
    vn_lane_share(vn_cpu_lane(s), vn_count(&c->out[0]), VN_TILE, &lo, &hi);
    for (int64_t i = lo; i < hi; i += GROUP) {
        uint32_t bits[GROUP];
        int64_t n = hi - i < GROUP ? hi - i : GROUP;
        draw(c->run, (uint64_t)a->stream, (uint64_t)i / 4, bits);
        if (n == GROUP) { /* a constant count: compilers make vectors of it */
            for (int k = 0; k < GROUP; k++)
                y[i + k] = bits[k] >> 8 >= least ? x[i + k] * factor : 0;
            continue;
        }
        for (int64_t k = 0; k < n; k++) y[i + k] = bits[k] >> 8 >= least ? x[i + k] * factor : 0;
    }
}

static const char *unfit(const vn_call *c)
{
    return vn_not_f32(c);
}

const vn_kernel VN_SIMD(dropout) = { VN_SIMD_NAME(dropout), VN_SIMD_NEED, unfit, NULL, dropout };

/* Rows in ascending order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels_cpu/ref/real.h"

static int ascending(const void *a, const void *b)
{
    vn_real x = *(const vn_real *)a, y = *(const vn_real *)b;
    return (x > y) - (x < y);
}

static void sort(const vn_call *c, vn_stream *s)
{
    if (!vn_ref_lane(s) || !c->out[0].data) return;
    int64_t n = vn_last_dim(&c->in[0]), rows = vn_count(&c->in[0]) / n;
    for (int64_t r = 0; r < rows; r++) {
        vn_real *y = (vn_real *)c->out[0].data + r * n;
        bool broken = false;
        memmove(y, (const vn_real *)c->in[0].data + r * n, (size_t)n * sizeof *y);
        for (int64_t i = 0; i < n; i++) broken |= isnan(y[i]) != 0;
        if (!broken) qsort(y, (size_t)n, sizeof *y, ascending);
        for (int64_t i = 0; broken && i < n; i++) y[i] = (vn_real)NAN;
    }
}

const vn_kernel VN_REF(sort) = { VN_REF_NAME(sort), 0, VN_REF(unfit), NULL, sort };

/* Rows in ascending order. */
#include <math.h>
#include <string.h>

#include "kernels_cpu/ref/real.h"

/* A heap of n places but for `at`, which may be too small: it sinks to where it belongs. */
static void sink(vn_real *x, int64_t at, int64_t n)
{
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && x[child + 1] > x[child]) child++;
        if (x[at] >= x[child]) return;
        vn_real low = x[at];
        x[at] = x[child];
        x[child] = low;
    }
}

/* By a heap: qsort may allocate. */
static void sort_row(vn_real *x, int64_t n)
{
    for (int64_t i = n / 2 - 1; i >= 0; i--) sink(x, i, n);
    for (int64_t i = n - 1; i > 0; i--) {
        vn_real top = x[0];
        x[0] = x[i];
        x[i] = top;
        sink(x, 0, i);
    }
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
        if (!broken) sort_row(y, n);
        for (int64_t i = 0; broken && i < n; i++) y[i] = (vn_real)NAN;
    }
}

const vn_kernel VN_REF(sort) = { VN_REF_NAME(sort), 0, VN_REF(unfit), NULL, sort };

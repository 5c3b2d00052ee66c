#include "host/infer/ensemble.h"

#include <string.h>

/* By insertion: a network's quantiles are all but in order. */
static void sort(float *x, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        float v = x[i];
        int64_t k = i;
        for (; k > 0 && x[k - 1] > v; k--) x[k] = x[k - 1];
        x[k] = v;
    }
}

void vn_ensemble_add(const vn_head *head, const float *x, int64_t n, int members, float *out)
{
    bool quantiles = head->family == VN_FAMILY_QUANTILES || head->family == VN_FAMILY_IMPLICIT;
    float step[VN_HEAD_LEVELS], part = 1 / (float)members;
    int64_t width = head->width;
    for (int64_t i = 0; i < n; i++, x += width, out += width) {
        memcpy(step, x, (size_t)width * sizeof *step);
        if (quantiles) sort(step, width);
        for (int64_t k = 0; k < width; k++) out[k] += part * step[k];
    }
}

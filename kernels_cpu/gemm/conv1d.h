/* What a convolution along time and the gradient of its weights share: where a tap reads. */
#ifndef VN_KERNELS_CPU_GEMM_CONV1D_H
#define VN_KERNELS_CPU_GEMM_CONV1D_H

#include "kernels_cpu/cpu.h"

typedef struct vn_taps {
    int64_t kernel, dilation, pad, wrap, len;
} vn_taps;

/* The step that tap j of step t reads; -1 where it reads a zero. */
static inline int64_t vn_tap(const vn_taps *v, int64_t t, int64_t j)
{
    t += j * v->dilation - v->pad;
    if (v->wrap) return (t % v->len + v->len) % v->len;
    return t >= 0 && t < v->len ? t : -1;
}

/* Does tap j of any of `rows` steps from t on read a step of the series? */
static inline bool vn_tap_meets(const vn_taps *v, int64_t t, int64_t rows, int64_t j)
{
    t += j * v->dilation - v->pad;
    return v->wrap || (t + rows > 0 && t < v->len);
}

#endif

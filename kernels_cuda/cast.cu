/* f32 to and from bf16 and f16: 6 bytes a number, bound by memory. A thread moves four numbers, in
 * accesses of 16 and of 8 bytes where tensors lie on such lines. */
#include "kernels_cuda/common.cuh"

extern "C" {
#include "device/low.h"
}

enum { THREADS = 256, EACH = 4, BLOCK = THREADS * EACH };

/* Four numbers of 16 bits as two words. */
template <vn_dtype TYPE> __device__ __forceinline__ uint32_t pair_of(float lower, float upper)
{
    return (uint32_t)vn_low_of(TYPE, lower) | (uint32_t)vn_low_of(TYPE, upper) << 16;
}

template <vn_dtype TYPE>
__global__ void __launch_bounds__(THREADS)
    vn_lower_kernel(vn_each<const float *> x, vn_each<uint16_t *> y, int64_t n, bool aligned)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        float4 v = vn_load4(x + i);
        vn_store2(y + i, make_uint2(pair_of<TYPE>(v.x, v.y), pair_of<TYPE>(v.z, v.w)));
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++) y[k] = vn_low_of(TYPE, x[k]);
}

template <vn_dtype TYPE>
__global__ void __launch_bounds__(THREADS)
    vn_widen_kernel(vn_each<const uint16_t *> x, vn_each<float *> y, int64_t n, bool aligned)
{
    int64_t i = ((int64_t)blockIdx.x * THREADS + threadIdx.x) * EACH;
    if (aligned && i + EACH <= n) {
        uint2 v = vn_load2(x + i);
        vn_store4(y + i, make_float4(vn_low_value(TYPE, (uint16_t)v.x),
                                     vn_low_value(TYPE, (uint16_t)(v.x >> 16)),
                                     vn_low_value(TYPE, (uint16_t)v.y),
                                     vn_low_value(TYPE, (uint16_t)(v.y >> 16))));
        return;
    }
    for (int64_t k = i; k < n && k < i + EACH; k++) y[k] = vn_low_value(TYPE, x[k]);
}

/* Between two types of 16 bits, or f32 as it is: no graph that is trained has these. */
__global__ void __launch_bounds__(THREADS)
    vn_recast_kernel(vn_dtype from, vn_each<const void *> in, vn_dtype to, vn_each<void *> out,
                     int64_t n)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    const void *x = in;
    void *y = out;
    if (i >= n) return;
    float v = from == VN_F32 ? ((const float *)x)[i] : vn_low_value(from, ((const uint16_t *)x)[i]);
    if (to == VN_F32)
        ((float *)y)[i] = v;
    else
        ((uint16_t *)y)[i] = vn_low_of(to, v);
}

static void cast(const vn_call *c, vn_stream *s)
{
    const vn_tensor *x = &c->in[0], *y = &c->out[0];
    const float *wide = (const float *)x->data;
    const uint16_t *low = (const uint16_t *)x->data;
    int64_t n = vn_count(y);
    bool aligned = vn_aligned16(x->data) && vn_aligned16(y->data);
    dim3 blocks = vn_blocks(n, BLOCK), threads(THREADS);
    if (!y->data) return;
    if (vn_is_low(x->dtype) == vn_is_low(y->dtype))
        VN_LAUNCH(vn_recast_kernel, vn_blocks(n, THREADS), threads, 0, s, x->dtype, x->data,
                  y->dtype, y->data, n);
    else if (y->dtype == VN_BF16)
        VN_LAUNCH(vn_lower_kernel<VN_BF16>, blocks, threads, 0, s, wide, (uint16_t *)y->data, n,
                  aligned);
    else if (y->dtype == VN_F16)
        VN_LAUNCH(vn_lower_kernel<VN_F16>, blocks, threads, 0, s, wide, (uint16_t *)y->data, n,
                  aligned);
    else if (x->dtype == VN_BF16)
        VN_LAUNCH(vn_widen_kernel<VN_BF16>, blocks, threads, 0, s, low, (float *)y->data, n,
                  aligned);
    else
        VN_LAUNCH(vn_widen_kernel<VN_F16>, blocks, threads, 0, s, low, (float *)y->data, n,
                  aligned);
}

static const char *unfit(const vn_call *c)
{
    return c->in[0].dtype == VN_F64 || c->out[0].dtype == VN_F64 ? "numbers are f64" : NULL;
}

VN_CUDA_KERNEL(cast_f32_cuda) = { "cast_f32_cuda", 0, unfit, NULL, cast };

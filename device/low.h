/* Numbers of 16 bits that products read: bf16 (8 bits of exponent, 7 of fraction: the upper half of
 * an f32) and f16 (5 and 10). From f32 they are rounded to nearest, ties to even; what is too large
 * becomes infinite, a NaN stays one. The same bits on every device: header-only, shared with CUDA.
 */
#ifndef VN_DEVICE_LOW_H
#define VN_DEVICE_LOW_H

#include <stdint.h>
#include <string.h>

#include "device/tensor.h"

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif

VN_SHARED uint32_t vn_bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

VN_SHARED float vn_of_bits(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

VN_SHARED float vn_bf16_value(uint16_t b)
{
    return vn_of_bits((uint32_t)b << 16);
}

VN_SHARED uint16_t vn_bf16_of(float x)
{
    uint32_t u = vn_bits_of(x);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

VN_SHARED float vn_f16_value(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, size = h & 0x7fffu;
    if (size >= 0x7c00u) return vn_of_bits(sign | 0x7f800000u | (size & 0x3ffu) << 13);
    if (size >= 0x400u) return vn_of_bits(sign | ((size << 13) + (112u << 23)));
    /* a subnormal is size 2^-24 */
    return vn_of_bits(sign | vn_bits_of((float)size * 5.9604644775390625e-8f));
}

VN_SHARED uint16_t vn_f16_of(float x)
{
    uint32_t u = vn_bits_of(x), sign = u >> 16 & 0x8000u, size = u & 0x7fffffffu;
    if (size > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (size >> 13 & 0x3ffu));
    if (size >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and up */
    if (size >= 0x38800000u) {                                  /* 2^-14 and up: normal */
        uint32_t shifted = size - (112u << 23);
        return (uint16_t)(sign | (shifted + 0xfffu + (shifted >> 13 & 1)) >> 13);
    }
    /* Beside 0.5 the last place of an f32 is that of a subnormal: the sum rounds as it should. */
    return (uint16_t)(sign | (vn_bits_of(vn_of_bits(size) + 0.5f) - 0x3f000000u));
}

/* What matrix units make of an f32 factor: 10 bits of fraction, to nearest, ties away from 0. */
VN_SHARED float vn_tf32_of(float x)
{
    uint32_t u = vn_bits_of(x);
    return (u & 0x7f800000u) == 0x7f800000u ? x : vn_of_bits((u + 0x1000u) & ~0x1fffu);
}

/* A number of one of the two types. */
VN_SHARED float vn_low_value(vn_dtype t, uint16_t x)
{
    return t == VN_BF16 ? vn_bf16_value(x) : vn_f16_value(x);
}

VN_SHARED uint16_t vn_low_of(vn_dtype t, float x)
{
    return t == VN_BF16 ? vn_bf16_of(x) : vn_f16_of(x);
}

#endif

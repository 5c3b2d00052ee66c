/* vf_* on the compilers' own vectors of 4: whatever the baseline has (SSE2). For simd.h
 * only. */
#ifndef VN_KERNELS_CPU_SIMD_GENERIC_H
#define VN_KERNELS_CPU_SIMD_GENERIC_H

#include <math.h>
#include <string.h>

enum { VF_N = 4 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vf_mask __attribute__((vector_size(16))); /* -1 or 0 a lane */

VF_INLINE vf vf_load(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
VF_INLINE vf vf_load_n(const float *p, int n)
{
    return (vf){ n > 0 ? p[0] : 0, n > 1 ? p[1] : 0, n > 2 ? p[2] : 0, n > 3 ? p[3] : 0 };
}
VF_INLINE void vf_store(float *p, vf v) { memcpy(p, &v, sizeof v); }
VF_INLINE void vf_stream(float *p, vf v) { vf_store(p, v); }
VF_INLINE void vf_streamed(void) { }
VF_INLINE void vf_store_n(float *p, vf v, int n)
{
    for (int i = 0; i < n; i++) p[i] = v[i];
}
VF_INLINE vf vf_set(float x) { return (vf){ x, x, x, x }; }
VF_INLINE vf vf_from_bits(int bits) { return (vf)(vf_mask){ bits, bits, bits, bits }; }

VF_INLINE vf vf_add(vf a, vf b) { return a + b; }
VF_INLINE vf vf_sub(vf a, vf b) { return a - b; }
VF_INLINE vf vf_mul(vf a, vf b) { return a * b; }
VF_INLINE vf vf_div(vf a, vf b) { return a / b; }
VF_INLINE vf vf_fma(vf a, vf b, vf c) { return a * b + c; }  /* not fused here */
VF_INLINE vf vf_fnma(vf a, vf b, vf c) { return c - a * b; } /* c - a b */
VF_INLINE vf vf_sqrt(vf a)
{
    return (vf){ sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3]) };
}
VF_INLINE vf vf_rsqrt(vf a) { return vf_div(vf_set(1), vf_sqrt(a)); }
VF_INLINE vf vf_bits_and(vf a, vf b) { return (vf)((vf_mask)a & (vf_mask)b); }
VF_INLINE vf vf_sign_flip(vf a, vf sign) { return (vf)((vf_mask)a ^ (vf_mask)sign); }

VF_INLINE vf_mask vf_lt(vf a, vf b) { return a < b; }
VF_INLINE vf_mask vf_le(vf a, vf b) { return a <= b; }
VF_INLINE vf_mask vf_eq(vf a, vf b) { return a == b; }
VF_INLINE vf_mask vf_both(vf_mask a, vf_mask b) { return a & b; }
VF_INLINE int vf_count(vf_mask m) { return -(m[0] + m[1] + m[2] + m[3]); } /* lanes set */
/* a where m, else b */
VF_INLINE vf vf_pick(vf_mask m, vf a, vf b) { return (vf)((m & (vf_mask)a) | (~m & (vf_mask)b)); }
VF_INLINE vf vf_max(vf a, vf b) { return vf_pick(a > b, a, b); } /* b where either is NaN */
VF_INLINE vf vf_min(vf a, vf b) { return vf_pick(a < b, a, b); }

/* Adding 1.5 2^23 leaves no room for a fraction: right for |a| < 2^22, which exp stays in. */
VF_INLINE vf vf_round(vf a)
{
    vf magic = vf_set(12582912.0f);
    return (a + magic) - magic;
}
/* a 2^n for whole n in [-252, 254]: in two factors, because one would overflow near the ends. */
VF_INLINE vf vf_ldexp(vf a, vf n)
{
    vf magic = vf_set(12582912.0f); /* the sum's low bits are n */
    vf_mask whole = (vf_mask)(n + magic) - (vf_mask)magic, half = whole >> 1;
    vf first = (vf)((half + 127) << 23), second = (vf)((whole - half + 127) << 23);
    return a * first * second;
}

/* The exponent e as a float and m in [1, 2) of a normal positive a = m 2^e. */
VF_INLINE vf vf_exponent(vf a)
{
    vf_mask e = ((vf_mask)a >> 23) - 127;
    return (vf){ (float)e[0], (float)e[1], (float)e[2], (float)e[3] };
}
VF_INLINE vf vf_mantissa(vf a)
{
    return (vf)(((vf_mask)a & 0x007fffff) | (vf_mask)vf_set(1));
}

VF_INLINE vf vf_reverse(vf a) { return (vf){ a[3], a[2], a[1], a[0] }; }

/* Places of lanes in a vector, 0 .. VF_N - 1 each. */
typedef vf_mask vf_places;
VF_INLINE vf_places vf_places_load(const int32_t *p)
{
    vf_places v;
    memcpy(&v, p, sizeof v);
    return v;
}
/* Lane i is a's lane places[i]. */
VF_INLINE vf vf_take(vf a, vf_places places)
{
    float from[4];
    vf_store(from, a);
    return (vf){ from[places[0]], from[places[1]], from[places[2]], from[places[3]] };
}

/* Products of 32-bit words: one at a time, for SSE2 has no such product that would pay. */
enum { VU_N = 1 };
typedef uint64_t vu;
VF_INLINE vu vu_load(const uint64_t *p) { return *p; }
VF_INLINE void vu_store(uint64_t *p, vu v) { *p = v; }
VF_INLINE vu vu_set(uint64_t x) { return x; }
VF_INLINE vu vu_mul(vu a, vu b) { return (a & 0xffffffffu) * (b & 0xffffffffu); }
VF_INLINE vu vu_xor(vu a, vu b) { return a ^ b; }
VF_INLINE vu vu_upper(vu a) { return a >> 32; }
/* The lower half of a, then that of b in memory. */
VF_INLINE vu vu_pair(vu a, vu b)
{
    uint32_t half[2] = { (uint32_t)a, (uint32_t)b };
    memcpy(&a, half, sizeof a);
    return a;
}

/* a[0] b[0] a[1] b[1] ... */
VF_INLINE void vu_store_zipped(uint64_t *p, vu a, vu b)
{
    vu_store(p, a);
    vu_store(p + VU_N, b);
}

/* Sums in double, one per lane. */
typedef double vf_pair __attribute__((vector_size(16)));
typedef struct vf_acc {
    vf_pair lo, hi;
} vf_acc;

VF_INLINE vf_pair vf_low(vf v) { return (vf_pair){ (double)v[0], (double)v[1] }; }
VF_INLINE vf_pair vf_high(vf v) { return (vf_pair){ (double)v[2], (double)v[3] }; }

VF_INLINE vf_acc vf_acc_zero(void) { return (vf_acc){ { 0 }, { 0 } }; }
VF_INLINE vf_acc vf_acc_add(vf_acc s, vf v)
{
    return (vf_acc){ s.lo + vf_low(v), s.hi + vf_high(v) };
}
/* s + a b, the product exact */
VF_INLINE vf_acc vf_acc_dot(vf_acc s, vf a, vf b)
{
    return (vf_acc){ s.lo + vf_low(a) * vf_low(b), s.hi + vf_high(a) * vf_high(b) };
}
VF_INLINE vf_acc vf_acc_both(vf_acc a, vf_acc b)
{
    return (vf_acc){ a.lo + b.lo, a.hi + b.hi };
}
VF_INLINE double vf_acc_sum(vf_acc s) { return s.lo[0] + s.lo[1] + s.hi[0] + s.hi[1]; }
VF_INLINE vf vf_acc_round(vf_acc s)
{
    return (vf){ (float)s.lo[0], (float)s.lo[1], (float)s.hi[0], (float)s.hi[1] };
}

#endif

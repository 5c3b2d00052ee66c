/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 *
 * A counter-based generator: the n-th number is a pure function of (key, counter), so any thread,
 * batch or device computes the same value without state. Header-only, shared with CUDA. */
#ifndef VN_BASE_PHILOX_H
#define VN_BASE_PHILOX_H

#include <stdint.h>

#ifndef VN_SHARED /* CUDA units define it as __host__ __device__ static inline */
#define VN_SHARED static inline
#endif

typedef struct vn_philox {
    uint32_t v[4];
} vn_philox;

VN_SHARED vn_philox vn_philox4x32(vn_philox counter, uint32_t key0, uint32_t key1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * counter.v[0];
        uint64_t p1 = (uint64_t)0xCD9E8D57u * counter.v[2];
        vn_philox next = { { (uint32_t)(p1 >> 32) ^ counter.v[1] ^ key0, (uint32_t)p1,
                             (uint32_t)(p0 >> 32) ^ counter.v[3] ^ key1, (uint32_t)p0 } };
        counter = next;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return counter;
}

/* The four words for (seed, stream, index): `stream` separates uses, `index` counts within one. */
VN_SHARED vn_philox vn_random4(uint64_t seed, uint64_t stream, uint64_t index)
{
    vn_philox counter = { { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream,
                            (uint32_t)(stream >> 32) } };
    return vn_philox4x32(counter, (uint32_t)seed, (uint32_t)(seed >> 32));
}

/* Uniform in [0, 1) with 24 bits, exact in f32. */
VN_SHARED float vn_uniform24(uint32_t bits) { return (float)(bits >> 8) * (1.0f / 16777216.0f); }

/* Uniform integer in [0, n), n >= 1, by multiply-shift of 64 random bits (bias below n / 2^64). */
VN_SHARED uint64_t vn_below(uint32_t hi, uint32_t lo, uint64_t n)
{
    uint64_t bits = ((uint64_t)hi << 32) | lo;
    uint64_t carry = ((bits & 0xffffffffu) * (n & 0xffffffffu)) >> 32;
    uint64_t mid1 = (bits >> 32) * (n & 0xffffffffu) + carry;
    uint64_t mid2 = (bits & 0xffffffffu) * (n >> 32) + (mid1 & 0xffffffffu);
    return (bits >> 32) * (n >> 32) + (mid1 >> 32) + (mid2 >> 32);
}

/* FNV-1a of a path: the stream number of a named node, stable when other nodes come or go. */
VN_SHARED uint64_t vn_stream_of(const char *path)
{
    uint64_t h = 1469598103934665603u;
    for (; *path; path++) h = (h ^ (uint8_t)*path) * 1099511628211u;
    return h;
}

#endif

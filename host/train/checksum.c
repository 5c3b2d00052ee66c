/* XXH64 after the published specification. Reads are byte-wise little-endian, so the value is the
 * same on every machine; compilers turn them into single loads. */
#include "host/train/checksum.h"

static const uint64_t p1 = 0x9E3779B185EBCA87u, p2 = 0xC2B2AE3D27D4EB4Fu, p3 = 0x165667B19E3779F9u,
                      p4 = 0x85EBCA77C2B2AE63u, p5 = 0x27D4EB2F165667C5u;

static uint64_t read64(const uint8_t *s)
{
    uint64_t x = 0;
    for (int i = 7; i >= 0; i--) x = x << 8 | s[i];
    return x;
}

static uint32_t read32(const uint8_t *s)
{
    return (uint32_t)s[0] | (uint32_t)s[1] << 8 | (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
}

static uint64_t turn(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t mix(uint64_t acc, uint64_t x)
{
    return turn(acc + x * p2, 31) * p1;
}

static uint64_t merge(uint64_t h, uint64_t acc)
{
    return (h ^ mix(0, acc)) * p1 + p4;
}

/* Four running sums over 32-byte stripes; advances *s. */
static uint64_t stripes(const uint8_t **s, const uint8_t *end, uint64_t seed)
{
    uint64_t a = seed + p1 + p2, b = seed + p2, c = seed, d = seed - p1;
    for (; end - *s >= 32; *s += 32) {
        a = mix(a, read64(*s));
        b = mix(b, read64(*s + 8));
        c = mix(c, read64(*s + 16));
        d = mix(d, read64(*s + 24));
    }
    uint64_t h = turn(a, 1) + turn(b, 7) + turn(c, 12) + turn(d, 18);
    return merge(merge(merge(merge(h, a), b), c), d);
}

uint64_t vn_xxh64(const void *data, size_t n, uint64_t seed)
{
    const uint8_t *s = data, *end = s + n;
    uint64_t h = n >= 32 ? stripes(&s, end, seed) : seed + p5;
    h += n;
    for (; end - s >= 8; s += 8) h = turn(h ^ mix(0, read64(s)), 27) * p1 + p4;
    for (; end - s >= 4; s += 4) h = turn(h ^ read32(s) * p1, 23) * p2 + p3;
    for (; s < end; s++) h = turn(h ^ *s * p5, 11) * p1;
    h = (h ^ h >> 33) * p2;
    h = (h ^ h >> 29) * p3;
    return h ^ h >> 32;
}

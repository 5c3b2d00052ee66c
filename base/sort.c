#include "base/sort.h"

#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void vn_sort_i64(int64_t *v, size_t n)
{
    if (n) qsort(v, n, sizeof *v, ascending);
}

/* Bits whose order as an unsigned number is that of the floats, and back. */
static uint32_t key_of(uint32_t bits)
{
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static uint32_t bits_of(uint32_t key)
{
    return key >> 31 ? key & 0x7fffffffu : ~key;
}

static void insert(float *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        float x = v[i];
        size_t at = i;
        for (; at && v[at - 1] > x; at--) v[at] = v[at - 1];
        v[at] = x;
    }
}

enum { FEW = 64, DIGITS = 4, VALUES = 256 };

static uint32_t load(const float *v)
{
    uint32_t word;
    memcpy(&word, v, sizeof word);
    return word;
}

static void store(float *v, uint32_t word)
{
    memcpy(v, &word, sizeof word);
}

void vn_sort_f32(float *v, float *room, size_t n)
{
    size_t at[DIGITS][VALUES] = { { 0 } };
    if (n <= FEW) {
        insert(v, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t key = key_of(load(v + i));
        store(v + i, key);
        for (int d = 0; d < DIGITS; d++) at[d][key >> 8 * d & 255]++;
    }
    for (int d = 0; d < DIGITS; d++) {
        for (size_t k = 0, sum = 0; k < VALUES; k++) {
            size_t here = at[d][k];
            at[d][k] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++) {
            uint32_t key = load(v + i);
            store(room + at[d][key >> 8 * d & 255]++, key);
        }
        float *other = v;
        v = room;
        room = other;
    }
    for (size_t i = 0; i < n; i++) store(v + i, bits_of(load(v + i)));
}

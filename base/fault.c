/* Heap requests, counted and failed on demand.
 *
 * Blocks of 1 MiB and more are mapped and asked to use huge pages: a first touch costs 1.5 us per
 * 4 KiB page otherwise, 0.4 s per GiB. They start on a 2 MiB boundary so that huge pages fit. */
#include "base/fault.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/status.h"

static const size_t map_from = (size_t)1 << 20, huge_page = (size_t)2 << 20, small_page = 4096;

static _Atomic int64_t seen[VN_FAULT_COUNT];    /* requests so far */
static _Atomic int64_t fail_at[VN_FAULT_COUNT]; /* number of the one that fails, 0: none */

void vn_fault_arm(vn_fault kind, int64_t n)
{
    atomic_store(&fail_at[kind], n > 0 ? atomic_load(&seen[kind]) + n : 0);
}

int64_t vn_fault_seen(vn_fault kind)
{
    return atomic_load(&seen[kind]);
}

bool vn_fault_hit(vn_fault kind)
{
    return atomic_fetch_add(&seen[kind], 1) + 1 == atomic_load(&fail_at[kind]);
}

static void *or_fail(void *p, size_t bytes)
{
    if (!p) VN_FAIL(VN_E_MEMORY, "cannot get %zu bytes of memory", bytes);
    return p;
}

void *vn_malloc(size_t bytes)
{
    return or_fail(vn_fault_hit(VN_FAULT_ALLOC) ? NULL : malloc(bytes ? bytes : 1), bytes);
}

void *vn_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!vn_mul_size(count, size, &bytes)) {
        VN_FAIL(VN_E_MEMORY, "cannot get %zu times %zu bytes of memory", count, size);
        return NULL;
    }
    return or_fail(vn_fault_hit(VN_FAULT_ALLOC) ? NULL : calloc(1, bytes ? bytes : 1), bytes);
}

void *vn_realloc(void *old, size_t bytes)
{
    return or_fail(vn_fault_hit(VN_FAULT_ALLOC) ? NULL : realloc(old, bytes ? bytes : 1), bytes);
}

void vn_free(void *p)
{
    free(p);
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Zeroed pages from the system: map `align` bytes too many, give back what lies outside. */
static void *map_aligned(size_t bytes, size_t align)
{
    if (bytes >= huge_page && align < huge_page) align = huge_page;
    if (align < small_page) align = small_page;
    size_t want = round_up(bytes, small_page), all = want + align;
    char *base = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) return NULL;
    size_t head = (align - (uintptr_t)base % align) % align;
    char *p = base + head;
    if (head) munmap(base, head);
    munmap(p + want, align - head);
    madvise(p, want, MADV_HUGEPAGE); /* advice: without huge pages the block works all the same */
    return p;
}

static void *heap_aligned(size_t bytes, size_t align)
{
    void *p = aligned_alloc(align, round_up(bytes ? bytes : 1, align));
    return p ? memset(p, 0, bytes) : NULL;
}

void *vn_alloc_aligned(size_t bytes, size_t align)
{
    void *p = NULL;
    if (align < sizeof(void *)) align = sizeof(void *);
    if (!vn_fault_hit(VN_FAULT_ALLOC) && bytes < SIZE_MAX / 4 && align < SIZE_MAX / 4)
        p = bytes >= map_from ? map_aligned(bytes, align) : heap_aligned(bytes, align);
    return or_fail(p, bytes);
}

void vn_free_aligned(void *p, size_t bytes)
{
    if (!p) return;
    if (bytes >= map_from)
        munmap(p, round_up(bytes, small_page));
    else
        free(p);
}

bool vn_mul_size(size_t a, size_t b, size_t *out)
{
    if (b && a > SIZE_MAX / b) return false;
    *out = a * b;
    return true;
}

/* The device's memory: a heap whose allocations end at a page that traps, and the shared memory of
 * the blocks that run. No address is given out twice, so a stale pointer stays stale. */
#include <cstdlib>
#include <sys/mman.h>

#include "kernels_cuda/emu/engine.h"

#ifdef EMU_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace emu
{

char *space;

namespace
{

constexpr size_t PAGE = 4096, RED_ZONE = 64, ALIGN = 256; /* ALIGN is cudaMalloc's */
[[maybe_unused]] size_t heap_top = PAGE;                  /* not under the address sanitizer */
size_t in_use;
uint64_t changes;
std::vector<Allocation> &allocations = *new std::vector<Allocation>;

size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

constexpr size_t SHARED_ALL = TOGETHER_MAX * SHARED_BYTES;

size_t limit()
{
    static const char *const s = getenv("EMU_MEMORY");
    return s ? strtoull(s, nullptr, 0) : SPACE - 2 * SHARED_ALL;
}

/* Room of `bytes` that ends where a page without access begins. In the check build it begins a page
 * instead: bounds are known there byte by byte. */
char *carve_heap(size_t bytes)
{
#ifdef EMU_ASAN
    char *p = (char *)aligned_alloc(ALIGN, round_up(bytes, ALIGN));
    if (p && bytes % ALIGN) poison(p + bytes, ALIGN - bytes % ALIGN, true);
    return p;
#else
    size_t body = round_up(bytes, ALIGN), pages = round_up(body, PAGE);
    if (heap_top + pages + PAGE > SPACE - SHARED_ALL) return nullptr;
    char *first = space + heap_top;
    mprotect(first, pages, PROT_READ | PROT_WRITE);
    heap_top += pages + PAGE;
    return hooks ? first : first + pages - body;
#endif
}

void release_heap(const Allocation &a)
{
#ifdef EMU_ASAN
    poison(a.data, round_up(a.bytes, ALIGN), false);
    free(a.data);
#else
    uintptr_t first = (uintptr_t)a.data / PAGE * PAGE;
    uintptr_t last = round_up((uintptr_t)a.data + a.bytes, PAGE);
    mprotect((void *)first, last - first, PROT_NONE);
    madvise((void *)first, last - first, MADV_DONTNEED);
#endif
}

/* From the shared memory of the block that runs, with red zones between. Nothing is initialised:
 * all bits set. */
char *carve_shared(size_t bytes, size_t align)
{
    size_t at = round_up(block_now->shared_used + RED_ZONE, align);
    if (at + bytes + RED_ZONE > SHARED_BYTES) {
        error("more than %zu bytes of shared memory", SHARED_BYTES);
        abort();
    }
    block_now->shared_used = at + bytes;
    char *p = block_now->shared + at;
    poison(p, bytes, false);
    memset(p, 0xff, bytes);
    if (hooks) hooks->range(p, bytes, RANGE_UNWRITTEN);
    return p;
}

} // namespace

char *shared_begin()
{
    return space + SPACE - SHARED_ALL;
}

void memory_open()
{
    if (space) return;
    space =
        (char *)mmap(nullptr, SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect(shared_begin(), SHARED_ALL, PROT_READ | PROT_WRITE);
    report_open();
}

void poison(void *p, size_t bytes, bool on)
{
    (void)p, (void)bytes, (void)on;
#ifdef EMU_ASAN
    if (on)
        ASAN_POISON_MEMORY_REGION(p, bytes);
    else
        ASAN_UNPOISON_MEMORY_REGION(p, bytes);
#endif
}

void *memory_take(size_t bytes, bool pinned)
{
    memory_open();
    if (bytes == 0 || bytes > limit() || (!pinned && in_use + bytes > limit())) return nullptr;
    char *p = pinned ? (char *)aligned_alloc(ALIGN, round_up(bytes, ALIGN)) : carve_heap(bytes);
    if (!p) return nullptr;
    memset(p, 0xff, bytes);
    if (!pinned) in_use += bytes;
    if (hooks && !pinned) hooks->range(p, bytes, RANGE_UNWRITTEN);
    changes++;
    allocations.push_back({ p, bytes, true, pinned, (int)allocations.size() });
    return p;
}

bool memory_give(void *p)
{
    for (Allocation &a : allocations) {
        if (a.data != p || !a.live) continue;
        a.live = false;
        changes++;
        if (a.pinned) {
            free(p);
            return true;
        }
        in_use -= a.bytes;
        if (hooks) hooks->range(p, a.bytes, RANGE_NONE);
        release_heap(a);
        return true;
    }
    return false;
}

void memory_about(size_t *free_bytes, size_t *total)
{
    *total = limit();
    *free_bytes = limit() - in_use;
}

const Allocation *memory_near(const void *p, size_t slack)
{
    auto *at = (const char *)p;
    const Allocation *found = nullptr;
    for (const Allocation &a : allocations)
        if (at + slack >= a.data && at < a.data + a.bytes + slack && (!found || a.live)) found = &a;
    return found;
}

uint64_t memory_changes()
{
    return changes;
}

void shared_open(Block *b, size_t dynamic_bytes)
{
    b->named.clear();
    b->dynamic = nullptr;
    b->dynamic_bytes = dynamic_bytes;
    size_t used = b->shared ? b->shared_used : SHARED_BYTES;
    b->shared = shared_begin() + (size_t)(b - blocks.data()) * SHARED_BYTES;
    b->shared_used = 0;
    poison(b->shared, used, true);
    if (hooks) hooks->range(b->shared, used, RANGE_NONE);
}

void *dynamic_shared()
{
    if (!block_now->dynamic) block_now->dynamic = carve_shared(block_now->dynamic_bytes, 128);
    return block_now->dynamic;
}

void *named_shared(const void *key, size_t bytes, size_t align, const char *name)
{
    size_t sum = bytes;
    for (const Named &n : block_now->named) {
        if (n.key == key) return n.data;
        sum += n.bytes;
    }
    if (sum > SHARED_STATIC)
        error("%zu bytes of shared variables, %zu are allowed", sum, SHARED_STATIC);
    char *p = carve_shared(bytes, align);
    block_now->named.push_back({ key, p, bytes, name });
    return p;
}

} // namespace emu

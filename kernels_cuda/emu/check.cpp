/* Races, uninitialised reads and bounds, byte by byte. Kernels are compiled with -fsanitize=thread,
 * which makes the compiler call __tsan_read4 and the like for every access; these calls come here
 * instead of to the sanitizer's own library, which knows threads but neither blocks nor barriers.
 *
 * Two accesses of one byte, one of them a write, are a race if they belong to two blocks of one
 * launch, or to two threads of a block with no barrier between them (nor, in one warp, a
 * collective), unless both are atomic. Blocks that met (vn_blocks_sync) know of one another what
 * happened before, and so does one whose thread finds another's atomic (vn_last_block): released is
 * what a block did before the barrier after which the thread fenced, and it is known after the
 * barrier that follows the finder's fence. compute-sanitizer sees races in shared memory only; here
 * global memory counts too. Each pair of source lines is told once. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <set>
#include <string>
#include <sys/mman.h>

#include "kernels_cuda/emu/engine.h"

namespace emu
{

namespace
{

/* Who touched a place last. `mask`: which of its bytes. */
struct Trace {
    uint32_t epoch; /* 0: nobody */
    uint16_t thread, warp_epoch;
    uint32_t pc;
    uint8_t mask;
    bool atomic;
};
struct Cell {
    Trace write, read;
};

/* Readers of one cell in one epoch are remembered as one thread, as lanes of one warp, or as many.
 */
constexpr uint16_t MANY = 0xffff, LANES = 0x8000;

uint8_t *state; /* RangeState of each byte of space */
/* Of each four bytes, what came as whole words; of each two, the rest: a word looks there too where
 * `parted` says that there is something. An older trace beside a newer one does no harm: what
 * happened before the newer one happened before whatever that happened before. */
Cell *words, *halves;
uint8_t *parted;   /* of each four bytes */
const char *image; /* where this library lies: what a pc is relative to */
uint32_t epoch = 1, launch_first = 1;
std::vector<unsigned> &epoch_block = *new std::vector<unsigned>(1, 0); /* of this launch's epochs */

void *reserve(size_t bytes)
{
    return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                -1, 0);
}

void open_once()
{
    if (state || !space) return;
    state = (uint8_t *)reserve(SPACE);
    words = (Cell *)reserve(SPACE / 4 * sizeof(Cell));
    halves = (Cell *)reserve(SPACE / 2 * sizeof(Cell));
    parted = (uint8_t *)reserve(SPACE / 4);
}

/* ---- telling ---- */

Dl_info own_image()
{
    Dl_info info;
    dladdr((void *)&open_once, &info);
    return info;
}

std::string source_line(uintptr_t pc)
{
    static auto &known = *new std::map<uintptr_t, std::string>;
    auto found = known.find(pc);
    if (found != known.end()) return found->second;
    char command[1024], line[512] = "?";
    snprintf(command, sizeof command, "addr2line -e '%s' -s 0x%lx 2>/dev/null",
             own_image().dli_fname, (unsigned long)(pc - 1 - (uintptr_t)image));
    if (FILE *f = popen(command, "r")) {
        if (!fgets(line, sizeof line, f)) snprintf(line, sizeof line, "?");
        pclose(f);
    }
    line[strcspn(line, " \n")] = 0;
    return known[pc] = line;
}

std::string place(const char *p)
{
    char text[256];
    const Block &b = *block_now;
    if (p >= b.shared && p < b.shared + SHARED_BYTES) {
        for (const Named &n : b.named)
            if (p + 32 >= n.data && p < n.data + n.bytes + 32) {
                snprintf(text, sizeof text, "shared %s, byte %td of %zu", n.name, p - n.data,
                         n.bytes);
                return text;
            }
        snprintf(text, sizeof text, "dynamic shared memory, byte %td of %zu", p - b.dynamic,
                 b.dynamic_bytes);
        return b.dynamic ? text : "shared memory";
    }
    const Allocation *a = memory_near(p, 64);
    if (!a) return "no allocation";
    snprintf(text, sizeof text, "allocation %d, byte %td of %zu%s", a->id, p - a->data, a->bytes,
             a->live ? "" : ", freed");
    return text;
}

void tell(const char *what, const char *p, uintptr_t pc, uintptr_t other, const std::string &who)
{
    static auto &told = *new std::set<std::tuple<std::string, uintptr_t, uintptr_t>>;
    if (!told.insert({ what, pc, other }).second) return;
    std::string lines = source_line(pc) + (other ? " and " + source_line(other) : "");
    error("%s at %s: %s%s", what, lines.c_str(), place(p).c_str(), who.c_str());
}

/* ---- order ---- */

/* 32 bits are enough. */
uint32_t pack_pc(const void *pc)
{
    return (uint32_t)((const char *)pc - image);
}

uintptr_t unpack_pc(uint32_t pc)
{
    return pc + (uintptr_t)image;
}

/* Where blocks run one after the other, those of the block that runs are the newest. */
bool of_other_block(const Trace &t)
{
    if (n_blocks == 1) return t.epoch < block_now->first_epoch;
    return epoch_block[t.epoch - launch_first] != block_now->linear;
}

/* Has what `t` tells, of another block, happened before they met? */
bool met(const Trace &t)
{
    unsigned other = epoch_block[t.epoch - launch_first];
    return other < block_now->seen.size() && t.epoch <= block_now->seen[other];
}

/* Has what `t` tells, of this launch, happened before this thread goes on? */
inline bool ordered(const Trace &t, bool global)
{
    if (of_other_block(t)) return !global || met(t); /* shared memory: an old trace */
    if (t.epoch != block_now->epoch || t.thread == current->linear) return true;
    if (t.thread == MANY) return false;
    unsigned warp = t.thread & LANES ? t.thread & 31u : t.thread >> 5;
    return warp == current->warp && t.warp_epoch < (uint16_t)current->warp_epoch;
}

__attribute__((noinline)) void tell_race(const char *what, const Trace &t, const char *p,
                                         const void *pc)
{
    char who[96];
    if (of_other_block(t))
        snprintf(who, sizeof who, " (block %u against block %u)",
                 epoch_block[t.epoch - launch_first], block_now->linear);
    else if (t.thread & LANES)
        snprintf(who, sizeof who, " (several threads against %u)", current->linear);
    else
        snprintf(who, sizeof who, " (thread %u against %u)", t.thread, current->linear);
    tell(what, p, (uintptr_t)pc, unpack_pc(t.pc), who);
}

inline void test_race(const char *what, const Trace &t, uint8_t mask, bool global, bool atomic,
                      const char *p, const void *pc)
{
    if (t.epoch < launch_first || !(t.mask & mask) || (atomic && t.atomic) || ordered(t, global))
        return;
    tell_race(what, t, p, pc);
}

inline void note_write(Trace &t, uint8_t mask, bool atomic, const void *pc)
{
    t = { block_now->epoch,
          (uint16_t)current->linear,
          (uint16_t)current->warp_epoch,
          pack_pc(pc),
          mask,
          atomic };
}

inline void note_read(Trace &t, uint8_t mask, bool atomic, const void *pc)
{
    bool again = t.epoch == block_now->epoch;
    auto me = (uint16_t)current->linear, now = (uint16_t)current->warp_epoch;
    if (again && t.thread != me) {
        unsigned warp = t.thread & LANES ? t.thread & 31u : t.thread >> 5;
        bool many = t.thread == MANY || warp != current->warp;
        t.thread = many ? MANY : (uint16_t)(LANES | current->warp);
        if (now > t.warp_epoch) t.warp_epoch = now;
    } else {
        t.thread = me;
        t.warp_epoch = now;
    }
    t.atomic = again ? t.atomic && atomic : atomic;
    t.mask = (uint8_t)(again ? t.mask | mask : mask);
    t.epoch = block_now->epoch;
    t.pc = pack_pc(pc);
}

/* ---- blocks that tell one another by an atomic ---- */

/* What happened before, as far as an atomic of this address tells. */
std::map<const void *, std::vector<unsigned>> &released =
    *new std::map<const void *, std::vector<unsigned>>;

void learn(std::vector<unsigned> &known, const std::vector<unsigned> &more)
{
    if (known.size() < more.size()) known.resize(more.size(), 0);
    for (size_t i = 0; i < more.size(); i++) known[i] = std::max(known[i], more[i]);
}

void find_and_release(const void *p)
{
    Block *b = block_now;
    std::vector<unsigned> &all = released[p];
    b->found = all;
    b->finder = current;
    if (b->fenced != current || b->fence_epoch != b->epoch) return;
    std::vector<unsigned> own(b->linear + 1, 0);
    own[b->linear] = b->epoch - 1;
    learn(all, b->seen);
    learn(all, own);
}

void note_fence()
{
    Block *b = block_now;
    b->fenced = current;
    b->fence_epoch = b->epoch;
    if (b->finder == current) learn(b->taken, b->found);
}

/* ---- accesses ---- */

/* False: out of bounds, and told. */
__attribute__((noinline)) bool test_bytes(const char *p, size_t bytes, Access kind, const void *pc)
{
    size_t at = (size_t)(p - space);
    for (size_t i = 0; i < bytes; i++) {
        if (state[at + i] == RANGE_WRITTEN) continue;
        if (state[at + i] == RANGE_NONE) {
            tell("access outside memory", p + i, (uintptr_t)pc, 0, "");
            return false;
        }
        if (state[at + i] == RANGE_COMING) {
            tell("access to memory that a copy is on its way to", p + i, (uintptr_t)pc, 0, "");
            return false;
        }
        if (kind == ACCESS_WRITE)
            state[at + i] = RANGE_WRITTEN;
        else
            tell("read of memory that nobody wrote", p + i, (uintptr_t)pc, 0, "");
    }
    return true;
}

/* Are these 1, 2, 4, 8 or 16 bytes all written? Others: false. */
inline bool all_written(size_t at, size_t bytes)
{
    constexpr uint64_t WHOLE = 0x0101010101010101u * RANGE_WRITTEN;
    uint64_t a = WHOLE, b = WHOLE;
    if (bytes > 16 || (bytes & (bytes - 1))) return false;
    memcpy(&a, state + at, bytes < 8 ? bytes : 8);
    if (bytes == 16) memcpy(&b, state + at + 8, 8);
    return a == WHOLE && b == WHOLE;
}

/* One access, of the bytes `mask` of a cell. */
struct Look {
    const char *p;
    const void *pc;
    Access kind;
    bool global;

    inline void test(const Cell &c, uint8_t mask) const
    {
        bool atomic = kind == ACCESS_ATOMIC;
        test_race(kind == ACCESS_READ ? "race: read of a concurrent write" : "race: two writes",
                  c.write, mask, global, atomic, p, pc);
        if (kind != ACCESS_READ)
            test_race("race: write after a concurrent read", c.read, mask, global, atomic, p, pc);
    }
    inline void note(Cell &c, uint8_t mask) const
    {
        bool atomic = kind == ACCESS_ATOMIC;
        if (kind != ACCESS_READ) note_write(c.write, mask, atomic, pc);
        if (kind != ACCESS_WRITE) note_read(c.read, mask, atomic, pc);
    }
    void word(size_t at) const
    {
        Cell &c = words[at / 4];
        test(c, 15);
        note(c, 15);
        if (!parted[at / 4]) return;
        test(halves[at / 2], 3);
        test(halves[at / 2 + 1], 3);
    }
    /* Those of [first, last) among the four bytes from `at` on. */
    void part(size_t at, size_t first, size_t last) const
    {
        parted[at / 4] = 1;
        test(words[at / 4], 15);
        for (size_t h = at; h < at + 4; h += 2) {
            auto mask = (uint8_t)((h >= first && h < last) | (h + 1 >= first && h + 1 < last) << 1);
            if (!mask) continue;
            test(halves[h / 2], mask);
            note(halves[h / 2], mask);
        }
    }
};

void access(const void *address, size_t bytes, Access kind, const void *pc)
{
    auto *p = (const char *)address;
    size_t first = (size_t)(p - space), last = first + bytes;
    if (first >= SPACE || quiet || !current || !hooks) return;
    if (!all_written(first, bytes) && !test_bytes(p, bytes, kind, pc)) return;
    Look look = { p, pc, kind, (size_t)(p - block_now->shared) >= SHARED_BYTES };
    if (look.global && p >= shared_begin()) {
        tell("access to another block's shared memory", p, (uintptr_t)pc, 0, "");
        return;
    }
    if (look.global && kind == ACCESS_ATOMIC) find_and_release(p);
    for (size_t at = first & ~(size_t)3; at < last; at += 4) {
        if (at >= first && at + 4 <= last)
            look.word(at);
        else
            look.part(at, first, last);
    }
}

void new_epoch(Block *b)
{
    learn(b->seen, b->taken);
    b->taken.clear();
    b->epoch = ++epoch;
    epoch_block.resize(epoch - launch_first + 1);
    epoch_block[epoch - launch_first] = b->linear;
}

void begin_block(Block *b)
{
    b->seen.clear();
    b->taken.clear();
    b->found.clear();
    b->fenced = b->finder = nullptr;
    new_epoch(b);
    b->first_epoch = b->epoch;
}

/* What any of them has done, or knows of others, all know from now on. */
void meet(const std::vector<Block *> &all)
{
    std::vector<unsigned> seen(grid_dim.x * grid_dim.y * grid_dim.z, 0);
    for (const Block *b : all) {
        seen[b->linear] = b->epoch;
        for (size_t i = 0; i < b->seen.size(); i++) seen[i] = std::max(seen[i], b->seen[i]);
    }
    for (Block *b : all) {
        b->seen = seen;
        new_epoch(b);
    }
}

void begin_launch()
{
    open_once();
    launch_first = ++epoch;
    released.clear();
    epoch_block.assign(1, 0);
}

void set_range(const void *p, size_t bytes, RangeState s)
{
    open_once();
    size_t at = (size_t)((const char *)p - space);
    if (at < SPACE) memset(state + at, s, bytes);
}

bool is_written(const void *p, size_t bytes)
{
    const uint8_t *from = state + ((const char *)p - space);
    return std::all_of(from, from + bytes, [](uint8_t s) { return s == RANGE_WRITTEN; });
}

Hooks own_hooks = { set_range, begin_launch, begin_block, new_epoch,
                    meet,      access,       note_fence,  is_written };

/* EMU_CHECK=off: the same kernels without the checks, as the plain build runs them. */
__attribute__((constructor)) void install()
{
    const char *wanted = getenv("EMU_CHECK");
    image = (const char *)own_image().dli_fbase;
    if (!wanted || strcmp(wanted, "off")) hooks = &own_hooks;
}

} // namespace
} // namespace emu

/* ---- what the compiler calls ---- */

using namespace emu;

#define PC __builtin_return_address(0)
#define EXPORT extern "C" __attribute__((visibility("hidden")))

EXPORT void __tsan_init() {}
EXPORT void __tsan_func_entry(void *) {}
EXPORT void __tsan_func_exit() {}

#define EMU_READ_WRITE(n)                                                                          \
    EXPORT void __tsan_read##n(void *p)                                                            \
    {                                                                                              \
        access(p, n, ACCESS_READ, PC);                                                             \
    }                                                                                              \
    EXPORT void __tsan_write##n(void *p)                                                           \
    {                                                                                              \
        access(p, n, ACCESS_WRITE, PC);                                                            \
    }                                                                                              \
    EXPORT void __tsan_unaligned_read##n(void *p)                                                  \
    {                                                                                              \
        access(p, n, ACCESS_READ, PC);                                                             \
    }                                                                                              \
    EXPORT void __tsan_unaligned_write##n(void *p)                                                 \
    {                                                                                              \
        access(p, n, ACCESS_WRITE, PC);                                                            \
    }                                                                                              \
    EXPORT void __tsan_volatile_read##n(void *p)                                                   \
    {                                                                                              \
        access(p, n, ACCESS_READ, PC);                                                             \
    }                                                                                              \
    EXPORT void __tsan_volatile_write##n(void *p)                                                  \
    {                                                                                              \
        access(p, n, ACCESS_WRITE, PC);                                                            \
    }
EMU_READ_WRITE(1)
EMU_READ_WRITE(2)
EMU_READ_WRITE(4)
EMU_READ_WRITE(8)
EMU_READ_WRITE(16)

EXPORT void __tsan_read_range(void *p, size_t n)
{
    access(p, n, ACCESS_READ, PC);
}
EXPORT void __tsan_write_range(void *p, size_t n)
{
    access(p, n, ACCESS_WRITE, PC);
}
EXPORT void __tsan_vptr_update(void **, void *) {}
EXPORT void __tsan_vptr_read(void **) {}
EXPORT void *__tsan_memcpy(void *to, const void *from, size_t n)
{
    access(from, n, ACCESS_READ, PC);
    access(to, n, ACCESS_WRITE, PC);
    return memcpy(to, from, n);
}
EXPORT void *__tsan_memset(void *to, int byte, size_t n)
{
    access(to, n, ACCESS_WRITE, PC);
    return memset(to, byte, n);
}
EXPORT void *__tsan_memmove(void *to, const void *from, size_t n)
{
    access(from, n, ACCESS_READ, PC);
    access(to, n, ACCESS_WRITE, PC);
    return memmove(to, from, n);
}
/* shared_ptr counts, in the launchers' host code */
#define EMU_COUNT(bits, T)                                                                         \
    EXPORT T __tsan_atomic##bits##_load(const volatile T *p, int)                                  \
    {                                                                                              \
        return __atomic_load_n(p, 5);                                                              \
    }                                                                                              \
    EXPORT void __tsan_atomic##bits##_store(volatile T *p, T v, int)                               \
    {                                                                                              \
        __atomic_store_n(p, v, 5);                                                                 \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_add(volatile T *p, T v, int)                              \
    {                                                                                              \
        return __atomic_fetch_add(p, v, 5);                                                        \
    }                                                                                              \
    EXPORT T __tsan_atomic##bits##_fetch_sub(volatile T *p, T v, int)                              \
    {                                                                                              \
        return __atomic_fetch_sub(p, v, 5);                                                        \
    }
EMU_COUNT(8, uint8_t)
EMU_COUNT(32, uint32_t)
EMU_COUNT(64, uint64_t)

/* Loads and stores of a warp. Bounds are those of allocations and of shared variables; shared
 * memory nobody wrote is told; and what an access costs is counted (EMU_TRAFFIC=file): 32-byte
 * sectors of device memory, passes through the 32 banks of shared memory. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <unistd.h>

#include "kernels_cuda/emu/ptx.h"

namespace emu
{
namespace ptx
{

namespace
{

constexpr size_t SECTOR = 32, BANKS = 32, BANK = 4, PASS = BANKS * BANK;

/* ---- what it costs ---- */

size_t count_distinct(uint64_t *first, size_t n)
{
    std::sort(first, first + n);
    return (size_t)(std::unique(first, first + n) - first);
}

/* Distinct units of `unit` bytes that the lanes touch. */
size_t units(const Accesses &a, uint32_t mask, size_t unit)
{
    uint64_t at[N_LANES * 16];
    size_t n = 0;
    for (uint32_t left = mask; left; left &= left - 1) {
        auto first = (uint64_t)a.p[__builtin_ctz(left)];
        for (uint64_t u = first / unit; u <= (first + a.bytes - 1) / unit; u++) at[n++] = u;
    }
    return count_distinct(at, n);
}

void count_global(Traffic &t, const Accesses &a, uint32_t mask)
{
    size_t grain = a.bytes < BANK ? a.bytes : BANK;
    t.requests++;
    t.sectors += units(a, mask, SECTOR);
    t.sectors_least += (units(a, mask, grain) * grain + SECTOR - 1) / SECTOR;
}

/* Lanes whose bytes fill the banks once pass together: 32 of 4 bytes, 8 of 16. */
void count_shared(Traffic &t, const Accesses &a, uint32_t mask)
{
    int together = a.bytes <= BANK ? N_LANES : (int)(PASS / a.bytes);
    t.shared_requests++;
    for (int first = 0; first < N_LANES; first += together) {
        uint32_t part = mask & (uint32_t)(((uint64_t)1 << together) - 1) << first;
        if (!part) continue;
        uint64_t word[N_LANES * 4];
        size_t n = 0, most = 0, in_bank[BANKS] = {};
        for (uint32_t left = part; left; left &= left - 1) {
            auto at = (uint64_t)a.p[__builtin_ctz(left)];
            for (uint64_t w = at / BANK; w <= (at + a.bytes - 1) / BANK; w++) word[n++] = w;
        }
        n = count_distinct(word, n);
        for (size_t k = 0; k < n; k++) most = std::max(most, ++in_bank[word[k] % BANKS]);
        t.passes += most;
        t.passes_least += (n + BANKS - 1) / BANKS;
    }
}

bool counting;

/* ---- where it may go ---- */

struct Range {
    const char *from, *to;
};

} // namespace

/* The last allocation accessed: most accesses follow others of the same. */
bool on_device(const Kernel &k, const char *p, size_t bytes)
{
    static Range last;
    static uint64_t seen;
    for (const Table &t : k.tables)
        if (p >= t.bytes.data() && p + bytes <= t.bytes.data() + t.bytes.size()) return true;
    if (seen == memory_changes() && p >= last.from && p + bytes <= last.to) return true;
    const Allocation *a = memory_near(p, 0);
    if (!a || !a->live || p + bytes > a->data + a->bytes) return false;
    last = { a->data, a->data + a->bytes };
    seen = memory_changes();
    return true;
}

namespace
{

std::string place_on_device(const char *p)
{
    char text[128];
    const Allocation *a = memory_near(p, 8192);
    if (!a) return "no allocation is near";
    snprintf(text, sizeof text, "byte %td of allocation %d of %zu bytes%s", p - a->data, a->id,
             a->bytes, a->live ? "" : ", which is freed");
    return text;
}

std::string place_in_shared(const Machine &m, size_t at)
{
    char text[256];
    const Variable *near = nullptr;
    for (const Variable &v : m.kernel->shared)
        if (at + 32 >= v.at && (!near || v.at <= at)) near = &v;
    if (!near) return "no variable is near";
    size_t bytes = near->bytes ? near->bytes : m.team->dynamic_bytes;
    snprintf(text, sizeof text, "byte %td of %zu of %s", (ptrdiff_t)at - (ptrdiff_t)near->at, bytes,
             near->name.c_str());
    return text;
}

bool shared_allows(Machine &m, const Instruction &i, int l, const Accesses &a, bool writes)
{
    Team &t = *m.team;
    size_t at = (size_t)(a.p[l] - t.shared), n = t.state.size();
    uint32_t bit = 1u << l;
    bool inside = at < n && at + a.bytes <= n;
    for (size_t k = 0; inside && k < a.bytes; k++) inside = t.state[at + k] != RANGE_NONE;
    if (!inside) {
        fault(m, i, bit, "access outside shared memory: %s", place_in_shared(m, at).c_str());
        return false;
    }
    for (size_t k = 0; k < a.bytes; k++)
        if (t.state[at + k] == RANGE_COMING) {
            fault(m, i, bit, "access to shared memory that a copy is on its way to: %s",
                  place_in_shared(m, at).c_str());
            return false;
        }
    if (writes) {
        memset(&t.state[at], RANGE_WRITTEN, a.bytes);
        return true;
    }
    for (size_t k = 0; k < a.bytes; k++)
        if (t.state[at + k] == RANGE_UNWRITTEN) {
            fault(m, i, bit, "read of shared memory that nobody wrote: %s",
                  place_in_shared(m, at).c_str());
            return true;
        }
    return true;
}

/* The lanes of the instruction that may do what they want to; the others are told. */
uint32_t allowed(Machine &m, const Instruction &i, const Accesses &a, Space space, bool writes)
{
    uint32_t good = m.mask;
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        bool fine = (uintptr_t)a.p[l] % a.bytes == 0;
        if (!fine)
            fault(m, i, left & -left, "misaligned access of %zu bytes at %p", a.bytes,
                  (void *)a.p[l]);
        else if (space == SHARED)
            fine = shared_allows(m, i, l, a, writes);
        else if (space == LOCAL)
            fine =
                (size_t)(a.p[l] - (char *)m.warp->local.data()) + a.bytes <= m.warp->local.size();
        else if (!(fine = on_device(*m.kernel, a.p[l], a.bytes)))
            fault(m, i, left & -left, "access outside device memory: %s",
                  place_on_device(a.p[l]).c_str());
        if (!fine) good &= ~(1u << l);
    }
    return good;
}

char *local_of(const Machine &m, int l)
{
    return (char *)m.warp->local.data() + (size_t)l * m.kernel->local;
}

/* Addresses of the lanes, and the space a generic one lies in. */
Space locate(const Machine &m, const Instruction &i, Accesses &a)
{
    const uint8_t *base = m.from(i.a[0]);
    const Team &t = *m.team;
    Space space = i.space;
    a.bytes = (size_t)i.width * i.parts;
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        uint64_t at = i.wide ? lane<uint64_t>(base, l) : lane<uint32_t>(base, l);
        at += (uint64_t)i.offset;
        a.p[l] = space == SHARED  ? t.shared + (uint32_t)at
                 : space == LOCAL ? local_of(m, l) + at
                                  : (char *)at;
    }
    if (space != GENERIC) return space;
    size_t offset = (size_t)(a.p[__builtin_ctz(m.mask)] - t.shared);
    size_t offset_local = (size_t)(a.p[__builtin_ctz(m.mask)] - (char *)m.warp->local.data());
    return offset < t.memory.size() ? SHARED : offset_local < m.warp->local.size() ? LOCAL : GLOBAL;
}

} // namespace

bool prepare(Machine &m, const Instruction &i, Accesses &a, bool writes)
{
    Space space = locate(m, i, a);
    uint32_t good = allowed(m, i, a, space, writes);
    if (counting && good && space == SHARED) count_shared(m.kernel->traffic, a, good);
    if (counting && good && space == GLOBAL) count_global(m.kernel->traffic, a, good);
    m.mask = good;
    return good != 0;
}

namespace
{

uint64_t fetch(const char *p, int width, bool sign)
{
    switch (width) {
    case 1:
        return sign ? (uint64_t)(int64_t) * (const int8_t *)p : *(const uint8_t *)p;
    case 2:
        return sign ? (uint64_t)(int64_t) * (const int16_t *)p : *(const uint16_t *)p;
    case 4:
        return sign ? (uint64_t)(int64_t) * (const int32_t *)p : *(const uint32_t *)p;
    default:
        return *(const uint64_t *)p;
    }
}

void put(uint8_t *slot, int l, int width, uint64_t v)
{
    if (width == 8)
        ((uint64_t *)slot)[l] = v;
    else
        ((uint32_t *)slot)[l] = (uint32_t)v;
}

} // namespace

void load(Machine &m, const Instruction &i)
{
    Accesses a;
    if (!prepare(m, i, a, false)) return;
    if (i.waits) m.left = 0; /* nothing comes of asking again at once */
    for (int k = 0; k < i.parts; k++) {
        uint8_t *d = m.to(i.d[k]);
        for (uint32_t left = m.mask; left; left &= left - 1) {
            int l = __builtin_ctz(left);
            put(d, l, i.mode, fetch(a.p[l] + k * i.width, i.width, i.sign));
        }
    }
}

void store(Machine &m, const Instruction &i)
{
    Accesses a;
    if (!prepare(m, i, a, true)) return;
    m.moved = true;
    for (int k = 0; k < i.parts; k++) {
        const uint8_t *v = m.from(i.a[1 + k]);
        for (uint32_t left = m.mask; left; left &= left - 1) {
            int l = __builtin_ctz(left);
            const void *from = i.width == 8 ? (const void *)((const uint64_t *)v + l)
                                            : (const void *)((const uint32_t *)v + l);
            memcpy(a.p[l] + k * i.width, from, i.width);
        }
    }
}

void add_atomic(Machine &m, const Instruction &i)
{
    Accesses a;
    uint32_t old[N_LANES] = {};
    if (!prepare(m, i, a, true)) return;
    m.moved = true;
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        auto *p = (uint32_t *)a.p[l];
        auto by = lane<uint32_t>(m.from(i.a[1]), l);
        old[l] = *p;
        *p = i.mode == ATOMIC_ADD ? *p + by : *p >= by ? 0 : *p + 1;
    }
    keep(m.to(i.d[0]), m.mask, old);
}

/* Which parameter, and where in it, is the same for all lanes. */
void load_parameter(Machine &m, const Instruction &i)
{
    uint64_t at = lane<uint64_t>(m.from(i.a[0]), __builtin_ctz(m.mask)) + (uint64_t)i.offset;
    size_t number = at >> PARAMETER_BITS;
    if (number >= m.args->size()) {
        fault(m, i, m.mask, "parameter %zu of %zu", number, m.args->size());
        return;
    }
    const char *p = (const char *)(*m.args)[number] + (at & (((uint64_t)1 << PARAMETER_BITS) - 1));
    for (int k = 0; k < i.parts; k++) {
        uint64_t v = fetch(p + k * i.width, i.width, i.sign);
        for (uint32_t left = m.mask; left; left &= left - 1)
            put(m.to(i.d[k]), __builtin_ctz(left), i.mode, v);
    }
}

/* cvta */
void convert_address(Machine &m, const Instruction &i)
{
    uint64_t out[N_LANES] = {};
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        auto base = (uint64_t)(i.space == SHARED  ? m.team->shared
                               : i.space == LOCAL ? local_of(m, l)
                                                  : nullptr);
        out[l] = lane<uint64_t>(m.from(i.a[0]), l) + (i.mode ? 0 - base : base);
    }
    keep(m.to(i.d[0]), m.mask, out);
}

/* ---- what a process counted ---- */

namespace
{

std::vector<Kernel *> &counted = *new std::vector<Kernel *>;
char traffic_file[512];

void write_traffic()
{
    int file = open(traffic_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    for (const Kernel *k : counted) {
        const Traffic &t = k->traffic;
        if (t.requests + t.shared_requests)
            dprintf(file, "%s %lu %lu %lu %lu %lu %lu\n", k->name.c_str(), t.requests, t.sectors,
                    t.sectors_least, t.shared_requests, t.passes, t.passes_least);
    }
    close(file);
}

} // namespace

void traffic_of(Kernel *k)
{
    const char *name = getenv("EMU_TRAFFIC");
    if (!name || !*name) return;
    if (!counting) {
        snprintf(traffic_file, sizeof traffic_file, "%s", name);
        atexit(write_traffic);
    }
    counting = true;
    counted.push_back(k);
}

} // namespace ptx
} // namespace emu

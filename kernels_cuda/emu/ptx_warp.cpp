/* Where the lanes of a warp go, and what they do together. */
#include <climits>
#include <cstdarg>
#include <cstdio>

#include "kernels_cuda/emu/ptx.h"

namespace emu
{
namespace ptx
{

void fault(Machine &m, const Instruction &i, uint32_t lanes, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    Thread t = {};
    t.lane = lanes ? (unsigned)__builtin_ctz(lanes) : 0;
    t.linear = m.warp->number * N_LANES + t.lane;
    t.tid = { t.linear % block_dim.x, t.linear / block_dim.x % block_dim.y,
              t.linear / (block_dim.x * block_dim.y) };
    static Block &told = *new Block();
    told.index = m.team->index;
    block_now = &told;
    current = &t;
    error("%s at %s", text, source_of(*m.kernel, i).c_str());
    current = nullptr;
}

/* ---- where lanes go ---- */

namespace
{

uint32_t able(const Warp &w)
{
    return w.exist & ~w.exited & ~w.waiting & ~w.at_barrier;
}

void place(Warp &w, uint32_t lanes, int pc)
{
    for (; lanes; lanes &= lanes - 1) w.pc[__builtin_ctz(lanes)] = pc;
}

/* The lanes least far go on, in step. */
bool choose(Machine &m)
{
    Warp &w = *m.warp;
    m.pc = m.next = INT_MAX;
    m.active = 0;
    for (uint32_t left = able(w); left; left &= left - 1) {
        int l = __builtin_ctz(left), pc = w.pc[l];
        if (pc < m.pc) {
            m.next = m.pc;
            m.pc = pc;
            m.active = 1u << l;
        } else if (pc == m.pc) {
            m.active |= 1u << l;
        } else if (pc < m.next) {
            m.next = pc;
        }
    }
    return m.active != 0;
}

/* The lanes of the instruction stay where it is. */
void stop(Machine &m, uint32_t &why)
{
    why |= m.mask;
    place(*m.warp, m.mask, m.pc - 1);
    m.active &= ~m.mask;
}

/* Of lanes that an operand names. */
bool together(Machine &m, const Instruction &i, int operand)
{
    uint32_t members = lane<uint32_t>(m.from(operand), __builtin_ctz(m.mask));
    for (uint32_t left = m.mask; left; left &= left - 1)
        if (lane<uint32_t>(m.from(operand), __builtin_ctz(left)) != members) {
            fault(m, i, left & -left, "lanes that act together name different masks");
            break;
        }
    if (m.mask & ~members)
        fault(m, i, m.mask & ~members, "a lane calls with mask %08x, which leaves it out", members);
    return gathered(m, i, members);
}

} // namespace

bool gathered(Machine &m, const Instruction &, uint32_t members)
{
    Warp &w = *m.warp;
    uint32_t awaited = members & w.exist & ~w.exited, here = m.mask;
    for (uint32_t left = w.waiting; left; left &= left - 1)
        if (w.pc[__builtin_ctz(left)] == m.pc - 1) here |= left & -left;
    if (awaited & ~here) {
        stop(m, w.waiting);
        return false;
    }
    w.waiting &= ~here;
    m.active |= here;
    m.mask = here;
    return true;
}

void run_warp(Machine &m)
{
    const Instruction *code = m.kernel->code.data();
    while (m.left && choose(m)) {
        while (m.active && m.pc < m.next && m.left) {
            const Instruction &i = code[m.pc++];
            m.mask = m.active;
            if (i.guarded) {
                uint32_t p = *(const uint32_t *)m.from(i.guard);
                m.mask &= i.unless ? ~p : p;
            }
            m.left--;
            if (m.mask) i.step(m, i);
        }
        place(*m.warp, m.active, m.pc);
    }
}

void branch(Machine &m, const Instruction &i)
{
    if (m.mask == m.active) {
        m.pc = i.target;
        return;
    }
    place(*m.warp, m.mask, i.target);
    m.active &= ~m.mask;
    if (i.target < m.next) m.next = i.target;
}

void leave(Machine &m, const Instruction &i)
{
    for (const Copy &c : m.warp->copies)
        if (m.mask >> c.lane & 1) {
            fault(m, i, 1u << c.lane, "a thread returns before its copies have landed");
            break;
        }
    m.moved = true;
    m.warp->exited |= m.mask;
    m.active &= ~m.mask;
    m.warp->waiting = 0; /* perhaps for these only: they ask again */
}

void barrier(Machine &m, const Instruction &i)
{
    if (i.n_a && lane<uint32_t>(m.from(i.a[0]), 0)) fault(m, i, m.mask, "a barrier other than 0");
    stop(m, m.warp->at_barrier);
}

void nothing(Machine &, const Instruction &) {}

/* ---- what they do together ---- */

void sync_lanes(Machine &m, const Instruction &i)
{
    together(m, i, i.a[0]);
}

/* shfl.sync: a, b, c, members; c holds the last lane of a segment, and above it the mask of the
 * bits that tell segments apart. */
void shuffle_lanes(Machine &m, const Instruction &i)
{
    if (!together(m, i, i.a[3])) return;
    const uint8_t *a = m.from(i.a[0]), *b = m.from(i.a[1]), *c = m.from(i.a[2]);
    uint32_t out[N_LANES] = {};
    bool inside[N_LANES] = {};
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left), by = (int)(lane<uint32_t>(b, l) & 31);
        int clamp = (int)(lane<uint32_t>(c, l) & 31), apart = (int)(lane<uint32_t>(c, l) >> 8 & 31);
        int last = (l & apart) | (clamp & ~apart), from = l;
        switch (i.mode) {
        case SHUFFLE_INDEX:
            from = (l & apart) | (by & ~apart);
            break;
        case SHUFFLE_UP:
            from = l - by;
            break;
        case SHUFFLE_DOWN:
            from = l + by;
            break;
        default:
            from = l ^ by;
        }
        inside[l] = i.mode == SHUFFLE_UP ? from >= last : from <= last;
        if (!inside[l]) from = l;
        out[l] = m.mask >> from & 1 ? lane<uint32_t>(a, from) : UINT32_MAX;
        if (!(m.mask >> from & 1))
            fault(m, i, 1u << l, "a shuffle reads lane %d, which is not in the mask", from);
    }
    keep(m.to(i.d[0]), m.mask, out);
    if (i.n_d > 1) keep(m.to(i.d[1]), m.mask, inside);
}

void vote(Machine &m, const Instruction &i)
{
    if (!together(m, i, i.a[1])) return;
    uint32_t votes = *(const uint32_t *)m.from(i.a[0]) & m.mask, out[N_LANES];
    for (uint32_t &v : out) v = votes;
    keep(m.to(i.d[0]), m.mask, out);
}

} // namespace ptx
} // namespace emu

/* Instructions for matrix units, of all lanes of a warp, and copies past the registers. */
#include "kernels_cuda/emu/ptx.h"

namespace emu
{
namespace ptx
{

namespace
{

bool whole_warp(Machine &m, const Instruction &i)
{
    if (!gathered(m, i, EVERY_LANE)) return false;
    if (m.mask == EVERY_LANE) return true;
    fault(m, i, m.mask, "lanes of the warp are missing (%08x came)", m.mask);
    return false;
}

} // namespace

/* Operands: four words of A, two of B, four sums. */
void multiply(Machine &m, const Instruction &i)
{
    float sums[N_LANES][4];
    uint32_t a[N_LANES][4], b[N_LANES][2];
    if (!whole_warp(m, i)) return;
    for (int l = 0; l < N_LANES; l++) {
        for (int r = 0; r < 4; r++) a[l][r] = lane<uint32_t>(m.from(i.a[r]), l);
        for (int r = 0; r < 2; r++) b[l][r] = lane<uint32_t>(m.from(i.a[4 + r]), l);
        for (int r = 0; r < 4; r++) sums[l][r] = lane<float>(m.from(i.a[6 + r]), l);
    }
    tile_multiply((Numbers)i.mode, sums, a, b);
    for (int r = 0; r < 4; r++) {
        float out[N_LANES];
        for (int l = 0; l < N_LANES; l++) out[l] = sums[l][r];
        keep(m.to(i.d[r]), EVERY_LANE, out);
    }
}

void load_matrices(Machine &m, const Instruction &i)
{
    Accesses a;
    uint32_t to[N_LANES][4];
    if (!whole_warp(m, i) || !prepare(m, i, a, false) || m.mask != EVERY_LANE) return;
    tile_load(a.p, i.mode, to);
    for (int r = 0; r < 4; r++) {
        uint32_t out[N_LANES];
        for (int l = 0; l < N_LANES; l++) out[l] = to[l][r];
        keep(m.to(i.d[r]), EVERY_LANE, out);
    }
}

/* Operands: the address it reads, the one it writes, how many bytes of 16. */
void start_copy(Machine &m, const Instruction &i)
{
    Accesses a;
    Instruction to = i;
    to.a[0] = i.a[1];
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        auto from = (const char *)lane<uint64_t>(m.from(i.a[0]), l);
        auto bytes = lane<uint32_t>(m.from(i.a[2]), l);
        bool fine = (uintptr_t)from % 16 == 0 && bytes <= 16 &&
                    (!bytes || on_device(*m.kernel, from, bytes));
        if (fine) continue;
        fault(m, i, left & -left, "a copy of %u bytes of 16 from %p", bytes, (const void *)from);
        m.mask &= ~(left & -left);
    }
    if (!m.mask || !prepare(m, to, a, true)) return;
    Team &t = *m.team;
    for (uint32_t left = m.mask; left; left &= left - 1) {
        int l = __builtin_ctz(left);
        auto from = (const void *)lane<uint64_t>(m.from(i.a[0]), l);
        memset(&t.state[(size_t)(a.p[l] - t.shared)], RANGE_COMING, 16);
        m.warp->copies.push_back({ a.p[l], from, lane<uint32_t>(m.from(i.a[2]), l),
                                   m.warp->copy_groups[l], (unsigned)l });
    }
}

void commit_copies(Machine &m, const Instruction &)
{
    for (uint32_t left = m.mask; left; left &= left - 1) m.warp->copy_groups[__builtin_ctz(left)]++;
}

void wait_copies(Machine &m, const Instruction &i)
{
    Team &t = *m.team;
    auto due = [&](const Copy &c) {
        return (m.mask >> c.lane & 1) && c.group + (unsigned)i.mode < m.warp->copy_groups[c.lane];
    };
    for (const Copy &c : copies_due(m.warp->copies, due)) {
        memset(c.to, 0, 16);
        memcpy(c.to, c.from, c.bytes);
        memset(&t.state[(size_t)((char *)c.to - t.shared)], RANGE_WRITTEN, 16);
    }
}

} // namespace ptx
} // namespace emu

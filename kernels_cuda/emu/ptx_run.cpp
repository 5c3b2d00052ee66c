/* Launches of interpreted kernels: blocks one after the other, or all of a launch whose blocks wait
 * for one another; warps in random turns. */
#include <algorithm>
#include <climits>
#include <dlfcn.h>

#include "kernels_cuda/emu/ptx.h"

namespace emu
{
namespace ptx
{

namespace
{

/* How long a warp goes on: to its end or a barrier, for few instructions, or now so, now so. */
enum Turns { LONG, SHORT, MIXED, N_TURNS };

uint32_t special(const std::string &name, const Team &t, unsigned thread)
{
    auto along = [&](unsigned x, unsigned y, unsigned z) {
        return name.back() == 'x' ? x : name.back() == 'y' ? y : z;
    };
    const dim3 &b = block_dim, &g = grid_dim;
    if (name == "%laneid") return thread % N_LANES;
    if (name == "%warpid") return thread / N_LANES;
    if (name[1] == 't') return along(thread % b.x, thread / b.x % b.y, thread / (b.x * b.y));
    if (name[1] == 'c') return along(t.index.x, t.index.y, t.index.z);
    return name.compare(0, 5, "%ntid") == 0 ? along(b.x, b.y, b.z) : along(g.x, g.y, g.z);
}

void open_warp(const Kernel &k, const Team &t, Warp &w, unsigned number)
{
    unsigned first = number * N_LANES, n = t.n_threads - first;
    w.number = number;
    w.exist = n >= N_LANES ? EVERY_LANE : (1u << n) - 1;
    w.exited = w.waiting = w.at_barrier = 0;
    w.copies.clear();
    for (unsigned &groups : w.copy_groups) groups = 0;
    for (int &pc : w.pc) pc = 0;
    w.registers.resize(k.registers, 0xff);
    w.local.assign(k.local * N_LANES, 0xff);
    for (const Special &s : k.specials) {
        uint32_t v[N_LANES];
        for (unsigned l = 0; l < N_LANES; l++) v[l] = special(s.name, t, first + l);
        keep(w.registers.data() + s.place, EVERY_LANE, v);
    }
}

/* Shared memory: all bits set, nothing written, nothing allowed between the variables. */
void open_shared(const Kernel &k, Team &t)
{
    size_t bytes = k.dynamic ? SHARED_STATIC + t.dynamic_bytes : k.shared_bytes;
    t.memory.assign(bytes + 128, (char)0xff);
    t.shared = t.memory.data() + (128 - (uintptr_t)t.memory.data() % 128) % 128;
    t.state.assign(bytes, RANGE_NONE);
    for (const Variable &v : k.shared)
        if (v.at != SIZE_MAX)
            memset(t.state.data() + v.at, RANGE_UNWRITTEN, v.bytes ? v.bytes : t.dynamic_bytes);
}

void open_team(const Kernel &k, Team &t, unsigned linear, size_t dynamic)
{
    t.linear = linear;
    t.index = { linear % grid_dim.x, linear / grid_dim.x % grid_dim.y,
                linear / (grid_dim.x * grid_dim.y) };
    t.n_threads = block_dim.x * block_dim.y * block_dim.z;
    t.dynamic_bytes = dynamic;
    t.warps.resize((t.n_threads + N_LANES - 1) / N_LANES);
    open_shared(k, t);
    for (unsigned n = 0; n < t.warps.size(); n++) open_warp(k, t, t.warps[n], n);
}

bool can_run(const Warp &w)
{
    return (w.exist & ~w.exited & ~w.waiting & ~w.at_barrier) != 0;
}

bool at_barrier(const Team &t)
{
    bool any = false;
    for (const Warp &w : t.warps) {
        if (w.exist & ~w.exited & ~w.at_barrier) return false;
        any |= w.at_barrier != 0;
    }
    return any;
}

/* All threads that are left have come to a barrier: to the same one? */
void open_barrier(Machine &m)
{
    int at = -1;
    bool differ = false;
    uint32_t gone = 0;
    for (Warp &w : m.team->warps) {
        for (uint32_t left = w.at_barrier; left; left &= left - 1) {
            int &pc = w.pc[__builtin_ctz(left)];
            differ |= at >= 0 && pc != at;
            at = pc++;
        }
        m.warp = &w;
        gone |= w.exited;
        w.at_barrier = 0;
    }
    const Instruction &i = m.kernel->code[(size_t)at];
    if (differ) fault(m, i, 1, "divergent barrier: some threads come to another one");
    if (gone) fault(m, i, 1, "a barrier after threads have returned");
}

void tell_deadlock(Machine &m)
{
    for (Warp &w : m.team->warps)
        if (uint32_t stuck = w.waiting | w.at_barrier) {
            m.warp = &w;
            fault(m, m.kernel->code[(size_t)w.pc[__builtin_ctz(stuck)]], stuck,
                  "deadlock: no thread can run; waiting lanes %08x", stuck);
            return;
        }
}

/* Blocks that wait for one another do so in loops: no turn may last for ever, nor all of them. */
constexpr unsigned TURN_MOST = 4096, IN_VAIN_MOST = 20000000; /* instructions */

unsigned turn(int style, bool together)
{
    unsigned most = together ? TURN_MOST : INT_MAX;
    if (style == LONG || schedule_order() != RANDOM) return most;
    unsigned bits = random_bits();
    return style == MIXED && (bits & 3) == 0 ? most : 1 + (bits >> 8) % 64;
}

/* A warp that can go on, of any block; false: there is none. */
bool next_warp(Machine &m, std::vector<Team> &teams, size_t n)
{
    static std::vector<std::pair<Team *, Warp *>> &ready =
        *new std::vector<std::pair<Team *, Warp *>>;
    ready.clear();
    for (size_t t = 0; t < n; t++)
        for (Warp &w : teams[t].warps)
            if (can_run(w)) ready.push_back({ &teams[t], &w });
    if (ready.empty()) return false;
    /* in order too: who waits in a loop must not be the only one */
    size_t at = schedule_order() == FORWARD && n == 1   ? 0
                : schedule_order() == REVERSE && n == 1 ? ready.size() - 1
                                                        : random_bits() % ready.size();
    m.team = ready[at].first;
    m.warp = ready[at].second;
    return true;
}

bool open_barriers(Machine &m, std::vector<Team> &teams, size_t n)
{
    bool any = false;
    for (size_t t = 0; t < n; t++)
        if (at_barrier(teams[t])) {
            m.team = &teams[t];
            open_barrier(m);
            m.moved = any = true;
        }
    return any;
}

/* False: they cannot go on. */
bool run_teams(Machine &m, std::vector<Team> &teams, size_t n, bool together)
{
    int style = (int)(random_bits() >> 8) % N_TURNS;
    for (unsigned in_vain = 0;;) {
        unsigned given = m.left = turn(style, together);
        m.moved = false;
        if (next_warp(m, teams, n))
            run_warp(m);
        else if (!open_barriers(m, teams, n))
            break;
        if (together) open_barriers(m, teams, n);
        in_vain = m.moved ? 0 : in_vain + std::min(given, TURN_MOST);
        if (in_vain > IN_VAIN_MOST) {
            fault(m, m.kernel->code[0], 1, "blocks wait for one another in vain");
            return false;
        }
    }
    for (size_t t = 0; t < n; t++)
        for (const Warp &w : teams[t].warps)
            if (w.exist & ~w.exited) {
                m.team = &teams[t];
                tell_deadlock(m);
                return false;
            }
    return true;
}

void interpret(const Launch &l, const std::vector<unsigned> &order)
{
    static std::vector<Team> &teams = *new std::vector<Team>(TOGETHER_MAX);
    Dl_info kernel;
    if (!dladdr(l.kernel, &kernel) || !kernel.dli_sname) {
        error("%s has no name by which its PTX could be found", l.name);
        return;
    }
    Kernel *k = find(kernel.dli_sname);
    if (!k) return;
    Machine m = {};
    m.kernel = k;
    m.args = &l.args;
    size_t each = l.together ? order.size() : 1;
    for (size_t i = 0; i < order.size(); i += each) {
        for (size_t t = 0; t < each; t++) open_team(*k, teams[t], order[i + t], l.shared);
        if (!run_teams(m, teams, each, l.together)) return;
    }
}

__attribute__((constructor)) void install()
{
    interpreter = interpret;
}

} // namespace

} // namespace ptx
} // namespace emu

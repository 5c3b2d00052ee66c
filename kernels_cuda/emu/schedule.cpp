/* Which thread of a block goes on: barriers, warp collectives, and the order of those that can run.
 *
 * Uniform picks keep all warps in step and miss races that need one warp far ahead, so every block
 * draws a style: uniform; who became ready last runs on, with rare jumps or without; the same,
 * whole warps at a time. tests/emu/faults.cu says how often each kind of fault is noticed. */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "kernels_cuda/emu/engine.h"

namespace emu
{

Thread *current;
dim3 grid_dim, block_dim;
int quiet;

namespace
{

enum Style { UNIFORM, WARP_AHEAD, DEEPEST_JUMPS, DEEPEST, N_STYLES };

std::vector<Thread *> &ready = *new std::vector<Thread *>;
size_t ready_first; /* those before have run; used when the order is not random */
int style;
const std::function<void()> *body;
bool deadlocked;
size_t alive; /* threads of all blocks that run */

/* Blocks that come together. */
struct Meeting {
    const void *key;
    unsigned n;
    const char *site;
    std::vector<Thread *> waiting;
    std::vector<Block *> whole; /* blocks of which all threads are there */
};
std::vector<Meeting> &meetings = *new std::vector<Meeting>;

uint32_t seed_of_environment()
{
    const char *s = getenv("EMU_SEED");
    return s ? ((uint32_t)strtoul(s, nullptr, 0) * 2654435761u) | 1 : 0x9e3779b9u;
}

Thread *pick()
{
    if (ready_first == ready.size()) {
        ready.clear();
        ready_first = 0;
        return nullptr;
    }
    if (schedule_order() != RANDOM) return ready[ready_first++];
    bool jump = style == UNIFORM || (style == DEEPEST_JUMPS && (random_bits() & 63) == 0);
    if (jump) std::swap(ready[random_bits() % ready.size()], ready.back());
    Thread *t = ready.back();
    ready.pop_back();
    return t;
}

void tell_waiting()
{
    int shown = 0;
    for (size_t i = 0; i < n_blocks; i++)
        for (const Thread &t : blocks[i].threads)
            if (t.waits && shown++ < 6)
                fprintf(stderr, "  block %u thread %u waits at %s\n", blocks[i].linear, t.linear,
                        t.site);
    if (shown > 6) fprintf(stderr, "  and %d more\n", shown - 6);
}

void deadlock()
{
    error("deadlock: no thread can run");
    tell_waiting();
    deadlocked = true;
    current = nullptr;
    fiber_switch(&host_fiber, true);
}

void fiber_main();

/* Go on as thread t, on its fiber or a fresh one. */
void resume(Thread *t)
{
    if (!t->fiber) t->fiber = fiber_take(fiber_main);
    current = t;
    block_now = t->block;
    t->waits = false;
    fiber_switch(t->fiber, false);
}

/* Give up the processor until somebody makes this thread ready. */
void suspend()
{
    Thread *me = current;
    me->waits = true;
    me->fiber = fiber_now;
    Thread *next = pick();
    if (!next) deadlock();
    if (next != me) resume(next);
    current = me;
    block_now = me->block;
    me->waits = false;
}

void release_barrier()
{
    const char *site = block_now->waiting[0]->site;
    for (const Thread *t : block_now->waiting)
        if (strcmp(t->site, site)) {
            error("divergent barrier: thread %u at %s, thread %u at %s",
                  block_now->waiting[0]->linear, site, t->linear, t->site);
            break;
        }
    if (block_now->n_exited)
        error("barrier at %s: %u of %u threads have already returned", site, block_now->n_exited,
              block_now->n_threads);
    block_now->result = block_now->votes;
    size_t from = ready.size();
    for (Thread *t : block_now->waiting) ready.push_back(t);
    schedule_mix(from);
    block_now->waiting.clear();
    if (hooks) hooks->barrier(block_now);
}

/* Run the collective that `lane` waits for, if every lane of its mask has come. */
bool complete(Warp &w, unsigned lane)
{
    const Arrival &first = w.arrival[lane];
    unsigned lanes = first.mask & w.exist & ~w.exited;
    if ((w.arrived & lanes) != lanes) return false;
    void *args[32] = {};
    for (unsigned m = lanes; m; m &= m - 1) {
        const Arrival &a = w.arrival[__builtin_ctz(m)];
        if (a.mask != first.mask || a.op != first.op) return false;
        args[__builtin_ctz(m)] = a.arg;
    }
    unsigned epoch = 0;
    for (unsigned m = lanes; m; m &= m - 1) {
        unsigned own = w.thread[__builtin_ctz(m)]->warp_epoch;
        if (own > epoch) epoch = own;
    }
    w.arrived &= ~lanes;
    quiet++;
    if (first.fn) first.fn(args, lanes);
    quiet--;
    size_t from = ready.size();
    for (unsigned m = lanes; m; m &= m - 1) {
        Thread *t = w.thread[__builtin_ctz(m)];
        t->warp_epoch = epoch + 1;
        ready.push_back(t);
    }
    schedule_mix(from);
    return true;
}

/* The thread that runs has returned: what waited for it alone goes on. */
void leave()
{
    Warp &w = block_now->warps[current->warp];
    if (!current->copies.empty()) error("a thread returns before its copies have landed");
    alive--;
    block_now->n_alive--;
    block_now->n_exited++;
    w.exited |= 1u << current->lane;
    for (bool again = true; again;) {
        again = false;
        for (unsigned m = w.arrived; m && !again; m &= m - 1)
            again = complete(w, (unsigned)__builtin_ctz(m));
    }
    if (block_now->n_alive && block_now->waiting.size() == block_now->n_alive) release_barrier();
}

/* Threads one after the other: one that needs no fiber of its own takes over this one. */
void fiber_main()
{
    fiber_begun();
    for (;;) {
        (*body)();
        leave();
        Thread *next = pick();
        if (!next && alive) deadlock();
        if (next && !next->fiber) {
            next->fiber = fiber_now;
            next->waits = false;
            current = next;
            block_now = next->block;
            continue;
        }
        fiber_give(fiber_now);
        if (next) {
            resume(next);
        } else { /* the blocks are done */
            current = nullptr;
            fiber_switch(&host_fiber, false);
        }
    }
}

} // namespace

Order schedule_order()
{
    static const char *const s = getenv("EMU_ORDER");
    static const Order order = !s                      ? RANDOM
                               : !strcmp(s, "forward") ? FORWARD
                               : !strcmp(s, "reverse") ? REVERSE
                                                       : RANDOM;
    return order;
}

unsigned random_bits()
{
    static uint32_t state = seed_of_environment();
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* Of the value and the seed alone: a GPU gives the same for the same argument, too. */
float jitter(float value, int ulps)
{
    static const bool on = getenv("EMU_ULP") != nullptr;
    static const uint32_t seed = seed_of_environment();
    if (!on || !(std::abs(value) < 3e38f) || value == 0) return value;
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t mixed = ((uint32_t)bits ^ seed) * 0x9e3779b1u;
    mixed = (mixed ^ mixed >> 15) * 0x85ebca6bu;
    bits += (int32_t)((mixed >> 16) % (unsigned)(2 * ulps + 1)) - ulps;
    memcpy(&value, &bits, sizeof bits);
    return value;
}

void schedule_reset()
{
    ready.clear();
    ready_first = 0;
    style = (int)(random_bits() >> 8) % N_STYLES;
}

void schedule_add(Thread *t)
{
    ready.push_back(t);
}

size_t schedule_size()
{
    return ready.size();
}

void schedule_mix(size_t from)
{
    if (schedule_order() != RANDOM || style == UNIFORM) return;
    for (size_t i = ready.size(); i > from + 1; i--)
        std::swap(ready[i - 1], ready[from + random_bits() % (i - from)]);
    if (style != WARP_AHEAD) return;
    unsigned salt = random_bits(); /* warps in an order of their own, lanes as they are now */
    auto rank = [salt](const Thread *t) {
        return (t->warp + 1 + t->block->linear * 64) * 2654435761u ^ salt;
    };
    std::stable_sort(ready.begin() + (ptrdiff_t)from, ready.end(),
                     [&](const Thread *a, const Thread *b) { return rank(a) < rank(b); });
}

bool schedule_run(const std::function<void()> &thread_body)
{
    body = &thread_body;
    deadlocked = false;
    alive = ready.size();
    meetings.clear();
    fiber_now = &host_fiber;
    resume(pick());
    current = nullptr;
    block_now = nullptr;
    body = nullptr;
    if (deadlocked) fiber_abandon_all();
    return !deadlocked;
}

int sync_block(const char *site, Barrier kind, int predicate)
{
    current->site = site;
    if (block_now->waiting.empty()) {
        block_now->barrier = kind;
        block_now->votes = kind == BARRIER_AND;
    }
    if (kind == BARRIER_COUNT) block_now->votes += predicate;
    if (kind == BARRIER_AND) block_now->votes &= predicate;
    if (kind == BARRIER_OR) block_now->votes |= predicate;
    block_now->waiting.push_back(current);
    if (block_now->waiting.size() == block_now->n_alive) release_barrier();
    suspend();
    return block_now->result;
}

/* All have come: they go on. */
static void release_meeting(size_t i)
{
    Meeting m = std::move(meetings[i]);
    meetings.erase(meetings.begin() + (ptrdiff_t)i);
    if (hooks) hooks->meet(m.whole);
    for (Block *b : m.whole) b->meeting = 0;
    size_t from = ready.size();
    for (Thread *t : m.waiting) ready.push_back(t);
    schedule_mix(from);
}

void sync_blocks(const char *site, const void *key, unsigned n)
{
    Block *b = block_now;
    size_t i = 0;
    current->site = site;
    while (i < meetings.size() && meetings[i].key != key) i++;
    if (i == meetings.size()) meetings.push_back({ key, n, site, {}, {} });
    Meeting &m = meetings[i];
    if (m.n != n || strcmp(m.site, site))
        error("blocks wait for %u at %s and for %u at %s", m.n, m.site, n, site);
    if (n > n_blocks) error("%s: %u blocks are awaited, %zu run together", site, n, n_blocks);
    if (b->n_exited)
        error("blocks wait at %s: %u of %u threads have already returned", site, b->n_exited,
              b->n_threads);
    m.waiting.push_back(current);
    if (++b->meeting == b->n_alive) m.whole.push_back(b);
    if (m.whole.size() == m.n) release_meeting(i);
    suspend();
}

void warp_collective(const char *site, int op, unsigned mask, void *arg, WarpFn fn)
{
    Warp &w = block_now->warps[current->warp];
    unsigned lane = current->lane;
    current->site = site;
    if (!(mask >> lane & 1))
        error("%s: lane %u calls with mask %08x, which leaves it out", site, lane, mask);
    w.arrival[lane] = { arg, fn, site, mask, op };
    w.arrived |= 1u << lane;
    complete(w, lane);
    suspend();
}

void sync_warp(const char *site, unsigned mask)
{
    warp_collective(site, WARP_SYNC, mask, nullptr, nullptr);
}

static void run_ballot(void **args, unsigned mask)
{
    unsigned votes = 0;
    for (unsigned m = mask; m; m &= m - 1)
        votes |= (unsigned)(*(unsigned *)args[__builtin_ctz(m)] != 0) << __builtin_ctz(m);
    for (unsigned m = mask; m; m &= m - 1) *(unsigned *)args[__builtin_ctz(m)] = votes;
}

unsigned ballot(const char *site, unsigned mask, bool predicate)
{
    unsigned vote = predicate;
    warp_collective(site, WARP_BALLOT, mask, &vote, run_ballot);
    return vote;
}

int shuffle_source(int kind, int lane, int by, int width)
{
    int first = lane & ~(width - 1), within = lane & (width - 1);
    switch (kind) {
    case SHUFFLE_INDEX:
        return first + (by & (width - 1));
    case SHUFFLE_UP:
        return within < by ? lane : lane - by;
    case SHUFFLE_DOWN:
        return within + by >= width ? lane : lane + by;
    default:
        return (lane ^ by) >= first + width ? lane : lane ^ by;
    }
}

const uint3 &block_index()
{
    return block_now->index;
}

} // namespace emu

/* Running a launch: its blocks in random order, one after the other, each from fresh shared memory;
 * or all at the same time, if they may wait for one another. */
#include <cstdlib>
#include <utility>

#include "kernels_cuda/emu/engine.h"

namespace emu
{

std::vector<Block> &blocks = *new std::vector<Block>(TOGETHER_MAX);
size_t n_blocks;
Block *block_now;
Hooks *hooks;
void (*interpreter)(const Launch &l, const std::vector<unsigned> &order);

namespace
{

bool sensible(const Launch &l)
{
    const dim3 &g = l.grid, &b = l.block;
    size_t threads = (size_t)b.x * b.y * b.z;
    return g.x > 0 && g.y > 0 && g.z > 0 && g.x <= INT32_MAX && g.y <= 65535 && g.z <= 65535 &&
           threads > 0 && threads <= 1024 && b.z <= 64 && l.shared <= SHARED_MAX &&
           (!l.together || (size_t)g.x * g.y * g.z <= TOGETHER_MAX);
}

/* Blocks in the order they run. */
std::vector<unsigned> block_order(size_t n)
{
    std::vector<unsigned> order(n);
    for (size_t i = 0; i < n; i++)
        order[i] = (unsigned)(schedule_order() == REVERSE ? n - 1 - i : i);
    if (schedule_order() == RANDOM)
        for (size_t i = n; i > 1; i--) std::swap(order[i - 1], order[random_bits() % i]);
    return order;
}

void open_thread(Block *b, unsigned i)
{
    Thread &t = b->threads[i];
    t = Thread();
    t.tid = { i % block_dim.x, i / block_dim.x % block_dim.y, i / (block_dim.x * block_dim.y) };
    t.lane = i & 31;
    t.warp = i >> 5;
    t.linear = i;
    t.block = b;
    t.site = "";
    Warp &w = b->warps[t.warp];
    w.exist |= 1u << t.lane;
    w.thread[t.lane] = &t;
}

/* Its threads are ready. */
void open_block(Block *b, unsigned linear, size_t shared)
{
    unsigned n = block_dim.x * block_dim.y * block_dim.z;
    b->linear = linear;
    b->index = { linear % grid_dim.x, linear / grid_dim.x % grid_dim.y,
                 linear / (grid_dim.x * grid_dim.y) };
    b->n_threads = b->n_alive = n;
    b->n_exited = b->meeting = 0;
    b->waiting.clear();
    b->threads.resize(n);
    b->warps.assign((n + 31) / 32, Warp());
    shared_open(b, shared);
    if (hooks) hooks->block_begin(b);
    for (unsigned i = 0; i < n; i++) open_thread(b, i);
    for (unsigned i = 0; i < n; i++)
        schedule_add(&b->threads[schedule_order() == REVERSE ? n - 1 - i : i]);
}

/* `n` blocks, from `order` on, at the same time; false: they did not come to an end. */
bool run_blocks(const Launch &l, const unsigned *order, size_t n)
{
    n_blocks = n;
    schedule_reset();
    for (size_t i = 0; i < n; i++) open_block(&blocks[i], order[i], l.shared);
    schedule_mix(0);
    return schedule_run(l.body);
}

} // namespace

void run_launch(const Launch &l)
{
    memory_open();
    kernel_name = l.name;
    grid_dim = l.grid;
    block_dim = l.block;
    if (!sensible(l)) {
        error("no such launch: grid %ux%ux%u, block %ux%ux%u, %zu bytes of shared memory%s",
              l.grid.x, l.grid.y, l.grid.z, l.block.x, l.block.y, l.block.z, l.shared,
              l.together ? ", all blocks together" : "");
        return;
    }
    if (hooks) hooks->launch_begin();
    std::vector<unsigned> order = block_order((size_t)l.grid.x * l.grid.y * l.grid.z);
    if (interpreter) {
        interpreter(l, order);
        return;
    }
    size_t each = l.together ? order.size() : 1;
    for (size_t i = 0; i < order.size(); i += each)
        if (!run_blocks(l, &order[i], each)) return;
    kernel_name = "";
}

void note_atomic(const void *p, size_t bytes)
{
    if (hooks && current) hooks->access(p, bytes, ACCESS_ATOMIC, __builtin_return_address(0));
}

void fence()
{
    if (hooks && current) hooks->fence();
}

void note_vector(const void *p, size_t bytes, bool write)
{
    if ((uintptr_t)p % bytes) error("misaligned access of %zu bytes at %p", bytes, p);
    if (hooks && current)
        hooks->access(p, bytes, write ? ACCESS_WRITE : ACCESS_READ, __builtin_return_address(0));
}

} // namespace emu

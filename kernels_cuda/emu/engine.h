/* What the files of the emulation share. Not for kernels. */
#ifndef VN_EMU_ENGINE_H
#define VN_EMU_ENGINE_H

#include <utility>
#include <vector>

#include "kernels_cuda/emu/emu.h"

#if defined(__SANITIZE_ADDRESS__)
#define EMU_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMU_ASAN 1
#endif
#endif

namespace emu
{

/* Addresses set aside: the device's heap, then the shared memory of the blocks that run. One range,
 * so that the check build finds the state of a byte by its offset. */
constexpr size_t SPACE = (size_t)1 << 31;
constexpr size_t SHARED_BYTES = (size_t)1 << 20;
constexpr size_t TOGETHER_MAX = 16;        /* blocks that run at the same time */
constexpr size_t SHARED_MAX = 227 << 10;   /* a block's on sm_90 */
constexpr size_t SHARED_STATIC = 48 << 10; /* variables of fixed size */

struct Arrival {
    void *arg;
    WarpFn fn;
    const char *site;
    unsigned mask;
    int op;
};

struct Warp {
    Arrival arrival[32];
    Thread *thread[32];
    unsigned exist, exited, arrived; /* lanes, as masks */
};

/* A shared variable of a block. */
struct Named {
    const void *key;
    char *data;
    size_t bytes;
    const char *name;
};

struct Block {
    uint3 index;
    unsigned linear, n_threads, n_alive, n_exited;
    unsigned epoch, first_epoch; /* of the check build: moves at every barrier; as it began */
    std::vector<unsigned> seen; /* of the check build: what of other blocks happened before */
    /* Of the check build: who fenced last and when; what an atomic found, what a fence took in. */
    const Thread *fenced, *finder;
    unsigned fence_epoch;
    std::vector<unsigned> found, taken;
    unsigned meeting;           /* threads that wait for other blocks */
    Barrier barrier;
    int votes, result; /* of the barrier threads are coming to, of the last one */
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<Thread *> waiting; /* at the barrier */
    std::vector<Named> named;
    char *shared, *dynamic;
    size_t shared_used, dynamic_bytes;
};

extern std::vector<Block> &blocks; /* those that run: one, or all of a launch together */
extern size_t n_blocks;
extern Block *block_now;
extern const char *kernel_name;

/* ---- fiber.cpp: stacks and switching between them ---- */

struct Fiber {
    void *sp;
    char *low;
    size_t bytes;
    void *sanitizer; /* the address sanitizer's fake stack */
};
Fiber *fiber_take(void (*entry)());
void fiber_give(Fiber *f);
/* Every fiber but the host's is abandoned where it stands. */
void fiber_abandon_all();
extern Fiber *fiber_now, host_fiber;
/* `last`: the fiber left is never returned to. */
void fiber_switch(Fiber *to, bool last);
bool fiber_overflowed(const char *address);
/* First thing on a new fiber. */
void fiber_begun();

/* ---- schedule.cpp ---- */

void schedule_reset();
void schedule_add(Thread *t);
void schedule_mix(size_t from); /* the order of those added since `from` were ready */
size_t schedule_size();
/* Run all threads that were added to their end; false: deadlock, and all fibers are abandoned. */
bool schedule_run(const std::function<void()> &body);
enum Order { RANDOM, FORWARD, REVERSE };
Order schedule_order();

/* ---- memory.cpp ---- */

struct Allocation {
    char *data;
    size_t bytes;
    bool live, pinned;
    int id;
};
extern char *space;
char *shared_begin();
void memory_open();
/* NULL if the device has no more: EMU_MEMORY bytes, or all of SPACE. */
void *memory_take(size_t bytes, bool pinned);
bool memory_give(void *p);
void memory_about(size_t *free_bytes, size_t *total);
/* The allocation that holds p, or ends or begins within `slack` bytes of it; NULL if none. */
const Allocation *memory_near(const void *p, size_t slack);
/* How often an allocation came or went. */
uint64_t memory_changes();
/* Forget the shared variables of the block that had this one's place before. */
void shared_open(Block *b, size_t dynamic_bytes);
/* On the address sanitizer's map. */
void poison(void *p, size_t bytes, bool on);

/* ---- report.cpp ---- */

void report_open();
cudaError_t take_error(bool clear);
uint64_t error_count();

/* ---- tile.cpp: what both executions make of the instructions for matrix units ---- */

/* sums += a b, all lanes' fragments. */
void tile_multiply(Numbers kind, float (*sums)[4], const uint32_t (*a)[4], const uint32_t (*b)[2]);
/* Rows by number, of 16 bytes. */
void tile_load(const char *const *rows, bool turned, uint32_t (*to)[4]);
/* Takes out of `copies` those that are due, in random order. */
template <class F> std::vector<Copy> copies_due(std::vector<Copy> &copies, F is_due)
{
    std::vector<Copy> due, left;
    for (const Copy &c : copies) (is_due(c) ? due : left).push_back(c);
    copies = left;
    if (schedule_order() != RANDOM) return due;
    for (size_t i = due.size(); i > 1; i--) std::swap(due[i - 1], due[random_bits() % i]);
    return due;
}

/* ---- launch.cpp ---- */

void run_launch(const Launch &l);
/* What runs the blocks of a launch, in the order given; NULL: fibers. Set by ptx_run.cpp. */
extern void (*interpreter)(const Launch &l, const std::vector<unsigned> &order);

/* ---- check.cpp, only in the check build ---- */

/* Coming: a copy to it was started, and its thread has not waited for it. */
enum RangeState { RANGE_NONE, RANGE_UNWRITTEN, RANGE_WRITTEN, RANGE_COMING };
enum Access { ACCESS_READ, ACCESS_WRITE, ACCESS_ATOMIC };
struct Hooks {
    void (*range)(const void *p, size_t bytes, RangeState state);
    void (*launch_begin)();
    void (*block_begin)(Block *b);
    void (*barrier)(Block *b);
    void (*meet)(const std::vector<Block *> &blocks);
    void (*access)(const void *p, size_t bytes, Access kind, const void *pc);
    void (*fence)();
    bool (*is_written)(const void *p, size_t bytes);
};
extern Hooks *hooks; /* NULL in other builds */

} // namespace emu

#endif

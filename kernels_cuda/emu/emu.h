/* Running CUDA kernels on the CPU, to test them without a GPU: what kernels see.
 *
 * Every CUDA thread is a fiber on one thread of the host. A fiber gives up the processor only at
 * barriers and warp collectives; which one goes on is drawn at random (EMU_SEED, EMU_ORDER=random,
 * forward or reverse), so that a missing barrier shows. Memory that nobody wrote is NaN.
 *
 *   plain                  results, divergent barriers, deadlocks, lanes outside their masks
 *   -fsanitize=address     and accesses outside global and shared memory
 *   -fsanitize=thread      with emu/check.cpp in place of the sanitizer's own library: races within
 *                          a block and between blocks, uninitialised reads, bounds
 *   emu/ptx_*.cpp          the PTX that nvcc made of the kernels, interpreted, instead of what
 *                          the host's compiler made
 *
 * Leaves out time, occupancy and the weak memory model; sums of tensor cores are plain f32 here. */
#ifndef VN_EMU_EMU_H
#define VN_EMU_EMU_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels_cuda/emu/include/cuda_runtime_api.h"

struct uint3 {
    unsigned x, y, z;
};

struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

namespace emu
{

struct Block;
struct Fiber;

/* A copy to shared memory that a thread started and has not waited for. */
struct Copy {
    void *to;
    const void *from;
    unsigned bytes; /* of 16; the others become 0 */
    unsigned group; /* of those its lane committed, from 0 */
    unsigned lane;
};

/* A CUDA thread. */
struct Thread {
    uint3 tid;
    unsigned lane, warp, linear;
    Block *block;
    Fiber *fiber;
    const char *site; /* where it waits, for reports */
    bool waits;
    unsigned warp_epoch; /* collectives of its warp that it took part in */
    unsigned copy_groups; /* committed */
    std::vector<Copy> copies;
};

extern Thread *current; /* NULL: the host */
extern dim3 grid_dim, block_dim;
extern int quiet; /* > 0: the check build ignores accesses */

const uint3 &block_index();

/* A failure of the kernel: told on stderr, and the runtime's error from now on. */
void error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

unsigned random_bits();
float jitter(float value, int ulps);

/* ---- memory ---- */

void *dynamic_shared();
/* The shared variable with this key, made at its first use in a block. */
void *named_shared(const void *key, size_t bytes, size_t align, const char *name);
void note_atomic(const void *p, size_t bytes);
/* What a thread, and its block before the last barrier, wrote is seen by who sees its next atomic. */
void fence();
/* An access the host's compiler may split: counted as one, and checked for alignment. */
void note_vector(const void *p, size_t bytes, bool write);

/* ---- collectives ---- */

enum Barrier { BARRIER_PLAIN, BARRIER_COUNT, BARRIER_AND, BARRIER_OR };
int sync_block(const char *site, Barrier kind, int predicate);

/* `fn` runs once, when the last lane of the mask has come, on the arguments of all lanes. */
using WarpFn = void (*)(void **args, unsigned mask);
void warp_collective(const char *site, int op, unsigned mask, void *arg, WarpFn fn);

/* All threads of `n` blocks of a launch whose blocks run together meet here; `key` tells apart who
 * waits for whom. */
void sync_blocks(const char *site, const void *key, unsigned n);

enum WarpOp {
    SHUFFLE_INDEX,
    SHUFFLE_UP,
    SHUFFLE_DOWN,
    SHUFFLE_XOR,
    WARP_SYNC,
    WARP_BALLOT,
    WARP_MATRICES,
    WARP_MATRICES_TURNED,
    WARP_MULTIPLY /* and the kind of numbers */
};
enum : unsigned { ALL_LANES = 0xffffffffu };
void sync_warp(const char *site, unsigned mask = ALL_LANES);
unsigned ballot(const char *site, unsigned mask, bool predicate);

/* The lane that `lane` reads in segments of `width` lanes. */
int shuffle_source(int kind, int lane, int by, int width);

template <class T> struct Shuffle {
    T in, out;
    int kind, by, width;
};

template <class T> void run_shuffle(void **args, unsigned mask)
{
    for (int lane = 0; lane < 32; lane++) {
        if (!(mask >> lane & 1)) continue;
        auto *s = (Shuffle<T> *)args[lane];
        int from = shuffle_source(s->kind, lane, s->by, s->width);
        if (mask >> from & 1) {
            s->out = ((Shuffle<T> *)args[from])->in;
            continue;
        }
        memset((void *)&s->out, 0xff, sizeof(T)); /* a NaN */
        error("shuffle: lane %d reads lane %d, which is not in mask %08x", lane, from, mask);
    }
}

template <class T>
T shuffle(const char *site, int kind, unsigned mask, T value, int by, int width = 32)
{
    static_assert(std::is_trivially_copyable<T>::value, "lanes exchange plain values");
    Shuffle<T> s = { value, value, kind, by, width };
    warp_collective(site, kind, mask, &s, run_shuffle<T>);
    return s.out;
}

/* ---- matrix units, and copies that land when they are waited for (mma.cuh) ---- */

/* m16n8k16 of bf16 and f16, m16n8k8 of tf32, of which the lower 13 bits are ignored. */
enum Numbers { NUMBERS_BF16, NUMBERS_F16, NUMBERS_TF32 };
void multiply(const char *site, Numbers kind, float *sums, const uint32_t *a, const uint32_t *b);
/* Four 8 x 8 matrices of 16 bits; `row`: of the lane's row of one of them. */
void load_matrices(const char *site, uint32_t *to, const void *row, bool turned);
void copy_start(void *to, const void *from, unsigned bytes);
void copy_commit();
/* Until at most `pending` of the committed groups are under way. */
void copy_wait(unsigned pending);

/* ---- launching ---- */

/* One launch with its arguments copied: `body` is what a thread runs. */
struct Launch {
    const char *name;
    dim3 grid, block;
    size_t shared;
    std::function<void()> body;
    bool together;      /* its blocks run at the same time, and may wait for one another */
    const void *kernel; /* its address, and those of its arguments, which `body` keeps */
    std::vector<const void *> args;
};
void enqueue(cudaStream_t stream, Launch launch);

template <class... P, class... A>
void launch(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared,
            cudaStream_t stream, bool together, A... a)
{
    auto values = std::make_shared<std::tuple<P...>>(static_cast<P>(a)...);
    auto addresses = [](const P &...v) { return std::vector<const void *>{ &v... }; };
    enqueue(stream, { name, grid, block, shared, [kernel, values] { std::apply(kernel, *values); },
                      together, (const void *)kernel, std::apply(addresses, *values) });
}

} // namespace emu

#define EMU_TEXT_(x) #x
#define EMU_TEXT(x) EMU_TEXT_(x)
#define EMU_SITE __FILE__ ":" EMU_TEXT(__LINE__)

#endif

/* The PTX that nvcc made of the kernels, interpreted a warp at a time: what the compiler did to
 * them is tested on the op cases too. Not for kernels.
 *
 * The 32 lanes of a warp run in step where they stand at the same instruction, and of those that
 * stand apart the lanes least far go first, so that they meet again. A warp goes on until a
 * barrier, or for a number of instructions drawn at random; which one is next is drawn too. An
 * instruction that no kernel used when this was written is an error, not a guess. */
#ifndef VN_EMU_PTX_H
#define VN_EMU_PTX_H

#include <string>
#include <vector>

#include "kernels_cuda/emu/engine.h"

namespace emu
{
namespace ptx
{

enum : int { N_LANES = 32 };
enum : int { PARAMETER_BITS = 32 }; /* an address of a parameter: its number above these bits */
enum : uint32_t { EVERY_LANE = 0xffffffffu };

struct Machine;
struct Instruction;
using Step = void (*)(Machine &m, const Instruction &i);

enum Atomic { ATOMIC_ADD, ATOMIC_WRAP }; /* wrap: 0 follows the operand */
enum Space : uint8_t { GENERIC, GLOBAL, SHARED, LOCAL, PARAM };

/* An operand is the place of its 32 lanes in the warp's registers, or ~place among the constants.
 * A predicate is one word, a bit a lane; else lanes of 4 or 8 bytes. */
struct Instruction {
    Step step;
    int d[8], a[12];
    uint8_t n_d, n_a;
    uint8_t width, parts; /* of a memory access: bytes of an element, elements */
    bool sign, wide;      /* elements are sign-extended; the address has 64 bits */
    bool guarded, unless; /* @p, @!p */
    bool waits;           /* a volatile load: somebody looks whether another block has come */
    Space space;
    int guard, mode;
    int target; /* of a branch */
    int64_t offset;
    int line;         /* of the PTX file */
    int source, file; /* line and file of the kernel's source */
};

/* A shared variable, or the dynamic array. */
struct Variable {
    std::string name;
    size_t at, bytes;
};

/* Numbers that the file holds, in memory of the device. */
struct Table {
    std::string name;
    std::vector<char> bytes;
};

/* What the accesses of a kernel's warps cost: 32-byte sectors of device memory and passes through
 * the banks of shared memory, and how many there would be without waste. */
struct Traffic {
    uint64_t requests, sectors, sectors_least;
    uint64_t shared_requests, passes, passes_least;
};

struct Special {
    std::string name;
    int place;
};

struct Kernel {
    std::string name, path;
    std::vector<Instruction> code;
    std::vector<uint8_t> constants;
    size_t registers; /* bytes */
    size_t local;     /* bytes of a thread */
    std::vector<Variable> shared;
    size_t shared_bytes;
    bool dynamic;
    std::vector<Table> tables;
    std::vector<Special> specials;
    Traffic traffic;
};

/* The kernel of this mangled name, parsed at its first use; NULL and an error if there is none. */
Kernel *find(const char *name);
/* "attention.cu:120", for reports. */
std::string source_of(const Kernel &k, const Instruction &i);

struct Warp {
    unsigned number;
    uint32_t exist, exited, waiting, at_barrier; /* lanes, as masks */
    int pc[N_LANES];                             /* of those that do not run now */
    std::vector<uint8_t> registers, local;
    std::vector<Copy> copies;
    unsigned copy_groups[N_LANES]; /* committed */
};

struct Team {
    uint3 index;
    unsigned linear, n_threads;
    std::vector<Warp> warps;
    std::vector<char> memory; /* shared */
    char *shared;
    std::vector<uint8_t> state; /* RangeState of its bytes */
    size_t dynamic_bytes;
};

/* What a step sees. */
struct Machine {
    Kernel *kernel;
    Team *team;
    Warp *warp;
    const std::vector<const void *> *args;
    uint32_t active; /* the lanes that run in step */
    uint32_t mask;   /* of them, those the instruction is for */
    unsigned left;   /* instructions the warp may still run in its turn */
    bool moved;      /* something was written, left or met: no warp waits in vain */
    int pc, next;    /* of the active lanes, already moved on; of the others, the least */

    uint8_t *to(int place) { return warp->registers.data() + place; }
    const uint8_t *from(int place) const
    {
        return place < 0 ? kernel->constants.data() + ~place : warp->registers.data() + place;
    }
};

/* An error of a kernel, told with the first lane of `lanes` and the place in the source. */
void fault(Machine &m, const Instruction &i, uint32_t lanes, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Lanes of a slot as numbers: 16 bits and less live in 32, and who reads cuts. */
template <class T> inline T lane(const uint8_t *slot, int l)
{
    if constexpr (std::is_same<T, bool>::value)
        return ((const uint32_t *)slot)[0] >> l & 1;
    else if constexpr (sizeof(T) == 8 || std::is_same<T, float>::value)
        return ((const T *)slot)[l];
    else
        return (T)((const uint32_t *)slot)[l];
}

/* To the lanes of `mask`. */
template <class T> inline void keep(uint8_t *slot, uint32_t mask, const T *v)
{
    using kept = typename std::conditional<sizeof(T) == 8 || std::is_same<T, float>::value, T,
                                           uint32_t>::type;
    if constexpr (std::is_same<T, bool>::value) {
        uint32_t bits = 0;
        for (int l = 0; l < N_LANES; l++) bits |= (uint32_t)v[l] << l;
        auto *p = (uint32_t *)slot;
        *p = (*p & ~mask) | (bits & mask);
    } else {
        auto *p = (kept *)slot;
        if (mask == EVERY_LANE)
            for (int l = 0; l < N_LANES; l++) p[l] = (kept)v[l];
        else
            for (int l = 0; l < N_LANES; l++) p[l] = mask >> l & 1 ? (kept)v[l] : p[l];
    }
}

/* ---- ptx_math.cpp: instructions from registers to registers ---- */

struct Entry {
    Step step;
    uint8_t d;    /* bytes of the result's lanes: 1 a predicate, 4, 8 */
    uint8_t a[4]; /* of the arguments */
    uint8_t n_a;
};
/* NULL if there is none of this name. */
const Entry *entry(const std::string &name);

/* ---- ptx_memory.cpp ---- */

void load(Machine &m, const Instruction &i);
void store(Machine &m, const Instruction &i);
void add_atomic(Machine &m, const Instruction &i);
void load_parameter(Machine &m, const Instruction &i);
/* cvta: an offset in shared or local memory and the address it has for the host; mode 1: back. */
void convert_address(Machine &m, const Instruction &i);

/* Of the lanes of m.mask to or from shared memory: told and left out of m.mask where they must not,
 * and counted; false if none is left. */
struct Accesses {
    char *p[N_LANES];
    size_t bytes; /* of a lane */
};
bool prepare(Machine &m, const Instruction &i, Accesses &a, bool writes);
bool on_device(const Kernel &k, const char *p, size_t bytes);

/* Its accesses are added up, for the file EMU_TRAFFIC. */
void traffic_of(Kernel *k);

/* ---- ptx_warp.cpp: where lanes go, and what they do together ---- */

void branch(Machine &m, const Instruction &i);
void leave(Machine &m, const Instruction &i);
void barrier(Machine &m, const Instruction &i);
void nothing(Machine &m, const Instruction &i); /* fences: memory is in order here */
void sync_lanes(Machine &m, const Instruction &i);
void shuffle_lanes(Machine &m, const Instruction &i);
void vote(Machine &m, const Instruction &i);
/* Are all lanes of `members` here? If not, those that are wait; if so, they are the lanes of the
 * instruction. */
bool gathered(Machine &m, const Instruction &i, uint32_t members);
/* Until the warp has to wait or to end, or for m.left instructions. */
void run_warp(Machine &m);

/* ---- ptx_tile.cpp: for matrix units, and copies past the registers ---- */

void multiply(Machine &m, const Instruction &i);      /* mode: Numbers */
void load_matrices(Machine &m, const Instruction &i); /* mode: turned */
void start_copy(Machine &m, const Instruction &i);
void commit_copies(Machine &m, const Instruction &i);
void wait_copies(Machine &m, const Instruction &i); /* mode: groups that may stay under way */

} // namespace ptx
} // namespace emu

#endif

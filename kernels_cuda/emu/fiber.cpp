/* Stacks and switching between them: 25 to 40 ns a switch, where ucontext takes 360 (it makes a
 * system call). */
#include <cstdlib>
#include <sys/mman.h>

#include "kernels_cuda/emu/engine.h"

#ifdef EMU_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* Saves what the calling convention preserves on the stack left, and takes it from the one entered.
 */
extern "C" void emu_switch(void **save_sp, void *load_sp);

#if defined(__x86_64__)
asm(R"(.text
.globl emu_switch
.hidden emu_switch
.type emu_switch,@function
emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emu_switch,.-emu_switch
)");

static void *fresh_stack(char *top, void (*entry)())
{
    void **frame = (void **)(((uintptr_t)top - 128) & ~(uintptr_t)15);
    memset(frame, 0, 64);
    frame[6] = (void *)entry; /* popped by ret: the stack is then aligned as after a call */
    return frame;
}
#elif defined(__aarch64__)
asm(R"(.text
.globl emu_switch
.hidden emu_switch
emu_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
)");

static void *fresh_stack(char *top, void (*entry)())
{
    void **frame = (void **)(((uintptr_t)top - 256) & ~(uintptr_t)15);
    memset(frame, 0, 160);
    frame[11] = (void *)entry;
    return frame;
}
#else
#error "emu_switch is written for x86-64 and aarch64"
#endif

namespace emu
{

namespace
{

#ifdef EMU_ASAN
constexpr size_t STACK = 256 << 10;
#else
constexpr size_t STACK = 64 << 10;
#endif
constexpr size_t GUARD = 4096;
constexpr size_t STACKS_BYTES = (size_t)1 << 32; /* of address space; a block has 1,024 threads */

char *stacks;
/* Never destroyed: a failing kernel may end the process from inside a fiber. */
std::vector<Fiber *> &all = *new std::vector<Fiber *>, &idle = *new std::vector<Fiber *>;

} // namespace

Fiber *fiber_now, host_fiber;

static void reset(Fiber *f, void (*entry)())
{
    f->bytes = STACK;
    f->sanitizer = nullptr;
    f->sp = fresh_stack(f->low + STACK, entry);
}

Fiber *fiber_take(void (*entry)())
{
    if (!idle.empty()) {
        Fiber *f = idle.back();
        idle.pop_back();
        return f; /* it goes on in the loop it stands in */
    }
    if (!stacks)
        stacks = (char *)mmap(nullptr, STACKS_BYTES, PROT_NONE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    auto *f = new Fiber();
    f->low = stacks + all.size() * (STACK + GUARD) + GUARD;
    mprotect(f->low, STACK, PROT_READ | PROT_WRITE);
    reset(f, entry);
    all.push_back(f);
    return f;
}

void fiber_give(Fiber *f)
{
    idle.push_back(f);
}

void fiber_abandon_all()
{
    for (Fiber *f : all) delete f;
    all.clear();
    idle.clear();
}

bool fiber_overflowed(const char *address)
{
    return stacks && address >= stacks && address < stacks + STACKS_BYTES;
}

void fiber_switch(Fiber *to, bool last)
{
    Fiber *from = fiber_now;
    fiber_now = to;
    (void)last;
#ifdef EMU_ASAN
    __sanitizer_start_switch_fiber(last ? nullptr : &from->sanitizer, to->low, to->bytes);
    emu_switch(&from->sp, to->sp);
    __sanitizer_finish_switch_fiber(fiber_now->sanitizer, nullptr, nullptr);
#else
    emu_switch(&from->sp, to->sp);
#endif
}

void fiber_begun()
{
#ifdef EMU_ASAN
    const void *bottom;
    size_t bytes;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
    if (host_fiber.low) return;
    host_fiber.low = (char *)bottom; /* whoever came here first was the host */
    host_fiber.bytes = bytes;
#endif
}

} // namespace emu

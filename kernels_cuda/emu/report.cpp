/* Telling what a kernel did wrong: on stderr, with kernel, block and thread, and as the error that
 * the runtime returns from then on, as a GPU's is sticky. */
#include <csignal>
#include <cstdarg>
#include <cstdio>

#include "kernels_cuda/emu/engine.h"

namespace emu
{

const char *kernel_name = "";

namespace
{

constexpr uint64_t TOLD_MAX = 20;
uint64_t errors;
cudaError_t last;

void tell_where()
{
    fprintf(stderr, "  in %s", kernel_name);
    if (current)
        fprintf(stderr, " block (%u,%u,%u) thread (%u,%u,%u)", block_now->index.x,
                block_now->index.y, block_now->index.z, current->tid.x, current->tid.y,
                current->tid.z);
    fprintf(stderr, "\n");
}

#ifndef EMU_ASAN
/* An access to a page without any: say which allocation is near, then die as usual. */
void trapped(int number, siginfo_t *info, void *)
{
    auto *at = (const char *)info->si_addr;
    fprintf(stderr, "emu: access to %p", (const void *)at);
    if (const Allocation *a = memory_near(at, 8192))
        fprintf(stderr, ", byte %td of allocation %d of %zu bytes%s", at - a->data, a->id, a->bytes,
                a->live ? "" : ", which is freed");
    if (fiber_overflowed(at)) fprintf(stderr, ": a thread's stack is full");
    fprintf(stderr, "\n");
    tell_where();
    signal(number, SIG_DFL);
    raise(number);
}
#endif

} // namespace

void report_open()
{
#ifndef EMU_ASAN
    static char stack[64 << 10]; /* the thread's own may be what is full */
    stack_t alternative = {};
    alternative.ss_sp = stack;
    alternative.ss_size = sizeof stack;
    sigaltstack(&alternative, nullptr);
    struct sigaction action = {};
    action.sa_sigaction = trapped;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
#endif
}

void error(const char *fmt, ...)
{
    if (errors++ < TOLD_MAX) {
        va_list args;
        va_start(args, fmt);
        fprintf(stderr, "emu: ");
        vfprintf(stderr, fmt, args);
        fprintf(stderr, "\n");
        va_end(args);
        tell_where();
    }
    last = cudaErrorLaunchFailure;
}

uint64_t error_count()
{
    return errors;
}

cudaError_t take_error(bool clear)
{
    cudaError_t e = last;
    if (clear) last = cudaSuccess;
    return e;
}

} // namespace emu

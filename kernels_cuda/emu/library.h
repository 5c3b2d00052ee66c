/* What stand-ins for NVIDIA's libraries see of the emulation: they are libraries of their own,
 * beside the plug-in. */
#ifndef VN_EMU_LIBRARY_H
#define VN_EMU_LIBRARY_H

#include <cstddef>
#include <functional>

struct CUstream_st;

#pragma GCC visibility push(default)
namespace emu
{

/* Bytes from p to the end of the device's allocation that holds it; 0 if none does. */
size_t library_bytes(const void *p);
/* Queue work on a stream, also one that is captured. It takes `us` on the device's clock. */
void library_work(CUstream_st *stream, double us, std::function<void()> work);
/* For work: it reads or writes this memory; reading what nobody wrote is told. */
void library_reads(const char *what, const void *p, size_t bytes);
void library_wrote(const void *p, size_t bytes);
/* The error of a call that failed inside a library: cudaGetLastError answers it once. */
void library_leaves();
/* A call that the library's documentation forbids: told, and the device's error from now on. */
void library_error(const char *what);

} // namespace emu
#pragma GCC visibility pop

#endif

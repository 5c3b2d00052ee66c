/* What the programs of tests/emu share: kernels that are wrong on purpose, and right ones beside.
 */
#ifndef VN_TESTS_EMU_FAULTS_H
#define VN_TESTS_EMU_FAULTS_H

#include "kernels_cuda/common.cuh"

extern bool wrong; /* a result is not what the kernel should have made */

/* Zeros. */
void *device_bytes(size_t bytes);
void from_device(void *to, const void *from, size_t bytes);
void to_device(void *to, const void *from, size_t bytes);

/* nvcc makes the PTX of what is started; its host code nobody runs. */
template <class... P, class... A>
void start(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared,
           cudaStream_t stream, bool together, A... a)
{
#ifdef __CUDACC__
    (void)name, (void)together;
    kernel<<<grid, block, shared, stream>>>(P(a)...);
#else
    emu::launch(name, kernel, grid, block, shared, stream, together, a...);
#endif
}

template <class... P, class... A>
void run(void (*kernel)(P...), unsigned blocks, unsigned threads, size_t shared, A... a)
{
    start("fault", kernel, dim3(blocks), dim3(threads), shared, nullptr, false, a...);
    wrong |= cudaStreamSynchronize(nullptr) != cudaSuccess;
}

/* tiles.cu: matrix units, and copies past the registers */
void run_tile_bf16();
void run_tile_f16();
void run_tile_tf32();
void run_tile_turned();
void run_tile_cut_off();
void run_tile_swapped();
void run_tile_part_of_warp();
void run_copies_right();
void run_copies_ragged();
void run_copies_unwaited();
void run_copies_wait_short();
void run_copies_no_barrier();
void run_copies_overwritten();
void run_copies_early_reuse();
void run_copies_left();
void run_copies_misaligned();

#endif

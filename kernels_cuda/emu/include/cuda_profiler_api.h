/* The stretch of a program that a profiler looks at: the emulation checks that no copy between host
 * and device runs in it if EMU_NO_COPIES is set. */
#ifndef VN_EMU_CUDA_PROFILER_API_H
#define VN_EMU_CUDA_PROFILER_API_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif
__attribute__((visibility("default"))) cudaError_t cudaProfilerStart(void);
__attribute__((visibility("default"))) cudaError_t cudaProfilerStop(void);
#ifdef __cplusplus
}
#endif

#endif

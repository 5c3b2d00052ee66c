/* Physical limits, measured in the run that is compared with them. */
#ifndef VN_BENCH_PEAK_H
#define VN_BENCH_PEAK_H

#include <stddef.h>

/* f32 flops a second of `threads` threads (0: all granted), the best of several tries. */
double bench_peak_flops(int threads);

/* Bytes read and written a second by the threads copying half of `bytes` onto the other half again
 * and again, each thread its own part: the rate of whatever cache holds them. The best of several
 * tries; 0 without memory. */
double bench_copy_rate(int threads, size_t bytes);

#endif

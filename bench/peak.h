/* Physical limits, measured in the run that is compared with them. */
#ifndef VN_BENCH_PEAK_H
#define VN_BENCH_PEAK_H

/* f32 flops a second of `threads` threads (0: all granted), the best of several tries. */
double bench_peak_flops(int threads);

#endif

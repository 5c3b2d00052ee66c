/* Physical limits of the processor, measured in the run that is compared with them. */
#ifndef VN_HOST_BENCH_PEAK_H
#define VN_HOST_BENCH_PEAK_H

#include <stddef.h>

/* f32 flops a second of `threads` threads (0: all granted), with the widest vectors the processor
 * has; the best of several tries, 0 without memory. */
double vn_peak_flops(int threads);

/* Vector operations of one number each, of `threads` threads and the widest vectors. */
typedef struct vn_peak {
    double any;        /* a second, of any mixture the processor takes at once: half fused products, half sums */
    double quotient_s; /* by which a quotient makes fused products take longer: a divider stands in their way */
} vn_peak;
vn_peak vn_peak_vectors(int threads);

/* Bytes read and written a second by the threads copying half of `bytes` onto the other half again
 * and again, each thread its own part: the rate of whatever cache holds them. The best of several
 * tries; 0 without memory. */
double vn_copy_rate(int threads, size_t bytes);

#endif

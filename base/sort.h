/* Sorting numbers. */
#ifndef VN_BASE_SORT_H
#define VN_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

void vn_sort_i64(int64_t *v, size_t n); /* ascending */

/* Ascending, by radix: the time of n > 64 numbers grows as n. None may be NaN; `room` [n]. */
void vn_sort_f32(float *v, float *room, size_t n);

#endif

/* Sorting numbers. */
#ifndef VN_BASE_SORT_H
#define VN_BASE_SORT_H

#include <stddef.h>
#include <stdint.h>

void vn_sort_i64(int64_t *v, size_t n); /* ascending */

#endif

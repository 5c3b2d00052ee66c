#include "base/sort.h"

#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void vn_sort_i64(int64_t *v, size_t n)
{
    if (n) qsort(v, n, sizeof *v, ascending);
}

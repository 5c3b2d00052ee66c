/* Is one set of results slower than another, beyond chance and beyond noise? */
#ifndef VN_HOST_BENCH_COMPARE_H
#define VN_HOST_BENCH_COMPARE_H

#include "host/bench/set.h"

/* Rounds, each an opening of its own, of which a comparison has at least so many on both sides:
 * with 5 and 5 the smallest p is 0.008. */
enum { VN_COMPARE_ROUNDS = 5 };

typedef struct vn_comparison {
    int64_t rows, slower, faster, lacking; /* compared; of them; in `now` without a partner */
} vn_comparison;

/* Compare every row of `now` with that of the same key in `base`: the medians of the rounds. A row
 * is slower if p < 0.01 and the whole interval of the ratio lies above 1 + noise; faster likewise.
 * One line a row is added to `text`, one object to `json`. ARGUMENT: other machines or builds of
 * another type, too few rounds, no row in common. */
vn_status vn_bench_compare(const vn_bench_set *base, const vn_bench_set *now, double noise,
                           vn_comparison *out, vn_text *text, vn_text *json);

#endif

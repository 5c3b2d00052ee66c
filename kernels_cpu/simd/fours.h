/* Statistics of short windows that are observed whole, four windows in step: one pass over each, in
 * single precision, by distances from its first number, and four chains of additions at a time,
 * where one window has one. Sums across vectors, roots and quotients are those of four windows.
 * What does not come out well is refused, as in whole.h. A window's numbers do not depend on its
 * neighbours, nor on how many there are. */
#ifndef VN_KERNELS_CPU_SIMD_FOURS_H
#define VN_KERNELS_CPU_SIMD_FOURS_H

#include "kernels_cpu/gemm/lanes.h"

/* Numbers of a window: a lane's sum has 64 terms at most. */
enum { FOURS = 4, FOURS_LEAST = VF_N, FOURS_MOST = 64 * VF_N };

typedef enum fours_kind { FOURS_SPREAD, FOURS_SIZES, FOURS_EXTREMES } fours_kind;

/* Of window k; `at`, `by`: mean and deviation, 0 and mean size, least number and the distance to
 * the largest. */
typedef struct fours {
    const float *x[FOURS], *mask[FOURS]; /* mask[0] may be NULL: all observed */
    float at[VF_N], by[VF_N];            /* of window k in k */
    float off[VF_N];                     /* of a spread: the mean's distance from x[k][0], unrounded */
    bool fine[FOURS];
} fours;

/* 1 in the first n < VF_N lanes. */
VF_INLINE vf first_lanes(int64_t n)
{
    float ones[VF_N];
    vf_store(ones, vf_set(1));
    return n > 0 ? vf_load_n(ones, (int)n) : vf_zero();
}

/* What four windows come to, and which of them are fine: a and b are the means of distances from
 * `first` and of their squares, or the largest x and -x. */
typedef struct outcome {
    vf at, by;
    vf_mask fine;
} outcome;

VF_INLINE outcome outcome_of(const fours_kind kind, vf a, vf b, vf first)
{
    if (kind == FOURS_EXTREMES)
        return (outcome){ vf_neg(b), vf_add(a, b), vf_lt(vf_add(a, b), vf_set(INFINITY)) };
    if (kind == FOURS_SIZES) return (outcome){ vf_zero(), a, vf_lt(a, vf_set(1e30f)) };
    vf shift = vf_mul(a, a), rest = vf_sub(b, shift);
    vf_mask fits = vf_both(vf_lt(b, vf_set(1e30f)), vf_lt(vf_set(1e-30f), b));
    fits =
        vf_both(fits, vf_lt(shift, vf_mul(vf_set(8), rest))); /* no more than three bits cancel */
    return (outcome){ vf_add(first, a), vf_sqrt(vf_max(vf_zero(), rest)), fits };
}

/* From the sums a, b, rest and seen of each window, in this order. */
VF_INLINE void finish_fours(fours *f, const fours_kind kind, const int windows, int64_t n,
                            const vf *first, const vf *const sums[4])
{
    const vf *a = sums[0], *b = sums[1], *rest = sums[2], *seen = sums[3];
    float good[VF_N];
    vf left, right, share = vf_set(1 / (float)n);
    if (kind == FOURS_EXTREMES)
        left = vf_most_four(a[0], a[1], a[2], a[3]), right = vf_most_four(b[0], b[1], b[2], b[3]);
    else
        left = vf_mul(vf_sum_four(a[0], a[1], a[2], a[3]), share),
        right = vf_mul(vf_sum_four(b[0], b[1], b[2], b[3]), share);
    outcome o = outcome_of(kind, left, right, vf_four(first[0], first[1], first[2], first[3]));
    vf_store(f->at, o.at), vf_store(f->by, o.by), vf_store(f->off, left);
    vf_store(good, vf_pick(o.fine, vf_set(1), vf_zero()));
    for (int k = 0; k < windows; k++) {
        vf_mask plain = vf_eq(rest[k], vf_zero()), hidden = vf_eq(seen[k], vf_zero());
        f->fine[k] = good[k] != 0 && vf_count(plain) == VF_N && vf_count(hidden) == 0;
    }
}

/* n from FOURS_LEAST to FOURS_MOST; `windows`: 4, or 1, whose neighbours are left alone. Sums are
 * `a` and `b`; of extremes the largest x and -x, and `rest` of x 0, which is NaN where x is not
 * finite. */
VF_INLINE void sum_fours(fours *f, const fours_kind kind, const int windows, const bool masked,
                         int64_t n)
{
    const float *x[FOURS] = { f->x[0], f->x[1], f->x[2], f->x[3] };
    const float *mask[FOURS] = { f->mask[0], f->mask[1], f->mask[2], f->mask[3] };
    const int64_t end = n / VF_N * VF_N;
    vf a[FOURS], b[FOURS], rest[FOURS], seen[FOURS], first[FOURS];
    for (int k = 0; k < FOURS; k++) {
        first[k] = vf_set(x[k][0]), a[k] = b[k] = rest[k] = vf_zero(), seen[k] = vf_set(1);
        if (kind == FOURS_EXTREMES) a[k] = first[k], b[k] = vf_neg(first[k]);
    }
    for (int64_t i = 0; i < end; i += VF_N)
        for (int k = 0; k < windows; k++) {
            vf v = vf_load(x[k] + i), d = kind == FOURS_SIZES ? vf_abs(v) : vf_sub(v, first[k]);
            if (masked) seen[k] = vf_min(vf_abs(vf_load(mask[k] + i)), seen[k]);
            if (kind == FOURS_EXTREMES) {
                a[k] = vf_max(a[k], v), b[k] = vf_max(b[k], vf_neg(v));
                rest[k] = vf_fma(v, vf_zero(), rest[k]);
                continue;
            }
            a[k] = vf_add(a[k], d);
            if (kind == FOURS_SPREAD) b[k] = vf_fma(d, d, b[k]);
        }
    vf inside = first_lanes(n - end);
    vf_mask in = vf_lt(vf_zero(), inside);
    for (int k = 0; k < windows && end < n; k++) {
        vf v = vf_load_upto(x[k] + end, n - end), d = vf_mul(vf_sub(v, first[k]), inside);
        if (masked)
            seen[k] =
                vf_min(vf_pick(in, vf_abs(vf_load_upto(mask[k] + end, n - end)), seen[k]), seen[k]);
        if (kind == FOURS_EXTREMES) {
            v = vf_pick(in, v, first[k]);
            a[k] = vf_max(a[k], v), b[k] = vf_max(b[k], vf_neg(v));
            rest[k] = vf_fma(v, vf_zero(), rest[k]);
            continue;
        }
        a[k] = vf_add(a[k], kind == FOURS_SIZES ? vf_abs(v) : d);
        if (kind == FOURS_SPREAD) b[k] = vf_fma(d, d, b[k]);
    }
    finish_fours(f, kind, windows, n, first, (const vf *const[]){ a, b, rest, seen });
}

#endif

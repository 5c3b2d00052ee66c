/* What a forecast or a training step must cost at least, by the arithmetic alone: multiply-adds at
 * the peak, functions at the rates our vector kernels reach, and where one window reads all weights
 * at every step, those from the second cache. A step is three forecasts, functions of recurrent
 * layers two. Optimizer, memory and barriers are not in it. */
#ifndef VN_HOST_BENCH_FLOOR_H
#define VN_HOST_BENCH_FLOOR_H

#include <stdbool.h>
#include <stdint.h>

/* Two layers without an activation between them, which may be one (graph/plan/fold.h). */
typedef struct vn_floor_pair {
    double in, mid, out;
    bool first; /* the gradient of its input is not needed */
} vn_floor_pair;

/* Of one window, forward. */
typedef struct vn_floor_work {
    double macs;
    double functions; /* sigmoid, tanh */
    double exps, gelus;
    double again;   /* bytes of weights read from the second cache, step by step */
    double weights; /* bytes of weights read once a batch from the third cache */
    double spared;  /* of macs: those whose gradient of inputs nobody needs */
    double state;   /* bytes that the optimizer moves */
    double dead;    /* of macs: what nobody reads, though the model as published computes it */
    vn_floor_pair pair[3];
} vn_floor_work;

typedef struct vn_floor_run {
    int64_t B;
    bool train;
    int threads;
    double peak; /* flop/s of all threads, measured in the same run */
    bool reduced; /* the least arithmetic for the same function of the same parameters: without what is
                     dead, pairs folded where that is less, products of weights included */
} vn_floor_run;

/* Vector operations of one number each, of the least way known to the promised error; loads, stores and sums across a
 * vector are not counted. */
typedef struct vn_floor_ops {
    double products;  /* of `all`: products and fused products, half of what the processor does at once */
    double all;       /* quotients left out */
    double quotients; /* in their way, by what they hold them up */
} vn_floor_ops;

/* 0 where the work is not known. */
double vn_floor_us(const vn_floor_work *work, const vn_floor_run *run);

#endif

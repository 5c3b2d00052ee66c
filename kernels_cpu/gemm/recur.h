/* What LSTM and GRU layers share: weights packed once a call, the product of the inputs for several
 * steps at a time, the product of the state step by step, and the loop over time around them.
 *
 * Columns of a product are gates of units: VF_N units of one gate are a vector, the gates of the
 * same units lie side by side, and two vectors are a panel of tile.h. All sums are single chains
 * along k, so neither the cut of rows into tiles nor that of work into lanes changes a bit. */
#ifndef VN_KERNELS_CPU_GEMM_RECUR_H
#define VN_KERNELS_CPU_GEMM_RECUR_H

#include "kernels_cpu/simd/simd.h"

typedef struct vn_recur {
    int64_t B, T, I, H, G;      /* G gates */
    const float *x, *w_ih, *w_hh, *b_ih, *b_hh; /* biases may be NULL */
    bool apart;                 /* the products of x and of h are not added up */
    int64_t blocks, cols;       /* of VF_N units; blocks G VF_N, to whole panels */
    float *pack_x, *pack_h;     /* [panels, K, VN_TILE_COLS] */
    float *bias_x, *bias_h;     /* [cols]; not apart: the sum of both in bias_x */
    float *state;               /* [2, rows, blocks VF_N], for lanes that share rows */
} vn_recur;

/* Rows of a batch walking through time: on one lane, or on all lanes, each with some units. */
typedef struct vn_walk_rows {
    const vn_recur *r;
    int64_t row, rows;          /* batch rows [row, row + rows) */
    int64_t block, block_end;   /* this lane's units */
    int64_t t0, chunk;          /* first step of the chunk at hand; steps of a full one */
    float *pre;                 /* [rows, chunk, cols]: product of x; not apart: and of h */
    float *rec;                 /* [rows, cols]: product of h, if apart */
    float *h, *next, *c;        /* [rows, blocks VF_N]: state before and after a step, cells */
} vn_walk_rows;

/* LSTM or GRU: the gates' functions and the new state of row i (of w->rows) at step t. */
typedef void (*vn_cell)(const vn_call *c, const vn_walk_rows *w, int64_t i, int64_t t);

/* The layer of a call of lstm or gru. */
vn_recur VN_SIMD(recur_of)(const vn_call *c, int64_t gates, bool apart);
vn_scratch VN_SIMD(recur_scratch)(const vn_recur *r);
void VN_SIMD(recur_run)(const vn_call *c, vn_recur *r, vn_cell cell, vn_stream *s);

/* Gates of a block of units: vectors at w->pre and w->rec of row i at step t. */
static inline int64_t vn_recur_at(const vn_walk_rows *w, int64_t block)
{
    return block * w->r->G * VF_N;
}
static inline float *vn_recur_pre(const vn_walk_rows *w, int64_t i, int64_t t)
{
    return w->pre + (i * w->chunk + t - w->t0) * w->r->cols;
}

/* ---- back through time ---- */

typedef struct vn_recur_back {
    int64_t B, T, H, G, width;  /* width: H to whole panels */
    const float *w_hh;
    float *pack;                /* [panels, G H, VN_TILE_COLS] */
} vn_recur_back;

typedef struct vn_back_rows {
    const vn_recur_back *r;
    int64_t row, rows;          /* batch rows of this lane */
    float *dh;                  /* [rows, width]: what came back through W_hh */
    float *keep;                /* [rows, width]: lstm: dc; gru: what came back through z */
    float *dz;                  /* [rows, G H]: goes back through W_hh */
} vn_back_rows;

/* Gradients of the gates of row i at step t: into w->dz and the call's results; w->keep moves on.
 */
typedef void (*vn_back_cell)(const vn_call *c, const vn_back_rows *w, int64_t i, int64_t t);

/* The layer of a call of lstm_grad or gru_grad. */
vn_recur_back VN_SIMD(recur_back_of)(const vn_call *c, int64_t gates);
vn_scratch VN_SIMD(recur_back_scratch)(const vn_recur_back *r);
/* `dh`, `dkeep` start from inputs dh_in and keep_in (-1: zeros) and end in outputs dh_out and
 * keep_out; keep_out -1: both are added up there. */
typedef struct vn_back_ends {
    int dh_in, keep_in, dh_out, keep_out;
} vn_back_ends;
void VN_SIMD(recur_back_run)(const vn_call *c, vn_recur_back *r, vn_back_cell cell,
                             const vn_back_ends *ends, vn_stream *s);

/* Towards the second-level cache: what the step before will read, while this one is multiplied.
 * Rows walk backwards by a stride each, which the hardware does not foresee. */
static inline void vn_recur_ahead(const float *p) { __builtin_prefetch(p, 0, 2); }

/* Element i of an optional tensor; NULL where it is absent. */
static inline float *vn_recur_row(const vn_tensor *t, int64_t i)
{
    return t->data ? (float *)t->data + i : NULL;
}

#endif

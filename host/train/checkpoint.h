/* The checkpoint: everything a training run needs to go on as if it had never stopped. */
#ifndef VN_HOST_TRAIN_CHECKPOINT_H
#define VN_HOST_TRAIN_CHECKPOINT_H

#include "host/train/train.h"

/* What is kept of one member of an ensemble, or of the only one. */
typedef struct vn_fit_member {
    int64_t best_step; /* steps done when its best weights were kept, -1: none yet */
    double best;       /* its best validation loss, NaN: none yet */
    float scale;       /* of an fp16 loss */
    int64_t counts[2]; /* good steps since it changed, steps left out */
} vn_fit_member;

/* Where a run stands. The bad-step flag is not part of it: a run whose loss left the finite numbers
 * ends, and never writes a checkpoint. */
typedef struct vn_fit_state {
    int64_t step; /* optimizer steps done */
    int64_t wait; /* validations since one was better, of any member */
    double loss;  /* of the last step, mean over the members */
    double valid; /* the last validation loss, mean over the members; NaN: none yet */
    vn_fit_member member[VN_MEMBERS_MOST];
} vn_fit_state;

/* Host copies [members, n_block] of what lies on the device; the best weights are m->params->block. */
typedef struct vn_fit_blocks {
    float *param, *m, *v;
    float *mean; /* NULL: the run has no ema_decay */
} vn_fit_blocks;

/* A fingerprint of the data: a run cannot go on with other series. */
uint64_t vn_panel_fingerprint(const vn_panel *panel);

vn_status vn_checkpoint_save(const char *path, const vn_fitted *m, uint64_t data,
                             const vn_fit_state *state, const vn_fit_blocks *blocks);

/* Into state, blocks and m->params->block. ARGUMENT names the option, DATA says that the data, in
 * which this run differs from the one that wrote the file; MODEL if the file is damaged. */
vn_status vn_checkpoint_load(const char *path, const vn_fitted *m, uint64_t data,
                             vn_fit_state *state, const vn_fit_blocks *blocks);

#endif

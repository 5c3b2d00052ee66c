/* What a run of training holds: the models it trains side by side, and the plans and device memory
 * they share. Opened and closed by training.c, run by fit.c. */
#ifndef VN_HOST_TRAIN_TRAINING_H
#define VN_HOST_TRAIN_TRAINING_H

#include "device/resident.h"
#include "host/data/window.h"
#include "host/train/checkpoint.h"
#include "host/train/gather.h"
#include "host/train/head.h"

/* One model of a run, and what is its own there. */
typedef struct vn_part {
    vn_fit_job *job;
    vn_fitted *m;
    const vn_panel *panel;
    int first; /* member `first` of the run is the first of its m->params->members */
    vn_head head;
    vn_windows windows;
    int32_t
        *valid_pairs; /* [valid_n, 2], padded with -1 to whole batches; NULL without validation */
    int64_t valid_n, valid_batch;
    vn_gather *gather, *valid_gather; /* where the panel stays on the host */
    vn_fit_state at;                  /* .step: steps whose results are known */
    double first_loss;                /* of the run's first step */
    /* Of each member, without validation: losses since the last look; the lowest mean, at first the
     * first loss: more than that is no learning. */
    double span[VN_MEMBERS_MOST], span_best[VN_MEMBERS_MOST];
    int64_t span_first; /* steps done at the last look */
    int64_t bad;        /* the step whose loss is no number; -1: none */
    bool over;          /* it has its weights; the run goes on for others */
    bool due;           /* for a look at its validation windows */
} vn_part;

/* The validation plan of parts first .. first + n - 1, which are neighbours with batches of one
 * size. */
typedef struct vn_valid {
    vn_plan *plan;
    vn_model_graph graph; /* its values; the graph itself is closed */
    int first, n;
    int64_t batch;
} vn_valid;

typedef struct vn_training {
    vn_part *part;
    int n, members; /* parts; members of all of them */
    vn_device *dev;
    const vn_fit_hooks *hooks;
    vn_stream *stream;
    void *block[VN_HOME_COUNT]; /* of all members, one behind the other */
    vn_resident
        *resident; /* [n] panels where the device reads them; one for parts that share theirs */
    int n_resident;
    vn_source source; /* VN_FROM_WINDOWS: the panels stay on the host */
    int32_t *pairs;   /* [windows_batch_size, 2], of the step being fed */
    uint64_t seed[VN_MEMBERS_MOST];
    vn_plan *train;
    vn_model_graph tg; /* its values */
    vn_valid *valid;   /* [n] */
    int n_valid;
    uint64_t version;   /* of the weights */
    vn_fit_blocks host; /* for checkpoints, which are of one part; else NULL */
    uint64_t fingerprint;
    int64_t step, queued, first; /* steps done, begun; of them before this run */
    double begun_s, told_s, sum; /* clock; losses since the last report */
    int64_t n_sum;
    bool interrupted;
} vn_training;

/* Opened for the n jobs, whose graphs are alike (vn_fit_alike). What is half open is for close too.
 */
vn_status vn_training_open(vn_training *t, vn_fit_job *const *job, int n, vn_device *dev,
                           const vn_fit_hooks *hooks);
void vn_training_close(vn_training *t);

/* The weights that are judged and kept. */
void *vn_training_weights(const vn_training *t);

/* What a checkpoint holds, and the loss scales with their counts, between device and host. */
vn_status vn_training_move_blocks(vn_training *t, vn_dir dir);
vn_status vn_training_move_scaling(vn_training *t, vn_part *p, vn_dir dir);

static inline int vn_part_members(const vn_part *p)
{
    return p->m->params->members;
}

#endif

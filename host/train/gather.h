/* Windows gathered on the host, for a device whose memory the panel does not fit into: the op
 * `window` on the CPU, its results into the feed of a plan that begins with windows. */
#ifndef VN_HOST_TRAIN_GATHER_H
#define VN_HOST_TRAIN_GATHER_H

#include "host/train/train.h"

typedef struct vn_gather vn_gather;

/* `panel` is borrowed until close. */
vn_status vn_gather_open(const vn_fitted *m, const vn_panel *panel, int64_t batch, vn_gather **out);
void vn_gather_close(vn_gather *g);

/* The windows at `pairs` [batch, 2], and the pairs, to the next run of `plan`, whose graph has them
 * as feeds (VN_FROM_WINDOWS). */
vn_status vn_gather_run(vn_gather *g, const int32_t *pairs, vn_plan *plan,
                        const vn_model_graph *to);

#endif

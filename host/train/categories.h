/* Categories as embeddings, so that a model sees numbers alone. */
#ifndef VN_HOST_TRAIN_CATEGORIES_H
#define VN_HOST_TRAIN_CATEGORIES_H

#include "host/train/train.h"

/* The last n of the columns of x [.., C], from `first` on, are codes. Returns `before` (may be 0)
 * and the embedding of each of them along the last axis, and adds its numbers to *width. `kind`
 * names the parameters. */
vn_val vn_with_embeddings(vn_graph *g, const vn_train_options *o, const char *kind, vn_val before,
                          vn_val x, int64_t first, const vn_levels *levels, int64_t n,
                          int64_t *width);

#endif

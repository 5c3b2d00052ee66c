/* An embedding has a row a level, drawn from N(0, 1) and learnt; code 0, out of vocabulary, is
 * their mean, as in neuralforecast. The mean is a node: in a forecast it belongs to the prologue. */
#include "host/train/categories.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* fastai's rule of thumb where no dimension is given. */
static int64_t dim_of(const vn_train_options *o, int64_t n_levels)
{
    if (o->cat_emb_dim) return o->cat_emb_dim;
    int64_t dim = (int64_t)ceil(1.6 * pow((double)n_levels, 0.56));
    return dim < 50 ? dim : 50;
}

static vn_val embedded(vn_graph *g, const char *name, int64_t n, int64_t dim, vn_val codes)
{
    vn_val rows = vn_param(g, name, VN_DIMS(n, dim), (vn_init){ VN_INIT_NORMAL, 1 });
    vn_val mean = vn_affine(g, vn_sumto(g, rows, VN_DIMS(1, dim)), 1.0 / (double)n, 0);
    return vn_embedding(g, codes, vn_concat(g, 0, (vn_val[]){ mean, rows }, 2));
}

vn_val vn_with_embeddings(vn_graph *g, const vn_train_options *o, const char *kind, vn_val before,
                          vn_val x, int64_t first, const vn_levels *levels, int64_t n,
                          int64_t *width)
{
    for (int64_t i = 0; i < n && x && !g->status; i++) {
        int axis = vn_value_of(g, x)->t.rank - 1;
        int64_t dim = dim_of(o, levels[i].n);
        char name[64];
        snprintf(name, sizeof name, "embedding.%s%" PRId64, kind, i);
        vn_val codes = vn_slice(g, x, axis, first + i, 1);
        vn_val parts[] = { before, embedded(g, name, levels[i].n, dim, codes) };
        before = vn_concat(g, axis, parts, 2);
        *width += dim;
    }
    return before;
}

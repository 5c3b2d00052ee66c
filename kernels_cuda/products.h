/* How the products of a recording are computed: candidates, timed once a shape, the fastest kept.
 */
#ifndef VN_KERNELS_CUDA_PRODUCTS_H
#define VN_KERNELS_CUDA_PRODUCTS_H

#include "kernels_cuda/lt.h"

/* What a device knows: the library, what the user wished, what was chosen before. */
typedef struct vn_products {
    vn_lt lt;        /* library NULL: there is none */
    char about[192]; /* "cuBLASLt 13.1.0", or why there is none */
    int wish;        /* a way, or none: the fastest */
    struct vn_memory *memory;
} vn_products;

/* `wish`: the name of a way (products.c), "auto", "" or NULL. ARGUMENT if there is none of that
 * name. */
vn_status vn_products_open(vn_products *products, const char *wish);
void vn_products_close(vn_products *products);

/* How a step is computed. */
typedef struct vn_chosen vn_chosen;

/* How many of `left` steps from this one are computed together if there is something to choose: a
 * product, or a product and the sums of its first factor (a bias's gradient); else 0. */
int vn_products_concern(const vn_products *products, const vn_step *step, int left);

/* `step`, the first of n_steps, has its scratch, of `bytes`; kernels run on `s` and write its
 * output. *workspace: how much of the scratch the choice needs beside what the step's kernel asks
 * for. */
vn_status vn_products_choose(vn_products *products, vn_cuda_stream *s, const vn_step *step,
                             int n_steps, size_t bytes, vn_chosen **chosen, size_t *workspace);

/* False if the library refuses. All of its steps. */
bool vn_chosen_launch(const vn_products *products, const vn_chosen *chosen, const vn_step *step,
                      vn_stream *s);
int vn_chosen_steps(const vn_chosen *chosen);
const char *vn_chosen_text(const vn_chosen *chosen);
void vn_chosen_drop(const vn_products *products, vn_chosen *chosen);

/* linear.cu: y [n numbers, rows of `width`] = act(y + bias), in place. */
void vn_bias_act_launch(float *y, const float *bias, int64_t width, int64_t n, int64_t act,
                        vn_stream *s);

#endif

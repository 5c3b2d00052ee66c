/* What N-BEATS and N-HiTS share: blocks of fully connected layers in a doubly residual chain
 * (Oreshkin et al., "N-BEATS", ICLR 2020, section 3). A block sees what the blocks before it left
 * unexplained and takes its own backcast away; the forecasts add up:
 *
 *     rest = (rest - backcast) mask,  forecast += part
 *
 * `rest` runs backwards in time, newest value first, as in the reference implementation. */
#ifndef VN_MODELS_RESIDUAL_H
#define VN_MODELS_RESIDUAL_H

#include "models/model.h"

/* The options both models have, for their HPARAMS lists. */
#define VN_MLP_ACTIVATIONS "relu|softplus|tanh|selu|lrelu|sigmoid"
#define VN_MLP_UNITS_HELP \
    "widths of a block's layers, each with activation; compat=nixtla puts one more before them, " \
    "as wide as the first and without activation: [512, 512, 512] is its 3*[[512,512]]"
#define VN_MLP_COMPAT_HELP \
    "none: activation after every layer, as in the paper; nixtla: a first layer without it, as " \
    "in neuralforecast, for its weights"

typedef struct vn_mlp_spec {
    const vn_opt_INTS *units; /* widths of the layers */
    vn_opt_ENUM activation;   /* of VN_MLP_ACTIVATIONS */
    bool nixtla;              /* a layer without activation before the others */
    double dropout;           /* after every activation; 0 outside training */
} vn_mlp_spec;

/* The parameters of a block. Several blocks may share one. */
typedef struct vn_mlp {
    vn_mlp_spec spec;
    vn_val w[VN_LIST_MAX + 1], b[VN_LIST_MAX + 1]; /* [0]: the extra layer of nixtla, else absent */
    vn_val theta_w, theta_b;                       /* head: [n_theta, width], [n_theta] */
} vn_mlp;

/* Declare "fc1.weight" ... "theta.bias" for n_in inputs and n_theta basis coefficients. */
vn_mlp vn_mlp_declare(vn_graph *g, const vn_mlp_spec *spec, int64_t n_in, int64_t n_theta);

/* x [B, n_in] -> the last layer [B, width]. */
vn_val vn_mlp_layers(vn_graph *g, const vn_mlp *block, vn_val x);

/* Coefficients [start, start + len) from the last layer: [B, len]. A row view of the head, so that
 * coefficients nobody reads are never computed. */
vn_val vn_mlp_theta(vn_graph *g, const char *name, const vn_mlp *block, vn_val layers,
                    int64_t start, int64_t len);

typedef struct vn_residual {
    vn_val rest, mask; /* [B, L], newest first */
    vn_val forecast;   /* [B, H, P]; [B, 1, P] before the first step */
} vn_residual;

/* rest = y reversed, forecast = the last value of y at every step of the horizon; 0 for the numbers
 * of a step that do not live on the scale of y. */
vn_val vn_level(vn_graph *g, const vn_task *task); /* that forecast alone */
vn_residual vn_residual_open(vn_graph *g, const vn_task *task);
/* Take a block's backcast [B, L] from the rest and add its part [B, H, P] to the forecast. */
void vn_residual_step(vn_graph *g, vn_residual *r, vn_val backcast, vn_val part);

/* Refuse lists of different length: `n` numbers of `name` where there are `stacks` of `per`. */
vn_status vn_check_per_stack(const char *model, const char *name, int64_t n, const char *per,
                             int64_t stacks);

#endif

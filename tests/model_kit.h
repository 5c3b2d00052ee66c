/* A model alone, as tests want it: inputs fed by hand, the model, a loss, perhaps its gradients and
 * an optimizer, planned in f32 or f64 on the CPU or a device given. */
#ifndef VN_TESTS_MODEL_KIT_H
#define VN_TESTS_MODEL_KIT_H

#include "graph/plan/plan.h"
#include "graph/plan/precision.h"
#include "models/model.h"

typedef enum vn_kit_mode { VN_KIT_FORWARD, VN_KIT_GRADIENT, VN_KIT_TRAIN } vn_kit_mode;

typedef struct vn_kit_config {
    const vn_model_def *model;
    const void *hparams;
    int64_t B, L, H, X, F, S;
    int64_t P;         /* 0: 1; a model with a context has as many as `dist` */
    vn_dist dist;      /* of a model with a context, whose loss is its likelihood */
    int64_t paths;     /* such a model draws so many; 0: it predicts every step from those before */
    vn_dtype real;
    vn_precision precision; /* of a graph in f32 */
    vn_loss loss;
    vn_kit_mode mode;
    bool wrt;          /* GRADIENT: also of hist, futr and stat */
    bool dropout;      /* the task says it trains */
    bool fold;         /* FORWARD: layers without an activation between them are one */
    int threads;       /* 0: 2 */
    const char *level; /* widest kernels ("generic", "avx2"); NULL: what the machine has */
    vn_params *params; /* borrowed, laid out; NULL: own ones, drawn from seed 1 */
    vn_device *dev;    /* borrowed; NULL: the CPU, with the two options above */
} vn_kit_config;

typedef struct vn_kit {
    vn_kit_config c;
    vn_device *dev;
    vn_stream *stream;
    vn_graph *g;
    vn_plan *plan;
    vn_params *params;
    vn_val y, mask, hist, futr, stat, target, target_mask; /* feeds */
    vn_val pairs;                                          /* feed, i32 [B, 2], of paths */
    vn_val yhat, loss;                                     /* reads */
    vn_val param; /* read: of the distribution, where a model with a context predicts */
    vn_val attention; /* read: what the model shows under this name; 0: nothing */
    vn_val d_exog[3];                                      /* of hist, futr, stat; 0: none */
    void *home[VN_HOME_COUNT];
} vn_kit;

/* Build, plan, upload the parameters; masks are fed with ones, the rest with zeros. Hyperparameters
 * that the model leaves open are settled. A model with a context sees y, which then is on any scale,
 * over its mean size. Close it even when opening failed. */
vn_status vn_kit_open(const vn_kit_config *config, vn_kit *kit);
void vn_kit_close(vn_kit *kit);

/* Host parameters (f32, or f64 numbers [n_block] where given) to the device. */
vn_status vn_kit_upload(vn_kit *kit, const double *numbers);

/* Numbers of an input; an absent input takes none. */
int64_t vn_kit_size(const vn_kit *kit, vn_val v);
void vn_kit_feed(vn_kit *kit, vn_val input, const float *numbers);
/* Every input but the masks from a random stream: roughly uniform in [-1, 1). */
void vn_kit_feed_random(vn_kit *kit, uint64_t seed);

vn_status vn_kit_run(vn_kit *kit);
/* Element i of an output. */
double vn_kit_read(const vn_kit *kit, vn_val output, int64_t i);
/* The gradient (or parameter) block as [n_block] numbers. */
vn_status vn_kit_block(vn_kit *kit, vn_home home, double *out);

/* The largest |a - b| over the largest |b|. */
double vn_worst(const double *a, const double *b, int64_t n);

#endif

/* The loss decides what a model gives for each step: one number, several quantiles, features of an
 * implicit quantile function, or the raw parameters of a distribution; and how those numbers become
 * a training loss, a validation loss and a forecast. */
#ifndef VN_HOST_TRAIN_HEAD_H
#define VN_HOST_TRAIN_HEAD_H

#include "graph/build.h"
#include "host/train/train.h"

typedef enum vn_family {
    VN_FAMILY_POINT,     /* a number: losses.def */
    VN_FAMILY_QUANTILES, /* one number a level */
    VN_FAMILY_IMPLICIT,  /* levels are an input of the head (Gouttes et al. 2021) */
    VN_FAMILY_DIST,      /* raw parameters: dists.def */
    VN_FAMILY_PATHS,     /* of a forecast alone: values drawn, in no order */
} vn_family;

enum {
    VN_HEAD_LEVELS = 199, /* quantiles at most; those of an implicit forecast are i / 200 */
    VN_HEAD_COSINES = 64, /* of a level, as in Dabney et al. 2018 */
    VN_HEAD_FEATURES = 8, /* numbers a step that a level's features weigh */
};

typedef struct vn_head {
    vn_family family;
    int64_t kind, comps; /* line of losses.def or dists.def; components of a mixture, 0: none */
    bool root;           /* the loss is the root of the mean */
    bool nixtla;         /* DIST: the numbers mean what neuralforecast's do (host/train/nixtla.c) */
    int64_t P, n_free;   /* of vn_task */
    int64_t width;       /* numbers a step of a forecast graph's output */
    int64_t n_q;         /* levels of QUANTILES and IMPLICIT, ascending */
    double q[VN_HEAD_LEVELS];
} vn_head;

/* ARGUMENT for levels outside (0, 1), too many of them, or a scaler the loss cannot live with. */
vn_status vn_head_of(const vn_train_options *o, vn_head *head);

/* The head of a model's forecasts: paths where the model draws them, else that of its loss. */
vn_status vn_forecast_head_of(const vn_fitted *m, vn_head *head);

/* The training loss from its sum and its weight: the mean or its root. */
double vn_head_mean(const vn_head *head, double num, double den);

/* The line of losses.def that the option valid_loss asks for, -1 if it is the training loss. */
int64_t vn_head_valid_kind(const vn_train_options *o);
/* The validation loss from sums over batches. */
double vn_head_valid(const vn_train_options *o, double num, double den);

/* The window as the head sees it. */
typedef struct vn_head_frame {
    vn_graph *g;
    const vn_head *head;
    vn_mode mode;
    int64_t B, H;
    vn_val y, mask; /* target [B, H, 1] in the space of the model's output, and whether observed */
    vn_val raw;     /* target on the panel's scale */
    vn_val weight;  /* [H] or 0 */
    vn_val loc, scale;             /* of the window, [B, 1, 1]; 0: none. Counts have no location */
    vn_val count_loc, count_scale; /* counts: of the scaler that moved the input; 0: none did */
    vn_val tau;                    /* IMPLICIT: the levels drawn, set by vn_head_apply */
} vn_head_frame;

/* The model's numbers [B, H, P] to what losses and forecasts are made of. IMPLICIT: [B, H, 1] at
 * drawn levels (TRAIN), deciles (VALID), head->q (FORECAST). Counts whose input was moved: their
 * means follow it, x0 becomes (location + scale x0) / mean. The others stay as they are. */
vn_val vn_head_apply(vn_head_frame *f, vn_val x);

/* The numbers of neuralforecast's distributions to those that give the same with ours; ARGUMENT where
 * there are none. */
vn_val vn_nixtla_numbers(const vn_head_frame *f, vn_val x);
vn_status vn_nixtla_check(const vn_train_options *o, const vn_head *head);

/* Loss of QUANTILES, IMPLICIT and DIST. `x` from vn_head_apply, for VALID and not DIST on the
 * panel's scale. */
void vn_head_loss(const vn_head_frame *f, vn_val x, vn_val *num, vn_val *den);

/* A point forecast [B, H, 1] for a point loss: the median, or a distribution's first parameter. */
vn_val vn_head_point(const vn_head_frame *f, vn_val x);

/* The column of sorted quantiles that is the point: the median, or where there is none the middle level. */
int64_t vn_head_middle(const vn_head *head);

/* What the host makes of a step's numbers as its point, in the graph: [B, H, 1] of x on the panel's scale
 * (of DIST: from vn_head_apply). The middle of sorted quantiles or paths, the mean of a distribution. */
vn_val vn_head_forecast(const vn_head_frame *f, vn_val x);

/* The parameters of a distribution on the panel's scale. */
vn_val vn_head_parameters(const vn_head_frame *f, vn_val x);

#endif

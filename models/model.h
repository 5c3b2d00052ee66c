/* What a model is: a name, hyperparameters, and a function that builds its part of the graph.
 *
 * A model sees a task: scaled inputs of B windows, and returns the scaled forecast [B, H, P]. It knows
 * nothing of devices, data files or training. */
#ifndef VN_MODELS_MODEL_H
#define VN_MODELS_MODEL_H

#include "base/options.h"
#include "base/text.h"
#include "graph/build.h"

typedef struct vn_task {
    int64_t B, L, H;   /* windows, input steps, horizon */
    int64_t P;         /* numbers a forecast step, as the loss asks: 1 for point losses */
    int64_t P_free;    /* the last so many of P do not live on the scale of y: no level is added */
    int64_t X, F, S;   /* past, known future, static features */
    bool train;        /* dropout acts */
    vn_val y, mask;    /* [B, L, 1]: scaled target and 1/0 observed */
    vn_val hist;       /* [B, L, X] or 0 */
    vn_val futr;       /* [B, L + H, F] or 0 */
    vn_val stat;       /* [B, S] or 0 */
    /* For a model with a context (see vn_model_def). */
    vn_val future;     /* [B, H, 1]: scaled target, where all steps are learnt; 0: draw paths */
    vn_val loc, scale; /* of y, [B, 1, 1]; 0: y is not scaled */
    vn_val pairs;      /* i32 [B, 2]: which window this is, for draws of its own */
    vn_attr_dist dist; /* what a value is drawn from */
    int64_t paths;     /* how many paths */
} vn_task;

/* How long a step is: one of the first three, or none of them. */
typedef struct vn_pace {
    int64_t seconds, business, months; /* days that are worked, for `business` */
    int64_t season, h;                 /* steps */
} vn_pace;

typedef struct vn_model_def {
    const char *name;         /* "nhits": command line, model file */
    const char *alias;        /* "NHITS": column of a forecast */
    const char *title;        /* one line of help, with the paper */
    const char *papers;       /* authors, title, venue, arXiv id of each, a line each */
    const vn_option *options; /* hyperparameters */
    size_t options_bytes;     /* of their struct */
    int version;              /* of the parameters' meaning, in the model file */
    /* Defaults of training options that differ for this model: { "max_steps", "5000" }, ended by
     * { NULL, NULL }; may be NULL */
    const char *const (*presets)[2];
    int64_t input_horizons; /* input_size where none is given, in horizons; 0: five */
    /* Refuse what the hyperparameters and the task cannot do together; VN_OK if fine. */
    vn_status (*check)(const void *hparams, const vn_task *task);
    /* Append a sentence on what works but is likely a mistake; nothing where all is well. NULL: none. */
    void (*advise)(const void *hparams, const vn_task *task, vn_text *out);
    vn_val (*build)(vn_graph *g, const void *hparams, const vn_task *task);
    /* Hyperparameters that are left open, and input_size if it is 0, from the data's step; NULL:
     * nothing is open. */
    vn_status (*settle)(void *hparams, const vn_pace *pace, int64_t *input_size);
    /* NULL, or the model predicts each step from those before: the number C of a window's last input
     * steps that it runs over. Scales are then of these steps alone. Given the future, `build`
     * returns [B, C - 1 + H, P], a row for each of their steps but the first and for the horizon's;
     * without it paths [B, H, paths] on the panel's scale. Needs the likelihood of a distribution. */
    int64_t (*context)(const void *hparams);
} vn_model_def;

/* NULL-ended, in the order of models.def. */
const vn_model_def *const *vn_models(void);
const vn_model_def *vn_model_find(const char *name); /* any case; NULL if there is none */

#endif

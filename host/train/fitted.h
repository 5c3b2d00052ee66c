/* What a model file and a checkpoint say of a model beside its numbers, as pairs of texts. */
#ifndef VN_HOST_TRAIN_FITTED_H
#define VN_HOST_TRAIN_FITTED_H

#include "host/train/safetensors.h"
#include "host/train/train.h"

/* A growing list of metadata in an arena; a failure is sticky. */
typedef struct vn_meta_list {
    vn_arena arena;
    vn_meta *v;
    int n, cap;
    bool failed;
} vn_meta_list;

/* The value is short: 255 bytes at most. */
void vn_meta_put(vn_meta_list *list, const char *key, const char *fmt, ...) VN_PRINTF(3, 4);
/* A value of any length. */
void vn_meta_put_text(vn_meta_list *list, const char *key, const char *value, size_t n);
void vn_meta_close(vn_meta_list *list);

/* Model, options, hyperparameters, frequency and features of m, under the name of a file format. */
vn_status vn_fitted_describe(const vn_fitted *m, const char *format, vn_meta_list *list);

/* The model such a description speaks of, without weights. MODEL names the key that is missing,
 * unknown or wrong. */
vn_status vn_fitted_understand(const vn_safetensors *file, const char *format, vn_fitted **m);

#endif

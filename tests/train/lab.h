/* What the tests of training and prediction begin with: a panel of sines, a small model, a CPU
 * device. */
#ifndef VN_TESTS_TRAIN_LAB_H
#define VN_TESTS_TRAIN_LAB_H

#include "host/infer/predictor.h"
#include "host/train/train.h"

typedef struct vn_lab {
    vn_panel *panel;
    vn_fitted *m;
    vn_device *dev;
    vn_fit_report report;
} vn_lab;

typedef const char *vn_setting[2]; /* an option of training or of the model, and its value */

/* n series of `rows` values 10 + 5 sin(2 pi t / 12 + i); aborts the test on failure. */
vn_panel *vn_lab_sines(int n, int rows);

/* The named model, small, with h = 4, input_size = 12, batches of 16 and then the settings (ended
 * by { NULL }, may be NULL); a panel of 3 sines of 120 rows; `threads` lanes. */
void vn_lab_open(vn_lab *lab, const char *model, int threads, const vn_setting *settings);
void vn_lab_close(vn_lab *lab);

/* A further model with the same panel and device: options as open. The caller closes it. */
vn_fitted *vn_lab_model(const vn_lab *lab, const char *model, const vn_setting *settings);

vn_status vn_lab_fit(vn_lab *lab, const vn_fit_hooks *hooks);

bool vn_lab_same_weights(const vn_fitted *a, const vn_fitted *b);

/* Mean |error| of forecasts of all windows whose targets are rows [from, to) of every series. */
double vn_lab_mae(const vn_lab *lab, int64_t from, int64_t to);

/* A path for a file of this test process; the file is not there. */
const char *vn_lab_path(const char *name);

#endif

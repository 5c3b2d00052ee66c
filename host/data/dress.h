/* A panel as a model reads it: the model's codes for categories, features of the calendar, and the
 * rows to forecast where the calendar alone makes them known. */
#ifndef VN_HOST_DATA_DRESS_H
#define VN_HOST_DATA_DRESS_H

#include "host/data/panel.h"

/* Calendar features, as GluonTS and neuralforecast have them: value / largest - 0.5. */
enum { VN_CALENDAR_COUNT = 9 };
const char *vn_calendar_name(int feature);     /* "month" */
int vn_calendar_find(const char *s, size_t n); /* -1: none */
/* Not of age, which is no property of a stamp: log10(2 + steps since the series began). */
float vn_calendar_at(int feature, int64_t stamp);

/* Read the option `calendar` for data of this frequency: which[0 .. *n). ARGUMENT if a name is
 * unknown or the data count integer steps, of which only the age is known: "auto, age" is that. */
vn_status vn_calendar_choose(const char *option, vn_freq freq, int which[VN_CALENDAR_COUNT],
                             int *n);

typedef struct vn_dress {
    int64_t n_hist_cat, n_futr_cat, n_stat_cat;      /* as the panel */
    const vn_levels *hist_cat, *futr_cat, *stat_cat; /* the model's */
    int n_calendar;
    const int *calendar; /* [n_calendar] */
    int64_t ahead;       /* rows past n_past that each series needs; added where the panel's future
                            features are none but those of the calendar */
} vn_dress;

/* Into `out`, which borrows from the panel what stays as it is; close it with vn_dressed_close. A
 * text the model does not know becomes code 0 and is reported to the log, a line a column. */
vn_status vn_panel_dress(const vn_panel *panel, const vn_dress *dress, const vn_log *log,
                         vn_panel *out);
void vn_dressed_close(vn_panel *out);

#endif

/* What the options of Prophet mean for a panel: components, columns of the design, holidays. */
#ifndef VN_HOST_PROPHET_SPEC_H
#define VN_HOST_PROPHET_SPEC_H

#include "device/kernel.h"
#include "host/data/panel.h"
#include "models/prophet.h"

typedef enum vn_season_rule {
    VN_SEASON_ALWAYS, /* asked for */
    VN_SEASON_YEARLY, /* by the span and the step of a series' history, as Prophet decides */
    VN_SEASON_WEEKLY,
    VN_SEASON_DAILY,
    VN_SEASON_STEPS, /* integer stamps: the season of the data, from two of them on */
} vn_season_rule;

typedef struct vn_prophet_season {
    const char *name;
    double period; /* days; steps where stamps are integers */
    int order;     /* pairs of sine and cosine */
    double prior;
    bool multiplicative;
    int condition; /* feature that is not 0 where the seasonality acts; -1: everywhere */
    vn_season_rule rule;
} vn_prophet_season;

/* A day on which a holiday's column is 1. */
typedef struct vn_prophet_date {
    int64_t day; /* since 1970-01-01 */
    int column;  /* of the holidays */
} vn_prophet_date;

typedef enum vn_standardise {
    VN_STANDARDISE_AUTO,
    VN_STANDARDISE_YES,
    VN_STANDARDISE_NO
} vn_standardise;

/* A column known ahead, or one level of it; or a column known only in the past, as it was `lag` steps
 * before: the newest value that all steps of a horizon have. */
typedef struct vn_prophet_regressor {
    const char *name;
    int feature;   /* of futr, or of hist */
    int64_t level; /* code of the category that makes it 1; 0: a number */
    bool past;
    double prior;
    bool multiplicative;
    vn_standardise standardise;
} vn_prophet_regressor;

typedef struct vn_prophet_column {
    int component;
    double prior; /* deviation of its coefficient */
    bool multiplicative;
} vn_prophet_column;

/* A number, or a future feature. */
typedef struct vn_prophet_level {
    bool given;
    int feature; /* -1: the number */
    double value;
} vn_prophet_level;

typedef struct vn_prophet_spec {
    vn_arena arena;
    const vn_prophet_options *o; /* borrowed */
    bool steps;                  /* stamps are integers: no calendar */
    int64_t lag;                 /* steps to forecast */
    int n_seasons, n_regressors, n_holiday_columns, n_dates;
    vn_prophet_season *season;
    vn_prophet_regressor *regressor;
    vn_prophet_date *date; /* by day */
    int n_columns;         /* seasons, then holidays, then regressors */
    vn_prophet_column *column;
    int n_components; /* in the order of the columns; the trend is none of them */
    const char **component;
    vn_prophet_level cap, floor;
    int n_changepoints; /* given stamps; 0: a grid */
    int64_t *changepoint;
    char *holidays; /* text of the holidays file; NULL: none */
} vn_prophet_spec;

/* `panel` gives frequency, season, the names of features and the levels of categories; h steps are
 * to be forecast; `holidays` is the text of a holidays file (NULL: read the option's). ARGUMENT or
 * DATA name what cannot be. */
vn_status vn_prophet_spec_open(const vn_prophet_options *o, const vn_panel *panel, int64_t h,
                               const char *holidays, vn_prophet_spec *spec);
void vn_prophet_spec_close(vn_prophet_spec *spec);

/* The dates of a holidays file, one column for each holiday and day of its window, into
 * spec->date; priors [columns] into *prior. */
vn_status vn_prophet_holidays(vn_prophet_spec *spec, const char *name, const char *text,
                              double **prior);

/* The columns [n_columns] of row t of series i. `moment` [regressors, 2]: their mean and deviation. */
void vn_prophet_features(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i, int64_t t,
                         const double *moment, double *x);

/* What they are made from, as a fit stores it: x [2 seasons + holidays + regressors], sine and
 * cosine of each seasonality's first harmonic, then the other columns. */
void vn_prophet_inputs(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i, int64_t t,
                       const double *moment, double *x);

/* A regressor's number at row t of series i, not standardised; false where its past does not reach
 * so far back. */
bool vn_prophet_input(const vn_prophet_spec *spec, const vn_prophet_regressor *r,
                      const vn_panel *panel, int64_t i, int64_t t, double *x);

/* DATA unless the conditions of seasonalities are 0 or 1 in the rows [from, to) of series i. */
vn_status vn_prophet_conditions(const vn_prophet_spec *spec, const vn_panel *panel, int64_t i,
                                int64_t from, int64_t to);

/* Capacity or floor at row t of series i; `otherwise` where none is given. */
double vn_prophet_level_at(const vn_prophet_level *level, const vn_panel *panel, int64_t i,
                           int64_t t, double otherwise);

/* DATA unless the capacity at row t is above the floor. */
vn_status vn_prophet_room_below(const vn_panel *panel, int64_t i, int64_t t, double cap, double floor);

#endif

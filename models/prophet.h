/* The options of Prophet, for the solver that fits it (host/prophet). */
#ifndef VN_MODELS_PROPHET_H
#define VN_MODELS_PROPHET_H

#include "base/options.h"

/* Names and defaults are Prophet's. A component's mode "same" is seasonality_mode. */
#define VN_PROPHET_OPTIONS(X) \
    X(ENUM, growth, "linear", 0, 0, "linear|logistic|flat", "trend: piecewise linear, piecewise logistic below cap, or constant") \
    X(TEXT, cap, "", 0, 0, NULL, "capacity of logistic growth: a number, or a column of futr_exog_list") \
    X(TEXT, floor, "", 0, 0, NULL, "floor of logistic growth: a number, or a column of futr_exog_list; empty: 0 (absmax) or the least value (minmax)") \
    X(ENUM, scaling, "absmax", 0, 0, "absmax|minmax", "a series is divided by its largest size, or mapped to 0 .. 1") \
    X(INT, n_changepoints, "25", 0, 1000, NULL, "places at which the trend may change its rate") \
    X(FLOAT, changepoint_range, "0.8", 0, 1, NULL, "part of the history in which they lie") \
    X(TEXT, changepoints, "", 0, 0, NULL, "their stamps instead, comma separated") \
    X(FLOAT, changepoint_prior_scale, "0.05", 1e-9, 1e6, NULL, "scale of the Laplace prior of the rate changes: larger follows the trend closer") \
    X(TEXT, yearly_seasonality, "auto", 0, 0, NULL, "auto (from 2 years on), true, false, or the number of Fourier pairs") \
    X(TEXT, weekly_seasonality, "auto", 0, 0, NULL, "auto (from 2 weeks on, steps below a week), true, false, or the number of Fourier pairs") \
    X(TEXT, daily_seasonality, "auto", 0, 0, NULL, "auto (from 2 days on, steps below a day), true, false, or the number of Fourier pairs") \
    X(ENUM, seasonality_mode, "additive", 0, 0, "additive|multiplicative", "how seasonalities, holidays and regressors act on the trend") \
    X(FLOAT, seasonality_prior_scale, "10", 1e-9, 1e6, NULL, "deviation of the normal prior of seasonal coefficients") \
    X(TEXT, seasonalities, "", 0, 0, NULL, "further ones, comma separated: name:days:order[:prior_scale[:mode[:condition]]], condition a 0/1 column of futr_exog_list") \
    X(TEXT, holidays, "", 0, 0, NULL, "CSV file with columns holiday, ds and perhaps lower_window, upper_window, prior_scale; dates of the future too") \
    X(FLOAT, holidays_prior_scale, "10", 1e-9, 1e6, NULL, "deviation of the normal prior of holidays and regressors") \
    X(ENUM, holidays_mode, "same", 0, 0, "same|additive|multiplicative", "how holidays act on the trend") \
    X(TEXT, regressors, "", 0, 0, NULL, "settings of the columns of features, comma separated: name[:prior_scale[:mode[:auto|true|false]]], the last: standardised; columns not named take the defaults. A category has a coefficient for each text (unseen texts: none); a column known only in the past acts as it was h steps before; static ones are left out") \
    X(INT, uncertainty_samples, "1000", 2, 1000000, NULL, "paths simulated for an interval")

typedef struct vn_prophet_options {
    VN_OPTION_STRUCT(VN_PROPHET_OPTIONS)
} vn_prophet_options;

#endif

/* Which past values an autoregressive model looks at, by the length of a step: the newest seven, and
 * the same place in earlier cycles with its neighbours. GluonTS's lists (time_feature/lag.py). */
#ifndef VN_MODELS_LAGS_H
#define VN_MODELS_LAGS_H

#include "models/model.h"

enum { VN_LAGS_MAX = 128 };

/* Ascending lags of at most `most` steps; returns how many. Steps without a calendar look at seven
 * seasons. */
int64_t vn_lags_of(const vn_pace *pace, int64_t most, int64_t out[VN_LAGS_MAX]);

#endif

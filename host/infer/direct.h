/* Forecasts of windows that lie in the device's memory, on a caller's stream: nothing moves between
 * host and device, and nothing waits. */
#ifndef VN_HOST_INFER_DIRECT_H
#define VN_HOST_INFER_DIRECT_H

#include "host/train/train.h"

typedef struct vn_direct vn_direct;

/* Addresses of the device, as vane_forecaster_run_on of include/vane.h has them. */
typedef struct vn_direct_arrays {
    const float *y, *mask;           /* [n, L]; mask may be NULL: all finite values are observed */
    const float *hist, *futr, *stat; /* [n, L, X], [n, L + H, F], [n, S] */
    float *out;                      /* [n, H] */
} vn_direct_arrays;

/* `m` and `dev` are borrowed until close. most: windows a run; batch: windows a replay of the plan. */
vn_status vn_direct_open(const vn_fitted *m, vn_device *dev, int64_t most, int64_t batch,
                         vn_direct **direct);
void vn_direct_close(vn_direct *direct);

/* Queue the forecast of n windows: points, made on the device from quantiles, paths, distributions or
 * the members of an ensemble as the host makes them. `stream` is the caller's (vn_stream_adopt). Runs are in the
 * order of the calls, also over several streams. Allocates nothing while the stream stays the same.
 */
vn_status vn_direct_run(vn_direct *direct, void *stream, const vn_direct_arrays *a, int64_t n);

#endif

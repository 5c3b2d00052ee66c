/* Memory of a slice of series as a call of the op `prophet`, and the call on a device. */
#ifndef VN_HOST_PROPHET_SLICE_H
#define VN_HOST_PROPHET_SLICE_H

#include "device/device.h"
#include "host/prophet/series.h"

typedef struct vn_prophet_slice {
    const vn_prophet_spec *spec;
    vn_device *dev;
    vn_stream *stream;
    int64_t series, rows;                     /* room for so many */
    bool shared;                              /* the device's memory is the host's */
    unsigned char *host, *mem;                /* the same layout; one block where shared */
    size_t bytes, at[VN_MAX_IN + VN_MAX_OUT]; /* where inputs lie, then outputs */
    vn_call call;                             /* with addresses of the device */
    vn_attr_prophet fit, look; /* its attributes: to solve; to tell what is at the start */
    vn_exec *solve, *judge;
} vn_prophet_slice;

/* Room for this many series and rows on the device, which must have a kernel for the op. */
vn_status vn_prophet_slice_open(const vn_prophet_spec *spec, vn_device *dev, int64_t series,
                                int64_t rows, vn_prophet_slice *slice);
void vn_prophet_slice_close(vn_prophet_slice *slice);

/* Slot i, whose rows begin at row `first`. */
vn_prophet_slot vn_prophet_slice_slot(const vn_prophet_slice *slice, int64_t i, int64_t first);

/* Leave slot i out of what runs. */
void vn_prophet_slice_drop(vn_prophet_slice *slice, int64_t i);

/* Solve the slots, of which the first `rows` rows are in use, or (judge) find sigma and objective
 * at their starts. */
vn_status vn_prophet_slice_run(vn_prophet_slice *slice, int64_t rows, bool judge);

#endif

/* A panel where a device can read it: the host's own arrays on the CPU, a copy on others. */
#ifndef VN_DEVICE_RESIDENT_H
#define VN_DEVICE_RESIDENT_H

#include "device/device.h"

typedef struct vn_resident {
    vn_panel_view view; /* what the `window` op is fed with: addresses of the device */
    vn_device *dev;
    void *block; /* NULL where nothing had to be copied */
    size_t bytes;
} vn_resident;

/* Copy what `host` points to and wait for it. The arrays of `host` are borrowed until close where
 * the device reads the host's memory. */
vn_status vn_resident_open(vn_device *dev, vn_stream *s, const vn_panel_view *host, vn_resident *r);
void vn_resident_close(vn_resident *r);

#endif

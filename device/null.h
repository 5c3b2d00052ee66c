/* A device that computes nothing and remembers everything: it proves plans and stream order without
 * hardware. Its memory cannot be read by the host, and what is queued on a stream happens when
 * somebody waits for it, so that a plan which reads too early reads the old numbers.
 *
 * Every op has one kernel, which fills each output with a tag of its node and notes the tags it
 * finds in its inputs. A value that was overwritten, moved or used before it was made shows as the
 * wrong tag. For tests; no backend of this name is listed. */
#ifndef VN_DEVICE_NULL_H
#define VN_DEVICE_NULL_H

#include "device/device.h"

vn_status vn_null_open(vn_device **dev);

/* The tag of output o of a node: the 32-bit word its memory is filled with. */
static inline uint32_t vn_null_tag(uint32_t node, int o)
{
    return (node * VN_MAX_OUT + (uint32_t)o) | 0x40000000u;
}

#define VN_NULL_MIXED UINT32_MAX /* an input that does not hold one word all over */

/* One call of a kernel, in the order they happened. */
typedef struct vn_null_launch {
    vn_op op;
    uint32_t node;
    uint32_t in[VN_MAX_IN]; /* the word an input was full of; 0 where it is absent */
    uint32_t under;         /* bit i: input i begins where an output does: in place, or a fault */
} vn_null_launch;

/* What happened so far. The list is borrowed until more happens. */
typedef struct vn_null_log {
    const vn_null_launch *launch;
    int n_launches;
    int64_t blocks, bytes;   /* of memory given out and not taken back */
    int64_t copied, n_waits; /* bytes between host and device; waits of the host */
} vn_null_log;
void vn_null_log_of(const vn_device *dev, vn_null_log *log);

#endif

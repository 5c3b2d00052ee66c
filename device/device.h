/* Opening devices and calling them. Every use of a backend's pointers goes through here, so that
 * optional functions, fault injection and messages are handled once. */
#ifndef VN_DEVICE_DEVICE_H
#define VN_DEVICE_DEVICE_H

#include "device/backend.h"

/* The backends linked into this library (backends.def), NULL-ended. */
const vn_backend *const *vn_backends(void);

/* The backend called `name`, linked in or from a plug-in of `folder` (device/plugin.h). UNSUPPORTED
 * names what there is, or says what is missing. */
vn_status vn_backend_find(const char *name, const char *folder, const vn_backend **backend);

/* Open device `index` of the backend called `name`. "auto" is the first plug-in with a device, else
 * "cpu". UNSUPPORTED names what is available; DEVICE says what is missing: a driver, a GPU. */
vn_status vn_device_open(const char *name, int index, const vn_device_config *config,
                         vn_device **dev);
void vn_device_close(vn_device *dev);
void vn_device_about(const vn_device *dev, vn_device_info *out);

/* True if the device has the capability of this name (vn_backend.caps). */
bool vn_device_has(const vn_device *dev, const char *cap);

/* Zeroed memory, 256-byte aligned. Zero bytes are fine. */
vn_status vn_device_alloc(vn_device *dev, vn_mem kind, size_t bytes, void **block);
void vn_device_free(vn_device *dev, vn_mem kind, void *block, size_t bytes);

vn_status vn_stream_open(vn_device *dev, vn_stream **s);
/* A stream over `handle`, the caller's own (a cudaStream_t; NULL is the device's default one), which
 * closing leaves alone. A device without such streams has calls that return when they are done, and
 * takes NULL only: else ARGUMENT. */
vn_status vn_stream_adopt(vn_device *dev, void *handle, vn_stream **s);
void vn_stream_close(vn_stream *s);
vn_status vn_stream_copy(vn_stream *s, void *dst, const void *src, size_t bytes, vn_dir dir);
vn_status vn_stream_fill(vn_stream *s, void *dst, int byte, size_t bytes);
vn_status vn_stream_wait(vn_stream *s);
/* What is queued on s from now on begins when all that is queued on `other` now has ended. */
vn_status vn_stream_after(vn_stream *s, vn_stream *other);

vn_status vn_record(vn_stream *s, const vn_step *steps, int n, double flops, vn_exec **exec);
vn_status vn_replay(vn_stream *s, vn_exec *exec, int first, int last);
vn_status vn_settle(vn_stream *s, vn_exec *exec);
void vn_exec_drop(vn_stream *s, vn_exec *exec);
const char *vn_exec_chosen(const vn_stream *s, const vn_exec *exec, int step); /* NULL: nothing */

/* Marks and tapes (device/backend.h). Without them: reaching returns at once, there is no time between
 * marks and no tape, *us -1 and *tape NULL. */
bool vn_stream_has_marks(const vn_stream *s);
vn_status vn_stream_mark(vn_stream *s, int slot);
vn_status vn_stream_reach(vn_stream *s, int slot);
vn_status vn_stream_elapsed(vn_stream *s, int from, int to, double *us);
bool vn_stream_has_tapes(const vn_stream *s);
vn_status vn_tape_begin(vn_stream *s);
vn_status vn_tape_end(vn_stream *s, vn_tape **tape, int *nodes);
vn_status vn_tape_play(vn_stream *s, vn_tape *tape);
void vn_tape_drop(vn_stream *s, vn_tape *tape);

/* The first kernel of the device's list for this call whose `need` the device has and whose
 * `unfit` gives no reason. `why` (may be NULL) receives one line "name: reason" for each kernel
 * passed over. NULL if none fits. */
const vn_kernel *vn_select(const vn_device *dev, const vn_call *call, vn_text *why);

/* The kernels a backend has for an op, NULL-ended. */
const vn_kernel *const *vn_kernels_of(const vn_device *dev, vn_op op);

#endif

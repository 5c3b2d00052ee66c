/* Backends that are not linked in: a shared library opened the first time a device of theirs is
 * named. It speaks the same vtable, and borrows from this library what would otherwise exist twice:
 * the message of the last failure and the counted memory. */
#ifndef VN_DEVICE_PLUGIN_H
#define VN_DEVICE_PLUGIN_H

#include "device/backend.h"

/* What a plug-in is lent. `sentence` is finished text. */
typedef struct vn_plugin_host {
    vn_status (*fail)(vn_status code, const char *file, int line, const char *sentence);
    vn_status (*trail)(vn_status code, const char *file, int line);
    void *(*calloc)(size_t count, size_t size);
    void (*free)(void *p);
} vn_plugin_host;

/* The one symbol a plug-in shows: an object `const vn_plugin vn_plugin_object`. `open` may be
 * called many times and always returns the same backend. */
typedef struct vn_plugin {
    uint32_t abi; /* VN_BACKEND_ABI it was built with */
    const vn_backend *(*open)(const vn_plugin_host *host);
} vn_plugin;

#define VN_PLUGIN_SYMBOL "vn_plugin_object"

/* The backend of the plug-in called `name` (plugins.def). It is looked for in `folder`, else (NULL
 * or "") beside this library, else where the system finds libraries. UNSUPPORTED with the reason
 * if it cannot be had; *out NULL with VN_OK if plugins.def knows no such name. Never unloaded. */
vn_status vn_plugin_find(const char *name, const char *folder, const vn_backend **out);

/* The names of plugins.def, NULL-ended. */
const char *const *vn_plugin_names(void);

#endif

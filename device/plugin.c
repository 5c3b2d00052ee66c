/* Finding and opening the libraries of plugins.def. */
#define _GNU_SOURCE /* dladdr */
#include "device/plugin.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"

enum { PATH_MAX_BYTES = 4096 };

static const struct {
    const char *name, *file, *advice;
} plugins[] = {
#define VN_PLUGIN(name, file, advice) { #name, file, advice },
#include "device/plugins.def"
#undef VN_PLUGIN
};
enum { N_PLUGINS = sizeof plugins / sizeof *plugins };

static const char *const names[] = {
#define VN_PLUGIN(name, file, advice) #name,
#include "device/plugins.def"
#undef VN_PLUGIN
    NULL,
};

const char *const *vn_plugin_names(void)
{
    return names;
}

static vn_status fail(vn_status code, const char *file, int line, const char *sentence)
{
    return vn_fail(code, file, line, "%s", sentence);
}

static const vn_plugin_host host = { fail, vn_trail, vn_calloc, vn_free };

/* The folder this library was loaded from, with its last slash; "" if the system does not tell. */
static void own_folder(char out[PATH_MAX_BYTES])
{
    Dl_info info;
    out[0] = 0;
    if (!dladdr(plugins, &info) || !info.dli_fname) return;
    const char *slash = strrchr(info.dli_fname, '/');
    size_t n = slash ? (size_t)(slash - info.dli_fname) + 1 : 0;
    if (n >= PATH_MAX_BYTES) return;
    memcpy(out, info.dli_fname, n);
    out[n] = 0;
}

/* The library at `path`; NULL with the system's sentence in `why`. */
static void *open_at(const char *path, char *why, size_t n)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const char *error = library ? NULL : dlerror();
    if (error) snprintf(why, n, "%s", error);
    return library;
}

static void *open_library(const char *file, const char *folder, char *why, size_t n)
{
    char path[PATH_MAX_BYTES], own[PATH_MAX_BYTES];
    bool given = folder && folder[0];
    own_folder(own);
    const char *where = given ? folder : own;
    size_t end = strlen(where);
    const char *slash = end && where[end - 1] != '/' ? "/" : "";
    int length = snprintf(path, sizeof path, "%s%s%s", where, slash, file);
    if (length < 0 || (size_t)length >= sizeof path) {
        snprintf(why, n, "the folder's name is longer than %d bytes", PATH_MAX_BYTES);
        return NULL;
    }
    void *library = where[0] ? open_at(path, why, n) : NULL;
    char elsewhere[256];
    if (!library && !given)
        library = open_at(file, where[0] ? elsewhere : why, where[0] ? sizeof elsewhere : n);
    return library;
}

vn_status vn_plugin_find(const char *name, const char *folder, const vn_backend **out)
{
    *out = NULL;
    int at = 0;
    while (at < N_PLUGINS && strcmp(plugins[at].name, name)) at++;
    if (at == N_PLUGINS) return VN_OK;
    char why[512] = "";
    void *library = open_library(plugins[at].file, folder, why, sizeof why);
    if (!library)
        return VN_FAIL(VN_E_UNSUPPORTED, "no device \"%s\": %s cannot be opened (%s): %s", name,
                       plugins[at].file, why, plugins[at].advice);
    const vn_plugin *plugin = dlsym(library, VN_PLUGIN_SYMBOL);
    if (!plugin)
        return VN_FAIL(VN_E_UNSUPPORTED, "no device \"%s\": %s is no plug-in of Vane", name,
                       plugins[at].file);
    if (plugin->abi != VN_BACKEND_ABI)
        return VN_FAIL(VN_E_UNSUPPORTED,
                       "%s speaks version %u, this library %d: both must be of one build",
                       plugins[at].file, (unsigned)plugin->abi, VN_BACKEND_ABI);
    *out = plugin->open(&host);
    return VN_OK;
}

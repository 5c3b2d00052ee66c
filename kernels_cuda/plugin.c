/* The plug-in's door: what it borrows from the library that opened it, under the names of base/. */
#include "device/plugin.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/fault.h"
#include "kernels_cuda/cuda.h"

static const vn_plugin_host *lender; /* set before anything of the backend can be called */

vn_status vn_fail(vn_status code, const char *file, int line, const char *fmt, ...)
{
    char sentence[1024]; /* as long as base/status.c keeps */
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    return lender->fail(code, file, line, sentence);
}

vn_status vn_trail(vn_status code, const char *file, int line)
{
    return lender->trail(code, file, line);
}

void *vn_calloc(size_t count, size_t size)
{
    return lender->calloc(count, size);
}

void vn_free(void *p)
{
    lender->free(p);
}

static const vn_backend *open_backend(const vn_plugin_host *host)
{
    lender = host;
    return &vn_backend_cuda;
}

extern const vn_plugin vn_plugin_object;
__attribute__((visibility("default")))
const vn_plugin vn_plugin_object = { VN_BACKEND_ABI, open_backend };

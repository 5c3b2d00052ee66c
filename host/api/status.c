/* Version, failures, and small helpers of the public interface. */
#include <string.h>

#include "host/api/internal.h"

#define VN_STATUS(NAME, value, word, text)                                                         \
    _Static_assert((int)VANE_E_##NAME == (int)VN_E_##NAME,                                         \
                   "public and internal statuses are one list");
#include "base/status.def"
#undef VN_STATUS

const char *vane_version(void)
{
    return VANE_VERSION;
}
int vane_abi(void)
{
    return VANE_ABI;
}
const char *vane_last_error(void)
{
    return vn_last_message();
}
const char *vane_last_trail(void)
{
    return vn_last_trail();
}
const char *vane_status_word(vane_status status)
{
    return vn_status_word((vn_status)status);
}

void vn_fill(void *to, const void *from, size_t size)
{
    size_t room;
    memcpy(&room, to, sizeof room);
    if (room > size) {
        memset((char *)to + size, 0, room - size);
        memcpy((char *)to + sizeof room, (const char *)from + sizeof room, size - sizeof room);
    } else if (room > sizeof room) {
        memcpy((char *)to + sizeof room, (const char *)from + sizeof room, room - sizeof room);
    }
}

static const char *candidate(int i, const void *ctx)
{
    return ((const char *const *)ctx)[i];
}

const char *vane_nearest(const char *word, const char *const *candidates)
{
    return vn_nearest(word, candidate, candidates);
}

static void write_log(void *ctx, vn_log_level level, const char *text)
{
    const vane_hooks *hooks = ctx;
    hooks->log(hooks->ctx, (vane_log_level)level, text);
}

vn_log vn_hooks_log(const vane_hooks *hooks)
{
    vn_log log = { 0 };
    if (hooks && hooks->size >= offsetof(vane_hooks, log) + sizeof hooks->log && hooks->log) {
        log.write = write_log;
        log.ctx = (void *)(uintptr_t)hooks;
    }
    return log;
}

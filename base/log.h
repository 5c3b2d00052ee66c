/* Messages to whoever listens: the library prints nothing itself. */
#ifndef VN_BASE_LOG_H
#define VN_BASE_LOG_H

#include "base/status.h"

typedef enum vn_log_level { VN_LOG_DEBUG, VN_LOG_INFO, VN_LOG_WARN, VN_LOG_ERROR } vn_log_level;

typedef struct vn_log {
    void (*write)(void *ctx, vn_log_level level, const char *text); /* NULL: silent */
    void *ctx;
} vn_log;

void vn_log_printf(const vn_log *log, vn_log_level level, const char *fmt, ...) VN_PRINTF(3, 4);

#endif

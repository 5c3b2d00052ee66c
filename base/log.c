/* Formats a message (cut at 1 KiB) and hands it to the listener. */
#include "base/log.h"

#include <stdio.h>

void vn_log_printf(const vn_log *log, vn_log_level level, const char *fmt, ...)
{
    if (!log || !log->write) return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    log->write(log->ctx, level, text);
}

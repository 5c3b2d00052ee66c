/* The last failure of each thread: its code, its sentence and the frames it passed.
 *
 * Everything lives in fixed thread-local storage, so reporting "no memory" needs no memory. A
 * message is cut at 1 KiB and a trail at 16 frames (the innermost, which say most); both show it.
 */
#include "base/status.h"

#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1024, FRAMES_MAX = 16, TRAIL_MAX = 1024 };

typedef struct frame {
    const char *file;
    int line;
} frame;

typedef struct failure {
    vn_status code;
    int n_frames;
    frame frames[FRAMES_MAX];
    char message[MESSAGE_MAX];
    char trail[TRAIL_MAX];
} failure;

static _Thread_local failure last;

/* Mark a message of `length` bytes that did not fit, without leaving half a UTF-8 character. */
static void mark_cut(char *s, size_t size, int length)
{
    if (length < 0 || (size_t)length < size) return;
    size_t at = size - 4;
    while (at > 0 && ((unsigned char)s[at] & 0xC0) == 0x80) at--;
    memcpy(s + at, "...", 4);
}

vn_status vn_fail(vn_status code, const char *file, int line, const char *fmt, ...)
{
    /* Through a copy: the arguments may point into the older message. */
    char text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    mark_cut(text, sizeof text, length);
    memcpy(last.message, text, strlen(text) + 1);
    last.code = code;
    last.n_frames = 0;
    return vn_trail(code, file, line);
}

vn_status vn_trail(vn_status code, const char *file, int line)
{
    if (last.n_frames < FRAMES_MAX) last.frames[last.n_frames] = (frame){ file, line };
    if (last.n_frames <= FRAMES_MAX) last.n_frames++;
    return code;
}

vn_status vn_fail_in(vn_status code, const char *fmt, ...)
{
    char prefix[MESSAGE_MAX], text[MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, args);
    va_end(args);
    int length = snprintf(text, sizeof text, "%s: %s", prefix, last.message);
    mark_cut(text, sizeof text, length);
    memcpy(last.message, text, strlen(text) + 1);
    return code;
}

const char *vn_last_message(void)
{
    return last.message;
}

const char *vn_last_trail(void)
{
    size_t at = 0;
    last.trail[0] = 0;
    for (int i = 0; i < last.n_frames && i < FRAMES_MAX; i++) {
        int n = snprintf(last.trail + at, TRAIL_MAX - at, "  %s:%d", last.frames[i].file,
                         last.frames[i].line);
        if (n < 0 || (size_t)n >= TRAIL_MAX - at) {
            last.trail[at] = 0;
            break;
        }
        at += (size_t)n;
    }
    if (last.n_frames > FRAMES_MAX && TRAIL_MAX - at > 5) memcpy(last.trail + at, "  ...", 6);
    return last.trail;
}

vn_status vn_last_status(void)
{
    return last.code;
}

const char *vn_status_word(vn_status code)
{
    switch (code) {
    case VN_OK:
        return "ok";
#define VN_STATUS(NAME, value, word, text)                                                         \
    case VN_E_##NAME:                                                                              \
        return word;
#include "base/status.def"
#undef VN_STATUS
    }
    return "unknown";
}

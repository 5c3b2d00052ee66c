/* Status codes, the sentence that explains a failure, and the trail of frames it passed.
 *
 * The message is made where the facts are; it says what was found, what was expected and where it
 * came from. Message and trail are thread-local; nothing here allocates or prints. */
#ifndef VN_BASE_STATUS_H
#define VN_BASE_STATUS_H

#include <stdarg.h>

typedef enum vn_status {
    VN_OK = 0,
#define VN_STATUS(NAME, value, word, text) VN_E_##NAME = value,
#include "base/status.def"
#undef VN_STATUS
} vn_status;

#define VN_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Record a failure on this thread (replacing an older one) and return its code. */
vn_status vn_fail(vn_status code, const char *file, int line, const char *fmt, ...) VN_PRINTF(4, 5);

/* Add one frame to the trail of the failure recorded last; returns `code`. */
vn_status vn_trail(vn_status code, const char *file, int line);

/* Put "prefix: " before the recorded message, e.g. the file a parser was reading. Returns `code`. */
vn_status vn_fail_in(vn_status code, const char *fmt, ...) VN_PRINTF(2, 3);

/* The sentence of the last failure on this thread, "" if none. Borrowed until the next failure. */
const char *vn_last_message(void);

/* The trail as "  file:line  file:line", innermost first; "" if none. */
const char *vn_last_trail(void);

/* The code of the last failure on this thread. */
vn_status vn_last_status(void);

/* The word of a code ("shape"); "ok" for VN_OK. */
const char *vn_status_word(vn_status code);

#define VN_FAIL(code, ...) vn_fail((code), __FILE__, __LINE__, __VA_ARGS__)

#define VN_TRY(call)                                         \
    do {                                                     \
        vn_status st_ = (call);                              \
        if (st_) return vn_trail(st_, __FILE__, __LINE__);   \
    } while (0)

/* The same for functions that own something: needs a local `vn_status st` and a label `done`. */
#define VN_TRY_DONE(call)                                    \
    do {                                                     \
        st = (call);                                         \
        if (st) {                                            \
            vn_trail(st, __FILE__, __LINE__);                \
            goto done;                                       \
        }                                                    \
    } while (0)

#endif

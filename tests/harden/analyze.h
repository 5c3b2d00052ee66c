/* Forced before every source that tools/analyze.sh looks at: what the analyzers cannot see across
 * files is that VN_FAIL, vn_trail and vn_fail_in return the code they are given, so that after a
 * failure nobody goes on as after a success. */
#ifndef VN_TESTS_HARDEN_ANALYZE_H
#define VN_TESTS_HARDEN_ANALYZE_H

#include "base/status.h"

static inline vn_status vn_known(vn_status code, vn_status recorded)
{
    (void)recorded;
    return code;
}

#undef VN_FAIL
#define VN_FAIL(code, ...) vn_known((code), vn_fail((code), __FILE__, __LINE__, __VA_ARGS__))
#define vn_trail(code, file, line) vn_known((code), vn_trail((code), (file), (line)))
#define vn_fail_in(code, ...) vn_known((code), vn_fail_in((code), __VA_ARGS__))

#endif

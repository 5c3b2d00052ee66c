/* Fuzz targets: each takes any bytes and returns, or aborts where a promise is broken. libFuzzer
 * drives them (entry.c, tools/fuzz.sh), and the suite `fuzz` replays the corpora in git. */
#ifndef VN_TESTS_FUZZ_FUZZ_H
#define VN_TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VN_FUZZ(name) void vn_fuzz_##name(const uint8_t *data, size_t n);
#include "tests/fuzz/targets.def"
#undef VN_FUZZ

/* Ends the process with file, line and the condition: a finding. */
#define VN_FUZZ_CHECK(ok) vn_fuzz_check((ok), __FILE__, __LINE__, #ok)
void vn_fuzz_check(bool ok, const char *file, int line, const char *what);

/* A path under which the bytes can be read as a file, in memory; valid until the next call. */
const char *vn_fuzz_file(const void *data, size_t n);

#endif

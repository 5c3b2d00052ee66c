/* The entry of libFuzzer for the target VN_FUZZ_TARGET; not part of the tests' program. */
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    VN_FUZZ_TARGET(data, n);
    return 0;
}

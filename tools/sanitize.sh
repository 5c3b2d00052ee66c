#!/usr/bin/env bash
# Every test under the address and undefined sanitizers, then the concurrent ones under the thread
# sanitizer. Slow (Check forks for each test, the leak search traces each fork), so it is run by hand.
set -euo pipefail
cd "$(dirname "$0")/.."
for preset in dev tsan; do
    cmake --preset $preset >/dev/null
    cmake --build --preset $preset --target vane_tests
done
CK_FORK=no build/dev/tests/vane_tests
CK_FORK=no build/tsan/tests/vane_tests team gemm plan ops

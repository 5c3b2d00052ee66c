#!/usr/bin/env bash
# Every test under the address and undefined sanitizers, then the concurrent ones under the thread
# sanitizer. In one process each: the leak search would trace every fork of Check, an hour in all. The two
# side by side: each is on one core most of the time.
set -euo pipefail
cd "$(dirname "$0")/.."
for preset in dev tsan; do
    cmake --preset $preset >/dev/null
    cmake --build --preset $preset --target vane_tests
done
CK_FORK=no build/tsan/tests/vane_tests team gemm chain plan ops >build/tsan/tests.log 2>&1 &
tsan=$!
trap 'kill $tsan 2>/dev/null || true' EXIT
CK_FORK=no build/dev/tests/vane_tests
code=0
wait $tsan || code=$?
cat build/tsan/tests.log
exit $code

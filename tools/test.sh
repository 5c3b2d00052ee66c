#!/usr/bin/env bash
# Sets up, builds and passes every test. CI adds the slower checks (.ci/run).
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
preset=${VANE_PRESET:-release}
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --output-on-failure

#!/usr/bin/env bash
# Builds Vane for aarch64 (preset aarch64) and tests it here under qemu's emulation: every case of every op,
# on NEON, on the portable level and by the reference kernels; then the suites named, or those below.
#
#   tools/aarch64.sh [SUITE...]           cases of the sizes worth timing are left out
#   VANE_TEST_SMALL= tools/aarch64.sh     with them: an hour
#
# Emulated floating point is slow: an op is a process of its own, as many at a time as there are processors.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh --aarch64
cmake --preset aarch64 >/dev/null
cmake --build --preset aarch64 --target vane_tests vane_command
suites=("$@")
((${#suites[@]})) || suites=(gemm cpu device graph plan precision models models_golden)
export CK_TIMEOUT_MULTIPLIER=3 VANE_TEST_SMALL=${VANE_TEST_SMALL-1}
[[ $VANE_TEST_SMALL ]] || unset VANE_TEST_SMALL
tests=(qemu-aarch64 -L /usr/aarch64-linux-gnu build/aarch64/tests/vane_tests)

# A test that fails says which; what passes prints one line.
one() {
    local log
    log=$(mktemp)
    if VANE_TEST_OP=$1 "${@:3}" "$2" >"$log" 2>&1; then
        printf '%s %s: %s\n' "$2" "$1" "$(tail -1 "$log")"
    else
        cat "$log"
        return 1
    fi
    rm -f "$log"
}
export -f one
sed -n 's/^VN_\(OP\|VIEW\)([A-Z0-9_]*, *\([a-z0-9_]*\),.*/\2/p' device/ops.def |
    xargs -P "$(nproc)" -I{} bash -c 'one {} ops "$@"' one "${tests[@]}"
printf '%s\n' "${suites[@]}" | xargs -P "$(nproc)" -I{} bash -c 'one "" {} "$@"' one "${tests[@]}"

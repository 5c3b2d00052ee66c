#!/usr/bin/env bash
# Fuzzes what reads untrusted bytes (tests/fuzz), with address and undefined sanitizers. Needs clang.
#
#   tools/fuzz.sh [SECONDS [TARGET...]]   each target (all of targets.def) for so long; default 60
#
# New inputs gather in build/fuzz/corpus and are kept between runs; what breaks a promise lies in
# build/fuzz/found, and belongs into tests/fuzz/corpus with the fix. Ends with a line a target for the
# ledger (tests/fuzz/ledger.md).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
if ((!${#targets[@]})); then
    mapfile -t targets < <(sed -n 's/^VN_FUZZ(\(.*\))$/\1/p' tests/fuzz/targets.def)
fi
command -v clang >/dev/null || { echo "fuzz: clang is not installed" >&2; exit 1; }
cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang \
    -DVANE_FUZZ=ON -DVANE_TESTS=OFF >/dev/null
cmake --build build/fuzz --target "${targets[@]/#/vane_fuzz_}" | tail -1
mkdir -p build/fuzz/found
export OMP_NUM_THREADS=1
failed=0
for target in "${targets[@]}"; do
    mkdir -p "build/fuzz/corpus/$target"
    log=build/fuzz/$target.log
    # A finding is also an input that takes 30 s or 2 GiB.
    if build/fuzz/tests/fuzz/vane_fuzz_"$target" -max_total_time="$seconds" -timeout=30 \
        -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
        -artifact_prefix="build/fuzz/found/$target-" "build/fuzz/corpus/$target" \
        "tests/fuzz/corpus/$target" >"$log" 2>&1; then
        result="no finding"
    else
        result="FOUND, see $log"
        failed=1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
    echo "| $(date +%F) | $(git rev-parse --short HEAD) | $target | ${runs:-?} | ${edges:-?} | $result |"
done
exit $failed

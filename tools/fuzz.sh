#!/usr/bin/env bash
# Fuzzes what reads untrusted bytes (tests/fuzz), with address and undefined sanitizers. Needs clang.
#
#   tools/fuzz.sh [SECONDS [TARGET...]]   each target (all of targets.def) for so long; default 60; as many
#                                         at once as there are processors
#
# FUZZ_SEED=N makes a run repeatable as far as its time allows. New inputs gather in build/fuzz/corpus and
# are kept between runs; what breaks a promise lies in build/fuzz/found, and belongs into tests/fuzz/corpus
# with the fix. Ends with a line a target for the ledger (tests/fuzz/ledger.md).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
if ((!${#targets[@]})); then
    mapfile -t targets < <(sed -n 's/^VN_FUZZ(\(.*\))$/\1/p' tests/fuzz/targets.def)
fi
command -v clang >/dev/null || { echo "fuzz: clang is not installed (tools/setup.sh --checks)" >&2; exit 1; }
cmake -S . -B build/fuzz -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_COMPILER=clang \
    -DVANE_FUZZ=ON -DVANE_TESTS=OFF >/dev/null
cmake --build build/fuzz --target "${targets[@]/#/vane_fuzz_}" | tail -1
mkdir -p build/fuzz/found
export OMP_NUM_THREADS=1 seconds commit
commit=$(git rev-parse --short HEAD)

# One target: its line of the ledger. A finding is also an input that takes 30 s or 2 GiB.
fuzz() {
    local target=$1 log=build/fuzz/$1.log result="no finding" code=0
    mkdir -p "build/fuzz/corpus/$target"
    build/fuzz/tests/fuzz/vane_fuzz_"$target" -max_total_time="$seconds" -timeout=30 -rss_limit_mb=2048 \
        -max_len=16384 -seed="${FUZZ_SEED:-0}" -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" \
        "build/fuzz/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1 || code=1
    ((code == 0)) || result="FOUND, see $log"
    local runs edges
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -1)
    echo "| $(date +%F) | $commit | $target | ${runs:-?} | ${edges:-?} | $result |"
    return $code
}
export -f fuzz
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'

#!/usr/bin/env bash
# A flame graph of a vane command: where its time goes, by function.
#
#   tools/profile.sh flame.svg bench nhits_train_b32 --seconds 5      (arguments of vane)
#
# By perf's clock, 999 times a second, with the whole machine's symbols; where perf is not there or not permitted, by
# callgrind: then FILE.txt lists the functions by instructions, for callgrind keeps no stacks. VANE names the program
# (default build/release/vane). `vane bench WORKLOAD --profile` lists the steps of a plan instead.
set -euo pipefail
(($# >= 2)) || { echo "usage: tools/profile.sh FILE.svg COMMAND [ARGUMENT...]" >&2; exit 2; }
vane=${VANE:-$(dirname "$0")/../build/release/vane}
[[ -x $vane ]] || { echo "profile: no $vane; build it or set VANE" >&2; exit 2; }
svg=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v perf >/dev/null && perf record -q -o "$work/try" -e cpu-clock -- true 2>/dev/null; then
    perf record -q -o "$work/data" -e cpu-clock -F 999 --call-graph fp -- "$vane" "$@" >&2
    perf script -i "$work/data" -F comm,ip,sym 2>/dev/null | "$(dirname "$0")/flame.py" "vane $*" >"$svg"
    echo "$svg"
elif command -v valgrind >/dev/null; then
    echo "profile: perf is not permitted here; functions by instructions, at the level avx2" >&2
    VANE_CPU=avx2 valgrind -q --tool=callgrind --callgrind-out-file="$work/out" "$vane" "$@" >&2
    callgrind_annotate --inclusive=yes "$work/out" >"$svg.txt"
    echo "$svg.txt"
else
    echo "profile: neither perf nor valgrind is here (tools/setup.sh --checks)" >&2
    exit 2
fi

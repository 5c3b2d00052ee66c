#!/usr/bin/env bash
# From a fresh clone to a forecast on real data: the classic airline passengers, monthly, 1949-1960.
# Trains N-HiTS without the last year, scores it beside the baselines, and draws the forecast.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --target vane_command # the tests are not needed here
vane=build/release/vane
out=build/demo
mkdir -p "$out"

say() { printf '\n$ %s\n' "$*" >&2; }
run() {
    say "$@"
    "$@"
}

run $vane train data/airline.csv --h 12 --test_size 12 --config data/airline.toml -o $out/airline.vane
run $vane evaluate data/airline.csv -m $out/airline.vane --test_size 12
head -n 133 data/airline.csv >$out/past.csv # all but the last year
run $vane forecast $out/past.csv -m $out/airline.vane --actuals data/airline.csv \
    -o $out/forecast.csv --plot $out/forecast.svg
if command -v rsvg-convert >/dev/null; then rsvg-convert -o $out/forecast.png $out/forecast.svg; fi
echo
echo "forecast: $out/forecast.csv   picture: $out/forecast.svg"

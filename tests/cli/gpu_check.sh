#!/bin/sh
# tools/gpu_check.sh without a GPU: what it refuses, the table it makes of rows, the bundle. Usage:
# gpu_check.sh SOURCE [BUILD], a build of the emulated GPU to run its parts on.
set -u
check=$1/tools/gpu_check.sh
build=${2:-}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
failed=0

expect() { # expect CODE WORDS COMMAND...
    code=$1
    words=$2
    shift 2
    "$@" > "$dir/said" 2>&1
    got=$?
    if [ $got -ne "$code" ] || ! grep -q -e "$words" "$dir/said"; then
        failed=$((failed + 1))
        echo "FAILED ($got, not $code, or without \"$words\"): $*"
        sed 's/^/  | /' "$dir/said"
    fi
}

expect 0 "build ops models" "$check" --list
expect 2 'no part "nothing"' "$check" nothing
expect 2 "no option --nothing" "$check" --nothing
expect 2 "needs a value" "$check" --out
expect 2 "no rows" "$check" --table "$dir/none"
mkdir "$dir/empty" # a PATH without nvidia-smi
for tool in dirname mktemp sh head rm; do ln -s "$(command -v $tool)" "$dir/empty/$tool"; done
expect 3 "there is no GPU here" env PATH="$dir/empty" "$check" ops

# A table of rows: made by an emulated device, which is what it says.
printf 'about\tdate\t-\t2001-02-03\t\nabout\tdevice\t-\temulated\t\n' > "$dir/rows"
printf 'ops\tevery "case"\tok\t\t\nops\tb\\c\tFAIL\t\tone | two\nlimits\tcopy\ttime\t4.25\tTB/s\n' >> "$dir/rows"
expect 0 "gpu-2001-02-03.json" "$check" --table "$dir/rows" --out "$dir/out"
expect 0 "| limits | copy | 4.25 TB/s |" cat "$dir/out/gpu-2001-02-03.md"
expect 0 "| ops | b.c | FAIL: one / two |" cat "$dir/out/gpu-2001-02-03.md"
expect 0 '"device": "emulated"' cat "$dir/out/gpu-2001-02-03.json"
expect 0 '"name": "every \\"case\\""' cat "$dir/out/gpu-2001-02-03.json"
expect 0 '"value": 4.25, "unit": "TB/s"' cat "$dir/out/gpu-2001-02-03.json"
if command -v python3 > /dev/null; then
    expect 0 "" python3 -m json.tool "$dir/out/gpu-2001-02-03.json"
fi

if [ -n "$build" ]; then
    expect 0 "determinism nhits by own: the same bits ok" "$check" --emulated "$build" --out "$dir/emu" \
        --raw "$dir/raw" determinism build
    expect 0 "gru by cudnn-small as by own, within 1e-3 ok" "$check" --emulated "$build" \
        --out "$dir/of-layers" --raw "$dir/layers" layers
    expect 0 "lstm-attention encoder/lstm.3 by cudnn-small" cat "$dir/layers"
    expect 0 "emulated: built before" cat "$dir"/emu/*.md
    expect 0 "device	-	emulated" cat "$dir/raw"
fi
echo "$failed failed"
[ $failed -eq 0 ]

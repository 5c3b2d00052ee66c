#!/usr/bin/env bash
# Instructions of a few key runs, by callgrind, against bench/instructions.txt: counts do not depend on what else
# the machine does, so 3 % more is a change of the program. One thread, a forced instruction set (valgrind 3.19
# knows no AVX-512).
#
#   bench/instructions.sh [VANE]            compare; exit 8 if a run takes 3 % more than the committed count
#   bench/instructions.sh --update [VANE]   write the counts of this build
#
# Counts are of one compiler: with another, or without valgrind, nothing is compared and it says so.
set -euo pipefail
cd "$(dirname "$0")/.."
update=no
if [[ ${1-} == --update ]]; then
    update=yes
    shift
fi
vane=$(realpath "${1:-build/release/vane}")
committed=$PWD/bench/instructions.txt
command -v valgrind >/dev/null || { echo "instructions: skipped, valgrind is not installed (tools/setup.sh --checks)"; exit 0; }
level=avx2
grep -qw avx2 /proc/cpuinfo || { echo "instructions: skipped, this machine has no AVX2"; exit 0; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
awk 'BEGIN { print "unique_id,ds,y"
    for (s = 0; s < 4; s++) for (i = 0; i < 1000; i++)
        printf "s%d,%d,%.4f\n", s, i + 1, 10 + s + sin(i * 0.2618) + (i * 7919 % 1000) / 1000 }' >table.csv

export OMP_NUM_THREADS=1 VANE_THREADS=1 VANE_CPU=$level
count() { # name, arguments of vane
    local name=$1
    shift
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$vane" "$@" >out.txt 2>err.txt ||
        { echo "instructions: $name failed:"; tail -5 err.txt; exit 1; }
    echo "$name $(sed -n 's/.*Collected : *//p' err.txt)"
}
sizes="--h 24 --input_size 96 --windows_batch_size 8 --max_steps 3"
run_all() {
    # The build is part of what is counted: the compiler and the C library decide the rest.
    echo "# $("$vane" bench relu --n 64 --rounds 1 --seconds 0 -q --format csv | sed -n '2s/^[^,]*,[^,]*,[^,]*,"\([^"]*\)".*/\1/p'), $(getconf GNU_LIBC_VERSION)"
    count train_nhits train table.csv --model nhits --mlp_units "[128, 128]" $sizes -o nhits.vane -q
    count train_gru train table.csv --model gru --encoder_hidden_size 32 $sizes -o gru.vane -q
    count train_transformer train table.csv --model transformer --hidden_size 32 $sizes -o transformer.vane -q
    count forecast_nhits forecast table.csv -m nhits.vane -q
    count evaluate_nhits evaluate table.csv -m nhits.vane --test_size 48 -q
    count read_csv plan table.csv --model linear --h 24 -q
}
run_all | tee now.txt
if [[ $update == yes ]]; then
    cp now.txt "$committed"
    exit
fi
if [[ $(head -1 now.txt) != "$(head -1 "$committed")" ]]; then
    echo "instructions: not compared: the committed counts are of $(head -1 "$committed" | cut -c3-)"
    exit 0
fi
awk 'NR == FNR { if ($1 != "#") base[$1] = $2; next }
     $1 == "#" { next }
     !($1 in base) { print "instructions: " $1 " has no committed count; bench/instructions.sh --update"; bad = 1; next }
     { ratio = $2 / base[$1]; printf "%-20s %14d %14d %7.3f\n", $1, base[$1], $2, ratio }
     ratio > 1.03 { print "instructions: " $1 " takes " 100 * (ratio - 1) " % more"; bad = 1 }
     END { exit bad ? 8 : 0 }' "$committed" now.txt

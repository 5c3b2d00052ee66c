#!/usr/bin/env bash
# Line coverage of the library and the command by all tests, in build/coverage (gcc and gcov).
#
#   tools/coverage.sh            build, run every test, report
#   tools/coverage.sh --report   report of the last run
#   tools/coverage.sh --missing FILE   the lines of a file that no test reaches
#
# Fails below 90 % overall or 98 % of what reads and writes files. A source compiled several times
# (instruction sets, f32 and f64) counts a line as covered if any of its objects runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
files='^(base/(json|config|options|text|os)|host/data/(csv|table|rows|grid|calendar|names|levels|append|panel)'
files+='|host/train/(safetensors|checkpoint|checksum|model_file|fitted|schema))[.]c$'
build=build/coverage

measure() {
    cmake -S . -B $build -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g --coverage" \
        >/dev/null
    cmake --build $build --target vane_tests vane_command | tail -1
    find $build -name '*.gcda' -delete
    export CK_TIMEOUT_MULTIPLIER=10 # the objects are slow
    $build/tests/vane_tests | tail -1
    tests/cli/run.sh "$PWD/$build/vane" | tail -1
}

# "file line hits" of every executable line of the product.
lines() {
    (cd $build && find . -name '*.gcno' -not -path '*/tests/*' -not -path '*bench*' -print0 |
        xargs -0 gcov -t 2>/dev/null) |
        awk -F: -v root="$PWD" '/^ *-: *0:Source:/ { file = $4; sub("^(../)+|^" root "/", "", file); next }
                 $1 ~ /^ *-$/ || $2 + 0 == 0 { next }
                 { at = file " " $2 + 0; n[at] += $1 ~ /[#=]/ ? 0 : 1 }
                 END { for (at in n) print at, n[at] }' |
        grep -E '^(base|device|kernels_cpu|graph|models|host|tools)/'
}

case ${1-} in
--missing)
    grep "^$2 " $build/lines.txt | awk '$3 == 0 { print $2 }' | sort -n | while read -r n; do
        printf '%5d %s\n' "$n" "$(sed -n "${n}p" "$2")"
    done
    exit
    ;;
--report) ;;
"") measure ;;
*)
    sed -n '2,8p' "$0" >&2
    exit 2
    ;;
esac

lines >$build/lines.txt
awk -v files="$files" '
    { all[$1]++; hit[$1] += $3 > 0; folder = $1; sub(/\/[^\/]*$/, "", folder)
      fa[folder]++; fh[folder] += $3 > 0; ta++; th += $3 > 0
      if ($1 ~ files) { pa++; ph += $3 > 0 } }
    END { for (f in fa) printf "%6.1f %% of %5d  %s\n", 100 * fh[f] / fa[f], fa[f], f | "sort -k5"
          close("sort -k5")
          for (f in all) if (f ~ files && hit[f] < 0.98 * all[f])
              printf "%6.1f %% of %5d  %s\n", 100 * hit[f] / all[f], all[f], f | "sort -n"
          close("sort -n")
          printf "%6.2f %% of %5d lines that read and write files (at least 98)\n", 100 * ph / pa, pa
          printf "%6.2f %% of %5d lines overall (at least 90)\n", 100 * th / ta, ta
          exit ph < 0.98 * pa || th < 0.9 * ta }' $build/lines.txt

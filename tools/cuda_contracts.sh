#!/usr/bin/env bash
# Builds the CUDA plug-in for every architecture (build/cuda) and holds what nvcc made of each kernel, and
# what its accesses cost, against kernels_cuda/contracts.tsv: what became worse is told, and fails.
#
#   tools/cuda_contracts.sh BUILD [--update]   BUILD: a build with the execution emu-ptx, whose op cases
#                                              count the accesses of each warp; --update writes the table
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?the build folder}
table=kernels_cuda/contracts.tsv
export PATH=$PATH:/usr/local/cuda/bin
if ! command -v nvcc >/dev/null || [[ ! -d $build/emu-ptx/ptx ]]; then
    echo "skipped: contracts of CUDA kernels need nvcc and $build/emu-ptx"
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
compiler=$(ptxas --version | sed -n 's/.*, \(V[0-9.]*\)$/\1/p')

# As the plug-in is shipped, but told what ptxas did. Everything is compiled anew: what was compiled
# before tells nothing.
cmake -S . -B build/cuda -G Ninja -DCMAKE_BUILD_TYPE=Release -DVANE_CUDA=ON -DCMAKE_CUDA_FLAGS="-Xptxas -v" >/dev/null
cmake --build build/cuda --clean-first --target vane_cuda >"$work/log" || { cat "$work/log"; exit 1; }
: >"$work/traffic"
EMU_TRAFFIC=$work/traffic VANE_TEST_DEVICE=cuda VANE_TEST_PLUGINS=$build/emu-ptx \
    "$build/tests/vane_tests" ops_device >"$work/tests" || { cat "$work/tests"; exit 1; }

# kernel, generation, registers, spilled bytes, stack, shared
awk '/Compiling entry function/ { split($0, part, "\047"); kernel = part[2]; generation = substr(part[4], 4) }
     /bytes stack frame/ { stack = $1; spilled = $5 + $9 }
     /Used [0-9]+ registers/ {
         shared = 0
         for (i = 2; i <= NF; i++) if ($i ~ /^smem/) shared = $(i - 2)
         print kernel, generation, $5, spilled, stack, shared
     }' "$work/log" >"$work/compiled"

# kernel, accesses of several numbers at once to device memory
cat "$build"/emu-ptx/ptx/*.ptx |
    awk '/\.entry / { kernel = $0; sub(/.*\.entry /, "", kernel); sub(/\(.*/, "", kernel); n[kernel] += 0 }
         /(ld|st)\.global(\.nc)?\.v[24]/ { n[kernel]++ }
         END { for (k in n) print k, n[k] }' >"$work/vectors"

# One line a kernel; registers of the generations side by side.
awk -v generations="80 90 100 120" '
    FILENAME ~ /compiled$/ {
        r[$1, $2] = $3; spilled[$1] += $4; seen[$1] = 1
        if ($5 > stack[$1]) stack[$1] = $5
        if ($6 > shared[$1]) shared[$1] = $6
    }
    FILENAME ~ /vectors$/ { vectors[$1] = $2 }
    FILENAME ~ /traffic$/ { sectors[$1] += $3; least[$1] += $4; passes[$1] += $6; few[$1] += $7 }
    END {
        n = split(generations, g, " ")
        for (k in seen) {
            registers = ""
            for (i = 1; i <= n; i++) registers = registers (i > 1 ? "/" : "") r[k, g[i]]
            printf "%s\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", k, registers, spilled[k], stack[k], shared[k], vectors[k],
                least[k] ? sprintf("%.2f", sectors[k] / least[k]) : "-", few[k] ? sprintf("%.2f", passes[k] / few[k]) : "-"
        }
    }' "$work/compiled" "$work/vectors" "$work/traffic" |
    c++filt | sed 's/^void //; s/>(.*)\t\([0-9/]*\t\)/>\t\1/; t; s/(.*)\t\([0-9/]*\t\)/\t\1/' | LC_ALL=C sort >"$work/now"
[[ -s $work/now ]] || { echo "contracts: nvcc told nothing of any kernel"; exit 1; }

if [[ ${2:-} == --update ]]; then
    {
        echo "# ptxas $compiler; tools/cuda_contracts.sh BUILD --update writes this file, .ci/run checks it."
        echo "# kernel, registers on sm_80/90/100/120, spilled bytes, stack, shared bytes, vector accesses to device memory,"
        echo "# sectors of device memory and passes through the banks of shared memory, over the least there can be, on the op cases"
        cat "$work/now"
    } >"$table"
    echo "$(wc -l <"$work/now") kernels are in $table"
    exit 0
fi

same=1
grep -q "ptxas $compiler;" "$table" || same=0
((same)) || echo "not compared: registers, for $table is of another ptxas than $compiler"
awk -F'\t' -v same=$same '
    function tell(what, was, is) { printf "%s: %s: %s, %s before\n", $1, what, is, was; bad++ }
    /^#/ { next }
    NR == FNR { for (i = 2; i <= 8; i++) before[$1, i] = $i; known[$1] = 1; next }
    {
        there[$1] = 1
        if ($3 + $4) { printf "%s: %d bytes are spilled, the stack frame has %d\n", $1, $3, $4; bad++ }
        if (!known[$1]) { printf "not in the table: %s\n", $1; bad++; next }
        n = split(before[$1, 2], was, "/"); split($2, is, "/"); worse = 0
        for (i = 1; i <= n; i++) if (is[i] + 0 > was[i] + 0) worse = 1
        if (same && worse) tell("more registers", before[$1, 2], $2)
        if ($5 > before[$1, 5] + 0) tell("more shared memory", before[$1, 5], $5)
        if ($6 < before[$1, 6] + 0) tell("fewer vector accesses", before[$1, 6], $6)
        if ($7 + 0 > before[$1, 7] * 1.02) tell("more sectors a request", before[$1, 7], $7)
        if ($8 + 0 > before[$1, 8] * 1.02) tell("more bank conflicts", before[$1, 8], $8)
    }
    END {
        for (k in known) if (!there[k]) { printf "in the table, but no longer there: %s\n", k; bad++ }
        if (bad) print "where that is meant: tools/cuda_contracts.sh BUILD --update"
        exit bad > 0
    }' "$table" "$work/now"
echo "contracts: $(wc -l <"$work/now") kernels are no worse than $table says; nothing is spilled"

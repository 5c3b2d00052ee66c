#!/usr/bin/env bash
# How far every model is from its reference implementation, as Markdown: the largest difference over the largest
# value, of the golden vectors in tests/golden at every instruction set of the machine.
#
#   bench/parity.sh [BUILD]      BUILD holds tests/vane_tests; default build/release
set -euo pipefail
cd "$(dirname "$0")/.."
echo "| model | cases | forecast | gradients of the loss | loss | forecast in f64 | gradients in f64 |"
echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
VANE_TEST_FIGURES=1 "${1:-build/release}"/tests/vane_tests models_golden | awk '
    function most(table, key, x) { if (x + 0 > table[key] + 0) table[key] = x + 0 }
    $2 ~ /^f(32|64)$/ {
        split($1, part, "_")
        key = part[1]
        if (!(key in cases)) order[++n] = key
        if (!(($1) in seen)) cases[key]++
        seen[$1] = 1
        for (i = 3; i < NF; i++)
            if ($i ~ /^(forecast|gradient|loss)$/) most(figure, key " " $2 " " $i, $(i + 1))
    }
    END {
        for (i = 1; i <= n; i++) {
            k = order[i]
            printf("| %s | %d | %.1e | %.1e | %.1e | %.1e | %.1e |\n", k, cases[k], figure[k " f32 forecast"],
                   figure[k " f32 gradient"], figure[k " f32 loss"], figure[k " f64 forecast"], figure[k " f64 gradient"])
        }
    }'

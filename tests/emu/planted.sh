#!/usr/bin/env bash
# Which of the faults planted in the real kernels does the emulation notice? Each line of planted.tsv is
# run by the cases it names until one fails: on fibers, then under the race check, then under other
# schedules of both. All must be noticed, and without a fault nothing may be. A line whose text is gone
# from its source is stale, and fails too. Usage: planted.sh BUILD [LINE...], of a build with the target
# vane_cuda_emu-planted; the score is left in BUILD/planted.txt. planted.sh BUILD --lines looks for stale
# lines alone, which needs no such target.
set -u
build=${1:?the build folder, with the target vane_cuda_emu-planted}
shift
table=$(dirname "$0")/planted.tsv
export build

# Line, cases, check (on, off), seed: does a case fail? What follows the first failure is not waited for;
# a program that ends early has failed too.
fails() {
    local suite=ops_device ops=$2
    if [[ $ops == *@* ]]; then
        suite=${ops#*@}
        [[ ${ops%@*} ]] && export VANE_TEST_PRODUCTS=${ops%@*}
        ops=
    fi
    [[ $ops ]] && export VANE_TEST_OP=$ops
    EMU_FAULT=$1 EMU_CHECK=$3 EMU_SEED=$4 VANE_TEST_DEVICE=cuda CK_TAP_LOG_FILE_NAME=/dev/stdout \
        VANE_TEST_PLUGINS=$build/emu-planted timeout -k 1 900 "$build"/tests/vane_tests "$suite" 2>/dev/null |
        awk '/^not ok/ { bad = 1; exit } /^ok/ { n++ } /^100%/ { whole = 1 } END { exit !(bad || !whole || !n) }'
}

stale() { # line, its source
    ! grep -q "VN_PLANTED($1)" "$build/emu-planted/source/kernels_cuda/$2"
}

try() { # line, a row of the table
    local file cases what by=
    IFS=$'\t' read -r file cases what _ <<<"$2"
    if stale "$1" "$file"; then
        printf 'STALE\t%s\t%s\t%s\t%s\t-\n' "$1" "$file" "$cases" "$what"
        return
    fi
    for how in off:1 on:1 off:2 on:2 off:3; do
        [[ $by ]] || ! (fails "$1" "$cases" "${how%:*}" "${how#*:}") || by=$how
    done
    by=${by/off:/fibers, seed }
    by=${by/on:/race check, seed }
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$([[ $by ]] && echo ok || echo MISSED)" "$1" "$file" "$cases" "$what" "$by"
}

right() { # cases: is all well without a fault?
    ! (fails 0 "$1" off 1) && ! (fails 0 "$1" on 1) || printf 'FALSE\t-\t-\t%s\ttold without a fault\t-\n' "$1"
}

if [[ ${1-} == --lines ]]; then
    n=0 bad=0
    while IFS=: read -r line row; do
        ((++n))
        ! stale "$line" "${row%%$'\t'*}" || { echo "$table:$line: not in its source any more: $row"; bad=1; }
    done < <(grep -vn '^#' "$table")
    echo "$n faults"
    exit $((bad || !n))
fi

export -f fails stale try right
{
    grep -vn '^#' "$table" | while IFS=: read -r line row; do
        [[ $# -eq 0 || " $* " == *" $line "* ]] && printf '%s\0%s\0' "$line" "$row"
    done | xargs -0 -P2 -n2 bash -c 'try "$1" "$2"' -
    [[ $# -gt 0 ]] || grep -v '^#' "$table" | cut -f2 | sort -u | tr '\n' '\0' | xargs -0 -P2 -I{} bash -c 'right "$1"' - {}
} | tee "$build/planted.txt"
# By kind, as it stands in kernels_cuda/emu/README.md.
awk -F'\t' '
    function kind(what) {
        if (what ~ /barrier|wait|not recorded/) return "a barrier or a wait is missing"
        if (what ~ /left out|too many|too few|beyond|one rank off|too early|less|as long as all|moved whole|nobody/) return "a bound is off"
        if (what ~ /missing|not (subtracted|corrected|hidden|looked)|is not made|nothing|room|scratch|shared memory|cleared|anew|again|averaged|counted/) return "a term, a mask or room is missing"
        return "another operand, index or stride"
    }
    { n[$1]++ }
    $1 == "ok" || $1 == "MISSED" { k = kind($5); all[k]++; fibers[k] += $6 ~ /^fibers/; race[k] += $6 ~ /^race/ }
    END {
        print "| fault | planted | on fibers | by the race check alone |\n| --- | ---: | ---: | ---: |"
        for (k in all) { printf "| %s | %d | %d | %d |\n", k, all[k], fibers[k], race[k]; f += fibers[k]; r += race[k] }
        printf "| all | %d | %d | %d |\n", n["ok"] + n["MISSED"], f, r
        printf "%d are not noticed, %d lines are stale, %d false alarms\n", n["MISSED"], n["STALE"], n["FALSE"]
        exit n["MISSED"] + n["STALE"] + n["FALSE"] > 0
    }' "$build/planted.txt"

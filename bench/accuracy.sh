#!/usr/bin/env bash
# The accuracy protocol (../shared/reference/ACCURACY.md), a task at a time, with the vane command alone.
#
#   bench/accuracy.sh --list             every task with its target
#   bench/accuracy.sh TASK [SEEDS]       run it; the score is the mean over SEEDS seeds (default 3)
#   bench/accuracy.sh --tier 1 [SEEDS]   every task of a tier (default 1 seed), judged by the alarm line
#   bench/accuracy.sh --table [SEEDS]    every task as Markdown; one whose report build/accuracy/TASK.json is there
#                                        is not run again
#
# The last line of a task is
#   TASK metric=value ... ridge_metric=value ... target=metric<=value,... seconds=...
# AirPassengers is scored by the best of its seeds, as the protocol has it; mean_mae is beside it.
# VANE names the command to run (default build/release/vane). Tasks and their settings: bench/tasks.sh.
# Exit 0 when every target is met, 8 when one is missed. Tasks whose data is absent are skipped by name.
set -euo pipefail
cd "$(dirname "$0")/.."
vane=${VANE:-build/release/vane}
# shellcheck source=bench/tasks.sh
source bench/tasks.sh

# Every target of "$2" (metric=limit,...) met by the scores "$1"? With "exact" the digits of the target
# must come out; else the score may not be larger, six decimals deciding. A limit "least..most" is both ends.
met() {
    awk -v got="$1" -v want="$2" -v exact="$3" 'BEGIN {
        n = split(got, cell, " ")
        for (i = 1; i <= n; i++) { split(cell[i], pair, "="); value[pair[1]] = pair[2] }
        n = split(want, cell, ",")
        for (i = 1; i <= n; i++) {
            split(cell[i], pair, "=")
            if (!(pair[1] in value) || value[pair[1]] == "nan") exit 1
            if (k = index(pair[2], "..")) {
                if (value[pair[1]] + 0 < substr(pair[2], 1, k - 1) + 0) exit 1
                pair[2] = substr(pair[2], k + 2)
            }
            digits = length(pair[2]) - index(pair[2], ".")
            same = sprintf("%." digits "f", value[pair[1]]) == pair[2]
            if (exact ? !same : value[pair[1]] + 0 > pair[2] + 0.0000005) exit 1
        }
    }'
}

# Names of a list of targets: "mse=0.37,mae=0.39" -> "mse mae".
names_of() { sed 's/=[^,]*//g;s/,/ /g' <<<"$1"; }

# The metrics of lists of targets, each once.
shown() { awk '{ for (i = 1; i <= NF; i++) if (!seen[$i]++) printf "%s%s", (i > 1 ? " " : ""), $i }' <<<"$(names_of "$1")"; }

# run_task NAME SEEDS good|alarm
run_task() {
    local name tier data good alarm options began=$SECONDS report=$work/$1.json code=0
    local metrics row=models how=mean got ridge target
    find_task "$1" || return 2
    fit_and_score "$1" "$2" test "$report" || code=$?
    if ((code == 77)); then return 0; fi
    if ((code)); then return $code; fi
    target=$good
    if [[ $3 == alarm ]]; then target=$alarm; fi
    if [[ $options == -[A-Z]* ]]; then row=${options#-}; fi
    if [[ $data == Airline ]]; then how=best; fi
    metrics=$(shown "$good,$alarm")
    got=$(scores "$report" "$row" "$metrics" $how)
    if [[ $how == best ]]; then got+=" mean_$(scores "$report" "$row" mae)"; fi
    ridge=$(scores "$report" RidgeLinear "$metrics")
    echo "$name $got ridge_${ridge// / ridge_} target=$target seeds=$(seeds_in "$report") seconds=$((SECONDS - began))"
    met "$got" "$target" "$([[ $tier == 0 ]] && echo exact)" || return 8
}

seeds_in() { grep -c '"baseline":false' "$1" || true; }

# "mse=0.3 mae=0.4" -> "0.3 / 0.4", four digits that count, or "–" where there is none.
cell() {
    awk -v got="$1" 'BEGIN {
        n = split(got, part, " ")
        for (i = 1; i <= n; i++) {
            split(part[i], pair, "=")
            none = pair[2] == "nan" || (pair[1] ~ /^coverage/ && pair[2] == 0) # points have no intervals
            text = none ? "–" : pair[2] ~ /\.\./ ? pair[2] : sprintf("%.4g", pair[2])
            out = out (i > 1 ? " / " : "") text
        }
        print out
    }'
}

# limits_of LIST METRICS: the limits of a list for these metrics, "–" where it has none.
limits_of() {
    awk -v list="$1" -v metrics="$2" 'BEGIN {
        n = split(list, cell, ",")
        for (i = 1; i <= n; i++) { split(cell[i], pair, "="); limit[pair[1]] = pair[2] }
        n = split(metrics, want, " ")
        for (i = 1; i <= n; i++) printf("%s%s", (i > 1 ? " / " : ""), (want[i] in limit ? limit[want[i]] : "–"))
    }'
}

# One row of the table, from the task's report.
table_row() {
    local name tier data good alarm options report=$work/$1.json metrics got row=models how=mean mark="" exact=""
    find_task "$1"
    [[ -e $report ]] || return 0
    if [[ $options == -[A-Z]* ]]; then row=${options#-}; fi
    if [[ $data == Airline ]]; then how=best; fi
    if [[ $tier == 0 ]]; then exact=exact; fi
    metrics=$(shown "$good,$alarm")
    got=$(scores "$report" "$row" "$metrics" $how)
    met "$got" "$good" "$exact" || mark=" **missed**"
    met "$got" "$alarm" "$exact" || mark=" **alarm**"
    printf '| %s | %s | %s%s | %s | %s | %s | %s | %s | %s |\n' "$name" "${metrics// / / }" "$(cell "$got")" "$mark" \
        "$(limits_of "$good" "$metrics")" "$(limits_of "$alarm" "$metrics")" \
        "$(cell "$(scores "$report" RidgeLinear "$metrics")")" \
        "$(cell "$(scores "$report" SeasonalNaive "$metrics")")" \
        "$(cell "$(scores "$report" Naive2 "$metrics")")" "$(seeds_in "$report")"
}

table() {
    local task code=0
    for task in $(tasks | cut -d'|' -f1); do
        [[ -e $work/$task.json ]] || run_task "$task" "$1" good >&2 || ((code = $? == 8 ? code : 1))
    done
    echo "| task | score | vane | target | alarm line | ridge | seasonal naive | Naive2 | seeds |"
    echo "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for task in $(tasks | cut -d'|' -f1); do table_row "$task"; done
    return $code
}

case ${1-} in
--list) tasks | awk -F'|' '{ printf "%-24s tier %s  target %-34s alarm %s\n", $1, $2, $4, $5 }' ;;
--tier)
    missed=0
    for task in $(tasks | awk -F'|' -v tier="${2-}" '$2 == tier { print $1 }'); do
        code=0
        run_task "$task" "${3:-1}" alarm || code=$?
        if ((code)); then
            echo "$task: missed (exit $code)" >&2
            missed=8
        fi
    done
    exit $missed
    ;;
--table) table "${2:-3}" ;;
"" | -*)
    sed -n '2,15s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
*) run_task "$1" "${2:-3}" good ;;
esac

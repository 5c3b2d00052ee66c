#!/bin/sh
# Print a synthetic panel as a long CSV: hourly series with level, trend, a daily and a weekly season,
# noise, and (with a fourth argument) a future feature that lifts the target. Deterministic: the same
# arguments give the same bytes under any awk.
#
#   bench/make_panel.sh [SERIES=100] [STEPS=1000] [SEED=1] [FEATURES=0|1] > panel.csv
set -eu
case "${1:-}" in -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
exec awk -v n="${1:-100}" -v steps="${2:-1000}" -v seed="${3:-1}" -v features="${4:-0}" '
# Park and Miller, "Random number generators: good ones are hard to find", CACM 1988: every product is
# exact in a double, so all awks agree. Uniform in (0, 1).
function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function normal(  i, sum) { for (i = 0; i < 12; i++) sum += uniform(); return sum - 6 }
# The date of a day since 1970-01-01.
function date(day,  z, era, of_era, year, of_year, march, month) {
    z = day + 719468
    era = int(z / 146097); of_era = z - era * 146097
    year = int((of_era - int(of_era / 1460) + int(of_era / 36524) - int(of_era / 146096)) / 365)
    of_year = of_era - (365 * year + int(year / 4) - int(year / 100))
    march = int((5 * of_year + 2) / 153)
    month = march < 10 ? march + 3 : march - 9
    return sprintf("%04d-%02d-%02d", year + era * 400 + (month <= 2), month,
                   of_year - int((153 * march + 2) / 5) + 1)
}
BEGIN {
    state = (seed * 69621 + 1) % 2147483646 + 1
    for (i = 0; i < 10; i++) uniform()
    pi = atan2(0, -1)
    header = features ? "unique_id,ds,y,event" : "unique_id,ds,y"
    print header
    for (s = 1; s <= n; s++) {
        level = 50 + 100 * uniform(); trend = (uniform() - 0.5) * 0.02
        day = 5 + 20 * uniform(); week = 10 * uniform(); phase = 24 * uniform()
        noise = 1 + 2 * uniform(); lift = 5 + 10 * uniform()
        for (t = 0; t < steps; t++) {
            if (t % 24 == 0) today = date(18262 + t / 24)  # from 2020-01-01
            event = features ? (uniform() < 0.05) : 0
            season = day * sin(2 * pi * (t + phase) / 24) + week * sin(2 * pi * t / 168)
            y = level + trend * t + season + noise * normal() + lift * event
            extra = features ? "," event : ""
            printf "S%d,%s %02d:00:00,%.2f%s\n", s, today, t % 24, y, extra
        }
    }
}'

#!/usr/bin/env bash
# The slower checks of robustness. All of them, or those named:
#
#   tools/harden.sh [kills] [disk] [valgrind] [analyze] [fuzz] [coverage]
#
# kills     training killed 200 times at random moments (VANE_TEST_KILLS), resumed to the same bits
# disk      real file systems of every size in steps of 4 KiB, until training and saving fit (needs root)
# valgrind  parsers, files and the command, at a forced instruction set
# analyze   tools/analyze.sh
# fuzz      tools/fuzz.sh for FUZZ_SECONDS (60) a target
# coverage  tools/coverage.sh
set -euo pipefail
cd "$(dirname "$0")/.."
build=${VANE_BUILD:-build/ci}
parts=("$@")
((${#parts[@]})) || parts=(kills disk valgrind analyze fuzz coverage)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

need_build() {
    [[ -x $build/vane && -x $build/tests/vane_tests ]] && return
    echo "harden: no build in $build (VANE_BUILD names another)" >&2
    exit 1
}
table() { # two years of months with a season
    awk 'BEGIN { print "unique_id,ds,y"; for (i = 0; i < 72; i++) printf "A,%d-%02d-01,%d\n",
        2000 + int(i / 12), i % 12 + 1, 100 + i + 20 * (i % 12) }' >"$work/t.csv"
}
quick=(--h 3 --input_size 6 --max_steps 4 --windows_batch_size 4 --mlp_units '[16,16]' --threads 1 -q)

kills() {
    need_build
    VANE_TEST_KILLS=${VANE_TEST_KILLS:-200} "$build/tests/vane_tests" crash
}

# Runs in a mount namespace of its own: $1 KiB of disk hold the model, the state and their temporaries.
fits() {
    unshare -m sh -c '
        disk=$1 kib=$2; shift 2
        mount -t tmpfs -o size="${kib}k" none "$disk" || exit 99
        "$@" -o "$disk/m.vane" --checkpoint "$disk/s" --checkpoint_steps 2 2>"$disk.err"
        code=$?
        [ -z "$(find "$disk" -name ".*.tmp")" ] || { echo "a temporary is left"; exit 98; }
        [ $code -eq 0 ] || [ ! -e "$disk/m.vane" ] || { echo "a failed run left a model"; exit 98; }
        [ $code -ne 0 ] || cp "$disk/m.vane" "$disk.vane"
        exit $code' sh "$work/disk" "$@"
}
disk() {
    need_build
    if ((EUID)) || ! unshare -m true 2>/dev/null; then
        echo "skipped: mounting needs root"
        return
    fi
    table
    mkdir "$work/disk"
    "$build/vane" train "$work/t.csv" "${quick[@]}" -o "$work/want.vane"
    local kib code
    for ((kib = 4; ; kib += 4)); do
        code=0
        fits $kib "$build/vane" train "$work/t.csv" "${quick[@]}" || code=$?
        ((code)) || break
        if ((code != 5)) || ! grep -q 'No space left' "$work/disk.err"; then
            echo "with $kib KiB: exit $code"
            cat "$work/disk.err"
            exit 1
        fi
    done
    cmp "$work/want.vane" "$work/disk.vane"
    echo "$((kib / 4)) disks; $kib KiB are enough, for the same model"
}

valgrind_() {
    need_build
    command -v valgrind >/dev/null || { echo "skipped: valgrind is not installed"; return; }
    table
    local check=(valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite
        --errors-for-leak-kinds=definite)
    # AVX-512 is unknown to valgrind 3.19.
    CK_FORK=no CK_DEFAULT_TIMEOUT=0 "${check[@]}" "$build/tests/vane_tests" json config options text csv \
        calendar os fault arena
    for level in generic avx2; do
        VANE_CPU=$level "${check[@]}" "$build/vane" train "$work/t.csv" "${quick[@]}" -o "$work/m.vane"
        VANE_CPU=$level "${check[@]}" "$build/vane" forecast "$work/t.csv" -m "$work/m.vane" -q -o "$work/f.csv"
        VANE_CPU=$level "${check[@]}" "$build/vane" evaluate "$work/t.csv" -m "$work/m.vane" -q >/dev/null
    done
    echo "valgrind: no reports"
}

for part in "${parts[@]}"; do
    printf '\n==== %s (after %d s)\n' "$part" "$SECONDS"
    case $part in
    kills | disk) $part ;;
    valgrind) valgrind_ ;;
    analyze | coverage) "tools/$part.sh" ;;
    fuzz) tools/fuzz.sh "${FUZZ_SECONDS:-60}" ;;
    *)
        sed -n '2,12p' "$0" >&2
        exit 2
        ;;
    esac
done

#!/usr/bin/env bash
# Static analysis of the library and the command; any report fails. Analyzers that are not installed are
# named and passed over. kernels_cpu is left out: it is compiled once an instruction set, reads nothing untrusted, and every
# kernel runs under the sanitizers. A part alone: tools/analyze.sh cppcheck | tidy | gcc; files may follow the part.
set -euo pipefail
cd "$(dirname "$0")/.."
part=${1:-all}
shift || true
sources=("$@")
if ((!${#sources[@]})); then
    mapfile -t sources < <(git ls-files 'base/*.c' 'device/*.c' 'graph/*.c' 'models/*.c' 'host/*.c' 'tools/*.c')
fi
flags=(-std=c11 -I. -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -DVANE_VERSION='"0"')
jobs=$(nproc)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$work/reports
cmake -Dsource="$PWD" -Dout="$work/host/bench/commit.h" -P cmake/commit.cmake # what a build makes
flags+=(-I"$work" -DVANE_BUILD_TYPE='"analysis"')
failed=0

wanted() {
    [[ $part == all || $part == "$1" ]] || return 1
    command -v "$2" >/dev/null || { echo "skipped: $2 is not installed"; return 1; }
    printf '==== %s\n' "$1"
}
verdict() { # what was printed is a report
    if [[ -s $out ]]; then
        cat "$out"
        failed=1
    fi
}

if wanted cppcheck cppcheck; then
    cppcheck --std=c11 --language=c --enable=warning,performance,portability --inline-suppr -I. \
        "${flags[@]:2}" --suppress=missingIncludeSystem --quiet -j "$jobs" \
        --template='{file}:{line}: {id}: {message}' "${sources[@]}" >"$out" 2>&1 || true
    verdict
fi
if wanted tidy clang-tidy; then
    printf '%s\0' "${sources[@]}" | xargs -0 -P "$jobs" -I{} sh -c '
        f=$1; shift
        case $f in base/status.c) ;; *) set -- "$@" -include tests/harden/analyze.h ;; esac
        clang-tidy --quiet "$f" -- "$@" 2>/dev/null' sh {} "${flags[@]}" | grep -E 'error:|warning:' >"$out" || true
    verdict
fi
if wanted gcc gcc; then
    printf '%s\0' "${sources[@]}" | xargs -0 -P "$jobs" -I{} sh -c '
        f=$1; shift
        case $f in base/status.c) ;; *) set -- "$@" -include tests/harden/analyze.h ;; esac
        gcc -O2 -fanalyzer "$@" -c -o /dev/null "$f" 2>&1' sh {} "${flags[@]}" |
        grep -E 'warning:|error:' >"$out" || true
    verdict
fi
((failed)) || echo "no reports in ${#sources[@]} files"
exit $failed

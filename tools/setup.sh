#!/usr/bin/env bash
# Installs what building and testing Vane needs and this machine lacks (Debian packages), and nothing
# else. Does nothing when all is there. As root, or through sudo.
#
#   tools/setup.sh          compiler, CMake, Ninja, Check, and rsvg-convert for the plots' tests
#   tools/setup.sh --checks also what tools/harden.sh uses: clang, clang-tidy, cppcheck, valgrind
#   tools/setup.sh --peers  also the Python libraries the benchmarks compare with, in .venv
set -euo pipefail
cd "$(dirname "$0")/.."

# "command-or-file package": the package is installed when the first word is not found.
needs=(
    "gcc gcc"
    "c++ g++"
    "cmake cmake"
    "ninja ninja-build"
    "pkg-config pkg-config"
    "/usr/include/check.h check"
    "/usr/include/stdio.h libc6-dev"
    "rsvg-convert librsvg2-bin"
)

if [[ ${1-} == --checks ]]; then
    needs+=("clang clang" "clang-tidy clang-tidy" "cppcheck cppcheck"
        "valgrind valgrind")
fi

missing=()
for need in "${needs[@]}"; do
    read -r thing package <<<"$need"
    if [[ $thing == /* ]]; then
        [[ -e $thing ]] || missing+=("$package")
    else
        command -v "$thing" >/dev/null || missing+=("$package")
    fi
done

if ((${#missing[@]})); then
    command -v apt-get >/dev/null || {
        echo "setup: please install: ${missing[*]} (no apt-get here)" >&2
        exit 1
    }
    as_root=()
    if [[ $(id -u) != 0 ]]; then as_root=(sudo); fi
    echo "setup: installing ${missing[*]}" >&2
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
fi

case "${1-}" in
"" | --checks) ;;
--peers)
    [[ -d .venv ]] || python3 -m venv .venv
    .venv/bin/pip install --quiet --upgrade torch neuralforecast onnx onnxruntime
    ;;
*)
    echo "usage: tools/setup.sh [--checks | --peers]" >&2
    exit 2
    ;;
esac

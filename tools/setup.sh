#!/usr/bin/env bash
# Installs what building and testing Vane needs and this machine lacks (Debian packages), and nothing
# else. Does nothing when all is there. As root, or through sudo.
#
#   tools/setup.sh          compiler, CMake, Ninja, Check, and rsvg-convert for the plots' tests
#   tools/setup.sh --checks also what tools/harden.sh uses: clang, clang-tidy, cppcheck, valgrind
#   tools/setup.sh --peers  also the Python libraries the benchmarks compare with, in .venv
#   tools/setup.sh --aarch64  also what builds Vane for aarch64 and runs its tests here (preset aarch64):
#                           a cross compiler, qemu, and Debian's Check for arm64 in build/check-aarch64
set -euo pipefail
cd "$(dirname "$0")/.."

# "command-or-file package": the package is installed when the first word is not found. Files may be patterns.
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
    # Debian 12 has clang 14; its sanitizers and libFuzzer are a package beside it.
    major=$({ clang -dumpversion 2>/dev/null || echo 14; } | cut -d. -f1)
    needs+=("/usr/lib/llvm-$major/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a libclang-rt-$major-dev")
elif [[ ${1-} == --aarch64 ]]; then
    needs+=("aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu" "/usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross"
        "qemu-aarch64 qemu-user")
fi

missing=()
for need in "${needs[@]}"; do
    read -r thing package <<<"$need"
    if [[ $thing == /* ]]; then
        compgen -G "$thing" >/dev/null || missing+=("$package")
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

# Check for arm64, unpacked and not installed. The package lists of arm64 are fetched aside, so that the
# machine's own package manager stays as it is.
check_for_aarch64() {
    local to=$PWD/build/check-aarch64 aside
    [[ -e $to/libcheck_pic.a && -e $to/libsubunit.a && -e $to/check.h ]] && return
    echo "setup: unpacking Check for arm64 in build/check-aarch64" >&2
    aside=$(mktemp -d)
    mkdir -p "$aside/lists/partial" "$aside/cache/archives/partial" "$to"
    chmod 755 "$aside"
    (
        cd "$aside"
        apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status=/dev/null
            -o Dir::State::Lists="$aside/lists" -o Dir::Cache="$aside/cache" -o APT::Sandbox::User=root)
        "${apt[@]}" update
        "${apt[@]}" download check libsubunit-dev
        for package in *.deb; do dpkg-deb -x "$package" files; done
        cp files/usr/include/check*.h files/usr/lib/aarch64-linux-gnu/lib{check_pic,subunit}.a "$to"
    )
    rm -rf "$aside"
}

case "${1-}" in
"" | --checks) ;;
--aarch64) check_for_aarch64 ;;
--peers)
    [[ -d .venv ]] || python3 -m venv .venv
    .venv/bin/pip install --quiet --upgrade torch neuralforecast onnx onnxruntime
    ;;
*)
    echo "usage: tools/setup.sh [--checks | --peers | --aarch64]" >&2
    exit 2
    ;;
esac

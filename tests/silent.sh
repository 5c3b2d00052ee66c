#!/bin/sh
# libvane never prints, exits or aborts: it imports nothing that could, and exports vane_* alone.
# Usage: silent.sh path/to/libvane.so
set -eu
imports=$(nm -D --undefined-only "$1" | awk '{ sub(/@.*/, "", $NF); print $NF }')
wrong=$(printf '%s\n' "$imports" |
        grep -xE 'abort|_?exit|_Exit|quick_exit|printf|puts|putchar|perror|vprintf|fprintf|vfprintf|fputs|fputc|stdout|stderr|__assert_fail|__printf_chk|__fprintf_chk|setlocale|chdir|signal|sigaction' || true)
[ -z "$wrong" ] || { echo "imports $wrong"; exit 1; }
other=$(nm -D --defined-only "$1" | awk '{ print $NF }' | grep -v '^vane_' || true)
[ -z "$other" ] || { echo "exports $other"; exit 1; }
nm -D --defined-only "$1" | grep -c ' T vane_' | sed 's/$/ functions, and nothing else/'

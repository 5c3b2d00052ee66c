#!/bin/sh
# Compiles each public header alone, as C11 and as C++17, and every internal header of the portable
# layers alone as C11. Usage: headers.sh CC CXX ("" skips C++, by name).
set -eu
cd "$(dirname "$0")/.."
cc=$1
cxx=${2-}
failed=0
alone() { # compiler, language and standard, header
    printf '#include "%s"\n' "$3" | $1 $2 -Wall -Wextra -Wpedantic -Werror -D_POSIX_C_SOURCE=200809L -I. \
        -fsyntax-only - || { echo "failed: $3 as $2"; failed=1; }
}
for header in include/*.h; do
    alone "$cc" "-x c -std=c11" "$header"
    if [ -n "$cxx" ]; then alone "$cxx" "-x c++ -std=c++17" "$header"
    else echo "skipped: $header as C++ (no C++ compiler)"; fi
done
# *_real.h are templates that scalar.h, dist.h and draw.h fill in.
for header in $(find base device graph models host tools -name '*.h' ! -name '*_real.h'); do
    alone "$cc" "-x c -std=c11 -Wno-unused-function" "$header"
done
exit $failed

#!/bin/sh
# Checks every #include "..." against tools/layers.txt: a layer knows only those above it. Prints each
# line that breaks the rule and exits 1 if there is one. Also: threads are made in base/team.c alone.
set -eu
cd "$(dirname "$0")/.."
bad=0
checked=0
while read -r folder allowed; do
    case $folder in '' | '#'*) continue ;; esac
    [ -d "$folder" ] || continue
    for file in $(find "$folder" -name '*.[ch]' -o -name '*.def' -o -name '*.cu' -o -name '*.cuh' -o -name '*.cpp'); do
        checked=$((checked + 1))
        lines=$(grep -n '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$file" || true)
        [ -n "$lines" ] || continue
        wrong=$(printf '%s\n' "$lines" | awk -v allowed="$allowed" '
            { split($0, part, "\""); ok = 0; n = split(allowed, prefix, " ")
              for (i = 1; i <= n; i++) if (index(part[2], prefix[i]) == 1) ok = 1
              if (!ok) print $0 }')
        [ -z "$wrong" ] || { printf '%s\n' "$wrong" | sed "s|^|$file:|"; bad=1; }
    done
done < tools/layers.txt
others=$(grep -rln --include='*.[ch]' --include='*.cu*' --include='*.cpp' -e 'pragma omp' -e '<omp\.h>' -e 'pthread_create' base device kernels_cpu kernels_cuda graph models host tools |
         grep -v '^base/team\.c$' || true)
[ -z "$others" ] || { echo "threads outside base/team.c: $others"; bad=1; }
[ "$checked" -gt 50 ] || { echo "only $checked files found"; bad=1; }
[ "$bad" -ne 0 ] || echo "$checked files keep to their layers"
exit $bad

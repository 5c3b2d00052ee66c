#!/usr/bin/env bash
# Looks for spilled registers in the products' tiles: in the objects of kernels_cpu/gemm, the innermost loops
# of functions named tile_* must leave the stack alone. A tile that keeps sums there loses two thirds of
# its speed, and whether it does depends on the compiler.
#
#   tools/spills.sh BUILD...   the objects of these build folders, of whatever compiler and architecture
#
# Prints a line an instruction set and build; fails on a spill, and where the tile of full height is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
(($#)) || { sed -n '2,8p' "$0" >&2; exit 2; }
failed=0

# The loops of one object, from its disassembly: "loops most spills", then the places of spills. A loop is a
# jump backwards; one without another inside is innermost. The frame pointer counts where it is one.
loops='
    function flush(   i, j, inner, fma, bad, frame, place) {
        frame = frame_pointer ? "%rsp|%rbp|\\[sp|\\[x29" : "%rsp|\\[sp"
        for (i = 1; i <= n; i++) {
            if (!(i in target) || !(target[i] in at) || at[target[i]] > i) continue
            inner = 1
            for (j = at[target[i]]; j < i; j++)
                if (j in target && target[j] in at && at[target[j]] <= j && at[target[j]] >= at[target[i]]) inner = 0
            if (!inner) continue
            fma = bad = 0
            for (j = at[target[i]]; j <= i; j++) {
                if (text[j] ~ /vfn?madd[0-9]*ps|vdpbf16ps|fml[as]\t/) fma++
                if (text[j] ~ frame) { bad++; place = text[j] }
            }
            if (!fma || name !~ /^<tile_/) continue
            count++
            if (fma > most) most = fma
            spills += bad
            if (bad) printf "    %s: %d in a loop of %d products: %s\n", name, bad, fma, place > "/dev/stderr"
        }
        delete at; delete text; delete target; n = frame_pointer = 0
    }
    /^[0-9a-f]+ <.*>:$/ { flush(); name = $2; next }
    /^ *[0-9a-f]+:\t/ {
        split($0, part, "\t")
        gsub(/[ :]/, "", part[1])
        at[part[1]] = ++n
        text[n] = part[2] "\t" part[3]
        if (text[n] ~ /mov +%rsp,%rbp|mov\tx29, sp/) frame_pointer = 1
        if (part[2] part[3] ~ /^(j[a-z]+|b\.[a-z]+|b|cbn?z|tbn?z) *[^<]*[0-9a-f]+ </) {
            match(text[n], /[0-9a-f]+ </)
            target[n] = substr(text[n], RSTART, RLENGTH - 2)
        }
    }
    END { flush(); print count + 0, most + 0, spills + 0 }'

for build in "$@"; do
    for unit in avx512 avx512bf16 avx2 neon; do
        folder=$build/CMakeFiles/vane_simd_$unit.dir/kernels_cpu/gemm
        [[ -d $folder ]] || continue
        case $unit in
        avx512*) full=28 ;; # 14 x 2 sums
        avx2) full=12 ;;    # 6 x 2
        neon) full=24 ;;    # 8 x 3
        esac
        dump=objdump
        [[ $unit != neon ]] || dump=aarch64-linux-gnu-objdump
        count=0 most=0 spills=0
        for object in "$folder"/*.o; do
            read -r c m s < <("$dump" -d --no-show-raw-insn "$object" | awk "$loops")
            count=$((count + c)) spills=$((spills + s)) most=$((m > most ? m : most))
        done
        echo "$build, $unit: $count loops of products, the largest has $most, $spills spills"
        ((spills == 0 && most >= full)) || failed=1
    done
done
exit $failed

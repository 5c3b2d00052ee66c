#!/bin/sh
# Everything Vane claims of a GPU, checked and measured on the one at hand.
#
#   tools/gpu_check.sh [options] [part...]       all parts, or those named
#       --build DIR       where to build (default: build/gpu); --emulated DIR: a build of the preset
#                         cuda-emu instead of a GPU, its results marked "emulated"
#       --out DIR         where results go (default: bench/results): gpu-DATE.json and gpu-DATE.md
#       --raw FILE        keep the raw rows there
#       --table FILE      only make the JSON and the table of such rows
#       --bundle FILE     only pack FILE.tar.gz: the sources and what such a machine may lack, the
#                         library Check; it needs a CUDA toolkit, C and C++ compilers and CMake
#       --list            the parts
#
# A part takes at most 10 minutes (GPU_CHECK_LIMIT seconds). Exit: 0 all passed; 1 something failed;
# 2 usage; 3 there is no GPU here; 4 a tool that building needs is missing.
#
# A raw row: part, name, "ok" | "FAIL" | "skip" | "time", value, unit or note, separated by tabs.
set -u
cd "$(dirname "$0")/.." || exit 2
parts="build ops models train layers determinism sanitizer limits bench peers"
limit=${GPU_CHECK_LIMIT:-600}
build=build/gpu
out=bench/results
raw=
table=
bundle=
emulated=
chosen=

usage() {
    echo "gpu_check: $1; see the head of tools/gpu_check.sh" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --build | --emulated | --out | --raw | --table | --bundle)
        [ $# -gt 1 ] || usage "$1 needs a value"
        case $1 in
        --build) build=$2 ;;
        --emulated) emulated=yes build=$2 ;;
        --out) out=$2 ;;
        --raw) raw=$2 ;;
        --table) table=$2 ;;
        --bundle) bundle=$2 ;;
        esac
        shift
        ;;
    --list)
        echo "$parts"
        exit 0
        ;;
    -*) usage "no option $1" ;;
    *)
        case " $parts " in
        *" $1 "*) chosen="$chosen $1" ;;
        *) usage "no part \"$1\"; there are: $parts" ;;
        esac
        ;;
    esac
    shift
done

# ---- the JSON and the table of raw rows ----

make_table() { # make_table ROWS DIR: rows begin with "about" lines: about, name, -, text
    [ -s "$1" ] || usage "no rows in \"$1\""
    mkdir -p "$2" || exit 1
    name=$2/gpu-$(awk -F'\t' '$1 == "about" && $2 == "date" { print $4 }' "$1")
    awk -F'\t' '
        function text(s) { gsub(/\\/, "\\\\\\\\", s); gsub(/"/, "\\\"", s); return "\"" s "\"" }
        $1 == "about" { about = about ", " text($2) ": " text($4); next }
        { rows = rows (rows ? ",\n" : "") "  {\"part\": " text($1) ", \"name\": " text($2) \
              ", \"state\": " text($3) ($3 == "time" ? ", \"value\": " $4 ", \"unit\": " text($5) \
              : ", \"note\": " text($5)) "}" }
        END { print "{\"schema\": 1" about ", \"rows\": [\n" rows "\n]}" }' "$1" > "$name.json"
    awk -F'\t' '
        $1 == "about" { print ($2 == "date" ? "# GPU check of " $4 "\n" : "- " $2 ": " $4); next }
        !head++ { print "\n| part | what | result |\n| --- | --- | --- |" }
        { gsub(/\|/, "/"); print "| " $1 " | " $2 " | " ($3 == "time" ? $4 " " $5 \
              : $3 ($5 == "" ? "" : ": " $5)) " |" }' "$1" > "$name.md"
    echo "$name.json and $name.md"
}
if [ -n "$table" ]; then
    make_table "$table" "$out"
    exit 0
fi

# ---- the bundle ----

if [ -n "$bundle" ]; then
    folder=$(mktemp -d) || exit 1
    trap 'rm -rf "$folder"' EXIT
    mkdir -p "$folder/vane" "$folder/vane/third/check" || exit 1
    git ls-files -z | xargs -0 tar cf - | tar xf - -C "$folder/vane" || exit 1
    for file in check.h check_stdint.h; do
        cp "/usr/include/$file" "$folder/vane/third/check" 2>/dev/null ||
            find /usr/include -name "$file" -exec cp {} "$folder/vane/third/check" \;
    done
    for lib in libcheck_pic.a libsubunit.a; do
        find /usr/lib -name $lib -exec cp {} "$folder/vane/third/check" \;
    done
    [ -e "$folder/vane/third/check/libcheck_pic.a" ] || {
        echo "gpu_check: Check is not installed here (tools/setup.sh)" >&2
        exit 4
    }
    git rev-parse HEAD > "$folder/vane/third/commit"
    tar czf "$bundle" -C "$folder" vane && ls -l "$bundle"
    exit
fi

# ---- the machine ----

rows=${raw:-$(mktemp)} || exit 1
: > "$rows"
log=$(mktemp) || exit 1
trap 'rm -f "$log"; [ -n "$raw" ] || rm -f "$rows"' EXIT
row() { printf '%s\t%s\t%s\t%s\t%s\n' "$@" >> "$rows"; }

PATH=$PATH:/usr/local/cuda/bin
if [ -n "$emulated" ]; then
    device="emulated"
    plugins=$build/emu
elif device=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -1) && [ -n "$device" ]; then
    plugins=$build
else
    echo "gpu_check: there is no GPU here (nvidia-smi finds none); --emulated DIR checks without one" >&2
    exit 3
fi
row about date - "$(date -u +%Y-%m-%d)" ""
row about device - "$device" ""
row about commit - "$(git rev-parse HEAD 2>/dev/null || cat third/commit 2>/dev/null || echo unknown)" ""
if [ -z "$emulated" ]; then
    row about driver - "$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)" ""
    row about toolkit - "$(nvcc --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\).*/\1/p')" ""
fi
tests=$build/tests/vane_tests
vane=$build/vane
export VANE_TEST_DEVICE=cuda VANE_TEST_PLUGINS="$plugins"

# check PART NAME COMMAND...: a row by how it ends; the last line it said is the note where it fails
check() {
    part=$1 name=$2
    shift 2
    if timeout "$limit" "$@" > "$log" 2>&1; then
        row "$part" "$name" ok "" ""
    else
        code=$?
        note=$(grep -v '^ *$' "$log" | tail -1 | tr '\t' ' ' | cut -c1-160)
        [ $code -eq 124 ] && note="longer than $limit s"
        row "$part" "$name" FAIL "" "$note"
        failed=1
        sed 's/^/  | /' "$log" | tail -15
    fi
    tail -1 "$rows" | tr '\t' ' '
}
measure() { # measure PART COMMAND...: rows of what it prints, "name value unit" between tabs
    part=$1
    shift
    if timeout "$limit" "$@" > "$log" 2> "$log.err"; then
        while IFS="$(printf '\t')" read -r name value unit; do
            row "$part" "$name" time "$value" "$unit"
        done < "$log"
    elif [ $? -eq 3 ]; then
        row "$part" "$*" skip "" "$(tail -1 "$log.err")"
    else
        row "$part" "$*" FAIL "" "$(tail -1 "$log.err" | tr '\t' ' ')"
        failed=1
    fi
    rm -f "$log.err"
}

# ---- the parts ----

part_build() {
    [ -n "$emulated" ] && { row build build skip "" "emulated: built before"; return; }
    for tool in cmake nvcc cc; do
        command -v $tool > /dev/null || {
            echo "gpu_check: building needs $tool" >&2
            exit 4
        }
    done
    third=
    [ -d third/check ] && third=-DVANE_CHECK_DIR=$PWD/third/check
    generator=
    command -v ninja > /dev/null && generator="-G Ninja"
    level=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -1 | tr -d .)
    check build configure cmake -S . -B "$build" $generator $third -DCMAKE_BUILD_TYPE=Release \
        -DVANE_CUDA=ON "-DVANE_CUDA_ARCHITECTURES=$level-real"
    check build compile cmake --build "$build" --parallel "$(getconf _NPROCESSORS_ONLN)"
}
part_ops() {
    check ops "every case of every op" "$tests" ops_device
    for way in own-apart cublaslt cublaslt-apart auto; do
        for op in linear matmul; do
            check ops "$op, products by $way" env VANE_TEST_PRODUCTS=$way VANE_TEST_OP=$op "$tests" ops_device
        done
    done
    check ops "memory, streams, recordings" "$tests" under_test
}
part_models() {
    check models "every model's step against the CPU's" "$tests" models_device
    for way in own-apart cublaslt cublaslt-apart auto; do
        check models "every model's step, products by $way" env VANE_TEST_PRODUCTS=$way "$tests" models_device
    done
    folder=$(mktemp -d) || exit 1
    table > "$folder/t.csv"
    for way in cudnn cudnn-small cudnn-persistent; do
        takes models $way "$folder/t.csv" --model gru --encoder_hidden_size 9 --input_size 14 --windows_batch_size 5 &&
            check models "every model's step, recurrent layers by $way" env VANE_TEST_PRODUCTS=$way "$tests" models_device
    done
    rm -rf "$folder"
    check models "forecasts from device memory" "$tests" direct
}
part_train() {
    infer=$build/gpu_infer
    [ -n "$emulated" ] && infer=$build/gpu_infer_emu
    check train "the host ahead, a bad step, a stop" "$tests" fit_device
    check train "several models in one plan" "$tests" many
    check train "Prophet against the CPU" "$tests" prophet_device
    check train "the command on both devices" tests/cli/cuda.sh "$PWD/$vane" "$PWD/$plugins" "$PWD/$infer"
}
table() { # hourly rows with a season
    awk 'BEGIN { print "unique_id,ds,y"; srand(7)
        for (s = 0; s < 8; s++) for (i = 0; i < 2000; i++)
            printf "s%d,%d,%.4f\n", s, i, 20 + 5 * s + 4 * sin(6.283185307 * i / 24 + s) + rand() }'
}
# takes PART WAY TABLE OPTIONS...: are the recurrent layers of such a training step by this way? Where cuDNN is absent
# or refuses them, Vane's kernels take their place, and a row of theirs must not bear cuDNN's name.
takes() {
    part=$1 way=$2 of=$3
    shift 3
    "$vane" plan "$of" --h 6 "$@" --device cuda --plugins "$plugins" --products "$way" --why > "$log" 2>&1
    grep -q "^ *by $way\$" "$log" && ! grep -q '^ *by own;' "$log" && return
    note=$(sed -n 's/^ *by own; //p' "$log" | head -1)
    row "$part" "recurrent layers by $way" skip "" "${note:-the plan does not say by $way}"
    return 1
}
# Recurrent layers of a real size by Vane's kernels and by each algorithm of cuDNN: the same forecasts after
# some steps, and what the plan timed of each layer, forward and back together.
part_layers() {
    folder=$(mktemp -d) || exit 1
    table > "$folder/t.csv"
    sizes="--encoder_hidden_size 128 --input_size 96 --windows_batch_size 512 --max_steps 10"
    [ -n "$emulated" ] && sizes="--encoder_hidden_size 12 --input_size 9 --windows_batch_size 8 --max_steps 2"
    for model in lstm-attention gru; do
        options="--model $model --h 6 $sizes --device cuda --plugins $plugins"
        for way in own cudnn cudnn-small cudnn-persistent; do
            [ $way = own ] || takes layers $way "$folder/t.csv" --model $model ${sizes%--max_steps*} || continue
            check layers "$model trains by $way" "$vane" train "$folder/t.csv" $options --products $way -q \
                -o "$folder/m"
            check layers "$model by $way forecasts" "$vane" forecast "$folder/t.csv" -m "$folder/m" --device cuda \
                --plugins "$plugins" --products $way -q -o "$folder/$way.csv"
            [ $way = own ] && continue
            check layers "$model by $way as by own, within 1e-3" awk -F, 'NR == FNR { own[FNR] = $3; next }
                FNR > 1 { d = own[FNR] - $3; if (d < 0) d = -d; n++ }
                FNR > 1 && d > 1e-3 * (1 + ($3 < 0 ? -$3 : $3)) { print "row " FNR ": " own[FNR] " and " $3; bad = 1 }
                END { exit bad || !n }' "$folder/own.csv" "$folder/$way.csv"
        done
        "$vane" plan "$folder/t.csv" --why ${options%--max_steps*} --device cuda --plugins "$plugins" --products auto \
            > "$folder/plan" 2>> "$log"
        awk -v model=$model '$1 ~ /^[0-9]+$/ { name = $2 }
            / by [a-z-]*: own .* cudnn/ && name !~ /^grad/ {
                n = split(substr($0, index($0, ":") + 2), ways, ", ")
                for (i = 1; i <= n; i++) {
                    split(ways[i], w, " ")
                    printf "layers\t%s %s by %s\ttime\t%s\t%s\n", model, name, w[1], w[2], w[3]
                }
            }' "$folder/plan" >> "$rows"
    done
    rm -rf "$folder"
}
part_determinism() {
    folder=$(mktemp -d) || exit 1
    table > "$folder/t.csv"
    steps=200
    [ -n "$emulated" ] && steps=4
    for model in nhits transformer; do
        small=
        [ $model = nhits ] && small="--mlp_units [32,32]"
        [ $model = transformer ] && small="--hidden_size 16 --n_head 2"
        for way in own cublaslt; do
            for run in a b; do
                check determinism "$model trains by $way, run $run" "$vane" train "$folder/t.csv" --model $model \
                    $small --h 24 --input_size 96 --max_steps $steps --windows_batch_size 64 --device cuda \
                    --plugins "$plugins" --products $way -q -o "$folder/$run"
            done
            check determinism "$model by $way: the same bits" cmp "$folder/a" "$folder/b"
        done
    done
    rm -rf "$folder"
}
part_sanitizer() {
    [ -n "$emulated" ] && { row sanitizer sanitizer skip "" "emulated: emu-check stands for it"; return; }
    command -v compute-sanitizer > /dev/null || { row sanitizer sanitizer skip "" "no compute-sanitizer"; return; }
    for tool in memcheck racecheck initcheck synccheck; do
        check sanitizer "$tool of every model's step" env CK_FORK=no \
            compute-sanitizer --tool $tool --error-exitcode 9 "$tests" models_device
        check sanitizer "$tool of every op" env CK_FORK=no \
            compute-sanitizer --tool $tool --error-exitcode 9 "$tests" ops_device
    done
}
part_limits() {
    [ -n "$emulated" ] && { row limits limits skip "" "emulated"; return; }
    check limits "builds" nvcc -O3 -std=c++17 -arch=native bench/gpu/limits.cu -lcublasLt -o "$build/limits"
    [ -x "$build/limits" ] && measure limits "$build/limits"
}
part_bench() {
    [ -n "$emulated" ] && { row bench bench skip "" "emulated"; return; }
    check bench "vane bench" "$vane" bench --backends cuda --plugins "$plugins" --format csv \
        -o "$build/bench.csv"
    [ -s "$build/bench.csv" ] && awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        at["median_us"] { printf "bench\t%s\ttime\t%s\tus\n", $at["name"], $at["median_us"] }' \
        "$build/bench.csv" >> "$rows"
    folder=$(mktemp -d) || exit 1
    table > "$folder/t.csv"
    for way in own cudnn cudnn-small cudnn-persistent; do # of the same layers
        for layer in lstm128 lstm200 gru128 gru200; do
            model=gru
            [ "${layer%???}" = lstm ] && model=lstm-attention
            units=${layer#lstm} units=${units#gru}
            [ $way = own ] || takes bench $way "$folder/t.csv" --model $model --encoder_hidden_size "$units" \
                --input_size 168 --windows_batch_size 32 || continue
            out=$folder/$layer-$way.csv
            check bench "$layer by $way" "$vane" bench $layer --backends cuda --plugins "$plugins" --products $way \
                --format csv -o "$out"
            [ -s "$out" ] && awk -F, -v way=$way 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
                at["median_us"] { printf "bench\t%s_%s\ttime\t%s\tus\n", $at["name"], way, $at["median_us"] }' \
                "$out" >> "$rows"
        done
    done
    rm -rf "$folder"
}
part_peers() {
    [ -n "$emulated" ] && { row peers peers skip "" "emulated"; return; }
    measure peers "${PYTHON:-python3}" bench/gpu/peers.py
}

failed=0
for part in ${chosen:-$parts}; do
    "part_$part"
done
make_table "$rows" "$out"
exit $failed

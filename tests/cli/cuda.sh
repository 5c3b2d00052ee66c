#!/bin/sh
# Training, forecasting, evaluating and resuming on a device, held against the CPU, with the command
# from the outside. Usage: cuda.sh path/to/vane FOLDER [path/to/gpu_infer]: the folder of libvane_cuda.so
# (of a GPU or of the emulation; a real one takes the same minute, an emulated one spends it
# computing), the example of that name.
set -u
vane=$1
plugins=$2
infer=${3:-}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
for name in $(env | sed -n 's/^\(VANE_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
# One way of products: what is timed may be chosen otherwise in the next run of a real GPU.
gpu="--device cuda --plugins $plugins --products cublaslt"
count=0
failed=0
most=80

check() { # what is expected, in words, and a command that holds where it is so
    count=$((count + 1))
    name=$1
    shift
    if ! "$@" > out.txt 2> err.txt < /dev/null; then
        failed=$((failed + 1))
        echo "FAILED: $name"
        echo "  $*"
        sed 's/^/  | /' out.txt err.txt | head -8
    fi
}

# near A B COLUMN TOLERANCE: two tables of as many rows, whose numbers from COLUMN on differ by at
# most TOLERANCE of the first's size plus TOLERANCE. What is no number must be the same text.
near() {
    paste -d '\n' "$1" "$2" | awk -F, -v first="$3" -v tol="$4" '
        NR % 2 { n = split($0, a, ","); next }
        { if (NF != n) { print "row " NR / 2 ": " n " and " NF " columns"; bad = 1; exit }
          for (i = 1; i <= n; i++) {
              if (a[i] == $i) continue
              d = a[i] - $i; if (d < 0) d = -d
              s = a[i] < 0 ? -a[i] : a[i]
              if (i < first || a[i] !~ /^[-+0-9.]/ || d > tol * (s + 1)) {
                  print "row " NR / 2 ": " a[i] " and " $i; bad = 1; exit
              }
          }
        }
        END { exit bad || NR < 4 || NR % 2 }'
}
nodes() { # nodes MOST PLAN: launches and copies, as the device counts them
    awk -v most="$1" '/ nodes in the device/ { n = $1 } END { print n " nodes"; exit !(n && n <= most) }' "$2"
}
scores() { # the table of `vane evaluate` without its seconds, as a CSV
    awk 'NF >= 11 { $NF = ""; gsub(/ /, ","); print }' "$1"
}

# Hourly series of different lengths, one with gaps; a feature of the past, one known ahead.
awk 'BEGIN { print "unique_id,ds,y,load,plan"; srand(7)
    for (s = 0; s < 4; s++) for (i = 0; i < 110 + 9 * s; i++) {
        h = 6.283185307 * i / 12
        y = s == 2 && i % 17 == 5 ? "" : sprintf("%.4f", 20 + 5 * s + 4 * sin(h + s) + rand())
        printf "s%d,2024-01-%02d %02d:00:00,%s,%.3f,%.3f\n", s, 1 + int(i / 24), i % 24, y,
            cos(h), sin(h / 2)
    } }' > t.csv

quick="--h 6 --input_size 18 --max_steps 12 --windows_batch_size 16 --val_size 12 --val_windows 24"
quick="$quick --val_check_steps 4 --test_size 12 -q"
mlp="--mlp_units [24,16]"

# ---- each model: both devices train the same, read each other's files, and score the same ----
for model in linear nhits nbeats gru lstm-attention tcn transformer deepar; do
    options="--model $model $quick"
    case $model in
    nhits) options="$options $mlp --hist_exog_list load --loss huber" ;;
    nbeats) options="$options $mlp --scaler_type standard" ;;
    gru | lstm-attention | tcn) options="$options --encoder_hidden_size 12 --decoder_hidden_size 9" ;;
    transformer) options="$options --hidden_size 8 --n_head 2 --conv_hidden_size 9" ;;
    deepar) options="$options --hidden_size 9 --lags [1,2,7] --num_samples 50" ;;
    esac
    check "$model trains on the CPU" "$vane" train t.csv $options -o $model.cpu.vane
    check "$model trains on the device" "$vane" train t.csv $options $gpu -o $model.gpu.vane
    check "$model forecasts on the CPU" "$vane" forecast t.csv -m $model.cpu.vane -o a.csv -q
    check "$model forecasts on the device" "$vane" forecast t.csv -m $model.cpu.vane $gpu -o b.csv -q
    check "$model of one file, on both" near a.csv b.csv 3 1e-5
    check "$model trained on the device forecasts on the CPU" \
        "$vane" forecast t.csv -m $model.gpu.vane -o c.csv -q
    check "$model trained on both forecasts alike" near a.csv c.csv 3 1e-3
    check "$model is scored on the CPU" "$vane" evaluate t.csv -m $model.cpu.vane -o a.txt -q
    check "$model is scored on the device" "$vane" evaluate t.csv -m $model.cpu.vane $gpu -o b.txt -q
    scores a.txt > a.csv
    scores b.txt > b.csv
    check "$model scores alike" near a.csv b.csv 2 1e-4
done

# ---- models before each of several origins, side by side ----
folds="--model nhits ${quick%--test_size*}--n_windows 3 --stride 4 $mlp -q"
check "folds train on the CPU" "$vane" crossval t.csv $folds -o a.txt
check "folds train on the device" "$vane" crossval t.csv $folds $gpu -o b.txt
for side in a b; do grep -v ' folds of ' $side.txt > rows.txt && scores rows.txt > $side.csv; done
check "folds score alike" near a.csv b.csv 3 1e-3

# ---- bits: another schedule of the emulated GPU, and a run cut in two ----
options="--model nhits $quick $mlp --hist_exog_list load --loss huber"
check "again, in another order" env EMU_SEED=99 "$vane" train t.csv $options $gpu -o again.vane
check "the same bits again" cmp nhits.gpu.vane again.vane
for k in 3 64; do # the host hands over k steps at once, also more than the run has
    check "$k steps a launch" "$vane" train t.csv $options $gpu --steps_per_launch $k -o k.vane
    check "the same bits, $k steps a launch" cmp nhits.gpu.vane k.vane
done
recurrent="--model lstm-attention $quick --encoder_hidden_size 12 --decoder_hidden_size 9"
"$vane" forecast t.csv -m lstm-attention.gpu.vane -o a.csv -q 2> /dev/null
for way in cudnn cudnn-persistent auto; do # layers of which the choice is one of forward and back together
    check "recurrent layers by $way" "$vane" train t.csv $recurrent $gpu --products $way -o way.vane
    check "their forecast, $way" "$vane" forecast t.csv -m way.vane $gpu --products $way -o c.csv -q
    check "recurrent layers by $way forecast alike" near a.csv c.csv 3 1e-3
done
for way in own auto; do # others, and the faster one
    check "products by $way" "$vane" train t.csv $options $gpu --products $way -o way.vane
    check "its forecast, $way" "$vane" forecast t.csv -m way.vane $gpu --products $way -o c.csv -q
    "$vane" forecast t.csv -m nhits.gpu.vane -o a.csv -q 2> /dev/null
    check "products by $way forecast alike" near a.csv c.csv 3 1e-3
done
# Room for the model but not for the data beside it: their windows are gathered on the host.
big="--model linear ${quick% -q}"
awk 'BEGIN { print "unique_id,ds,y"
    for (s = 0; s < 40; s++) for (i = 0; i < 2000; i++) printf "s%d,%d,%d\n", s, i, (i * 7 + s) % 23 }' > big.csv
check "data that fit" "$vane" train big.csv $big $gpu -o fit.vane -q
check "data that do not fit" env EMU_MEMORY=600000 "$vane" train big.csv $big $gpu -o stream.vane
if grep -q "do not fit into the memory" err.txt; then :; else check "it is said that they do not fit" false; fi
check "the same bits of data that do not fit" cmp fit.vane stream.vane
own="$gpu --products own" # which is the same however little memory the library finds
check "a forecast of data that do not fit" env EMU_MEMORY=600000 "$vane" forecast big.csv -m fit.vane $own -o a.csv -q
"$vane" forecast big.csv -m fit.vane $own -o b.csv -q 2> /dev/null
check "the same forecast of data that do not fit" cmp a.csv b.csv
check "a checkpoint of step 10" "$vane" train t.csv $options $gpu --checkpoint ten.state \
    --checkpoint_steps 5 -o ten.vane
check "a checkpoint changes nothing" cmp nhits.gpu.vane ten.vane
check "on from step 10" "$vane" train t.csv $options $gpu --resume ten.state -o on.vane
check "the same bits as without a break" cmp nhits.gpu.vane on.vane
check "on from the device's step 10 on the CPU" \
    "$vane" train t.csv $options --resume ten.state -o cpu.vane
check "its forecast" "$vane" forecast t.csv -m cpu.vane -o d.csv -q
"$vane" forecast t.csv -m on.vane -o c.csv -q
check "both go on alike" near c.csv d.csv 3 1e-3

options="--model deepar $quick --hidden_size 9 --lags [1,2,7] --num_samples 50"
check "a checkpoint of DeepAR" "$vane" train t.csv $options $gpu --checkpoint ten.state \
    --checkpoint_steps 5 -o ten.vane
check "DeepAR on from step 10" "$vane" train t.csv $options $gpu --resume ten.state -o on.vane
check "DeepAR's bits as without a break" cmp deepar.gpu.vane on.vane
check "DeepAR draws" "$vane" forecast t.csv -m on.vane $gpu -o a.csv -q
check "DeepAR draws in another order" env EMU_SEED=99 "$vane" forecast t.csv -m on.vane $gpu -o b.csv -q
check "DeepAR draws the same bits" cmp a.csv b.csv

# ---- Prophet, which has no graph: its fits are the device's, forecasts the host's ----
awk 'BEGIN { print "unique_id,ds,y"
    for (s = 0; s < 5; s++) for (i = 0; i < 100 + 7 * s; i++)
        printf "s%d,2024-%02d-%02d,%.3f\n", s, 1 + int(i / 28), 1 + i % 28,
            s == 4 ? 7 : 10 + s + i / 20 + sin(0.9 * i) + (i * 7919 % 101) / 101
    }' > d.csv
for growth in linear logistic; do
    options="--model prophet --h 7 --test_size 14 --freq D --n_changepoints 6 --growth $growth -q"
    case $growth in
    linear) options="$options --seasonality_mode multiplicative" ;;
    logistic) options="$options --cap 40" ;;
    esac
    check "Prophet, $growth, trains on the CPU" "$vane" train d.csv $options -o p.cpu.vane
    check "Prophet, $growth, trains on the device" "$vane" train d.csv $options $gpu -o p.gpu.vane
    check "Prophet again, in another order" env EMU_SEED=7 "$vane" train d.csv $options $gpu -o again.vane
    check "Prophet's bits again" cmp p.gpu.vane again.vane
    for on in cpu gpu; do
        check "Prophet of the $on forecasts" "$vane" forecast d.csv --freq D -m p.$on.vane -o $on.csv -q
    done
    check "Prophet trained on both forecasts alike" near cpu.csv gpu.csv 3 1e-6
    check "Prophet is refitted on the CPU" "$vane" evaluate d.csv --freq D -m p.cpu.vane -o a.txt -q
    check "Prophet is refitted on the device" "$vane" evaluate d.csv --freq D -m p.cpu.vane $gpu -o b.txt -q
    scores a.txt > a.csv
    scores b.txt > b.csv
    check "Prophet scores alike" near a.csv b.csv 2 1e-6
    check "Prophet from a model of its own" "$vane" train d.csv $options $gpu --init p.cpu.vane -o warm.vane
    check "Prophet on from a file" "$vane" train d.csv $options $gpu --resume p.gpu.vane -o on.vane
    check "Prophet's bits of a resumed run" cmp p.gpu.vane on.vane
done

# ---- precisions: what the device's capability grants ----
"$vane" plan t.csv --model nhits --h 24 --input_size 48 $gpu --precision auto > plan.txt 2> /dev/null
check "auto is bf16 on a GPU" grep -q "products in bf16" plan.txt
"$vane" plan t.csv --model nhits --h 24 --input_size 48 $gpu > plan.txt 2> /dev/null
check "without a wish it is strict f32" grep -q "products in f32" plan.txt
check "training in tf32" "$vane" train t.csv --model nhits $quick $gpu --precision tf32 -o tf32.vane
check "a forecast in tf32" "$vane" forecast t.csv -m nhits.cpu.vane $gpu --precision tf32 -o a.csv -q
"$vane" forecast t.csv -m nhits.cpu.vane $gpu -o b.csv -q
check "tf32 rounds" test -n "$(cmp a.csv b.csv)"
check "tf32 is near f32" near a.csv b.csv 3 1e-2

# ---- windows in the device's memory: the host's forecast, and no copy between host and device ----
if [ -n "$infer" ]; then
    for model in linear nhits nbeats; do
        check "$model forecasts device memory" env EMU_NO_COPIES=1 "$infer" $model.cpu.vane "$plugins"
        cp err.txt told.txt
        case $plugins in # a real GPU has no such witness
        */emu*) check "no copy was seen" grep -q "no copy between host and device" told.txt ;;
        esac
    done
fi

# ---- nodes: the cost of a step on a GPU ----
for way in own cublaslt auto; do
    "$vane" plan t.csv --why --model nhits --h 24 --input_size 48 $gpu --products $way > plan.txt 2> /dev/null
    check "a training step of N-HiTS has at most $most nodes, products by $way" nodes "$most" plan.txt
done
same_nodes() { # same_nodes MODEL OPTIONS...: eight members have the launches of one
    model=$1
    shift
    for size in 1 8; do
        "$vane" plan t.csv --model "$model" $quick $gpu "$@" --products own --ensemble_size $size > plan.$size.txt || return 1
    done
    nodes "$(awk '/ nodes in the device/ { print $1 }' plan.1.txt)" plan.8.txt
}
for model in linear nbeats tcn transformer; do
    check "eight $model have the nodes of one" same_nodes $model
done
for how in f32 fp16; do
    check "eight nhits have the nodes of one in $how" same_nodes nhits --precision $how
done
for way in own own-apart cublaslt cublaslt-apart auto; do # a strided batch is what the members' products are alone
    check "three members with products by $way" "$vane" train t.csv --model nhits $quick $mlp $gpu --products $way \
        --ensemble_size 3 -o three.vane
    "$vane" forecast t.csv -m three.vane -o three.$way.csv -q
    check "three members by $way forecast alike" near three.own.csv three.$way.csv 3 1e-4
done
wide="--h 6 --input_size 24 --max_steps 2 --val_size 0 --windows_batch_size 128 --mlp_units [96,96] -q"
for way in own auto; do # workspaces of the library beside the members' scratch
    check "three wide members with products by $way" "$vane" train t.csv --model nhits $wide $gpu --products $way \
        --ensemble_size 3 -o three.vane
    "$vane" forecast t.csv -m three.vane -o three.$way.csv -q
done
check "three wide members by auto forecast alike" near three.own.csv three.auto.csv 3 1e-4
for model in gru lstm-attention; do # a block has all units
    check "eight $model have the nodes of one" same_nodes $model --encoder_hidden_size 60
done
case $plugins in # nobody knows how fast a real one is
*/emu*)
    check "a layer by the library, with the times of all" \
        grep -q "by cublaslt: own [0-9.]* us, cublaslt [0-9.]* us, cublaslt-apart [0-9.]* us" plan.txt
    check "a product by Vane's kernel" grep -q "by own: own [0-9.]* us, cublaslt [0-9.]* us" plan.txt
    "$vane" doctor $gpu > doctor.txt
    check "the doctor knows the library" grep -q "products    cuBLASLt 13" doctor.txt
    "$vane" doctor $gpu --products auto > doctor.txt
    check "the doctor knows both libraries" grep -q "cuBLASLt 13.*; recurrent layers by cuDNN 9" doctor.txt
    layers="$vane plan t.csv --why --model lstm-attention --h 6 --input_size 12 --encoder_hidden_size 32 --windows_batch_size 8 $gpu"
    $layers --products auto > plan.txt 2> /dev/null
    check "a layer by cuDNN, with the times of all" grep -q "by cudnn[a-z-]*: own [0-9.]* us, cudnn [0-9.]* us" plan.txt
    check "a layer by Vane's kernel" grep -q "by own: own [0-9.]* us, cudnn [0-9.]* us" plan.txt
    $layers --products cudnn > plan.txt 2> /dev/null
    check "every layer and its gradient by cuDNN" test "$(grep -c "by cudnn$" plan.txt)" = 8
    EMU_DNN=swapped $layers --products cudnn > plan.txt 2> /dev/null
    check "cuDNN is not believed" grep -q "by own; cuDNN does not start, or computes something else" plan.txt
    EMU_DNN=refuses $layers --products cudnn > plan.txt 2> /dev/null
    check "cuDNN does not take a layer" grep -q "by own; cudnn does not take the layer" plan.txt
    EMU_LT=absent "$vane" doctor $gpu > doctor.txt
    check "and what multiplies without it" grep -q "products    Vane's own kernels: .* does not start" doctor.txt
    EMU_LT_NAN=lost "$vane" doctor $gpu > doctor.txt
    check "a library whose ReLU loses NaN is not asked for it" grep -q "its ReLU is not used" doctor.txt
    ;;
esac

echo "$count checks, $failed failed"
[ "$failed" -eq 0 ]

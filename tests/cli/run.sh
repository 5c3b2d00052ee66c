#!/bin/sh
# The command from the outside: exit codes, messages, files left intact. Usage: run.sh path/to/vane
# Every check is a line `expect CODE TEXT command...`: the exit code and a piece of what is said.
set -u
vane=$1
dir=$(mktemp -d) || exit 1
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir" || exit 1
count=0
failed=0
level=${VANE_TEST_CPU-} # the cap on the instruction set to test under
for name in $(env | sed -n 's/^\(VANE_[A-Z0-9_]*\)=.*/\1/p'); do unset "$name"; done
[ -z "$level" ] || export VANE_CPU="$level"

expect() {
    want=$1 text=$2
    shift 2
    "$@" > out.txt 2> err.txt < /dev/null
    got=$?
    count=$((count + 1))
    if [ "$got" -ne "$want" ] || { [ -n "$text" ] && ! cat out.txt err.txt | grep -qF -e "$text"; }; then
        failed=$((failed + 1))
        echo "FAILED: $*"
        echo "  exit $got, expected $want; expected to see: $text"
        sed 's/^/  | /' out.txt err.txt | head -8
    fi
}
silent() { # nothing on the stream named
    count=$((count + 1))
    [ ! -s "$1" ] || { failed=$((failed + 1)); echo "FAILED: $1 is not empty"; head -3 "$1"; }
}
check() { # a condition with a name
    count=$((count + 1))
    name=$1
    shift
    "$@" || { failed=$((failed + 1)); echo "FAILED: $name"; }
}

# A monthly series with trend and season, and a copy to try to damage.
awk 'BEGIN { print "unique_id,ds,y"
    for (i = 0; i < 96; i++) printf "A,%d-%02d-01,%d\n", 2000 + int(i / 12), i % 12 + 1,
        100 + i + 20 * (i % 12) }' > good.csv
quick="--h 6 --input_size 12 --max_steps 5 --windows_batch_size 16 --mlp_units [16,16]"

# ---- help and usage ----
expect 0 'vane train data.csv --h 24 -o m.vane' "$vane" help
silent err.txt
expect 0 '--early_stop_patience_steps' "$vane" help train
expect 0 '--n_pool_kernel_size' "$vane" help nhits
expect 0 'vane forecast TABLE' "$vane" forecast -h
silent err.txt
expect 0 'vane 0.' "$vane" --version
expect 0 'level' "$vane" doctor
expect 2 'cannot be opened' "$vane" doctor --cpu foo
expect 0 'cpu: kernels for' "$vane" ops
expect 2 'no device "cuda": libvane_cuda.so' "$vane" train good.csv $quick -o never.vane --device cuda --plugins /nowhere
for words in 'train missing.csv --h 6 -o never.vane' 'forecast missing.csv -m missing.vane' \
    'evaluate missing.csv' 'plan missing.csv --h 6'; do # refused before anything is read
    expect 2 'no CPU level "sse9"' "$vane" $words --cpu sse9
    expect 2 'no device "moon"' "$vane" $words --device moon
done
expect 2 '--mode "dance": expected train' "$vane" plan missing.csv --h 6 --mode dance
expect 0 'device      auto: ' "$vane" doctor --device auto --plugins /nowhere
expect 2 'Commands' "$vane"
silent out.txt
expect 2 'did you mean "forecast"?' "$vane" forcast good.csv
expect 2 'did you mean "train"?' "$vane" help trian
expect 0 'vane train data.csv --h 24 -o m.vane' "$vane" help help
expect 2 '"extra" is one word too many' "$vane" help train extra
expect 0 ' 9223372036854775807; default 1]' "$vane" help train
check 'whole numbers are printed whole' test -z "$("$vane" help train | grep 'int [^;]*[0-9]e+')"
expect 2 'expected an integer from 0 to 9223372036854775807' "$vane" train good.csv --seed -1
expect 2 'did you mean --max_steps?' "$vane" train good.csv --max_stpes 3
expect 2 'unknown flag --zzzzzzzz' "$vane" train good.csv --zzzzzzzz 3
expect 2 'unknown flag -z' "$vane" train good.csv -z
expect 2 '--h needs a value' "$vane" train good.csv --h
expect 2 'unknown flag --max_steps; it is not an option of this command, but of: train, crossval, plan' "$vane" forecast good.csv -m m.vane --max_steps 3
for flag in '--model nbeats' '--resume nofile' '--checkpoint x' '--checkpoint_steps 3'; do
    expect 2 'not an option of this command, but of: train' "$vane" forecast good.csv -m m.vane $flag
    expect 2 'not an option of this command, but of: train' "$vane" evaluate good.csv -m m.vane $flag
done
expect 2 'not an option of this command, but of: train' "$vane" forecast good.csv -m m.vane --calendar auto
expect 2 'not an option of this command, but of: train' "$vane" evaluate good.csv -m m.vane --local_scaler_type standard
expect 2 'not an option of this command, but of: forecast' "$vane" train good.csv --h 6 -o m.vane --components
expect 2 'not an option of this command, but of: forecast' "$vane" train good.csv --h 6 -o m.vane --plot f.svg
expect 2 'unknown flag -m; it is not an option of this command, but of: forecast, evaluate, plan' "$vane" train good.csv --h 6 -m m.vane
expect 2 '--model' "$vane" train good.csv --h 6 -o m.vane -model nbeats
check 'the help of forecast does not offer them' test -z "$("$vane" help forecast | grep -e --resume -e --model)"
expect 2 'no table given' "$vane" train --h 3 -o m.vane
expect 2 'two tables' "$vane" train good.csv good.csv --h 3 -o m.vane
expect 2 'no -o FILE' "$vane" train good.csv --h 3
expect 2 '--h N, at least 1' "$vane" train good.csv --h 0 -o m.vane
expect 2 'expected an integer from 0' "$vane" train good.csv --h -3 -o m.vane
expect 2 'expected an integer' "$vane" train good.csv --h six -o m.vane
expect 2 'did you mean "nbeats"' "$vane" train good.csv --h 6 --model nbaets -o m.vane
expect 2 'is an option of nbeats, not of nhits' "$vane" train good.csv --h 6 --stack_types trend -o m.vane
expect 2 'did you mean "robust"' "$vane" train good.csv --h 6 --scaler_type robsut -o m.vane
expect 2 'there is no file "absent.csv"' "$vane" train absent.csv --h 6 -o m.vane
expect 2 'there is no folder' "$vane" train good.csv --h 6 -o absent/m.vane
expect 2 'would overwrite the table' "$vane" train good.csv --h 6 -o ./good.csv
expect 2 '--checkpoint good.csv would overwrite the table' "$vane" train good.csv --h 6 -o m.vane --checkpoint good.csv
expect 2 'this is a folder' "$vane" train good.csv --h 6 -o .
expect 2 'the name of the file is empty' "$vane" train good.csv --h 6 -o ''
expect 2 'there is no folder absent' "$vane" train good.csv --h 6 -o m.vane --checkpoint absent/m.state
expect 2 'but no file is given: checkpoint' "$vane" train good.csv --h 6 -o m.vane --checkpoint_steps 3
for gate in speed=3 mae=nan mae=inf 'mae<0.1' mae=1x mae= mae; do
    expect 2 "gate \"$gate\": expected such as mae=0.4" "$vane" evaluate good.csv -m m.vane --gate "$gate"
done
expect 2 '-o and --checkpoint both want m.state' "$vane" train good.csv --h 6 -o m.state --checkpoint m.state
expect 2 'both want m.state' "$vane" train good.csv --h 6 -o m.state --checkpoint ./m.state
# A bad device, level or mode is told before the table is read: here it could not be.
expect 2 'no CPU level "sse"' "$vane" train empty.csv --h 6 -o m.vane --cpu sse
for words in 'train --h 6 -o m.vane' 'plan --h 6' 'evaluate --h 6'; do
    expect 2 'no device "tpu"' "$vane" $words absent.csv --device tpu
done
expect 2 'no device "tpu"' "$vane" forecast absent.csv -m absent.vane --device tpu
expect 2 '--mode "dream": expected train, valid or forecast' "$vane" plan absent.csv --h 6 --mode dream

# ---- bad data ----
: > empty.csv
expect 3 'empty.csv' "$vane" train empty.csv --h 6 -o m.vane
echo 'unique_id,ds,y' > header.csv
expect 3 'header.csv' "$vane" train header.csv --h 6 -o m.vane
sed '40s/,[0-9]*$/,n\/a/' good.csv > text.csv
expect 3 'text.csv:40:' "$vane" train text.csv --h 6 -o m.vane
sed '10,40s/,[0-9.]*$/,x/' good.csv > many.csv
expect 3 'error: data: many.csv: 31 errors, the first: many.csv:10:' "$vane" train many.csv --h 6 -o m.vane -q
check 'twenty of them are shown' test "$(grep -c '^many.csv:[0-9:]*: error: ' err.txt)" -eq 20
sed '40s/^A/"A/' good.csv > quote.csv
expect 3 'quote.csv:40' "$vane" train quote.csv --h 6 -o m.vane
sed '40p' good.csv > twice.csv
expect 3 'twice.csv' "$vane" train twice.csv --h 6 -o m.vane
sed '40s/,[0-9]*$/,inf/' good.csv > inf.csv
expect 3 'inf.csv:40:' "$vane" train inf.csv --h 6 -o m.vane
sed 1s/y/sales/ good.csv > column.csv
expect 3 'sales' "$vane" train column.csv --h 6 -o m.vane --format long
head -6 good.csv > short.csv
expect 3 'error: data' "$vane" train short.csv --h 6 --input_size 12 --start_padding never -o m.vane
expect 3 'has 5 rows to train on' "$vane" train short.csv --h 6 -o m.vane
check 'no failed training leaves a model' test ! -e m.vane

# ---- the whole path ----
expect 0 'done after 5 steps' "$vane" train good.csv $quick -o m.vane
silent out.txt
expect 0 'series' "$vane" train good.csv $quick -o m.vane
expect 0 '"steps":5' "$vane" train good.csv $quick -o m.vane --json --quiet
silent err.txt
cp m.vane kept.vane
expect 0 '' "$vane" forecast good.csv -mm.vane -qo joined.csv
silent err.txt
check 'joined flags are those apart' test "$(wc -l < joined.csv)" -eq 7
expect 0 'vane forecast TABLE' "$vane" forecast -qh
expect 2 'unknown flag -z' "$vane" forecast good.csv -mm.vane -qz
expect 2 '--output needs a value' "$vane" forecast good.csv -mm.vane -qo
expect 2 '-o takes its value behind a space or at once: -o f.csv' "$vane" forecast good.csv -mm.vane -o=f.csv
expect 2 'did you mean --output?' "$vane" forecast good.csv -mm.vane -output f.csv
expect 2 '--output and --plot both want f.x' "$vane" forecast good.csv -m m.vane -o f.x --plot ./f.x
expect 2 '--output and --plot both want standard output' "$vane" forecast good.csv -m m.vane --plot -
expect 0 'unique_id,ds,NHITS' "$vane" forecast good.csv -m m.vane
check 'six steps and a header' test "$(wc -l < out.txt)" -eq 7
check 'the first step follows the data' grep -q '^A,2008-01-01,' out.txt
expect 0 '' "$vane" forecast good.csv -m m.vane -o f.csv --plot f.svg --quiet
silent out.txt
silent err.txt
check 'a file holds what stdout showed' test "$(wc -l < f.csv)" -eq 7
check 'the plot is an SVG' grep -q '</svg>' f.svg
"$vane" train good.csv $quick --loss mqloss --level 80 -o levels.vane -q
expect 0 'unique_id,ds,NHITS,NHITS-median,NHITS-lo-80,NHITS-hi-80' "$vane" forecast good.csv -m levels.vane --plot bands.svg
check 'a plot shows intervals' grep -q "class='band'" bands.svg
check 'and says which' grep -q '>80 % interval<' bands.svg
# Labels of an axis: short whatever the size of the numbers, and a bare 0.
awk 'BEGIN { print "unique_id,ds,y"
    for (s = 0; s < 3; s++) for (i = 0; i < 60; i++)
        printf "%s,%d,%.9g\n", s == 0 ? "huge" : s == 1 ? "tiny" : "a name that is much too long for the panel it stands above by far",
            i, s == 0 ? 5e15 + 3e15 * (i % 7) : s == 1 ? 1e-7 * (i % 7) : 1e6 * (i % 7 - 3) }' > sizes.csv
expect 0 '' "$vane" train sizes.csv --h 6 --model prophet -q -o sizes.vane
expect 0 '' "$vane" forecast sizes.csv -m sizes.vane --plot sizes.svg
tr '<' '\n' < sizes.svg | sed -n "s/^text .*'end'.*>//p" > labels.txt
check 'huge values are powers of ten' grep -q 'e16$' labels.txt
check 'tiny values too' grep -q 'e-7$' labels.txt
check 'millions have their letter' grep -q '^-2M$' labels.txt
check 'zero is 0' test "$(grep -c '^0$' labels.txt)" -ge 2 -a -z "$(grep -x '0[.0]*[A-Za-z].*' labels.txt)"
check 'no label is long' test -z "$(grep '.........' labels.txt)"
check 'a name is cut to its panel' grep -q 'much too long.*…<' sizes.svg
expect 2 'the model has no quantile 0.25' "$vane" forecast good.csv -m levels.vane --level 50
expect 0 'cover80' "$vane" evaluate good.csv -m levels.vane
expect 0 '"ds":["2008-01-01"' "$vane" forecast good.csv -m m.vane --json
"$vane" forecast - -m m.vane -q < good.csv > piped.csv
check 'a pipe gives the same forecast' cmp -s piped.csv f.csv
expect 0 '' env -i ${level:+VANE_CPU="$level"} "$vane" forecast good.csv -m m.vane -q -o bare.csv
check 'no environment, the same forecast' cmp -s bare.csv f.csv
expect 0 'stack0/block0/fc1.weight' "$vane" inspect m.vane
expect 0 '"max_steps":5,' "$vane" inspect m.vane --json
for part in '"h":6,' '"learning_rate":0.001,' '"mlp_units":[16, 16]' '"scaler_type":"robust"' ':false' '"level":[80, 90]'; do
    check "inspect --json has $part" grep -qF "$part" out.txt
done
expect 0 '"name":"h","group":"train","origin":"flag","value":6}' "$vane" train --h 6 --print-config --json
expect 0 'RidgeLinear' "$vane" evaluate good.csv -m m.vane
expect 0 'Naive2' "$vane" evaluate good.csv --h 6
expect 0 '"model":"NHITS"' "$vane" evaluate good.csv -m m.vane --json
expect 0 'NHITS' "$vane" evaluate good.csv -m m.vane --gate mae=1e9
expect 0 'rows it has learnt from' "$vane" evaluate good.csv -m m.vane
"$vane" train good.csv $quick --test_size 6 -o apart.vane -q
"$vane" evaluate good.csv -m apart.vane > out.txt 2> err.txt
check 'a test part kept back is no reason to warn' test -z "$(grep learnt err.txt)"
expect 8 'gate missed: NHITS mae' "$vane" evaluate good.csv -m m.vane --gate mae=1e-9
expect 0 'mean  NHITS' "$vane" crossval good.csv $quick --n_windows 2 --stride 6
check 'as many models as origins, in one plan' grep -q 'training 2 of 2 models side by side' err.txt
expect 0 '"n_windows":3,"stride":2,"refit":2,' "$vane" crossval good.csv $quick --n_windows 3 --stride 2 --refit 2 --json
"$vane" crossval good.csv $quick --n_windows 2 --stride 6 -q | awk '$1 == 2 && $2 == "NHITS" { print $3 }' > one.txt
"$vane" evaluate good.csv -m apart.vane --stride 100 -q | awk '$1 == "NHITS" { print $2 }' > two.txt
check 'the last fold is the model trained on what lies before it' cmp one.txt two.txt
expect 2 '--h N, at least 1' "$vane" crossval good.csv
expect 2 'expected one' "$vane" crossval --h 6
expect 2 'but of: train, evaluate, plan' "$vane" crossval good.csv --h 6 --test_size 6
expect 2 'anew at every origin of an evaluation' "$vane" crossval good.csv --h 6 --model prophet
expect 3 'none is left for training' "$vane" crossval good.csv $quick --n_windows 500
expect 2 'would overwrite the table' "$vane" crossval good.csv $quick -o ./good.csv
expect 0 'loss' "$vane" plan good.csv $quick
expect 2 'nhits has no attention to show' "$vane" forecast good.csv -m m.vane --attention a.csv
expect 0 '' "$vane" train good.csv --h 3 --model lstm-attention --encoder_hidden_size 8 --max_steps 5 -q -o a.vane
expect 0 'unique_id,ds,LSTM' "$vane" forecast good.csv -m a.vane --attention a.csv
check 'attention has a line for every step and input' \
    [ "$(awk -F, 'NR > 1 { n++; sum += $4 } END { printf "%d %.3f", n, sum }' a.csv)" = "72 3.000" ]
expect 2 'nhits draws no sample paths' "$vane" forecast good.csv -m m.vane --samples s.csv
check 'no samples, no file' test ! -e s.csv
expect 2 'so num_samples does not apply' "$vane" forecast good.csv -m m.vane --num_samples 9
expect 0 '' "$vane" train good.csv --h 3 --model deepar --hidden_size 8 --max_lag 12 --max_steps 5 -q -o d.vane
expect 0 'unique_id,ds,DeepAR,DeepAR-median,DeepAR-lo-90' "$vane" forecast good.csv -m d.vane --samples s.csv
check 'a line for every path and step' [ "$(wc -l < s.csv)" -eq 301 ]
expect 0 '' "$vane" forecast good.csv -m d.vane --samples s9.csv --num_samples 9 -o f.csv
check 'num_samples paths' [ "$(wc -l < s9.csv)" -eq 28 ]
check 'the first paths stay' [ "$(head -28 s.csv | cmp - s9.csv 2>&1)" = "" ]
expect 0 '' "$vane" forecast good.csv -m d.vane --samples - --num_samples 1 -o f.csv
check 'paths go to standard output' grep -q '^A,2008-02-01,1,' out.txt
expect 2 'no model has both' "$vane" forecast good.csv -m d.vane --samples s.csv --attention a.csv
cp d.vane kept-d.vane
expect 2 'would overwrite' "$vane" forecast good.csv -m d.vane --samples d.vane
check 'the model is left alone' cmp -s d.vane kept-d.vane
expect 0 'cover90' "$vane" evaluate good.csv -m d.vane --num_samples 20
expect 0 'num_samples' "$vane" help forecast
expect 2 '--max_steps is for a model yet to be made; that of -m is made' "$vane" plan -m m.vane --max_steps 3
expect 2 '--model is for a model yet to be made' "$vane" plan -m m.vane --model nbeats
expect 2 '--context_length is for a model yet to be made' "$vane" plan -m m.vane --context_length 9
expect 0 'NHITS forecast: batch 256' "$vane" plan -m m.vane --threads 1
expect 0 'NHITS forecast: batch 7' "$vane" plan -m m.vane --batch 7 --why
expect 0 '"plan":' "$vane" plan -m m.vane --json
expect 0 'products in f32' "$vane" plan -m m.vane
check 'nothing of 16 bits in strict f32' test -z "$(grep 'bf16\[' out.txt)"
expect 0 '-> bf16[' "$vane" plan good.csv $quick --precision bf16
expect 0 '"precision":"fp16"' "$vane" plan -m m.vane --precision fp16 --json
expect 2 'precision' "$vane" plan -m m.vane --precision half
expect 2 "has f32, bf16 and fp16" "$vane" plan -m m.vane --precision tf32
expect 2 "precision tf32 is that of a GPU's products" "$vane" train good.csv $quick --precision tf32 -o no.vane
check 'nothing was trained' test ! -e no.vane
expect 0 '' "$vane" forecast good.csv -m m.vane -o f32.csv
expect 0 '' "$vane" forecast good.csv -m m.vane --precision bf16 -o bf16.csv
check 'another precision is another forecast' test -n "$(cmp f32.csv bf16.csv)"
check 'and nearly the same' awk -F, 'NR == FNR { a[FNR] = $3; next } FNR > 1 && ($3 - a[FNR]) ^ 2 > \
    (0.02 * a[FNR]) ^ 2 { bad = 1 } END { exit bad }' f32.csv bf16.csv
expect 0 'products in bf16' "$vane" train good.csv $quick --precision bf16 -o low.vane
expect 0 'NHITS' "$vane" evaluate good.csv -m low.vane --precision bf16
check 'weights are f32 in the file' test "$(wc -c < low.vane)" -eq "$(wc -c < m.vane)"
"$vane" train good.csv $quick -o one.vane --threads 1 -q
"$vane" train good.csv $quick -o two.vane --threads 2 -q
check 'one and two threads give the same model' cmp -s one.vane two.vane

# ---- prophet: no graph, the same commands ----
expect 0 'changepoint_prior_scale' "$vane" help prophet
expect 0 'follows: --h, --split, --val_size, --test_size, --level, --seed,' "$vane" help prophet
expect 0 'arXiv:2201.12886' "$vane" help nhits
expect 0 'Prophet: h 6, 1 series' "$vane" train good.csv --model prophet --h 6 -o p.vane
expect 0 'unique_id,ds,Prophet,Prophet-lo-80,Prophet-hi-80' "$vane" forecast good.csv -m p.vane
"$vane" forecast good.csv -m p.vane --level '[]' -q -o point.csv
check 'no intervals where none are wanted' test "$(head -1 point.csv)" = unique_id,ds,Prophet
expect 2 'prophet is solved, it does not learn in steps: it has no use for "max_steps"' \
    "$vane" train good.csv --model prophet --h 6 --max_steps 3 -o x.vane
expect 2 'it has no use for "learning_rate"' "$vane" train good.csv --model prophet --h 6 --learning_rate 1 -o x.vane
expect 0 'done' "$vane" train good.csv --model prophet --h 6 --checkpoint p.ckpt --checkpoint_steps 1 -o p3.vane
expect 0 '1 of 1 series are as "p.ckpt" has them' "$vane" train good.csv --model prophet --h 6 --resume p.ckpt -o p4.vane
check 'prophet: a run resumed is the run' cmp -s p.vane p4.vane
expect 0 '1 of 1 series are as "p.vane" has them' "$vane" train good.csv --model prophet --h 6 --resume p.vane -o p4.vane
check 'prophet: a whole model is complete' cmp -s p.vane p4.vane
expect 2 'was made with n_changepoints = 25, now it is 4' "$vane" train good.csv --model prophet --h 6 \
    --n_changepoints 4 --resume p.ckpt -o x.vane
"$vane" train good.csv $quick --checkpoint net.ckpt --checkpoint_steps 5 -o net.vane -q
expect 4 'error: model: "net.ckpt"' "$vane" train good.csv --model prophet --h 6 --resume net.ckpt -o x.vane
expect 2 'checkpoint_steps is 3, but no file is given' "$vane" train good.csv --model prophet --h 6 --checkpoint_steps 3 -o x.vane
expect 0 'unique_id,ds,Prophet,Prophet-lo-80,Prophet-hi-80,Prophet-trend,Prophet-yearly' \
    "$vane" forecast good.csv -m p.vane --level 80 --components --plot pf.svg --plot-parts pp.svg
check 'the interval is drawn' grep -q "class='band'" pf.svg
check 'the trend is drawn' grep -q '>trend<' pp.svg
expect 0 '"Prophet-trend":[' "$vane" forecast good.csv -m p.vane --components --json
expect 0 'Prophet' "$vane" evaluate good.csv -m p.vane --test_size 12 --stride 3
expect 0 'changepoint' "$vane" inspect p.vane
expect 0 'done' "$vane" train good.csv --model prophet --h 6 --init p.vane -o p2.vane
expect 2 'is fitted to every series by a solver; it has no graph' "$vane" plan -m p.vane
expect 2 'logistic growth needs cap' "$vane" train good.csv --model prophet --h 6 --growth logistic -o x.vane
expect 2 'NHITS is no sum of parts' "$vane" forecast good.csv -m m.vane --plot-parts x.svg
expect 2 'trained for points' "$vane" forecast good.csv -m m.vane --level 80
"$vane" train good.csv --model prophet --h 6 -o q.vane --threads 3 -q
check 'prophet: any number of threads gives the same model' cmp -s p.vane q.vane
head -c 1000 p.vane > half.vane
expect 4 'half.vane' "$vane" forecast good.csv -m half.vane

# ---- options: precedence and the config file ----
echo 'max_steps = 7
[train]
h = 6
scaler_type = "robust"' > run.toml
expect 0 'max_steps = 9' env VANE_MAX_STEPS=8 "$vane" train --config run.toml --max_steps 9 --print-config
check 'the file gave h' grep -q '^h = 6 .*# file' out.txt
expect 0 'max_steps = 8' env VANE_MAX_STEPS=8 "$vane" train --config run.toml --print-config
check 'the environment is named' grep -q '^max_steps = 8 .*# environment' out.txt
cp out.txt again.toml
expect 0 'scaler_type = "robust"' "$vane" train --config again.toml --print-config
check 'what is printed reads back' test "$(sed 's/ *#.*//' out.txt)" = "$(sed 's/ *#.*//' again.toml)"
echo 'max_step = 7' > bad.toml
expect 2 'bad.toml:1:12: error: unknown option' "$vane" train good.csv --h 6 -o m.vane --config bad.toml
expect 2 'VANE_MAX_STEPS' env VANE_MAX_STEPS=many "$vane" train good.csv --h 6 -o m.vane

# ---- damage ----
head -c 2000 m.vane > cut.vane
expect 4 'cut.vane' "$vane" forecast good.csv -m cut.vane
cp m.vane altered.vane
printf 'XYZ' | dd of=altered.vane bs=1 seek="$(($(wc -c < m.vane) - 100))" conv=notrunc 2> dd.txt
expect 4 'altered.vane' "$vane" inspect altered.vane
expect 4 'good.csv' "$vane" inspect good.csv
expect 4 'expected "vane.checkpoint"' "$vane" train good.csv $quick -o x.vane --resume m.vane
awk 'BEGIN { print "date,A"; for (i = 0; i < 40; i++) printf "2020-%02d-%02d,%d\n", 1 + int(i / 28), 1 + i % 28, i % 7 }' > days.csv
expect 0 'warning: the model was trained on steps of M, the data have steps of D' "$vane" evaluate days.csv -m m.vane --freq D
sed '1s/$/,price/; 2,$s/$/,1/' good.csv > price.csv
"$vane" train price.csv $quick --futr_exog_list price -o price.vane -q
expect 0 'NHITS 2' "$vane" evaluate price.csv -m price.vane -m m.vane
"$vane" train price.csv $quick --hist_exog_list price -o late.vane -q
"$vane" evaluate price.csv -m late.vane 2> /dev/null | awk '$1 == "NHITS" { print $2 }' > one.txt
"$vane" evaluate price.csv -m m.vane -m price.vane -m late.vane 2> /dev/null |
    awk '$1 " " $2 == "NHITS 3" { print $3 }' > all.txt
check 'a model scores the same beside others of other features' test -s one.txt -a "$(cat one.txt)" = "$(cat all.txt)"
expect 3 'the model needs the future feature "price", which the data lack' "$vane" evaluate good.csv \
    -m m.vane -m price.vane --futr_exog_list ''
sed '1s/price/"price, net"/' price.csv > torn.csv
expect 3 "the name of column 'price, net' holds a comma" "$vane" train torn.csv $quick --futr_exog_list 'price, net' -o x.vane
cp good.csv whole.csv
ln -s good.csv link.csv
for words in 'forecast good.csv -m m.vane -o' 'forecast good.csv -m m.vane --plot' 'evaluate good.csv -m m.vane -o'; do
    expect 2 'good.csv would overwrite the table' "$vane" $words good.csv
    expect 2 'link.csv would overwrite the table' "$vane" $words link.csv
    expect 2 'm.vane would overwrite the file of --load' "$vane" $words m.vane
done
check 'the table is intact' cmp -s good.csv whole.csv
expect 3 'price' "$vane" forecast good.csv -m price.vane
expect 3 "futr_exog 'price' for 6 steps after the end of series 'A' (2008-01-01" "$vane" forecast price.csv -m price.vane
awk 'BEGIN { print "unique_id,ds,price"
    for (i = 0; i < 6; i++) printf "A,2008-%02d-01,2\n", i + 1 }' > next.csv
expect 0 '2008-06-01' "$vane" forecast price.csv -m price.vane --futr next.csv
head -5 next.csv > part.csv
sed 4d next.csv > hole.csv
expect 3 'hole.csv:4: error: no row for 2008-03-01 before this one' "$vane" forecast price.csv -m price.vane --futr hole.csv
expect 3 'not for 2008-05-01' "$vane" forecast price.csv -m price.vane --futr part.csv
expect 3 "3 columns are missing: 'a' (option hist_exog_list), 'price' (option futr_exog_list), 'b' (option cat_exog_list)" \
    "$vane" train good.csv $quick --hist_exog_list a --futr_exog_list price --cat_exog_list b -o x.vane

# ---- categories and the calendar ----
awk 'BEGIN { print "unique_id,ds,y,promo,region"
    for (s = 0; s < 2; s++) for (i = 0; i < 96; i++)
        printf "%s,%d-%02d-01,%d,%s,%s\n", s ? "A" : "B", 2000 + int(i / 12), i % 12 + 1,
            100 + i % 12, i % 3 ? "none" : "sale", s ? "north" : "south" }' > shop.csv
awk 'BEGIN { print "unique_id,ds,promo"
    for (s = 0; s < 2; s++) for (i = 0; i < 6; i++)
        printf "%s,2008-%02d-01,%s\n", s ? "A" : "B", i + 1, i == 2 ? "moon" : "sale" }' > shop_next.csv
expect 3 'texts: cat_exog_list, hist_cat_list or stat_cat_list' "$vane" train shop.csv $quick --futr_exog_list promo -o shop.vane
expect 0 'done' "$vane" train shop.csv $quick --cat_exog_list promo --stat_cat_list region --calendar auto -o shop.vane
expect 0 'calendar                     month' "$vane" inspect shop.vane
expect 0 'embedding.futr0' "$vane" inspect shop.vane
expect 3 "cat_exog 'promo' for 6 steps after the end of series 'B'" "$vane" forecast shop.csv -m shop.vane
expect 0 'column '"'promo'"': "moon"' "$vane" forecast shop.csv -m shop.vane --futr shop_next.csv
expect 0 'A,2008-06-01' "$vane" forecast shop.csv -m shop.vane --futr shop_next.csv
expect 0 'NHITS' "$vane" evaluate shop.csv -m shop.vane
expect 3 "'promo'" "$vane" forecast good.csv -m shop.vane
awk -F, -v OFS=, '{ print $0, NR == 1 ? "sky" : NR % 3 ? "rain" : "sun" }' shop.csv > sky.csv
expect 0 '"region": prophet fits every series by itself' "$vane" train sky.csv --h 6 --model prophet \
    --cat_exog_list promo --stat_cat_list region --hist_cat_list sky --calendar month -o kinds.vane
expect 0 '"sky"; the regressor is its value 6 steps before' "$vane" train sky.csv --h 6 --model prophet \
    --cat_exog_list promo --stat_cat_list region --hist_cat_list sky --calendar month -o kinds.vane
expect 3 "cat_exog 'promo' for 6 steps after the end of series 'B'" "$vane" forecast sky.csv -m kinds.vane
expect 0 'column '"'promo'"': "moon"' "$vane" forecast sky.csv -m kinds.vane --futr shop_next.csv
expect 0 'Prophet-promo,Prophet-calendar.month,Prophet-sky' "$vane" forecast sky.csv -m kinds.vane \
    --futr shop_next.csv --components --plot-parts parts.svg
expect 0 'Prophet ' "$vane" evaluate sky.csv -m kinds.vane
expect 0 'done' "$vane" train good.csv $quick --calendar month -o cal.vane
expect 0 'A,2008-06-01' "$vane" forecast good.csv -m cal.vane
expect 2 '"moon" is no feature' "$vane" train good.csv $quick --calendar moon -o x.vane
expect 3 'h, input_size, features and hyperparameters must be the same' "$vane" train good.csv $quick --h 5 --init m.vane -o x.vane
expect 2 'the model to start from is of the kind nhits, not nbeats' "$vane" train good.csv --h 6 --model nbeats --init m.vane -o x.vane
awk 'BEGIN { print "date,A"; for (i = 0; i < 40; i++) printf "%d,%d\n", i, i % 7 }' > wide.csv
expect 2 'a wide table cannot hold static features (stat_exog_list = size)' "$vane" train wide.csv $quick --stat_exog_list size -o x.vane
expect 2 'a wide table cannot hold static features (stat_cat_list = kind)' "$vane" train wide.csv $quick --stat_cat_list kind -o x.vane
expect 2 'forecasts 6 steps' "$vane" evaluate good.csv -m m.vane --h 5
expect 5 'error: io' "$vane" train good.csv $quick -o /dev/full
expect 5 'error: io' "$vane" forecast good.csv -m m.vane -o /dev/full
(ulimit -f 8 && "$vane" train good.csv $quick -o m.vane > out.txt 2> err.txt)
code=$?
check "a file over the size limit exits with 5, not $code" test "$code" -eq 5
check 'and says so' grep -q 'error: io' err.txt
for words in help --version doctor 'inspect m.vane' 'forecast good.csv -m m.vane'; do
    "$vane" $words > /dev/full 2> err.txt
    code=$?
    check "vane $words on a full disk exits with 5, not $code" test "$code" -eq 5
done
mkdir locked && cp m.vane locked/m.vane && chmod 555 locked
if [ "$(id -u)" -eq 0 ]; then echo 'skipped: a read-only folder (root writes everywhere)'
else
    expect 5 'its folder is not writable' "$vane" train good.csv $quick -o locked/m.vane
    expect 5 'its folder is not writable' "$vane" train good.csv $quick -o locked/new.vane
    check 'both before training' test "$(wc -l < err.txt)" -eq 1
fi
check 'the model there before is intact' cmp -s locked/m.vane kept.vane
check 'and this one too' cmp -s m.vane kept.vane
check 'no temporaries are left' test -z "$(find . -name '*.tmp')"

# ---- signals: stop after the step, save, exit 128 + signal ----
"$vane" train good.csv --h 6 --input_size 12 --max_steps 100000000 -o stopped.vane 2> err.txt &
pid=$!
for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    grep -q NHITS err.txt && break
done
sleep 0.5
kill -TERM $pid
wait $pid
code=$?
check "SIGTERM exits with 143, not $code" test "$code" -eq 143
check 'and leaves a model' "$vane" inspect stopped.vane > out.txt

expect 0 '5000 (else 1000)' "$vane" help deepar

# ---- lags beyond the series; counts below 0 ----
expect 2 'give a smaller max_lag, lags or context_length' "$vane" train good.csv --model deepar --h 6 --input_size 20 -o x.vane
expect 3 'the longest series has 96: give a smaller max_lag, lags or context_length' "$vane" train good.csv \
    --model deepar --h 60 --start_padding never --context_length 40 -o x.vane
expect 0 'warning: context and largest lag reach 189 rows back, the longest series has 96' "$vane" train good.csv \
    --model deepar --h 6 --lags '[1,2,184]' --max_steps 2 -o far.vane
check 'which is said once' test "$(grep -c 'largest lag reach' err.txt)" -eq 1
expect 0 'done' "$vane" train good.csv $quick --loss poisson -o counts.vane
for loss in normal studentt negbin poisson; do
    expect 0 'done' "$vane" train good.csv $quick --loss $loss --dist_compat nixtla --scaler_type standard -o nixtla.vane
    expect 0 'NHITS-lo-80' "$vane" forecast good.csv -m nixtla.vane
done
for loss in mae mqloss gmm laplace; do
    expect 2 'dist_compat nixtla is for the losses normal' "$vane" train good.csv $quick --loss $loss --dist_compat nixtla -o x.vane
done
expect 2 'dist_compat nixtla is for scaler_type identity' "$vane" train good.csv $quick --loss normal --scaler_type mean_abs \
    --dist_compat nixtla -o x.vane
sed '5s/,[0-9]*$/,-3/' good.csv > below.csv
expect 3 "y is -3 in row 4, but poisson is a distribution of counts" "$vane" train below.csv $quick --loss poisson -o x.vane
expect 0 "warning: 1 values are below 0, the first -3 in row 4 of series 'A'; poisson forecasts counts" "$vane" forecast below.csv -m counts.vane -o below.out
expect 0 "the first -3 in row 4" "$vane" evaluate below.csv -m counts.vane

# ---- rows without a target at the end are the future ----
sed '$s/,[^,]*$/,/' good.csv > open_end.csv
expect 0 '1 rows lie after the last target' "$vane" forecast open_end.csv -m m.vane -o open_end.out

# ---- a long table whose columns have other names ----
awk -F, 'NR == 1 { print "id,ds,value" } NR > 1 { print NR % 7 "," $2 "," $3 }' good.csv > named.csv
expect 0 "'id' is a series" "$vane" train named.csv $quick -o named.vane

# ---- a forecast outside the numbers is not silent ----
awk -F, 'NR > 1 { $NF = NR % 2 ? "3e38" : "-3e38" } { print }' OFS=, good.csv > edge.csv
expect 7 'series are not finite' "$vane" forecast edge.csv -m m.vane -o edge.out
check 'and is written as it is' test -s edge.out

# ---- divergence: the step and the node are named, what was there is intact ----
sed '2,$s/$/e30/' good.csv > huge.csv
cp m.vane before.vane
expect 7 'step' "$vane" train huge.csv $quick --loss mse --scaler_type identity -o m.vane
check 'a model that never learnt replaces nothing' cmp -s m.vane before.vane
sed '7s/$/e30/' good.csv > spike.csv # one window in eleven is poisoned
expect 7 'holds the weights kept at step' "$vane" train spike.csv $quick --loss mse --max_steps 1000 \
    --windows_batch_size 1 --val_size 12 --val_check_steps 1 -o diverged.vane
expect 0 'fc1.weight' "$vane" inspect diverged.vane
expect 7 'step' "$vane" train spike.csv $quick --loss mse --max_steps 1000 --windows_batch_size 1 -o m.vane
check 'without validation nothing known to be good replaces nothing' cmp -s m.vane before.vane

# ---- benchmarks: what is measured, in which form, against what ----
few="--rounds 1 --seconds 0"
expect 0 'nhits_train' "$vane" bench --list
silent err.txt
expect 0 '--baseline WHAT' "$vane" help bench
expect 0 '| relu_n64 ' "$vane" bench relu --n 64 $few
check 'four sizes from 64 to 512' [ "$("$vane" bench relu --n 64..512 $few -q | grep -c '^| relu_n')" -eq 4 ]
check 'steps of 5' [ "$("$vane" bench relu --n 3,10..20+5 $few -q | grep -c '^| relu_n')" -eq 4 ]
check 'a number is whole' [ "$("$vane" bench relu_n6 --n 6,64 $few -q | grep -c '^| relu_n')" -eq 1 ]
expect 0 '| scores_b5 ' "$vane" bench metrics --batch 5 $few
expect 0 '| nhits_infer_b3 ' "$vane" bench nhits_infer --batch 3 $few
expect 0 'cpu:ref' "$vane" bench relu --n 64 --backends cpu:ref,cpu:generic --threads 1,2 $few
check 'two backends, two teams' [ "$(grep -c '^| relu_n' out.txt)" -eq 4 ]
expect 0 'gradnorm' "$vane" bench nhits_train --batch 2 $few --profile
"$vane" bench relu mse --n 64 $few -q --format csv > bench.csv
check 'csv: a header and two rows' [ "$(wc -l < bench.csv)" -eq 3 ]
check 'jsonl: a row a line' [ "$("$vane" bench relu mse --n 64 $few -q --format jsonl | grep -c '^{"schema":1,')" -eq 2 ]
expect 0 '"results":[' "$vane" bench relu --n 64 $few --json
if command -v sqlite3 > /dev/null; then
    check 'sql runs' [ "$("$vane" bench relu mse --n 64 $few -q --format sql | sqlite3 :memory: \
        '.read /dev/stdin' 'select count(*) from vane_bench where n_samples >= 5')" -eq 2 ]
fi
expect 0 '' "$vane" bench relu --n 64 --seconds 0 --baseline save=base.json -o bench.md
check 'a baseline of ten rounds' [ "$(grep -o open_us base.json | wc -l)" -eq 11 ]
expect 0 '1 compared' "$vane" bench relu --n 64 --seconds 0 --baseline compare=base.json --noise 900
expect 0 '"verdict":' "$vane" bench relu --n 64 --rounds 5 --seconds 0 --baseline "compare=$vane" --noise 900 --json
sed 's/"samples_us":\[[^]]*\]/"samples_us":[0.001]/g' base.json > fast.json
expect 8 'slower' "$vane" bench relu --n 64 --seconds 0 --baseline compare=fast.json
sed 's/"cpu":"[^"]*"/"cpu":"another"/' base.json > foreign.json
expect 2 'measured on another' "$vane" bench relu --n 64 --seconds 0 --baseline compare=foreign.json
expect 2 'none of these' "$vane" bench relu --n 65 --seconds 0 --rounds 5 --baseline compare=base.json
expect 2 'at least 5 rounds' "$vane" bench relu --n 64 --seconds 0 --rounds 2 --baseline compare=base.json
expect 3 'good.csv' "$vane" bench relu --n 64 $few --baseline compare=good.csv
expect 2 '' "$vane" bench relu --n 64 $few --baseline compare=missing.json
expect 1 'did not end well' "$vane" bench relu --n 64 $few --baseline compare=/bin/false
expect 2 'expected save=FILE' "$vane" bench relu --baseline base.json
expect 2 'does not go with' "$vane" bench relu --baseline save=x.json --profile
expect 2 'no workload or group "rlu"' "$vane" bench rlu
expect 0 'made anew' "$vane" bench report kept --seconds 0
expect 0 '| optimizer |' "$vane" bench report phases --seconds 0.01 --threads 1
expect 2 'no section "figs"' "$vane" bench report figs
expect 2 '--n "0"' "$vane" bench relu --n 0
expect 2 '--n "64.."' "$vane" bench relu --n 64..
expect 2 '--n "9..3"' "$vane" bench relu --n 9..3
expect 2 '--batch "1,,2"' "$vane" bench scores --batch 1,,2
expect 2 '--batch "x"' "$vane" bench scores --batch x
expect 2 '--format "xml"' "$vane" bench relu --format xml
expect 2 '--seconds "-1"' "$vane" bench relu --seconds -1
expect 2 'whole number' "$vane" bench relu --rounds 1.5
expect 2 'no device "moon"' "$vane" bench relu --n 64 $few --backends moon
expect 2 'unknown flag --h;' "$vane" bench relu --h 3

echo "$count checks, $failed failed"
[ "$failed" -eq 0 ]

# The tasks of the accuracy protocol and their data; sourced by bench/accuracy.sh and bench/choose.sh.
# shellcheck shell=bash disable=SC2034
: "${vane:?}" # the command to run
shared=../shared/data
work=build/accuracy

# name | tier | data | target | alarm line | train options, "-Row" for a baseline of evaluate
#
# A setting that was picked among others was picked by its score on the validation part: bench/choose.sh repeats the
# choices, bench/results/ holds the scores. The M-competition tasks follow ACCURACY.md section 4: the last 20 H of
# every series, windows scaled by their mean |x|, the sMAPE loss.
# Targets: section 1.2 (neuralforecast's single models), for linear and tier 2 section 2.2; of quantiles and
# distributions the score of seasonal naive, and coverage within 3 points.
tasks() {
    local nhits="--model nhits --input_size 336 --n_pool_kernel_size [1,1,1] --n_freq_downsample [24,12,1]
        --activation selu --scaler_type robust --dropout_prob_theta 0.3 --learning_rate 0.0005
        --max_steps 400 --val_check_steps 25"
    local m="--last_cutoffs 20 --sampling series --scaler_type mean_abs --loss smape --start_padding always
        --partial_targets true"
    local nbeats="--model nbeats --stack_types [identity] --n_blocks [6] --mlp_units [128,128,128,128] $m"
    local linear="--model linear --input_size 336 --learning_rate 0.005 --num_lr_decays 10 --max_steps 3000"
    local recurrent="--input_size 192 --encoder_hidden_size 64 --scaler_type last --max_steps 600
        --val_check_steps 50 --val_windows 1024"
    local patches="--head flatten --patch_len 16 --input_size 336 --hidden_size 64 --conv_hidden_size 128
        --scaler_type last --windows_batch_size 256 --max_steps 400 --num_lr_decays -1 --ema_decay 0.99 --val_check_steps 25"
    local prob="--model nhits $m --input_size 192 --max_steps 1000"
    local levels="[0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95]"
    local air="--input_size 24 --windows_batch_size 64 --max_steps 300"
    local convattn="--input_size 192 --scaler_type last --windows_batch_size 256 --max_steps 200
        --val_check_steps 50 --val_windows 1024"
    sed -e ':join' -e 'N;$!bjoin' -e 's/\n\([^A-Z]\)/ \1/g' -e 's/  */ /g' <<END
ETTh1-96-naive|0|ETTh1|mse=1.294371,mae=0.713181|mse=1.294371,mae=0.713181|-Naive
ETTh1-96-snaive|0|ETTh1|mse=0.512225,mae=0.433303|mse=0.512225,mae=0.433303|-SeasonalNaive
M4-Hourly-naive2|0|M4-Hourly|smape=18.3829,mase=2.3950|smape=18.3829,mase=2.3950|-Naive2
M4-Hourly-snaive|0|M4-Hourly|smape=13.9123,mase=1.1932,owa=0.6275|smape=13.9123,mase=1.1932,owa=0.6275|-SeasonalNaive
M3-Monthly-naive2|0|M3-Monthly|smape=16.7636,mase=1.0383|smape=16.7636,mase=1.0383|-Naive2
Exchange-30-snaive|0|Exchange-rolls|nd=0.010750|nd=0.010750|-SeasonalNaive
Births-30-naive|0|Births-last|mae=1152.666667|mae=1152.666667|-Naive
AirPassengers-12-snaive|0|Airline|mae=47.8333,mase=1.5709|mae=47.8333,mase=1.5709|-SeasonalNaive
ETTh1-96-ridge|0|ETTh1|mse=0.3698,mae=0.3913|mse=0.3698,mae=0.3913|-RidgeLinear
ETTm2-96-ridge|0|ETTm2|mse=0.1645,mae=0.2535|mse=0.1645,mae=0.2535|-RidgeLinear
ETTh1-96-linear|1|ETTh1|mse=0.375,mae=0.395|mse=0.400,mae=0.420|$linear
ETTh1-96-nhits|1|ETTh1|mse=0.3893,mae=0.4048|mse=0.410,mae=0.425|$nhits
M3-Yearly-nbeats|1|M3-Yearly|smape=16.70|smape=16.9,owa=0.92|$nbeats --max_steps 200
M3-Quarterly-nbeats|1|M3-Quarterly|smape=9.94|smape=9.9,owa=0.99|$nbeats --max_steps 3200
M3-Monthly-nbeats|1|M3-Monthly|smape=14.22|smape=15.0,owa=0.92|$nbeats --max_steps 3200
AirPassengers-12-linear|1|Airline|mae=25|mae=47.8,mase=1.57|--model linear --learning_rate 0.005 --scaler_type mean_abs $air
AirPassengers-12-nhits|1|Airline|mae=25|mae=47.8,mase=1.57|--config data/airline.toml --scaler_type standard $air
AirPassengers-12-nbeats|1|Airline|mae=25|mae=47.8,mase=1.57|--model nbeats --mlp_units [64,64] --scaler_type standard $air
AirPassengers-12-gru|1|Airline|mae=25|mae=47.8,mase=1.57|--model gru --states all --encoder_hidden_size 32 --decoder_hidden_size 32 --learning_rate 0.005 --scaler_type standard $air --max_steps 100
AirPassengers-12-tcn|1|Airline|mae=25|mae=47.8,mase=1.57|--model tcn --encoder_hidden_size 32 --decoder_hidden_size 32 --learning_rate 0.002 --scaler_type standard $air
AirPassengers-12-lstm-attention|1|Airline|mae=25|mae=47.8,mase=1.57|--model lstm-attention --encoder_hidden_size 32 --learning_rate 0.005 --scaler_type standard $air
AirPassengers-12-transformer|1|Airline|mae=25|mae=47.8,mase=1.57|--model transformer --head flatten --hidden_size 32 --conv_hidden_size 32 --scaler_type standard $air
AirPassengers-12-deepar|1|Airline|mae=25|mae=47.8,mase=1.57|--model deepar --learning_rate 0.005 --num_lr_decays 3 --windows_batch_size 64 --max_steps 300
AirPassengers-12-prophet|1|Airline|mae=25|mae=47.8,mase=1.57|--model prophet --seasonality_mode multiplicative
Peyton-37-prophet|1|Peyton|mae=0.5191|mae=0.5191|--model prophet
ETTm2-96-nhits|2|ETTm2|mse=0.176,mae=0.255|mse=0.185,mae=0.268|$nhits
M4-Hourly-nbeats|2|M4-Hourly|smape=14.8|smape=15.2,mase=1.9,owa=0.80|$nbeats --input_size 192 --max_steps 4000
M4-Hourly-nhits|2|M4-Hourly|smape=13.9|smape=15.2,mase=2.2,owa=0.87|--model nhits $m --input_size 192 --max_steps 4000
M4-Hourly-nhits-mqloss|2|M4-Hourly|wql=0.0483,coverage80=0.77..0.83,coverage90=0.87..0.93|wql=0.0483|$prob --loss mqloss --quantiles $levels
M4-Hourly-nhits-studentt|2|M4-Hourly|wql=0.0483,coverage80=0.77..0.83,coverage90=0.87..0.93|wql=0.0483|$prob --loss studentt
M4-Hourly-nhits-normal|2|M4-Hourly|wql=0.0483,coverage80=0.77..0.83,coverage90=0.87..0.93|wql=0.0483|$prob --loss normal
M4-Hourly-deepar|2|M4-Hourly|nd=0.048,wql=0.038,coverage80=0.77..0.83,coverage90=0.87..0.93|smape=13,nd=0.075,wql=0.060|--model deepar
M4-Hourly-deepar-1000|2|M4-Hourly|smape=15,nd=0.085,wql=0.070|smape=15,nd=0.085,wql=0.070|--model deepar --max_steps 1000 --windows_batch_size 64
Births-30-deepar|2|Births|mae=363|mae=405|--model deepar
ETTh1-96-lstm-attention|2|ETTh1|mse=0.42,mae=0.42|mse=0.47,mae=0.45|--model lstm-attention --calendar hour,weekday $recurrent
ETTh1-96-gru|2|ETTh1|mse=0.42,mae=0.42|mse=0.60,mae=0.49|--model gru --states all $recurrent --learning_rate 0.003 --max_steps 300
ETTh1-96-transformer|2|ETTh1|mse=0.375,mae=0.390|mse=0.40,mae=0.41|--model transformer $patches
ETTh1-96-tcn|2|ETTh1|mse=0.42,mae=0.42|mse=0.48,mae=0.455|--model tcn $convattn
Exchange-96-nhits|2|Exchange|mse=0.092,mae=0.202|mse=0.110,mae=0.230|$nhits --scaler_type standard
END
}

# long_horizon PART H TRAIN VAL TEST: long series in one table, parts in rows. Scored on the validation part, that
# part takes the place of the test part; the best weights are still those of its best check, as for the test.
# "early" is the same with every part one validation part earlier.
long_horizon() {
    local train=$3 val=$4 split scored
    if [[ $1 == early ]]; then train=$((train - val)); fi
    split=$train:$val:$5 scored=$train:0:$val
    if [[ $1 == test ]]; then scored=$split; fi
    train_extra=(--h "$2" --split "$split" --local_scaler_type standard)
    eval_extra=(--h "$2" --split "$scored" --scale standardised)
}

# Many short series, test rows in a table of their own. Validation: the last H rows of every training series.
competition() {
    test=(--test "$3") train_extra=(--h "$2") eval_extra=(--h "$2")
    if [[ $1 == valid ]]; then
        test=()
        train_extra+=(--test_size "$2")
        eval_extra+=(--test_size "$2")
    fi
}

# data_set NAME test|valid|early|back1..: table, test, train_extra and eval_extra to score on that part; false if the data is
# absent.
data_set() {
    test=() train_extra=() eval_extra=()
    local more=()
    case $1 in
    ETTh1)
        table=$shared/ett/ETTh1.csv
        long_horizon "$2" 96 8640 2880 2880
        ;;
    ETTm2)
        table=$shared/ett/ETTm2.csv
        long_horizon "$2" 96 34560 11520 11520
        ;;
    Exchange)
        table=$work/exchange.csv
        long_horizon "$2" 96 5311 760 1517
        more=(--season_length 5)
        if [[ -e $shared/exchange_rate/exchange_rate.txt.gz && ! -e $table ]]; then
            python3 bench/convert_exchange.py $shared/exchange_rate/exchange_rate.txt.gz "$table"
        fi
        ;;
    M4-Hourly)
        table=$shared/m4/Hourly-train.csv
        competition "$2" 48 "$shared/m4/Hourly-test.csv"
        more=(--season_length 24)
        ;;
    M3-*)
        local period=${1#M3-} h m
        case $period in Yearly) h=6 m=1 ;; Quarterly) h=8 m=4 ;; *) h=18 m=12 ;; esac
        table=$work/M3-$period-train.csv
        competition "$2" $h "$work/M3-$period-test.csv"
        train_extra+=(--input_size "$((2 * h))")
        more=(--season_length "$m")
        if [[ -e $shared/m3/M3.long.csv && ! -e $table ]]; then
            python3 bench/convert_m3.py $shared/m3/M3.long.csv $work
        fi
        ;;
    Exchange-rolls) # GluonTS's five horizons
        data_set Exchange "$2" || return
        train_extra=(--h 30 --split 6071:0:150)
        eval_extra=(--h 30 --split 6071:0:150 --stride 30)
        more=(--season_length 5)
        ;;
    Births-last) # Monash's one horizon
        table=$shared/births/births_us.csv
        train_extra=(--h 30 --split 7275:0:30)
        eval_extra=(--h 30 --split 7275:0:30)
        more=(--season_length 7)
        ;;
    Births) # 20 horizons one after the other; the 20 before them as validation
        table=$shared/births/births_us.csv
        local rows=6705
        if [[ $2 == valid ]]; then rows=6105; fi
        train_extra=(--h 30 --split "$rows:0:600")
        eval_extra=(--h 30 --split "$rows:0:600" --stride 30)
        more=(--season_length 7)
        ;;
    Peyton) # the 11 origins of prophet's documentation, see bench/prophet.sh
        table=$shared/prophet/example_wp_log_peyton_manning.csv
        train_extra=(--h 37 --split 799:0:1837)
        eval_extra=(--h 37 --split 799:0:1837 --stride 180)
        ;;
    Airline) # back1, back2 ..: as the test, that many years earlier
        table=data/airline.csv
        local rows=132
        if [[ $2 == back* ]]; then rows=$((rows - 12 * ${2#back})); fi
        local split=$rows:0:12
        train_extra=(--h 12 --split "$split")
        eval_extra=(--h 12 --split "$split")
        ;;
    esac
    train_extra+=("${more[@]}")
    eval_extra+=("${more[@]}")
    [[ -e $table ]]
}

# find_task NAME: name, tier, data, good, alarm and options of a task.
find_task() {
    local line
    line=$(tasks | grep "^$1|") || {
        echo "no task \"$1\"; see bench/accuracy.sh --list" >&2
        return 2
    }
    IFS='|' read -r name tier data good alarm options <<<"$line"
}

# fit_and_score NAME SEEDS test|valid|early|back1.. REPORT [TRAIN OPTIONS...]: a model a seed, all scored in one report.
fit_and_score() {
    local seeds=$2 part=$3 report=$4 models=() seed
    local name tier data good alarm options table test train_extra eval_extra
    find_task "$1" || return 2
    shift 4
    mkdir -p $work
    data_set "$data" "$part" || {
        echo "$name skipped: no $table" >&2
        return 77
    }
    if [[ $options != -[A-Z]* ]]; then
        for ((seed = 1; seed <= seeds; seed++)); do
            # shellcheck disable=SC2086
            $vane train "$table" "${train_extra[@]}" $options "$@" --seed $seed --quiet \
                -o "${report%.json}-$seed.vane"
            models+=(-m "${report%.json}-$seed.vane")
        done
    fi
    if [[ $part != test ]]; then eval_extra+=(--baselines '[naive]'); fi
    $vane evaluate "$table" "${test[@]}" "${models[@]}" "${eval_extra[@]}" --quiet --json -o "$report"
}

# scores REPORT ROW METRICS [mean|best]: "mse=0.37 mae=0.39", over the rows of the baseline ROW, or of the models
# if ROW is "models"; best: of the seed with the smallest first metric.
scores() {
    awk -v row="$2" -v metrics="$3" -v how="${4:-mean}" '
        BEGIN { k = split(metrics, want, " ") }
        row == "models" ? /"baseline":false/ : index($0, "{\"model\":\"" row "\"") == 1 {
            n++
            cells = split($0, cell, /[,{}]/)
            for (i = 1; i <= cells; i++) {
                split(cell[i], pair, "\":")
                gsub(/"/, "", pair[1])
                value[pair[1]] = pair[2]
            }
            better = n == 1 || value[want[1]] + 0 < sum[want[1]]
            for (i = 1; i <= k; i++)
                if (how == "mean") sum[want[i]] += value[want[i]]
                else if (better) sum[want[i]] = value[want[i]] + 0
        }
        END {
            if (how != "mean" && n) n = 1
            for (i = 1; i <= k; i++)
                printf("%s%s=%s", (i > 1 ? " " : ""), want[i], (n ? sprintf("%.6f", sum[want[i]] / n) : "nan"))
        }' "$1"
}

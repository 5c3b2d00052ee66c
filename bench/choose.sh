#!/usr/bin/env bash
# How the settings of the accuracy protocol were chosen: every candidate is trained and scored on the validation
# part alone (ETT and Exchange: the validation rows, and where one part left two candidates level, the rows
# before them as a second part; M3 and M4: the last H rows of every training series, held back; AirPassengers: the
# four years before the test year, each forecast as that one is, from a model trained on all years before it). The test part is
# not read. Criterion: MAE, for the M competitions their sMAPE.
#
#   bench/choose.sh --list             every choice with its criterion and candidates
#   bench/choose.sh CHOICE [SEEDS]     a table of scores, means over SEEDS seeds (default 3), the choice in bold
#
# VANE names the command to run (default build/release/vane).
set -euo pipefail
cd "$(dirname "$0")/.."
vane=${VANE:-build/release/vane}
# shellcheck source=bench/tasks.sh
source bench/tasks.sh

# A line a candidate: choice | task | parts | options after the task's own, which they replace
candidates() {
    local loss rate steps task options
    for loss in mae mse huber; do
        for rate in 0.001 0.005; do
            echo "linear|ETTh1-96-linear|valid early|--loss $loss --learning_rate $rate"
        done
        echo "linear|ETTh1-96-linear|valid early|--loss $loss --learning_rate 0.005 --scaler_type identity"
    done
    for task in M3-Yearly-nbeats M3-Quarterly-nbeats M3-Monthly-nbeats; do
        for steps in 100 200 400 800 1600 3200; do echo "$task|$task|valid|--max_steps $steps"; done
    done
    for task in M4-Hourly-nbeats M4-Hourly-nhits; do
        for steps in 500 1000 2000 4000; do echo "$task|$task|valid|--max_steps $steps"; done
    done
    exchange
    deepar
    sequences
    airline
}

exchange() {
    local scaler options
    for scaler in robust standard; do
        echo "exchange|Exchange-96-nhits|valid|--scaler_type $scaler"
        echo "exchange|Exchange-96-nhits|valid|--scaler_type $scaler --input_size 96"
    done
    while read -r options; do echo "exchange|Exchange-96-nhits|valid|$options"; done <<'END'
--scaler_type last
--scaler_type standard --dropout_prob_theta 0.5
--scaler_type robust --learning_rate 0.0001
--scaler_type robust --learning_rate 0.0001 --input_size 96
--scaler_type robust --n_pool_kernel_size [16,8,1] --n_freq_downsample [168,24,1]
--scaler_type robust --n_pool_kernel_size [8,4,1] --n_freq_downsample [60,8,1]
--scaler_type robust --n_pool_kernel_size [8,4,1] --n_freq_downsample [96,24,1] --input_size 96
END
}

deepar() {
    local options
    while read -r options; do
        echo "deepar|M4-Hourly-deepar|valid|$options"
        if [[ $options != *batch* ]]; then echo "births|Births-30-deepar|valid|$options"; fi
    done <<'END'
--num_lr_decays 3 --ema_decay 0
--num_lr_decays 3 --ema_decay 0.99
--num_lr_decays 3 --ema_decay 0.998
--num_lr_decays 3 --ema_decay 0.999
--num_lr_decays -1 --ema_decay 0
--num_lr_decays -1 --ema_decay 0.99
--num_lr_decays -1 --ema_decay 0.998
--num_lr_decays 7 --ema_decay 0
--num_lr_decays 7 --ema_decay 0.99
--num_lr_decays 3 --ema_decay 0 --windows_batch_size 64
--num_lr_decays 3 --ema_decay 0.99 --windows_batch_size 64
END
    echo "births|Births-30-deepar|valid|--max_steps 1000"
    echo "births|Births-30-deepar|valid|--max_steps 1000 --num_lr_decays 7 --ema_decay 0"
}

sequences() {
    local choice options
    while read -r choice options; do echo "$choice|ETTh1-96-$choice|valid|$options"; done <<'END'
transformer --patch_len 8 --input_size 192 --max_steps 200 --num_lr_decays -1 --ema_decay 0
transformer --patch_len 16 --input_size 192 --max_steps 200 --num_lr_decays -1 --ema_decay 0
transformer --patch_len 16 --input_size 192 --max_steps 200 --num_lr_decays -1 --ema_decay 0 --dropout 0.2
transformer --patch_len 16 --max_steps 200 --num_lr_decays -1 --ema_decay 0
transformer --patch_len 16 --max_steps 200 --num_lr_decays -1 --ema_decay 0 --dropout 0.2
transformer --patch_len 16 --max_steps 200 --num_lr_decays -1 --ema_decay 0 --dropout 0.2 --learning_rate 0.0005
transformer --patch_len 24 --max_steps 200 --num_lr_decays -1 --ema_decay 0
transformer --num_lr_decays 4 --ema_decay 0
transformer --num_lr_decays 4
transformer
gru --states last
gru --states all
gru --states all --learning_rate 0.001
lstm-attention --max_steps 300 --learning_rate 0.001 --calendar none
lstm-attention --max_steps 300 --learning_rate 0.003 --calendar none
lstm-attention --max_steps 300 --learning_rate 0.001
END
}

airline() {
    local model scaler steps rate halvings years="back1 back2 back3 back4"
    for model in linear nhits nbeats gru tcn lstm-attention transformer; do
        for scaler in last mean_abs standard; do
            for steps in 100 300; do
                echo "air-$model|AirPassengers-12-$model|$years|--input_size 24 --scaler_type $scaler --max_steps $steps"
            done
        done
    done
    echo "air-nhits|AirPassengers-12-nhits|$years|--scaler_type robust --input_size 0"
    echo "air-nhits|AirPassengers-12-nhits|$years|--scaler_type mean_abs --input_size 0"
    echo "air-prophet|AirPassengers-12-prophet|$years|--seasonality_mode additive"
    echo "air-prophet|AirPassengers-12-prophet|$years|--seasonality_mode multiplicative"
    for rate in 0.001 0.005; do
        for halvings in 3 7; do
            echo "air-deepar|AirPassengers-12-deepar|$years|--learning_rate $rate --num_lr_decays $halvings"
        done
    done
}

# Means over the seeds of every part, then over the parts, of a candidate: "0.65 0.54".
score() {
    local task=$1 seeds=$2 parts=$3 metrics=$4 report=$5 part all=""
    shift 5
    for part in $parts; do
        fit_and_score "$task" "$seeds" "$part" "$report" "$@" || return
        all+="$(scores "$report" models "$metrics" | sed 's/[a-z0-9]*=//g')"$'\n'
    done
    awk 'NF { for (i = 1; i <= NF; i++) sum[i] += $i; n++; k = NF }
        END { for (i = 1; i <= k; i++) printf("%s%.6f", (i > 1 ? " " : ""), sum[i] / n) }' <<<"$all"
}

choose() {
    local seeds=$2 line choice task parts options metrics report=$work/choice-$1.json got best all=() i
    while read -r line; do
        IFS='|' read -r choice task parts options <<<"$line"
        metrics="mae mse"
        if [[ $task == M[34]* ]]; then metrics="smape mase"; fi
        if [[ $task == *deepar* ]]; then metrics+=" nd wql coverage80 coverage90"; fi
        # shellcheck disable=SC2086
        got=$(score "$task" "$seeds" "$parts" "$metrics" "$report" $options) || return
        all+=("$got|$options")
        echo "$choice $options: ${metrics// / / } ${got// / / }" >&2
    done < <(candidates | grep "^$1|")
    ((${#all[@]})) || { echo "choose: no choice \"$1\"; see bench/choose.sh --list" >&2; return 2; }
    best=$(printf '%s\n' "${all[@]}" | sort -g | head -1)
    printf '| %s, %d seeds, %s | %s |\n| --- | --- |\n' "$task" "$seeds" "${parts// / and }" "${metrics// / / }"
    for i in "${all[@]}"; do
        IFS='|' read -r got options <<<"$i"
        got=${got// / / }
        if [[ $i == "$best" ]]; then printf '| **%s** | **%s** |\n' "$options" "$got"; else printf '| %s | %s |\n' "$options" "$got"; fi
    done
}

case ${1-} in
--list) candidates | awk -F'|' '{ printf "%-22s %-22s %-12s %s\n", $1, $2, $3, $4 }' ;;
"" | -*)
    sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
*) choose "$1" "${2:-3}" ;;
esac
